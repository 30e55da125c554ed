"""Kernel ``pileup``: equal to its naive twin on every device."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gpucall.backend import Backend
from gpucall.kernels.pileup import Events, Evidence, Sites
from gpucall.kernels.tables import base_costs
from gpucall.pileup import pack_reference

from . import naive
from .fixtures import Read, random_sequence
from .kernel_inputs import DEVICES, columns, open_device
from .qc_reads import CONTIGS, odd_reads

on_devices = pytest.mark.parametrize("device", DEVICES)

FLOOR, CAP = 6, 40


def draw_reference(seed: int) -> str:
    """Sequence with repeats, for indels to move in, and a few N."""
    chance = random.Random(seed)
    parts: list[str] = []
    while sum(map(len, parts)) < CONTIGS["chr1"]:
        unit = random_sequence(chance.randint(1, 4), chance.randrange(10**6))
        parts += [unit * chance.randint(2, 6), random_sequence(chance.randint(5, 30), chance.randrange(10**6))]
    bases = list("".join(parts)[: CONTIGS["chr1"]])
    for at in chance.sample(range(len(bases)), 6):
        bases[at] = "N"
    return "".join(bases)


def draw_reads(seed: int, bases: str, pairs: int) -> list[Read]:
    """Reads of the first contig that mostly have the reference's bases."""
    chance = random.Random(seed)
    reads = (read for read in odd_reads(seed, pairs=pairs) if read.tid == 0 and read.cigar and read.seq != "*")
    return [replace(read, seq=like_reference(read, bases, chance)) for read in reads]


def like_reference(read: Read, bases: str, chance: random.Random) -> str:
    """The read's sequence with the reference's bases in nine of ten places."""
    seq = list(read.seq)
    for at, query in naive.aligned(read).items():
        if query >= 0 and chance.random() < 0.9:
            seq[query] = bases[at]
    return "".join(seq)


def as_array(bases: str) -> Any:
    return np.frombuffer(bases.encode(), dtype=np.uint8)


def all_rows(reads: Sequence[Read], backend: Backend) -> Any:
    return backend.upload(np.arange(len(reads), dtype=np.int32))


# -- evidence ----------------------------------------------------------------------------------------------------------


def run_evidence(reads: Sequence[Read], stretch: str, origin: int, backend: Backend) -> Evidence:
    n = len(stretch)
    shapes = ((n, 4), (n, 4), n + 1, n, len(reads))
    out = Evidence(*(backend.xp.zeros(shape, dtype=np.int32) for shape in shapes))
    records, reference = columns(reads, CONTIGS, backend), pack_reference(as_array(stretch), backend)
    place = records, all_rows(reads, backend), origin, reference
    backend.launch("pileup.evidence", len(reads), *place, out, FLOOR, backend.workspace("pileup.evidence"))
    return backend.download(out)


def by_base(counts: Any) -> Counter[tuple[int, str]]:
    return Counter({(int(at), "ACGT"[base]): int(counts[at, base]) for at, base in zip(*counts.nonzero(), strict=True)})


def by_position(counts: Any) -> Counter[int]:
    return Counter({int(at): int(counts[at]) for at in counts.nonzero()[0]})


@on_devices
@pytest.mark.parametrize(("start", "stop"), [(0, CONTIGS["chr1"]), (150, 401), (333, 700)])
@pytest.mark.parametrize("seed", range(2))
def test_evidence_equals_naive(device: str, start: int, stop: int, seed: int) -> None:
    bases = draw_reference(seed)
    reads = draw_reads(seed, bases, pairs=20)
    found = run_evidence(reads, bases[start:stop], start, open_device(device))
    expected = naive.evidence(reads, bases[start:stop], start, FLOOR)
    assert by_base(found.count) == expected.count
    assert by_base(found.quality) == expected.quality
    assert by_position(found.depth.cumsum()) == expected.depth
    assert by_position(found.clip) == expected.clip
    assert found.indels.tolist() == expected.indels


@on_devices
def test_every_phase_of_packed_bases_is_compared(device: str) -> None:
    """One difference at each place of reads that start at even and odd positions, clipped or not."""
    bases = random_sequence(200, 3)
    reads = []
    for at, clip in ((20, 0), (21, 0), (20, 1), (21, 1), (37, 2)):
        for wrong in range(48):
            seq = list("A" * clip + bases[at : at + 48])
            seq[clip + wrong] = "ACGT"["ACGT".index(seq[clip + wrong]) - 1]
            reads.append(Read(f"r{at}{wrong}", at, f"{clip}S48M" if clip else "48M", "".join(seq)))
    reads = reads[:: 1 if device == "cpu" else 7]
    found = run_evidence(reads, bases, 0, open_device(device))
    assert by_base(found.count) == naive.evidence(reads, bases, 0, FLOOR).count
    assert found.count.sum() == len(reads)


# -- events ------------------------------------------------------------------------------------------------------------


def run_events(reads: Sequence[Read], stretch: str, origin: int, backend: Backend) -> Events:
    """All events of the reads; those outside of the stretch have length 0."""
    counts = np.array([sum(kind in "ID" for _, kind in naive.operations(read)) for read in reads])
    kinds = (np.int64, np.int32, np.uint64, np.int32, np.int32, np.int32)
    out = Events(*(backend.xp.zeros(int(counts.sum()), dtype=kind) for kind in kinds))
    records, reference = columns(reads, CONTIGS, backend), pack_reference(as_array(stretch), backend)
    first = backend.upload(np.cumsum(counts) - counts)
    backend.launch("pileup.events", len(reads), records, all_rows(reads, backend), first, origin, reference, out)
    found: Events = backend.download(out)
    return Events(*(column[found.length != 0] for column in found))


def inserted(read: Read, query: int, length: int, rotation: int) -> str:
    """Inserted bases, rotated as left-aligning does."""
    bases = read.seq[query : query + max(length, 0)]
    turn = rotation % length if length > 0 else 0
    return bases[len(bases) - turn :] + bases[: len(bases) - turn]


def check_events(reads: Sequence[Read], stretch: str, origin: int, device: str) -> Events:
    found = run_events(reads, stretch, origin, open_device(device))
    rows, queries, lengths = found.row.tolist(), found.query.tolist(), found.length.tolist()
    bases = [
        inserted(reads[row], query, length, rotation)
        for row, query, length, rotation in zip(rows, queries, lengths, found.rotation.tolist(), strict=True)
    ]
    listed = [naive.Event(*event) for event in zip(rows, found.position.tolist(), lengths, bases, strict=True)]
    assert listed == naive.events(reads, stretch, origin)
    check_keys(found.key.tolist(), bases)
    return found


def check_keys(keys: Iterable[int], bases: Iterable[str]) -> None:
    """One key for equal bases, another for others (what is not A, C, G, T is alike), 0 for deletions."""
    plain = ["".join(base if base in "ACGT" else "N" for base in text) for text in bases]
    pairs = set(zip(keys, plain, strict=True))
    assert len(pairs) == len({key for key, _ in pairs}) == len({text for _, text in pairs})
    assert all((key == 0) == (not text) for key, text in pairs)


@on_devices
@pytest.mark.parametrize(("start", "stop"), [(0, CONTIGS["chr1"]), (101, 500)])
@pytest.mark.parametrize("seed", range(2))
def test_events_equal_naive(device: str, start: int, stop: int, seed: int) -> None:
    bases = draw_reference(seed)
    assert len(check_events(draw_reads(seed, bases, pairs=25), bases[start:stop], start, device).row) > 5


@on_devices
def test_indels_move_through_repeats(device: str) -> None:
    """In units of a repeat and across it, up to the stretch's start and to an N."""
    bases = "GATTACA" + "CA" * 20 + "GGTN" + "A" * 30 + "CCGTA" + "TAG" * 9 + "T" * 40
    reads = [
        Read("two units", 9, "30M4D20M", bases[9:39] + bases[43:63]),
        Read("one unit", 9, "30M2I20M", bases[9:39] + "CA" + bases[39:59]),
        Read("turned", 10, "30M2I20M", bases[10:40] + "AC" + bases[40:60]),
        Read("up to N", 45, "20M1D20M", bases[45:65] + bases[66:86]),
        Read("in up to N", 45, "20M3I20M", bases[45:65] + "AAA" + bases[65:85]),
        Read("three", 80, "30M3D10M", bases[80:110] + bases[113:123]),
        Read("elsewhere", 80, "30M3I10M", bases[80:110] + "GGG" + bases[110:120]),
    ]
    check_events(reads, bases, 0, device)
    check_events(reads, bases[8:], 8, device)


@on_devices
def test_left_aligning_stops_at_its_limit(device: str) -> None:
    bases = "A" * 1200 + random_sequence(20, 1)
    reads = [Read("r", 1100, "60M1D10M", bases[1100:1160] + bases[1161:1171])]
    backend = open_device(device)
    records = columns(reads, {"long": len(bases)}, backend)
    kinds = (np.int64, np.int32, np.uint64, np.int32, np.int32, np.int32)
    out = Events(*(backend.xp.zeros(1, dtype=kind) for kind in kinds))
    first, reference = backend.upload(np.zeros(1, dtype=np.int64)), pack_reference(as_array(bases), backend)
    backend.launch("pileup.events", 1, records, all_rows(reads, backend), first, 0, reference, out)
    assert backend.download(out.position).tolist() == [naive.events(reads, bases, 0)[0].position] == [1160 - 1024]


# -- sites -------------------------------------------------------------------------------------------------------------


def run_sites(reads: Sequence[Read], usable: Sequence[int], positions: Sequence[int], backend: Backend) -> Sites:
    n = len(positions)
    zeros = backend.xp.zeros
    shapes = {
        "count": ((n, 5, 2), np.int32),
        "mapq": ((n, 4), np.int64),
        "other": (n, np.int64),
        "match": ((n, 4), np.int64),
        "half": ((n, 4), np.int64),
        "ranks": ((n, 4, 3, 64), np.int32),
    }
    given = {"position": backend.upload(np.array(positions, dtype=np.int64))}
    out = Sites(**{name: zeros(*shapes.get(name, ((n, 4), np.int32))) for name in Sites._fields} | given)
    bounds = (np.zeros(n, dtype=np.int64), np.full(n, len(reads), dtype=np.int64))
    low, high = (backend.upload(bound) for bound in bounds)
    flags, costs = backend.upload(np.array(usable, dtype=np.uint8)), backend.upload(base_costs(CAP))
    backend.launch("pileup.sites", n, columns(reads, CONTIGS, backend), low, high, flags, FLOOR, CAP, costs, out)
    return backend.download(out)


def check_site(found: Sites, s: int, expected: naive.Site) -> None:
    """Row ``s`` of the sites against the naive one."""
    for b, base in enumerate("ACGT-"):
        assert [int(n) for n in found.count[s, b]] == [expected.count[base, strand] for strand in (0, 1)]
    assert int(found.other[s]) == expected.other
    for b, base in enumerate("ACGT"):
        for name in ("quality", "mapq", "edge", "match", "half"):
            assert int(getattr(found, name)[s, b]) == getattr(expected, name)[base], name
        ranks = {(rank, value): int(found.ranks[s, b, rank, value]) for rank in range(3) for value in range(64)}
        assert ranks == {key: expected.ranks[(base, *key)] for key in ranks}


def is_usable(read: Read, chance: random.Random) -> bool:
    return bool(read.cigar) and read.seq != "*" and chance.random() < 0.9


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_sites_equal_naive(device: str, seed: int) -> None:
    chance = random.Random(seed)
    bases = draw_reference(seed)
    reads = draw_reads(seed, bases, pairs=60)
    usable = [is_usable(read, chance) for read in reads]
    covered = [at for at in range(len(bases)) if sum(read.pos <= at < read.end() for read in reads) > 1]
    positions = sorted(chance.sample(covered, 25))
    found = run_sites(reads, usable, positions, open_device(device))
    for s, position in enumerate(positions):
        check_site(found, s, naive.site(reads, usable, position, FLOOR, CAP))


def mates(first: str, second: str, qualities: tuple[int, int], cigar: str = "10M") -> list[Read]:
    """Two mates of one position that show one base each at 105."""
    length = 10 if cigar == "10M" else 9
    one = Read("pair", 100, cigar, ("A" * 5 + first + "A" * 4)[:length], 0, 0x1 | 0x40, qual=qualities[0])
    two = Read("pair", 100, "10M", "A" * 5 + second + "A" * 4, 0, 0x1 | 0x80 | 0x10, qual=qualities[1])
    return [replace(read, mate_tid=0, mate_pos=100) for read in (one, two)]


MATES = {
    "agree": (mates("C", "C", (30, 20)), {"C": 30}),
    "agree, the second is better": (mates("C", "C", (20, 30)), {"C": 30}),
    "agree, alike": (mates("C", "C", (30, 30)), {"C": 30}),
    "disagree": (mates("C", "G", (30, 20)), {"C": 10}),
    "disagree, the second is better": (mates("C", "G", (20, 33)), {"G": 13}),
    "disagree, alike": (mates("C", "G", (30, 30)), {}),
    "the second is too weak": (mates("C", "G", (30, 5)), {"C": 30}),
    "the first is N": (mates("N", "G", (30, 25)), {"G": 25}),
    "a deletion in the first": (mates("C", "G", (30, 25), cigar="5M1D4M"), {"G": 25}),
}


@on_devices
@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize("case", MATES)
def test_mates_count_once(device: str, case: str, swapped: bool) -> None:
    """Whichever of them comes first in the file."""
    reads, expected = MATES[case]
    found = run_sites(reads[::-1] if swapped else reads, [1, 1], [105], open_device(device))
    check_site(found, 0, naive.site(reads, [1, 1], 105, FLOOR, CAP))
    assert {base: int(q) for base, q in zip("ACGT", found.quality[0], strict=True) if q} == expected
    assert found.count.sum() == len(expected)

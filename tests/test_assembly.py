"""Stage ``assembly``: indels that the aligner clipped from every read are found, the same everywhere."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpucall import assembly, engine
from gpucall.backend import CpuBackend
from gpucall.bench.variants import read_vcf
from gpucall.config import Assembly, Batching, Settings
from gpucall.kernels.pileup import Events
from gpucall.pileup import Change

from . import fixtures
from .fixtures import Read, random_sequence
from .tricky_sample import Event, Haplotype

LENGTH = 100
BASES = random_sequence(12_000, 77)
NOVEL = random_sequence(45, 78)
EVENTS = [
    Event(1_000, 60, ""),
    Event(2_000, 300, ""),
    Event(3_000, 0, NOVEL),
    Event(4_000, 0, BASES[3_930:4_000]),  # a stretch there twice
    Event(5_000, 50, ""),  # and other bases instead
    Event(5_050, 0, "GATTACAGATTACA"),
    Event(6_000, 55, ""),
]


def clipped(haplotype: Haplotype, start: int) -> tuple[int, str]:
    """(position, CIGAR) with only the longest stretch without a gap aligned."""
    places = haplotype.places[start : start + LENGTH]
    runs: list[list[int]] = [[]]
    for k, place in enumerate(places):
        if place is None or (runs[-1] and place != (places[runs[-1][-1]] or -1) + 1):
            runs.append([])
        if place is not None:
            runs[-1].append(k)
    longest = max(runs, key=len)
    left, right = longest[0], LENGTH - 1 - longest[-1]
    cigar = f"{left}S" * (left > 0) + f"{len(longest)}M" + f"{right}S" * (right > 0)
    position = places[longest[0]]
    assert position is not None
    return position, cigar


def draw_reads(events: Sequence[Event], depth: int, seed: int = 5) -> list[Read]:
    """Single reads of one haplotype with the events and one without them."""
    chance = random.Random(seed)
    drawn = []
    for number, changes in enumerate((events, [])):
        haplotype = Haplotype(BASES, changes)
        for k in range(len(BASES) * depth // (2 * LENGTH)):
            start = chance.randrange(len(haplotype.bases) - LENGTH)
            if sum(place is not None for place in haplotype.places[start : start + LENGTH]) < 30:
                continue  # too little for an aligner
            position, cigar = clipped(haplotype, start)
            bases = haplotype.bases[start : start + LENGTH]
            drawn.append(Read(f"h{number}.{k}", position, cigar, bases, flag=16 * (k % 2), qual=35))
    return fixtures.in_file_order(drawn)


def call(folder: Path, reads: Sequence[Read], settings: Settings | None = None) -> list[tuple[int, str, str, str]]:
    """(POS, REF, ALT, GT) of all passing calls."""
    folder.mkdir()
    bam = fixtures.write_bam(folder / "reads.bam", reads, {"chr1": len(BASES)})
    fasta = fixtures.write_fasta(folder / "ref.fa", {"chr1": BASES})
    found = read_vcf(engine.call(bam, fasta, folder / "out", device=CpuBackend(), threads=1, settings=settings).vcf)
    return [(v.position, v.ref, v.alts, v.genotype) for v in found.variants.get("chr1", [])]


def spelled(calls: Sequence[tuple[int, str, str, str]]) -> str:
    """The reference with all calls put in."""
    bases, at = "", 0
    for position, ref, alts, _ in calls:
        assert BASES[position - 1 :].startswith(ref)
        bases += BASES[at : position - 1] + alts
        at = position - 1 + len(ref)
    return bases + BASES[at:]


@pytest.mark.parametrize("depth", [10, 30])
def test_indels_that_no_cigar_shows_are_called(tmp_path: Path, depth: int) -> None:
    reads = draw_reads(EVENTS, depth)
    assert not any(kind in read.cigar for read in reads for kind in "ID")
    calls = call(tmp_path / "a", reads)
    assert len(calls) == len(EVENTS) - 1
    assert {genotype for *_, genotype in calls} == {"0/1"}
    assert spelled(calls) == Haplotype(BASES, EVENTS).bases


@pytest.mark.parametrize("repeated", [0, 7])
def test_an_insertion_that_no_read_reaches_across_is_joined(tmp_path: Path, repeated: int) -> None:
    """From the clips on both sides; with the bases before it once more at its end, as transposons leave them."""
    events = [Event(6_000, 0, random_sequence(105, 79) + BASES[6_000 - repeated : 6_000])]
    calls = call(tmp_path / "a", draw_reads(events, 40))
    assert [genotype for *_, genotype in calls] == ["0/1"]
    assert spelled(calls) == Haplotype(BASES, events).bases


def test_a_snv_beside_them_is_on_the_same_haplotype(tmp_path: Path) -> None:
    """No read covers the SNV and all of the deletion; those that do one and show the other link them."""
    events = [Event(6_000, 55, ""), Event(6_065, 1, "ACGT"[("ACGT".index(BASES[6_065]) + 1) % 4])]
    calls = call(tmp_path / "a", draw_reads(events, 30))
    assert [genotype for *_, genotype in calls] in (["0|1", "0|1"], ["1|0", "1|0"])
    assert spelled(calls) == Haplotype(BASES, events).bases


def test_without_clips_nothing_is_added(tmp_path: Path) -> None:
    assert call(tmp_path / "a", draw_reads([], 20)) == []


def test_where_batches_end_and_the_order_of_reads_do_not_matter(tmp_path: Path) -> None:
    reads = draw_reads(EVENTS, 20)
    expected = call(tmp_path / "a", reads)
    small = Settings(batching=Batching(batch_bytes=1 << 15, tile_span=700))
    assert call(tmp_path / "b", reads, small) == expected
    shuffled = fixtures.in_file_order(random.Random(1).sample(reads, len(reads)))
    assert call(tmp_path / "c", shuffled) == expected


def test_insertions_longer_than_the_limit_are_left_out(tmp_path: Path) -> None:
    short = Settings(assembly=Assembly(reach=40))
    calls = call(tmp_path / "a", draw_reads([EVENTS[2]], 30), short)
    assert all(len(alts) <= 41 for _, _, alts, _ in calls)


# -- joining ----

HEAD, MIDDLE, TAIL = (random_sequence(40, seed).encode() for seed in (1, 2, 3))


@pytest.mark.parametrize(
    ("head", "tail", "expected"),
    [
        (HEAD + MIDDLE, MIDDLE + TAIL, HEAD + MIDDLE + TAIL),
        (HEAD + MIDDLE[:16], MIDDLE + TAIL, HEAD + MIDDLE + TAIL),
        (HEAD + MIDDLE[:15], MIDDLE + TAIL, b""),  # they share too little
        (MIDDLE + TAIL, HEAD + MIDDLE, MIDDLE),  # both reach into the other flank
        (HEAD + MIDDLE + TAIL, MIDDLE + TAIL, HEAD + MIDDLE + TAIL),
        (MIDDLE, HEAD, b""),
        (b"", MIDDLE, b""),
    ],
)
def test_joined(head: bytes, tail: bytes, expected: bytes) -> None:
    assert assembly.joined(head, tail, 16) == expected


def test_joined_with_an_error() -> None:
    wrong = bytearray(MIDDLE)
    wrong[5] = ord("A") if wrong[5] != ord("A") else ord("C")
    assert assembly.joined(HEAD + MIDDLE, bytes(wrong) + TAIL, 16) == HEAD + MIDDLE + TAIL


def test_clusters_are_paired_with_the_largest_near_by() -> None:
    at = [(100, 0), (100, 1), (104, 0), (135, 1), (150, 0), (500, 1)]
    edges = np.array([2 * position + right for position, right in at])
    sizes = np.array([5, 3, 5, 2, 2, 9])
    assert assembly.pair_clusters(edges, sizes, 30) == [(1, 0), (3, 4)]
    assert assembly.pair_clusters(edges, sizes, 31) == [(1, 0), (3, 2)]
    assert assembly.pair_clusters(edges[:0], sizes[:0], 30) == []


# -- changes ----


class Stretch:
    """What ``assembly`` looks at of a ``TileReads``."""

    def __init__(self, bases: str) -> None:
        self.bases = np.frombuffer(bases.encode(), dtype=np.uint8)
        self.assembled: list[Change] = []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(7, 2, b""), Change(3, 2, b"")),  # CCGATATATACC: one AT less
        (Change(9, 0, b"AT"), Change(3, 0, b"AT")),
        (Change(8, 0, b"TA"), Change(3, 0, b"AT")),
        (Change(3, 0, b"G"), Change(2, 0, b"G")),
        (Change(9, 0, b"G"), Change(9, 0, b"G")),
        (Change(5, 2, b"G"), Change(5, 2, b"G")),
    ],
)
def test_left_aligned(change: Change, expected: Change) -> None:
    reads: Any = Stretch("CCGATATATACC")
    assert assembly.left_aligned(reads, change) == expected


def test_left_aligning_stops_at_n() -> None:
    reads: Any = Stretch("CCANAAAACC")
    assert assembly.left_aligned(reads, Change(7, 1, b"")) == Change(4, 1, b"")
    assert assembly.left_aligned(reads, Change(8, 0, b"N")) == Change(8, 0, b"N")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change(2, 4, b"GT"), Change(4, 2, b"")),  # CCGTACGG
        (Change(2, 4, b"TAC"), Change(2, 1, b"")),
        (Change(2, 4, b"TTC"), Change(2, 3, b"TT")),
        (Change(2, 2, b"GT"), Change(4, 0, b"")),
    ],
)
def test_trimmed(change: Change, expected: Change) -> None:
    reads: Any = Stretch("CCGTACGG")
    found = assembly.trimmed(reads, change)
    assert (found.deleted, found.inserted) == (expected.deleted, expected.inserted)


def test_what_a_cigar_shows_too_is_the_same_event() -> None:
    stretch = "CCGATATATACCTTGACA"
    reads: Any = Stretch(stretch)
    columns = (np.int64, np.int32, np.uint64, np.int32, np.int32, np.int32)
    known = [(3, 2, 4711, 0, 5, 0), (3, -2, 0, 1, 0, 0), (3, 2, 4713, 2, 5, 0)]
    events = Events(*(np.array(c, dtype=kind) for c, kind in zip(zip(*known, strict=True), columns, strict=True)))
    changes = [(Change(3, 2, b""), 7), (Change(3, 0, b"AT"), 8), (Change(5, 3, b"G"), 9), (Change(3, 0, b"AT"), 9)]
    with pytest.MonkeyPatch.context() as patch:
        bases = {0: b"AC", 2: b"AT"}
        patch.setattr(assembly, "inserted_bases", lambda _reads, _events, event: bases[event])
        merged = assembly.merged(reads, events, changes)
    assert [column.dtype for column in merged] == [np.dtype(kind) for kind in columns]
    assert merged.key.tolist() == [4711, 0, 4713, 0, 4713, 6, 4713]
    assert merged.length.tolist()[3:] == [-2, 2, -2, 2]
    assert merged.row.tolist()[3:] == [7, 8, 9, 9]
    assert [reads.assembled[-query - 1] for query in merged.query.tolist()[3:]] == [each for each, _ in changes]

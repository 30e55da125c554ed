"""Kernel ``assembly``: equal to its naive twin on every device."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pytest

from gpucall.backend import Backend
from gpucall.kernels.assembly import Splits
from gpucall.pileup import pack_reference

from . import naive_assembly
from .fixtures import Read, random_sequence
from .kernel_inputs import DEVICES, columns, open_device
from .naive_assembly import Split

on_devices = pytest.mark.parametrize("device", DEVICES)

CONTIGS = {"chr1": 4000}
ORIGIN, LENGTH = 700, 90
FLOOR, REACH, LEAST = 6, 70, 6


def draw_reference(seed: int) -> str:
    """Sequence with tandem repeats, and a few N."""
    chance = random.Random(seed)
    parts: list[str] = []
    while sum(map(len, parts)) < CONTIGS["chr1"]:
        unit = random_sequence(chance.randint(1, 30), chance.randrange(10**6))
        parts += [unit * chance.randint(1, 4), random_sequence(chance.randint(5, 60), chance.randrange(10**6))]
    bases = list("".join(parts)[: CONTIGS["chr1"]])
    for at in chance.sample(range(len(bases)), 8):
        bases[at] = "N"
    return "".join(bases)


def draw_read(k: int, bases: str, chance: random.Random) -> Read:
    """A read clipped at an indel, or at nothing, with some errors; sometimes with hard clips or a gap near by."""
    at, deleted = chance.randrange(ORIGIN + 200, 3000), chance.choice((0, 0, 3, 20, 60, 80))
    inserted = random_sequence(chance.choice((0, 1, 8, 30)), chance.randrange(10**6))
    if chance.random() < 0.4:
        inserted = bases[at : at + chance.choice((4, 12, 50))] + inserted[:2]
    left = chance.randint(20, LENGTH - 20)
    seq = (bases[at - left : at] + inserted + bases[at + deleted : at + deleted + LENGTH])[:LENGTH]
    seq = "".join(chance.choice("ACGTN") if chance.random() < 0.03 else base for base in seq)
    quality = [chance.choice((2, 20, 37, 37, 37)) for _ in seq]
    gap = chance.random() < 0.1
    if chance.random() < 0.5:
        cigar = f"5M1D{left - 5}M{LENGTH - left}S" if gap else f"{left}M{LENGTH - left}S"
        return Read(f"r{k}", at - left - gap, cigar + "4H" * (k % 3 == 0), seq, qual=quality)
    cigar = f"{LENGTH - left - 5}M1I4M" if gap else f"{LENGTH - left}M"
    return Read(f"r{k}", at + deleted, "4H" * (k % 3 == 0) + f"{left}S" + cigar, seq, qual=quality)


def draw_reads(seed: int, bases: str, number: int) -> list[Read]:
    chance = random.Random(seed)
    drawn = [draw_read(k, bases, chance) for k in range(number)]
    ordinary = [Read(f"m{k}", 1000 + 9 * k, f"{LENGTH}M", bases[1000 + 9 * k :][:LENGTH]) for k in range(3)]
    near_ends = [
        Read("a", ORIGIN + 3, "50S40M", random_sequence(90, 3)),
        Read("b", 3940, "40M50S", bases[3940:] + bases[500:530]),
    ]
    return drawn + ordinary + near_ends


class Found(NamedTuple):
    """A row of ``Splits``; the boundary as a position of the contig."""

    clip: int
    edge: int
    split: Split | None


def run_splits(reads: Sequence[Read], stretch: str, backend: Backend) -> list[Found]:
    """Left and right end of each read."""
    kinds = (np.int32, np.int64, np.int64, np.int64, np.int32, np.int32, np.int32)
    out = Splits(*(backend.upload(np.full(2 * len(reads), 77, dtype=kind)) for kind in kinds))
    code = pack_reference(np.frombuffer(stretch.encode(), dtype=np.uint8), backend).code
    rows = backend.upload(np.arange(len(reads), dtype=np.int32))
    settings = (ORIGIN, code, FLOOR, REACH, LEAST)
    backend.launch("assembly.splits", len(reads), columns(reads, CONTIGS, backend), rows, *settings, out)
    found = zip(*(column.tolist() for column in backend.download(out)), strict=True)
    return [Found(each[0], each[1] + ORIGIN, Split(*each[2:]) if each[-1] else None) for each in found]


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_splits_equal_naive(device: str, seed: int) -> None:
    bases = draw_reference(seed)
    reads = draw_reads(seed, bases, 60)
    stretch = bases[ORIGIN:3900]
    expected = [
        Found(
            *naive_assembly.clip(read, is_right)[:2],
            naive_assembly.split(read, is_right, stretch, ORIGIN, FLOOR, REACH, LEAST),
        )
        for read in reads
        for is_right in (False, True)
    ]
    assert run_splits(reads, stretch, open_device(device)) == expected
    placed = [each.split for each in expected if each.split is not None]
    assert len(placed) > 15
    assert {each.start < each.stop for each in placed} == {True, False}
    assert any(each.between > 0 for each in placed)


@on_devices
@pytest.mark.parametrize("seed", range(2))
def test_votes_equal_naive(device: str, seed: int) -> None:
    chance = random.Random(seed)
    bases = draw_reference(seed)
    reads = draw_reads(seed, bases, 40)
    slots = [slot for slot in range(2 * len(reads)) if naive_assembly.clip(reads[slot // 2], slot % 2 == 1)[0]]
    cluster = [chance.randrange(5) for _ in slots]
    backend = open_device(device)
    votes = backend.xp.zeros((5, 30, 4), dtype=np.int32)
    host = (slots, range(len(reads)), cluster)
    ends = (backend.upload(np.array(column, dtype=np.int32)) for column in host)
    backend.launch("assembly.votes", len(slots), columns(reads, CONTIGS, backend), *ends, FLOOR, votes)
    for k, sums in enumerate(backend.download(votes).tolist()):
        mine = [(reads[slot // 2], slot % 2 == 1) for slot, own in zip(slots, cluster, strict=True) if own == k]
        assert sums == naive_assembly.votes(mine, FLOOR, 30)
    assert len(slots) > 30

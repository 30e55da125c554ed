"""Kernel ``calibrate``: equal to its naive twin on every device."""

from __future__ import annotations

import random

import numpy as np
import pytest

from gpucall.kernels.calibrate import find_repeats

from . import naive
from .fixtures import Read
from .kernel_inputs import DEVICES, codes, columns, open_device
from .qc_reads import CONTIGS, odd_reads
from .test_kernels_pileup import draw_reference


def repeats_of(stretch: str) -> list[tuple[int, ...]]:
    out = np.empty((len(stretch) + 16, 4), dtype=np.int64)
    return sorted(tuple(row) for row in out[: find_repeats(codes(stretch), out)].tolist())


@pytest.mark.parametrize("seed", range(5))
def test_repeats_equal_naive(seed: int) -> None:
    bases = draw_reference(seed)
    assert repeats_of(bases) == sorted(naive.repeats(bases))
    assert len({unit for _, _, unit, _ in repeats_of(bases)}) >= 3


@pytest.mark.parametrize(
    ("stretch", "expected"),
    [
        ("GAAAAC", [(1, 5, 1, 4)]),
        ("GAAAC", []),
        ("CACACA", [(0, 6, 2, 3)]),
        ("ACACACAT", [(0, 7, 2, 3)]),
        ("AAAAAAAA", [(0, 8, 1, 8)]),
        ("NNNNNNNN", []),
        ("AAAANAAAA", [(0, 4, 1, 4), (5, 9, 1, 4)]),
        ("ACGACGACG", [(0, 9, 3, 3)]),
        ("AAAACCCC", [(0, 4, 1, 4), (4, 8, 1, 4)]),
        ("", []),
        ("A", []),
    ],
)
def test_repeats(stretch: str, expected: list[tuple[int, ...]]) -> None:
    assert repeats_of(stretch) == expected == sorted(naive.repeats(stretch))


def check_counts(reads: list[Read], spans: list[tuple[int, int]], flank: int, device: str) -> list[tuple[int, int]]:
    backend = open_device(device)
    starts, stops = (backend.upload(np.array(column, dtype=np.int64)) for column in zip(*spans, strict=True))
    spanned, gaps = (backend.xp.zeros(len(spans), dtype=np.int64) for _ in range(2))
    rows = backend.upload(np.arange(len(reads), dtype=np.int32))
    records = columns(reads, CONTIGS, backend)
    backend.launch("calibrate.repeats", len(reads), records, rows, starts, stops, flank, spanned, gaps)
    found = list(zip(backend.download(spanned).tolist(), backend.download(gaps).tolist(), strict=True))
    assert found == [naive.spanning(reads, start, stop, flank) for start, stop in spans]
    return found


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_naive(device: str, seed: int) -> None:
    chance = random.Random(seed)
    reads = [read for read in odd_reads(seed, pairs=40) if read.tid == 0 and read.cigar]
    starts = sorted(chance.sample(range(850), 120))
    spans = [(start, start + chance.choice((4, 5, 9, 20))) for start in starts]
    found = check_counts(reads, spans, 3, device)
    assert sum(spanned for spanned, _ in found) > sum(gaps for _, gaps in found) > 0


@pytest.mark.parametrize("device", DEVICES)
def test_what_spans_and_what_touches(device: str) -> None:
    """A repeat over [110, 120), 6 bp on both sides: one base more or less of a read, one base further of a gap."""
    reads = [Read(f"s{at}", at, "40M", "A" * 40) for at in (103, 104, 105, 85, 86, 87)]
    cigars = ("9M2D31M", "8M2D32M", "7M2D33M", "10M2I28M", "20M2I18M", "21M2I17M", "20M2D20M", "21M2D19M")
    reads += [Read(cigar, 100, cigar, "A" * 40) for cigar in cigars]
    assert check_counts(reads, [(110, 120)], 6, device) == [(4 + 8, 5)]

"""Kernel ``haplotype``: equal to its naive twin on every device."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.kernels import haplotype

from . import naive
from .fixtures import Read
from .kernel_inputs import DEVICES, columns, open_device
from .qc_reads import CONTIGS, odd_reads

on_devices = pytest.mark.parametrize("device", DEVICES)


def draw_reads(seed: int, pairs: int) -> list[Read]:
    """Reads of one contig that carry a sequence and an alignment."""
    return [read for read in odd_reads(seed, pairs) if read.tid == 0 and read.cigar and read.seq != "*"]


def draw_positions(reads: list[Read], number: int, chance: random.Random) -> list[int]:
    covered = sorted({at for read in reads for at in naive.aligned(read)})
    return sorted(chance.sample(covered, number))


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_links_equal_naive(device: str, seed: int) -> None:
    chance = random.Random(seed)
    reads = draw_reads(seed, 60)
    usable = [chance.random() < 0.9 for _ in reads]
    starts = draw_positions(reads, 12, chance)
    sites = [(at, chance.randrange(4), at + chance.choice((3, 9, 25)), chance.randrange(4)) for at in starts]
    backend = open_device(device)
    out = backend.xp.zeros((len(sites), 2, 2), dtype=np.int32)
    low, high = np.zeros(len(sites), dtype=np.int64), np.full(len(sites), len(reads), dtype=np.int64)
    host = (np.array(usable, dtype=np.uint8), low, high, np.array(sites, dtype=np.int64))
    backend.launch("haplotype.links", len(sites), columns(reads, CONTIGS, backend), *map(backend.upload, host), out)
    counts = backend.download(out)
    kept = [read for read, counted in zip(reads, usable, strict=True) if counted]
    for i, (first, a, second, b) in enumerate(sites):
        found = Counter({(bool(s), bool(f)): int(counts[i, s, f]) for s in (0, 1) for f in (0, 1)})
        assert +found == naive.linked(kept, (first, "ACGT"[a]), (second, "ACGT"[b]))
    assert counts.sum() > 0


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_foreign_equals_naive(device: str, seed: int) -> None:
    chance = random.Random(seed)
    reads = draw_reads(seed, 40)
    listed = {at: chance.randrange(4) for at in draw_positions(reads, 60, chance)}
    backend = open_device(device)
    out = backend.xp.zeros(len(reads), dtype=np.uint8)
    host = (np.arange(len(reads), dtype=np.int32), np.array(list(listed)), np.array(list(listed.values())))
    backend.launch("haplotype.foreign", len(reads), columns(reads, CONTIGS, backend), *map(backend.upload, host), out)
    expected = [naive.is_foreign(read, {at: "ACGT"[base] for at, base in listed.items()}) for read in reads]
    assert backend.download(out).astype(bool).tolist() == expected
    assert 0 < sum(expected) < len(reads)


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_snvs_equal_naive(device: str, seed: int) -> None:
    """Some SNVs of each of three windows; the reads of a window, some of them in two windows."""
    chance = random.Random(seed)
    reads = draw_reads(seed, 40)
    shown = sorted({(at, naive.base_at(read, at)) for read in reads for at in naive.aligned(read)})
    shown = [(at, base) for at, base in shown if base and base in "ACGT"]
    snvs = [(at, "ACGT".index(base), k % 10) for k, (at, base) in enumerate(chance.sample(shown, 30))]
    rows = sorted(chance.sample(range(len(reads)), 20)) * 3
    first = [10 * (k // 20) for k in range(60)]
    stop = [10 * (k // 20) + 10 - k % 3 for k in range(60)]
    backend = open_device(device)
    out = backend.xp.zeros(len(rows), dtype=np.int64)
    host = (np.array(rows, np.int32), np.array(first, np.int64), np.array(stop, np.int64), np.array(snvs, np.int64))
    backend.launch("haplotype.snvs", len(rows), columns(reads, CONTIGS, backend), *map(backend.upload, host), out)
    masks = backend.download(out).tolist()
    assert masks == [
        sum(1 << bit for at, base, bit in snvs[low:high] if naive.base_at(reads[row], at) == "ACGT"[base])
        for row, low, high in zip(rows, first, stop, strict=True)
    ]
    assert len(set(masks)) > 5


@given(st.text("ACG", max_size=60), st.integers(1, 12), st.sampled_from([8, 20, 120]))
@settings(max_examples=200, deadline=None)
def test_anchors_are_no_short_repeats(text: str, size: int, most: int) -> None:
    """From either end, as far as bases reach."""
    bases = np.frombuffer(text.encode() or b"N", dtype=np.uint8)[: len(text)]
    for low, high in ((len(text), 0), (len(text) // 2, len(text) // 3)):
        below, above = haplotype.anchor_distances(bases, low, high, size, most)
        assert below == naive.anchor_distance(text[:low][::-1], size, most)
        assert above == naive.anchor_distance(text[high:], size, most)

"""Kernels ``confidence`` and ``blocks``: equal to their naive twins on every device."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.backend import Backend
from gpucall.config import Gvcf
from gpucall.gvcf import Records
from gpucall.io.gvcf import block_lines
from gpucall.kernels import confidence as kernel
from gpucall.kernels.calibrate import find_repeats
from gpucall.kernels.confidence import Repeats
from gpucall.kernels.tables import SCALE, base_costs, intact_costs
from gpucall.pileup import pack_reference

from . import naive_confidence
from .fixtures import Read
from .kernel_inputs import DEVICES, codes, columns, open_device
from .test_kernels_pileup import CAP, CONTIGS, FLOOR, as_array, draw_reads, draw_reference, run_evidence

FLANK, MIN_CLIP, CLIP_COST = 3, 4, 20 * SCALE
GAPS = np.array([[max(45 - unit - 2 * count, 3) * SCALE for count in range(33)] for unit in range(7)], dtype=np.int32)


def repeats_around(stretch: str) -> Repeats:
    found = np.empty((len(stretch), 4), dtype=np.int64)
    out = Repeats(*np.full((3, len(stretch)), -1, dtype=np.int32))
    code = codes(stretch)
    kernel.paint_repeats(found, find_repeats(code, found), GAPS, out)
    return out


def run_totals(
    reads: list[Read], usable: list[int], stretch: str, origin: int, gapped: Any, explained: Any, backend: Backend
) -> Any:
    """All kernels over a stretch, as the stage launches them."""
    xp, size = backend.xp, len(stretch)
    records = columns(reads, CONTIGS, backend)
    reference = pack_reference(as_array(stretch), backend)
    sizes = (size + 1, size + 1, size + 1, size, (size, kernel.FIXES))
    cover = kernel.Cover(*(xp.zeros(each, dtype=np.int32) for each in sizes))
    rows = backend.upload(np.flatnonzero(usable).astype(np.int32))
    place = (origin, reference.code, FLOOR, CAP)
    losses = backend.upload(kernel.weak_losses(base_costs(CAP), FLOOR))
    backend.launch("confidence.cover", len(rows), records, rows, *place, MIN_CLIP, losses, cover)
    flags = backend.upload(np.array(usable, dtype=np.uint8))
    backend.launch("confidence.pairs", len(rows), records, rows, flags, *place, losses, cover)
    kept = [read for read, flag in zip(reads, usable, strict=True) if flag]
    evidence = run_evidence(kept, stretch, origin, backend)
    differing = kernel.Differing(backend.upload(evidence.count), backend.upload(evidence.quality))
    steps = (cover.start, cover.stop, backend.upload(gapped), backend.upload(explained))
    sums = kernel.Gaps(*(xp.cumsum(each, dtype=np.int32) for each in steps))
    out = kernel.Totals(*(xp.zeros(size, dtype=np.int32) for _ in range(3)))
    around = backend.upload(repeats_around(stretch))
    intact = backend.upload(intact_costs())
    backend.launch(
        "confidence.totals",
        size,
        0,
        reference.code,
        differing,
        cover,
        around,
        sums,
        FLANK,
        CLIP_COST,
        intact,
        out,
    )
    return tuple(backend.download(each) for each in (out, differing, cover, around, sums, intact))


def draw_steps(chance: random.Random, size: int) -> Any:
    """Differences of a few stretches."""
    out = np.zeros(size + 1, dtype=np.int32)
    for _ in range(6):
        low, high = sorted(chance.sample(range(size + 1), 2))
        high = min(high, low + 20)
        out[low] += 1
        out[high] -= 1
    return out


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("start", "stop"), [(0, 400), (333, 700)])
@pytest.mark.parametrize("seed", range(3))
def test_totals_equal_naive(device: str, start: int, stop: int, seed: int) -> None:
    chance = random.Random(seed)
    bases = draw_reference(seed)
    reads, stretch = draw_reads(seed, bases, pairs=25), bases[start:stop]
    usable = [chance.choice([0, 1, 1, 1]) for _ in reads]
    gapped, explained = draw_steps(chance, len(stretch)), draw_steps(chance, len(stretch))
    found, differing, cover, repeats, sums, intact = run_totals(
        reads, usable, stretch, start, gapped, explained, open_device(device)
    )
    around = naive_confidence.around(stretch, GAPS.tolist())
    spans = list(naive_confidence.stretches(reads, usable, start, len(stretch)))
    seen = 0
    for k, expected in enumerate(stretch):
        depth, het, alt = naive_confidence.base_doubt(reads, usable, start + k, expected, FLOOR, CAP)
        left, right, gap = around[k]
        low, high = max(left - FLANK, 0), min(right + FLANK, len(stretch))
        span = naive_confidence.spanning(spans, low, high) + int(explained[: k + 1].sum())
        clips = sum(naive_confidence.long_clips(reads, usable, start + k + side, MIN_CLIP) for side in (0, 1))
        doubts = naive_confidence.gap_doubt(span, int(gapped[: k + 1].sum()), clips, gap, CLIP_COST)
        assert kernel.base_doubt(k, differing, cover, sums) == (depth, het, alt) or expected == "N"
        assert kernel.gap_doubt(k, cover, repeats, sums, FLANK, CLIP_COST, intact) == doubts
        both = (max(min(het, doubts[0]), 0), max(min(alt, doubts[1]), 0)) if expected in "ACGT" else (0, 0)
        assert (found.depth[k], found.het[k], found.alt[k]) == (depth, *both), k
        seen += both[0] > 0
    assert seen > 10


@pytest.mark.parametrize("seed", range(3))
def test_repeats_around_every_position_equal_naive(seed: int) -> None:
    stretch = draw_reference(seed)[:500]
    found = repeats_around(stretch)
    expected = naive_confidence.around(stretch, GAPS.tolist())
    assert list(zip(*(column.tolist() for column in found), strict=True)) == expected
    assert sum(right - left > 6 for left, right, _ in expected) > 50


def test_a_good_base_saves_what_the_table_says() -> None:
    """``EVEN`` stands for every quality from ``STRONG`` on, within 0.7/64 phred; ``THIRD`` for log10 of a third."""
    costs = base_costs(60)
    for quality in range(kernel.STRONG, 61):
        assert abs(costs[1, quality] - costs[0, quality] - kernel.EVEN) <= 1
        assert abs(costs[2, quality] - costs[0, quality] - (64 * quality + kernel.THIRD)) <= 3


@pytest.mark.parametrize("value", range(0, 256, 5))
def test_weak_bytes(value: int) -> None:
    for place in range(8):
        word = np.uint64(0x2828282828282828 & ~(0xFF << 8 * place) | value << 8 * place)
        found = int(kernel.weak_bytes(word))
        assert found in (0, 0x80 << 8 * place)
        assert (found > 0) == (value < kernel.STRONG) or value > 127


ROWS = st.tuples(
    st.integers(0, 10**9),
    st.integers(1, 10**6),
    st.integers(0, 5000),
    st.integers(0, 5000),
    st.integers(0, 200_000),
    st.integers(0, 10**7),
    st.sampled_from([ord(base) for base in "ACGTN"]),
    st.sampled_from([1, 2]),
    st.integers(0, 4),
)


@settings(deadline=None)
@given(st.lists(ROWS, max_size=8), st.booleans(), st.sampled_from(["20", "chr1", "HLA-A*01:01"]))
def test_lines_equal_naive(rows: list[tuple[int, ...]], lengths: bool, contig: str) -> None:
    table = np.array(rows, dtype=np.int64).reshape(-1, 9)
    table[:, 1] += table[:, 0]
    name = "<*>" if lengths else "<NON_REF>"
    text, stops = block_lines(Records(contig, table), Gvcf(non_ref=name, lengths=lengths))
    expected = [naive_confidence.block_line(contig, row, name, lengths) for row in table.tolist()]
    assert text.decode() == "".join(expected)
    assert stops == np.cumsum([len(line) for line in expected]).tolist()


@pytest.mark.parametrize("floor", [0, 6, kernel.STRONG, kernel.STRONG + 5])
def test_weak_bases_say_less_or_nothing(floor: int) -> None:
    weak = kernel.weak_losses(base_costs(CAP), floor)
    for quality in range(kernel.STRONG):
        het, alt = weak.loss[quality].tolist()
        counted = [0, -het, -alt, 0]
        nothing = [-1, -kernel.EVEN, -(64 * quality + kernel.THIRD), 0]
        assert weak.fix[quality].tolist() == (nothing if quality < floor else counted)
        assert weak.back[quality].tolist() == [0, het, alt, 0]
    assert not weak.fix[kernel.STRONG].any()

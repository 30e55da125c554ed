"""``kernels.annotate`` against plain Python from the formulae (``tests/naive_annotate.py``), bit by bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall import annotations, genotype
from gpucall.kernels import annotate
from gpucall.kernels.annotate import rank_sum
from gpucall.kernels.jit import cpu_loop

from . import naive_annotate as naive

COUNT = st.integers(0, 40) | st.integers(0, 3000)
ROW = st.tuples(COUNT, COUNT, COUNT, COUNT)


@given(st.lists(ROW, min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_strand_numbers_are_naives(rows: list[tuple[int, int, int, int]]) -> None:
    expected = [
        [naive.fisher_strand(row[:2], row[2:]), naive.strand_odds(row[:2], row[2:]), naive.artifact(row[:2], row[2:])]
        for row in rows
    ]
    assert annotations.strand_table(rows).tolist() == expected


def test_a_row_is_the_same_alone_and_among_others() -> None:
    rows = np.random.default_rng(5).integers(0, 60, (200, 4)).tolist()
    together = annotations.strand_table(rows)
    assert all(
        annotations.strand_table([row]).tolist() == [mine] for row, mine in zip(rows, together.tolist(), strict=True)
    )


def test_numbers_that_are_known() -> None:
    [[fisher, odds, artifact]] = annotations.strand_table([(10, 10, 10, 10)]).tolist()
    assert (fisher, round(odds, 6)) == (0.0, round(math.log(2), 6))
    assert artifact < 0
    assert annotations.strand_table([(20, 20, 12, 0)])[0, 2] > 20


@cpu_loop
def rank_sums(n: int, reference: Any, alternate: Any, out: Any) -> None:
    """Rank sums of histograms, as compiled."""
    for i in range(n):
        for k in range(out.shape[1]):
            out[i, k] = rank_sum(reference, alternate, i, k)


@pytest.mark.parametrize("seed", range(6))
def test_rank_sums_are_naives(seed: int) -> None:
    random = np.random.default_rng(seed)
    histograms = random.integers(0, 3, (2, 5, 2, 64)) * (random.random((2, 5, 2, 64)) < 0.1)
    histograms[0, 0] = 0  # no reference
    histograms[:, 1] = 0  # nothing at all
    histograms[:, 2, :, 3:] = histograms[:, 2, :, :2] = 0  # one value only
    found = np.empty((5, 2))
    rank_sums(5, histograms[0].copy(), histograms[1].copy(), found)
    expected = [[naive.rank_sum(*histograms[:, i, k].tolist()) for k in range(2)] for i in range(5)]
    assert np.array_equal(found, np.array(expected), equal_nan=True)
    assert np.isnan(found[:3]).any()


def test_rank_sums_of_bases() -> None:
    random = np.random.default_rng(9)
    counts = random.integers(0, 4, (7, 4, 3, 64)).astype(np.int32)
    reference, shown = random.integers(0, 4, 7), random.integers(0, 2, (7, 4))
    shown[np.arange(7), reference] = 0
    found, both = np.empty((7, 3)), np.empty((2, 1, 3, 64), dtype=np.int64)
    rows = random.permutation(7)
    annotate.base_rank_sums(7, counts[np.argsort(rows)], rows, reference, shown, both, found)
    for i in range(7):
        for k in range(3):
            alternate = sum(counts[i, base, k].astype(int) * int(shown[i, base]) for base in range(4))
            expected = naive.rank_sum(
                counts[i, reference[i], k].tolist(),
                np.zeros(64, int).tolist() if isinstance(alternate, int) else alternate.tolist(),
            )
            assert found[i, k] == expected or (math.isnan(expected) and math.isnan(found[i, k]))


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_support_is_naives(data: Any) -> None:
    fragments = data.draw(st.integers(0, 12))
    haplotypes = data.draw(st.integers(2, 4))
    alleles = data.draw(st.integers(2, 3))
    states = data.draw(st.lists(st.integers(0, alleles - 1), min_size=haplotypes, max_size=haplotypes))
    numbers = st.lists(st.integers(0, 600), min_size=haplotypes, max_size=haplotypes)
    costs = np.array([data.draw(numbers) for _ in range(fragments)], dtype=np.int32).reshape(fragments, haplotypes)
    choice = genotype.allele_of_fragments(states, costs, alleles)
    assert choice.tolist() == [naive.clear_allele(states, row, alleles, genotype.CLEAR) for row in costs.tolist()]
    column = st.lists(st.integers(0, 70), min_size=fragments, max_size=fragments)
    flag, mapq, pos, span = (np.array(data.draw(column), dtype=np.int32) for _ in range(4))
    rows = np.arange(fragments, dtype=np.int32)[::-1].copy()
    only = data.draw(st.integers(0, alleles - 1))
    strands, sums = np.zeros((alleles, 2), dtype=np.int64), np.zeros(4, dtype=np.int64)
    histograms, ranks = np.zeros((2, 1, 2, 64), dtype=np.int64), np.empty(2)
    work = (np.empty(alleles, dtype=np.int64), np.zeros(haplotypes, dtype=np.int64))
    columns, counters = (rows, flag, mapq, pos, pos + span + 1), (strands, histograms, sums, ranks)
    known = np.array(states)
    annotate.support(fragments, known, costs, genotype.CLEAR, only, *work, *columns, 50, *counters)
    counted = [-1 if only and allele not in (0, only) else allele for allele in choice.tolist()]
    expected = naive.support(counted, rows.tolist(), flag, mapq, pos, pos + span + 1, 50, alleles)
    assert (strands.tolist(), histograms[:, 0].tolist(), sums[:3].tolist()) == expected
    each = list(range(haplotypes))
    fits = [naive.clear_allele(each, row, haplotypes, genotype.CLEAR) for row in costs.tolist()]
    assert sums[3] == sum(fits.count(h) >= 2 for h in each)
    expected_ranks = [naive.rank_sum(*histograms[:, 0, k].tolist()) for k in range(2)]
    assert np.array_equal(ranks, np.array(expected_ranks), equal_nan=True)

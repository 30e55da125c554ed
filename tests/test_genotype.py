"""Stage ``genotype``: fragments of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gpucall import genotype
from gpucall.config import Genotyping
from gpucall.haplotypes import Scored
from gpucall.kernels.pileup import Sites
from gpucall.kernels.tables import SCALE

from . import naive
from .stages import Given, call_sample, read_of, recorded, sample_reads

SETTINGS = Genotyping()


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """(reads, scored, settings, ploidy, weighed) of every tile with windows."""
    with recorded(genotype, "weigh_windows") as given:
        call_sample(tmp_path_factory.mktemp("sample"))
    return [each for each in given if each[1]]


def fragments_of(reads: Any, window: Scored, known: Any) -> list[tuple[int, list[int]]]:
    """Row and capped costs of each fragment, by a loop over the reads."""
    batch, rows = reads.batch, window.rows.tolist()
    costs = {}
    for row, cost in zip(rows, window.costs.tolist(), strict=True):
        cap = min(SETTINGS.read_cap, int(batch.records.mapq[row]) * SCALE)
        costs[row] = [min(value - min(cost), cap) for value in cost]
    kept = []
    for row in rows:
        mate = int(batch.records.mate[row])
        if mate in costs:
            own, other = sum(costs[row]), sum(costs[mate])
            ahead = naive.comes_first(read_of(batch, row, known), read_of(batch, mate, known))
            if own < other or (own == other and not ahead):
                continue
        kept.append((row, costs[row]))
    return kept


def test_fragments_are_the_mates_that_say_more(tiles: Given) -> None:
    known = sample_reads()
    dropped = 0
    for reads, scored, _, _, weighed in tiles:
        for window, found in zip(scored, weighed, strict=True):
            expected = fragments_of(reads, window, known)
            assert list(zip(found.rows.tolist(), found.costs.tolist(), strict=True)) == expected
            dropped += len(window.rows) - len(expected)
    assert dropped > 0


def test_totals_are_sums_over_fragments(tiles: Given) -> None:
    for _, _, _, _, weighed in tiles:
        for window in weighed:
            costs = window.costs.tolist()
            expected = [naive.pair_cost(costs, one, two) for one, two in window.pairs]
            assert window.totals.tolist() == expected
            assert window.posterior[window.best] == window.posterior.min()


@pytest.mark.parametrize(
    ("costs", "states", "expected"),
    [
        ([0, 500], [0, 1], 0),
        ([500, 0], [0, 1], 1),
        ([0, genotype.CLEAR - 1], [0, 1], -1),
        ([0, genotype.CLEAR], [0, 1], 0),
        ([300, 0, 10], [0, 1, 1], 1),  # haplotypes of one allele do not compete
        ([300, 0, 500], [0, 2, 1], 2),
        ([0, 400], [0, 0], 0),  # no haplotype has the other allele
    ],
)
def test_the_allele_of_a_fragment(costs: list[int], states: list[int], expected: int) -> None:
    alleles = max(2, max(states) + 1)
    found = genotype.allele_of_fragments(states, np.array([costs], dtype=np.int32), alleles)
    assert found.tolist() == [expected]


@pytest.mark.parametrize("ploidy", [1, 2])
def test_sites_of_one_alternate_are_called_alike_together_and_alone(ploidy: int) -> None:
    random, n = np.random.default_rng(ploidy), 300
    sites = Sites(
        np.arange(n),
        random.integers(0, 20, (n, 5, 2)).astype(np.int32),
        np.zeros((n, 4), dtype=np.int32),
        random.integers(0, 9000, (n, 4)),
        random.integers(0, 900, (n, 4)).astype(np.int32),
        *(np.zeros(shape, dtype=np.int64) for shape in ((n,), (n, 4), (n, 4))),
        random.integers(0, 3, (n, 4, 3, 64)).astype(np.int32),
    )
    genotypes = genotype.BASE_GENOTYPES[ploidy]
    costs, priors = random.integers(0, 5000, (n, len(genotypes))), random.integers(0, 3000, (n, len(genotypes)))
    posterior, reference = costs + priors, random.integers(0, 4, n)
    best = posterior.argmin(axis=1)
    shown = genotype.alternates_shown(reference, best, genotypes)
    called = random.permutation(np.flatnonzero(shown.any(axis=1)))
    picked = (sites, called, reference[called], shown[called], best[called], costs, posterior, ploidy)
    together = list(genotype.simple_snvs(*picked))
    alone = []
    for site in (int(site) for site in called if shown[site].sum() == 1):
        row = [column[site].tolist() for column in (costs, posterior)]
        rest = [column[site].tolist() for column in (sites.position, sites.count, sites.mapq, sites.edge)]
        alone.append(genotype.snv_call(genotypes, int(reference[site]), int(best[site]), 0, *row, [0.0] * 3, *rest))
    assert len(together) == len(alone) > 50
    for one, two in zip(together, alone, strict=True):
        one.info = two.info = {}
        assert one == two

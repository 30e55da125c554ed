"""Haploid genotypes: costs, priors, likelihoods and records where there is one copy."""

from __future__ import annotations

import numpy as np
import pytest

from gpucall import genotype
from gpucall.config import Genotyping, Settings
from gpucall.filters import annotate
from gpucall.genotype import Call
from gpucall.io.vcf import record

from .stages import Given, call_sample, recorded

SETTINGS = Genotyping()


@pytest.fixture(scope="module")
def windows(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """(reads, scored, settings, ploidy, weighed) of every tile with windows."""
    with recorded(genotype, "weigh_windows") as given:
        call_sample(tmp_path_factory.mktemp("windows"))
    return [each for each in given if each[1]]


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """(reads, sites, settings, ploidy, calls) of every tile."""
    with recorded(genotype, "call_snvs") as given:
        call_sample(tmp_path_factory.mktemp("sites"))
    return [each for each in given if len(each[1].position)]


def test_the_order_of_genotypes() -> None:
    assert genotype.genotype_order(3, 1) == ((0,), (1,), (2,))
    assert genotype.genotype_order(3) == ((0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2))  # VCF 4.3, section 1.6.2


def test_a_haplotype_alone_costs_the_sum_of_its_fragments(windows: Given) -> None:
    for reads, scored, settings, _, paired in windows:
        for alone, pair in zip(genotype.weigh_windows(reads, scored, settings, 1), paired, strict=True):
            assert alone.pairs == [(h,) for h in range(len(alone.window.haplotypes))]
            assert np.array_equal(alone.rows, pair.rows)
            assert alone.totals.tolist() == [int(alone.costs[:, h].sum()) for h in range(alone.costs.shape[1])]
            priors = alone.window.window.priors
            for (h,), total, posterior in zip(alone.pairs, alone.totals, alone.posterior, strict=True):
                mask = alone.window.haplotypes[h]
                assert posterior - total == sum(cost for bit, cost in enumerate(priors) if mask >> bit & 1)


def test_bases_alone_cost_what_they_cost_on_both_copies(sites: Given) -> None:
    for _, found, *_ in sites:
        alone, pairs = genotype.genotype_costs(found, 1), genotype.genotype_costs(found)
        both = [genotype.PAIRS.index((base, base)) for base in range(4)]
        assert np.array_equal(alone, pairs[:, both])


def haploid_calls(sites: Given, windows: Given) -> list[Call]:
    calls: list[Call] = []
    for reads, found, settings, *_ in sites:
        calls += genotype.call_snvs(reads, found, settings, 1)
    for reads, scored, settings, *_ in windows:
        calls += genotype.call_windows(reads, genotype.weigh_windows(reads, scored, settings, 1), settings)
    return calls


def test_records_of_one_copy(sites: Given, windows: Given) -> None:
    calls = haploid_calls(sites, windows)
    assert any(not call.is_snv for call in calls)
    assert any(call.is_snv for call in calls)
    for call in calls:
        fields = record("chrX", annotate([call], Settings().filtering)[0]).rstrip("\n").split("\t")
        sample = dict(zip(fields[8].split(":"), fields[9].split(":"), strict=True))
        alleles = 1 + len(call.alts)
        assert sample["GT"] == str(call.genotype[0]) != "0"
        assert len(sample["PL"].split(",")) == alleles == 2
        assert sample["PL"].split(",")[call.genotype[0]] == "0"
        assert "PS" not in sample
        assert call.qual >= SETTINGS.min_qual


def test_two_copies_that_differ_are_no_haploid_variant(sites: Given, windows: Given) -> None:
    """Where half of the fragments show the alternate there is a second copy: the haploid call is filtered."""
    calls = annotate(haploid_calls(sites, windows), Settings().filtering)
    halves = [call for call in calls if 350 <= 1000 * sum(call.counts[1:]) / sum(call.counts) <= 590]
    assert halves
    assert all("AlleleBalance" in call.filters for call in halves)
    clear = [call for call in calls if sum(call.counts[1:]) >= 0.9 * sum(call.counts)]
    assert clear
    assert not any("AlleleBalance" in call.filters for call in clear)


def test_the_prior_is_a_chromosomes() -> None:
    """One copy differs as often as one of two does: the heterozygosity, once."""
    priors = genotype.base_priors(SETTINGS, 1)
    assert priors.tolist() == [[0 if a == b else SETTINGS.snv_prior for b in range(4)] for a in range(4)]

"""nonref: what the allele that nobody named costs, and calls that overlap as one."""

from __future__ import annotations

import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gpucall.genotype import BASE_GENOTYPES, BaseEvidence, Call, HaplotypeEvidence, genotype_order
from gpucall.nonref import joined, with_unlisted

from . import naive

NAME = "<NON_REF>"


def call(position: int, ref: str, alts: str, genotype: tuple[int, ...], **changes: Any) -> Call:
    """A call of some alleles, the called genotype at cost 0, all others at 100 times their number."""
    alleles = alts.split(",")
    order = genotype_order(len(alleles) + 1, len(genotype))
    costs = [0 if each == tuple(sorted(genotype)) else 100 * (k + 1) for k, each in enumerate(order)]
    made = Call(
        position=position,
        ref=ref,
        alts=tuple(alleles),
        genotype=genotype,
        strands=[(10 + k, 5 + k) for k in range(len(alleles) + 1)],
        likelihoods=costs,
        qual=50.0 + position,
        gq=40 + position % 7,
        mapq=60.0,
        edge=-1.0,
        depth=30,
    )
    return replace(made, **changes)


def extended(*arguments: Any, **changes: Any) -> Call:
    """A call with its unlisted allele, all of whose genotypes cost 1000."""
    made = call(*arguments, **changes)
    more = len(genotype_order(len(made.alts) + 2, made.ploidy)) - len(made.likelihoods)
    costs, strands = [*made.likelihoods, *[1000] * more], [*made.strands, (0, 0)]
    return replace(made, alts=(*made.alts, NAME), likelihoods=costs, strands=strands)


# -- the allele that nobody named --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ploidy", [1, 2])
@pytest.mark.parametrize("alleles", ["AC", "GT", "TAC"])
def test_the_unlisted_base_is_the_likeliest_one(ploidy: int, alleles: str) -> None:
    chance = random.Random(ploidy)
    genotypes = BASE_GENOTYPES[ploidy]
    costs = {genotype: chance.randrange(1000, 9000) for genotype in genotypes}
    order = genotype_order(len(alleles), ploidy)
    known = [costs[tuple(sorted("ACGT".index(alleles[a]) for a in each))] for each in order]
    count = [[1, 2], [3, 4], [5, 6], [7, 8]]
    evidence = BaseEvidence([costs[genotype] for genotype in genotypes], count)
    made = call(5, alleles[0], ",".join(alleles[1:]), (0, 1)[2 - ploidy :])
    lowest = min(known)
    made = replace(made, likelihoods=[cost - lowest for cost in known], evidence=evidence, info={"AS_FS": [1.0, 2.0]})
    found = with_unlisted(made, NAME)
    others = [base for base in range(4) if "ACGT"[base] not in alleles]
    listed = ["ACGT".index(base) for base in alleles]

    def expected(genotype: tuple[int, ...]) -> int:
        choices = [[listed[a]] if a < len(listed) else others for a in genotype]
        combinations = [(a,) for a in choices[0]] if ploidy == 1 else [(a, b) for a in choices[0] for b in choices[1]]
        return max(min(costs[tuple(sorted(each))] for each in combinations) - lowest, 0)

    assert found.likelihoods == [expected(genotype) for genotype in genotype_order(len(alleles) + 1, ploidy)]
    assert found.alts == (*made.alts, NAME)
    assert found.counts == [*made.counts, sum(sum(count[base]) for base in others)]
    assert found.evidence is None
    assert made.info == {"AS_FS": [1.0, 2.0]}
    assert found.info["AS_FS"] == ([1.0, 2.0, "."] if len(alleles) > 2 else [1.0, 2.0])


@pytest.mark.parametrize("ploidy", [1, 2])
def test_an_unlisted_haplotype_fits_no_fragment(ploidy: int) -> None:
    chance = random.Random(4)
    haplotypes, priors, states = [0, 1, 2, 3], [700, 900], [0, 1, 0, 1]  # the site is the first of two alleles
    costs = [[chance.choice([0, 300, 2000]) for _ in haplotypes] for _ in range(9)]
    caps = [chance.choice([1280, 2880]) for _ in costs]
    window = SimpleNamespace(haplotypes=haplotypes, window=SimpleNamespace(priors=priors))
    columns = {"costs": np.array(costs, dtype=np.int32), "caps": np.array(caps, dtype=np.int64)}
    weighed: Any = SimpleNamespace(window=window, **columns)
    evidence = HaplotypeEvidence(weighed, states, [700], 150)
    made = call(5, "A", "AC", (0, 1)[2 - ploidy :], evidence=evidence)
    alone = sum(caps) - 150
    rest = [0, 0, 900, 900]  # prior of what else a haplotype has
    with_it = [
        naive.pair_cost([[row[h], cap] for row, cap in zip(costs, caps, strict=True)], 0, 1) + rest[h] - 150
        for h in range(4)
    ]
    expected = [alone] if ploidy == 1 else [min(with_it[0], with_it[2]), min(with_it[1], with_it[3]), alone]
    found = with_unlisted(made, NAME)
    assert found.likelihoods == [*made.likelihoods, *expected]


def test_a_call_needs_its_evidence() -> None:
    with pytest.raises(ValueError, match="the call at 5 has lost its evidence"):
        with_unlisted(call(5, "A", "C", (0, 1)), NAME)


# -- calls that overlap ------------------------------------------------------------------------------------------------


def test_one_call_stays_as_it_is() -> None:
    alone = extended(5, "A", "C", (0, 1))
    assert joined([alone]) is alone


def test_a_variant_in_what_the_other_copy_lacks() -> None:
    deletion = extended(10, "ACGTA", "A", (0, 1), phase_set=10, filters=["LowQual"])
    inside = extended(12, "G", "T,*", (1, 2), phase_set=10)
    found = joined([deletion, inside])
    assert (found.position, found.ref, found.alts) == (10, "ACGTA", ("ACTTA", "A", NAME))
    assert (found.genotype, found.phase_set) == ((1, 2), 10)
    assert (found.qual, found.gq, found.filters) == (62.0, 43, ["LowQual"])
    assert len(found.likelihoods) == 10
    assert found.likelihoods[genotype_order(4).index((1, 2))] == 0
    assert min(found.likelihoods) == 0


def test_what_is_left_aligned_stays_there() -> None:
    """A deletion of the first AC of a repeat, and on the same copy a variant in the second one."""
    found = joined([extended(0, "GACACACT", "GACACT", (0, 1), phase_set=0), extended(4, "C", "T", (0, 1), phase_set=0)])
    assert (found.ref, found.alts) == ("GACACACT", ("GATACT", NAME))
    assert found.genotype == (0, 1)


def test_a_variant_at_the_base_before_an_insertion() -> None:
    found = joined([extended(7, "G", "C", (1, 1)), extended(7, "G", "GTT", (0, 1))])
    assert (found.ref, found.alts, found.genotype) == ("G", ("C", "CTT", NAME), (1, 2))


def test_what_cannot_be_on_one_copy_is_on_two() -> None:
    found = joined([extended(10, "ACGTA", "A", (0, 1)), extended(12, "G", "T", (0, 1))])
    assert (found.alts, found.genotype, found.phase_set) == (("ACTTA", "A", NAME), (1, 2), -1) or (
        (found.alts, found.genotype) == (("A", "ACTTA", NAME), (1, 2))
    )


def test_haploid_calls() -> None:
    found = joined([extended(10, "ACGTA", "ACGTATT", (1,)), extended(13, "TAC", "T", (1,))])
    assert found.ref == "ACGTAC"
    assert found.ploidy == 1
    assert len(found.likelihoods) == len(found.alts) + 1


def test_what_a_part_of_the_mitochondria_has_is_listed() -> None:
    """A heteroplasmic deletion, and within it a variant that all molecules have."""
    found = joined(
        [extended(10, "ACGTA", "A", (0,), shares=(0.2, 0.01)), extended(12, "G", "T", (1,), shares=(0.9, 0.0))]
    )
    assert (found.ref, found.alts, found.genotype) == ("ACGTA", ("ACTTA", "A", NAME), (1,))
    assert found.shares == (0.9, 0.2, 0.0)
    assert len(found.likelihoods) == len(found.strands) == 4


def test_likelihoods_are_bounds() -> None:
    """A joint genotype costs what the costlier of its parts costs."""
    parts = [extended(10, "ACGTA", "A", (0, 1), phase_set=10), extended(12, "G", "T,*", (1, 2), phase_set=10)]
    found = joined(parts)
    states = [(0, 0), (0, 1), (1, 2), (2, 3)]  # reference, SNV, deletion, unlisted
    tables = [dict(zip(genotype_order(len(p.alts) + 1), p.likelihoods, strict=True)) for p in parts]
    costs = [
        max(table[tuple(sorted((states[a][k], states[b][k])))] for k, table in enumerate(tables))
        for a, b in genotype_order(4)
    ]
    assert found.likelihoods == [cost - min(costs) for cost in costs]

"""Annotations: each is defined in the header and in docs/methods.md, and those of single alleles are right."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pysam
import pytest

from gpucall import engine, genotype
from gpucall.annotations import allele_numbers, root_mean_square

from . import naive_annotate, tricky_sample
from .conftest import ROOT
from .stages import Given, call_sample, recorded

PER_ALLELE = {"AS_FS", "AS_SOR", "AS_QD", "AS_MQ"}
EXPECTED = {"DP", "AB", "QD", "FS", "SOR", "MQ", "MQRankSum", "ReadPosRankSum", "BaseQRankSum", "HAPCOUNT", *PER_ALLELE}


@pytest.fixture(scope="module")
def called(tmp_path_factory: pytest.TempPathFactory) -> tuple[pysam.VariantHeader, list[pysam.VariantRecord]]:
    folder = tmp_path_factory.mktemp("sample")
    sample = tricky_sample.write(folder / "sample", tricky_sample.reads(depth=30, pile=60))
    vcf = engine.call(sample.bam, sample.reference, folder / "out", device="cpu", threads=1).vcf
    with pysam.VariantFile(str(vcf)) as file:
        return file.header, list(file)


def test_every_annotation_is_defined(called: tuple[pysam.VariantHeader, list[pysam.VariantRecord]]) -> None:
    header, records = called
    declared = set(header.info)
    assert declared >= EXPECTED
    assert all(len(header.info[name].description) > 20 for name in declared)
    used = {name for record in records for name in record.info}
    assert EXPECTED <= used <= declared
    page = (ROOT / "docs" / "methods.md").read_text()
    documented = set(re.findall(r"`(\w+)`", page.split("## Annotations\n")[1].split("\n## ")[0]))
    assert declared - {"END"} <= documented


def test_records_with_several_alternates_have_one_number_each(
    called: tuple[pysam.VariantHeader, list[pysam.VariantRecord]],
) -> None:
    _, records = called
    several = [record for record in records if len(record.alts or ()) > 1]
    assert {len(record.ref) == 1 and all(len(alt) == 1 for alt in record.alts or ()) for record in several} == {
        True,
        False,
    }
    for record in records:
        names = {name for name in record.info if name.startswith("AS_")}
        assert (names >= PER_ALLELE) == (record in several)
        assert all(len(record.info[name]) == len(record.alts or ()) for name in names)


def test_mapping_quality_and_rank_sums_of_each_allele(tmp_path: Path) -> None:
    """Against loops over the fragments of every window's record with several alternates."""
    with recorded(genotype, "allele_support") as given:
        call_sample(tmp_path / "sample")
    several: Given = [each for each in given if each[4] > 2]
    assert several
    for reads, states, rows, costs, alleles, _, support in several:
        host = reads.batch.records
        choice = genotype.allele_of_fragments(states, costs, alleles)
        by_allele = [host.mapq[rows[choice == allele]].astype(int).tolist() for allele in range(alleles)]
        for k, values in enumerate(by_allele[1:]):
            mean = math.sqrt(sum(value * value for value in values) / len(values)) if values else 0.0
            assert support.numbers["AS_MQ"][k] == round(mean, 2)
            histograms = [np.bincount(side, minlength=256).tolist() for side in (by_allele[0], values)]
            z = naive_annotate.rank_sum(*histograms)
            assert support.numbers["AS_MQRankSum"][k] == ("." if math.isnan(z) else round(z, 3))
        assert len(support.numbers["AS_ReadPosRankSum"]) == alleles - 1


def test_what_could_not_be_had() -> None:
    numbers = allele_numbers(["MQRankSum"], [60.0, 0.0], [[1.23456], [math.nan]])
    assert numbers == {"AS_MQ": [60.0, 0.0], "AS_MQRankSum": [1.235, "."]}
    assert root_mean_square(0, 0) == 0.0
    assert root_mean_square(18, 2) == 3.0

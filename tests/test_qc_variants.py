"""Variant counts: allele kinds as htslib tells them apart, counts equal to bcftools view and stats."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pysam
import pytest

from gpucall.qc.sample import SampleQc
from gpucall.qc.variants import allele_kind

Peer = Callable[[str], str]
CONTIGS = [("chr1", 1000), ("chr20", 10_000_000), ("chrX", 1000)]


@dataclass
class Call:
    """As the engine's calls."""

    ref: str
    alts: Sequence[str]
    genotype: Sequence[int]
    filters: Sequence[str] = ()
    qual: float = 50.0
    counts: Sequence[int] = (10, 10, 10, 10)
    info: Mapping[str, object] = field(default_factory=dict)


ALLELES = [
    ("A", "G", "snp"),
    ("A", "*", "other"),
    ("A", "<NON_REF>", "other"),
    ("A", "A", "other"),
    ("CA", "CG", "snp"),
    ("CAT", "CGT", "snp"),
    ("AC", "GT", "other"),
    ("A", "AT", "indel"),
    ("AT", "A", "indel"),
    ("ATT", "AT", "indel"),
    ("AT", "ATTT", "indel"),
    ("CAG", "CG", "indel"),
    ("CG", "CAAG", "indel"),
    ("ACGT", "AT", "indel"),
    ("ACG", "TG", "other"),
    ("AC", "TGG", "other"),
    ("A", "A[chr2:5[", "other"),
    ("a", "ATG", "indel"),
]


@pytest.mark.parametrize(("ref", "alt", "kind"), ALLELES)
def test_allele_kinds(ref: str, alt: str, kind: str) -> None:
    assert allele_kind(ref, alt) == kind


def counts(calls: Sequence[tuple[str, Call]]) -> dict[str, int]:
    qc = SampleQc(CONTIGS)
    qc.add_variants(calls)
    return qc.calls.variants.result()


def test_filtered_records_other_contigs_and_absent_alleles_do_not_count() -> None:
    calls = [
        ("chr1", Call("A", ["G"], (0, 1), ["LowQual"])),
        ("chrX", Call("A", ["G"], (0, 1))),
        ("chr1", Call("A", ["G"], (0, 0))),
        ("chr1", Call("A", ["G"], (-1, -1))),
    ]
    assert set(counts(calls).values()) == {0}


def test_indels_of_50_bp_do_not_count() -> None:
    short, long = "A" + "C" * 49, "A" + "C" * 50
    calls = [
        ("chr1", Call("A", [short], (0, 1))),
        ("chr1", Call("A", [long], (0, 1))),
        ("chr1", Call(long, ["A"], (1, 1))),
    ]
    assert {name: count for name, count in counts(calls).items() if count} == {"insertion": 1, "indel het": 1}


def test_a_record_with_both_kinds_counts_as_both() -> None:
    result = counts([("chr1", Call("AT", ["A", "ATG", "GT"], (1, 2)))])
    assert (result["snv"], result["insertion"], result["deletion"]) == (1, 1, 1)
    assert (result["snv het"], result["indel het"], result["transition"]) == (1, 1, 1)


def test_merging_adds_up() -> None:
    one, two = SampleQc(CONTIGS), SampleQc(CONTIGS)
    one.add_variants([("chr1", Call("A", ["G"], (0, 1)))])
    two.add_variants([("chr1", Call("A", ["C"], (1, 1))), ("chr1", Call("A", ["G"], (1, 1)))])
    total = SampleQc.merged([one, two], CONTIGS).variant_metrics()
    assert total["count_snvs"] == 3
    assert total["ratio_heterozygous_homzygous_snv"] == 0.5
    assert total["ratio_transitions_transversions_snv"] == 2.0


# -- bcftools ----------------------------------------------------------------------------------------------------------


def read_calls(path: Path) -> list[tuple[str, Call]]:
    with pysam.VariantFile(str(path)) as file:
        return [
            (
                record.chrom,
                Call(
                    record.ref,
                    record.alts or (),
                    [-1 if allele is None else allele for allele in record.samples[0]["GT"]],
                    [] if record.filter.keys() == ["PASS"] else ["failed"],
                ),
            )
            for record in file
        ]


def check_bcftools(path: Path, bcftools: str, folder: Path) -> None:
    """Every count by the commands that define the GA4GH metrics, with indels of 50 bp and more left out."""
    variants = folder / "variants.vcf"
    absent = 'GT="./." | GT=".|." | GT="." | GT="0/0" | GT="0|0" | GT="0"'
    autosomes = ",".join(name for name, _ in CONTIGS if name != "chrX")
    subprocess.run([bcftools, "view", "-t", autosomes, "-e", absent, "-o", variants, path], check=True)

    def count(*options: str) -> int:
        done = subprocess.run(
            [bcftools, "view", "-H", "-f", "PASS", *options, variants], capture_output=True, check=True
        )
        return done.stdout.count(b"\n")

    result = counts(read_calls(path))
    indels, short = ("-v", "indels"), "ABS(ILEN)<50"
    assert result["snv"] == count("-v", "snps")
    assert result["snv het"] == count("-v", "snps", "-g", "het")
    assert result["snv hom"] == count("-v", "snps", "-g", "hom")
    assert result["insertion"] == count(*indels, "-i", f"ILEN>0 & {short}")
    assert result["deletion"] == count(*indels, "-i", f"ILEN<0 & {short}")
    assert result["indel het"] == count(*indels, "-g", "het", "-i", short)
    assert result["indel hom"] == count(*indels, "-g", "hom", "-i", short)
    done = subprocess.run([bcftools, "stats", "-f", "PASS", variants], capture_output=True, text=True, check=True)
    changes = next(line.split("\t") for line in done.stdout.splitlines() if line.startswith("TSTV"))
    assert (result["transition"], result["transversion"]) == (int(changes[2]), int(changes[3]))


HEADER = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=1000>
##contig=<ID=chr20,length=10000000>
##contig=<ID=chrX,length=1000>
##FILTER=<ID=LowQual,Description="low quality">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample
"""
GENOTYPES = ("0/1", "1/1", "1|0", "0/0", "./.", "./1", "1", "1/2", "2/2")


def test_equals_bcftools_on_odd_records(tmp_path: Path, peer: Peer) -> None:
    """Every allele with every genotype, alone and beside another allele, on an autosome and elsewhere."""
    alleles = [(ref, alt) for ref, alt, _ in ALLELES if ref != alt]
    alleles += [("A", "A" + "C" * 49), ("A" + "C" * 49, "A")]
    lines = [
        f"{contig}\t{number + 1}\t.\t{ref}\t{alt},{ref}GGA\t50\t{state}\t.\tGT\t{genotype}\n"
        if genotype[-1] == "2"
        else f"{contig}\t{number + 1}\t.\t{ref}\t{alt}\t50\t{state}\t.\tGT\t{genotype}\n"
        for contig in ("chr1", "chrX")
        for number, (ref, alt) in enumerate(alleles)
        for genotype in GENOTYPES
        for state in ("PASS", "LowQual", ".")
    ]
    path = tmp_path / "odd.vcf"
    path.write_text(HEADER + "".join(lines))
    check_bcftools(path, peer("bcftools"), tmp_path)


@pytest.mark.parametrize("caller", ["strelka2", "elprep_hf", "platypus"])
def test_equals_bcftools_on_calls(tmp_path: Path, shared_data: Path, peer: Peer, caller: str) -> None:
    check_bcftools(shared_data / "peers" / f"base30.{caller}.vcf.gz", peer("bcftools"), tmp_path)

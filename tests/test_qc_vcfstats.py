"""bcftools stats of our calls: every line that is not a comment, against bcftools itself."""

from __future__ import annotations

import itertools
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import gpucall
from gpucall.qc.vcfstats import VcfStats, as_written, frequency_bins, quality_bin

from . import small_sample

Peer = Callable[[str], str]

HEADER = """##fileformat=VCFv4.3
##contig=<ID=chr1,length=1000000>
##INFO=<ID=DP,Number=1,Type=Integer,Description="depth">
##INFO=<ID=AC,Number=A,Type=Integer,Description="alternate alleles">
##INFO=<ID=AN,Number=1,Type=Integer,Description="alleles">
##ALT=<ID=DEL,Description="deletion">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample
"""
ALLELES = [
    *(("A", "G"), ("A", "T"), ("G", "A,C"), ("A", "*"), ("A", "C,*"), ("A", "<NON_REF>"), ("A", "<DEL>")),
    *(("A", "G,<NON_REF>"), ("CA", "CG"), ("CAT", "CGT"), ("CAT", "AAT"), ("AC", "GT"), ("A", "AT"), ("AT", "A")),
    *(("ATT", "AT,A"), ("AT", "ATTT"), ("CAG", "CG"), ("ACGT", "AT"), ("ACG", "TG"), ("AC", "TGG"), ("AT", "G,A")),
    *(("A", "ATG"), ("N", "A"), ("A", "N"), ("AT", "A,ATG,GT"), ("A", "A" + "CT" * 40), ("A" + "CT" * 40, "A")),
    *(("A", "T,AT"), ("ACC", "GTT"), ("A", "."), ("A", "A[chr1:5["), ("A", "]chr1:5]A"), ("A", "<DEL>,*")),
]
QUALITIES = [0.3, 3.01, 4.2, 8.1, 14.8, 99.95, 223.69, 999.99, 9999.9, 10000.0, 10000.04, 12345.67, 98765.43, 123456.78]
INFOS = ["DP=1", "DP=30", "DP=499", "DP=500", "DP=501", "DP=9999", ".", "DP=7;AC=1;AN=4", "DP=8;AC=2;AN=4"]


def body(path: Path | str) -> list[str]:
    text = path.read_text() if isinstance(path, Path) else path
    return [line for line in text.splitlines() if not line.startswith(("#", "ID\t"))]


def of_vcf(text: str, folder: Path) -> list[str]:
    """What our accumulator says of the records of a VCF."""
    stats = VcfStats()
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        _, _, _, ref, alt, quality, _, info, *_ = line.split("\t")
        fields: dict[str, object] = {}
        for key, _, value in (field.partition("=") for field in info.split(";") if field != "."):
            fields[key] = [int(each) for each in value.split(",")] if key == "AC" else int(value)
        stats.add(ref, alt.split(","), float(quality), fields)
    stats.write(folder / "ours.txt", "any.vcf")
    return body(folder / "ours.txt")


def of_bcftools(bcftools: str, path: Path) -> list[str]:
    done = subprocess.run([bcftools, "stats", path], capture_output=True, text=True, check=True)
    return body(done.stdout)


def record(number: int, alleles: tuple[str, str], quality: float, info: str) -> str:
    if alleles[1] == ".":
        info = info.partition(";")[0]  # no allele, no AC
    several = alleles[1].count(",")
    info = info.replace("AC=1", "AC=1" + ",1" * several).replace("AC=2", "AC=2" + ",0" * several)
    return f"chr1\t{number + 1}\t.\t{alleles[0]}\t{alleles[1]}\t{quality}\tPASS\t{info}\tGT\t0/1\n"


def test_equals_bcftools_on_odd_records(tmp_path: Path, peer: Peer) -> None:
    """Every pair of alleles with every INFO and a QUAL in turn."""
    quality = itertools.cycle(QUALITIES)
    pairs = itertools.product(INFOS, ALLELES)
    lines = [record(number, alleles, next(quality), info) for number, (info, alleles) in enumerate(pairs)]
    path = tmp_path / "odd.vcf"
    path.write_text(HEADER + "".join(lines))
    assert of_vcf(path.read_text(), tmp_path) == of_bcftools(peer("bcftools"), path)


def test_equals_bcftools_at_every_tenth_of_quality(tmp_path: Path, peer: Peer) -> None:
    """QUAL as we write it, two decimals, near all edges of bins."""
    values = [tenth / 10 + step for tenth in range(1, 3000) for step in (-0.01, 0.0, 0.05)]
    values += [base * 10**power for base in (1.00001, 1.00005, 1.0001, 1.2345678, 9.99999) for power in (4, 5, 6)]
    lines = [
        f"chr1\t{n + 1}\t.\tA\t{'G' if n % 3 else 'AT'}\t{value:.2f}\tPASS\tDP=3\tGT\t0/1\n"
        for n, value in enumerate(values)
    ]
    path = tmp_path / "qualities.vcf"
    path.write_text(HEADER + "".join(lines))
    assert of_vcf(path.read_text(), tmp_path) == of_bcftools(peer("bcftools"), path)


def test_of_no_records(tmp_path: Path, peer: Peer) -> None:
    path = tmp_path / "none.vcf"
    path.write_text(HEADER)
    assert of_vcf(HEADER, tmp_path) == of_bcftools(peer("bcftools"), path)


def test_merging_adds_up(tmp_path: Path) -> None:
    one, two, both = VcfStats(), VcfStats(), VcfStats()
    for stats in (one, both):
        stats.add("A", ["G"], 30.0, {"DP": 12})
    for stats in (two, both):
        stats.add("AT", ["A", "G"], 50.0, {"DP": 13})
    one.merge(two)
    one.write(tmp_path / "one", "a.vcf")
    both.write(tmp_path / "both", "a.vcf")
    assert vars(one) == vars(both)
    assert (tmp_path / "one").read_text() == (tmp_path / "both").read_text()


@pytest.mark.parametrize(("quality", "bin_"), [(0.0, 0), (4.2, 42), (223.69, 2236), (12345.67, 123449)])
def test_bins_of_qualities(quality: float, bin_: int) -> None:
    assert quality_bin(quality) == bin_


HALVES = st.integers(0, 10**6).map(lambda number: (2 * number + 1) / 200)  # near which rounding is hard to tell


@given(st.lists(st.floats(0, 1e5) | HALVES | HALVES.map(lambda half: math.nextafter(half, math.inf)), max_size=50))
def test_qualities_are_rounded_as_they_are_written(qualities: list[float]) -> None:
    assert as_written(qualities) == [round(quality, 2) for quality in qualities]


def test_bins_of_frequencies() -> None:
    assert frequency_bins(["A"], {}) == [0]
    assert frequency_bins(["A", "C"], {"AC": [1, 2], "AN": 2}) == [0, 100]


@pytest.mark.parametrize("sample", ["simulated", "HG002.31x.b37.bam", "NA12878.52x.hg19.bam"])
def test_equals_bcftools_on_our_calls(tmp_path: Path, peer: Peer, request: pytest.FixtureRequest, sample: str) -> None:
    """The file that a run writes, but for the comments, is what bcftools makes of the run's VCF."""
    bcftools = peer("bcftools")
    if sample == "simulated":
        made = small_sample.make(tmp_path, depth=12)
        reads, reference = made.bam, made.reference
    else:
        real = request.getfixturevalue("shared_data") / "real"
        reads, reference = real / sample, real / f"{sample.split('.')[2]}.chr20.windows.fa.gz"
    result = gpucall.call(reads, reference, tmp_path / "out", device="cpu", threads=2)
    text = result.files["vcfstats"].read_text()
    assert body(text) == of_bcftools(bcftools, result.vcf)
    assert f"\nID\t0\t{result.vcf.name}\n" in text

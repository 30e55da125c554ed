"""Mitochondria: one genotype, and the share of every alternate that enough molecules have."""

from __future__ import annotations

import gzip
import math
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from bench.simulate import PLOIDY_BED, simulate
from gpucall import engine, mito
from gpucall.config import Gvcf, Heteroplasmy
from gpucall.kernels.tables import SCALE

SETTINGS = Heteroplasmy()


def naive_mixture(bases: list[tuple[int, int]], major: int, minor: int) -> float:
    """Phred of the mixture over the major base alone, fragment by fragment: (base, quality)."""
    few, many = (sum(base == which for base, _ in bases) for which in (minor, major))
    share = few / (few + many)
    total = 0.0
    for base, quality in bases:
        error = max(10 ** (-quality / 10), SETTINGS.least_error)
        likelihood = {which: 1 - error if base == which else error / 3 for which in (major, minor)}
        if base in (major, minor):
            mixed = (1 - share) * likelihood[major] + share * likelihood[minor]
            total += 10 * math.log10(mixed / likelihood[major])
    return total


@pytest.mark.parametrize("minor", [0, 1, 5, 60, 200])
def test_a_mixture_of_bases(minor: int) -> None:
    random = np.random.default_rng(minor)
    bases = [(0, int(q)) for q in random.integers(6, 41, 200)] + [(2, int(q)) for q in random.integers(6, 41, minor)]
    bases += [(3, 30)] * 3  # a third base has no say
    qualities = np.zeros((4, 64), dtype=np.int32)
    for base, quality in bases:
        qualities[base, quality] += 1
    found = mito.mixture_of_bases(qualities, 0, 2, SETTINGS)
    assert found == pytest.approx(naive_mixture(bases, 0, 2), abs=1e-6)
    assert (found > 33) == (minor >= 5)


def test_errors_are_no_mixture() -> None:
    """One base in a thousand is wrong whatever the qualities say."""
    qualities = np.zeros((4, 64), dtype=np.int32)
    qualities[0, 40], qualities[2, 40] = 3000, 1
    assert mito.mixture_of_bases(qualities, 0, 2, SETTINGS) < 15


@pytest.mark.parametrize(("alternate", "low", "high"), [(0, 0, 1e-9), (5, 100, 300), (30, 900, 1400)])
def test_a_mixture_of_haplotypes(alternate: int, low: float, high: float) -> None:
    """Fragments that fit the minor allele better by 45 phred, among a hundred of the major one."""
    major = np.array([45 * SCALE] * alternate + [0] * 100)
    minor = np.array([0] * alternate + [45 * SCALE] * 100)
    found = mito.mixture_of_costs(major, minor)
    assert low <= found <= high
    share = alternate / (100 + alternate)
    exact = 0.0 if not alternate else alternate * (45 + 10 * math.log10(share)) + 1000 * math.log10(1 - share)
    assert found == pytest.approx(exact, abs=1)


def test_strand_odds() -> None:
    both, one = (mito.strand_odds((300, 300), counts) for counts in ((20, 22), (42, 0)))
    assert both < -10
    assert one > 20


# -- a simulated sample -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("mito")
    made = simulate(folder, karyotype="XX", length=150_000, depth=30, seed=5, snv_rate=2e-3)
    result = engine.call(
        made.bam, made.reference, folder / "calls", device="cpu", ploidy_regions=folder / PLOIDY_BED, regions=["chrM"]
    )
    return made, result.vcf


def alleles(vcf: Path) -> dict[tuple[int, str, str], tuple[str, float, bool, bool]]:
    """(POS, REF, ALT) -> GT, AF, heteroplasmic, passes; of chrM."""
    found = {}
    for line in gzip.decompress(vcf.read_bytes()).decode().splitlines():
        columns = line.split("\t")
        if columns[0] == "chrM":
            values = dict(zip(columns[8].split(":"), columns[9].split(":"), strict=True))
            for index, (alt, share) in enumerate(zip(columns[4].split(","), values["AF"].split(","), strict=True)):
                genotype = "1" if values["GT"] == str(index + 1) else "0"
                passes = columns[6] in ("PASS", ".")
                found[int(columns[1]), columns[3], alt] = genotype, float(share), "HETERO" in columns[7], passes
    return found


def test_heteroplasmy_is_found(sample: Any) -> None:
    """A tenth of the molecules are another sequence: both shares, and what all have."""
    made, vcf = sample
    margin = made.bed.read_text().splitlines()[-1].split("\t")
    inside = range(int(margin[1]), int(margin[2]))
    truth = {key: value for key, value in alleles(made.truth).items() if key[0] in inside}
    found = alleles(vcf)
    snvs = [key for key in truth if len(key[1]) == len(key[2])]
    assert sum(0 < truth[key][1] < 0.5 for key in snvs) >= 5
    assert sum(0.5 < truth[key][1] < 1 for key in snvs) >= 5
    for key in snvs:
        genotype, share, heteroplasmic, passes = found[key]
        assert passes, key
        assert genotype == truth[key][0]
        assert share == pytest.approx(truth[key][1], abs=0.06)
        assert heteroplasmic == (truth[key][1] < 1)
    wrong = [key for key, value in found.items() if key not in truth and key[0] in inside and value[3]]
    assert len(wrong) <= 1


def test_records_of_mitochondria(sample: Any) -> None:
    with pysam.VariantFile(str(sample[1])) as records:
        for record in records:
            call = record.samples[0]
            assert len(call["GT"]) == 1
            assert len(call["PL"]) == len(record.alleles)
            assert len(call["AF"]) == len(record.alts)
            assert min(call["PL"]) == call["PL"][call["GT"][0]] == 0


def test_the_gvcf_has_every_call(sample: Any, tmp_path: Path) -> None:
    made, vcf = sample
    options = {"device": "cpu", "ploidy_regions": made.bed.with_name(PLOIDY_BED), "regions": ["chrM"], "gvcf": Gvcf()}
    result = engine.call(made.bam, made.reference, tmp_path, **options)
    with pysam.VariantFile(str(vcf)) as records, pysam.VariantFile(str(result.files["gvcf"])) as blocks:
        listed = list(records)
        found = {record.pos: record for record in blocks if record.alts != ("<NON_REF>",)}
    assert result.counts["variants"] == len(listed) > 20
    assert sum(record.samples[0]["GT"] == (0,) for record in listed) >= 5
    for record in listed:
        extended = found[record.pos]
        assert extended.alleles == (*record.alleles, "<NON_REF>")
        for field in ("GT", "GQ"):
            assert extended.samples[0][field] == record.samples[0][field]
        for field in ("AF", "AD", "PL"):
            assert extended.samples[0][field][:-1] == pytest.approx(record.samples[0][field])
        assert all(len(extended.info[key]) == len(extended.alts) for key in extended.info if key.startswith("AS_"))


# -- real reads ---------------------------------------------------------------------------------------------------


def consensus(bam: Path) -> bytearray:
    """The base of most reads at each position; N where there are none."""
    counts = np.zeros((16_569, 4), dtype=np.int64)
    with pysam.AlignmentFile(str(bam)) as reads:
        for read in reads:
            if read.is_mapped and not read.is_secondary and not read.is_supplementary:
                for index, position in read.get_aligned_pairs(matches_only=True):
                    code = "ACGT".find(read.query_sequence[index])
                    counts[position, code] += code >= 0
    bases = np.frombuffer(b"ACGT", dtype=np.uint8)[counts.argmax(axis=1)].copy()
    bases[counts.sum(axis=1) < 3] = ord("N")
    return bytearray(bases.tobytes())


def test_real_mitochondria(shared_data: Path, tmp_path: Path) -> None:
    """The reads' own consensus with planted changes: those are called, with one copy, and no heteroplasmy is seen."""
    bam = shared_data / "real" / "mitochondria.451x.bam"
    bases = consensus(bam)
    planted = {}
    for position in range(100, 16_000, 500):
        if b"N" not in bases[position - 150 : position + 150]:
            planted[position + 1] = chr(bases[position])
            bases[position] = ord("CGTA"["ACGT".index(chr(bases[position]))])
    assert len(planted) > 10
    reference = tmp_path / "consensus.fa"
    reference.write_bytes(b">chrM\n" + bytes(bases) + b"\n")
    result = engine.call(bam, reference, tmp_path / "out", device="cpu")
    found = alleles(result.vcf)
    snvs = {key[0]: (key[2], *value) for key, value in found.items() if len(key[1]) == len(key[2])}
    assert {position: snvs[position][0] for position in planted} == planted
    for position in planted:
        _, genotype, share, heteroplasmic, passes = snvs[position]
        assert (genotype, heteroplasmic, passes) == ("1", False, True)
        assert share > 0.98
    assert not [key for key in found if key[0] not in planted and found[key][2] and found[key][3]]
    assert len(found) <= len(planted) + 2  # the base that the reference sequence rCRS has as N, deleted

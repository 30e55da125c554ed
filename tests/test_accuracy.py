"""accuracy: small cases worked out by hand, the wrong inputs, and the scores of callers that are known."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucall.bench import accuracy
from gpucall.bench.variants import Edit, read_vcf, trim
from gpucall.errors import CorruptInput, DiskError, InputError, ReferenceMismatch, TruncatedInput, UsageError

from .conftest import ROOT

CONTIG = "c1"
REFERENCE = "".join(
    (
        "ACGTCATGCAGCTGACGATC",  # 1-20
        "AAAAAAAA",  # 21-28
        "GTCAGCTAGGATCCGTACTG",  # 29-48
        "CACACACACACA",  # 49-60
        "GGTCTAGCATGCCTAGATCG",  # 61-80
    )
)
HEADER = "##fileformat=VCFv4.3\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tsample\n"


def write_vcf(path: Path, records: Iterable[str], contig: str = CONTIG) -> Path:
    """Records are ``POS REF ALT GT [FILTER [QUAL]]``."""
    path.write_text(HEADER + "".join(vcf_line(contig, *record.split()) for record in records))
    return path


def vcf_line(
    contig: str, position: str, ref: str, alt: str, genotype: str, filters: str = "PASS", quality: str = "50"
) -> str:
    return "\t".join((contig, position, ".", ref, alt, quality, filters, ".", "GT:DP", f"{genotype}:9")) + "\n"


def split(records: str) -> list[str]:
    return [record for record in records.split("; ") if record]


def write_inputs(folder: Path, truth: str, calls: str) -> tuple[Path, Path, Path]:
    (folder / "reference.fa").write_text(f">{CONTIG}\n{REFERENCE}\n")
    both = write_vcf(folder / "truth.vcf", split(truth)), write_vcf(folder / "calls.vcf", split(calls))
    return *both, folder / "reference.fa"


def compare_records(folder: Path, truth: str, calls: str, bed: str | None = None, **options: Any) -> dict[str, Any]:
    """``bed`` is ``START-END``, 0-based half-open."""
    intervals = None
    if bed is not None:
        intervals = folder / "regions.bed"
        intervals.write_text("".join(f"{CONTIG}\t{part.replace('-', chr(9))}\n" for part in bed.split()))
    return accuracy.compare(*write_inputs(folder, truth, calls), intervals, **options)


Four = tuple[int, int, int, int]  # truth, tp, fn, fp


def four(counts: dict[str, Any]) -> Four:
    return counts["truth"], counts["tp"], counts["fn"], counts["fp"]


NONE: Four = (0, 0, 0, 0)
FOUND: Four = (1, 1, 0, 0)
WRONG: Four = (1, 0, 1, 1)
BOTH: Four = (2, 2, 0, 0)


class Case(NamedTuple):
    """Records of either side, and the counts; by allele as by genotype unless given."""

    truth: str
    calls: str
    snv: Four
    indel: Four
    snv_by_allele: Four | None = None
    indel_by_allele: Four | None = None


CASES = {
    "same": Case("5 C T 0/1", "5 C T 0/1", FOUND, NONE),
    "missed": Case("5 C T 0/1", "", (1, 0, 1, 0), NONE),
    "spurious": Case("", "5 C T 0/1", (0, 0, 0, 1), NONE),
    "other-base": Case("5 C T 0/1", "5 C G 0/1", WRONG, NONE),
    "zygosity": Case("5 C T 0/1", "5 C T 1/1", WRONG, NONE, FOUND),
    "zygosity-indel": Case("20 CA C 1/1", "24 AA A 0/1", NONE, WRONG, NONE, FOUND),
    "phase-ignored": Case("5 C T 0|1", "5 C T 1|0", FOUND, NONE),
    "unsorted": Case("5 C T 0/1; 31 C A 0/1", "31 C A 0/1; 5 C T 0/1", BOTH, NONE),
    "lower-case": Case("5 C T 0/1", "5 c t 0/1", FOUND, NONE),
    # The same sequence elsewhere, or not.
    "shifted-in-homopolymer": Case("20 CA C 0/1", "27 AA A 0/1", NONE, FOUND),
    "shifted-in-repeat": Case("48 G GCA 1/1", "60 A ACA 1/1", NONE, FOUND),
    "rotated-in-repeat": Case("48 GCA G 0/1", "49 CAC C 0/1", NONE, FOUND),
    "shifted-too-far": Case("20 CA C 0/1", "29 GT G 0/1", NONE, WRONG),
    "other-length": Case("20 CA C 0/1", "20 CAA C 0/1", NONE, WRONG),
    "padded": Case("5 C T 0/1", "3 GTCATG GTTATG 0/1", FOUND, NONE),
    "padded-deletion": Case("20 CA C 0/1", "18 ATCAAA ATCAA 0/1", NONE, FOUND),
    # One record as two, two as one.
    "deletion-split": Case("20 CAA C 0/1", "20 CA C 0/1; 25 AA A 0/1", NONE, FOUND),
    "mnp-split": Case("5 CA TG 0/1", "5 C T 0/1; 6 A G 0/1", FOUND, NONE),
    "mnp-merged": Case("5 C T 0|1; 6 A G 1|0", "5 CA TG 0/1", BOTH, NONE),
    "mnp-half-found": Case("5 CA TG 0/1", "5 C T 0/1", WRONG, NONE),
    "complex-merged": Case("30 T C 0/1; 31 CA C 0/1", "30 TCA CC 0/1", FOUND, FOUND),
    "complex-split": Case("30 TCA CC 1/1", "30 T C 1/1; 31 CA C 1/1", NONE, FOUND),
    "complex-split-zygosity": Case("30 TCA CC 0/1", "30 T C 0/1; 31 CA C 1/1", (0, 0, 0, 1), (1, 0, 1, 1), NONE, FOUND),
    "insertion-and-snv-merged": Case("31 C CTT 0/1; 32 A G 0/1", "31 CA CTTG 0/1", FOUND, FOUND),
    "two-heterozygous-are-homozygous": Case("20 CA C 1/1", "20 CA C 0/1; 22 AA A 0/1", NONE, FOUND),
    # Two alternate alleles.
    "two-alleles-split": Case("24 A AT,ATT 1/2", "24 A AT 0/1; 24 A ATT 0/1", NONE, FOUND),
    "two-alleles-of-both-types": Case("24 A T,AT 1/2", "24 A T 0/1; 24 A AT 0/1", NONE, FOUND),
    "two-alleles-in-other-order": Case("5 C T,G 1/2", "5 C G,T 2/1", FOUND, NONE),
    "two-alleles-one-called": Case("24 A AT,ATT 1/2", "24 A AT 0/1", NONE, WRONG, NONE, FOUND),
    "one-allele-two-called": Case("5 C T 0/1", "5 C T,G 1/2", WRONG, NONE, FOUND),
    # The second allele begins at 31, and the record at 30 belongs before it on the same haplotype.
    "two-alleles-begin-apart": Case("29 GTC ATC,GTG 1/2; 30 T C 0/1", "29 G A 0/1; 30 TC CG 0/1", BOTH, NONE),
    "two-alleles-begin-apart-in-mnp": Case(
        "29 GTCA ATGA,GTCT 1/2; 30 T C 0/1", "29 G A 0/1; 30 TCA CCT 0/1; 31 C G 0/1", BOTH, NONE
    ),
    # Genotypes.
    "half-call": Case("5 C T 0/1", "5 C T ./1", FOUND, NONE),
    "half-call-of-homozygous": Case("5 C T 1/1", "5 C T 1/.", WRONG, NONE, FOUND),
    "haploid": Case("5 C T 1/1", "5 C T 1", FOUND, NONE),
    "haploid-of-heterozygous": Case("5 C T 0/1", "5 C T 1", WRONG, NONE, FOUND),
    "no-call": Case("", "5 C T ./.; 7 T G .; 9 C A 0/0; 10 A . 0/0; 11 G A 0", NONE, NONE),
    "uncalled-symbolic-allele": Case("5 C T 0/1", "5 C T,<NON_REF> 0/1", FOUND, NONE),
    # Records over one another.
    "spanning-deletion": Case("20 CAA C 0|1; 21 A T 1|0", "20 CAA C 0/1; 21 A *,T 1/2", FOUND, FOUND),
    "only-a-spanning-deletion": Case("20 CAA C 0/1", "20 CAA C 0/1; 21 A * 0/1", NONE, FOUND),
    # By allele, one of the two may be on the other haplotype: the same heterozygous SNV twice is the homozygous one.
    "called-twice": Case("5 C T 0/1", "5 C T 0/1; 5 C T 0/1", (1, 1, 0, 1), NONE, (1, 1, 0, 0)),
    "called-three-times": Case("5 C T 1/1", "5 C T 0/1; 5 C T 0/1; 5 C T 0/1", (1, 1, 0, 1), NONE),
    "snv-in-deletion": Case("20 CAA C 1/1", "20 CAA C 1/1; 21 A T 1/1", (0, 0, 0, 1), FOUND),
    "snv-beside-deletion": Case("20 CAA C 0/1; 21 A T 0/1", "20 CAA C 0/1; 21 A T 1/1", WRONG, FOUND, FOUND),
    # Three alternate bases where there are two haplotypes: the MNP and the homozygous SNV cannot both be.
    "mnp-over-its-own-snv": Case("5 C T 0/1; 6 A G 1/1", "5 CA TG 0/1; 6 A G 1/1", (2, 1, 1, 1), NONE, BOTH),
    "undo-each-other": Case("", "20 C CA 0/1; 25 AA A 0/1", NONE, (0, 0, 0, 2)),
    # By allele, the insertion may be on both haplotypes, and the deletion undo one.
    "undo-each-other-in-truth": Case("20 C CA 0/1; 27 AA A 0/1", "20 C CA 0/1", NONE, (2, 1, 1, 0), NONE, BOTH),
    # Where the contig begins and ends.
    "first-base": Case("1 A C 0/1", "1 A C 0/1", FOUND, NONE),
    "first-base-deleted": Case("1 AC C 0/1", "1 AC C 0/1", NONE, FOUND),
    "last-base": Case("80 G C 0/1", "79 CG CC 0/1", FOUND, NONE),
    "after-last-base": Case("80 G GA 0/1", "79 CG CGA 0/1", NONE, FOUND),
}


@pytest.mark.parametrize("name", CASES)
def test_by_hand(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    result = compare_records(tmp_path, case.truth, case.calls)
    assert four(result["SNV"]) == case.snv
    assert four(result["INDEL"]) == case.indel
    assert four(result["allele"]["SNV"]) == (case.snv_by_allele or case.snv)
    assert four(result["allele"]["INDEL"]) == (case.indel_by_allele or case.indel)
    assert result["approximate"] == 0
    assert result["skipped"] == {"truth": 0, "calls": 0}


@pytest.mark.parametrize("name", CASES)
def test_sides_can_be_exchanged(tmp_path: Path, name: str) -> None:
    """What is found of the calls does not depend on which file is called the truth."""
    case = CASES[name]
    result = compare_records(tmp_path, case.calls, case.truth)
    assert sum(result[kind]["fn"] for kind in accuracy.KINDS) == case.snv[3] + case.indel[3]
    assert sum(result[kind]["fp"] for kind in accuracy.KINDS) == case.snv[2] + case.indel[2]


def test_uncomparable_records_are_skipped_and_counted(tmp_path: Path) -> None:
    calls = "5 C T 0/1; 40 G <DEL> 0/1; 41 A A[c1:70[ 0/1; 42 T C 0/0/1"
    result = compare_records(tmp_path, "5 C T 0/1; 43 C <INS> 1/1", calls)
    assert result["skipped"] == {"truth": 1, "calls": 3}
    assert four(result["SNV"]) == FOUND
    assert four(result["INDEL"]) == NONE
    assert "3 records of calls cannot be compared" in accuracy.table(result)


def test_filters(tmp_path: Path) -> None:
    truth, calls = "5 C T 0/1; 7 T G 0/1; 9 C A 0/1", "5 C T 0/1 . 30; 7 T G 0/1 LowQual 30; 9 C A 0/1 PASS ."
    assert four(compare_records(tmp_path, truth, calls)["SNV"]) == (3, 2, 1, 0)
    assert four(compare_records(tmp_path, truth, calls, all_records=True)["SNV"]) == (3, 3, 0, 0)
    assert four(compare_records(tmp_path, truth, calls, min_qual=30)["SNV"]) == (3, 1, 2, 0)
    assert four(compare_records(tmp_path, truth, calls, min_qual=30.5, all_records=True)["SNV"]) == (3, 0, 3, 0)


# BED intervals are 0-based half-open: POS 5 is base 4. The deletion's POS is 20 (base 19), or 25 (base 24) as called.
@pytest.mark.parametrize(
    ("bed", "snv", "indel"),
    [
        ("4-5", FOUND, NONE),
        ("5-80", NONE, FOUND),
        ("0-4", NONE, NONE),
        ("0-19", FOUND, NONE),
        ("19-20", NONE, FOUND),
        ("10-22", NONE, FOUND),
        ("20-40", NONE, NONE),
        ("4-5 19-20", FOUND, FOUND),
    ],
)
def test_bed_edges(tmp_path: Path, bed: str, snv: Four, indel: Four) -> None:
    result = compare_records(tmp_path, "5 C T 0/1; 20 CA C 0/1", "3 GTC GTT 0/1; 25 AA A 0/1", bed)
    assert four(result["SNV"]) == snv
    assert four(result["INDEL"]) == indel


def test_regions_narrow_the_bed(tmp_path: Path) -> None:
    records = "5 C T 0/1; 7 T G 0/1; 31 C A 0/1"
    assert four(compare_records(tmp_path, records, records, "5-80", regions=["c1:1-10"])["SNV"]) == FOUND


def test_rates(tmp_path: Path) -> None:
    counts = compare_records(tmp_path, "5 C T 0/1; 7 T G 0/1; 9 C A 0/1", "5 C T 0/1; 11 G A 0/1")["SNV"]
    assert (counts["precision"], counts["recall"], counts["f1"]) == (0.5, 0.333333, 0.4)
    empty = compare_records(tmp_path, "", "")["SNV"]
    assert (empty["precision"], empty["recall"], empty["f1"]) == (None, None, None)


def test_by_length(tmp_path: Path) -> None:
    records = "5 C T 0/1; 20 CA C 0/1; 31 C CTT 0/1; 48 GCACACACAC G 0/1; 61 G GTTTTTTTTTTTTTTTTT 1/1"
    classes = compare_records(tmp_path, records, records, by_length=True)["by_length"]
    assert {name: counts["tp"] for name, counts in classes.items() if counts["tp"]} == {
        "DEL 6-15": 1,
        "DEL 1": 1,
        "INS 2-5": 1,
        "INS 16+": 1,
    }
    assert list(classes) == ["DEL 16+", "DEL 6-15", "DEL 2-5", "DEL 1", "INS 1", "INS 2-5", "INS 6-15", "INS 16+"]


def test_n_in_the_reference_says_nothing(tmp_path: Path) -> None:
    truth, calls, reference = write_inputs(tmp_path, "5 C T 0/1; 20 CA C 0/1", "4 TC TT 0/1; 20 CA C 0/1")
    reference.write_text(f">{CONTIG}\n{'N' * 10}{REFERENCE[10:].lower()}\n")
    result = accuracy.compare(truth, calls, reference)
    assert (four(result["SNV"]), four(result["INDEL"])) == (FOUND, FOUND)


@pytest.mark.parametrize(
    ("ref", "alt", "edit"),
    [
        ("C", "T", Edit(4, 5, "T")),
        ("CA", "C", Edit(5, 6, "")),
        ("C", "CAG", Edit(5, 5, "AG")),
        ("GCAT", "GTAT", Edit(5, 6, "T")),
        ("AAAA", "AA", Edit(4, 6, "")),
        ("CAG", "T", Edit(4, 7, "T")),
        ("CA", "CA", None),
    ],
)
def test_trim(ref: str, alt: str, edit: Edit | None) -> None:
    assert trim(4, ref, alt) == edit


def test_error_table(tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path, "31 C A 0/1; 5 C T 0/1; 9 C A 0/1", "5 C T 1/1; 9 C A 0/1; 38 G GC 0/1 PASS 7")
    lines = accuracy.error_table(accuracy.compare_files(*inputs)).splitlines()
    assert [line.split("\t") for line in lines] == [
        list(accuracy.ERROR_COLUMNS),
        ["fn", "genotype", "SNV", "c1", "5", "C", "T", "0/1", "50"],
        ["fp", "genotype", "SNV", "c1", "5", "C", "T", "1/1", "50"],
        ["fn", "allele", "SNV", "c1", "31", "C", "A", "0/1", "50"],
        ["fp", "allele", "INDEL", "c1", "38", "G", "GC", "0/1", "7"],
    ]


NOT_VCF = {
    "no-file": (None, InputError, "No such file"),
    "empty": ("", InputError, "no #CHROM line"),
    "not-a-vcf": (">c1\nACGT\n", InputError, "not a VCF"),
    "sites-only": ("\n".join(["##fileformat=VCFv4.3", HEADER.split("\n")[1][:44], ""]), InputError, "no sample column"),
    "two-samples": (HEADER[:-1] + "\tother\n", UsageError, "2 samples"),
    "cut-short": (HEADER + "c1\t5\t.\tC\n", CorruptInput, "line 3"),
    "no-such-allele": (HEADER + vcf_line("c1", "5", "C", "T", "0/2"), CorruptInput, "line 3"),
    "position": (HEADER + vcf_line("c1", "five", "C", "T", "0/1"), CorruptInput, "line 3"),
    "other-ref": (HEADER + vcf_line("c1", "5", "G", "T", "0/1"), ReferenceMismatch, "c1:5 has REF 'G'"),
    "off-contig-end": (HEADER + vcf_line("c1", "80", "GG", "G", "0/1"), ReferenceMismatch, "c1:80 has REF 'GG'"),
    "other-contigs": (HEADER + vcf_line("chrc1", "5", "C", "T", "0/1"), ReferenceMismatch, "reference says 'c1'"),
}


@pytest.mark.parametrize("name", NOT_VCF)
def test_bad_vcf(tmp_path: Path, name: str) -> None:
    text, error, says = NOT_VCF[name]
    truth, calls, reference = write_inputs(tmp_path, "5 C T 0/1", "")
    calls.unlink() if text is None else calls.write_text(text)
    with pytest.raises(error, match=says) as raised:
        accuracy.compare(truth, calls, reference)
    assert "\n" not in str(raised.value)
    assert str(calls) in str(raised.value)


@pytest.mark.parametrize("kept", [30, -9])
def test_truncated_gzip(tmp_path: Path, kept: int) -> None:
    whole = gzip.compress((HEADER + vcf_line("c1", "5", "C", "T", "0/1") * 100).encode())
    (tmp_path / "broken.vcf.gz").write_bytes(whole[:kept])
    with pytest.raises(TruncatedInput, match="ends too early"):
        read_vcf(tmp_path / "broken.vcf.gz")


def test_flipped_byte_in_gzip(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(HEADER.encode()))
    whole[-6] ^= 1  # the CRC
    (tmp_path / "broken.vcf.gz").write_bytes(whole)
    with pytest.raises(InputError, match="cannot read VCF: CRC"):
        read_vcf(tmp_path / "broken.vcf.gz")


@pytest.mark.parametrize(
    ("bed", "says"), [("c1\t1\n", "expected contig, start and end"), ("c2\t1\t5\n", "no contig 'c2'"), ("", "no inter")]
)
def test_bad_bed(tmp_path: Path, bed: str, says: str) -> None:
    (tmp_path / "bad.bed").write_text(bed)
    with pytest.raises(InputError, match=says):
        accuracy.compare(*write_inputs(tmp_path, "", ""), tmp_path / "bad.bed")


def arguments(folder: Path, *more: str) -> list[str]:
    truth, calls, reference = write_inputs(folder, "5 C T 0/1; 20 CA C 0/1", "5 C T 0/1")
    return ["--truth", str(truth), "--calls", str(calls), "--reference", str(reference), *more]


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outputs = tmp_path / "out.json", tmp_path / "errors.tsv"
    assert accuracy.main(arguments(tmp_path, "--json", str(outputs[0]), "--errors", str(outputs[1]))) == 0
    result = json.loads(outputs[0].read_text())
    assert list(result["SNV"]) == ["truth", "tp", "fn", "fp", "precision", "recall", "f1"]
    assert (four(result["SNV"]), four(result["allele"]["INDEL"])) == (FOUND, (1, 0, 1, 0))
    assert outputs[1].read_text().count("\n") == 2
    assert "INDEL by allele" in capsys.readouterr().out


def test_command_fails_with_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert accuracy.main(arguments(tmp_path, "--bed", str(tmp_path / "absent.bed"))) == InputError.exit_code
    written = capsys.readouterr()
    assert (written.out, written.err.count("\n")) == ("", 1)
    assert written.err.startswith("error: ")
    assert accuracy.main(arguments(tmp_path, "--json", str(tmp_path / "no" / "out.json"))) == DiskError.exit_code


def test_runs_as_a_module_from_the_root(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.accuracy", *arguments(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[1].split() == ["SNV", "1", "1", "0", "0", "1.0000", "1.0000", "1.0000"]
    assert done.stderr == ""


def test_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "bench.accuracy", *arguments(tmp_path, "--json", str(tmp_path / "out.json"))]
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out.json").exists()


class Known(NamedTuple):
    """Scores that an independent comparison gave, to three digits (four where they are known): P, R, F1."""

    calls: str
    snv: tuple[float, float, float]
    indel: tuple[float, float, float]
    options: dict[str, Any]


QUAL_20 = {"min_qual": 20}
KNOWN = [
    Known("base30.strelka2", (0.9998, 0.9989, 0.9993), (0.957, 0.972, 0.964), {}),
    Known("base30.elprep", (0.9998, 0.9998, 0.9998), (0.951, 0.977, 0.964), {}),
    Known("base30.elprep_hf", (0.9998, 0.9969, 0.9983), (0.974, 0.977, 0.976), {}),
    Known("base30.bcftools", (0.9996, 0.9996, 0.9996), (0.940, 0.943, 0.941), QUAL_20),
    Known("hard30.strelka2", (0.984, 0.999, 0.991), (0.957, 0.972, 0.964), {}),
    Known("hard30.elprep", (0.809, 1.000, 0.894), (0.946, 0.974, 0.960), {}),
    Known("hard30.elprep_hf", (0.994, 0.997, 0.995), (0.971, 0.974, 0.972), {}),
    Known("hard30.bcftools", (0.931, 1.000, 0.964), (0.940, 0.941, 0.940), QUAL_20),
]


def within_one_record(counts: dict[str, Any], expected: tuple[float, float, float]) -> bool:
    """Whether the rates are those expected, give or take a record and their last digit."""
    rates = counts["precision"], counts["recall"], counts["f1"]
    digit = 0.00005 if expected[0] > 0.999 else 0.0005
    return all(abs(rate - known) <= digit + 1 / counts["truth"] for rate, known in zip(rates, expected, strict=True))


@pytest.mark.parametrize("known", KNOWN, ids=[known.calls for known in KNOWN])
def test_known_callers(shared_data: Path, known: Known) -> None:
    """The table of the simulated data, made with another comparison tool, within one record."""
    result = accuracy.compare(
        shared_data / "sim" / "truth.vcf.gz",
        shared_data / "peers" / f"{known.calls}.vcf.gz",
        shared_data / "sim" / "GRCh38.chr20.10M.fa.gz",
        shared_data / "sim" / "confident.bed",
        **known.options,
    )
    assert (result["SNV"]["truth"], result["INDEL"]["truth"]) == (4526, 611)
    assert within_one_record(result["SNV"], known.snv)
    assert within_one_record(result["INDEL"], known.indel)
    assert result["approximate"] == 0


@pytest.mark.parametrize(
    ("truth", "reference", "region", "snv", "indel"),
    [
        ("HG002.truth.b37", "b37", "20:10000001-10100000", 206, 28),
        ("HG002.truth.b37", "b37", "20:20525033-20604921", 12, 3),
        ("HG002.truth.b37", "b37", "20:38386266-38409801", 6, 2),
        ("NA12878.truth.hg19", "hg19", "chr20:10000001-10100000", 45, 4),
    ],
)
def test_real_truths_agree_with_themselves(
    shared_data: Path, truth: str, reference: str, region: str, snv: int, indel: int
) -> None:
    real = shared_data / "real"
    vcf, fasta = real / f"{truth}.vcf.gz", real / f"{reference}.chr20.windows.fa.gz"
    result = accuracy.compare(vcf, vcf, fasta, real / f"{truth}.bed", regions=[region])
    assert four(result["SNV"]) == (snv, snv, 0, 0)
    assert four(result["INDEL"]) == (indel, indel, 0, 0)

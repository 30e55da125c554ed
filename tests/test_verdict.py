"""Verdicts: profiles as they ship and as a site writes them, every status, the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import gpucall
from gpucall import cli
from gpucall.errors import EmptyInput, InputError, UsageError
from gpucall.qc.figures import FIGURES, to_text
from gpucall.qc.metrics import ALIGNMENT_METRICS, VARIANT_METRICS
from gpucall.qc.verdict import Threshold, Verdict, judge, load_profile, load_verdict, profile_names
from gpucall.report.sample import platform_of
from gpucall.report.sources import file_figures

from . import small_sample
from .fixtures import Read, write_bam, write_fasta

MINE = """
name = "mine"
version = "3"
title = "Mine"
source = "our validation of 2025"
[[threshold]]
metric = "pct_reads_mapped"
unit = "%"
comparison = ">="
warn = 95
fail = 90
source = "our validation"
[[threshold]]
metric = "count_snvs"
unit = ""
comparison = "<="
fail = 100
scope = "genome"
source = "our validation"
[[threshold]]
metric = "sex_karyotype"
unit = ""
comparison = "in"
warn = ["XX", "XY"]
source = "our validation"
"""


def mine(folder: Path, old: str = "", new: str = "") -> str:
    path = folder / "mine.toml"
    path.write_text(MINE.replace(old, new) if old else MINE)
    return str(path)


def statuses(verdict: Verdict) -> list[str]:
    return [each.status for each in verdict.judgements]


def test_the_profiles_that_ship() -> None:
    assert profile_names() == ["ga4gh", "gnomad-v3", "gnomad-v4", "site"]
    for name in profile_names():
        profile = load_profile(name)
        assert profile.name == name
        assert all("http" in text or "gnom" in text or "public samples" in text or "starting point" in text
                   for text in (each.source for each in profile.thresholds))  # fmt: skip


def test_every_ga4gh_metric_is_a_figure() -> None:
    assert list(FIGURES)[:16] == [*ALIGNMENT_METRICS, *VARIANT_METRICS]


@pytest.mark.parametrize(
    ("mapped", "snvs", "sex", "expected"),
    [
        (99.0, 50, "XX", ["pass", "pass", "pass"]),
        (95, 100, "XX", ["pass", "pass", "pass"]),
        (94.99, 101, "X0", ["warn", "fail", "warn"]),
        (89.99, 0, None, ["fail", "pass", "not measured"]),
    ],
)
def test_each_status(tmp_path: Path, mapped: float, snvs: int, sex: str | None, expected: list[str]) -> None:
    figures = {"pct_reads_mapped": mapped, "count_snvs": snvs, "sex_karyotype": sex}
    verdict = judge("s", figures, load_profile(mine(tmp_path)), whole_genome=True)
    assert statuses(verdict) == expected
    order = ["not measured", "pass", "warn", "fail"]
    assert verdict.status == max(expected, key=order.index)


def test_counts_of_a_part_are_not_judged_by_a_genomes_limits(tmp_path: Path) -> None:
    figures = {"pct_reads_mapped": 99.0, "count_snvs": 5000}
    verdict = judge("s", figures, load_profile(mine(tmp_path)), whole_genome=False)
    assert statuses(verdict) == ["pass", "not measured", "not measured"]
    assert "part of the genome" in verdict.judgements[1].reason
    assert verdict.status == "pass"


def test_nothing_measured_is_no_pass(tmp_path: Path) -> None:
    assert judge("s", {}, load_profile(mine(tmp_path)), whole_genome=True).status == "not measured"


def test_a_judgement_in_words() -> None:
    threshold = Threshold("pct_reads_mapped", ">=", "%", "x", warn=95, fail=90.5)
    assert threshold.to_text() == "at least 95 %, else warn; at least 90.5 %, else fail"
    assert to_text("yield_bp_q30", 1234567) == "1,234,567 bp"
    assert to_text("cross_contamination_rate", 0.01234) == "0.0123"
    assert to_text("mean_coverage", None) == "not measured"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('metric = "count_snvs"', 'metric = "snvs"', "threshold 2: metric 'snvs' is not known"),
        ('comparison = "in"', 'comparison = "=="', "threshold 3: comparison '=='"),
        ('unit = "%"', 'unit = "x"', "threshold 1: unit 'x'"),
        ("fail = 90", "fial = 90", "unexpected keyword argument 'fial'"),
        ("fail = 100", "", "threshold 2: neither warn nor fail"),
        ('source = "our validation"', 'source = ""', "no source for pct_reads_mapped"),
        ('warn = ["XX", "XY"]', "warn = 3", "must be lists"),
        ("warn = 95", "warn = true", "must be numbers"),
        ('version = "3"', "version = 3", "name, version, title and source"),
        ('name = "mine"', "name = ", "not a TOML file"),
        ('title = "Mine"', 'title = "Mine"\nlevel = 3', "'level' is no key of a profile"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"--profile .*mine\.toml") as error:
        load_profile(mine(tmp_path, old, new))
    assert said in str(error.value)
    assert "\n" not in str(error.value).strip()


def test_an_unknown_profile_names_those_that_exist() -> None:
    with pytest.raises(UsageError, match="ga4gh, gnomad-v3, gnomad-v4, site"):
        load_profile("gnomad-v5")


def test_a_file_that_is_no_verdict_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "s.verdict.json"
    path.write_text('{"sample": "s"}')
    with pytest.raises(InputError, match="not a verdict that gpucall wrote"):
        load_verdict(path)


def run(folder: Path, *options: str) -> int:
    sample = small_sample.make(folder, depth=8, length=3000, deep_sites=())
    return cli.main(["call", "-q", "-r", str(sample.reference), "-o", str(folder / "out"), *options, str(sample.bam)])


def test_fail_on_qc_exits_30_and_keeps_the_outputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = mine(tmp_path, "fail = 100", "fail = 0")
    assert run(tmp_path, "--profile", profile, "--fail-on-qc", "--platform", "NovaSeq", "--batch", "b1") == 30
    [line] = capsys.readouterr().err.splitlines()
    assert "quality control failed: SNVs: " in line
    [path] = (tmp_path / "out").glob("*.verdict.json")
    document = json.loads(path.read_text())
    assert (document["verdict"], document["platform"], document["batch"]) == ("fail", "NovaSeq", "b1")
    assert document["profile"]["name"] == "mine"
    assert [each["status"] for each in document["judgements"]][1] == "fail"
    assert set(document["figures"]) == set(FIGURES)
    assert list((tmp_path / "out").glob("*.manifest.json"))
    assert run(tmp_path, "--profile", profile) == 0


def test_a_bad_profile_is_found_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "--profile", "nothing") == 2
    assert not (tmp_path / "out").exists()
    assert "no such profile" in capsys.readouterr().err


def test_no_position_covered_is_an_error(tmp_path: Path) -> None:
    reference = write_fasta(tmp_path / "r.fa", {"chr1": "ACGT" * 250})
    bam = write_bam(tmp_path / "s.bam", [Read(name, -1, "*", "ACGT", -1, 4) for name in "uv"], {"chr1": 1000})
    with pytest.raises(EmptyInput, match="no position is covered"):
        gpucall.call(bam, reference, tmp_path / "out", device="cpu", threads=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("groups", "platform"),
    [
        ("@RG\tID:a\tPL:ILLUMINA\tPM:NovaSeqX\n@RG\tID:b\tPL:ILLUMINA\tPM:NovaSeqX\n", "NovaSeqX"),
        ("@RG\tID:a\tPL:ILLUMINA\tPM:NovaSeqX\n@RG\tID:b\tPL:ILLUMINA\n", "ILLUMINA"),
        ("@RG\tID:a\tPL:ILLUMINA\n@RG\tID:b\tPL:ULTIMA\n", ""),
        ("", ""),
    ],
)
def test_platform_of_read_groups(groups: str, platform: str) -> None:
    import numpy as np

    from gpucall.io.alignments import Header

    assert platform_of(Header(groups, (), np.empty(0, dtype=np.int64))) == platform


def test_figures_that_only_files_tell(tmp_path: Path) -> None:
    (tmp_path / "s.insert_size_metrics.txt").write_text(
        "## METRICS CLASS\tx\nMEDIAN_INSERT_SIZE\tPAIR_ORIENTATION\n398\tFR\n120\tRF\n\n## HISTOGRAM\tx\na\tb\n1\t2\n"
    )
    (tmp_path / "s.alignment_summary_metrics.txt").write_text(
        "## METRICS CLASS\tx\nCATEGORY\tPF_MISMATCH_RATE\tPCT_CHIMERAS\n"
        "FIRST_OF_PAIR\t0.1\t0.2\nSECOND_OF_PAIR\t0.1\t0.2\nPAIR\t0.00312\t0.0123\n\n"
    )
    (tmp_path / "s.selfSM").write_text("#SEQ_ID\tRG\tFREEMIX\ns\tNA\t0.02631\n")
    assert file_figures(tmp_path, "s") == {
        "median_insert_size": 398,
        "pct_chimeras": 1.23,
        "pct_mismatches": 0.312,
        "cross_contamination_rate": 0.0263,
    }
    assert file_figures(tmp_path, "another") == {}

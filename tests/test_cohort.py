"""The cohort page: who fails, who stands out of a group, on few samples and on a thousand; shown by a real browser."""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from bench import cohorts
from gpucall import cli
from gpucall.config import Cohort
from gpucall.errors import InputError, UsageError
from gpucall.qc.figures import FIGURES
from gpucall.report.cohort import find_members, find_outliers, scale, write_report
from gpucall.report.tables import ABOUT

from .browser import WIDTHS, accessibility_faults, browser, check_page, show

SAMPLES = 60
LARGEST = 1_000_000  # bytes of the page of a thousand samples
SLOWEST = 20.0  # seconds for a thousand samples, on a busy machine


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cohorts.make(tmp_path_factory.mktemp("cohort") / "samples", SAMPLES)


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def test_the_odd_ones_are_named_and_few_others(cohort: Path, tmp_path: Path) -> None:
    result = write_report([cohort], tmp_path)
    assert result.failed == ["S0003", "S0011"]
    assert {"S0003", "S0011", "S0017"} <= set(result.outliers)
    assert len(result.outliers) <= 3 + SAMPLES // 10
    text = result.files["report"].read_text()
    looked = text[text.index(">Samples to look at</h2>") : text.index(">Groups</h2>")]
    for name in ("S0003", "S0011", "S0017"):
        assert f">{name}<" in looked
    assert "stands out" in looked
    assert sum(result.counts.values()) == SAMPLES


def test_a_sample_is_compared_with_its_platform_and_batch(tmp_path: Path) -> None:
    """An insert size that is usual on one platform stands out on another."""
    members = find_members([cohorts.make(tmp_path, SAMPLES)])
    short = next(member for member in members if member.name == "S0000")
    short.verdict.figures["mean_insert_size"] = 310.0
    find_outliers(members, Cohort())
    [found] = [each for each in short.outliers if each.metric == "mean_insert_size"]
    assert found.group == "NovaSeq X / run 1"
    assert found.score < -3.5
    others = [m for m in members if m.verdict.platform == "DNBSEQ-T7" and m.name != "S0017"]
    assert not any(each.metric == "mean_insert_size" for member in others for each in member.outliers)


def test_small_groups_are_compared_with_all(tmp_path: Path) -> None:
    members = find_members([cohorts.make(tmp_path, 12)])
    find_outliers(members, Cohort())
    assert {each.group for member in members for each in member.outliers} <= {"all samples"}


def test_nothing_stands_out_of_a_few_samples(tmp_path: Path) -> None:
    members = find_members([cohorts.make(tmp_path, 12)])[:7]
    members[0].verdict.figures["mean_insert_size"] = 31.0
    find_outliers(members, Cohort())
    assert not any(member.outliers for member in members)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 3.0, 4.0, 100.0], (3.0, 1 / 0.6745)),
        ([5.0, 5.0, 5.0, 9.0], (5.0, 1 / 0.7979)),
        ([5.0, 5.0, 5.0], (5.0, 0.0)),
        ([5.0, None, 7.0], (0.0, 0.0)),
    ],
)
def test_robust_scale(values: list[float | None], expected: tuple[float, float]) -> None:
    assert scale(values) == pytest.approx(expected)


def test_the_tables_hold_every_sample_and_figure(cohort: Path, tmp_path: Path) -> None:
    files = write_report([cohort], tmp_path).files
    with open(files["tsv"], newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter="\t"))
    table = pq.read_table(files["parquet"]).to_pylist()
    assert len(rows) == len(table) == SAMPLES
    assert list(rows[0]) == list(table[0]) == [*ABOUT, *FIGURES]
    for row, other in zip(rows, table, strict=True):
        for name in FIGURES:
            value = other[name]
            assert row[name] == "" if value is None else row[name] == value or float(row[name]) == value


def test_a_sheet_regroups_and_a_profile_rejudges(cohort: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.tsv"
    sheet.write_text("sample\tbatch\n" + "".join(f"S{number:04d}\tplate <A>\n" for number in range(SAMPLES)))
    result = write_report([cohort], tmp_path / "out", profile="gnomad-v3", sheet=sheet)
    assert result.failed == ["S0003", "S0023"]
    text = result.files["report"].read_text()
    assert "plate &lt;A&gt;" in text
    assert "run 1" not in text


@pytest.mark.parametrize(
    ("sheet", "said"),
    [
        ("sample\tbatch\nS9999\tx\n", "'S9999' is in the sheet, but not in the folders"),
        ("name\tbatch\n", "line 1 must name the columns"),
        ("sample\tbatch\nS0001\n", "line 2 has 1 columns"),
        ("sample\tbatch\nS0001\ta\nS0001\tb\n", "line 3: sample 'S0001' is there twice"),
    ],
)
def test_a_bad_sheet_is_said(cohort: Path, tmp_path: Path, sheet: str, said: str) -> None:
    path = tmp_path / "sheet.tsv"
    path.write_text(sheet)
    with pytest.raises(InputError) as error:
        write_report([cohort], tmp_path / "out", sheet=path)
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


def test_bad_folders_are_said(cohort: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \*\.verdict\.json there"):
        write_report([tmp_path], tmp_path / "out")
    with pytest.raises(UsageError, match="no folder given"):
        write_report([], tmp_path / "out")
    again = tmp_path / "again"
    again.mkdir()
    (again / "S0001.verdict.json").write_bytes((cohort / "S0001/S0001.verdict.json").read_bytes())
    with pytest.raises(InputError, match="'S0001' is there twice"):
        write_report([cohort, again], tmp_path / "out")


def test_the_command(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert cli.main(["report", str(cohort), "-o", str(out)]) == 0
    assert "samples fail            2" in capsys.readouterr().out
    assert cli.main(["report", str(cohort), "-o", str(out), "--fail-on-qc"]) == 30
    assert "2 samples fail: S0003, S0011" in capsys.readouterr().err
    assert sorted(path.name for path in out.iterdir()) == ["cohort.qc.parquet", "cohort.qc.tsv", "cohort.report.html"]


def test_the_same_samples_give_the_same_bytes(cohort: Path, tmp_path: Path) -> None:
    one, two = (write_report([cohort], tmp_path / name).files for name in ("one", "two"))
    assert all(one[kind].read_bytes() == two[kind].read_bytes() for kind in one)


def test_a_thousand_samples(tmp_path: Path) -> None:
    folder = cohorts.make(tmp_path / "samples", 1000)
    started = time.process_time()
    result = write_report([folder], tmp_path / "out")
    assert time.process_time() - started < SLOWEST
    assert result.files["report"].stat().st_size < LARGEST
    assert len(result.files["tsv"].read_text().splitlines()) == 1001
    assert "all 1,000 are in cohort.qc.tsv" in result.files["report"].read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_draws_every_plot(cohort: Path, tmp_path: Path, driver: Any, width: int, scheme: str) -> None:
    page = write_report([cohort], tmp_path).files["report"]
    check_page(driver, page, width, scheme, page.read_text().count("<svg viewBox"))
    assert page.read_text().count("<svg viewBox") >= 15
    if width == WIDTHS[0]:
        assert accessibility_faults(driver) == []


def test_a_cohort_of_one(tmp_path: Path, driver: Any) -> None:
    page = write_report([cohorts.make(tmp_path / "samples", 1)], tmp_path / "out").files["report"]
    show(driver, page, WIDTHS[0], "light")
    assert driver.get_log("browser") == []

"""A sample's page: what it says, that it says so when nothing was measured, and how a real browser shows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pysam
import pytest

import gpucall
from gpucall.config import Reporting
from gpucall.qc.figures import FIGURES
from gpucall.qc.verdict import judge, load_profile, load_verdict
from gpucall.report import sources
from gpucall.report.sample import write_page
from gpucall.report.tables import SAMPLE_COLUMNS

from . import small_sample
from .browser import WIDTHS, accessibility_faults, browser, check_page, show

LARGEST = 500_000  # bytes of a page


class Made:
    """A run's outputs."""

    def __init__(self, folder: Path) -> None:
        sample = small_sample.make(folder, length=6000, depth=25)
        reporting = Reporting(platform="NovaSeq X", batch="run <7>")
        self.result = gpucall.call(
            sample.bam, sample.reference, folder / "out", device="cpu", threads=1, reporting=reporting
        )
        self.sample = self.result.sample
        self.folder = folder / "out"
        self.page = self.result.files["report"]
        self.text = self.page.read_text()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("report"))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def plots_in(text: str) -> int:
    return text.count("<svg viewBox")


def test_the_page_is_one_file_that_loads_nothing(made: Made) -> None:
    assert len(made.text) < LARGEST
    assert "<script" not in made.text
    assert not re.search(r"(src|srcset)=|url\(|@import", made.text)
    assert all(link.startswith(("https://", "#", "data:,")) for link in re.findall(r'href="([^"]*)"', made.text))


def test_the_verdict_comes_first_and_every_threshold_is_there(made: Made) -> None:
    verdict = made.result.verdict
    assert verdict is not None
    main = made.text.index("<main")
    assert f"{verdict.status}</span>" in made.text[:main]
    assert made.text.index(">Verdict</h2>") < made.text.index(">Coverage</h2>")
    table = made.text[main : made.text.index(">Coverage</h2>")]
    assert table.count('<span class="chip') == len(verdict.judgements)
    assert "run &lt;7&gt;" in made.text


def test_the_same_run_gives_the_same_page(made: Made, tmp_path: Path) -> None:
    verdict = load_verdict(made.result.files["verdict"])
    assert verdict == made.result.verdict
    page = made.text
    write_page(made.folder, made.sample, verdict)
    assert made.page.read_text() == page


def test_the_table_of_figures(made: Made) -> None:
    table = pq.read_table(made.result.files["qc_table"])
    assert table.column_names == list(SAMPLE_COLUMNS)
    assert table.schema.metadata[b"gpucall.schema"] == b"1"
    verdict = made.result.verdict
    assert verdict is not None
    rows = {row["metric"]: row for row in table.to_pylist()}
    assert list(rows) == list(FIGURES)
    for name, value in verdict.figures.items():
        assert rows[name]["text" if isinstance(value, str) else "value"] == value
    assert {row["platform"] for row in rows.values()} == {"NovaSeq X"}
    [judged] = [each for each in verdict.judgements if each.metric == "pct_autosomes_15x"]
    assert rows["pct_autosomes_15x"]["status"] == judged.status


def test_without_any_file_the_page_says_not_measured(tmp_path: Path) -> None:
    write_page(tmp_path, "empty", judge("empty", {}, load_profile("gnomad-v3"), whole_genome=True))
    text = (tmp_path / "empty.report.html").read_text()
    assert plots_in(text) == 0
    for title in ("Insert size", "GC bias", "Sex chromosomes", "Allele balance", "Substitutions", "Contamination by"):
        [said] = re.findall(rf"<h3>{title}[^<]*</h3><p>(.*?)</p>", text)
        assert "not measured" in said


@pytest.mark.parametrize("rate", [0.0, 0.0151, 0.0299, 0.31])
def test_contamination_and_sex_of_a_whole_genome(tmp_path: Path, driver: Any, rate: float) -> None:
    """What the small sample has not: their labels keep clear of the limits' names, wherever the sample lies."""
    figures = {"cross_contamination_rate": rate, "sex_karyotype": "XXY", "x_depth_ratio": 0.99, "y_depth_ratio": 0.48}
    write_page(tmp_path, "s", judge("s", figures, load_profile("ga4gh"), whole_genome=True))
    page = tmp_path / "s.report.html"
    check_page(driver, page, WIDTHS[0], "light", 2)
    assert f"{100 * rate:.2f} % of the bases are another person&#x27;s" in page.read_text()
    assert "Looks like XXY. The depth of X is 0.99" in page.read_text()


def test_where_the_sex_was_not_told_no_plot_pretends(tmp_path: Path) -> None:
    (tmp_path / "s.mosdepth.summary.txt").write_text(
        "chrom\tlength\tbases\tmean\tmin\tmax\nchr1\t9\t90\t10.00\t0\t9\nchrX\t9\t45\t5.00\t0\t9\n"
    )
    verdict = judge("s", {}, load_profile("ga4gh"), whole_genome=True)
    write_page(tmp_path, "s", verdict)
    assert "The depth of X is 0.50 of the autosomes" in (tmp_path / "s.report.html").read_text()
    (tmp_path / "s.sex.json").write_text('{"inferred": "unknown", "evidence": {"x_depth_ratio": null}}')
    write_page(tmp_path, "s", verdict)
    assert "The depth of X" not in (tmp_path / "s.report.html").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_a_browser_draws_every_plot(made: Made, driver: Any, width: int, scheme: str) -> None:
    assert plots_in(made.text) >= 11
    check_page(driver, made.page, width, scheme, plots_in(made.text))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(made: Made, driver: Any, scheme: str) -> None:
    show(driver, made.page, WIDTHS[0], scheme)
    driver.execute_script("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert accessibility_faults(driver) == []


# -- sources -----------------------------------------------------------------------------------------------------------


def test_qualities_of_a_cycle() -> None:
    [first, last] = sources.cycle_qualities([["1", "0", "0", "4"], ["2", "0", "0", "0"], ["3", "1", "2", "1"]])
    assert first == (1, 2.0, 2, 2)
    assert last == (3, 1.0, 0, 1)


def test_histogram_of_a_picard_file(tmp_path: Path) -> None:
    path = tmp_path / "m.txt"
    path.write_text("## METRICS CLASS\tx\nA\n1\n\n## HISTOGRAM\tjava.lang.Integer\ncoverage\tcount\n0\t7\n1\t9\n\n")
    assert sources.histogram(path, "coverage") == [(0, 7), (1, 9)]
    assert sources.histogram(path, "insert_size") == []
    assert sources.histogram(tmp_path / "absent", "coverage") == []


def test_shares_of_mosdepth(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("chr1\t1\t0.9\nchr1\t0\t1.0\ntotal\t2\t0.25\ntotal\t1\t0.50\ntotal\t0\t1.00\n")
    assert sources.coverage_shares(path) == [(0, 1.0), (1, 0.5), (2, 0.25)]


# -- mismatches by cycle -----------------------------------------------------------------------------------------------


def naive_bad_cycles(read: pysam.AlignedSegment, reference: pysam.FastaFile) -> Iterator[int]:
    """Cycles in which a read has N or a mismatch, as Picard numbers them: from the start of an aligned block."""
    sequence, query, at = read.query_sequence or "", 0, read.reference_start
    blocks = [(0, len(sequence))] if read.is_unmapped else read.cigartuples or []
    for operation, length in blocks:
        for k in range(length if operation == 0 else 0):
            base = sequence[query + k]
            expected = base if read.is_unmapped else reference.fetch(read.reference_name, at + k, at + k + 1).upper()
            if base in ("N", "") or base != expected:
                yield len(sequence) - k if read.is_reverse else k + 1
        query += length * (operation in (0, 1, 4))
        at += length * (operation in (0, 2))


def test_bad_bases_by_cycle(tmp_path: Path) -> None:
    sample = small_sample.make(tmp_path, length=3000, depth=8, deep_sites=())
    result = gpucall.call(sample.bam, sample.reference, tmp_path / "out", device="cpu", threads=1)
    lines = sources.line_graph(result.files["multiqc_bad_bases"])
    bad: Counter[tuple[bool, int]] = Counter()
    lengths: Counter[tuple[bool, int]] = Counter()
    with pysam.AlignmentFile(str(sample.bam)) as file, pysam.FastaFile(str(sample.reference)) as reference:
        for read in file:
            if not read.is_secondary and not read.is_supplementary:
                lengths.update((read.is_read1, cycle) for cycle in range(1, read.query_length + 1))
                bad.update((read.is_read1, cycle) for cycle in naive_bad_cycles(read, reference))
    for name, first in (("read 1", True), ("read 2", False)):
        shares = [(c, round(100 * bad[first, c] / lengths[first, c], 4)) for c in range(1, 101)]
        assert lines[f"{result.sample} {name}"] == shares
    assert sum(bad.values()) > 50

"""suite: no figure falls below the committed ones, or below what the project promised; the page shows the figures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gpucall.bench import suite, suite_page
from gpucall.errors import InputError, UsageError

from .conftest import ROOT

COMMITTED = ROOT / "bench" / "results" / "accuracy.json"
CAUSES = COMMITTED.with_name("causes.json")
PAGE = ROOT / "docs" / "accuracy.md"
NAMES = [figure.name for figure in suite.FIGURES]
REAL = [figure.name for figure in suite.FIGURES if figure.errors]
REFRESH = "python -m bench.suite --data ../shared/data --json bench/results/accuracy.json"


class Promise(NamedTuple):
    """A bound on the sum of one field over some figures."""

    figures: tuple[str, ...]
    kind: str
    field: str
    least: float | None = None
    most: int | None = None


PROMISES = (
    Promise(("base30 confident",), "SNV", "f1", least=0.9998),
    Promise(("base30 confident",), "INDEL", "f1", least=0.984),
    Promise(("hard30 confident",), "SNV", "f1", least=0.997),
    Promise(("hard30 confident",), "INDEL", "f1", least=0.980),
    Promise(("low10 confident",), "SNV", "f1", least=0.978),
    Promise(("low10 confident",), "INDEL", "f1", least=0.925),
    Promise(("base30 all",), "SNV", "f1", least=0.985),
    Promise(("base30 all",), "INDEL", "f1", least=0.975),
    Promise(("base30 collapsed duplications",), "SNV", "fp", most=60),
    Promise(("base30 collapsed duplications",), "SNV", "tp", least=30),
    Promise(("HG002.31x",), "SNV", "errors", most=3),
    Promise(("HG002.31x",), "INDEL", "errors", most=6),
    Promise(("NA12878.bam",), "SNV", "errors", most=1),
    Promise(("NA12878.cram",), "SNV", "errors", most=1),
    Promise(("HG002.96x", "HG002.92x"), "SNV", "fp", most=0),
    Promise(("HG002.96x", "HG002.92x"), "INDEL", "fp", most=3),
)

# SNVs and indels of the truth, as data/README.md of the shared data counts them.
TRUTH = {
    "base30 confident": (4526, 611),
    "base30 collapsed duplications": (35, 6),
    "HG002.31x": (206, 28),
    "HG002.96x": (12, 3),
    "HG002.92x": (6, 2),
    "NA12878.bam": (45, 4),
    "NA12878.cram": (45, 4),
}


@pytest.fixture(scope="session")
def fresh(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> suite.Results:
    """Every sample called and scored by the code as it is."""
    return suite.run(shared_data, tmp_path_factory.mktemp("suite"))


@pytest.fixture(scope="session")
def committed() -> suite.Results:
    return suite.read_results(COMMITTED)


@pytest.fixture(scope="session")
def causes() -> suite_page.Causes:
    return suite_page.read_causes(CAUSES)


def errors(counts: dict[str, Any]) -> int:
    return int(counts["fn"] + counts["fp"])


def value(counts: dict[str, Any], field: str) -> float:
    """Rates to four decimals, as they were promised."""
    return errors(counts) if field == "errors" else round(counts[field], 4)


# -- the code as it is ----


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: f"{' '.join(promise.figures)} {promise.kind}")
def test_what_was_promised(fresh: suite.Results, promise: Promise) -> None:
    total = sum(value(fresh["figures"][name][promise.kind], promise.field) for name in promise.figures)
    assert promise.least is None or total >= promise.least
    assert promise.most is None or total <= promise.most


@pytest.mark.parametrize("name", TRUTH)
def test_the_truth_is_all_of_it(fresh: suite.Results, name: str) -> None:
    figure = fresh["figures"][name]
    assert (figure["SNV"]["truth"], figure["INDEL"]["truth"]) == TRUTH[name]
    assert figure["skipped"] == {"truth": 0, "calls": 0}


@pytest.mark.parametrize("name", NAMES)
def test_no_figure_falls(fresh: suite.Results, committed: suite.Results, name: str) -> None:
    ours, before = fresh["figures"][name], committed["figures"][name]
    for kind in ("SNV", "INDEL"):
        for found, known in ((ours[kind], before[kind]), (ours["allele"][kind], before["allele"][kind])):
            assert found["truth"] == known["truth"], f"{name}, {kind}: another truth; if that is meant: {REFRESH}"
            assert errors(found) <= errors(known), f"{name}, {kind}: more errors; if that is meant: {REFRESH}"


@pytest.mark.parametrize("name", [figure.name for figure in suite.FIGURES if figure.classes])
@pytest.mark.parametrize("kind", ["length", "repeat"])
def test_no_class_falls(fresh: suite.Results, committed: suite.Results, name: str, kind: str) -> None:
    found, before = fresh["indel_classes"][name][kind], committed["indel_classes"][name][kind]
    worse = {key: counts for key, counts in found.items() if errors(counts) > errors(before.get(key, NOTHING))}
    assert not worse, f"{name}: more errors; if that is meant: {REFRESH}"
    for table in (found, before):
        assert sum(counts["truth"] for counts in table.values()) == fresh["figures"][name]["INDEL"]["truth"]


NOTHING = {"fn": 0, "fp": 0}


def test_no_more_mendelian_violations(fresh: suite.Results, committed: suite.Results) -> None:
    ((_, found),), ((_, before),) = fresh["trio"].items(), committed["trio"].items()
    assert found["alleles"] >= 45
    assert len(found["violations"]) <= len(before["violations"])


# -- explained: in the code as it is, and in what is committed ----


@pytest.fixture(params=["fresh", "committed"])
def results(request: pytest.FixtureRequest) -> suite.Results:
    chosen: suite.Results = request.getfixturevalue(request.param)
    return chosen


@pytest.mark.parametrize("name", REAL)
def test_every_error_on_real_reads_has_a_cause(results: suite.Results, causes: suite_page.Causes, name: str) -> None:
    wrong = {f"{error['contig']}:{error['pos']}" for error in results["figures"][name]["errors"]}
    assert wrong <= set(causes.get(name, ())), f"look at the reads, then write the cause into {CAUSES.name}"


def test_every_mendelian_violation_has_a_cause(results: suite.Results, causes: suite_page.Causes) -> None:
    (trio,) = results["trio"].values()
    wrong = {violation["position"] for violation in trio["violations"]}
    assert wrong <= set(causes.get("trio", ())), f"look at the reads, then write the cause into {CAUSES.name}"


def test_the_worst_errors_have_causes(committed: suite.Results, causes: suite_page.Causes) -> None:
    for name, entry in committed["worst"].items():
        wrong = {error["position"] for error in entry["errors"]}
        assert wrong <= set(causes[name]), f"look at the reads, then write the cause into {CAUSES.name}"


# -- what is committed ----


def test_every_figure_is_committed_with_its_commands(committed: suite.Results) -> None:
    assert list(committed["figures"]) == NAMES
    assert list(committed["indel_classes"]) == [figure.name for figure in suite.FIGURES if figure.classes]
    for section in committed.values():
        for entry in section.values():
            assert {"gpucall", "date", "command"} <= set(entry)
    for name, entry in committed["figures"].items():
        assert "gpucall call " in entry["steps"][-2], name
        assert "python -m bench.accuracy " in entry["steps"][-1], name


def test_no_path_of_a_machine_is_committed(committed: suite.Results) -> None:
    words = json.dumps(committed).replace('"', " ").split()
    assert not [word for word in words if word.startswith(("/", "~"))]


def test_the_page_shows_the_committed_figures(committed: suite.Results, causes: suite_page.Causes) -> None:
    page = PAGE.read_text()
    for name in suite_page.TABLES:
        assert f"<!-- table: {name} -->" in page
    assert suite_page.render(page, committed, causes) == page, (
        "python -m bench.suite --json bench/results/accuracy.json --render docs/accuracy.md"
    )


# -- the command ----


def test_only_some_samples(shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The figures of the samples named are replaced, the others stay; the calls are kept."""
    path = tmp_path / "results" / "accuracy.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"figures": {"low10 confident": 1, "HG002.92x": 2, "gone": 3}, "trio": {"old": 4}}))
    arguments = ["--data", str(shared_data), "--json", str(path), "--out", str(tmp_path / "out")]
    assert suite.main([*arguments, "--only", "HG002.92x", *suite.TRIO]) == 0
    written = json.loads(path.read_text())
    assert list(written["figures"]) == ["low10 confident", "HG002.92x", "trio.HG001"]
    assert written["figures"]["low10 confident"] == 1
    assert written["figures"]["HG002.92x"]["SNV"]["truth"] == 6
    assert list(written["trio"]) == [" ".join(suite.TRIO)]
    assert (tmp_path / "out" / "HG002.92x" / "HG002.92x.b37.vcf.gz").exists()
    assert "HG002.92x" in capsys.readouterr().out


def test_an_unknown_sample(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--data", str(tmp_path), "--json", str(tmp_path / "a.json"), "--only", "base31"]
    assert suite.main(arguments) == UsageError.exit_code
    assert "base31" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_rendering(tmp_path: Path, committed: suite.Results) -> None:
    """Tables are replaced, prose stays."""
    folder = tmp_path / "results"
    folder.mkdir()
    (folder / "accuracy.json").write_text(json.dumps(committed))
    (folder / "causes.json").write_text("{}")
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- table: figures -->\nold\n<!-- end -->\nafter\n<!-- table: trio -->\n<!-- end -->\n")
    assert suite.main(["--json", str(folder / "accuracy.json"), "--render", str(page)]) == 0
    lines = page.read_text().splitlines()
    assert [lines[0], lines[-1]] == ["before", "<!-- end -->"]
    assert "old" not in lines
    assert "after" in lines
    assert sum(line.startswith("| base30 ") for line in lines) == 3
    cell = f"| base30 all | {committed['figures']['base30 all']['SNV']['truth']} |"
    assert sum(line.startswith(cell) for line in lines) == 1


def test_a_cause_or_the_lack_of_one_is_shown(committed: suite.Results) -> None:
    (violation, *_), worst = [{"position": "c1:5", "change": "A" * 20 + ">A"} | dict.fromkeys(suite_page.ROLES)], {}
    results = {**committed, "trio": {"x": {"violations": [violation]}}, "worst": worst}
    page = "<!-- table: trio -->\n<!-- end -->"
    assert "| c1:5 | AAAAAAAA...(20 bp)>A | no record |" in suite_page.render(page, results, {})
    assert suite_page.UNKNOWN in suite_page.render(page, results, {})
    assert "| chimera |" in suite_page.render(page, results, {"trio": {"c1:5": "chimera"}})


def test_a_phased_genotype_does_not_break_the_table(committed: suite.Results) -> None:
    error = {"contig": "c1", "pos": "5", "ref": "A", "alt": "C", "gt": "0|1", "qual": "9", "error": "fn", "reason": "x"}
    figures = {"real": {**committed["figures"]["HG002.31x"], "errors": [error]}}
    page = suite_page.render("<!-- table: errors -->\n<!-- end -->", {**committed, "figures": figures}, {})
    assert "| real | c1:5 | A>C 0\\|1 | fn | x | - |" in page


def test_a_page_that_asks_for_what_there_is_not(committed: suite.Results) -> None:
    with pytest.raises(UsageError, match="weather"):
        suite_page.render("<!-- table: weather -->\n<!-- end -->", committed, {})


@pytest.mark.parametrize("text", [None, "{"])
def test_figures_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=r"a\.json"):
        suite.read_results(tmp_path / "a.json")
    with pytest.raises(InputError, match=r"a\.json"):
        suite_page.read_causes(tmp_path / "a.json")

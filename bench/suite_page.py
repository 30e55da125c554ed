"""suite_page: the tables of docs/accuracy.md, from the figures of bench.suite and the causes that people wrote down.

A table stands in the page between ``<!-- table: NAME -->`` and ``<!-- end -->``; all else is prose and stays. Causes
are keyed by what was called and by position: a person finds them in the reads, so they have a file of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from gpucall.errors import InputError, UsageError

from .mendel import ROLES

Results = dict[str, dict[str, Any]]
Causes = dict[str, dict[str, str]]  # name of the figure (``trio`` for violations) -> position -> cause
Row = Sequence[object]

MARKED = re.compile(r"<!-- table: (\w+) -->\n.*?<!-- end -->", re.DOTALL)
UNKNOWN = "not looked at yet"
KINDS = ("SNV", "INDEL")


def read_causes(path: Path) -> Causes:
    """The causes of errors, by figure and position."""
    try:
        causes: Causes = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read causes: {error}; expected JSON: figure -> position -> cause") from None
    return causes


def render(page: str, results: Results, causes: Causes) -> str:
    """The page with its tables made anew.

    Raises
    ------
    UsageError
        The page asks for a table that there is not.
    """

    def table(marker: re.Match[str]) -> str:
        name = marker.group(1)
        if name not in TABLES:
            raise UsageError(f"the page asks for a table {name!r}; there are {', '.join(TABLES)}")
        return f"<!-- table: {name} -->\n{TABLES[name](results, causes)}\n<!-- end -->"

    return MARKED.sub(table, page)


def _table(header: Row, rows: Iterable[Row]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _rate(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _rates(counts: dict[str, Any]) -> str:
    return " / ".join(_rate(counts[name]) for name in ("precision", "recall", "f1"))


def figures_table(results: Results, causes: Causes) -> str:
    """One row a figure: truth records, false negatives and positives, rates by genotype, F1 by allele."""
    header = ["data"]
    for kind in KINDS:
        header += [f"{kind} truth", "FN", "FP", "P / R / F1", "F1 by allele"]
    return _table(header, ([name, *_figure_cells(entry)] for name, entry in results["figures"].items()))


def _figure_cells(entry: dict[str, Any]) -> Iterator[object]:
    for kind in KINDS:
        yield from (entry[kind][name] for name in ("truth", "fn", "fp"))
        yield from (_rates(entry[kind]), _rate(entry["allele"][kind]["f1"]))


def length_table(results: Results, causes: Causes) -> str:
    """Indels by length."""
    return _class_table("length", results["indel_classes"])


def repeat_table(results: Results, causes: Causes) -> str:
    """Indels by the repeat that they change."""
    return _class_table("repeat", results["indel_classes"])


def _class_table(kind: str, by_figure: dict[str, Any]) -> str:
    names = list(dict.fromkeys(name for entry in by_figure.values() for name in entry[kind]))
    header = [kind]
    for figure in by_figure:
        header += [f"{figure}: truth", "FN", "FP", "recall", "precision"]
    rows = (
        [name, *(cell for entry in by_figure.values() for cell in _class_cells(entry[kind].get(name)))]
        for name in names
    )
    return _table(header, rows)


def _class_cells(counts: dict[str, Any] | None) -> Iterator[object]:
    for name in ("truth", "fn", "fp"):
        yield counts[name] if counts else 0
    for name in ("recall", "precision"):
        yield _rate(counts[name]) if counts else "-"


def worst_table(results: Results, causes: Causes) -> str:
    """The worst indel errors and their causes."""
    header = ("position", "error", "truth", "called", "QUAL", "length", "repeat", "cause")
    return _table(header, _worst_rows(results, causes))


def _worst_rows(results: Results, causes: Causes) -> Iterator[Row]:
    for figure, entry in results["worst"].items():
        for error in entry["errors"]:
            sides = ("<br>".join(map(_shortened, error[side])) or "-" for side in ("truth", "called"))
            qual = "-" if error["qual"] is None else error["qual"]
            cause = causes.get(figure, {}).get(error["position"], UNKNOWN)
            yield (error["position"], error["error"], *sides, qual, error["length"], error["repeat"], cause)


def _shortened(record: str) -> str:
    """``position REF>ALT genotype`` with long alleles cut."""
    return re.sub(r"[ACGTN]{13,}", lambda bases: f"{bases[0][:8]}...({len(bases[0])} bp)", record)


def errors_table(results: Results, causes: Causes) -> str:
    """Every wrong record of the real samples and its cause."""
    header = ("sample", "position", "record", "error", "reason", "QUAL", "cause")
    return _table(header, _error_rows(results, causes))


def _error_rows(results: Results, causes: Causes) -> Iterator[Row]:
    for name, entry in results["figures"].items():
        for error in entry.get("errors", ()):
            position = f"{error['contig']}:{error['pos']}"
            record = f"{error['ref']}>{error['alt']} {error['gt']}"
            qual = error["qual"] if error["error"] == "fp" else "-"
            cause = causes.get(name, {}).get(position, UNKNOWN)
            yield (name, position, _shortened(record), error["error"], error["reason"], qual, cause)


def trio_table(results: Results, causes: Causes) -> str:
    """Mendelian violations: each person's genotype, AD and FILTER."""
    rows = (
        (
            violation["position"],
            _shortened(violation["change"]),
            *(_person(violation[role]) for role in ROLES),
            causes.get("trio", {}).get(violation["position"], UNKNOWN),
        )
        for entry in results["trio"].values()
        for violation in entry["violations"]
    )
    return _table(("position", "change", *ROLES, "cause"), rows)


def _person(record: dict[str, Any] | None) -> str:
    if record is None:
        return "no record"
    depths = ",".join(map(str, record["ad"] or ())) or "."
    return f"{record['gt']} AD {depths} {record['filter']}"


def made_table(results: Results, causes: Causes) -> str:
    """The command that makes each part of the figures, and when it last did."""
    makes: dict[tuple[str, ...], list[str]] = {}
    for section, entries in results.items():
        for name, entry in entries.items():
            made = (entry["command"], entry["gpucall"], entry["date"])
            makes.setdefault(made, []).append(name if section == "figures" else f"{section}: {name}")
    rows = ((f"`{command}`", "<br>".join(names), version, date) for (command, version, date), names in makes.items())
    return _table(("command", "makes", "gpucall", "date"), rows)


TABLES = {
    "figures": figures_table,
    "length": length_table,
    "repeat": repeat_table,
    "worst": worst_table,
    "errors": errors_table,
    "trio": trio_table,
    "made": made_table,
}

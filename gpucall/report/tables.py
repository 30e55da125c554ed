"""tables: figures for programs, as Parquet and as TSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..qc.figures import FIGURES, Value
from ..qc.verdict import SEVERITY, Verdict

SCHEMA_VERSION = "1"
SAMPLE_COLUMNS = (
    *("sample", "platform", "batch", "metric", "label", "unit", "value", "text"),
    *("status", "profile", "profile_version"),
)
TEXT_FIGURES = ("sex_karyotype",)
ABOUT = ("sample", "platform", "batch", "profile", "profile_version", "scope", "verdict")


def write_sample(path: Path, verdict: Verdict) -> None:
    """One row a figure: what it is, its number or text, and its status where the profile judges it.

    Columns: sample, platform, batch, metric, label, unit: string; value: double; text: string; status, profile,
    profile_version: string. Missing values are null.
    """
    import pyarrow as pa

    rows = list(sample_rows(verdict))
    kinds = {name: pa.float64() if name == "value" else pa.string() for name in SAMPLE_COLUMNS}
    columns = {name: pa.array([row[name] for row in rows], kind) for name, kind in kinds.items()}
    write_parquet(path, pa.table(columns))


def sample_rows(verdict: Verdict) -> Iterator[dict[str, Any]]:
    """The rows of ``write_sample``."""
    for name, value in verdict.figures.items():
        statuses = [each.status for each in verdict.judgements if each.metric == name]
        yield {
            **about(verdict),
            "metric": name,
            "label": FIGURES[name].label,
            "unit": FIGURES[name].unit or None,
            "value": None if value is None or isinstance(value, str) else float(value),
            "text": value if isinstance(value, str) else None,
            "status": max(statuses, key=SEVERITY.index) if statuses else None,
        }


def about(verdict: Verdict) -> dict[str, str | None]:
    """What a row says of its sample (``ABOUT``)."""
    return {
        "sample": verdict.sample,
        "platform": verdict.platform or None,
        "batch": verdict.batch or None,
        "profile": verdict.profile.name,
        "profile_version": verdict.profile.version,
        "scope": "genome" if verdict.whole_genome else "part",
        "verdict": verdict.status,
    }


def write_cohort(parquet: Path, tsv: Path, verdicts: Sequence[Verdict]) -> None:
    """One row a sample, a column for each of ``ABOUT`` and ``FIGURES``; the same in both files."""
    import pyarrow as pa

    columns = {name: pa.array([about(each)[name] for each in verdicts], pa.string()) for name in ABOUT}
    for name in FIGURES:
        kind = pa.string() if name in TEXT_FIGURES else pa.float64()
        columns[name] = pa.array([each.figures[name] for each in verdicts], kind)
    write_parquet(parquet, pa.table(columns))
    with open(tsv, "w", encoding="utf-8") as out:
        out.write("\t".join([*ABOUT, *FIGURES]) + "\n")
        for each in verdicts:
            cells = [*about(each).values(), *each.figures.values()]
            out.write("\t".join(map(cell, cells)) + "\n")


def cell(value: Value) -> str:
    """A cell of a TSV; empty: not measured."""
    return "" if value is None else str(value)


def write_parquet(path: Path, table: Any) -> None:
    """Write a table, its schema's version in its metadata."""
    import pyarrow.parquet as pq

    pq.write_table(table.replace_schema_metadata({"gpucall.schema": SCHEMA_VERSION}), path, compression="zstd")

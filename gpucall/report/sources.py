"""sources: what a report needs, read from the files that a run wrote in the formats of the tools they equal.

A file that is not there says nothing; whatever it would have told is "not measured".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..qc.figures import Figures
from ..qc.metrics import rounded

PICARD_CATEGORIES = ("PAIR", "UNPAIRED")  # the rows of an alignment summary that stand for all reads, best first


def file_figures(folder: Path, sample: str) -> Figures:
    """Figures that only files tell, by name."""
    return {
        **insert_size_figures(folder / f"{sample}.insert_size_metrics.txt"),
        **alignment_figures(folder / f"{sample}.alignment_summary_metrics.txt"),
        **contamination_figures(folder / f"{sample}.selfSM"),
        **sex_figures(folder / f"{sample}.sex.json"),
    }


def lines_of(path: Path) -> list[str]:
    """The lines of a text file; none where there is no file."""
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def picard_tables(path: Path) -> Iterator[list[dict[str, str]]]:
    """The tables of a Picard file: rows by column name. METRICS CLASS first, HISTOGRAM second."""
    lines = iter(lines_of(path))
    for line in lines:
        if not line.startswith(("## METRICS CLASS", "## HISTOGRAM")):
            continue
        columns = next(lines, "").split("\t")
        rows = []
        for row in lines:
            if not row:
                break
            rows.append(dict(zip(columns, row.split("\t"), strict=False)))
        yield rows


def insert_size_figures(path: Path) -> Figures:
    """Of CollectInsertSizeMetrics: its first row is the most frequent orientation."""
    rows = next(picard_tables(path), [])
    return {"median_insert_size": number(rows[0]["MEDIAN_INSERT_SIZE"])} if rows else {}


def alignment_figures(path: Path) -> Figures:
    """Of CollectAlignmentSummaryMetrics, over both reads of pairs where there are pairs."""
    rows = {row["CATEGORY"]: row for row in next(picard_tables(path), [])}
    row = next((rows[name] for name in PICARD_CATEGORIES if name in rows), None)
    if row is None:
        return {}
    chimeras, mismatches = number(row["PCT_CHIMERAS"]), number(row["PF_MISMATCH_RATE"])
    return {
        "pct_chimeras": None if chimeras is None else rounded(100 * float(chimeras), 2),
        "pct_mismatches": None if mismatches is None else rounded(100 * float(mismatches), 3),
    }


def contamination_figures(path: Path) -> Figures:
    """Of VerifyBamID2's table: FREEMIX."""
    lines = lines_of(path)
    if len(lines) < 2:
        return {}
    row = dict(zip(lines[0].lstrip("#").split("\t"), lines[1].split("\t"), strict=False))
    rate = number(row.get("FREEMIX", ""))
    return {} if rate is None else {"cross_contamination_rate": rounded(float(rate), 4)}


def sex_figures(path: Path) -> Figures:
    """The class that the sample's reads show, whatever the user said."""
    found = json_of(path) or {}
    inferred = found.get("inferred", "unknown")
    return {} if inferred == "unknown" else {"sex_karyotype": inferred}


def json_of(path: Path) -> Any:
    """A JSON document; None where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def number(text: str) -> int | float | None:
    """A number as it is written; None for what is none (``?``, ``NA``, empty)."""
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None

"""sources: what a report needs, read from the files that a run wrote in the formats of the tools they equal.

A file that is not there says nothing; whatever it would have told is "not measured".
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import mul
from pathlib import Path
from typing import Any, NamedTuple

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
    """The class that the sample's reads show, whatever the user said, and the depths it rests on."""
    found = json_of(path) or {}
    ratios = {name: found.get("evidence", {}).get(name) for name in ("x_depth_ratio", "y_depth_ratio")}
    figures: Figures = {name: rounded(value, 4) for name, value in ratios.items() if value is not None}
    inferred = found.get("inferred", "unknown")
    return figures if inferred == "unknown" else figures | {"sex_karyotype": inferred}


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


# -- curves ------------------------------------------------------------------------------------------------------------

Points = list[tuple[float, float]]


def tagged(path: Path, *tags: str) -> dict[str, list[list[str]]]:
    """Rows by their first column, one of some, of the text of samtools stats or bcftools stats."""
    sections: dict[str, list[list[str]]] = {tag: [] for tag in tags}
    starts = tuple(f"{tag}\t" for tag in tags)
    for line in lines_of(path):
        if line.startswith(starts):
            tag, *row = line.split("\t")
            sections[tag].append(row)
    return sections


def coverage_shares(path: Path) -> Points:
    """Of mosdepth's distribution: (depth, share of all positions at least that deep), shallow first."""
    rows = (line.split("\t") for line in lines_of(path))
    return sorted((float(depth), float(share)) for name, depth, share in rows if name == "total")


def contig_depths(path: Path) -> dict[str, tuple[int, float]]:
    """Of mosdepth's summary: length and mean depth of each contig."""
    rows = [line.split("\t") for line in lines_of(path)[1:]]
    return {
        row[0]: (int(row[1]), float(row[3])) for row in rows if not row[0].endswith("_region") and row[0] != "total"
    }


def histogram(path: Path, key: str) -> Points:
    """The first count column of a Picard file's histogram, by its column ``key``."""
    for rows in picard_tables(path):
        if rows and key in rows[0]:
            count = next(name for name in rows[0] if name != key)
            return [(float(row[key]), float(row[count])) for row in rows]
    return []


class CycleQualities(NamedTuple):
    """Qualities of one cycle: mean, and the quarters that lie below and above."""

    cycle: int
    mean: float
    low: int
    high: int


def cycle_qualities(rows: Sequence[Sequence[str]]) -> list[CycleQualities]:
    """Of samtools stats' FFQ or LFQ rows; cycles without a base are left out."""
    found = []
    for row in rows:
        counts = list(map(int, row[1:]))
        below = list(accumulate(counts))
        total = below[-1] if below else 0
        if total:
            mean = sum(map(mul, counts, range(len(counts)))) / total
            low, high = (bisect_left(below, share * total) for share in (0.25, 0.75))
            found.append(CycleQualities(int(row[0]), mean, low, high))
    return found


class GcBin(NamedTuple):
    """Windows of one GC content: per cent, how many, and their coverage as a multiple of the mean."""

    gc: int
    windows: int
    coverage: float


def gc_bins(path: Path) -> list[GcBin]:
    """Of CollectGcBiasMetrics' detail: windows of all reads."""
    rows = next(picard_tables(path), [])
    return [
        GcBin(int(row["GC"]), int(row["WINDOWS"]), float(row["NORMALIZED_COVERAGE"]))
        for row in rows
        if row.get("ACCUMULATION_LEVEL", "All Reads") == "All Reads" and int(row["WINDOWS"])
    ]


def line_graph(path: Path) -> dict[str, Points]:
    """The lines of one of our ``*_mqc.json`` line graphs by name, x ascending."""
    content = json_of(path)
    if content is None:
        return {}
    return {name: sorted((float(x), float(y)) for x, y in line.items()) for name, line in content["data"].items()}

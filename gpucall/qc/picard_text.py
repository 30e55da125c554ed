"""picard_text: metrics files in the format of htsjdk's MetricsFile (3.0), which MultiQC's picard module reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_DOWN, Decimal
from math import isinf, isnan
from pathlib import Path

from .. import __version__

Value = int | float | str
Row = Mapping[str, Value]
PRECISION = Decimal("0.000001")  # FormatUtil.DECIMAL_DIGITS_TO_PRINT
HEADER_CLASS = "htsjdk.samtools.metrics.StringHeader"


def format_value(value: Value) -> str:
    """As FormatUtil prints it: at most six decimals, the exact value rounded half down, ``?`` where there is none."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isnan(value) or isinf(value):
        return "-?" if value == float("-inf") else "?"
    text = f"{Decimal(value).quantize(PRECISION, ROUND_HALF_DOWN):f}"
    return text.rstrip("0").rstrip(".")


class Histograms:
    """Columns of counts beside one column of keys, as they stand in a metrics file.

    ``columns``: label -> key -> count. Columns without a bin are left out; every key of any column is a row.
    """

    def __init__(self, label: str, columns: Mapping[str, Mapping[int, int]]) -> None:
        self.label = label
        self.columns = {name: counts for name, counts in columns.items() if counts}

    def lines(self) -> list[str]:
        """The section's lines; none where all columns are empty."""
        if not self.columns:
            return []
        keys = sorted(set().union(*self.columns.values()))
        rows = ["\t".join(map(str, (key, *(each.get(key, 0) for each in self.columns.values())))) for key in keys]
        return ["## HISTOGRAM\tjava.lang.Integer", "\t".join([self.label, *self.columns]), *rows]


def write_metrics_file(
    path: Path, tool: str, sample: str, kind: str, rows: Sequence[Row], histograms: Histograms | None = None
) -> None:
    """Write a metrics file.

    Parameters
    ----------
    tool
        the Picard tool whose output this equals, by which readers know the file; a line says who really wrote it.
    kind
        class of the rows, such as ``picard.analysis.WgsMetrics``.
    rows
        field -> value, all with the same fields; the first row's order.
    """
    lines = [
        f"## {HEADER_CLASS}",
        f"# {tool} INPUT={sample}",
        f"## {HEADER_CLASS}",
        f"# Written by gpucall {__version__}, not by Picard: what picard.analysis.{tool} 2.27.5 gives by default",
        "",
    ]
    if rows:
        lines += [f"## METRICS CLASS\t{kind}", "\t".join(rows[0])]
        lines += ["\t".join(format_value(row[name]) for name in rows[0]) for row in rows]
    lines += ["", *(histograms.lines() if histograms else []), ""]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

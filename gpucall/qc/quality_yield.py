"""quality_yield: bases that the sequencer made, by quality (Picard 2.27.5, CollectQualityYieldMetrics)."""

from __future__ import annotations

from pathlib import Path

from ..kernels import picard as kernel
from ..kernels.picard import ReadCounts
from .picard_text import Row, write_metrics_file

Q20_EQUIVALENT = 20  # phred


def quality_yield(counts: ReadCounts) -> dict[str, int]:
    """Fields of QualityYieldMetrics, of primary reads; base qualities are OQ's where a read has it."""
    passed = [int(value) for value in counts.yields[1]]
    every = [int(value) for value in counts.yields.sum(axis=0)]
    fields: dict[str, int] = {"TOTAL_READS": every[kernel.YIELD_READS], "PF_READS": passed[kernel.YIELD_READS]}
    reads, bases = every[kernel.YIELD_READS], every[kernel.YIELD_BASES]
    fields["READ_LENGTH"] = bases // reads if reads else 0
    columns = {"BASES": kernel.YIELD_BASES, "Q20_BASES": kernel.YIELD_Q20, "Q30_BASES": kernel.YIELD_Q30}
    for name, column in columns.items():
        fields["TOTAL_BASES" if name == "BASES" else name] = every[column]
        fields[f"PF_{name}"] = passed[column]
    fields["Q20_EQUIVALENT_YIELD"] = every[kernel.YIELD_QUALITY] // Q20_EQUIVALENT
    fields["PF_Q20_EQUIVALENT_YIELD"] = passed[kernel.YIELD_QUALITY] // Q20_EQUIVALENT
    return fields


def write_quality_yield(path: Path, sample: str, counts: ReadCounts) -> None:
    """Write ``.quality_yield_metrics.txt``."""
    kind = "picard.analysis.CollectQualityYieldMetrics$QualityYieldMetrics"
    rows: list[Row] = [quality_yield(counts)]
    write_metrics_file(path, "CollectQualityYieldMetrics", sample, kind, rows)

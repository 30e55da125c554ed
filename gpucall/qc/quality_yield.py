"""quality_yield: bases that the sequencer made, by quality (Picard 2.27.5, CollectQualityYieldMetrics)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..kernels import picard as kernel
from ..kernels.picard import ReadCounts
from ..kernels.records import QC_FAIL, SECONDARY, SUPPLEMENTARY
from .picard_text import Row, write_metrics_file

Q20_EQUIVALENT = 20  # phred


def by_filter(counts: ReadCounts) -> NDArray[np.int64]:
    """int64[2, KEY_COLUMNS]: ``counts.keyed`` over primary reads that failed the vendor's filter, and that passed."""
    keys = np.arange(len(counts.keyed))
    primary, failed = (keys & (SECONDARY | SUPPLEMENTARY)) == 0, (keys & QC_FAIL) != 0
    return np.stack([counts.keyed[primary & chosen].sum(axis=0) for chosen in (failed, ~failed)])


def quality_yield(counts: ReadCounts) -> dict[str, int]:
    """Fields of QualityYieldMetrics, of primary reads; base qualities are OQ's where a read has it."""
    yields = by_filter(counts)
    passed, every = yields[1].tolist(), yields.sum(axis=0).tolist()
    reads, bases = every[kernel.KEY_READS], every[kernel.KEY_BASES]
    fields: dict[str, int] = {"TOTAL_READS": reads, "PF_READS": passed[kernel.KEY_READS]}
    fields["READ_LENGTH"] = bases // reads if reads else 0
    columns = {"BASES": kernel.KEY_BASES, "Q20_BASES": kernel.KEY_Q20, "Q30_BASES": kernel.KEY_Q30}
    for name, column in columns.items():
        fields["TOTAL_BASES" if name == "BASES" else name] = every[column]
        fields[f"PF_{name}"] = passed[column]
    fields["Q20_EQUIVALENT_YIELD"] = every[kernel.KEY_QUALITY] // Q20_EQUIVALENT
    fields["PF_Q20_EQUIVALENT_YIELD"] = passed[kernel.KEY_QUALITY] // Q20_EQUIVALENT
    return fields


def write_quality_yield(path: Path, sample: str, counts: ReadCounts) -> None:
    """Write ``.quality_yield_metrics.txt``."""
    kind = "picard.analysis.CollectQualityYieldMetrics$QualityYieldMetrics"
    rows: list[Row] = [quality_yield(counts)]
    write_metrics_file(path, "CollectQualityYieldMetrics", sample, kind, rows)

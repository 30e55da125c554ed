"""quality_yield: bases that the sequencer made, by quality (Picard 2.27.5, CollectQualityYieldMetrics)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..kernels import picard as kernel
from ..kernels.picard import ReadCounts
from ..kernels.records import QC_FAIL, SECONDARY, SUPPLEMENTARY
from .picard_text import Row, write_metrics_file
from .stats import ReadFigures

Q20_EQUIVALENT = 20  # phred
SIGNED_BYTES = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int64)  # Java's bytes have a sign


def by_filter(counts: ReadCounts, reads: ReadFigures) -> dict[str, NDArray[np.int64]]:
    """What primary reads that passed the vendor's filter, and those that failed, have: int64[2] each.

    Reads, bases, those of quality 20 and 30 or more, and the sum of qualities; base qualities are OQ's where a read has
    it, those of a read without any are left out.
    """
    keys = np.arange(len(counts.keyed))
    primary, failed = (keys & (SECONDARY | SUPPLEMENTARY)) == 0, (keys & QC_FAIL) != 0
    more = np.stack([counts.keyed[primary & chosen].sum(axis=0) for chosen in (~failed, failed)], axis=1)
    by_quality = reads.quality.sum(axis=(0, 2))
    return {
        "reads": more[kernel.KEY_READS],
        "bases": by_quality.sum(axis=1),
        "q20": by_quality[:, kernel.Q20 : 128].sum(axis=1) + more[kernel.KEY_MORE_Q20],
        "q30": by_quality[:, kernel.Q30 : 128].sum(axis=1) + more[kernel.KEY_MORE_Q30],
        "quality": by_quality @ SIGNED_BYTES + more[kernel.KEY_MORE_QUALITY],
    }


def quality_yield(counts: ReadCounts, reads: ReadFigures) -> dict[str, int]:
    """Fields of QualityYieldMetrics, of primary reads."""
    found = by_filter(counts, reads)
    passed = {name: int(both[0]) for name, both in found.items()}
    every = {name: int(both.sum()) for name, both in found.items()}
    fields: dict[str, int] = {"TOTAL_READS": every["reads"], "PF_READS": passed["reads"]}
    fields["READ_LENGTH"] = every["bases"] // every["reads"] if every["reads"] else 0
    for name, total in (("bases", "TOTAL_BASES"), ("q20", "Q20_BASES"), ("q30", "Q30_BASES")):
        fields[total] = every[name]
        fields[f"PF_{total.removeprefix('TOTAL_')}"] = passed[name]
    fields["Q20_EQUIVALENT_YIELD"] = every["quality"] // Q20_EQUIVALENT
    fields["PF_Q20_EQUIVALENT_YIELD"] = passed["quality"] // Q20_EQUIVALENT
    return fields


def write_quality_yield(path: Path, sample: str, counts: ReadCounts, reads: ReadFigures) -> None:
    """Write ``.quality_yield_metrics.txt``."""
    kind = "picard.analysis.CollectQualityYieldMetrics$QualityYieldMetrics"
    rows: list[Row] = [quality_yield(counts, reads)]
    write_metrics_file(path, "CollectQualityYieldMetrics", sample, kind, rows)

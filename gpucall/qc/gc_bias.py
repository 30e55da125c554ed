"""gc_bias: coverage by the GC of windows of the reference (Picard 2.27.5, CollectGcBiasMetrics)."""

from __future__ import annotations

from math import floor, log10, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels import picard as kernel
from ..kernels.picard import ReadCounts
from ..kernels.stretch import CHUNK, GC_BINS, WINDOW
from .picard_text import Row, write_metrics_file

RANGES = ((0, 19), (20, 39), (40, 59), (60, 79), (80, 100))  # percent, of GC_NC_0_19 and so on
LEVELS: Row = {"ACCUMULATION_LEVEL": "All Reads", "READS_USED": "ALL"}
LAST: Row = {"SAMPLE": "", "LIBRARY": "", "READ_GROUP": ""}


class GcWindows:
    """Windows of the reference by their GC, int64[GC_BINS]; each start of a window once."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.counts: Any = backend.xp.zeros(GC_BINS, dtype=np.int64)

    def add(self, letters: Any, origin: int, start: int, stop: int, contig_length: int) -> None:
        """Count the windows that start in [start, stop) of a contig.

        ``letters`` uint8[n], on the backend's side, are the contig's from ``origin`` to ``WINDOW`` behind ``stop``, or
        to its end: upper-case ASCII. GcBiasUtils leaves out a contig's first window and its last ones.
        """
        start, stop = max(start, 1) - origin, min(stop, contig_length - WINDOW) - origin
        if start < stop:
            self._backend.launch("stretch.windows", -(-(stop - start) // CHUNK), letters, start, stop, self.counts)

    def merge(self, other: GcWindows) -> None:
        """Add what another worker counted."""
        self.counts += other.counts

    def result(self) -> NDArray[np.int64]:
        """The counts on the host."""
        counts: NDArray[np.int64] = self._backend.download(self.counts)
        return counts


def phred(errors: int, bases: int) -> int:
    """QualityUtil.getPhredScoreFromObsAndErrors; Math.round rounds halves up."""
    return floor(-10 * log10(errors / bases) + 0.5)


def details(windows: NDArray[np.int64], gc: NDArray[np.int64]) -> list[Row]:
    """Rows of GcBiasDetailMetrics, one for each percent of GC."""
    starts = gc[kernel.GC_READS].tolist()
    expected = sum(starts) / int(windows.sum())  # reads in a window
    rows: list[Row] = []
    for percent, (there, reads) in enumerate(zip(windows.tolist(), starts, strict=True)):
        errors, bases = int(gc[kernel.GC_ERRORS][percent]), int(gc[kernel.GC_BASES][percent])
        rows.append(
            {
                **LEVELS,
                "GC": percent,
                "WINDOWS": there,
                "READ_STARTS": reads,
                "MEAN_BASE_QUALITY": phred(errors, bases) if errors else 0,
                "NORMALIZED_COVERAGE": reads / there / expected if there else 0.0,
                "ERROR_BAR_WIDTH": sqrt(reads) / there / expected if there else 0.0,
                **LAST,
            }
        )
    return rows


def normalized(windows: NDArray[np.int64], reads: NDArray[np.int64], low: int, high: int) -> float:
    """Coverage of the windows of ``low`` to ``high`` percent GC, 1: as many reads as windows of any GC have."""
    there = windows[low : high + 1]
    if not there.any():
        return 0.0
    expected = int(reads.sum()) / int(windows.sum())
    return int(reads[low : high + 1][there > 0].sum()) / (int(there.sum()) * expected)


def dropouts(windows: NDArray[np.int64], reads: NDArray[np.int64]) -> tuple[float, float]:
    """Percent of reads that are missing where AT, and where GC, is plenty."""
    missing = [0.0, 0.0]
    all_reads, all_windows = int(reads.sum()), int(windows.sum())
    for percent, (there, found) in enumerate(zip(windows.tolist(), reads.tolist(), strict=True)):
        dropout = (there / all_windows - found / all_reads) * 100
        if dropout > 0:
            missing[percent > 50] += dropout
    return missing[0], missing[1]


def summary(windows: NDArray[np.int64], gc: NDArray[np.int64], totals: NDArray[np.int64]) -> Row:
    """The row of GcBiasSummaryMetrics."""
    reads = gc[kernel.GC_READS]
    at_dropout, gc_dropout = dropouts(windows, reads)
    coverage = {f"GC_NC_{low}_{high}": normalized(windows, reads, low, high) for low, high in RANGES}
    return {
        **LEVELS,
        "WINDOW_SIZE": WINDOW,
        "TOTAL_CLUSTERS": int(totals[kernel.CLUSTERS]),
        "ALIGNED_READS": int(totals[kernel.ALIGNED_READS]),
        "AT_DROPOUT": at_dropout,
        "GC_DROPOUT": gc_dropout,
        **coverage,
        **LAST,
    }


def write_gc_bias(detail: Path, short: Path, sample: str, windows: NDArray[np.int64], counts: ReadCounts) -> None:
    """Write ``.gc_bias.detail_metrics.txt`` and ``.gc_bias.summary_metrics.txt``; without rows where no read aligns."""
    some = counts.gc_totals[kernel.ALIGNED_READS] > 0 and windows.any() and counts.gc[kernel.GC_READS].any()
    rows = details(windows, counts.gc) if some else []
    write_metrics_file(detail, "CollectGcBiasMetrics", sample, "picard.analysis.GcBiasDetailMetrics", rows)
    rows = [summary(windows, counts.gc, counts.gc_totals)] if some else []
    write_metrics_file(short, "CollectGcBiasMetrics", sample, "picard.analysis.GcBiasSummaryMetrics", rows)

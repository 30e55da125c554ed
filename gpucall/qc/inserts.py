"""inserts: template lengths of mapped pairs, and samtools stats' mean and deviation of them."""

from __future__ import annotations

from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels import qc as kernel

MAIN_BULK = float(np.float32(0.99))  # samtools stats -m, held in single precision


class InsertSizes(NamedTuple):
    """Mean and standard deviation of the main part of the distribution, bp."""

    mean: float
    deviation: float


class InsertCounts:
    """Histogram of template lengths by orientation, int64[2, 3, 8001], once a read of each pair; [1]: failed ones.

    ``ReadStats.add`` fills it (``FlagCounts.kinds``).
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.counts: Any = backend.xp.zeros((2, 3, kernel.LARGEST_INSERT + 1), dtype=np.int64)

    def merge(self, other: InsertCounts) -> None:
        """Add what another worker counted."""
        self.counts += other.counts

    def result(self) -> InsertSizes | None:
        """Mean and deviation of reads that passed the vendor's filter; None without a pair."""
        return main_part(self.histogram()[0])

    def histogram(self) -> NDArray[np.int64]:
        """int64[2, 3, 8001]: template lengths by failed (1) and orientation (``kernels.qc``)."""
        counts: NDArray[np.int64] = self._backend.download(self.counts)
        return counts


def main_part(counts: NDArray[np.int64]) -> InsertSizes | None:
    """Mean and deviation of the shortest 99 % of inserts; None where there is none."""
    stop, mean, deviation = main_bulk(counts)
    return InsertSizes(mean, deviation) if stop else None


def main_bulk(counts: NDArray[np.int64]) -> tuple[int, float, float]:
    """Below which size the shortest 99 % are, their mean and deviation (samtools stats 1.16, ``output_stats``).

    Both reads of a pair were counted, so each orientation's counts are halved, rounding down.
    """
    pairs = (counts // 2).sum(axis=0)
    running = np.cumsum(pairs)
    if running[-1] == 0:
        return 0, 0.0, 0.0
    beyond = np.flatnonzero(running / running[-1] > MAIN_BULK)
    stop = int(beyond[0]) + 1
    total = int(running[stop - 1])
    mean = float(np.dot(np.arange(stop), pairs[:stop])) / total
    variance = 0.0
    for size in range(1, stop):  # one after the other: the sum's rounding is samtools'
        variance += int(pairs[size]) * (size - mean) * (size - mean) / total
    return stop, mean, sqrt(variance)

"""gc_depth: how many reads start in stretches of 20 kb, by their GC, as ``samtools stats`` (section GCD) counts them.

The stretches are not a grid: a stretch begins with the first read that starts more than 20 kb behind the start of the
one before, so reads must come in file order. That and samtools' sums in single precision are why this is no accumulator
of a worker's but one that takes the batches' reads in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels.stats import gc_stretches

BIN_SIZE = 20_000  # bp, samtools stats --GC-depth
PERCENTILES = (10, 25, 50, 75, 90)


class GcReads(NamedTuple):
    """Reads of a batch in file order: flags, contig and position, bases, and how many of those are C or G, int[n]."""

    flag: NDArray[np.int32]
    tid: NDArray[np.int32]
    pos: NDArray[np.int32]
    length: NDArray[np.int32]
    gc: NDArray[np.int32]


class GcDepth:
    """Reads and mean GC of every stretch."""

    def __init__(self) -> None:
        # samtools' first stretch is an empty one.
        self._depth: list[int] = [0]
        self._gc: list[np.float32] = [np.float32(0)]
        self._place = np.array([-1, -1])  # contig and start of the last stretch

    def add(self, reads: GcReads) -> None:
        """Count reads; the next ones in file order."""
        depth, gc = np.empty(len(reads.pos) + 1, dtype=np.int64), np.empty(len(reads.pos) + 1, dtype=np.float32)
        depth[0], gc[0] = self._depth[-1], self._gc[-1]
        found = gc_stretches(len(reads.pos), *reads, BIN_SIZE, self._place, depth, gc)
        self._depth[-1:], self._gc[-1:] = depth[:found].tolist(), list(gc[:found])

    def percentiles(self, length: int) -> Iterator[tuple[float, float, list[float]]]:
        """(GC in %, share of stretches with at most this GC in %, depths at ``PERCENTILES``), by samtools' steps.

        ``length`` is the reads' average length. samtools (1.16) never divides the last stretch's GC by its reads, and
        leaves out the stretch that then sorts last.
        """
        depth = np.array(self._depth, dtype=np.int64)
        gc = np.array(self._gc, dtype=np.float32)
        gc[:-1] = np.rint(100.0 * gc[:-1].astype(np.float64) / np.maximum(depth[:-1], 1))
        order = np.lexsort((depth, gc))
        depth, gc = depth[order], gc[order]
        last, first = len(depth) - 1, 0
        while first < last:
            stop = first + int(np.searchsorted(gc[first:last], gc[first], side="right"))
            group = depth[first:stop]
            share = (stop + 1) * 100.0 / len(depth)
            ranked = (percentile(group, percent) for percent in PERCENTILES)
            depths = [float(each * np.float32(length) / np.float32(BIN_SIZE)) for each in ranked]
            yield float(gc[first]), share, depths
            first = stop


def percentile(depths: NDArray[np.int64], percent: int) -> np.float32:
    """Of sorted depths, between two ranks where the rank is not whole, in single precision (``gcd_percentile``)."""
    rank = np.float32(percent * (len(depths) + 1) / np.float32(100))
    whole = int(rank)
    if not 0 < whole < len(depths):
        return np.float32(depths[0 if whole <= 0 else -1])
    low, high = depths[whole - 1 : whole + 1].tolist()
    return np.float32(low + (rank - np.float32(whole)) * np.float32(high - low))

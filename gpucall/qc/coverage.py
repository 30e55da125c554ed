"""coverage: depth of good bases, as Picard CollectWgsMetrics counts it."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels.records import Records

CAP = 250  # CollectWgsMetrics COVERAGE_CAP: deeper positions count as this deep
WELL_COVERED = 15  # PCT_15X
AUTOSOME = re.compile(r"(chr)?([1-9]|1[0-9]|2[0-2])")


def is_autosome(name: str) -> bool:
    """True for chr1 to chr22 and 1 to 22."""
    return AUTOSOME.fullmatch(name) is not None


class Coverage(NamedTuple):
    """Mean depth, its median absolute deviation, and the percentage of positions at 15 or more."""

    mean: float
    mad: float
    percent_15x: float


class CoverageCounts:
    """Histogram of depth over known reference bases, int64[2, CAP + 1]; row 1: autosomes."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.counts: Any = backend.xp.zeros((2, CAP + 1), dtype=np.int64)

    def add(
        self, records: Records, letters: Any, tid: int, start: int, stop: int, rows: tuple[int, int], autosome: bool
    ) -> None:
        """Count positions [start, stop) of contig ``tid`` from rows [rows[0], rows[1]).

        ``letters`` uint8[stop - start], on the backend's side: the reference, ASCII, upper case.
        """
        launch, (first, last) = self._backend.launch, rows
        depth = self._backend.xp.zeros(stop - start, dtype=np.int32)
        if last > first:
            launch("depth.solid", last - first, records, first, tid, start, stop, depth)
            earlier = self._chains(records, first, last)
            launch("depth.solid_once", last - first, records, first, tid, start, stop, earlier, depth)
        launch("depth.solid_histogram", stop - start, depth, letters, self.counts[int(autosome)])

    def add_uncovered(self, known: int, autosome: bool) -> None:
        """Count ``known`` known reference bases without a read."""
        self.counts[int(autosome), 0] += known

    def merge(self, other: CoverageCounts) -> None:
        """Add what another worker counted."""
        self.counts += other.counts

    def result(self) -> Coverage | None:
        """The three figures of the autosomes; None where no position was counted."""
        return describe(self._backend.download(self.counts)[1])

    def _chains(self, records: Records, first: int, last: int) -> Any:
        """Rows [first, last) chained by read name: int32[last - first], the row before or -1.

        A name counts once whatever its reads are: mates, supplementary alignments, records that are there twice.
        """
        xp = self._backend.xp
        rows = xp.argsort(records.name_hash[first:last]) + first
        earlier = xp.empty(last - first, dtype=np.int32)
        self._backend.launch("depth.link", len(rows), records, first, rows, earlier)
        return earlier


def median(values: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Median of ``counts[k]`` times ``values[k]``, values ascending; the mean of the middle two of an even number."""
    running = np.cumsum(counts)
    total = int(running[-1])
    middle = np.searchsorted(running, [(total + 1) // 2, total // 2 + 1])
    return float(values[middle].sum()) / 2


def describe(counts: NDArray[np.int64]) -> Coverage | None:
    """Mean, median absolute deviation and share at 15 or more of a histogram of depths; None where it is empty."""
    total = int(counts.sum())
    if total == 0:
        return None
    depths = np.arange(len(counts), dtype=np.float64)
    deviations = np.abs(depths - median(depths, counts))
    order = np.argsort(deviations, kind="stable")
    return Coverage(
        mean=int(np.dot(counts, np.arange(len(counts)))) / total,
        mad=median(deviations[order], counts[order]),
        percent_15x=100 * int(counts[WELL_COVERED:].sum()) / total,
    )

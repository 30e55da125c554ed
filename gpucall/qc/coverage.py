"""coverage: depths as Picard CollectWgsMetrics counts them, and the autosomes' figures."""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels import wgs as kernel
from ..kernels.records import Records
from ..kernels.wgs import CAP, Depths
from . import histogram

WELL_COVERED = 15  # PCT_15X
AUTOSOME = re.compile(r"(chr)?([1-9]|1[0-9]|2[0-2])")


@cache
def is_autosome(name: str) -> bool:
    """True for chr1 to chr22 and 1 to 22."""
    return AUTOSOME.fullmatch(name) is not None


class Coverage(NamedTuple):
    """Mean depth, its median absolute deviation, and the percentage of positions at 15 or more."""

    mean: float
    mad: float
    percent_15x: float


class CoverageResult(NamedTuple):
    """What was counted, on the host, int64.

    solid      [CAP + 1]    known reference positions by depth of good bases, a read name once
    present    [CAP + 1]    the same by depth of all bases of quality 3 or more
    sums       [SUMS]       see ``kernels.wgs``
    qualities  [QUALITIES]  bases by quality, of each position the first ``CAP``
    """

    solid: NDArray[np.int64]
    present: NDArray[np.int64]
    sums: NDArray[np.int64]
    qualities: NDArray[np.int64]


class CoverageCounts:
    """Depths over known reference bases (``CoverageResult``); row 1 of ``solid``: autosomes, row 0: the others."""

    def __init__(self, backend: Backend) -> None:
        xp = backend.xp
        self._backend = backend
        self.solid: Any = xp.zeros((2, CAP + 1), dtype=np.int64)
        self.present: Any = xp.zeros(CAP + 1, dtype=np.int64)
        self.sums: Any = xp.zeros(kernel.SUMS, dtype=np.int64)
        self.qualities: Any = xp.zeros(kernel.QUALITIES, dtype=np.int64)
        self._known = backend.workspace("levels.known")
        self._work = backend.workspace("wgs.aligned")

    def add(
        self, records: Records, letters: Any, tid: int, start: int, stop: int, rows: tuple[int, int], autosome: bool
    ) -> None:
        """Count positions [start, stop) of contig ``tid`` from rows [rows[0], rows[1]), sorted by position.

        ``letters`` uint8[stop - start], on the backend's side: the reference, ASCII, upper case.
        """
        xp, launch, (first, last), n = self._backend.xp, self._backend.launch, rows, stop - start
        depths = Depths(*(xp.zeros(n + extra, dtype=np.int32) for extra in (1, 0, 0, 0)))
        if last > first:
            counted = depths, self.qualities, self._known, self._work
            launch("wgs.aligned", last - first, records, first, tid, start, stop, *counted)
        depths = depths._replace(steps=self._backend.running_sums(depths.steps))
        over = xp.empty(n, dtype=np.uint8)
        launch("wgs.histogram", n, letters, depths, self.solid[int(autosome)], self.present, self.sums, over)
        positions = xp.flatnonzero(over)
        if len(positions):
            longest = int((records.end[first:last] - records.pos[first:last]).max())
            where = (positions, start, letters, records, first, last, longest)
            launch("wgs.excess", len(positions), *where, self.qualities)

    def add_uncovered(self, known: int, autosome: bool) -> None:
        """Count ``known`` known reference bases without a read."""
        self.solid[int(autosome), 0] += known
        self.present[0] += known

    def merge(self, other: CoverageCounts) -> None:
        """Add what another worker counted."""
        self.solid += other.solid
        self.present += other.present
        self.sums += other.sums
        self.qualities += other.qualities

    def result(self) -> Coverage | None:
        """The three figures of the autosomes; None where no position was counted."""
        return describe(self._backend.download(self.solid)[1])

    def everywhere(self) -> CoverageResult:
        """What was counted of all contigs."""
        download = self._backend.download
        qualities = np.array(download(self.qualities))
        qualities[: kernel.ABSENT_QUALITY + 1] = qualities[128:] = 0
        solid = download(self.solid).sum(axis=0)
        return CoverageResult(solid, np.array(download(self.present)), np.array(download(self.sums)), qualities)


def describe(counts: NDArray[np.int64]) -> Coverage | None:
    """Mean, median absolute deviation and share at 15 or more of a histogram of depths; None where it is empty."""
    keys, bins = histogram.filled(counts)
    if len(keys) == 0:
        return None
    return Coverage(
        mean=histogram.mean(keys, bins),
        mad=histogram.median_absolute_deviation(keys, bins),
        percent_15x=100 * int(counts[WELL_COVERED:].sum()) / int(counts.sum()),
    )

"""depth: how many reads cover each position, as mosdepth counts them, and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels.records import Records

Contigs = Sequence[tuple[str, int]]

LARGEST_DEPTH = 400_000  # mosdepth's MAX_COVERAGE: deeper positions are distributed at 10 less
SPARSE_ABOVE = 300  # of deeper positions mosdepth writes only depths that occur
SMALLEST_SHARE = 8e-5  # and leaves out lines of less than this share of a contig


class ContigDepth(NamedTuple):
    """Depth of one contig: ``counts[d]`` positions have depth d, int64."""

    name: str
    counts: NDArray[np.int64]


class DepthCounts:
    """Histogram of depth for each contig over the owned ranges, and one of samtools stats' depth over all contigs."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.counts: dict[int, Any] = {}
        self._stats: Any = backend.xp.zeros(64, dtype=np.int64)

    def add(self, records: Records, tid: int, start: int, stop: int, rows: tuple[int, int]) -> tuple[Any, int]:
        """Count positions [start, stop) of contig ``tid`` from rows [rows[0], rows[1]).

        They hold every read that reaches into the range, and the mates that those overlap. Returns mosdepth's depths,
        int32[stop - start] on the backend's side, and the highest of them, 0 at least.
        """
        xp = self._backend.xp
        steps, stats_steps = (xp.zeros(stop - start + 1, dtype=np.int32) for _ in range(2))
        self._backend.launch("depth.cover", rows[1] - rows[0], records, rows[0], tid, start, stop, steps, stats_steps)
        depth = self._backend.running_sums(steps)[:-1]
        deepest = max(int(depth.max()), 0)
        counts = self._at_least(tid, deepest + 1)
        self._backend.launch("depth.histogram", stop - start, depth, counts)
        stats_depth = self._backend.running_sums(stats_steps)[:-1]
        self._stats = self._grown(self._stats, int(stats_depth.max()) + 1)
        self._backend.launch("depth.histogram", stop - start, stats_depth, self._stats)
        return depth, deepest

    def merge(self, other: DepthCounts) -> None:
        """Add what another worker counted."""
        for tid, counts in other.counts.items():
            self._at_least(tid, len(counts))[: len(counts)] += counts
        self._stats = self._grown(self._stats, len(other._stats))
        self._stats[: len(other._stats)] += other._stats

    def stats_histogram(self) -> NDArray[np.int64]:
        """Positions by the depth that samtools stats counts: duplicates, failed reads and both mates too, int64[n].

        Positions without a read may be absent from the first element.
        """
        counts: NDArray[np.int64] = self._backend.download(self._stats)
        return counts

    def result(self, contigs: Contigs, records_per_contig: NDArray[np.int64]) -> list[ContigDepth]:
        """Every contig that any record was placed on, in order; positions that were never owned have depth 0."""
        found = []
        for tid, (name, length) in enumerate(contigs):
            if records_per_contig[tid]:
                counts: NDArray[np.int64] = np.array(self._backend.download(self._at_least(tid, 1)))
                counts[0] += length - counts.sum()
                found.append(ContigDepth(name, counts))
        return found

    def _at_least(self, tid: int, size: int) -> Any:
        """The contig's histogram, grown to ``size`` bins."""
        counts = self.counts.get(tid)
        if counts is None:
            counts = self._backend.xp.zeros(size + 64, dtype=np.int64)
        self.counts[tid] = counts = self._grown(counts, size)
        return counts

    def _grown(self, counts: Any, size: int) -> Any:
        """The histogram with ``size`` bins or more."""
        if len(counts) >= size:
            return counts
        grown = self._backend.xp.zeros(size + 64, dtype=np.int64)
        grown[: len(counts)] = counts
        return grown


def add_up(contigs: Sequence[ContigDepth]) -> NDArray[np.int64]:
    """One histogram of all contigs."""
    total = np.zeros(max((len(contig.counts) for contig in contigs), default=1), dtype=np.int64)
    for contig in contigs:
        total[: len(contig.counts)] += contig.counts
    return total


def summary_line(name: str, counts: NDArray[np.int64], lowest: int) -> str:
    """One line of mosdepth's summary."""
    length = int(counts.sum())
    bases = int(np.dot(counts, np.arange(len(counts))))
    mean = bases / length if length else 0.0
    highest = int(np.flatnonzero(counts).max(initial=0))
    return f"{name}\t{length}\t{bases}\t{mean:.2f}\t{lowest}\t{highest}\n"


def write_summary(path: Path, contigs: Sequence[ContigDepth], regions: Sequence[ContigDepth] = ()) -> None:
    """Write ``.mosdepth.summary.txt``. In mosdepth 0.3.3 the minima of totals, and of the first regions, start from 0.

    ``regions`` are the same contigs' depths in regions, or nothing.
    """
    with open(path, "w", encoding="utf-8") as out:
        out.write("chrom\tlength\tbases\tmean\tmin\tmax\n")
        for number, (name, counts) in enumerate(contigs):
            out.write(summary_line(name, counts, int(np.flatnonzero(counts).min(initial=len(counts)))))
            if regions:
                inside = regions[number].counts
                lowest = int(np.flatnonzero(inside)[0]) if number and inside.any() else 0
                out.write(summary_line(f"{name}_region", inside, lowest))
        out.write(summary_line("total", add_up(contigs), 0))
        if regions:
            out.write(summary_line("total_region", add_up(regions), 0))


def distribution(counts: NDArray[np.int64]) -> Iterator[tuple[int, float]]:
    """(depth, share of positions at least that deep), deepest first, summed in mosdepth's order."""
    counts = cap_depths(counts)
    total = int(counts.sum())
    share = 0.0
    for depth in range(len(counts) - 1, -1, -1) if total else ():
        if depth > SPARSE_ABOVE and counts[depth] == 0:
            continue
        share += int(counts[depth]) / total
        if share >= SMALLEST_SHARE:
            yield depth, share


def cap_depths(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The histogram with what is deeper than ``LARGEST_DEPTH`` moved to 10 below it."""
    if len(counts) <= LARGEST_DEPTH + 1:
        return counts
    capped = counts[: LARGEST_DEPTH + 1].copy()
    capped[LARGEST_DEPTH - 10] += counts[LARGEST_DEPTH + 1 :].sum()
    return capped


def write_distribution(path: Path, contigs: Sequence[ContigDepth]) -> None:
    """Write ``.mosdepth.global.dist.txt``."""

    def section(out: TextIO, name: str, counts: NDArray[np.int64]) -> None:
        out.writelines(f"{name}\t{depth}\t{share:.2f}\n" for depth, share in distribution(counts))

    with open(path, "w", encoding="utf-8") as out:
        for name, counts in contigs:
            section(out, name, counts)
        section(out, "total", add_up(contigs))

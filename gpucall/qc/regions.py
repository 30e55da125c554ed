"""regions: depth by region, by window and position by position, as mosdepth (0.3.3) writes it.

Workers add up what a range of positions holds (``RegionCounts``); sums of regions and runs of equal depth arrive in
genome order at ``DepthWriters``, since a region or a run may reach over several ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..config import DepthOutputs
from ..errors import EmptyInput, UsageError
from ..io.bed import BedWriter
from ..reads import run_starts
from ..tiles import bed_rows

Contigs = Sequence[tuple[str, int]]
Ints = NDArray[np.int64]
UNNAMED = "unknown"  # a region without a name, in thresholds.bed.gz


class ContigRegions(NamedTuple):
    """Regions of one contig by start, those that start together in the order of the BED.

    first  how many regions lie on contigs before this one
    reach  the furthest end of a region up to each
    """

    first: int
    starts: Ints
    ends: Ints
    reach: Ints


NO_LENGTHS: Ints = np.zeros(0, dtype=np.int64)


class Regions:
    """What ``--by`` asks for: windows of one size, or the intervals of a BED file.

    Attributes
    ----------
    windows (whether they are windows), count, names (of BED intervals), lengths (int64[count], bp)
    """

    def __init__(self, by: str, contigs: Contigs) -> None:
        self.windows = by.isdecimal()
        self._contigs: list[ContigRegions] = []
        self.names: list[str] = []
        self.count = 0
        self._read(by, contigs)
        self.lengths: Ints = np.concatenate([NO_LENGTHS, *(each.ends - each.starts for each in self._contigs)])

    def _read(self, by: str, contigs: Contigs) -> None:
        if self.windows:
            if int(by) < 1:
                raise UsageError(f"--by {by}: a window has at least 1 bp")
            for _, length in contigs:
                starts = np.arange(0, length, int(by), dtype=np.int64)
                self._append(starts, np.minimum(starts + int(by), length))
            return
        rows: dict[str, list[tuple[int, int, str]]] = {name: [] for name, _ in contigs}
        for _, span, further in bed_rows(by, dict(contigs)):
            rows[span.contig].append((span.start, span.end, further[0] if further else ""))
        if not any(rows.values()):
            raise EmptyInput(f"{by}: no intervals; expected BED lines of contig, start and end")
        for name, _ in contigs:
            here = sorted(rows[name], key=lambda row: row[0])
            self.names += [label for _, _, label in here]
            spans = np.array([row[:2] for row in here], dtype=np.int64).reshape(-1, 2)
            self._append(spans[:, 0].copy(), spans[:, 1].copy())

    def _append(self, starts: Ints, ends: Ints) -> None:
        self._contigs.append(ContigRegions(self.count, starts, ends, np.maximum.accumulate(ends)))
        self.count += len(starts)

    def of(self, tid: int) -> ContigRegions:
        """The regions of a contig."""
        return self._contigs[tid]

    def overlapping(self, tid: int, start: int, stop: int) -> tuple[Ints, Ints, Ints]:
        """Numbers of the regions that overlap [start, stop), and from where to where they do, from ``start``."""
        first, starts, ends, reach = self._contigs[tid]
        low = int(np.searchsorted(reach, start, side="right"))
        high = int(np.searchsorted(starts, stop, side="left"))
        lows, highs = np.maximum(starts[low:high], start), np.minimum(ends[low:high], stop)
        found = np.flatnonzero(lows < highs)
        return found + low + first, lows[found] - start, highs[found] - start


class Runs(NamedTuple):
    """Stretches of equal depth over one range: where each starts, and its depth; one after the other."""

    starts: Ints
    depths: Ints


@dataclass
class DepthPiece:
    """What one range of positions adds to the files in genome order.

    rows, sums  numbers of regions, and int64[n, 1 + thresholds]: sum of depths, positions at each threshold
    means       region -> mean as mosdepth adds it up, where that shows (``shows_rounding``)
    parts       (region, its depths) of regions that reach out of the range
    """

    tid: int
    start: int
    stop: int
    runs: Runs | None
    rows: Ints
    sums: Ints
    means: dict[int, float] = field(default_factory=dict)
    parts: list[tuple[int, NDArray[np.int32]]] = field(default_factory=list)


LONGEST_ADDED = (
    1 << 22
)  # bp; of longer regions, whose means hardly ever lie between two printed ones, the mean is exact


def shows_rounding(sums: Ints, lengths: Ints) -> NDArray[np.bool_]:
    """Where a mean lies just between two numbers of two decimals, or between two integers.

    mosdepth adds up quotients, position by position, so rounding errors decide which of the two it prints.
    """
    lengths = np.maximum(lengths, 1)
    ties = np.zeros(len(sums), dtype=bool)
    for scale in (200, 2):
        ties |= (scale * sums % lengths == 0) & (scale * sums // lengths % 2 == 1)
    return ties & (lengths <= LONGEST_ADDED)


def added_mean(depths: NDArray[np.int32], length: int) -> float:
    """The mean as mosdepth adds it up (0.3.3, ``imean``)."""
    return float(np.add.accumulate(depths / float(length))[-1])


class DepthPlan:
    """Which further files are wanted, checked.

    Raises
    ------
    UsageError
        for options that contradict each other or cannot be read.
    InputError
        for a BED file that cannot be read.
    """

    def __init__(self, options: DepthOutputs, contigs: Contigs) -> None:
        if options.thresholds and options.by is None:
            raise UsageError("--thresholds counts positions in regions: give --by, a BED file or a size of windows")
        if any(threshold < 0 for threshold in options.thresholds):
            raise UsageError("--thresholds: a depth is 0 or more")
        self.options = options
        self.contigs = contigs
        self.regions = Regions(options.by, contigs) if options.by is not None else None
        self.thresholds: Ints = np.array(sorted(options.thresholds), dtype=np.int64)
        self.edges = parse_edges(options.quantize) if options.quantize is not None else None

    def shown(self, tid: int) -> bool:
        """Whether mosdepth's summary shows a contig: not one without regions, where it looks at nothing else."""
        if self.regions is None or self.wants_runs or self.regions.windows:
            return True
        return len(self.regions.of(tid).starts) > 0

    @property
    def wants_runs(self) -> bool:
        """Whether any file is made of runs of equal depth."""
        return self.options.per_base or self.edges is not None


OPEN_END = 1 << 62  # no depth reaches this


def parse_edges(text: str) -> list[int]:
    """Depths between which positions count as one: ``0:1:4:`` is 0, 1 to 3, 4 and more (mosdepth's --quantize).

    Raises
    ------
    UsageError
    """
    words = text.split(":")
    if len(words) == 1:
        words = ["", *words, ""]
    try:
        edges = [int(word) for word in words[1:-1]]
        edges.insert(0, int(words[0] or 0))
        edges.append(int(words[-1]) if words[-1] else OPEN_END)
    except ValueError:
        edges = [-1]
    edges.sort()
    if edges[0] < 0:
        raise UsageError(f"--quantize '{text}' cannot be read: give depths with ':' between them, such as 0:1:4:")
    return edges


class RegionCounts:
    """A worker's part: histograms of depth over the regions of each contig, and what goes to ``DepthWriters``."""

    def __init__(self, backend: Backend, plan: DepthPlan) -> None:
        self._backend = backend
        self._plan = plan
        self._thresholds: Any = backend.upload(plan.thresholds)
        self.counts: dict[int, Ints] = {}

    def add(self, tid: int, start: int, stop: int, depth: Any, deepest: int) -> DepthPiece:
        """Count ``depth`` int32[stop - start], on the backend's side, whose highest value is ``deepest``."""
        runs = self._runs(start, depth) if self._plan.wants_runs else None
        rows, sums = np.empty(0, dtype=np.int64), np.empty((0, 1), dtype=np.int64)
        if self._plan.regions is not None:
            rows, lows, highs = self._plan.regions.overlapping(tid, start, stop)
            sums = self._sum(tid, depth, deepest, lows, highs)
        piece = DepthPiece(tid, start, stop, runs, rows, sums)
        if len(rows):
            self._add_means(piece, depth, lows, highs)
        return piece

    def _add_means(self, piece: DepthPiece, depth: Any, lows: Ints, highs: Ints) -> None:
        """What the means of the piece's regions need besides their sums."""
        assert self._plan.regions is not None
        lengths = self._plan.regions.lengths[piece.rows]
        whole = highs - lows == lengths
        ties = whole & shows_rounding(piece.sums[:, 0], lengths)
        for k in np.flatnonzero(ties | (~whole & (lengths <= LONGEST_ADDED))).tolist():
            part = self._backend.download(depth[int(lows[k]) : int(highs[k])])
            if whole[k]:
                piece.means[int(piece.rows[k])] = added_mean(part, int(lengths[k]))
            else:
                piece.parts.append((int(piece.rows[k]), part.copy()))

    def result(self, tid: int) -> Ints:
        """Positions in the regions of a contig by depth, each once a region; positions never looked at have depth 0."""
        regions = self._plan.regions
        assert regions is not None
        _, starts, ends, _ = regions.of(tid)
        counts = np.zeros(max(len(self.counts.get(tid, ())), 1), dtype=np.int64)
        counts[: len(self.counts.get(tid, ()))] += self.counts.get(tid, 0)
        counts[0] += (ends - starts).sum() - counts.sum()
        return counts

    def merge(self, other: RegionCounts) -> None:
        """Add what another worker counted."""
        for tid, counts in other.counts.items():
            self._add_counts(tid, counts)

    def _sum(self, tid: int, depth: Any, deepest: int, lows: Ints, highs: Ints) -> Ints:
        xp, upload, download = self._backend.xp, self._backend.upload, self._backend.download
        assert self._plan.regions is not None
        sums = xp.zeros((len(lows), 1 + len(self._plan.thresholds)), dtype=np.int64)
        counts = xp.zeros(0 if self._plan.regions.windows else deepest + 1, dtype=np.int64)
        arguments = (depth, upload(lows), upload(highs), self._thresholds, sums, counts)
        self._backend.launch("depth.regions", len(lows), *arguments)
        self._add_counts(tid, download(counts))
        found: Ints = download(sums)
        return found

    def _add_counts(self, tid: int, counts: Ints) -> None:
        held = self.counts.get(tid, np.zeros(0, dtype=np.int64))
        total = np.zeros(max(len(held), len(counts)), dtype=np.int64)
        total[: len(held)] += held
        total[: len(counts)] += counts
        self.counts[tid] = total

    def _runs(self, start: int, depth: Any) -> Runs:
        """Where the depth changes. mosdepth writes what it counted, below 0, too."""
        xp, download = self._backend.xp, self._backend.download
        changes = xp.flatnonzero(depth[1:] != depth[:-1]) + 1
        starts = np.concatenate([[0], download(changes)]).astype(np.int64)
        first = download(depth[:1])
        depths = np.concatenate([first, download(depth[changes])]).astype(np.int64)
        return Runs(starts + start, depths)


# -- files -------------------------------------------------------------------------------------------------------------


class RunWriter:
    """Writes runs of equal value over all contigs, gaps as depth 0; ``value`` makes of depths what counts as equal."""

    def __init__(
        self, path: Path, contigs: Contigs, value: Callable[[Ints], Ints], label: Callable[[Ints], list[str]]
    ) -> None:
        self._out = BedWriter(path)
        self._contigs = contigs
        self._value = value
        self._label = label
        self._tid = 0
        self._stop = 0  # up to where the contig is known
        self._held: tuple[Ints, Ints] = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))  # its last run

    def add(self, tid: int, stop: int, runs: Runs) -> None:
        """The next runs, which end at ``stop``."""
        self._advance(tid)
        start = int(runs.starts[0])
        if start > self._stop:
            self._put(np.array([self._stop]), np.array([0]))
        self._put(*runs)
        self._stop = stop

    def close(self) -> None:
        """Fill up with depth 0 and finish the file."""
        self._advance(len(self._contigs))
        self._out.close()

    def abort(self) -> None:
        """Stop."""
        self._out.abort()

    def _advance(self, tid: int) -> None:
        """Close the contigs before ``tid``."""
        while self._tid < tid:
            length = self._contigs[self._tid][1]
            if self._stop < length:
                self._put(np.array([self._stop]), np.array([0]))
            starts, values = self._held
            self._write(starts, np.array([length]), values)
            self._held = (starts[:0], values[:0])
            self._tid, self._stop = self._tid + 1, 0

    def _put(self, starts: Ints, depths: Ints) -> None:
        """Take runs, write all but the last."""
        starts = np.concatenate([self._held[0], starts])
        values = np.concatenate([self._held[1], self._value(depths)])
        new = run_starts(values)
        starts, values = starts[new], values[new]
        self._write(starts[:-1], starts[1:], values[:-1])
        self._held = (starts[-1:], values[-1:])

    def _write(self, starts: Ints, stops: Ints, values: Ints) -> None:
        name = self._contigs[self._tid][0]
        rows = zip(repeat(name), starts.tolist(), stops.tolist(), self._label(values), strict=False)
        self._out.write("".join([f"{contig}\t{start}\t{stop}{label}" for contig, start, stop, label in rows]))


def depth_labels(values: Ints) -> list[str]:
    """Ends of the lines of per-base.bed.gz."""
    return [f"\t{value}\n" for value in values.tolist()]


class Quantizer:
    """Bins of depth and their labels; what lies in none of them is not written."""

    def __init__(self, edges: list[int]) -> None:
        self._edges = np.array(edges, dtype=np.int64)
        names = [str(edge) if edge < OPEN_END else "inf" for edge in edges]
        self._names = [f"{low}:{high}" for low, high in pairwise(names)]

    def value(self, depths: Ints) -> Ints:
        """Bin of each depth; -1 and the number of bins: outside."""
        return np.searchsorted(self._edges, depths, side="right").astype(np.int64) - 1

    def label(self, values: Ints) -> list[str]:
        """The bins' names."""
        return [f"\t{self._names[value]}\n" for value in values.tolist()]

    def holds(self, values: Ints) -> NDArray[np.bool_]:
        """Which values are bins."""
        held: NDArray[np.bool_] = (values >= 0) & (values < len(self._names))
        return held


class QuantizedWriter(RunWriter):
    """Runs of the same bin of depth."""

    def __init__(self, path: Path, contigs: Contigs, edges: list[int]) -> None:
        self._bins = Quantizer(edges)
        super().__init__(path, contigs, self._bins.value, self._bins.label)

    def _write(self, starts: Ints, stops: Ints, values: Ints) -> None:
        kept = self._bins.holds(values)
        super()._write(starts[kept], stops[kept], values[kept])


def named(label: str) -> list[str]:
    """The name's column, where there is a name."""
    return [label] if label else []


class DepthWriters:
    """All further files of a sample; takes the ranges' pieces in genome order."""

    def __init__(self, plan: DepthPlan, folder: Path, sample: str) -> None:
        self.plan = plan
        self._folder = folder
        self._sample = sample
        self._runs: list[RunWriter] = []
        if plan.options.per_base:
            path = self._path("per-base")
            self._runs.append(RunWriter(path, plan.contigs, lambda depths: depths, depth_labels))
        if plan.edges is not None:
            self._runs.append(QuantizedWriter(self._path("quantized"), plan.contigs, plan.edges))
        count = plan.regions.count if plan.regions else 0
        self._sums: Ints = np.zeros((count, 1 + len(plan.thresholds)), dtype=np.int64)
        self._means: dict[int, float] = {}
        self._open: dict[int, list[NDArray[np.int32]]] = {}  # regions that reached out of a range -> their depths

    def _path(self, kind: str) -> Path:
        return self._folder / f"{self._sample}.{kind}.bed.gz"

    def add(self, piece: DepthPiece) -> None:
        """The next range."""
        if len(piece.rows):
            self._sums[piece.rows] += piece.sums
        self._means.update(piece.means)
        self._settle(set(self._open) - {row for row, _ in piece.parts})
        for row, depths in piece.parts:
            self._open.setdefault(row, []).append(depths)
        for writer in self._runs:
            assert piece.runs is not None
            writer.add(piece.tid, piece.stop, piece.runs)

    def close(self, tids: Iterable[int]) -> None:
        """Finish all files. ``tids``: the contigs with records; mosdepth counts nothing on others."""
        for writer in self._runs:
            writer.close()
        self._settle(list(self._open))
        if self.plan.regions is not None:
            self._fill(self.plan.regions, tids)
            self._write_bed("regions", "", self._region_lines(self.plan.regions))
            if len(self.plan.thresholds):
                self._write_bed("thresholds", self._threshold_header(), self._threshold_lines(self.plan.regions))

    def abort(self) -> None:
        """Stop; the files are of no use."""
        for writer in self._runs:
            writer.abort()

    def distribution(self, regions: Regions, tid: int, counted: RegionCounts) -> Ints:
        """What region.dist.txt is made of: positions in a contig's regions by depth, or windows by their mean depth.

        mosdepth rounds the mean to the nearest integer.
        """
        if not regions.windows:
            return counted.result(tid)
        first, starts, _, _ = regions.of(tid)
        means = self._mean_of(regions)[first : first + len(starts)]
        return np.bincount(np.floor(means + 0.5).astype(np.int64)).astype(np.int64)

    def _write_bed(self, kind: str, header: str, lines: Iterator[str]) -> None:
        out = BedWriter(self._path(kind))
        out.write(header)
        for text in lines:
            out.write(text)
        out.close()

    def _settle(self, rows: Iterable[int]) -> None:
        """Means of regions that are complete."""
        regions = self.plan.regions
        for row in rows:
            parts = self._open.pop(row)
            assert regions is not None
            if shows_rounding(self._sums[row : row + 1, 0], regions.lengths[row : row + 1])[0]:
                self._means[row] = added_mean(np.concatenate(parts), int(regions.lengths[row]))

    def _mean_of(self, regions: Regions) -> NDArray[np.float64]:
        """All regions' means."""
        means = self._sums[:, 0] / np.maximum(regions.lengths, 1)
        rows = list(self._means)
        means[rows] = [self._means[row] for row in rows]
        found: NDArray[np.float64] = means
        return found

    def _fill(self, regions: Regions, tids: Iterable[int]) -> None:
        """Positions of these contigs that were never looked at reach the threshold 0, too."""
        for tid in tids:
            first, starts, ends, _ = regions.of(tid)
            for column in np.flatnonzero(self.plan.thresholds == 0) + 1:
                self._sums[first : first + len(starts), column] = ends - starts

    def _rows(self, regions: Regions) -> Iterator[tuple[str, list[int], list[int], list[str], Ints]]:
        """Contig by contig: name, starts, ends, region names, sums."""
        for tid, (name, _) in enumerate(self.plan.contigs):
            first, starts, ends, _ = regions.of(tid)
            last = first + len(starts)
            labels = [""] * len(starts) if regions.windows else regions.names[first:last]
            yield name, starts.tolist(), ends.tolist(), labels, self._sums[first:last]

    def _region_lines(self, regions: Regions) -> Iterator[str]:
        means, first = self._mean_of(regions).tolist(), 0
        for contig, starts, ends, labels, _ in self._rows(regions):
            rows = zip(starts, ends, labels, means[first : first + len(starts)], strict=True)
            first += len(starts)
            yield "".join(
                "\t".join([contig, str(start), str(end), *named(label), f"{mean:.2f}"]) + "\n"
                for start, end, label, mean in rows
            )

    def _threshold_header(self) -> str:
        return "\t".join(["#chrom", "start", "end", "region", *(f"{value}X" for value in self.plan.thresholds)]) + "\n"

    def _threshold_lines(self, regions: Regions) -> Iterator[str]:
        for contig, starts, ends, labels, sums in self._rows(regions):
            rows = zip(starts, ends, labels, sums[:, 1:].tolist(), strict=True)
            yield "".join(
                "\t".join([contig, str(start), str(end), label or UNNAMED, *map(str, counts)]) + "\n"
                for start, end, label, counts in rows
            )

"""Stage: the records of a gVCF, in genome order: calls, and blocks of positions without a call.

Every position of the territory is covered by exactly one record. A block stays open across the ends of tiles and
batches, so that these cannot show.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .confidence import Confidence, genotype_quality
from .config import Gvcf
from .genotype import Call
from .kernels import blocks as kernel
from .kernels.tables import SCALE
from .nonref import joined

Rows = NDArray[np.int64]
NO_ROWS: Rows = np.empty((0, kernel.COLUMNS), dtype=np.int64)


class Stretch(NamedTuple):
    """Positions [start, stop) of a contig that the gVCF covers, with one ploidy."""

    contig: str
    start: int
    stop: int
    ploidy: int = 2


class Block(NamedTuple):
    """Positions [start, stop) of a contig without a call.

    ref                 the first reference base
    min_depth, depth    fragments: fewest, and the mean, rounded down
    quality             phred that the genotype is the reference, everywhere in the block, at most 99; 0: not called
    likelihoods         phred: 0 and each genotype with the alternate, the lowest in the block
    """

    contig: str
    start: int
    stop: int
    ref: str
    ploidy: int
    min_depth: int
    depth: int
    quality: int
    likelihoods: list[int]


@dataclass
class Records:
    """Consecutive records of one contig.

    rows   int64[n, 9] blocks, columns as in ``kernels.blocks``
    calls  with their unlisted allele; none overlaps another record
    """

    contig: str
    rows: Rows = field(default_factory=lambda: NO_ROWS)
    calls: list[Call] = field(default_factory=list)

    def blocks(self) -> Iterator[Block]:
        """The blocks."""
        each = zip(self.rows.tolist(), block_likelihoods(self.rows), strict=True)
        for (start, stop, min_depth, depth, _, _, base, ploidy, _), costs in each:
            quality = genotype_quality(costs)
            yield Block(self.contig, start, stop, chr(base), ploidy, min_depth, depth, quality, costs)

    def in_order(self) -> list[Block | Call]:
        """Blocks and calls by position."""
        records: list[tuple[int, Block | Call]] = [(block.start, block) for block in self.blocks()]
        records += [(call.position, call) for call in self.calls]
        return [record for _, record in sorted(records, key=lambda pair: pair[0])]


def block_likelihoods(rows: Rows) -> list[list[int]]:
    """PLs of blocks, phred (``confidence.likelihoods``)."""
    phred = (rows[:, [kernel.HET, kernel.ALT]] + SCALE // 2) // SCALE
    columns = zip(phred.tolist(), rows[:, kernel.PLOIDY].tolist(), strict=True)
    return [[0, alt] if ploidy == 1 else [0, het, alt] for (het, alt), ploidy in columns]


class Merger:
    """Merges positions into blocks, and overlapping calls into one.

    Parameters
    ----------
    territory
        what to cover, in the order in which positions will come.
    settings
        the bands.
    base_at
        reference base (ASCII) at a contig's position, for blocks that begin where there are no reads.
    """

    def __init__(self, territory: Iterable[Stretch], settings: Gvcf, base_at: Callable[[str, int], int]) -> None:
        self._territory = iter(territory)
        self._bands = np.array(settings.bands, dtype=np.int64)
        self._base_at = base_at
        self._stretch: Stretch | None = next(self._territory, None)
        self._at = self._stretch.start if self._stretch else 0
        self._state = np.full(kernel.COLUMNS, kernel.CLOSED, dtype=np.int64)
        self._open: list[Call] = []  # overlapping calls, as far as they have come
        self._reach = 0  # where they end
        self._out: list[Records] = []

    def add(self, contig: str, confidence: Confidence, calls: Sequence[Call]) -> list[Records]:
        """Positions that follow those before, all of them in the territory, and their calls; records that are complete.

        Calls of another ploidy than their stretch's are left out. Positions of the territory before these that never
        came have no reads.
        """
        at = confidence.start
        while at < confidence.stop:
            stretch = self._advance(contig, at)
            stop = min(stretch.stop, confidence.stop)
            inside = (call for call in calls if at <= call.position < stop)
            self._take(confidence.part(at, stop), [call for call in inside if call.ploidy == stretch.ploidy])
            at = stop
        return self._take_out()

    def finish(self) -> list[Records]:
        """The rest of the territory, without reads."""
        while self._stretch is not None:
            self._end_stretch()
        return self._take_out()

    def _take_out(self) -> list[Records]:
        out, self._out = self._out, []
        return out

    def _advance(self, contig: str, position: int) -> Stretch:
        """Fill the territory up to a position; the stretch that it is in."""
        while self._stretch is not None and (self._stretch.contig != contig or self._stretch.stop <= position):
            self._end_stretch()
        if self._stretch is None or not self._at <= position:
            raise ValueError(f"{contig}:{position + 1} does not follow in the territory")
        self._fill(position)
        return self._stretch

    def _end_stretch(self) -> None:
        assert self._stretch is not None
        last = self._stretch
        self._fill(last.stop)
        self._stretch = next(self._territory, None)
        if self._stretch is None or self._stretch.contig != last.contig:
            records = Records(last.contig)
            self._close_calls(records)
            self._emit(records, self._close_block())
        if self._stretch is not None:
            self._at = self._stretch.start

    def _emit(self, records: Records, rows: Rows) -> None:
        records.rows = rows
        if len(rows) or records.calls:
            self._out.append(records)

    def _close_block(self) -> Rows:
        rows = np.empty((1, kernel.COLUMNS), dtype=np.int64)
        return rows[: self._blocks(int(self._state[kernel.STOP]) + 1, [], rows)].copy()

    def _blocks(self, first: int, spans: Sequence[tuple[int, int]], out: Rows, part: Confidence | None = None) -> int:
        nothing = np.empty(0, dtype=np.int32)
        columns = (part.depth, part.het, part.alt, part.bases) if part else (nothing, nothing, nothing, NO_BASES)
        ploidy = self._stretch.ploidy if self._stretch else 2
        covered = np.array(spans, dtype=np.int64).reshape(-1, 2)
        count: int = kernel.blocks(first, *columns, covered, ploidy, self._bands, self._state, out)
        return count

    def _take(self, part: Confidence, calls: Sequence[Call]) -> None:
        """Positions from where we are on, all in one stretch, and their calls."""
        assert self._stretch is not None
        records = Records(self._stretch.contig)
        spans = list(self._spans(part, calls, records))
        rows = np.empty((len(part.depth) + 1, kernel.COLUMNS), dtype=np.int64)
        count = self._blocks(part.start, spans, rows, part)
        self._at = part.stop
        self._emit(records, rows[:count].copy())

    def _spans(self, part: Confidence, calls: Sequence[Call], records: Records) -> Iterator[tuple[int, int]]:
        """What calls cover of the part; ``records`` gets the calls that are complete."""
        if self._open and self._reach <= part.start:
            self._close_calls(records)
        start = part.start
        for call in calls:
            if self._open and call.position >= self._reach:
                yield start, self._reach
                self._close_calls(records)
            if self._open and call.ploidy != self._open[0].ploidy:
                continue  # a deletion across the end of a pseudo-autosomal region covers it
            if not self._open:
                start = call.position
            self._open.append(call)
            self._reach = max(self._reach, call.position + len(call.ref))
        if self._open:
            yield start, min(self._reach, part.stop)
            if self._reach <= part.stop:
                self._close_calls(records)

    def _close_calls(self, records: Records) -> None:
        if self._open:
            records.calls.append(joined(self._open))
        self._open = []
        self._reach = 0

    def _fill(self, stop: int) -> None:
        """Positions up to ``stop`` in this stretch, without reads."""
        assert self._stretch is not None
        records = Records(self._stretch.contig)
        start = max(self._at, min(self._reach, stop)) if self._open else self._at
        if self._open and self._reach <= start:
            self._close_calls(records)
        rows = NO_ROWS
        if start < stop:
            rows = np.empty((2, kernel.COLUMNS), dtype=np.int64)
            bases = np.array([self._base_at(self._stretch.contig, start)], dtype=np.uint8)
            nothing = np.zeros(1, dtype=np.int32)
            count = self._blocks(start, [], rows, Confidence(start, nothing, nothing, nothing, bases))
            self._state[kernel.STOP] = stop
            rows = rows[:count].copy()
        self._at = max(self._at, stop)
        self._emit(records, rows)


NO_BASES = np.empty(0, dtype=np.uint8)

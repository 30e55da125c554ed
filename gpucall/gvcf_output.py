"""Stage: the gVCF of a run. Where the number of copies waits for the sample's sex, records are made for each.

The territory falls into runs: stretches whose ploidy is known, and single stretches (of X or Y) that may have several.
A run's records are merged for each ploidy that it can have, and held until it is known (``ploidy.held``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from .confidence import Confidence
from .config import Gvcf
from .genotype import Call
from .gvcf import Merger, Records, Stretch
from .kernels.blocks import BASE, START, STOP
from .ploidy.held import HeldRecords, Segment
from .ploidy.regions import FIXED, OPTIONS, Kind


class Bases(Protocol):
    """What is needed of a reference."""

    def fetch(self, contig: str, start: int, end: int) -> Any:
        """Upper-case ASCII bases, uint8."""


class Sink(Protocol):
    """What takes records."""

    def write(self, records: Records) -> None:
        """Append records, in order."""

    def abort(self) -> None:
        """Stop."""

    def close(self, lines: Iterable[str] = ()) -> Any:
        """Finish; ``lines`` are whole ``##`` lines that became known late."""


class Positions(NamedTuple):
    """Consecutive positions of a contig, and their calls under every ploidy that was looked at."""

    contig: str
    confidence: Confidence
    calls: list[Call]


class KindStretch(NamedTuple):
    """[start, stop) of a contig that the gVCF covers, and what it is."""

    contig: str
    start: int
    stop: int
    kind: Kind


@dataclass(frozen=True)
class Run:
    """Stretches whose ploidies become known together: by ploidy, the stretches as they are then.

    Where every ploidy is known before the sample is, there is one option, of stretches of one copy and of two.
    """

    kind: Kind
    options: dict[int, list[Stretch]]

    @cached_property
    def contigs(self) -> set[str]:
        """Names of the contigs in it."""
        return {each.contig for each in self.stretches}

    @property
    def stretches(self) -> list[Stretch]:
        """The stretches, under one of the ploidies."""
        return next(iter(self.options.values()))


def runs(territory: Iterable[KindStretch]) -> Iterator[Run]:
    """The territory, cut where what is known changes; without what has no copies in any sample."""
    known: list[Stretch] = []
    for contig, start, stop, kind in territory:
        if kind in FIXED:
            known += [Stretch(contig, start, stop, FIXED[kind])] if FIXED[kind] else []
            continue
        if known:
            yield Run(Kind.AUTOSOME, {2: known})
            known = []
        yield Run(kind, {ploidy: [Stretch(contig, start, stop, ploidy)] for ploidy in OPTIONS[kind]})
    if known:
        yield Run(Kind.AUTOSOME, {2: known})


class GvcfOutput:
    """Turns positions, in genome order, into the records of the gVCF.

    Parameters
    ----------
    sink
        where records go.
    territory
        what is to be covered, in order.
    settings, reference
        bands; bases where there are no reads.
    folder
        for what has to wait.
    """

    def __init__(
        self, sink: Sink, territory: Iterable[KindStretch], settings: Gvcf, reference: Bases, folder: Path
    ) -> None:
        self._sink = sink
        self._settings = settings
        self._reference = reference
        self._held: HeldRecords = HeldRecords(self._write, folder)
        self._runs = list(runs(territory))[::-1]
        self._mergers: dict[int, Merger] = {}
        self._reach = ("", 0)  # contig and position up to which records are written

    def add(self, positions: Iterable[Positions]) -> None:
        """Positions that follow those before, in the territory."""
        for contig, confidence, calls in positions:
            while not self._holds(contig, confidence.start):
                self._end_run()
            mergers = self._open_run()
            self._emit({n: merger.add(contig, confidence, calls) for n, merger in mergers.items()})

    def close(self, ploidy: Callable[[Kind], int], lines: Iterable[str] = ()) -> None:
        """Write the rest, now that every ploidy is known."""
        while self._runs:
            self._end_run()
        self._held.release(ploidy)
        self._sink.close(lines)

    def abort(self) -> None:
        """Leave an incomplete file."""
        self._held.close()
        self._sink.abort()

    def _holds(self, contig: str, position: int) -> bool:
        """Whether the first run that is left is the one with a position, which lies in one of them."""
        run = self._runs[-1]
        last = run.stretches[-1]
        return contig in run.contigs and (contig != last.contig or position < last.stop)

    def _open_run(self) -> dict[int, Merger]:
        if not self._mergers:
            options = self._runs[-1].options
            self._mergers = {n: Merger(each, self._settings, self._base_at) for n, each in options.items()}
        return self._mergers

    def _end_run(self) -> None:
        """Complete the first run that is left."""
        mergers = self._open_run()
        self._emit({n: merger.finish() for n, merger in mergers.items()})
        self._runs.pop()
        self._mergers = {}

    def _base_at(self, contig: str, position: int) -> int:
        return int(self._reference.fetch(contig, position, position + 1)[0])

    def _emit(self, options: dict[int, list[Records]]) -> None:
        if any(options.values()):
            self._held.add([Segment(self._runs[-1].kind, options)])

    def _write(self, found: list[Records]) -> None:
        for records in found:
            self._sink.write(self._apart(records))

    def _apart(self, records: Records) -> Records:
        """Records without what those before cover: a deletion may reach out of the run that it begins in."""
        contig, reach = self._reach
        if contig == records.contig and reach > 0:
            records = self._beyond(records, reach)
        ends = [*records.rows[-1:, STOP].tolist(), *(call.position + len(call.ref) for call in records.calls[-1:])]
        self._reach = (records.contig, max([*ends, reach if contig == records.contig else 0]))
        return records

    def _beyond(self, records: Records, reach: int) -> Records:
        rows = records.rows[records.rows[:, STOP] > reach]
        if len(rows) and rows[0, START] < reach:
            rows = rows.copy()
            rows[0, START], rows[0, BASE] = reach, self._base_at(records.contig, reach)
        return Records(records.contig, rows, [call for call in records.calls if call.position >= reach])

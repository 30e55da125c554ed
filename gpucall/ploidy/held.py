"""held: records whose number of copies is only known after the last read, kept in file order until then.

Everything is written at once up to the first record that has to wait. From there on, records go to a file without a
name in the output folder, so that memory does not grow, and the right ones of them are written when the sex is known.
"""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from .regions import FIXED, Kind


class Written(NamedTuple):
    """Text of some records, how many they are, and how many of them PASS."""

    text: str = ""
    variants: int = 0
    passed: int = 0


class Segment(NamedTuple):
    """The records of one stretch, as they are for each ploidy that it can have; none are written for another."""

    kind: Kind
    options: dict[int, Any]  # ``Written``, or what else the writer takes


class HeldRecords:
    """Writes segments in the order in which they come.

    Parameters
    ----------
    write
        called with the records of each segment, in order.
    folder
        where the file is that holds what has to wait; it has no name, so it is gone whatever happens.
    ploidy
        the number of copies of a kind where it is known beforehand; None: not known yet.
    """

    def __init__(
        self, write: Callable[[Any], None], folder: Path, ploidy: Callable[[Kind], int | None] = FIXED.get
    ) -> None:
        self._write = write
        self._folder = folder
        self._ploidy = ploidy
        self._spool: IO[bytes] | None = None

    def add(self, segments: Iterable[Segment]) -> None:
        """Write what can be written, hold the rest."""
        for segment in segments:
            known = self._ploidy(segment.kind)
            if self._spool is None and known is not None:
                self._choose(segment, known)
                continue
            if self._spool is None:
                self._spool = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115  (closed by close)
            pickle.dump(segment, self._spool, protocol=pickle.HIGHEST_PROTOCOL)

    def release(self, ploidy: Callable[[Kind], int]) -> None:
        """Write all that was held."""
        for segment in self._read():
            self._choose(segment, ploidy(segment.kind))
        self.close()

    def _choose(self, segment: Segment, ploidy: int) -> None:
        if ploidy in segment.options:
            self._write(segment.options[ploidy])

    def close(self) -> None:
        """Let go of what is held; calling it again does nothing."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    def _read(self) -> Iterator[Segment]:
        if self._spool is None:
            return
        self._spool.seek(0)
        while True:
            try:
                yield pickle.load(self._spool)
            except EOFError:
                return

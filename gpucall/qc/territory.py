"""territory: the reference under a tile, and which of its positions were counted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels.stretch import SPARE, Stretch


class TileReference(NamedTuple):
    """The reference under a tile and around it, on the backend's side, from position ``origin`` of its contig on."""

    packed: Stretch
    origin: int

    def letters(self, start: int, stop: int) -> Any:
        """uint8[stop - start]: upper-case ASCII of contig positions [start, stop)."""
        return self.packed.letters[start - self.origin : stop - self.origin]


def pack_reference(letters: NDArray[np.uint8], origin: int, backend: Backend) -> TileReference:
    """The reference for kernels; ``letters`` uint8[n] from contig position ``origin`` on, upper-case ASCII."""
    xp, size = backend.xp, (len(letters) >> 1) + SPARE
    packed = Stretch(backend.upload(letters), xp.empty(size, dtype=np.uint8), xp.empty(size, dtype=np.uint8))
    backend.launch("stretch.pack", size, packed)
    return TileReference(packed, origin)


class Territory:
    """Ranges of contigs that were counted."""

    def __init__(self) -> None:
        self.ranges: dict[str, list[tuple[int, int]]] = {}

    def add(self, contig: str, start: int, stop: int) -> None:
        """[start, stop) is counted."""
        self.ranges.setdefault(contig, []).append((start, stop))

    def merge(self, other: Territory) -> None:
        """Add what another worker counted."""
        for contig, ranges in other.ranges.items():
            self.ranges.setdefault(contig, []).extend(ranges)

    def gaps(self, within: Mapping[str, NDArray[np.int64]]) -> Iterator[tuple[str, int, int]]:
        """(contig, start, stop) of what was not counted of ``within``: contig -> int64[n, 2], sorted and apart."""
        for contig, spans in within.items():
            counted = sorted(self.ranges.get(contig, []))
            for start, stop in spans.tolist():
                yield from ((contig, low, high) for low, high in subtract(start, stop, counted))


def subtract(start: int, stop: int, taken: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What is left of [start, stop) without the sorted ranges ``taken``."""
    for low, high in taken:
        if high <= start:
            continue
        if low >= stop:
            break
        if low > start:
            yield start, low
        start = max(start, high)
    if start < stop:
        yield start, stop

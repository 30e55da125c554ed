"""ordered: the quality control that needs a file's records in their order, batch after batch.

Workers count what can be added up in any order (``SampleQc``) and hand on the rest in small pieces; these arrive here
in genome order, however many workers there are.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..kernels.records import Records
from .gc_depth import GcDepth, GcReads
from .regions import DepthPiece, DepthWriters


@dataclass
class OrderedPiece:
    """What one batch hands on."""

    gc_reads: GcReads
    depth: list[DepthPiece] = field(default_factory=list)


class OrderedQc:
    """Takes the batches' pieces in order. ``writers``: mosdepth's further files, where they are wanted."""

    def __init__(self, writers: DepthWriters | None = None) -> None:
        self.gc_depth = GcDepth()
        self.writers = writers

    def add(self, piece: OrderedPiece) -> None:
        """The next batch's."""
        self.gc_depth.add(piece.gc_reads)
        if self.writers is not None:
            for each in piece.depth:
                self.writers.add(each)

    def abort(self) -> None:
        """Stop writing."""
        if self.writers is not None:
            self.writers.abort()


def gc_reads(host: Records, first: int, stop: int, gc: NDArray[np.int32]) -> GcReads:
    """Rows [first, stop) for samtools stats' depth by GC; ``gc`` int32[stop - first]: C and G of each."""
    rows = slice(first, stop)
    return GcReads(host.flag[rows], host.tid[rows], host.pos[rows], host.l_seq[rows], gc)

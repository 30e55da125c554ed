"""Stage: the evidence of one tile, and the full evidence at chosen sites."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .backend import Backend
from .config import Filters
from .kernels import pileup as kernel
from .kernels.pileup import Events, Evidence, Sites
from .kernels.scalar import CODE_OF_NT16, NT16_OF_ASCII
from .kernels.stretch import SPARE, Stretch
from .kernels.tables import base_costs
from .reads import Batch, Tile

CODE_OF_ASCII = CODE_OF_NT16[NT16_OF_ASCII]


class Change(NamedTuple):
    """``deleted`` bases at ``at`` (an index into the tile's stretch) become ``inserted``."""

    at: int
    deleted: int
    inserted: bytes


@dataclass
class TileReads:
    """The reads of one tile that count for calling, and the reference under them.

    origin     0-based contig position of the stretch's first base
    bases      uint8[n] ASCII reference
    reference  the same for kernels
    rows       int32[m] usable rows of the batch, on the backend's side
    assembled  changes that clipped ends show (``assembly``)
    """

    batch: Batch
    tile: Tile
    origin: int
    bases: NDArray[np.uint8]
    reference: kernel.Reference
    rows: Any
    usable: Any
    filters: Filters
    halo: int
    backend: Backend
    assembled: list[Change] = field(default_factory=list)

    @cached_property
    def host_rows(self) -> NDArray[np.int32]:
        """The usable rows on the host."""
        rows: NDArray[np.int32] = self.backend.download(self.rows)
        return rows

    @cached_property
    def _reach(self) -> NDArray[np.int32]:
        return np.maximum.accumulate(self.batch.records.end[self.tile.row : self.tile.row_stop])

    def row_range(self, start: Any, stop: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Row ranges [low, high) that hold every read overlapping [start, stop) (contig positions, any shape)."""
        pos = self.batch.records.pos[self.tile.row : self.tile.row_stop]
        low = np.searchsorted(self._reach, start, side="right") + self.tile.row
        high = np.searchsorted(pos, stop, side="left") + self.tile.row
        return low, np.maximum(high, low)


def pack_reference(bases: NDArray[np.uint8], backend: Backend) -> kernel.Reference:
    """ASCII bases as codes, and as 4-bit codes in both phases (see ``kernels.pileup.Reference``), on the device."""
    xp, size = backend.xp, (len(bases) >> 1) + SPARE
    packed = Stretch(backend.upload(bases), xp.empty(size, dtype=xp.uint8), xp.empty(size, dtype=xp.uint8))
    backend.launch("stretch.pack", size, packed)
    return kernel.Reference(backend.upload(CODE_OF_ASCII[bases]), packed.even, packed.odd)


def tile_reads(
    batch: Batch, tile: Tile, origin: int, bases: NDArray[np.uint8], halo: int, filters: Filters, backend: Backend
) -> TileReads:
    """Usable reads of a tile over the reference stretch ``bases`` that starts at ``origin``."""
    rows = (np.flatnonzero(batch.usable[tile.row : tile.row_stop]) + tile.row).astype(np.int32)
    reference = pack_reference(bases, backend)
    return TileReads(
        batch,
        tile,
        origin,
        bases,
        reference,
        backend.upload(rows),
        backend.upload(batch.usable),
        filters,
        halo,
        backend,
    )


def evidence(reads: TileReads) -> Evidence:
    """What differs from the reference in a tile (device arrays; ``depth`` summed up to reads per position)."""
    xp, n = reads.backend.xp, len(reads.bases)
    out = Evidence(
        xp.zeros((n, 4), dtype=xp.int32),
        xp.zeros((n, 4), dtype=xp.int32),
        xp.zeros(n + 1, dtype=xp.int32),
        xp.zeros(n, dtype=xp.int32),
        xp.zeros(len(reads.rows), dtype=xp.int32),
    )
    reads.backend.launch(
        "pileup.evidence",
        len(reads.rows),
        reads.batch.device,
        reads.rows,
        reads.origin,
        reads.reference,
        out,
        reads.filters.min_base_quality,
        reads.backend.workspace("pileup.evidence"),
    )
    return out._replace(depth=reads.backend.running_sums(out.depth)[:n])


def events(reads: TileReads, found: Evidence) -> Events:
    """Left-aligned insertions and deletions of a tile's reads (host arrays, in row order)."""
    xp = reads.backend.xp
    with_indels = xp.flatnonzero(found.indels)
    counts = found.indels[with_indels].astype(xp.int64)
    total = int(counts.sum()) if len(counts) else 0
    out = Events(
        xp.zeros(total, dtype=xp.int64),
        xp.zeros(total, dtype=xp.int32),
        xp.zeros(total, dtype=xp.uint64),
        xp.zeros(total, dtype=xp.int32),
        xp.zeros(total, dtype=xp.int32),
        xp.zeros(total, dtype=xp.int32),
    )
    first = xp.cumsum(counts) - counts
    reads.backend.launch(
        "pileup.events",
        len(with_indels),
        reads.batch.device,
        reads.rows[with_indels],
        first,
        reads.origin,
        reads.reference,
        out,
    )
    host: Events = reads.backend.download(out)
    kept = host.length != 0
    return Events(*(column[kept] for column in host))


def gather_sites(reads: TileReads, positions: NDArray[np.int64]) -> Sites:
    """Full evidence at some contig positions (host arrays)."""
    return gather_rows(reads, positions, *reads.row_range(positions, positions + 1))


def gather_rows(
    reads: TileReads, positions: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> Sites:
    """Evidence of the rows [low, high) of the batch, a range for each of the contig positions (host arrays)."""
    xp, backend, n = reads.backend.xp, reads.backend, len(positions)
    out = Sites(
        backend.upload(np.ascontiguousarray(positions, dtype=np.int64)),
        xp.zeros((n, 5, 2), dtype=xp.int32),
        xp.zeros((n, 4), dtype=xp.int32),
        xp.zeros((n, 4), dtype=xp.int64),
        xp.zeros((n, 4), dtype=xp.int32),
        xp.zeros(n, dtype=xp.int64),
        xp.zeros((n, 4), dtype=xp.int64),
        xp.zeros((n, 4), dtype=xp.int64),
        xp.zeros((n, 4, 3, 64), dtype=xp.int32),
    )
    backend.launch(
        "pileup.sites",
        n,
        reads.batch.device,
        backend.upload(low),
        backend.upload(high),
        reads.usable,
        reads.filters.min_base_quality,
        reads.filters.quality_cap,
        backend.upload(base_costs(reads.filters.quality_cap)),
        out,
    )
    host: Sites = backend.download(out)
    return host

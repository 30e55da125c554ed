"""Batches of reads: columns over raw record bytes, overlapping mates found, tiles that the batch can answer for.

The stream of a coordinate-sorted file is cut where the bytes run out, not at fixed coordinates, so memory is bounded
whatever the depth. A batch owns the positions that all of whose reads (and those within a halo) it holds; reads that
reach past what it owns are carried over into the next batch. Where batches and tiles end cannot change a result.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .backend import Backend
from .config import Batching, Filters
from .errors import CorruptInput, HostMemoryError, InputError
from .io.alignments import PIECE_BYTES, Header, Piece, RecordSource, wait_for, words
from .kernels import chain
from .kernels import records as kernel
from .kernels.records import Records
from .tiles import Intervals

Place = tuple[int, Piece]  # where a piece starts in a batch
PLACED_LAST = 1 << 30  # sort key of contig -1: unplaced reads close a sorted file


class Tile(NamedTuple):
    """Positions [start, stop) of one contig, and the rows [row, row_stop) of a batch that can overlap them."""

    tid: int
    start: int
    stop: int
    row: int
    row_stop: int


@dataclass
class Batch:
    """Some consecutive records.

    records    host columns, carried rows first
    device     the same columns where the backend's kernels reach them
    usable     uint8[n], 1: counts for calling
    first_new  the first row that no earlier batch held
    tiles      what the batch owns, in genome order
    letters    of some tiles, where the reference around them begins, and its letters
    measured   the promise of its quality control, once that is under way
    looked     of some tiles, what was found already and waits to be asked for
    """

    records: Records
    device: Records
    usable: NDArray[np.uint8]
    first_new: int
    tiles: list[Tile] = field(default_factory=list)
    letters: dict[Tile, tuple[int, NDArray[np.uint8]]] = field(default_factory=dict, repr=False)
    measured: Any = field(default=None, repr=False)
    looked: dict[Tile, Any] = field(default_factory=dict, repr=False)


def empty_columns(raw: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Records:
    """Columns for the records at ``offsets``, not filled yet."""
    n = len(offsets)
    kinds = {"cigar": np.int64, "seq": np.int64, "qual": np.int64, "name_hash": np.uint64, "status": np.uint8}
    given = {"raw": raw, "offset": offsets}
    return Records(**{name: given.get(name, np.empty(n, kinds.get(name, np.int32))) for name in Records._fields})


def take_rows(records: Records, rows: Any) -> Records:
    """The same bytes with some of the rows."""
    return Records(records.raw, *(column[rows] for column in records[1:]))


def decode(raw: NDArray[np.uint8], offsets: NDArray[np.int64], header: Header, backend: Backend) -> Records:
    """Decode and validate records; the columns on the backend's side."""
    records = backend.upload(empty_columns(raw, offsets))
    lengths = backend.upload(header.lengths)
    backend.launch("records.decode", len(offsets), records, lengths)
    return records


def find_mates(records: Records, host: Records, backend: Backend) -> None:
    """Fill ``records.earlier`` and ``records.mate`` of rows that are sorted by position, in the same batch."""
    n = len(host.pos)
    if n == 0:
        return
    xp = backend.xp
    longest = int((host.end.astype(np.int64) - host.pos).max())
    mate, later = xp.empty(n, dtype=xp.int32), xp.empty(n, dtype=xp.int32)
    later[:] = chain.NO_ROW
    backend.launch("chain.link", n, records, longest, backend.to_chain(records.name_hash))
    backend.launch("chain.mates", n, records, mate, later)
    backend.launch("chain.mutual", n, records, mate, later)


def sort_keys(tid: NDArray[np.int32], pos: NDArray[np.int32]) -> NDArray[np.int64]:
    """One number that orders records as a coordinate-sorted file does (unplaced reads last)."""
    contig = np.where(tid < 0, PLACED_LAST, tid).astype(np.int64)
    return (contig << 32) + pos


class Batcher:
    """Turns a record source into batches.

    Parameters
    ----------
    source
        an open BAM or CRAM, or several as one.
    backend, batching, filters
        where kernels run and how the stream is cut and filtered.
    regions
        only reads that overlap these; None: all.
    max_carry
        bytes of reads over one locus that may be held at once, the memory budget's share.
    """

    def __init__(
        self,
        source: RecordSource,
        backend: Backend,
        batching: Batching,
        filters: Filters,
        regions: Intervals | None = None,
        max_carry: int = 1 << 30,
    ) -> None:
        self.source = source
        self.header = source.header
        self.backend = backend
        self.batching = batching
        self.filters = filters
        self.regions = regions
        self.max_carry = max_carry
        self.records_kept = 0  # in the regions asked
        self._last_key = -1
        self._owned: tuple[int, int] = (-1, 0)  # contig and position up to which positions are owned

    def __iter__(self) -> Iterator[Batch]:
        carried = np.empty(0, dtype=np.uint8)
        verdicts = np.empty(0, dtype=np.uint8)
        tail = b""
        pieces = iter(self.source.pieces(self.regions, min(PIECE_BYTES, self.batching.batch_bytes)))
        finished = False
        while not finished:
            raw, offsets, first_new, tail, where, finished = self._fill(carried, tail, pieces)
            batch = self._decode(raw, offsets, first_new, where)
            decided = self._select(batch, verdicts, finished)
            carry = self._plan(batch, finished)
            if batch.tiles or len(batch.records.pos) > batch.first_new:
                find_mates(batch.device, batch.records, self.backend)
                if batch.device is not batch.records:
                    for column in ("earlier", "mate"):
                        getattr(batch.records, column)[:] = self.backend.download(getattr(batch.device, column))
                yield batch
            carried = pack_rows(batch.records, carry)
            verdicts = np.where(decided[carry], batch.usable[carry], 2).astype(np.uint8)
            if len(carried) > self.max_carry:
                row = int(carry[0])
                raise HostMemoryError(
                    f"{self.source.path}: reads over {self._place(batch.records, row)} need more than"
                    f" {self.max_carry >> 20} MiB at once; raise --memory"
                )
            del batch, raw, offsets, carry, decided  # whose memory the next batch takes

    # -- filling -------------------------------------------------------------------------------------------------

    def _fill(
        self, carried: NDArray[np.uint8], tail: bytes, pieces: Iterator[Piece]
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64], int, bytes, list[Place], bool]:
        """Carried records, the rest of a record, and new pieces in one buffer, and where its records start."""
        held, size = len(carried), len(carried) + len(tail)
        capacity = size + max(self.batching.batch_bytes, 1)
        raw = np.empty(capacity + PIECE_BYTES, dtype=np.uint8)
        raw[:held] = carried
        raw[held:size] = np.frombuffer(tail, dtype=np.uint8)
        where: list[Place] = []
        found = [self._walk(raw[:held], 0, where)[0]]
        first, stop, finished = len(found[0]), held, True
        waiting: list[Future[None]] = []
        try:
            for piece in pieces:
                where.append((size, piece))
                if size + piece.size > len(raw):
                    wait_for(waiting)
                    raw = np.concatenate([raw[:size], np.empty(piece.size, dtype=np.uint8)])
                written = piece.write(raw[size : size + piece.size])
                size += piece.size
                if written is not None:
                    waiting.append(written)
                elif size - stop >= PIECE_BYTES // 2:  # while the bytes are in a cache
                    offsets, stop = self._walk(raw[:size], stop, where)
                    found.append(offsets)
                if size >= capacity:
                    finished = False
                    break
        finally:
            wait_for(waiting)  # what is wrong with these bytes comes before what is wrong behind them
        raw = raw[:size]
        offsets, stop = self._walk(raw, stop, where)
        rest = raw[stop:].tobytes()
        if finished and rest:
            path, place = self._voffset(where, stop)
            raise CorruptInput(
                f"{path}: the file ends inside a record at {place}: it is cut short or its index is another file's"
            )
        return raw, np.concatenate([*found, offsets]), first, rest, where, finished

    def _walk(self, raw: NDArray[np.uint8], start: int, where: list[Place]) -> tuple[NDArray[np.int64], int]:
        offsets = np.empty((len(raw) - start) // kernel.FIXED_BYTES + 1, dtype=np.int64)
        found, stop, status = kernel.walk(raw, start, len(raw), offsets)
        if status != kernel.OK:
            path, place = self._voffset(where, stop)
            raise CorruptInput(
                f"{path}: the record at {place} states an impossible block_size:"
                " the file is damaged, or its index is another file's"
            )
        return offsets[:found], stop

    def _voffset(self, where: list[Place], at: int) -> tuple[str, str]:
        """The file of a buffer position, and its virtual offset there, in words."""
        found = next((place for place in reversed(where) if place[0] <= at), None)
        if found is None:
            return self.source.path, "the start of the batch"
        path, block, within = found[1].locate(at - found[0])
        return path, words(block, within)

    # -- decoding ------------------------------------------------------------------------------------------------

    def _decode(self, raw: NDArray[np.uint8], offsets: NDArray[np.int64], first_new: int, where: list[Place]) -> Batch:
        device = decode(raw, offsets, self.header, self.backend)
        host: Records = self.backend.download(device)
        self._check(host, first_new, where)
        if self.regions is not None:
            keep = np.ones(len(offsets), dtype=bool)
            keep[first_new:] = self._in_regions(host, first_new)
            host = take_rows(host, keep)
            device = self.backend.upload(host)
        self.records_kept += len(host.pos) - first_new
        return Batch(host, device, np.ones(len(host.pos), dtype=np.uint8), first_new)

    def _check(self, host: Records, first_new: int, where: list[Place]) -> None:
        bad = np.flatnonzero(host.status)
        if len(bad):
            row = int(bad[0])
            path, place = self._voffset(where, int(host.offset[row]))
            raise CorruptInput(
                f"{path}: record '{read_name(host, row)}' at {place}, {self._place(host, row)}:"
                f" {kernel.STATUS_TEXT[int(host.status[row])]}; the file is damaged or was written wrongly"
            )
        keys = np.concatenate([[self._last_key], sort_keys(host.tid[first_new:], host.pos[first_new:])])
        steps = np.flatnonzero(np.diff(keys) < 0)
        if len(steps):
            row = first_new + int(steps[0])
            raise InputError(
                f"{self.source.path}: not sorted by coordinate: record '{read_name(host, row)}' at"
                f" {self._place(host, row)} comes after a later position; run 'samtools sort' first"
            )
        self._last_key = int(keys[-1])

    def _place(self, host: Records, row: int) -> str:
        tid = int(host.tid[row])
        contig = self.header.names[tid] if 0 <= tid < len(self.header.names) else "*"
        return f"{contig}:{int(host.pos[row]) + 1}"

    def _in_regions(self, host: Records, first: int) -> NDArray[np.bool_]:
        keep = np.zeros(len(host.pos) - first, dtype=bool)
        assert self.regions is not None
        for contig, intervals in self.regions.items():
            rows = np.flatnonzero(host.tid[first:] == self.header.names.index(contig))
            starts, stops = host.pos[first:][rows], host.end[first:][rows]
            following = np.searchsorted(intervals[:, 1], starts, side="right")
            inside = following < len(intervals)
            inside[inside] = intervals[following[inside], 0] < stops[inside]
            keep[rows] = inside
        return keep

    # -- which reads count for calling ---------------------------------------------------------------------------

    def _select(self, batch: Batch, verdicts: NDArray[np.uint8], finished: bool) -> NDArray[np.bool_]:
        """Set ``usable``; True where the verdict is final.

        Where more reads start in an aligned bin than the cap, those with the smallest name hashes stay: the same
        ones whatever the batch, once the bin is complete.
        """
        host, filters = batch.records, self.filters
        usable = (host.flag & filters.excluded_flags) == 0
        usable &= (host.mapq >= filters.min_mapq) & (host.l_seq > 0) & (host.tid >= 0) & (host.n_cigar > 0)
        bins = sort_keys(host.tid, host.pos >> filters.bin_bits)
        decided = np.ones(len(bins), dtype=bool) if finished else bins < (bins[-1] if len(bins) else 0)
        settled = np.zeros(len(bins), dtype=bool)
        settled[: len(verdicts)] = verdicts < 2
        thin_out(usable, bins, host.name_hash, filters.starts_per_bin)
        usable[: len(verdicts)] = np.where(verdicts < 2, verdicts == 1, usable[: len(verdicts)])
        batch.usable[:] = usable
        return decided | settled

    # -- what a batch owns ---------------------------------------------------------------------------------------

    def _plan(self, batch: Batch, finished: bool) -> NDArray[np.int64]:
        """Give the batch its tiles; the rows to carry over."""
        host = batch.records
        halo = self.batching.halo
        margin = halo + (1 << self.filters.bin_bits)
        nothing = np.empty(0, dtype=np.int64)
        placed = np.flatnonzero(host.tid >= 0)
        if len(placed) == 0:
            return nothing
        last_row = len(host.pos) - 1
        open_contig = -1 if finished or host.tid[last_row] < 0 else int(host.tid[last_row])
        starts = run_starts(host.tid[placed])
        contigs = host.tid[placed[starts]]
        bounds = [*placed[starts].tolist(), int(placed[-1]) + 1]
        carry = nothing
        for contig, row, row_stop in zip(contigs.tolist(), bounds[:-1], bounds[1:], strict=True):
            reach = np.maximum.accumulate(host.end[row:row_stop])
            stop = int(reach[-1])
            if contig == open_contig:
                stop = int(host.pos[last_row]) - margin
            begin = self._owned[1] if self._owned[0] == contig else 0
            batch.tiles.extend(self._cut(host, contig, begin, stop, row, reach))
            if stop > begin:
                self._owned = (contig, stop)
            if contig == open_contig:
                needed = max(stop, begin) - halo
                carry = row + np.flatnonzero(host.end[row:row_stop] > needed)
        return carry

    def _cut(
        self, host: Records, tid: int, begin: int, stop: int, row: int, reach: NDArray[np.int32]
    ) -> Iterator[Tile]:
        """Tiles over [begin, stop) where there are reads; ``reach`` is the running maximum of their ends."""
        pos = host.pos[row : row + len(reach)]
        halo = self.batching.halo
        while begin < stop:
            first = int(np.searchsorted(reach, begin, side="right"))
            if first == len(reach):
                return
            begin = max(begin, int(pos[first]))
            end = min(begin + self.batching.tile_span, stop)
            if begin >= end:
                return
            low = int(np.searchsorted(reach, begin - halo, side="right"))
            high = int(np.searchsorted(pos, end + halo, side="left"))
            yield Tile(tid, begin, end, row + low, row + high)
            begin = end


def thin_out(usable: NDArray[np.bool_], bins: NDArray[np.int64], hashes: NDArray[np.uint64], cap: int) -> None:
    """Clear ``usable`` where more than ``cap`` usable reads share a bin, keeping the smallest hashes (ties stay).

    ``bins`` are in ascending order.
    """
    rows = np.flatnonzero(usable)
    starts = run_starts(bins[rows])
    counts = np.diff(starts, append=len(rows))
    for start, count in zip(starts[counts > cap], counts[counts > cap], strict=True):
        group = rows[start : start + count]
        limit = np.partition(hashes[group], cap - 1)[cap - 1]
        usable[group[hashes[group] > limit]] = False


def run_starts(values: NDArray[Any]) -> NDArray[np.int64]:
    """Where each run of equal values begins."""
    if len(values) == 0:
        return np.empty(0, dtype=np.int64)
    return np.concatenate([[0], np.flatnonzero(values[1:] != values[:-1]) + 1])


def read_name(host: Records, row: int) -> str:
    """Name of the read in ``row``, as far as it can be read."""
    start = int(host.offset[row]) + kernel.FIXED_BYTES
    length = int(host.raw[int(host.offset[row]) + 12])
    return bytes(host.raw[start : start + max(length - 1, 0)]).split(b"\0")[0].decode("ascii", "replace")


def pack_rows(host: Records, rows: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The bytes of some records, one after the other."""
    if len(rows) == 0:
        return np.empty(0, dtype=np.uint8)
    starts = host.offset[rows]
    sizes = np.ascontiguousarray(host.raw[starts[:, None] + np.arange(4)]).view("<u4")[:, 0]
    stops = starts + 4 + sizes
    apart = np.flatnonzero(starts[1:] != stops[:-1]) + 1  # most are neighbours
    bounds = zip(starts[[0, *apart]].tolist(), stops[[*(apart - 1), -1]].tolist(), strict=True)
    return np.concatenate([host.raw[start:stop] for start, stop in bounds])

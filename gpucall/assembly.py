"""Stage: indels that no CIGAR shows, from reads that the aligner clipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .candidates import inserted_bases
from .config import Assembly
from .kernels.assembly import Splits
from .kernels.pileup import LONGEST_SHIFT, Events
from .pileup import Change, TileReads


def add_split_ends(reads: TileReads, events: Events, settings: Assembly) -> Events:
    """The events of a tile and those that its clipped ends show (host arrays)."""
    splits, rows = split_ends(reads, settings)
    ends = [(k, int(rows[k])) for k in np.flatnonzero(splits.score).tolist()]
    found = [(change(reads, splits, k, row, settings), row) for k, row in ends]
    return merged(reads, events, [(left_aligned(reads, each), row) for each, row in found if each is not None])


def split_ends(reads: TileReads, settings: Assembly) -> tuple[Splits, NDArray[np.int32]]:
    """Where the clipped ends of a tile's reads continue, and the read of each row (host arrays)."""
    backend, xp = reads.backend, reads.backend.xp
    several = reads.batch.device.n_cigar[reads.rows] > 1
    rows = reads.rows[several]
    n = 2 * len(rows)
    out = Splits(*(xp.zeros(n, dtype=kind) for kind in (xp.int64, xp.int64, xp.int32, xp.int32, xp.int32)))
    backend.launch(
        "assembly.splits",
        len(rows),
        reads.batch.device,
        rows,
        reads.origin,
        reads.reference.code,
        reads.filters.min_base_quality,
        settings.reach,
        settings.min_score,
        out,
    )
    host: Splits = backend.download(out)
    return host, np.repeat(backend.download(rows), 2)


def change(reads: TileReads, splits: Splits, k: int, row: int, settings: Assembly) -> Change | None:
    """What lies between the two flanks of an end; None where that is no indel, or too long."""
    start, stop = int(splits.start[k]), int(splits.stop[k])
    between = read_bases(reads, row, int(splits.query[k]), int(splits.between[k]))
    if stop < start:
        between = bytes(reads.bases[stop:start]) + between
    found = trimmed(reads, Change(min(start, stop), max(stop - start, 0), between))
    at, deleted, inserted = found
    if b"N" in inserted or at < 2 or at + deleted >= len(reads.bases) or len(inserted) > settings.reach:
        return None
    return found if len(inserted) != deleted else None


def trimmed(reads: TileReads, change: Change) -> Change:
    """The change without bases that are the same before and after."""
    at, deleted, inserted = change
    while deleted and inserted and reads.bases[at + deleted - 1] == inserted[-1]:
        deleted, inserted = deleted - 1, inserted[:-1]
    while deleted and inserted and reads.bases[at] == inserted[0]:
        at, deleted, inserted = at + 1, deleted - 1, inserted[1:]
    return Change(at, deleted, inserted)


def read_bases(reads: TileReads, row: int, query: int, length: int) -> bytes:
    """Bases of a read as ASCII; N for what is not A, C, G, T."""
    host = reads.batch.records
    indices = np.arange(query, query + length)
    nibbles = host.raw[int(host.seq[row]) + (indices >> 1)] >> (4 * (1 - (indices & 1))) & 15
    return bytes(np.frombuffer(b"NACNGNNNTNNNNNNN", dtype=np.uint8)[nibbles])


def left_aligned(reads: TileReads, change: Change) -> Change:
    """The same change as far left as it goes (Tan, Abecasis & Kang 2015)."""
    at, deleted, inserted = change
    if deleted and inserted:
        return change
    bases, rest = reads.bases, bytearray(inserted)
    lowest = max(at - LONGEST_SHIFT, 1)
    shift = 0
    while at - shift > lowest:
        before = bases[at - shift - 1]
        last = bases[at - shift - 1 + deleted] if deleted else rest[-1 - shift % len(rest)]
        if before != last or before == ord("N"):
            break
        shift += 1
    turn = shift % len(inserted) if inserted else 0
    return Change(at - shift, deleted, inserted[len(inserted) - turn :] + inserted[: len(inserted) - turn])


def merged(reads: TileReads, events: Events, shown: list[tuple[Change, int]]) -> Events:
    """Events with the changes that some reads show behind them; ``query`` is minus the change's number, from 1.

    What a CIGAR shows, too, gets the key that it has there; others get even keys, which CIGARs' insertions have not.
    """
    if not shown:
        return events
    number: dict[Change, int] = {}
    keys = []
    for each, _ in shown:
        if each not in number:
            reads.assembled.append(each)
            number[each] = len(reads.assembled)
            keys.append(key_of(reads, events, each, 2 * number[each]))
    base = len(reads.assembled) - len(keys)
    columns = [
        (each.at, len(each.inserted) - each.deleted, keys[number[each] - base - 1], row, -number[each], 0)
        for each, row in shown
    ]
    added = zip(*columns, strict=True)
    return Events(
        *(
            np.concatenate([column, np.array(more, dtype=column.dtype)])
            for column, more in zip(events, added, strict=True)
        )
    )


def key_of(reads: TileReads, events: Events, change: Change, other: int) -> int:
    """The key of the same change in some read's CIGAR; ``other`` where there is none."""
    if not change.inserted:
        return 0
    if change.deleted:
        return other
    same = np.flatnonzero((events.position == change.at) & (events.length == len(change.inserted)))
    keys = {int(events.key[event]): int(event) for event in same}
    found = (key for key, event in keys.items() if inserted_bases(reads, events, event) == change.inserted)
    return next(found, other)

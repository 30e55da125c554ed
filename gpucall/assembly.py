"""Stage: indels that no CIGAR shows, from reads that the aligner clipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .candidates import inserted_bases
from .config import Assembly
from .kernels.assembly import Splits
from .kernels.pileup import LONGEST_SHIFT, Events
from .pileup import Change, TileReads


class Gap(NamedTuple):
    """Between a left flank that ends before ``start`` and a right one from ``stop`` on are the bases ``between``.

    Both are indices into the tile's stretch; ``stop`` is below ``start`` where a stretch is there twice.
    """

    start: int
    stop: int
    between: bytes


def add_split_ends(reads: TileReads, events: Events, settings: Assembly) -> Events:
    """The events of a tile and those that its clipped ends show (host arrays)."""
    rows = reads.rows[reads.batch.device.n_cigar[reads.rows] > 1]
    splits = split_ends(reads, rows, settings)
    row = np.repeat(reads.backend.download(rows), 2).tolist()
    shown = [
        (found, row[k]) for k in np.flatnonzero(splits.score).tolist() for found in placed(reads, splits, k, row[k])
    ]
    for gap, ends in joined_ends(reads, rows, splits, settings):
        shown += [(found, row[k]) for found in normal(reads, gap) for k in ends]
    kept = [(found, each) for found, each in shown if len(found.inserted) <= settings.reach]
    return merged(reads, events, kept)


def split_ends(reads: TileReads, rows: Any, settings: Assembly) -> Splits:
    """Where the clipped ends of some reads continue (host arrays)."""
    backend, xp = reads.backend, reads.backend.xp
    kinds = (xp.int32, xp.int64, xp.int64, xp.int64, xp.int32, xp.int32, xp.int32)
    out = Splits(*(xp.zeros(2 * len(rows), dtype=kind) for kind in kinds))
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
    return host


def placed(reads: TileReads, splits: Splits, k: int, row: int) -> Iterator[Change]:
    """What lies between the two flanks of an end."""
    between = read_bases(reads, row, int(splits.query[k]), int(splits.between[k]))
    yield from normal(reads, Gap(int(splits.start[k]), int(splits.stop[k]), between))


def normal(reads: TileReads, gap: Gap) -> Iterator[Change]:
    """The gap as an indel, left-aligned and without bases that stay; nothing where it is none, or not known."""
    start, stop, between = gap
    if stop < start:
        between = bytes(reads.bases[stop:start]) + between
    found = trimmed(reads, Change(min(start, stop), max(stop - start, 0), between))
    at, deleted, inserted = found
    if b"N" in inserted or at < 2 or at + deleted >= len(reads.bases) or len(inserted) == deleted:
        return
    yield left_aligned(reads, found)


# -- insertions that no read reaches across ------------------------------------------------------------------------


def joined_ends(reads: TileReads, rows: Any, splits: Splits, settings: Assembly) -> Iterator[tuple[Gap, list[int]]]:
    """Insertions from clips on both sides that fit nowhere but overlap each other, and the ends that show each.

    Clips at one position are a cluster; what they say together is the base with most quality, one after the other.
    """
    slots = np.flatnonzero((splits.score == 0) & (splits.clip >= settings.joined_clip))
    keys = splits.edge[slots] << 1 | slots & 1
    edges, cluster, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    kept = np.flatnonzero(sizes >= settings.joined_reads)
    pairs = pair_clusters(edges[kept], sizes[kept], settings.joined_apart)
    if not pairs:
        return
    number = np.full(len(edges), -1, dtype=np.int64)
    number[kept] = np.arange(len(kept))
    member = number[cluster]
    slots, member = slots[member >= 0], member[member >= 0]
    bases = consensus(reads, rows, slots, member, len(kept), int(splits.clip[slots].max()))
    for right, left in pairs:
        between = joined(bases[right], bases[left][::-1], settings.overlap)
        if between:
            ends = slots[(member == right) | (member == left)].tolist()
            yield Gap(int(edges[kept[right]] >> 1), int(edges[kept[left]] >> 1), between), ends


def pair_clusters(edges: NDArray[np.int64], sizes: NDArray[np.int64], apart: int) -> list[tuple[int, int]]:
    """(cluster of right ends, cluster of left ends): for each of the former the largest near by, then the nearest.

    ``edges`` ascend: twice the position, 1 more for right ends.
    """
    pairs = []
    at, is_right = edges >> 1, edges & 1
    for right in np.flatnonzero(is_right).tolist():
        low, high = np.searchsorted(at, at[right] - apart), np.searchsorted(at, at[right] + apart, side="right")
        near = [k for k in range(int(low), int(high)) if not is_right[k]]
        if near:
            pairs.append((right, min(near, key=lambda k: (-sizes[k], abs(int(at[k] - at[right])), k))))
    return pairs


def consensus(
    reads: TileReads, rows: Any, slots: NDArray[np.int64], member: NDArray[np.int64], clusters: int, longest: int
) -> list[bytes]:
    """What the ends of each cluster say, from the alignment outwards, as ASCII; N where they say nothing."""
    backend, xp = reads.backend, reads.backend.xp
    votes = xp.zeros((clusters, longest, 4), dtype=xp.int32)
    ends = (backend.upload(slots.astype(np.int32)), rows, backend.upload(member.astype(np.int32)))
    backend.launch("assembly.votes", len(slots), reads.batch.device, *ends, reads.filters.min_base_quality, votes)
    counts = backend.download(votes)
    letters = np.where(counts.any(axis=2), np.frombuffer(b"ACGT", dtype=np.uint8)[counts.argmax(axis=2)], ord("N"))
    return [bytes(row.astype(np.uint8)).rstrip(b"N") for row in letters]


def joined(head: bytes, tail: bytes, overlap: int) -> bytes:
    """The sequence that begins with ``head`` and ends with ``tail``, or lies within them; empty: they share too little.

    Its length is the one with which they share most bases, one of twelve of them different at most.
    """
    one, two = np.frombuffer(head, dtype=np.uint8), np.frombuffer(tail, dtype=np.uint8)
    longest = len(one) + len(two) - overlap
    shared = {n: min(len(one), n) - max(0, n - len(two)) for n in range(overlap, longest + 1)}
    for n in sorted((n for n in shared if shared[n] >= overlap), key=lambda n: (-shared[n], n)):
        first = max(0, n - len(two))
        stop = first + shared[n]
        if np.count_nonzero(one[first:stop] != two[first + len(two) - n : stop + len(two) - n]) * 12 <= shared[n]:
            return head[:n] + tail[len(head) + len(tail) - n :] if n > len(head) else head[:n]
    return b""


# -- changes -------------------------------------------------------------------------------------------------------


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

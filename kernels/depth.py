"""depth: how many reads cover each position of one owned range, counted by differences where whole stretches count.

Three depths with three rules. ``cover`` counts two at once: mosdepth's, every aligned base, overlapping mates once; and
samtools stats', every aligned base of every record but secondary ones. ``solid`` is that of Picard's CollectWgsMetrics:
bases of good quality in well mapped pairs, a read name once a position.

Every kernel works on row ``first + k`` for item ``k``; rows of other contigs and outside of the range add nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .qc import is_quality
from .records import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    PROPER_PAIR,
    QC_FAIL,
    SECONDARY,
    UNMAPPED,
    Records,
    consumes_query,
    consumes_reference,
    same_name,
    u32,
)
from .scalar import query_index

UNCOUNTED = UNMAPPED | SECONDARY | QC_FAIL | DUPLICATE  # 1796, mosdepth's default --flag
MIN_MAPQ = 20  # phred; CollectWgsMetrics MINIMUM_MAPPING_QUALITY
MIN_QUALITY = 20  # phred; CollectWgsMetrics MINIMUM_BASE_QUALITY
UNKNOWN_BASE = 78  # N in ASCII
NT16_N = 15


@shared
def is_aligned(operation: Any) -> Any:
    """True for the operations that align a base to the reference: M, = and X."""
    return (consumes_query(operation) & consumes_reference(operation)) == 1


@shared
def overlaps(i: Any, records: Any, tid: Any, start: Any, stop: Any) -> Any:
    """True where row ``i`` reaches into [start, stop) of contig ``tid``."""
    return records.tid[i] == tid and records.pos[i] < stop and records.end[i] > start


@shared
def next_common(records: Any, a: Any, b: Any, state: Any) -> Any:
    """The next stretch of the reference that aligned bases of both rows cover.

    ``state`` is (operation, position, query) of either row, six numbers: where the walk stands; ``walk_start`` begins.
    Returns the state after it, start, stop, and each row's query index at ``start``; start == stop: no more.
    """
    raw = records.raw
    op_a, pos_a, query_a, op_b, pos_b, query_b = state
    while op_a < records.n_cigar[a] and op_b < records.n_cigar[b]:
        word_a = u32(raw, records.cigar[a] + 4 * op_a)
        word_b = u32(raw, records.cigar[b] + 4 * op_b)
        end_a = pos_a + (word_a >> 4) * consumes_reference(word_a & 15)
        end_b = pos_b + (word_b >> 4) * consumes_reference(word_b & 15)
        start, stop = max(pos_a, pos_b), min(end_a, end_b)
        found = start < stop and is_aligned(word_a & 15) and is_aligned(word_b & 15)
        at_a, at_b = query_a + start - pos_a, query_b + start - pos_b
        if end_a <= end_b:
            op_a, pos_a, query_a = op_a + 1, end_a, query_a + (word_a >> 4) * consumes_query(word_a & 15)
        else:
            op_b, pos_b, query_b = op_b + 1, end_b, query_b + (word_b >> 4) * consumes_query(word_b & 15)
        if found:
            return (op_a, pos_a, query_a, op_b, pos_b, query_b), start, stop, at_a, at_b
    zero = np.int64(0)
    return (op_a, pos_a, query_a, op_b, pos_b, query_b), zero, zero, zero, zero


@shared
def walk_start(records: Any, a: Any, b: Any) -> Any:
    """The state with which ``next_common`` begins."""
    zero = np.int64(0)
    return zero, np.int64(records.pos[a]), zero, zero, np.int64(records.pos[b]), zero


# -- cover: the depths of mosdepth and samtools stats ------------------------------------------------------------------


@shared
def mark(steps: Any, start: Any, stop: Any, low: Any, high: Any, value: Any) -> None:
    """Add ``value`` to the depth of [low, high), as far as it lies in [start, stop), the range of ``steps``."""
    low, high = max(low, start), min(high, stop)
    if low < high:
        atomic_add(steps, low - start, value)
        atomic_add(steps, high - start, -value)


@shared
def mark_blocks(
    i: Any, records: Any, start: Any, stop: Any, once: Any, every: Any, steps: Any, stats_steps: Any
) -> None:
    """Add ``once`` to ``steps`` and ``every`` to ``stats_steps`` (0 or 1) where row ``i`` has aligned bases."""
    at = np.int64(records.pos[i])
    for k in range(records.n_cigar[i]):
        word = u32(records.raw, records.cigar[i] + 4 * k)
        following = at + (word >> 4) * consumes_reference(word & 15)
        if is_aligned(word & 15):
            if once:
                mark(steps, start, stop, at, following, 1)
            if every:
                mark(stats_steps, start, stop, at, following, 1)
        at = following


@shared
def counted_before(i: Any, records: Any) -> Any:
    """The mate, earlier in the file, with which mosdepth counts the shared positions of row ``i`` once; -1: none.

    mosdepth (0.3.3 to 0.3.9, ``coverage``) does so for proper pairs both of which it counts.
    """
    mate = records.mate[i]
    if mate < 0 or mate > i or (records.flag[i] | records.flag[mate]) & UNCOUNTED:
        return -1
    return mate if records.flag[i] & records.flag[mate] & PROPER_PAIR else -1


@shared
def unmark_shared(i: Any, mate: Any, records: Any, start: Any, stop: Any, steps: Any) -> None:
    """Take 1 where row ``i`` and its earlier mate both have aligned bases.

    As mosdepth does it: where either CIGAR has but one operation, it takes 1 from the later start to the *earlier
    read's* end, also past the end of a later read that lies inside the earlier one.
    """
    if records.n_cigar[i] == 1 and records.n_cigar[mate] == 1:
        mark(steps, start, stop, np.int64(records.pos[i]), np.int64(records.end[mate]), -1)
        return
    state, low, high, _, _ = next_common(records, mate, i, walk_start(records, mate, i))
    while low < high:
        mark(steps, start, stop, low, high, -1)
        state, low, high, _, _ = next_common(records, mate, i, state)


@shared
def cover(i: Any, records: Any, tid: Any, start: Any, stop: Any, steps: Any, stats_steps: Any) -> None:
    """Add row ``i`` to the differences of two depths, int32[stop - start + 1]: mosdepth's and samtools stats'."""
    flag = records.flag[i]
    if records.tid[i] != tid or flag & (UNMAPPED | SECONDARY):
        return
    once = not flag & UNCOUNTED
    if overlaps(i, records, tid, start, stop):
        mark_blocks(i, records, start, stop, once, records.l_seq[i] > 0, steps, stats_steps)
    mate = counted_before(i, records)
    if mate >= 0:
        unmark_shared(i, mate, records, start, stop, steps)


@cpu_loop
def cover_cpu(
    n: int, records: Records, first: int, tid: int, start: int, stop: int, steps: Any, stats_steps: Any
) -> None:
    for k in range(n):
        cover(first + k, records, tid, start, stop, steps, stats_steps)


@cuda_loop
def cover_cuda(
    n: int, records: Records, first: int, tid: int, start: int, stop: int, steps: Any, stats_steps: Any
) -> None:
    k = cuda.grid(1)
    if k < n:
        cover(first + k, records, tid, start, stop, steps, stats_steps)


# -- solid: the depth of CollectWgsMetrics -----------------------------------------------------------------------------


@shared
def is_solid(i: Any, records: Any) -> Any:
    """True for a read that CollectWgsMetrics (Picard 2.27, default options) looks at."""
    flag = records.flag[i]
    if flag & (UNCOUNTED | MATE_UNMAPPED) or not flag & PAIRED:
        return False
    return records.mapq[i] >= MIN_MAPQ and records.l_seq[i] > 0


@shared
def base_is_solid(i: Any, query: Any, records: Any) -> Any:
    """1 where base ``query`` of row ``i`` is known and of good quality."""
    byte = np.int64(records.raw[records.seq[i] + (query >> 1)])
    known = np.int32((byte >> (4 * (1 - (query & 1)))) & 15 != NT16_N)
    return known & is_quality(records.raw[records.qual[i] + query], MIN_QUALITY)


@shared
def has_unknown_bases(i: Any, records: Any) -> Any:
    """True where a base of row ``i`` is N."""
    unknown = np.uint8(0)
    for k in range(records.seq[i], records.seq[i] + (records.l_seq[i] >> 1)):
        byte = records.raw[np.uint64(k)]
        unknown = np.uint8(unknown | np.uint8(byte >= np.uint8(0xF0)) | np.uint8((byte & np.uint8(15)) == np.uint8(15)))
    if records.l_seq[i] & 1:
        unknown |= np.uint8(records.raw[records.seq[i] + (records.l_seq[i] >> 1)] >= 0xF0)
    return unknown != 0


@shared
def add_bases(i: Any, query: Any, at: Any, length: Any, records: Any, depth: Any) -> None:
    """Add 1 to ``length`` depths from index ``at`` on where the base of row ``i`` is of good quality."""
    shift = records.qual[i] + query - at
    for k in range(at, at + length):
        atomic_add(depth, np.uint64(k), is_quality(records.raw[np.uint64(k + shift)], MIN_QUALITY))


@shared
def remove_unknown(i: Any, query: Any, at: Any, length: Any, records: Any, depth: Any) -> None:
    """Take back what ``add_bases`` added for bases that are N."""
    for k in range(length):
        good = is_quality(records.raw[records.qual[i] + query + k], MIN_QUALITY)
        if good and not base_is_solid(i, query + k, records):
            atomic_add(depth, at + k, -1)


@shared
def solid(i: Any, records: Any, tid: Any, start: Any, stop: Any, depth: Any) -> None:
    """Add the good bases of row ``i`` to the depths, int32[stop - start]."""
    if not overlaps(i, records, tid, start, stop) or not is_solid(i, records):
        return
    unknown = has_unknown_bases(i, records)
    at, query = np.int64(records.pos[i]), np.int64(0)
    for k in range(records.n_cigar[i]):
        word = u32(records.raw, records.cigar[i] + 4 * k)
        following = at + (word >> 4) * consumes_reference(word & 15)
        low, high = max(at, start), min(following, stop)
        if low < high and is_aligned(word & 15):
            add_bases(i, query + low - at, low - start, high - low, records, depth)
            if unknown:
                remove_unknown(i, query + low - at, low - start, high - low, records, depth)
        at = following
        query += (word >> 4) * consumes_query(word & 15)


@cpu_loop
def solid_cpu(n: int, records: Records, first: int, tid: int, start: int, stop: int, depth: Any) -> None:
    for k in range(n):
        solid(first + k, records, tid, start, stop, depth)


@cuda_loop
def solid_cuda(n: int, records: Records, first: int, tid: int, start: int, stop: int, depth: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        solid(first + k, records, tid, start, stop, depth)


@shared
def solid_at(i: Any, position: Any, records: Any) -> Any:
    """True where row ``i`` has a base of good quality at a reference position."""
    query = query_index(records, i, position)
    return query >= 0 and base_is_solid(i, query, records) != 0


@shared
def counted_by_name(i: Any, until: Any, position: Any, records: Any, first: Any, earlier: Any) -> Any:
    """True where a read of row ``i``'s chain before ``until`` has a good base at ``position``."""
    row = earlier[i - first]
    while row != until:
        if is_solid(row, records) and solid_at(row, position, records):
            return True
        row = earlier[row - first]
    return False


@shared
def remove_repeats(i: Any, row: Any, records: Any, start: Any, stop: Any, first: Any, earlier: Any, depth: Any) -> None:
    """Take 1 where rows ``i`` and ``row``, one name, both have good bases and no read between them in the chain has."""
    state, low, high, query, query_row = next_common(records, i, row, walk_start(records, i, row))
    while low < high:
        for k in range(max(low, start) - low, min(high, stop) - low):
            both = base_is_solid(i, query + k, records) & base_is_solid(row, query_row + k, records)
            if both and not counted_by_name(i, row, low + k, records, first, earlier):
                atomic_add(depth, low + k - start, -1)
        state, low, high, query, query_row = next_common(records, i, row, state)


@shared
def remove_pair(i: Any, mate: Any, records: Any, start: Any, stop: Any, depth: Any) -> None:
    """Take 1 where both reads of a pair have bases of good quality; neither has an N."""
    state, low, high, query, query_mate = next_common(records, i, mate, walk_start(records, i, mate))
    while low < high:
        at_read = records.qual[i] + query - low
        at_mate = records.qual[mate] + query_mate - low
        for k in range(max(low, start), min(high, stop)):
            good = is_quality(records.raw[np.uint64(k + at_read)], MIN_QUALITY)
            good &= is_quality(records.raw[np.uint64(k + at_mate)], MIN_QUALITY)
            atomic_add(depth, np.uint64(k - start), -good)
        state, low, high, query, query_mate = next_common(records, i, mate, state)


@shared
def solid_once(i: Any, records: Any, tid: Any, start: Any, stop: Any, first: Any, earlier: Any, depth: Any) -> None:
    """Count a read name once a position: take back what ``solid`` added for row ``i`` where its name is there already.

    ``earlier`` int32[n] chains the rows from ``first`` on that have one name: the row before, -1: none.
    """
    row = earlier[i - first]
    if row < 0 or not overlaps(i, records, tid, start, stop) or not is_solid(i, records):
        return
    if earlier[row - first] < 0:
        if not is_solid(row, records) or not overlaps(row, records, tid, records.pos[i], records.end[i]):
            return
        if not has_unknown_bases(i, records) and not has_unknown_bases(row, records):
            remove_pair(i, row, records, start, stop, depth)
            return
    while row >= 0:
        if is_solid(row, records) and overlaps(row, records, tid, start, stop):
            remove_repeats(i, row, records, start, stop, first, earlier, depth)
        row = earlier[row - first]


@cpu_loop
def solid_once_cpu(
    n: int, records: Records, first: int, tid: int, start: int, stop: int, earlier: Any, depth: Any
) -> None:
    for k in range(n):
        solid_once(first + k, records, tid, start, stop, first, earlier, depth)


@cuda_loop
def solid_once_cuda(
    n: int, records: Records, first: int, tid: int, start: int, stop: int, earlier: Any, depth: Any
) -> None:
    k = cuda.grid(1)
    if k < n:
        solid_once(first + k, records, tid, start, stop, first, earlier, depth)


@shared
def is_pair_apart(k: Any, records: Any, rows: Any) -> Any:
    """True where rows ``k - 1`` and ``k`` are the only ones with their name hash, and share no position."""
    row, before = rows[k], rows[k - 1]
    name = records.name_hash[row]
    if k > 1 and records.name_hash[rows[k - 2]] == name:
        return False
    if k + 1 < rows.shape[0] and records.name_hash[rows[k + 1]] == name:
        return False
    return not overlaps(row, records, records.tid[before], records.pos[before], records.end[before])


@shared
def link(k: Any, records: Any, first: Any, rows: Any, earlier: Any) -> None:
    """Chain row ``rows[k]`` to ``rows[k - 1]`` where both have one name; ``rows`` int64[n] are sorted by name hash.

    Most are mates that lie apart, which nothing is asked of: they are left alone. Names themselves are compared where
    it is not known already that the rows are mates.
    """
    row, before = rows[k], rows[max(k - 1, 0)]
    earlier[row - first] = -1
    if k > 0 and records.name_hash[row] == records.name_hash[before] and not is_pair_apart(k, records, rows):
        if records.mate[row] == before or same_name(records.raw, records.offset[row], records.offset[before]):
            earlier[row - first] = before


@cpu_loop
def link_cpu(n: int, records: Records, first: int, rows: Any, earlier: Any) -> None:
    for k in range(n):
        link(k, records, first, rows, earlier)


@cuda_loop
def link_cuda(n: int, records: Records, first: int, rows: Any, earlier: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        link(k, records, first, rows, earlier)


# -- histograms --------------------------------------------------------------------------------------------------------


@cpu_loop
def histogram_cpu(n: int, depth: Any, counts: Any) -> None:
    for k in range(n):
        atomic_add(counts, max(depth[k], 0), 1)


@cuda_loop
def histogram_cuda(n: int, depth: Any, counts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        atomic_add(counts, max(depth[k], 0), 1)


@shared
def count_solid(k: Any, depth: Any, bases: Any, counts: Any) -> None:
    """Add one position to the histogram of depths, capped at its last bin, unless its reference base is N."""
    if bases[k] != UNKNOWN_BASE:
        atomic_add(counts, min(depth[k], counts.shape[0] - 1), 1)


@cpu_loop
def solid_histogram_cpu(n: int, depth: Any, bases: Any, counts: Any) -> None:
    for k in range(n):
        count_solid(k, depth, bases, counts)


@cuda_loop
def solid_histogram_cuda(n: int, depth: Any, bases: Any, counts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        count_solid(k, depth, bases, counts)

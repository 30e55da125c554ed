"""depth: how many reads cover each position of one owned range, counted by differences where whole stretches count.

Two depths with two rules, which ``cover`` counts at once: mosdepth's, every aligned base, overlapping mates once; and
samtools stats', every aligned base of every record but secondary ones. The depths of Picard are in ``wgs``.

Every kernel works on row ``first + k`` for item ``k``; rows of other contigs and outside of the range add nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, above, low_bytes, sum_up, tally_bytes
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .records import (
    DUPLICATE,
    PROPER_PAIR,
    QC_FAIL,
    SECONDARY,
    UNMAPPED,
    Records,
    consumes_query,
    consumes_reference,
    u32,
)

NARROW = 256  # depths below this one are bytes
UNCOUNTED = UNMAPPED | SECONDARY | QC_FAIL | DUPLICATE  # 1796, mosdepth's default --flag


@shared
def is_aligned(operation: Any) -> Any:
    """True for the operations that align a base to the reference: M, = and X."""
    return (consumes_query(operation) & consumes_reference(operation)) == 1


@shared
def overlaps(i: Any, records: Any, tid: Any, start: Any, stop: Any) -> Any:
    """True where row ``i`` reaches into [start, stop) of contig ``tid``."""
    return records.tid[i] == tid and records.pos[i] < stop and records.end[i] > start


@shared
def is_whole(i: Any, records: Any) -> Any:
    """True only where all bases of row ``i`` are aligned, without a gap, as most are; it takes no look at the record.

    An operation that takes as many bases of the reference as the read has, which it takes too, is M, = or X. Of one
    base it may also be I or S, for which ``end`` is ``pos`` + 1, too.
    """
    length = records.l_seq[i]
    return records.n_cigar[i] == 1 and length > 1 and records.end[i] - records.pos[i] == length


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
def mark_both(low: Any, high: Any, start: Any, stop: Any, once: Any, every: Any, steps: Any, stats_steps: Any) -> None:
    """``mark`` [low, high) in ``steps`` where ``once``, in ``stats_steps`` where ``every``."""
    if once:
        mark(steps, start, stop, low, high, 1)
    if every:
        mark(stats_steps, start, stop, low, high, 1)


@shared
def mark_blocks(
    i: Any, records: Any, start: Any, stop: Any, once: Any, every: Any, steps: Any, stats_steps: Any
) -> None:
    """Add ``once`` to ``steps`` and ``every`` to ``stats_steps`` (0 or 1) where row ``i`` has aligned bases."""
    at = np.int64(records.pos[i])
    if is_whole(i, records):
        mark_both(at, np.int64(records.end[i]), start, stop, once, every, steps, stats_steps)
        return
    for k in range(records.n_cigar[i]):
        word = u32(records.raw, records.cigar[i] + 4 * k)
        following = at + (word >> 4) * consumes_reference(word & 15)
        if is_aligned(word & 15):
            mark_both(at, following, start, stop, once, every, steps, stats_steps)
        at = following


@shared
def counted_before(i: Any, records: Any) -> Any:
    """The mate, earlier in the file, with which mosdepth counts the shared positions of row ``i`` once; -1: none.

    mosdepth (0.3.3 to 0.3.9, ``coverage``) does so for proper pairs both of which it counts.
    """
    mate = records.mate[np.uint64(i)]
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
    row = np.uint64(i)
    flag = records.flag[row]
    if records.tid[row] != tid or flag & (UNMAPPED | SECONDARY):
        return
    once = not flag & UNCOUNTED
    if overlaps(row, records, tid, start, stop):
        mark_blocks(row, records, start, stop, once, records.l_seq[row] > 0, steps, stats_steps)
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


# -- running sums ------------------------------------------------------------------------------------------------------


@cpu_loop
def running_cpu(n: int, steps: Any) -> None:
    """Make differences, int32[n], their running sums, 64 at once.

    Only for the CPU (``CpuBackend.running_sums``): NumPy adds one after the other; CuPy's sums are made for a card.
    """
    total, done = np.int64(0), np.int64(0)
    while done + WORD <= n:
        total = sum_up(steps, done, total)
        done += WORD
    for k in range(done, n):
        total += steps[k]
        steps[k] = total


# -- histograms --------------------------------------------------------------------------------------------------------


@cpu_loop
def histogram_cpu(n: int, depth: Any, counts: Any) -> None:
    """64 positions at once where they are less than ``NARROW`` deep."""
    done = 0
    while done + WORD <= n:
        if above(depth, done, NARROW - 1) == np.uint64(0):
            tally_bytes(low_bytes(depth, done), ~np.uint64(0), counts)
        else:
            for k in range(done, done + WORD):
                counts[max(depth[k], 0)] += 1
        done += WORD
    for k in range(done, n):
        counts[max(depth[k], 0)] += 1


@cuda_loop
def histogram_cuda(n: int, depth: Any, counts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        atomic_add(counts, max(depth[k], 0), 1)


# -- regions -----------------------------------------------------------------------------------------------------------


@shared
def add_region(k: Any, depth: Any, lows: Any, highs: Any, thresholds: Any, sums: Any, counts: Any) -> None:
    """Add up depths [lows[k], highs[k]) of a range: their sum, how many reach each threshold, their histogram.

    sums    int64[n, 1 + thresholds]: row k is filled
    counts  int64[m]: positions by depth, over all regions; m is larger than any depth. Of size 0: not wanted.
    """
    total = np.int64(0)
    for at in range(lows[k], highs[k]):
        value = np.int64(max(depth[at], 0))
        total += value
        for t in range(thresholds.shape[0]):
            sums[k, 1 + t] += value >= thresholds[t]
        if counts.shape[0] > 0:
            atomic_add(counts, value, 1)
    sums[k, 0] += total


@cpu_loop
def regions_cpu(n: int, depth: Any, lows: Any, highs: Any, thresholds: Any, sums: Any, counts: Any) -> None:
    for k in range(n):
        add_region(k, depth, lows, highs, thresholds, sums, counts)


@cuda_loop
def regions_cuda(n: int, depth: Any, lows: Any, highs: Any, thresholds: Any, sums: Any, counts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        add_region(k, depth, lows, highs, thresholds, sums, counts)

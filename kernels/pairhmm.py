"""pairhmm: how well a read's bases fit a candidate haplotype, as an integer cost.

Viterbi over match, insertion and deletion with affine gaps (Durbin et al. 1998, chapter 4), banded around the mapped
position, both ends of the haplotype free. Costs are phreds in units of 1/SCALE (``tables``); the cost of opening a gap
depends on the repeat in which it opens (``gap_costs``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import cpu_loop, cuda, cuda_loop, shared
from .records import CIGAR_S, Records, consumes_query, consumes_reference, u32
from .scalar import base_at, is_match

BLOCKED = 1 << 28  # cost of what cannot be
LONGEST_UNIT = 6  # bp, longest repeat unit with a gap cost of its own
MOST_REPEATS = 32  # units; longer repeats cost as much as this


class Haplotypes(NamedTuple):
    """Candidate haplotypes, one after the other.

    code   uint8[bases]       0-3 for A, C, G, T; 4: anything else
    gap    int32[bases]       cost of opening a gap at this base
    extend int32[bases]       cost of one more base in it
    start  int64[h]           first base of each haplotype
    length int32[h]           its bases
    """

    code: Any
    gap: Any
    extend: Any
    start: Any
    length: Any


class Segments(NamedTuple):
    """The part of each read that lies in a window, and the haplotypes to score it against; one row a read and window.

    row    int32  the read
    start  int64  0-based first position of the window
    stop   int64  position after the window
    first  int32  first haplotype of the window
    count  int32  haplotypes of the window
    band   int32  half width of the band, bases
    """

    row: Any
    start: Any
    stop: Any
    first: Any
    count: Any
    band: Any


@shared
def segment_bounds(records: Records, row: Any, start: Any, stop: Any, reach: Any) -> Any:
    """(first query base, query base after the last, window offset of the first) of a read's part in [start, stop).

    Soft-clipped bases count where the alignment ends inside the window, to at most ``reach`` bases beyond it.
    """
    at = np.int64(records.pos[row])
    query = np.int64(0)
    first = np.int64(-1)
    last = np.int64(-1)
    offset = np.int64(0)
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if is_match(operation) and at < stop and at + length > start:
            skip = max(start - at, 0)
            if first < 0:
                first = query + skip
                offset = at + skip - start
            last = query + min(length, stop - at)
        elif operation == CIGAR_S and first < 0 and start < at < stop:
            keep = min(length, at - start + reach)
            first = query + length - keep
            offset = at - start - keep
            last = query + length
        elif operation == CIGAR_S and first >= 0 and at < stop:
            last = query + min(length, stop - at + reach)
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)
    return first, last, offset


@shared
def emission(records: Records, row: Any, query: Any, code: Any, cap: Any, costs: Any) -> Any:
    """Cost of the read base at ``query`` where the haplotype has base ``code``; what is not A, C, G, T never fits."""
    quality = min(min(np.int64(records.raw[records.qual[row] + query]), np.int64(records.mapq[row])), cap)
    base = base_at(records.raw, records.seq[row], query)
    if base > 3:
        return costs[2, 0]
    return costs[0, quality] if base == code else costs[2, quality]


@shared
def align(
    records: Records, row: Any, first: Any, last: Any, offset: Any, haplotypes: Haplotypes, h: Any, half: Any,
    cap: Any, costs: Any, scratch: Any, t: Any
) -> Any:
    """Cost of the best alignment of query bases [first, last) to haplotype ``h``.

    ``offset`` is the haplotype base under the first query base where there is no gap. ``scratch`` int32[:, 3, band] is
    workspace, row ``t`` of it this call's. Cell k of row j stands for haplotype base j + offset - half + k.
    """
    width = 2 * half + 1
    start, length = haplotypes.start[h], np.int64(haplotypes.length[h])
    for k in range(width):
        at = offset - half + k
        inside = 0 <= at < length
        scratch[t, 0, k] = (
            emission(records, row, first, haplotypes.code[start + at], cap, costs) if inside else BLOCKED
        )
        scratch[t, 1, k] = BLOCKED
        scratch[t, 2, k] = BLOCKED
    for query in range(first + 1, last):
        base_offset = offset - half + (query - first)
        left_match = np.int64(BLOCKED)
        left_gap = np.int64(BLOCKED)
        quality = min(min(np.int64(records.raw[records.qual[row] + query]), np.int64(records.mapq[row])), cap)
        base = base_at(records.raw, records.seq[row], query)
        same, different = np.int64(costs[0, quality]), np.int64(costs[2, quality])
        if base > 3:
            same = different = np.int64(costs[2, 0])
        for k in range(width):
            at = base_offset + k
            if at < 0 or at >= length:
                scratch[t, 0, k] = BLOCKED
                scratch[t, 1, k] = BLOCKED
                scratch[t, 2, k] = BLOCKED
                left_match = np.int64(BLOCKED)
                left_gap = np.int64(BLOCKED)
                continue
            gap = np.int64(haplotypes.gap[start + at])
            extend = np.int64(haplotypes.extend[start + at])
            diagonal = min(min(np.int64(scratch[t, 0, k]), np.int64(scratch[t, 1, k])), np.int64(scratch[t, 2, k]))
            insertion = np.int64(BLOCKED)
            if k + 1 < width:
                insertion = min(np.int64(scratch[t, 0, k + 1]) + gap, np.int64(scratch[t, 1, k + 1]) + extend)
            deletion = min(left_match + gap, left_gap + extend)
            code = haplotypes.code[start + at]
            left_match = min(diagonal + (same if code == base else different), BLOCKED)
            left_gap = min(deletion, BLOCKED)
            scratch[t, 0, k] = left_match
            scratch[t, 1, k] = min(insertion, BLOCKED)
            scratch[t, 2, k] = left_gap
    best = np.int64(BLOCKED)
    for k in range(width):
        best = min(best, min(np.int64(scratch[t, 0, k]), np.int64(scratch[t, 1, k])))
    return best


@shared
def score_segment(
    i: Any, t: Any, records: Records, segments: Segments, haplotypes: Haplotypes, cap: Any, costs: Any,
    scratch: Any, out: Any
) -> Any:
    """Fill row ``i`` of ``out`` int32[segments, most haplotypes] with the costs; 0 throughout where nothing overlaps."""
    half = np.int64(segments.band[i])
    first, last, offset = segment_bounds(records, segments.row[i], segments.start[i], segments.stop[i], half // 2)
    for h in range(segments.count[i]):
        out[i, h] = 0
        if first >= 0 and last > first:
            out[i, h] = align(
                records, segments.row[i], first, last, offset, haplotypes, segments.first[i] + h, half,
                cap, costs, scratch, t,
            )  # fmt: skip


@cpu_loop
def scores_cpu(
    n: int, records: Records, segments: Segments, haplotypes: Haplotypes, cap: int, costs: Any,
    scratch: Any, out: Any
) -> None:
    for i in range(n):
        score_segment(i, 0, records, segments, haplotypes, cap, costs, scratch, out)


@cuda_loop
def scores_cuda(
    n: int, records: Records, segments: Segments, haplotypes: Haplotypes, cap: int, costs: Any,
    scratch: Any, out: Any
) -> None:
    i = cuda.grid(1)
    if i < n:
        score_segment(i, i, records, segments, haplotypes, cap, costs, scratch, out)


@shared
def repeat_span(code: Any, start: Any, length: Any, at: Any, unit: Any) -> Any:
    """Bases of the longest stretch around base ``at`` in which every base equals the one ``unit`` before or after it."""
    low = at
    while low > 0 and at - low < unit * MOST_REPEATS and low - 1 + unit < length:
        if code[start + low - 1] != code[start + low - 1 + unit]:
            break
        low -= 1
    high = low + unit
    while high < length and high - low < unit * MOST_REPEATS and code[start + high] == code[start + high - unit]:
        high += 1
    return high - low if high > at else unit


@shared
def set_gap_cost(haplotypes: Haplotypes, h: Any, at: Any, table: Any, unit_cost: Any) -> Any:
    """Set the gap costs of one base to those of the repeat around it where a gap is cheapest.

    ``table`` int32[unit, repeats] is what changing one unit costs, ``unit_cost`` what each further unit does. A gap of
    one unit opens once and extends unit - 1 times.
    """
    code, start, length = haplotypes.code, haplotypes.start[h], np.int64(haplotypes.length[h])
    best = np.int64(table[1, 1])
    best_unit = 1
    for unit in range(1, LONGEST_UNIT + 1):
        repeats = min(repeat_span(code, start, length, at, unit) // unit, MOST_REPEATS)
        if repeats > 1 and table[unit, repeats] < best:
            best = np.int64(table[unit, repeats])
            best_unit = unit
    extend = unit_cost // best_unit
    haplotypes.gap[start + at] = max(best - (best_unit - 1) * extend, extend)
    haplotypes.extend[start + at] = extend


@cpu_loop
def gaps_cpu(n: int, haplotypes: Haplotypes, table: Any, unit_cost: int) -> None:
    for h in range(n):
        for at in range(haplotypes.length[h]):
            set_gap_cost(haplotypes, h, at, table, unit_cost)


@cuda_loop
def gaps_cuda(n: int, haplotypes: Haplotypes, table: Any, unit_cost: int) -> None:
    h = cuda.grid(1)
    if h < n:
        for at in range(haplotypes.length[h]):
            set_gap_cost(haplotypes, h, at, table, unit_cost)

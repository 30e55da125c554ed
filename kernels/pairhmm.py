"""pairhmm: how well a read's bases fit a candidate haplotype, as an integer cost.

Viterbi over match, insertion and deletion with affine gaps (Durbin et al. 1998, chapter 4), banded around the mapped
position, both ends of the haplotype free. Costs are phreds in units of 1/SCALE (``tables``), at most ``lanes.LIMIT``
(1024 phred); the cost of opening a gap depends on the repeat in which it opens (``gap_costs``).

One recurrence (``next_row``) serves a segment of a read on a GPU thread and ``lanes.LANES`` of them on a CPU.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import cpu_loop, cuda, cuda_loop, shared
from .lanes import LANES, LIMIT, choose, least, load, load_lanes, plus, spread, spread_item, store
from .records import CIGAR_S, Records, consumes_query, consumes_reference, u32
from .scalar import base_at, is_match

LONGEST_PART = 1 << 15  # bases of a read that are looked at in one window
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

    ``parts`` fills the other columns.

    query  int32  the read's first base in the window
    bases  int32  its bases there; 0: none
    offset int32  haplotype base under the first one where there is no gap
    """

    row: Any
    start: Any
    stop: Any
    first: Any
    count: Any
    band: Any
    query: Any
    bases: Any
    offset: Any


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
def find_part(i: Any, records: Records, segments: Segments) -> Any:
    """Fill ``query``, ``bases`` and ``offset`` of row ``i``."""
    reach = np.int64(segments.band[i]) // 2
    first, last, offset = segment_bounds(records, segments.row[i], segments.start[i], segments.stop[i], reach)
    segments.query[i] = max(first, 0)
    segments.bases[i] = min(last - first, LONGEST_PART) if first >= 0 else 0
    segments.offset[i] = offset


@cpu_loop
def parts_cpu(n: int, records: Records, segments: Segments) -> None:
    for i in range(n):
        find_part(i, records, segments)


@cuda_loop
def parts_cuda(n: int, records: Records, segments: Segments) -> None:
    i = cuda.grid(1)
    if i < n:
        find_part(i, records, segments)


# -- the recurrence --------------------------------------------------------------------------------------------------
#
# Row p of the matrix belongs to the read base that lies on haplotype base p where there is no gap; cell k of it belongs
# to haplotype base p - half + k. Each step overwrites the cells of row p - 1 with those of row p.


class Band(NamedTuple):
    """Cells of one row of a matrix, around its diagonal.

    cells  uint16[slots, columns] workspace
    t      the column of a scalar; ``Lanes`` work on all columns: one segment each, on the same haplotype base
    place  first slot of ``width`` + 1 costs of alignments that end in a match, as many of those that end in an
           insertion, as many of the best of these and those that end in a deletion; the last of each stays at LIMIT
    width  cells
    """

    cells: Any
    t: Any
    place: Any
    width: Any


class ReadBase(NamedTuple):
    """A base of a read (0-3; 4: anything else), its cost where the haplotype has the same, and where another base."""

    code: Any
    same: Any
    different: Any


@shared
def band_slots(width: Any) -> Any:
    """Slots of a band."""
    return 3 * (width + 1)


@shared
def clear_band(band: Band, like: Any) -> Any:
    """No alignment yet."""
    blocked = spread(LIMIT, like)
    for slot in range(band.place, band.place + band_slots(band.width)):
        store(band.cells, slot, band.t, blocked)


@shared
def next_row(band: Band, haplotypes: Haplotypes, h: Any, from_base: Any, base: ReadBase) -> Any:
    """One more read base. ``from_base`` is the haplotype base of cell 0."""
    cells, t, width = band.cells, band.t, band.width
    match, insertion, best = band.place, band.place + width + 1, band.place + 2 * (width + 1)
    start = haplotypes.start[h] + from_base
    stop = max(min(haplotypes.length[h] - from_base, width), 0)
    blocked = spread(LIMIT, base.code)
    matched, deleted = blocked, blocked
    for k in range(max(-from_base, 0), stop):
        code = spread_item(haplotypes.code, start + k, base.code)
        gap = spread_item(haplotypes.gap, start + k, base.code)
        extend = spread_item(haplotypes.extend, start + k, base.code)
        deleted = least(plus(matched, gap), plus(deleted, extend))
        above = load(cells, match + k + 1, t, base.code)
        inserted = least(plus(above, gap), plus(load(cells, insertion + k + 1, t, base.code), extend))
        matched = plus(load(cells, best + k, t, base.code), choose(base.code, code, base.same, base.different))
        store(cells, match + k, t, matched)
        store(cells, insertion + k, t, inserted)
        store(cells, best + k, t, least(least(matched, inserted), deleted))
    if stop < width:  # the cell that has just left the haplotype
        store(cells, match + stop, t, blocked)
        store(cells, insertion + stop, t, blocked)
        store(cells, best + stop, t, blocked)


@shared
def first_row(band: Band, haplotypes: Haplotypes, h: Any, from_base: Any, base: ReadBase, begin: Any, now: Any) -> Any:
    """Where ``begin`` equals ``now``, the row of a read's first base: a match, wherever the haplotype has a base."""
    cells, t, width = band.cells, band.t, band.width
    match, insertion, best = band.place, band.place + width + 1, band.place + 2 * (width + 1)
    start = haplotypes.start[h] + from_base
    blocked = spread(LIMIT, begin)
    for k in range(max(-from_base, 0), min(haplotypes.length[h] - from_base, width)):
        code = spread_item(haplotypes.code, start + k, begin)
        matched = choose(base.code, code, base.same, base.different)
        store(cells, match + k, t, choose(begin, now, matched, load(cells, match + k, t, begin)))
        store(cells, insertion + k, t, choose(begin, now, blocked, load(cells, insertion + k, t, begin)))
        store(cells, best + k, t, choose(begin, now, matched, load(cells, best + k, t, begin)))


@shared
def lowest(band: Band, like: Any) -> Any:
    """The best alignment of the row that the band holds."""
    best = band.place + 2 * (band.width + 1)
    cost = spread(LIMIT, like)
    for k in range(band.width):
        cost = least(cost, load(band.cells, best + k, band.t, like))
    return cost


@shared
def read_base(records: Records, row: Any, query: Any, cap: Any, costs: Any) -> Any:
    """Base ``query`` of a read. What is not A, C, G or T fits nothing in a haplotype; in a read it says nothing."""
    code = base_at(records.raw, records.seq[row], query)
    if code > 3:
        return ReadBase(np.int32(code), np.int32(costs[2, 0]), np.int32(costs[2, 0]))
    quality = min(min(np.int64(records.raw[records.qual[row] + query]), np.int64(records.mapq[row])), cap)
    return ReadBase(np.int32(code), np.int32(costs[0, quality]), np.int32(costs[2, quality]))


# -- one segment a thread ----------------------------------------------------------------------------------------------


@shared
def align(
    i: Any,
    h: Any,
    t: Any,
    records: Records,
    segments: Segments,
    haplotypes: Haplotypes,
    cap: Any,
    costs: Any,
    cells: Any,
) -> Any:
    """Cost of the best alignment of segment ``i`` to haplotype ``h``, worked out in column ``t`` of ``cells``."""
    half = np.int64(segments.band[i])
    from_base = np.int64(segments.offset[i]) - half
    band = Band(cells, t, 0, 2 * half + 1)
    zero = np.int32(0)
    clear_band(band, zero)
    for k in range(segments.bases[i]):
        base = read_base(records, segments.row[i], segments.query[i] + k, cap, costs)
        if k == 0:
            first_row(band, haplotypes, h, from_base, base, zero, zero)
        else:
            next_row(band, haplotypes, h, from_base + k, base)
    return lowest(band, zero)


@shared
def score_segment(
    i: Any,
    t: Any,
    records: Records,
    segments: Segments,
    haplotypes: Haplotypes,
    cap: Any,
    costs: Any,
    cells: Any,
    out: Any,
) -> Any:
    """Fill row ``i`` of ``out`` int32[segments, most haplotypes] with the costs; 0 throughout where it has no bases."""
    for h in range(segments.count[i]):
        out[i, h] = 0
        if segments.bases[i] > 0:
            out[i, h] = align(i, segments.first[i] + h, t, records, segments, haplotypes, cap, costs, cells)


@cuda_loop
def scores_cuda(
    n: int, records: Records, segments: Segments, haplotypes: Haplotypes, cap: int, costs: Any, cells: Any, out: Any
) -> None:
    i = cuda.grid(1)
    if i < n:
        score_segment(i, i, records, segments, haplotypes, cap, costs, cells, out)


def scores_workspace_cuda(items: int, longest: int, half: int) -> tuple[tuple[int, int], Any]:
    """Shape and type of ``cells`` for ``items`` segments, haplotypes of ``longest`` bases and bands of ``half``."""
    return (band_slots(2 * half + 1), items), np.uint16


# -- one segment a lane ----------------------------------------------------------------------------------------------

WIDEST_GROUP = 512  # bases between the first bases of a group's first segment and of another
BEGIN, END, RESULT, ROWS = range(4)  # slots of the cells: rows in which each lane begins and ends, costs, then rows
CODE, SAME, DIFFERENT, MARKS, ROW_SLOTS = range(5)  # a row's slots; lane 0 and 1 of MARKS: lanes begin, end here


@shared
def group_stop(i: Any, n: Any, segments: Segments) -> Any:
    """The segment after the last one that shares vectors with segment ``i``: of the same window, with a near start."""
    stop = i + 1
    while stop < n and stop - i < LANES and segments.first[stop] == segments.first[i]:
        if abs(segments.offset[stop] - segments.offset[i]) > WIDEST_GROUP:
            break
        stop += 1
    return stop


@shared
def set_lanes(i: Any, stop: Any, low: Any, rows: Any, segments: Segments, cells: Any) -> Any:
    """Set where lanes begin and end, in rows after ``low``."""
    for p in range(rows):
        cells[ROWS + p * ROW_SLOTS + MARKS, 0] = cells[ROWS + p * ROW_SLOTS + MARKS, 1] = 0
    for lane in range(LANES):
        cells[BEGIN, lane] = cells[END, lane] = LIMIT
    for s in range(i, stop):
        begin = segments.offset[s] - low
        end = begin + segments.bases[s] - 1
        if segments.bases[s] > 0 and begin < rows:
            cells[BEGIN, s - i] = begin
            cells[ROWS + begin * ROW_SLOTS + MARKS, 0] = 1
            if end < rows:
                cells[END, s - i] = end
                cells[ROWS + end * ROW_SLOTS + MARKS, 1] = 1


@shared
def set_bases(
    s: Any, lane: Any, low: Any, rows: Any, records: Records, segments: Segments, cap: Any, costs: Any, cells: Any
) -> Any:
    """Lay a segment's bases into its lane."""
    row, query = segments.row[s], np.int64(segments.query[s])
    at = segments.offset[s] - low
    for k in range(min(segments.bases[s], rows - at)):
        base = read_base(records, row, query + k, cap, costs)
        slot = ROWS + (at + k) * ROW_SLOTS
        cells[slot + CODE, lane], cells[slot + SAME, lane], cells[slot + DIFFERENT, lane] = base


@shared
def align_lanes(rows: Any, half: Any, low: Any, haplotypes: Haplotypes, h: Any, cells: Any) -> Any:
    """``align`` for all lanes; the costs are in slot RESULT of the cells."""
    begin, end = load_lanes(cells, BEGIN), load_lanes(cells, END)
    band = Band(cells, 0, ROWS + rows * ROW_SLOTS, 2 * half + 1)
    clear_band(band, begin)
    result = spread(LIMIT, begin)
    for p in range(rows):
        slot = ROWS + p * ROW_SLOTS
        same, different = load_lanes(cells, slot + SAME), load_lanes(cells, slot + DIFFERENT)
        base = ReadBase(load_lanes(cells, slot + CODE), same, different)
        now = spread(p, begin)
        next_row(band, haplotypes, h, low + p - half, base)
        if cells[slot + MARKS, 0] > 0:
            first_row(band, haplotypes, h, low + p - half, base, begin, now)
        if cells[slot + MARKS, 1] > 0:
            result = choose(end, now, lowest(band, begin), result)
    store(cells, RESULT, 0, result)


@shared
def rows_of_group(i: Any, stop: Any, segments: Segments, haplotypes: Haplotypes) -> Any:
    """(first row, rows) of the matrix; behind the last row nothing is inside a haplotype."""
    low, high = np.int64(1) << 40, np.int64(0)
    for s in range(i, stop):
        if segments.bases[s] > 0:
            low = min(low, np.int64(segments.offset[s]))
            high = max(high, np.int64(segments.offset[s]) + segments.bases[s])
    longest = np.int64(0)
    for h in range(segments.first[i], segments.first[i] + segments.count[i]):
        longest = max(longest, np.int64(haplotypes.length[h]))
    return low, max(min(high, longest + segments.band[i]) - low, 0)


@shared
def score_group(
    i: Any,
    stop: Any,
    records: Records,
    segments: Segments,
    haplotypes: Haplotypes,
    cap: Any,
    costs: Any,
    cells: Any,
    out: Any,
) -> Any:
    """``score_segment`` for the segments [i, stop), one a lane."""
    low, rows = rows_of_group(i, stop, segments, haplotypes)
    set_lanes(i, stop, low, rows, segments, cells)
    for s in range(i, stop):
        set_bases(s, s - i, low, rows, records, segments, cap, costs, cells)
    for h in range(segments.count[i]):
        align_lanes(rows, np.int64(segments.band[i]), low, haplotypes, segments.first[i] + h, cells)
        for s in range(i, stop):
            out[s, h] = cells[RESULT, s - i] if segments.bases[s] > 0 else 0


@cpu_loop
def scores_cpu(
    n: int, records: Records, segments: Segments, haplotypes: Haplotypes, cap: int, costs: Any, cells: Any, out: Any
) -> None:
    i = 0
    while i < n:
        stop = group_stop(i, n, segments)
        score_group(i, stop, records, segments, haplotypes, cap, costs, cells, out)
        i = stop


def scores_workspace_cpu(items: int, longest: int, half: int) -> tuple[tuple[int, int], Any]:
    """``scores_workspace_cuda`` for the CPU. A group's first row is at least -half // 2 (``segment_bounds``)."""
    rows = min(longest + 2 * half, LONGEST_PART + 2 * WIDEST_GROUP)
    return (ROWS + rows * ROW_SLOTS + band_slots(2 * half + 1), LANES), np.uint16


@shared
def repeat_span(code: Any, start: Any, length: Any, at: Any, unit: Any) -> Any:
    """Bases of the longest stretch around base ``at`` in which every base equals that ``unit`` before or after it."""
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

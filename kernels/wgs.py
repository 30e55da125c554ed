"""wgs: the depths of Picard's CollectWgsMetrics (2.27.5, default options), over one owned range of a contig.

Reads that it looks at are mapped, primary or supplementary, in pairs both of which are mapped, of mapping quality 20 or
more, no duplicates, and passed the vendor's filter. A base of quality 2 or less is not there. Of the others one is
*solid* if its quality is 20 or more and it is not N; a solid base is a *repeat* where a read of the same name has one
before it.

Every kernel of reads works on row ``first + k`` for item ``k``; rows of other contigs and outside of the range add
nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import (
    WORD,
    add_bytes_of,
    add_word,
    added_bytes,
    all_bytes,
    at_least,
    bit_tallies,
    first_bits,
    least_differences,
    load_bytes,
    masked_equal,
    plain_bytes,
    prefetch,
    sum_eights,
    tally_bytes,
    whole_words,
)
from .depth import is_aligned, is_whole, next_common, overlaps, walk_start
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, on_cpu, on_cuda, shared
from .levels import LEVELS, PART, is_full, learn_levels, level_at, levels_of, marks_of
from .qc import is_quality
from .records import (
    AHEAD,
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    QC_FAIL,
    READ_LINES,
    SECONDARY,
    UNMAPPED,
    Records,
    consumes_query,
    consumes_reference,
    fetch_ahead,
    u32,
)
from .scalar import has_unknown_bases, lowest_bit, query_index

MIN_MAPQ = 20  # phred; MINIMUM_MAPPING_QUALITY
MIN_QUALITY = 20  # phred; MINIMUM_BASE_QUALITY
ABSENT_QUALITY = 2  # phred; bases up to this one are left out of all depths
CAP = 250  # COVERAGE_CAP: deeper positions count as this deep
EXCLUDED = UNMAPPED | MATE_UNMAPPED | SECONDARY | QC_FAIL | DUPLICATE
UNKNOWN_BASE = 78  # N in ASCII
NT16_N = 15
PAIR_LINES = 8  # of memory, that hold the counters under a usual read
LANES = 4  # tables of qualities, so that a base need not wait for the one before it
QUALITIES = 256
PIECE = 3 * WORD  # bases of which so many of one level can be counted in a byte
AT_TABLES = LEVELS  # on a CPU, where the tables lie in the workspace, behind the bases by level

# Elements of ``sums``: aligned bases, solid ones, of these the repeats, and what is above the cap.
ALIGNED, SOLID, REPEATS, CAPPED, SUMS = range(5)


class Depths(NamedTuple):
    """Of the positions of a range, int32.

    steps    [n + 1] differences of the number of aligned bases
    absent   [n]     of these, bases of quality 2 or less
    solid    [n]
    repeats  [n]
    """

    steps: Any
    absent: Any
    solid: Any
    repeats: Any


@shared
def is_looked_at(i: Any, records: Any) -> Any:
    """True for a read that CollectWgsMetrics looks at."""
    flag = records.flag[i]
    if flag & EXCLUDED or not flag & PAIRED:
        return False
    return records.mapq[i] >= MIN_MAPQ and records.l_seq[i] > 0


@shared
def is_unknown(i: Any, query: Any, records: Any) -> Any:
    """1 where base ``query`` of row ``i`` is N."""
    byte = np.int64(records.raw[records.seq[i] + (query >> 1)])
    return np.int32((byte >> (4 * (1 - (query & 1)))) & 15 == NT16_N)


@shared
def has_n(i: Any, records: Any) -> Any:
    """True where a base of row ``i`` is N."""
    return has_unknown_bases(records.raw, records.seq[i], np.int64(records.l_seq[i]))


@shared
def is_solid(i: Any, query: Any, records: Any) -> Any:
    """1 where base ``query`` of row ``i`` is known and of good quality."""
    good = is_quality(records.raw[records.qual[i] + query], MIN_QUALITY)
    return good & np.int32(is_unknown(i, query, records) == 0)


@shared
def is_absent(byte: Any) -> Any:
    """1 where a base quality byte is 2 or less, or none."""
    return np.int32(is_quality(byte, ABSENT_QUALITY + 1) == 0)


# -- aligned -----------------------------------------------------------------------------------------------------------


@shared
def add_one_by_one(start: Any, at: Any, length: Any, raw: Any, depths: Any, table: Any) -> None:
    """``add_bases``, base by base."""
    for k in range(length):
        byte = raw[np.uint64(start + k)]
        atomic_add(table, np.int64(byte), 1)
        atomic_add(depths.solid, at + k, is_quality(byte, MIN_QUALITY))
        atomic_add(depths.absent, at + k, is_absent(byte))


@on_cuda
def add_bases(start: Any, at: Any, length: Any, raw: Any, depths: Any, table: Any, known: Any, work: Any) -> None:
    """Add ``length`` aligned bases with qualities from byte ``start`` on to the depths from index ``at`` on.

    ``table``: int64[QUALITIES], to which their qualities are added.
    """
    add_one_by_one(start, at, length, raw, depths, table)


# A CPU looks at 64 bases at once. Qualities that are levels are counted as bits of bytes; of a read with others, of
# which there are few, all are counted one by one.


@shared
def add_lanes(some: Any, inside: Any, at: Any, depths: Any) -> None:
    """Add bases to the depths from index ``at`` on: 64 qualities, those whose bit in ``inside`` is not set 255."""
    add_word(at_least(some, MIN_QUALITY), depths.solid, at)
    absent = ~at_least(some, ABSENT_QUALITY + 1) & inside
    while absent != np.uint64(0):
        depths.absent[np.uint64(at + lowest_bit(absent))] += 1
        absent &= absent - np.uint64(1)


@shared
def look_up_qualities(start: Any, length: Any, raw: Any, work: Any) -> None:
    """Add qualities one by one to the tables in the workspace, of which there are several."""
    k, stop = np.uint64(start), np.uint64(start + length)
    while k + np.uint64(LANES) <= stop:
        for lane in range(LANES):
            work[np.uint64(AT_TABLES + lane * QUALITIES) + np.uint64(raw[k + np.uint64(lane)])] += 1
        k += np.uint64(LANES)
    while k < stop:
        work[np.uint64(AT_TABLES) + np.uint64(raw[k])] += 1
        k += np.uint64(1)


@shared
def add_piece(start: Any, at: Any, length: Any, raw: Any, depths: Any, known: Any, work: Any) -> None:
    """``add_bases`` of at most ``PIECE`` bases."""
    missing, rest, several = np.uint64(0), length & (WORD - 1), levels_of(known) > PART
    counts, more = all_bytes(0), all_bytes(0)
    for done in range(0, length, WORD):
        if done + WORD <= length:
            some, inside = plain_bytes(raw, start + done), ~np.uint64(0)
        else:
            some, inside = load_bytes(raw, start + done, 0, rest, 255), first_bits(rest)
        add_lanes(some, inside, at + done, depths)
        marks = marks_of(some, 0, known)
        unknown = masked_equal(marks, 255, 0) & inside
        counts = added_bytes(counts, bit_tallies(marks))
        if several:
            marks = marks_of(some, 1, known)
            unknown &= masked_equal(marks, 255, 0)
            more = added_bytes(more, bit_tallies(marks))
        missing |= unknown
    if missing != np.uint64(0) or is_full(known):
        look_up_qualities(start, length, raw, work)
        if not is_full(known):
            learn_levels(start, length, raw, known)
        return
    add_bytes_of(sum_eights(counts), work, 0)
    if several:
        add_bytes_of(sum_eights(more), work, PART)


@on_cpu(add_bases)
def _add_bases_cpu(start: Any, at: Any, length: Any, raw: Any, depths: Any, table: Any, known: Any, work: Any) -> None:
    room = whole_words(length)
    if start + room > raw.shape[0] or at + room > depths.solid.shape[0]:
        add_one_by_one(start, at, length, raw, depths, table)
        return
    while length > PIECE:
        add_piece(start, at, np.int64(PIECE), raw, depths, known, work)
        start, at, length = start + PIECE, at + PIECE, length - PIECE
    add_piece(start, at, length, raw, depths, known, work)


@shared
def remove_unknown(i: Any, query: Any, at: Any, length: Any, records: Any, solid: Any) -> None:
    """Take back what ``add_bases`` added for bases that are N."""
    for k in range(length):
        good = is_quality(records.raw[records.qual[i] + query + k], MIN_QUALITY)
        if good and is_unknown(i, query + k, records):
            atomic_add(solid, at + k, -1)


# -- repeats: a read name once a position ------------------------------------------------------------------------------


@shared
def is_solid_at(i: Any, position: Any, records: Any) -> Any:
    """True where row ``i`` has a solid base at a reference position."""
    query = query_index(records, i, position)
    return query >= 0 and is_solid(i, query, records) != 0


@shared
def counted_by_name(i: Any, until: Any, position: Any, records: Any) -> Any:
    """True where a read of row ``i``'s chain before ``until`` has a solid base at ``position``."""
    row = records.earlier[i]
    while row != until:
        if is_looked_at(row, records) and is_solid_at(row, position, records):
            return True
        row = records.earlier[row]
    return False


@shared
def add_common(i: Any, row: Any, records: Any, start: Any, stop: Any, repeats: Any) -> None:
    """Add 1 where rows ``i`` and ``row``, one name, both have solid bases and no read between them in the chain has."""
    state, low, high, query, query_row = next_common(records, i, row, walk_start(records, i, row))
    while low < high:
        for k in range(max(low, start) - low, min(high, stop) - low):
            both = is_solid(i, query + k, records) & is_solid(row, query_row + k, records)
            if both and not counted_by_name(i, row, low + k, records):
                atomic_add(repeats, low + k - start, 1)
        state, low, high, query, query_row = next_common(records, i, row, state)


@shared
def add_both_one_by_one(raw: Any, one: Any, two: Any, length: Any, at: Any, repeats: Any) -> None:
    """``add_both``, position by position."""
    for k in range(length):
        good = is_quality(raw[np.uint64(one + k)], MIN_QUALITY) & is_quality(raw[np.uint64(two + k)], MIN_QUALITY)
        atomic_add(repeats, np.uint64(at + k), good)


@on_cuda
def add_both(raw: Any, one: Any, two: Any, length: Any, at: Any, repeats: Any) -> None:
    """Add 1 to ``length`` numbers from index ``at`` on where qualities from bytes ``one`` and ``two`` on are good."""
    add_both_one_by_one(raw, one, two, length, at, repeats)


@on_cpu(add_both)
def _add_both_cpu(raw: Any, one: Any, two: Any, length: Any, at: Any, repeats: Any) -> None:
    room = whole_words(length)
    if max(one, two) + room > raw.shape[0] or at + room > repeats.shape[0]:
        add_both_one_by_one(raw, one, two, length, at, repeats)
        return
    for done in range(0, length, WORD):
        good = at_least(plain_bytes(raw, one + done), MIN_QUALITY)
        good &= at_least(plain_bytes(raw, two + done), MIN_QUALITY)
        add_word(good & first_bits(length - done), repeats, at + done)


@shared
def add_pair(i: Any, mate: Any, records: Any, start: Any, stop: Any, repeats: Any) -> None:
    """Add 1 where both reads of a pair have bases of good quality; neither has an N."""
    state, low, high, query, query_mate = next_common(records, i, mate, walk_start(records, i, mate))
    while low < high:
        first, length = max(low, start), min(high, stop) - max(low, start)
        if length > 0:
            one, two = records.qual[i] + query + first - low, records.qual[mate] + query_mate + first - low
            add_both(records.raw, one, two, length, first - start, repeats)
        state, low, high, query, query_mate = next_common(records, i, mate, state)


@shared
def add_repeats(i: Any, records: Any, tid: Any, start: Any, stop: Any, repeats: Any) -> None:
    """Count the solid bases of row ``i``, which is looked at, where its name, which was met before, is there already.

    A name counts once whatever its reads are: mates, supplementary alignments, records that are there twice.
    """
    row = records.earlier[i]
    if records.earlier[row] < 0:
        if not is_looked_at(row, records) or not overlaps(row, records, tid, records.pos[i], records.end[i]):
            return
        if not has_n(i, records) and not has_n(row, records):
            add_pair(i, row, records, start, stop, repeats)
            return
    while row >= 0:
        if is_looked_at(row, records) and overlaps(row, records, tid, start, stop):
            add_common(i, row, records, start, stop, repeats)
        row = records.earlier[row]


@shared
def fetch_pair(row: Any, records: Any, start: Any, repeats: Any) -> None:
    """Have the record before a row's of its name, if there is one, and the row's counters fetched from memory."""
    before = records.earlier[np.uint64(row)]
    if before >= 0:
        fetch_ahead(before, records, READ_LINES)
        for line in range(PAIR_LINES):
            prefetch(repeats, np.int64(records.pos[np.uint64(row)]) - start + 16 * line)


# -- aligned: a range's depths -----------------------------------------------------------------------------------------


@shared
def add_stretch(
    i: Any,
    query: Any,
    low: Any,
    high: Any,
    start: Any,
    unknown: Any,
    records: Any,
    depths: Any,
    table: Any,
    known: Any,
    work: Any,
) -> None:
    """Add the bases of row ``i`` from base ``query`` on, which are aligned to [low, high), to the depths from ``start``
    on; ``unknown``: some bases of the row are N."""
    atomic_add(depths.steps, low - start, 1)
    atomic_add(depths.steps, high - start, -1)
    add_bases(records.qual[i] + query, low - start, high - low, records.raw, depths, table, known, work)
    if unknown:
        remove_unknown(i, query, low - start, high - low, records, depths.solid)


@shared
def add_read(
    i: Any, records: Any, tid: Any, start: Any, stop: Any, depths: Any, table: Any, known: Any, work: Any
) -> None:
    """Add row ``i`` to the depths of [start, stop), and the qualities of its aligned bases to the table."""
    if not overlaps(i, records, tid, start, stop) or not is_looked_at(i, records):
        return
    raw, cigar, unknown = records.raw, records.cigar[i], has_n(i, records)
    at, query = np.int64(records.pos[i]), np.int64(0)
    if is_whole(i, records):
        low, high = max(at, start), min(np.int64(records.end[i]), stop)
        add_stretch(i, low - at, low, high, start, unknown, records, depths, table, known, work)
    else:
        for k in range(records.n_cigar[i]):
            word = u32(raw, cigar + 4 * k)
            following = at + (word >> 4) * consumes_reference(word & 15)
            low, high = max(at, start), min(following, stop)
            if low < high and is_aligned(word & 15):
                add_stretch(i, query + low - at, low, high, start, unknown, records, depths, table, known, work)
            at = following
            query += (word >> 4) * consumes_query(word & 15)
    if records.earlier[i] >= 0:
        add_repeats(i, records, tid, start, stop, depths.repeats)


@shared
def fetch_depths(end: Any, depths: Any) -> None:
    """Have the depths around index ``end`` fetched from memory that no read before may have reached."""
    prefetch(depths.steps, end)
    prefetch(depths.solid, end)
    prefetch(depths.solid, end + WORD)


@cpu_loop
def aligned_cpu(
    n: int,
    records: Records,
    first: int,
    tid: int,
    start: int,
    stop: int,
    depths: Depths,
    table: Any,
    known: Any,
    work: Any,
) -> None:
    for at in range(known.shape[0]):
        known[at] = 0
    for at in range(work.shape[0]):
        work[at] = 0
    for k in range(n):
        ahead = first + min(k + AHEAD, n - 1)
        fetch_ahead(ahead, records, READ_LINES)
        fetch_pair(ahead, records, start, depths.repeats)
        fetch_depths(np.int64(records.end[np.uint64(ahead)]) - start, depths)
        add_read(np.uint64(first + k), records, tid, start, stop, depths, table, known, work)
    for level in range(levels_of(known)):
        table[level_at(level, known)] += work[level]
    for k in range(LANES * QUALITIES):
        table[k % QUALITIES] += work[AT_TABLES + k]


@cuda_loop
def aligned_cuda(
    n: int,
    records: Records,
    first: int,
    tid: int,
    start: int,
    stop: int,
    depths: Depths,
    table: Any,
    known: Any,
    work: Any,
) -> None:
    k = cuda.grid(1)
    if k < n:
        add_read(first + k, records, tid, start, stop, depths, table, known, work)


def aligned_workspace_cpu() -> tuple[tuple[int], Any]:
    """Shape and type of a workspace of ``aligned``."""
    return (AT_TABLES + LANES * QUALITIES,), np.int64


def aligned_workspace_cuda() -> tuple[tuple[int], Any]:
    """The same for CUDA, which needs none, but an array is never empty."""
    return (1,), np.int64


# -- histogram ---------------------------------------------------------------------------------------------------------


@shared
def count_position(k: Any, letters: Any, depths: Any, solid: Any, present: Any, sums: Any, over: Any) -> None:
    """Add position ``k`` to the histograms, unless its reference base is N.

    ``depths.steps`` holds the number of aligned bases here. ``over[k]``: some of their qualities must be taken back.
    """
    bases = depths.steps[k] - depths.absent[k]
    if letters[k] == UNKNOWN_BASE:
        over[k] = bases > 0
        return
    over[k] = bases > CAP
    once = depths.solid[k] - depths.repeats[k]
    atomic_add(solid, min(once, CAP), 1)
    atomic_add(present, min(bases, CAP), 1)
    if depths.steps[k] > 0:
        atomic_add(sums, ALIGNED, depths.steps[k])
        atomic_add(sums, SOLID, depths.solid[k])
        atomic_add(sums, REPEATS, depths.repeats[k])
        atomic_add(sums, CAPPED, max(once - CAP, 0))


@cpu_loop
def histogram_cpu(n: int, letters: Any, depths: Depths, solid: Any, present: Any, sums: Any, over: Any) -> None:
    """``count_position`` of all: the histograms 64 positions at once, and the sums in registers."""
    whole = n - n % WORD
    for at in range(0, whole, WORD):
        known = ~masked_equal(plain_bytes(letters, at), 255, UNKNOWN_BASE)
        tally_bytes(least_differences(depths.solid, depths.repeats, at, CAP), known, solid)
        tally_bytes(least_differences(depths.steps, depths.absent, at, CAP), known, present)
    for k in range(whole, n):
        if letters[k] != UNKNOWN_BASE:
            solid[min(depths.solid[k] - depths.repeats[k], CAP)] += 1
            present[min(depths.steps[k] - depths.absent[k], CAP)] += 1
    aligned, good, repeats, capped = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for k in range(n):
        known = letters[k] != UNKNOWN_BASE
        over[k] = depths.steps[k] - depths.absent[k] > (CAP if known else 0)
        aligned += depths.steps[k] if known else 0
        good += depths.solid[k] if known else 0
        repeats += depths.repeats[k] if known else 0
        capped += max(depths.solid[k] - depths.repeats[k] - CAP, 0) if known else 0
    sums[ALIGNED] += aligned
    sums[SOLID] += good
    sums[REPEATS] += repeats
    sums[CAPPED] += capped


@cuda_loop
def histogram_cuda(n: int, letters: Any, depths: Depths, solid: Any, present: Any, sums: Any, over: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        count_position(k, letters, depths, solid, present, sums, over)


# -- excess ------------------------------------------------------------------------------------------------------------


@shared
def first_row(pos: Any, low: Any, high: Any, position: Any) -> Any:
    """The first of rows [low, high), sorted by position, that starts at ``position`` or later."""
    while low < high:
        middle = (low + high) >> 1
        if pos[middle] < position:
            low = middle + 1
        else:
            high = middle
    return low


@shared
def take_back(
    j: Any, positions: Any, start: Any, letters: Any, records: Any, first: Any, last: Any, longest: Any, table: Any
) -> None:
    """Take back the qualities at a position: those after the first ``CAP`` in the file's order, all where it is N.

    ``longest``: reference bases that the longest of rows [first, last) spans.
    """
    position = start + positions[j]
    seen = CAP if letters[positions[j]] == UNKNOWN_BASE else 0
    row = first_row(records.pos, first, last, position - longest + 1)
    while row < last and records.pos[row] <= position:
        query = query_index(records, row, position) if is_looked_at(row, records) else np.int64(-1)
        if query >= 0:
            byte = records.raw[records.qual[row] + query]
            if not is_absent(byte):
                seen += 1
                if seen > CAP:
                    atomic_add(table, np.int64(byte), -1)
        row += 1


@cpu_loop
def excess_cpu(
    n: int, positions: Any, start: int, letters: Any, records: Records, first: int, last: int, longest: int, table: Any
) -> None:
    for j in range(n):
        take_back(j, positions, start, letters, records, first, last, longest, table)


@cuda_loop
def excess_cuda(
    n: int, positions: Any, start: int, letters: Any, records: Records, first: int, last: int, longest: int, table: Any
) -> None:
    j = cuda.grid(1)
    if j < n:
        take_back(j, positions, start, letters, records, first, last, longest, table)

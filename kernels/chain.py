"""chain: reads of one name that may share positions, each chained to the one before it; mates are found along chains.

In a file sorted by position a read can only overlap reads that start less than the longest span before it: few, so
that a small table of those is all that a CPU looks into, read by read. A card looks along the rows sorted by the hashes
of their names.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import atomic_min, cpu_loop, cuda, cuda_loop, shared
from .records import (
    AHEAD,
    HEAD_LINES,
    MATE_UNMAPPED,
    PAIRED,
    READ1,
    READ2,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Records,
    fetch_ahead,
    same_name,
)

MIXER = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: Fibonacci hashing (Knuth, TAOCP 3, section 6.4)
FEWEST_SLOT_BITS = 11  # of a table that an L1 cache holds
ROWS_A_SLOT = 32  # at most, on average, where all rows of a batch reach one position
NOWHERE = -(1 << 62)  # a place before all others
NO_ROW = (1 << 31) - 1  # after all others


@shared
def slot_bits(n: Any) -> Any:
    """As how many bits a hash's slot is written, for ``n`` rows."""
    bits = np.int64(FEWEST_SLOT_BITS)
    while ROWS_A_SLOT << bits < n:
        bits += 1
    return bits


@shared
def slot_of(key: Any, bits: Any) -> Any:
    """The slot of a hash, by its upper bits once they depend on all of it."""
    return np.int64((np.uint64(key) * np.uint64(MIXER)) >> np.uint64(64 - bits))


@shared
def place_of(row: Any, records: Any) -> Any:
    """Where a placed row starts, as one number: contigs lie further apart than any two places of one."""
    return (np.int64(records.tid[row]) << 32) + np.int64(records.pos[row])


@shared
def is_within(before: Any, place: Any, records: Any, longest: Any) -> Any:
    """True where row ``before`` starts less than ``longest`` before a place."""
    return place_of(before, records) + longest > place


@shared
def same_hash(row: Any, before: Any, place: Any, records: Any, longest: Any, work: Any) -> Any:
    """The first of the rows ``before`` and those behind it in their slot that has the hash of ``row``; -1: none."""
    while before >= 0 and is_within(before, place, records, longest):
        if records.name_hash[before] == records.name_hash[row]:
            return np.int64(before)
        before = work[before]
    return np.int64(-1)


@cpu_loop
def link_cpu(n: int, records: Records, longest: int, work: Any) -> None:
    """``work``: the row before each row in its slot, -1: none that is near enough; the rows that have a name hash in
    common with one before; the place of each slot's last row; that row."""
    bits = slot_bits(n)
    count, at_places, at_rows = 0, 2 * n, 2 * n + (1 << bits)
    for slot in range(at_places, at_rows):
        work[slot] = NOWHERE
    for i in range(n):
        records.earlier[i] = -1
        if records.tid[i] >= 0:
            slot, place = slot_of(records.name_hash[i], bits), place_of(i, records)
            followed = np.int64(-1)
            if work[np.uint64(at_places + slot)] + longest > place:  # of few: what most rows find is long past
                followed = work[np.uint64(at_rows + slot)]
                records.earlier[i] = same_hash(i, followed, place, records, longest, work)
                work[n + count] = i
                count += records.earlier[i] >= 0
            work[np.uint64(at_places + slot)], work[np.uint64(at_rows + slot)], work[i] = place, i, followed
    for k in range(count):
        ahead = work[n + min(k + AHEAD, count - 1)]
        fetch_ahead(ahead, records, HEAD_LINES)
        fetch_ahead(records.earlier[ahead], records, HEAD_LINES)
        i = work[n + k]
        before = np.int64(records.earlier[i])
        while before >= 0 and not same_name(records.raw, records.offset[i], records.offset[before]):
            before = same_hash(i, work[before], place_of(i, records), records, longest, work)
        records.earlier[i] = before


@shared
def rank_of(row: Any, records: Any, rows: Any) -> Any:
    """Where a row stands among ``rows`` int64[n], sorted by name hash and then by row."""
    low, high, key = np.int64(0), np.int64(rows.shape[0]), records.name_hash[row]
    while low < high:
        middle = (low + high) >> 1
        other = records.name_hash[rows[middle]]
        if other < key or (other == key and rows[middle] < row):
            low = middle + 1
        else:
            high = middle
    return low


@shared
def row_before(row: Any, records: Any, longest: Any, rows: Any) -> Any:
    """The row to which a row is chained, -1: none."""
    if records.tid[row] < 0:
        return np.int64(-1)
    place, at = place_of(row, records), rank_of(row, records, rows) - 1
    while at >= 0 and records.name_hash[rows[at]] == records.name_hash[row]:
        before = rows[at]
        if records.tid[before] < 0 or not is_within(before, place, records, longest):
            return np.int64(-1)
        if same_name(records.raw, records.offset[row], records.offset[before]):
            return np.int64(before)
        at -= 1
    return np.int64(-1)


@cuda_loop
def link_cuda(n: int, records: Records, longest: int, work: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        records.earlier[i] = row_before(i, records, longest, work)


def link_workspace_cpu(n: int) -> tuple[tuple[int], Any]:
    """Shape and type of what ``link`` works in on a CPU; on a card it works with the rows sorted by name hash."""
    return (2 * n + (2 << int(slot_bits(n))),), np.int64


# -- mates -------------------------------------------------------------------------------------------------------------


@shared
def has_mate_here(i: Any, records: Any) -> Any:
    """True for a primary read of a pair both of which are mapped to one contig."""
    flag = records.flag[i]
    if flag & (UNMAPPED | MATE_UNMAPPED | SECONDARY | SUPPLEMENTARY) or not flag & PAIRED:
        return False
    return records.tid[i] == records.mate_tid[i]


@shared
def are_mates(i: Any, j: Any, records: Any) -> Any:
    """True where rows ``i`` and ``j``, of one name, are the two overlapping primary reads of one fragment."""
    flags = records.flag[i] ^ records.flag[j]
    if flags & (READ1 | READ2) != READ1 | READ2 or records.tid[i] != records.tid[j]:
        return False
    if records.mate_pos[i] != records.pos[j] or records.mate_pos[j] != records.pos[i]:
        return False
    return records.pos[i] < records.end[j] and records.pos[j] < records.end[i]


@shared
def find_mates(i: Any, records: Any, mate: Any, later: Any) -> None:
    """Write the first row before row ``i`` that is its mate (-1: none) to ``mate[i]``, and ``i`` to ``later[j]``.

    j are all rows before whose mate row ``i`` is; of several it is the first one that stays there.
    """
    found, row = np.int64(-1), np.int64(records.earlier[i])
    while row >= 0:
        if are_mates(i, row, records) and has_mate_here(i, records) and has_mate_here(row, records):
            found = row
            atomic_min(later, row, i)
        row = np.int64(records.earlier[row])
    mate[i] = found


@cpu_loop
def mates_cpu(n: int, records: Records, mate: Any, later: Any) -> None:
    for i in range(n):
        find_mates(i, records, mate, later)


@cuda_loop
def mates_cuda(n: int, records: Records, mate: Any, later: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        find_mates(i, records, mate, later)


@shared
def chosen(i: Any, mate: Any, later: Any) -> Any:
    """The first row that is the mate of row ``i``, -1: none."""
    if mate[i] >= 0:
        return np.int64(mate[i])
    return np.int64(later[i]) if later[i] != NO_ROW else np.int64(-1)


@shared
def keep_mutual(i: Any, mate: Any, later: Any) -> Any:
    """The mate of row ``i`` where both chose each other, else -1 (more than two primaries of one name)."""
    found = chosen(i, mate, later)
    return found if found >= 0 and chosen(found, mate, later) == i else np.int64(-1)


@cpu_loop
def mutual_cpu(n: int, records: Records, mate: Any, later: Any) -> None:
    for i in range(n):
        records.mate[i] = keep_mutual(i, mate, later)


@cuda_loop
def mutual_cuda(n: int, records: Records, mate: Any, later: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        records.mate[i] = keep_mutual(i, mate, later)

"""mismatch: a read's bases against the reference, 16 packed bases a step where nothing differs.

Bases are equal where their 4-bit codes are (SequenceUtil.basesEqual of htsjdk 3.0): N is no mismatch to N.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import atomic_add, shared
from .records import REVERSE, consumes_query, consumes_reference, u32, u64
from .scalar import has_unknown_bases, is_match, nt16_at

NT16_N = 15


@shared
def mark_cycle(records: Any, i: Any, k: Any, category: Any, cycles: Any) -> None:
    """Add a bad base to the cycles: the ``k``-th of its block, as Picard numbers cycles in aligned reads."""
    cycle = records.l_seq[i] - k if records.flag[i] & REVERSE else k + 1
    atomic_add(cycles, (category, min(cycle, cycles.shape[1] - 1)), 1)


@shared
def judge_base(records: Any, i: Any, code: Any, expected: Any, k: Any, category: Any, cycles: Any) -> Any:
    """1 where a base differs from the reference's; it is bad in its cycle if it does, or is N.

    ``category`` -1: cycles are not counted.
    """
    if category >= 0 and (code != expected or code == NT16_N):
        mark_cycle(records, i, k, category, cycles)
    return np.int64(code != expected)


@shared
def judge_word(records: Any, i: Any, word: Any, differing: Any, k: Any, category: Any, cycles: Any) -> Any:
    """``judge_base`` for the 16 bases of a word, of which at least one differs or is N."""
    found = np.int64(0)
    for j in range(16):
        shift = np.uint64(4 * (j ^ 1))  # a byte's first base is in its high nibble
        code = np.int64((word >> shift) & np.uint64(15))
        expected = code ^ np.int64((differing >> shift) & np.uint64(15))
        found += judge_base(records, i, code, expected, k + j, category, cycles)
    return found


@shared
def packed_code(packed: Any, at: Any) -> Any:
    """4-bit code of base ``at`` of a packed sequence."""
    return (np.int64(packed[at >> 1]) >> (4 * (1 - (at & 1)))) & 15


@shared
def first_nibbles(count: Any) -> Any:
    """Mask of the first ``count`` (1-16) bases of a word."""
    if count >= 16:
        return np.uint64(0xFFFFFFFFFFFFFFFF)
    whole = np.uint64(8 * (count >> 1))
    mask = (np.uint64(1) << whole) - np.uint64(1)
    return mask | (np.uint64(0xF0) << whole) if count & 1 else mask


@shared
def compare_block(
    records: Any, i: Any, query: Any, at: Any, length: Any, stretch: Any, category: Any, cycles: Any
) -> Any:
    """Mismatches among ``length`` aligned bases from base ``query`` of row ``i`` and index ``at`` of the stretch on."""
    raw, seq, found, k = records.raw, records.seq[i], np.int64(0), np.int64(0)
    by_word = records.l_seq[i] >= 16  # so that a word that starts in SEQ ends in the record
    while k < length and (not by_word or (query + k) & 1):
        code = nt16_at(raw, seq, query + k)
        found += judge_base(records, i, code, packed_code(stretch.even, at + k), k, category, cycles)
        k += 1
    packed = stretch.odd if (at + k) & 1 else stretch.even
    while k < length:
        mask = first_nibbles(length - k)
        word = u64(raw, seq + ((query + k) >> 1)) & mask
        differing = word ^ (u64(packed, (at + k + 1) >> 1) & mask)
        unknown = word & (word >> np.uint64(2))
        if differing != 0 or unknown & (unknown >> np.uint64(1)) & np.uint64(0x1111111111111111):
            found += judge_word(records, i, word, differing, k, category, cycles)
        k += 16
    return found


@shared
def compare_read(i: Any, records: Any, stretch: Any, origin: Any, category: Any, cycles: Any) -> Any:
    """Mismatches of row ``i`` over its aligned bases; the stretch starts at ``origin``."""
    found, query, at = np.int64(0), np.int64(0), np.int64(records.pos[i]) - origin
    for k in range(records.n_cigar[i]):
        word = u32(records.raw, records.cigar[i] + 4 * k)
        operation, length = word & 15, word >> 4
        if is_match(operation):
            found += compare_block(records, i, query, at, length, stretch, category, cycles)
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)
    return found


@shared
def mark_no_calls(i: Any, records: Any, category: Any, cycles: Any) -> None:
    """Add the N of a read that is not looked at base by base to its cycles."""
    if has_unknown_bases(i, records):
        for k in range(records.l_seq[i]):
            if nt16_at(records.raw, records.seq[i], k) == NT16_N:
                mark_cycle(records, i, k, category, cycles)

"""mismatch: a read's bases against the reference, packed as they are: 16 a step, 128 on a CPU.

Bases are equal where their 4-bit codes are (SequenceUtil.basesEqual of htsjdk 3.0): N is no mismatch to N.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import WORD, add_word, bits_in, masked_equal, plain_bytes, unlike_bits, whole_words
from .jit import atomic_add, on_cpu, on_cuda, shared
from .records import REVERSE, consumes_query, consumes_reference, u32, u64
from .scalar import from_whole_bytes, half_lanes, has_unknown_bases, is_match, lowest_bit, nt16_at

NT16_N = 15
LOWEST_BITS = np.uint64(0x1111111111111111)  # of 16 4-bit codes


@shared
def mark_cycle(read: Any, k: Any, category: Any, cycles: Any) -> None:
    """Add a bad base to the cycles: the ``k``-th of its block, as Picard numbers cycles in aligned reads."""
    cycle = read.l_seq - k if read.flag & REVERSE else k + 1
    atomic_add(cycles, (category, min(cycle, cycles.shape[1] - 1)), 1)


@shared
def judge_base(read: Any, code: Any, expected: Any, k: Any, category: Any, cycles: Any) -> Any:
    """1 where a base differs from the reference's; it is bad in its cycle if it does, or is N.

    ``category`` -1: cycles are not counted.
    """
    if category >= 0 and (code != expected or code == NT16_N):
        mark_cycle(read, k, category, cycles)
    return np.int64(code != expected)


@shared
def judge_word(read: Any, word: Any, differing: Any, k: Any, flags: Any, category: Any, cycles: Any) -> Any:
    """``judge_base`` for those of a word's bases that ``flags`` has the lowest bits of."""
    found = np.int64(0)
    while flags != 0:
        shift = np.uint64(lowest_bit(flags))
        flags &= flags - np.uint64(1)
        code = np.int64((word >> shift) & np.uint64(15))
        expected = code ^ np.int64((differing >> shift) & np.uint64(15))
        place = np.int64(shift >> np.uint64(2)) ^ 1  # a byte's first base is in its high nibble
        found += judge_base(read, code, expected, k + place, category, cycles)
    return found


@shared
def compare_word(read: Any, word: Any, differing: Any, k: Any, category: Any, cycles: Any) -> Any:
    """``judge_word`` where a base of the word differs or is N, else 0."""
    unlike = differing | (differing >> np.uint64(2))
    unknown = word & (word >> np.uint64(2))
    flags = (unlike | (unlike >> np.uint64(1)) | (unknown & (unknown >> np.uint64(1)))) & LOWEST_BITS
    return judge_word(read, word, differing, k, flags, category, cycles) if flags != 0 else np.int64(0)


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
def compare_by_word(
    read: Any, raw: Any, query: Any, at: Any, length: Any, stretch: Any, category: Any, cycles: Any
) -> Any:
    """``compare_block``, 16 bases a step."""
    seq, found, k = read.seq, np.int64(0), np.int64(0)
    by_word = read.l_seq >= 16  # so that a word that starts in SEQ ends in the record
    while k < length and (not by_word or (query + k) & 1):
        code = nt16_at(raw, seq, query + k)
        found += judge_base(read, code, packed_code(stretch.even, at + k), k, category, cycles)
        k += 1
    packed = stretch.odd if (at + k) & 1 else stretch.even
    byte, place = seq + ((query + k) >> 1), (at + k + 1) >> 1
    while k + 16 <= length:
        word = u64(raw, byte)
        found += compare_word(read, word, word ^ u64(packed, place), k, category, cycles)
        byte, place, k = byte + 8, place + 8, k + 16
    if k < length:
        mask = first_nibbles(length - k)
        word = u64(raw, byte) & mask
        found += compare_word(read, word, word ^ (u64(packed, place) & mask), k, category, cycles)
    return found


@on_cuda
def compare_block(
    read: Any,
    raw: Any,
    query: Any,
    at: Any,
    length: Any,
    stretch: Any,
    category: Any,
    cycles: Any,
    bad: Any,
) -> Any:
    """Mismatches among ``length`` aligned bases from base ``query`` of a read and index ``at`` of the stretch on."""
    return compare_by_word(read, raw, query, at, length, stretch, category, cycles)


# On a CPU bad bases are counted in 8 bits first, 64 at once: of each class of reads, by their place in a block. A class
# is a category and a strand; of reverse reads those of one length, the first that is met, for cycles count from their
# end.
CLASSES = 2 * 3  # strands, categories
HALF_WIDTH = 4 * WORD  # bytes of a block that have counters
CLASS_WIDTH = 2 * HALF_WIDTH
MOST_READS = 255  # that a counter holds
NARROW, SEEN = CLASSES * CLASS_WIDTH, 2 * CLASSES


class BadBases(NamedTuple):
    """What counts bad bases on a CPU.

    counters  uint8[NARROW]  of each class, of bases in the upper and then in the lower halves of bytes
    seen      int64[SEEN]    of each class how many blocks were counted since its counters were 0, and the reads' length
    """

    counters: Any
    seen: Any


@shared
def start_counting(bad: Any) -> None:
    """Nothing is counted yet."""
    for at in range(NARROW):
        bad.counters[at] = 0
    for at in range(SEEN):
        bad.seen[at] = 0


@shared
def empty_class(number: Any, bad: Any, cycles: Any) -> None:
    """Add what was counted of a class to the cycles."""
    category, reverse, length = number >> 1, number & 1, bad.seen[2 * number + 1]
    for k in range(CLASS_WIDTH):  # the place in a block
        at = number * CLASS_WIDTH + (k & 1) * HALF_WIDTH + (k >> 1)
        if bad.counters[at]:
            cycle = length - k if reverse else k + 1
            cycles[category, min(cycle, cycles.shape[1] - 1)] += bad.counters[at]
            bad.counters[at] = 0
    bad.seen[2 * number] = 0


@shared
def stop_counting(bad: Any, cycles: Any) -> None:
    """Add all that was counted to the cycles."""
    for number in range(CLASSES):
        empty_class(number, bad, cycles)


@shared
def class_of(read: Any, size: Any, category: Any, bad: Any, cycles: Any) -> Any:
    """The class whose counters hold another block of ``size`` bytes of a read; -1: none do."""
    reverse, length = np.int64((read.flag & REVERSE) != 0), read.l_seq
    number = 2 * np.int64(category) + reverse
    if bad.seen[2 * number + 1] == 0:
        bad.seen[2 * number + 1] = length
    if size > HALF_WIDTH or (reverse and bad.seen[2 * number + 1] != length):
        return np.int64(-1)
    if bad.seen[2 * number] == MOST_READS:
        empty_class(number, bad, cycles)
    bad.seen[2 * number] += 1
    return number


@shared
def mark_bits(word: Any, k: Any, read: Any, category: Any, cycles: Any) -> None:
    """Mark the bases of a block that a word has bits of: bit n stands for base ``k + 2 * n``."""
    while word != np.uint64(0):
        mark_cycle(read, k + 2 * lowest_bit(word), category, cycles)
        word &= word - np.uint64(1)


@shared
def judge_first(read: Any, raw: Any, query: Any, at: Any, stretch: Any, category: Any, cycles: Any) -> Any:
    """``judge_base`` for the first base of a block."""
    code, expected = nt16_at(raw, read.seq, query), packed_code(stretch.even, at)
    return judge_base(read, code, expected, np.int64(0), category, cycles)


@on_cpu(compare_block)
def _compare_block_cpu(
    read: Any,
    raw: Any,
    query: Any,
    at: Any,
    length: Any,
    stretch: Any,
    category: Any,
    cycles: Any,
    bad: Any,
) -> Any:
    """128 bases a step: those in the upper halves of 64 bytes, and those in the lower halves."""
    first, byte, place, size = from_whole_bytes(read.seq, query, at, length)
    packed, room = stretch.odd if (at + first) & 1 else stretch.even, whole_words(size)
    if length <= first or byte + room > raw.shape[0] or place + room > packed.shape[0]:
        return compare_by_word(read, raw, query, at, length, stretch, category, cycles)
    found = judge_first(read, raw, query, at, stretch, category, cycles) if first else np.int64(0)
    number = np.int64(-1)
    if category >= 0 and not first:
        number = class_of(read, size, category, bad, cycles)
    for done in range(0, size, WORD):
        some, expected = plain_bytes(raw, byte + done), plain_bytes(packed, place + done)
        uppers, lowers = half_lanes(length - first - 2 * done)
        upper, lower = unlike_bits(some, expected, 0xF0) & uppers, unlike_bits(some, expected, 0x0F) & lowers
        found += np.int64(bits_in(upper) + bits_in(lower))
        if category >= 0:
            upper |= masked_equal(some, 0xF0, 0xF0) & uppers
            lower |= masked_equal(some, 0x0F, 0x0F) & lowers
            if number >= 0:
                add_word(upper, bad.counters, number * CLASS_WIDTH + done)
                add_word(lower, bad.counters, number * CLASS_WIDTH + HALF_WIDTH + done)
            else:
                mark_bits(upper, first + 2 * done, read, category, cycles)
                mark_bits(lower, first + 2 * done + 1, read, category, cycles)
    return found


@shared
def compare_read(
    read: Any, simple: Any, raw: Any, stretch: Any, origin: Any, category: Any, cycles: Any, bad: Any
) -> Any:
    """Mismatches of a read over its aligned bases; the stretch starts at ``origin``.

    ``simple``: all its bases are aligned, without a gap.
    """
    found, query, at = np.int64(0), np.int64(0), read.pos - origin
    if simple:
        return compare_block(read, raw, query, at, read.l_seq, stretch, category, cycles, bad)
    for k in range(read.n_cigar):
        word = u32(raw, read.cigar + 4 * k)
        operation, length = word & 15, word >> 4
        if is_match(operation):
            found += compare_block(read, raw, query, at, length, stretch, category, cycles, bad)
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)
    return found


@shared
def mark_no_calls(read: Any, raw: Any, category: Any, cycles: Any) -> None:
    """Add the N of a read that is not looked at base by base to its cycles."""
    if has_unknown_bases(raw, read.seq, read.l_seq):
        for k in range(read.l_seq):
            if nt16_at(raw, read.seq, k) == NT16_N:
                mark_cycle(read, k, category, cycles)

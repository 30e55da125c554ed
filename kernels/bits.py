"""bits: 64 bytes at once on a CPU, and their 64 answers in one word.

LLVM makes AVX-512, AVX2, SSE or NEON of them. Plain Python, as it stands here, gives the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import shared, when_compiling

WORD = 64


@shared
def whole_words(size: Any) -> Any:
    """A number, rounded up to a multiple of 64."""
    return -(-size // WORD) * WORD


@shared
def lanes(low: Any, high: Any) -> Any:
    """uint64 with bits [low, high) set; 0 <= low < high <= 64."""
    return (~np.uint64(0) >> np.uint64(WORD - high)) & (~np.uint64(0) << np.uint64(low))


@shared
def first_bits(count: Any) -> Any:
    """uint64 with the first ``count`` bits set: all of 64 or more, none of 0."""
    return (np.uint64(1) << np.uint64(count)) - np.uint64(1) if count < WORD else ~np.uint64(0)


@shared
def bits_from(low: Any) -> Any:
    """uint64 with bits [low, 64) set: all where ``low`` is negative, none where it is 64 or more."""
    return ~np.uint64(0) << np.uint64(max(low, 0)) if low < WORD else np.uint64(0)


def word_of(flags: Any, start: Any) -> Any:
    """uint64: bit k is set where ``flags[start + k]`` is not 0; ``flags`` uint8[start + 64 or more] (CPU only)."""
    return np.uint64(sum(1 << k for k in range(WORD) if flags[start + k]))


def bits_in(word: Any) -> Any:
    """How many bits of a uint64 are set (CPU only)."""
    return np.uint64(int(word).bit_count())


def load_bytes(data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
    """The 64 bytes of ``data`` from ``start`` on, ``other`` in place of those outside of lanes [low, high).

    0 <= low < 64 and 0 <= high. All of ``data[start : start + 64]`` must exist (CPU only).
    """
    lanes = np.arange(WORD)
    return np.where((lanes >= low) & (lanes < high), data[start : start + WORD], np.uint8(other))


def plain_bytes(data: Any, start: Any) -> Any:
    """The 64 bytes of ``data`` from ``start`` on, all of which must exist (CPU only)."""
    return data[start : start + WORD]


def equal_bytes(some: Any, value: Any) -> Any:
    """How many of 64 bytes are ``value`` (CPU only)."""
    return int(np.count_nonzero(some == value))


def masked_equal(some: Any, inside: Any, value: Any) -> Any:
    """uint64: bit k is set where byte k of 64 is ``value`` in its bits ``inside`` (CPU only)."""
    return word_of((some & inside) == value, 0)


def unlike_bits(one: Any, two: Any, inside: Any) -> Any:
    """uint64: bit k is set where byte k of 64 differs from that of the other 64 in its bits ``inside`` (CPU only)."""
    return word_of((one ^ two) & np.uint8(inside), 0)


def at_least(some: Any, value: Any) -> Any:
    """uint64: bit k is set where byte k of 64 is ``value`` or more, and less than 128 (CPU only)."""
    return word_of((some >= value) & (some < 128), 0)


def add_word(word: Any, numbers: Any, at: Any) -> None:
    """Add bit k of a word to ``numbers[at + k]``, whole numbers, all 64 of which must exist (CPU only)."""
    for k in range(WORD):
        numbers[at + k] += (int(word) >> k) & 1


def add_four(table: Any, row: Any, numbers: Any, at: Any) -> None:
    """Add row ``row`` of ``table`` to row ``at`` of ``numbers``, both int32[n, 4] (CPU only)."""
    numbers[at] += table[row]


def lesser_bytes(one: Any, two: Any) -> Any:
    """The lesser of each two bytes (CPU only)."""
    return np.minimum(one, two)


def packed_bases(data: Any, start: Any, first: Any) -> Any:
    """64 bases as 4-bit codes, from base ``first`` on of those packed two a byte from ``data[start]`` on (CPU only).

    All of ``data[start + first // 2 :][:33]`` must exist.
    """
    some = data[start + first // 2 :][:33]
    return np.stack([some >> 4, some & 15], axis=1).ravel()[first & 1 :][:WORD].astype(np.uint8)


def turned(some: Any) -> Any:
    """64 bytes, the last one first (CPU only)."""
    return some[::-1]


def spread(some: Any, upper: Any) -> Any:
    """The first or, where ``upper``, the last 32 of 64 bytes, a zero behind each (CPU only)."""
    return np.stack([some[32:] if upper else some[:32], np.zeros(32, dtype=np.uint8)], axis=1).ravel()


def equal_codes(bases: Any, codes: Any) -> Any:
    """uint64: bit k is set where 4-bit code k of ``bases`` is that of ``codes``: 0 to 3 for A, C, G, T (CPU only)."""
    return word_of((codes < 4) & (bases == 1 << (codes & 3)), 0)


def take_capped(word: Any, some: Any, most: Any, numbers: Any, at: Any) -> None:
    """Take byte k of 64, at most ``most``, from ``numbers[at + k]`` where bit k of ``word`` is set (CPU only).

    ``numbers`` are int32, all 64 of which must exist.
    """
    for k in range(WORD):
        numbers[at + k] -= min(int(some[k]), int(most)) * (int(word) >> k & 1)


def add_capped(some: Any, most: Any, numbers: Any, at: Any) -> None:
    """Add byte k of 64, at most ``most``, to ``numbers[at + k]``, int32, all 64 of which must exist (CPU only)."""
    for k in range(WORD):
        numbers[at + k] += min(int(some[k]), int(most))


def all_bytes(value: Any) -> Any:
    """64 bytes that are all ``value`` (CPU only)."""
    return np.full(WORD, value, dtype=np.uint8)


def look_up(some: Any, table: Any, at: Any) -> Any:
    """Byte k of 64, where it is less than 64, as an index into ``table[at : at + 64]``, uint8; else 0 (CPU only)."""
    return np.where(some < WORD, table[at : at + WORD][some & (WORD - 1)], np.uint8(0))


def mark_equal(marks: Any, some: Any, value: Any, mark: Any) -> Any:
    """64 bytes ``marks``, those where byte k of ``some`` is ``value`` with the bits ``mark`` set, too (CPU only)."""
    return marks | np.where(some == value, np.uint8(mark), np.uint8(0))


def single_bits(some: Any, inside: Any) -> Any:
    """uint64: bit k is set where byte k of 64 has exactly one of its bits ``inside`` set (CPU only)."""
    return word_of(np.bitwise_count(some & np.uint8(inside)) == 1, 0)


def bit_tallies(some: Any) -> Any:
    """64 bytes: byte k of each eight says in how many of these eight of ``some`` bit k is set (CPU only)."""
    return np.unpackbits(some, bitorder="little").reshape(8, 8, 8).sum(axis=1).astype(np.uint8).ravel()


def added_bytes(one: Any, two: Any) -> Any:
    """The sums of each two bytes, modulo 256 (CPU only)."""
    return one + two


def sum_eights(some: Any) -> Any:
    """uint64 whose byte k is the sum of bytes k of each eight of 64, if these sums are less than 256 (CPU only)."""
    return some.reshape(8, 8).sum(axis=0).astype(np.uint8).view(np.uint64)[0]


def add_bytes_of(word: Any, numbers: Any, at: Any) -> None:
    """Add byte k of a word to ``numbers[at + k]``, int64, all eight of which must exist (CPU only)."""
    for k in range(8):
        numbers[at + k] += (int(word) >> 8 * k) & 255


PLANES = 4  # of 64 bytes: bit k of byte n in plane j is bit j of how often it was set
ROWS = 1 << PLANES  # of 64 bytes that are added to planes at once


def add_rows(rows: Any, at: Any, planes: Any, start: Any) -> Any:
    """Count how often each bit of 64 bytes is set in ``ROWS`` rows of them, ``rows[at :]``, uint8 (CPU only).

    The counts are in the planes ``planes[start :]``, uint8; returned are 64 bytes: the bits whose count wrapped. By
    carry-save adders (Mula, Kurz & Lemire 2018, "Faster population counts using AVX2 instructions", section 4.1).
    """
    wrapped = np.zeros(WORD, dtype=np.uint8)
    for row in range(at, at + ROWS * WORD, WORD):
        carry = rows[row : row + WORD].copy()
        for place in range(start, start + PLANES * WORD, WORD):
            plane = planes[place : place + WORD].copy()
            planes[place : place + WORD] ^= carry
            carry &= plane
        wrapped |= carry
    return wrapped


def add_where(some: Any, bit: Any, change: Any, counters: Any, at: Any) -> None:
    """Add ``change`` to ``counters[at + k]``, uint8, modulo 256, where bit ``bit`` of byte k is set (CPU only)."""
    counters[at : at + WORD] += (some >> np.uint8(bit) & np.uint8(1)) * np.uint8(change)


def low_bytes(numbers: Any, at: Any) -> Any:
    """64 bytes: the lower ones of ``numbers[at :]``, int32, all 64 of which must exist (CPU only)."""
    return numbers[at : at + WORD].astype(np.uint8)


def above(numbers: Any, at: Any, most: Any) -> Any:
    """uint64: bit k is set where ``numbers[at + k]``, int32, is more than ``most``, or negative (CPU only)."""
    return word_of(numbers[at : at + WORD].view(np.uint32) > most, 0)


def least_differences(one: Any, two: Any, at: Any, most: Any) -> Any:
    """64 bytes: ``one`` less ``two``, int32, from index ``at`` on; ``most`` where it is more or negative (CPU only)."""
    return np.minimum((one[at : at + WORD] - two[at : at + WORD]).view(np.uint32), most).astype(np.uint8)


def walk_bytes(start: Any, up: Any, down: Any) -> Any:
    """64 bytes: byte k is ``start`` and how many more of bits 0 to k are set in one word than in another (CPU only)."""
    steps = [(int(up) >> k & 1) - (int(down) >> k & 1) for k in range(WORD)]
    return (start + np.cumsum(steps)).astype(np.uint8)


def sum_up(numbers: Any, at: Any, before: Any) -> Any:
    """Make 64 numbers of ``numbers[at :]``, int32, their running sums after ``before``; the last one (CPU only)."""
    numbers[at : at + WORD] = before + np.cumsum(numbers[at : at + WORD])
    return np.int64(numbers[at + WORD - 1])


def least_byte(some: Any, inside: Any) -> Any:
    """The least of those of 64 bytes whose bit in a word is set; 255 where none is (CPU only)."""
    return int(min((int(some[k]) for k in range(WORD) if int(inside) >> k & 1), default=255))


def store_bytes(some: Any, data: Any, at: Any) -> None:
    """Write 64 bytes to ``data[at :]``, uint8 (CPU only)."""
    data[at : at + WORD] = some


def below_bytes(some: Any, value: Any) -> Any:
    """uint64: bit k is set where byte k of 64 is less than ``value`` (CPU only)."""
    return word_of(some < value, 0)


def prefetch(data: Any, at: Any) -> None:
    """Have the CPU fetch the line of memory that holds ``data[at]``, if it exists (CPU only)."""


ALIKE = 12  # numbers next to each other that are looked for at once


@shared
def tally_bytes(some: Any, inside: Any, counts: Any) -> None:
    """Count those of 64 bytes whose bit in a word is set in ``counts``, int64[n] (CPU only).

    Each is less than n, which is ``ALIKE`` or more. As neighbours are alike, most are among ``ALIKE`` numbers, each of
    which is looked for; so no count waits for the one before it, and there is nothing to guess.
    """
    while inside != np.uint64(0):
        first, found = min(least_byte(some, inside), counts.shape[0] - ALIKE), np.uint64(0)
        for step in range(ALIKE):
            same = masked_equal(some, 255, first + step) & inside
            counts[np.uint64(first + step)] += np.int64(bits_in(same))
            found |= same
        inside &= ~found


@when_compiling
def _teach_words() -> None:
    """Have numba compile these functions."""
    from . import bits_cpu  # noqa: F401

"""Words of flags: what is compiled gives what the plain functions give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.kernels import bits, levels
from gpucall.kernels.bits import WORD, word_of
from gpucall.kernels.jit import cpu_loop
from gpucall.kernels.scalar import lowest_bit


@cpu_loop
def list_set(n: int, flags: Any, out: Any) -> int:
    """The places of all flags that are set; how many these are."""
    count = np.int64(0)
    for k in range(n):
        word = word_of(flags, k * WORD)
        while word != np.uint64(0):
            out[count] = k * WORD + lowest_bit(word)
            word &= word - np.uint64(1)
            count += 1
    return count


@settings(deadline=None)  # the first compiles
@given(st.lists(st.sampled_from([0, 0, 0, 1, 128]), min_size=128, max_size=128))
def test_set_flags_are_listed_in_order(flags: list[int]) -> None:
    values, out = np.array(flags, dtype=np.uint8), np.zeros(128, dtype=np.int64)
    expected = [place for place, flag in enumerate(flags) if flag]
    with np.errstate(over="ignore"):  # in plain Python a product that wraps is remarked on
        for loop in (list_set, list_set.py_func):
            assert out[: loop(2, values, out)].tolist() == expected


@cpu_loop
def ask_words(one: Any, two: Any, low: int, high: int, value: int, inside: int, out: Any, numbers: Any) -> None:
    """What every function says of 64 bytes of ``one`` and ``two``; what changes numbers, of rows of ``numbers``."""
    some, others = bits.plain_bytes(one, low), bits.plain_bytes(two, 0)
    here = bits.lanes(low, high)
    out[0] = here
    out[1] = bits.masked_equal(some, inside, value)
    out[2] = bits.unlike_bits(some, others, 255)
    out[9] = bits.unlike_bits(some, others, inside)
    out[10] = bits.first_bits(high)
    out[3] = bits.at_least(some, value & 127)
    out[4] = bits.below_bytes(some, value)
    out[5] = bits.equal_codes(bits.packed_bases(one, low, high), others)
    out[6] = bits.bits_in(out[2])
    out[7] = np.uint64(bits.equal_bytes(some, value))
    bits.add_word(out[2], numbers, 0)
    bits.add_capped(bits.turned(some), value, numbers, WORD)
    out[8] = bits.masked_equal(bits.spread(some, value > 99), 255, 17)
    bits.take_capped(here, others, value, numbers, 2 * WORD)
    bits.add_capped(bits.load_bytes(one, low, low, high, value), 255, numbers, 3 * WORD)
    bits.add_capped(bits.lesser_bytes(some, others), 255, numbers, 4 * WORD)
    bits.add_capped(bits.spread(some, False), 255, numbers, 5 * WORD)


SOME_BYTES = st.one_of(st.sampled_from([0x11, 0x12, 0x28, 0x84, 0xFF, 0, 1, 2, 3]), st.integers(0, 255))


@settings(deadline=None)  # the first compiles
@given(
    one=st.lists(SOME_BYTES, min_size=200, max_size=200),
    two=st.lists(SOME_BYTES, min_size=64, max_size=64),
    ends=st.tuples(st.integers(0, 63), st.integers(1, 64)).filter(lambda ends: ends[0] < ends[1]),
    value=st.integers(0, 255),
    inside=st.sampled_from([255, 15, 240, 64]),
)
def test_64_bytes_at_once(one: list[int], two: list[int], ends: tuple[int, int], value: int, inside: int) -> None:
    low, high = ends
    here = range(low, high)
    some = one[low : low + 64]
    nibbles = [half for byte in one[low:] for half in (byte >> 4, byte & 15)][high : high + 64]
    taken = [byte if lane in here else value for lane, byte in enumerate(some)]

    def word(answers: Iterable[object]) -> int:
        return sum(1 << lane for lane, answer in enumerate(answers) if answer)

    pairs = list(zip(some, two, strict=True))
    expected = [
        word(lane in here for lane in range(64)),
        word(byte & inside == value for byte in some),
        word(a != b for a, b in pairs),
        word(value & 127 <= byte < 128 for byte in some),
        word(byte < value for byte in some),
        word(code < 4 and base == 1 << code for base, code in zip(nibbles, two, strict=True)),
        sum(a != b for a, b in pairs),
        some.count(value),
        word(lane % 2 == 0 and some[32 * (value > 99) + lane // 2] == 17 for lane in range(64)),
        word((a ^ b) & inside for a, b in pairs),
        word(lane < high for lane in range(64)),
    ]
    numbers = [a != b for a, b in pairs] + [min(byte, value) for byte in some[::-1]]
    numbers += [-min(byte, value) if lane in here else 0 for lane, byte in enumerate(two)]
    numbers += [*taken, *map(min, some, two), *(byte for each in some[:32] for byte in (each, 0))]
    for loop in (ask_words, ask_words.py_func):  # type: ignore[attr-defined]
        out, found = np.zeros(11, dtype=np.uint64), np.full(6 * 64, 1000, dtype=np.int32)
        loop(np.array(one, dtype=np.uint8), np.array(two, dtype=np.uint8), low, high, value, inside, out, found)
        assert out.tolist() == expected
        assert (found - 1000).tolist() == [int(number) for number in numbers]


@cpu_loop
def count_bits(rows: Any, value: int, mark: int, inside: int, out: Any, planes: Any, counters: Any) -> None:
    """Bits of 64 bytes, set, counted one by one and row by row."""
    some = bits.plain_bytes(rows, 0)
    marks = bits.mark_equal(bits.all_bytes(value), some, value, mark)
    bits.store_bytes(marks, counters, 0)
    out[0] = bits.single_bits(some, inside)
    out[1] = bits.sum_eights(bits.added_bytes(bits.bit_tallies(some), bits.bit_tallies(marks)))
    bits.add_bytes_of(out[1], planes[1], 0)
    for _ in range(3):
        wrapped = bits.add_rows(rows, 0, planes[0], 0)
        for bit in range(8):
            bits.add_where(wrapped, bit, bits.ROWS, counters, WORD * (1 + bit))
    for j in range(bits.PLANES):
        for bit in range(8):
            bits.add_where(bits.plain_bytes(planes[0], WORD * j), bit, 1 << j, counters, WORD * (1 + bit))


@settings(deadline=None)  # the first compiles
@given(
    seed=st.integers(0, 1 << 30),
    value=st.integers(0, 255),
    mark=st.integers(0, 255),
    inside=st.sampled_from([15, 240, 255]),
    density=st.integers(1, 3),
)
def test_bits_of_64_bytes_are_counted(seed: int, value: int, mark: int, inside: int, density: int) -> None:
    chance = np.random.default_rng(seed)
    rows = np.bitwise_and.reduce(chance.integers(0, 256, (density, bits.ROWS, WORD), dtype=np.uint8))
    rows[0, :9] = [value, 1, 2, 3, 0x10, 0x11, 0x80, 0x20, 0]
    first = rows[0].tolist()
    marked = [value | mark if byte == value else value for byte in first]
    single = sum(1 << lane for lane, byte in enumerate(first) if (byte & inside).bit_count() == 1)
    totals = [
        sum((byte >> bit & 1) + (other >> bit & 1) for byte, other in zip(first, marked, strict=True))
        for bit in range(8)
    ]
    by_bit = [3 * (rows >> bit & 1).sum(axis=0) for bit in range(8)]
    for loop in (count_bits, count_bits.py_func):  # type: ignore[attr-defined]
        out, planes = np.zeros(2, dtype=np.uint64), np.zeros(bits.PLANES * WORD, dtype=np.uint8)
        counters, numbers = np.zeros(9 * WORD, dtype=np.uint8), np.full(8, 100, dtype=np.int64)
        loop(rows.ravel(), value, mark, inside, out, (planes, numbers), counters)
        assert out.tolist() == [single, sum(count << 8 * bit for bit, count in enumerate(totals))]
        assert numbers.tolist() == [100 + count for count in totals]
        assert counters.reshape(9, WORD).tolist() == [marked, *(counts.tolist() for counts in by_bit)]


@cpu_loop
def mark_levels(qualities: Any, known: Any, out: Any) -> None:
    """Learn some qualities; of 64 of them the marks."""
    levels.learn_levels(0, qualities.shape[0] - WORD, qualities, known)
    some = bits.plain_bytes(qualities, qualities.shape[0] - WORD)
    for part in range(levels.LEVELS // levels.PART):
        bits.store_bytes(levels.marks_of(some, part, known), out, part * WORD)


@settings(deadline=None)  # the first compiles
@given(
    learned=st.lists(st.integers(0, 70), max_size=14),
    some=st.lists(st.one_of(st.integers(0, 70), st.integers(0, 255)), min_size=64, max_size=64),
)
def test_qualities_that_are_levels_are_marked(learned: list[int], some: list[int]) -> None:
    order = [quality for quality in dict.fromkeys(learned) if quality < levels.COMMON]
    expected = [1 << order.index(quality) if quality in order else 0 for quality in some]
    for loop in (mark_levels, mark_levels.py_func):  # type: ignore[attr-defined]
        known, out = np.zeros(levels.LEVELS_SIZE, dtype=np.uint8), np.zeros(2 * WORD, dtype=np.uint8)
        loop(np.array([*learned, *some], dtype=np.uint8), known, out)
        assert [low | high << 8 for low, high in out.reshape(2, WORD).T.tolist()] == expected
        assert levels.parts_of(known) == -(-len(order) // levels.PART)


@cpu_loop
def tally(one: Any, two: Any, letters: Any, inside: int, most: int, out: Any, data: Any, counts: Any) -> None:
    """64 numbers as bytes, and histograms of bytes."""
    mask = np.uint64(inside)
    out[0] = bits.above(one, 3, most)
    up, down = (
        bits.masked_equal(bits.plain_bytes(letters, 0), 1, 1),
        bits.masked_equal(bits.plain_bytes(letters, 0), 2, 2),
    )
    bits.store_bytes(bits.low_bytes(one, 3), data, 0)
    bits.store_bytes(bits.least_differences(one, two, 3, most), data, WORD)
    bits.store_bytes(bits.walk_bytes(np.int64(most), up, down), data, 2 * WORD)
    out[1] = np.uint64(bits.least_byte(bits.plain_bytes(letters, 0), mask))
    bits.tally_bytes(bits.plain_bytes(letters, 0), mask, counts)


@settings(deadline=None)  # the first compiles
@given(
    letters=st.one_of(
        st.lists(st.integers(0, 255), min_size=64, max_size=64),
        st.lists(st.integers(20, 40), min_size=64, max_size=64),
    ),
    numbers=st.lists(st.integers(-2, 700), min_size=64, max_size=64),
    inside=st.one_of(st.just((1 << 64) - 1), st.integers(0, (1 << 64) - 1)),
    most=st.integers(64, 180),
)
def test_numbers_as_bytes_and_their_histogram(letters: list[int], numbers: list[int], inside: int, most: int) -> None:
    others = [number - byte + 3 for number, byte in zip(numbers, letters, strict=True)]
    chosen = [byte for lane, byte in enumerate(letters) if inside >> lane & 1]
    steps = [(byte & 1) - (byte >> 1 & 1) for byte in letters]
    expected = [number & 255 for number in numbers]
    expected += [min(byte - 3, most) if byte >= 3 else most for byte in letters]
    expected += [most + sum(steps[: lane + 1]) for lane in range(64)]
    words = [sum(1 << lane for lane, number in enumerate(numbers) if not 0 <= number <= most), min(chosen, default=255)]
    for loop in (tally, tally.py_func):  # type: ignore[attr-defined]
        out, data, counts = (
            np.zeros(2, dtype=np.uint64),
            np.zeros(3 * WORD, dtype=np.uint8),
            np.zeros(256, dtype=np.int64),
        )
        one, two = (np.array([0, 0, 0, *values], dtype=np.int32) for values in (numbers, others))
        loop(one, two, np.array(letters, dtype=np.uint8), np.uint64(inside), most, out, data, counts)
        assert out.tolist() == words
        assert data.tolist() == expected
        assert counts.tolist() == [chosen.count(value) for value in range(256)]

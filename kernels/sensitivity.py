"""sensitivity: the random draws of Picard's TheoreticalSensitivity (2.27.5), in integers.

Picard draws base qualities with java.util.Random, a linear congruential generator of 48 bits, by rejection: a try takes
two doubles, which are four of the generator's steps, and gives quality ``n`` if the second double is below its weight.
All tries of a run form one chain, so there is no CUDA loop. But a try's states follow from those of ``STRIDE`` tries
before by two additions, and a few of their bits rule nearly all tries out that draw nothing.

The additions: of a generator s -> a s + c with a = 5 modulo 8, n = 2**16 steps multiply by a**n, which is 1 modulo
2**18, and add a multiple of 2**16 (Knuth, The Art of Computer Programming 2, section 3.2.1.2, lemma P). So states that
are n steps apart differ in their upper 32 of 48 bits only; these differences differ by multiples of 2**34, and do so
always by the same, since the next difference is a multiple of 2**52. 64 states at once are ``states``.

States are held in the upper 48 of 64 bits, so that they wrap by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, bits_in
from .jit import cpu_loop, shared
from .scalar import lowest_bit
from .states import KINDS, add_states, below_limits, first_bits, kinds_of, load_states, on_edge, store_states

MULTIPLIER, INCREMENT = 0x5DEECE66D, 0xB  # java.util.Random
UNUSED_BITS = 16
DOUBLE_BITS, LOW_BITS = 53, 27  # of nextDouble: 26 bits of one state, 27 of the next
STEPS = 4  # of a try
MOST_TRIES = 600  # SAMPLING_MAX: then the draw is a quality of 0
STRIDE = 1 << 14  # tries
WORDS = STRIDE // WORD
ROWS = 32  # of ``STRIDE`` tries that are looked at before any is followed
ROW_WORDS = WORDS + WORD // 8  # from one row of marks to the next: not all at one place of a cache
AT_ONCE = 3  # tries of a word
FIRST, FIRST_CHANGE, FIRST_TURN, THIRD, THIRD_CHANGE, THIRD_TURN = range(6)  # rows of ``lanes``
LANE_ROWS = 6


def _jumps(each: int, count: int) -> tuple[Any, Any]:
    """uint64[count]: by what a state is multiplied, and what is added then, for k times ``each`` tries."""
    modulus = 1 << 64
    power, shift = 1, 0
    for _ in range(STEPS * each):
        power, shift = power * MULTIPLIER % modulus, (shift * MULTIPLIER + (INCREMENT << UNUSED_BITS)) % modulus
    powers, shifts = [1], [0]
    for _ in range(count - 1):
        shifts.append((shifts[-1] * power + shift) % modulus)
        powers.append(powers[-1] * power % modulus)
    return np.array(powers, dtype=np.uint64), np.array(shifts, dtype=np.uint64)


POWERS, SHIFTS = _jumps(1, WORD)
WORD_POWERS, WORD_SHIFTS = _jumps(WORD, WORDS + 1)


@shared
def jump(state: Any, k: Any) -> Any:
    """The first state of the try ``k`` after the one that begins with ``state``, at most ``STRIDE``."""
    word, rest = np.uint64(k) >> np.uint64(6), np.uint64(k) & np.uint64(WORD - 1)
    state = state * WORD_POWERS[word] + WORD_SHIFTS[word]
    return state * POWERS[rest] + SHIFTS[rest]


@shared
def step(state: Any) -> Any:
    """The generator's next state."""
    return state * np.uint64(MULTIPLIER) + np.uint64(INCREMENT << UNUSED_BITS)


@shared
def double_of(state: Any) -> Any:
    """nextDouble, times 2**53, of the first of its two states."""
    high = state >> np.uint64(64 - DOUBLE_BITS + LOW_BITS)
    return (high << np.uint64(LOW_BITS)) + (step(state) >> np.uint64(64 - LOW_BITS))


@shared
def kind_of(value: Any) -> Any:
    """``(int) (KINDS * d)`` for the double d = value / 2**53; a product just below an integer is rounded up to it."""
    product = value * np.uint64(KINDS)
    kind = np.int64(product >> np.uint64(DOUBLE_BITS))
    missing = np.int64((1 << DOUBLE_BITS) - np.int64(product & np.uint64((1 << DOUBLE_BITS) - 1)))
    if missing > KINDS:  # as nearly always: more than half a unit of any
        return kind
    half = np.int64(1)  # half a unit in the last place of the product
    while 2 * half <= kind:
        half *= 2
    return kind + 1 if kind > 0 and missing <= half else kind


@shared
def fill_lanes(state: Any, lanes: Any) -> None:
    """Fill ``lanes`` uint32[LANE_ROWS, STRIDE] for the ``STRIDE`` tries from ``state`` on.

    Of a try's first and third states: their upper halves, how much these change in ``STRIDE`` tries, and how much that
    does.
    """
    half = np.uint64(32)
    for k in range(STRIDE):
        one = jump(state, k)
        for row in (FIRST, THIRD):
            two = jump(one, STRIDE)
            change, following = two - one, jump(two, STRIDE) - two
            lanes[row * STRIDE + k] = np.uint32(one >> half)
            lanes[(row + 1) * STRIDE + k] = np.uint32(change >> half)
            lanes[(row + 2) * STRIDE + k] = np.uint32((following - change) >> half)
            one = step(step(one))


@shared
def mark_word(word: Any, lanes: Any, kinds: Any, limits: Any, marked: Any) -> None:
    """Mark tries ``64 * word`` and the 63 after it, of ``ROWS`` strides, that are not ruled out; move the lanes on.

    marked  uint64[ROWS * ROW_WORDS]: bit k of word n of a row is that of try 64 n + k
    """
    at = word * WORD
    first, change = load_states(lanes, FIRST * STRIDE + at), load_states(lanes, FIRST_CHANGE * STRIDE + at)
    third, third_change = load_states(lanes, THIRD * STRIDE + at), load_states(lanes, THIRD_CHANGE * STRIDE + at)
    turn, third_turn = load_states(lanes, FIRST_TURN * STRIDE + at), load_states(lanes, THIRD_TURN * STRIDE + at)
    for row in range(ROWS):
        shares, tops = kinds_of(first), first_bits(third)
        found = on_edge(first) | below_limits(shares, tops, limits, kinds)
        marked[np.uint64(row * ROW_WORDS + word)] = found
        first, change = add_states(first, change), add_states(change, turn)
        third, third_change = add_states(third, third_change), add_states(third_change, third_turn)
    store_states(lanes, FIRST * STRIDE + at, first)
    store_states(lanes, FIRST_CHANGE * STRIDE + at, change)
    store_states(lanes, THIRD * STRIDE + at, third)
    store_states(lanes, THIRD_CHANGE * STRIDE + at, third_change)


@shared
def list_marked(marked: Any, start: Any, found: Any) -> Any:
    """Write the tries of ``WORDS`` words from ``start`` on that are marked to ``found``; how many these are.

    Of each word ``AT_ONCE`` bits are written, whether they are there or not, and rarely more, so that how many there
    are need not be guessed (Langdale & Lemire 2019, section 3.1.4).
    """
    count = np.uint64(0)
    for number in range(WORDS):
        word = marked[np.uint64(start + number)]
        following = count + bits_in(word)
        for k in range(AT_ONCE):
            found[count + np.uint64(k)] = np.uint16(number * WORD + lowest_bit(word))
            word &= word - np.uint64(1)
        count += np.uint64(AT_ONCE)
        while word != np.uint64(0):
            found[count] = np.uint16(number * WORD + lowest_bit(word))
            word &= word - np.uint64(1)
            count += np.uint64(1)
        count = following
    return np.int64(count)


@shared
def keep_draws(state: Any, found: Any, count: Any, weights: Any, drawn: Any) -> Any:
    """Keep those of ``count`` tries in ``found`` that draw something, and what in ``drawn``; how many they are.

    Whether a try does is not guessed: the next one is written over it if not.
    """
    kept = np.uint64(0)
    for c in range(count):
        place = found[np.uint64(c)]
        first = jump(state, place)
        kind = kind_of(double_of(first))
        found[kept], drawn[kept] = place, np.uint8(kind)
        kept += np.uint64(double_of(step(step(first))) < weights[np.uint64(kind)])
    return np.int64(kept)


@shared
def are_far_apart(found: Any, count: Any) -> Any:
    """True where more than ``MOST_TRIES`` lie between two of ``count`` tries and the next one."""
    far: Any = False
    for c in range(1, count):
        far |= np.int64(found[np.uint64(c)]) - np.int64(found[np.uint64(c - 1)]) > MOST_TRIES
    return far


@shared
def add_draws(drawn: Any, start: Any, stop: Any, term: Any, total: Any, reached: Any, hits: Any) -> Any:
    """Count the sum before each of some draws, of which the first is draw ``term`` of a sum, and add it.

    Returns the sum. Of a sum of more than ``hits`` has rows for nobody asks.
    """
    for c in range(start, min(stop, start + hits.shape[0] - term)):
        hits[np.uint64(term + c - start), np.uint64(reached[np.uint64(total)])] += 1
        total += np.int64(drawn[np.uint64(c)])
    return total


@cpu_loop
def draw_sums_cpu(
    draws: int,
    terms: int,
    seed: int,
    kinds: Any,
    limits: Any,
    weights: Any,
    reached: Any,
    lanes: Any,
    marked: Any,
    found: Any,
    drawn: Any,
    hits: Any,
) -> None:
    """RouletteWheel.sampleCumulativeSums: sums of 0, 1, ... ``terms - 1`` drawn qualities, again and again.

    Parameters
    ----------
    draws
        how many in all, a multiple of ``terms``.
    seed
        the generator's first state.
    kinds
        int64: the qualities that have a weight.
    limits
        uint8[128]: above the upper ``BITS`` bits of all third states with which a quality is drawn.
    weights
        uint64[KINDS]: a double d is below a quality's weight where d * 2**53 is below this.
    reached
        int32: thresholds that a sum reaches, for every sum.
    lanes, marked, found, drawn
        uint32[LANE_ROWS * STRIDE], uint64[ROWS * ROW_WORDS], uint16[STRIDE + AT_ONCE], uint8[STRIDE], to work in.
    hits
        int64[m, thresholds + 1]: sums of 0, 1, ... m - 1 qualities by the thresholds that they reach.
    """
    state, begin, last = step(np.uint64(seed)), np.int64(0), np.int64(0)
    draw, term, total = np.int64(0), np.int64(0), np.int64(0)
    fill_lanes(state, lanes)
    while draw < draws:
        for word in range(WORDS):
            mark_word(word, lanes, kinds, limits, marked)
        for row in range(ROWS):
            count = keep_draws(state, found, list_marked(marked, row * ROW_WORDS, found), weights, drawn)
            alone = count > 0 and (begin + found[0] + 1 - last > MOST_TRIES or are_far_apart(found, count))
            at = np.int64(0)
            while at < count and draw < draws:
                number = begin + found[np.uint64(at)] + 1
                while draw < draws and number - last > MOST_TRIES:  # then the draw is given up
                    add_draws(drawn, np.int64(0), np.int64(1), term, total, reached, hits)
                    last, draw = last + MOST_TRIES, draw + 1
                    term, total = (term + 1, total) if term + 1 < terms else (np.int64(0), np.int64(0))
                if draw < draws:
                    size = min(count - at, terms - term) if not alone else np.int64(1)
                    total = add_draws(drawn, at, at + size, term, total, reached, hits)
                    at, term, draw = at + size, term + size, draw + size
                    last = begin + found[np.uint64(at - 1)] + 1
                    term, total = (term, total) if term < terms else (np.int64(0), np.int64(0))
            begin += STRIDE
            state = jump(state, STRIDE)

"""sensitivity: the random draws of Picard's TheoreticalSensitivity (2.27.5), in integers.

Picard draws base qualities with java.util.Random, a linear congruential generator of 48 bits, by rejection: a try takes
two doubles, which are four of the generator's steps, and gives quality ``n`` if the second double is below its weight.
All tries of a run form one chain, so there is no CUDA loop. But each try's first state follows from its block's first
one by one multiplication, and a few of its bits rule most tries out.

States are held in the upper 48 of 64 bits, so that they wrap by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, bits_in, word_of
from .jit import cpu_loop, shared
from .scalar import lowest_bit

MULTIPLIER, INCREMENT = 0x5DEECE66D, 0xB  # java.util.Random
UNUSED_BITS = 16
DOUBLE_BITS, LOW_BITS = 53, 27  # of nextDouble: 26 bits of one state, 27 of the next
HIGH_BITS = DOUBLE_BITS - LOW_BITS
KINDS = 127  # weights, of qualities 0 to 126
MOST_TRIES = 600  # SAMPLING_MAX: then the draw is a quality of 0
BLOCK = 1024  # tries
AT_ONCE = 6  # tries of a word


def _jumps(each: int) -> tuple[Any, Any]:
    """uint64[BLOCK + 1]: by what a state is multiplied, and what is added then, for k times ``each`` steps."""
    powers, shifts, modulus = [1], [0], 1 << 64
    for _ in range(BLOCK):
        power, shift = powers[-1], shifts[-1]
        for _ in range(each):
            power = power * MULTIPLIER % modulus
            shift = (shift * MULTIPLIER + (INCREMENT << UNUSED_BITS)) % modulus
        powers.append(power)
        shifts.append(shift)
    return np.array(powers, dtype=np.uint64), np.array(shifts, dtype=np.uint64)


POWERS, SHIFTS = _jumps(4)


@shared
def jump(state: Any, k: Any) -> Any:
    """The first state of try ``k`` of the block that begins with ``state``."""
    return state * POWERS[np.uint64(k)] + SHIFTS[np.uint64(k)]


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
    half = np.int64(1)  # half a unit in the last place of the product
    while 2 * half <= kind:
        half *= 2
    return kind + 1 if kind > 0 and missing <= half else kind


@shared
def kinds_left(first: Any) -> Any:
    """The one quality, or the two, that a try's first state leaves: the lower bits are those of the second state."""
    least = (first >> np.uint64(64 - HIGH_BITS)) * np.uint64(KINDS)
    return least >> np.uint64(HIGH_BITS), (least + np.uint64(KINDS)) >> np.uint64(HIGH_BITS)


@shared
def bit_of(word: Any, number: Any) -> Any:
    """Bit ``number`` of a word, 0 where it has none."""
    return word >> number if number < np.uint64(WORD) else np.uint64(0)


@shared
def mark_candidates(state: Any, low: Any, high: Any, marked: Any) -> None:
    """Set ``marked[k]`` where the first state of try ``k`` of a block does not rule it out.

    The bits of ``low`` and ``high`` are the qualities that have a weight.
    """
    for k in range(BLOCK):
        one, two = kinds_left(jump(state, k))
        marked[k] = np.uint8((bit_of(low, one) | bit_of(low, two)) & np.uint64(1))
    if high != np.uint64(0):
        for k in range(BLOCK):
            one, two = kinds_left(jump(state, k))
            more = bit_of(high, one - np.uint64(WORD)) | bit_of(high, two - np.uint64(WORD))
            marked[k] |= np.uint8(more & np.uint64(1))


@shared
def list_marked(marked: Any, found: Any) -> Any:
    """Write the marked tries to ``found``; how many these are.

    Of each word ``AT_ONCE`` bits are written, whether they are there or not, and rarely more, so that how many there
    are need not be guessed (Langdale & Lemire 2019, section 3.1.4).
    """
    count = np.uint64(0)
    for start in range(0, BLOCK, WORD):
        word = word_of(marked, start)
        following = count + bits_in(word)
        for k in range(AT_ONCE):
            found[count + np.uint64(k)] = np.uint16(start + lowest_bit(word))
            word &= word - np.uint64(1)
        count += np.uint64(AT_ONCE)
        while word != np.uint64(0):
            found[count] = np.uint16(start + lowest_bit(word))
            word &= word - np.uint64(1)
            count += np.uint64(1)
        count = following
    return np.int64(count)


@shared
def keep_likely(state: Any, limits: Any, count: Any, found: Any) -> Any:
    """Keep of ``found`` the tries that their third state does not rule out either; how many these are."""
    kept = np.uint64(0)
    for c in range(count):
        k = found[np.uint64(c)]
        first = jump(state, k)
        limit = limits[kinds_left(first)[0]]
        found[kept] = k
        kept += np.uint64((step(step(first)) >> np.uint64(64 - HIGH_BITS)) < limit)
    return np.int64(kept)


@shared
def drawn_quality(state: Any, k: Any, weights: Any) -> Any:
    """The quality that try ``k`` of a block gives, -1: none."""
    first = jump(state, k)
    kind = kind_of(double_of(first))
    return kind if double_of(step(step(first))) < weights[kind] else np.int64(-1)


@shared
def add_draw(quality: Any, draw: Any, terms: Any, total: Any, reached: Any, hits: Any) -> Any:
    """Count the sum before draw number ``draw`` of all, and add the draw; the sum after it, 0 after the last term."""
    term = draw % terms
    if term < hits.shape[0]:
        hits[term, reached[total]] += 1
    return total + quality if term + 1 < terms else np.int64(0)


@cpu_loop
def draw_sums_cpu(
    draws: int, terms: int, seed: int, limits: Any, weights: Any, reached: Any, marked: Any, found: Any, hits: Any
) -> None:
    """RouletteWheel.sampleCumulativeSums: sums of 0, 1, ... ``terms - 1`` drawn qualities, again and again.

    Parameters
    ----------
    draws
        how many in all, a multiple of ``terms``.
    seed
        the generator's first state.
    limits
        uint64[KINDS]: above the upper ``HIGH_BITS`` of all third states with which a quality, or the next one, is
        drawn.
    weights
        uint64[KINDS]: a double d is below a quality's weight where d * 2**53 is below this.
    reached
        int32: thresholds that a sum reaches, for every sum.
    marked, found
        uint8[BLOCK], uint16[BLOCK + AT_ONCE], to work in.
    hits
        int64[m, thresholds + 1]: sums of 0, 1, ... m - 1 qualities by the thresholds that they reach.
    """
    state, begin, last = step(np.uint64(seed)), np.int64(0), np.int64(0)
    draw, total = np.int64(0), np.int64(0)
    low, high = np.uint64(0), np.uint64(0)
    for kind in range(WORD):
        low |= np.uint64(weights[kind] > 0) << np.uint64(kind)
        high |= np.uint64(kind + WORD < KINDS and weights[kind + WORD] > 0) << np.uint64(kind)
    while draw < draws:
        mark_candidates(state, low, high, marked)
        count = keep_likely(state, limits, list_marked(marked, found), found)
        for c in range(count):
            quality = drawn_quality(state, found[np.uint64(c)], weights)
            number = begin + found[np.uint64(c)] + 1
            while quality >= 0 and draw < draws and number - last > MOST_TRIES:
                total = add_draw(np.int64(0), draw, terms, total, reached, hits)
                last, draw = last + MOST_TRIES, draw + 1
            if quality >= 0 and draw < draws:
                total = add_draw(quality, draw, terms, total, reached, hits)
                last, draw = number, draw + 1
        begin += BLOCK
        state = jump(state, BLOCK)

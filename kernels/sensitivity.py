"""sensitivity: the random draws of Picard's TheoreticalSensitivity (2.27.5), in integers.

Picard draws base qualities with java.util.Random, a linear congruential generator of 48 bits, by rejection: a try takes
two doubles, which are four of the generator's steps, and gives quality ``n`` if the second double is below its weight.
All tries of a run form one chain, so there is no CUDA loop; but each try's first state follows from its block's first
one by one multiplication, and most tries are rejected by a few bits of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop, shared

MULTIPLIER, INCREMENT, STATE_BITS = 0x5DEECE66D, 0xB, 48  # java.util.Random
STATE_MASK = (1 << STATE_BITS) - 1
DOUBLE_BITS, LOW_BITS = 53, 27  # of nextDouble: 26 bits of one step, 27 of the next
KINDS = 127  # weights, of qualities 0 to 126
MOST_TRIES = 600  # SAMPLING_MAX: then the draw is a quality of 0
BLOCK = 1024  # tries

# State of a block's try k: the first try's, times ``POWERS[k]``, plus ``SHIFTS[k]``; the last element begins a block.
POWERS, SHIFTS = np.ones(BLOCK + 1, dtype=np.uint64), np.zeros(BLOCK + 1, dtype=np.uint64)
for _k in range(1, BLOCK + 1):
    _power, _shift = int(POWERS[_k - 1]), int(SHIFTS[_k - 1])
    for _ in range(4):
        _power, _shift = _power * MULTIPLIER & STATE_MASK, (_shift * MULTIPLIER + INCREMENT) & STATE_MASK
    POWERS[_k], SHIFTS[_k] = _power, _shift


@shared
def step(state: Any) -> Any:
    """The generator's next state."""
    return (state * np.uint64(MULTIPLIER) + np.uint64(INCREMENT)) & np.uint64(STATE_MASK)


@shared
def double_of(state: Any) -> Any:
    """nextDouble, times 2**53, of the first of its two states."""
    high = state >> np.uint64(STATE_BITS - DOUBLE_BITS + LOW_BITS)
    return (high << np.uint64(LOW_BITS)) + (step(state) >> np.uint64(STATE_BITS - LOW_BITS))


@shared
def kind_of(value: Any) -> Any:
    """``(int) (KINDS * d)`` for the double d = value / 2**53; a product just below an integer is rounded up to it."""
    product = value * np.uint64(KINDS)
    kind = np.int64(product >> np.uint64(DOUBLE_BITS))
    missing = (np.uint64(1) << np.uint64(DOUBLE_BITS)) - (product & np.uint64((1 << DOUBLE_BITS) - 1))
    half = 1  # half a unit in the last place, of the product
    while 2 * half <= kind:
        half *= 2
    return kind + 1 if kind > 0 and missing <= np.uint64(half) else kind


@shared
def find_candidates(state: Any, likely: Any, flags: Any) -> None:
    """Set ``flags[k]`` where the first 26 bits of a block's try k do not rule it out; ``likely``: bit n, quality n."""
    for k in range(BLOCK):
        first = (state * POWERS[k] + SHIFTS[k]) & np.uint64(STATE_MASK)
        scaled = (first >> np.uint64(22)) * np.uint64(KINDS)
        kind = scaled >> np.uint64(26)
        near = (scaled & np.uint64((1 << 26) - 1)) >= np.uint64((1 << 26) - 2 * KINDS)
        hit = (likely >> (kind & np.uint64(63))) & np.uint64(1)
        flags[k] = np.uint8(hit) | np.uint8(near)


@shared
def eight(flags: Any, k: Any) -> Any:
    """True where one of eight flags from ``k`` on is set."""
    some = np.uint8(0)
    for j in range(8):
        some |= flags[k + j]
    return some != 0


@cpu_loop
def draw_sums_cpu(
    samples: int, terms: int, kept: int, seed: int, likely: Any, weights: Any, last: Any, flags: Any, hits: Any
) -> None:
    """RouletteWheel.sampleCumulativeSums: ``samples`` times the sums of 0, 1, ... ``terms - 1`` drawn qualities.

    Parameters
    ----------
    kept
        sums of fewer than this many qualities are counted.
    seed
        the generator's first state.
    likely
        uint64: bit n is set where quality n has a weight (n modulo 64).
    weights
        uint64[KINDS]: a double d is below a quality's weight where d * 2**53 is below this.
    last
        int32: thresholds that a sum reaches, for every sum.
    flags
        uint8[BLOCK], to work in.
    hits
        int64[kept, thresholds + 1]: sums of m qualities by the thresholds that they reach.
    """
    state = step(np.uint64(seed))
    k, tries, sample, term, total = BLOCK, 0, 0, 0, 0
    begun = False
    while sample < samples:
        if k == BLOCK:
            if begun:
                state = (state * POWERS[BLOCK] + SHIFTS[BLOCK]) & np.uint64(STATE_MASK)
            begun = True
            find_candidates(state, likely, flags)
            k = 0
        if (k & 7) == 0 and tries + 8 < MOST_TRIES and not eight(flags, k):
            tries += 8
            k += 8
            continue
        tries += 1
        drawn = -1
        if flags[k]:
            first = (state * POWERS[k] + SHIFTS[k]) & np.uint64(STATE_MASK)
            kind = kind_of(double_of(first))
            if double_of(step(step(first))) < weights[kind]:
                drawn = kind
        if drawn < 0 and tries >= MOST_TRIES:
            drawn = 0
        k += 1
        if drawn >= 0:
            tries = 0
            if term < kept:
                hits[term, last[total]] += 1
            total += drawn
            term += 1
            if term == terms:
                sample, term, total = sample + 1, 0, 0

"""sequencer: how a short-read sequencer errs, as tables for the compiled loops.

Qualities take seven values, as on a HiSeq X. They fall along the read, faster in read 2, and low ones come in runs: a
Markov chain of the first order whose target drifts with the cycle. A base is wrong with the chance that its quality
states. Polymerases gain or lose units of homopolymers and dinucleotide repeats (stutter), more often the longer the
repeat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .genome import Tracts

QUALITIES = np.array([2, 11, 22, 27, 32, 37, 42], np.uint8)
# Reads whose qualities are drawn: each simulated read joins the start of one and the end of another. Few enough for the
# L2 cache, and yet millions of ways to join them.
QUALITY_ROWS = 256
PERSISTENCE = 0.6  # chance that a base repeats the quality before it
START_SHARES = np.array([0.001, 0.009, 0.010, 0.020, 0.050, 0.110, 0.800])  # of QUALITIES at the first cycles
END_SHARES = np.array([0.006, 0.055, 0.040, 0.060, 0.120, 0.180, 0.539])  # at the last cycles of read 1
READ2_DECAY = 1.35  # how much further read 2 goes from the first to the second
NO_CALL_CHANCE = 0.1  # that a base of the lowest quality is N

STUTTER_LEAST = (6, 8)  # bases of a homopolymer or dinucleotide repeat in which stutter is worth drawing
STUTTER_AT_LEAST = 4e-4  # chance a read at a repeat just long enough
STUTTER_GROWTH = (1.45, 1.35)  # factor per further unit
STUTTER_MOST = 0.25


def quality_rows(random: np.random.Generator, rows: int, length: int) -> NDArray[np.uint8]:
    """Qualities by cycle of `rows` typical reads 1, then of as many reads 2: uint8[2, rows, length]."""
    states = np.full((2, rows), len(QUALITIES) - 1)
    every = np.empty((2, rows, length), np.uint8)
    for cycle in range(length):
        for read in range(2):
            share = np.cumsum(_target(read, cycle / (length - 1)))
            fresh = np.searchsorted(share[:-1], random.random(rows))
            states[read] = np.where(random.random(rows) < PERSISTENCE, states[read], fresh)
        every[:, :, cycle] = QUALITIES[states]
    return every


def _target(read: int, way: float) -> NDArray[np.float64]:
    """Shares of QUALITIES after `way`, 0..1, of a read (0: read 1, 1: read 2)."""
    shares = START_SHARES + way**1.5 * (READ2_DECAY if read else 1.0) * (END_SHARES - START_SHARES)
    shares = np.maximum(shares, 1e-3)
    return shares / shares.sum()


def hazards(qualities: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Summed rates at which bases go wrong before each cycle, [..., length + 1].

    A base is wrong if a Poisson process of rate 1 has an event within its own step; so the step is -log(1 - chance).
    """
    steps = -np.log1p(-(10.0 ** (qualities / -10.0)))
    return np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(steps, axis=-1)], axis=-1)


def stutter_chances(tracts: Tracts) -> NDArray[np.uint64]:
    """Chance that one read gains or loses units in each tract (of unit 1 or 2), in 2**-32."""
    least = np.array(STUTTER_LEAST)[tracts.unit - 1]
    growth = np.array(STUTTER_GROWTH)[tracts.unit - 1]
    further = (tracts.end - tracts.start - least) / tracts.unit
    return np.round(np.minimum(STUTTER_AT_LEAST * growth**further, STUTTER_MOST) * 2**32).astype(np.uint64)

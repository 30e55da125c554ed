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
PHASES = 16  # stretches of a read that share one quality distribution
PERSISTENCE = 0.35  # chance that a base repeats the quality before it
START_SHARES = np.array([0.001, 0.009, 0.010, 0.020, 0.050, 0.110, 0.800])  # of QUALITIES at the first cycles
END_SHARES = np.array([0.006, 0.055, 0.040, 0.060, 0.120, 0.180, 0.539])  # at the last cycles of read 1
READ2_DECAY = 1.35  # how much further read 2 goes from the first to the second
NO_CALL_CHANCE = 0.1  # that a base of the lowest quality is N

STUTTER_LEAST = (6, 8)  # bases of a homopolymer or dinucleotide repeat in which stutter is worth drawing
STUTTER_AT_LEAST = 4e-4  # chance a read at a repeat just long enough
STUTTER_GROWTH = (1.45, 1.35)  # factor per further unit
STUTTER_MOST = 0.25


def quality_table() -> NDArray[np.uint8]:
    """State for a random byte where it does not stay as it was, uint8[2 * PHASES, 256]: read 1, then read 2."""
    levels = (np.arange(256) + 0.5) / 256
    targets = [_target(read, phase) for read in range(2) for phase in range(PHASES)]
    return np.array([np.searchsorted(np.cumsum(target)[:-1], levels) for target in targets], np.uint8)


def _target(read: int, phase: int) -> NDArray[np.float64]:
    way = (phase / (PHASES - 1)) ** 1.5 * (READ2_DECAY if read else 1.0)
    shares = np.maximum(START_SHARES + way * (END_SHARES - START_SHARES), 1e-3)
    return shares / shares.sum()


def error_chances() -> NDArray[np.uint32]:
    """Chance of a wrong base for each state, in 2**-16."""
    return np.round(10.0 ** (QUALITIES / -10.0) * 65536).astype(np.uint32)


def stutter_chances(tracts: Tracts) -> NDArray[np.uint64]:
    """Chance that one read gains or loses units in each tract (of unit 1 or 2), in 2**-32."""
    least = np.array(STUTTER_LEAST)[tracts.unit - 1]
    growth = np.array(STUTTER_GROWTH)[tracts.unit - 1]
    further = (tracts.end - tracts.start - least) / tracts.unit
    return np.round(np.minimum(STUTTER_AT_LEAST * growth**further, STUTTER_MOST) * 2**32).astype(np.uint64)

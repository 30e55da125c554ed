"""levels: the few qualities that a sequencer gives, to be looked for 64 bytes at a time, on a CPU.

Today's sequencers give 4 to 8 qualities. Comparing 64 bytes with each of them costs less than looking up each byte,
which is what is left where there are more. A kernel keeps the levels that it met in the first ``LEVELS_SIZE`` items
of its workspace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import shared

COMMON = 64  # qualities from here on are no levels
LEVELS = 16  # that are looked for
LEVELS_SIZE = 32
AT_COUNT, AT_FULL, AT_LEVELS = 0, 1, 2  # how many are known, whether there are more than can be, and which they are


@shared
def is_full(work: Any) -> Any:
    """True where there are too many levels to be looked for."""
    return work[AT_FULL] != 0


@shared
def levels_of(work: Any) -> Any:
    """How many levels are known."""
    return np.int64(work[AT_COUNT])


@shared
def level_at(level: Any, work: Any) -> Any:
    """The quality of a level."""
    return np.int64(work[AT_LEVELS + level])


@shared
def learn_levels(start: Any, size: Any, raw: Any, work: Any) -> None:
    """Add the qualities of a read to the levels."""
    for k in range(start, start + size):
        known = raw[k] >= COMMON
        for level in range(levels_of(work)):
            known |= work[AT_LEVELS + level] == raw[k]
        if not known:
            count = levels_of(work)
            if count == LEVELS:
                work[AT_FULL] = 1
                return
            work[AT_LEVELS + count] = raw[k]
            work[AT_COUNT] = count + 1

"""levels: the few qualities that a sequencer gives, to be looked for 64 bytes at a time, on a CPU.

Today's sequencers give 4 to 8 qualities. So a bit of a byte can stand for each, and 64 qualities become such bytes at
once. That costs less than looking at one after the other, which is what is left where there are more than ``LEVELS``. A
kernel keeps the levels that it met in ``LEVELS_SIZE`` bytes, which are zeros at first.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import look_up
from .jit import shared

COMMON = 64  # qualities from here on are no levels
LEVELS = 16  # that are looked for
PART = 8  # levels, each of which is a bit of a byte
AT_COUNT, AT_FULL, AT_LEVELS = 0, 1, 2  # how many are known, whether there are more than can be, and which they are
AT_MARKS = 64  # of each quality the bit that stands for it, part by part
LEVELS_SIZE = AT_MARKS + COMMON * LEVELS // PART


@shared
def is_full(known: Any) -> Any:
    """True where there are too many levels to be looked for."""
    return known[AT_FULL] != 0


@shared
def levels_of(known: Any) -> Any:
    """How many levels are known."""
    return np.int64(known[AT_COUNT])


@shared
def level_at(level: Any, known: Any) -> Any:
    """The quality of a level."""
    return np.int64(known[AT_LEVELS + level])


@shared
def parts_of(known: Any) -> Any:
    """How many parts the known levels have."""
    return (levels_of(known) + PART - 1) // PART


def marks_of(some: Any, part: Any, known: Any) -> Any:
    """64 bytes: of each of 64 qualities the bit that stands for it in a part of the levels; else 0 (CPU only)."""
    return look_up(some, known, AT_MARKS + COMMON * part)


@shared
def learn_levels(start: Any, size: Any, raw: Any, known: Any) -> None:
    """Add the qualities of a read to the levels."""
    for k in range(start, start + size):
        met = raw[k] >= COMMON
        for level in range(levels_of(known)):
            met |= known[AT_LEVELS + level] == raw[k]
        if not met:
            count = levels_of(known)
            if count == LEVELS:
                known[AT_FULL] = 1
                return
            known[AT_LEVELS + count] = raw[k]
            known[AT_MARKS + COMMON * (count // PART) + raw[k]] = 1 << count % PART
            known[AT_COUNT] = count + 1


def known_workspace_cpu() -> tuple[tuple[int], Any]:
    """Shape and type of what a kernel on a CPU keeps its levels in."""
    return (LEVELS_SIZE,), np.uint8


def known_workspace_cuda() -> tuple[tuple[int], Any]:
    """The same for CUDA, which needs none, but an array is never empty."""
    return (1,), np.uint8

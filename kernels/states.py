"""states: the upper halves of 64 states of a generator of random numbers at once, on a CPU (``sensitivity``).

LLVM makes AVX-512, AVX2, SSE or NEON of them. Plain Python, as it stands here, gives the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, word_of
from .jit import when_compiling

KINDS = 127  # of equal shares into which what a state gives is divided
BITS = 7  # that ``first_bits`` takes


def load_states(data: Any, start: Any) -> Any:
    """64 numbers of 32 bits of ``data``, from ``start`` on, all of which must exist (CPU only)."""
    return data[start : start + WORD].copy()


def store_states(data: Any, start: Any, some: Any) -> None:
    """Write 64 numbers to ``data``, from ``start`` on (CPU only)."""
    data[start : start + WORD] = some


def add_states(one: Any, two: Any) -> Any:
    """64 sums, modulo 2**32 (CPU only)."""
    return one + two


def first_bits(some: Any) -> Any:
    """The uppermost ``BITS`` bits of each of 64 numbers (CPU only)."""
    return (some >> np.uint32(32 - BITS)).astype(np.uint8)


def kinds_of(some: Any) -> Any:
    """In which share each of 64 numbers lies, by its uppermost 16 bits alone (CPU only)."""
    return ((some >> np.uint32(16)) * np.uint32(KINDS) >> np.uint32(16)).astype(np.uint8)


def on_edge(some: Any) -> Any:
    """uint64: bit k is set where the uppermost 16 bits of number k leave open in which share it lies (CPU only)."""
    rest = (some >> np.uint32(16)) * np.uint32(KINDS) & np.uint32(0xFFFF)
    return word_of(rest >= (1 << 16) - KINDS, 0)


def below_limits(ones: Any, others: Any, limits: Any, kinds: Any) -> Any:
    """uint64: bit k is set where byte k of ``others`` is below the limit of byte k of ``ones`` (CPU only).

    limits  uint8[128], of each value that ``ones`` can have; 0: none is below
    kinds   int64: the values whose limit is not 0
    """
    return word_of(others < limits[ones], 0)


@when_compiling
def _teach_states() -> None:
    """Have numba compile these functions."""
    from . import states_cpu  # noqa: F401

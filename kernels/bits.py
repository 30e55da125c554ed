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


def word_of(flags: Any, start: Any) -> Any:
    """uint64: bit k is set where ``flags[start + k]`` is not 0; ``flags`` uint8[start + 64 or more] (CPU only)."""
    return np.uint64(sum(1 << k for k in range(WORD) if flags[start + k]))


def bits_in(word: Any) -> Any:
    """How many bits of a uint64 are set (CPU only)."""
    return np.uint64(int(word).bit_count())


def load_bytes(data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
    """The 64 bytes of ``data`` from ``start`` on, ``other`` in place of those outside of lanes [low, high).

    All of ``data[start : start + 64]`` must exist (CPU only).
    """
    lanes = np.arange(WORD)
    return np.where((lanes >= low) & (lanes < high), data[start : start + WORD], np.uint8(other))


def count_equal(some: Any, inside: Any, value: Any, counters: Any, at: Any, change: Any) -> Any:
    """How many of 64 bytes are ``value`` in their bits ``inside``.

    ``counters[at + lane]``, uint8, moves by ``change``, modulo 256, for each lane whose byte is. All of
    ``counters[at : at + 64]`` must exist (CPU only).
    """
    equal = (some & inside) == value
    counters[at : at + WORD] += equal * np.uint8(change & 255)
    return int(np.count_nonzero(equal))


def equal_bytes(some: Any, value: Any) -> Any:
    """How many of 64 bytes are ``value`` (CPU only)."""
    return int(np.count_nonzero(some == value))


def below_bytes(some: Any, value: Any) -> Any:
    """uint64: bit k is set where byte k of 64 is less than ``value`` (CPU only)."""
    return np.uint64(sum(1 << k for k in range(WORD) if some[k] < value))


def prefetch(data: Any, at: Any) -> None:
    """Have the CPU fetch the line of memory that holds ``data[at]``, which must exist (CPU only)."""


@when_compiling
def _teach_words() -> None:
    """Have numba compile these functions."""
    from . import bits_cpu  # noqa: F401

"""bits: 64 answers in one word, to go through those that are yes without a branch for each of the others."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import when_compiling

WORD = 64


def word_of(flags: Any, start: Any) -> Any:
    """uint64: bit k is set where ``flags[start + k]`` is not 0; ``flags`` uint8[start + 64 or more] (CPU only)."""
    return np.uint64(sum(1 << k for k in range(WORD) if flags[start + k]))


def lowest_bit(word: Any) -> Any:
    """Number of the lowest bit that is set in a word other than 0."""
    word = int(word)
    return (word & -word).bit_length() - 1


@when_compiling
def _teach_words() -> None:
    """Have numba compile these functions."""
    from . import bits_cpu  # noqa: F401

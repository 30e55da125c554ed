"""Words of flags: what is compiled gives what the plain functions give."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.kernels.bits import WORD, word_of
from gpucall.kernels.jit import cpu_loop
from gpucall.kernels.scalar import lowest_bit


@cpu_loop
def list_set(n: int, flags: Any, out: Any) -> int:
    """The places of all flags that are set; how many these are."""
    count = np.int64(0)
    for k in range(n):
        word = word_of(flags, k * WORD)
        while word != np.uint64(0):
            out[count] = k * WORD + lowest_bit(word)
            word &= word - np.uint64(1)
            count += 1
    return count


@settings(deadline=None)  # the first compiles
@given(st.lists(st.sampled_from([0, 0, 0, 1, 128]), min_size=128, max_size=128))
def test_set_flags_are_listed_in_order(flags: list[int]) -> None:
    values, out = np.array(flags, dtype=np.uint8), np.zeros(128, dtype=np.int64)
    expected = [place for place, flag in enumerate(flags) if flag]
    with np.errstate(over="ignore"):  # in plain Python a product that wraps is remarked on
        for loop in (list_set, list_set.py_func):
            assert out[: loop(2, values, out)].tolist() == expected

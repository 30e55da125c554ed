"""``kernels.group``: the order that a stable sort would leave within each key, every key in one piece."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.backend import CpuBackend
from gpucall.kernels.group import MIXER


@settings(deadline=None)  # the first compiles
@given(st.lists(st.one_of(st.integers(0, 3), st.integers(0, (1 << 64) - 1)), max_size=300))
def test_equal_keys_are_neighbours_in_their_order(values: list[int]) -> None:
    keys = np.array(values, dtype=np.uint64)
    order = CpuBackend().grouped(keys)
    assert sorted(order.tolist()) == list(range(len(values)))
    found = keys[order].tolist()
    pieces = [found[0], *(two for one, two in pairwise(found) if one != two)] if found else []
    assert len(pieces) == len(set(values))
    assert all(one < two for one, two in pairwise(order) if keys[one] == keys[two])


def test_keys_of_one_bucket() -> None:
    """Keys that share a bucket by chance or design, each twice, in descending order."""
    inverse = pow(MIXER, -1, 1 << 64)
    values = [k * inverse % (1 << 64) for k in range(400, 0, -1)]
    keys = np.array(values + values, dtype=np.uint64)
    order = CpuBackend().grouped(keys)
    assert keys[order].tolist() == sorted([*values, *values])
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()

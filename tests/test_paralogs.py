"""Loci of copies that the reference lacks: the depth around a call."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gpucall.paralogs import mean_depths


@given(st.data(), st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=60), st.integers(0, 70))
def test_depths_are_means_as_far_as_there_are_any(data: st.DataObject, depths: list[int], reach: int) -> None:
    at = data.draw(st.lists(st.integers(0, len(depths) - 1), max_size=8).map(sorted))
    found = mean_depths(at, np.array(depths, dtype=np.int32), reach)
    around = [depths[max(place - reach, 0) : place + reach + 1] for place in at]
    assert found.tolist() == [sum(each) / len(each) for each in around]

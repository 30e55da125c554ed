"""The sensitivity's draws: 64 states at once give what one at a time gives, whatever the CPU has for it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gpucall.kernels import sensitivity as kernel
from gpucall.kernels import states
from gpucall.kernels.jit import activate, cpu_loop
from gpucall.qc import sensitivity

SEED = (sensitivity.SEED ^ kernel.MULTIPLIER) << kernel.UNUSED_BITS


@cpu_loop
def ask(one: Any, two: Any, limits: Any, kinds: Any, sums: Any, words: Any) -> None:
    """What every function says of 64 states in ``one`` and ``two``."""
    some, others = states.load_states(one, 0), states.load_states(two, 0)
    words[0] = states.on_edge(some)
    words[1] = states.below_limits(states.kinds_of(some), states.first_bits(others), limits, kinds)
    states.store_states(sums, 0, states.add_states(some, others))


EDGES = st.builds(  # at which the next share begins, and just beside it
    lambda share, beside: (-(-(share << 32) // states.KINDS) + beside) % (1 << 32),
    st.integers(0, states.KINDS),
    st.sampled_from([-70_000, -1, 0, 1, 70_000]),
)
SOME_STATES = st.lists(st.integers(0, (1 << 32) - 1) | EDGES, min_size=64, max_size=64).map(
    lambda found: np.array(found, dtype=np.uint32)
)


@settings(deadline=None)  # the first compiles
@given(SOME_STATES, SOME_STATES, st.dictionaries(st.integers(0, 126), st.integers(1, 128), max_size=20))
def test_64_states_at_once(one: NDArray[np.uint32], two: NDArray[np.uint32], weighed: dict[int, int]) -> None:
    limits, kinds = np.zeros(128, dtype=np.uint8), np.array(sorted(weighed), dtype=np.int64)
    for kind, limit in weighed.items():
        limits[kind] = limit
    edge = below = 0
    for lane, (first, third) in enumerate(zip(one.tolist(), two.tolist(), strict=True)):
        low = first >> 16 << 16
        shares = {low * 127 >> 32, (low + 65535) * 127 + 126 >> 32}  # of all states with the same upper 16 bits
        edge |= (len(shares) == 2) << lane
        below |= (third >> 25 < weighed.get(low * 127 >> 32, 0)) << lane
    for loop in (ask, ask.py_func):  # type: ignore[attr-defined]
        sums, words = np.zeros(64, dtype=np.uint32), np.zeros(2, dtype=np.uint64)
        loop(one, two, limits, kinds, sums, words)
        assert sums.tolist() == ((one.astype(np.int64) + two) % (1 << 32)).tolist()
        assert int(words[1]) == below
        assert int(words[0]) & edge == edge
        assert (int(words[0]) & ~edge).bit_count() <= 1 or any(  # one more number of 16 bits, at most, is on each edge
            (low * 127 & 0xFFFF) == 0x10000 - 127 for low in (one >> 16).tolist()
        )


def test_a_cpu_without_look_ups_says_the_same() -> None:
    activate()
    from gpucall.kernels import states_cpu

    @cpu_loop
    def ask_both(one: Any, two: Any, limits: Any, kinds: Any, words: Any) -> None:
        some, others = states.load_states(one, 0), states.load_states(two, 0)
        shares, bits = states.kinds_of(some), states.first_bits(others)
        words[0] = states.below_limits(shares, bits, limits, kinds)
        words[1] = one_by_one(shares, bits, limits, kinds)

    from numba.extending import register_jitable

    one_by_one = register_jitable(states_cpu._below_limits_one_by_one)
    random = np.random.default_rng(3)
    seen = 0
    for _ in range(50):
        one, two = random.integers(0, 1 << 32, (2, 64), dtype=np.uint32)
        kinds = np.unique(random.integers(0, 127, 12))
        limits = np.zeros(128, dtype=np.uint8)
        limits[kinds] = random.integers(1, 129, len(kinds))
        words = np.zeros(2, dtype=np.uint64)
        ask_both(one, two, limits, kinds, words)
        assert words[0] == words[1]
        seen |= int(words[0])
    assert seen.bit_count() > 30


def following(state: int, tries: int) -> int:
    """The state so many tries later, in the upper 48 of 64 bits, one step after the other."""
    for _ in range(kernel.STEPS * tries):
        state = (state * kernel.MULTIPLIER + (kernel.INCREMENT << kernel.UNUSED_BITS)) % (1 << 64)
    return state


@pytest.mark.parametrize("k", [0, 1, 63, 64, 700, kernel.STRIDE - 1, kernel.STRIDE])
def test_jumps_are_so_many_steps(k: int) -> None:
    with np.errstate(over="ignore"):
        assert int(kernel.jump(np.uint64(SEED), k)) == following(SEED, k)


def test_states_of_a_stride_follow_by_two_additions() -> None:
    """Lemma P's multiples: no bit of the lower halves changes, and the last differences stay."""
    random = np.random.default_rng(4)
    for start in random.integers(0, 1 << 48, 3).tolist():
        found = [start << 16]
        for _ in range(4):
            found.append(following(found[-1], kernel.STRIDE))
        one = [(b - a) % (1 << 64) for a, b in pairwise(found)]
        two = [(b - a) % (1 << 64) for a, b in pairwise(one)]
        assert all(change % (1 << 32) == 0 for change in one)
        assert len(set(two)) == 1


def test_plain_python_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.zeros(128, dtype=np.int64)
    counts[[2, 11, 25, 37, 126]] = 3, 60, 11, 900, 1
    thresholds = 10 * (np.arange(40) * 0.3 + 1)
    monkeypatch.setattr(sensitivity, "SAMPLES", 90)
    expected = sensitivity.quality_sums(counts, thresholds, kept=25)
    monkeypatch.setattr(kernel, "draw_sums_cpu", kernel.draw_sums_cpu.py_func)  # type: ignore[attr-defined]
    with np.errstate(over="ignore"):
        assert (sensitivity.quality_sums(counts, thresholds, kept=25) == expected).all()
    assert 0 < expected.mean() < 1

"""lanes: one value on a GPU thread, or ``LANES`` values in one vector register of a CPU, behind the same functions.

A recurrence over costs that is written with ``plus``, ``least``, ``choose``, ``load``, ``store`` and ``spread``
compiles twice: for scalars, as it stands (CUDA, the simulator), and, where its arguments are ``Lanes``, for an LLVM
vector of uint16, of which LLVM makes AVX-512, AVX2, SSE or NEON. LLVM finds no such vectors by itself here, since numba
widens every sum to 64 bits.

Costs are not negative and saturate at ``LIMIT``. Saturation commutes with sums and minima of such numbers, so scalars
need it only where they are stored, and both ways give the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import HAVE_NUMBA_CUDA, SIMULATOR, when_compiling

LANES = 32
LIMIT = 0xFFFF  # highest cost


def plus(a: Any, b: Any) -> Any:
    """The sum of two costs."""
    return np.int32(a + b)


def least(a: Any, b: Any) -> Any:
    """The lower of two costs."""
    return min(a, b)


def choose(a: Any, b: Any, equal: Any, other: Any) -> Any:
    """``equal`` where a == b, else ``other``."""
    return equal if a == b else other


def spread(value: Any, like: Any) -> Any:
    """A scalar in every lane, of the kind of ``like``."""
    return np.int32(value)


def spread_item(array: Any, index: Any, like: Any) -> Any:
    """``spread(array[index], like)`` of a one-dimensional array."""
    return np.int32(array[np.uint64(index)])


def load(cells: Any, slot: Any, t: Any, like: Any) -> Any:
    """Slot ``slot`` of column ``t`` of ``cells`` uint16[slots, columns]; of all columns where ``like`` is ``Lanes``."""
    return np.int32(cells[np.uint64(slot), np.uint64(t)])


def store(cells: Any, slot: Any, t: Any, value: Any) -> None:
    """What ``load`` gets."""
    cells[np.uint64(slot), np.uint64(t)] = min(value, LIMIT)


def load_lanes(cells: Any, slot: Any) -> Any:
    """Row ``slot`` of ``cells`` uint16[slots, LANES]: a vector (CPU only)."""
    return cells[slot]


@when_compiling
def _teach_vectors() -> None:
    """Have numba compile these functions for vectors, too."""
    from . import lanes_cpu  # noqa: F401


if HAVE_NUMBA_CUDA and not SIMULATOR:
    from numba.cuda.extending import register_jitable

    for _scalar in (plus, least, choose, spread, spread_item, load, store):
        register_jitable(_scalar)

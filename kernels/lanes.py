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
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from .jit import HAVE_NUMBA_CUDA, SIMULATOR

LANES = 32
LIMIT = 0xFFFF  # highest cost
VECTOR = ir.VectorType(ir.IntType(16), LANES)


class Lanes(types.Type):
    """numba's type of ``LANES`` x uint16. It lives in registers only: compiled loops neither take nor return it."""

    def __init__(self) -> None:
        super().__init__(name=f"Lanes({LANES} x uint16)")


LANES_TYPE = Lanes()


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, VECTOR)


# -- what LLVM does with a vector -----------------------------------------------------------------------------------


def _binary(name: str) -> Any:
    """An LLVM intrinsic of two vectors."""

    @intrinsic
    def operation(_typing: Any, one: Any, two: Any) -> Any:
        def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            kind = ir.FunctionType(VECTOR, [VECTOR, VECTOR])
            function = cgutils.get_or_insert_function(builder.module, kind, f"{name}.v{LANES}i16")
            return builder.call(function, arguments)

        return LANES_TYPE(one, two), emit

    return operation


_plus = _binary("llvm.uadd.sat")
_least = _binary("llvm.umin")


@intrinsic
def _choose(_typing: Any, one: Any, two: Any, equal: Any, other: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.select(builder.icmp_unsigned("==", arguments[0], arguments[1]), arguments[2], arguments[3])

    return LANES_TYPE(one, two, equal, other), emit


def _broadcast(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    """A scalar of numba type ``kind`` in every lane."""
    narrow = context.cast(builder, value, kind, types.uint16)
    first = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), narrow, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, first, everywhere)


@intrinsic
def _spread(_typing: Any, value: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _broadcast(context, builder, signature.args[0], arguments[0])

    return LANES_TYPE(value), emit


@intrinsic
def _spread_item(_typing: Any, array: Any, index: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        data = context.make_array(kind)(context, builder, arguments[0]).data
        item = builder.load(builder.gep(data, [arguments[1]]))
        return _broadcast(context, builder, kind.dtype, item)

    return LANES_TYPE(array, types.int64), emit


def _row_pointer(context: Any, builder: Any, kind: Any, array: Any, slot: Any) -> Any:
    """Where row ``slot`` of a C-ordered array uint16[slots, LANES] starts."""
    data = context.make_array(kind)(context, builder, array).data
    first = builder.mul(slot, ir.IntType(64)(LANES))
    return builder.bitcast(builder.gep(data, [first]), VECTOR.as_pointer())


@intrinsic
def load_lanes(_typing: Any, cells: Any, slot: Any) -> Any:
    """Row ``slot`` of ``cells`` uint16[slots, LANES] (CPU only)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _row_pointer(context, builder, signature.args[0], *arguments)
        return builder.load(pointer, align=2, typ=VECTOR)

    return LANES_TYPE(cells, types.int64), emit


@intrinsic
def _store_lanes(_typing: Any, cells: Any, slot: Any, value: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _row_pointer(context, builder, signature.args[0], *arguments[:2])
        builder.store(arguments[2], pointer, align=2)
        return context.get_dummy_value()

    return types.void(cells, types.int64, value), emit


# -- the functions of both --------------------------------------------------------------------------------------------


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


def _plus_lanes(a: Any, b: Any) -> Any:
    return _plus(a, b)


def _least_lanes(a: Any, b: Any) -> Any:
    return _least(a, b)


def _choose_lanes(a: Any, b: Any, equal: Any, other: Any) -> Any:
    return _choose(a, b, equal, other)


def _spread_lanes(value: Any, like: Any) -> Any:
    return _spread(value)


def _spread_item_lanes(array: Any, index: Any, like: Any) -> Any:
    return _spread_item(array, index)


def _load_lanes(cells: Any, slot: Any, t: Any, like: Any) -> Any:
    return load_lanes(cells, slot)


def _store_lanes_at(cells: Any, slot: Any, t: Any, value: Any) -> Any:
    return _store_lanes(cells, slot, value)


def _both_ways(scalar: Any, vector: Any) -> None:
    """Compile ``scalar`` as it stands for scalars, and as ``vector`` where the last argument is ``Lanes``."""

    def body(*kinds: Any) -> Any:
        return vector if isinstance(kinds[-1], Lanes) else scalar

    overload(scalar, strict=False)(body)
    if HAVE_NUMBA_CUDA and not SIMULATOR:
        from numba.cuda.extending import register_jitable

        register_jitable(scalar)


for _scalar, _vector in (
    (plus, _plus_lanes),
    (least, _least_lanes),
    (choose, _choose_lanes),
    (spread, _spread_lanes),
    (spread_item, _spread_item_lanes),
    (load, _load_lanes),
    (store, _store_lanes_at),
):
    _both_ways(_scalar, _vector)

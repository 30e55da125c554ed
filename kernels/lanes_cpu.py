"""lanes_cpu: what numba must know of vectors to compile the functions of ``lanes`` for them.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from . import lanes
from .lanes import LANES
from .vectors_cpu import call, everywhere, pointer, vector_type

VECTOR = ir.VectorType(ir.IntType(16), LANES)


LANES_TYPE = vector_type("Lanes", VECTOR)


# -- what LLVM does with a vector -----------------------------------------------------------------------------------


def _binary(name: str) -> Any:
    """An LLVM intrinsic of two vectors."""

    @intrinsic
    def operation(_typing: Any, one: Any, two: Any) -> Any:
        def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return call(builder, f"{name}.v{LANES}i16", VECTOR, arguments)

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
    return everywhere(builder, context.cast(builder, value, kind, types.uint16), VECTOR)


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
    return pointer(context, builder, kind, (array, builder.mul(slot, ir.IntType(64)(LANES))), VECTOR)


@intrinsic
def _load_lanes(_typing: Any, cells: Any, slot: Any) -> Any:
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


# -- the functions of both -----------------------------------------------------------------------------------------


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


def _load_lanes_at(cells: Any, slot: Any, t: Any, like: Any) -> Any:
    return _load_lanes(cells, slot)


def _store_lanes_at(cells: Any, slot: Any, t: Any, value: Any) -> Any:
    return _store_lanes(cells, slot, value)


def _both_ways(scalar: Any, vector: Any) -> None:
    """Compile ``scalar`` as it stands for scalars, and as ``vector`` where the last argument is a vector."""

    def body(*kinds: Any) -> Any:
        return vector if kinds[-1] == LANES_TYPE else scalar

    overload(scalar, strict=False)(body)


for _scalar, _vector in (
    (lanes.plus, _plus_lanes),
    (lanes.least, _least_lanes),
    (lanes.choose, _choose_lanes),
    (lanes.spread, _spread_lanes),
    (lanes.spread_item, _spread_item_lanes),
    (lanes.load, _load_lanes_at),
    (lanes.store, _store_lanes_at),
):
    _both_ways(_scalar, _vector)


@overload(lanes.load_lanes)
def _overload_load_lanes(cells: Any, slot: Any) -> Any:
    def implementation(cells: Any, slot: Any) -> Any:
        return _load_lanes(cells, slot)

    return implementation

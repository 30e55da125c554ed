"""states_cpu: what numba must know to compile the functions of ``states``.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import states
from .bits import WORD
from .bits_cpu import BYTES, BYTES_TYPE
from .jit import on_cpu
from .vectors_cpu import call, everywhere, has_feature, pointer, vector_type

BYTE, LONG = ir.IntType(8), ir.IntType(64)
STATES, HALVES = ir.VectorType(ir.IntType(32), WORD), ir.VectorType(ir.IntType(16), WORD)
STATES_TYPE = vector_type("States", STATES)


def _constant(value: int, kind: Any) -> Any:
    return ir.Constant(kind, [value] * WORD)


def _shares(builder: Any, some: Any) -> Any:
    """The uppermost 16 bits h of each number, times ``KINDS``: the upper and the lower 16 bits of 128 h - h."""
    bits = states.KINDS.bit_length()
    assert states.KINDS == (1 << bits) - 1
    two = builder.bitcast(some, ir.VectorType(ir.IntType(16), 2 * WORD))
    order = ir.Constant(ir.VectorType(ir.IntType(32), WORD), [2 * lane + 1 for lane in range(WORD)])
    halves = builder.shuffle_vector(two, two, order)
    lower = builder.shl(halves, _constant(bits, HALVES))
    borrowed = builder.zext(builder.icmp_unsigned("<", lower, halves), HALVES)
    upper = builder.sub(builder.lshr(halves, _constant(16 - bits, HALVES)), borrowed)
    return upper, builder.sub(lower, halves)


def _word(builder: Any, answers: Any) -> Any:
    return builder.bitcast(answers, LONG)


@intrinsic
def _load_states(_typing: Any, data: Any, start: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(pointer(context, builder, signature.args[0], arguments, STATES), align=4, typ=STATES)

    return STATES_TYPE(data, types.int64), emit


@intrinsic
def _store_states(_typing: Any, data: Any, start: Any, some: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[2], pointer(context, builder, signature.args[0], arguments[:2], STATES), align=4)
        return context.get_dummy_value()

    return types.void(data, types.int64, STATES_TYPE), emit


@intrinsic
def _add_states(_typing: Any, one: Any, two: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.add(*arguments)

    return STATES_TYPE(STATES_TYPE, STATES_TYPE), emit


@intrinsic
def _first_bits(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        some = builder.bitcast(arguments[0], ir.VectorType(BYTE, 4 * WORD))
        order = ir.Constant(ir.VectorType(ir.IntType(32), WORD), [4 * lane + 3 for lane in range(WORD)])
        return builder.lshr(builder.shuffle_vector(some, some, order), _constant(8 - states.BITS, BYTES))

    return BYTES_TYPE(STATES_TYPE), emit


@intrinsic
def _kinds_of(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.trunc(_shares(builder, arguments[0])[0], BYTES)

    return BYTES_TYPE(STATES_TYPE), emit


@intrinsic
def _on_edge(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        rest = _shares(builder, arguments[0])[1]
        return _word(builder, builder.icmp_unsigned(">=", rest, _constant((1 << 16) - states.KINDS, HALVES)))

    return types.uint64(STATES_TYPE), emit


@intrinsic
def _below_one(_typing: Any, ones: Any, value: Any, others: Any, limit: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        ones, others = arguments[0], arguments[2]
        value, limit = (everywhere(builder, builder.trunc(arguments[k], BYTE), BYTES) for k in (1, 3))
        equal, below = builder.icmp_unsigned("==", ones, value), builder.icmp_unsigned("<", others, limit)
        return _word(builder, builder.and_(equal, below))

    return types.uint64(BYTES_TYPE, types.int64, BYTES_TYPE, types.int64), emit


@intrinsic
def _below_all(_typing: Any, ones: Any, others: Any, limits: Any) -> Any:
    """By a look-up of 64 bytes in 128 (AVX-512 VBMI)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[2])(context, builder, arguments[2]).data
        halves = builder.bitcast(data, BYTES.as_pointer())
        low, high = (builder.load(builder.gep(halves, [ir.IntType(32)(k)]), align=1, typ=BYTES) for k in (0, 1))
        found = call(builder, "llvm.x86.avx512.vpermi2var.qi.512", BYTES, [low, arguments[0], high])
        return _word(builder, builder.icmp_unsigned("<", arguments[1], found))

    return types.uint64(BYTES_TYPE, BYTES_TYPE, limits), emit


# -- the functions of ``states`` -----------------------------------------------------------------------------------


@on_cpu(states.load_states)
def _load_states_on_cpu(data: Any, start: Any) -> Any:
    return _load_states(data, start)


@on_cpu(states.store_states)
def _store_states_on_cpu(data: Any, start: Any, some: Any) -> None:
    _store_states(data, start, some)


@on_cpu(states.add_states)
def _add_states_on_cpu(one: Any, two: Any) -> Any:
    return _add_states(one, two)


@on_cpu(states.first_bits)
def _first_bits_on_cpu(some: Any) -> Any:
    return _first_bits(some)


@on_cpu(states.kinds_of)
def _kinds_of_on_cpu(some: Any) -> Any:
    return _kinds_of(some)


@on_cpu(states.on_edge)
def _on_edge_on_cpu(some: Any) -> Any:
    return _on_edge(some)


def _below_limits_one_by_one(ones: Any, others: Any, limits: Any, kinds: Any) -> Any:
    found = np.uint64(0)
    for k in range(kinds.shape[0]):
        kind = kinds[np.uint64(k)]
        found |= _below_one(ones, kind, others, limits[np.uint64(kind)])
    return found


def _below_limits_at_once(ones: Any, others: Any, limits: Any, kinds: Any) -> Any:
    return _below_all(ones, others, limits)


on_cpu(states.below_limits)(_below_limits_at_once if has_feature("avx512vbmi") else _below_limits_one_by_one)

"""bits_cpu: what numba must know to compile the functions of ``bits``.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

from . import bits, scalar

BYTE, BIT, LONG = ir.IntType(8), ir.IntType(1), ir.IntType(64)
BYTES = ir.VectorType(BYTE, bits.WORD)
LANES = ir.Constant(BYTES, list(range(bits.WORD)))


class Bytes(types.Type):
    """numba's type of 64 bytes. It lives in registers only: compiled loops neither take nor return it."""

    def __init__(self) -> None:
        super().__init__(name="Bytes(64 x uint8)")


BYTES_TYPE = Bytes()


@register_model(Bytes)
class _BytesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, BYTES)


def _call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    """The value of an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, start: Any) -> Any:
    """Where 64 bytes of an array begin."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start]), BYTES.as_pointer())


def _everywhere(builder: Any, value: Any) -> Any:
    """The lower byte of a number in all lanes."""
    first = builder.insert_element(ir.Constant(BYTES, ir.Undefined), builder.trunc(value, BYTE), ir.IntType(32)(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(ir.IntType(32), bits.WORD), [0] * bits.WORD))


@intrinsic
def _word_of(_typing: Any, flags: Any, start: Any) -> Any:
    """A vector of comparisons is a word: one instruction with AVX-512, a few elsewhere."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        some = builder.load(_pointer(context, builder, signature.args[0], *arguments), align=1, typ=BYTES)
        return builder.bitcast(builder.icmp_unsigned("!=", some, ir.Constant(BYTES, [0] * bits.WORD)), LONG)

    return types.uint64(flags, types.int64), emit


@intrinsic
def _lowest_bit(_typing: Any, word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _call(builder, "llvm.cttz.i64", LONG, [arguments[0], BIT(0)])

    return types.int64(types.uint64), emit


@intrinsic
def _bits_in(_typing: Any, word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _call(builder, "llvm.ctpop.i64", LONG, list(arguments))

    return types.uint64(types.uint64), emit


@intrinsic
def _load_bytes(_typing: Any, data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        low, high, other = (_everywhere(builder, argument) for argument in arguments[2:])
        some = builder.load(_pointer(context, builder, signature.args[0], *arguments[:2]), align=1, typ=BYTES)
        inside = builder.and_(builder.icmp_unsigned(">=", LANES, low), builder.icmp_unsigned("<", LANES, high))
        return builder.select(inside, some, other)

    return BYTES_TYPE(data, types.int64, types.int64, types.int64, types.int64), emit


@intrinsic
def _count_equal(_typing: Any, some: Any, inside: Any, value: Any, counters: Any, at: Any, change: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        inside, value, change = (_everywhere(builder, arguments[k]) for k in (1, 2, 5))
        equal = builder.icmp_unsigned("==", builder.and_(arguments[0], inside), value)
        pointer = _pointer(context, builder, signature.args[3], *arguments[3:5])
        old = builder.load(pointer, align=1, typ=BYTES)
        builder.store(builder.select(equal, builder.add(old, change), old), pointer, align=1)
        return _call(builder, "llvm.ctpop.i64", LONG, [builder.bitcast(equal, LONG)])

    return types.int64(BYTES_TYPE, types.int64, types.int64, counters, types.int64, types.int64), emit


@intrinsic
def _equal_bytes(_typing: Any, some: Any, value: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        equal = builder.icmp_unsigned("==", arguments[0], _everywhere(builder, arguments[1]))
        return _call(builder, "llvm.ctpop.i64", LONG, [builder.bitcast(equal, LONG)])

    return types.int64(BYTES_TYPE, types.int64), emit


@intrinsic
def _below_bytes(_typing: Any, some: Any, value: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        below = builder.icmp_unsigned("<", arguments[0], _everywhere(builder, arguments[1]))
        return builder.bitcast(below, LONG)

    return types.uint64(BYTES_TYPE, types.int64), emit


@intrinsic
def _prefetch(_typing: Any, data: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(line, [arguments[1]]), BYTE.as_pointer())
        number = ir.IntType(32)
        read, keep, as_data = number(0), number(3), number(1)
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [pointer, read, keep, as_data])
        return context.get_dummy_value()

    return types.void(data, types.int64), emit


@overload(bits.word_of)
def _overload_word_of(flags: Any, start: Any) -> Any:
    def implementation(flags: Any, start: Any) -> Any:
        return _word_of(flags, start)

    return implementation


@overload(scalar.lowest_bit)
def _overload_lowest_bit(value: Any) -> Any:
    def implementation(value: Any) -> Any:
        return _lowest_bit(value)

    return implementation


@overload(bits.bits_in)
def _overload_bits_in(word: Any) -> Any:
    def implementation(word: Any) -> Any:
        return _bits_in(word)

    return implementation


@overload(bits.load_bytes)
def _overload_load_bytes(data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
    def implementation(data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
        return _load_bytes(data, start, low, high, other)

    return implementation


@overload(bits.count_equal)
def _overload_count_equal(some: Any, inside: Any, value: Any, counters: Any, at: Any, change: Any) -> Any:
    def implementation(some: Any, inside: Any, value: Any, counters: Any, at: Any, change: Any) -> Any:
        return _count_equal(some, inside, value, counters, at, change)

    return implementation


@overload(bits.equal_bytes)
def _overload_equal_bytes(some: Any, value: Any) -> Any:
    def implementation(some: Any, value: Any) -> Any:
        return _equal_bytes(some, value)

    return implementation


@overload(bits.prefetch)
def _overload_prefetch(data: Any, at: Any) -> Any:
    def implementation(data: Any, at: Any) -> None:
        _prefetch(data, at)

    return implementation


@overload(bits.below_bytes)
def _overload_below_bytes(some: Any, value: Any) -> Any:
    def implementation(some: Any, value: Any) -> Any:
        return _below_bytes(some, value)

    return implementation

"""bits_cpu: what numba must know to compile the functions of ``bits``.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import bits, scalar
from .jit import on_cpu
from .vectors_cpu import call, everywhere, pointer, vector_type

BYTE, BIT, LONG = ir.IntType(8), ir.IntType(1), ir.IntType(64)
BYTES = ir.VectorType(BYTE, bits.WORD)
BYTES_TYPE = vector_type("Bytes", BYTES)
NUMBERS = ir.VectorType(ir.IntType(32), bits.WORD)
LANES = ir.Constant(BYTES, list(range(bits.WORD)))


def _everywhere(builder: Any, value: Any) -> Any:
    """The lower byte of a number in all lanes."""
    return everywhere(builder, builder.trunc(value, BYTE), BYTES)


def _order(lanes: Iterable[int]) -> Any:
    """Of two vectors' lanes those that are taken."""
    return ir.Constant(ir.VectorType(ir.IntType(32), bits.WORD), list(lanes))


@intrinsic
def _word_of(_typing: Any, flags: Any, start: Any) -> Any:
    """A vector of comparisons is a word: one instruction with AVX-512, a few elsewhere."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        some = builder.load(pointer(context, builder, signature.args[0], arguments, BYTES), align=1, typ=BYTES)
        return builder.bitcast(builder.icmp_unsigned("!=", some, ir.Constant(BYTES, [0] * bits.WORD)), LONG)

    return types.uint64(flags, types.int64), emit


@intrinsic
def _lowest_bit(_typing: Any, word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.cttz.i64", LONG, [arguments[0], BIT(0)])

    return types.int64(types.uint64), emit


@intrinsic
def _bits_in(_typing: Any, word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.ctpop.i64", LONG, list(arguments))

    return types.uint64(types.uint64), emit


@intrinsic
def _load_bytes(_typing: Any, data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        low, high, other = (_everywhere(builder, argument) for argument in arguments[2:])
        some = builder.load(pointer(context, builder, signature.args[0], arguments[:2], BYTES), align=1, typ=BYTES)
        inside = builder.and_(builder.icmp_unsigned(">=", LANES, low), builder.icmp_unsigned("<", LANES, high))
        return builder.select(inside, some, other)

    return BYTES_TYPE(data, types.int64, types.int64, types.int64, types.int64), emit


@intrinsic
def _count_equal(_typing: Any, some: Any, inside: Any, value: Any, counters: Any, at: Any, change: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        inside, value, change = (_everywhere(builder, arguments[k]) for k in (1, 2, 5))
        equal = builder.icmp_unsigned("==", builder.and_(arguments[0], inside), value)
        place = pointer(context, builder, signature.args[3], arguments[3:5], BYTES)
        old = builder.load(place, align=1, typ=BYTES)
        builder.store(builder.select(equal, builder.add(old, change), old), place, align=1)
        return builder.bitcast(equal, LONG)

    return types.uint64(BYTES_TYPE, types.int64, types.int64, counters, types.int64, types.int64), emit


@intrinsic
def _plain_bytes(_typing: Any, data: Any, start: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(pointer(context, builder, signature.args[0], arguments, BYTES), align=1, typ=BYTES)

    return BYTES_TYPE(data, types.int64), emit


@intrinsic
def _sum_bytes(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        total = call(builder, "llvm.vector.reduce.add.v64i32", NUMBERS.element, [builder.zext(arguments[0], NUMBERS)])
        return builder.zext(total, LONG)

    return types.int64(BYTES_TYPE), emit


@intrinsic
def _equal_bytes(_typing: Any, some: Any, value: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        equal = builder.icmp_unsigned("==", arguments[0], _everywhere(builder, arguments[1]))
        return call(builder, "llvm.ctpop.i64", LONG, [builder.bitcast(equal, LONG)])

    return types.int64(BYTES_TYPE, types.int64), emit


@intrinsic
def _below_bytes(_typing: Any, some: Any, value: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        below = builder.icmp_unsigned("<", arguments[0], _everywhere(builder, arguments[1]))
        return builder.bitcast(below, LONG)

    return types.uint64(BYTES_TYPE, types.int64), emit


@intrinsic
def _masked_equal(_typing: Any, some: Any, inside: Any, value: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        inside, value = (_everywhere(builder, argument) for argument in arguments[1:])
        equal = builder.icmp_unsigned("==", builder.and_(arguments[0], inside), value)
        return builder.bitcast(equal, LONG)

    return types.uint64(BYTES_TYPE, types.int64, types.int64), emit


@intrinsic
def _unlike_bytes(_typing: Any, one: Any, two: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.bitcast(builder.icmp_unsigned("!=", *arguments), LONG)

    return types.uint64(BYTES_TYPE, BYTES_TYPE), emit


@intrinsic
def _at_least(_typing: Any, some: Any, value: Any) -> Any:
    """A byte of 128 or more is negative here."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        enough = builder.icmp_signed(">=", arguments[0], _everywhere(builder, arguments[1]))
        return builder.bitcast(enough, LONG)

    return types.uint64(BYTES_TYPE, types.int64), emit


@intrinsic
def _add_word(_typing: Any, word: Any, numbers: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[1], arguments[1:], NUMBERS)
        old = builder.load(place, align=4, typ=NUMBERS)
        some = builder.zext(builder.bitcast(arguments[0], ir.VectorType(BIT, bits.WORD)), NUMBERS)
        builder.store(builder.add(old, some), place, align=4)
        return context.get_dummy_value()

    return types.void(types.uint64, numbers, types.int64), emit


def _capped(builder: Any, some: Any, most: Any) -> Any:
    most = _everywhere(builder, most)
    return builder.select(builder.icmp_unsigned(">", some, most), most, some)


@intrinsic
def _lesser_bytes(_typing: Any, one: Any, two: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.select(builder.icmp_unsigned("<", *arguments), *arguments)

    return BYTES_TYPE(BYTES_TYPE, BYTES_TYPE), emit


@intrinsic
def _packed_bases(_typing: Any, data: Any, start: Any, first: Any) -> Any:
    """The halves of 32 bytes and those of the 32 a byte on, interleaved with the one before or the one behind."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, start, first = arguments
        half = ir.VectorType(BYTE, bits.WORD // 2)
        begin = builder.add(start, builder.ashr(first, LONG(1)))
        one, two = (
            builder.load(pointer(context, builder, signature.args[0], (data, at), half), align=1, typ=half)
            for at in (begin, builder.add(begin, LONG(1)))
        )
        four, low = ir.Constant(half, [4] * half.count), ir.Constant(half, [15] * half.count)
        mixed = _order(lane // 2 + half.count * (lane % 2) for lane in range(bits.WORD))
        even = builder.shuffle_vector(builder.lshr(one, four), builder.and_(one, low), mixed)
        odd = builder.shuffle_vector(builder.and_(one, low), builder.lshr(two, four), mixed)
        return builder.select(builder.trunc(first, BIT), odd, even)

    return BYTES_TYPE(data, types.int64, types.int64), emit


@intrinsic
def _turned(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.shuffle_vector(arguments[0], arguments[0], _order(reversed(range(bits.WORD))))

    return BYTES_TYPE(BYTES_TYPE), emit


@intrinsic
def _spread(_typing: Any, some: Any, upper: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        zeros = ir.Constant(BYTES, [0] * bits.WORD)
        low, high = (
            builder.shuffle_vector(
                arguments[0], zeros, _order(bits.WORD if lane % 2 else first + lane // 2 for lane in range(bits.WORD))
            )
            for first in (0, bits.WORD // 2)
        )
        return builder.select(arguments[1], high, low)

    return BYTES_TYPE(BYTES_TYPE, types.boolean), emit


@intrinsic
def _equal_codes(_typing: Any, bases: Any, codes: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        bases, codes = arguments
        equal = ir.Constant(ir.VectorType(BIT, bits.WORD), [False] * bits.WORD)
        for code in range(4):
            base = builder.icmp_unsigned("==", bases, ir.Constant(BYTES, [1 << code] * bits.WORD))
            named = builder.icmp_unsigned("==", codes, ir.Constant(BYTES, [code] * bits.WORD))
            equal = builder.or_(equal, builder.and_(base, named))
        return builder.bitcast(equal, LONG)

    return types.uint64(BYTES_TYPE, BYTES_TYPE), emit


@intrinsic
def _take_capped(_typing: Any, word: Any, some: Any, most: Any, numbers: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[3], arguments[3:], NUMBERS)
        chosen = builder.bitcast(arguments[0], ir.VectorType(BIT, bits.WORD))
        capped = _capped(builder, arguments[1], arguments[2])
        taken = builder.zext(builder.select(chosen, capped, ir.Constant(BYTES, [0] * bits.WORD)), NUMBERS)
        builder.store(builder.sub(builder.load(place, align=4, typ=NUMBERS), taken), place, align=4)
        return context.get_dummy_value()

    return types.void(types.uint64, BYTES_TYPE, types.int64, numbers, types.int64), emit


@intrinsic
def _add_capped(_typing: Any, some: Any, most: Any, numbers: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[2], arguments[2:], NUMBERS)
        capped = builder.zext(_capped(builder, arguments[0], arguments[1]), NUMBERS)
        builder.store(builder.add(builder.load(place, align=4, typ=NUMBERS), capped), place, align=4)
        return context.get_dummy_value()

    return types.void(BYTES_TYPE, types.int64, numbers, types.int64), emit


@intrinsic
def _prefetch(_typing: Any, data: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line, number = pointer(context, builder, signature.args[0], arguments, BYTE), ir.IntType(32)
        read, keep, as_data = number(0), number(3), number(1)
        call(builder, "llvm.prefetch.p0", ir.VoidType(), [line, read, keep, as_data])
        return context.get_dummy_value()

    return types.void(data, types.int64), emit


# -- the functions of ``bits`` -------------------------------------------------------------------------------------


@on_cpu(bits.word_of)
def _word_of_on_cpu(flags: Any, start: Any) -> Any:
    return _word_of(flags, start)


@on_cpu(bits.bits_in)
def _bits_in_on_cpu(word: Any) -> Any:
    return _bits_in(word)


@on_cpu(bits.load_bytes)
def _load_bytes_on_cpu(data: Any, start: Any, low: Any, high: Any, other: Any) -> Any:
    return _load_bytes(data, start, low, high, other)


@on_cpu(bits.count_equal)
def _count_equal_on_cpu(some: Any, inside: Any, value: Any, counters: Any, at: Any, change: Any) -> Any:
    return _count_equal(some, inside, value, counters, at, change)


@on_cpu(bits.plain_bytes)
def _plain_bytes_on_cpu(data: Any, start: Any) -> Any:
    return _plain_bytes(data, start)


@on_cpu(bits.sum_bytes)
def _sum_bytes_on_cpu(some: Any) -> Any:
    return _sum_bytes(some)


@on_cpu(bits.equal_bytes)
def _equal_bytes_on_cpu(some: Any, value: Any) -> Any:
    return _equal_bytes(some, value)


@on_cpu(bits.below_bytes)
def _below_bytes_on_cpu(some: Any, value: Any) -> Any:
    return _below_bytes(some, value)


@on_cpu(bits.masked_equal)
def _masked_equal_on_cpu(some: Any, inside: Any, value: Any) -> Any:
    return _masked_equal(some, inside, value)


@on_cpu(bits.unlike_bytes)
def _unlike_bytes_on_cpu(one: Any, two: Any) -> Any:
    return _unlike_bytes(one, two)


@on_cpu(bits.at_least)
def _at_least_on_cpu(some: Any, value: Any) -> Any:
    return _at_least(some, value)


@on_cpu(bits.add_word)
def _add_word_on_cpu(word: Any, numbers: Any, at: Any) -> None:
    _add_word(word, numbers, at)


@on_cpu(bits.lesser_bytes)
def _lesser_bytes_on_cpu(one: Any, two: Any) -> Any:
    return _lesser_bytes(one, two)


@on_cpu(bits.packed_bases)
def _packed_bases_on_cpu(data: Any, start: Any, first: Any) -> Any:
    return _packed_bases(data, start, first)


@on_cpu(bits.turned)
def _turned_on_cpu(some: Any) -> Any:
    return _turned(some)


@on_cpu(bits.spread)
def _spread_on_cpu(some: Any, upper: Any) -> Any:
    return _spread(some, upper)


@on_cpu(bits.equal_codes)
def _equal_codes_on_cpu(bases: Any, codes: Any) -> Any:
    return _equal_codes(bases, codes)


@on_cpu(bits.take_capped)
def _take_capped_on_cpu(word: Any, some: Any, most: Any, numbers: Any, at: Any) -> None:
    _take_capped(word, some, most, numbers, at)


@on_cpu(bits.add_capped)
def _add_capped_on_cpu(some: Any, most: Any, numbers: Any, at: Any) -> None:
    _add_capped(some, most, numbers, at)


@on_cpu(bits.prefetch)
def _prefetch_on_cpu(data: Any, at: Any) -> None:
    _prefetch(data, at)


@on_cpu(scalar.lowest_bit)
def _lowest_bit_on_cpu(value: Any) -> Any:
    return _lowest_bit(value)

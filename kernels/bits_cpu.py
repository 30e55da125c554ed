"""bits_cpu: what numba must know to compile the functions of ``bits``.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import bits, levels, scalar
from .jit import on_cpu
from .vectors_cpu import call, everywhere, has_feature, pointer, vector_type

BYTE, BIT, LONG = ir.IntType(8), ir.IntType(1), ir.IntType(64)
BYTES = ir.VectorType(BYTE, bits.WORD)
EIGHT = ir.VectorType(LONG, 8)
BYTES_TYPE = vector_type("Bytes", BYTES)
NUMBERS = ir.VectorType(ir.IntType(32), bits.WORD)
ANSWERS = ir.VectorType(BIT, bits.WORD)


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
        low, high, other = arguments[2:]
        some = builder.load(pointer(context, builder, signature.args[0], arguments[:2], BYTES), align=1, typ=BYTES)
        first = builder.sub(builder.shl(LONG(1), high), LONG(1))
        first = builder.select(builder.icmp_signed("<", high, LONG(bits.WORD)), first, LONG(-1))
        inside = builder.and_(first, builder.shl(LONG(-1), low))
        return builder.select(builder.bitcast(inside, ANSWERS), some, _everywhere(builder, other))

    return BYTES_TYPE(data, types.int64, types.int64, types.int64, types.int64), emit


@intrinsic
def _plain_bytes(_typing: Any, data: Any, start: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load(pointer(context, builder, signature.args[0], arguments, BYTES), align=1, typ=BYTES)

    return BYTES_TYPE(data, types.int64), emit


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
def _unlike_bits(_typing: Any, one: Any, two: Any, inside: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        differing = builder.and_(builder.xor(*arguments[:2]), _everywhere(builder, arguments[2]))
        return builder.bitcast(builder.icmp_unsigned("!=", differing, ir.Constant(BYTES, [0] * bits.WORD)), LONG)

    return types.uint64(BYTES_TYPE, BYTES_TYPE, types.int64), emit


@intrinsic
def _at_least(_typing: Any, some: Any, value: Any) -> Any:
    """A byte of 128 or more is negative here."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        enough = builder.icmp_signed(">=", arguments[0], _everywhere(builder, arguments[1]))
        return builder.bitcast(enough, LONG)

    return types.uint64(BYTES_TYPE, types.int64), emit


@intrinsic
def _add_word(_typing: Any, word: Any, numbers: Any, at: Any) -> Any:
    lanes = ir.VectorType(ir.IntType(numbers.dtype.bitwidth), bits.WORD)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[1], arguments[1:], lanes)
        old = builder.load(place, align=numbers.dtype.bitwidth // 8, typ=lanes)
        some = builder.zext(builder.bitcast(arguments[0], ANSWERS), lanes)
        builder.store(builder.add(old, some), place, align=numbers.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(types.uint64, numbers, types.int64), emit


@intrinsic
def _add_four(_typing: Any, table: Any, row: Any, numbers: Any, at: Any) -> Any:
    four = ir.VectorType(ir.IntType(32), 4)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        table, row, numbers, at = arguments
        added, place = (
            pointer(context, builder, kind, (data, builder.shl(index, LONG(2))), four)
            for kind, data, index in ((signature.args[0], table, row), (signature.args[2], numbers, at))
        )
        total = builder.add(builder.load(place, align=4, typ=four), builder.load(added, align=4, typ=four))
        builder.store(total, place, align=4)
        return context.get_dummy_value()

    return types.void(table, types.int64, numbers, types.int64), emit


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
        equal = ir.Constant(ANSWERS, [False] * bits.WORD)
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
        chosen = builder.bitcast(arguments[0], ANSWERS)
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


@intrinsic
def _all_bytes(_typing: Any, value: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return _everywhere(builder, arguments[0])

    return BYTES_TYPE(types.int64), emit


@intrinsic
def _look_up(_typing: Any, some: Any, table: Any, at: Any) -> Any:
    """Of 64 bytes by 64 others (AVX-512 VBMI)."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        some, *place = arguments
        table = builder.load(pointer(context, builder, signature.args[1], place, BYTES), align=1, typ=BYTES)
        found = call(builder, "llvm.x86.avx512.permvar.qi.512", BYTES, [table, some])
        inside = builder.icmp_unsigned("<", some, ir.Constant(BYTES, [bits.WORD] * bits.WORD))
        return builder.select(inside, found, ir.Constant(BYTES, [0] * bits.WORD))

    return BYTES_TYPE(BYTES_TYPE, table, types.int64), emit


@intrinsic
def _mark_equal(_typing: Any, marks: Any, some: Any, value: Any, mark: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        marks, some, *numbers = arguments
        value, mark = (_everywhere(builder, number) for number in numbers)
        return builder.select(builder.icmp_unsigned("==", some, value), builder.or_(marks, mark), marks)

    return BYTES_TYPE(BYTES_TYPE, BYTES_TYPE, types.int64, types.int64), emit


@intrinsic
def _single_bits(_typing: Any, some: Any, inside: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        none, ones = (ir.Constant(BYTES, [value] * bits.WORD) for value in (0, 1))
        some = builder.and_(arguments[0], _everywhere(builder, arguments[1]))
        more = builder.and_(some, builder.sub(some, ones))
        single = builder.and_(builder.icmp_unsigned("!=", some, none), builder.icmp_unsigned("==", more, none))
        return builder.bitcast(single, LONG)

    return types.uint64(BYTES_TYPE, types.int64), emit


def _bits_turned(builder: Any, some: Any) -> Any:
    """Of each eight bytes: byte k has the bits k of all, in some order."""
    if has_feature("gfni") and has_feature("avx512f"):
        each = ir.Constant(BYTES, [1 << lane % 8 for lane in range(bits.WORD)])
        return call(builder, "llvm.x86.vgf2p8affineqb.512", BYTES, [each, some, BYTE(0)])
    some = builder.bitcast(some, EIGHT)  # Warren, Hacker's Delight, section 7-3
    for shift, mask in ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0)):
        by, inside = (ir.Constant(EIGHT, [value] * 8) for value in (shift, mask))
        moved = builder.and_(builder.xor(some, builder.lshr(some, by)), inside)
        some = builder.xor(some, builder.xor(moved, builder.shl(moved, by)))
    return builder.bitcast(some, BYTES)


@intrinsic
def _bit_tallies(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.ctpop.v64i8", BYTES, [_bits_turned(builder, arguments[0])])

    return BYTES_TYPE(BYTES_TYPE), emit


@intrinsic
def _added_bytes(_typing: Any, one: Any, two: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.add(*arguments)

    return BYTES_TYPE(BYTES_TYPE, BYTES_TYPE), emit


@intrinsic
def _sum_eights(_typing: Any, some: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return call(builder, "llvm.vector.reduce.add.v8i64", LONG, [builder.bitcast(arguments[0], EIGHT)])

    return types.uint64(BYTES_TYPE), emit


@intrinsic
def _add_bytes_of(_typing: Any, word: Any, numbers: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word, *place = arguments
        where = pointer(context, builder, signature.args[1], place, EIGHT)
        added = builder.zext(builder.bitcast(word, ir.VectorType(BYTE, 8)), EIGHT)
        builder.store(builder.add(builder.load(where, align=8, typ=EIGHT), added), where, align=8)
        return context.get_dummy_value()

    return types.void(types.uint64, numbers, types.int64), emit


@intrinsic
def _add_rows(_typing: Any, rows: Any, at: Any, planes: Any, start: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def where(kind: Any, data: Any, start: Any, number: int) -> Any:
            return pointer(context, builder, kind, (data, builder.add(start, LONG(number * bits.WORD))), BYTES)

        def read(place: Any) -> Any:
            return builder.load(place, align=1, typ=BYTES)

        def add(one: Any, two: Any, three: Any) -> Any:
            """Sum and carry of each three bits."""
            either = builder.xor(one, two)
            carry = builder.or_(builder.and_(one, two), builder.and_(either, three))
            return builder.xor(either, three), carry

        rows, at, planes, start = arguments
        carries = [read(where(signature.args[0], rows, at, k)) for k in range(bits.ROWS)]
        for j in range(bits.PLANES):
            place = where(signature.args[2], planes, start, j)
            total, ones, carries = read(place), carries, []
            for k in range(0, len(ones), 2):
                total, carry = add(total, ones[k], ones[k + 1])
                carries.append(carry)
            builder.store(total, place, align=1)
        return carries[0]

    return BYTES_TYPE(rows, types.int64, planes, types.int64), emit


@intrinsic
def _add_where(_typing: Any, some: Any, bit: Any, change: Any, counters: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        some, bit, change, *place = arguments
        marked = builder.and_(some, _everywhere(builder, builder.shl(LONG(1), bit)))
        chosen = builder.icmp_unsigned("!=", marked, ir.Constant(BYTES, [0] * bits.WORD))
        where = pointer(context, builder, signature.args[3], place, BYTES)
        old = builder.load(where, align=1, typ=BYTES)
        builder.store(builder.select(chosen, builder.add(old, _everywhere(builder, change)), old), where, align=1)
        return context.get_dummy_value()

    return types.void(BYTES_TYPE, types.int64, types.int64, counters, types.int64), emit


@intrinsic
def _store_bytes(_typing: Any, some: Any, data: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.store(arguments[0], pointer(context, builder, signature.args[1], arguments[1:], BYTES), align=1)
        return context.get_dummy_value()

    return types.void(BYTES_TYPE, data, types.int64), emit


@intrinsic
def _low_bytes(_typing: Any, numbers: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], arguments, NUMBERS)
        return builder.trunc(builder.load(place, align=4, typ=NUMBERS), BYTES)

    return BYTES_TYPE(numbers, types.int64), emit


def _numbers_everywhere(builder: Any, value: Any) -> Any:
    return everywhere(builder, builder.trunc(value, NUMBERS.element), NUMBERS)


@intrinsic
def _above(_typing: Any, numbers: Any, at: Any, most: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *place, most = arguments
        where = pointer(context, builder, signature.args[0], place, NUMBERS)
        more = builder.icmp_unsigned(">", builder.load(where, align=4, typ=NUMBERS), _numbers_everywhere(builder, most))
        return builder.bitcast(more, LONG)

    return types.uint64(numbers, types.int64, types.int64), emit


@intrinsic
def _least_differences(_typing: Any, one: Any, two: Any, at: Any, most: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *arrays, at, most = arguments
        loaded = [
            builder.load(pointer(context, builder, kind, (array, at), NUMBERS), align=4, typ=NUMBERS)
            for kind, array in zip(signature.args, arrays, strict=False)
        ]
        difference, most = builder.sub(*loaded), _numbers_everywhere(builder, most)
        return builder.trunc(builder.select(builder.icmp_unsigned("<", difference, most), difference, most), BYTES)

    return BYTES_TYPE(one, two, types.int64, types.int64), emit


@intrinsic
def _walk_bytes(_typing: Any, start: Any, up: Any, down: Any) -> Any:
    """Each byte and the one before it, then the two before these, and so on."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        start, *words = arguments
        none = ir.Constant(BYTES, [0] * bits.WORD)
        up, down = (builder.sext(builder.bitcast(word, ANSWERS), BYTES) for word in words)
        some = builder.sub(down, up)  # where a bit is set a byte is -1
        for step in (1, 2, 4, 8, 16, 32):
            before = _order(lane - step if lane >= step else bits.WORD for lane in range(bits.WORD))
            some = builder.add(some, builder.shuffle_vector(some, none, before))
        return builder.add(some, _everywhere(builder, start))

    return BYTES_TYPE(types.int64, types.uint64, types.uint64), emit


@intrinsic
def _sum_up(_typing: Any, numbers: Any, at: Any, before: Any) -> Any:
    """As ``_walk_bytes``; the last one does not wait for the others to be moved by ``before``."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        *place, before = arguments
        where = pointer(context, builder, signature.args[0], place, NUMBERS)
        some, none = builder.load(where, align=4, typ=NUMBERS), ir.Constant(NUMBERS, [0] * bits.WORD)
        for step in (1, 2, 4, 8, 16, 32):
            order = _order(lane - step if lane >= step else bits.WORD for lane in range(bits.WORD))
            some = builder.add(some, builder.shuffle_vector(some, none, order))
        builder.store(builder.add(some, _numbers_everywhere(builder, before)), where, align=4)
        last = builder.extract_element(some, ir.IntType(32)(bits.WORD - 1))
        return builder.add(builder.sext(last, LONG), before)

    return types.int64(numbers, types.int64, types.int64), emit


@intrinsic
def _least_byte(_typing: Any, some: Any, inside: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        some, inside = arguments
        some = builder.select(builder.bitcast(inside, ANSWERS), some, ir.Constant(BYTES, [255] * bits.WORD))
        return builder.zext(call(builder, "llvm.vector.reduce.umin.v64i8", BYTE, [some]), LONG)

    return types.int64(BYTES_TYPE, types.uint64), emit


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


@on_cpu(bits.plain_bytes)
def _plain_bytes_on_cpu(data: Any, start: Any) -> Any:
    return _plain_bytes(data, start)


@on_cpu(bits.equal_bytes)
def _equal_bytes_on_cpu(some: Any, value: Any) -> Any:
    return _equal_bytes(some, value)


@on_cpu(bits.below_bytes)
def _below_bytes_on_cpu(some: Any, value: Any) -> Any:
    return _below_bytes(some, value)


@on_cpu(bits.masked_equal)
def _masked_equal_on_cpu(some: Any, inside: Any, value: Any) -> Any:
    return _masked_equal(some, inside, value)


@on_cpu(bits.unlike_bits)
def _unlike_bits_on_cpu(one: Any, two: Any, inside: Any) -> Any:
    return _unlike_bits(one, two, inside)


@on_cpu(bits.at_least)
def _at_least_on_cpu(some: Any, value: Any) -> Any:
    return _at_least(some, value)


@on_cpu(bits.add_word)
def _add_word_on_cpu(word: Any, numbers: Any, at: Any) -> None:
    _add_word(word, numbers, at)


@on_cpu(bits.add_four)
def _add_four_on_cpu(table: Any, row: Any, numbers: Any, at: Any) -> None:
    _add_four(table, row, numbers, at)


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


@on_cpu(bits.all_bytes)
def _all_bytes_on_cpu(value: Any) -> Any:
    return _all_bytes(value)


@on_cpu(bits.mark_equal)
def _mark_equal_on_cpu(marks: Any, some: Any, value: Any, mark: Any) -> Any:
    return _mark_equal(marks, some, value, mark)


@on_cpu(bits.single_bits)
def _single_bits_on_cpu(some: Any, inside: Any) -> Any:
    return _single_bits(some, inside)


@on_cpu(bits.bit_tallies)
def _bit_tallies_on_cpu(some: Any) -> Any:
    return _bit_tallies(some)


@on_cpu(bits.added_bytes)
def _added_bytes_on_cpu(one: Any, two: Any) -> Any:
    return _added_bytes(one, two)


@on_cpu(bits.sum_eights)
def _sum_eights_on_cpu(some: Any) -> Any:
    return _sum_eights(some)


@on_cpu(bits.add_bytes_of)
def _add_bytes_of_on_cpu(word: Any, numbers: Any, at: Any) -> None:
    _add_bytes_of(word, numbers, at)


@on_cpu(bits.add_rows)
def _add_rows_on_cpu(rows: Any, at: Any, planes: Any, start: Any) -> Any:
    return _add_rows(rows, at, planes, start)


@on_cpu(bits.add_where)
def _add_where_on_cpu(some: Any, bit: Any, change: Any, counters: Any, at: Any) -> None:
    _add_where(some, bit, change, counters, at)


@on_cpu(bits.store_bytes)
def _store_bytes_on_cpu(some: Any, data: Any, at: Any) -> None:
    _store_bytes(some, data, at)


@on_cpu(bits.low_bytes)
def _low_bytes_on_cpu(numbers: Any, at: Any) -> Any:
    return _low_bytes(numbers, at)


@on_cpu(bits.above)
def _above_on_cpu(numbers: Any, at: Any, most: Any) -> Any:
    return _above(numbers, at, most)


@on_cpu(bits.least_differences)
def _least_differences_on_cpu(one: Any, two: Any, at: Any, most: Any) -> Any:
    return _least_differences(one, two, at, most)


@on_cpu(bits.walk_bytes)
def _walk_bytes_on_cpu(start: Any, up: Any, down: Any) -> Any:
    return _walk_bytes(start, up, down)


@on_cpu(bits.sum_up)
def _sum_up_on_cpu(numbers: Any, at: Any, before: Any) -> Any:
    return _sum_up(numbers, at, before)


@on_cpu(bits.least_byte)
def _least_byte_on_cpu(some: Any, inside: Any) -> Any:
    return _least_byte(some, inside)


def _marks_one_by_one(some: Any, part: Any, known: Any) -> Any:
    marks, first = bits.all_bytes(0), np.int64(part * levels.PART)
    for level in range(first, min(first + levels.PART, levels.levels_of(known))):
        marks = bits.mark_equal(marks, some, levels.level_at(level, known), 1 << (level - first))
    return marks


def _marks_at_once(some: Any, part: Any, known: Any) -> Any:
    return _look_up(some, known, levels.AT_MARKS + bits.WORD * part)


on_cpu(levels.marks_of)(_marks_at_once if has_feature("avx512vbmi") else _marks_one_by_one)


@on_cpu(bits.prefetch)
def _prefetch_on_cpu(data: Any, at: Any) -> None:
    _prefetch(data, at)


@on_cpu(scalar.lowest_bit)
def _lowest_bit_on_cpu(value: Any) -> Any:
    return _lowest_bit(value)

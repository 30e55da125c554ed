"""crc_cpu: CRC-32 by carry-less multiplication, compiled in place of look-ups where an x86 CPU has it (PCLMULQDQ).

Gopal et al. 2009, "Fast CRC computation for generic polynomials using PCLMULQDQ instruction" (Intel), with its
constants for the polynomial of RFC 1952, bits reversed. Imported where a loop is compiled for the CPU, since it needs
numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import crc
from .crc import crc32_by_table
from .jit import on_cpu
from .vectors_cpu import call, everywhere, has_feature, pointer, vector_type

BLOCK = 16  # bytes
BYTE, INT, LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
BYTES, HALVES = ir.VectorType(BYTE, BLOCK), ir.VectorType(LONG, 2)
ONE_TYPE = vector_type("Block", HALVES)
TWO_TYPE = vector_type("Blocks", ir.VectorType(LONG, 4))  # of two streams of bytes, which take the same steps

# x**n modulo the polynomial, bits reversed, for the n by which each step moves on; then the polynomial and its inverse.
FOLD = 0x1751997D0, 0x0CCAA009E
LAST_FOLD = 0x163CD6124, 0
BARRETT = 0x1DB710641, 0x1F7011641
LOWEST_WORD = 0xFFFFFFFF, 0


def _streams(some: Any) -> int:
    """How many blocks a value holds."""
    return int(some.type.count) // 2


def _everywhere(numbers: tuple[int, int], some: Any) -> Any:
    """Two halves of a block, as often as a value holds one."""
    return ir.Constant(some.type, list(numbers) * _streams(some))


def _product(builder: Any, one: Any, two: tuple[int, int], halves: int) -> Any:
    """The carry-less product of one half of each operand: the lower four bits say of which of the first, the upper."""
    name = "llvm.x86.pclmulqdq" + ("" if _streams(one) == 1 else ".256")
    return call(builder, name, one.type, [one, _everywhere(two, one), BYTE(halves)])


def _shifted(builder: Any, value: Any, size: int) -> Any:
    """Blocks without their first ``size`` bytes."""
    width = _streams(value) * BLOCK
    some = builder.bitcast(value, ir.VectorType(BYTE, width))
    order = [lane + size if lane % BLOCK + size < BLOCK else width for lane in range(width)]
    zeros = ir.Constant(some.type, [0] * width)
    moved = builder.shuffle_vector(some, zeros, ir.Constant(ir.VectorType(INT, width), order))
    return builder.bitcast(moved, value.type)


def _lowest_word(builder: Any, value: Any) -> Any:
    """Blocks with all but their first four bytes 0."""
    return builder.and_(value, _everywhere(LOWEST_WORD, value))


def _next_block(builder: Any, place: Any, low: Any, flipped: Any) -> Any:
    """16 bytes, those before ``low`` 0, and those of the four from lane ``flipped`` on inverted that are here."""
    lanes = ir.Constant(BYTES, list(range(BLOCK)))
    some = builder.load(place, align=1, typ=BYTES)
    low, flipped = (everywhere(builder, builder.trunc(value, BYTE), BYTES) for value in (low, flipped))
    zero, ones, four = (ir.Constant(BYTES, [value] * BLOCK) for value in (0, 255, 4))
    some = builder.select(builder.icmp_signed(">=", lanes, low), some, zero)
    inverted = builder.select(builder.icmp_unsigned("<", builder.sub(lanes, flipped), four), ones, zero)
    return builder.bitcast(builder.xor(some, inverted), HALVES)


def _together(builder: Any, one: Any, two: Any) -> Any:
    """The blocks of two streams as one value."""
    return builder.shuffle_vector(one, two, ir.Constant(ir.VectorType(INT, 4), list(range(4))))


@intrinsic
def load_block(_typing: Any, data: Any, start: Any, low: Any, flipped: Any) -> Any:
    """``_next_block``."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], arguments[:2], BYTES)
        return _next_block(builder, place, *arguments[2:])

    return ONE_TYPE(data, types.int64, types.int64, types.int64), emit


@intrinsic
def load_blocks(_typing: Any, data: Any, one: Any, two: Any, low: Any, flipped: Any) -> Any:
    """``load_block`` at two places."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, *starts = arguments[:3]
        places = [pointer(context, builder, signature.args[0], (data, start), BYTES) for start in starts]
        return _together(builder, *(_next_block(builder, place, *arguments[3:]) for place in places))

    return TWO_TYPE(data, types.int64, types.int64, types.int64, types.int64), emit


@intrinsic
def plain_block(_typing: Any, data: Any, start: Any) -> Any:
    """16 bytes."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], arguments, HALVES)
        return builder.load(place, align=1, typ=HALVES)

    return ONE_TYPE(data, types.int64), emit


@intrinsic
def plain_blocks(_typing: Any, data: Any, one: Any, two: Any) -> Any:
    """16 bytes at two places."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data, *starts = arguments
        places = [pointer(context, builder, signature.args[0], (data, start), HALVES) for start in starts]
        return _together(builder, *(builder.load(place, align=1, typ=HALVES) for place in places))

    return TWO_TYPE(data, types.int64, types.int64), emit


@intrinsic
def fold(_typing: Any, state: Any, following: Any) -> Any:
    """A state moved on by 16 bytes, and these added."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        moved = builder.xor(_product(builder, arguments[0], FOLD, 0x00), _product(builder, arguments[0], FOLD, 0x11))
        return builder.xor(moved, arguments[1])

    return state(state, state), emit


def _reduced(builder: Any, state: Any) -> Any:
    """What a state leaves."""
    state = builder.xor(_shifted(builder, state, 8), _product(builder, state, FOLD, 0x10))
    low = _product(builder, _lowest_word(builder, state), LAST_FOLD, 0x00)
    state = builder.xor(_shifted(builder, state, 4), low)
    quotient = _product(builder, _lowest_word(builder, state), BARRETT, 0x10)
    return builder.xor(state, _product(builder, _lowest_word(builder, quotient), BARRETT, 0x00))


@intrinsic
def remainder(_typing: Any, state: Any) -> Any:
    """The remainder of a state: uint32, or of two streams uint64, the first one's in its lower half."""
    streams = 1 if state is ONE_TYPE else 2

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        left = builder.bitcast(_reduced(builder, arguments[0]), ir.VectorType(INT, 4 * streams))
        if streams == 1:
            return builder.extract_element(left, INT(1))
        both = builder.shuffle_vector(left, left, ir.Constant(ir.VectorType(INT, 2), [1, 5]))
        return builder.bitcast(both, LONG)

    return (types.uint32 if streams == 1 else types.uint64)(state), emit


def _by_products(raw: Any, start: Any, stop: Any, table: Any) -> Any:
    size = stop - start
    if size < 4:
        return crc32_by_table(raw, start, stop, table)
    absent = -size & (BLOCK - 1)  # zeros in front change nothing, as the register's first value goes in with the bytes
    state = load_block(raw, start - absent, absent, absent)
    at = start - absent + BLOCK
    if at < stop:
        state = fold(state, load_block(raw, at, 0, absent - BLOCK))
        at += BLOCK
    while at < stop:
        state = fold(state, plain_block(raw, at))
        at += BLOCK
    return np.int64(remainder(state) ^ np.uint32(0xFFFFFFFF))


def _two_by_products(raw: Any, one: Any, two: Any, size: Any, table: Any) -> Any:
    """``_by_products`` of both in the same steps."""
    if size < 4:
        return crc32_by_table(raw, one, one + size, table), crc32_by_table(raw, two, two + size, table)
    absent = -size & (BLOCK - 1)
    state = load_blocks(raw, one - absent, two - absent, absent, absent)
    at = BLOCK - absent
    if at < size:
        state = fold(state, load_blocks(raw, one + at, two + at, 0, absent - BLOCK))
        at += BLOCK
    while at < size:
        state = fold(state, plain_blocks(raw, one + at, two + at))
        at += BLOCK
    left = ~remainder(state)
    return np.int64(left & np.uint64(0xFFFFFFFF)), np.int64(left >> np.uint64(32))


def _two_one_by_one(raw: Any, one: Any, two: Any, size: Any, table: Any) -> Any:
    return crc.crc32(raw, one, one + size, table), crc.crc32(raw, two, two + size, table)


on_cpu(crc.crc32)(_by_products if has_feature("pclmul") else crc32_by_table)
on_cpu(crc.crc32_of_two)(_two_by_products if has_feature("vpclmulqdq") else _two_one_by_one)

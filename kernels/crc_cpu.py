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
BYTES, HALVES, WORDS = ir.VectorType(BYTE, BLOCK), ir.VectorType(LONG, 2), ir.VectorType(INT, 4)
LANES = ir.Constant(BYTES, list(range(BLOCK)))

# x**n modulo the polynomial, bits reversed, for the n by which each step moves on; then the polynomial and its inverse.
FOLD = ir.Constant(HALVES, [0x1751997D0, 0x0CCAA009E])
LAST_FOLD = ir.Constant(HALVES, [0x163CD6124, 0])
BARRETT = ir.Constant(HALVES, [0x1DB710641, 0x1F7011641])


BLOCK_TYPE = vector_type("Block", HALVES)


def _product(builder: Any, one: Any, two: Any, halves: int) -> Any:
    """The carry-less product of one half of each operand: the lower four bits say of which of the first, the upper."""
    return call(builder, "llvm.x86.pclmulqdq", HALVES, [one, two, BYTE(halves)])


def _everywhere(builder: Any, value: Any) -> Any:
    """The lower byte of a number in all lanes."""
    return everywhere(builder, builder.trunc(value, BYTE), BYTES)


def _shifted(builder: Any, value: Any, size: int) -> Any:
    """A block without its first ``size`` bytes."""
    some = builder.bitcast(value, BYTES)
    order = ir.Constant(ir.VectorType(INT, BLOCK), [lane + size for lane in range(BLOCK)])
    return builder.bitcast(builder.shuffle_vector(some, ir.Constant(BYTES, [0] * BLOCK), order), HALVES)


def _lowest_word(builder: Any, value: Any) -> Any:
    """A block with all but its first four bytes 0."""
    return builder.and_(value, ir.Constant(HALVES, [0xFFFFFFFF, 0]))


@intrinsic
def load_block(_typing: Any, data: Any, start: Any, low: Any, flipped: Any) -> Any:
    """16 bytes, those before ``low`` 0, and those of the four from lane ``flipped`` on inverted that are here."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], arguments[:2], BYTES)
        some = builder.load(place, align=1, typ=BYTES)
        low, flipped = _everywhere(builder, arguments[2]), _everywhere(builder, arguments[3])
        zero, ones = ir.Constant(BYTES, [0] * BLOCK), ir.Constant(BYTES, [255] * BLOCK)
        some = builder.select(builder.icmp_signed(">=", LANES, low), some, zero)
        after = builder.sub(LANES, flipped)
        four = ir.Constant(BYTES, [4] * BLOCK)
        inverted = builder.select(builder.icmp_unsigned("<", after, four), ones, zero)
        return builder.bitcast(builder.xor(some, inverted), HALVES)

    return BLOCK_TYPE(data, types.int64, types.int64, types.int64), emit


@intrinsic
def plain_block(_typing: Any, data: Any, start: Any) -> Any:
    """16 bytes."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = pointer(context, builder, signature.args[0], arguments, HALVES)
        return builder.load(place, align=1, typ=HALVES)

    return BLOCK_TYPE(data, types.int64), emit


@intrinsic
def fold(_typing: Any, state: Any, following: Any) -> Any:
    """A state moved on by 16 bytes, and these added."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        moved = builder.xor(_product(builder, arguments[0], FOLD, 0x00), _product(builder, arguments[0], FOLD, 0x11))
        return builder.xor(moved, arguments[1])

    return BLOCK_TYPE(BLOCK_TYPE, BLOCK_TYPE), emit


@intrinsic
def remainder(_typing: Any, state: Any) -> Any:
    """The remainder of a state: uint32."""

    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        state = arguments[0]
        state = builder.xor(_shifted(builder, state, 8), _product(builder, state, FOLD, 0x10))
        low = _product(builder, _lowest_word(builder, state), LAST_FOLD, 0x00)
        state = builder.xor(_shifted(builder, state, 4), low)
        quotient = _product(builder, _lowest_word(builder, state), BARRETT, 0x10)
        state = builder.xor(state, _product(builder, _lowest_word(builder, quotient), BARRETT, 0x00))
        return builder.extract_element(builder.bitcast(state, WORDS), INT(1))

    return types.uint32(BLOCK_TYPE), emit


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


on_cpu(crc.crc32)(_by_products if has_feature("pclmul") else crc32_by_table)

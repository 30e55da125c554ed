"""bits_cpu: what numba must know to compile the functions of ``bits``.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from . import bits

FLAGS = ir.VectorType(ir.IntType(8), bits.WORD)
BIT, LONG = ir.IntType(1), ir.IntType(64)


@intrinsic
def _word_of(_typing: Any, flags: Any, start: Any) -> Any:
    """A vector of comparisons is a word: one instruction with AVX-512, a few elsewhere."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        pointer = builder.bitcast(builder.gep(data, [arguments[1]]), FLAGS.as_pointer())
        some = builder.load(pointer, align=1, typ=FLAGS)
        return builder.bitcast(builder.icmp_unsigned("!=", some, ir.Constant(FLAGS, [0] * bits.WORD)), LONG)

    return types.uint64(flags, types.int64), emit


@intrinsic
def _lowest_bit(_typing: Any, word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(LONG, [LONG, BIT])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.cttz.i64")
        return builder.call(function, [arguments[0], BIT(1)])

    return types.int64(types.uint64), emit


@overload(bits.word_of)
def _overload_word_of(flags: Any, start: Any) -> Any:
    def implementation(flags: Any, start: Any) -> Any:
        return _word_of(flags, start)

    return implementation


@overload(bits.lowest_bit)
def _overload_lowest_bit(word: Any) -> Any:
    def implementation(word: Any) -> Any:
        return _lowest_bit(word)

    return implementation

"""bgzf_cpu: calls of libdeflate from compiled loops, by address (libdeflate.h).

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from . import bgzf
from .jit import on_cpu
from .vectors_cpu import pointer

BYTE, INT, LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
BYTES = BYTE.as_pointer()
# enum libdeflate_result (decompressor, in, in_nbytes, out, out_nbytes_avail, actual_out_nbytes_ret): without a place
# for the last one, whatever inflates to fewer bytes than there is room for is an error.
DECOMPRESS = ir.FunctionType(INT, [BYTES, BYTES, LONG, BYTES, LONG, LONG.as_pointer()])
SUM = ir.FunctionType(INT, [INT, BYTES, LONG])  # (crc, buffer, len)


def _function(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


@intrinsic
def _inflate_into(
    _typing: Any, function: Any, decompressor: Any, data: Any, start: Any, size: Any, target: Any, at: Any, room: Any
) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = pointer(context, builder, signature.args[2], arguments[2:4], BYTE)
        place = pointer(context, builder, signature.args[5], arguments[5:7], BYTE)
        passed = [builder.inttoptr(arguments[1], BYTES), source, arguments[4], place, arguments[7]]
        nowhere = ir.Constant(LONG.as_pointer(), None)
        return builder.call(_function(builder, arguments[0], DECOMPRESS), [*passed, nowhere])

    long = types.int64
    return types.int32(long, long, data, long, long, target, long, long), emit


@intrinsic
def _checksum(_typing: Any, function: Any, data: Any, start: Any, size: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        source = pointer(context, builder, signature.args[1], arguments[1:3], BYTE)
        return builder.call(_function(builder, arguments[0], SUM), [INT(0), source, arguments[3]])

    return types.uint32(types.int64, data, types.int64, types.int64), emit


@on_cpu(bgzf.inflate_into)
def _inflate_into_on_cpu(
    function: Any, decompressor: Any, data: Any, start: Any, size: Any, target: Any, at: Any, room: Any
) -> Any:
    return _inflate_into(function, decompressor, data, start, size, target, at, room)


@on_cpu(bgzf.checksum)
def _checksum_on_cpu(function: Any, data: Any, start: Any, size: Any) -> Any:
    return _checksum(function, data, start, size)

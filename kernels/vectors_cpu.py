"""vectors_cpu: what vectors of a CPU have in common, whatever their lanes are.

Imported where a loop is compiled for the CPU, since it needs numba (``kernels.jit.when_compiling``).
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.core import cgutils, config
from numba.extending import models, register_model


def has_feature(name: str) -> bool:
    """True where loops are compiled for a CPU with this LLVM feature: this one, or what numba's settings ask for."""
    asked = config.CPU_FEATURES
    if asked is not None:
        return f"+{name}" in asked.split(",")
    return bool(llvm.get_host_cpu_features().get(name, False))


def vector_type(name: str, vector: Any) -> Any:
    """A numba type for an LLVM vector. It lives in registers only: compiled loops neither take nor return it."""
    kind = type(name, (types.Type,), {"__init__": lambda self: types.Type.__init__(self, name=str(vector))})

    @register_model(kind)
    class _Model(models.PrimitiveModel):
        def __init__(self, manager: Any, kind: Any) -> None:
            super().__init__(manager, kind, vector)

    return kind()


def everywhere(builder: Any, value: Any, vector: Any) -> Any:
    """A number of a vector's lanes in all of them."""
    number = ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, number(0))
    return builder.shuffle_vector(first, first, ir.Constant(ir.VectorType(number, vector.count), [0] * vector.count))


def pointer(context: Any, builder: Any, kind: Any, place: Any, to: Any) -> Any:
    """Where an LLVM type lies in an array of numba type ``kind``; ``place``: the array, and at which item."""
    array, start = place
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [start]), to.as_pointer())


def call(builder: Any, name: str, result: Any, arguments: Any) -> Any:
    """The value of an LLVM intrinsic."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)

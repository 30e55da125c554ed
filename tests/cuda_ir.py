"""Runs what numba-cuda makes of a kernel, before NVVM gets it, on the CPU.

A kernel is typed and lowered by numba-cuda as for a card. Its LLVM code is then compiled for this machine, with the
thread's index coming from a variable. So the types, casts, divisions and shifts that a card would execute are tried
where there is none; what is left to NVVM is to translate them.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
import numba
import numpy as np
from numba import types
from numba.cuda.compiler import compile_cuda

from .cuda_kernels import on_device

THREAD = "__thread_index"
# The index of a thread is block size x block + place in it; here blocks have no size.
REGISTERS = f"""
@"{THREAD}" = global i32 0
define i32 @"sreg.tid.x"() {{
  %value = load i32, ptr @"{THREAD}"
  ret i32 %value
}}
define i32 @"sreg.ntid.x"() {{
  ret i32 0
}}
define i32 @"sreg.ctaid.x"() {{
  ret i32 0
}}
"""
POINTER = re.compile(r'(?:\bptr|\bi\d+|%"[^"]+"|\{(?:[^{}]|\{[^{}]*\})*\}|\[[^\[\]]*\])\*')


def for_this_machine(text: str) -> str:
    """LLVM 7's text for NVVM as today's LLVM reads it for a CPU: one address space, pointers without a type."""
    text = re.sub(r"^target (triple|datalayout).*$", "", text, flags=re.MULTILINE)
    text = text.replace("llvm.nvvm.read.ptx.sreg.", "sreg.").replace(" addrspace(4)", "")
    text = text.replace("addrspacecast", "bitcast")
    while POINTER.search(text):
        text = POINTER.sub("ptr", text)
    return text


class HostKernel:
    """A kernel's LLVM code, compiled for this machine."""

    def __init__(self, python_body: Any, arguments: Sequence[Any], monkeypatch: Any) -> None:
        stand_in = SimpleNamespace(compute_capability=(9, 0))
        monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: stand_in)
        signature = tuple(on_device(numba.typeof(argument)) for argument in arguments)
        compiled = compile_cuda(python_body, types.void, signature, cc=(9, 0))
        self._engine = _compile(compiled.library.llvm_strs)
        address = self._engine.get_function_address(compiled.fndesc.llvm_func_name)
        self._thread = ctypes.c_int32.from_address(self._engine.get_global_value_address(THREAD))
        self._flat = [value for argument in arguments for value in flatten(argument)]
        self._returned = ctypes.c_void_p()
        kinds = [ctypes.c_void_p, *(type(value) for value in self._flat)]
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, *kinds)(address)

    def run(self, threads: int) -> None:
        """All threads, one after the other."""
        for thread in range(threads):
            self._thread.value = thread
            status = self._call(ctypes.addressof(self._returned), *self._flat)
            assert status == 0, f"thread {thread} ended with status {status}"


def _compile(texts: Sequence[str]) -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(REGISTERS)
    for text in texts:
        module.link_in(llvm.parse_assembly(for_this_machine(text)))
    module.verify()
    target = llvm.Target.from_default_triple().create_target_machine(opt=1, jit=True)
    engine = llvm.create_mcjit_compiler(module, target)
    engine.finalize_object()
    return engine


def flatten(value: Any) -> Iterator[Any]:
    """An argument as numba passes it on: an array is seven kinds of numbers, a tuple what its members are."""
    if isinstance(value, tuple):
        for member in value:
            yield from flatten(member)
    elif isinstance(value, np.ndarray):
        yield from (ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int64(value.size))
        yield from (ctypes.c_int64(value.itemsize), ctypes.c_void_p(value.ctypes.data))
        yield from (ctypes.c_int64(number) for number in (*value.shape, *value.strides))
    else:
        assert numba.typeof(value) == types.int64, f"an argument of type {numba.typeof(value)}"
        yield ctypes.c_int64(value)

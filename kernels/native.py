"""native: a compiled loop's machine code, loaded without numba.

Importing numba and readying it to load even a cached function takes as long as calling a megabase. So a loop is
compiled with numba once; its machine code goes into the cache folder behind an entry point of our own, ``void entry(i64
*)``, which takes all arguments as 64-bit slots in one block of memory and leaves its status and results there.
Later processes load that code with llvmlite alone, and call it through ctypes, which holds no GIL.

Slots of an argument: an integer, truth value or float (its bits) is one; an array is its number of items, bytes an
item, address, shape and strides, as numba lays it out (``numba.core.datamodel.models.ArrayModel``; the two slots of its
owner stay empty: compiled loops count no references); a tuple is the slots of its items, one after the other.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import struct
import tempfile
import threading
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

LAYOUT_FLAGS = 0x1 | 0x2 | 0x100 | 0x400  # numpy's C and F contiguous, aligned, writeable: what numba's type depends on
MASK = (1 << 64) - 1
_lock = threading.RLock()  # one compilation at a time: numba's own are not all safe side by side


# -- arguments ------------------------------------------------------------------------------------------------------


def _find_address() -> Callable[[Any], int]:
    """A function that gives an array's address.

    ``array.ctypes.data`` takes 2 us, ten times as long as the field of the object that it reads, which is the first one
    after the object's head (numpy C API, ``PyArrayObject``). Where a try shows that it is not, the slow way is taken.
    """
    head = object.__basicsize__
    read = ctypes.c_size_t.from_address
    tries: list[Any] = [np.zeros(3, dtype=np.int8), np.zeros((2, 5))[:, 1::2], np.empty(0, dtype=np.uint16)]
    if all(read(id(array) + head).value == array.ctypes.data for array in tries):
        return lambda array: read(id(array) + head).value
    return lambda array: int(array.ctypes.data)


address = _find_address()


def lay_out(argument: Any, kinds: list[Any], slots: list[int]) -> None:
    """Append what ``argument``'s type is to ``kinds`` and what it holds to ``slots``."""
    if isinstance(argument, np.ndarray):
        kinds.append((argument.dtype.char, argument.ndim, argument.flags.num & LAYOUT_FLAGS))
        shape = argument.shape
        slots += (0, 0, argument.size, argument.itemsize, address(argument), *shape, *argument.strides)
    elif isinstance(argument, tuple):
        kinds.append((type(argument), len(argument)))
        for item in argument:
            lay_out(item, kinds, slots)
    elif isinstance(argument, (bool, np.bool_)):
        kinds.append("?")
        slots.append(int(argument))
    elif isinstance(argument, np.integer):
        kinds.append(argument.dtype.char)
        slots.append(int(argument) & MASK)
    elif isinstance(argument, int):
        kinds.append("int" if argument < 1 << 63 else "large int")
        slots.append(argument & MASK)
    elif isinstance(argument, (float, np.floating)):
        kinds.append("float")
        slots.append(struct.unpack("<Q", struct.pack("<d", argument))[0])
    else:
        raise TypeError(f"a compiled loop takes arrays, numbers and tuples of them, not {type(argument).__name__}")


def as_block(slots: list[int]) -> array[int]:
    """Slots in one block of memory."""
    try:
        return array("Q", slots)
    except OverflowError:  # a stride below 0
        return array("Q", [slot & MASK for slot in slots])


def describe(kinds: tuple[Any, ...]) -> str:
    """The types of a call as text: the same in every process."""

    def word(kind: Any) -> str:
        if isinstance(kind, tuple) and isinstance(kind[0], type):
            return f"{kind[0].__module__}.{kind[0].__qualname__}*{kind[1]}"
        return str(kind)

    return " ".join(map(word, kinds))


# -- machine code ---------------------------------------------------------------------------------------------------


class Engine:
    """LLVM's loader of machine code for this process."""

    def __init__(self) -> None:
        import llvmlite.binding as llvm

        self.llvm: Any = llvm
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self.host = f"{llvm.llvm_version_info} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"

    def load(self, code: bytes, symbol: str) -> int:
        """Address of ``symbol`` in an object file.

        Raises
        ------
        ValueError
            the file has no such symbol, or is none.
        """
        try:
            self._engine.add_object_file(self.llvm.object_file.ObjectFileRef.from_data(code))
            self._engine.finalize_object()
        except RuntimeError as error:
            raise ValueError(str(error)) from error
        address = int(self._engine.get_function_address(symbol))
        if not address:
            raise ValueError(f"no symbol {symbol}")
        return address


_engines: list[Engine] = []


def engine() -> Engine:
    """This process's loader, made when it is first asked for."""
    if not _engines:
        _engines.append(Engine())
    return _engines[0]


def code_folder() -> Path | None:
    """Where machine code is kept, or None where nothing can be."""
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    folder = Path(chosen) if chosen else Path(home) / "gpucall" / "kernels"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder


def keep(path: Path, code: bytes) -> None:
    """Write machine code, whole or not at all. A full or read-only disk costs time, not the result."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as handle:
            handle.write(hashlib.sha256(code).digest() + code)
        os.replace(handle.name, path)
    except OSError:
        return


def kept(path: Path) -> bytes | None:
    """Machine code as it was kept; None where there is none, or where the file is damaged."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    code = stored[32:]
    return code if hashlib.sha256(code).digest() == stored[:32] else None


# -- compiling ------------------------------------------------------------------------------------------------------


def entry_symbol(function: Callable[..., Any]) -> str:
    """Name of a loop's entry point. Only one of its signatures is in an object file."""
    return f"gpucall.{function.__module__.rsplit('.', 1)[-1]}.{function.__name__}"


def read_slot(number: int, kind: str) -> Iterator[str]:
    """LLVM code that makes slot ``number`` the argument %a``number`` of type ``kind``."""
    yield f"%p{number} = getelementptr i64, ptr %block, i64 {number}"
    yield f"%s{number} = load i64, ptr %p{number}"
    if kind == "i64":
        yield f"%a{number} = add i64 %s{number}, 0"
    elif kind == "ptr":
        yield f"%a{number} = inttoptr i64 %s{number} to ptr"
    elif kind == "double":
        yield f"%a{number} = bitcast i64 %s{number} to double"
    elif kind in ("i1", "i8", "i16", "i32"):
        yield f"%a{number} = trunc i64 %s{number} to {kind}"
    else:
        raise TypeError(f"an argument of type {kind} has no slot")


def result_kinds(kind: Any) -> list[Any]:
    """numba's integer types that a loop gives back."""
    from numba import types

    if isinstance(kind, types.NoneType):
        return []
    kinds = list(kind) if isinstance(kind, types.BaseTuple) else [kind]
    if not all(isinstance(each, types.Integer) for each in kinds):
        raise TypeError(f"a compiled loop gives integers or nothing, not {kind}")
    return kinds


def write_results(kinds: list[Any], single: bool) -> Iterator[str]:
    """LLVM code that puts the results into the first slots, after the status."""
    struct_kind = ", ".join(f"i{kind.bitwidth}" for kind in kinds)
    for number, kind in enumerate(kinds):
        at = "%result" if single else f"%r{number}"
        if not single:
            yield f"%r{number} = getelementptr {{ {struct_kind} }}, ptr %result, i32 0, i32 {number}"
        yield f"%v{number} = load i{kind.bitwidth}, ptr {at}"
        wide = f"%v{number}"
        if kind.bitwidth < 64:
            yield f"%w{number} = {'sext' if kind.signed else 'zext'} i{kind.bitwidth} %v{number} to i64"
            wide = f"%w{number}"
        yield f"%o{number} = getelementptr i64, ptr %block, i64 {number + 1}"
        yield f"store i64 {wide}, ptr %o{number}"


def entry_point(symbol: str, target: str, kinds: list[str], returned: Any) -> str:
    """LLVM code of the entry point around numba's function ``target`` with arguments of LLVM types ``kinds``."""
    from numba import types

    results = result_kinds(returned)
    single = not isinstance(returned, types.BaseTuple)
    lines = [f"%result = alloca [{max(len(results), 1)} x i64], align 16", "%failure = alloca ptr"]
    for number, kind in enumerate(kinds):
        lines += read_slot(number, kind)
    passed = "".join(f", {kind} %a{number}" for number, kind in enumerate(kinds))
    lines.append(f'%status = call i32 @"{target}"(ptr %result, ptr %failure{passed})')
    lines += write_results(results, single)
    lines += ["%wide = sext i32 %status to i64", "store i64 %wide, ptr %block", "ret void"]
    body = "\n  ".join(lines)
    return f'\ndefine void @"{symbol}"(ptr %block) {{\n  {body}\n}}\n'


def compile_loop(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """The LLVM module of a loop for arguments like these, with its entry point, and numba's code generator."""
    from numba.core.compiler_lock import global_compiler_lock

    from . import jit

    jit.activate()
    with global_compiler_lock:
        return _compile(function, arguments)


def _compile(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    import numba
    from numba.core import compiler
    from numba.core.registry import cpu_target

    flags = compiler.Flags()
    options = cpu_target.options
    options.parse_as_flags(flags, {"nopython": True, "nogil": True, "error_model": "numpy", "_nrt": False})
    flags.no_cpython_wrapper = True
    flags.no_cfunc_wrapper = True
    signature = tuple(numba.typeof(argument) for argument in arguments)
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    target.refresh()
    done = compiler.compile_extra(typing, target, function, signature, None, flags, {})
    library = done.library
    name = done.fndesc.llvm_func_name
    compiled = library._final_module
    kinds = [str(argument.type) for argument in compiled.get_function(name).arguments][2:]
    text = str(compiled) + entry_point(entry_symbol(function), name, kinds, done.fndesc.restype)
    module = engine().llvm.parse_assembly(text)
    module.verify()
    return module, library.codegen._tm, len(result_kinds(done.fndesc.restype))


# -- calling --------------------------------------------------------------------------------------------------------

ENTRY = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Loop:
    """A function that is compiled for the types that it is called with, once in the life of the cache.

    ``py_func`` is the function as it stands. ``loaded`` and ``compiled`` count the signatures that came from the cache
    and those that did not.
    """

    def __init__(self, function: Callable[..., Any], digest: Callable[[], str]) -> None:
        self.py_func = function
        self.__name__ = function.__name__
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self._digest = digest
        self._entries: dict[tuple[Any, ...], tuple[Any, int]] = {}
        self.loaded = self.compiled = 0

    def __call__(self, *arguments: Any) -> Any:
        kinds: list[Any] = []
        slots: list[int] = []
        for argument in arguments:
            lay_out(argument, kinds, slots)
        key = tuple(kinds)
        found = self._entries.get(key)
        if found is None:
            found = self._entries[key] = self._find(key, arguments)
        entry, results = found
        if len(slots) <= results:
            slots += [0] * (results + 1 - len(slots))
        block = as_block(slots)
        entry(block.buffer_info()[0])
        if block[0]:
            raise RuntimeError(f"compiled loop {self.__name__} failed with status {block[0]}")
        if results == 0:
            return None
        values = tuple(ctypes.c_int64(block[number + 1]).value for number in range(results))
        return values if results > 1 else values[0]

    def assembly(self, *arguments: Any) -> str:
        """The machine code for such arguments, as text."""
        with _lock:
            module, machine, _ = compile_loop(self.py_func, arguments)
            return str(machine.emit_assembly(module))

    def _find(self, key: tuple[Any, ...], arguments: tuple[Any, ...]) -> tuple[Any, int]:
        """The entry point for a call's types, and how many results it gives."""
        symbol = entry_symbol(self.py_func)
        with _lock:
            folder = code_folder()
            named = f"{self._digest()} {engine().host} {symbol} {describe(key)}"
            path = folder and folder / f"{symbol}.{hashlib.sha256(named.encode()).hexdigest()[:24]}.o"
            stored = kept(path) if path else None
            if stored is not None:
                self.loaded += 1
                return ENTRY(engine().load(stored[1:], symbol)), stored[0]
            module, machine, results = compile_loop(self.py_func, arguments)
            code = machine.emit_object(module)
            self.compiled += 1
            if path:
                keep(path, bytes([results]) + code)
            return ENTRY(engine().load(code, symbol)), results

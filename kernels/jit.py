"""The only place where compile flags live.

Three ways to run one body of code:

``cpu``
    ``cpu_loop`` compiles a loop with numba, without the GIL and with a disk cache.
``simulator``
    ``NUMBA_ENABLE_CUDASIM=1``: ``cuda_loop`` kernels run as plain Python, thread by thread.
``cuda``
    ``cuda_loop`` compiles for the card that is there.

A scalar function is written once, marked ``@shared``, and called from all of them.

A loop's machine code is kept on disk (``kernels/native.py``) under a digest of its source and of all kernel sources
that it imports, so that no edit can leave stale code behind. Numba itself is imported only to compile.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import re
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from .native import Loop

F = TypeVar("F", bound=Callable[..., Any])

SIMULATOR = os.environ.get("NUMBA_ENABLE_CUDASIM", "0") == "1"


def _cuda_in_sight() -> bool:
    """True where CUDA kernels can be of use: the simulator, a driver, or GPUCALL_CUDA=1 (compile without a driver).

    Importing numba-cuda takes longer than calling a megabase, so a machine without a driver does not.
    """
    if importlib.util.find_spec("numba_cuda") is None:
        return False
    if SIMULATOR or os.environ.get("GPUCALL_CUDA") == "1" or "NUMBA_CUDA_DRIVER" in os.environ:
        return True
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return Path("/dev/nvidiactl").exists()
    return True


HAVE_NUMBA_CUDA = _cuda_in_sight()


_IMPORTS = re.compile(
    rb"^[ ]*(?:from|import) (?:gpucall\.)?(?:\.|kernels|bench)\.?([a-z_]*)(?: import ([a-z_, ]*))?", re.MULTILINE
)


@cache
def source_digest(module: Path) -> str:
    """Digest of a source with compiled functions, of all kernel and bench sources that it imports, and of numba's.

    Machine code is kept under it, so that an edit to a function compiles anew whatever it is part of.
    """
    digest = hashlib.sha256(_numba_version())
    for source in sorted(_imported(os.path.realpath(module))):
        digest.update(_source(source)[0])
    return digest.hexdigest()


@cache
def _numba_version() -> bytes:
    numba = importlib.util.find_spec("numba")
    places = (numba.submodule_search_locations or []) if numba else []
    return b"".join(place.encode() + (Path(place) / "_version.py").read_bytes() for place in places)


@cache
def _source(path: str) -> tuple[bytes, frozenset[str]]:
    """Digest of a source, and what it imports from its own folder and from the kernels."""
    text = Path(path).read_bytes()
    names = {name.strip().decode() for match in _IMPORTS.findall(text) for part in match for name in part.split(b",")}
    places = (f"{folder}/{name}.py" for name in names for folder in {os.path.dirname(path), _HERE})
    return hashlib.sha256(text).digest(), frozenset(place for place in places if os.path.exists(place))


_HERE = os.path.dirname(os.path.realpath(__file__))


def _imported(module: str) -> set[str]:
    """The source and what it imports from its own folder and from the kernels, and so on."""
    found = {f"{_HERE}/jit.py", f"{_HERE}/native.py"}
    waiting = [module]
    while waiting:
        source = waiting.pop()
        if source not in found:
            found.add(source)
            waiting += _source(source)[1]
    return found


# Small launches are usual here: a tile with few variants has few windows.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

if HAVE_NUMBA_CUDA:
    from numba import cuda

    if not SIMULATOR:
        from numba.cuda.extending import overload as cuda_overload
        from numba.cuda.extending import register_jitable as cuda_register_jitable
else:
    cuda = None

# What numba must be told before it compiles a loop for the CPU.
_on_activation: list[Callable[[], Any]] = []


def when_compiling(action: Callable[[], Any]) -> Callable[[], Any]:
    """Have ``action`` done when numba is needed for the first time, which it mostly is not (``kernels/native.py``)."""
    _on_activation.append(action)
    return action


def activate() -> None:
    """Tell numba of all functions that compiled loops may call."""
    while _on_activation:
        _on_activation.pop(0)()


def shared(function: F) -> F:
    """Mark a scalar function as compiled for the CPU and, where numba-cuda is installed, for CUDA."""

    def register() -> None:
        from numba.extending import register_jitable

        register_jitable(forceinline=True)(function)

    when_compiling(register)
    if HAVE_NUMBA_CUDA and not SIMULATOR:
        function = cuda_register_jitable(function)
    return function


def on_cuda(function: F) -> F:
    """Mark a scalar function as compiled for CUDA; for the CPU another is compiled in its place (``on_cpu``)."""
    if HAVE_NUMBA_CUDA and not SIMULATOR:
        function = cuda_register_jitable(function)
    return function


def on_cpu(function: Callable[..., Any]) -> Callable[[F], F]:
    """Compile what is decorated in place of ``function`` for the CPU; it takes the same arguments and does the same."""

    def decorate(instead: F) -> F:
        def register() -> None:
            from numba.extending import overload

            overload(function, strict=False, jit_options={"forceinline": True})(lambda *kinds: instead)

        when_compiling(register)
        return instead

    return decorate


def cpu_loop(function: F) -> F:
    """Compile a loop for the CPU: no GIL, kept on disk, numpy's error model (no exception on division by zero).

    Without numba's reference counting, which costs some 200 ns whenever a tuple of arrays is passed on. So a loop, and
    what it calls, must not make arrays.
    """
    return cast(F, Loop(function, lambda: source_digest(Path(function.__code__.co_filename))))


def cuda_loop(function: F) -> F | None:
    """Compile a one-thread-per-item kernel for CUDA (or the simulator); None where CUDA is not in sight."""
    return cuda.jit(function) if HAVE_NUMBA_CUDA else None


_simulator_lock = threading.Lock()


def atomic_add(array: Any, index: Any, value: Any) -> None:
    """``array[index] += value`` that no other thread can interrupt: a plain add on the CPU, an atomic one on CUDA.

    The CPU's loops run over disjoint arrays, one per worker, so that they need no atomics. Integer sums do not depend
    on the order, so the results agree. This body is what the simulator runs.
    """
    with _simulator_lock:
        array[index] += value


def _add_at(array: Any, index: Any, value: Any) -> None:
    array[np.uint64(index)] += value


def _add_in_row(array: Any, index: Any, value: Any) -> None:
    array[np.uint64(index[0]), np.uint64(index[1])] += value


def _add_in_table(array: Any, index: Any, value: Any) -> None:
    array[np.uint64(index[0]), np.uint64(index[1]), np.uint64(index[2])] += value


@when_compiling
def _teach_additions() -> None:
    """Have numba compile ``atomic_add`` for the CPU, with indices that cannot be negative: there is nothing to add."""
    from numba import types
    from numba.extending import overload

    @overload(atomic_add, strict=False, jit_options={"forceinline": True})
    def _atomic_add_cpu(array: Any, index: Any, value: Any) -> Any:
        return _add_at if isinstance(index, types.Integer) else (_add_in_row, _add_in_table)[len(index) - 2]


def atomic_min(array: Any, index: Any, value: Any) -> None:
    """``array[index]`` becomes ``value`` where that is less; no other thread can interrupt it (see ``atomic_add``)."""
    with _simulator_lock:
        array[index] = min(array[index], value)


@on_cpu(atomic_min)
def _atomic_min_cpu(array: Any, index: Any, value: Any) -> None:
    if value < array[index]:
        array[index] = value


if HAVE_NUMBA_CUDA and not SIMULATOR:

    @cuda_overload(atomic_add)
    def _atomic_add_cuda(array: Any, index: Any, value: Any) -> Any:
        def implementation(array: Any, index: Any, value: Any) -> None:
            cuda.atomic.add(array, index, value)

        return implementation

    @cuda_overload(atomic_min)
    def _atomic_min_cuda(array: Any, index: Any, value: Any) -> Any:
        def implementation(array: Any, index: Any, value: Any) -> None:
            cuda.atomic.min(array, index, value)

        return implementation

"""The only place where compile flags live.

Three ways to run one body of code:

``cpu``
    ``cpu_loop`` compiles a loop with numba, without the GIL and with a disk cache.
``simulator``
    ``NUMBA_ENABLE_CUDASIM=1``: ``cuda_loop`` kernels run as plain Python, thread by thread.
``cuda``
    ``cuda_loop`` compiles for the card that is there.

A scalar function is written once, marked ``@shared``, and called from all of them.

numba keys its on-disk cache on the file of the compiled function alone, so an edit to a ``shared`` function in
another file would leave stale machine code behind. ``use_cache_folder`` therefore names the folder after a digest of
all kernel sources. It must be called before a kernel module is imported.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

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


def source_digest() -> str:
    """Digest of every source with compiled functions, the simulator's in ``bench/`` included, and of numba's place."""
    digest = hashlib.sha256()
    here = Path(__file__).resolve().parent
    sources = [
        source.read_bytes() for folder in (here, here.parent / "bench") for source in sorted(folder.glob("*.py"))
    ]
    for text in sources:
        if b"cpu_loop" in text or b"@shared" in text:
            digest.update(text)
    version = importlib.util.find_spec("numba")
    digest.update(str(version and version.origin).encode())
    return digest.hexdigest()[:16]


def use_cache_folder() -> None:
    """Point numba's cache at a folder keyed on the kernel sources, unless the user chose one (NUMBA_CACHE_DIR)."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        os.environ["NUMBA_CACHE_DIR"] = str(root / "gpucall" / "kernels" / source_digest())


use_cache_folder()
# Small launches are usual here: a tile with few variants has few windows.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")

from numba import njit  # noqa: E402  (the cache folder is read when numba is imported)
from numba.extending import overload, register_jitable  # noqa: E402

if HAVE_NUMBA_CUDA:
    from numba import cuda

    if not SIMULATOR:
        from numba.cuda.extending import overload as cuda_overload
        from numba.cuda.extending import register_jitable as cuda_register_jitable
else:
    cuda = None


def shared(function: F) -> F:
    """Mark a scalar function as compiled for the CPU and, where numba-cuda is installed, for CUDA."""
    function = register_jitable(function)
    if HAVE_NUMBA_CUDA and not SIMULATOR:
        function = cuda_register_jitable(function)
    return function


def cpu_loop(function: F) -> F:
    """Compile a loop for the CPU: no GIL, cached on disk, numpy's error model (no exception on division by zero).

    Without numba's reference counting, which costs some 200 ns whenever a tuple of arrays is passed on. So a loop, and
    what it calls, must not make arrays.
    """
    return njit(nogil=True, cache=True, error_model="numpy", _nrt=False)(function)


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


@overload(atomic_add)
def _atomic_add_cpu(array: Any, index: Any, value: Any) -> Any:
    def implementation(array: Any, index: Any, value: Any) -> None:
        array[index] += value

    return implementation


if HAVE_NUMBA_CUDA and not SIMULATOR:

    @cuda_overload(atomic_add)
    def _atomic_add_cuda(array: Any, index: Any, value: Any) -> Any:
        def implementation(array: Any, index: Any, value: Any) -> None:
            cuda.atomic.add(array, index, value)

        return implementation

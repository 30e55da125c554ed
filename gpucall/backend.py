"""The one fork between devices: array module, kernel launches, transfers.

A stage receives a ``Backend`` and never asks what it runs on. A kernel is named ``module.name`` (``records.decode``);
its loops are ``gpucall.kernels.<module>.<name>_cpu`` and ``..._cuda``, with the same arguments, the first of which is
the number of items.
"""

from __future__ import annotations

import importlib
import math
import threading
import warnings
from functools import cache
from typing import Any

from .errors import DeviceMemoryError, NoUsableDevice, UsageError

CACHE_LINE = 64  # bytes; vectors that lie across two cost twice


@cache
def loop(kernel: str, target: str) -> Any:
    """The ``cpu`` or ``cuda`` loop of a kernel."""
    module, name = kernel.split(".")
    return getattr(importlib.import_module(f"gpucall.kernels.{module}"), f"{name}_{target}")


class CpuBackend:
    """NumPy arrays and numba loops that hold no GIL."""

    name = "cpu"
    target = "cpu"

    def __init__(self) -> None:
        import numpy

        self.xp: Any = numpy

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        """Run ``kernel`` over ``items`` items."""
        loop(kernel, "cpu")(items, *arguments)

    def workspace(self, kernel: str, *sizes: int) -> Any:
        """Memory for ``kernel`` to work in, of the shape and type that its ``..._workspace_<target>`` says."""
        shape, kind = loop(f"{kernel}_workspace", self.target)(*sizes)
        size = math.prod(shape) * self.xp.dtype(kind).itemsize
        memory = self.xp.empty(size + CACHE_LINE, dtype=self.xp.uint8)
        start = -memory.ctypes.data % CACHE_LINE
        return memory[start : start + size].view(kind).reshape(shape)

    def to_chain(self, hashes: Any) -> Any:
        """What the kernel ``chain.link`` works with, by the names' hashes uint64[n]: memory, or rows in their order."""
        if self.target == "cpu":
            return self.workspace("chain.link", len(hashes))
        return self.xp.argsort(hashes, kind="stable")

    def running_sums(self, steps: Any) -> Any:
        """Running sums of int32[n], which may be overwritten."""
        if self.target != "cpu":
            return self.xp.cumsum(steps, dtype=self.xp.int32)
        loop("depth.running", "cpu")(len(steps), steps)
        return steps

    def upload(self, value: Any) -> Any:
        """The array (or named tuple of arrays) where kernels can reach it."""
        return value

    def download(self, value: Any) -> Any:
        """The array as NumPy's."""
        return value

    def wait(self) -> None:
        """Until the kernels that were launched are done."""

    def describe(self) -> str:
        """What runs the kernels, in words."""
        return "CPU"


def map_arrays(function: Any, value: Any) -> Any:
    """The value with the function applied to it, if it is an array, or to the arrays in it, if it is a tuple."""
    if isinstance(value, tuple):
        return type(value)(*(map_arrays(function, item) for item in value))
    return function(value) if hasattr(value, "dtype") and getattr(value, "ndim", 0) > 0 else value


class SimulatorBackend(CpuBackend):
    """CUDA kernels as plain Python, thread by thread, over NumPy arrays (``NUMBA_ENABLE_CUDASIM=1``)."""

    name = "cuda"
    target = "cuda"
    block = 64
    _one_launch = threading.Lock()  # the simulator keeps a launch's grid in globals of the kernel's module

    def __init__(self) -> None:
        super().__init__()
        # Hashes are meant to wrap. The simulator's threads do not inherit numpy.errstate.
        warnings.filterwarnings("ignore", "overflow encountered in scalar", RuntimeWarning, r"gpucall\.kernels\.")

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        if items > 0:
            with self._one_launch:
                loop(kernel, "cuda")[-(-items // self.block), self.block](items, *arguments)

    def describe(self) -> str:
        return "CUDA simulator"


class CudaBackend:
    """CuPy arrays and numba-cuda kernels on the current card."""

    name = "cuda"
    target = "cuda"
    block = 128

    def __init__(self) -> None:
        import cupy
        from numba import cuda

        self.xp: Any = cupy
        self._cuda: Any = cuda
        cupy.cuda.set_allocator(self._allocate)

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        if items > 0:
            handles = [map_arrays(self._handle, argument) for argument in arguments]
            loop(kernel, "cuda")[-(-items // self.block), self.block](items, *handles)

    def workspace(self, kernel: str, *sizes: int) -> Any:
        shape, kind = loop(f"{kernel}_workspace", self.target)(*sizes)
        return self.xp.empty(shape, dtype=kind)

    def to_chain(self, hashes: Any) -> Any:
        return self.xp.argsort(hashes, kind="stable")

    def running_sums(self, steps: Any) -> Any:
        return self.xp.cumsum(steps, dtype=self.xp.int32)

    def upload(self, value: Any) -> Any:
        return map_arrays(self.xp.asarray, value)

    def download(self, value: Any) -> Any:
        return map_arrays(self.xp.asnumpy, value)

    def wait(self) -> None:
        self._cuda.synchronize()

    def describe(self) -> str:
        device = self._cuda.get_current_device()
        return device.name.decode() if isinstance(device.name, bytes) else str(device.name)

    def _handle(self, array: Any) -> Any:
        """The array as numba's. CuPy and numba both work on the default stream, so there is nothing to wait for."""
        return self._cuda.as_cuda_array(array, sync=False)

    def _allocate(self, size: int) -> Any:
        """Every allocation of CuPy: from its pool, or an error that says what to do."""
        try:
            return self.xp.get_default_memory_pool().malloc(size)
        except self.xp.cuda.memory.OutOfMemoryError as error:
            reason = " ".join(str(error).split())
            raise DeviceMemoryError(f"GPU memory is exhausted ({reason}); lower --memory or free the card") from error


Backend = CpuBackend | SimulatorBackend | CudaBackend


def _cuda_backend() -> Backend:
    from .kernels import jit

    if not jit.HAVE_NUMBA_CUDA:
        raise NoUsableDevice(
            "CUDA was asked for, but there is no NVIDIA driver, or numba-cuda is not installed"
            " (pip install 'gpucall[cuda12]'); run 'gpucall doctor', or use --device cpu"
        )
    if jit.SIMULATOR:
        return SimulatorBackend()
    try:
        from numba import cuda

        cuda.get_current_device()
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        raise NoUsableDevice(
            f"CUDA was asked for, but no GPU can be used ({reason}); run 'gpucall doctor', or use --device cpu"
        ) from error
    try:
        return CudaBackend()
    except ImportError as error:
        raise NoUsableDevice("CUDA was asked for, but CuPy is not installed: pip install 'gpucall[cuda12]'") from error


def select(device: str | Backend) -> tuple[Backend, str]:
    """The backend for ``auto``, ``cpu`` or ``cuda``, and one line that says what was taken and why.

    ``cuda`` never falls back; ``auto`` takes the card where there is one that works. A backend is taken as it is.

    Raises
    ------
    UsageError
        for another name.
    NoUsableDevice
        for ``cuda`` without a usable GPU.
    """
    if not isinstance(device, str):
        return device, f"{device.describe()}, as given"
    if device == "cpu":
        return CpuBackend(), "CPU, as asked"
    if device == "cuda":
        backend = _cuda_backend()
        return backend, f"{backend.describe()}, as asked"
    if device != "auto":
        raise UsageError(f"unknown device '{device}': expected auto, cpu or cuda")
    try:
        backend = _cuda_backend()
    except NoUsableDevice:
        return CpuBackend(), "CPU (no GPU can be used: 'gpucall doctor' says why)"
    return backend, f"{backend.describe()}, found by --device auto"

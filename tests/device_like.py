"""Backends that behave as a card would, on a machine without one.

``SeparateMemory``
    Arrays on the "device" are copies that NumPy cannot see, as CuPy's are: host and device arrays do not mix, fresh
    memory holds garbage, reductions stay on the device. Kernels run their CPU loops, so large inputs are no problem.
``Shuffled``
    The same, and kernels run their CUDA loops in plain Python, the threads in random order, with those of the last
    block that have no item.
"""

from __future__ import annotations

import operator
import random
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from gpucall.backend import CpuBackend, loop, map_arrays

GARBAGE = 0xA5
# What the engine uses of CuPy, checked against version 14. Look there before adding to these.
METHODS = {"astype", "max", "ravel", "sum"}
FUNCTIONS = {"argsort", "bincount", "cumsum", "flatnonzero", "nonzero", "zeros"}


class DeviceArray(NDArrayOperatorsMixin):
    """An array in device memory; ``TypeError`` where CuPy has one."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise TypeError("a device array was used as a host array; download it")

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        if "out" in options:
            options["out"] = tuple(memory_of(array) for array in options["out"])
        result = getattr(ufunc, method)(*map(memory_of, inputs), **options)
        return self if "out" in options else wrapped(result)

    def __getitem__(self, key: Any) -> Any:
        return wrapped(self.memory[memory_of(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        self.memory[memory_of(key)] = memory_of(value)

    def __getattr__(self, name: str) -> Any:
        if name in METHODS:
            return on_device(getattr(self.memory, name))
        if name in ("dtype", "ndim", "shape", "size"):
            return getattr(self.memory, name)
        raise AttributeError(f"device arrays have no attribute '{name}' here; add it if CuPy's have it")

    def __len__(self) -> int:
        return len(self.memory)

    def __int__(self) -> int:
        return int(self.memory)

    def __bool__(self) -> bool:
        return bool(self.memory)

    def __index__(self) -> int:
        return operator.index(self.memory.item())


def memory_of(value: Any) -> Any:
    """What a device function may be given, without the wrapper. Host arrays are refused."""
    if isinstance(value, DeviceArray):
        return value.memory
    if isinstance(value, (tuple, list)):
        return type(value)(memory_of(item) for item in value)
    if isinstance(value, np.ndarray):
        raise TypeError("a host array met a device array; upload it")
    return value


def wrapped(result: Any) -> Any:
    """Results stay on the device, single numbers too."""
    if isinstance(result, tuple):
        return tuple(wrapped(item) for item in result)
    return DeviceArray(np.asarray(result))


def on_device(function: Callable[..., Any]) -> Callable[..., Any]:
    """The NumPy function over device arrays."""

    def call(*arguments: Any, **options: Any) -> Any:
        return wrapped(function(*map(memory_of, arguments), **{name: memory_of(v) for name, v in options.items()}))

    return call


class DeviceModule:
    """What stands in for CuPy: those of its functions that the engine uses, and its scalar types."""

    def __getattr__(self, name: str) -> Any:
        if name in FUNCTIONS:
            return on_device(getattr(np, name))
        value = getattr(np, name)
        if isinstance(value, type) and issubclass(value, np.generic):
            return value
        raise AttributeError(f"the device's array module has no '{name}' here; add it if CuPy has it")

    @staticmethod
    def asarray(array: Any) -> DeviceArray:
        """A copy on the device."""
        return array if isinstance(array, DeviceArray) else DeviceArray(np.array(array))

    @staticmethod
    def empty(shape: Any, dtype: Any) -> DeviceArray:
        """Memory that somebody else has used before."""
        memory = np.empty(shape, dtype=dtype)
        memory.view(np.uint8).fill(GARBAGE)
        return DeviceArray(memory)


class SeparateMemory(CpuBackend):
    """Device arrays are out of the host's reach; kernels run their CPU loops."""

    name = "cuda"

    def __init__(self) -> None:
        super().__init__()
        self.xp = DeviceModule()

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        """Run over device arrays; host arrays are refused."""
        if items > 0:
            self._run(kernel, items, *(map_arrays(self._handle, argument) for argument in arguments))

    def workspace(self, kernel: str, *sizes: int) -> Any:
        shape, kind = loop(f"{kernel}_workspace", self.target)(*sizes)
        return self.xp.empty(shape, dtype=kind)

    def running_sums(self, steps: Any) -> Any:
        return self.xp.cumsum(steps, dtype=self.xp.int32)

    def upload(self, value: Any) -> Any:
        return map_arrays(self.xp.asarray, value)

    def download(self, value: Any) -> Any:
        return map_arrays(lambda array: array.memory.copy() if isinstance(array, DeviceArray) else array, value)

    def _run(self, kernel: str, items: int, *arguments: Any) -> None:
        super().launch(kernel, items, *arguments)

    @staticmethod
    def _handle(array: Any) -> Any:
        if not isinstance(array, DeviceArray):
            raise TypeError("a kernel was given a host array; upload it")
        return array.memory


class Shuffled(SeparateMemory):
    """Kernels run their CUDA loops as plain Python, in random order."""

    target = "cuda"
    block = 4

    def _run(self, kernel: str, items: int, *arguments: Any) -> None:
        body = loop(kernel, "cuda").py_func
        threads = list(range(-(-items // self.block) * self.block))
        random.Random(items).shuffle(threads)
        card = body.__globals__["cuda"]
        try:
            for thread in threads:
                body.__globals__["cuda"] = SimpleNamespace(grid=lambda dimensions, thread=thread: thread)
                with np.errstate(over="ignore"):
                    body(items, *arguments)
        finally:
            body.__globals__["cuda"] = card

"""Which CUDA kernels there are, and with which argument types the engine launches each."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from typing import Any

import numba
from numba import types

import gpucall.kernels
from gpucall.backend import CpuBackend


def cuda_kernels() -> dict[str, Any]:
    """Every ``*_cuda`` of ``gpucall.kernels`` by the name that ``launch`` knows it by: ``module.kernel``."""
    found = {}
    for module in pkgutil.iter_modules(gpucall.kernels.__path__):
        for name, value in vars(importlib.import_module(f"gpucall.kernels.{module.name}")).items():
            if name.endswith("_cuda") and hasattr(value, "py_func"):
                found[f"{module.name}.{name.removesuffix('_cuda')}"] = value
    return found


class RecordingBackend(CpuBackend):
    """The CPU's backend, which also keeps the types that each kernel is launched with."""

    def __init__(self) -> None:
        super().__init__()
        self.signatures: defaultdict[str, set[tuple[Any, ...]]] = defaultdict(set)

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        """Run and remember."""
        self.signatures[kernel].add(tuple(on_device(numba.typeof(value)) for value in (items, *arguments)))
        super().launch(kernel, items, *arguments)


def on_device(kind: Any) -> Any:
    """The type that a value has once ``CudaBackend`` has copied it to the card: an array there is never read-only."""
    if isinstance(kind, types.Array):
        return types.Array(kind.dtype, kind.ndim, kind.layout)
    if isinstance(kind, types.BaseNamedTuple):
        return types.BaseTuple.from_types([on_device(member) for member in kind.types], kind.instance_class)
    return kind

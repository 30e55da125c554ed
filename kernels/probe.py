"""probe: the smallest kernel, with which ``gpucall doctor`` finds out whether a device compiles and runs one."""

from __future__ import annotations

from typing import Any

from .jit import cpu_loop, cuda, cuda_loop, shared


@shared
def increment(i: Any, values: Any) -> Any:
    """Add one to value ``i``."""
    values[i] += 1


@cpu_loop
def increment_cpu(n: int, values: Any) -> None:
    for i in range(n):
        increment(i, values)


@cuda_loop
def increment_cuda(n: int, values: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        increment(i, values)

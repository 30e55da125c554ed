"""What numba-cuda makes of every kernel gives the CPU's bytes (``cuda_ir``), on the largest launches of a sample."""

from __future__ import annotations

import numpy as np
import pytest

from gpucall.backend import CpuBackend, loop
from gpucall.bench.kernels import SCRATCH, Case, Interpreted, arrays, outputs, record

from . import tricky_sample
from .cuda_ir import HostKernel, for_this_machine
from .cuda_kernels import cuda_kernels

MOST_ITEMS = 3000


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    reads = tricky_sample.reads(depth=30, pile=320)
    sample = tricky_sample.write(tmp_path_factory.mktemp("sample"), reads)
    probe = Case("probe.increment", 100, (np.arange(100, dtype=np.int32),))
    return {**record(sample.bam, sample.reference), probe.kernel: probe}


@pytest.mark.parametrize("kernel", cuda_kernels())
def test_equals_cpu(cases: dict[str, Case], monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    case = cases[kernel]
    items = min(case.items, MOST_ITEMS)
    expected, found = outputs(case, CpuBackend(), items), case.fresh(Interpreted())
    HostKernel(loop(kernel, "cuda").py_func, (items, *found), monkeypatch).run(items + 5)
    for number, (one, two) in enumerate(zip(found, expected, strict=True)):
        if number not in SCRATCH.get(kernel, ()):
            assert all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(two), strict=True)), number
    before = zip(arrays(case.arguments), arrays(found), strict=True)
    written = sum(not np.array_equal(a, b) for a, b in before)
    assert written > 0, "nothing was written, so nothing was compared"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("load i8*, i8** %x", "load ptr, ptr %x"),
        ("{i8*, [2 x i64]}* %x, [1 x {i64, i8*}]*", "ptr %x, ptr"),
        ("bitcast [16 x i8] addrspace(4)* @x to i8 addrspace(4)*", "bitcast ptr @x to ptr"),
        ("mul i64 %a, %b", "mul i64 %a, %b"),
    ],
)
def test_pointers_lose_their_types(text: str, expected: str) -> None:
    assert for_this_machine(text) == expected

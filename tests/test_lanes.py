"""``kernels.lanes``: a vector's lanes do what scalars do, in vector instructions, also from numba's cache."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpucall.kernels import lanes
from gpucall.kernels.jit import cpu_loop
from gpucall.kernels.lanes import LANES, LIMIT

from .conftest import ROOT

A, B, C, D, OUT = range(5)


@cpu_loop
def every_operation(cells: Any, items: Any) -> None:
    """Each function on all lanes, into the slots from OUT on."""
    a, b = lanes.load_lanes(cells, A), lanes.load_lanes(cells, B)
    c, d = lanes.load(cells, C, 0, a), lanes.load(cells, D, 0, a)
    lanes.store(cells, OUT, 0, lanes.plus(a, b))
    lanes.store(cells, OUT + 1, 0, lanes.least(a, b))
    lanes.store(cells, OUT + 2, 0, lanes.choose(a, b, c, d))
    lanes.store(cells, OUT + 3, 0, lanes.spread(items[1], a))
    lanes.store(cells, OUT + 4, 0, lanes.spread_item(items, 2, a))


def scalar_operations(cells: Any, items: Any, t: int) -> None:
    """The same on column ``t``."""
    like = np.int32(0)
    a, b, c, d = (lanes.load(cells, slot, t, like) for slot in (A, B, C, D))
    results = [lanes.plus(a, b), lanes.least(a, b), lanes.choose(a, b, c, d)]
    results += [lanes.spread(items[1], like), lanes.spread_item(items, 2, like)]
    for k, value in enumerate(results):
        lanes.store(cells, OUT + k, t, value)


def draw_cells(seed: int) -> Any:
    """Random numbers of all sizes, many of them equal or at the ends."""
    random = np.random.default_rng(seed)
    cells = random.integers(0, LIMIT + 1, (OUT + 5, LANES)).astype(np.uint16)
    ends = random.choice([0, 1, LIMIT - 1, LIMIT], cells.shape).astype(np.uint16)
    return np.where(random.random(cells.shape) < 0.5, cells, ends)


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("seed", range(5))
def test_lanes_do_what_scalars_do(seed: int, kind: Any) -> None:
    vectors, scalars = draw_cells(seed), draw_cells(seed)
    items = np.array([3, 200, 77], dtype=kind)
    every_operation(vectors, items)
    for t in range(LANES):
        scalar_operations(scalars, items, t)
    assert vectors.tolist() == scalars.tolist()


def test_sums_saturate() -> None:
    cells = np.full((OUT + 5, LANES), LIMIT - 1, dtype=np.uint16)
    cells[B] = np.arange(LANES)
    every_operation(cells, np.zeros(3, dtype=np.int32))
    assert cells[OUT].tolist() == [LIMIT - 1, *[LIMIT] * (LANES - 1)]


SCORES = """
import re, sys, warnings
import numpy as np
from gpucall.backend import CpuBackend
from gpucall.kernels import pairhmm
from tests import test_kernels_pairhmm as cases

case = cases.Case([cases.PARTS["inside"], cases.PARTS["over both ends"]], 80, 130, [cases.BASES[80:130]], 5)
called = []
call = type(pairhmm.scores_cpu).__call__
type(pairhmm.scores_cpu).__call__ = lambda loop, *given: (called.append((loop, given)), call(loop, *given))[1]
print(cases.run_scores([case], CpuBackend()))
print(pairhmm.scores_cpu.loaded, "numba" in sys.modules)
if pairhmm.scores_cpu.compiled:
    print(next(loop.assembly(*given) for loop, given in called if loop is pairhmm.scores_cpu))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[list[str]]:
    """Scores, cache hits and assembly of two processes that share a cache, which is empty at first."""
    environment = os.environ | {"GPUCALL_CUDA": "0", "NUMBA_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}
    command = [sys.executable, "-c", SCORES]
    done = [
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        for _ in range(2)
    ]
    assert [run.returncode for run in done] == [0, 0], done[0].stderr + done[1].stderr
    return [run.stdout.split("\n", 2) for run in done]


def test_loops_with_lanes_are_cached(runs: list[list[str]]) -> None:
    """A second process loads what the first compiled, without numba, and scores the same."""
    (first, compiled, _), (second, loaded, assembly) = runs
    assert first == second
    assert first.startswith("[[[")
    assert (compiled, loaded) == ("0 True", "1 False")
    assert not assembly.strip()


def test_scores_are_vector_instructions(runs: list[list[str]]) -> None:
    """The pair-HMM's inner loop saturates, compares and selects in whole AVX2 or AVX-512 registers."""
    chosen = "NUMBA_CPU_NAME" in os.environ
    flags = Path("/proc/cpuinfo").read_text() if platform.machine() == "x86_64" and not chosen else ""
    if " avx2 " not in flags:
        pytest.skip(f"the assembly is looked at on x86-64 with AVX2 only, and this is {platform.machine()}")
    found = set(re.findall(r"\s(v\w+)\s[^\n]*%[yz]mm", runs[0][2]))
    assert {"vpaddusw", "vpminuw", "vpcmpeqw", "vpbroadcastw"} <= found

"""The CUDA kernels under numba's simulator, thread by thread: the kernels' own tests, in a process of their own.

The simulator is chosen when numba is imported. ``bench.gpu_acceptance`` runs the same tests on a card.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from .conftest import ROOT
from .cuda_kernels import cuda_kernels


def test_kernels_under_the_simulator() -> None:
    files = sorted(str(path) for path in (ROOT / "tests").glob("test_kernels_*.py"))
    environment = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "GPUCALL_TEST_DEVICES": "cuda"}
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", *files]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = re.search(r"(\d+) passed(?!.*skipped)", done.stdout)
    assert summary is not None, done.stdout
    assert int(summary[1]) > 100


def test_every_module_with_a_cuda_kernel_has_its_tests() -> None:
    """The quality control's kernels have theirs in test_qc_*, the probe's in test_doctor; annotate runs on the host.

    Histograms of several modules are tested together.
    """
    elsewhere = {"qc", "depth", "stretch", "wgs", "picard", "probe"}
    modules = {kernel.split(".")[0] for kernel in cuda_kernels()}
    tested = {path.stem.removeprefix("test_kernels_") for path in (ROOT / "tests").glob("test_kernels_*.py")}
    assert modules - elsewhere == tested - {"annotate", "histograms"}

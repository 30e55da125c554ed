"""The CUDA kernels of the quality control, run by the simulator, give the CPU's bytes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from . import picard


def test_simulator_equals_cpu(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    command = [sys.executable, "-m", "tests.qc_devices", str(tmp_path)]
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = sorted(path.name for path in (tmp_path / "cpu").iterdir())
    assert len(files) > len(picard.KINDS)
    for name in files:
        assert (tmp_path / "cuda" / name).read_bytes() == (tmp_path / "cpu" / name).read_bytes(), name

"""Every CUDA kernel compiles, for the argument types that the engine launches it with. No driver is needed.

numba-cuda asks for the current device's compute capability while it compiles device functions; a stand-in answers.
ptxas, which comes with the compiler's wheels, then assembles the PTX as a driver would.
"""

from __future__ import annotations

import inspect
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from numba import cuda

from gpucall import backend, doctor, engine
from gpucall.bench import families, panel
from gpucall.config import DepthOutputs, Gvcf, SiteLists

from . import tricky_sample
from .cuda_kernels import RecordingBackend, cuda_kernels

KERNELS = cuda_kernels()
CAPABILITIES = {"sm_80": (8, 0), "sm_90": (9, 0)}
Signatures = dict[str, set[tuple[Any, ...]]]


@pytest.fixture(scope="module")
def signatures(tmp_path_factory: pytest.TempPathFactory) -> Signatures:
    """Kernel -> the types that it was launched with while a sample was called and the doctor looked at the machine."""
    folder = tmp_path_factory.mktemp("ptx")
    sample = tricky_sample.write(folder / "sample")
    recording = RecordingBackend()
    wanted = {
        "gvcf": Gvcf(),
        "depth_outputs": DepthOutputs(by="100", thresholds=(1,)),
        "sites": SiteLists(panel.write(folder / "panel", sample.reference)),
    }
    engine.call(sample.bam, sample.reference, folder / "out", device=recording, threads=1, **wanted)
    families.relate_few(folder, recording)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "select", lambda device: (recording, device))
        assert doctor._try_device("cpu").usable
    return dict(recording.signatures)


@pytest.fixture
def compiled(signatures: Signatures, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """``compiled(kernel, architecture)``: the kernel's PTX."""

    def compiled(kernel: str, architecture: str) -> str:
        capability = CAPABILITIES[architecture]
        stand_in = SimpleNamespace(compute_capability=capability)
        monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: stand_in)
        assert len(signatures[kernel]) == 1, "the engine launches a kernel with one set of types"
        (types,) = signatures[kernel]
        return cuda.compile_ptx(KERNELS[kernel].py_func, types, cc=capability)[0]

    return compiled


def find_ptxas() -> str:
    """The assembler: that of the wheels, else the one on the path."""
    packages = Path(sysconfig.get_path("purelib")) / "nvidia"
    found = [*map(str, packages.glob("**/bin/ptxas")), shutil.which("ptxas")]
    if found[0] is None:
        pytest.skip("ptxas is not installed (pip install 'numba-cuda[cu12]' brings it)")
    return found[0]


def test_the_engine_launches_every_cuda_kernel(signatures: Signatures) -> None:
    assert len(KERNELS) >= 20
    assert set(signatures) == set(KERNELS)


@pytest.mark.parametrize("kernel", KERNELS)
def test_both_loops_of_a_kernel_take_the_same_arguments(kernel: str) -> None:
    cpu = backend.loop(kernel, "cpu").py_func
    assert list(inspect.signature(cpu).parameters) == list(inspect.signature(KERNELS[kernel].py_func).parameters)


@pytest.mark.parametrize("architecture", CAPABILITIES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_compiles_to_ptx_without_floating_point(
    compiled: Callable[[str, str], str],
    kernel: str,
    architecture: str,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    ptx = compiled(kernel, architecture)
    assert f".target {architecture}" in ptx
    assert ".visible .entry" in ptx
    assert not re.search(r"\bfma\.|\.f(16|32|64)\b", ptx)
    source = tmp_path / "kernel.ptx"
    source.write_text(ptx)
    command = [
        find_ptxas(),
        "--verbose",
        f"--gpu-name={architecture}",
        f"--output-file={tmp_path / 'cubin'}",
        str(source),
    ]
    assembled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert assembled.returncode == 0, assembled.stderr
    for name, pattern in RESOURCES.items():
        record_property(name, int(re.findall(pattern, assembled.stderr)[0]))


RESOURCES = {
    "registers": r"Used (\d+) registers",
    "stack bytes": r"(\d+) bytes stack frame",
    "spilled bytes": r"(\d+) bytes spill stores",
}

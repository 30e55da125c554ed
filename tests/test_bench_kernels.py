"""bench.kernels: no time for a kernel that does not match."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpucall.backend import CpuBackend
from gpucall.bench import kernels
from gpucall.bench.kernels import Case
from gpucall.errors import GpucallError

from . import tricky_sample
from .conftest import ROOT
from .cuda_kernels import cuda_kernels

Cases = dict[str, Case]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("sample"), tricky_sample.reads(depth=30, pile=700))


@pytest.fixture(scope="module")
def cases(sample: tricky_sample.Files) -> Cases:
    return kernels.record(sample.bam, sample.reference)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One run of each kernel will do, and few items."""
    monkeypatch.setattr(kernels, "SHORTEST", 0.0001)
    monkeypatch.setattr(kernels, "INTERPRETED", 40)


class Wrong(CpuBackend):
    """Adds one to the last element of the last array of one kernel's arguments."""

    def __init__(self, kernel: str) -> None:
        super().__init__()
        self.kernel = kernel

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        super().launch(kernel, items, *arguments)
        if kernel == self.kernel:
            last = [*kernels.arrays(arguments)][-1]
            last.reshape(-1)[-1] += 1


def test_every_kernel_of_the_engine_is_a_case(cases: Cases) -> None:
    assert set(cases) == set(cuda_kernels()) - {"probe.increment"}
    assert list(cases) == sorted(cases)


def test_every_kernel_matches_and_is_timed(cases: Cases, capsys: pytest.CaptureFixture[str]) -> None:
    found, wrong = kernels.measure_all(cases, [CpuBackend()])
    assert wrong == []
    assert set(found) == set(cases)
    for kernel, figures in found.items():
        assert figures["cpu"]["items"] == cases[kernel].items > 0
        assert figures["cpu"]["items_per_second"] > 0
    assert found["pairhmm.scores"]["cpu"]["gcups"] > 0
    assert capsys.readouterr().out.count(" ms ") == len(cases)


@pytest.mark.parametrize("kernel", ["depth.cover", "genotype.pairs", "pileup.sites", "depth.histogram"])
def test_no_time_without_a_match(cases: Cases, capsys: pytest.CaptureFixture[str], kernel: str) -> None:
    chosen = {name: cases[name] for name in (kernel, "picard.unmapped")}
    found, wrong = kernels.measure_all(chosen, [Wrong(kernel)])
    assert set(found) == {"picard.unmapped"}
    assert len(wrong) == 1
    assert wrong[0].startswith(f"{kernel}: argument ")
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(kernel)]
    assert lines == [f"{kernel:24} cpu    DOES NOT MATCH"]


def test_another_device_is_compared_with_the_cpu_on_all_items(cases: Cases) -> None:
    wrong = Wrong("genotype.pairs")
    wrong.name = "cuda"
    kernels.check_match(cases["picard.unmapped"], wrong)
    with pytest.raises(kernels.MismatchError, match="argument 7 differs"):
        kernels.check_match(cases["genotype.pairs"], wrong)


def test_cases_stay_as_they_were(cases: Cases) -> None:
    """Kernels write to their arguments; each match and each time begins with what was recorded."""
    case = cases["depth.histogram"]
    before = [array.copy() for array in kernels.arrays(case.arguments)]
    kernels.measure(case, CpuBackend())
    assert all(np.array_equal(a, b) for a, b in zip(before, kernels.arrays(case.arguments), strict=True))


def test_cells_are_bases_times_band_times_haplotypes(cases: Cases) -> None:
    case = cases["pairhmm.scores"]
    segments = case.arguments[1]
    widths = (2 * segments.band.astype(int) + 1) * segments.count
    assert 0 < kernels.cells(case) <= int(widths.sum()) * tricky_sample.LENGTH
    one = Case(case.kernel, 1, case.arguments)
    assert kernels.cells(one) % int(widths[0]) == 0


def test_the_command_writes_its_figures(tmp_path: Path, sample: tricky_sample.Files) -> None:
    path = tmp_path / "kernels.json"
    assert kernels.main(["--bam", str(sample.bam), "--reference", str(sample.reference), "--json", str(path)]) == 0
    found = json.loads(path.read_text())
    assert found["devices"] == {"cpu": "CPU"}
    assert found["mismatches"] == []
    assert "records.decode" in found["kernels"]


def test_a_mismatch_is_the_exit_code(
    sample: tricky_sample.Files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(kernels, "open_devices", lambda names: [Wrong("pileup.events")])
    assert kernels.main(["--bam", str(sample.bam), "--reference", str(sample.reference)]) == 1
    said = capsys.readouterr().err.splitlines()[-1]  # tests before this one may have left the log switched on
    assert said.startswith("error: pileup.events: argument 6 differs on CPU")


def test_no_card_is_exit_code_20() -> None:
    """In a process that sees no card, wherever it runs."""
    command = [sys.executable, "-m", "bench.kernels", "--device", "cuda"]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 20
    assert done.stderr.startswith("error: CUDA was asked for")
    assert len(done.stderr.splitlines()) == 1


def test_a_mismatch_is_one_of_our_errors() -> None:
    assert issubclass(kernels.MismatchError, GpucallError)

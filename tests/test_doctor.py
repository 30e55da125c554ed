"""What the machine is said to be able to do, against what it is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpucall import backend, cli, doctor
from tests.conftest import ROOT

H100 = doctor.Gpu("NVIDIA H100", 85_520_809_984, "9.0")
DRIVER = doctor.Driver("550.54.15", "12.4", (H100,))
ALL_LIBRARIES: dict[str, str | None] = dict.fromkeys((*doctor.LIBRARIES, *doctor.CUDA_LIBRARIES), "1.0")
HAS_DRIVER = shutil.which("nvidia-smi") is not None


@pytest.fixture(scope="module")
def report() -> doctor.Report:
    return doctor.examine()


def test_the_report_is_about_this_machine(report: doctor.Report) -> None:
    assert 1 <= report.cores <= len(os.sched_getaffinity(0))
    assert 0 < report.memory_free <= report.memory
    assert report.disk_free[os.getcwd()] > 0
    assert sys.executable in report.python
    assert report.libraries["numpy"] == np.__version__
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", str(report.libraries["htslib (in pysam)"]))


def test_htslib_is_the_one_that_pysam_runs(report: doctor.Report) -> None:
    code = "import pysam.version as v; print(v.__htslib_version__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert report.libraries["htslib (in pysam)"] == said


def test_the_cpu_always_works(report: doctor.Report) -> None:
    assert report.devices[0] == doctor.Device("cpu", True, "CPU runs a kernel")


def test_cuda_works_exactly_where_a_run_would(report: doctor.Report) -> None:
    try:
        backend.select("cuda")
    except backend.NoUsableDevice:
        expected = False
    else:
        expected = True
    assert report.devices[1].name == "cuda"
    assert report.devices[1].usable is expected


@pytest.mark.skipif(HAS_DRIVER, reason="this machine has an NVIDIA driver")
def test_no_driver_is_said(report: doctor.Report) -> None:
    assert report.driver.gpus == ()
    assert report.driver.problem
    assert ("GPU", "none found") in doctor._gpu_rows(report.driver)


@pytest.mark.skipif(not HAS_DRIVER, reason="no NVIDIA driver on this machine: nothing to compare with")
def test_the_cards_are_those_that_nvidia_smi_names(report: doctor.Report) -> None:
    query = ["nvidia-smi", "--query-gpu=name,driver_version,compute_cap", "--format=csv,noheader"]
    rows = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    found = [f"{gpu.name}, {report.driver.version}, {gpu.compute_capability}" for gpu in report.driver.gpus]
    assert found == rows


def test_the_probe_runs_under_the_simulator() -> None:
    environment = {**os.environ, "NUMBA_ENABLE_CUDASIM": "1"}
    command = [sys.executable, "-m", "gpucall", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    cuda = json.loads(done.stdout)["devices"][1]
    assert cuda == {"name": "cuda", "usable": True, "detail": "CUDA simulator runs a kernel", "remedy": None}


@pytest.mark.parametrize(
    ("driver", "absent", "said", "remedy"),
    [
        (doctor.Driver(problem="libcuda.so.1: no such file"), (), "no NVIDIA driver", "install the NVIDIA driver"),
        (doctor.Driver(version="550.54", problem="cuInit failed"), (), "does not answer (cuInit failed)", "nvidia-smi"),
        (replace(DRIVER, gpus=()), (), "shows no card", "CUDA_VISIBLE_DEVICES"),
        (replace(DRIVER, cuda="11.8"), (), "runs CUDA 11.8", "newer NVIDIA driver"),
        (DRIVER, ("numba-cuda",), "numba-cuda not installed", "pip install 'gpucall[cuda12]'"),
        (DRIVER, ("cupy-cuda12x", "cupy-cuda13x"), "CuPy not installed", "pip install 'gpucall[cuda12]'"),
        (replace(DRIVER, cuda="13.1"), ("numba-cuda",), "not installed", "pip install 'gpucall[cuda13]'"),
        (replace(DRIVER, cuda="14.0"), ("numba-cuda",), "not installed", "pip install 'gpucall[cuda13]'"),
    ],
)
def test_what_cuda_lacks_is_named_with_its_remedy(
    driver: doctor.Driver, absent: tuple[str, ...], said: str, remedy: str
) -> None:
    found = doctor._missing_for_cuda(driver, ALL_LIBRARIES | dict.fromkeys(absent))
    assert found is not None
    assert said in found[0]
    assert remedy in str(found[1])


def test_nothing_is_lacking_where_all_is_there() -> None:
    assert doctor._missing_for_cuda(DRIVER, ALL_LIBRARIES | {"cupy-cuda13x": None}) is None


def test_a_missing_library_stops_the_cpu_too() -> None:
    cpu, _ = doctor.find_devices(DRIVER, ALL_LIBRARIES | {"pysam": None})
    assert cpu == doctor.Device("cpu", False, "pysam not installed", "pip install pysam")


def test_the_libraries_are_those_of_the_package() -> None:
    """A dependency that is added to pyproject.toml shows in the report."""
    declared = re.findall(r'^    "([a-z-]+)>=', (ROOT / "pyproject.toml").read_text().split("dynamic")[0], re.MULTILINE)
    assert declared == list(doctor.LIBRARIES)


def test_the_text_has_one_fact_a_line(report: doctor.Report) -> None:
    with_card = replace(report, driver=DRIVER, devices=(doctor.Device("cuda", False, "no CuPy", "pip install it"),))
    lines = doctor.to_text(with_card).splitlines()
    assert any(re.fullmatch(r"GPU +NVIDIA H100, 79\.6 GiB, compute capability 9\.0", line) for line in lines)
    assert any(re.fullmatch(r"driver +550\.54\.15, runs CUDA up to 12\.4", line) for line in lines)
    assert re.fullmatch(r"--device cuda +does not work: no CuPy", lines[-2])
    assert re.fullmatch(r" +to mend it: pip install it", lines[-1])


def test_json_holds_the_same_facts(report: doctor.Report, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert set(facts) == set(json.loads(doctor.to_json(report)))
    assert facts["libraries"] == report.libraries
    assert facts["devices"][0] == {"name": "cpu", "usable": True, "detail": "CPU runs a kernel", "remedy": None}


def test_the_cache_folder_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert doctor.cache_folder() == str(tmp_path / "gpucall" / "kernels")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "/elsewhere")
    assert doctor.cache_folder() == "/elsewhere"

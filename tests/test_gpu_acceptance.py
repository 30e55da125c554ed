"""bench.gpu_acceptance without a card: that it says so, and, under the simulator, that it compares what it says."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gpucall.bench import gpu_acceptance as acceptance

from .conftest import ROOT


def accept(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which sees no card wherever it runs."""
    command = [sys.executable, "-m", "bench.gpu_acceptance", *arguments]
    variables = os.environ | {"CUDA_VISIBLE_DEVICES": ""} | environment
    return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)


def test_without_a_card(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    done = accept("--json", str(path))
    assert done.returncode == 20
    assert done.stdout == ""
    assert done.stderr.startswith("error: CUDA was asked for")
    assert len(done.stderr.splitlines()) == 1
    assert not path.exists()


def test_the_simulator_is_no_card(tmp_path: Path) -> None:
    done = accept("--json", str(tmp_path / "results.json"), NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 20
    assert "only a card will do" in done.stderr


def test_a_small_sample_under_the_simulator(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    small = ("--length", "2000", "--repeats", "0", "--no-tests", "--json", str(path))
    done = accept(*small, NUMBA_ENABLE_CUDASIM="1")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "ACCEPTED"
    found = json.loads(path.read_text())
    assert found["accepted"] is True
    assert found["card"] == "CUDA simulator"
    assert found["sample"]["differing"] == found["kernels"]["mismatches"] == []
    assert {f"SIM.{kind}.gz (body)" for kind in ("vcf", "g.vcf")} < set(found["sample"]["outputs"])
    assert set(found["sample"]["devices"]) == {"cpu", "cuda"}
    assert {"records.decode", "pileup.sites"} < set(found["kernels"]["figures"])
    assert all(set(figures) == {"cpu", "cuda"} for figures in found["kernels"]["figures"].values())
    assert found["machine"]["libraries"]["numba"]
    assert str(ROOT) not in path.read_text()


def outputs(
    folder: Path, header: str = "", calls: str = "chr1\t1\n", flagstat: str = "1 + 0\n", device: str = ""
) -> Path:
    """A folder of outputs as a run leaves them."""
    folder.mkdir()
    (folder / "s.vcf.gz").write_bytes(gzip.compress(f"##device={header}\n#CHROM\tPOS\n{calls}".encode()))
    (folder / "s.vcf.gz.tbi").write_bytes(os.urandom(8))
    (folder / "s.flagstat.txt").write_text(flagstat)
    (folder / "s.metrics.json").write_text("{}")
    (folder / "s.manifest.json").write_text(device)
    return folder


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"header": "CUDA", "device": "CUDA"}, []),
        ({"calls": "chr1\t2\n"}, ["s.vcf.gz (body)"]),
        ({"flagstat": "1 + 1\n"}, ["s.flagstat.txt"]),
        ({"calls": "", "flagstat": ""}, ["s.flagstat.txt", "s.vcf.gz (body)"]),
    ],
)
def test_outputs_are_compared_but_for_what_names_the_device(
    tmp_path: Path, change: dict[str, str], expected: list[str]
) -> None:
    one, two = (acceptance.checksums(folder) for folder in (outputs(tmp_path / "a"), outputs(tmp_path / "b", **change)))
    assert acceptance.differing(one, two) == expected


def test_an_output_that_one_run_lacks_differs(tmp_path: Path) -> None:
    one, two = (outputs(tmp_path / name) for name in "ab")
    (two / "s.metrics.json").unlink()
    assert acceptance.differing(*map(acceptance.checksums, (one, two))) == ["s.metrics.json"]


PARTS: dict[str, Any] = {
    "find_card": "a card",
    "ask_doctor": {},
    "run_tests": {"passed": True},
    "kernel_figures": ({}, []),
    "compare_devices": {"differing": []},
}


@pytest.mark.parametrize(
    ("part", "result"),
    [
        ("run_tests", {"passed": False}),
        ("kernel_figures", ({}, ["qc.reads: argument 3 differs"])),
        ("compare_devices", {"differing": ["s.flagstat.txt"]}),
    ],
)
def test_one_part_that_does_not_hold_is_not_accepted(
    monkeypatch: pytest.MonkeyPatch, part: str, result: object
) -> None:
    for name, good in PARTS.items():
        monkeypatch.setattr(acceptance, name, lambda *a, good=good, **k: good)
    assert acceptance.accept(acceptance.LENGTH, 3, with_tests=True)["accepted"] is True
    monkeypatch.setattr(acceptance, part, lambda *a, **k: result)
    assert acceptance.accept(acceptance.LENGTH, 3, with_tests=True)["accepted"] is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("..\n12 passed in 3.41s", {"passed": 12}),
        ("F\n1 failed, 2 passed, 3 skipped in 3.41s", {"failed": 1, "passed": 2, "skipped": 3}),
        ("1 error in 0.1s", {"error": 1}),
        ("", {}),
    ],
)
def test_outcomes_of_the_tests(text: str, expected: dict[str, int]) -> None:
    assert acceptance.outcomes(text) == expected


def test_the_sample_is_large_and_deep() -> None:
    assert acceptance.LENGTH >= 20_000_000
    assert acceptance.deep_sites(acceptance.LENGTH)[0][1] == 5000


def test_the_cuda_part_of_the_suite_is_there() -> None:
    for pattern in acceptance.CUDA_TESTS:
        assert list((ROOT / "tests").glob(pattern)), pattern

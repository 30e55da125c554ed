"""Quality control alone: the files of a call that need no calls, byte for byte, and errors as a call has them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gpucall
from gpucall import cli, quality
from gpucall.config import Batching, DepthOutputs, Reporting, Settings, SiteLists
from gpucall.errors import EmptyInput
from tests.conftest import ROOT

from . import fixtures, tricky_sample
from .device_like import SeparateMemory

FILES = ("flagstat", "stats", "mosdepth_summary", "mosdepth_global_dist")
OPTIONS: dict[str, dict[str, Any]] = {
    "whole": {},
    "regions": {"regions": ["chr1:1990-2700", "chr2:600-900"]},
    "threads": {"threads": 2, "settings": Settings(batching=Batching(batch_bytes=150_000, tile_span=700))},
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("sample"), tricky_sample.reads(depth=10, pile=40))


@pytest.mark.parametrize("name", OPTIONS)
def test_files_are_those_of_a_call(tmp_path: Path, sample: tricky_sample.Files, name: str) -> None:
    options = {"device": "cpu", "threads": 1} | OPTIONS[name]
    called = gpucall.call(*sample.paths, tmp_path / "call", **options)
    measured = gpucall.measure(*sample.paths, tmp_path / "qc", **options)
    assert measured.counts["reads"] == called.counts["reads"]
    for kind in FILES:
        assert measured.files[kind].read_bytes() == called.files[kind].read_bytes(), kind
    assert "vcf" not in measured.files


def test_device_memory(tmp_path: Path, sample: tricky_sample.Files) -> None:
    one = gpucall.measure(*sample.paths, tmp_path / "cpu", device="cpu", threads=1)
    two = gpucall.measure(*sample.paths, tmp_path / "device", device=SeparateMemory(), threads=1)
    for kind in (*FILES, "metrics"):
        assert one.files[kind].read_bytes() == two.files[kind].read_bytes(), kind


def test_flagstat_of_regions_is_that_of_view(
    tmp_path: Path, sample: tricky_sample.Files, peer: Callable[[str], str]
) -> None:
    region = "chr1:1990-2700"
    files = gpucall.measure(*sample.paths, tmp_path, device="cpu", regions=[region]).files
    view = subprocess.run([peer("samtools"), "view", "-u", str(sample.bam), region], capture_output=True, check=True)
    theirs = subprocess.run([peer("samtools"), "flagstat", "-"], input=view.stdout, capture_output=True, check=True)
    assert files["flagstat"].read_bytes() == theirs.stdout


def test_no_reads_are_an_error(tmp_path: Path) -> None:
    reference = fixtures.write_fasta(tmp_path / "ref.fa", fixtures.sequences())
    reads = fixtures.write_bam(tmp_path / "reads.bam", [], index=None)
    with pytest.raises(EmptyInput, match="no reads"):
        gpucall.measure(reads, reference, tmp_path / "out", device="cpu")
    assert not (tmp_path / "out").exists()


# -- the command line --------------------------------------------------------------------------------------------------


def test_the_command_passes_its_options_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def measure(*args: Any, **kwargs: Any) -> quality.QcResult:
        calls.append((args, kwargs))
        return quality.QcResult("s", {"stats": Path("out/s.stats.txt")}, "CPU", {"reads": 1234})

    monkeypatch.setattr(quality, "measure", measure)
    depth = ["--by", "500", "--thresholds", "1,10", "--per-base", "--quantize", "0:1:"]
    arguments = ["--threads", "3", "--regions", "chr1", "--sample", "s", "--batch", "b7", *depth, "one.bam", "two.bam"]
    assert cli.main(["qc", "-r", "ref.fa", "-o", "out", *arguments]) == 0
    [(args, kwargs)] = calls
    assert args == ([Path("one.bam"), Path("two.bam")], Path("ref.fa"), Path("out"))
    assert callable(kwargs.pop("progress"))
    assert kwargs == {
        "device": "auto",
        "threads": 3,
        "memory": None,
        "regions": ("chr1",),
        "targets": None,
        "sample": "s",
        "reporting": Reporting("ga4gh", "", "b7"),
        "sites": SiteLists(),
        "depth_outputs": DepthOutputs("500", (1, 10), True, "0:1:"),
    }
    assert "1,234" in capsys.readouterr().out


def test_the_command_writes_files(tmp_path: Path, sample: tricky_sample.Files) -> None:
    command = [sys.executable, "-m", "gpucall", "qc", "--device", "cpu", "-r", str(sample.reference), "-o"]
    done = subprocess.run([*command, str(tmp_path), str(sample.bam)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    names = {path.name.split(".", 1)[1] for path in tmp_path.iterdir()}
    assert names >= {"flagstat.txt", "stats.txt", "mosdepth.summary.txt", "metrics.json", "manifest.json"}


@pytest.mark.parametrize("option", ["--fail-on-qc", "--quiet"])
def test_a_sample_that_fails_ends_with_30_where_asked(
    tmp_path: Path, sample: tricky_sample.Files, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["qc", "--device", "cpu", "-r", str(sample.reference), "-o", str(tmp_path), option, str(sample.bam)]
    assert cli.main(arguments) == (30 if option == "--fail-on-qc" else 0)
    assert ("quality control failed" in capsys.readouterr().err) == (option == "--fail-on-qc")

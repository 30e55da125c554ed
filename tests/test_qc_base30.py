"""The quality control of a million reads, measured once: equal to the tools' files, character by character."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import gpucall
from gpucall.config import DepthOutputs
from gpucall.quality import QcResult

Peer = Callable[[str], str]
WANTED = DepthOutputs(by="1000", thresholds=(1, 10, 15, 30), per_base=True, quantize="0:1:5:150:")


@pytest.fixture(scope="session")
def base30(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> QcResult:
    """What ``gpucall qc`` writes, with all of mosdepth's files."""
    sim = shared_data / "sim"
    reference, out = sim / "GRCh38.chr20.10M.fa.gz", tmp_path_factory.mktemp("base30")
    return gpucall.measure(sim / "base30.bam", reference, out, device="cpu", threads=2, depth_outputs=WANTED)


@pytest.fixture(scope="session")
def mosdepth_files(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of mosdepth's files, made once by the tool that is given."""
    folder = tmp_path_factory.mktemp("mosdepth")

    def made(mosdepth: str) -> Path:
        if not list(folder.iterdir()):
            options = ["--by", "1000", "--thresholds", "1,10,15,30", "--quantize", "0:1:5:150:"]
            subprocess.run([mosdepth, *options, "SIM", str(shared_data / "sim" / "base30.bam")], cwd=folder, check=True)
        return folder

    return made


def test_flagstat(base30: QcResult, shared_data: Path, peer: Peer) -> None:
    command = [peer("samtools"), "flagstat", str(shared_data / "sim" / "base30.bam")]
    assert base30.files["flagstat"].read_bytes() == subprocess.run(command, capture_output=True, check=True).stdout


def test_stats(base30: QcResult, shared_data: Path, peer: Peer) -> None:
    command = [peer("samtools"), "stats", str(shared_data / "sim" / "base30.bam")]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ours = base30.files["stats"].read_text().splitlines()
    start = "# CHK, Checksum\t[2]Read Names\t[3]Sequences\t[4]Qualities"
    assert ours[ours.index(start) :] == theirs[theirs.index(start) :]


@pytest.mark.parametrize("kind", ["summary", "global_dist", "region_dist"])
def test_mosdepth_tables(base30: QcResult, mosdepth_files: Callable[[str], Path], peer: Peer, kind: str) -> None:
    ours = base30.files[f"mosdepth_{kind}"]
    assert ours.read_text() == (mosdepth_files(peer("mosdepth")) / ours.name).read_text()


@pytest.mark.parametrize("kind", ["regions", "thresholds", "per_base", "quantized"])
def test_mosdepth_beds(base30: QcResult, mosdepth_files: Callable[[str], Path], peer: Peer, kind: str) -> None:
    ours = base30.files[f"mosdepth_{kind}"]
    theirs = mosdepth_files(peer("mosdepth")) / ours.name
    assert gzip.decompress(ours.read_bytes()) == gzip.decompress(theirs.read_bytes())

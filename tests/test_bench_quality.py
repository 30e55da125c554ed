"""bench.quality: files are compared before anything is timed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gpucall.bench import quality
from gpucall.bench.measure import Usage

from . import tricky_sample


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("sample"), tricky_sample.reads(depth=5, pile=10))


def test_figures(
    tmp_path: Path, sample: tricky_sample.Files, peer: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    for tool in ("samtools", "mosdepth"):
        peer(tool)
    path = tmp_path / "quality.json"
    arguments = ["--bam", str(sample.bam), "--reference", str(sample.reference), "--repeats", "1", "--json", str(path)]
    assert quality.main(arguments) == 0
    found = json.loads(path.read_text())
    assert set(found["tools"]) == set(quality.commands(sample.bam, sample.reference, tmp_path))
    assert all(value > 0 for value in found["ratios of CPU seconds"].values())
    assert all(value > 0 for value in found["ratios of seconds"].values())
    printed = capsys.readouterr().out
    assert "gpucall qc / samtools view -c" in printed
    assert f"{quality.CALLS_BY_TWO} / {quality.ALONE_BY_TWO}" in printed


def test_a_file_that_differs_stops_it(
    tmp_path: Path, sample: tricky_sample.Files, peer: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    peer("mosdepth")
    tools = quality.commands(sample.bam, sample.reference, tmp_path)
    tools["samtools flagstat"] = (["echo", "nothing"],)
    with pytest.raises(quality.MismatchError, match=r"flagstat\.txt differs"):
        quality.check_match(sample.bam, sample.reference, tools, tmp_path)


@pytest.mark.parametrize("name", [quality.ALONE, quality.ALONE_BY_TWO])
def test_calls_that_differ_without_quality_control_stop_it(
    tmp_path: Path, sample: tricky_sample.Files, peer: Callable[[str], str], name: str
) -> None:
    peer("mosdepth")
    tools = quality.commands(sample.bam, sample.reference, tmp_path)
    tools[name] = ([*tools[name][0], "--regions", "chr1:1-2500"],)
    with pytest.raises(quality.MismatchError, match="calls differ"):
        quality.check_match(sample.bam, sample.reference, tools, tmp_path)


def test_ratios_are_of_medians() -> None:
    seconds = {"gpucall qc": 2.0, "samtools view -c": 0.5, quality.CALLS: 3.0, quality.ALONE: 2.5}
    others = {"samtools flagstat": 0.5, "samtools stats": 2.0, "mosdepth -n": 1.0}
    usages = {name: [Usage(99.0, each, 0)] for name, each in {**seconds, **others}.items()}
    assert list(quality.ratios(usages).values()) == [4.0, 7.0, 1.2]
    usages = {quality.CALLS_BY_TWO: [Usage(3.0, 9.0, 0)], quality.ALONE_BY_TWO: [Usage(2.5, 3.0, 0)]}
    assert list(quality.waiting(usages).values()) == [1.2]

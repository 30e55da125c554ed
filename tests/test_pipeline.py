"""bench.pipeline, bench.stages and what they measure with: the figures are of the runs, and ratios of the figures."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gpucall.bench import measure, pipeline, stages
from gpucall.bench.measure import Usage
from gpucall.errors import GpucallError

from . import tricky_sample

SLEEPER = [sys.executable, "-c", "import time; time.sleep(0.3)"]
EATER = [sys.executable, "-c", "import sys; room = bytearray(200 << 20); sys.stdout.write(str(len(room)))"]
BUSY = [sys.executable, "-c", "import sys, time; sys.stdin.read()\nwhile time.process_time() < 0.4: pass"]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("sample"), tricky_sample.reads(depth=10, pile=40))


def test_a_run_is_measured() -> None:
    slept = measure.run(SLEEPER)
    assert 0.3 <= slept.seconds < 10
    assert slept.cpu_seconds < slept.seconds
    assert measure.run(EATER).peak_bytes > slept.peak_bytes + (150 << 20)


def test_piped_commands_are_measured_together() -> None:
    piped = measure.run(EATER, BUSY)
    assert piped.peak_bytes > measure.run(EATER).peak_bytes
    assert measure.run(BUSY, BUSY).cpu_seconds >= 0.8


@pytest.mark.parametrize("place", [0, 1])
def test_a_command_that_fails_is_an_error(place: int) -> None:
    broken = [sys.executable, "-c", "import sys; sys.stdin.read(); sys.exit('no such luck')"]
    chain = [BUSY, BUSY]
    chain[place] = broken
    with pytest.raises(GpucallError, match="exit code 1: no such luck"):
        measure.run(*chain)


def test_a_missing_tool_is_an_error() -> None:
    with pytest.raises(GpucallError, match="apt-get install nosuchtool"):
        measure.find_tool("nosuchtool")


def test_figures_of_repeated_runs() -> None:
    usages = [Usage(2.0, 1.0, 10 << 20), Usage(4.0, 3.0, 30 << 20), Usage(3.0, 1.5, 20 << 20)]
    assert measure.summary(usages) == {
        "seconds": [2.0, 4.0, 3.0],
        "median_seconds": 3.0,
        "median_cpu_seconds": 1.5,
        "peak_rss_mib": 30,
    }


def usage(seconds: float) -> list[Usage]:
    return [Usage(seconds, seconds, 0)]


def test_ratios_are_of_medians() -> None:
    usages = {"gpucall": usage(2.0) + usage(100.0) + usage(2.0), "samtools": usage(0.5), "bcftools": usage(25.0)}
    assert pipeline.ratios(usages, 7) == {"bcftools / gpucall": 12.5, "gpucall / samtools view -c": 4.0}


def test_a_tool_measured_elsewhere_is_compared_by_way_of_the_floor() -> None:
    (known,) = pipeline.KNOWN
    usages = {"gpucall": usage(2.0), "samtools": usage(2 * known.floor), "bcftools": usage(25.0)}
    found = pipeline.ratios(usages, known.records)
    assert found["platypus / gpucall (measured elsewhere)"] == round(known.seconds / 1.0, 2)


def test_whole_runs(
    tmp_path: Path,
    sample: tricky_sample.Files,
    peer: Callable[[str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    for tool in ("samtools", "bcftools"):
        peer(tool)
    path = tmp_path / "results" / "pipeline.json"
    arguments = ["--bam", str(sample.bam), "--reference", str(sample.reference), "--json", str(path), "--repeats", "2"]
    assert pipeline.main(arguments) == 0
    found = json.loads(path.read_text())
    assert found["input"]["records"] == len(tricky_sample.reads(depth=10, pile=40))
    assert found["command"].endswith("--repeats 2 --threads 1")
    assert found["hardware"]["cores"] >= 1
    assert set(found["tools"]) == {"gpucall", "samtools", "bcftools"}
    for tool in found["tools"].values():
        assert len(tool["seconds"]) == 2
        assert tool["peak_rss_mib"] > 0
        assert "gpucall-pipeline" not in tool["command"]
    medians = {name: tool["median_seconds"] for name, tool in found["tools"].items()}
    assert found["ratios"]["bcftools / gpucall"] == pytest.approx(medians["bcftools"] / medians["gpucall"], abs=0.02)
    assert sum(found["stages"]["shares"].values()) == pytest.approx(1, abs=0.01)
    assert "bcftools / gpucall" in capsys.readouterr().out


def test_errors_are_one_line(sample: tricky_sample.Files, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--bam", str(sample.bam), "--reference", str(sample.reference), "--repeats", "0"]
    assert pipeline.main(arguments) == 2
    assert capsys.readouterr().err == "error: --repeats 0: expected at least 1\n"


# -- stages ------------------------------------------------------------------------------------------------------------


def test_a_watch_sees_the_kernel_that_runs() -> None:
    """Ten parts of a kernel's time to one of another's."""
    with stages.Watch() as watch:
        for kernel, seconds in (("pileup.sites", 0.5), ("qc.reads", 0.05)):
            launch(kernel, seconds)
    shares = watch.shares()
    assert shares["kernel pileup.sites"] > 0.7
    assert shares["kernel pileup.sites"] > 4 * shares["kernel qc.reads"] > 0


def launch(kernel: str, seconds: float) -> None:
    """As ``Backend.launch``, whose argument names the stage."""
    import time

    time.sleep(seconds)


def test_stages_have_the_names_of_their_modules(
    tmp_path: Path, sample: tricky_sample.Files, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stages.json"
    arguments = ["--bam", str(sample.bam), "--reference", str(sample.reference), "--json", str(path)]
    assert stages.main(arguments) == 0
    shares = json.loads(path.read_text())["shares"]
    assert "pairhmm" in " ".join(shares)
    assert set(shares) & {"genotype", "haplotypes", "candidates", "pileup", "engine", "reads"}
    assert capsys.readouterr().out.count("%") == len(shares)

"""The command line: options in, one call of the library out, one line an error."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gpucall
from gpucall import cli, errors
from gpucall.config import DepthOutputs, Reporting, SiteLists
from tests.conftest import ROOT

HELP_SECONDS = 0.3


def run_cli(*arguments: str, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own, as a person starts it."""
    command = [sys.executable, "-m", "gpucall", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=False, **kwargs)


@pytest.fixture
def engine_call(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Records the calls that reach the library, in place of the engine."""
    from gpucall import engine

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def call(*args: Any, **kwargs: Any) -> gpucall.CallResult:
        calls.append((args, kwargs))
        vcf = Path("out/s.vcf.gz")
        return engine.CallResult(sample="s", vcf=vcf, files={"vcf": vcf}, device="cpu", counts={"snvs": 1234})

    monkeypatch.setattr(engine, "call", call)
    return calls


def test_call_passes_the_defaults_on(engine_call: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["call", "--reference", "ref.fa", "--out", "out", "s.bam"]) == 0
    [(args, kwargs)] = engine_call
    assert args == ([Path("s.bam")], Path("ref.fa"), Path("out"))
    assert callable(kwargs.pop("progress"))
    assert kwargs == {
        "device": "auto",
        "threads": None,
        "memory": None,
        "regions": (),
        "targets": None,
        "sample": None,
        "gvcf": None,
        "sex": "auto",
        "ploidy_regions": None,
        "alleles": None,
        "parquet": False,
        "reporting": Reporting(),
        "sites": SiteLists(),
        "depth_outputs": DepthOutputs(),
    }
    assert "1,234" in capsys.readouterr().out


def test_call_passes_every_option_on(engine_call: list[Any]) -> None:
    options = (
        "-r ref.fa -o out --device cpu -t 3 --memory 2G --regions chr1 --regions chr2:1-9 --targets t.bed --sample x"
        " --sex XY --ploidy-regions p.bed --parquet --alleles a.bcf"
        " --profile site --platform NovaSeq --batch b7"
        " --contamination-panel p/panel --contamination-pcs 3 --sketch-sites s.bed"
    )
    assert cli.main(["call", *options.split(), "--quiet", "s.cram", "t.bam"]) == 0
    [(args, kwargs)] = engine_call
    assert args == ([Path("s.cram"), Path("t.bam")], Path("ref.fa"), Path("out"))
    assert callable(kwargs.pop("progress"))
    assert kwargs == {
        "device": "cpu",
        "threads": 3,
        "memory": "2G",
        "regions": ("chr1", "chr2:1-9"),
        "targets": Path("t.bed"),
        "sample": "x",
        "gvcf": None,
        "sex": "XY",
        "ploidy_regions": Path("p.bed"),
        "alleles": Path("a.bcf"),
        "parquet": True,
        "reporting": Reporting("site", "NovaSeq", "b7"),
        "sites": SiteLists("p/panel", 3, "s.bed"),
        "depth_outputs": DepthOutputs(),
    }


def test_quiet_prints_nothing(engine_call: list[Any], capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["call", "-r", "ref.fa", "-o", "out", "-q", "s.bam"]) == 0
    assert capfd.readouterr() == ("", "")


def test_demo_passes_its_options_on(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from gpucall import demo

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(demo, "run", lambda *args, **kwargs: calls.append((args, kwargs)))
    monkeypatch.setattr(demo, "to_text", lambda result: "the table")
    assert cli.main(["demo", "--out", "there", "--seed", "7", "--device", "cpu", "--threads", "2"]) == 0
    [(args, kwargs)] = calls
    assert args == (Path("there"),)
    assert callable(kwargs.pop("progress"))
    assert kwargs == {"seed": 7, "device": "cpu", "threads": 2}
    assert capsys.readouterr().out == "the table\n"


@pytest.mark.parametrize(("extra", "shown"), [([], "the text\n"), (["--json"], "{}\n")])
def test_explain_passes_its_options_on(
    extra: list[str], shown: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gpucall import explain

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    monkeypatch.setattr(explain, "explain", lambda *args, **kwargs: calls.append((args, kwargs)))
    monkeypatch.setattr(explain, "to_text", lambda explanation: "the text")
    monkeypatch.setattr(explain, "to_json", lambda explanation: "{}")
    arguments = ["explain", "chr1:7", "--reference", "ref.fa", "s.bam", "--device", "cpu", "--threads", "2", *extra]
    assert cli.main(arguments) == 0
    passed_on = {"device": "cpu", "threads": 2, "sex": "auto", "ploidy_regions": None}
    assert calls == [((Path("s.bam"), Path("ref.fa"), "chr1:7"), passed_on)]
    assert capsys.readouterr().out == shown


CALL = ["call", "-r", "r.fa", "-o", "o", "s.bam"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["call"], "Missing"),
        (["call", "-r", "r.fa", "-o", "o"], "READS"),
        (["call", "--threads", "0", *CALL[1:]], "--threads"),
        (["call", "--device", "tpu", *CALL[1:]], "tpu"),
        (["call", "--quiet", "--verbose", *CALL[1:]], "contradict"),
        (["call", "--nonsense", *CALL[1:]], "--nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_exit_code_2(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("gpucall: error: ")
    assert err.count("\n") == 1
    assert said in err


def _error_classes(base: type[errors.GpucallError]) -> list[type[errors.GpucallError]]:
    return [base, *(each for child in base.__subclasses__() for each in _error_classes(child))]


@pytest.mark.parametrize("error", _error_classes(errors.GpucallError))
def test_every_error_is_one_line_and_its_exit_code(
    error: type[errors.GpucallError], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error("s.bam: broken\nat chr1:7")

    monkeypatch.setattr("gpucall.engine.call", fail)
    assert cli.main(CALL) == error.exit_code
    assert capfd.readouterr().err == "gpucall: error: s.bam: broken at chr1:7\n"


def test_exhausted_memory_has_its_own_exit_code(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise MemoryError

    monkeypatch.setattr("gpucall.engine.call", fail)
    assert cli.main(CALL) == 22
    assert capfd.readouterr().err.count("\n") == 1


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("gpucall.engine.call", fail)
    assert cli.main(CALL) == 1
    err = capfd.readouterr().err
    assert "Traceback" in err
    assert "ZeroDivisionError: a bug" in err
    assert "please report" in err.splitlines()[-1]


INTERRUPTED_CALL = """
import sys, time
from pathlib import Path
from gpucall import cli, engine

def call(*args, **kwargs):
    try:
        print("started", flush=True)
        time.sleep(60)
    except BaseException as error:
        print("cleaning up after", type(error).__name__, flush=True)
        time.sleep(0.5)
        print("clean", flush=True)
        raise

engine.call = call
sys.exit(cli.main(["call", "-q", "-r", "r.fa", "-o", "o", "s.bam"]))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_engine_as_an_error(number: signal.Signals) -> None:
    """The first signal lets the engine clean up; a second one does not interrupt that."""
    command = [sys.executable, "-c", INTERRUPTED_CALL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.send_signal(number)
        assert process.stdout.readline() == "cleaning up after Interrupted\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert out == "clean\n"
    assert process.returncode == 143
    assert err.startswith(f"gpucall: error: interrupted by {number.name}")
    assert err.count("\n") == 1


def test_signals_are_as_before_afterwards(engine_call: list[Any]) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    cli.main([*CALL, "-q"])
    assert before == (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT))


def test_an_ignored_signal_stays_ignored() -> None:
    """As ``nohup`` leaves SIGHUP."""
    code = "import signal; from gpucall import process; signal.signal(1, signal.SIG_IGN)\n"
    code += "with process.signals_as_errors(): signal.raise_signal(1)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    assert done.returncode == 0


def test_version() -> None:
    assert run_cli("--version").stdout == f"gpucall {gpucall.__version__}\n"


def test_no_command_prints_the_help() -> None:
    done = run_cli()
    assert done.returncode == 2
    assert done.stdout == run_cli("--help").stdout


def test_help_lists_every_exit_code() -> None:
    listed = re.findall(r"^ +(\d+)  ", run_cli("--help").stdout, re.MULTILINE)
    assert {int(code) for code in listed} == {0} | {each.exit_code for each in _error_classes(errors.GpucallError)}


@pytest.mark.parametrize("command", ["call", "demo", "doctor", "explain", "report"])
def test_help_of_each_command(command: str) -> None:
    done = run_cli(command, "--help")
    assert done.returncode == 0
    assert f"gpucall {command}" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80


def test_help_is_fast() -> None:
    """Best of several, processor time: other work on the machine is not what is measured."""

    def seconds() -> float:
        start = sum(os.times()[2:4])  # user and system time of children that have ended
        assert run_cli("--help").returncode == 0
        return sum(os.times()[2:4]) - start

    assert min(seconds() for _ in range(5)) < HELP_SECONDS


def test_a_reader_that_leaves_is_no_error() -> None:
    """``gpucall doctor | head -1``."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "gpucall", "doctor"], stdout=writer, stderr=subprocess.PIPE, cwd=ROOT, check=False
    )
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("arguments", [["--version"], ["call", "--help"], ["doctor"]], ids=" ".join)
def test_standard_output_without_room_is_one_line(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "gpucall", *arguments]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    assert done.returncode == errors.DiskError.exit_code
    [line] = done.stderr.splitlines()
    assert line.startswith("gpucall: error: standard output cannot be written: No space left on device")


def test_a_broken_pipe_inside_the_engine_is_not_silent(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise BrokenPipeError(32, "the decoder has gone")

    monkeypatch.setattr("gpucall.engine.call", fail)
    assert cli.main(CALL) == 1
    assert "the decoder has gone" in capfd.readouterr().err


def test_the_public_names() -> None:
    from gpucall import engine

    assert gpucall.call is engine.call
    assert gpucall.CallResult is engine.CallResult
    assert set(dir(gpucall)) == {"CallResult", "QcResult", "__version__", "call", "measure"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = gpucall.nonsense

"""Fixtures shared by all tests: where real data lies, and which peer tools this machine has.

Tests that need either are skipped with a reason where it is absent, and the terminal summary counts them by reason, so
that a run which proved less than it could says so. ``--require-peers`` turns a missing peer tool into a failure (CI).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

os.environ.setdefault("GPUCALL_CUDA", "1")  # CUDA kernels are compiled to PTX in tests, with no driver

ROOT = Path(__file__).resolve().parent.parent

# What to install for each tool that a test compares with (Debian's package names).
PEER_PACKAGES = {
    "samtools": "samtools",
    "bcftools": "bcftools",
    "tabix": "tabix",
    "bgzip": "tabix",
    "mosdepth": "mosdepth libhts-dev",
    "PicardCommandLine": "picard-tools",
    "chromium": "chromium",
    "chromedriver": "chromium-driver",
    "bwa": "bwa",
}

# Some end with an error whenever they are not given work: how they are started instead, and what they then say.
PEER_STARTS: dict[str, tuple[tuple[str, ...], bytes]] = {
    "PicardCommandLine": (("CollectWgsMetrics", "--version"), b"Version:"),
    "bwa": ((), b"Program: bwa"),
}

_require_peers = False


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--require-peers", action="store_true", help="fail, not skip, where a peer tool is missing")


def pytest_configure(config: pytest.Config) -> None:
    global _require_peers
    _require_peers = config.getoption("--require-peers")


@cache
def find_peer(name: str) -> tuple[str | None, str]:
    """Path of a tool that starts, or None and why not. Debian's mosdepth, for one, installs without its libhts.so."""
    path = shutil.which(name)
    install = f"apt-get install {PEER_PACKAGES.get(name, name)}"
    if path is None:
        return None, f"peer tool {name} is not installed ({install})"
    arguments, answer = PEER_STARTS.get(name, (("--version",), None))
    started = subprocess.run([path, *arguments], capture_output=True, timeout=60, check=False)
    if started.returncode != 0 and not (answer and answer in started.stdout + started.stderr):
        said = (started.stderr or started.stdout).decode(errors="replace").strip().splitlines()
        return None, f"peer tool {name} does not start ({install}): {said[0] if said else 'it says nothing'}"
    return path, ""


def peer(name: str) -> str:
    """Path of a peer tool. Where it is missing the test is skipped, and fails under ``--require-peers``."""
    path, reason = find_peer(name)
    return path if path is not None else missing_peer(reason)


def missing_peer(reason: str) -> NoReturn:
    """Skip the test, or fail it under ``--require-peers``, because something to compare with is not there."""
    (pytest.fail if _require_peers else pytest.skip)(reason)


@pytest.fixture(name="peer")
def peer_fixture() -> Callable[[str], str]:
    """``peer("samtools")`` inside a test: the path of the tool, or a skip that says what to install."""
    return peer


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real and simulated alignments with truth: ``../shared/data``, or ``$GPUCALL_SHARED/data``. Read only."""
    chosen = os.environ.get("GPUCALL_SHARED")
    data = (Path(chosen) if chosen else ROOT.parent / "shared") / "data"
    if data.is_dir():
        return data
    if chosen:
        pytest.fail(f"GPUCALL_SHARED={chosen} holds no folder named data")
    pytest.skip("no shared data: ../shared/data is absent and GPUCALL_SHARED is not set")


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was not run, and why."""
    reasons = Counter(_skip_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section(f"{sum(reasons.values())} tests were skipped")
        for reason, count in reasons.most_common():
            terminalreporter.line(f"{count:4d}  {reason}")

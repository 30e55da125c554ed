"""measure: wall time, CPU time and peak memory of commands, and what they ran on."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from gpucall import __version__
from gpucall.errors import GpucallError, UsageError
from gpucall.machine import cores

CPUINFO = Path("/proc/cpuinfo")
MIB = 1 << 20


@dataclass(frozen=True)
class Usage:
    """What a run took: seconds on the wall, seconds of CPU (user and system), bytes of memory at its peak.

    The peak of piped commands is the sum of theirs.
    """

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def run(*commands: Sequence[str], environment: dict[str, str] | None = None) -> Usage:
    """Run commands, each one's output piped into the next one; the last one's is discarded.

    Raises
    ------
    GpucallError
        One of them fails; the message has its last line.
    """
    task = json.dumps({"commands": [[*command] for command in commands], "environment": environment})
    spawn = [sys.executable, "-S", "-E", str(Path(__file__).with_name("spawn.py"))]
    done = json.loads(subprocess.run(spawn, input=task, capture_output=True, text=True, check=True).stdout)
    for command, part in zip(commands, done["parts"], strict=True):
        if part["code"] != 0:
            raise GpucallError(f"{' '.join(command)}: exit code {part['code']}: {done['said']}")
    cpu, peak = (sum(part[name] for part in done["parts"]) for name in ("cpu_seconds", "peak_bytes"))
    return Usage(done["seconds"], cpu, peak)


def find_tool(name: str) -> str:
    """Path of a tool.

    Raises
    ------
    UsageError
        It is not installed.
    """
    path = shutil.which(name)
    if path is None:
        raise UsageError(f"{name} is not installed, and the comparison needs it: apt-get install {name}")
    return path


def tool_version(path: str) -> str:
    """The first line of ``--version``."""
    done = subprocess.run([path, "--version"], capture_output=True, check=True)
    return done.stdout.decode(errors="replace").splitlines()[0]


def summary(usages: Sequence[Usage]) -> dict[str, Any]:
    """The figures of repeated runs: all wall times, and medians; the highest peak."""
    return {
        "seconds": [round(usage.seconds, 3) for usage in usages],
        "median_seconds": round(median(usage.seconds for usage in usages), 3),
        "median_cpu_seconds": round(median(usage.cpu_seconds for usage in usages), 3),
        "peak_rss_mib": round(max(usage.peak_bytes for usage in usages) / MIB),
    }


def provenance(command: str) -> dict[str, Any]:
    """What a file of results says of where it comes from."""
    return {
        "gpucall": __version__,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command,
        "hardware": hardware(),
    }


def hardware() -> dict[str, Any]:
    """The CPU's model, the cores that may be used, and how busy the machine is."""
    lines = CPUINFO.read_text().splitlines() if CPUINFO.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor() or platform.machine(),
        "cores": cores(),
        "load_before": round(os.getloadavg()[0], 2),
    }

"""spawn: runs piped commands and says what they took. ``measure`` starts it as a small process of its own.

Linux counts the memory of the process that starts another one as the started one's peak, so that must be small: this
file imports nothing but the standard library. In: {"commands": [[...], ...], "environment": {...} or null} as JSON;
out: {"seconds", "parts": [{"code", "cpu_seconds", "peak_bytes"}, ...], "said": the last line on standard error}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from typing import IO, Any


def main() -> None:
    """Read the commands from standard input, run them, write what they took to standard output."""
    task = json.load(sys.stdin)
    with tempfile.TemporaryFile() as complaints:
        began = time.perf_counter()
        started = start(task["commands"], task["environment"], complaints)
        parts = [finish(process) for process in started]
        seconds = time.perf_counter() - began
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").strip().splitlines()
    json.dump({"seconds": seconds, "parts": parts, "said": said[-1] if said else ""}, sys.stdout)


def start(
    commands: list[list[str]], environment: dict[str, str] | None, complaints: IO[bytes]
) -> list[subprocess.Popen[bytes]]:
    """Start the commands, each one's output piped into the next; the last one's is discarded."""
    started: list[subprocess.Popen[bytes]] = []
    for number, command in enumerate(commands):
        before = started[-1].stdout if started else None
        output = subprocess.PIPE if number + 1 < len(commands) else subprocess.DEVNULL
        started.append(
            subprocess.Popen(
                command, stdin=before or subprocess.DEVNULL, stdout=output, stderr=complaints, env=environment
            )
        )
        if before:
            before.close()
    return started


def finish(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Wait for a process; its exit code, CPU time and peak memory (Linux counts in KiB)."""
    _, status, spent = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu_seconds = spent.ru_utime + spent.ru_stime
    return {"code": process.returncode, "cpu_seconds": cpu_seconds, "peak_bytes": spent.ru_maxrss * 1024}


if __name__ == "__main__":
    main()

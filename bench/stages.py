"""stages: which share of a run's time goes to which stage.

    python -m bench.stages --bam READS --reference REF [--json OUT]

A second thread looks at the main one a thousand times a second and notes the innermost module of gpucall that it is in,
or the kernel that it launches. Nothing is instrumented, so the shares are those of an ordinary run with one thread;
their error is that of counting samples.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import gpucall.kernels
from gpucall import engine
from gpucall.errors import GpucallError
from gpucall.kernels import native

from .measure import provenance

INTERVAL = 0.001  # seconds between looks
PACKAGE = str(Path(gpucall.__file__).resolve().parent) + "/"
KERNELS = str(Path(gpucall.kernels.__path__[0]).resolve()) + "/"
NATIVE = native.__file__


def stage_of(frame: FrameType | None) -> str:
    """The stage that a thread with this innermost frame is in: ``pileup``, ``io.bgzf``, ``kernel pairhmm.scores``."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name == NATIVE:
            frame = frame.f_back  # a loop is its caller's: of a launch, the kernel's
            continue
        if frame.f_code.co_name == "launch" and "kernel" in frame.f_locals:
            return f"kernel {frame.f_locals['kernel']}"
        for folder, prefix in ((KERNELS, "kernel "), (PACKAGE, "")):
            if name.startswith(folder):
                return prefix + name.removeprefix(folder).removesuffix(".py").replace("/", ".")
        frame = frame.f_back
    return "elsewhere"


class Watch:
    """Looks at the thread that enters it until it leaves; ``shares`` is what was seen."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self._watched = threading.get_ident()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._interval = sys.getswitchinterval()
        sys.setswitchinterval(INTERVAL / 2)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        sys.setswitchinterval(self._interval)

    def _look(self) -> None:
        while not self._stop.wait(INTERVAL):
            self.seen[stage_of(sys._current_frames().get(self._watched))] += 1

    def shares(self) -> dict[str, float]:
        """Stage -> share of the looks, the largest first."""
        total = max(self.seen.total(), 1)
        return {stage: round(count / total, 4) for stage, count in self.seen.most_common()}


def stage_shares(bam: Path, reference: Path) -> dict[str, Any]:
    """Call a sample twice with one thread, and watch the second run, whose kernels are compiled."""
    with tempfile.TemporaryDirectory(prefix="gpucall-stages-") as folder:
        engine.call(bam, reference, Path(folder) / "first", device="cpu", threads=1)
        began = time.perf_counter()
        with Watch() as watch:
            engine.call(bam, reference, Path(folder) / "second", device="cpu", threads=1)
        return {"seconds": round(time.perf_counter() - began, 3), "shares": watch.shares()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description="Which share of time each stage takes.")
    parser.add_argument("--bam", type=Path, required=True, help="reads: BAM or CRAM")
    parser.add_argument("--reference", type=Path, required=True, help="FASTA")
    parser.add_argument("--json", type=Path, help="write the shares here")
    options = parser.parse_args(arguments)
    try:
        found = stage_shares(options.bam, options.reference)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for stage, share in found["shares"].items():
        print(f"{share:7.1%}  {stage}")
    if options.json:
        made = provenance(f"python -m bench.stages --bam {options.bam} --reference {options.reference}")
        options.json.write_text(json.dumps({**made, **found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""demo: simulate a small diploid genome and its reads, call them, and compare with the truth."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .bench.accuracy import compare
from .bench.simulate import SimulatedSample, simulate
from .engine import CallResult, call
from .stream import Progress

log = logging.getLogger("gpucall")

LENGTH = 1_000_000  # bp
DEPTH = 30


@dataclass(frozen=True)
class DemoResult:
    """What the demo made and found.

    accuracy  as ``bench.accuracy.compare`` returns it: counts, precision, recall and F1 of SNVs and indels
    """

    simulated: SimulatedSample
    result: CallResult
    accuracy: dict[str, Any]


def run(
    out: Path,
    *,
    seed: int = 1,
    device: str = "auto",
    threads: int | None = None,
    length: int = LENGTH,
    progress: Progress | None = None,
) -> DemoResult:
    """Simulate ``length`` bases at 30x into ``out``, call variants there, and compare the calls with the truth.

    Raises
    ------
    GpucallError
        one of its children, where the folder or the device is at fault.
    """
    log.info("simulating %s bases at %dx into %s", f"{length:,}", DEPTH, out)
    simulated = simulate(out, length=length, depth=DEPTH, seed=seed, threads=threads)
    result = call(simulated.bam, simulated.reference, out, device=device, threads=threads, progress=progress)
    accuracy = compare(str(simulated.truth), str(result.vcf), str(simulated.reference), str(simulated.bed))
    return DemoResult(simulated, result, accuracy)


def to_text(demo: DemoResult) -> str:
    """A table of recall and precision, and where the files are."""
    lines = [f"{'':8}{'true':>8}{'found':>8}{'missed':>8}{'false':>8}{'recall':>9}{'precision':>11}"]
    for kind, name in (("SNV", "SNVs"), ("INDEL", "indels")):
        row = demo.accuracy[kind]
        counts = "".join(f"{row[key]:>8,}" for key in ("truth", "tp", "fn", "fp"))
        lines.append(f"{name:8}{counts}{share(row['recall']):>9}{share(row['precision']):>11}")
    simulated, result = demo.simulated, demo.result
    files = {
        "reference": simulated.reference,
        "reads": simulated.bam,
        "truth": simulated.truth,
        "calls": result.vcf,
        "metrics": result.files["metrics"],
    }
    lines += ["", f"{simulated.records:,} reads of a simulated genome, called on {result.device}; files:"]
    return "\n".join(lines + [f"  {name:10}{path}" for name, path in files.items()])


def share(value: float | None) -> str:
    """A share as text; a dash where nothing could be divided."""
    return "-" if value is None else f"{value:.4f}"

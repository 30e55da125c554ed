"""quality: ``gpucall qc`` against the tools whose files it writes: first whether the files match, then the time.

And what the quality control adds to calls, against the same calls without it (``bench.calls_alone``).

    python -m bench.quality --bam READS --reference REF [--json OUT] [--repeats 3]

One thread each. On a busy machine compare the CPU seconds: they hardly depend on what else runs.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gpucall.errors import GpucallError, UsageError
from gpucall.quality import measure as measure_quality

from .measure import Usage, find_tool, provenance, run, summary
from .pipeline import Command, take_turns, write_json

SAME = "# CHK, Checksum"  # samtools stats' first line that does not name who ran it
CALLS, ALONE = "gpucall call", "gpucall call without quality control"


class MismatchError(GpucallError):
    """A file is not the tool's."""


def commands(bam: Path, reference: Path, folder: Path) -> dict[str, Command]:
    """What is timed: ours, reading alone, and the tools."""
    samtools, mosdepth = find_tool("samtools"), find_tool("mosdepth")
    options = ["--quiet", "--device", "cpu", "--threads", "1", "--reference", str(reference), str(bam)]
    return {
        "gpucall qc": ([sys.executable, "-m", "gpucall", "qc", "--out", str(folder / "qc"), *options],),
        CALLS: ([sys.executable, "-m", "gpucall", "call", "--out", str(folder / "calls"), *options],),
        ALONE: ([sys.executable, "-m", "gpucall.bench.calls_alone", "--out", str(folder / "alone"), *options],),
        "samtools view -c": ([samtools, "view", "-c", str(bam)],),
        "samtools flagstat": ([samtools, "flagstat", str(bam)],),
        "samtools stats": ([samtools, "stats", str(bam)],),
        "mosdepth -n": ([mosdepth, "-n", str(folder / "theirs"), str(bam)],),
    }


def check_match(bam: Path, reference: Path, tools: dict[str, Command], folder: Path) -> None:
    """Compare our files with the tools'.

    Raises
    ------
    MismatchError
    """
    files = measure_quality(bam, reference, folder / "match", device="cpu", threads=1).files

    def said(name: str) -> str:
        return subprocess.run(tools[name][0], capture_output=True, text=True, check=True).stdout

    stats, ours = said("samtools stats"), files["stats"].read_text()
    said("mosdepth -n")
    pairs = {
        "flagstat": (files["flagstat"].read_text(), said("samtools flagstat")),
        "stats": (ours[ours.index(SAME) :], stats[stats.index(SAME) :]),
    }
    for kind, name in (("mosdepth_summary", "summary"), ("mosdepth_global_dist", "global.dist")):
        pairs[kind] = (files[kind].read_text(), (folder / f"theirs.mosdepth.{name}.txt").read_text())
    for kind, (one, two) in pairs.items():
        if one != two:
            raise MismatchError(f"{files[kind].name} differs from the tool's file")
    for name in (CALLS, ALONE):
        said(name)
    if records(folder / "calls") != records(folder / "alone"):
        raise MismatchError("the calls differ without the quality control")


def records(folder: Path) -> list[str]:
    """The records of the VCF in a folder."""
    (path,) = folder.glob("*.vcf.gz")
    with gzip.open(path, "rt") as lines:
        return [line for line in lines if not line.startswith("#")]


def ratios(usages: dict[str, list[Usage]]) -> dict[str, float]:
    """Of medians of CPU seconds."""
    seconds = {name: median(usage.cpu_seconds for usage in found) for name, found in usages.items()}
    floor, separate = seconds["samtools view -c"], ("samtools flagstat", "samtools stats", "mosdepth -n")
    return {
        "gpucall qc / samtools view -c": round(seconds["gpucall qc"] / floor, 2),
        "flagstat, stats and mosdepth / samtools view -c": round(sum(seconds[name] for name in separate) / floor, 2),
        f"{CALLS} / {ALONE}": round(seconds[CALLS] / seconds[ALONE], 2),
    }


def compare(bam: Path, reference: Path, repeats: int) -> dict[str, Any]:
    """Match, then time in turns."""
    if repeats < 1:
        raise UsageError(f"--repeats {repeats}: expected at least 1")
    with tempfile.TemporaryDirectory(prefix="gpucall-quality-") as name:
        folder = Path(name)
        tools = commands(bam, reference, folder)
        check_match(bam, reference, tools, folder)
        for command in tools.values():
            run(*command)  # fills the page cache, compiles
        usages = take_turns(tools, repeats, lambda line: print(line, file=sys.stderr, flush=True))
    return {
        "input": {"reads": bam.name, "bytes": bam.stat().st_size, "reference": reference.name},
        "matched": ["flagstat", "stats", "mosdepth summary", "mosdepth global dist", "calls"],
        "tools": {name: summary(found) for name, found in usages.items()},
        "ratios of CPU seconds": ratios(usages),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code, 1 where a file does not match."""
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description="gpucall qc against other tools.")
    parser.add_argument("--bam", type=Path, required=True, help="reads")
    parser.add_argument("--reference", type=Path, required=True, help="FASTA with its index")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    options = parser.parse_args(arguments)
    command = f"python -m bench.quality --bam {options.bam.name} --reference {options.reference.name}"
    try:
        made = provenance(f"{command} --repeats {options.repeats}")
        found = {**made, **compare(options.bam, options.reference, options.repeats)}
        for name, figures in found["tools"].items():
            print(f"{name:36} {figures['median_seconds']:8.2f} s {figures['median_cpu_seconds']:8.2f} CPU s")
        for name, value in found["ratios of CPU seconds"].items():
            print(f"{value:8.2f}  {name}")
        if options.json:
            write_json(options.json, found)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

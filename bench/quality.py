"""quality: ``gpucall qc`` against the tools whose files it writes: first whether the files match, then the time.

And what the quality control adds to calls, against the same calls without it (``bench.calls_alone``): CPU seconds on
one thread, and how much longer two threads take.

    python -m bench.quality --bam READS --reference REF [--json OUT] [--repeats 3]

One thread each, where it does not say two. On a busy machine compare the CPU seconds: they hardly depend on what else
runs. The seconds of two threads mean something where two cores are idle.
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
CALLS_BY_TWO, ALONE_BY_TWO = (f"{name}, 2 threads" for name in (CALLS, ALONE))


class MismatchError(GpucallError):
    """A file is not the tool's."""


def commands(bam: Path, reference: Path, folder: Path) -> dict[str, Command]:
    """What is timed: ours, reading alone, and the tools."""
    samtools, mosdepth = find_tool("samtools"), find_tool("mosdepth")

    def ours(out: str, *module: str, threads: int = 1) -> Command:
        options = ["--quiet", "--device", "cpu", "--threads", str(threads), "--reference", str(reference), str(bam)]
        return ([sys.executable, "-m", *module, "--out", str(folder / out), *options],)

    return {
        "gpucall qc": ours("qc", "gpucall", "qc"),
        CALLS: ours("calls", "gpucall", "call"),
        ALONE: ours("alone", "gpucall.bench.calls_alone"),
        CALLS_BY_TWO: ours("calls by two", "gpucall", "call", threads=2),
        ALONE_BY_TWO: ours("alone by two", "gpucall.bench.calls_alone", threads=2),
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
    for name in (CALLS, ALONE, CALLS_BY_TWO, ALONE_BY_TWO):
        said(name)
    found = [records(folder / name) for name in ("calls", "alone", "calls by two", "alone by two")]
    if any(each != found[0] for each in found):
        raise MismatchError("the calls differ without the quality control")


def records(folder: Path) -> list[str]:
    """The records of the VCF in a folder."""
    (path,) = folder.glob("*.vcf.gz")
    with gzip.open(path, "rt") as lines:
        return [line for line in lines if not line.startswith("#")]


def waiting(usages: dict[str, list[Usage]]) -> dict[str, float]:
    """Of medians of seconds."""
    seconds = {name: median(usage.seconds for usage in usages[name]) for name in (CALLS_BY_TWO, ALONE_BY_TWO)}
    return {f"{CALLS_BY_TWO} / {ALONE_BY_TWO}": round(seconds[CALLS_BY_TWO] / seconds[ALONE_BY_TWO], 2)}


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
        "ratios of seconds": waiting(usages),
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
            print(f"{name:48} {figures['median_seconds']:8.2f} s {figures['median_cpu_seconds']:8.2f} CPU s")
        for kind in ("ratios of CPU seconds", "ratios of seconds"):
            for name, value in found[kind].items():
                print(f"{value:8.2f}  {name}")
        if options.json:
            write_json(options.json, found)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""pipeline: whole runs of ``gpucall call`` against other tools on the same file, as ratios.

    python -m bench.pipeline --bam READS --reference REF --json bench/results/pipeline.json

Tools take turns, so that a slow spell of the machine hits all of them. Before that every tool's input is read once and
gpucall's kernels are compiled. ``samtools view -c`` is the floor: it inflates the file and decodes its records.

    gpucall    calls and quality control, one thread
    samtools   samtools view -c
    bcftools   bcftools mpileup -Ou -a AD,DP | bcftools call -mv, one thread each
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from gpucall import __version__
from gpucall.errors import DiskError, GpucallError, UsageError

from .measure import Usage, find_tool, provenance, run, summary, tool_version
from .stages import stage_shares

Command = tuple[list[str], ...]


class Known(NamedTuple):
    """A tool that was measured elsewhere, on a file with so many records, beside ``samtools view -c``."""

    tool: str
    records: int
    seconds: float
    floor: float  # seconds of samtools view -c in the same run


# One thread, median of three runs on one machine, on 5 Mb at 30x (2x150, simulated, aligned with bwa mem).
KNOWN = (Known("platypus", 1_043_410, 4.1, 0.44),)


def commands(bam: Path, reference: Path, folder: Path, threads: int) -> dict[str, Command]:
    """What is compared, by name."""
    gpucall = [sys.executable, "-m", "gpucall", "call", "--device", "cpu", "--threads", str(threads)]
    samtools, bcftools = find_tool("samtools"), find_tool("bcftools")
    pileup = [bcftools, "mpileup", "-Ou", "-a", "AD,DP", "-f", str(reference), str(bam)]
    return {
        "gpucall": ([*gpucall, "--reference", str(reference), "--out", str(folder / "gpucall"), str(bam)],),
        "samtools": ([samtools, "view", "-c", *_cram_reference(bam, reference), str(bam)],),
        "bcftools": (pileup, [bcftools, "call", "-mv", "-Oz", "-o", str(folder / "bcftools.vcf.gz")]),
    }


def _cram_reference(bam: Path, reference: Path) -> list[str]:
    return ["-T", str(reference)] if bam.suffix == ".cram" else []


def take_turns(tools: dict[str, Command], repeats: int, tell: Callable[[str], None]) -> dict[str, list[Usage]]:
    """Run every tool ``repeats`` times, one after the other in each round."""
    usages: dict[str, list[Usage]] = {name: [] for name in tools}
    for number in range(repeats):
        for name, command in tools.items():
            usages[name].append(run(*command))
            tell(f"round {number + 1} of {repeats}: {name} {usages[name][-1].seconds:.2f} s")
    return usages


def ratios(usages: dict[str, list[Usage]], records: int) -> dict[str, float]:
    """How many times as long as gpucall each tool takes, by median; of known tools by way of ``samtools view -c``."""
    seconds = {name: median(usage.seconds for usage in found) for name, found in usages.items()}
    ours, floor = seconds["gpucall"], seconds["samtools"]
    found = {"bcftools / gpucall": seconds["bcftools"] / ours, "gpucall / samtools view -c": ours / floor}
    for known in KNOWN:
        if known.records == records:
            found[f"{known.tool} / gpucall (measured elsewhere)"] = known.seconds / known.floor * floor / ours
    return {name: round(value, 2) for name, value in found.items()}


def compare(
    bam: Path, reference: Path, threads: int, repeats: int, tell: Callable[[str], None] = lambda line: None
) -> dict[str, Any]:
    """Measure all tools on one file.

    Returns
    -------
    dict
        ``input``, ``tools`` (commands, versions, times, peak memory), ``ratios`` and ``stages``: shares of gpucall's
        time by stage.

    Raises
    ------
    UsageError
        A tool is missing, or there is nothing to repeat.
    """
    if repeats < 1:
        raise UsageError(f"--repeats {repeats}: expected at least 1")
    with tempfile.TemporaryDirectory(prefix="gpucall-pipeline-") as folder:
        tools = commands(bam, reference, Path(folder), threads)
        records = count_records(tools["samtools"][0])
        run(*tools["gpucall"])
        usages = take_turns(tools, repeats, tell)
        shown = {name: show(command, Path(folder)) for name, command in tools.items()}
    return {
        "input": {"reads": bam.name, "records": records, "bytes": bam.stat().st_size, "reference": reference.name},
        "threads": threads,
        "tools": {name: {**shown[name], **_figures(usages[name], records)} for name in tools},
        "ratios": ratios(usages, records),
        "stages": stage_shares(bam, reference),
    }


def count_records(command: Sequence[str]) -> int:
    """Records of the file; reads all of it, which warms the page cache."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GpucallError(f"{shlex.join(command)}: {done.stderr.strip()}")
    return int(done.stdout)


def show(command: Command, folder: Path) -> dict[str, str]:
    """A command as one would type it, and its version."""
    parts = (shlex.join([Path(part[0]).name, *part[1:]]) for part in command)
    ours = command[0][0] == sys.executable
    return {
        "command": " | ".join(parts).replace(str(folder), "OUT"),
        "version": f"gpucall {__version__}" if ours else tool_version(command[0][0]),
    }


def _figures(usages: Sequence[Usage], records: int) -> dict[str, Any]:
    found = summary(usages)
    return {**found, "million_records_per_second": round(records / found["median_seconds"] / 1e6, 3)}


def table(found: dict[str, Any]) -> str:
    """What was found, to read."""
    lines = [f"{'':10} {'seconds':>9} {'CPU s':>9} {'peak MiB':>9} {'Mrecords/s':>11}"]
    for name, tool in found["tools"].items():
        figures = (tool["median_seconds"], tool["median_cpu_seconds"], tool["peak_rss_mib"])
        rate = tool["million_records_per_second"]
        lines.append(f"{name:10} {figures[0]:9.2f} {figures[1]:9.2f} {figures[2]:9} {rate:11.2f}")
    lines += [f"{value:10.2f}  {name}" for name, value in found["ratios"].items()]
    lines += [f"{share:10.1%}  {stage}" for stage, share in found["stages"]["shares"].items() if share >= 0.01]
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description="Whole runs against other tools.")
    parser.add_argument("--bam", type=Path, required=True, help="reads: BAM or CRAM")
    parser.add_argument("--reference", type=Path, required=True, help="FASTA with its index")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--threads", type=int, default=1, help="of gpucall (default: 1)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    command = f"python -m bench.pipeline --bam {options.bam} --reference {options.reference}"
    made = provenance(f"{command} --repeats {options.repeats} --threads {options.threads}")
    try:
        found = compare(options.bam, options.reference, options.threads, options.repeats, _tell)
        print(table(found))
        if options.json:
            write_json(options.json, {**made, **found})
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def write_json(path: Path, found: dict[str, Any]) -> None:
    """Write figures, one a line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n")
    except OSError as error:
        raise DiskError(f"{path}: cannot write: {error.strerror}; choose another path or free space") from None


if __name__ == "__main__":
    sys.exit(main())

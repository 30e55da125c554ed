"""gvcf: is the quality of reference blocks true, how large is a gVCF, what does it cost?

    python -m bench.gvcf --data ../shared/data --json bench/results/gvcf.json

Calls the simulated sample, whose variants are all known, with and without ``--gvcf`` in turns. Of the positions inside
blocks it counts those that are truly variant, by GQ, and compares their share with what the GQ states. That every
position is in exactly one record is checked first.

A position is truly variant where a true allele, placed as far left as it goes, changes its base, and at the base
before an insertion.
"""

from __future__ import annotations

import argparse
import gzip
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpucall.errors import GpucallError
from gpucall.nonref import changed
from gpucall.tiles import Intervals, read_bed

from .measure import Usage, provenance, run, summary
from .pipeline import write_json

FINE = "10,20,30,40,50,60,70,80,90"
CONTIG, LENGTH = "chr20", 10_000_000
REGIONS = ("all", "confident")


class Block(NamedTuple):
    """A line that covers [start, stop): its GQ, or -1 for a variant."""

    start: int
    stop: int
    quality: int


def blocks(path: Path) -> Iterator[Block]:
    """The lines of a gVCF of one contig."""
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            _, pos, _, ref, alt, _, _, info, keys, values = line.rstrip("\n").split("\t")
            start = int(pos) - 1
            if alt != "<NON_REF>":
                yield Block(start, start + len(ref), -1)
                continue
            sample = dict(zip(keys.split(":"), values.split(":"), strict=True))
            yield Block(start, int(info.removeprefix("END=")), int(sample["GQ"]))


def qualities(path: Path) -> NDArray[np.int16]:
    """int16[LENGTH]: GQ of the block at each position, -1: a variant's record.

    Raises
    ------
    GpucallError
        a position is in no record, or in two.
    """
    found = np.full(LENGTH, -2, dtype=np.int16)
    at = 0
    for block in blocks(path):
        if block.start != at:
            raise GpucallError(f"{path}: a record starts at {block.start + 1}, those before end at {at}")
        found[block.start : block.stop] = block.quality
        at = block.stop
    if at != LENGTH:
        raise GpucallError(f"{path}: the last record ends at {at}, not at {LENGTH}")
    return found


def variant_positions(truth: Path) -> NDArray[np.bool_]:
    """bool[LENGTH]: where the sample differs from the reference."""
    out = np.zeros(LENGTH, dtype=bool)
    with gzip.open(truth, "rt") as lines:
        for line in lines:
            if line.startswith("#"):
                continue
            _, pos, _, ref, alts, *_, genotype = line.rstrip("\n").split("\t")
            for number in {int(word) for word in genotype.replace("|", "/").split("/")} - {0}:
                start, stop, _ = changed(int(pos) - 1, ref, alts.split(",")[number - 1])
                out[start if stop > start else start - 1 : max(stop, start)] = True
    return out


def inside(intervals: Intervals) -> NDArray[np.bool_]:
    """bool[LENGTH]: the positions in a BED file."""
    return intervals.contains(CONTIG, np.arange(LENGTH))


def calibration(quality: NDArray[np.int16], variant: NDArray[np.bool_], bounds: Sequence[int]) -> list[dict[str, Any]]:
    """By band of GQ: positions, how many are variant, that share, and what was stated: on average, and at most."""
    rows = []
    for low, high in zip(bounds, [*bounds[1:], 100], strict=True):
        chosen = (quality >= low) & (quality < high)
        positions, wrong = int(chosen.sum()), int((chosen & variant).sum())
        if positions == 0:
            continue
        stated = float((10 ** (-quality[chosen].astype(np.float64) / 10)).mean())
        rows.append(
            {
                "gq": f"{low}-{high - 1}",
                "positions": positions,
                "variant": wrong,
                "share": float(f"{wrong / positions:.3g}"),
                "stated": float(f"{stated:.3g}"),
                "stated_at_most": float(f"{10 ** (-low / 10):.3g}"),
                "kept": wrong / positions <= 10 ** (-low / 10),
            }
        )
    return rows


def measure(data: Path, repeats: int) -> dict[str, Any]:
    """All figures."""
    reads, reference = data / "sim" / "base30.bam", data / "sim" / "GRCh38.chr20.10M.fa.gz"
    command = [sys.executable, "-m", "gpucall", "call", "--quiet", "--device", "cpu", "--threads", "1"]
    command += ["--reference", str(reference), str(reads)]
    usages: dict[str, list[Usage]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory(prefix="gpucall-gvcf-") as name:
        folder = Path(name)
        run([*command, "--gvcf", "--gvcf-bands", FINE, "--out", str(folder / "fine")])
        for _ in range(repeats):
            usages["without"].append(run([*command, "--out", str(folder / "without")]))
            usages["with"].append(run([*command, "--gvcf", "--out", str(folder / "with")]))
        (fine,), (whole,) = ((folder / each).glob("*.g.vcf.gz") for each in ("fine", "with"))
        size, lines = os.path.getsize(whole), sum(1 for _ in blocks(whole))
        found = {"default": qualities(whole), "fine": qualities(fine)}
    cpu = {name: summary(each)["median_cpu_seconds"] for name, each in usages.items()}
    return {
        "time": {name: summary(each) for name, each in usages.items()}
        | {"cpu_ratio": round(cpu["with"] / cpu["without"], 3)},
        "size": {"bytes": size, "records": lines, "share_of_bam": round(size / os.path.getsize(reads), 5)},
        "calibration": calibrations(found, data),
    }


def calibrations(found: dict[str, NDArray[np.int16]], data: Path) -> dict[str, Any]:
    """Tables by region, of the default bands and of finer ones."""
    variant = variant_positions(data / "sim" / "truth.vcf.gz")
    out: dict[str, Any] = {}
    for region in REGIONS:
        chosen = inside(read_bed(data / "sim" / f"{region}.bed", {CONTIG: LENGTH}))
        bounds = {"default": [0, 1, 20, 30, 40], "fine": [0, 1, *map(int, FINE.split(","))]}
        out[region] = {
            name: calibration(np.where(chosen, quality, -1), variant, bounds[name]) for name, quality in found.items()
        }
    return out


def table(rows: list[dict[str, Any]]) -> str:
    """A table in Markdown."""
    lines = ["| GQ | positions | variant | share | stated, mean | stated, at most |", "|---|---|---|---|---|---|"]
    for row in rows:
        figures = [
            row["gq"],
            f"{row['positions']:,}",
            row["variant"],
            row["share"],
            row["stated"],
            row["stated_at_most"],
        ]
        lines.append("| " + " | ".join(map(str, figures)) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.gvcf", description="Truth, size and cost of a gVCF.")
    parser.add_argument("--data", type=Path, required=True, help="folder with sim/base30.bam and its truth")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default: 3)")
    options = parser.parse_args(arguments)
    made = provenance(f"python -m bench.gvcf --data ../shared/data --repeats {options.repeats}")
    try:
        found = measure(options.data, options.repeats)
        for region in REGIONS:
            print(f"{region}.bed\n\n{table(found['calibration'][region]['fine'])}\n")
        print(found["size"], found["time"]["cpu_ratio"])
        if options.json:
            write_json(options.json, {**made, **found})
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

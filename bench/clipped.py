"""clipped: indels at which bwa mem clips the reads: those that are called, and those that a de Bruijn graph could hold.

    python -m bench.clipped --json bench/results/clipped.json

Samples of ``bench.simulate`` whose indels are long are aligned anew by bwa mem, called and scored. For every long indel
without a neighbour it is asked, too, whether all k-mers over it are in at least two reads around it, as any assembly on
a de Bruijn graph of these reads needs them to be, and whether the reference around it repeats a k-mer, which makes a
cycle. Needs ``bwa`` and ``samtools`` on the path.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from gpucall import __version__
from gpucall.engine import call
from gpucall.errors import GpucallError, UsageError
from gpucall.io.reference import Reference

from .accuracy import Comparison, compare_files, summary
from .indel_classes import classes, length_class
from .simulate import SimulatedSample, simulate
from .variants import Variant

SAMPLES: dict[str, dict[str, Any]] = {
    "30x, 150 bp": {"seed": 11, "depth": 30.0, "read_length": 150, "insert": 400.0, "longest_indel": 120},
    "15x, 100 bp": {"seed": 23, "depth": 15.0, "read_length": 100, "insert": 300.0, "longest_indel": 100},
    "40x, 250 bp": {"seed": 31, "depth": 40.0, "read_length": 250, "insert": 550.0, "longest_indel": 300},
}
COMMON: dict[str, Any] = {"length": 1_000_000, "indel_rate": 8e-4, "long_share": 0.7}
SIZES = (15, 25, 35)  # bases of a k-mer
LEAST = 16  # bases gained or lost by an indel that is asked about
ALONE = 60  # bp without another variant on either side
AROUND = 400  # bp of reference on either side in which no k-mer may come twice


def realign(sample: SimulatedSample, folder: Path) -> Path:
    """The sample's reads as bwa mem aligns them, sorted and indexed; nothing of their first alignment is used."""
    for tool in ("bwa", "samtools"):
        if shutil.which(tool) is None:
            raise UsageError(f"bench.clipped: {tool} is not on the path; install it (apt-get install {tool})")
    fastq, sam, bam = folder / "reads.fq", folder / "bwa.sam", folder / "bwa.bam"
    named = folder / "by_name.bam"
    steps = [
        ["samtools", "sort", "-n", "-o", str(named), str(sample.bam)],
        ["samtools", "fastq", "-n", "-F", "0xd00", "-0", "/dev/null", "-s", "/dev/null", "-o", str(fastq), str(named)],
        ["bwa", "index", str(sample.reference)],
        ["bwa", "mem", "-p", "-R", "@RG\\tID:a\\tSM:S", "-o", str(sam), str(sample.reference), str(fastq)],
        ["samtools", "sort", "-o", str(bam), str(sam)],
        ["samtools", "index", str(bam)],
    ]
    for step in steps:
        subprocess.run(step, check=True, capture_output=True)
    return bam


def measure(folder: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Figures of one sample, aligned by bwa mem."""
    sample = simulate(folder, insert_sd=options["insert"] / 4.5, **COMMON, **options)
    bam = realign(sample, folder)
    vcf = call(bam, sample.reference, folder / "out").vcf
    found = compare_files(sample.truth, vcf, sample.reference, sample.bed)
    with Reference(sample.reference) as reference:
        (contig,) = reference.contigs
        bases = reference.fetch(contig).tobytes().decode("ascii")
    return {**summary(found), "length": classes(found, bases)["length"], "graph": graph_bound(found, bases, bam)}


def graph_bound(found: Comparison, bases: str, bam: Path) -> dict[str, dict[str, int]]:
    """By length: long indels without a neighbour, those called, and those that a graph could hold."""
    import pysam

    counts: dict[str, Counter[str]] = {}
    with pysam.AlignmentFile(str(bam)) as reads:
        for variant in alone(found.truth):
            row = counts.setdefault(length_class(variant), Counter())
            held = {k: graph_holds(variant, bases, reads, k) for k in SIZES}
            row["indels"] += 1
            row["called"] += variant.by_allele
            for k in SIZES:
                row[f"k-mers, k = {k}"] += held[k]
            row["k-mers, any k"] += any(held.values())
            row["k-mers without a cycle, any k"] += any(held[k] and not has_cycle(variant, bases, k) for k in SIZES)
    return {name: dict(row) for name, row in counts.items()}


def alone(truth: Sequence[Variant]) -> Iterator[Variant]:
    """Long indels with one alternate allele and no neighbour."""
    ordered = sorted((v for v in truth if v.is_inside), key=lambda variant: variant.start)
    gaps = [b.start - a.end > ALONE for a, b in pairwise(ordered)]
    for variant, before, after in zip(ordered, [True, *gaps], [*gaps, True], strict=False):
        if before and after and len(variant.edits) == 1 and abs(variant.growth) >= LEAST:
            yield variant


def k_mers(bases: str, k: int) -> set[str]:
    """All different k-mers."""
    return {bases[at : at + k] for at in range(len(bases) - k + 1)}


def graph_holds(variant: Variant, bases: str, reads: Any, k: int) -> bool:
    """Whether every k-mer over the alternate allele is in at least two reads around it."""
    (edit,) = variant.edits
    needed = k_mers(bases[edit.start - k : edit.start] + edit.bases + bases[edit.end : edit.end + k], k)
    seen: Counter[str] = Counter()
    for read in reads.fetch(variant.contig, max(edit.start - 200, 0), edit.end + 200):
        if not read.flag & 0xF00 and read.mapping_quality >= 20:
            seen.update(k_mers(read.query_sequence, k) & needed)
    return all(seen[k_mer] >= 2 for k_mer in needed)


def has_cycle(variant: Variant, bases: str, k: int) -> bool:
    """Whether the reference around the variant has a k-mer twice."""
    around = bases[max(variant.start - AROUND, 0) : variant.end + AROUND]
    return len(k_mers(around, k)) < len(around) - k + 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.clipped", description="Indels at which bwa mem clips reads.")
    parser.add_argument("--json", type=Path, required=True, help="write the figures here")
    path = parser.parse_args(arguments).json
    results: dict[str, Any] = {"gpucall": __version__, "command": "python -m bench.clipped --json JSON", "samples": {}}
    try:
        for name, options in SAMPLES.items():
            with tempfile.TemporaryDirectory(prefix="gpucall-clipped-") as folder:
                results["samples"][name] = {"options": {**COMMON, **options}, **measure(Path(folder), options)}
            print(name, json.dumps(results["samples"][name]["graph"]), flush=True)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    path.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

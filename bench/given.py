"""given: what 10,000 given sites cost beside a run without, and whether they come back and agree with discovery.

    python -m bench.given --bam READS --reference REF --truth TRUTH --json bench/results/given.json

A fifth of the sites are records of the truth, the others single bases drawn over the stretch that the truth spans,
nearly all of them homozygous reference. Runs with and without them take turns; the cost is the median over the rounds
of the ratio of their CPU times, one thread. No time is printed unless every site came back, in order, and agrees.
"""

from __future__ import annotations

import argparse
import gzip
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from gpucall.errors import GpucallError, UsageError
from gpucall.io.reference import Reference

from .measure import Usage, provenance, run, summary
from .pipeline import write_json

Line = list[str]
HEAD = "##fileformat=VCFv4.3\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def lines(path: Path) -> Iterator[Line]:
    """The records of a VCF, in columns."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as text:
        for line in text:
            if not line.startswith("#"):
                yield line.rstrip("\n").split("\t")


def draw_sites(truth: Path, reference: Path, number: int, seed: int, out: Path) -> None:
    """Write a VCF of ``number`` sites on the one contig of ``truth``."""
    chance = random.Random(seed)
    known = [line for line in lines(truth) if not set("".join(line[3:5])) - set("ACGT,")]
    contigs = {line[0] for line in known}
    if len(contigs) != 1 or len(known) < number // 5:
        raise UsageError(f"{truth}: expected at least {number // 5} records of one contig")
    [contig] = contigs
    chosen = {(int(line[1]), line[3], line[4]) for line in chance.sample(known, number // 5)}
    start, stop = (int(known[k][1]) for k in (0, -1))
    with Reference(reference) as fasta:
        bases = fasta.fetch(contig, start, stop).tobytes().decode()
    while len(chosen) < number:
        at = chance.randrange(len(bases))
        if bases[at] in "ACGT":
            chosen.add((start + at + 1, bases[at], chance.choice([base for base in "ACGT" if base != bases[at]])))
    rows = (f"{contig}\t{at}\tsite{at}\t{ref}\t{alt}\t.\t.\t.\n" for at, ref, alt in sorted(chosen))
    out.write_text(HEAD.format(contigs=f"##contig=<ID={contig}>\n") + "".join(rows))


def check(sites: Path, without: Path, with_sites: Path) -> dict[str, Any]:
    """Counts of what came back and of what agrees.

    Raises
    ------
    GpucallError
        A site is missing, out of order or written otherwise; discovery's genotype is another one, or a call of
        discovery is neither as it was nor in a given record at its place.
    """
    asked, discovered, found = (list(lines(path)) for path in (sites, without, with_sites))
    given = [line for line in found if line[7].startswith("GIVEN")]
    if [line[:4] for line in asked] != [line[:4] for line in given]:
        raise GpucallError(f"{with_sites}: the given sites are not those of {sites}, in order")
    if any(not f"{line[4]},".startswith(f"{site[4]},") for site, line in zip(asked, given, strict=True)):
        raise GpucallError(f"{with_sites}: a given site has other alternates than were asked for")
    at: dict[tuple[str, str], list[Line]] = {}
    for line in given:
        at.setdefault((line[0], line[1]), []).append(line)
    others = {tuple(line) for line in found} - {tuple(line) for line in given}
    agreeing = 0
    for line in discovered:
        here = at.get((line[0], line[1]), [])
        if tuple(line) not in others and not here:
            raise GpucallError(f"{with_sites}: the call at {line[0]}:{line[1]} was lost")
        for each in here:
            if each[3:5] == line[3:5] and each[9] != line[9]:
                raise GpucallError(f"{with_sites}: {line[0]}:{line[1]} is {each[9]}, {line[9]} without given sites")
            agreeing += each[3:5] == line[3:5]
    genotypes = Counter(line[9].split(":")[0].replace("|", "/") for line in given)
    return {
        "asked": len(asked),
        "came back": len(given),
        "of the same alleles as a discovered call, with its genotype, depths and likelihoods": agreeing,
        "with further alternates": sum(site[4] != line[4] for site, line in zip(asked, given, strict=True)),
        "genotypes": dict(sorted(genotypes.items())),
        "filters": dict(sorted(Counter(line[6] for line in given).items())),
    }


def compare(
    bam: Path, reference: Path, truth: Path, number: int, seed: int, repeats: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Measure runs with and without given sites, in turns."""
    usages: dict[str, list[Usage]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory(prefix="gpucall-given-") as temporary:
        folder = Path(temporary)
        sites = folder / "sites.vcf"
        draw_sites(truth, reference, number, seed, sites)
        fixed = [sys.executable, "-m", "gpucall", "call", "--device", "cpu", "--threads", "1", "--quiet"]
        fixed += ["--reference", str(reference), "--sample", "sample"]
        commands = {
            name: [*fixed, "--out", str(folder / name), *more, str(bam)]
            for name, more in (("without", []), ("with", ["--alleles", str(sites)]))
        }
        for command in commands.values():
            run(command)  # kernels are compiled, files read once
        checked = check(sites, *(folder / name / "sample.vcf.gz" for name in commands))
        for turn in range(repeats):
            for name in ("without", "with") if turn % 2 else ("with", "without"):
                usages[name].append(run(commands[name]))
            ratio = usages["with"][-1].cpu_seconds / usages["without"][-1].cpu_seconds
            tell(f"round {turn + 1} of {repeats}: {ratio:.3f}")
    ratios = [a.cpu_seconds / b.cpu_seconds for a, b in zip(usages["with"], usages["without"], strict=True)]
    return {
        "input": {"reads": bam.name, "reference": reference.name, "truth": truth.name, "seed": seed},
        "sites": checked,
        "cost": {"cpu ratios": [round(ratio, 4) for ratio in ratios], "median cpu ratio": round(median(ratios), 4)},
        **{name: summary(found) for name, found in usages.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.given", description="What given sites cost.")
    for name in ("bam", "reference", "truth"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--sites", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=7, help="rounds (default: 7)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    inputs = f"--bam {options.bam.name} --reference {options.reference.name} --truth {options.truth.name}"
    numbers = f"--sites {options.sites} --seed {options.seed} --repeats {options.repeats}"
    made = provenance(f"python -m bench.given {inputs} {numbers}")
    try:
        paths = (options.bam, options.reference, options.truth)
        found = compare(*paths, options.sites, options.seed, options.repeats, lambda line: print(line, file=sys.stderr))
        print("\n".join(f"{key}: {value}" for key, value in {**found["sites"], **found["cost"]}.items()))
        if options.json:
            write_json(options.json, {**made, **found})
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

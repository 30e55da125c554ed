"""sex: simulated samples with every set of sex chromosomes, called, and checked against what they are.

    python -m bench.sex --out DIR [--length 2M] [--depth 10 --depth 30] [--json OUT]

For each sample: the class that was found and its confidence, records of the wrong ploidy, lists of likelihoods of the
wrong length, recall and precision by stretch (``karyotype`` says which there are), and heteroplasmic sites found.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from math import comb
from pathlib import Path
from typing import Any, NamedTuple

from gpucall import engine
from gpucall.errors import GpucallError
from gpucall.io.reference import Reference
from gpucall.ploidy.regions import SEXES, Kind, PloidyRegions, ploidy, read_bed

from .accuracy import compare
from .measure import provenance
from .settings import Settings as Simulation
from .simulate import PLOIDY_BED, SimulatedSample, parse_size, simulate

DEPTHS = (10.0, 30.0)
LENGTH = 2_000_000


class Line(NamedTuple):
    """What is needed of a record of a VCF."""

    contig: str
    position: int  # 0-based
    alts: int
    filters: str
    sample: dict[str, str]


def records(vcf: Path) -> Iterator[Line]:
    """The records of a bgzipped VCF of one sample."""
    import gzip

    with gzip.open(vcf, "rt") as lines:
        for line in lines:
            if not line.startswith("#"):
                columns = line.rstrip("\n").split("\t")
                sample = dict(zip(columns[8].split(":"), columns[9].split(":"), strict=True))
                alts = columns[4].count(",") + 1
                yield Line(columns[0], int(columns[1]) - 1, alts, columns[6], sample)


def check_ploidy(vcf: Path, regions: PloidyRegions, sex: str) -> dict[str, int]:
    """Records by what is right and wrong about their genotype."""
    counts = Counter({"records": 0, "wrong_ploidy": 0, "wrong_likelihoods": 0, "haploid": 0})
    for line in records(vcf):
        expected = ploidy(regions.kind(line.contig, line.position), sex)
        alleles = line.sample["GT"].replace("|", "/").split("/")
        genotypes = comb(line.alts + len(alleles), len(alleles))  # VCF 4.3, section 1.6.2: multisets of the alleles
        counts["records"] += 1
        counts["haploid"] += len(alleles) == 1
        counts["wrong_ploidy"] += len(alleles) != expected
        counts["wrong_likelihoods"] += len(line.sample["PL"].split(",")) != genotypes
    return dict(counts)


def stretch_accuracy(sample: SimulatedSample, vcf: Path, regions: PloidyRegions) -> dict[str, Any]:
    """Recall and precision in each kind of stretch that is diploid or haploid."""
    spans: dict[str, list[str]] = {"autosome": ["chr1"]}
    for kind in (Kind.X, Kind.Y, Kind.PAR, Kind.MT):
        found = regions.of_kind(kind)
        spans[str(kind)] = [f"{contig}:{each.start + 1}-{each.stop}" for contig, each in found]
    return {kind: counted(sample, vcf, asked) for kind, asked in spans.items()}


def counted(sample: SimulatedSample, vcf: Path, asked: list[str]) -> dict[str, Any]:
    """Found, missed and false records."""
    result = compare(sample.truth, vcf, sample.reference, sample.bed, regions=asked)
    return {kind: {name: result[kind][name] for name in ("truth", "tp", "fn", "fp")} for kind in ("SNV", "INDEL")}


def run(folder: Path, karyotype: str, depth: float, length: int, seed: int) -> dict[str, Any]:
    """Simulate, call and check one sample."""
    settings = Simulation(length=length, depth=depth, seed=seed, karyotype=karyotype)
    sample = simulate(folder, settings)
    result = engine.call(
        sample.bam, sample.reference, folder / "calls", device="cpu", ploidy_regions=folder / PLOIDY_BED
    )
    with Reference(sample.reference) as opened:
        regions = read_bed(folder / PLOIDY_BED, opened.contigs)
    sex = json.loads(result.files["sex"].read_text())
    return {
        "karyotype": karyotype,
        "depth": depth,
        "sex": sex["sex"],
        "confidence": sex["confidence"],
        "x_depth_ratio": sex["evidence"]["x_depth_ratio"],
        "y_depth_ratio": sex["evidence"]["y_depth_ratio"],
        **check_ploidy(result.vcf, regions, karyotype),
        "accuracy": stretch_accuracy(sample, result.vcf, regions),
    }


def is_right(row: dict[str, Any]) -> bool:
    """Whether the class and every ploidy are right."""
    return bool(row["sex"] == row["karyotype"] and not row["wrong_ploidy"] and not row["wrong_likelihoods"])


def to_text(rows: Sequence[dict[str, Any]]) -> str:
    """A table of the samples."""
    lines = [
        f"{'sample':7}{'depth':>6}{'found':>9}{'conf.':>7}{'X':>7}{'Y':>7}{'records':>9}{'haploid':>9}{'wrong':>7}"
        f"{'X SNV fn/fp':>13}{'Y SNV fn/fp':>13}"
    ]
    for row in rows:
        errors = [f"{row['accuracy'][kind]['SNV']['fn']}/{row['accuracy'][kind]['SNV']['fp']}" for kind in ("X", "Y")]
        wrong = row["wrong_ploidy"] + row["wrong_likelihoods"]
        lines.append(
            f"{row['karyotype']:7}{row['depth']:>6g}{row['sex']:>9}{row['confidence']:>7}{row['x_depth_ratio']:>7}"
            f"{row['y_depth_ratio']:>7}{row['records']:>9,}{row['haploid']:>9,}{wrong:>7}{errors[0]:>13}{errors[1]:>13}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 0 where everything is right, 1 where something is not."""
    parser = argparse.ArgumentParser(prog="python -m bench.sex", description="Sex and ploidy of simulated samples.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the samples")
    parser.add_argument("--length", default=str(LENGTH), help="bases of the genome (default: 2M)")
    parser.add_argument("--depth", type=float, action="append", help="mean coverage; repeatable (default: 10 and 30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="where to write the result")
    options = parser.parse_args(arguments)
    rows = []
    try:
        for karyotype in SEXES:
            for depth in options.depth or DEPTHS:
                folder = options.out / f"{karyotype}.{depth:g}x"
                rows.append(run(folder, karyotype, depth, parse_size(options.length), options.seed))
                print(to_text(rows[-1:]).splitlines()[-1], file=sys.stderr, flush=True)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    print(to_text(rows))
    if options.json:
        words = f"python -m bench.sex --out DIR --length {options.length} --seed {options.seed}"
        options.json.write_text(json.dumps(provenance(words) | {"samples": rows}, indent=1) + "\n")
    return 0 if all(map(is_right, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())

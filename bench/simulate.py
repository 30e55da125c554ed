"""simulate: a genome, a diploid sample with known variants, and its aligned reads, all from one seed.

    python -m bench.simulate --out DIR --length 20M --depth 30 --seed 1

writes ``reference.fa`` (+ ``.fai``), ``truth.vcf.gz`` (+ ``.tbi``), ``confident.bed`` and ``reads.bam`` (+ ``.bai``).
The BAM is sorted, with marked duplicates, overlapping mates, unmapped mates, split and secondary records, soft clips
and MAPQs below 60. A read's name is ``contig.haplotype.start.serial``: on which haplotype its fragment begins, and
where, 0-based. With ``--karyotype XY`` there are sex chromosomes and mitochondria, and ``ploidy.bed`` (see
``karyotype``).

The same options give the same bytes for any number of threads. The genome is held in memory, about 4 bytes a base;
reads stream through in windows.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from gpucall.errors import DiskError, GpucallError, UsageError
from gpucall.machine import cores

from . import karyotype
from .bam import WINDOW, ReadMaker, draw_odd, write_bam
from .genome import Contig, generate_genome, write_fasta
from .haplotypes import Haplotype, build_haplotype
from .settings import Settings
from .truth import Rates, Site, draw_sites, write_confident, write_truth

FILE_NAMES = ("reference.fa", "reads.bam", "truth.vcf.gz", "confident.bed")
PLOIDY_BED = "ploidy.bed"
SIZE_SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


class SimulatedSample(NamedTuple):
    """Where the files of a simulated sample are, its name, and how many records its BAM has."""

    reference: Path
    bam: Path
    truth: Path
    bed: Path
    sample: str
    records: int


class Sample(NamedTuple):
    """A sample in memory: contigs, the sites of each, its haplotypes (two as a rule), and how deep each of these is."""

    genome: list[Contig]
    sites: Sequence[Sequence[Site]]
    haplotypes: list[list[Haplotype]]
    weights: list[list[float]]


def simulate(
    out: str | Path,
    settings: Settings | None = None,
    *,
    threads: int | None = None,
    window: int = WINDOW,
    **options: Any,
) -> SimulatedSample:
    """Simulate a sample into the folder `out`, which is made where it is missing.

    Parameters
    ----------
    out
        Folder; files of these names in it are replaced.
    settings
        What to simulate; or its fields as keyword arguments, such as ``length=5_000, deep_sites=((2_000, 500),)``.
    threads
        Default: all cores.
    window
        Reference bases whose reads are made at a time; changes nothing but memory and speed.

    Raises
    ------
    UsageError
        Settings out of range.
    DiskError
        A file cannot be written.
    """
    settings = settings or Settings(**options)
    folder, threads = Path(out), threads or cores()
    reference, bam, truth, bed = (folder / name for name in FILE_NAMES)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(threads) as pool:
            sample = draw_sample(settings, pool)
            writes = [
                pool.submit(write_fasta, reference, sample.genome),
                pool.submit(write_truth, truth, settings.sample, sample.genome, sample.sites),
                pool.submit(write_confident, bed, sample.genome, settings.margin, cuts(settings, sample)),
            ]
            if settings.karyotype:
                writes.append(pool.submit(karyotype.write_ploidy, folder / PLOIDY_BED, sample.genome))
            odd = draw_odd(settings, sample.genome, sample.haplotypes)
            maker = ReadMaker(settings, sample.genome, sample.haplotypes, odd, sample.weights)
            records = write_bam(bam, settings, maker, pool, threads, window)
            for write in writes:
                write.result()
    except OSError as error:
        raise DiskError(f"{folder}: cannot be written: {error.strerror}; free the disk or choose another") from error
    return SimulatedSample(reference, bam, truth, bed, settings.sample, records)


def draw_sample(settings: Settings, pool: Executor) -> Sample:
    """The genome of a simulation and the variants in it."""
    genome = generate_genome(settings.seed, settings.contig_lengths(), settings.gap, pool)
    if settings.karyotype:
        genome = karyotype.name_contigs(genome)
    rates = Rates(settings.snv_rate, settings.indel_rate, settings.long_share, settings.longest_indel)
    numbers = range(len(genome))
    sites = list(pool.map(lambda number: draw_sites(settings.seed, number, genome[number], rates), numbers))
    if settings.karyotype:
        copies = karyotype.draw_copies(genome, sites, settings.karyotype)
        columns = ([each.sites for each in copies], [each.haplotypes for each in copies])
        return Sample(genome, *columns, [each.weights for each in copies])
    pairs = [(number, which) for number in numbers for which in range(2)]
    built = list(pool.map(lambda pair: build_haplotype(genome[pair[0]], sites[pair[0]], pair[1]), pairs))
    haplotypes = [list(pair) for pair in zip(built[::2], built[1::2], strict=True)]
    return Sample(genome, sites, haplotypes, [[1.0, 1.0] for _ in numbers])


def cuts(settings: Settings, sample: Sample) -> dict[str, list[int]]:
    """Where fragments run short besides the ends of known sequence."""
    return karyotype.boundaries(sample.genome) if settings.karyotype else {}


def parse_size(text: str) -> int:
    """``20M`` as 20,000,000 bases; k, M and G are powers of 1000.

    >>> parse_size("1.5k")
    1500
    """
    digits = text.rstrip("kKmMgG")
    try:
        return round(float(digits) * SIZE_SUFFIXES[text[len(digits) :].lower()])
    except (ValueError, KeyError):
        raise UsageError(f"{text!r} is not a number of bases such as 50k or 20M") from None


def _parse_site(text: str) -> tuple[int, int]:
    position, _, depth = text.partition(":")
    if not (position.isdigit() and depth.isdigit()):
        raise UsageError(f"deep site {text!r} is not POSITION:DEPTH, such as 2000:5000")
    return int(position), int(depth)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.simulate", description="Simulate a sample with known truth.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the files")
    parser.add_argument("--threads", type=int, help="default: all cores")
    for option in fields(Settings):
        name, text = f"--{option.name.replace('_', '-')}", f"{option.metadata['help']} (default: {option.default})"
        if isinstance(option.default, bool):
            parser.add_argument(name, action=argparse.BooleanOptionalAction, default=option.default, help=text)
        elif option.name == "deep_sites":
            parser.add_argument("--deep-site", dest=option.name, action="append", default=[], metavar="POS:DEPTH")
        else:
            kind = str if option.name == "length" else type(option.default)
            parser.add_argument(name, type=kind, default=option.default, help=text)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = vars(_parser().parse_args(arguments))
    out, threads = options.pop("out"), options.pop("threads")
    began = time.perf_counter()
    try:
        options["length"] = parse_size(str(options["length"]))
        options["deep_sites"] = tuple(_parse_site(text) for text in options["deep_sites"])
        made = simulate(out, threads=threads, **options)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    seconds = time.perf_counter() - began
    print("\n".join(str(path) for path in made[:4]))
    print(f"{made.records:,} records in {seconds:.1f} s, {made.records / seconds / 1e6:.2f} M/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())

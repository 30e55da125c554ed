"""suite: call every sample that has a truth, score the PASS records, keep the figures and render them.

    python -m bench.suite --data ../shared/data --json bench/results/accuracy.json [--only NAME ...] [--out DIR]
    python -m bench.suite --json bench/results/accuracy.json --render docs/accuracy.md

The first writes the figures; with ``--only``, those of the samples named are replaced and the others stay. The second
rewrites the tables of a page from the figures (``suite_page``) and calls nothing. Paths in the JSON are relative to the
data folder, or to OUT.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gpucall import __version__
from gpucall.engine import call
from gpucall.errors import DiskError, GpucallError, InputError, UsageError
from gpucall.io.reference import Reference
from gpucall.tiles import parse_regions, read_bed

from . import indel_classes, mendel, suite_page
from .accuracy import ERROR_COLUMNS, KINDS, Comparison, compare_files, error_table, summary
from .simulate import simulate

WORST = 10  # indel errors listed

Results = dict[str, dict[str, Any]]  # section -> name -> what was found


class Sample(NamedTuple):
    """Reads to call, and their reference; paths below the data folder, or below OUT."""

    reads: str
    reference: str


class Folders(NamedTuple):
    """Where the data are, and where results go."""

    data: Path
    out: Path

    def path(self, name: str) -> Path:
        """The place of a file that a ``Sample`` or a ``Figure`` names."""
        return self.out / name.removeprefix("OUT/") if name.startswith("OUT/") else self.data / name


class Figure(NamedTuple):
    """One comparison with a truth. ``classes``: indels by class too; ``errors``: keep the wrong records."""

    name: str
    sample: str
    truth: str
    bed: str
    region: str | None = None
    classes: bool = False
    errors: bool = False


SIMULATED, B37, HG19 = "sim/GRCh38.chr20.10M.fa.gz", "real/b37.chr20.windows.fa.gz", "real/hg19.chr20.windows.fa.gz"
SAMPLES = {
    "base30": Sample("sim/base30.bam", SIMULATED),
    "hard30": Sample("sim/hard30.cram", SIMULATED),
    "low10": Sample("sim/low10.cram", SIMULATED),
    "HG002.31x": Sample("real/HG002.31x.b37.bam", B37),
    "HG002.96x": Sample("real/HG002.96x.b37.bam", B37),
    "HG002.92x": Sample("real/HG002.92x.b37.bam", B37),
    "NA12878.bam": Sample("real/NA12878.52x.hg19.bam", HG19),
    "NA12878.cram": Sample("real/NA12878.52x.hg19.cram", HG19),
    "indels": Sample("OUT/simulation/reads.bam", "OUT/simulation/reference.fa"),
    "long": Sample("OUT/long/reads.bam", "OUT/long/reference.fa"),
    "trio.HG001": Sample("real/trio.HG001.b37.bam", B37),
    "trio.NA12891": Sample("real/trio.NA12891.b37.bam", B37),
    "trio.NA12892": Sample("real/trio.NA12892.b37.bam", B37),
}
SIMULATIONS: dict[str, dict[str, Any]] = {  # many indels, of all lengths, and of lengths at which reads are clipped
    "indels": {"length": 2_000_000, "indel_rate": 1e-3, "depth": 30.0, "seed": 7},
    "long": {"length": 1_000_000, "indel_rate": 1e-3, "long_share": 0.9, "depth": 30.0, "seed": 8},
}
TRIO = ("trio.HG001", "trio.NA12891", "trio.NA12892")  # child, father, mother
TRIO_REGION = "20:10000001-10010000"


def _simulated(name: str, sample: str, bed: str, classes: bool = False) -> Figure:
    return Figure(name, sample, "sim/truth.vcf.gz", f"sim/{bed}.bed", classes=classes)


def _real(sample: str, truth: str, region: str | None = None) -> Figure:
    return Figure(sample, sample, f"real/{truth}.vcf.gz", f"real/{truth}.bed", region, errors=True)


FIGURES = (
    _simulated("base30 confident", "base30", "confident", classes=True),
    _simulated("hard30 confident", "hard30", "confident", classes=True),
    _simulated("low10 confident", "low10", "confident"),
    _simulated("base30 all", "base30", "all"),
    _simulated("base30 collapsed duplications", "base30", "collapsed_duplications"),
    Figure("indels", "indels", "OUT/simulation/truth.vcf.gz", "OUT/simulation/confident.bed", classes=True),
    Figure("long indels", "long", "OUT/long/truth.vcf.gz", "OUT/long/confident.bed", classes=True),
    _real("HG002.31x", "HG002.truth.b37", "20:10000001-10100000"),
    _real("HG002.96x", "HG002.truth.b37", "20:20525032-20604921"),
    _real("HG002.92x", "HG002.truth.b37", "20:38386265-38409801"),
    _real("NA12878.bam", "NA12878.truth.hg19"),
    _real("NA12878.cram", "NA12878.truth.hg19"),
    _real("trio.HG001", "trio.HG001.truth.b37", TRIO_REGION),
)
WORST_OF = "base30 confident"


def run(data: Path, out: Path, only: Sequence[str] = ()) -> Results:
    """Call the samples into folders of ``out`` and score them.

    Parameters
    ----------
    data
        The folder with ``real/`` and ``sim/``.
    only
        Names of ``SAMPLES``; none: all.

    Returns
    -------
    dict
        ``figures``, ``indel_classes``, ``worst`` and ``trio``; each entry has the commands that make it.
    """
    unknown = sorted(set(only) - set(SAMPLES))
    if unknown:
        raise UsageError(f"--only {unknown[0]}: no such sample; choose from {', '.join(SAMPLES)}")
    folders = Folders(data, out)
    calls = {name: _call(folders, name) for name in SAMPLES if not only or name in only}
    results: Results = {"figures": {}, "indel_classes": {}, "worst": {}, "trio": {}}
    for figure in FIGURES:
        if figure.sample in calls:
            _score(figure, folders, calls[figure.sample], results)
    if set(TRIO) <= set(calls):
        results["trio"][" ".join(TRIO)] = _trio(folders, calls)
    return results


def _call(folders: Folders, name: str) -> Path:
    sample = SAMPLES[name]
    print(f"calling {sample.reads}", file=sys.stderr, flush=True)
    if name in SIMULATIONS:
        simulate(folders.path(sample.reads).parent, **SIMULATIONS[name])
    return call(folders.path(sample.reads), folders.path(sample.reference), folders.out / name).vcf


def _score(figure: Figure, folders: Folders, vcf: Path, results: Results) -> None:
    reference = folders.path(SAMPLES[figure.sample].reference)
    regions = [figure.region] if figure.region else []
    found = compare_files(folders.path(figure.truth), vcf, reference, folders.path(figure.bed), regions=regions)
    entry = {**_made(figure.sample, _steps(figure, vcf.relative_to(folders.out))), **summary(found)}
    if figure.errors:
        entry["errors"] = _wrong_records(found)
    results["figures"][figure.name] = entry
    if figure.classes:
        _add_classes(figure, found, _only_contig(reference), results)
    print(_line(figure.name, entry), flush=True)


def _add_classes(figure: Figure, found: Comparison, bases: str, results: Results) -> None:
    made = _made(figure.sample)
    results["indel_classes"][figure.name] = {**made, **indel_classes.classes(found, bases)}
    if figure.name == WORST_OF:
        results["worst"][figure.name] = {**made, "errors": indel_classes.errors(found, bases)[:WORST]}


def _only_contig(path: Path) -> str:
    with Reference(path) as reference:
        (contig,) = reference.contigs
        return reference.fetch(contig).tobytes().decode("ascii")


def _wrong_records(found: Comparison) -> list[dict[str, str]]:
    return [dict(zip(ERROR_COLUMNS, line.split("\t"), strict=True)) for line in error_table(found).splitlines()[1:]]


def _trio(folders: Folders, calls: dict[str, Path]) -> dict[str, Any]:
    with Reference(folders.path(B37)) as reference:
        inside = read_bed(folders.path("real/trio.HG001.truth.b37.bed"), reference.contigs)
        inside = inside.intersect(parse_regions([TRIO_REGION], reference.contigs))
    child, father, mother = (calls[name] for name in TRIO)
    found = mendel.violations(child, father, mother, inside)
    print(f"{'trio':30} {found['alleles']} alleles, {len(found['violations'])} Mendelian violations", flush=True)
    return {**_made(" ".join(TRIO)), "region": TRIO_REGION, **found}


def _made(samples: str, steps: Sequence[str] = ()) -> dict[str, Any]:
    """Where an entry comes from."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    command = f"python -m bench.suite --data DATA --json JSON --only {samples}"
    return {"gpucall": __version__, "date": today, "command": command, **({"steps": [*steps]} if steps else {})}


def _steps(figure: Figure, vcf: Path) -> list[str]:
    """What makes a figure by hand, in the data folder, with results below OUT."""
    sample = SAMPLES[figure.sample]
    simulation = SIMULATIONS.get(figure.sample, {})
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in simulation.items())
    score = f"python -m bench.accuracy --truth {figure.truth} --calls OUT/{vcf} --reference {sample.reference}"
    region = f" --region {figure.region}" if figure.region else ""
    steps = [
        f"python -m bench.simulate --out {Path(sample.reads).parent} {options}",
        f"gpucall call --reference {sample.reference} --out OUT/{vcf.parent} {sample.reads}",
        f"{score} --bed {figure.bed}{region}",
    ]
    return steps if simulation else steps[1:]


def _line(name: str, entry: dict[str, Any]) -> str:
    cells = (f"{kind} fn {entry[kind]['fn']:3} fp {entry[kind]['fp']:3} f1 {entry[kind]['f1']:.4f}" for kind in KINDS)
    return f"{name:30} " + "   ".join(cells)


# -- the JSON --------------------------------------------------------------------------------------------------------


def read_results(path: Path) -> Results:
    """The figures of a JSON that ``--json`` wrote."""
    try:
        results: Results = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot read figures: {error}; make them with --data") from None
    return results


def merged(old: Results, new: Results) -> Results:
    """The old results with the new ones in their place, in the order of a full run."""
    order = [*(figure.name for figure in FIGURES), " ".join(TRIO)]
    sections = {name: {**old.get(name, {}), **new[name]} for name in new}
    return {name: {key: found[key] for key in order if key in found} for name, found in sections.items()}


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    except OSError as error:
        raise DiskError(f"{path}: cannot write: {error.strerror}; choose another path or free space") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.suite", description="Accuracy on every sample with a truth.")
    parser.add_argument("--json", type=Path, required=True, help="the figures: written, or read with --render")
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--data", type=Path, help="folder with real/ and sim/: call, score and write the figures")
    action.add_argument("--render", type=Path, metavar="PAGE", help="rewrite the tables of this page from the figures")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help=f"samples: {', '.join(SAMPLES)}")
    parser.add_argument("--out", type=Path, help="keep the calls here (default: nowhere)")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        if options.render:
            _render(options.json, options.render)
        else:
            _refresh(options.data, options.json, options.only, options.out)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _refresh(data: Path, path: Path, only: Iterable[str], out: Path | None) -> None:
    with tempfile.TemporaryDirectory(prefix="gpucall-suite-") as temporary:
        new = run(data, out or Path(temporary), [*only])
    old = read_results(path) if only and path.exists() else {}
    _write(path, json.dumps(merged(old, new), indent=1) + "\n")


def _render(path: Path, page: Path) -> None:
    causes = suite_page.read_causes(path.with_name("causes.json"))
    _write(page, suite_page.render(page.read_text(), read_results(path), causes))


if __name__ == "__main__":
    sys.exit(main())

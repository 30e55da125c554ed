"""cli: the command line. Each command turns its options into one call of the library and prints what came back.

Nothing heavy is imported here, so that ``gpucall --help`` answers at once. A mistake of the user's is one line on
standard error and the exit code of its error (gpucall/errors.py); a traceback means a bug of ours.
"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import gpucall
from gpucall import process
from gpucall.errors import DiskError, GpucallError, HostMemoryError, QualityFailed, UsageError

if TYPE_CHECKING:
    from gpucall.config import DepthOutputs, Gvcf
    from gpucall.engine import CallResult
    from gpucall.quality import QcResult

EXIT_CODES = """\b
Exit codes:
   0  done
   1  a bug in gpucall: the traceback is printed, please report it
   2  the command line cannot be understood
  10  an input is bad: missing, truncated, corrupt, unsorted, or its index is
  11  reads and reference do not belong together
  20  --device cuda, and no GPU can be used
  21  GPU memory is exhausted
  22  the memory budget cannot hold the work
  23  an output cannot be written
  30  quality control failed
 143  interrupted; nothing is left half-written, so run it again"""

ABOUT = """Variant calls and quality control from one pass over a BAM or CRAM file.

The same bytes come out of a CPU and of a GPU, for every number of threads.

\b
Examples:
  gpucall demo
  gpucall call --reference GRCh38.fa --out results sample.bam
  gpucall doctor"""

# What typer raises for a command line that it cannot understand; the class itself has no public name.
CommandLineError = cast(Any, typer.BadParameter.__base__)

app = typer.Typer(
    help=ABOUT,
    epilog=EXIT_CODES,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Device(StrEnum):
    """Where the kernels run."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"


SexOption = Annotated[str, typer.Option(metavar="SEX", help="auto: from the reads; or XX, XY, X0, XXY, XYY, XXX.")]
PloidyRegionsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="BED",
        help="X, Y, PAR, PAR_Y, MT in column 4, where the assembly is not GRCh37, GRCh38 or T2T-CHM13.",
    ),
]
ReadsArgument = Annotated[
    list[Path],
    typer.Argument(metavar="READS...", help="BAM or CRAM, sorted by coordinate; several of one sample are merged."),
]
ReferenceOption = Annotated[
    Path, typer.Option("--reference", "-r", help="FASTA that the reads were aligned to, plain or bgzipped.")
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results; made where it is missing.")]
MemoryOption = Annotated[str | None, typer.Option(metavar="SIZE", help="Memory budget, such as 800M or 4G.")]
SampleOption = Annotated[
    str | None, typer.Option(help="Name of the sample. Default: SM of the read groups, else the file's name.")
]
DeviceOption = Annotated[
    Device,
    typer.Option(help="auto takes the GPU where one can be used, and says so; cuda never falls back to the CPU."),
]
ThreadsOption = Annotated[int | None, typer.Option("--threads", "-t", min=1, help="Default: all cores.")]
ByOption = Annotated[
    str | None,
    typer.Option(metavar="BED|SIZE", help="Mean depth of these intervals, or of windows of SIZE bp, as mosdepth --by."),
]
ThresholdsOption = Annotated[
    str | None,
    typer.Option(metavar="N,N...", help="With --by: positions of each interval that are N deep, as mosdepth."),
]
PerBaseOption = Annotated[bool, typer.Option("--per-base", help="Depth of every position, as mosdepth.")]
QuantizeOption = Annotated[
    str | None,
    typer.Option(metavar="N:N...", help="Stretches whose depth lies between the same two, as mosdepth, such as 0:1:4:"),
]
ProfileOption = Annotated[
    str,
    typer.Option(
        metavar="NAME|FILE",
        help="Thresholds that judge the sample: ga4gh, gnomad-v3, gnomad-v4, site, or a TOML file.",
    ),
]
FailOnQcOption = Annotated[
    bool, typer.Option("--fail-on-qc", help="Exit with 30 where a metric fails; all files are written nevertheless.")
]
PlatformOption = Annotated[
    str, typer.Option(help="Sequencing platform, to group samples by. Default: of the read groups.")
]
BatchOption = Annotated[str, typer.Option(help="Batch, such as a flow cell, to group samples by.")]
PanelOption = Annotated[
    str | None,
    typer.Option(
        metavar="PREFIX",
        help="Estimate contamination and ancestry with this VerifyBamID2 panel: PREFIX.bed, .mu, .UD. Default: what"
        " config.toml says of the reference; 'none' for none.",
    ),
]
ComponentsOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Principal components of ancestry. Default: 4, or 2 where few sites are."),
]
SketchSitesOption = Annotated[
    str | None,
    typer.Option(metavar="BED|VCF", help="Sites of the fingerprint sketch. Default: those of the panel, thinned."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Print what is done, step by step.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gpucall {gpucall.__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(UsageError.exit_code)


@app.command(short_help="Call variants in one sample, with its quality.")
def call(
    reads: ReadsArgument,
    reference: ReferenceOption,
    out: OutOption,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(metavar="REGION", help="Call only here: chr20 or chr20:1,000,001-2,000,000. Repeatable."),
    ] = None,
    targets: Annotated[Path | None, typer.Option(metavar="BED", help="Call only inside these intervals.")] = None,
    sample: SampleOption = None,
    sex: SexOption = "auto",
    ploidy_regions: PloidyRegionsOption = None,
    alleles: Annotated[
        Path | None,
        typer.Option(metavar="VCF", help="Genotype these sites and alleles, too, wherever something is found or not."),
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Write the records as Parquet, too.")] = False,
    contamination_panel: PanelOption = None,
    contamination_pcs: ComponentsOption = None,
    sketch_sites: SketchSitesOption = None,
    by: ByOption = None,
    thresholds: ThresholdsOption = None,
    per_base: PerBaseOption = False,
    quantize: QuantizeOption = None,
    profile: ProfileOption = "ga4gh",
    fail_on_qc: FailOnQcOption = False,
    platform: PlatformOption = "",
    batch: BatchOption = "",
    gvcf: Annotated[bool, typer.Option("--gvcf", help="Write a gVCF, too: SAMPLE.g.vcf.gz.")] = False,
    gvcf_bands: Annotated[
        str | None,
        typer.Option(metavar="GQ,...", help="GQs at which blocks are cut. Default: 20,30,40, as GATK reblocks."),
    ] = None,
    non_ref: Annotated[
        str | None, typer.Option(metavar="ALLELE", help="<NON_REF> (default) or <*>, for any allele not named.")
    ] = None,
    gvcf_len: Annotated[bool, typer.Option("--gvcf-len", help="As VCF 4.5: FORMAT LEN beside END, and <*>.")] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Call variants in one sample, and measure its quality in the same pass.

    \b
    Writes into the folder --out:
      SAMPLE.vcf.gz, .tbi               SNVs and indels with genotypes, indexed
      SAMPLE.g.vcf.gz, .tbi             and the blocks between them (--gvcf)
      SAMPLE.variants.parquet           the same as a table (--parquet)
      SAMPLE.flagstat.txt, .stats.txt   as samtools flagstat, samtools stats
      SAMPLE.mosdepth.summary.txt,
      SAMPLE.mosdepth.global.dist.txt   as mosdepth
      SAMPLE.selfSM, SAMPLE.Ancestry    as VerifyBamID2 (--contamination-panel)
      SAMPLE.sketch                     fingerprint, for 'gpucall relate'
      SAMPLE.metrics.json               GA4GH WGS quality metrics
      SAMPLE.vcfstats.txt               as bcftools stats of the calls
      SAMPLE.sex.json                   sex chromosomes that were found
      SAMPLE.verdict.json               metrics against thresholds
      SAMPLE.report.html                the same for a person, with plots

    \b
    Examples:
      gpucall call --reference GRCh38.fa --out results sample.bam
      gpucall call -r GRCh38.fa -o results --device cpu --threads 8 sample.cram
      gpucall call -r GRCh38.fa -o results --regions chr20:1-2000000 sample.bam
      gpucall call -r GRCh38.fa -o results --targets exome.bed sample.bam
      gpucall call -r GRCh38.fa -o results --alleles panel.vcf.gz sample.bam
      gpucall call -r GRCh38.fa -o results lane1.bam lane2.bam lane3.cram

    Nothing is written under its final name before it is complete; after an error or an interrupt nothing stays behind.
    """
    from gpucall import progress
    from gpucall.config import Reporting

    process.show_log(quiet, verbose)
    process.ready_for_batches()
    what = reads[0].name if len(reads) == 1 else f"{len(reads)} files"
    with progress.reporter(f"calling {what}", quiet=quiet) as report:
        result = gpucall.call(
            reads,
            reference,
            out,
            device=device.value,
            threads=threads,
            memory=memory,
            regions=tuple(regions or ()),
            targets=targets,
            sample=sample,
            sex=sex,
            ploidy_regions=ploidy_regions,
            alleles=alleles,
            parquet=parquet,
            gvcf=_gvcf_settings(gvcf, gvcf_bands, non_ref, gvcf_len),
            progress=report,
            reporting=Reporting(profile, platform, batch),
            sites=_site_lists(reference, contamination_panel, contamination_pcs, sketch_sites),
            depth_outputs=_depth_outputs(by, thresholds, per_base, quantize),
        )
    if not quiet:
        typer.echo(_describe(result))
    if fail_on_qc:
        _fail_on_qc(result)


def _gvcf_settings(wanted: bool, bands: str | None, non_ref: str | None, lengths: bool) -> Gvcf | None:
    """What the gVCF's options say; None: no gVCF."""
    from gpucall.config import Gvcf

    if not wanted and (bands is not None or non_ref is not None or lengths):
        raise UsageError("--gvcf-bands, --non-ref and --gvcf-len say what a gVCF looks like: give --gvcf, too")
    return Gvcf.parse(bands, non_ref, lengths) if wanted else None


def _depth_outputs(by: str | None, thresholds: str | None, per_base: bool, quantize: str | None) -> DepthOutputs:
    """The options of mosdepth's further files."""
    from gpucall.config import DepthOutputs

    try:
        depths = tuple(int(word) for word in thresholds.split(",")) if thresholds else ()
    except ValueError:
        raise UsageError(
            f"--thresholds '{thresholds}' cannot be read: give depths with commas, such as 1,10,30"
        ) from None
    return DepthOutputs(by, depths, per_base, quantize)


@app.command("qc", short_help="Measure the quality of one sample, without calling.")
def quality(
    reads: ReadsArgument,
    reference: ReferenceOption,
    out: OutOption,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
    memory: MemoryOption = None,
    regions: Annotated[
        list[str] | None,
        typer.Option(metavar="REGION", help="Look only here: chr20 or chr20:1,000,001-2,000,000. Repeatable."),
    ] = None,
    targets: Annotated[Path | None, typer.Option(metavar="BED", help="Look only inside these intervals.")] = None,
    sample: SampleOption = None,
    contamination_panel: PanelOption = None,
    contamination_pcs: ComponentsOption = None,
    sketch_sites: SketchSitesOption = None,
    by: ByOption = None,
    thresholds: ThresholdsOption = None,
    per_base: PerBaseOption = False,
    quantize: QuantizeOption = None,
    profile: ProfileOption = "ga4gh",
    fail_on_qc: FailOnQcOption = False,
    platform: PlatformOption = "",
    batch: BatchOption = "",
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure the quality of one sample in one pass, without calling variants.

    Writes the files of 'gpucall call' that need no calls; docs/qc.md says what each one equals.

    \b
    Examples:
      gpucall qc --reference GRCh38.fa --out results sample.bam
      gpucall qc -r GRCh38.fa -o results --threads 4 --fail-on-qc lane1.bam lane2.bam
    """
    from gpucall import progress
    from gpucall.config import Reporting

    process.show_log(quiet, verbose)
    process.ready_for_batches()
    what = reads[0].name if len(reads) == 1 else f"{len(reads)} files"
    with progress.reporter(f"measuring {what}", quiet=quiet) as report:
        result = gpucall.measure(
            reads,
            reference,
            out,
            device=device.value,
            threads=threads,
            memory=memory,
            regions=tuple(regions or ()),
            targets=targets,
            sample=sample,
            progress=report,
            reporting=Reporting(profile, platform, batch),
            sites=_site_lists(reference, contamination_panel, contamination_pcs, sketch_sites),
            depth_outputs=_depth_outputs(by, thresholds, per_base, quantize),
        )
    if not quiet:
        typer.echo(_describe(result))
    if fail_on_qc:
        _fail_on_qc(result)


@app.command(short_help="Simulate a genome with known truth, call it, score it.")
def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for all files.")] = Path("gpucall-demo"),
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another genome.")] = 1,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Simulate a small diploid genome and its reads, call them, and compare the calls with the truth.

    \b
    Example:
      gpucall demo --out demo

    Prints recall and precision of SNVs and indels, and where the files are. Needs no input and no network.
    """
    from gpucall import demo as library
    from gpucall import progress

    process.show_log(quiet, verbose)
    with progress.reporter("demo", quiet=quiet) as report:
        result = library.run(out, seed=seed, device=device.value, threads=threads, progress=report)
    if not quiet:
        typer.echo(library.to_text(result))


@app.command(short_help="Find who is related to whom, and swapped samples.")
def relate(
    sketches: Annotated[
        list[Path], typer.Argument(metavar="SKETCH...", help="SAMPLE.sketch of 'gpucall call' or 'gpucall qc'.")
    ],
    out: OutOption,
    ped: Annotated[
        Path | None, typer.Option(metavar="PED", help="Check sexes and relations against this file.")
    ] = None,
    min_kinship: Annotated[
        float | None,
        typer.Option(
            metavar="KINSHIP",
            help="Write pairs from here on. Default: all pairs up to 200,000, else from 0.0442 (third degree) on.",
        ),
    ] = None,
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Compare the fingerprints of samples: kinship, concordance, swaps.

    \b
    Writes into the folder --out, as somalier (MultiQC reads it):
      relate.samples.tsv    each sample's genotypes, depths and sex
      relate.pairs.tsv      pairs: kinship, relatedness, shared sites
      relate.problems.tsv   duplicates; with --ped: wrong relations, sexes, swaps

    \b
    Examples:
      gpucall relate --out cohort results/*.sketch
      gpucall relate -o cohort --ped cohort.ped results/*.sketch
    """
    from gpucall import progress
    from gpucall.cohort import relate as library

    process.show_log(quiet, verbose)
    with progress.reporter(f"relating {len(sketches)} samples", quiet=quiet) as report:
        result = library.relate(
            sketches, out, ped=ped, min_kinship=min_kinship, device=device.value, threads=threads, progress=report
        )
    if not quiet:
        rows = [("device", result.device), *((name, f"{count:,}") for name, count in result.counts.items())]
        rows += [(name, str(path)) for name, path in result.files.items()]
        typer.echo("\n".join(f"{name:<14}  {value}" for name, value in rows))


@app.command(short_help="Show what decided one site.")
def explain(
    site: Annotated[str, typer.Argument(metavar="CONTIG:POSITION", help="The site, as in the VCF.")],
    reads: Annotated[Path, typer.Argument(metavar="READS", help="BAM or CRAM, sorted by coordinate.")],
    reference: Annotated[
        Path, typer.Option("--reference", "-r", help="FASTA that the reads were aligned to, plain or bgzipped.")
    ],
    device: DeviceOption = Device.auto,
    threads: ThreadsOption = None,
    sex: Annotated[
        str, typer.Option(metavar="SEX", help="Of the sample, such as XY: decides the copies of X and Y.")
    ] = "auto",
    ploidy_regions: PloidyRegionsOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs: everything, as JSON.")] = False,
) -> None:
    """Show what decided one site: why it was called, filtered, or not called.

    Prints the reads over the site and why some do not count, candidate alleles,
    haplotypes, what each fragment says of them, genotypes, and what each filter
    measured. The record is the one that 'gpucall call' writes without regions.

    \b
    Examples:
      gpucall explain chr20:1000117 --reference GRCh38.fa sample.bam
      gpucall explain chr20:1000117 -r GRCh38.fa --json sample.bam

    For an indel, give the position of its record: the base before it.
    """
    from gpucall import explain as library

    process.show_log(quiet=True, verbose=False)
    explanation = library.explain(
        reads, reference, site, device=device.value, threads=threads, sex=sex, ploidy_regions=ploidy_regions
    )
    typer.echo(library.to_json(explanation) if as_json else library.to_text(explanation))


@app.command(short_help="Put many samples' quality onto one page.")
def report(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR...", help="Folders with samples, or folders of such folders.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the report; made where it is missing.")],
    profile: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="Judge all samples anew by these thresholds."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="TSV", help="Columns sample, platform, batch: to group samples by.")
    ] = None,
    fail_on_qc: FailOnQcOption = False,
) -> None:
    """Put many samples' quality onto one page: who fails, and who stands out.

    \b
    Writes into the folder --out:
      cohort.report.html   verdicts, outliers by name, every figure by group
      cohort.qc.tsv        one row a sample, a column for each figure
      cohort.qc.parquet    the same

    \b
    Examples:
      gpucall report results --out cohort
      gpucall report results --out cohort --profile gnomad-v3 --sheet samples.tsv
    """
    from gpucall.report.cohort import write_report

    result = write_report(folders, out, profile=profile, sheet=sheet)
    rows = [(f"samples {status}", f"{count:,}") for status, count in result.counts.items() if count]
    rows += [("samples that stand out", f"{len(result.outliers):,}")]
    rows += [(name, str(path)) for name, path in result.files.items()]
    typer.echo("\n".join(f"{name:<22}  {value}" for name, value in rows))
    if fail_on_qc and result.failed:
        raise QualityFailed(f"{len(result.failed)} samples fail: {', '.join(result.failed[:10])}; see {out}")


@app.command(short_help="Say what this machine can do.")
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For programs: the same as JSON.")] = False,
) -> None:
    """Say what this machine can do, and the one line that installs what is missing.

    Looks at cores, memory, disk, GPUs, driver, CUDA and the libraries in use. Installs nothing.
    """
    from gpucall import doctor as library

    report = library.examine()
    typer.echo(library.to_json(report) if as_json else library.to_text(report))


def _site_lists(reference: Path, panel: str | None, components: int | None, sketch_sites: str | None) -> Any:
    """The lists of sites that were asked for; the panel that is usual for the reference, where none was named."""
    from gpucall.config import SiteLists
    from gpucall.configuration import usual_panel

    panel = usual_panel(reference) if panel is None else panel
    return SiteLists(None if panel == "none" else panel, components, sketch_sites)


def _describe(result: CallResult | QcResult) -> str:
    """The result for a person: what was counted, and where the files are."""
    rows = [("sample", result.sample), ("device", result.device)]
    rows += [(name.replace("_", " "), f"{count:,}") for name, count in result.counts.items()]
    if result.verdict:
        rows.append(("quality", result.verdict.summary()))
        for status in ("fail", "warn"):
            rows += [(status, each.to_text()) for each in result.verdict.having(status)]
    rows += [(name.replace("_", " "), str(path)) for name, path in result.files.items()]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _fail_on_qc(result: CallResult | QcResult) -> None:
    """Raise where the sample's verdict is fail."""
    failed = result.verdict.having("fail") if result.verdict else []
    if failed:
        raise QualityFailed(
            f"{result.sample}: quality control failed: {'; '.join(each.to_text() for each in failed)};"
            f" all outputs were written, {result.files['verdict']} has every metric"
        )


def _fail(message: str, exit_code: int) -> int:
    print(f"gpucall: error: {' '.join(message.split())}", file=sys.stderr)
    return exit_code


def _usage_failure(error: Any) -> int:
    hint = f" (see '{error.ctx.command_path} --help')" if getattr(error, "ctx", None) else ""
    return _fail(f"{error.format_message().rstrip('.')}{hint}", UsageError.exit_code)


def _bug() -> int:
    traceback.print_exc()
    invitation = f"this is a bug in gpucall {gpucall.__version__}; please report it with the lines above"
    return _fail(f"{invitation} and the output of 'gpucall doctor'", 1)


def _run(arguments: Sequence[str]) -> None:
    """Parse and run. Typer's own entry is not used: it ends every broken pipe, a decoder's too, without a word."""
    command = typer.main.get_command(app)
    with process.signals_as_errors(), command.make_context("gpucall", list(arguments)) as context:
        command.invoke(context)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        _run(sys.argv[1:] if arguments is None else arguments)
    except typer.Exit as done:
        return done.exit_code
    except CommandLineError as error:
        return _usage_failure(error)
    except GpucallError as error:
        return _fail(str(error), error.exit_code)
    except MemoryError:
        return _fail("the machine's memory is exhausted; lower --memory or --threads", HostMemoryError.exit_code)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and process.reader_left():
            return 128 + signal.SIGPIPE
        if isinstance(error, OSError) and error.errno in process.FULL:
            return _fail(process.cannot_print(error), DiskError.exit_code)
        return _bug()
    return 0


def entry() -> None:
    """The command ``gpucall``: a process of its own."""
    process.collect_rarely()
    process.end(main())


if __name__ == "__main__":
    entry()

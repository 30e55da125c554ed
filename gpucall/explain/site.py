"""From files and a position to an explanation."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend, select
from ..config import Settings
from ..engine import Examined, Run, find_ploidies, parse_sex
from ..errors import UsageError
from ..io.alignments import AlignmentSource, open_alignments
from ..io.reference import Reference
from ..kernels import calibrate
from ..kernels.scalar import CODE_OF_NT16, NT16_OF_ASCII
from ..kernels.tables import SCALE, default_gap_phreds
from ..machine import cores
from ..ploidy.regions import UNKNOWN, Kind, ploidy
from ..reads import Batcher
from ..stream import check_contigs, worker_pool
from ..tiles import Intervals, parse_regions
from .reads import FOREIGN, evidence, site_reads
from .records import nearby, site_records
from .schema import Context, Explanation, Read, Repeat, SampleFit
from .verdict import verdict
from .view import View
from .windows import describe_window, genotype_options

CONTEXT = 40  # bp of reference shown on either side
REPEAT_REACH = 300  # bp on either side in which the site's repeat is looked for
PADDING = 4  # halos on either side of the site whose reads are read; what a site depends on lies within one


def explain(
    reads: str | os.PathLike[str],
    reference: str | os.PathLike[str],
    site: str,
    *,
    device: str | Backend = "auto",
    threads: int | None = None,
    sex: str = "auto",
    ploidy_regions: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
) -> Explanation:
    """What decided the call, or its absence, at one site.

    Parameters
    ----------
    reads, reference
        as for ``gpucall.call``. Where the reads have an index, only the start of the file and the reads around the
        site are read, else all.
    site
        ``contig:position``, 1-based: POS of a record (of an indel that is the base before it).
    device, threads, ploidy_regions
        as for ``gpucall.call``.
    sex
        as for ``gpucall.call``; but ``auto`` stands for an unknown one, since not all reads are seen.

    Raises
    ------
    GpucallError
        one of its children, where an input, the machine or the site is at fault.
    """
    workers = threads or cores()
    known_sex = parse_sex(sex) or UNKNOWN
    backend, _ = select(device)
    with ExitStack() as stack:
        fasta = stack.enter_context(Reference(reference))
        contig, position = parse_site(site, fasta.contigs)
        pool = stack.enter_context(worker_pool(workers)) if workers > 1 else None

        def source(regions: Intervals | None) -> AlignmentSource:
            opened = open_alignments(str(reads), str(reference), regions, workers, pool)
            stack.callback(opened.close)
            return opened

        run = Run(source(None), fasta, backend, settings or Settings(), None)
        run.ploidies = find_ploidies(run.source, ploidy_regions, None)
        regions = around(run, contig, position)
        check_contigs(fasta, run.source, regions)
        run.calibrate(Batcher(run.source, backend, run.settings.batching, run.settings.filters))
        return describe(replace(run, source=source(regions), regions=regions), contig, position, known_sex)


def parse_site(text: str, contigs: dict[str, int]) -> tuple[str, int]:
    """Contig and 0-based position of ``chr20:1,000,117``.

    Raises
    ------
    UsageError
    """
    contig, _, number = text.strip().rpartition(":")
    digits = number.replace(",", "")
    if not contig or not digits.isdecimal():
        raise UsageError(f"cannot read site {text!r}: expected CONTIG:POSITION, such as chr20:1,000,117")
    [(name, spans)] = parse_regions([contig], contigs).items()
    length, position = int(spans[0, 1]), int(digits)
    if not 1 <= position <= length:
        raise UsageError(f"bad site {text!r}: positions of {name} are 1 to {length}")
    return name, position - 1


def around(run: Run, contig: str, position: int) -> Intervals:
    """The surroundings that the site can depend on, and more."""
    reach = PADDING * run.settings.batching.halo
    start, stop = max(position - reach, 0), min(position + reach, run.reference.length(contig))
    return Intervals({contig: np.array([[start, stop]], dtype=np.int64)})


def describe(run: Run, contig: str, position: int, sex: str) -> Explanation:
    """The explanation of a site (0-based) by a calibrated run whose source holds the reads around it."""
    context = reference_context(run, contig, position)
    kind = run.ploidies.kind(contig, position)
    copies = ploidy(kind, sex)
    plain = Explanation(
        contig=contig,
        position=position + 1,
        sample=", ".join(run.source.header.samples()) or "not named",
        reads=run.source.path,
        reference=str(run.reference.path),
        device=run.backend.describe(),
        context=context,
        fit=sample_fit(run, context.repeat),
        copies=copies_in_words(kind, copies, sex),
        verdict=("not called: no read lies over the site",),
    )
    if copies == 0:
        return replace(plain, verdict=(f"not called: {plain.copies}",))
    examined = examine_site(run, contig, position)
    if examined is None:
        return plain
    return conclude(View(run, contig, position, examined, examined.pass_at(position, copies), copies), plain)


def copies_in_words(kind: Kind, copies: int, sex: str) -> str:
    """How many copies the site has, and why; empty where it has two as all autosomes do."""
    if kind is Kind.AUTOSOME:
        return ""
    number = ("no copy", "one copy", "two copies")[copies]
    if kind in (Kind.X, Kind.Y):
        reason = "the sex is not given: --sex" if sex == UNKNOWN else f"--sex {sex}"
        return f"{number} of {kind} outside of the pseudo-autosomal regions ({reason})"
    if kind is Kind.PAR_Y:
        return "the pseudo-autosomal regions of Y are called on X"
    return f"{number}: mitochondrial" if kind is Kind.MT else f"{number}: pseudo-autosomal region of X"


def examine_site(run: Run, contig: str, position: int) -> Examined | None:
    """All stages over the tile that holds the site; None where no tile does, since there are no reads."""
    tid = run.source.header.names.index(contig)
    for batch in Batcher(run.source, run.backend, run.settings.batching, run.settings.filters, run.regions):
        for tile in batch.tiles:
            if tile.tid == tid and tile.start <= position < tile.stop:
                return run.examine(batch, tile)
    return None


def conclude(view: View, plain: Explanation) -> Explanation:
    """The explanation of a site that has reads."""
    rows = sorted(site_reads(view), key=lambda read: reading_order(read, view.base))
    found = replace(
        plain,
        depth=view.depth,
        foreign=sum(read.why == FOREIGN for read in rows),
        evidence=tuple(evidence(view)),
        rows=tuple(rows),
        genotypes=tuple(genotype_options(view)),
        windows=tuple(describe_window(view, each) for each in view.windows),
        records=tuple(site_records(view)),
        nearby=tuple(nearby(view)),
    )
    return replace(found, verdict=tuple(verdict(view, found)))


def reading_order(read: Read, base: str) -> tuple[bool, bool, str, str, int, str]:
    """What counts first, and alternates before the reference."""
    return not read.counted, read.shows == base, read.shows, read.strand, read.start, read.name


# -- the reference and the sample ---------------------------------------------------------------------------------


def reference_context(run: Run, contig: str, position: int) -> Context:
    """The reference around the site, and the repeat it lies in."""
    start = max(position - REPEAT_REACH, 0)
    bases = run.reference.fetch(contig, start, min(position + REPEAT_REACH, run.reference.length(contig)))
    low, high = max(position - CONTEXT - start, 0), position + CONTEXT + 1 - start
    return Context(start + low + 1, bytes(bases[low:high]).decode(), site_repeat(bases, position - start, start))


def site_repeat(bases: NDArray[np.uint8], index: int, start: int) -> Repeat:
    """The longest repeat over the base after ``index`` (where an indel's record changes it), else over the base."""
    code = CODE_OF_NT16[NT16_OF_ASCII[bases]]
    repeats = np.empty((len(code) // 2 + 16, 4), dtype=np.int64)
    repeats = repeats[: calibrate.find_repeats(code, repeats)]
    for at in (index + 1, index):
        over = repeats[(repeats[:, 0] <= at) & (at < repeats[:, 1])]
        if len(over):
            low, high, unit, count = over[(over[:, 1] - over[:, 0]).argmax()].tolist()
            return Repeat(bytes(bases[low : low + unit]).decode(), count, start + low + 1, start + high)
    return Repeat()


def sample_fit(run: Run, repeat: Repeat) -> SampleFit:
    """What was fitted on the sample, as far as it bears on a site in this repeat."""
    at = (max(len(repeat.unit), 1), min(max(repeat.repeats, 1), 32))
    gap, default = int(run.gaps[at]) / SCALE, float(default_gap_phreds()[at])
    return SampleFit(run.usual_depth, run.settings.filtering.max_artifact, gap, default)

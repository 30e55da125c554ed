"""One sample, from alignments to calls and quality control, in one pass."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import assembly, calibration, candidates, filters, genotype, haplotypes, mito, paralogs, pileup, qc
from .annotations import strand_table
from .backend import Backend
from .confidence import reference_confidence
from .config import DepthOutputs, Gvcf, Reporting, Settings, SiteLists
from .errors import UsageError
from .genotype import Call
from .given.records import Answer, Merged, View, merge
from .given.records import header_lines as given_header
from .given.sites import GivenSites, copies_of, genotype_sites, open_sites
from .gvcf_output import GvcfOutput, KindStretch, Positions
from .io.alignments import RecordSource
from .io.gvcf import GvcfWriter
from .io.tables import TableWriter
from .io.vcf import VcfWriter
from .kernels.pileup import Events, Evidence, Sites
from .nonref import with_unlisted
from .outputs import OutputFolder
from .ploidy import regions as ploidy_regions
from .ploidy import sex as sexing
from .ploidy.held import HeldRecords, Segment, Written
from .ploidy.regions import FIXED, OPTIONS, SEXES, Kind, PloidyRegions
from .ploidy.sex import BinDepth, SexEvidence
from .qc.verdict import Verdict
from .reads import Batch, Tile
from .report.sample import SampleReport
from .stream import (
    Opened,
    Progress,
    Promise,
    ReadFiles,
    Stream,
    Workers,
    check_not_empty,
    manifest,
    open_sample,
    provenance,
    with_depth_outputs,
)
from .tiles import Intervals

log = logging.getLogger("gpucall")


@dataclass(frozen=True)
class CallResult:
    """What a run wrote.

    vcf     the calls
    files   every output by its kind
    device  what ran the kernels, in words
    counts  reads read, variants written and passed
    verdict what the profile makes of the sample
    """

    sample: str
    vcf: Path
    files: dict[str, Path]
    device: str
    counts: dict[str, int]
    verdict: Verdict | None = None


@dataclass
class Piece:
    """What one batch adds to the results.

    measured  the promise of the quality control: what of it the file's order decides
    segments  records, in order, for every number of copies that is possible
    tiles     that were looked at, each with the number of segments before it
    depth     of the autosomes, X and Y, by bin
    snvs      diploid SNVs by kind of stretch and zygosity
    positions  stretches in order, for the gVCF
    """

    measured: Promise[qc.OrderedPiece]
    segments: list[Segment] = field(default_factory=list)
    tiles: list[tuple[Tile, int]] = field(default_factory=list)
    depth: list[BinDepth] = field(default_factory=list)
    snvs: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    positions: list[Positions] = field(default_factory=list)


@dataclass
class Pass:
    """One run of the stages over a tile: what each of them found.

    sites     the evidence at ``found.snv_positions``
    decided   by ploidy, what was made of it
    """

    reads: pileup.TileReads
    evidence: Evidence
    events: Events
    found: candidates.Found
    sites: Sites
    decided: dict[int, Decided]

    def calls(self, ploidy: int) -> list[Call]:
        """Calls under a ploidy that was asked for; else none."""
        return self.decided[ploidy].calls if ploidy in self.decided else []


class Looked(NamedTuple):
    """What a pass finds before anything is weighed.

    snvs  calls outside of windows under ploidy 2, once they are known
    """

    reads: pileup.TileReads
    evidence: Evidence
    events: Events
    found: candidates.Found
    sites: Sites
    snvs: list[Call] | None = None

    def light(self) -> Looked:
        """Without the arrays that only a gVCF asks for again."""
        return self._replace(evidence=self.evidence._replace(count=None, quality=None, clip=None, indels=None))


class Decided(NamedTuple):
    """The genotypes of a pass under one ploidy.

    weighed  ``found.windows`` with their haplotypes
    calls    in order, annotated
    """

    weighed: list[genotype.Weighed]
    calls: list[Call]


@dataclass
class Examined:
    """What all passes over a tile and its surroundings found.

    first     the pass over the tile
    suspects  its heterozygous SNVs, as far as a third haplotype may explain them
    again     passes without the reads of a third haplotype, over the stretches where there is one
    calls     of the tile, in order, by ploidy
    depth     reads over each position of the first pass's stretch, on the host
    """

    first: Pass
    suspects: list[paralogs.Site]
    again: list[Pass]
    calls: dict[int, list[Call]]
    depth: NDArray[np.int32]

    def pass_at(self, position: int, ploidy: int = 2) -> Pass:
        """The pass that decided a position under a ploidy."""
        if ploidy == 1:
            return self.first
        kept = any(site.foreign and site.call.position == position for site in self.suspects)
        later = (each for each in self.again if each.reads.tile.start <= position < each.reads.tile.stop)
        return self.first if kept else next(later, self.first)

    def deciding(self, positions: NDArray[np.int64], ploidy: int) -> Iterator[tuple[Pass, NDArray[np.int64]]]:
        """The passes that decide some positions, each with the indices of those that it decides."""
        if ploidy == 1 or not self.again:
            yield self.first, np.arange(len(positions))
            return
        kept = np.array([site.call.position for site in self.suspects if site.foreign], dtype=np.int64)
        left = ~np.isin(positions, kept)
        for each in self.again:
            mine = left & (each.reads.tile.start <= positions) & (positions < each.reads.tile.stop)
            left &= ~mine
            if mine.any():
                yield each, np.flatnonzero(mine)
        if (left | np.isin(positions, kept)).any():
            yield self.first, np.flatnonzero(left | np.isin(positions, kept))


@dataclass
class Run(Stream):
    """Everything that the stages of one sample share."""

    ploidies: PloidyRegions = field(default_factory=PloidyRegions)
    gvcf: Gvcf | None = None
    gaps: NDArray[np.int32] = field(default_factory=lambda: np.zeros((7, 33), dtype=np.int32))

    usual_depth: float = 0.0
    given: GivenSites | None = None

    def sex_evidence(self) -> SexEvidence:
        """Nothing yet."""
        return SexEvidence(self.ploidies, self.settings.sexing)

    def process(self, batch: Batch, quality: qc.SampleQc) -> Piece:
        """A batch's calls."""
        piece = Piece(batch.measured)
        for tile in batch.tiles:
            contig = self.source.header.names[tile.tid]
            if self.regions is None or self.regions.overlaps(contig, tile.start, tile.stop):
                piece.tiles.append((tile, len(piece.segments)))
                examined = self.examine(batch, tile)
                self._add_depth(piece, contig, tile, examined)
                self._add_calls(piece, contig, tile, examined, quality)
                if self.gvcf is not None:
                    piece.positions += self._positions(contig, tile, examined, self.gvcf)
                for call in (call for calls in examined.calls.values() for call in calls):
                    call.evidence = None  # the reads of a whole window
        return piece

    def _positions(self, contig: str, tile: Tile, examined: Examined, settings: Gvcf) -> Iterator[Positions]:
        """What a tile adds to the gVCF."""
        first = examined.first
        if not first.decided:
            return
        explaining = self._explaining(contig, tile, first)
        whole = reference_confidence(
            first.reads, first.evidence, first.events, explaining, self.gaps, self.settings.confidence
        )
        for owned in self.owned(contig, tile):
            for start, stop, kind in self.ploidies.split(contig, *owned):
                inside = (c for n in OPTIONS[kind] for c in examined.calls[n] if start <= c.position < stop)
                if OPTIONS[kind]:
                    calls = [with_unlisted(call, settings.non_ref) for call in inside]
                    yield Positions(contig, whole.part(start, stop), calls)

    def _explaining(self, contig: str, tile: Tile, first: Pass) -> list[Call]:
        """The calls in and around a tile, each position's under the highest ploidy that it can have."""
        margin = self.settings.paralogs.margin
        return [
            call
            for start, stop, kind in self.ploidies.split(contig, tile.start - margin, tile.stop + margin)
            for call in first.calls(max(OPTIONS[kind], default=0))
            if start <= call.position < stop
        ]

    def _add_depth(self, piece: Piece, contig: str, tile: Tile, examined: Examined) -> None:
        """Add what a tile's depth says of the sample's sex."""
        if not self.sex_evidence().needs(contig):
            return
        origin = examined.first.reads.origin
        for start, stop in self.owned(contig, tile):
            depth = examined.depth[start - origin : stop - origin]
            part = sexing.bin_depth(contig, start, depth, self.settings.sexing.bin)
            piece.depth += [] if part is None else [part]

    def _add_calls(self, piece: Piece, contig: str, tile: Tile, examined: Examined, quality: qc.SampleQc) -> None:
        """Add a tile's calls, for every number of copies that its stretches can have."""
        asked = {n: [call for call in calls if self._asked(contig, call)] for n, calls in examined.calls.items()}
        piece.snvs += self.sex_evidence().count_calls(contig, asked.get(2, []))
        for start, stop, kind in self.ploidies.split(contig, tile.start, tile.stop):
            options = {n: [call for call in asked.get(n, []) if start <= call.position < stop] for n in OPTIONS[kind]}
            texts = {}
            for n, calls in self._with_given(contig, start, stop, kind, options, examined).items():
                case = None if kind in FIXED else (kind, n)
                quality.add_variants(((contig, call) for call in calls.calls), case)
                if calls.plain.alleles:
                    quality.add_plain(calls.plain.alleles, calls.plain.depths, case)
                texts[n] = written(calls)
            piece.segments.append(Segment(kind, texts))

    def _with_given(
        self, contig: str, start: int, stop: int, kind: Kind, options: dict[int, list[Call]], examined: Examined
    ) -> dict[int, Merged]:
        """The calls of a stretch and the records of the given sites in it, by number of copies."""
        rows = self.given.rows(contig, start, stop) if self.given else ()
        if self.given is None or not len(rows):
            return {n: Merged.of(contig, calls) for n, calls in options.items()}
        sites = self.given.sites[contig]
        merged = {}
        for n in copies_of(kind):
            answers: list[Answer] = []
            for each, mine in examined.deciding(sites.position[rows], n):
                view = View(each.reads, each.found.windows, each.events, each.calls(n))
                answers += genotype_sites(view, contig, sites, rows[mine], n, self.gaps, self.settings)
            merged[n] = merge(contig, options.get(n, []), answers, sites)
        return merged

    def _asked(self, contig: str, call: Call) -> bool:
        return self.regions is None or bool(self.regions.contains(contig, np.array([call.position]))[0])

    def examine(self, batch: Batch, tile: Tile) -> Examined:
        """All stages over a tile."""
        ploidies = self.ploidies.ploidies(self.source.header.names[tile.tid], tile.start, tile.stop)
        looked = batch.looked.pop(tile, None)
        if looked is None:
            reads = self._tile_reads(batch, tile, *self.stretch(batch, tile))
            looked = self._look(reads, self.settings.paralogs.margin)
        elif self.gvcf is not None:
            looked = looked._replace(evidence=pileup.evidence(looked.reads))
        first = self._pass(looked, ploidies)
        depth = self.backend.download(first.evidence.depth)
        suspects = paralogs.suspects(first.reads, first.calls(2), depth, self.usual_depth, self.settings.paralogs)
        marked = paralogs.mark(suspects)
        again = list(self._passes_again(first.reads, marked)) if marked else []
        calls = {n: first.calls(n) for n in ploidies} | {2: merge_passes(first.calls(2), marked, again)}
        inside = {n: [call for call in each if tile.start <= call.position < tile.stop] for n, each in calls.items()}
        return Examined(first, suspects, again, inside, depth)

    def _look(self, reads: pileup.TileReads, margin: int) -> Looked:
        """The candidates of a tile and ``margin`` bp around it, with their evidence."""
        settings = self.settings
        evidence = pileup.evidence(reads)
        events = assembly.add_split_ends(reads, pileup.events(reads, evidence), settings.assembly)
        criteria = mito.criteria(settings) if self._is_mitochondrial(reads) else settings.candidates
        found = candidates.find(reads, evidence, events, criteria, settings.genotyping, margin)
        return Looked(reads, evidence, events, found, pileup.gather_sites(reads, found.snv_positions))

    def _pass(self, looked: Looked, ploidies: Sequence[int] = (2,)) -> Pass:
        """The other stages, genotypes under each of some ploidies."""
        reads, windows, settings = looked.reads, looked.found.windows, self.settings.haplotyping
        scored = haplotypes.score_windows(reads, windows, looked.events, self.gaps, settings)
        decided = {ploidy: self._decide(looked, scored, ploidy) for ploidy in ploidies}
        return Pass(reads, looked.evidence, looked.events, looked.found, looked.sites, decided)

    def _decide(self, looked: Looked, scored: list[haplotypes.Scored], ploidy: int) -> Decided:
        """Genotypes under one ploidy."""
        settings, reads, sites = self.settings.genotyping, looked.reads, looked.sites
        weighed = genotype.weigh_windows(reads, scored, settings, ploidy)
        if self._is_mitochondrial(reads):
            calls = mito.call(reads, sites, weighed, settings, self.settings.heteroplasmy)
        else:
            known = looked.snvs if ploidy == 2 else None
            snvs = genotype.call_snvs(reads, sites, settings, ploidy) if known is None else known
            calls = [*snvs, *genotype.call_windows(reads, weighed, settings)]
        calls.sort(key=in_order)
        return Decided(weighed, filters.annotate(calls, self.settings.filtering))

    def _is_mitochondrial(self, reads: pileup.TileReads) -> bool:
        return self.ploidies.is_mitochondrial(self.source.header.names[reads.tile.tid])

    def _passes_again(self, reads: pileup.TileReads, marked: list[Call]) -> Iterator[Pass]:
        """A pass without the reads of the third haplotype over each stretch around its sites."""
        batch = replace(reads.batch, usable=paralogs.without_foreign(reads, marked))
        for start, stop in paralogs.regions(marked, self.settings.paralogs):
            tile = reads.tile._replace(start=start, stop=stop)
            rows = reads.row_range(start - reads.halo, stop + reads.halo)
            tile = tile._replace(row=int(rows[0]), row_stop=int(rows[1]))
            origin = max(start - 2 * reads.halo, reads.origin)
            bases = reads.bases[origin - reads.origin : stop + 2 * reads.halo - reads.origin]
            yield self._pass(self._look(self._tile_reads(batch, tile, origin, bases), 0))

    def _tile_reads(self, batch: Batch, tile: Tile, origin: int, bases: Any) -> pileup.TileReads:
        halo, kept = self.settings.batching.halo, self.settings.filters
        return pileup.tile_reads(batch, tile, origin, bases, halo, kept, self.backend)

    def begun(self, batches: Iterable[Batch], workers: Workers) -> Iterator[Batch]:
        """Batches, each with its quality control under way: it need not wait for what calls wait for."""
        for batch in batches:
            batch.measured = workers.start(self.measure, batch)
            yield batch
            del batch  # before the next is asked for

    def calibrate(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Fit what differs between samples on the first reads; the batches, from the first one on."""
        settings = self.settings
        fit = calibration.SampleFit(
            self.source.header, self.reference, self.backend, settings.filters, settings.calibration
        )
        self.gaps = fit.gap_costs(batches)
        sites = [site for batch in fit.held for tile in batch.tiles for site in self._first_calls(fit, batch, tile)]
        self.usual_depth = fit.usual_depth()
        alone = [call for call in calibration.apart(sites, settings.calibration) if 0 in call.genotype]
        odds = strand_table([(*call.strands[0], *call.strands[1]) for call in alone])[:, 2]
        threshold = calibration.artifact_threshold(odds.tolist(), settings.calibration)
        log.info("systematic errors of one strand: sites above odds of %s phred are filtered", threshold)
        self.settings = settings._replace(filtering=settings.filtering._replace(max_artifact=threshold))
        return fit.again()

    def _first_calls(self, fit: calibration.SampleFit, batch: Batch, tile: Tile) -> Iterator[tuple[int, Call]]:
        """SNVs outside of windows, with their contigs, in the part of the genome that the sample is fitted on.

        What was found for them is kept with the batch, but for the evidence, which is much.
        """
        stop, contig = fit.looked_at(tile.tid, tile.start, tile.stop), self.source.header.names[tile.tid]
        if stop <= tile.start or self.ploidies.is_mitochondrial(contig):
            return
        reads = self._tile_reads(batch, tile, *self.stretch(batch, tile))
        looked = self._look(reads, self.settings.paralogs.margin)
        depth = self.backend.download(looked.evidence.depth)
        fit.add_depth(depth[tile.start - reads.origin : stop - reads.origin])
        snvs = list(genotype.call_snvs(reads, looked.sites, self.settings.genotyping))
        batch.looked[tile] = looked.light()._replace(snvs=snvs)
        yield from ((tile.tid, call) for call in snvs if tile.start <= call.position < stop)


def written(records: Merged) -> Written:
    """Records as text, and how many variants they are."""
    variants = [call for call in records.calls if any(call.genotype) or call.shares]
    return Written(records.text, len(variants), sum(not call.filters for call in variants))


def in_order(call: Call) -> tuple[int, str, tuple[str, ...]]:
    """Sort key of calls of one contig."""
    return call.position, call.ref, call.alts


def merge_passes(calls: list[Call], marked: list[Call], again: list[Pass]) -> list[Call]:
    """The calls, those in later passes instead of the first's; the sites of a third haplotype stay, filtered."""
    if not marked:
        return calls
    kept = {id(call) for call in marked}
    positions = {call.position for call in marked}
    for later in again:
        start, stop = later.reads.tile.start, later.reads.tile.stop
        calls = [call for call in calls if id(call) in kept or not start <= call.position < stop]
        calls += [call for call in later.calls(2) if call.position not in positions]
    return sorted(calls, key=in_order)


def call(
    reads: ReadFiles,
    reference: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    device: str | Backend = "auto",
    threads: int | None = None,
    memory: int | str | None = None,
    regions: Sequence[str] = (),
    targets: str | os.PathLike[str] | None = None,
    sample: str | None = None,
    sex: str = "auto",
    ploidy_regions: str | os.PathLike[str] | None = None,
    alleles: str | os.PathLike[str] | None = None,
    parquet: bool = False,
    gvcf: Gvcf | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
    reporting: Reporting | None = None,
    sites: SiteLists | None = None,
    depth_outputs: DepthOutputs | None = None,
) -> CallResult:
    """Call variants in one sample and measure its quality.

    Parameters
    ----------
    reads
        BAM or CRAM, sorted by coordinate; several of them of one sample are merged as they are read.
    reference
        FASTA, plain or bgzipped.
    out
        folder for the results; made where it is missing.
    device
        ``auto``, ``cpu`` or ``cuda``; or a backend.
    threads
        CPU threads; None: all cores that this process may use.
    memory
        budget in bytes, or as ``800M``, ``4G``.
    regions, targets
        call only here: ``contig`` or ``contig:start-stop`` (1-based), and a BED file.
    sample
        name of the sample; None: the read groups' SM, else the file's stem.
    sex
        ``auto``: found from the reads; or ``XX``, ``XY``, ``X0``, ``XXY``, ``XYY``, ``XXX``.
    ploidy_regions
        BED of X, Y, their pseudo-autosomal regions and MT, where the assembly is none that is known
        (``gpucall.ploidy.regions.read_bed``).
    alleles
        VCF or BCF of sites and alleles to be genotyped besides those that are discovered.
    parquet
        write the records as Parquet, too (``docs/parquet.md``).
    gvcf
        write a gVCF, too, as these settings say.
    progress
        called with (done, total, unit).
    reporting
        the profile that judges the sample; its platform and batch.
    sites
        the panel that contamination is estimated with, and the sites of the fingerprint sketch.
    depth_outputs
        further files of mosdepth.

    Raises
    ------
    GpucallError
        one of its children (``gpucall.errors``), where the input, the machine or the options are at fault.
    """
    report = SampleReport(reporting or Reporting(), whole_genome=not regions and targets is None)
    option = parse_sex(sex)
    settings = with_depth_outputs(settings, depth_outputs)
    with ExitStack() as stack:
        opened = open_sample(
            stack, reads, reference, device, threads, memory, regions, targets, sample, settings, sites
        )
        source, asked = opened.stream.source, opened.stream.regions
        run = Run(**vars(opened.stream), ploidies=find_ploidies(source, ploidy_regions, asked), gvcf=gvcf)
        if alleles is not None:
            run.given = open_sites(Path(alleles), run.reference, source, asked)
        folder = stack.enter_context(OutputFolder(Path(out), opened.name))
        workers = stack.enter_context(Workers(run.accumulator, opened.threads))
        return run_sample(run, opened, workers, folder, progress, option, report, parquet)


def parse_sex(text: str) -> str | None:
    """A class of sex chromosomes; None for ``auto``.

    Raises
    ------
    UsageError
    """
    known = {name.upper(): name for name in SEXES} | {"AUTO": None}
    if text.upper() not in known:
        raise UsageError(f"--sex '{text}' is not known; give auto or one of {', '.join(SEXES)}")
    return known[text.upper()]


def find_ploidies(source: RecordSource, bed: str | os.PathLike[str] | None, asked: Intervals | None) -> PloidyRegions:
    """Where the number of copies is not two: from the user's BED, else from the assembly that the contigs are of."""
    header = source.header
    contigs = {
        name: int(length)
        for name, length in zip(header.names, header.lengths, strict=True)
        if bed is not None or asked is None or name in asked
    }
    found = ploidy_regions.of_contigs(contigs) if bed is None else ploidy_regions.read_bed(bed, contigs)
    if not found.has_sex:
        log.info("no X or Y among the contigs to call: every position but MT has two copies")
    return found


def run_sample(
    run: Run,
    opened: Opened,
    workers: Workers,
    folder: OutputFolder,
    progress: Progress | None,
    option: str | None,
    report: SampleReport,
    parquet: bool,
) -> CallResult:
    """Stream the sample through the stages and publish the outputs; ``option``: the sex that the user gave."""
    name, device = opened.name, opened.device
    header = run.source.header
    batcher = run.batches()
    batches = run.calibrate(run.begun(batcher, workers))
    writers = open_writers(run, name, folder, parquet, device)
    ordered = run.ordered(folder.folder, name)
    counts = {"reads": 0, "variants": 0, "passed": 0}
    evidence = run.sex_evidence()

    def write(records: Written) -> None:
        for writer in writers:
            writer.write(records.text)
        counts["variants"] += records.variants
        counts["passed"] += records.passed

    held = HeldRecords(write, folder.folder)
    blocks = open_gvcf(run, name, folder, parquet, device)
    try:
        for piece in workers.results(batches, run.process):
            held.add(run.given.in_tiles(piece.segments, piece.tiles, run.ploidies) if run.given else piece.segments)
            if blocks is not None:
                blocks.add(piece.positions)
            evidence.add(piece.depth, piece.snvs)
            ordered.add(piece.measured.result())
            if progress is not None:
                progress(run.source.bytes_read, run.source.size, "B")
        check_not_empty(run, batcher)
        if run.given is not None:
            held.add(run.given.missed_after(run.ploidies))
        sex = sexing.infer(evidence, run.regions, option)
        held.release(sex.ploidy)
        if blocks is not None:
            blocks.close(sex.ploidy, sex.header())
    except BaseException:
        held.close()
        for writer in writers:
            writer.abort()
        if blocks is not None:
            blocks.abort()
        raise
    counts["reads"] = batcher.records_kept
    for writer in writers:
        writer.close(sex.header())
    report_sex(sex)
    sexing.write(sex, folder.path(f"{name}.sex.json"), name)
    total = qc.SampleQc.merged(workers.accumulators, header.contigs())
    for case, plain in run.given.plain.items() if run.given is not None else ():
        total.add_plain(plain.alleles, plain.depths, None if case[0] in FIXED else case)
    total.settle(lambda case: sex.ploidy(case[0]) == case[1])
    run.conclude(total)
    qc.write(total, folder.folder, name, ordered, opened.threads)
    verdict = report.write(folder.folder, name, total.figures(), header, run.source.path, total.curves())
    files = folder.publish(manifest(run, name, device))
    return CallResult(name, files["vcf"], files, device, counts, verdict)


def open_gvcf(run: Run, name: str, folder: OutputFolder, parquet: bool, device: str) -> GvcfOutput | None:
    """Where the gVCF goes, if there is to be one; its records as a table, too, with ``parquet``."""
    if run.gvcf is None:
        return None
    path, header = folder.path(f"{name}.g.vcf.gz"), run.source.header
    columns, settings = folder.path(f"{name}.gvcf.parquet"), run.settings.tables
    table = (lambda text: TableWriter(columns, text, name, "gvcf", settings)) if parquet else None
    writer = GvcfWriter(path, header, name, provenance(run, device), run.settings.filtering, run.gvcf, table)
    return GvcfOutput(writer, territory(run), run.gvcf, run.reference, folder.folder)


def territory(run: Run) -> Iterator[KindStretch]:
    """What a gVCF covers, in the order of the reads' contigs: all that the reference knows, or the regions asked."""
    header = run.source.header
    for contig, length in zip(header.names, header.lengths.tolist(), strict=True):
        if contig not in run.reference.contigs:
            continue
        spans = [(0, length)] if run.regions is None else run.regions.spans(contig).tolist()
        for start, stop in spans:
            yield from (KindStretch(contig, *each) for each in run.ploidies.split(contig, start, stop))


def report_sex(sex: sexing.Sex) -> None:
    """Say what the sample's sex is, and what is odd about it."""
    if sex.assembly == "none" and sex.source == "evidence":
        return
    log.info("sex: %s (%s, confidence %d)", sex.sex, sex.source, sex.confidence)
    matters = sex.evidence["x_bins"] or sex.evidence["y_bins"]
    for note in sex.notes():
        log.log(logging.WARNING if matters else logging.INFO, note)


def open_writers(
    run: Run, name: str, folder: OutputFolder, parquet: bool, device: str
) -> list[VcfWriter | TableWriter]:
    """What the lines of the VCF go to: the VCF, and a table where one is wanted."""
    settings = run.settings
    path = folder.path(f"{name}.vcf.gz")
    lines = [*provenance(run, device), *(given_header(settings.given) if run.given is not None else [])]
    vcf = VcfWriter(path, run.source.header, name, lines, settings.filtering)
    if not parquet:
        return [vcf]
    return [vcf, TableWriter(folder.path(f"{name}.variants.parquet"), vcf.header, name, "variants", settings.tables)]


__all__ = ["CallResult", "call"]

"""sample: all quality control of one sample behind one object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend, CpuBackend
from ..kernels.picard import ReadCounts
from ..kernels.records import Records
from ..kernels.stretch import WINDOW
from .alignment_summary import bad_by_cycle, write_alignment_summary
from .allele_balance import HETEROZYGOUS, AlleleBalance
from .coverage import CoverageCounts, is_autosome
from .depth import ContigDepth, Contigs, DepthCounts, write_distribution, write_summary
from .figures import Figures, call_figures, depth_figures, flag_figures, homozygote_figures
from .flags import FlagCounts, write_flagstat
from .gc_bias import GcWindows, write_gc_bias
from .homozygotes import HOMOZYGOUS, HomozygousReference
from .insert_size import Bins, insert_sizes, write_insert_sizes
from .inserts import InsertCounts
from .metrics import Metrics, contamination_metrics, coverage_metrics, read_metrics, variant_metrics, write_metrics
from .ordered import OrderedQc
from .picard_reads import PicardReads
from .quality_yield import write_quality_yield
from .regions import DepthPiece, DepthPlan, DepthWriters, RegionCounts
from .site_study import SiteFindings, SiteStudy
from .sites import SiteCounts
from .stats import ReadStats
from .stats_text import StatsParts, write_stats
from .territory import Territory, TileReference, pack_reference
from .variants import VariantCounts
from .vcfstats import VcfStats, is_snv
from .wgs import write_wgs

GAP_CHUNK = 1 << 24  # bp of reference read at once
Q30 = 30  # phred; GA4GH yield_bp_q30


class ReferenceBases(Protocol):
    """What ``fill_gaps`` needs of a reference."""

    @property
    def contigs(self) -> Mapping[str, int]:
        """Contig name -> length."""

    def fetch(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Upper-case ASCII bases; all but ACGT are N."""

    def letters(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Upper-case ASCII, each letter as it stands."""


class Variant(Protocol):
    """What ``add_variants`` needs of a call."""

    @property
    def ref(self) -> str:
        """REF."""

    @property
    def alts(self) -> Sequence[str]:
        """ALT."""

    @property
    def genotype(self) -> Sequence[int]:
        """Allele numbers, -1: missing."""

    @property
    def filters(self) -> Sequence[str]:
        """FILTER; empty: PASS."""

    @property
    def qual(self) -> float:
        """QUAL."""

    @property
    def counts(self) -> Sequence[int]:
        """Fragments of each allele (AD)."""

    @property
    def info(self) -> Mapping[str, object]:
        """INFO."""


class Curves(NamedTuple):
    """Lines for reports.

    allele_balance  heterozygous SNVs by share of alternate fragments; None: nothing was called
    bad_bases       of each read of the pair: per cent of reads with N or a mismatch, by cycle
    """

    allele_balance: dict[str, int] | None
    bad_bases: dict[str, dict[str, float]]


class CallCounts:
    """What is counted of calls."""

    def __init__(self) -> None:
        self.variants = VariantCounts()
        self.vcf_stats = VcfStats()
        self.balance = AlleleBalance()
        self.homozygotes = HomozygousReference()

    def add(self, calls: Iterable[tuple[str, Variant]]) -> None:
        """Count calls, each with its contig's name."""
        snvs: list[Variant] = []
        passed: list[Variant] = []
        for contig, call in calls:
            if is_snv(call.ref, call.alts, call.info):
                snvs.append(call)
            else:
                self.vcf_stats.add(call.ref, call.alts, round(call.qual, 2), call.info)
            if not call.filters and is_autosome(contig):
                passed.append(call)
        changes = [call.ref + call.alts[0] for call in snvs]
        self.vcf_stats.add_snvs(changes, [call.qual for call in snvs], [call.info for call in snvs])
        kinds = [(call.ref, tuple(call.alts), tuple(call.genotype)) for call in passed]
        for kind, times in Counter(kinds).items():
            self.variants.add(*kind, times)
        for (ref, alts, genotype), call in zip(kinds, passed, strict=True):
            if len(ref) == 1 and len(alts) == 1 and len(alts[0]) == 1:
                if genotype == HOMOZYGOUS:
                    self.homozygotes.add(call.counts)
                elif genotype in HETEROZYGOUS:
                    self.balance.add(call.counts)

    def merge(self, other: CallCounts) -> None:
        """Add what another worker counted."""
        self.variants.merge(other.variants)
        self.vcf_stats.merge(other.vcf_stats)
        self.balance.merge(other.balance)
        self.homozygotes.merge(other.homozygotes)


class SampleQc:
    """Accumulators of one worker; workers' are merged at the end, in any order.

    Parameters
    ----------
    contigs
        name, length and what else of every contig, in the alignment file's order.
    backend
        where the columns given to ``add_reads`` and ``add_depth`` lie and kernels run.
    study
        lists of sites whose bases are counted; None: none.
    plan
        which further files of mosdepth are wanted; None: none.
    """

    def __init__(
        self,
        contigs: Sequence[tuple[Any, ...]],
        backend: Backend | None = None,
        study: SiteStudy | None = None,
        plan: DepthPlan | None = None,
    ) -> None:
        self._backend = backend = backend or CpuBackend()
        self.contigs: Contigs = [(str(contig[0]), int(contig[1])) for contig in contigs]
        self.autosomes = {tid: name for tid, (name, _) in enumerate(self.contigs) if is_autosome(name)}
        self.flags = FlagCounts(backend, len(self.contigs))
        self.inserts = InsertCounts(backend)
        self.reads = ReadStats(backend)
        self.depth = DepthCounts(backend)
        self.regions = RegionCounts(backend, plan) if plan is not None else None
        self.coverage = CoverageCounts(backend)
        self.picard = PicardReads(backend)
        self.windows = GcWindows(backend)
        self.territory = Territory()
        self.calls = CallCounts()
        self.waiting: dict[Hashable, CallCounts] = {}  # calls that count only if something turns out to be so
        self.has_variants = False
        self.sites: list[SiteCounts] = [] if study is None else study.counts(backend)
        self.findings: SiteFindings | None = None

    def add_reads(self, records: Records, first: int, stop: int) -> Any:
        """Count rows [first, stop) as reads; each record of a file once. What ``ReadStats.add`` returns."""
        self.picard.add_unmapped(records, first, stop)
        return self.reads.add(records, first, stop, self.flags.kinds(self.inserts))

    def pack(self, letters: NDArray[np.uint8], origin: int) -> TileReference:
        """The reference under a tile, for ``add_alignments`` and ``add_depth``.

        Parameters
        ----------
        letters
            uint8[n]: the contig's reference from ``origin`` on, upper-case ASCII as it stands in the file. It reaches
            as far as the tile's reads and ``WINDOW`` bp around them and around the tile, or to the contig's ends.
        """
        return pack_reference(letters, origin, self._backend)

    def add_alignments(
        self, records: Records, reference: TileReference, tid: int, start: int, stop: int, rows: tuple[int, int]
    ) -> None:
        """Count the mapped reads that start in [start, stop) of contig ``tid``; each of a file once.

        ``rows``: rows [rows[0], rows[1]) hold them.
        """
        self.picard.add(records, reference, self.contigs[tid][1], tid, start, stop, rows)

    def add_depth(
        self,
        records: Records,
        reference: TileReference | None,
        tid: int,
        start: int,
        stop: int,
        rows: tuple[int, int] | None = None,
    ) -> DepthPiece | None:
        """Count the depth of positions [start, stop) of contig ``tid``; each position of a genome once.

        Returns what must be put into genome order, if anything.

        Parameters
        ----------
        records
            columns with every read that reaches into the range and the mates that overlap those.
        reference
            what ``pack`` gives. None: the range is left out of the coverage.
        rows
            only rows [rows[0], rows[1]) can reach into the range; None: all.
        """
        if start >= stop:
            return None
        rows = rows or (0, len(records.pos))
        depth, deepest = self.depth.add(records, tid, start, stop, rows)
        if reference is not None:
            name, length = self.contigs[tid]
            self.territory.add(name, start, stop)
            self.windows.add(reference.packed.letters, reference.origin, start, stop, length)
            letters = reference.letters(start, stop)
            self.coverage.add(records, letters, tid, start, stop, rows, tid in self.autosomes)
        return self.regions.add(tid, start, stop, depth, deepest) if self.regions is not None else None

    def add_sites(
        self,
        host: Records,
        device: Records,
        tid: int,
        start: int,
        stop: int,
        rows: tuple[int, int],
        reference: tuple[int, NDArray[np.uint8]] | None,
    ) -> None:
        """Count the bases at listed sites in [start, stop) of contig ``tid`` (``SiteCounts.add``)."""
        for counts in self.sites:
            counts.add(host, device, tid, start, stop, rows, reference)

    def fill_gaps(self, reference: ReferenceBases, within: Mapping[str, NDArray[np.int64]] | None = None) -> None:
        """Count the reference that no ``add_depth`` counted, after all workers are merged: depth 0.

        ``within`` limits it to some intervals (contig -> int64[n, 2], sorted, apart); None: the whole reference.
        """
        lengths, ours = reference.contigs, {name for name, _ in self.contigs}
        if within is None:
            within = {name: np.array([[0, length]]) for name, length in lengths.items()}
        asked = {name: spans for name, spans in within.items() if name in lengths}
        for name, start, stop in list(self.territory.gaps(asked)):
            for low in range(start, stop, GAP_CHUNK):
                high = min(low + GAP_CHUNK, stop)
                letters = reference.letters(name, low, min(high + WINDOW, lengths[name]))
                self.windows.add(self._backend.upload(letters), low, low, high, lengths[name])
                if name in ours:
                    known = high - low - int(np.count_nonzero(letters[: high - low] == ord("N")))
                    self.coverage.add_uncovered(known, is_autosome(name))

    def add_variants(self, calls: Iterable[tuple[str, Variant]], case: Hashable = None) -> None:
        """Count calls, each with its contig's name. Called at all, it makes "none found" a count of 0.

        With a ``case`` they count only if that is what turns out (``settle``), such as a number of X chromosomes.
        """
        self.has_variants = True
        counts = self.calls if case is None else self.waiting.setdefault(case, CallCounts())
        counts.add(calls)

    def add_plain(
        self, alleles: Mapping[tuple[str, str], int], depths: Mapping[int, int], case: Hashable = None
    ) -> None:
        """Count records of given sites at which no alternate was found: REF and ALT of each, and their INFO/DP."""
        self.has_variants = True
        stats = (self.calls if case is None else self.waiting.setdefault(case, CallCounts())).vcf_stats
        for (ref, alts), times in alleles.items():
            stats.add_alike(ref, alts.split(","), 0.0, times)
        stats.add_depths(depths)

    def settle(self, holds: Callable[[Any], bool]) -> None:
        """Count the calls of the cases that hold, forget the others."""
        for case, counts in self.waiting.items():
            if holds(case):
                self.calls.merge(counts)
        self.waiting.clear()

    @classmethod
    def merged(cls, workers: Sequence[SampleQc], contigs: Sequence[tuple[Any, ...]]) -> SampleQc:
        """What all workers counted, in one (the first worker's); of no workers, an empty one."""
        total = workers[0] if workers else cls(contigs)
        for other in workers[1:]:
            total.merge(other)
        return total

    def merge(self, other: SampleQc) -> None:
        """Add what another worker counted."""
        self.flags.merge(other.flags)
        self.inserts.merge(other.inserts)
        self.reads.merge(other.reads)
        self.depth.merge(other.depth)
        if self.regions is not None and other.regions is not None:
            self.regions.merge(other.regions)
        self.coverage.merge(other.coverage)
        self.picard.merge(other.picard)
        self.windows.merge(other.windows)
        self.territory.merge(other.territory)
        self.calls.merge(other.calls)
        for case, counts in other.waiting.items():
            self.waiting.setdefault(case, CallCounts()).merge(counts)
        self.has_variants |= other.has_variants
        for sites, others in zip(self.sites, other.sites, strict=True):
            sites.merge(others)

    def insert_sizes(self) -> dict[str, Bins]:
        """Orientation of pairs -> insert sizes and how many pairs have each (Picard's)."""
        return insert_sizes(self.picard.counted(), self.picard.far)

    def alignment_metrics(self) -> Metrics:
        """GA4GH metrics of reads and coverage."""
        metrics = read_metrics(self.flags.result(), self.reads.result().yielded(Q30), self.inserts.result())
        metrics |= coverage_metrics(self.coverage.result())
        return metrics | contamination_metrics(self.findings.estimate if self.findings else None)

    def variant_metrics(self) -> Metrics:
        """GA4GH metrics of the calls."""
        return variant_metrics(self.calls.variants.result() if self.has_variants else None)

    def curves(self) -> Curves:
        """What is shown as lines and is in no other tool's file."""
        balance = self.calls.balance.result() if self.has_variants else None
        return Curves(balance, bad_by_cycle(self.picard.counted()))

    def figures(self) -> Figures:
        """All figures that are counted here (``figures.FIGURES``), by name."""
        depth = self.depth.result(self.contigs, self.flags.records_per_contig())
        figures: Figures = {**self.alignment_metrics(), **self.variant_metrics()}
        figures |= flag_figures(self.flags.result()) | depth_figures(depth)
        figures |= homozygote_figures(self.calls.homozygotes.result())
        return figures | (call_figures(self.calls.variants.result()) if self.has_variants else {})


def write(
    qc: SampleQc, directory: Path, sample: str, ordered: OrderedQc | None = None, threads: int = 1
) -> dict[str, Path]:
    """Write all QC files of a sample; what each is -> where it is.

    ``ordered`` is what was counted in the file's order; None: nothing was. Of several ``threads`` one draws the
    qualities for HET_SNP_SENSITIVITY meanwhile, which takes as long as all other files together.
    """
    files = {
        "flagstat": directory / f"{sample}.flagstat.txt",
        "stats": directory / f"{sample}.stats.txt",
        "mosdepth_summary": directory / f"{sample}.mosdepth.summary.txt",
        "mosdepth_distribution": directory / f"{sample}.mosdepth.global.dist.txt",
        "quality_yield": directory / f"{sample}.quality_yield_metrics.txt",
        "insert_size": directory / f"{sample}.insert_size_metrics.txt",
        "alignment_summary": directory / f"{sample}.alignment_summary_metrics.txt",
        "wgs": directory / f"{sample}.wgs_metrics.txt",
        "gc_bias_detail": directory / f"{sample}.gc_bias.detail_metrics.txt",
        "gc_bias_summary": directory / f"{sample}.gc_bias.summary_metrics.txt",
        "metrics": directory / f"{sample}.metrics.json",
    }
    counts = qc.picard.result()
    coverage = files["wgs"], sample, qc.coverage.everywhere(), counts.excluded
    with ThreadPoolExecutor(1, thread_name_prefix="gpucall-wgs") as aside:
        wgs = aside.submit(write_wgs, *coverage) if threads > 1 else None
        if not write_others(qc, files, directory, sample, ordered or OrderedQc(), counts):
            del files["insert_size"]
        if not (wgs.result() if wgs is not None else write_wgs(*coverage)):
            del files["wgs"]
    return files


def write_others(
    qc: SampleQc, files: dict[str, Path], directory: Path, sample: str, ordered: OrderedQc, counts: ReadCounts
) -> bool:
    """Write all QC files but that of coverage, and add those that not every sample has; False: none of insert sizes."""
    depth = qc.depth.result(qc.contigs, qc.flags.records_per_contig())
    write_flagstat(files["flagstat"], qc.flags.result())
    write_stats(files["stats"], stats_parts(qc, ordered))
    inside: list[ContigDepth] = []
    if ordered.writers:
        depth, inside = write_regions(qc, ordered.writers, directory, sample, depth)
    write_summary(files["mosdepth_summary"], depth, inside)
    write_distribution(files["mosdepth_distribution"], depth)
    write_quality_yield(files["quality_yield"], sample, counts, qc.reads.result())
    has_inserts = write_insert_sizes(files["insert_size"], sample, qc.insert_sizes())
    write_alignment_summary(files["alignment_summary"], sample, counts)
    write_gc_bias(files["gc_bias_detail"], files["gc_bias_summary"], sample, qc.windows.result(), counts)
    write_metrics(files["metrics"], sample, qc.alignment_metrics(), qc.variant_metrics())
    if qc.findings is not None:
        files |= qc.findings.write(directory, sample, depth)
    if qc.has_variants:
        files["vcfstats"] = directory / f"{sample}.vcfstats.txt"
        qc.calls.vcf_stats.write(files["vcfstats"], f"{sample}.vcf.gz")
    return has_inserts


def write_regions(
    qc: SampleQc, writers: DepthWriters, directory: Path, sample: str, depth: Sequence[ContigDepth]
) -> tuple[list[ContigDepth], list[ContigDepth]]:
    """Finish mosdepth's further files; the contigs that its summary shows, of those in ``depth``, and their regions."""
    tids = {name: tid for tid, (name, _) in enumerate(qc.contigs)}
    writers.close(tids[name] for name, _ in depth)
    shown = [contig for contig in depth if writers.plan.shown(tids[contig.name])]
    regions = writers.plan.regions
    if regions is None or qc.regions is None:
        return shown, []
    rows = [ContigDepth(name, writers.distribution(regions, tids[name], qc.regions)) for name, _ in shown]
    write_distribution(directory / f"{sample}.mosdepth.region.dist.txt", rows)
    return shown, shown if regions.windows else rows


def stats_parts(qc: SampleQc, ordered: OrderedQc) -> StatsParts:
    """What the text of samtools stats is made of."""
    inserts = qc.inserts.histogram().sum(axis=0)
    return StatsParts(qc.reads.result(), qc.flags.histogram(), inserts, qc.depth.stats_histogram(), ordered.gc_depth)

"""sites: all given sites of a run, those of a tile, and those that no tile owns."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..config import Settings
from ..errors import InputError
from ..genotype import Call
from ..io.alignments import RecordSource
from ..io.alleles import NO_BASE, Sites, read_alleles
from ..io.reference import Reference
from ..ploidy.held import Segment, Written
from ..ploidy.regions import OPTIONS, Kind, PloidyRegions
from ..reads import Tile
from ..tiles import Intervals
from .bases import weigh_bases
from .records import Answer, Plain, Record, View, in_writing, is_same, merge, no_call, why_not
from .windows import weigh_haplotypes

log = logging.getLogger("gpucall")


class GivenSites:
    """All given sites, and those that have been passed by in genome order.

    Parameters
    ----------
    sites
        by contig (``io.alleles.read_alleles``).
    names
        contigs in the order of the output.
    regions
        only sites in these; None: all.
    """

    def __init__(self, sites: dict[str, Sites], names: Sequence[str], regions: Intervals | None) -> None:
        self.sites = sites
        self._names = names
        self._regions = regions
        self._passed = (0, 0)  # contig and position up to which sites have been answered
        self.plain: dict[tuple[Kind, int], Plain] = {}  # of sites that no tile owns

    def rows(self, contig: str, start: int, stop: int) -> NDArray[np.int64]:
        """Rows of the sites with POS in [start, stop), as far as they were asked for."""
        if contig not in self.sites:
            return np.empty(0, dtype=np.int64)
        sites = self.sites[contig]
        rows = np.arange(*sites.range(start, stop), dtype=np.int64)
        return rows if self._regions is None else rows[self._regions.contains(contig, sites.position[rows])]

    def in_tiles(
        self, segments: Sequence[Segment], tiles: Sequence[tuple[Tile, int]], ploidies: PloidyRegions
    ) -> Iterator[Segment]:
        """The segments of some tiles (each comes with the number of segments before it), and before each tile's the
        records of the sites that no tile owns."""
        ends = [first for _, first in tiles[1:]] + [len(segments)] * bool(tiles)
        for (tile, first), end in zip(tiles, ends, strict=True):
            yield from self.missed_before(tile.tid, tile.start, tile.stop, ploidies)
            yield from segments[first:end]

    def missed_before(self, tid: int, start: int, stop: int, ploidies: PloidyRegions) -> Iterator[Segment]:
        """Records of the sites between what was passed and a tile, which come before the tile's."""
        at, position = self._passed
        while at < tid:
            yield from self._missed(at, position, None, ploidies)
            at, position = at + 1, 0
        yield from self._missed(tid, position, start, ploidies)
        self._passed = (tid, stop)

    def missed_after(self, ploidies: PloidyRegions) -> Iterator[Segment]:
        """Records of the sites after the last tile."""
        at, position = self._passed
        for tid in range(at, len(self._names)):
            yield from self._missed(tid, position, None, ploidies)
            position = 0

    def _missed(self, tid: int, start: int, stop: int | None, ploidies: PloidyRegions) -> Iterator[Segment]:
        contig = self._names[tid]
        if contig not in self.sites:
            return
        sites = self.sites[contig]
        end = int(sites.position[-1]) + 1 if stop is None else stop
        if not len(self.rows(contig, start, end)):
            return
        for low, high, kind in ploidies.split(contig, start, end):
            rows = self.rows(contig, low, high).tolist()
            options = {}
            for copies in copies_of(kind):
                merged = merge(contig, [], [uncovered(contig, sites, row, copies) for row in rows], sites)
                self.plain.setdefault((kind, copies), Plain()).merge(merged.plain)
                options[copies] = Written(merged.text)
            yield Segment(kind, options)


def copies_of(kind: Kind) -> tuple[int, ...]:
    """Numbers of copies under which a given site of a stretch has a record; 0 where there may be none."""
    return (*OPTIONS[kind], 0) if kind is Kind.Y else OPTIONS[kind] or (0,)


def uncovered(contig: str, sites: Sites, row: int, copies: int) -> Answer:
    """The record of a site that no read comes near."""
    unknown = "N" in sites.text[row].split("\t")[1].upper()
    return no_call(contig, sites, row, copies, "NoCopies" if not copies else "NotCallable" if unknown else "NoCoverage")


def genotype_sites(
    view: View,
    contig: str,
    sites: Sites,
    rows: NDArray[np.int64],
    ploidy: int,
    gaps: NDArray[np.int32],
    settings: Settings,
) -> list[Answer]:
    """The records of some sites of one contig, in order; ``rows`` are those of ``sites`` that the view decides."""
    if not ploidy:
        return [no_call(contig, sites, row, 0, "NoCopies") for row in rows.tolist()]
    by_base, by_haplotype, answers = sort_out(view, contig, sites, rows, ploidy, settings)
    answers += weigh_bases(view, contig, sites, by_base, ploidy, by_haplotype, settings)
    answers += weigh_haplotypes(view, contig, sites, sorted(by_haplotype), ploidy, gaps, settings)
    return sorted(answers, key=lambda answer: answer.row)


def sort_out(
    view: View, contig: str, sites: Sites, rows: NDArray[np.int64], ploidy: int, settings: Settings
) -> tuple[NDArray[np.int64], list[int], list[Answer]]:
    """Which sites their bases decide, which haplotypes, and the answers that are known already."""
    known: dict[int, list[Call]] = {}
    for call in view.calls:
        known.setdefault(call.position, []).append(call)
    answers: list[Answer] = []
    by_haplotype: list[int] = []
    simple = sites.ref[rows] != NO_BASE
    called = np.isin(sites.position[rows], np.array(list(known), dtype=np.int64))
    for row in rows[called | ~simple].tolist():
        written = Record(sites, row)
        same = [call for call in known.get(written.position, ()) if is_same(call, written)]
        if same:
            answers.append(Answer(row, in_writing(same[0], written), absorbed=same[:1]))
        elif reason := why_not(view.reads, written, settings.given):
            answers.append(no_call(contig, sites, row, ploidy, reason))
        elif not written.is_simple or any(call.is_snv and call.edge < 0 for call in known.get(written.position, ())):
            by_haplotype.append(row)
    done = np.array([*(answer.row for answer in answers), *by_haplotype], dtype=np.int64)
    return np.setdiff1d(rows, done, assume_unique=True), by_haplotype, answers


def open_sites(path: Path, reference: Reference, source: RecordSource, regions: Intervals | None) -> GivenSites:
    """The sites of an alleles file, all of whose contigs the reads know.

    Raises
    ------
    InputError, ReferenceMismatch
        as ``io.alleles.read_alleles``.
    """
    sites = read_alleles(path, reference)
    for contig in sites:
        if contig not in source.header.names:
            raise InputError(f"{path}: unknown contig '{contig}': {source.path} does not have it in its header")
    log.info("given sites: %d", sum(len(each.position) for each in sites.values()))
    return GivenSites(sites, source.header.names, regions)

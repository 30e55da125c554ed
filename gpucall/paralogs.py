"""Stage: loci where the reads of a copy that the reference lacks pile up.

Such reads bring a third haplotype: the depth is high, and the differences between the copies are heterozygous calls
that sit on the same reads, on fewer than half of them. A true variant of the locus is on other reads than those, so
it can be told apart and stays.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .config import Paralogs
from .genotype import BASES, Call
from .pileup import TileReads


@dataclass
class Site:
    """A heterozygous SNV call and the calls that it shares reads with."""

    call: Call
    crowded: float  # depth over the sample's usual depth
    cis: set[int] = field(default_factory=set)  # sites whose alternates are on the same reads
    trans: set[int] = field(default_factory=set)  # sites whose alternates are on other reads
    foreign: bool = False  # a third haplotype explains it

    @cached_property
    def share(self) -> tuple[int, int]:
        """Alternate fragments, and all that support an allele."""
        return sum(self.call.counts[1:]), sum(self.call.counts)


FILTER = "ThirdHaplotype"


def suspects(
    reads: TileReads, calls: list[Call], depth: NDArray[np.int32], usual: float, settings: Paralogs
) -> list[Site]:
    """The heterozygous SNVs among the calls of a tile (and its surroundings), judged."""
    if usual <= 0:
        return []
    chosen = [call for call in calls if call.is_snv and len(call.alts) == 1 and sorted(call.genotype) == [0, 1]]
    crowding = mean_depths([call.position - reads.origin for call in chosen], depth, settings.depth_reach) / usual
    sites = [Site(call, crowded) for call, crowded in zip(chosen, crowding.tolist(), strict=True)]
    link(reads, sites, settings)
    core = {index for index in range(len(sites)) if is_core(index, sites, settings)}
    for index, site in enumerate(sites):
        site.foreign = index in core or joins(index, sites, core, settings)
    return sites


def mean_depths(at: list[int], depth: NDArray[np.int32], reach: int) -> NDArray[np.float64]:
    """Mean of ``depth`` within ``reach`` of some of its indices, as far as it goes."""
    if not at:
        return np.empty(0)
    low = np.maximum(np.array(at) - reach, 0)
    high = np.minimum(np.array(at) + reach + 1, len(depth))
    bounds = np.stack([low, high], axis=1).ravel()
    longer = np.concatenate([depth, depth[:1]])  # every bound must be an index
    sums = np.add.reduceat(longer, bounds, dtype=np.int64)[::2]  # what lies between two is not asked for
    means: NDArray[np.float64] = sums / (high - low)
    return means


def mark(sites: list[Site]) -> list[Call]:
    """Add the filter to the calls that a third haplotype explains; those calls."""
    marked = [site.call for site in sites if site.foreign]
    for call in marked:
        call.filters.append(FILTER)
    return marked


def without_foreign(reads: TileReads, marked: list[Call]) -> NDArray[np.uint8]:
    """``usable`` of the batch without the reads that show the third haplotype."""
    backend, xp = reads.backend, reads.backend.xp
    positions = np.array([call.position for call in marked], dtype=np.int64)
    bases = np.array([BASES.index(call.alts[0]) for call in marked], dtype=np.int64)
    foreign = xp.zeros(len(reads.rows), dtype=xp.uint8)
    columns = (reads.rows, backend.upload(positions), backend.upload(bases), foreign)
    backend.launch("haplotype.foreign", len(reads.rows), reads.batch.device, *columns)
    usable = reads.batch.usable.copy()
    usable[reads.host_rows[backend.download(foreign) > 0]] = 0
    return usable


def regions(marked: list[Call], settings: Paralogs) -> list[tuple[int, int]]:
    """Stretches around the marked calls, apart from each other, that are called again without the foreign reads."""
    merged: list[tuple[int, int]] = []
    for call in marked:
        start, stop = call.position - settings.neighbourhood, call.position + settings.neighbourhood + 1
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], stop)
        else:
            merged.append((start, stop))
    return merged


def link(reads: TileReads, sites: list[Site], settings: Paralogs) -> None:
    """Find which sites' alternates share reads."""
    crowded = {index for index, site in enumerate(sites) if site.crowded >= settings.min_crowding}
    pairs = [
        (a, b)
        for a in sorted(crowded)
        for b in range(a + 1, min(a + settings.most_neighbours, len(sites)))
        if b in crowded and sites[b].call.position - sites[a].call.position <= settings.link_reach
    ]
    if not pairs:
        return
    columns = [(sites[a].call.position, code(sites[a]), sites[b].call.position, code(sites[b])) for a, b in pairs]
    table = np.array(columns, dtype=np.int64)
    low, high = reads.row_range(table[:, 2], table[:, 0] + 1)
    backend = reads.backend
    out = backend.xp.zeros((len(pairs), 2, 2), dtype=backend.xp.int32)
    uploaded = (backend.upload(column) for column in (low, high, table))
    backend.launch("haplotype.links", len(pairs), reads.batch.device, reads.usable, *uploaded, out)
    counts = backend.download(out)
    for (a, b), ((_, first_only), (second_only, both)) in zip(pairs, counts.tolist(), strict=True):
        if both >= settings.min_linked and both >= 4 * max(first_only, second_only):
            sites[a].cis.add(b)
            sites[b].cis.add(a)
        elif min(first_only, second_only) >= settings.min_linked and both * 4 <= min(first_only, second_only):
            sites[a].trans.add(b)
            sites[b].trans.add(a)


def code(site: Site) -> int:
    """Alternate base as 0-3."""
    return BASES.index(site.call.alts[0])


def near(a: Site, b: Site, settings: Paralogs) -> bool:
    """True where two sites are in one neighbourhood."""
    return abs(a.call.position - b.call.position) <= settings.neighbourhood


class Shared(NamedTuple):
    """A site and those around it on the same reads: how many, their crowding, and their alternates' share, permille."""

    sites: int
    crowded: float
    permille: float


def shared_reads(index: int, sites: list[Site], settings: Paralogs) -> Shared:
    """What a site and those on the same reads around it look like together.

    Only the neighbourhood is looked at, so that where tiles end does not matter.
    """
    site = sites[index]
    group, todo = {index}, [index]
    while todo:
        fresh = {other for other in sites[todo.pop()].cis if other not in group and near(site, sites[other], settings)}
        group |= fresh
        todo += sorted(fresh)
    alternate = sum(sites[other].share[0] for other in group)
    total = sum(sites[other].share[1] for other in group)
    crowded = sum(sites[other].crowded for other in sorted(group)) / len(group)
    return Shared(len(group), crowded, alternate * 1000 / max(total, 1))


def is_core(index: int, sites: list[Site], settings: Paralogs) -> bool:
    """True for a site that, with those on the same reads around it, looks like part of a third haplotype."""
    if settings.min_sites > 1 and not sites[index].cis:
        return False
    found = shared_reads(index, sites, settings)
    return (
        found.sites >= settings.min_sites
        and found.crowded >= settings.min_crowding
        and found.permille <= settings.highest_permille
    )


def joins(index: int, sites: list[Site], core: set[int], settings: Paralogs) -> bool:
    """True for a site close to a third haplotype that looks like it, and is not on other reads."""
    if not core:
        return False
    site = sites[index]
    alternate, total = site.share
    if site.crowded < settings.min_crowding or alternate * 1000 > settings.highest_permille * total:
        return False
    close = {other for other in core if near(site, sites[other], settings)}
    return bool(close) and not site.trans & core

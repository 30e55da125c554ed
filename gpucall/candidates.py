"""Stage: candidate alleles from the evidence, and the windows in which alleles are weighed together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from itertools import cycle
from operator import and_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .config import Candidates, Genotyping
from .kernels.haplotype import anchor_distances
from .kernels.pileup import Events, Evidence
from .kernels.tables import indel_priors
from .pileup import TileReads

LETTERS = b"ACGT"


class Allele(NamedTuple):
    """The bases [position, position + deleted) of the contig (0-based) become ``inserted``.

    A SNV deletes one base and inserts one; an indel does one of both, left-aligned, or changes the bases beside a
    deletion, too.
    """

    position: int
    deleted: int
    inserted: bytes
    support: int  # fragments

    @property
    def is_snv(self) -> bool:
        """True for a single base that is replaced."""
        return self.deleted == 1 and len(self.inserted) == 1

    @property
    def stop(self) -> int:
        """Position after the last base that the allele touches (at least one)."""
        return self.position + max(self.deleted, 1)


@dataclass
class Window:
    """Alleles that are weighed together over [start, stop); the alleles themselves lie in [core_start, core_stop)."""

    alleles: list[Allele]
    core_start: int
    core_stop: int
    start: int = 0
    stop: int = 0
    priors: list[int] = field(default_factory=list)  # cost of each allele, 1/64 phred


@dataclass
class Found:
    """What a tile's evidence suggests.

    snv_positions  0-based positions, outside of windows, whose bases alone decide
    windows        groups of alleles, at least one of them an indel or beside a long repeat, that need haplotypes
    """

    snv_positions: NDArray[np.int64]
    windows: list[Window] = field(default_factory=list)


def find(
    reads: TileReads, evidence: Evidence, events: Events, settings: Candidates, priors: Genotyping, margin: int
) -> Found:
    """Candidates of the tile and ``margin`` bp around it."""
    first, last = reads.tile.start - margin, reads.tile.stop + margin
    depth = reads.backend.download(evidence.depth)
    snvs = list(snv_alleles(reads, evidence, settings))
    indels = list(indel_alleles(reads, events, depth, settings))
    alone: list[int] = []
    windows = []
    spans = [(allele, allele.stop + right_shift(reads, allele)) for allele in sorted(snvs + indels)]
    shifted = beside_repeats(reads, snvs, settings)
    for group in cluster(spans, settings):
        if all(allele.is_snv and allele.position not in shifted for allele in group):
            alone.extend({allele.position for allele in group})
        else:
            window = make_window(reads, group, settings, priors)
            if first <= window.core_start < last:
                windows.append(window)
    positions = np.array(sorted(alone), dtype=np.int64)
    return Found(positions[(positions >= first) & (positions < last)], windows)


def beside_repeats(reads: TileReads, snvs: list[Allele], settings: Candidates) -> set[int]:
    """Positions of the SNVs beside a repeat so long that reads gain or lose units there, and show it shifted."""
    size = settings.repeat_side
    positions = np.array([allele.position for allele in snvs], dtype=np.int64)
    nothing = np.arange(size, dtype=np.uint8)  # no repeat
    padded = np.concatenate([nothing, reads.bases, nothing])
    at = (positions - reads.origin + size)[:, None] + np.arange(1, size + 1)
    found = np.zeros(len(positions), dtype=bool)
    for side in (padded[at], padded[at - size - 1]):
        for unit in (1, 2):
            found |= (side[:, unit:] == side[:, :-unit]).all(axis=1)
    return set(positions[found].tolist())


class Criterion(NamedTuple):
    """One condition of becoming a candidate: ``measured`` is at least ``needed`` (numbers, or arrays of them).

    Both are integers, in 1/``unit`` of what a person would compare.
    """

    what: str
    measured: Any
    needed: Any
    unit: Any = 1

    @property
    def met(self) -> Any:
        """Where the condition holds."""
        return self.measured >= self.needed


def snv_criteria(count: Any, quality: Any, depth: Any, settings: Candidates) -> list[Criterion]:
    """What a base other than the reference's must show: of ``depth`` reads ``count``, with a sum of qualities."""
    return [
        Criterion("reads", count, settings.min_support),
        Criterion("sum of qualities", quality, settings.min_quality_sum),
        Criterion("% of the reads", count * 1000, depth * settings.min_snv_permille, depth * 10),
    ]


def indel_criteria(support: Any, depth: Any, settings: Candidates) -> list[Criterion]:
    """What an indel must show: ``support`` fragments at a place of ``depth`` reads."""
    shallow = np.less_equal(depth, settings.shallow)
    return [
        Criterion("fragments", support, np.where(shallow, 1, settings.min_support)),
        Criterion("% of the reads", support * 1000, depth * settings.min_indel_permille, depth * 10),
    ]


def snv_alleles(reads: TileReads, evidence: Evidence, settings: Candidates) -> Iterator[Allele]:
    """Bases other than the reference's that enough reads show."""
    xp = reads.backend.xp
    low = max(reads.tile.start - reads.halo - reads.origin, 0)
    high = min(reads.tile.stop + reads.halo - reads.origin, len(reads.bases))
    some = xp.flatnonzero(evidence.count[low:high] >= settings.min_support)  # few: the rest is asked of these only
    numbers = (evidence.count[low:high].ravel()[some], evidence.quality[low:high].ravel()[some])
    columns = (some, *numbers, evidence.depth[low:high][some // 4])
    at, count, quality, depth = (reads.backend.download(column) for column in columns)
    enough = reduce(and_, (criterion.met for criterion in snv_criteria(count, quality, depth, settings)))
    positions, letters = np.divmod(at[enough], 4)
    for index, letter, fragments in zip(positions.tolist(), letters.tolist(), count[enough].tolist(), strict=True):
        yield Allele(reads.origin + low + index, 1, LETTERS[letter : letter + 1], fragments)


def indel_alleles(reads: TileReads, events: Events, depth: NDArray[np.int32], settings: Candidates) -> Iterator[Allele]:
    """Insertions and deletions that enough fragments show."""
    firsts, support = distinct_indels(reads, events)
    criteria = indel_criteria(support, depth[events.position[firsts]], settings)
    enough = reduce(and_, (criterion.met for criterion in criteria))
    for first, fragments in zip(firsts[enough].tolist(), support[enough].tolist(), strict=True):
        allele = indel_allele(reads, events, first, fragments)
        if b"N" not in allele.inserted:
            yield allele


def distinct_indels(reads: TileReads, events: Events) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """One event of each distinct indel, ordered by position, and the fragments that show it."""
    names = reads.batch.records.name_hash[events.row]
    order = np.lexsort((names, events.key, events.length, events.position))
    columns = [column[order] for column in (events.position, events.length, events.key)]
    new_allele = np.ones(len(order), dtype=bool)
    new_allele[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    new_fragment = new_allele.copy()
    new_fragment[1:] |= names[order][1:] != names[order][:-1]
    firsts = np.flatnonzero(new_allele)
    support = np.add.reduceat(new_fragment.astype(np.int64), firsts) if len(firsts) else firsts
    return order[firsts], support


def indel_allele(reads: TileReads, events: Events, event: int, support: int) -> Allele:
    """The allele of an event."""
    length = int(events.length[event])
    inserted = inserted_bases(reads, events, event) if events.key[event] else b""
    return Allele(reads.origin + int(events.position[event]), len(inserted) - length, inserted, support)


def inserted_bases(reads: TileReads, events: Events, event: int) -> bytes:
    """The left-aligned inserted bases of an event as ASCII; N for what is not A, C, G, T."""
    host = reads.batch.records
    row, query, length = int(events.row[event]), int(events.query[event]), int(events.length[event])
    if query < 0:
        return reads.assembled[-query - 1].inserted
    seq = int(host.seq[row])
    indices = query + (np.arange(length) - int(events.rotation[event])) % length
    nibbles = host.raw[seq + (indices >> 1)] >> (4 * (1 - (indices & 1))) & 15
    return bytes(np.frombuffer(b"NACNGNNNTNNNNNNN", dtype=np.uint8)[nibbles])


def cluster(spans: list[tuple[Allele, int]], settings: Candidates) -> Iterator[list[Allele]]:
    """Alleles with at most ``join`` bp between neighbours; each comes with the end of the repeat that it lies in.

    A chain that grows too long is cut at aligned positions, so that where tiles end does not matter.
    """
    chain: list[tuple[Allele, int]] = []
    reach = 0
    for allele, stop in spans:
        if chain and allele.position - reach > settings.join:
            yield from cut_chain(chain, settings)
            chain = []
        reach = max(reach, stop) if chain else stop
        chain.append((allele, stop))
    if chain:
        yield from cut_chain(chain, settings)


def cut_chain(chain: list[tuple[Allele, int]], settings: Candidates) -> Iterator[list[Allele]]:
    """The chain whole, or, where it is too long, in pieces by aligned bins."""
    if max(stop for _, stop in chain) - chain[0][0].position <= settings.longest_chain:
        yield [allele for allele, _ in chain]
        return
    bins: dict[int, list[Allele]] = {}
    for allele, _ in chain:
        bins.setdefault(allele.position // settings.chain_bin, []).append(allele)
    yield from bins.values()


def make_window(reads: TileReads, group: list[Allele], settings: Candidates, priors: Genotyping) -> Window:
    """The window of a group: its best supported alleles, the repeats they lie in, and flanks on both sides."""
    ranked = sorted(group, key=lambda allele: (-allele.support, allele))
    kept = sorted(ranked[: settings.most_alleles])
    core_start = min(allele.position for allele in group) - 1
    shifts = [right_shift(reads, allele) for allele in kept]
    core_stop = max(allele.stop + shift for allele, shift in zip(kept, shifts, strict=True))
    longest = max(abs(len(allele.inserted) - allele.deleted) for allele in kept)
    flank = settings.clipped_flank if longest >= settings.long else settings.flank
    low, high = core_start - flank - reads.origin, core_stop + flank - reads.origin
    size, most, end = settings.anchor, settings.longest_anchor, len(reads.bases)
    low_end, high_start = min(low + size, end), high - size
    below, above = anchor_distances(reads.bases, low_end, high_start, size, most)
    low, high = max(low - below, 0), min(high + above, end)
    start, stop = low + reads.origin, high + reads.origin
    costs = [allele_prior(reads, allele, shift, priors) for allele, shift in zip(kept, shifts, strict=True)]
    return Window(kept, core_start, core_stop, start, stop, costs)


INDEL_PRIORS = indel_priors()


def allele_prior(reads: TileReads, allele: Allele, shift: int, settings: Genotyping) -> int:
    """Cost of an allele: an indel's by the repeat that it changes."""
    if allele.is_snv:
        return settings.snv_prior
    if allele.deleted and allele.inserted:
        return int(INDEL_PRIORS[0, 0])
    at = allele.position - reads.origin
    changed = bytes(reads.bases[at : at + allele.deleted]) if allele.deleted else allele.inserted
    unit = smallest_unit(changed)
    if unit > 6:
        return int(INDEL_PRIORS[0, 0])
    repeats = (shift + allele.deleted) // unit
    return int(INDEL_PRIORS[unit, min(repeats, 32)]) + settings.extra_unit * (len(changed) // unit - 1)


def smallest_unit(bases: bytes) -> int:
    """Length of the shortest unit that ``bases`` repeats whole times."""
    return next(unit for unit in range(1, len(bases) + 1) if bases[:unit] * (len(bases) // unit) == bases)


def right_shift(reads: TileReads, allele: Allele) -> int:
    """How far a left-aligned indel could move right: the repeat it lies in."""
    if allele.deleted and allele.inserted:
        return 0
    at = allele.position - reads.origin
    behind = at + allele.deleted
    unit = bytes(reads.bases[at:behind]) if allele.deleted else allele.inserted
    bases = bytes(reads.bases[behind : behind + LONGEST_SHIFT])
    differing = (
        shift for shift, (base, expected) in enumerate(zip(bases, cycle(unit), strict=False)) if base != expected
    )
    return next(differing, len(bases))


LONGEST_SHIFT = 256  # bp; a window does not follow a repeat further

"""Stage: candidate haplotypes of each window, and the cost of every read under each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .candidates import LETTERS, Allele, Window, inserted_bases
from .config import Haplotyping
from .kernels.pairhmm import Haplotypes, Segments
from .kernels.pileup import Events
from .kernels.scalar import CODE_OF_NT16, NT16_OF_ASCII
from .kernels.tables import base_costs
from .pileup import TileReads


@dataclass
class Scored:
    """A window with its haplotypes and the costs of its reads.

    haplotypes  bit masks over ``window.alleles``; 0 is the reference
    rows        int32[reads]
    costs       int32[reads, haplotypes], 1/64 phred
    """

    window: Window
    haplotypes: list[int]
    rows: NDArray[np.int32]
    costs: NDArray[np.int32]


@dataclass
class Members:
    """The reads of all windows of a tile, one row a window and read, windows one after the other.

    rows    int32[n] reads, ascending in each window
    window  int64[n] index of the window
    sizes   int64[windows] reads of each window
    """

    rows: NDArray[np.int32]
    window: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @classmethod
    def of(cls, rows: list[NDArray[np.int32]]) -> Members:
        """From the reads of each window."""
        sizes = np.array([len(each) for each in rows])
        return cls(np.concatenate(rows), np.repeat(np.arange(len(rows)), sizes), sizes)

    def where(self, kept: NDArray[np.bool_]) -> Members:
        """Some of the rows."""
        window = self.window[kept]
        return Members(self.rows[kept], window, np.bincount(window, minlength=len(self.sizes)))

    def split(self, column: NDArray[Any]) -> list[NDArray[Any]]:
        """A column, window by window."""
        return np.split(column, np.cumsum(self.sizes)[:-1])

    def index_of(self, window: NDArray[np.int64], rows: NDArray[np.int32]) -> NDArray[np.int64]:
        """Where some reads of some windows are; -1: they are not."""
        keys, wanted = self.window << 32 | self.rows, window << 32 | rows
        index = np.searchsorted(keys, wanted)
        found = np.append(keys, -2)[index] == wanted  # a row of -1 is no key
        return np.where(found, index, -1)


def score_windows(
    reads: TileReads,
    windows: Sequence[Window],
    events: Events,
    gaps: NDArray[np.int32],
    settings: Haplotyping,
    choose: Callable[..., list[int]] | None = None,
) -> list[Scored]:
    """Enumerate each window's haplotypes and score its reads against them, all windows of a tile in one launch.

    ``choose`` is called as ``choose_haplotypes`` is.
    """
    if not windows:
        return []
    members = find_members(reads, windows)
    carried = indels_carried(reads, windows, members, events) | snvs_carried(reads, windows, members)
    covered = alleles_covered(reads, windows, members) | carried
    each = zip(windows, members.split(carried), members.split(covered), strict=True)
    if choose is None:
        masks = [
            distinct(reads, window, choose_haplotypes(window, shown, covers, settings))[: settings.most_haplotypes]
            for window, shown, covers in each
        ]
    else:
        masks = [choose(window, shown, covers, settings) for window, shown, covers in each]
    return run_pairhmm(reads, windows, masks, members, gaps, settings)


def find_members(reads: TileReads, windows: Sequence[Window]) -> Members:
    """Usable reads that touch the windows' cores."""
    # A read that a deletion clips begins where its core ends.
    start, stop = np.array([(window.core_start, window.core_stop + 1) for window in windows], dtype=np.int64).T
    low, high = (np.searchsorted(reads.host_rows, bound) for bound in reads.row_range(start, stop))
    window, index = flat_ranges(low, high)
    near, host = Members(reads.host_rows[index], window, high - low), reads.batch.records
    return near.where((host.end[near.rows] > start[window]) & (host.pos[near.rows] < stop[window]))


def flat_ranges(low: NDArray[np.int64], high: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of the integers of the ranges [low, high), one range after the other: which range each is of, and each."""
    sizes = high - low
    owner = np.repeat(np.arange(len(sizes)), sizes)
    return owner, np.arange(len(owner)) + (low - np.cumsum(sizes) + sizes)[owner]


def alleles_covered(reads: TileReads, windows: Sequence[Window], members: Members) -> NDArray[np.int64]:
    """Bit mask of the window's alleles that each read covers, with a base on either side."""
    host = reads.batch.records
    pos, end = host.pos[members.rows], host.end[members.rows]
    most = max(len(window.alleles) for window in windows)
    never = [(1 << 40, 1 << 40)]
    spans = np.array([[(a.position, a.stop) for a in w.alleles] + never * (most - len(w.alleles)) for w in windows])
    masks = np.zeros(len(members.rows), dtype=np.int64)
    for bit in range(most):
        first, last = spans[:, bit].T[:, members.window]
        masks |= ((pos < first) & (end > last)).astype(np.int64) << bit
    return masks


def indels_carried(reads: TileReads, windows: Sequence[Window], members: Members, events: Events) -> NDArray[np.int64]:
    """Bit mask of the window's indels that the aligner gave each read."""
    indels = [
        (index, bit, allele)
        for index, window in enumerate(windows)
        for bit, allele in enumerate(window.alleles)
        if not allele.is_snv
    ]
    masks = np.zeros(len(members.rows), dtype=np.int64)
    which, event = events_of(reads, [allele for _, _, allele in indels], events)
    window, bit = np.array([(index, bit) for index, bit, _ in indels], dtype=np.int64).reshape(-1, 2)[which].T
    at = members.index_of(window, events.row[event])
    np.bitwise_or.at(masks, at[at >= 0], np.int64(1) << bit[at >= 0])
    return masks


def events_of(reads: TileReads, alleles: list[Allele], events: Events) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(index of the allele, event) of all events that are one of some indels."""
    order = np.argsort(events.position, kind="stable")
    position = np.array([allele.position for allele in alleles], dtype=np.int64) - reads.origin
    low, high = (np.searchsorted(events.position[order], position, side) for side in ("left", "right"))
    which, at = flat_ranges(low, high)
    event = order[at]
    length = np.array([len(allele.inserted) - allele.deleted for allele in alleles], dtype=np.int64)
    same_length = events.length[event] == length[which]
    which, event = which[same_length], event[same_length]
    known = {0: b""}  # inserted bases by their hash, as which the candidates were told apart

    def inserted(event: int, key: int) -> bytes:
        if key not in known:
            known[key] = inserted_bases(reads, events, event)
        return known[key]

    keys = events.key[event].tolist()
    found = [inserted(*pair) for pair in zip(event.tolist(), keys, strict=True)]
    same = np.array([alleles[k].inserted == bases for k, bases in zip(which.tolist(), found, strict=True)], dtype=bool)
    return which[same], event[same]


def snvs_carried(reads: TileReads, windows: Sequence[Window], members: Members) -> NDArray[np.int64]:
    """Bit mask of the window's SNVs that each read shows."""
    snvs = [
        (index, allele.position, LETTERS.index(allele.inserted), bit)
        for index, window in enumerate(windows)
        for bit, allele in enumerate(window.alleles)
        if allele.is_snv
    ]
    window, *columns = np.array(snvs, dtype=np.int64).reshape(-1, 4).T
    first = np.searchsorted(window, members.window)
    stop = np.searchsorted(window, members.window, side="right")
    backend, xp = reads.backend, reads.backend.xp
    out = xp.zeros(len(members.rows), dtype=xp.int64)
    host = (members.rows, first, stop, np.stack(columns, axis=1))
    uploaded = (backend.upload(column) for column in host)
    backend.launch("haplotype.snvs", len(members.rows), reads.batch.device, *uploaded, out)
    masks: NDArray[np.int64] = backend.download(out)
    return masks


def compatible(mask: int, alleles: list[Allele]) -> bool:
    """True where no two alleles of the mask touch the same base or the same gap."""
    chosen = [allele for bit, allele in enumerate(alleles) if mask >> bit & 1]
    return all(
        a.position + a.deleted <= b.position and not (a.position == b.position and a.deleted == 0)
        for a, b in pairwise(chosen)
    )


def choose_haplotypes(
    window: Window, shown: NDArray[np.int64], covered: NDArray[np.int64], settings: Haplotyping
) -> list[int]:
    """The reference, then what reads show together, then single alleles, then what follows from reads that cover some
    of the alleles; best supported first.

    ``shown`` and ``covered`` are bit masks of the alleles, one a read.
    """
    n = len(window.alleles)
    seen = Counter(mask for mask in shown[covered == (1 << n) - 1].tolist() if mask)
    ranked = sorted((mask for mask in seen if seen[mask] >= settings.min_reads), key=lambda m: (-seen[m], m))
    singles = sorted(range(n), key=lambda bit: (-window.alleles[bit].support, bit))
    masks = [0]
    for mask in [*ranked, *(1 << bit for bit in singles), *linked(window, shown, covered, settings)]:
        if mask not in masks and compatible(mask, window.alleles):
            masks.append(mask)
    return masks


def distinct(reads: TileReads, window: Window, masks: list[int]) -> list[int]:
    """The masks without those that spell the same bases as another one.

    Of two that do, the one stays in which fewer alleles delete some bases and insert others: such an allele may be
    two variants that a read shows as one.
    """
    mixed = [min(allele.deleted, len(allele.inserted)) > 0 and not allele.is_snv for allele in window.alleles]
    if len(masks) <= len(window.alleles) + 1 and sum(not allele.is_snv for allele in window.alleles) < 2:
        return masks

    def rank(mask: int) -> int:
        return sum(mask >> bit & 1 for bit, is_mixed in enumerate(mixed) if is_mixed)

    kept: dict[bytes, int] = {}
    for mask in masks:
        bases = haplotype_bases(reads, window, mask)
        if bases not in kept or rank(mask) < rank(kept[bases]):
            kept[bases] = mask
    return list(kept.values())


def linked(window: Window, shown: NDArray[np.int64], covered: NDArray[np.int64], settings: Haplotyping) -> list[int]:
    """Combinations of alleles of which reads show every two neighbours together, best first.

    A combination counts as much as its weakest link: the reads that cover two neighbouring alleles and show both, or
    one of them, or none, as the combination has them.
    """
    paths = [(1 << 30, 0), (1 << 30, 1)]  # weakest link, mask
    for bit in range(1, len(window.alleles)):
        both = covered >> (bit - 1) & 3 == 3
        links = np.bincount(shown[both] >> (bit - 1) & 3, minlength=4).tolist()  # by (this, the one before)
        grown = [
            (min(weakest, links[2 * here + (mask >> (bit - 1) & 1)]), mask | here << bit)
            for weakest, mask in paths
            for here in (0, 1)
            if not here or compatible(mask | 1 << bit, window.alleles)
        ]
        paths = sorted((path for path in grown if path[0] >= settings.min_reads), key=lambda path: (-path[0], path[1]))
        paths = paths[: 2 * settings.most_haplotypes]
    return [mask for _, mask in paths if mask]


def haplotype_bases(reads: TileReads, window: Window, mask: int) -> bytes:
    """The window's bases with the mask's alleles put in."""
    parts = []
    at = window.start
    for bit, allele in enumerate(window.alleles):
        if mask >> bit & 1:
            parts.append(bytes(reads.bases[at - reads.origin : allele.position - reads.origin]))
            parts.append(allele.inserted)
            at = allele.position + allele.deleted
    parts.append(bytes(reads.bases[at - reads.origin : window.stop - reads.origin]))
    return b"".join(parts)


def run_pairhmm(
    reads: TileReads,
    windows: Sequence[Window],
    masks: list[list[int]],
    members: Members,
    gaps: NDArray[np.int32],
    settings: Haplotyping,
) -> list[Scored]:
    """One launch over all reads of all windows."""
    backend, xp = reads.backend, reads.backend.xp
    haplotypes, longest = upload_haplotypes(reads, windows, masks, gaps, settings)
    counts = np.array([len(each) for each in masks], dtype=np.int32)
    bands = np.array([band(window, settings) for window in windows], dtype=np.int32)
    of_window = (
        np.array([window.start for window in windows], dtype=np.int64),
        np.array([window.stop for window in windows], dtype=np.int64),
        np.cumsum(counts, dtype=np.int32) - counts,
        counts,
        bands,
    )
    total = len(members.rows)
    unknown = np.empty((3, total), dtype=np.int32)
    segments = backend.upload(Segments(members.rows, *(column[members.window] for column in of_window), *unknown))
    backend.launch("pairhmm.parts", total, reads.batch.device, segments)
    out = xp.zeros((total, int(counts.max())), dtype=xp.int32)
    cells = backend.workspace("pairhmm.scores", total, longest, int(bands.max()))
    cap = reads.filters.quality_cap
    costs = backend.upload(base_costs(cap))
    backend.launch("pairhmm.scores", total, reads.batch.device, segments, haplotypes, cap, costs, cells, out)
    parts = (members.split(column) for column in (members.rows, backend.download(out)))
    return [
        Scored(window, each, rows, cost[:, : len(each)])
        for window, each, rows, cost in zip(windows, masks, *parts, strict=True)
    ]


def upload_haplotypes(
    reads: TileReads, windows: Sequence[Window], masks: list[list[int]], gaps: NDArray[np.int32], settings: Haplotyping
) -> tuple[Haplotypes, int]:
    """The haplotypes of all windows with their gap costs, and the bases of the longest."""
    each = zip(windows, masks, strict=True)
    sequences = [haplotype_bases(reads, window, mask) for window, chosen in each for mask in chosen]
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
    code = CODE_OF_NT16[NT16_OF_ASCII[np.frombuffer(b"".join(sequences), dtype=np.uint8)]]
    gap, extend = np.empty((2, len(code)), dtype=np.int32)
    backend = reads.backend
    haplotypes = backend.upload(Haplotypes(code, gap, extend, np.cumsum(lengths, dtype=np.int64) - lengths, lengths))
    backend.launch("pairhmm.gaps", len(lengths), haplotypes, backend.upload(gaps), settings.gap_extend)
    return haplotypes, int(lengths.max())


def band(window: Window, settings: Haplotyping) -> int:
    """Half width of the band: the window's longest net length change and some slack."""
    longer = sum(max(len(allele.inserted) - allele.deleted, 0) for allele in window.alleles)
    shorter = sum(max(allele.deleted - len(allele.inserted), 0) for allele in window.alleles)
    return min(max(longer, shorter), settings.widest_band) + settings.band_slack

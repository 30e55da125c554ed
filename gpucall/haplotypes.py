"""Stage: candidate haplotypes of each window, and the cost of every read under each of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .candidates import Allele, Window
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
    carried     int64[reads] bit mask of the alleles that the aligner gave the read
    """

    window: Window
    haplotypes: list[int]
    rows: NDArray[np.int32]
    costs: NDArray[np.int32]


def score_windows(
    reads: TileReads, windows: list[Window], events: Events, gaps: NDArray[np.int32], settings: Haplotyping
) -> list[Scored]:
    """Enumerate each window's haplotypes and score its reads against them, all windows of a tile in one launch."""
    if not windows:
        return []
    event_masks = mask_events(reads, windows, events)
    chosen = []
    for index, window in enumerate(windows):
        rows = window_rows(reads, window)
        carried, covering = carried_alleles(reads, window, rows, event_masks[index])
        chosen.append((window, choose_haplotypes(window, carried, covering, settings), rows))
    return run_pairhmm(reads, chosen, gaps, settings)


def window_rows(reads: TileReads, window: Window) -> NDArray[np.int32]:
    """Usable reads that touch the window's core."""
    low, high = reads.row_range(window.core_start, window.core_stop)
    rows = reads.host_rows
    rows = rows[np.searchsorted(rows, low) : np.searchsorted(rows, high)]
    host = reads.batch.records
    return rows[(host.end[rows] > window.core_start) & (host.pos[rows] < window.core_stop)]


def mask_events(reads: TileReads, windows: list[Window], events: Events) -> list[dict[int, int]]:
    """For each window: read -> bit mask of its indel alleles that the aligner gave the read."""
    positions = events.position + reads.origin
    order = np.argsort(positions, kind="stable")
    ordered = positions[order]
    masks: list[dict[int, int]] = []
    for window in windows:
        found: dict[int, int] = {}
        for bit, allele in enumerate(window.alleles):
            if allele.is_snv:
                continue
            low, high = np.searchsorted(ordered, [allele.position, allele.position + 1])
            for event in order[low:high].tolist():
                if matches(reads, events, event, allele):
                    row = int(events.row[event])
                    found[row] = found.get(row, 0) | 1 << bit
        masks.append(found)
    return masks


def matches(reads: TileReads, events: Events, event: int, allele: Allele) -> bool:
    """True where an event at the allele's position is the allele."""
    from .candidates import inserted_bases

    length = int(events.length[event])
    if length != len(allele.inserted) - allele.deleted:
        return False
    return length < 0 or inserted_bases(reads, events, event) == allele.inserted


def carried_alleles(
    reads: TileReads, window: Window, rows: NDArray[np.int32], indels: dict[int, int]
) -> tuple[list[int], list[bool]]:
    """Per read: mask of the alleles it carries, and whether it covers all of them."""
    host = reads.batch.records
    carried = [indels.get(row, 0) for row in rows.tolist()]
    first = min(allele.position for allele in window.alleles) - 1
    last = max(allele.stop for allele in window.alleles)
    covering = ((host.pos[rows] <= first) & (host.end[rows] > last)).tolist()
    snvs = [(bit, allele) for bit, allele in enumerate(window.alleles) if allele.is_snv]
    for bit, allele in snvs:
        bases = read_bases(reads, rows, allele.position)
        for index in np.flatnonzero(bases == allele.inserted[0]).tolist():
            carried[index] |= 1 << bit
    return carried, covering


def read_bases(reads: TileReads, rows: NDArray[np.int32], position: int) -> NDArray[np.uint8]:
    """ASCII base of each read at a contig position; 0 where it has none."""
    from .kernels.haplotype import bases_at

    out = np.zeros(len(rows), dtype=np.uint8)
    bases_at(reads.batch.records, rows, position, out)
    return out


def compatible(mask: int, alleles: list[Allele]) -> bool:
    """True where no two alleles of the mask touch the same base or the same gap."""
    chosen = [allele for bit, allele in enumerate(alleles) if mask >> bit & 1]
    return all(
        a.position + a.deleted <= b.position and not (a.position == b.position and a.deleted == 0)
        for a, b in zip(chosen, chosen[1:], strict=False)
    )


def choose_haplotypes(window: Window, carried: list[int], covering: list[bool], settings: Haplotyping) -> list[int]:
    """The reference, then what covering reads show together, then single alleles; best supported first, capped."""
    seen = Counter(mask for mask, covers in zip(carried, covering, strict=True) if covers and mask)
    ranked = sorted((mask for mask in seen if seen[mask] >= settings.min_reads), key=lambda m: (-seen[m], m))
    singles = sorted(range(len(window.alleles)), key=lambda bit: (-window.alleles[bit].support, bit))
    masks = [0]
    for mask in [*ranked, *(1 << bit for bit in singles)]:
        if mask not in masks and compatible(mask, window.alleles):
            masks.append(mask)
    return masks[: settings.most_haplotypes]


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
    chosen: list[tuple[Window, list[int], NDArray[np.int32]]],
    gaps: NDArray[np.int32],
    settings: Haplotyping,
) -> list[Scored]:
    """One launch over all (window, read) pairs."""
    backend, xp = reads.backend, reads.backend.xp
    sequences = [haplotype_bases(reads, window, mask) for window, masks, _ in chosen for mask in masks]
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
    code = CODE_OF_NT16[NT16_OF_ASCII[np.frombuffer(b"".join(sequences), dtype=np.uint8)]]
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    haplotypes = backend.upload(
        Haplotypes(code, np.zeros(len(code), np.int32), np.zeros(len(code), np.int32), starts, lengths)
    )
    backend.launch("pairhmm.gaps", len(lengths), haplotypes, backend.upload(gaps), settings.gap_extend)
    counts = np.array([len(masks) for _, masks, _ in chosen], dtype=np.int32)
    firsts = np.cumsum(counts, dtype=np.int32) - counts
    sizes = np.array([len(rows) for _, _, rows in chosen])
    bands = np.array([band(window, settings) for window, _, _ in chosen], dtype=np.int32)
    unknown = [np.empty(int(sizes.sum()), dtype=np.int32) for _ in range(3)]
    segments = Segments(
        np.concatenate([rows for _, _, rows in chosen]).astype(np.int32),
        np.repeat(np.array([window.start for window, _, _ in chosen], dtype=np.int64), sizes),
        np.repeat(np.array([window.stop for window, _, _ in chosen], dtype=np.int64), sizes),
        np.repeat(firsts, sizes),
        np.repeat(counts, sizes),
        np.repeat(bands, sizes),
        *unknown,
    )
    total = len(segments.row)
    segments = backend.upload(segments)
    backend.launch("pairhmm.parts", total, reads.batch.device, segments)
    out = xp.zeros((total, int(counts.max())), dtype=xp.int32)
    cells = backend.workspace("pairhmm.scores", total, int(lengths.max()), int(bands.max()))
    cap = reads.filters.quality_cap
    costs = backend.upload(base_costs(cap))
    backend.launch("pairhmm.scores", total, reads.batch.device, segments, haplotypes, cap, costs, cells, out)
    by_window = np.split(backend.download(out), np.cumsum(sizes)[:-1])
    return [
        Scored(window, masks, rows, cost[:, : len(masks)])
        for (window, masks, rows), cost in zip(chosen, by_window, strict=True)
    ]


def band(window: Window, settings: Haplotyping) -> int:
    """Half width of the band: the window's longest net length change and some slack."""
    longer = sum(max(len(allele.inserted) - allele.deleted, 0) for allele in window.alleles)
    shorter = sum(max(allele.deleted - len(allele.inserted), 0) for allele in window.alleles)
    return min(max(longer, shorter), settings.widest_band) + settings.band_slack

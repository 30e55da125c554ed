"""Stage: how sure the reads are of the reference at every position of a tile, for the blocks of a gVCF."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .candidates import distinct_indels
from .config import Confidence as Settings
from .genotype import Call
from .kernels import confidence as kernel
from .kernels.calibrate import find_repeats
from .kernels.pileup import Events, Evidence
from .kernels.tables import SCALE, base_costs, intact_costs
from .pileup import TileReads

HIGHEST_GQ = 99


@dataclass(frozen=True)
class Confidence:
    """What the reads say for the reference at the positions [start, start + n) of a contig (host arrays).

    depth  int32[n] fragments whose base counts
    het    int32[n] what a heterozygous alternate costs more than the reference, at least 0, 1/64 phred
    alt    int32[n] what a homozygous (or haploid) alternate costs more
    bases  uint8[n] reference, ASCII
    """

    start: int
    depth: NDArray[np.int32]
    het: NDArray[np.int32]
    alt: NDArray[np.int32]
    bases: NDArray[np.uint8]

    @property
    def stop(self) -> int:
        """The position after the last."""
        return self.start + len(self.depth)

    def part(self, start: int, stop: int) -> Confidence:
        """The positions [start, stop)."""
        low, high = start - self.start, stop - self.start
        columns = (self.depth[low:high], self.het[low:high], self.alt[low:high], self.bases[low:high])
        return Confidence(start, *columns)


def likelihoods(het: int, alt: int, ploidy: int) -> list[int]:
    """PL of a reference block, phred: 0, then the alternate's (ploidy 1), or one and two copies of it (ploidy 2)."""
    homozygous = (alt + SCALE // 2) // SCALE
    return [0, homozygous] if ploidy == 1 else [0, (het + SCALE // 2) // SCALE, homozygous]


def genotype_quality(likelihoods: list[int]) -> int:
    """GQ of a reference block: its second lowest PL, at most 99."""
    return min(min(likelihoods[1:]), HIGHEST_GQ)


def reference_confidence(
    reads: TileReads,
    evidence: Evidence,
    events: Events,
    calls: list[Call],
    gaps: NDArray[np.int32],
    settings: Settings,
) -> Confidence:
    """The confidence at the positions that the tile owns.

    ``calls`` are the calls of the tile and around it: gaps that they explain speak against no other position.
    ``gaps`` int32[7, 33] is the calibrated cost of a gap.
    """
    backend, xp, tile = reads.backend, reads.backend.xp, reads.tile
    first = tile.start - reads.origin
    cover = covered(reads, settings)
    repeats = repeats_around(reads, gaps)
    steps = gap_steps(reads, events, repeats, calls, settings)
    columns = (cover.start, cover.stop, *(backend.upload(step) for step in steps))
    sums = kernel.Gaps(*map(backend.running_sums, columns))
    out = kernel.Totals(*(xp.empty(tile.stop - tile.start, dtype=xp.int32) for _ in range(3)))
    backend.launch(
        "confidence.totals",
        tile.stop - tile.start,
        first,
        reads.reference.code,
        kernel.Differing(evidence.count, evidence.quality),
        cover,
        backend.upload(repeats),
        sums,
        settings.flank,
        settings.clip_cost,
        backend.upload(intact_costs()),
        out,
    )
    totals = backend.download(out)
    bases = reads.bases[first : first + len(totals.depth)]
    return Confidence(tile.start, totals.depth, totals.het, totals.alt, bases)


def covered(reads: TileReads, settings: Settings) -> kernel.Cover:
    """What the reads of a tile cover and how well (device arrays)."""
    backend, xp, size = reads.backend, reads.backend.xp, len(reads.bases)
    sizes = (size + 1, size + 1, size + 1, size, (size, kernel.FIXES))
    out = kernel.Cover(*(xp.zeros(each, dtype=xp.int32) for each in sizes))
    kept = reads.filters
    losses = backend.upload(kernel.weak_losses(base_costs(kept.quality_cap), kept.min_base_quality))
    place = (reads.origin, reads.reference.code, kept.min_base_quality, kept.quality_cap)
    records = reads.batch.device
    backend.launch("confidence.cover", len(reads.rows), records, reads.rows, *place, settings.min_clip, losses, out)
    backend.launch("confidence.pairs", len(reads.rows), records, reads.rows, reads.usable, *place, losses, out)
    return out


def repeats_around(reads: TileReads, gaps: NDArray[np.int32]) -> kernel.Repeats:
    """The tandem repeats around every position of a tile's stretch (host arrays)."""
    code = reads.backend.download(reads.reference.code)
    found = np.empty((len(code) // 2 + 16, 4), dtype=np.int64)
    out = kernel.Repeats(*np.empty((3, len(code)), dtype=np.int32))
    kernel.paint_repeats(found, find_repeats(code, found), gaps, out)
    return out


def gap_steps(
    reads: TileReads, events: Events, repeats: kernel.Repeats, calls: list[Call], settings: Settings
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """int32[n + 1] each: where fragments with a gap begin and cease to speak against the reference, and where those
    whose gap a call explains begin and cease to say that nothing else is there."""
    firsts, support = distinct_indels(reads, events)
    position, length = events.position[firsts], events.length[firsts]
    last = position + np.maximum(-length, 0)  # first base after what is deleted
    size = len(repeats.left)
    start = np.minimum(repeats.left[position], position - 1)
    stop = np.maximum(repeats.right[np.minimum(last, size) - 1], last)
    known = is_explained(position + reads.origin - 1, calls)
    flank = settings.flank
    spans = ((~known, start, stop), (known, np.maximum(start - flank, 0), np.minimum(stop + flank, size)))
    gapped, explained = (steps(low[which], high[which], support[which], size) for which, low, high in spans)
    return gapped, explained


def steps(start: Any, stop: Any, weight: Any, size: int) -> NDArray[np.int32]:
    """int32[size + 1]: differences of the summed weights of the stretches [start, stop)."""
    out = np.zeros(size + 1, dtype=np.int32)
    np.add.at(out, start, weight.astype(np.int32))
    np.subtract.at(out, stop, weight.astype(np.int32))
    return out


def is_explained(anchors: NDArray[np.int64], calls: list[Call]) -> NDArray[np.bool_]:
    """Which indels, by the base before them, lie in a record with an indel."""
    indels = [call for call in calls if not call.is_snv]
    starts = np.array([call.position for call in indels], dtype=np.int64)
    reach = np.maximum.accumulate(np.array([0, *(call.position + len(call.ref) for call in indels)], dtype=np.int64))
    return anchors < reach[np.searchsorted(starts, anchors, side="right")]

"""Stage: the sample's own rate of indel errors in repeats, from its first reads.

The first ``Calibration.reads`` reads that count for calling (in file order, so that nothing else matters) are looked
at before any window is scored; the batches that hold them are kept and then go the usual way, so the file is still
read once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from .backend import Backend
from .config import Calibration, Filters
from .genotype import Call
from .io.alignments import Header
from .io.reference import Reference
from .kernels import calibrate as kernel
from .kernels.scalar import CODE_OF_NT16, NT16_OF_ASCII
from .kernels.tables import SCALE, default_gap_phreds
from .reads import Batch, run_starts, sort_keys

DEEPEST = 4095  # reads; deeper positions are counted there

log = logging.getLogger("gpucall")


class SampleFit:
    """Counts reads with and without a gap, by repeat."""

    def __init__(
        self, header: Header, reference: Reference, backend: Backend, filters: Filters, settings: Calibration
    ) -> None:
        self.header = header
        self.reference = reference
        self.backend = backend
        self.filters = filters
        self.settings = settings
        self.left = settings.reads
        self._depths = np.zeros(DEEPEST + 1, dtype=np.int64)
        self.held: list[Batch] = []
        self._source: Iterator[Batch] = iter(())
        self._end: tuple[int, int] | None = None  # contig and position of the last read that was counted
        self._rows: list[NDArray[np.int64]] = []  # (contig, start, unit, repeats, spanned, gaps)

    def gap_costs(self, batches: Iterable[Batch]) -> NDArray[np.int32]:
        """Look at the first batches and keep them (``held``, then ``again``); the gap costs."""
        self._source = iter(batches)
        for batch in self._source:
            self.held.append(batch)
            if self.add(batch):
                break
        return self.costs()

    def again(self) -> Iterator[Batch]:
        """The same batches, from the first one on; each is let go of."""
        while self.held:
            yield self.held.pop(0)
        yield from self._source

    def looked_at(self, tid: int, start: int, stop: int) -> int:
        """Where in [start, stop) of a contig the part ends that does not depend on how the stream was cut."""
        if self._end is None:
            return stop
        end_tid, position = self._end
        if tid != end_tid:
            return stop if tid < end_tid else start
        return max(start, min(stop, position - 2 * self.settings.margin))

    def add(self, batch: Batch) -> bool:
        """Count a batch's new reads, until enough have been seen, which is returned.

        Reads that start where the last one does count, too: their order says nothing.
        """
        host, first = batch.records, batch.first_new
        counts = (host.flag[first:] & self.filters.excluded_flags) == 0
        counts &= (host.mapq[first:] >= self.filters.min_mapq) & (host.n_cigar[first:] > 0) & (host.tid[first:] >= 0)
        candidates = (np.flatnonzero(counts) + first).astype(np.int32)
        if self._end is None and len(candidates) >= self.left > 0:
            last = candidates[self.left - 1]
            self._end = (int(host.tid[last]), int(host.pos[last]))
        self.left -= len(candidates)
        rows = candidates
        if self._end is not None:
            rows = rows[sort_keys(host.tid[rows], host.pos[rows]) <= sort_keys(*np.array(self._end)[:, None])]
        for tid in host.tid[rows[run_starts(host.tid[rows])]].tolist():
            self._add_contig(batch, tid, rows[host.tid[rows] == tid])
        return len(rows) < len(candidates)

    def _add_contig(self, batch: Batch, tid: int, rows: NDArray[np.int32]) -> None:
        host, backend = batch.records, self.backend
        start, stop = int(host.pos[rows].min()), int(host.end[rows].max())
        code = CODE_OF_NT16[NT16_OF_ASCII[self.reference.fetch(self.header.names[tid], start, stop)]]
        repeats = np.empty((len(code) // 2 + 16, 4), dtype=np.int64)
        repeats = repeats[: kernel.find_repeats(code, repeats)]
        repeats = repeats[np.argsort(repeats[:, 0], kind="stable")]
        spanned = backend.xp.zeros(len(repeats), dtype=backend.xp.int64)
        gaps = backend.xp.zeros(len(repeats), dtype=backend.xp.int64)
        starts, stops = (backend.upload(np.ascontiguousarray(repeats[:, k] + start)) for k in (0, 1))
        backend.launch(
            "calibrate.repeats",
            len(rows),
            batch.device,
            backend.upload(rows),
            starts,
            stops,
            self.settings.flank,
            spanned,
            gaps,
        )
        columns = [np.full(len(repeats), tid), repeats[:, 0] + start, repeats[:, 2], repeats[:, 3]]
        seen = np.stack([*columns, backend.download(spanned), backend.download(gaps)], axis=1)
        self._rows.append(seen[seen[:, 4] > 0])

    def add_depth(self, depth: NDArray[np.int32]) -> None:
        """Count positions by the number of reads over them."""
        self._depths += np.bincount(np.minimum(depth, DEEPEST), minlength=DEEPEST + 1)

    def usual_depth(self) -> float:
        """Median depth of the positions that have reads; 0 where there are none."""
        covered = self._depths[1:]
        if covered.sum() == 0:
            return 0.0
        return float(np.searchsorted(np.cumsum(covered), covered.sum() / 2) + 1)

    def counts(self) -> NDArray[np.int64]:
        """int64[7, 33, 2]: reads that span a repeat of (unit, repeats), and those with a gap; variants left out."""
        out = np.zeros((7, 33, 2), dtype=np.int64)
        if not self._rows:
            return out
        rows = np.concatenate(self._rows)
        keys, inverse = np.unique(rows[:, :4], axis=0, return_inverse=True)
        sums = np.zeros((len(keys), 2), dtype=np.int64)
        np.add.at(sums, inverse.ravel(), rows[:, 4:])
        plain = (sums[:, 0] >= self.settings.min_spanning) & (
            sums[:, 1] * 1000 <= sums[:, 0] * self.settings.variant_permille
        )
        np.add.at(out, (keys[plain, 2], np.minimum(keys[plain, 3], 32)), sums[plain])
        return out

    def costs(self) -> NDArray[np.int32]:
        """int32[7, 33]: cost of a gap by unit and repeats: the sample's rates, drawn towards the default."""
        table = fit_phreds(self.counts(), default_gap_phreds(), self.settings.weight)
        log.debug("gap costs of homopolymers of 6, 10 and 14 bp: %s phred", np.round(table[1, [6, 10, 14]], 1))
        return np.round(table * SCALE).astype(np.int32)


def apart(calls: list[tuple[int, Call]], settings: Calibration) -> Iterator[Call]:
    """Sure calls with no other call near by: where calls crowd, reads are misplaced, which has its own filters.

    ``calls`` come with their contigs, in genome order.
    """
    for before, (tid, call), after in zip([None, *calls], calls, [*calls[1:], None], strict=False):
        near = [other for other in (before, after) if other is not None and other[0] == tid]
        if call.qual >= settings.min_qual and all(
            abs(other.position - call.position) > settings.apart for _, other in near
        ):
            yield call


def artifact_threshold(odds: list[float], settings: Calibration) -> float:
    """SAO (``annotations.strand_table``) above which a heterozygous SNV of this sample is rather a systematic error.

    The sites that surely are systematic errors, over those that surely are not, say how frequent the former are.
    """
    artifacts = sum(value > settings.sure_artifact for value in odds)
    variants = sum(value < 0 for value in odds)
    ratio = (artifacts + 0.1) / (variants + 10.0)
    low, high = settings.threshold_range
    return round(min(max(-10 * math.log10(ratio), low), high), 1)


def rising(rates: NDArray[np.float64], weights: NDArray[np.float64]) -> list[float]:
    """The rates closest to the given ones, by weighted squares, that never fall (pool adjacent violators)."""
    pools: list[tuple[float, float, int]] = []  # rate, weight, members
    for rate, weight in zip(rates.tolist(), weights.tolist(), strict=True):
        members = 1
        while pools and pools[-1][0] > rate:
            before, heavy, size = pools.pop()
            rate = (before * heavy + rate * weight) / (heavy + weight)
            weight, members = heavy + weight, members + size
        pools.append((rate, weight, members))
    return [rate for rate, _, members in pools for _ in range(members)]


def fit_phreds(counts: NDArray[np.int64], default: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """Phred of a gap by unit and repeats.

    The sample's general level is found first (one shift of the default for homopolymers, one for the other units); then
    each entry is its own rate, with the shifted default counting as ``weight`` reads; rates that fall with the repeat
    are evened out.
    """
    out = default.copy()
    for units in ([1], [2, 3, 4, 5, 6]):
        telling = default[units] < 42
        spanned, gaps = counts[units, :, 0] * telling, counts[units, :, 1] * telling
        expected = spanned * 10 ** (-default[units] / 10)
        shift = 10 * np.log10((gaps.sum() + 1) / (expected.sum() + 1))
        prior = 10 ** (-(default[units] - shift) / 10)
        spanning = counts[units, :, 0] + weight
        rate = (counts[units, :, 1] + weight * prior) / spanning
        rate[:, 1:] = [rising(row, weights) for row, weights in zip(rate[:, 1:], spanning[:, 1:], strict=True)]
        out[units] = -10 * np.log10(np.minimum(rate, 0.5))
    out[:, 0] = out[0, :] = default[0, 0]
    return np.clip(out, 3.0, 45.0)

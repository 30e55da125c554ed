"""picard_reads: Picard's counters of reads, from one look at each record; five tools' metrics are made of them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels import picard as kernel
from ..kernels.mismatch import BadBases
from ..kernels.picard import ReadCounts
from ..kernels.records import (
    MATE_UNMAPPED,
    PAIRED,
    PROPER_PAIR,
    QC_FAIL,
    READ1,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Records,
)
from ..kernels.scalar import NT16_OF_ASCII
from ..kernels.stretch import GC_BINS
from .territory import TileReference, pack_reference

# IlluminaUtil.IlluminaAdapterPair SINGLE_END, PAIRED_END and INDEXED, which AdapterUtility takes by default.
ADAPTERS = (
    "AATGATACGGCGACCACCGAGATCTACACTCTTTCCCTACACGACGCTCTTCCGATCT",
    "AGATCGGAAGAGCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCGGTTCAGCAGGAATGCCGAGACCGATCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNNNATCTCGTATGCCGTCTTCTGCTTG",
)
MOST_ADAPTER_ERRORS = 1
SHORT = 512  # bases; for longer reads the tables by length grow
LONGEST = 1 << 20  # bases; longer reads are counted as this long
COMPLEMENTS = str.maketrans("ACGT", "TGCA")


@cache
def adapter_pieces() -> NDArray[np.uint64]:
    """Every piece of 16 bases of the adapters and of their other strand, as 4-bit codes, uint64[n], sorted."""
    pieces = set()
    for adapter in ADAPTERS:
        for start in range(len(adapter) - kernel.ADAPTER_BASES + 1):
            piece = adapter[start : start + kernel.ADAPTER_BASES]
            if piece.count("N") <= MOST_ADAPTER_ERRORS:
                pieces |= {piece, piece.translate(COMPLEMENTS)[::-1]}
    codes = [int("".join(f"{NT16_OF_ASCII[ord(base)]:x}" for base in piece), 16) for piece in pieces]
    return np.array(sorted(codes), dtype=np.uint64)


class PicardReads:
    """``ReadCounts`` of one worker, and the pairs that are too far apart for its table."""

    def __init__(self, backend: Backend) -> None:
        xp = backend.xp

        def zeros(*shape: int) -> Any:
            return xp.zeros(shape, dtype=np.int64)

        self._backend = backend
        self._adapters = backend.upload(adapter_pieces().copy())
        self._nothing = pack_reference(np.zeros(0, dtype=np.uint8), 0, backend).packed
        bad = BadBases(backend.workspace("picard.narrow"), backend.workspace("picard.seen"))
        self._work = kernel.Workspace(bad, backend.workspace("picard.tags"))
        self.far: Counter[int] = Counter()
        self.counts = ReadCounts(
            keyed=zeros(kernel.KEYS, kernel.KEY_COLUMNS),
            totals=zeros(3, len(kernel.TOTAL_NAMES)),
            lengths=zeros(3, SHORT),
            aligned=zeros(3, SHORT),
            mismatches=zeros(3, SHORT),
            cycles=zeros(3, SHORT),
            inserts=zeros(3, kernel.NEAR_INSERTS),
            gc=zeros(kernel.GC_ROWS, GC_BINS),
            gc_totals=zeros(2),
            excluded=zeros(kernel.EXCLUSIONS),
        )

    def add_unmapped(self, records: Records, first: int, stop: int) -> None:
        """Count the rows [first, stop) that are not mapped; each record of a file once."""
        nowhere = ((records.flag[first:stop] & UNMAPPED) != 0) | (records.tid[first:stop] < 0)
        rows = self._backend.xp.flatnonzero(nowhere) + first
        if len(rows):
            far = self._prepare(records, first, stop, len(rows))
            self._backend.launch(
                "picard.unmapped",
                len(rows),
                records,
                rows,
                self._nothing,
                self._adapters,
                far,
                self._work,
                self.counts,
            )
            self._keep(far)

    def add(
        self,
        records: Records,
        reference: TileReference,
        contig_length: int,
        tid: int,
        start: int,
        stop: int,
        rows: tuple[int, int],
    ) -> None:
        """Count the mapped reads among rows [rows[0], rows[1]) that start in [start, stop) of contig ``tid``.

        ``reference`` is that under these reads and ``WINDOW`` bp around them, to the contig's ends.
        """
        first, last = rows
        if first < last:
            far = self._prepare(records, first, last, last - first)
            self._backend.launch(
                "picard.reads",
                last - first,
                records,
                first,
                tid,
                start,
                stop,
                reference.packed,
                reference.origin,
                contig_length,
                self._adapters,
                far,
                self._work,
                self.counts,
            )
            self._keep(far)

    def merge(self, other: PicardReads) -> None:
        """Add what another worker counted."""
        self._grow(other.counts.lengths.shape[1])
        for mine, others in zip(self.counts, other.counts, strict=True):
            mine[..., : others.shape[-1]] += others
        self.far.update(other.far)

    def result(self) -> ReadCounts:
        """The counters on the host, all of them."""
        return expanded(self.counted())

    def counted(self) -> ReadCounts:
        """The counters on the host as the kernel left them."""
        counts: ReadCounts = self._backend.download(self.counts)
        return counts

    def _prepare(self, records: Records, first: int, stop: int, reads: int) -> Any:
        """Room for the longest of rows [first, stop), and int64[reads] for pairs that are far apart."""
        self._grow(int(records.l_seq[first:stop].max()) + 2)
        return self._backend.xp.zeros(reads, dtype=np.int64)

    def _keep(self, far: Any) -> None:
        self.far.update(self._backend.download(far[far != 0]).tolist())

    def _grow(self, size: int) -> None:
        held = self.counts.lengths.shape[1]
        size = min(size, LONGEST)
        if size <= held:
            return
        size = 1 << (size - 1).bit_length()

        def grown(table: Any) -> Any:
            larger = self._backend.xp.zeros((3, size), dtype=np.int64)
            larger[:, :held] = table
            return larger

        names = ("lengths", "aligned", "mismatches", "cycles")
        self.counts = self.counts._replace(**{name: grown(getattr(self.counts, name)) for name in names})


def expanded(counts: ReadCounts) -> ReadCounts:
    """The counters with what ``keyed`` tells added to the others, and ``aligned`` complete."""
    keys = np.flatnonzero(counts.keyed[:, kernel.KEY_READS])
    rows = counts.keyed[keys]
    counts = counts._replace(
        totals=counts.totals.copy(),
        gc_totals=counts.gc_totals.copy(),
        aligned=counts.aligned + counts.lengths,
    )

    def total(chosen: NDArray[np.bool_], column: int = kernel.KEY_READS) -> int:
        return int(rows[chosen, column].sum())

    def has(flags: int) -> NDArray[np.bool_]:
        return (keys & flags) != 0

    primary, passed = ~has(SECONDARY | SUPPLEMENTARY), ~has(QC_FAIL)
    counts.gc_totals[kernel.CLUSTERS] += total(has(READ1) | ~has(PAIRED))
    categories = (has(PAIRED) & has(READ1), has(PAIRED) & ~has(READ1), ~has(PAIRED))
    for out, category in zip(counts.totals, categories, strict=True):
        chosen = primary & category
        out[kernel.TOTAL_READS] += total(chosen)
        chosen = chosen & passed
        out[kernel.PF_READS] += total(chosen)
        chosen = chosen & ~has(UNMAPPED)
        good = chosen & has(kernel.GOOD_MAPQ)
        out[kernel.PF_READS_ALIGNED] += total(chosen)
        out[kernel.POSITIVE_STRAND] += total(chosen & ~has(REVERSE))
        out[kernel.PF_READS_IMPROPER_PAIRS] += total(chosen & has(PAIRED) & ~has(PROPER_PAIR))
        out[kernel.READS_ALIGNED_IN_PAIRS] += total(chosen & has(PAIRED) & ~has(MATE_UNMAPPED))
        out[kernel.CHIMERAS_DENOMINATOR] += total(chosen & has(kernel.LOOKED_AT))
        out[kernel.PF_ALIGNED_BASES] += total(chosen, kernel.KEY_ALIGNED)
        out[kernel.MISMATCHES] += total(chosen, kernel.KEY_MISMATCHES)
        out[kernel.PF_HQ_ALIGNED_READS] += total(good)
        out[kernel.PF_HQ_ALIGNED_BASES] += total(good, kernel.KEY_ALIGNED)
        out[kernel.PF_HQ_ALIGNED_Q20_BASES] += total(good, kernel.KEY_GOOD_Q20)
    return counts

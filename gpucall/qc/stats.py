"""stats: bases, qualities, lengths and indels of a file's reads, cycle by cycle, from one look at each record.

What samtools stats prints of reads, yields and per-cycle figures are sums over ``ReadFigures``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels import stats as kernel
from ..kernels.crc import crc_tables
from ..kernels.qc import FLAG_KEYS, Kinds
from ..kernels.records import Records

Counts = NDArray[np.int64]

MOST_CYCLES = 8192  # bases of longer reads count in the last cycle: short reads are what this is for
SAMTOOLS_LENGTHS = 300  # samtools stats' first nindels: longer indels are not listed, unless reads are longer, too
LARGEST_COUNT = 1 << 30  # reads after which 32-bit counters are emptied


@dataclass
class ReadFigures:
    """Histograms over all primary records with a sequence, where not said otherwise.

    Axes: *order*: not paired, first, last, of a pair but neither (``kernels.stats``); *failed*: 1: QC-fail flag.

    quality    int64[order, failed, cycles, 256]: bases by cycle and quality byte (255: not stored)
    bases      int64[order, failed, reverse, cycles, 16]: bases by cycle and 4-bit code, as they stand in the record
    gc         int64[2, 200]: GC of first (and unpaired) and last reads, samtools' bins
    by_flag    int64[FLAG_KEYS]: bases by flag key (``kernels.qc.flag_key``), of supplementary records, too
    lengths    int64[2, order, longest + 1]: reads before hard clipping by length; row 1: supplementary records
    indels     int64[2, longest]: insertions and deletions by length - 1, of mapped and supplementary records
    ends       int64[4, cycles + 1]: by cycle: insertions in first, last, deletions in first, last reads
    sums       int64[3]: mismatches (NM), and aligned or inserted bases, of mapped and supplementary records; MAPQ 0
    checksums  int64[3]: of all records: names, packed bases, half of the qualities
    """

    quality: Counts
    bases: Counts
    gc: Counts
    by_flag: Counts
    lengths: Counts
    indels: Counts
    ends: Counts
    sums: Counts
    checksums: Counts

    def yielded(self, floor: int) -> int:
        """Bases of quality ``floor`` or more in reads that passed the vendor's filter (Picard: PF_Q30_BASES)."""
        return int(self.quality[:, 0, :, floor:128].sum())


class ReadStats:
    """Accumulator of ``ReadFigures``."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._tables = new_tables(backend, min(64, MOST_CYCLES))
        self._work = backend.workspace("stats.reads", min(64, MOST_CYCLES))
        self._pending = 0
        self._total = read_tables(self._backend, self._tables)
        self._lengths: Counts = np.zeros((1, kernel.LENGTH_KINDS), dtype=np.int64)

    def add(self, records: Records, first: int, stop: int, kinds: Kinds) -> Any:
        """Count rows [first, stop), in ``kinds``, too.

        Returns int32[stop - first] on the backend's side: C and G of each, 0 where not counted.
        """
        xp, n = self._backend.xp, stop - first
        gc, far = xp.empty(n, dtype=np.int32), xp.zeros(n, dtype=np.int64)
        if n == 0:
            return gc
        longest = int(records.l_seq[first:stop].max())
        self._make_room(longest, n)
        self._backend.launch("stats.reads", n, records, first, self._tables, kinds, self._work, gc, far)
        self._count_lengths(far[far != 0])
        return gc

    def merge(self, other: ReadStats) -> None:
        """Add what another worker counted."""
        self._empty()
        other._empty()
        self._total = add_up(self._total, other._total)
        self._lengths = add_padded(self._lengths, other._lengths)

    def result(self) -> ReadFigures:
        """The histograms."""
        self._empty()
        lengths = self._lengths.T.reshape(2, kernel.ORDERS, -1)
        return ReadFigures(lengths=lengths.copy(), **self._total)

    def _make_room(self, longest: int, n: int) -> None:
        """Tables that hold the cycles of the longest read, and ``n`` more reads."""
        cycles = min(-(-max(longest, 1) // 64) * 64, MOST_CYCLES)
        held = kernel.cycles_of(self._tables)
        most = n * max(1, longest - MOST_CYCLES)
        if cycles > held or self._pending + most > LARGEST_COUNT:
            self._empty()
            self._tables = new_tables(self._backend, max(cycles, held))
            self._work = self._backend.workspace("stats.reads", max(cycles, held))
        self._pending += most

    def _empty(self) -> None:
        """Add what the device's tables hold to the total."""
        if self._pending:
            self._total = add_up(self._total, read_tables(self._backend, self._tables))
            near = self._backend.download(self._tables.lengths).reshape(-1, kernel.LENGTH_KINDS)
            self._lengths = add_padded(self._lengths, near)
            self._tables, self._pending = new_tables(self._backend, kernel.cycles_of(self._tables)), 0

    def _count_lengths(self, far: Any) -> None:
        """Count long reads, each by its length times ``LENGTH_KINDS`` plus its kind."""
        if len(far):
            counts = self._backend.download(self._backend.xp.bincount(far))
            padded = np.zeros((-(-len(counts) // kernel.LENGTH_KINDS), kernel.LENGTH_KINDS), dtype=np.int64)
            padded.ravel()[: len(counts)] = counts
            self._lengths = add_padded(self._lengths, padded)


def new_tables(backend: Backend, cycles: int) -> kernel.ReadTables:
    """Tables for a number of cycles, empty."""
    xp = backend.xp

    def zeros(size: int, kind: Any = np.int64) -> Any:
        return xp.zeros(size, dtype=kind)

    return kernel.ReadTables(
        quality=zeros(kernel.QUALITY_CLASSES * cycles * kernel.COMMON, np.int32),
        rare=zeros(kernel.QUALITY_CLASSES * cycles * 256),
        codes=zeros(kernel.BASE_CLASSES * kernel.CODES * cycles, np.int32),
        gc=zeros(2 * kernel.GC_BINS),
        bases=zeros(FLAG_KEYS),
        lengths=zeros(kernel.NEAR_LENGTHS * kernel.LENGTH_KINDS),
        indels=zeros(2 * max(SAMTOOLS_LENGTHS, cycles)),
        ends=zeros(4 * (cycles + 1)),
        sums=zeros(3),
        checksums=zeros(3),
        crc=backend.upload(crc_tables()),
    )


def read_tables(backend: Backend, tables: kernel.ReadTables) -> dict[str, Counts]:
    """What tables hold, as ``ReadFigures`` has it."""
    host: kernel.ReadTables = backend.download(tables)
    cycles = kernel.cycles_of(host)
    codes = host.codes.reshape(kernel.ORDERS, 2, 2, kernel.CODES, cycles)
    quality = host.rare.reshape(kernel.ORDERS, 2, 256, cycles).copy()
    quality[:, :, : kernel.COMMON] += host.quality.reshape(kernel.ORDERS, 2, kernel.COMMON, cycles)
    return {
        "quality": np.ascontiguousarray(quality.swapaxes(2, 3)),
        "bases": np.ascontiguousarray(codes.swapaxes(3, 4)).astype(np.int64),
        "gc": np.cumsum(host.gc.reshape(2, kernel.GC_BINS), axis=1),
        "by_flag": host.bases.copy(),
        "indels": host.indels.reshape(2, -1).copy(),
        "ends": host.ends.reshape(4, -1).copy(),
        "sums": host.sums.copy(),
        "checksums": host.checksums.copy(),
    }


def add_padded(one: Counts, two: Counts) -> Counts:
    """The sum of two arrays, each taken as 0 where the other is longer."""
    shape = tuple(max(a, b) for a, b in zip(one.shape, two.shape, strict=True))
    total = np.zeros(shape, dtype=np.int64)
    for part in (one, two):
        total[tuple(slice(size) for size in part.shape)] += part
    return total


def add_up(one: dict[str, Counts], two: dict[str, Counts]) -> dict[str, Counts]:
    """The sums of two sets of arrays."""
    return {name: add_padded(one[name], two[name]) for name in one}

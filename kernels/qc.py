"""qc: what each record adds to the counters that describe the reads of a file.

Every kernel counts row ``first + k`` for item ``k``, so a batch counts the records that no earlier batch held.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .records import (
    MATE_REVERSE,
    MATE_UNMAPPED,
    PAIRED,
    QC_FAIL,
    READ1,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Records,
    row_of,
)

# What a record's flags leave open of samtools flagstat and stats, in the bits above SAM's twelve flags.
MATE_ELSEWHERE, MAPQ_5, HAS_SEQUENCE = 0x1000, 0x2000, 0x4000
FLAG_KEYS = 0x8000
SAM_FLAGS = 0xFFF

LARGEST_INSERT = 8000  # bp; samtools stats counts longer ones here (its option -i)
INWARD, OUTWARD, OTHER_WAY = range(3)


@shared
def flag_key(read: Any) -> Any:
    """The flags of a read with what else flagstat asks of a record; below ``FLAG_KEYS``."""
    key = read.flag & SAM_FLAGS
    if read.mate_tid != read.tid:
        key |= MATE_ELSEWHERE
    if read.mapq >= 5:
        key |= MAPQ_5
    if read.l_seq > 0:
        key |= HAS_SEQUENCE
    return key


@shared
def orientation(read: Any) -> Any:
    """Which way the reads of a pair point, as samtools stats (1.16, ``collect_stats``) tells them apart."""
    flag = read.flag
    if ((flag & REVERSE) != 0) == ((flag & MATE_REVERSE) != 0):
        return OTHER_WAY
    first = (flag & READ1) != 0
    distance = read.mate_pos - read.pos
    ahead = distance >= 0 if first else distance <= 0
    return INWARD if ahead == (first == ((flag & REVERSE) == 0)) else OUTWARD


@shared
def count_insert(read: Any, inserts: Any) -> None:
    """Add the template length of a read, one of a mapped pair's primary reads, to int64[2, 3, LARGEST_INSERT + 1].

    The first axis: 1 where it failed the vendor's filter.
    """
    flag = read.flag
    if flag & (UNMAPPED | MATE_UNMAPPED | SECONDARY | SUPPLEMENTARY) or not flag & PAIRED:
        return
    failed = np.int64((flag & QC_FAIL) != 0)
    size = abs(read.tlen)
    if read.l_seq > 0 and (size > 0 or read.tid == read.mate_tid):
        atomic_add(inserts, (failed, orientation(read), min(size, LARGEST_INSERT)), 1)


@shared
def count_record(read: Any, keys: Any, contigs: Any, inserts: Any) -> None:
    """Add a record to the histogram of flag keys, to its contig's (the last element: unplaced ones) and to inserts."""
    atomic_add(keys, flag_key(read), 1)
    atomic_add(contigs, read.tid if read.tid >= 0 else contigs.shape[0] - 1, 1)
    count_insert(read, inserts)


@cpu_loop
def reads_cpu(n: int, records: Records, first: int, keys: Any, contigs: Any, inserts: Any) -> None:
    for k in range(n):
        count_record(row_of(first + k, records), keys, contigs, inserts)


@cuda_loop
def reads_cuda(n: int, records: Records, first: int, keys: Any, contigs: Any, inserts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        count_record(row_of(first + k, records), keys, contigs, inserts)


@shared
def is_quality(value: Any, floor: Any) -> Any:
    """1 where a base quality byte is ``floor`` or more; 128 and up is none (0xff: not stored)."""
    return np.int32(value >= np.uint8(floor)) & np.int32(value < np.uint8(128))

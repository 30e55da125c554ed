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
)

# What a record's flags leave open of samtools flagstat and stats, in the bits above SAM's twelve flags.
MATE_ELSEWHERE, MAPQ_5, HAS_SEQUENCE = 0x1000, 0x2000, 0x4000
FLAG_KEYS = 0x8000
SAM_FLAGS = 0xFFF

LARGEST_INSERT = 8000  # bp; samtools stats counts longer ones here (its option -i)
INWARD, OUTWARD, OTHER_WAY = range(3)


@shared
def flag_key(i: Any, records: Any) -> Any:
    """The flags of row ``i`` with what else flagstat asks of a record; below ``FLAG_KEYS``."""
    key = records.flag[i] & SAM_FLAGS
    if records.mate_tid[i] != records.tid[i]:
        key |= MATE_ELSEWHERE
    if records.mapq[i] >= 5:
        key |= MAPQ_5
    if records.l_seq[i] > 0:
        key |= HAS_SEQUENCE
    return key


@shared
def count_flags(i: Any, records: Any, keys: Any, contigs: Any) -> None:
    """Add row ``i`` to the histogram of flag keys, and to its contig's records (the last element: unplaced ones)."""
    atomic_add(keys, flag_key(i, records), 1)
    atomic_add(contigs, records.tid[i] if records.tid[i] >= 0 else contigs.shape[0] - 1, 1)


@cpu_loop
def flags_cpu(n: int, records: Records, first: int, keys: Any, contigs: Any) -> None:
    for k in range(n):
        count_flags(first + k, records, keys, contigs)


@cuda_loop
def flags_cuda(n: int, records: Records, first: int, keys: Any, contigs: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        count_flags(first + k, records, keys, contigs)


@shared
def orientation(i: Any, records: Any) -> Any:
    """Which way the reads of a pair point, as samtools stats (1.16, ``collect_stats``) tells them apart."""
    flag = records.flag[i]
    if ((flag & REVERSE) != 0) == ((flag & MATE_REVERSE) != 0):
        return OTHER_WAY
    first = (flag & READ1) != 0
    distance = np.int64(records.mate_pos[i]) - records.pos[i]
    ahead = distance >= 0 if first else distance <= 0
    return INWARD if ahead == (first == ((flag & REVERSE) == 0)) else OUTWARD


@shared
def count_insert(i: Any, records: Any, inserts: Any) -> None:
    """Add the template length of row ``i``, one of a mapped pair's primary reads, to int64[2, 3, LARGEST_INSERT + 1].

    The first axis: 1 where it failed the vendor's filter.
    """
    flag = records.flag[i]
    if flag & (UNMAPPED | MATE_UNMAPPED | SECONDARY | SUPPLEMENTARY) or not flag & PAIRED:
        return
    failed = np.int64((flag & QC_FAIL) != 0)
    size = abs(np.int64(records.tlen[i]))
    if records.l_seq[i] > 0 and (size > 0 or records.tid[i] == records.mate_tid[i]):
        atomic_add(inserts, (failed, orientation(i, records), min(size, LARGEST_INSERT)), 1)


@cpu_loop
def inserts_cpu(n: int, records: Records, first: int, inserts: Any) -> None:
    for k in range(n):
        count_insert(first + k, records, inserts)


@cuda_loop
def inserts_cuda(n: int, records: Records, first: int, inserts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        count_insert(first + k, records, inserts)


@shared
def is_quality(value: Any, floor: Any) -> Any:
    """1 where a base quality byte is ``floor`` or more; 128 and up is none (0xff: not stored)."""
    return np.int32(value >= np.uint8(floor)) & np.int32(value < np.uint8(128))

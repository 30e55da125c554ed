"""qc: what each record adds, by its fixed fields alone, to the counters that describe the reads of a file.

The kernel ``stats.reads`` adds it, which visits each record once.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import atomic_add, shared
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
)

# What a record's flags leave open of samtools flagstat and stats, in the bits above SAM's twelve flags.
MATE_ELSEWHERE, MAPQ_5, HAS_SEQUENCE = 0x1000, 0x2000, 0x4000
FLAG_KEYS = 0x8000
SAM_FLAGS = 0xFFF

LARGEST_INSERT = 8000  # bp; samtools stats counts longer ones here (its option -i)
INWARD, OUTWARD, OTHER_WAY = range(3)


class Kinds(NamedTuple):
    """Counters of records, all int64.

    keys     [FLAG_KEYS]                 by flag key
    contigs  [contigs + 1]               by contig; the last element: unplaced ones
    inserts  [2, 3, LARGEST_INSERT + 1]  reads of mapped pairs by orientation and template length; the first axis: 1
                                         where a read failed the vendor's filter
    """

    keys: Any
    contigs: Any
    inserts: Any


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
    """Add the template length of a read, one of a mapped pair's primary reads, to ``Kinds.inserts``."""
    flag = read.flag
    if flag & (UNMAPPED | MATE_UNMAPPED | SECONDARY | SUPPLEMENTARY) or not flag & PAIRED:
        return
    failed = np.int64((flag & QC_FAIL) != 0)
    size = abs(read.tlen)
    if read.l_seq > 0 and (size > 0 or read.tid == read.mate_tid):
        atomic_add(inserts, (failed, orientation(read), min(size, LARGEST_INSERT)), 1)


@shared
def count_kind(read: Any, kinds: Any) -> None:
    """Add a record to ``Kinds``."""
    atomic_add(kinds.keys, flag_key(read), 1)
    atomic_add(kinds.contigs, read.tid if read.tid >= 0 else kinds.contigs.shape[0] - 1, 1)
    count_insert(read, kinds.inserts)


@shared
def is_quality(value: Any, floor: Any) -> Any:
    """1 where a base quality byte is ``floor`` or more; 128 and up is none (0xff: not stored)."""
    return np.int32(value >= np.uint8(floor)) & np.int32(value < np.uint8(128))

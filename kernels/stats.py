"""stats: all that one look at a record's bytes adds to the description of a file's reads.

``reads`` visits each record once and counts its bases and qualities by cycle, GC, length, indels, edit distance and
checksums. samtools stats' tables, yields and per-cycle figures are sums over what it fills (``qc/stats.py``).

A read's *cycle* is the place of a base in the order of sequencing: a reverse read's first cycle is its last base.
Clipping is neglected, as samtools stats neglects it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .qc import flag_key
from .records import (
    AUX_SIZE,
    CIGAR_D,
    CIGAR_H,
    CIGAR_I,
    CIGAR_N,
    CIGAR_P,
    FIXED_BYTES,
    PAIRED,
    QC_FAIL,
    READ1,
    READ2,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    consumes_query,
    consumes_reference,
    u32,
)

# Which read of its fragment a record is: not one of a pair, the first, the last, or of a pair but neither (or both).
UNPAIRED, FIRST, LAST, OTHER = range(4)
ORDERS = 4
LENGTH_KINDS = ORDERS * 2  # x 1: supplementary
QUALITY_CLASSES = ORDERS * 2  # x 1: failed the vendor's filter
BASE_CLASSES = QUALITY_CLASSES * 2  # x 1: reverse
PAIR_CLASSES = BASE_CLASSES * 2  # x 1: an odd number of bases

COMMON = 64  # qualities below are counted in a table small enough for a cache, others in one of 256 columns
GC_BINS = 200  # samtools stats' ngc
MISMATCHES, CIGAR_BASES, MAPQ_0 = range(3)  # elements of ``sums``
CRC_NAMES, CRC_BASES, CRC_QUALITIES = range(3)  # elements of ``checksums``

# How many of the two bases in a byte are C or G (4-bit codes 2 and 4).
GC_OF_BYTE = np.array([(b >> 4 in (2, 4)) + (b & 15 in (2, 4)) for b in range(256)], dtype=np.uint8)


CRC_POLYNOMIAL = 0xEDB88320  # RFC 1952, section 8, bits reversed


def crc_tables() -> Any:
    """uint32[8 * 256]: what a byte followed by 0 to 7 zero bytes makes of a CRC-32."""
    tables = np.zeros((8, 256), dtype=np.uint32)
    value = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        value = (value >> np.uint32(1)) ^ (np.uint32(CRC_POLYNOMIAL) * (value & np.uint32(1)))
    tables[0] = value
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> np.uint32(8)) ^ tables[0][tables[k - 1] & np.uint32(255)]
    return tables.ravel()


class ReadTables(NamedTuple):
    """Where ``reads`` counts. Flat arrays in C order; ``cycles`` is the number of cycles that they hold, even.

    quality    int32[QUALITY_CLASSES, cycles, COMMON]  bases by cycle and base quality
    rare       int64[QUALITY_CLASSES, cycles, 256]     the same of reads with a quality of ``COMMON`` or more
    pairs      int32[PAIR_CLASSES, cycles / 2, 256]    bytes of two packed bases, by their place from the first cycle
    single     int32[BASE_CLASSES, cycles, 16]         the last base of reads with an odd number of them
    gc         int64[2, GC_BINS]                       GC of first (or unpaired) and last reads, bin by bin
    bases      int64[FLAG_KEYS]                        bases by flag key, of all records but secondary ones
    indels     int64[2, longest]                       insertions, deletions by length - 1, of mapped reads
    ends       int64[4, cycles + 1]                    by cycle: insertions in first, last; deletions likewise
    sums       int64[3]                                ``MISMATCHES``, ``CIGAR_BASES``, ``MAPQ_0``
    checksums  int64[3]                                sums of CRC-32s: names, packed bases, half of the qualities
    crc        uint32[8 * 256]                         ``crc_tables``, to look up
    """

    quality: Any
    rare: Any
    pairs: Any
    single: Any
    gc: Any
    bases: Any
    indels: Any
    ends: Any
    sums: Any
    checksums: Any
    crc: Any


@shared
def order_of(flag: Any) -> Any:
    """Which read of its fragment a record is, by its flag."""
    if not flag & PAIRED:
        return UNPAIRED
    which = flag & (READ1 | READ2)
    if which == READ1:
        return FIRST
    return LAST if which == READ2 else OTHER


@shared
def crc32(raw: Any, start: Any, stop: Any, table: Any) -> Any:
    """CRC-32 of bytes [start, stop), eight at a time (Kounavis & Berry 2005, 'slicing by 8'), with ``crc_tables``."""
    crc = np.uint32(0xFFFFFFFF)
    low_byte = np.uint32(255)
    at = start
    while at + 8 <= stop:
        low = np.uint32(u32(raw, at)) ^ crc
        high = np.uint32(u32(raw, at + 4))
        crc = table[1792 + np.int64(low & low_byte)] ^ table[1536 + np.int64((low >> np.uint32(8)) & low_byte)]
        crc ^= table[1280 + np.int64((low >> np.uint32(16)) & low_byte)] ^ table[1024 + np.int64(low >> np.uint32(24))]
        crc ^= table[768 + np.int64(high & low_byte)] ^ table[512 + np.int64((high >> np.uint32(8)) & low_byte)]
        crc ^= table[256 + np.int64((high >> np.uint32(16)) & low_byte)] ^ table[np.int64(high >> np.uint32(24))]
        at += 8
    while at < stop:
        crc = table[np.int64((crc ^ np.uint32(raw[at])) & low_byte)] ^ (crc >> np.uint32(8))
        at += 1
    return np.int64(crc ^ np.uint32(0xFFFFFFFF))


@shared
def add_checksums(i: Any, records: Any, tables: Any) -> None:
    """Add the CRC-32s of row ``i``. Of the qualities samtools stats takes as many bytes as the packed bases have."""
    raw, length, crc = records.raw, np.int64(records.l_seq[i]), tables.crc
    name = records.offset[i] + FIXED_BYTES
    found = crc32(raw, name, name + np.int64(raw[records.offset[i] + 12]) - 1, crc)
    atomic_add(tables.checksums, CRC_NAMES, found)
    if length > 0:
        half = (length + 1) >> 1
        atomic_add(tables.checksums, CRC_BASES, crc32(raw, records.seq[i], records.seq[i] + half, crc))
        atomic_add(tables.checksums, CRC_QUALITIES, crc32(raw, records.qual[i], records.qual[i] + half, crc))


@shared
def integer_tag(raw: Any, at: Any) -> Any:
    """Value of the integer tag whose type is at byte ``at``; 0 for other types (htslib ``bam_aux2i``)."""
    kind, value = raw[at], np.int64(raw[at + 1])
    if kind == 67:  # C
        return value
    if kind == 99:  # c
        return value - ((value >> 7) << 8)
    if kind == 83 or kind == 115:  # S, s
        value |= np.int64(raw[at + 2]) << 8
        return value if kind == 83 else value - ((value >> 15) << 16)
    if kind == 73 or kind == 105:  # I, i
        value = u32(raw, at + 1)
        return value if kind == 73 else value - ((value >> 31) << 32)
    return np.int64(0)


@shared
def edit_distance(raw: Any, at: Any, stop: Any) -> Any:
    """The NM tag among the auxiliary fields in [at, stop); 0 where there is none, or damage before it."""
    while at + 4 <= stop:
        kind = raw[at + 2]
        size = AUX_SIZE[kind]
        if raw[at] == 78 and raw[at + 1] == 77:  # NM
            return integer_tag(raw, at + 2) if at + 3 + size <= stop else np.int64(0)
        if kind == 90 or kind == 72:  # Z, H
            value = at + 3
            while value < stop and raw[value] != 0:
                value += 1
            at = value + 1
        elif kind == 66:  # B
            if at + 8 > stop or AUX_SIZE[raw[at + 3]] == 0:
                return np.int64(0)
            at += 8 + AUX_SIZE[raw[at + 3]] * u32(raw, at + 4)
        elif size == 0 or at + 3 + size > stop:
            return np.int64(0)
        else:
            at += 3 + size
    return np.int64(0)


@shared
def most_quality(raw: Any, start: Any, stop: Any) -> Any:
    """All base quality bytes in [start, stop), or-ed together."""
    bits = np.uint8(0)
    for k in range(start, stop):
        bits = np.uint8(bits | raw[np.uint64(k)])
    return bits


@shared
def count_qualities(start: Any, length: Any, raw: Any, cell: Any, step: Any, table: Any) -> None:
    """Add ``length`` base qualities from byte ``start`` on to the cells from ``cell`` on, ``step`` apart."""
    for k in range(length):
        atomic_add(table, np.uint64(cell + np.int64(raw[np.uint64(start + k)])), 1)
        cell += step


@shared
def count_pairs(start: Any, whole: Any, raw: Any, cell: Any, step: Any, table: Any) -> Any:
    """Add ``whole`` bytes of packed bases to the cells from ``cell`` on, ``step`` apart; how many are C or G."""
    gc = np.int64(0)
    for k in range(whole):
        byte = np.int64(raw[np.uint64(start + k)])
        atomic_add(table, np.uint64(cell + byte), 1)
        gc += GC_OF_BYTE[np.uint64(byte)]
        cell += step
    return gc


@shared
def spread_qualities(
    start: Any, length: Any, raw: Any, group: Any, turn: Any, cycles: Any, width: Any, table: Any
) -> None:
    """Add the base qualities of a read by cycle, ``turn`` -1 where the last byte is the first cycle.

    What lies behind the last cycle that the table holds counts there.
    """
    near = min(length, cycles)
    far = length - near
    low, last = group * cycles * width, (group * cycles + cycles - 1) * width
    if turn > 0:
        count_qualities(start, near, raw, low, width, table)
        count_qualities(start + near, far, raw, last, 0, table)
    else:
        count_qualities(start, far, raw, last, 0, table)
        count_qualities(start + far, near, raw, low + (near - 1) * width, -width, table)


@shared
def spread_pairs(start: Any, whole: Any, raw: Any, group: Any, turn: Any, slots: Any, table: Any) -> Any:
    """As ``spread_qualities``, for bytes of two bases; how many of these are C or G."""
    near = min(whole, slots)
    far = whole - near
    low, last = group * slots * 256, (group * slots + slots - 1) * 256
    if turn > 0:
        gc = count_pairs(start, near, raw, low, 256, table)
        return gc + count_pairs(start + near, far, raw, last, 0, table)
    gc = count_pairs(start, far, raw, last, 0, table)
    return gc + count_pairs(start + far, near, raw, low + (near - 1) * 256, -256, table)


@shared
def count_cycles(i: Any, order: Any, records: Any, tables: Any) -> Any:
    """Count the bases and qualities of row ``i`` by cycle; how many of its bases are C or G."""
    raw, flag, length = records.raw, records.flag[i], np.int64(records.l_seq[i])
    reverse = np.int64((flag & REVERSE) != 0)
    group = np.int64(2 * order + ((flag & QC_FAIL) != 0))
    cycles = np.int64(tables.single.shape[0] // (16 * BASE_CLASSES))
    turn = 1 - 2 * reverse
    qual = records.qual[i]
    if most_quality(raw, qual, qual + length) < COMMON:
        spread_qualities(qual, length, raw, group, turn, cycles, COMMON, tables.quality)
    else:
        spread_qualities(qual, length, raw, group, turn, cycles, 256, tables.rare)
    whole, odd = length >> 1, length & 1
    strand = 2 * group + reverse
    gc = spread_pairs(records.seq[i], whole, raw, 2 * strand + odd, turn, cycles >> 1, tables.pairs)
    if odd:
        base = np.int64(raw[records.seq[i] + whole]) >> 4
        cycle = 0 if reverse else min(length, cycles) - 1
        atomic_add(tables.single, (strand * cycles + cycle) * 16 + base, 1)
        gc += GC_OF_BYTE[base]
    return gc


@shared
def count_gc(gc: Any, length: Any, last: Any, bins: Any) -> None:
    """Add a read to the bins of GC content that it fills (samtools stats 1.16, ``collect_orig_read_stats``)."""
    stop = min((gc + 1) * (GC_BINS - 1) // length, GC_BINS - 1)
    for k in range(gc * (GC_BINS - 1) // length, stop):
        atomic_add(bins, last * GC_BINS + k, 1)


@shared
def count_indel(operation: Any, size: Any, cycle: Any, i: Any, order: Any, records: Any, tables: Any) -> None:
    """Add an insertion or deletion before base ``cycle`` of row ``i`` (samtools stats 1.16, ``count_indels``)."""
    deletion = np.int64(operation == CIGAR_D)
    index = cycle - deletion
    if records.flag[i] & REVERSE:
        index = np.int64(records.l_seq[i]) - cycle - (1 if deletion else size)
    if index < 0:
        return
    if order != OTHER:
        width = tables.ends.shape[0] >> 2
        atomic_add(tables.ends, (2 * deletion + (order == LAST)) * width + min(index, width - 1), 1)
    longest = tables.indels.shape[0] >> 1
    if size <= longest:
        atomic_add(tables.indels, deletion * longest + size - 1, 1)


@shared
def count_cigar(i: Any, order: Any, records: Any, tables: Any) -> Any:
    """Count the indels and aligned bases of row ``i``, where it is mapped; the length of the read before hard clips."""
    mapped = not records.flag[i] & UNMAPPED
    cycle, aligned = np.int64(0), np.int64(0)
    length = np.int64(records.l_seq[i])
    for k in range(records.n_cigar[i]):
        word = u32(records.raw, records.cigar[i] + 4 * k)
        operation, size = word & 15, word >> 4
        if operation == CIGAR_H:
            length += size
        elif mapped and size > 0:
            if operation == CIGAR_I or operation == CIGAR_D:
                count_indel(operation, size, cycle, i, order, records, tables)
            if consumes_query(operation) and (consumes_reference(operation) or operation == CIGAR_I):
                aligned += size
            if operation != CIGAR_D and operation != CIGAR_N and operation != CIGAR_P:
                cycle += size
    if aligned > 0:
        atomic_add(tables.sums, CIGAR_BASES, aligned)
    return length


@shared
def count_read(i: Any, records: Any, tables: Any, gc: Any, lengths: Any, k: Any) -> None:
    """Add row ``i``, the ``k``-th of a launch, to the tables, and fill ``gc[k]`` and ``lengths[k]``.

    lengths  int64: bases before hard clipping times ``LENGTH_KINDS``, plus the order, plus ``ORDERS`` for a
             supplementary record; -1: a secondary record, or one without a sequence
    gc       int32: C and G among the bases; 0 where samtools stats does not count the bases: a supplementary record, or
             one of a pair but neither the first nor the last
    """
    flag, length = records.flag[i], np.int64(records.l_seq[i])
    add_checksums(i, records, tables)
    gc[k] = 0
    lengths[k] = -1
    if flag & SECONDARY or length == 0:
        return
    order = order_of(flag)
    atomic_add(tables.bases, flag_key(i, records), length)
    if not flag & SUPPLEMENTARY:
        found = count_cycles(i, order, records, tables)
        if order != OTHER:
            gc[k] = found
            count_gc(found, length, np.int64(order == LAST), tables.gc)
        if records.mapq[i] == 0 and not flag & UNMAPPED:
            atomic_add(tables.sums, MAPQ_0, 1)
    kind = order + ORDERS * np.int64((flag & SUPPLEMENTARY) != 0)
    lengths[k] = count_cigar(i, order, records, tables) * LENGTH_KINDS + kind
    if not flag & UNMAPPED:
        stop = records.offset[i] + 4 + u32(records.raw, records.offset[i])
        atomic_add(tables.sums, MISMATCHES, edit_distance(records.raw, records.qual[i] + length, stop))


@cpu_loop
def reads_cpu(n: int, records: Any, first: int, tables: ReadTables, gc: Any, lengths: Any) -> None:
    for k in range(n):
        count_read(first + k, records, tables, gc, lengths, k)


@cuda_loop
def reads_cuda(n: int, records: Any, first: int, tables: ReadTables, gc: Any, lengths: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        count_read(first + k, records, tables, gc, lengths, k)

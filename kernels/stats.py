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
    u64,
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

NT16_ACGT = NT16_A, NT16_C, NT16_G, NT16_T = 1, 2, 4, 8
PAIRS = np.array([high << 4 | low for high in NT16_ACGT for low in NT16_ACGT], dtype=np.uint8)  # bytes of two of them
OTHER_PAIR = 16
# Of a byte of two bases: its place in ``PAIRS``, or ``OTHER_PAIR``; and, times 256, how many of them are C or G.
PAIR_CODE = np.array(
    [
        256 * ((b >> 4 in (2, 4)) + (b & 15 in (2, 4))) + (PAIRS.tolist().index(b) if b in PAIRS else OTHER_PAIR)
        for b in range(256)
    ],
    dtype=np.uint16,
)


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

    quality    int32[QUALITY_CLASSES, COMMON, cycles]  bases by base quality and cycle
    rare       int64[QUALITY_CLASSES, 256, cycles]     the same of reads with a quality of ``COMMON`` or more
    pairs      int32[PAIR_CLASSES, cycles / 2, 16]     bytes of two packed bases, by their place from the first cycle
                                                       and by ``PAIRS``: one cache line a place
    others     int32[PAIR_CLASSES, cycles / 2, 256]    the same of all other bytes
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
    others: Any
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
def crc_of_8(raw: Any, at: Any, crc: Any, table: Any) -> Any:
    """A CRC-32 moved on by the eight bytes at ``at`` (Kounavis & Berry 2005, 'slicing by 8'), with ``crc_tables``."""
    word = u64(raw, at) ^ np.uint64(crc)
    byte = np.uint64(255)
    one = table[np.uint64(1792) + (word & byte)] ^ table[np.uint64(1536) + ((word >> np.uint64(8)) & byte)]
    two = table[np.uint64(1280) + ((word >> np.uint64(16)) & byte)]
    two ^= table[np.uint64(1024) + ((word >> np.uint64(24)) & byte)]
    three = table[np.uint64(768) + ((word >> np.uint64(32)) & byte)]
    three ^= table[np.uint64(512) + ((word >> np.uint64(40)) & byte)]
    four = table[np.uint64(256) + ((word >> np.uint64(48)) & byte)] ^ table[word >> np.uint64(56)]
    return (one ^ two) ^ (three ^ four)


@shared
def crc_of_1(raw: Any, at: Any, crc: Any, table: Any) -> Any:
    """A CRC-32 moved on by one byte."""
    return table[np.uint64((crc ^ np.uint32(raw[np.uint64(at)])) & np.uint32(255))] ^ (crc >> np.uint32(8))


@shared
def crc32(raw: Any, start: Any, stop: Any, table: Any) -> Any:
    """CRC-32 of bytes [start, stop)."""
    crc = np.uint32(0xFFFFFFFF)
    at = start
    while at + 8 <= stop:
        crc = crc_of_8(raw, at, crc, table)
        at += 8
    while at < stop:
        crc = crc_of_1(raw, at, crc, table)
        at += 1
    return np.int64(crc ^ np.uint32(0xFFFFFFFF))


@shared
def crc32_of_two(raw: Any, one: Any, two: Any, size: Any, table: Any) -> Any:
    """CRC-32s of ``size`` bytes from ``one`` and from ``two`` on, whose chains of look-ups run side by side."""
    first, second = np.uint32(0xFFFFFFFF), np.uint32(0xFFFFFFFF)
    k = np.int64(0)
    while k + 8 <= size:
        first = crc_of_8(raw, one + k, first, table)
        second = crc_of_8(raw, two + k, second, table)
        k += 8
    while k < size:
        first = crc_of_1(raw, one + k, first, table)
        second = crc_of_1(raw, two + k, second, table)
        k += 1
    return np.int64(first ^ np.uint32(0xFFFFFFFF)), np.int64(second ^ np.uint32(0xFFFFFFFF))


@shared
def add_checksums(i: Any, records: Any, tables: Any) -> None:
    """Add the CRC-32s of row ``i``. Of the qualities samtools stats takes as many bytes as the packed bases have."""
    raw, length, crc = records.raw, np.int64(records.l_seq[i]), tables.crc
    name = records.offset[i] + FIXED_BYTES
    found = crc32(raw, name, name + np.int64(raw[records.offset[i] + 12]) - 1, crc)
    atomic_add(tables.checksums, CRC_NAMES, found)
    if length > 0:
        bases, qualities = crc32_of_two(raw, records.seq[i], records.qual[i], (length + 1) >> 1, crc)
        atomic_add(tables.checksums, CRC_BASES, bases)
        atomic_add(tables.checksums, CRC_QUALITIES, qualities)


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
def count_qualities(
    start: Any, length: Any, raw: Any, cell: Any, step: Any, cycles: Any, levels: Any, change: Any, table: Any
) -> Any:
    """Add ``change`` for each of ``length`` base qualities from byte ``start`` on; all qualities, or-ed together.

    A quality, modulo ``levels`` (a power of two), is a row of ``cycles`` cells; the column starts at ``cell`` and moves
    by ``step``. So a run of one quality, the usual thing, moves along a row.
    """
    bits = np.uint64(0)
    inside = np.uint64(levels - 1)
    for k in range(length):
        quality = np.uint64(raw[np.uint64(start + k)])
        bits |= quality
        atomic_add(table, np.uint64(cell) + (quality & inside) * np.uint64(cycles), change)
        cell += step
    return bits


@shared
def count_pairs(start: Any, whole: Any, raw: Any, slot: Any, step: Any, common: Any, others: Any) -> Any:
    """Add ``whole`` bytes of packed bases to the slots from ``slot`` on, ``step`` apart; how many are C or G."""
    gc = np.int64(0)
    for k in range(whole):
        byte = np.uint64(raw[np.uint64(start + k)])
        code = np.uint64(PAIR_CODE[byte])
        gc += np.int64(code >> np.uint64(8))
        if code & np.uint64(OTHER_PAIR):
            atomic_add(others, np.uint64(slot * 256) + byte, 1)
        else:
            atomic_add(common, np.uint64(slot * 16) + (code & np.uint64(15)), 1)
        slot += step
    return gc


@shared
def spread_qualities(
    start: Any, length: Any, raw: Any, group: Any, turn: Any, cycles: Any, levels: Any, change: Any, table: Any
) -> Any:
    """Add ``change`` for the base qualities of a read by cycle; all qualities, or-ed together.

    ``turn`` is -1 where the last byte is the first cycle. What lies behind the last cycle that the table holds counts
    there.
    """
    near = min(length, cycles)
    far = length - near
    low = group * cycles * levels
    last = low + cycles - 1
    if turn > 0:
        bits = count_qualities(start, near, raw, low, 1, cycles, levels, change, table)
        return bits | count_qualities(start + near, far, raw, last, 0, cycles, levels, change, table)
    bits = count_qualities(start, far, raw, last, 0, cycles, levels, change, table)
    return bits | count_qualities(start + far, near, raw, low + near - 1, -1, cycles, levels, change, table)


@shared
def spread_pairs(start: Any, whole: Any, raw: Any, group: Any, turn: Any, slots: Any, common: Any, others: Any) -> Any:
    """As ``spread_qualities``, for bytes of two bases; how many of these are C or G."""
    near = min(whole, slots)
    far = whole - near
    low, last = group * slots, group * slots + slots - 1
    if turn > 0:
        gc = count_pairs(start, near, raw, low, 1, common, others)
        return gc + count_pairs(start + near, far, raw, last, 0, common, others)
    gc = count_pairs(start, far, raw, last, 0, common, others)
    return gc + count_pairs(start + far, near, raw, low + near - 1, -1, common, others)


@shared
def count_cycles(i: Any, order: Any, records: Any, tables: Any) -> Any:
    """Count the bases and qualities of row ``i`` by cycle; how many of its bases are C or G."""
    raw, flag, length = records.raw, records.flag[i], np.int64(records.l_seq[i])
    reverse = np.int64((flag & REVERSE) != 0)
    group = np.int64(2 * order + ((flag & QC_FAIL) != 0))
    cycles = np.int64(tables.single.shape[0] // (16 * BASE_CLASSES))
    turn = 1 - 2 * reverse
    qual = records.qual[i]
    if spread_qualities(qual, length, raw, group, turn, cycles, COMMON, 1, tables.quality) >= COMMON:
        spread_qualities(qual, length, raw, group, turn, cycles, COMMON, -1, tables.quality)  # not so common after all
        spread_qualities(qual, length, raw, group, turn, cycles, 256, 1, tables.rare)
    whole, odd = length >> 1, length & 1
    strand = 2 * group + reverse
    gc = spread_pairs(records.seq[i], whole, raw, 2 * strand + odd, turn, cycles >> 1, tables.pairs, tables.others)
    if odd:
        base = np.int64(raw[records.seq[i] + whole]) >> 4
        cycle = 0 if reverse else min(length, cycles) - 1
        atomic_add(tables.single, (strand * cycles + cycle) * 16 + base, 1)
        gc += base == NT16_C or base == NT16_G
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

"""stats: all that one look at a record's bytes adds to the description of a file's reads.

``reads`` visits each record once and counts its bases and qualities by cycle, GC, length, indels, edit distance and
checksums. samtools stats' tables, yields and per-cycle figures are sums over what it fills (``qc/stats.py``).

A read's *cycle* is the place of a base in the order of sequencing: a reverse read's first cycle is its last base.
Clipping is neglected, as samtools stats neglects it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import (
    PLANES,
    ROWS,
    WORD,
    add_capped,
    add_rows,
    add_where,
    bits_in,
    lanes,
    load_bytes,
    masked_equal,
    plain_bytes,
    single_bits,
    spread,
    store_bytes,
    turned,
    whole_words,
)
from .crc import crc32, crc32_of_two
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .levels import COMMON, LEVELS, LEVELS_SIZE, PART, is_full, learn_levels, level_at, levels_of, marks_of, parts_of
from .qc import Kinds, count_kind, flag_key
from .records import (
    AHEAD,
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
    READ_LINES,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    consumes_query,
    consumes_reference,
    fetch_ahead,
    row_of,
    u32,
)
from .scalar import is_one_match, nt16_at
from .tags import NM, NO_TAG, tag_integer, text_end

# Which read of its fragment a record is: not one of a pair, the first, the last, or of a pair but neither (or both).
UNPAIRED, FIRST, LAST, OTHER = range(4)
ORDERS = 4
LENGTH_KINDS = ORDERS * 2  # x 1: supplementary
QUALITY_CLASSES = ORDERS * 2  # x 1: failed the vendor's filter
BASE_CLASSES = QUALITY_CLASSES * 2  # x 1: reverse
CODES = 16  # of bases

GC_BINS = 200  # samtools stats' ngc
NM_OF_ONE_BYTE = NM | ord("C") << 16  # name and type
NEAR_LENGTHS = 1024  # bases; longer reads are counted one by one
MOST_DIVIDED = 1 << 20  # bases of a read
NT16_C, NT16_G = 2, 4
MISMATCHES, CIGAR_BASES, MAPQ_0 = range(3)  # elements of ``sums``
CRC_NAMES, CRC_BASES, CRC_QUALITIES = range(3)  # elements of ``checksums``


class ReadTables(NamedTuple):
    """Where ``reads`` counts. Flat arrays in C order; ``cycles`` is the number of cycles that they hold.

    quality    int32[QUALITY_CLASSES, COMMON, cycles]  bases by base quality and cycle
    rare       int64[QUALITY_CLASSES, 256, cycles]     the same of reads with a quality of ``COMMON`` or more
    codes      int32[BASE_CLASSES, CODES, cycles]      bases by 4-bit code, as they stand in the record, and cycle
    gc         int64[2, GC_BINS]                       GC of first (or unpaired) and last reads: what each bin has more
                                                       than the one before
    bases      int64[FLAG_KEYS]                        bases by flag key, of all records but secondary ones
    lengths    int64[NEAR_LENGTHS, LENGTH_KINDS]       reads by bases before hard clipping, and by order, plus
                                                       ``ORDERS`` for supplementary records; of those of ``bases``
    indels     int64[2, longest]                       insertions, deletions by length - 1, of mapped reads
    ends       int64[4, cycles + 1]                    by cycle: insertions in first, last; deletions likewise
    sums       int64[3]                                ``MISMATCHES``, ``CIGAR_BASES``, ``MAPQ_0``
    checksums  int64[3]                                sums of CRC-32s: names, packed bases, half of the qualities
    crc        uint32[8 * 256]                         ``crc.crc_tables``, to look up
    """

    quality: Any
    rare: Any
    codes: Any
    gc: Any
    bases: Any
    lengths: Any
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
def add_checksums(read: Any, raw: Any, tables: Any) -> None:
    """Add the CRC-32s of a read. Of the qualities samtools stats takes as many bytes as the packed bases have."""
    length, crc = read.l_seq, tables.crc
    name = read.offset + FIXED_BYTES
    found = crc32(raw, name, name + np.int64(raw[read.offset + 12]) - 1, crc)
    atomic_add(tables.checksums, CRC_NAMES, found)
    if length > 0:
        bases, qualities = crc32_of_two(raw, read.seq, read.qual, (length + 1) >> 1, crc)
        atomic_add(tables.checksums, CRC_BASES, bases)
        atomic_add(tables.checksums, CRC_QUALITIES, qualities)


@shared
def edit_distance(raw: Any, at: Any, stop: Any) -> Any:
    """The NM tag among the auxiliary fields in [at, stop); 0 where there is none, or damage before it.

    A type that is no whole number counts as 0 (htslib ``bam_aux2i``).
    """
    while at + 4 <= stop:
        word, value = u32(raw, at), at + 3
        kind = (word >> 16) & 0xFF
        if word & 0xFFFFFF == NM_OF_ONE_BYTE:  # as it mostly is
            return word >> 24  # an unsigned byte
        size = AUX_SIZE[np.uint64(kind)]
        if word & 0xFFFF == NM:
            number = tag_integer(raw, value, kind) if value + size <= stop else np.int64(NO_TAG)
            return number if number != NO_TAG else np.int64(0)
        if kind == 90 or kind == 72:  # Z, H
            at = text_end(raw, value, stop) + 1
        elif kind == 66:  # B
            if at + 8 > stop or AUX_SIZE[raw[np.uint64(value)]] == 0:
                return np.int64(0)
            at += 8 + AUX_SIZE[raw[np.uint64(value)]] * u32(raw, at + 4)
        elif size == 0 or value + size > stop:
            return np.int64(0)
        else:
            at = value + size
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
def count_codes(read: Any, order: Any, raw: Any, tables: Any) -> Any:
    """Count the bases of a read by cycle; how many of them are C or G."""
    flag, length = read.flag, read.l_seq
    reverse = np.int64((flag & REVERSE) != 0)
    cycles = cycles_of(tables)
    low = (2 * quality_class(order, flag) + reverse) * CODES * cycles
    gc = np.int64(0)
    for k in range(length):
        code = np.int64(nt16_at(raw, read.seq, k))
        cycle = length - 1 - k if reverse else k
        atomic_add(tables.codes, low + code * cycles + min(cycle, cycles - 1), 1)
        gc += code == NT16_C or code == NT16_G
    return gc


@shared
def cycles_of(tables: Any) -> Any:
    """How many cycles the tables hold."""
    return np.int64(tables.codes.shape[0] // (CODES * BASE_CLASSES))


@shared
def quality_class(order: Any, flag: Any) -> Any:
    """Row of the tables of qualities."""
    return np.int64(2 * order + ((flag & QC_FAIL) != 0))


@shared
def count_row_qualities(read: Any, order: Any, raw: Any, tables: Any) -> None:
    """Count the qualities of a read by cycle."""
    flag, length, cycles = read.flag, read.l_seq, cycles_of(tables)
    group, qual = quality_class(order, flag), read.qual
    turn = -1 if flag & REVERSE else 1
    if spread_qualities(qual, length, raw, group, turn, cycles, COMMON, 1, tables.quality) >= COMMON:
        spread_qualities(qual, length, raw, group, turn, cycles, COMMON, -1, tables.quality)  # not so common after all
        spread_qualities(qual, length, raw, group, turn, cycles, 256, 1, tables.rare)


@shared
def count_cycles(read: Any, order: Any, raw: Any, tables: Any) -> Any:
    """Count the bases and qualities of a read by cycle; how many of its bases are C or G."""
    count_row_qualities(read, order, raw, tables)
    return count_codes(read, order, raw, tables)


@shared
def count_gc(gc: Any, length: Any, last: Any, bins: Any) -> None:
    """Add a read to the bins of GC content that it fills (samtools stats 1.16, ``collect_orig_read_stats``)."""
    first, stop = gc * (GC_BINS - 1), (gc + 1) * (GC_BINS - 1)
    if length < MOST_DIVIDED:  # numbers that a CPU divides at once: less than 2**32
        first, stop = np.int64(np.uint32(first) // np.uint32(length)), np.int64(np.uint32(stop) // np.uint32(length))
    else:
        first, stop = first // length, stop // length
    atomic_add(bins, last * GC_BINS + first, 1)
    atomic_add(bins, last * GC_BINS + min(stop, GC_BINS - 1), -1)


@shared
def count_indel(operation: Any, size: Any, cycle: Any, read: Any, order: Any, raw: Any, tables: Any) -> None:
    """Add an insertion or deletion before base ``cycle`` of a read (samtools stats 1.16, ``count_indels``)."""
    deletion = np.int64(operation == CIGAR_D)
    index = cycle - deletion
    if read.flag & REVERSE:
        index = read.l_seq - cycle - (1 if deletion else size)
    if index < 0:
        return
    if order != OTHER:
        width = tables.ends.shape[0] >> 2
        atomic_add(tables.ends, (2 * deletion + (order == LAST)) * width + min(index, width - 1), 1)
    longest = tables.indels.shape[0] >> 1
    if size <= longest:
        atomic_add(tables.indels, deletion * longest + size - 1, 1)


@shared
def count_cigar(read: Any, order: Any, raw: Any, tables: Any) -> Any:
    """Count the indels and aligned bases of a read, where it is mapped; the length of the read before hard clips."""
    mapped = not read.flag & UNMAPPED
    if is_one_match(read, raw):  # as most are
        if mapped:
            atomic_add(tables.sums, CIGAR_BASES, read.l_seq)
        return read.l_seq
    cycle, aligned = np.int64(0), np.int64(0)
    length = read.l_seq
    for k in range(read.n_cigar):
        word = u32(raw, read.cigar + 4 * k)
        operation, size = word & 15, word >> 4
        if operation == CIGAR_H:
            length += size
        elif mapped and size > 0:
            if operation == CIGAR_I or operation == CIGAR_D:
                count_indel(operation, size, cycle, read, order, raw, tables)
            if consumes_query(operation) and (consumes_reference(operation) or operation == CIGAR_I):
                aligned += size
            if operation != CIGAR_D and operation != CIGAR_N and operation != CIGAR_P:
                cycle += size
    if aligned > 0:
        atomic_add(tables.sums, CIGAR_BASES, aligned)
    return length


@shared
def has_cycles(read: Any) -> Any:
    """True where the bases and qualities of a read are counted by cycle."""
    return read.flag & (SECONDARY | SUPPLEMENTARY) == 0 and read.l_seq > 0


@shared
def count_read(read: Any, order: Any, raw: Any, tables: Any, gc_bases: Any, gc: Any, far: Any, k: Any) -> None:
    """Add a read, the ``k``-th of a launch, to the tables but those by cycle, and fill ``gc[k]``.

    gc_bases  C and G among its bases, where these are counted by cycle
    gc        int32: C and G among the bases; 0 where samtools stats does not count the bases: a supplementary record,
              or one of a pair but neither the first nor the last
    far       int64: where ``lengths`` would count reads of ``NEAR_LENGTHS`` bases and more
    """
    flag, length = read.flag, read.l_seq
    add_checksums(read, raw, tables)
    counted = np.int64(0)
    if not flag & SECONDARY and length > 0:
        atomic_add(tables.bases, flag_key(read), length)
        if has_cycles(read):
            if order != OTHER:
                counted = gc_bases
                count_gc(gc_bases, length, np.int64(order == LAST), tables.gc)
            if read.mapq == 0 and not flag & UNMAPPED:
                atomic_add(tables.sums, MAPQ_0, 1)
        whole = count_cigar(read, order, raw, tables)
        place = whole * LENGTH_KINDS + order + ORDERS * np.int64((flag & SUPPLEMENTARY) != 0)
        if whole < NEAR_LENGTHS:
            atomic_add(tables.lengths, place, 1)
        else:
            far[k] = place
        if not flag & UNMAPPED:
            stop = read.offset + 4 + u32(raw, read.offset)
            atomic_add(tables.sums, MISMATCHES, edit_distance(raw, read.qual + length, stop))
    gc[k] = counted


@cuda_loop
def reads_cuda(
    n: int, records: Any, first: int, tables: ReadTables, kinds: Kinds, work: Any, gc: Any, far: Any
) -> None:
    k = cuda.grid(1)
    if k < n:
        read, found = row_of(first + k, records), np.int64(0)
        count_kind(read, kinds)
        order = order_of(read.flag)
        if has_cycles(read):
            found = count_cycles(read, order, records.raw, tables)
        count_read(read, order, records.raw, tables, found, gc, far, k)


def reads_workspace_cuda(cycles: int) -> tuple[tuple[int], Any]:
    """Shape and type of a workspace: none is needed, but an array is never empty."""
    return (1,), np.uint8


# -- the CPU's way: 64 cycles at once ----------------------------------------------------------------------------------

# Of a byte of two bases each bit stands for a base, and of a quality that is a level one bit of a byte is made to. How
# often each bit of these bytes is set, cycle by cycle (or two by two), is counted by class of reads: ``ROWS`` reads are
# written one below the other, then added at once (``bits.add_rows``); what wraps goes to counters of 8 bits, and from
# these to the tables. Bytes of reverse reads are taken from their end on, so that the first of 64 cycles is the last of
# 64 lanes.

MOST_BLOCKS = 15  # of rows, whose counts and the rest in the planes an 8-bit counter holds
QUALITY_GROUPS = ORDERS * 2  # x 1: reverse
TURNS = 3
FORWARD, REVERSE_EVEN, REVERSE_ODD = range(TURNS)  # how two bases of a byte are cycles
CODE_GROUPS = ORDERS * TURNS
GROUPS = QUALITY_GROUPS + CODE_GROUPS
HALF_BASES = 4  # A, C, G, T
HALVES = 2 * HALF_BASES  # bits of a byte: T to A are 3 to 0 of its lower half; the upper half is the earlier base
PARTS = LEVELS // PART  # 2
# What one part of a group takes of the workspace for each byte of a row: counters, planes, rows.
PART_BYTES = PART + PLANES + ROWS
# Where in the workspace, behind the levels: rows of each group that wait, its blocks of them; then its counters.
AT_ROWS = LEVELS_SIZE
AT_BLOCKS = AT_ROWS + GROUPS
AT_GROUPS = LEVELS_SIZE + WORD


def reads_workspace_cpu(cycles: int) -> tuple[tuple[int], Any]:
    """Shape and type of a workspace of ``reads`` with tables for so many cycles."""
    return (codes_at(CODE_GROUPS, cycles),), np.uint8


@shared
def fits(start: Any, size: Any, reverse: Any, most: Any, raw: Any) -> Any:
    """True where the words that cover ``size`` bytes lie inside ``raw``, and in counters of ``most``."""
    words = whole_words(size)
    low = start + size - words if reverse else start
    return size <= most and low >= 0 and low + words <= raw.shape[0]


@shared
def first_word(start: Any, size: Any, reverse: Any) -> Any:
    """Where the 64 bytes with the first cycles begin, and how far on those with the next ones."""
    return (start + size - WORD, np.int64(-WORD)) if reverse else (start, np.int64(WORD))


@shared
def write_levels(start: Any, size: Any, reverse: Any, raw: Any, rows: Any, width: Any, work: Any) -> Any:
    """Write a read's qualities as bits below the rows of its group that wait at ``rows``; whether all are levels."""
    missing, rest, several = np.uint64(0), size & (WORD - 1), levels_of(work) > PART
    at, step = first_word(start, size, reverse)
    for done in range(0, size - rest, WORD):
        missing |= write_marks(plain_bytes(raw, at), rows + ROWS * done, width, several, work)
        at += step
    if rest:
        low, high = (WORD - rest, np.int64(WORD)) if reverse else (np.int64(0), rest)
        some = load_bytes(raw, at, low, high, 255)
        missing |= write_marks(some, rows + ROWS * (size - rest), width, several, work) & lanes(low, high)
    return missing == np.uint64(0)


@shared
def write_marks(some: Any, row: Any, width: Any, several: Any, work: Any) -> Any:
    """Write 64 qualities as bits to a row, those of the second of ``several`` parts to theirs; which are no levels."""
    marks = marks_of(some, 0, work)  # the parts are written out: a loop over one or two costs more than its work
    unknown = masked_equal(marks, 255, 0)
    store_bytes(marks, work, row)
    if several:
        marks = marks_of(some, 1, work)
        unknown &= masked_equal(marks, 255, 0)
        store_bytes(marks, work, row + PART_BYTES * width)
    return unknown


@shared
def write_codes(start: Any, length: Any, reverse: Any, raw: Any, rows: Any, work: Any) -> Any:
    """Write a read's bytes of two bases below the rows of its group that wait at ``rows``.

    Returns whether all bases are A, C, G or T, and how many are C or G.
    """
    others, gc, size, done = np.uint64(0), np.uint64(0), (length + 1) >> 1, np.int64(0)
    at, step = first_word(start, size, reverse)
    while done + WORD <= length >> 1:
        some = plain_bytes(raw, at)
        store_bytes(some, work, rows + ROWS * done)
        others |= ~(single_bits(some, 0xF0) & single_bits(some, 0x0F))
        gc += strong_bases(some)
        done, at = done + WORD, at + step
    if done < size:
        low, high = (WORD + done - size, np.int64(WORD)) if reverse else (np.int64(0), size - done)
        some, uppers = load_bytes(raw, at, low, high, 0), lanes(low, high)
        lowers = uppers ^ (np.uint64(length & 1) << np.uint64(high - 1))  # an odd last base is an upper half
        store_bytes(some, work, rows + ROWS * done)
        others |= uppers & ~single_bits(some, 0xF0) | lowers & ~single_bits(some, 0x0F)
        gc += strong_bases(some)
    return others == np.uint64(0), np.int64(gc)


@shared
def strong_bases(some: Any) -> Any:
    """How many of the bases in 64 bytes are C or G, if they are A, C, G or T."""
    return bits_in(~masked_equal(some, 0x60, 0)) + bits_in(~masked_equal(some, 0x06, 0))


@shared
def clear(start: Any, size: Any, work: Any) -> None:
    """Set bytes of the workspace to 0."""
    for at in range(start, start + size):
        work[np.uint64(at)] = 0


@shared
def clear_row(rows: Any, size: Any, work: Any) -> None:
    """Set what was written of a row to 0."""
    for done in range(0, size, WORD):
        clear(rows + ROWS * done, WORD, work)


@shared
def add_block(at: Any, width: Any, bits: Any, work: Any) -> None:
    """Add the rows that wait in one part of a group, which begins at ``at``, to its planes and counters."""
    planes, rows = at + PART * width, at + (PART + PLANES) * width
    for done in range(0, width, WORD):
        wrapped = add_rows(work, rows + ROWS * done, work, planes + PLANES * done)
        for bit in range(bits):
            add_where(wrapped, bit, ROWS, work, at + bit * width + done)
    clear(rows, ROWS * width, work)


@shared
def flush_planes(at: Any, width: Any, bits: Any, work: Any) -> None:
    """Add the planes of one part of a group to its counters."""
    planes = at + PART * width
    for done in range(0, width, WORD):
        for j in range(PLANES):
            plane = plain_bytes(work, planes + PLANES * done + WORD * j)
            for bit in range(bits):
                add_where(plane, bit, 1 << j, work, at + bit * width + done)
    clear(planes, PLANES * width, work)


@shared
def bits_of(part: Any, work: Any) -> Any:
    """How many bits of a part of the levels are in use."""
    return min(np.int64(PART), levels_of(work) - PART * part)


@shared
def add_level_rows(at: Any, width: Any, work: Any) -> None:
    """Add the rows of qualities that wait to a group's planes and counters; the group begins at ``at``."""
    for part in range(parts_of(work)):
        add_block(at + part * PART_BYTES * width, width, bits_of(part, work), work)


@shared
def empty_row(at: Any, low: Any, step: Any, reverse: Any, width: Any, work: Any, table: Any) -> None:
    """Add a row of counters to cells of a table, ``step`` (1 or 2) apart: the one of the first cycle, or pair, is
    ``low``."""
    for done in range(0, width, WORD):
        some = plain_bytes(work, at + done)
        some = turned(some) if reverse else some
        cell = low + step * done
        if cell < 0 or cell + step * WORD > table.shape[0]:
            empty_lanes(at + done, cell, step, reverse, work, table)
        elif step == 1:
            add_capped(some, 255, table, cell)  # counters of no cycle are 0
        else:
            add_capped(spread(some, False), 255, table, cell)
            add_capped(spread(some, True), 255, table, cell + WORD)
    for k in range(at, at + width):
        work[np.uint64(k)] = 0


@shared
def empty_lanes(at: Any, low: Any, step: Any, reverse: Any, work: Any, table: Any) -> None:
    """``empty_row`` of 64 counters, of which some may have no cells."""
    for lane in range(WORD):
        count = work[at + lane]
        if count:
            table[low + step * (WORD - 1 - lane if reverse else lane)] += count


@shared
def qualities_at(group: Any, cycles: Any) -> Any:
    """Where in the workspace a group of qualities begins: part by part its counters, planes and rows."""
    return AT_GROUPS + group * PARTS * PART_BYTES * whole_words(cycles)


@shared
def codes_at(group: Any, cycles: Any) -> Any:
    """Where in the workspace a group of bases begins: its counters, planes and rows."""
    return qualities_at(QUALITY_GROUPS, cycles) + group * PART_BYTES * whole_words((cycles + 1) >> 1)


@shared
def empty_qualities(group: Any, cycles: Any, work: Any, table: Any) -> None:
    """Add all that was counted of a group of qualities to the table."""
    width, at = whole_words(cycles), qualities_at(group, cycles)
    add_level_rows(at, width, work)
    for part in range(parts_of(work)):
        flush_planes(at + part * PART_BYTES * width, width, bits_of(part, work), work)
    for level in range(levels_of(work)):
        row = (group >> 1) * 2 * COMMON + level_at(level, work)
        counters = at + (level // PART) * PART_BYTES * width + (level % PART) * width
        empty_row(counters, row * cycles, 1, group & 1, width, work, table)
    work[AT_ROWS + group] = work[AT_BLOCKS + group] = 0


@shared
def empty_codes(group: Any, cycles: Any, work: Any, table: Any) -> None:
    """Add all that was counted of a group of bases to the table."""
    width, at = whole_words((cycles + 1) >> 1), codes_at(group, cycles)
    add_block(at, width, HALVES, work)
    flush_planes(at, width, HALVES, work)
    order, turn = group // TURNS, group % TURNS
    low = (4 * order + (turn != FORWARD)) * CODES
    for half in range(HALVES):
        first = np.int64((half < HALF_BASES) != (turn == REVERSE_EVEN))  # the cycle of this half of a byte, of two
        if turn == REVERSE_ODD and half < HALF_BASES:
            first = np.int64(-1)
        row = (low + (1 << (half & 3))) * cycles
        empty_row(at + half * width, row + first, 2, turn != FORWARD, width, work, table)
    work[AT_ROWS + QUALITY_GROUPS + group] = work[AT_BLOCKS + QUALITY_GROUPS + group] = 0


@shared
def tally_row_qualities(read: Any, order: Any, raw: Any, tables: Any, work: Any) -> Any:
    """Count the qualities of a read by the counters; False where it cannot be."""
    size, cycles, qual = read.l_seq, cycles_of(tables), read.qual
    reverse = np.int64((read.flag & REVERSE) != 0)
    group = np.int64(2 * order + reverse)
    if is_full(work) or raw[qual] >= COMMON or not fits(qual, size, reverse, cycles, raw):
        return False
    at, width, waiting = qualities_at(group, cycles), whole_words(cycles), np.int64(work[AT_ROWS + group])
    rows = at + (PART + PLANES) * width + WORD * waiting
    if not write_levels(qual, size, reverse, raw, rows, width, work):
        for part in range(parts_of(work)):
            clear_row(rows + part * PART_BYTES * width, size, work)
        learn_levels(qual, size, raw, work)
        return False
    work[AT_ROWS + group] += 1
    if waiting + 1 == ROWS:
        add_level_rows(at, width, work)
        work[AT_ROWS + group] = 0
        work[AT_BLOCKS + group] += 1
        if work[AT_BLOCKS + group] == MOST_BLOCKS:
            empty_qualities(group, cycles, work, tables.quality)
    return True


@shared
def tally_row_codes(read: Any, order: Any, raw: Any, tables: Any, work: Any) -> Any:
    """Count the bases of a read by the counters; how many are C or G, -1 where it cannot be."""
    length, cycles, seq = read.l_seq, cycles_of(tables), read.seq
    reverse = np.int64((read.flag & REVERSE) != 0)
    size = (length + 1) >> 1
    if length > cycles or not fits(seq, size, reverse, size, raw):
        return np.int64(-1)
    if length & 1 and raw[seq + size - 1] & 15:  # what follows the last base may be anything (SAM v1, section 4.2)
        return np.int64(-1)
    group = np.int64(order * TURNS + (REVERSE_EVEN + (length & 1) if reverse else FORWARD))
    at, width = codes_at(group, cycles), whole_words((cycles + 1) >> 1)
    waiting = np.int64(work[AT_ROWS + QUALITY_GROUPS + group])
    rows = at + (PART + PLANES) * width + WORD * waiting
    known, gc = write_codes(seq, length, reverse, raw, rows, work)
    if not known:
        clear_row(rows, size, work)
        return np.int64(-1)
    work[AT_ROWS + QUALITY_GROUPS + group] += 1
    if waiting + 1 == ROWS:
        add_block(at, width, HALVES, work)
        work[AT_ROWS + QUALITY_GROUPS + group] = 0
        work[AT_BLOCKS + QUALITY_GROUPS + group] += 1
        if work[AT_BLOCKS + QUALITY_GROUPS + group] == MOST_BLOCKS:
            empty_codes(group, cycles, work, tables.codes)
    return gc


@shared
def tally_cycles(read: Any, order: Any, raw: Any, tables: Any, work: Any) -> Any:
    """What ``count_cycles`` does, by the counters where it can be."""
    if read.flag & QC_FAIL:
        return count_cycles(read, order, raw, tables)
    if not tally_row_qualities(read, order, raw, tables, work):
        count_row_qualities(read, order, raw, tables)
    gc = tally_row_codes(read, order, raw, tables, work)
    return gc if gc >= 0 else count_codes(read, order, raw, tables)


@cpu_loop
def reads_cpu(n: int, records: Any, first: int, tables: ReadTables, kinds: Kinds, work: Any, gc: Any, far: Any) -> None:
    cycles = cycles_of(tables)
    for at in range(work.shape[0]):
        work[at] = 0
    for k in range(n):
        fetch_ahead(first + min(k + AHEAD, n - 1), records, READ_LINES)
        read, found = row_of(first + k, records), np.int64(0)
        count_kind(read, kinds)
        order = order_of(read.flag)
        if has_cycles(read):
            found = tally_cycles(read, order, records.raw, tables, work)
        count_read(read, order, records.raw, tables, found, gc, far, k)
    for group in range(QUALITY_GROUPS):
        empty_qualities(np.int64(group), cycles, work, tables.quality)
    for group in range(CODE_GROUPS):
        empty_codes(np.int64(group), cycles, work, tables.codes)


# -- GC of stretches ---------------------------------------------------------------------------------------------------


@cpu_loop
def gc_stretches(
    n: int, flag: Any, tid: Any, pos: Any, length: Any, gc: Any, span: int, place: Any, depth: Any, share: Any
) -> int:
    """Count the reads that start in stretches of ``span`` bp and add up their GC; how many stretches there are.

    Host code, since a stretch begins with the first read that starts behind the one before, and the sums are samtools':
    one read after the other, in single precision. It counts mapped reads with a sequence that are not secondary.

    place  int64[2]        contig and start of the last stretch, -1: none yet
    depth  int64[n + 1]    reads of each stretch; the first one's so far
    share  float32[n + 1]  the same for the sum of their shares of C and G
    """
    at, contig, begin = np.int64(0), np.int64(place[0]), np.int64(place[1])
    reads, total = np.int64(depth[0]), np.float32(share[0])  # not in the arrays: a sum would wait for its own storing
    for i in range(n):
        k = np.uint64(i)
        if flag[k] & (UNMAPPED | SECONDARY) or length[k] <= 0:
            continue
        if begin < 0 or tid[k] != contig or pos[k] - begin > span:
            depth[at], share[at] = reads, total
            contig, begin = np.int64(tid[k]), np.int64(pos[k])
            at += 1
            reads, total = np.int64(0), np.float32(0)
        reads += 1
        total = np.float32(total + np.float32(gc[k]) / np.float32(length[k]))
    depth[at], share[at] = reads, total
    place[0], place[1] = contig, begin
    return int(at + 1)

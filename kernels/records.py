"""records: BAM record bytes -> columns (SAM v1, section 4.2), validated on the way.

``walk`` finds where records start (a chain, so it is sequential). ``decode_record`` reads one record's fixed fields,
checks them and fills one row of the columns; after a status of ``OK`` a kernel may trust every offset.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import prefetch
from .jit import cpu_loop, cuda, cuda_loop, shared


class Records(NamedTuple):
    """Columns over raw record bytes, one row a record, in file order. No sequence or quality is copied.

    raw        uint8[:]  the record bytes, each record with its leading block_size
    offset     int64[n]  where the record's block_size field starts in ``raw``
    tid        int32[n]  refID, -1: unplaced
    pos        int32[n]  0-based leftmost position, -1: unplaced
    end        int32[n]  0-based, exclusive end on the reference; pos + 1 for a placed record that consumes no reference
    flag       int32[n]  SAM flag bits
    mapq       int32[n]  0-255 (255: not available)
    l_seq      int32[n]  bases in SEQ, 0: not stored
    n_cigar    int32[n]  CIGAR operations
    cigar      int64[n]  offset of the first 4-byte CIGAR operation in ``raw``
    seq        int64[n]  offset of the 4-bit bases in ``raw``
    qual       int64[n]  offset of the base qualities in ``raw`` (first byte 0xff: not stored)
    mate_tid   int32[n]  next_refID
    mate_pos   int32[n]  next_pos
    tlen       int32[n]  signed template length
    name_hash  uint64[n] 64-bit hash of the read name
    earlier    int32[n]  the last row before it of its name that may reach its position (``chain``), -1: none
    mate       int32[n]  row of the overlapping primary mate in the same batch, -1: none
    status     uint8[n]  OK or what is wrong with the record (``STATUS_TEXT``)
    """

    raw: Any
    offset: Any
    tid: Any
    pos: Any
    end: Any
    flag: Any
    mapq: Any
    l_seq: Any
    n_cigar: Any
    cigar: Any
    seq: Any
    qual: Any
    mate_tid: Any
    mate_pos: Any
    tlen: Any
    name_hash: Any
    earlier: Any
    mate: Any
    status: Any


OK = 0
BAD_SIZE = 1
BAD_NAME = 2
BAD_REFERENCE_ID = 3
BAD_POSITION = 4
BAD_CIGAR_OPERATION = 5
CIGAR_SEQUENCE_MISMATCH = 6
PAST_CONTIG_END = 7
BAD_LONG_CIGAR = 8

STATUS_TEXT = {
    BAD_SIZE: "its block_size does not fit its fields",
    BAD_NAME: "its read name is empty or not terminated",
    BAD_REFERENCE_ID: "its reference id is not in the header",
    BAD_POSITION: "its position is negative",
    BAD_CIGAR_OPERATION: "its CIGAR has an unknown operation",
    CIGAR_SEQUENCE_MISMATCH: "its CIGAR does not match the length of its sequence",
    PAST_CONTIG_END: "its alignment reaches past the end of its contig",
    BAD_LONG_CIGAR: "its CG tag (long CIGAR) is damaged",
}

FIXED_BYTES = 36  # block_size and the fixed-length fields of a record
LARGEST_RECORD = 1 << 28

PAIRED, PROPER_PAIR, UNMAPPED, MATE_UNMAPPED = 0x1, 0x2, 0x4, 0x8
REVERSE, MATE_REVERSE, READ1, READ2 = 0x10, 0x20, 0x40, 0x80
SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x100, 0x200, 0x400, 0x800

CIGAR_M, CIGAR_I, CIGAR_D, CIGAR_N, CIGAR_S, CIGAR_H, CIGAR_P, CIGAR_EQ, CIGAR_X = range(9)


@shared
def u16(raw: Any, at: Any) -> Any:
    """Little-endian uint16 at byte ``at``."""
    return np.int32(raw[np.uint64(at)]) | (np.int32(raw[np.uint64(at + 1)]) << 8)


@shared
def u32(raw: Any, at: Any) -> Any:
    """Little-endian uint32 at byte ``at``, as int64."""
    k = np.uint64(at)  # an index that cannot be negative: LLVM makes one load of the four
    low = np.uint32(raw[k]) | (np.uint32(raw[k + np.uint64(1)]) << np.uint32(8))
    high = np.uint32(raw[k + np.uint64(2)]) | (np.uint32(raw[k + np.uint64(3)]) << np.uint32(8))
    return np.int64(low | (high << np.uint32(16)))


@shared
def i32(raw: Any, at: Any) -> Any:
    """Little-endian int32 at byte ``at``, as int64."""
    value = u32(raw, at)
    return value - ((value >> 31) << 32)


@shared
def u64(raw: Any, at: Any) -> Any:
    """Little-endian uint64 at byte ``at``."""
    return np.uint64(u32(raw, at)) | (np.uint64(u32(raw, at + 4)) << np.uint64(32))


@shared
def consumes_query(operation: Any) -> Any:
    """1 where a CIGAR operation consumes query bases: M I S = X (SAM v1, section 1.4.6)."""
    return (0b110010011 >> operation) & 1


@shared
def consumes_reference(operation: Any) -> Any:
    """1 where a CIGAR operation consumes reference bases: M D N = X (SAM v1, section 1.4.6)."""
    return (0b110001101 >> operation) & 1


@shared
def hash_name(raw: Any, start: Any, length: Any) -> Any:
    """64-bit hash of ``length`` bytes: words of 8 bytes, each mixed by a multiply and a shift (as in SplitMix64)."""
    value = np.uint64(0x9E3779B97F4A7C15) ^ np.uint64(length)
    at = start
    stop = start + length
    while at < stop:
        if at + 8 <= stop:
            word = u64(raw, at)
        else:
            word = np.uint64(0)
            for k in range(stop - at):
                word |= np.uint64(raw[at + k]) << np.uint64(8 * k)
        value = ((value ^ word) * np.uint64(0xBF58476D1CE4E5B9)) & np.uint64(0xFFFFFFFFFFFFFFFF)
        value ^= value >> np.uint64(29)
        at += 8
    return value


AUX_SIZES = {"A": 1, "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "f": 4}
AUX_SIZE = np.zeros(256, dtype=np.int64)
for _letter, _size in AUX_SIZES.items():
    AUX_SIZE[ord(_letter)] = _size


@shared
def find_long_cigar(raw: Any, at: Any, stop: Any) -> Any:
    """Offset of the count field of the CG:B,I tag among the auxiliary fields of a record, -1: none, -2: damaged."""
    while at + 4 <= stop:
        kind = raw[at + 2]
        if kind == 90 or kind == 72:  # Z, H
            value = at + 3
            while value < stop and raw[value] != 0:
                value += 1
            at = value + 1
        elif kind == 66:  # B
            if at + 8 > stop or AUX_SIZE[raw[at + 3]] == 0:
                return -2
            if raw[at] == 67 and raw[at + 1] == 71 and raw[at + 3] == 73:  # CG:B,I
                return at + 4
            at += 8 + AUX_SIZE[raw[at + 3]] * u32(raw, at + 4)
        elif AUX_SIZE[kind] == 0:
            return -2
        else:
            at += 3 + AUX_SIZE[kind]
    return -1


@shared
def decode_record(i: Any, records: Any, contig_lengths: Any) -> Any:
    """Fill row ``i`` of the columns from the record at ``records.offset[i]`` and return its status.

    ``contig_lengths`` is int64[contigs]. The caller guarantees that the whole record lies inside ``raw``.
    """
    raw = records.raw
    at = records.offset[i]
    stop = at + 4 + u32(raw, at)
    tid, pos, mate_tid = i32(raw, at + 4), i32(raw, at + 8), i32(raw, at + 24)
    l_name, n_cigar, l_seq = np.int64(raw[at + 12]), np.int64(u16(raw, at + 16)), i32(raw, at + 20)
    flag = u16(raw, at + 18)
    contigs = contig_lengths.shape[0]
    cigar = at + FIXED_BYTES + l_name
    seq = cigar + 4 * n_cigar
    qual = seq + ((l_seq + 1) >> 1)
    records.tid[i] = tid
    records.pos[i] = pos
    records.end[i] = pos + 1
    records.flag[i] = flag
    records.mapq[i] = raw[at + 13]
    records.l_seq[i] = l_seq
    records.seq[i] = seq
    records.qual[i] = qual
    records.mate_tid[i] = mate_tid
    records.mate_pos[i] = i32(raw, at + 28)
    records.tlen[i] = i32(raw, at + 32)
    records.earlier[i] = records.mate[i] = -1
    if l_seq < 0 or qual + l_seq > stop:
        return BAD_SIZE
    if l_name < 1 or raw[cigar - 1] != 0:
        return BAD_NAME
    if tid < -1 or tid >= contigs or mate_tid < -1 or mate_tid >= contigs:
        return BAD_REFERENCE_ID
    if pos < -1 or (pos < 0 and tid >= 0 and not flag & UNMAPPED):
        return BAD_POSITION
    records.name_hash[i] = hash_name(raw, at + FIXED_BYTES, l_name - 1)
    if n_cigar == 2 and u32(raw, cigar) == ((l_seq << 4) | CIGAR_S) and (u32(raw, cigar + 4) & 15) == CIGAR_N:
        long_cigar = find_long_cigar(raw, qual + l_seq, stop)
        if long_cigar == -2 or (long_cigar >= 0 and long_cigar + 4 + 4 * u32(raw, long_cigar) > stop):
            return BAD_LONG_CIGAR
        if long_cigar >= 0:
            n_cigar = u32(raw, long_cigar)
            cigar = long_cigar + 4
    records.cigar[i] = cigar
    records.n_cigar[i] = n_cigar
    query = np.int64(0)
    span = np.int64(0)
    for k in range(n_cigar):
        operation = u32(raw, cigar + 4 * k)
        length = operation >> 4
        operation &= 15
        if operation > CIGAR_X:
            return BAD_CIGAR_OPERATION
        query += length * consumes_query(operation)
        span += length * consumes_reference(operation)
    if n_cigar > 0 and l_seq > 0 and query != l_seq:
        return CIGAR_SEQUENCE_MISMATCH
    if flag & UNMAPPED or span == 0:
        span = np.int64(1)
    records.end[i] = pos + span
    if tid >= 0 and pos >= 0 and pos + span > contig_lengths[tid]:
        return PAST_CONTIG_END
    return OK


AHEAD = 16  # records: a record is fetched from memory while those before it are worked on
LINE = 64  # bytes of memory that are fetched at once
HEAD_LINES = 2  # of memory, that hold what is decoded of a record
READ_LINES = 6  # of memory, that hold a usual read's bases and qualities, too


@shared
def fetch_ahead(row: Any, records: Any, lines: Any) -> None:
    """Have the first ``lines`` lines of memory of a row's record fetched."""
    raw, at = records.raw, records.offset[np.uint64(row)]
    prefetch(raw, at)
    prefetch(raw, at + LINE)
    if lines > HEAD_LINES:  # written out: a loop costs more than its work
        prefetch(raw, at + 2 * LINE)
        prefetch(raw, at + 3 * LINE)
        prefetch(raw, at + 4 * LINE)
        if lines == READ_LINES:
            prefetch(raw, at + 5 * LINE)


@cpu_loop
def decode_cpu(n: int, records: Records, contig_lengths: Any) -> None:
    for i in range(n):
        fetch_ahead(min(i + AHEAD, n - 1), records, HEAD_LINES)
        records.status[i] = decode_record(i, records, contig_lengths)


@cuda_loop
def decode_cuda(n: int, records: Records, contig_lengths: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        records.status[i] = decode_record(i, records, contig_lengths)


@cpu_loop
def walk(raw: Any, start: int, stop: int, offsets: Any) -> tuple[int, int, int]:
    """Offsets of the records that lie whole in ``raw[start:stop]``.

    Returns (records found, where the first one that is not whole starts, status). A chain, so it is sequential and
    has no CUDA twin; where an index gives entry points, walks run side by side.
    """
    n = 0
    at = start
    while at + 4 <= stop and n < offsets.shape[0]:
        size = u32(raw, at)
        if size < FIXED_BYTES - 4 or size > LARGEST_RECORD:
            return n, at, BAD_SIZE
        if at + 4 + size > stop:
            break
        offsets[n] = at
        n += 1
        at += 4 + size
    return n, at, OK


@cpu_loop
def interleave(raw: Any, starts: Any, out: Any, places: Any) -> int:
    """Copy the records at ``starts`` of ``raw`` one after the other into ``out``; ``places``: where each comes to lie.

    Returns the bytes that they take. What is merged here has not reached a device yet, so it has no CUDA twin.
    """
    at = 0
    for i in range(starts.shape[0]):
        size = 4 + u32(raw, starts[i])
        places[i] = at
        for k in range(size):
            out[at + k] = raw[starts[i] + k]
        at += size
    return at


class Row(NamedTuple):
    """One row of ``Records`` as numbers: a loop that writes need not read a column twice."""

    offset: Any
    tid: Any
    pos: Any
    flag: Any
    mapq: Any
    l_seq: Any
    n_cigar: Any
    cigar: Any
    seq: Any
    qual: Any
    mate_tid: Any
    mate_pos: Any
    tlen: Any


@shared
def row_of(i: Any, records: Any) -> Any:
    """Row ``i`` of the columns."""
    k = np.uint64(i)  # an index that cannot be negative: there is nothing to add to it
    return Row(
        np.int64(records.offset[k]),
        np.int64(records.tid[k]),
        np.int64(records.pos[k]),
        np.int64(records.flag[k]),
        np.int64(records.mapq[k]),
        np.int64(records.l_seq[k]),
        np.int64(records.n_cigar[k]),
        np.int64(records.cigar[k]),
        np.int64(records.seq[k]),
        np.int64(records.qual[k]),
        np.int64(records.mate_tid[k]),
        np.int64(records.mate_pos[k]),
        np.int64(records.tlen[k]),
    )


@shared
def same_name(raw: Any, a: Any, b: Any) -> Any:
    """True where the records at offsets ``a`` and ``b`` have the same read name."""
    if raw[a + 12] != raw[b + 12]:
        return False
    for k in range(np.int64(raw[a + 12])):
        if raw[a + FIXED_BYTES + k] != raw[b + FIXED_BYTES + k]:
            return False
    return True


@shared
def comes_first(i: Any, j: Any, records: Any) -> Any:
    """True where row ``i`` is the leftmost of two mates, or the first read where both start at one position.

    For ties between mates: the order of such reads in the file must not matter.
    """
    if records.pos[i] != records.pos[j]:
        return records.pos[i] < records.pos[j]
    return records.flag[i] & READ1 != 0

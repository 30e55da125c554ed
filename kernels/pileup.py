"""pileup: what in the reads differs from the reference, position by position, and the full evidence at chosen sites.

More than 95 % of bases equal the reference. So the first pass compares packed bases, many at once, and counts only what
differs (``evidence``); the second gathers every read at the sites where that looks like a variant (``sites``).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import WORD, bits_in, plain_bytes, prefetch, unlike_bits, whole_words
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, on_cpu, on_cuda, shared
from .records import (
    AHEAD,
    CIGAR_D,
    CIGAR_I,
    CIGAR_S,
    REVERSE,
    Records,
    comes_first,
    consumes_query,
    consumes_reference,
    fetch_ahead,
    u32,
    u64,
)
from .scalar import base_at, from_whole_bytes, half_lanes, is_match, lowest_bit, query_index


class Reference(NamedTuple):
    """A stretch of the reference, prepared for the kernels.

    code   uint8[n]        0-3 for A, C, G, T; 4: anything else
    even   uint8[n/2 + 9]  4-bit codes, base k in nibble k, as BAM packs them
    odd    uint8[n/2 + 9]  4-bit codes, base k in nibble k + 1
    """

    code: Any
    even: Any
    odd: Any


class Evidence(NamedTuple):
    """What differs from the reference, over the positions of a ``Reference`` stretch.

    count    int32[n, 4]  reads with a base other than the reference's
    quality  int32[n, 4]  sum of their base qualities, phred
    depth    int32[n + 1] differences of the number of reads that cover a position
    clip     int32[n]     soft-clipped ends at this position
    indels   int32[reads] insertions and deletions in each read
    """

    count: Any
    quality: Any
    depth: Any
    clip: Any
    indels: Any


class Events(NamedTuple):
    """Insertions and deletions in reads, left-aligned (Tan, Abecasis & Kang 2015); one row each.

    position  int64  first base after the anchor, an index into the ``Reference`` stretch
    length    int32  inserted bases, or minus the deleted ones
    key       uint64 hash of the inserted bases, left-aligned; 0: deletion
    row       int32  the read
    query     int32  where the inserted bases start in the read
    rotation  int32  how far left-aligning rotated them
    """

    position: Any
    length: Any
    key: Any
    row: Any
    query: Any
    rotation: Any


BASE_LINES = 5  # of memory, that hold a usual read's bases and most of its qualities
LONGEST_SHIFT = 1024  # bp; left-aligning stops there


@shared
def count_difference(evidence: Evidence, at: Any, base: Any, quality: Any) -> Any:
    """Add one differing base to the evidence."""
    atomic_add(evidence.count, (at, base), 1)
    atomic_add(evidence.quality, (at, base), quality)


@shared
def compare_base(
    records: Records, row: Any, query: Any, at: Any, reference: Reference, evidence: Any, floor: Any
) -> Any:
    """Count the base at ``query`` if it differs from the reference at ``at`` and both are known."""
    base = base_at(records.raw, records.seq[row], query)
    expected = reference.code[np.uint64(at)]
    if base != expected and base < 4 and expected < 4:
        quality = np.int64(records.raw[np.uint64(records.qual[row] + query)])
        if quality >= floor:
            count_difference(evidence, at, base, min(quality, records.mapq[row]))


@shared
def compare_word(
    records: Records, row: Any, query: Any, at: Any, differing: Any, reference: Reference, evidence: Any, floor: Any
) -> Any:
    """Count what differs in 16 aligned bases: ``differing`` is uint64, their packed bases xor the reference's.

    Byte k holds bases 2 k, in its upper four bits, and 2 k + 1.
    """
    while differing != 0:
        nibble = lowest_bit(differing) >> 2
        differing &= ~(np.uint64(15) << np.uint64(4 * nibble))
        compare_base(records, row, query + (nibble ^ 1), at + (nibble ^ 1), reference, evidence, floor)


@shared
def first_bases(count: Any) -> Any:
    """Mask of the first ``count`` (0-15) of 16 packed bases."""
    whole = np.uint64(8 * (count >> 1))
    return ((np.uint64(1) << whole) - np.uint64(1)) | (np.uint64(0xF0 * (count & 1)) << whole)


@shared
def compare_by_word(
    records: Records, row: Any, query: Any, at: Any, length: Any, reference: Reference, evidence: Any, floor: Any
) -> Any:
    """``compare_segment``, 16 bases a step."""
    stop = query + length
    if query & 1 and query < stop:
        compare_base(records, row, query, at, reference, evidence, floor)
        query += 1
        at += 1
    packed = reference.odd if at & 1 else reference.even
    at_byte = (at + (at & 1)) >> 1
    byte = records.seq[row] + (query >> 1)
    while query + 16 <= stop:
        differing = u64(records.raw, byte) ^ u64(packed, at_byte)
        if differing != 0:
            compare_word(records, row, query, at, differing, reference, evidence, floor)
        query += 16
        at += 16
        byte += 8
        at_byte += 8
    if query < stop and records.l_seq[row] >= 8:  # the qualities that follow the bases fill the last word
        differing = (u64(records.raw, byte) ^ u64(packed, at_byte)) & first_bases(stop - query)
        compare_word(records, row, query, at, differing, reference, evidence, floor)
        query = stop
    while query < stop:
        compare_base(records, row, query, at, reference, evidence, floor)
        query += 1
        at += 1


@on_cuda
def compare_segment(
    records: Records,
    row: Any,
    query: Any,
    at: Any,
    length: Any,
    reference: Reference,
    evidence: Any,
    floor: Any,
    waiting: Any,
) -> Any:
    """Count the differences over ``length`` aligned bases."""
    compare_by_word(records, row, query, at, length, reference, evidence, floor)


# On a CPU differences are written down first, one of each 64 bases whether it is there or not, and rarely more, so that
# how many there are need not be guessed; their counters are fetched from memory meanwhile. ``waiting`` int64[WAITING]:
# how many differences wait, then of each its index, below its row, and by how much its query index is larger.
MOST_WAITING = 256
WAITING = 1 + 2 * (MOST_WAITING + 2 * WORD)
ROW_SHIFT = 32


@shared
def count_waiting(records: Records, reference: Reference, evidence: Any, floor: Any, waiting: Any) -> None:
    """Count the differences that wait."""
    for number in range(waiting[0]):
        place, shift = waiting[np.uint64(1 + 2 * number)], waiting[np.uint64(2 + 2 * number)]
        at = place & ((1 << ROW_SHIFT) - 1)
        compare_base(records, place >> ROW_SHIFT, at + shift, at, reference, evidence, floor)
    waiting[0] = 0


@shared
def write_difference(at: Any, row: Any, shift: Any, evidence: Any, waiting: Any, number: Any) -> None:
    """Write down a difference as the one of a number, and have its counters fetched."""
    waiting[np.uint64(1) + number + number] = (np.int64(row) << ROW_SHIFT) | at
    waiting[np.uint64(2) + number + number] = shift
    prefetch(evidence.count, 4 * at)
    prefetch(evidence.quality, 4 * at)


@shared
def write_differences(word: Any, at: Any, row: Any, shift: Any, evidence: Any, waiting: Any) -> None:
    """Write down the differences that a word has bits of: bit n stands for index ``at + 2 * n``."""
    number = np.uint64(waiting[0])
    waiting[0] += np.int64(bits_in(word))
    write_difference(at + 2 * lowest_bit(word), row, shift, evidence, waiting, number)
    word &= word - np.uint64(1)
    while word != np.uint64(0):
        number += np.uint64(1)
        write_difference(at + 2 * lowest_bit(word), row, shift, evidence, waiting, number)
        word &= word - np.uint64(1)


@on_cpu(compare_segment)
def _compare_segment_cpu(
    records: Records,
    row: Any,
    query: Any,
    at: Any,
    length: Any,
    reference: Reference,
    evidence: Any,
    floor: Any,
    waiting: Any,
) -> Any:
    """128 bases a step: those in the upper halves of 64 bytes, and those in the lower halves."""
    raw = records.raw
    first, byte, place, size = from_whole_bytes(records.seq[row], query, at, length)
    packed, room = reference.odd if (at + first) & 1 else reference.even, whole_words(size)
    if length <= first or byte + room > raw.shape[0] or place + room > packed.shape[0]:
        compare_by_word(records, row, query, at, length, reference, evidence, floor)
        return
    if first:
        compare_base(records, row, query, at, reference, evidence, floor)
    for done in range(0, size, WORD):
        some, expected = plain_bytes(raw, byte + done), plain_bytes(packed, place + done)
        uppers, lowers = half_lanes(length - first - 2 * done)
        start, shift = at + first + 2 * done, query - at
        write_differences(unlike_bits(some, expected, 0xF0) & uppers, start, row, shift, evidence, waiting)
        write_differences(unlike_bits(some, expected, 0x0F) & lowers, start + 1, row, shift, evidence, waiting)
        if waiting[0] >= MOST_WAITING:
            count_waiting(records, reference, evidence, floor, waiting)


@shared
def read_evidence(
    i: Any, records: Records, rows: Any, origin: Any, reference: Reference, out: Evidence, floor: Any, waiting: Any
) -> Any:
    """Add the differences of read ``rows[i]`` to the evidence over the stretch that starts at ``origin``."""
    row = rows[i]
    size = out.count.shape[0]
    at = np.int64(records.pos[row]) - origin
    query = np.int64(0)
    indels = 0
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if is_match(operation):
            skip = max(-at, 0)
            keep = min(at + length, size) - at - skip
            if keep > 0:
                atomic_add(out.depth, at + skip, 1)
                atomic_add(out.depth, at + skip + keep, -1)
                compare_segment(records, row, query + skip, at + skip, keep, reference, out, floor, waiting)
        elif operation == CIGAR_I or operation == CIGAR_D:
            indels += 1
        elif operation == CIGAR_S and 0 <= at < size:
            atomic_add(out.clip, at, 1)
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)
    out.indels[i] = indels


@cpu_loop
def evidence_cpu(
    n: int, records: Records, rows: Any, origin: int, reference: Reference, out: Evidence, floor: int, waiting: Any
) -> None:
    waiting[0] = 0
    for i in range(n):
        fetch_ahead(rows[min(i + AHEAD, n - 1)], records, BASE_LINES)
        read_evidence(i, records, rows, origin, reference, out, floor, waiting)
    count_waiting(records, reference, out, floor, waiting)


@cuda_loop
def evidence_cuda(
    n: int, records: Records, rows: Any, origin: int, reference: Reference, out: Evidence, floor: int, waiting: Any
) -> None:
    i = cuda.grid(1)
    if i < n:
        read_evidence(i, records, rows, origin, reference, out, floor, waiting)


def evidence_workspace_cpu() -> tuple[tuple[int], Any]:
    """Shape and type of where differences wait."""
    return (WAITING,), np.int64


def evidence_workspace_cuda() -> tuple[tuple[int], Any]:
    """The same for CUDA, where none wait, but an array is never empty."""
    return (1,), np.int64


@shared
def shift_deletion(code: Any, at: Any, length: Any) -> Any:
    """How far a deletion of ``length`` bases at ``at`` moves left."""
    shift = 0
    while shift < LONGEST_SHIFT and at - shift > 1 and code[at - shift - 1] == code[at - shift + length - 1]:
        if code[at - shift - 1] > 3:
            break
        shift += 1
    return shift


@shared
def shift_insertion(records: Records, row: Any, query: Any, code: Any, at: Any, length: Any) -> Any:
    """How far an insertion of the bases at ``query`` before ``at`` moves left."""
    shift = 0
    while shift < LONGEST_SHIFT and at - shift > 1:
        last = query + (length - 1 - shift) % length
        if code[at - shift - 1] > 3 or code[at - shift - 1] != base_at(records.raw, records.seq[row], last):
            break
        shift += 1
    return shift


@shared
def inserted_base(records: Records, row: Any, query: Any, length: Any, rotation: Any, k: Any) -> Any:
    """Base ``k`` (0-4) of the inserted bases after left-aligning rotated them."""
    return base_at(records.raw, records.seq[row], query + (k - rotation) % length)


@shared
def insertion_key(records: Records, row: Any, query: Any, length: Any, rotation: Any) -> Any:
    """Hash of the left-aligned inserted bases; never 0."""
    value = np.uint64(0x9E3779B97F4A7C15)
    for k in range(length):
        base = np.uint64(inserted_base(records, row, query, length, rotation, k))
        value = (value ^ (base + np.uint64(1))) * np.uint64(0xBF58476D1CE4E5B9)
        value ^= value >> np.uint64(31)
    return value | np.uint64(1)


@shared
def read_events(i: Any, records: Records, rows: Any, first: Any, origin: Any, reference: Reference, out: Events) -> Any:
    """Write the insertions and deletions of read ``rows[i]`` from slot ``first[i]`` on; empty slots have length 0."""
    row = rows[i]
    slot = first[i]
    size = reference.code.shape[0]
    at = np.int64(records.pos[row]) - origin
    query = np.int64(0)
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if operation == CIGAR_I or operation == CIGAR_D:
            out.length[slot] = 0
            out.row[slot] = row
            out.query[slot] = query
            if 1 < at and at + length < size and length > 0:
                if operation == CIGAR_D:
                    out.rotation[slot] = shift_deletion(reference.code, at, length)
                    out.length[slot] = -length
                    out.key[slot] = 0
                else:
                    rotation = shift_insertion(records, row, query, reference.code, at, length)
                    out.rotation[slot] = rotation
                    out.length[slot] = length
                    out.key[slot] = insertion_key(records, row, query, length, rotation)
                out.position[slot] = at - out.rotation[slot]
            slot += 1
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)


@cpu_loop
def events_cpu(n: int, records: Records, rows: Any, first: Any, origin: int, reference: Reference, out: Events) -> None:
    for i in range(n):
        read_events(i, records, rows, first, origin, reference, out)


@cuda_loop
def events_cuda(
    n: int, records: Records, rows: Any, first: Any, origin: int, reference: Reference, out: Events
) -> None:
    i = cuda.grid(1)
    if i < n:
        read_events(i, records, rows, first, origin, reference, out)


class Sites(NamedTuple):
    """Everything that the reads say about single positions; one row a site.

    position  int64[n]        0-based
    count     int32[n, 5, 2]  fragments by base (A, C, G, T, deleted) and strand
    quality   int32[n, 4]     sum of base qualities, phred
    mapq      int64[n, 4]     sum of squared mapping qualities
    edge      int32[n, 4]     sum of distances to the nearer end of the read's aligned part, bp
    other     int64[n]        sum over fragments of the cost of a base that is in neither allele (1/64 phred)
    match     int64[n, 4]     what a homozygous genotype of this base saves on that
    half      int64[n, 4]     what a heterozygous genotype with this base saves on that
    ranks     int32[n, 4, 3, 64]  fragments by base and by base quality, mapping quality, half the distance to the end
    """

    position: Any
    count: Any
    quality: Any
    mapq: Any
    edge: Any
    other: Any
    match: Any
    half: Any
    ranks: Any


@shared
def usable_base(records: Records, row: Any, position: Any, usable: Any, floor: Any) -> Any:
    """Query index of a base that may count at ``position``; -1: the read has a deletion there, -2: nothing to count."""
    if not usable[row]:
        return -2
    query = query_index(records, row, position)
    if query >= 0:
        if records.raw[records.qual[row] + query] < floor or base_at(records.raw, records.seq[row], query) > 3:
            return -2
    return query


@shared
def distance_to_end(records: Records, row: Any, position: Any) -> Any:
    """Reference bases between ``position`` and the nearer end of the alignment, at most 255."""
    return min(min(position - records.pos[row], records.end[row] - 1 - position), 255)


@shared
def base_quality(records: Records, row: Any, query: Any, cap: Any) -> Any:
    """Base quality, never above the mapping quality or the cap."""
    return min(min(np.int64(records.raw[records.qual[row] + query]), np.int64(records.mapq[row])), cap)


@shared
def add_to_site(
    s: Any, records: Records, row: Any, query: Any, position: Any, quality: Any, costs: Any, out: Sites
) -> Any:
    """Count one fragment's base at a site."""
    base = base_at(records.raw, records.seq[row], query)
    out.count[s, base, 1 if records.flag[row] & REVERSE else 0] += 1
    out.quality[s, base] += quality
    out.mapq[s, base] += np.int64(records.mapq[row]) * np.int64(records.mapq[row])
    edge = distance_to_end(records, row, position)
    out.edge[s, base] += edge
    out.ranks[s, base, 0, min(quality, 63)] += 1
    out.ranks[s, base, 1, min(np.int64(records.mapq[row]), 63)] += 1
    out.ranks[s, base, 2, min(edge >> 1, 63)] += 1
    other = costs[2, quality]
    out.other[s] += other
    out.match[s, base] += costs[0, quality] - other
    out.half[s, base] += costs[1, quality] - other


@shared
def gather_read(
    s: Any, records: Records, row: Any, position: Any, usable: Any, floor: Any, cap: Any, costs: Any, out: Sites
) -> Any:
    """Count read ``row`` at a site, a fragment's overlapping mates once.

    Where mates agree the better quality stays; where they disagree the better base stays with the difference.
    """
    query = usable_base(records, row, position, usable, floor)
    if query == -2:
        return
    mate = records.mate[row]
    other = usable_base(records, mate, position, usable, floor) if mate >= 0 else -2
    if query == -1:
        if other == -2 or (other == -1 and comes_first(row, mate, records)):
            out.count[s, 4, 1 if records.flag[row] & REVERSE else 0] += 1
        return
    quality = base_quality(records, row, query, cap)
    if other >= 0:
        mate_quality = base_quality(records, mate, other, cap)
        agree = base_at(records.raw, records.seq[row], query) == base_at(records.raw, records.seq[mate], other)
        if mate_quality > quality or (mate_quality == quality and comes_first(mate, row, records)):
            return
        if not agree:
            quality -= mate_quality
            if quality == 0:
                return
    add_to_site(s, records, row, query, position, quality, costs, out)


@shared
def gather_site(
    s: Any, records: Records, low: Any, high: Any, usable: Any, floor: Any, cap: Any, costs: Any, out: Sites
) -> Any:
    """Gather the evidence of rows ``low[s]`` to ``high[s]`` (not included) at site ``s``."""
    for row in range(low[s], high[s]):
        gather_read(s, records, row, out.position[s], usable, floor, cap, costs, out)


@cpu_loop
def sites_cpu(
    n: int, records: Records, low: Any, high: Any, usable: Any, floor: int, cap: int, costs: Any, out: Sites
) -> None:
    for s in range(n):
        gather_site(s, records, low, high, usable, floor, cap, costs, out)


@cuda_loop
def sites_cuda(
    n: int, records: Records, low: Any, high: Any, usable: Any, floor: int, cap: int, costs: Any, out: Sites
) -> None:
    s = cuda.grid(1)
    if s < n:
        gather_site(s, records, low, high, usable, floor, cap, costs, out)

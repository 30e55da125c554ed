"""panel: which bases reads have at the sites of a list, as VerifyBamID2's pileup counts them.

Items are pairs of a site and a row that may cover it. ``observe`` notes the pair's base and quality, ``align`` lowers
qualities near the ends of alignments (``kernels/baq.py``), ``count`` counts mates once and fills the histograms.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .baq import alignment_quality, reference_code
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .records import (
    CIGAR_H,
    CIGAR_S,
    DUPLICATE,
    MATE_UNMAPPED,
    PROPER_PAIR,
    QC_FAIL,
    SECONDARY,
    UNMAPPED,
    comes_first,
    consumes_query,
    consumes_reference,
    u32,
)
from .scalar import base_at, is_match

UNCOUNTED = UNMAPPED | SECONDARY | QC_FAIL | DUPLICATE
MIN_MAPQ = 2  # phred; VerifyBamID2 --min-MQ
MIN_QUALITY = 13  # phred; VerifyBamID2 --min-BQ
QUALITIES = 94  # 0 to 93; higher ones count as 93
LARGEST_SUM = 200  # phred; htslib's limit of two mates' qualities together
NEAR = 12  # bases from an end of an alignment within which its place may be in doubt
REF, ALT, OTHER = range(3)
DELETED, ABSENT = 5, 255  # beside base codes 0-4

# The mapping quality cap of htslib (``sam_cap_mapq`` at 40), which drops reads with too many mismatches.
UNIT = 1 << 16
LARGEST_MISMATCH = 33  # phred that one mismatch counts for at most
HARD_CLIPPED = 13  # phred that a base counts for whose quality is gone
LARGEST_PENALTY = int((40 - 1.501**2 / 40) * UNIT)  # above it the cap is below MIN_MAPQ
LOGS = np.array([0, *(round(4.343 * math.log(n) * UNIT) for n in range(1, 512))], dtype=np.int32)
LOG_2 = round(4.343 * math.log(2) * UNIT)


class SiteList(NamedTuple):
    """Sites of one tile, in order: position int32[m] (0-based), base codes uint8[m] of both alleles."""

    position: Any
    ref: Any
    alt: Any


class Pairs(NamedTuple):
    """Pairs of a site and a row, by site and then by row.

    site int32[n], row int32[n]
    base uint8[n]     code of the read's base, DELETED, or ABSENT where the read does not count
    quality uint8[n]  phred
    near uint8[n]     1: the base is near an end of an aligned stretch
    """

    site: Any
    row: Any
    base: Any
    quality: Any
    near: Any


@shared
def aligned_at(records: Any, row: Any, position: Any) -> Any:
    """The query base aligned to ``position``, and the first and the stop of its CIGAR operation's query bases.

    -1: deleted or skipped there, -2: not covered.
    """
    at, query = np.int64(records.pos[row]), np.int64(0)
    nothing = np.int64(0)
    if position < at or position >= records.end[row]:
        return np.int64(-2), nothing, nothing
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        span = length * consumes_reference(operation)
        if span > 0 and position < at + span:
            if is_match(operation):
                return query + position - at, query, query + length
            return np.int64(-1), nothing, nothing
        at += span
        query += length * consumes_query(operation)
    return np.int64(-2), nothing, nothing


@shared
def log_of(number: Any) -> Any:
    """4.343 times the natural logarithm of a number from 1 on, in 1/65536; of large ones the leading bits count."""
    halvings = np.int64(0)
    while number >= LOGS.shape[0]:
        number >>= 1
        halvings += 1
    return LOGS[number] + halvings * LOG_2


@shared
def mismatch_penalty(row: Any, records: Any, origin: Any, bases: Any) -> Any:
    """How ill a read fits the reference, in 1/65536 phred (``sam_cap_mapq``)."""
    at, query = np.int64(records.pos[row]), np.int64(0)
    mismatches, phred, compared, clipped = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if is_match(operation):
            for j in range(length):
                quality = np.int64(records.raw[records.qual[row] + query + j])
                code = reference_code(at + j, origin, bases)
                base = base_at(records.raw, records.seq[row], query + j)
                if code < 4 and base < 4 and quality >= MIN_QUALITY:
                    compared += 1
                    if code != base:
                        mismatches += 1
                        phred += min(quality, np.int64(LARGEST_MISMATCH))
            compared += length
        elif operation == CIGAR_S:
            for j in range(length):
                clipped += np.int64(records.raw[records.qual[row] + query + j])
        elif operation == CIGAR_H:
            clipped += HARD_CLIPPED * length
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)
    penalty = phred * UNIT + clipped * UNIT // 5
    for k in range(mismatches):
        penalty -= log_of(compared) - log_of(np.int64(k + 1))
    return penalty


@shared
def counts_here(row: Any, records: Any, origin: Any, bases: Any) -> Any:
    """True for a read that VerifyBamID2 (default options) looks at. Without a reference no mismatches are known."""
    if records.flag[row] & UNCOUNTED or records.mapq[row] < MIN_MAPQ or records.l_seq[row] == 0:
        return False
    if records.raw[records.qual[row]] == 0xFF:
        return False
    return bases.shape[0] == 0 or mismatch_penalty(row, records, origin, bases) <= LARGEST_PENALTY


@shared
def observe(p: Any, records: Any, sites: Any, pairs: Any, origin: Any, bases: Any) -> None:
    """Note base and quality of pair ``p``."""
    row = pairs.row[p]
    pairs.base[p], pairs.quality[p], pairs.near[p] = ABSENT, 0, 0
    query, first, stop = aligned_at(records, row, sites.position[pairs.site[p]])
    if query == -2 or not counts_here(row, records, origin, bases):
        return
    if query < 0:
        pairs.base[p] = DELETED
        return
    pairs.base[p] = base_at(records.raw, records.seq[row], query)
    pairs.quality[p] = records.raw[records.qual[row] + query]
    pairs.near[p] = min(query - first, stop - 1 - query) < NEAR


@cpu_loop
def observe_cpu(n: int, records: Any, sites: SiteList, pairs: Pairs, origin: int, bases: Any) -> None:
    for p in range(n):
        observe(p, records, sites, pairs, origin, bases)


@cuda_loop
def observe_cuda(n: int, records: Any, sites: SiteList, pairs: Pairs, origin: int, bases: Any) -> None:
    p = cuda.grid(1)
    if p < n:
        observe(p, records, sites, pairs, origin, bases)


@shared
def align(k: Any, records: Any, sites: Any, pairs: Any, near: Any, origin: Any, bases: Any, cells: Any) -> None:
    """Lower the quality of pair ``near[k]`` to that of its alignment."""
    p = near[k]
    row, position = pairs.row[p], np.int64(sites.position[pairs.site[p]])
    query, first, stop = aligned_at(records, row, position)
    phred = alignment_quality(k, row, query, first, stop, position, records, origin, bases, cells)
    pairs.quality[p] = min(np.int64(pairs.quality[p]), phred)


@cpu_loop
def align_cpu(
    n: int, records: Any, sites: SiteList, pairs: Pairs, near: Any, origin: int, bases: Any, cells: Any
) -> None:
    for k in range(n):
        align(k, records, sites, pairs, near, origin, bases, cells)


@cuda_loop
def align_cuda(
    n: int, records: Any, sites: SiteList, pairs: Pairs, near: Any, origin: int, bases: Any, cells: Any
) -> None:
    k = cuda.grid(1)
    if k < n:
        align(k, records, sites, pairs, near, origin, bases, cells)


@shared
def mates_pair(p: Any, records: Any, pairs: Any) -> Any:
    """The pair of the same site and the row's mate, where htslib takes both together; -1: none."""
    row = pairs.row[p]
    mate = records.mate[row]
    if mate < 0 or records.flag[row] & MATE_UNMAPPED or not records.flag[row] & records.flag[mate] & PROPER_PAIR:
        return np.int64(-1)
    q = np.int64(p) + mate - row
    if q < 0 or q >= pairs.row.shape[0] or pairs.row[q] != mate or pairs.site[q] != pairs.site[p]:
        return np.int64(-1)
    return q if pairs.base[q] != ABSENT else np.int64(-1)


@shared
def quality_with_mate(p: Any, records: Any, pairs: Any) -> Any:
    """The quality that pair ``p`` counts with, its mate considered (htslib, ``tweak_overlap_quality``); -1: not at all.

    Mates that agree count once, with the sum of their qualities; of mates that differ the better one counts with
    four fifths of its quality. htslib leaves it to a hash of the name which of two equals that is: here the first one.
    """
    quality = np.int64(pairs.quality[p])
    q = mates_pair(p, records, pairs)
    if q < 0:
        return quality
    other = np.int64(pairs.quality[q])
    if pairs.base[q] == DELETED:
        return quality * 4 // 5
    first = comes_first(pairs.row[p], pairs.row[q], records)
    if pairs.base[p] == pairs.base[q]:
        return min(quality + other, LARGEST_SUM) if first else np.int64(-1)
    if quality > other or (quality == other and first):
        return quality * 4 // 5
    return np.int64(-1)


@shared
def count(p: Any, records: Any, sites: Any, pairs: Any, counts: Any) -> None:
    """Add pair ``p`` to the histograms, int32[sites, 3 alleles, QUALITIES]."""
    base, site = pairs.base[p], pairs.site[p]
    if base == ABSENT or base == DELETED:
        return
    quality = quality_with_mate(p, records, pairs)
    if quality < MIN_QUALITY:
        return
    allele = REF if base == sites.ref[site] else ALT if base == sites.alt[site] else OTHER
    atomic_add(counts, (site, allele, min(quality, QUALITIES - 1)), 1)


@cpu_loop
def count_cpu(n: int, records: Any, sites: SiteList, pairs: Pairs, counts: Any) -> None:
    for p in range(n):
        count(p, records, sites, pairs, counts)


@cuda_loop
def count_cuda(n: int, records: Any, sites: SiteList, pairs: Pairs, counts: Any) -> None:
    p = cuda.grid(1)
    if p < n:
        count(p, records, sites, pairs, counts)

"""baq: how sure it is that one base of a read is aligned where the aligner put it.

Li 2011, "Improving SNP discovery by base alignment quality", doi:10.1093/bioinformatics/btr076.

The profile HMM of samtools' "base alignment quality" (htslib, ``probaln_glocal`` and the extended rule of
``sam_prob_realn``) in integers: probabilities are multiples of 2^-30 and every row is scaled by a power of two, so that
no division and no rounding mode can tell devices apart. It looks at the ``REACH`` bases on either side of one base
rather than at the whole read: further off a read says nothing that the base's quality would be capped by.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .jit import shared
from .scalar import CODE_OF_NT16, NT16_OF_ASCII, base_at

REACH = 24  # bases on either side of the one that is judged
BAND = 7  # reference positions on either side of a base's place that it may be aligned to
WIDTH = 2 * BAND + 1
MARGIN = BAND // 2  # htslib lets the reference begin this much before the read, and end this much after it
ROWS = 2 * REACH + 1
CELLS = (ROWS + 2) * WIDTH * 3  # int32 of workspace a base: forward rows, and two backward rows

BITS = 30
ONE = 1 << BITS
OPEN, EXTEND = 0.001, 0.1  # gap open and extension probabilities of htslib


def fixed(probability: float) -> int:
    """A probability as a multiple of 2^-30."""
    return round(probability * ONE)


TO_MATCH, TO_GAP = fixed(1 - 2 * OPEN), fixed(OPEN)
FROM_GAP, STAY = fixed(1 - EXTEND), fixed(EXTEND)
START_MATCH, START_INSERT = fixed(1 - OPEN), fixed(OPEN / 4)  # an inserted base is any of four

LARGEST_PHRED = 99
CORRECT = np.array([max(fixed(1 - 10 ** (-q / 10)), 1) for q in range(256)], dtype=np.int64)
WRONG = np.array([max(fixed(10 ** (-q / 10) / 3), 1) for q in range(256)], dtype=np.int64)
# A posterior error of at most this is rounded to a phred of q or more, as (int)(-4.343 log(error) + .499) does.
LARGEST_ERROR = np.array([int(ONE * math.exp((0.499 - q) / 4.343)) for q in range(LARGEST_PHRED + 1)], dtype=np.int64)

OFF_REFERENCE = 5


@shared
def reference_code(position: Any, origin: Any, bases: Any) -> Any:
    """0-3: A, C, G, T at a contig position, 4: another letter. ``bases``, ASCII, are those from ``origin`` on."""
    k = position - origin
    if k < 0 or k >= bases.shape[0]:
        return OFF_REFERENCE
    return np.int64(CODE_OF_NT16[NT16_OF_ASCII[bases[k]]])


@shared
def emission(code: Any, base: Any, quality: Any) -> Any:
    """Probability of a read's base where the reference has ``code``."""
    if code == OFF_REFERENCE:
        return np.int64(0)
    if code > 3 or base > 3:
        return np.int64(ONE)
    return CORRECT[quality] if code == base else WRONG[quality]


@shared
def scale_row(cells: Any, p: Any, at: Any) -> None:
    """Shift a row's cells left as far as its sum stays below 1."""
    total = np.int64(0)
    for k in range(at, at + 3 * WIDTH):
        total += cells[p, k]
    shift = np.int64(0)
    while total > 0 and total < ONE >> 1:
        total <<= 1
        shift += 1
    if shift > 0:
        for k in range(at, at + 3 * WIDTH):
            cells[p, k] = np.int64(cells[p, k]) << shift


@shared
def forward_row(
    p: Any, t: Any, length: Any, base: Any, quality: Any, at: Any, origin: Any, bases: Any, cells: Any
) -> None:
    """Row ``t`` (1-based): for each place in the band and state, how probable the bases up to this one are.

    ``at`` is the reference position of the first place that any base of the window may have.
    """
    here, before = (t - 1) * WIDTH * 3, (t - 2) * WIDTH * 3
    for c in range(WIDTH):
        k = t + c - BAND  # 1-based place on the reference
        match, insert, delete = np.int64(0), np.int64(0), np.int64(0)
        if k >= 1 and k <= length + 2 * MARGIN:
            e = emission(reference_code(at + k - 1, origin, bases), base, quality)
            if t == 1:
                match = (e * START_MATCH) >> BITS
                insert = np.int64(START_INSERT)
            else:
                m, i, d = np.int64(cells[p, before + 3 * c]), np.int64(cells[p, before + 3 * c + 1]), np.int64(0)
                d = np.int64(cells[p, before + 3 * c + 2])
                match = (e * ((m * TO_MATCH + (i + d) * FROM_GAP) >> BITS)) >> BITS
                if c + 1 < WIDTH:
                    m, i = np.int64(cells[p, before + 3 * c + 3]), np.int64(cells[p, before + 3 * c + 4])
                    insert = (m * TO_GAP + i * STAY) >> (BITS + 2)
                if c > 0:
                    m, d = np.int64(cells[p, here + 3 * c - 3]), np.int64(cells[p, here + 3 * c - 1])
                    delete = (m * TO_GAP + d * STAY) >> BITS
        cells[p, here + 3 * c], cells[p, here + 3 * c + 1], cells[p, here + 3 * c + 2] = match, insert, delete
    scale_row(cells, p, here)


@shared
def backward_row(
    p: Any,
    t: Any,
    length: Any,
    base: Any,
    quality: Any,
    at: Any,
    origin: Any,
    bases: Any,
    here: Any,
    after: Any,
    cells: Any,
) -> None:
    """Row ``t`` < ``length``: for each place and state, how probable the bases after this one are.

    ``base`` and ``quality`` are those of the next base; ``here`` and ``after`` are where the rows t and t + 1 lie.
    """
    for c in range(WIDTH - 1, -1, -1):
        k = t + c - BAND
        match, insert, delete = np.int64(0), np.int64(0), np.int64(0)
        if k >= 1 and k <= length + 2 * MARGIN:
            e = np.int64(0)
            if k < length + 2 * MARGIN:
                e = emission(reference_code(at + k, origin, bases), base, quality)
                e = (e * np.int64(cells[p, after + 3 * c])) >> BITS
            i = np.int64(cells[p, after + 3 * c - 2]) if c > 0 else np.int64(0)
            d = np.int64(cells[p, here + 3 * c + 5]) if c + 1 < WIDTH else np.int64(0)
            match = (e * TO_MATCH + (i >> 2) * TO_GAP + d * TO_GAP) >> BITS
            insert = (e * FROM_GAP + (i >> 2) * STAY) >> BITS
            delete = (e * FROM_GAP + d * STAY) >> BITS
        cells[p, here + 3 * c], cells[p, here + 3 * c + 1], cells[p, here + 3 * c + 2] = match, insert, delete
    scale_row(cells, p, here)


@shared
def phred_of(others: Any, total: Any) -> Any:
    """-10 log10(others / total), rounded as htslib does."""
    while total >= ONE << 1:
        total >>= 1
        others >>= 1
    low, high = np.int64(0), np.int64(LARGEST_PHRED)
    while low < high:
        middle = (low + high + 1) >> 1
        if others << BITS <= total * LARGEST_ERROR[middle]:
            low = middle
        else:
            high = middle - 1
    return low


@shared
def placed_phred(p: Any, t: Any, backward: Any, cells: Any) -> Any:
    """Phred of base ``t`` being anywhere but at its own place; 0 where another place is more probable."""
    forward = (t - 1) * WIDTH * 3
    own = 3 * (BAND + MARGIN)
    total, best, best_at = np.int64(0), np.int64(0), np.int64(-1)
    for c in range(WIDTH):
        for state in range(2):
            z = np.int64(cells[p, forward + 3 * c + state]) * np.int64(cells[p, backward + 3 * c + state])
            total += z
            if z > best:
                best, best_at = z, np.int64(3 * c + state)
    if best_at != own:
        return np.int64(0)
    return phred_of(total - best, total)


@shared
def alignment_quality(
    p: Any,
    row: Any,
    query: Any,
    first: Any,
    stop: Any,
    position: Any,
    records: Any,
    origin: Any,
    bases: Any,
    cells: Any,
) -> Any:
    """Phred, up to 99, of base ``query`` of a row not belonging to reference ``position``.

    Query bases [first, stop) are the CIGAR operation that it is in. Of the bases of that operation the surest one on
    either side speaks for all between them, and the less sure of these two counts ("extended" BAQ). ``cells`` int32[n,
    CELLS] is workspace, of which row ``p`` is used.
    """
    raw = records.raw
    begin = max(query - REACH, 0)
    length = min(query + REACH + 1, np.int64(records.l_seq[row])) - begin
    at = position - (query - begin) - MARGIN
    for t in range(1, length + 1):
        k = begin + t - 1
        base, quality = base_at(raw, records.seq[row], k), np.int64(raw[records.qual[row] + k])
        forward_row(p, t, length, base, quality, at, origin, bases, cells)
    here, after = np.int64(ROWS * WIDTH * 3), np.int64((ROWS + 1) * WIDTH * 3)
    for c in range(WIDTH):
        k = length + c - BAND
        end = ONE >> 6 if k >= 1 and k <= length + 2 * MARGIN else 0
        cells[p, here + 3 * c], cells[p, here + 3 * c + 1], cells[p, here + 3 * c + 2] = end, end, 0
    left, right = np.int64(0), np.int64(0)
    for t in range(length, 0, -1):
        k = begin + t - 1
        if t < length:
            here, after = after, here
            base, quality = base_at(raw, records.seq[row], k + 1), np.int64(raw[records.qual[row] + k + 1])
            backward_row(p, t, length, base, quality, at, origin, bases, here, after, cells)
        if k >= first and k < stop:
            phred = placed_phred(p, t, here, cells)
            if k >= query:
                right = max(right, phred)
            if k <= query:
                left = max(left, phred)
    return min(left, right)

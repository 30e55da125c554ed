"""assembly: where the soft-clipped end of a read continues on the reference, which tells an indel that no CIGAR shows.

An aligner that cannot pay for a long gap clips the read instead. The clipped bases are compared with the reference on
every diagonal near by, from the read's end inwards, without gaps (an X-drop extension, Altschul et al. 1990): where
they fit, the aligned part and the placed one are the two flanks of an insertion or a deletion.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .records import CIGAR_H, CIGAR_S, Records, u32
from .scalar import base_at, is_match

MATCH, MISMATCH = 1, -4  # bwa mem's default scores
DROP = 12  # an extension ends where its score is that much below its best
INNER = 12  # aligned bases beside a clip that may belong to the other flank


class Splits(NamedTuple):
    """Where clipped ends continue; rows 2i and 2i + 1 are the left and the right end of read i.

    clip     int32  soft-clipped bases
    edge     int64  boundary between the aligned and the clipped bases: the index of the reference base after it

    start    int64  reference base after the left flank, an index into the ``Reference`` stretch
    stop     int64  first reference base of the right flank; below ``start`` where a stretch is there twice
    query    int32  the read's first base between the flanks
    between  int32  its bases between them
    score    int32  of the clipped bases where they fit; 0: they fit nowhere, or equally well in two places
    """

    clip: Any
    edge: Any
    start: Any
    stop: Any
    query: Any
    between: Any
    score: Any


class End(NamedTuple):
    """A read's end, seen from the alignment outwards: clipped base k >= 0 is read base ``query + step * k``.

    at     the reference base under clipped base 0 if there were no gap
    step   1: right end, -1: left end
    clip   clipped bases
    inner  aligned bases without a gap before them, at most INNER; they have k < 0
    """

    row: Any
    query: Any
    at: Any
    step: Any
    clip: Any
    inner: Any


@shared
def left_end(records: Records, row: Any, origin: Any) -> Any:
    """The left end of a read."""
    clip, inner = 0, 0
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if operation == CIGAR_S:
            clip = length
        elif operation != CIGAR_H:
            inner = min(length, INNER) if is_match(operation) else 0
            break
    return End(row, clip - 1, np.int64(records.pos[row]) - origin - 1, -1, clip, inner)


@shared
def right_end(records: Records, row: Any, origin: Any) -> Any:
    """The right end of a read."""
    clip, inner = 0, 0
    for k in range(records.n_cigar[row] - 1, -1, -1):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if operation == CIGAR_S:
            clip = length
        elif operation != CIGAR_H:
            inner = min(length, INNER) if is_match(operation) else 0
            break
    return End(row, records.l_seq[row] - clip, np.int64(records.end[row]) - origin, 1, clip, inner)


@shared
def fit(records: Records, end: End, k: Any, shift: Any, code: Any, floor: Any) -> Any:
    """Score of base ``k`` of an end, ``shift`` bases further out on the reference than without a gap."""
    query = end.query + end.step * k
    base = base_at(records.raw, records.seq[end.row], query)
    if base > 3 or records.raw[records.qual[end.row] + query] < floor:
        return 0
    at = end.at + end.step * (k + shift)
    return MATCH if 0 <= at < code.shape[0] and code[at] == base else MISMATCH


@shared
def extend(records: Records, end: End, shift: Any, first: Any, last: Any, code: Any, floor: Any) -> Any:
    """(score, base) of the best extension of the placed part from base ``last`` inwards, to ``first`` at most."""
    total, best, found = 0, 0, last + 1
    k = last
    while k >= first and total > best - DROP:
        total += fit(records, end, k, shift, code, floor)
        if total > best:
            best, found = total, k
        k -= 1
    return best, found


@shared
def aligned_part(records: Records, end: End, stop: Any, code: Any, floor: Any) -> Any:
    """The base before ``stop`` at which the aligned part ends best."""
    total, best, found = 0, 0, -end.inner
    for k in range(-end.inner, stop):
        total += fit(records, end, k, 0, code, floor)
        if total > best:
            best, found = total, k + 1
    return found


@shared
def bits(value: Any) -> Any:
    """Binary digits of a number that is not negative."""
    found = 0
    while value > 0:
        value >>= 1
        found += 1
    return found


@shared
def best_shift(records: Records, end: End, code: Any, floor: Any, reach: Any) -> Any:
    """(score, shift, base) of where the clipped bases fit best; score 0: they fit equally well in two places."""
    best, shift, found, is_tied = 0, 0, 0, False
    for step in range(2, 2 * reach + 2):
        candidate = (step >> 1) * (1 - 2 * (step & 1))  # 1, -1, 2, -2, ...
        score, first = extend(records, end, candidate, 0, end.clip - 1, code, floor)
        if score > best:
            best, shift, found, is_tied = score, candidate, first, False
        elif score == best:
            is_tied = True
    return 0 if is_tied else best, shift, found


@shared
def split_end(slot: Any, records: Records, end: End, code: Any, floor: Any, reach: Any, least: Any, out: Any) -> Any:
    """Fill row ``slot`` of ``out`` with where an end continues."""
    out.score[slot] = 0
    out.clip[slot] = end.clip
    out.edge[slot] = end.at if end.step > 0 else end.at + 1
    if end.clip < least:
        return
    score, shift, first = best_shift(records, end, code, floor, reach)
    if score < least + bits(abs(shift)):
        return
    if first == 0:
        first = extend(records, end, shift, -end.inner, -1, code, floor)[1]
    last = aligned_part(records, end, first, code, floor)
    out.score[slot] = score
    out.between[slot] = first - last
    if end.step > 0:
        out.start[slot], out.stop[slot] = end.at + last, end.at + first + shift
        out.query[slot] = end.query + last
    else:
        out.start[slot], out.stop[slot] = end.at + 1 - first - shift, end.at + 1 - last
        out.query[slot] = end.query + 1 - first


@shared
def split_read(
    i: Any, records: Records, rows: Any, origin: Any, code: Any, floor: Any, reach: Any, least: Any, out: Splits
) -> Any:
    """Both ends of read ``rows[i]`` over the reference stretch ``code`` that starts at ``origin``.

    A clip of at least ``least`` bases is placed at most ``reach`` bases away. Its score must be ``least`` and one more
    for every doubling of that distance, since as many more places would fit by chance.
    """
    split_end(2 * i, records, left_end(records, rows[i], origin), code, floor, reach, least, out)
    split_end(2 * i + 1, records, right_end(records, rows[i], origin), code, floor, reach, least, out)


@cpu_loop
def splits_cpu(
    n: int, records: Records, rows: Any, origin: int, code: Any, floor: int, reach: int, least: int, out: Splits
) -> None:
    for i in range(n):
        split_read(i, records, rows, origin, code, floor, reach, least, out)


@cuda_loop
def splits_cuda(
    n: int, records: Records, rows: Any, origin: int, code: Any, floor: int, reach: int, least: int, out: Splits
) -> None:
    i = cuda.grid(1)
    if i < n:
        split_read(i, records, rows, origin, code, floor, reach, least, out)


@shared
def vote_end(i: Any, records: Records, slots: Any, rows: Any, cluster: Any, floor: Any, votes: Any) -> Any:
    """Add the qualities of an end's clipped bases to the votes of its cluster.

    ``slots`` int32[n]: rows of ``Splits``. ``votes`` int32[clusters, most bases, 4]: sums of qualities by clipped base,
    from the alignment outwards, and by A, C, G, T.
    """
    slot = slots[i]
    row = rows[slot >> 1]
    end = right_end(records, row, 0) if slot & 1 else left_end(records, row, 0)
    for k in range(min(end.clip, votes.shape[1])):
        query = end.query + end.step * k
        base = base_at(records.raw, records.seq[row], query)
        quality = np.int64(records.raw[records.qual[row] + query])
        if base < 4 and quality >= floor:
            atomic_add(votes, (cluster[i], k, base), quality)


@cpu_loop
def votes_cpu(n: int, records: Records, slots: Any, rows: Any, cluster: Any, floor: int, votes: Any) -> None:
    for i in range(n):
        vote_end(i, records, slots, rows, cluster, floor, votes)


@cuda_loop
def votes_cuda(n: int, records: Records, slots: Any, rows: Any, cluster: Any, floor: int, votes: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        vote_end(i, records, slots, rows, cluster, floor, votes)

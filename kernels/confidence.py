"""confidence: how sure the reads are of the reference at every position, against an alternate that nobody named.

Two doubts are weighed at each position: that a base differs, and that an insertion or deletion lies there. Sums are of
costs (1/64 phred) by which the reads fit a heterozygous or a homozygous alternate worse than the reference.

Nearly all bases equal the reference at good quality; such a base saves ``EVEN`` whatever its quality is. So the first
kernel marks where aligned stretches start and stop, sums up qualities, and looks closely at weak bases only; bases that
differ are known from ``pileup.evidence``; and ``pairs`` corrects what overlapping mates were counted twice for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import (
    WORD,
    add_capped,
    add_four,
    at_least,
    below_bytes,
    bits_in,
    equal_codes,
    lanes,
    lesser_bytes,
    load_bytes,
    packed_bases,
    plain_bytes,
    prefetch,
    take_capped,
    whole_words,
)
from .depth import is_whole, next_common, walk_start
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, on_cpu, on_cuda, shared
from .pileup import base_quality
from .records import AHEAD, CIGAR_S, READ_LINES, Records, consumes_query, consumes_reference, fetch_ahead, u32, u64
from .scalar import base_at, has_unknown_bases, is_match, lowest_bit

HALF = 193  # cost of probability 1/2, 1/64 phred (``genotype.HALF``)
EVEN = 192  # what a good base that equals the reference saves on half of the alleles being something else
STRONG = 20  # phred; from this base quality on a base saves EVEN (less 0.7/64 phred)
THIRD = 305  # cost of one of three wrong bases: -10 log10(1/3)
DEPTH, HET, ALT, FIXES = np.uint64(0), np.uint64(1), np.uint64(2), 4  # columns of ``Cover.fix``


class Cover(NamedTuple):
    """What reads say of the reference, over the positions of a ``Reference`` stretch (see ``Totals`` for the sums).

    start    int32[n + 1] aligned stretches of fragments that start at a position
    stop     int32[n + 1] aligned stretches that end before it
    clip     int32[n + 1] long soft clips at its left edge
    quality  int32[n]     sum of the qualities of all aligned bases, phred; of overlapping mates that agree the better
    fix      int32[n, 4]  corrections: of the depth by bases that do not count (``DEPTH``), and of what a heterozygous
                          (``HET``) and a homozygous alternate (``ALT``) cost more than the reference
    """

    start: Any
    stop: Any
    clip: Any
    quality: Any
    fix: Any


class Repeats(NamedTuple):
    """The tandem repeats around each position of a stretch.

    left   int32[n] where the repeats around a position start; itself where there is none
    right  int32[n] where they stop
    gap    int32[n] cost of a gap there, 1/64 phred
    """

    left: Any
    right: Any
    gap: Any


class Differing(NamedTuple):
    """``count`` and ``quality`` of ``pileup.Evidence``: int32[n, 4] reads with another base, sum of their qualities."""

    count: Any
    quality: Any


class Totals(NamedTuple):
    """Reference confidence by position.

    depth  int32[n] fragments whose base counts
    het    int32[n] what a heterozygous alternate costs more than the reference, at least 0, 1/64 phred
    alt    int32[n] what a homozygous (or haploid) alternate costs more
    """

    depth: Any
    het: Any
    alt: Any


# -- reads -------------------------------------------------------------------------------------------------------------


PAIR_LINES = 8  # of memory, of 16 positions each, under a usual pair
FETCHED = 4  # lines of memory, of 4 positions each, ahead of the reads


class Weak(NamedTuple):
    """Of bases below ``STRONG``, by quality.

    loss  int32[STRONG, 2]          what one that equals the reference says less than a good one would: het, alt
    fix   int32[STRONG + 1, FIXES]  what it corrects ``Cover.fix`` by: one below the floor does not count at all;
                                    the last row: nothing
    back  int32[STRONG, FIXES]      ``loss`` as it is given back: of two mates that equal the reference what the weaker
                                    one says less was counted for nothing, since the fragment says what the better does
    """

    loss: Any
    fix: Any
    back: Any


def weak_losses(costs: Any, floor: int) -> Weak:
    """What weak bases say less; ``costs`` are ``tables.base_costs``, ``floor`` the lowest quality that counts."""
    same, het, alt = costs[:, :STRONG].astype(np.int64)
    quality = np.arange(STRONG)
    full = 64 * quality + THIRD
    loss = np.stack([EVEN - (het - same), full - (alt - same)], axis=1)
    fix = np.zeros((STRONG + 1, FIXES), dtype=np.int32)
    fix[:STRONG, 1:3] = -loss
    for each in quality[:floor].tolist():
        fix[each, :3] = -1, -EVEN, -full[each]
    back = np.zeros((STRONG, FIXES), dtype=np.int32)
    back[:, 1:3] = loss
    return Weak(loss.astype(np.int32), fix, back)


@shared
def weak_loss(quality: Any, losses: Any) -> Any:
    """(het, alt) of ``Weak.loss``; nothing of a quality of ``STRONG`` or more."""
    if quality >= STRONG:
        return np.int64(0), np.int64(0)
    at = np.uint64(quality)
    return np.int64(losses.loss[at, np.uint64(0)]), np.int64(losses.loss[at, np.uint64(1)])


@shared
def look_at_base(
    records: Records, row: Any, query: Any, at: Any, code: Any, limit: Any, floor: Any, losses: Any, out: Cover
) -> Any:
    """Correct the sums for a weak or unknown base: taken for a good one that equals the reference."""
    base = base_at(records.raw, records.seq[row], query)
    quality = np.int64(records.raw[np.uint64(records.qual[row] + query)])
    kept = min(quality, limit)
    at = np.uint64(at)
    if quality < floor or base > 3:
        atomic_add(out.fix, (at, DEPTH), -1)
        atomic_add(out.fix, (at, HET), -EVEN)
        atomic_add(out.fix, (at, ALT), -(64 * kept + THIRD))
    elif base == code[at]:
        het, alt = weak_loss(kept, losses)
        atomic_add(out.fix, (at, HET), -het)
        atomic_add(out.fix, (at, ALT), -alt)


@shared
def weak_bytes(word: Any) -> Any:
    """The highest bit of each byte of a uint64 that is below STRONG; now and then of one above 127, too."""
    high = np.uint64(0x8080808080808080)
    return ~((word | high) - np.uint64(0x0101010101010101 * STRONG)) & high


@shared
def add_one_by_one(raw: Any, shift: Any, at: Any, stop: Any, limit: Any, quality: Any) -> Any:
    """``add_qualities``, quality by quality."""
    capped = np.int32(limit)
    for k in range(at, stop):
        atomic_add(quality, np.uint64(k), min(np.int32(raw[np.uint64(k + shift)]), capped))


@on_cuda
def add_qualities(raw: Any, shift: Any, at: Any, stop: Any, limit: Any, quality: Any) -> Any:
    """Add the qualities ``raw[k + shift]``, none above ``limit``, at indices from ``at`` to ``stop`` (not included)."""
    add_one_by_one(raw, shift, at, stop, limit, quality)


@on_cpu(add_qualities)
def _add_qualities_cpu(raw: Any, shift: Any, at: Any, stop: Any, limit: Any, quality: Any) -> Any:
    room = whole_words(stop - at)
    if at + shift + room > raw.shape[0] or at + room > quality.shape[0]:
        add_one_by_one(raw, shift, at, stop, limit, quality)
        return
    while at + WORD <= stop:
        add_capped(plain_bytes(raw, at + shift), limit, quality, at)
        at += WORD
    if at < stop:
        add_capped(load_bytes(raw, at + shift, 0, stop - at, 0), limit, quality, at)


@shared
def look_at_each(
    weak: Any,
    bits: Any,
    records: Records,
    row: Any,
    step: Any,
    at: Any,
    code: Any,
    limit: Any,
    floor: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """``look_at_base`` for every bit that is set of a word, of which each base from ``at`` on has 2**``bits``."""
    while weak != np.uint64(0):
        k = at + (lowest_bit(weak) >> bits)
        weak &= weak - np.uint64(1)
        look_at_base(records, row, k + step, k, code, limit, floor, losses, out)


@on_cuda
def look_at_weak(
    records: Records,
    row: Any,
    query: Any,
    at: Any,
    stop: Any,
    code: Any,
    limit: Any,
    floor: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """``look_at_base`` of the weak bases, eight at a time, from ``at`` on; where it ends, at most 7 before ``stop``."""
    step, shift = query - at, records.qual[row] + query - at
    while at + 8 <= stop:
        weak = weak_bytes(u64(records.raw, at + shift))
        look_at_each(weak, 3, records, row, step, at, code, limit, floor, losses, out)
        at += 8
    return at


@shared
def weak_word(raw: Any, shift: Any, at: Any, stop: Any) -> Any:
    """uint64: bit k is set where base ``at + k``, before ``stop``, is weak."""
    return below_bytes(load_bytes(raw, at + shift, 0, min(max(stop - at, np.int64(0)), WORD), 255), STRONG)


@on_cpu(look_at_weak)
def _look_at_weak_cpu(
    records: Records,
    row: Any,
    query: Any,
    at: Any,
    stop: Any,
    code: Any,
    limit: Any,
    floor: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """The same, 192 at a time, to the end, in one loop: only how many there are in all must be guessed."""
    raw, seq, step, shift = records.raw, records.seq[row], query - at, records.qual[row] + query - at
    while at < stop and at + shift + 3 * WORD <= raw.shape[0]:
        one, two = weak_word(raw, shift, at, stop), weak_word(raw, shift, at + WORD, stop)
        three = weak_word(raw, shift, at + 2 * WORD, stop)
        place = at
        for _ in range(np.int64(bits_in(one) + bits_in(two) + bits_in(three))):
            for _ in range(2):  # words without a weak base are passed over
                empty = one == np.uint64(0)
                place += WORD * empty
                one, two, three = (two if empty else one), (three if empty else two), three
            k = place + lowest_bit(one)
            one &= one - np.uint64(1)
            quality = np.int64(raw[np.uint64(k + shift)])
            base, expected = base_at(raw, seq, k + step), np.int64(code[np.uint64(k)])
            if base > 3:
                look_at_base(records, row, k + step, k, code, limit, floor, losses, out)
            else:
                add_four(losses.fix, quality if base == expected or quality < floor else np.int64(STRONG), out.fix, k)
        at += 3 * WORD
    while at < stop and at + shift + WORD <= raw.shape[0]:
        look_at_each(weak_word(raw, shift, at, stop), 0, records, row, step, at, code, limit, floor, losses, out)
        at += WORD
    return at


@shared
def add_stretch(
    records: Records,
    row: Any,
    query: Any,
    at: Any,
    length: Any,
    code: Any,
    limit: Any,
    unknown: Any,
    floor: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """Add ``length`` aligned bases from ``query`` on, at index ``at`` of the stretch; ``unknown``: look at each."""
    atomic_add(out.start, at, 1)
    atomic_add(out.stop, at + length, 1)
    shift = records.qual[row] + query - at
    stop = at + length
    add_qualities(records.raw, shift, at, stop, limit, out.quality)
    if not unknown:
        at = look_at_weak(records, row, query, at, stop, code, limit, floor, losses, out)
    while at < stop:
        look_at_base(records, row, at + query - (stop - length), at, code, limit, floor, losses, out)
        at += 1


@shared
def cover_read(
    i: Any,
    records: Records,
    rows: Any,
    origin: Any,
    code: Any,
    floor: Any,
    cap: Any,
    min_clip: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """Add the aligned stretches, qualities and long clips of read ``rows[i]``; the stretch starts at ``origin``."""
    row = np.uint64(rows[i])
    size, length = np.int64(code.shape[0]), np.int64(records.l_seq[row])
    at, query = np.int64(records.pos[row]) - origin, np.int64(0)
    limit = min(np.int64(records.mapq[row]), np.int64(cap))
    unknown = has_unknown_bases(records.raw, records.seq[row], length) or limit < STRONG
    if is_whole(row, records) and at >= 0 and at + length <= size:  # as most are
        add_stretch(records, row, query, at, length, code, limit, unknown, floor, losses, out)
        return
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, np.int64(word >> 4)
        if is_match(operation):
            skip = max(-at, np.int64(0))
            keep = min(at + length, size) - at - skip
            if keep > 0:
                add_stretch(records, row, query + skip, at + skip, keep, code, limit, unknown, floor, losses, out)
        elif operation == CIGAR_S and length >= min_clip and 0 <= at <= size:
            atomic_add(out.clip, at, 1)
        at += length * consumes_reference(operation)
        query += length * consumes_query(operation)


@shared
def fetch_sums(end: Any, out: Cover) -> None:
    """Have the sums before index ``end`` fetched from memory that no read before may have reached."""
    prefetch(out.quality, end)
    for k in range(FETCHED):
        prefetch(out.fix, FIXES * end - 16 * k)


@cpu_loop
def cover_cpu(
    n: int,
    records: Records,
    rows: Any,
    origin: int,
    code: Any,
    floor: int,
    cap: int,
    min_clip: int,
    losses: Any,
    out: Cover,
) -> None:
    for i in range(n):
        ahead = rows[np.uint64(min(i + AHEAD, n - 1))]
        fetch_ahead(ahead, records, READ_LINES)
        fetch_sums(np.int64(records.end[np.uint64(ahead)]) - origin, out)
        cover_read(i, records, rows, origin, code, floor, cap, min_clip, losses, out)


@cuda_loop
def cover_cuda(
    n: int,
    records: Records,
    rows: Any,
    origin: int,
    code: Any,
    floor: int,
    cap: int,
    min_clip: int,
    losses: Any,
    out: Cover,
) -> None:
    i = cuda.grid(1)
    if i < n:
        cover_read(i, records, rows, origin, code, floor, cap, min_clip, losses, out)


# -- overlapping mates -------------------------------------------------------------------------------------------------


@shared
def says(base: Any, expected: Any, quality: Any, losses: Any) -> Any:
    """What one base adds to (depth, het, alt), as ``cover`` and ``totals`` count it; base > 3: nothing."""
    if base > 3:
        return np.int64(0), np.int64(0), np.int64(0)
    full = 64 * quality + THIRD
    if base == expected:
        het, alt = weak_loss(quality, losses)
        return np.int64(1), EVEN - het, full - alt
    return np.int64(1), EVEN - full, -full


@shared
def counted(records: Records, row: Any, query: Any, floor: Any, limit: Any) -> Any:
    """(base, quality up to ``limit``) of a read; base 4 where it does not count."""
    quality = np.int64(records.raw[np.uint64(records.qual[row] + query)])
    base = base_at(records.raw, records.seq[row], query)
    return (base if quality >= floor else np.int64(4)), min(quality, limit)


@shared
def single(records: Records, row: Any, query: Any, expected: Any, floor: Any, cap: Any, losses: Any) -> Any:
    """What a base was counted for: one that differs is capped by the mapping quality only (``pileup.evidence``)."""
    base, quality = counted(records, row, query, floor, np.int64(records.mapq[row]))
    if base == expected:
        quality = min(quality, np.int64(cap))
    return says(base, expected, quality, losses)


@shared
def resolved(
    records: Records, row: Any, mate: Any, query: Any, query_mate: Any, expected: Any, floor: Any, cap: Any, losses: Any
) -> Any:
    """What the fragment says: the better base of the two; where they disagree, with the difference."""
    base, _ = counted(records, row, query, floor, np.int64(cap))
    other, _ = counted(records, mate, query_mate, floor, np.int64(cap))
    quality = base_quality(records, row, query, cap)
    quality_mate = base_quality(records, mate, query_mate, cap)
    if base > 3:
        base, quality = other, quality_mate
    elif other <= 3:
        if base != other:
            if quality == quality_mate:
                base = np.int64(4)
            elif quality < quality_mate:
                base = other
            quality = max(quality, quality_mate) - min(quality, quality_mate)
        else:
            quality = max(quality, quality_mate)
    return says(base, expected, quality, losses)


@shared
def correct_base(
    records: Records,
    row: Any,
    mate: Any,
    query: Any,
    query_mate: Any,
    at: Any,
    code: Any,
    floor: Any,
    cap: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """Replace what both mates were counted for at index ``at`` by what their fragment says there.

    The depth loses one already where their stretches meet, and EVEN and THIRD with it.
    """
    at = np.uint64(at)
    expected = np.int64(code[at])
    base = base_at(records.raw, records.seq[row], query)
    other = base_at(records.raw, records.seq[mate], query_mate)
    quality = base_quality(records, row, query, cap)
    quality_mate = base_quality(records, mate, query_mate, cap)
    lesser = min(
        records.raw[np.uint64(records.qual[row] + query)], records.raw[np.uint64(records.qual[mate] + query_mate)]
    )
    if base == expected and other == expected and lesser >= floor:  # what the formula below comes to
        weaker = min(quality, quality_mate)
        atomic_add(out.quality, at, -weaker)
        if weaker < STRONG:
            het, alt = weak_loss(weaker, losses)
            atomic_add(out.fix, (at, HET), het)
            atomic_add(out.fix, (at, ALT), alt)
        return
    depth, het, alt = resolved(records, row, mate, query, query_mate, expected, floor, cap, losses)
    depth_a, het_a, alt_a = single(records, row, query, expected, floor, cap, losses)
    depth_b, het_b, alt_b = single(records, mate, query_mate, expected, floor, cap, losses)
    if depth - depth_a - depth_b != -1:
        atomic_add(out.fix, (at, DEPTH), depth - depth_a - depth_b + 1)
    if het - het_a - het_b != -EVEN:
        atomic_add(out.fix, (at, HET), het - het_a - het_b + EVEN)
    atomic_add(out.fix, (at, ALT), alt - alt_a - alt_b + THIRD)


@shared
def correct_each(
    records: Records,
    row: Any,
    mate: Any,
    query: Any,
    query_mate: Any,
    at: Any,
    stop: Any,
    code: Any,
    floor: Any,
    cap: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """``correct_bases``, one by one."""
    for k in range(stop - at):
        correct_base(records, row, mate, query + k, query_mate + k, at + k, code, floor, cap, losses, out)


@on_cuda
def correct_bases(
    records: Records,
    row: Any,
    mate: Any,
    query: Any,
    query_mate: Any,
    at: Any,
    stop: Any,
    code: Any,
    floor: Any,
    cap: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """``correct_base`` for the bases that two mates share at indices from ``at`` to ``stop`` (not included)."""
    correct_each(records, row, mate, query, query_mate, at, stop, code, floor, cap, losses, out)


@on_cpu(correct_bases)
def _correct_bases_cpu(
    records: Records,
    row: Any,
    mate: Any,
    query: Any,
    query_mate: Any,
    at: Any,
    stop: Any,
    code: Any,
    floor: Any,
    cap: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """The same; where both mates have bases that count and equal the reference, 64 at a time.

    There the weaker base, with all that it was counted for, is what the fragment does not say.
    """
    raw, one, two = records.raw, records.qual[row] + query, records.qual[mate] + query_mate
    limit = min(min(np.int64(records.mapq[row]), np.int64(records.mapq[mate])), np.int64(cap))
    room = whole_words(stop - at)
    if limit < STRONG or at + room > code.shape[0] or max(one, two) + room > raw.shape[0]:
        correct_each(records, row, mate, query, query_mate, at, stop, code, floor, cap, losses, out)
        return
    while at < stop:
        mine, theirs, expected = plain_bytes(raw, one), plain_bytes(raw, two), plain_bytes(code, at)
        here, lesser = lanes(0, min(np.int64(WORD), stop - at)), lesser_bytes(mine, theirs)
        alike = here & at_least(mine, floor) & at_least(theirs, floor)
        alike &= equal_codes(packed_bases(raw, records.seq[row], query), expected)
        alike &= equal_codes(packed_bases(raw, records.seq[mate], query_mate), expected)
        take_capped(alike, lesser, limit, out.quality, at)
        weak, rest = alike & below_bytes(lesser, STRONG), here & ~alike
        while weak != np.uint64(0):
            k = lowest_bit(weak)
            weak &= weak - np.uint64(1)
            add_four(losses.back, np.int64(min(raw[np.uint64(one + k)], raw[np.uint64(two + k)])), out.fix, at + k)
        while rest != np.uint64(0):
            k = lowest_bit(rest)
            rest &= rest - np.uint64(1)
            correct_base(records, row, mate, query + k, query_mate + k, at + k, code, floor, cap, losses, out)
        query, query_mate, at = query + WORD, query_mate + WORD, at + WORD
        one, two = one + WORD, two + WORD


@shared
def correct_pair(
    i: Any,
    records: Records,
    rows: Any,
    usable: Any,
    origin: Any,
    code: Any,
    floor: Any,
    cap: Any,
    losses: Any,
    out: Cover,
) -> Any:
    """Count the positions that read ``rows[i]`` shares with its mate, an earlier row, once."""
    row = rows[i]
    mate = records.mate[row]
    if mate < 0 or mate > row or not usable[mate]:
        return
    size = np.int64(code.shape[0])
    state, start, stop, query, query_mate = next_common(records, row, mate, walk_start(records, row, mate))
    while start < stop:
        low, high = max(start - origin, np.int64(0)), min(stop - origin, size)
        if low < high:
            atomic_add(out.start, low, -1)
            atomic_add(out.stop, high, -1)
            step = low + origin - start
            correct_bases(records, row, mate, query + step, query_mate + step, low, high, code, floor, cap, losses, out)
        state, start, stop, query, query_mate = next_common(records, row, mate, state)


@shared
def fetch_mates(row: Any, records: Any, origin: Any, out: Cover) -> Any:
    """Have a row, its overlapping mate and the sums under it fetched from memory, where it has such a mate."""
    mate = records.mate[np.uint64(row)]
    if 0 <= mate < row:
        fetch_ahead(row, records, READ_LINES)
        fetch_ahead(mate, records, READ_LINES)
        at = np.int64(records.pos[np.uint64(row)]) - origin
        for line in range(PAIR_LINES):
            prefetch(out.quality, at + 16 * line)
        for line in range(4 * PAIR_LINES):
            prefetch(out.fix, FIXES * at + 16 * line)


@cpu_loop
def pairs_cpu(
    n: int,
    records: Records,
    rows: Any,
    usable: Any,
    origin: int,
    code: Any,
    floor: int,
    cap: int,
    losses: Any,
    out: Cover,
) -> None:
    for i in range(n):
        fetch_mates(rows[np.uint64(min(i + AHEAD, n - 1))], records, origin, out)
        correct_pair(i, records, rows, usable, origin, code, floor, cap, losses, out)


@cuda_loop
def pairs_cuda(
    n: int,
    records: Records,
    rows: Any,
    usable: Any,
    origin: int,
    code: Any,
    floor: int,
    cap: int,
    losses: Any,
    out: Cover,
) -> None:
    i = cuda.grid(1)
    if i < n:
        correct_pair(i, records, rows, usable, origin, code, floor, cap, losses, out)


# -- repeats -----------------------------------------------------------------------------------------------------------


@cpu_loop
def paint_repeats(found: Any, n: int, gaps: Any, out: Repeats) -> None:
    """Fill ``out`` from the ``n`` tandem repeats that ``calibrate.find_repeats`` found; ``gaps`` as the pair-HMM's.

    Host code: it runs once a stretch, whatever the reads are.
    """
    for k in range(out.left.shape[0]):
        out.left[k], out.right[k], out.gap[k] = k, k + 1, gaps[1, 1]
    for r in range(n):
        start, stop = found[r, 0], found[r, 1]
        gap = gaps[found[r, 2], min(found[r, 3], gaps.shape[1] - 1)]
        for k in range(start, stop):
            out.left[k] = min(out.left[k], start)
            out.right[k] = max(out.right[k], stop)
            out.gap[k] = min(out.gap[k], gap)


# -- positions ---------------------------------------------------------------------------------------------------------


class Gaps(NamedTuple):
    """Gaps and stretches, summed up over the positions of a stretch.

    started    int32[n + 1] aligned stretches that start at a position or before
    stopped    int32[n + 1] aligned stretches that end before a position, or before one to its left
    gapped     int32[n + 1] fragments with a gap in the repeat around a position that no call explains
    explained  int32[n + 1] fragments with a gap there that a call does explain
    """

    started: Any
    stopped: Any
    gapped: Any
    explained: Any


@shared
def base_doubt(k: Any, evidence: Differing, cover: Cover, gaps: Gaps) -> Any:
    """(depth, het, alt) of the bases at a position, as they are counted singly and corrected."""
    depth = np.int64(gaps.started[k]) - np.int64(gaps.stopped[k])
    differ, quality = np.int64(0), np.int64(0)
    for base in range(4):
        differ += evidence.count[k, np.uint64(base)]
        quality += evidence.quality[k, np.uint64(base)]
    against = 64 * quality + THIRD * differ
    het = EVEN * depth - against + cover.fix[k, HET]
    alt = 64 * np.int64(cover.quality[k]) + THIRD * depth - 2 * against + cover.fix[k, ALT]
    return depth + cover.fix[k, DEPTH], het, alt


@shared
def gap_doubt(k: Any, cover: Cover, repeats: Repeats, gaps: Gaps, flank: Any, clip_cost: Any, intact: Any) -> Any:
    """(het, alt) of insertions and deletions at a position: only fragments that span its repeat can tell.

    ``intact`` int32[costs] is the cost of no gap by the cost of a gap.
    """
    size = cover.quality.shape[0]
    low, high = max(repeats.left[k] - flank, 0), min(repeats.right[k] + flank, size)
    spanning = np.int64(gaps.started[np.uint64(low)]) - np.int64(gaps.stopped[np.uint64(high - 1)])
    spanning = max(spanning, 0) + gaps.explained[k]
    gap = np.int64(repeats.gap[k])
    none = np.int64(intact[np.uint64(gap)])
    clips = np.int64(cover.clip[k]) + np.int64(cover.clip[k + np.uint64(1)])
    gapped = np.int64(gaps.gapped[k])
    het = spanning * (HALF - none) - gapped * (gap - HALF) - clips * (clip_cost - HALF)
    alt = (spanning - gapped) * (gap - none) - clips * clip_cost
    return het, alt


@shared
def total_position(
    k: Any,
    first: Any,
    code: Any,
    evidence: Differing,
    cover: Cover,
    repeats: Repeats,
    gaps: Gaps,
    flank: Any,
    clip_cost: Any,
    intact: Any,
    out: Totals,
) -> Any:
    """Write the confidence at index ``first + k`` of the stretch: the lesser of that in its base and in no gap."""
    at = np.uint64(first + k)
    depth, het, alt = base_doubt(at, evidence, cover, gaps)
    gap_het, gap_alt = gap_doubt(at, cover, repeats, gaps, flank, clip_cost, intact)
    known = code[at] < 4
    k = np.uint64(k)
    out.depth[k] = max(depth, 0)
    out.het[k] = max(min(het, gap_het), 0) if known else 0
    out.alt[k] = max(min(alt, gap_alt), 0) if known else 0


@cpu_loop
def totals_cpu(
    n: int,
    first: int,
    code: Any,
    evidence: Differing,
    cover: Cover,
    repeats: Repeats,
    gaps: Gaps,
    flank: int,
    clip_cost: int,
    intact: Any,
    out: Totals,
) -> None:
    for k in range(n):
        total_position(k, first, code, evidence, cover, repeats, gaps, flank, clip_cost, intact, out)


@cuda_loop
def totals_cuda(
    n: int,
    first: int,
    code: Any,
    evidence: Differing,
    cover: Cover,
    repeats: Repeats,
    gaps: Gaps,
    flank: int,
    clip_cost: int,
    intact: Any,
    out: Totals,
) -> None:
    k = cuda.grid(1)
    if k < n:
        total_position(k, first, code, evidence, cover, repeats, gaps, flank, clip_cost, intact, out)

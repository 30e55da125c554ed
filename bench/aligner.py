"""aligner: the alignment of a read whose origin is known, written as bwa mem would write it.

Gaps are leftmost; near a read's end a gap becomes mismatches, and an end that does not fit a soft clip, where bwa's
default scores say so. A read's *place* gives the reference position of each base.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gpucall.kernels.jit import shared

MATCH, MISMATCH, GAP_OPEN, CLIP = 1, -4, -6, -5  # bwa mem's defaults; a gap costs 1 more for each base
END_ZONE = 60  # bases from a read's end within which a gap may give way to mismatches
LEAST_ALIGNED = 20  # bases that clips of a read without gaps leave
INSERTED, CLIPPED = -1, -2  # instead of a reference position

# Columns of Batch.field: position and end, numbers of CIGAR operations and edits, score, size of the MD text, ...
POS, END, OPS, NM, SCORE, MD = range(6)
# ... flag, MAPQ, read group, whether the read is mapped, and without gaps, its fragment, ...
FLAG, MAPQ, GROUP, MAPPED, STRAIGHT, FRAGMENT = range(6, 12)
# ... its first base on the haplotype, the first event behind that; start of a repeat, bases gained there by stutter.
FIRST, EVENT, STUTTER_AT, STUTTER = range(12, 16)
FIELDS = 16
NAME_ROOM = 64
TEXT = np.frombuffer(b"=ACMGRSVTWYHKDBN", np.uint8)
_M, _I, _D, _S = 0, 1, 2, 4  # CIGAR operations
_TEN = np.uint32(10)


class Batch(NamedTuple):
    """Reads while they are made; rows 2k and 2k + 1 are the left, forward and the right, reverse read of a fragment.

    field  int64[r, 16]             POS ... STUTTER
    key    uint64[r]                seed of what is drawn for the read
    seq    uint8[r, length]         4-bit codes
    qual   uint8[r, length]         phred
    place  int64[r, length]         reference position, INSERTED or CLIPPED; only of reads that are not STRAIGHT
    cigar  uint32[r, length + 2]    operations as in BAM
    md     uint8[r, 8*length+1024]  the MD tag's text
    name   uint8[64]                the name of the read that is being written
    wrong  int64[length]            mismatching bases of the read that is being aligned
    """

    field: Any
    key: Any
    seq: Any
    qual: Any
    place: Any
    cigar: Any
    md: Any
    name: Any
    wrong: Any


def new_batch(rows: int, length: int) -> Batch:
    """Room for `rows` reads."""
    return Batch(
        np.zeros((rows, FIELDS), np.int64),
        np.empty(rows, np.uint64),
        np.empty((rows, length), np.uint8),
        np.empty((rows, length), np.uint8),
        np.empty((rows, length), np.int64),
        np.empty((rows, length + 2), np.uint32),
        np.empty((rows, 8 * length + 1024), np.uint8),
        np.empty(NAME_ROOM, np.uint8),
        np.empty(length, np.int64),
    )


@shared
def align_batch(rows: Any, reference: Any, batch: Any) -> None:
    """Fill cigar, md and field of the first `rows` reads; an unmapped one gets its mate's position."""
    field = batch.field
    for r in range(rows):
        if field[r, STRAIGHT]:
            _align_straight(r, reference, batch)
        elif field[r, MAPPED]:
            _align_gapped(r, reference, batch)
    for r in range(rows):
        if not field[r, MAPPED]:
            field[r, POS] = field[r ^ 1, POS]
            field[r, END] = field[r ^ 1, POS] + 1
            field[r, OPS] = field[r, MD] = 0


@shared
def _align_straight(r: Any, reference: Any, batch: Any) -> None:
    """Alignment of a read without gaps that lies at field POS: clips, MD and scores from its mismatches."""
    field, wrong, cigar, text, read = batch.field, batch.wrong, batch.cigar[r], batch.md[r], batch.seq[r]
    length = len(read)
    start = field[r, POS]
    expected = reference[start : start + length]
    n = _mismatches(read, expected, wrong)
    left, right = _straight_clips(wrong, n, length)
    ops = _append_op(cigar, 0, _S, left)
    ops = _append_op(cigar, ops, _M, length - left - right)
    field[r, OPS] = _append_op(cigar, ops, _S, right)
    size, behind, kept = 0, left, 0
    for k in range(n):
        i = wrong[k]
        if left <= i < length - right:
            size = put_number(text, size, i - behind)
            text[size] = TEXT[expected[i]]
            size += 1
            kept += 1
            behind = i + 1
    field[r, MD] = put_number(text, size, length - right - behind)
    field[r, POS], field[r, END] = start + left, start + length - right
    field[r, NM] = kept
    field[r, SCORE] = (length - left - right - kept) * MATCH + kept * MISMATCH


@shared
def _mismatches(read: Any, expected: Any, wrong: Any) -> Any:
    """Write where two sequences differ to `wrong`; returns the number."""
    n = 0
    for i in range(len(read)):
        if read[i] != expected[i]:
            wrong[n] = i
            n += 1
    return n


@shared
def _straight_clips(wrong: Any, n: Any, length: Any) -> Any:
    """Bases to clip on the left and right: those that cost more than a clip does."""
    left, right = 0, 0
    worst_left, worst_right = CLIP, CLIP
    for k in range(1, n + 1):
        first = wrong[k - 1] + 1
        score = (first - k) * MATCH + k * MISMATCH
        if score < worst_left:
            left, worst_left = first, score
        last = length - wrong[n - k]
        score = (last - k) * MATCH + k * MISMATCH
        if score < worst_right:
            right, worst_right = last, score
    return (left, right) if left + right <= length - LEAST_ALIGNED else (0, 0)


@shared
def _settle_gaps(seq: Any, place: Any, reference: Any) -> Any:
    """Let inserted bases fill a deletion beside them, then move every gap left as far as it goes."""
    i = 1
    while i < len(seq):
        stop = i
        while stop < len(seq) and place[stop] == INSERTED:
            stop += 1
        if stop < len(seq) and place[i - 1] >= 0:
            last = stop
            while last > i and place[last] - place[i - 1] > 1:
                last -= 1
                place[last] = place[last + 1] - 1
            if last > i:
                _move_insertion(seq, place, reference, i, last)
            elif place[i] - place[i - 1] > 1:
                _move_deletion(seq, place, reference, i)
        i = stop + 1


@shared
def _move_insertion(seq: Any, place: Any, reference: Any, i: Any, stop: Any) -> Any:
    """Bases i..stop-1 are inserted."""
    while i >= 2 and place[i - 2] == place[i - 1] - 1 and seq[i - 1] == seq[stop - 1] == reference[place[i - 1]]:
        i -= 1
        stop -= 1
        place[stop] = place[i]
        place[i] = INSERTED


@shared
def _move_deletion(seq: Any, place: Any, reference: Any, i: Any) -> Any:
    """Reference bases between those of i-1 and i are deleted."""
    while (
        i >= 2
        and place[i - 2] == place[i - 1] - 1
        and seq[i - 1] == reference[place[i - 1]]
        and seq[i - 1] == reference[place[i] - 1]
    ):
        i -= 1
        place[i] = place[i + 1] - 1


@shared
def _settle_end(seq: Any, place: Any, reference: Any, step: Any) -> Any:
    """Replace gaps near the right end (step 1) or left end (step -1) where an alignment without scores no less."""
    length = len(seq)
    origin = 0 if step > 0 else length - 1  # base k counted towards this end is seq[origin + step * k]
    while True:
        i = length
        if place[origin + step * (length - 1)] != INSERTED:
            i -= 1
            while i > 0 and place[origin + step * i] == place[origin + step * (i - 1)] + step:
                i -= 1
        if i == 0 or length - i > END_ZONE:
            return
        j = i
        while j > 0 and place[origin + step * (j - 1)] == INSERTED:
            j -= 1
        if j == 0:
            return
        behind = place[origin + step * (j - 1)]
        gap = i - j if i > j else abs(place[origin + step * i] - behind) - 1
        gapped, plain = GAP_OPEN - gap, 0
        for k in range(j, length):
            base = seq[origin + step * k]
            at = behind + step * (k - j + 1)
            plain += MATCH if 0 <= at < len(reference) and base == reference[at] else MISMATCH
            if k >= i:
                gapped += MATCH if base == reference[place[origin + step * k]] else MISMATCH
        if i < length and plain < gapped:
            return
        for k in range(j, length):
            at = behind + step * (k - j + 1)
            place[origin + step * k] = at if 0 <= at < len(reference) else CLIPPED
        if place[origin + step * (length - 1)] == CLIPPED:
            return


@shared
def _clip(seq: Any, place: Any, reference: Any) -> Any:
    """Clip either end where that scores more; scores count from the middle of the longest exact match, the seed."""
    best = middle = run = 0
    for i in range(len(seq)):
        matches = place[i] >= 0 and seq[i] == reference[place[i]]
        follows = i > 0 and place[i] == place[i - 1] + 1
        run = run * follows + 1 if matches else 0
        if run > best:
            best, middle = run, i - run // 2
    _clip_end(seq, place, reference, middle, 1)
    _clip_end(seq, place, reference, middle, -1)


@shared
def _clip_end(seq: Any, place: Any, reference: Any, middle: Any, step: Any) -> Any:
    last = len(seq) - 1 if step > 0 else 0
    score, best, keep = 0, 0, middle
    i = middle
    while i != last:
        i += step
        before, here = place[i - step], place[i]
        if here == INSERTED:
            score += -1 if before == INSERTED else GAP_OPEN - 1
        elif here == CLIPPED:
            score += 100 * CLIP
        else:
            skipped = 0 if before == INSERTED else abs(here - before) - 1
            score += GAP_OPEN - skipped if skipped else 0
            score += MATCH if seq[i] == reference[here] else MISMATCH
            if score > best:
                best, keep = score, i
    if score - best < CLIP:
        for i in range(keep + 1, len(seq)) if step > 0 else range(keep):
            place[i] = CLIPPED


@shared
def _align_gapped(r: Any, reference: Any, batch: Any) -> None:
    """Alignment of a read whose places are known."""
    seq, place = batch.seq[r], batch.place[r]
    _settle_gaps(seq, place, reference)
    _settle_end(seq, place, reference, 1)
    _settle_end(seq, place, reference, -1)
    _clip(seq, place, reference)
    _describe(seq, place, reference, batch.field[r], batch.cigar[r], batch.md[r])


@shared
def _describe(seq: Any, place: Any, reference: Any, field: Any, cigar: Any, md: Any) -> None:
    """CIGAR, MD and scores of a read from its places."""
    ops = size = run = edits = score = clipped = 0
    before = INSERTED
    field[POS] = -1
    for i in range(len(seq)):
        here = place[i]
        if here == CLIPPED:
            clipped += 1
            continue
        if field[POS] < 0:
            ops = _append_op(cigar, ops, _S, clipped)
            field[POS] = here
            before = here - 1
            clipped = 0
        if here == INSERTED:
            ops = _append_op(cigar, ops, _I, 1)
            edits += 1
            score -= 1 if place[i - 1] == INSERTED else 1 - GAP_OPEN
            continue
        skipped = here - before - 1
        if skipped:
            ops = _append_op(cigar, ops, _D, skipped)
            size = put_number(md, size, run)
            size = _put_bases(md, size, reference, before + 1, here)
            edits += skipped
            score += GAP_OPEN - skipped
            run = 0
        ops = _append_op(cigar, ops, _M, 1)
        if seq[i] == reference[here]:
            run += 1
            score += MATCH
        else:
            size = put_number(md, size, run)
            md[size] = TEXT[reference[here]]
            size += 1
            edits += 1
            score += MISMATCH
            run = 0
        before = here
    field[OPS] = _append_op(cigar, ops, _S, clipped)
    field[MD] = put_number(md, size, run)
    field[END] = before + 1
    field[NM] = edits
    field[SCORE] = score


@shared
def _append_op(cigar: Any, ops: Any, op: Any, length: Any) -> Any:
    """Append a CIGAR operation, or lengthen the last one; returns how many there are."""
    if length == 0:
        return ops
    if ops > 0 and cigar[ops - 1] & 15 == op:
        cigar[ops - 1] += length << 4
        return ops
    cigar[ops] = length << 4 | op
    return ops + 1


@shared
def put_number(out: Any, at: Any, value: Any) -> Any:
    """Write a number that is not negative in decimal at ``out[at]``; returns the place behind it."""
    left = np.uint32(value)  # unsigned, which divides faster
    digits = 1
    while left >= _TEN:
        left = np.uint32(left // _TEN)
        digits += 1
    left = np.uint32(value)
    for i in range(at + digits - 1, at - 1, -1):
        out[i] = 48 + left % _TEN
        left = np.uint32(left // _TEN)
    return at + digits


@shared
def _put_bases(out: Any, at: Any, reference: Any, start: Any, stop: Any) -> Any:
    """Write ``^`` and the deleted bases."""
    out[at] = ord("^")
    for i in range(start, stop):
        out[at + 1 + i - start] = TEXT[reference[i]]
    return at + 1 + stop - start

"""Plain-Python oracles of kernel ``panel``, written from VerifyBamID2's and htslib's rules; nothing of gpucall's."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from . import naive
from .naive import Read
from .naive_qc import operations, qualities

ONE = 1 << 30
REACH, BAND = 24, 7
State = dict[tuple[int, str], int]  # (1-based place on the reference, M I or D) -> multiples of 2^-30


class Site(NamedTuple):
    """A site of a list."""

    position: int
    ref: str
    alt: str


def fixed(probability: float) -> int:
    """Multiples of 2^-30."""
    return round(probability * ONE)


def emission(letter: str, base: str, quality: int) -> int:
    """Probability of a base over a reference letter; "": there is no reference."""
    if letter == "":
        return 0
    if letter not in "ACGT" or base not in "ACGT":
        return ONE
    error = 10 ** (-quality / 10)
    return max(fixed(1 - error if letter == base else error / 3), 1)


def doubled_below_one(state: State) -> State:
    """All values times the largest power of two that keeps their sum below 1, if they sum to less than a half."""
    total, shift = sum(state.values()), 0
    while 0 < total < ONE // 2:
        total, shift = 2 * total, shift + 1
    return {key: value << shift for key, value in state.items()}


def alignment_quality(read: Read, query: int, block: range, position: int, reference: str) -> int:
    """Extended BAQ of base ``query``, aligned to ``position``; ``block``: the query bases of its CIGAR operation."""
    bases, quals = read.seq, qualities(read)
    begin, end = max(query - REACH, 0), min(query + REACH + 1, len(bases))
    length, first = end - begin, position - (query - begin) - BAND // 2
    places = range(1, length + 2 * (BAND // 2) + 1)
    to_gap, stay, leave, go = fixed(0.001), fixed(0.1), fixed(0.9), fixed(0.998)

    def letter(k: int) -> str:
        at = first + k - 1
        return reference[at].upper() if 0 <= at < len(reference) else ""

    def band(t: int) -> list[int]:
        return [k for k in places if abs(k - t) <= BAND]

    forward: list[State] = [{}]
    for t in range(1, length + 1):
        base, quality = bases[begin + t - 1], quals[begin + t - 1]
        before, here = forward[-1], {}
        for k in band(t):
            e = emission(letter(k), base, quality)
            if t == 1:
                here[k, "M"], here[k, "I"], here[k, "D"] = e * fixed(0.999) // ONE, fixed(0.001 / 4), 0
                continue
            m, gaps = before.get((k - 1, "M"), 0), before.get((k - 1, "I"), 0) + before.get((k - 1, "D"), 0)
            here[k, "M"] = e * ((m * go + gaps * leave) // ONE) // ONE
            here[k, "I"] = (before.get((k, "M"), 0) * to_gap + before.get((k, "I"), 0) * stay) // (4 * ONE)
            here[k, "D"] = (here.get((k - 1, "M"), 0) * to_gap + here.get((k - 1, "D"), 0) * stay) // ONE
        forward.append(doubled_below_one(here))
    backward: State = {(k, s): ONE >> 6 for k in band(length) for s in "MI"}
    left = right = 0
    for t in range(length, 0, -1):
        if t < length:
            after, backward = backward, {}
            base, quality = bases[begin + t], quals[begin + t]
            for k in reversed(band(t)):
                e = emission(letter(k + 1), base, quality) if k + 1 in places else 0
                e = e * after.get((k + 1, "M"), 0) // ONE
                i, d = after.get((k, "I"), 0) // 4, backward.get((k + 1, "D"), 0)
                backward[k, "M"] = (e * go + i * to_gap + d * to_gap) // ONE
                backward[k, "I"] = (e * leave + i * stay) // ONE
                backward[k, "D"] = (e * leave + d * stay) // ONE
            backward = doubled_below_one(backward)
        if begin + t - 1 in block:
            phred = placed_phred(forward[t], backward, t)
            left = max(left, phred) if begin + t - 1 <= query else left
            right = max(right, phred) if begin + t - 1 >= query else right
    return min(left, right)


def placed_phred(forward: State, backward: State, t: int) -> int:
    """How sure a base is at its own place, phred; 0 where another state is more probable."""
    joint = {key: forward[key] * value for key, value in backward.items() if key[1] in "MI"}
    best = max(joint, key=lambda key: (joint[key], -key[0], key[1] == "M"))
    if best != (t + BAND // 2, "M") or not joint[best]:
        return 0
    total, others = sum(joint.values()), sum(joint.values()) - joint[best]
    while total >= 2 * ONE:
        total, others = total // 2, others // 2
    sure = [q for q in range(100) if Fraction(others, total) <= Fraction(int(ONE * math.exp((0.499 - q) / 4.343)), ONE)]
    return max(sure, default=0)


def block_of(read: Read, query: int) -> range:
    """The query bases of the CIGAR operation that a base is in."""
    at = 0
    for length, kind in operations(read):
        if kind in "MIS=X":
            if query < at + length:
                return range(at, at + length)
            at += length
    raise AssertionError("no such base")


def counts_here(read: Read, reference: str | None) -> bool:
    """Whether VerifyBamID2 looks at a read: samtools' -C 40 cuts its mapping quality, 2 is needed."""
    if read.flag & 0x704 or read.mapq < 2 or read.seq == "*":
        return False
    if reference is None:
        return True
    quals, mismatches, phred, compared, clipped = qualities(read), 0, 0, 0, 0
    for at, query in naive.aligned(read).items():
        if query < 0:
            continue
        compared += 1
        letter, base = (reference[at].upper() if at < len(reference) else "N"), read.seq[query]
        if letter in "ACGT" and base in "ACGT" and quals[query] >= 13:
            compared += 1
            mismatches += letter != base
            phred += min(quals[query], 33) if letter != base else 0
    at = 0
    for length, kind in operations(read):
        clipped += sum(quals[at : at + length]) if kind == "S" else 13 * length if kind == "H" else 0
        at += length if kind in "MIS=X" else 0
    logs = sum(4.343 * math.log(compared / (k + 1)) for k in range(mismatches))
    penalty = phred - logs + clipped / 5
    return penalty <= 40 and int(math.sqrt(max(40 - penalty, 0) / 40) * 40 + 0.499) >= 2


def count_sites(
    reads: Sequence[Read], tid: int, sites: Sequence[Site], reference: str | None
) -> Counter[tuple[int, int, int]]:
    """(site, 0 REF 1 ALT 2 other, quality) -> bases."""
    counts: Counter[tuple[int, int, int]] = Counter()
    mates = naive.mates(reads)
    for number, site in enumerate(sites):
        seen: dict[int, tuple[str, int]] = {}
        for row, read in enumerate(reads):
            if read.tid != tid or read.flag & 4 or not counts_here(read, reference):
                continue
            query = naive.aligned(read).get(site.position)
            if query is not None:
                seen[row] = observed(read, query, site.position, reference)
        for row, (base, _) in seen.items():
            final = with_mate(row, mates[row], reads, seen)
            if base != "-" and final >= 13:
                allele = 0 if base == site.ref else 1 if base == site.alt else 2
                counts[number, allele, min(final, 93)] += 1
    return counts


def observed(read: Read, query: int, position: int, reference: str | None) -> tuple[str, int]:
    """Base and quality at a site; "-": deleted."""
    if query < 0:
        return "-", 0
    base, quality, block = read.seq[query], qualities(read)[query], block_of(read, query)
    near = min(query - block.start, block.stop - 1 - query) < 12
    if reference is not None and near:
        quality = min(quality, alignment_quality(read, query, block, position, reference))
    return (base if base in "ACGT" else "N"), quality


def with_mate(row: int, mate: int, reads: Sequence[Read], seen: dict[int, tuple[str, int]]) -> int:
    """The quality that counts, with what the mate shows at the same place; -1: the mate counts instead."""
    base, quality = seen[row]
    read = reads[row]
    if mate not in seen or read.flag & 8 or not read.flag & reads[mate].flag & 2:
        return quality
    other_base, other = seen[mate]
    if other_base == "-":
        return quality * 4 // 5
    first = read.pos < reads[mate].pos or (read.pos == reads[mate].pos and read.flag & 0x40 != 0)
    if base == other_base:
        return min(quality + other, 200) if first else -1
    return quality * 4 // 5 if quality > other or (quality == other and first) else -1

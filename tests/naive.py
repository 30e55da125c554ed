"""Plain-Python twins of the kernels, written from the formulas and importing nothing of gpucall.

Reads are ``tests.fixtures.Read``, in file order; a row is a read's index. The quality control's twins: ``naive_qc``.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .naive_qc import Read, end, operations, qualities

WORD = 2**64 - 1
SCALE = 64  # cost units a phred
PAIRED, UNMAPPED, MATE_UNMAPPED, REVERSE, READ1, READ2 = 0x1, 0x4, 0x8, 0x10, 0x40, 0x80
NOT_PRIMARY = 0x100 | 0x800


def cost(probability: float) -> int:
    """A probability as phred in units of 1/SCALE."""
    return round(-10 * math.log10(probability) * SCALE)


def base_cost(quality: int, right: float) -> int:
    """Cost of a base that is right with the share ``right`` of the alleles; errors spread over three bases."""
    error = min(10 ** (-quality / 10), 0.75)
    return cost(right * (1 - error) + (1 - right) * error / 3)


# -- records -----------------------------------------------------------------------------------------------------------


def walk(data: bytes, start: int = 0) -> tuple[list[int], int]:
    """Where whole records start, and where the first one that is not whole does."""
    found = []
    while start + 4 <= len(data):
        size = struct.unpack_from("<i", data, start)[0]
        if start + 4 + size > len(data):
            break
        found.append(start)
        start += 4 + size
    return found, start


def interleave(data: bytes, starts: list[int]) -> tuple[bytes, list[int]]:
    """The records at ``starts`` one after the other, and where each comes to lie."""
    out, places = b"", []
    for start in starts:
        places.append(len(out))
        out += data[start : start + 4 + struct.unpack_from("<i", data, start)[0]]
    return out, places


def name_hash(name: bytes) -> int:
    """Eight bytes of the name after the other, each mixed in by a multiplication and a shift."""
    value = 0x9E3779B97F4A7C15 ^ len(name)
    for at in range(0, len(name), 8):
        value = (value ^ int.from_bytes(name[at : at + 8], "little")) * 0xBF58476D1CE4E5B9 & WORD
        value ^= value >> 29
    return value


def columns(read: Read) -> dict[str, int]:
    """A read's fields as the columns have them."""
    return {
        "tid": read.tid,
        "pos": read.pos,
        "end": end(read),
        "flag": read.flag,
        "mapq": read.mapq,
        "l_seq": len(qualities(read)),
        "n_cigar": len(operations(read)),
        "mate_tid": read.mate_tid,
        "mate_pos": read.mate_pos,
        "tlen": read.tlen,
        "name_hash": name_hash(read.name.encode()),
        "status": 0,
    }


def are_mates(one: Read, two: Read) -> bool:
    """The two overlapping primary reads of one fragment."""
    reads = (one, two)
    if any(read.flag & (UNMAPPED | MATE_UNMAPPED | NOT_PRIMARY) or not read.flag & PAIRED for read in reads):
        return False
    if (one.flag ^ two.flag) & (READ1 | READ2) != READ1 | READ2 or one.name != two.name:
        return False
    if {one.tid} != {two.tid, one.mate_tid, two.mate_tid} or (one.mate_pos, two.mate_pos) != (two.pos, one.pos):
        return False
    return one.pos < end(two) and two.pos < end(one)


def earlier(reads: Sequence[Read]) -> list[int]:
    """Of reads in file order, the last before each of its name that would reach it were it the longest; -1: none."""
    longest = max(end(read) - read.pos for read in reads)

    def near(one: Read, two: Read) -> bool:
        return one.name == two.name and one.tid == two.tid >= 0 and one.pos + longest > two.pos

    return [
        next((k for k in range(number - 1, -1, -1) if near(reads[k], read)), -1) for number, read in enumerate(reads)
    ]


def mates(reads: Sequence[Read]) -> list[int]:
    """Each read's overlapping mate, -1: none; of several the first one, where they choose each other."""
    chosen = [
        next((j for j, other in enumerate(reads) if j != i and are_mates(read, other)), -1)
        for i, read in enumerate(reads)
    ]
    return [j if j >= 0 and chosen[j] == i else -1 for i, j in enumerate(chosen)]


def comes_first(one: Read, two: Read) -> bool:
    """Which of two mates counts where they tie: the leftmost, then READ1."""
    return (one.pos, not one.flag & READ1) < (two.pos, not two.flag & READ1)


def places(read: Read) -> list[tuple[str, int, int, int]]:
    """(operation, its length, query index, reference position) where each CIGAR operation starts."""
    query, at, found = 0, read.pos, []
    for length, kind in operations(read):
        found.append((kind, length, query, at))
        query += length * (kind in "MIS=X")
        at += length * (kind in "MDN=X")
    return found


def aligned(read: Read) -> dict[int, int]:
    """Reference position -> query index of each aligned base; -1: deleted or skipped."""
    found = {}
    for kind, length, query, at in places(read):
        for k in range(length if kind in "MDN=X" else 0):
            found[at + k] = query + k if kind in "M=X" else -1
    return found


# -- pileup ------------------------------------------------------------------------------------------------------------


@dataclass
class Evidence:
    """Counts by (position, base) or by position; an index into the stretch of reference."""

    count: Counter[tuple[int, str]] = field(default_factory=Counter)
    quality: Counter[tuple[int, str]] = field(default_factory=Counter)
    depth: Counter[int] = field(default_factory=Counter)
    clip: Counter[int] = field(default_factory=Counter)
    indels: list[int] = field(default_factory=list)


def evidence(reads: Sequence[Read], stretch: str, origin: int, floor: int) -> Evidence:
    """What differs from the reference over ``stretch``, which starts at ``origin``."""
    out = Evidence()
    for read in reads:
        out.indels.append(sum(kind in "ID" for kind, *_ in places(read)))
        for kind, _, _, at in places(read):
            if kind == "S" and 0 <= at - origin < len(stretch):
                out.clip[at - origin] += 1
        for at, query in aligned(read).items():
            if query < 0 or not 0 <= at - origin < len(stretch):
                continue
            out.depth[at - origin] += 1
            base, expected, quality = read.seq[query], stretch[at - origin], qualities(read)[query]
            if base != expected and base in "ACGT" and expected in "ACGT" and quality >= floor:
                out.count[at - origin, base] += 1
                out.quality[at - origin, base] += min(quality, read.mapq)
    return out


class Event(NamedTuple):
    """An indel of a read: where it is once left-aligned, its length (below 0: deletion), and its inserted bases."""

    row: int
    position: int
    length: int
    bases: str


def events(reads: Sequence[Read], stretch: str, origin: int) -> list[Event]:
    """All indels of the reads that lie inside the stretch."""
    found = []
    for row, read in enumerate(reads):
        for kind, length, query, at in places(read):
            position = at - origin
            if kind in "ID" and position > 1 and position + length < len(stretch):
                bases = read.seq[query : query + length] if kind == "I" else ""
                found.append(left_align(row, position, length, bases, stretch))
    return found


def left_align(row: int, position: int, length: int, bases: str, stretch: str) -> Event:
    """Move an indel left for as long as it stays the same sequence."""
    shifted = 0
    while position > 1 and shifted < 1024 and stretch[position - 1] in "ACGT":
        last = bases[-1] if bases else stretch[position + length - 1]
        if stretch[position - 1] != last:
            break
        position, bases, shifted = position - 1, bases[-1:] + bases[:-1], shifted + 1
    return Event(row, position, length if bases else -length, bases)


@dataclass
class Site:
    """The evidence at one position; by base (A, C, G, T, - for deleted) where not for all."""

    count: Counter[tuple[str, int]] = field(default_factory=Counter)  # base, strand
    quality: Counter[str] = field(default_factory=Counter)
    mapq: Counter[str] = field(default_factory=Counter)
    edge: Counter[str] = field(default_factory=Counter)
    other: int = 0
    match: Counter[str] = field(default_factory=Counter)
    half: Counter[str] = field(default_factory=Counter)
    ranks: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # base, which rank, value

    def add(self, read: Read, base: str, position: int, quality: int) -> None:
        """Count one fragment by its base."""
        self.count[base, int(read.flag & REVERSE > 0)] += 1
        edge = min(position - read.pos, end(read) - 1 - position, 255)
        self.quality[base] += quality
        self.mapq[base] += read.mapq**2
        self.edge[base] += edge
        other = base_cost(quality, 0)
        self.other += other
        self.match[base] += base_cost(quality, 1) - other
        self.half[base] += base_cost(quality, 0.5) - other
        for rank, value in enumerate((quality, read.mapq, edge // 2)):
            self.ranks[base, rank, min(value, 63)] += 1


def shown(read: Read, position: int, floor: int) -> tuple[str, int] | None:
    """(base, quality) of a read at a position, ("-", 0) for a deletion; None: nothing that counts."""
    query = aligned(read).get(position)
    if query is None or query < 0:
        return None if query is None else ("-", 0)
    quality = qualities(read)[query]
    return (read.seq[query], quality) if quality >= floor and read.seq[query] in "ACGT" else None


def site(reads: Sequence[Read], usable: Sequence[int], position: int, floor: int, cap: int) -> Site:
    """The evidence at a position, a fragment's overlapping mates once."""
    out, pair = Site(), mates(reads)
    for row, read in enumerate(reads):
        here = shown(read, position, floor) if usable[row] else None
        mate = reads[pair[row]] if pair[row] >= 0 and usable[pair[row]] else None
        there = shown(mate, position, floor) if mate else None
        if here is None:
            continue
        if mate is None or there is None:
            vote(out, read, here, position, min(here[1], read.mapq, cap))
        elif "-" in (here[0], there[0]):  # a base goes before a deletion
            if here[0] != "-" or (there[0] == "-" and comes_first(read, mate)):
                vote(out, read, here, position, min(here[1], read.mapq, cap))
        else:
            mine, other = min(here[1], read.mapq, cap), min(there[1], mate.mapq, cap)
            agree = here[0] == there[0]
            if mine > other or (agree and mine == other and comes_first(read, mate)):
                vote(out, read, here, position, mine if agree else mine - other)
    return out


def vote(out: Site, read: Read, here: tuple[str, int], position: int, quality: int) -> None:
    """Count a read's base or its deletion."""
    if here[0] == "-":
        out.count["-", int(read.flag & REVERSE > 0)] += 1
    else:
        out.add(read, here[0], position, quality)


# -- genotype ----------------------------------------------------------------------------------------------------------


def log_sum(difference: int) -> int:
    """What the cost of a sum of probabilities is below the smaller of their costs, which differ by ``difference``."""
    return round(SCALE * 10 * math.log10(1 + 10 ** (-difference / (10 * SCALE)))) if difference < 40 * SCALE else 0


def pair_cost(costs: Sequence[Sequence[int]], one: int, two: int) -> int:
    """Cost of reads (rows of costs by haplotype) under a pair of haplotypes: the product over reads of (p + q) / 2."""
    total = 0
    for row in costs:
        low, high = sorted((row[one], row[two]))
        total += low if one == two else low + cost(0.5) - log_sum(high - low)
    return total


# -- calibrate ---------------------------------------------------------------------------------------------------------

FEWEST_BASES = {1: 4, 2: 6, 3: 9, 4: 12, 5: 15, 6: 18}


def repeats(stretch: str) -> list[tuple[int, int, int, int]]:
    """(start, stop, unit, whole repeats) of the maximal tandem repeats, units that repeat themselves left out."""
    found = []
    for unit, fewest in FEWEST_BASES.items():
        for start in range(len(stretch) - fewest + 1):
            stop = repeat_end(stretch, start, unit)
            grows = start > 0 and stretch[start - 1] == stretch[start - 1 + unit] and stretch[start - 1] in "ACGT"
            word = stretch[start : start + unit]
            smaller = any(word == word[:part] * (unit // part) for part in range(1, unit) if unit % part == 0)
            if stop - start >= fewest and not grows and not smaller:
                found.append((start, stop, unit, (stop - start) // unit))
    return found


def repeat_end(stretch: str, start: int, unit: int) -> int:
    """Where the tandem repeat that starts at ``start`` ends."""
    stop = start + unit
    while stop < len(stretch) and stretch[stop] == stretch[stop - unit] and stretch[stop - unit] in "ACGT":
        stop += 1
    return stop


def spanning(reads: Sequence[Read], start: int, stop: int, flank: int) -> tuple[int, int]:
    """Reads that span [start, stop) and ``flank`` bases on both sides, and those of them with a gap that touches it."""
    over = [read for read in reads if read.pos + flank <= start and stop <= end(read) - flank]
    return len(over), sum(has_gap(read, start, stop) for read in over)


def has_gap(read: Read, start: int, stop: int) -> bool:
    """True where an insertion or deletion touches [start, stop]."""
    return any(
        start <= at + (length if kind == "D" else 0) and at <= stop
        for kind, length, _, at in places(read)
        if kind in "ID"
    )


# -- haplotype ---------------------------------------------------------------------------------------------------------


def base_at(read: Read, position: int) -> str:
    """The read's base at a position; empty where it has none."""
    query = aligned(read).get(position, -1)
    return read.seq[query] if query >= 0 else ""


def linked(reads: Sequence[Read], first: tuple[int, str], second: tuple[int, str]) -> Counter[tuple[bool, bool]]:
    """Reads over two sites (position, alternate) by whether they show the second's and the first's alternate."""
    shows = ((base_at(read, first[0]), base_at(read, second[0])) for read in reads)
    return Counter((b == second[1], a == first[1]) for a, b in shows if a and b)


def is_foreign(read: Read, bases: dict[int, str]) -> bool:
    """True for a read that shows the listed base at most of the listed positions that it covers."""
    votes = [base_at(read, position) == base for position, base in bases.items() if base_at(read, position)]
    return 2 * sum(votes) > len(votes)


# -- pairhmm -----------------------------------------------------------------------------------------------------------

BLOCKED = (1 << 16) - 1  # highest cost; of what cannot be
LONGEST_PART = 1 << 15
LONGEST_UNIT, MOST_REPEATS = 6, 32
Costs = dict[tuple[int, int], int]


class Part(NamedTuple):
    """A read's bases [first, last) lie in a window; the first is over its base ``offset`` where there is no gap."""

    first: int
    last: int
    offset: int


def part_in_window(read: Read, start: int, stop: int, reach: int) -> Part | None:
    """A read's part in the window [start, stop): from the first to the last base that is aligned there, and clips.

    Of bases that are clipped inside the window those to at most ``reach`` bases beyond it.
    """
    inside = sorted(query for at, query in aligned(read).items() if query >= 0 and start <= at < stop)
    part = None
    if inside:
        at = next(at for at, query in aligned(read).items() if query == inside[0])
        part = Part(inside[0], inside[-1] + 1, at - start)
    clips = [place for place in places(read) if place[0] == "S"]
    for _, length, query, at in clips:
        if query == 0 and start < at < stop:
            keep = min(length, at - start + reach)
            part = Part(length - keep, part.last if part else length, at - start - keep)
        elif query > 0 and part and at < stop:
            part = part._replace(last=query + min(length, stop - at + reach))
    return part and part._replace(last=min(part.last, part.first + LONGEST_PART))


def emission(read: Read, query: int, base: str, cap: int) -> int:
    """Cost of a read's base where the haplotype has ``base``."""
    if read.seq[query] not in "ACGT":
        return base_cost(0, 0)
    return base_cost(min(qualities(read)[query], read.mapq, cap), 1 if read.seq[query] == base else 0)


def align(
    read: Read, part: Part, haplotype: str, gap: Sequence[int], extend: Sequence[int], half: int, cap: int
) -> int:
    """Lowest cost of aligning a read's part to a haplotype, both of whose ends are free.

    Viterbi over match, insertion and deletion (Durbin et al. 1998, section 2.4) in the cells within ``half`` of the
    diagonal; a gap opens and extends at the cost of the haplotype's base. The alignment does not end in a deletion.
    """
    match: Costs = {}
    insertion: Costs = {}
    deletion: Costs = {}
    for i in range(part.last - part.first):
        for j in range(max(i + part.offset - half, 0), min(i + part.offset + half + 1, len(haplotype))):
            fits = emission(read, part.first + i, haplotype[j], cap)
            if i == 0:
                match[i, j] = fits
                continue
            before = (i - 1, j - 1)
            match[i, j] = fits + min(state.get(before, BLOCKED) for state in (match, insertion, deletion))
            insertion[i, j] = min(
                match.get((i - 1, j), BLOCKED) + gap[j], insertion.get((i - 1, j), BLOCKED) + extend[j]
            )
            deletion[i, j] = min(match.get((i, j - 1), BLOCKED) + gap[j], deletion.get((i, j - 1), BLOCKED) + extend[j])
    last = part.last - part.first - 1
    ends = [value for state in (match, insertion) for (i, _), value in state.items() if i == last]
    return min([*ends, BLOCKED])


def gap_cost(haplotype: str, at: int, table: Sequence[Sequence[int]], unit_cost: int) -> tuple[int, int]:
    """(cost of opening a gap at a base, cost of one more base in it): those of the repeat there where one is cheapest.

    ``table[unit][repeats]`` is the cost of a gap of one unit.
    """
    best, best_unit = table[1][1], 1
    for unit in range(1, LONGEST_UNIT + 1):
        whole = min(repeat_span(haplotype, at, unit) // unit, MOST_REPEATS)
        if whole > 1 and table[unit][whole] < best:
            best, best_unit = table[unit][whole], unit
    extend = unit_cost // best_unit
    return max(best - (best_unit - 1) * extend, extend), extend


def repeat_span(haplotype: str, at: int, unit: int) -> int:
    """Bases of the repeat of ``unit`` around a base: to the left as far as bases equal those a unit later, then on."""
    low, most = at, unit * MOST_REPEATS
    while 0 < low <= len(haplotype) - unit and at - low < most and haplotype[low - 1] == haplotype[low - 1 + unit]:
        low -= 1
    high = low + unit
    while high < len(haplotype) and high - low < most and haplotype[high] == haplotype[high - unit]:
        high += 1
    return high - low if high > at else unit


def anchor_distance(outward: str, size: int, most: int) -> int:
    """How far a window's end moves outward, by fours, until its last ``size`` bases are no repeat of 1-6 bp."""
    for distance in range(0, most, 4):
        end = outward[distance : distance + size]
        if len(end) < size:
            break
        differing = [sum(a != b for a, b in zip(end, end[unit:], strict=False)) for unit in range(1, 7)]
        if min(differing) > 3:
            return distance
    return min(most, max(len(outward) - size, 0))

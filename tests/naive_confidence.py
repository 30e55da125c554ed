"""Plain-Python twin of the kernels ``confidence`` and ``blocks``: written from the formulae (docs/methods.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .fixtures import Read
from .naive import aligned, cost, mates, places, qualities, repeats

EVEN = 192
THIRD = 305
HALF = 193
Sums = tuple[int, int, int]


def says(base: str, expected: str, quality: int) -> Sums:
    """What one base adds to depth, and to the cost of a heterozygous and a homozygous alternate."""
    if base not in "ACGT":
        return 0, 0, 0
    if base != expected:
        return 1, EVEN - (64 * quality + THIRD), -(64 * quality + THIRD)
    if quality >= 20:
        return 1, EVEN, 64 * quality + THIRD
    error = min(10 ** (-quality / 10), 0.75)
    same, half, other = cost(1 - error), cost((1 - error) / 2 + error / 6), cost(error / 3)
    return 1, half - same, other - same


def fragments(reads: Sequence[Read], usable: Sequence[int], position: int) -> Iterator[list[Read]]:
    """The reads of each fragment with an aligned base at a position: mates that both have one together."""
    partner = mates(reads)
    here = [i for i, read in enumerate(reads) if usable[i] and aligned(read).get(position, -1) >= 0]
    for i in here:
        if partner[i] in here:
            if partner[i] < i:
                yield [reads[i], reads[partner[i]]]
        else:
            yield [reads[i]]


def base_doubt(
    reads: Sequence[Read], usable: Sequence[int], position: int, expected: str, floor: int, cap: int
) -> Sums:
    """Depth, and the doubts in the base at a position."""
    total = [0, 0, 0]
    for fragment in fragments(reads, usable, position):
        votes = []
        for read in fragment:
            query = aligned(read)[position]
            quality = qualities(read)[query]
            base = read.seq[query] if quality >= floor else "?"
            limited = min(quality, read.mapq)
            votes.append((min(limited, cap), limited, base if base in "ACGT" else "?"))
        counted = [vote for vote in votes if vote[2] != "?"]
        if len(counted) == 2 or (len(votes) == 2 and counted):
            added = two_votes(counted, expected)
        elif counted:
            capped, limited, base = counted[0]
            added = says(base, expected, capped if base == expected else limited)
        else:
            continue
        total = [one + two for one, two in zip(total, added, strict=True)]
    return total[0], total[1], total[2]


def two_votes(counted: list[tuple[int, int, str]], expected: str) -> Sums:
    """What a pair says: the better base, with the difference where they disagree."""
    if len(counted) == 1:
        return says(counted[0][2], expected, counted[0][0])
    (one, _, base), (two, _, other) = counted
    if base == other:
        return says(base, expected, max(one, two))
    if one == two:
        return 0, 0, 0
    return says(base if one > two else other, expected, abs(one - two))


def stretches(reads: Sequence[Read], usable: Sequence[int], origin: int, size: int) -> Iterator[tuple[int, int, int]]:
    """(start, stop, 1) of every aligned stretch, and (start, stop, -1) of what mates share, inside [0, size)."""
    partner = mates(reads)
    for i, read in enumerate(reads):
        if not usable[i]:
            continue
        own = [(at, at + length) for kind, length, _, at in places(read) if kind in "M=X"]
        found = [(start, stop, 1) for start, stop in own]
        if 0 <= partner[i] < i and usable[partner[i]]:
            others = [(at, at + length) for kind, length, _, at in places(reads[partner[i]]) if kind in "M=X"]
            found += [(max(a, c), min(b, d), -1) for a, b in own for c, d in others if max(a, c) < min(b, d)]
        for start, stop, sign in found:
            low, high = max(start - origin, 0), min(stop - origin, size)
            if low < high:
                yield low, high, sign


def spanning(found: list[tuple[int, int, int]], low: int, high: int) -> int:
    """Stretches that begin at ``low`` or before, less those that end before ``high``; at least 0."""
    begun = sum(sign for start, _, sign in found if start <= low)
    return max(begun - sum(sign for _, stop, sign in found if stop < high), 0)


def long_clips(reads: Sequence[Read], usable: Sequence[int], position: int, shortest: int) -> int:
    """Soft clips at the left edge of a position."""
    return sum(
        kind == "S" and length >= shortest and at == position
        for i, read in enumerate(reads)
        if usable[i]
        for kind, length, _, at in places(read)
    )


def around(stretch: str, gaps: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """Per position: where the repeats that it lies in start and stop, and the cheapest gap."""
    found = repeats(stretch)
    out = []
    for position in range(len(stretch)):
        inside = [each for each in found if each[0] <= position < each[1]]
        left = min([position, *(start for start, *_ in inside)])
        right = max([position + 1, *(stop for _, stop, *_ in inside)])
        cheapest = min([gaps[1][1], *(gaps[unit][min(count, 32)] for _, _, unit, count in inside)])
        out.append((left, right, cheapest))
    return out


def gap_doubt(span: int, gapped: int, clips: int, gap: int, clip_cost: int) -> tuple[int, int]:
    """The doubts in that there is no insertion or deletion."""
    none = cost(1 - min(10 ** (-gap / 640), 0.75))
    het = span * (HALF - none) + gapped * (HALF - gap) + clips * (HALF - clip_cost)
    return het, (span - gapped) * (gap - none) - clips * clip_cost


def block_line(contig: str, row: Sequence[int], name: str, lengths: bool) -> str:
    """A block as a line of a VCF."""
    start, stop, least, depth, het, alt, base, ploidy, _ = row
    costs = [int(each / 64 + 0.5) for each in ((alt,) if ploidy == 1 else (het, alt))]
    quality = min([*costs, 99])
    genotype = "/".join([("0" if quality else ".")] * ploidy)
    likelihoods = ",".join(map(str, [0, *costs]))
    values = [genotype, depth, quality, least, likelihoods, *([stop - start] if lengths else [])]
    form = "GT:DP:GQ:MIN_DP:PL" + (":LEN" if lengths else "")
    fields = [contig, start + 1, ".", chr(base), name, ".", ".", f"END={stop}", form, ":".join(map(str, values))]
    return "\t".join(map(str, fields)) + "\n"

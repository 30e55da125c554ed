"""Plain-Python twin of the kernel ``assembly``, importing nothing of gpucall."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .naive import places
from .naive_qc import Read, end, qualities

DROP, INNER = 12, 12
Fit = Callable[[int, int], int]


class Split(NamedTuple):
    """Where a clipped end continues: reference bases [start, stop) become the read's bases [query, query + between)."""

    start: int
    stop: int
    query: int
    between: int
    score: int


def split(read: Read, is_right: bool, reference: str, origin: int, floor: int, reach: int, least: int) -> Split | None:
    """Where one end of a read continues; None: it is not clipped, or fits nowhere near by, or in two places."""
    kinds = [place for place in places(read) if place[0] != "H"]
    outer = kinds[-1] if is_right else kinds[0]
    if outer[0] != "S" or outer[1] < least:
        return None
    clip = outer[1]
    beside = kinds[-2] if is_right else kinds[1]
    inner = min(beside[1], INNER) if beside[0] in "M=X" else 0
    first_query, first_at = (outer[2], end(read) - origin) if is_right else (clip - 1, read.pos - origin - 1)
    step = 1 if is_right else -1

    def fit(k: int, shift: int) -> int:
        query, at = first_query + step * k, first_at + step * (k + shift)
        if read.seq[query] not in "ACGT" or qualities(read)[query] < floor:
            return 0
        return 1 if 0 <= at < len(reference) and reference[at] == read.seq[query] else -4

    found = {shift: extension(fit, shift, 0, clip) for shift in range(-reach, reach + 1) if shift}
    score = max(best for best, _ in found.values())
    chosen = [shift for shift, (best, _) in found.items() if best == score]
    if len(chosen) > 1 or score < least + len(f"{abs(chosen[0]):b}"):
        return None
    shift = chosen[0]
    inward = found[shift][1]
    if inward == 0:
        inward = extension(fit, shift, -inner, 0)[1]
    sums = [sum(fit(k, 0) for k in range(-inner, stop)) for stop in range(-inner, inward + 1)]
    outward = sums.index(max(sums)) - inner
    if is_right:
        return Split(first_at + outward, first_at + inward + shift, first_query + outward, inward - outward, score)
    return Split(
        first_at + 1 - inward - shift, first_at + 1 - outward, first_query + 1 - inward, inward - outward, score
    )


def clip(read: Read, is_right: bool) -> tuple[int, int, int]:
    """(soft-clipped bases of an end, reference position after the boundary to them, first clipped query index)."""
    kinds = [place for place in places(read) if place[0] != "H"]
    outer = kinds[-1] if is_right else kinds[0]
    length = outer[1] if outer[0] == "S" else 0
    return length, end(read) if is_right else read.pos, len(read.seq) - length if is_right else length - 1


def votes(ends: list[tuple[Read, bool]], floor: int, longest: int) -> list[list[int]]:
    """Sums of qualities of A, C, G and T by clipped base, from the alignment outwards."""
    sums = [[0] * 4 for _ in range(longest)]
    for read, is_right in ends:
        length, _, first = clip(read, is_right)
        for k in range(min(length, longest)):
            query = first + k if is_right else first - k
            quality, base = qualities(read)[query], read.seq[query]
            if base in "ACGT" and quality >= floor:
                sums[k]["ACGT".index(base)] += quality
    return sums


def extension(fit: Fit, shift: int, first: int, stop: int) -> tuple[int, int]:
    """Of all ends [k, stop) the best score and its k; a longer end is not looked at below a drop in score."""
    best, total, where = 0, 0, stop
    for k in reversed(range(first, stop)):
        if total <= best - DROP:
            break
        total += fit(k, shift)
        if total > best:
            best, where = total, k
    return best, where

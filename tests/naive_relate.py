"""Plain-Python oracle of kernel ``relate``: genotypes are ALT copies, -1: not known."""

from __future__ import annotations

from collections.abc import Sequence


def compare(one: Sequence[int], two: Sequence[int]) -> tuple[int, ...]:
    """ibs0, shared hets, shared homozygous alternates, same, hets of either, homozygous alternates of either, known."""
    pairs = [(a, b) for a, b in zip(one, two, strict=True) if a >= 0 and b >= 0]
    return (
        sum(abs(a - b) == 2 for a, b in pairs),
        pairs.count((1, 1)),
        pairs.count((2, 2)),
        sum(a == b for a, b in pairs),
        sum(a == 1 for a, _ in pairs),
        sum(b == 1 for _, b in pairs),
        sum(a == 2 for a, _ in pairs),
        sum(b == 2 for _, b in pairs),
        len(pairs),
    )


def likeness(one: Sequence[int], two: Sequence[int]) -> int:
    """Shared hets less twice the opposite homozygotes."""
    counts = compare(one, two)
    return counts[1] - 2 * counts[0]


def kinship(one: Sequence[int], two: Sequence[int]) -> float:
    """KING-robust, between families."""
    ibs0, hets, _, _, het_a, het_b, *_ = compare(one, two)
    fewer = min(het_a, het_b)
    return (hets - 2 * ibs0) / (2 * fewer) + 0.5 - (het_a + het_b) / (4 * fewer) if fewer else 0.0

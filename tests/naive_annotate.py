"""Plain Python of ``kernels.annotate``, written from the formulae; imports nothing from ``kernels/``.

Sums run in the order in which the formulae are written, so that results agree to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

Counts = Sequence[int]
STRAY = 0.003
SMALLEST = 1e-320


def log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def log_binomial(k: int, n: int, p: float) -> float:
    return log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p)


def log_low_rate(k: int, n: int) -> float:
    """Beta-binomial with the beta distribution (1, 3)."""
    return log_choose(n, k) + math.lgamma(k + 1) + math.lgamma(n - k + 3) - math.lgamma(n + 4) + math.log(3)


def artifact(reference: Counts, alternate: Counts) -> float:
    depth = [reference[s] + alternate[s] for s in (0, 1)]
    heterozygous = log_binomial(alternate[0], depth[0], 0.5) + log_binomial(alternate[1], depth[1], 0.5)
    systematic = [
        log_binomial(alternate[1 - s], depth[1 - s], STRAY) + log_low_rate(alternate[s], depth[s]) for s in (0, 1)
    ]
    return 10 / math.log(10) * (max(systematic) - heterozygous)


def fisher_strand(reference: Counts, alternate: Counts) -> float:
    """Hypergeometric probabilities of all tables with these margins that are no likelier than this one."""
    (a, b), (c, d) = reference, alternate
    n, row, column = a + b + c + d, a + b, a + c
    if row in (0, n) or column in (0, n):
        return 0.0
    margins = [row, n - row, column, n - column]
    fixed = math.lgamma(margins[0] + 1)
    for margin in margins[1:]:
        fixed = fixed + math.lgamma(margin + 1)
    fixed = fixed - math.lgamma(n + 1)

    def log_probability(k: int) -> float:
        value = fixed
        for cell in (k, row - k, column - k, n - row - column + k):
            value = value - math.lgamma(cell + 1)
        return value

    total = 0.0
    for k in range(max(0, row + column - n), min(row, column) + 1):
        if log_probability(k) <= log_probability(a) + 1e-9:
            total = total + math.exp(log_probability(k))
    return max(0.0, -10 * math.log10(min(max(total, SMALLEST), 1.0)))


def strand_odds(reference: Counts, alternate: Counts) -> float:
    a, b, c, d = (count + 1.0 for count in (*reference, *alternate))
    ratio = (a * d) / (b * c)
    return math.log(ratio + 1 / ratio) + math.log(min(a, b) / max(a, b)) - math.log(min(c, d) / max(c, d))


def rank_sum(reference: Sequence[int], alternate: Sequence[int]) -> float:
    """Twice U from its definition: pairs in which the alternate's value is higher count 2, equal ones 1."""
    n, m = sum(reference), sum(alternate)
    if n == 0 or m == 0:
        return math.nan
    twice_u = sum(
        r * a * (2 if high > low else 1)
        for low, r in enumerate(reference)
        for high, a in enumerate(alternate)
        if r and a and high >= low
    )
    ties = sum((r + a) ** 3 - (r + a) for r, a in zip(reference, alternate, strict=True))
    variance = n * m / 12 * (n + m + 1 - ties / ((n + m) * (n + m - 1)))
    return (twice_u - n * m) / 2 / math.sqrt(variance) if variance > 0 else math.nan


def clear_allele(states: Sequence[int], costs: Sequence[int], alleles: int, clear: int) -> int:
    best = [
        min([cost for state, cost in zip(states, costs, strict=True) if state == a] + [1 << 28]) for a in range(alleles)
    ]
    first, second = sorted(best)[:2]
    return best.index(first) if second - first >= clear else -1


def support(
    choice: Sequence[int], rows: Sequence[int], flag: Any, mapq: Any, pos: Any, end: Any, position: int, alleles: int
) -> tuple[list[list[int]], list[list[list[int]]], list[int]]:
    strands = [[0, 0] for _ in range(alleles)]
    histograms = [[[0] * 64 for _ in range(2)] for _ in range(2)]
    for allele, row in zip(choice, rows, strict=True):
        if allele < 0:
            continue
        strands[allele][int(bool(int(flag[row]) & 16))] += 1
        near = max(0, min(position - int(pos[row]), int(end[row]) - 1 - position))
        histograms[min(allele, 1)][0][min(int(mapq[row]), 63)] += 1
        histograms[min(allele, 1)][1][min(near // 2, 63)] += 1
    squares = [int(mapq[row]) ** 2 for allele, row in zip(choice, rows, strict=True) if allele > 0]
    covering = sum(int(pos[row]) <= position < int(end[row]) for row in rows)
    return strands, histograms, [len(squares), sum(squares), covering]

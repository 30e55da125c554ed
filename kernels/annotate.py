"""annotate: the numbers that a call is judged by, compiled.

Host code on every device, like ``records.walk``: floating point appears once a call and in a fixed order, and LLVM
contracts no ``a * b + c`` of a CPU's loop, so that the results are those of the same lines of Python. Formulae and
sources: ``gpucall/annotations.py``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .jit import cpu_loop, shared
from .records import REVERSE

STRAY = 0.003  # share of alternate bases that ordinary errors leave on the other strand
SMALLEST = 1e-320  # probability that Fisher's test gives (as GATK)
LOG_HALF, LOG_STRAY, LOG_NO_STRAY, LOG_3 = math.log(0.5), math.log(STRAY), math.log1p(-STRAY), math.log(3)
LOG_NO_HALF = math.log1p(-0.5)
PHRED = 10 / math.log(10)
VALUES = 64  # of a histogram for rank sums


@shared
def log_choose(logs: Any, n: Any, k: Any) -> Any:
    """ln of the number of ways to choose k of n; ``logs`` float64[k] is ln k!."""
    return logs[n] - logs[k] - logs[n - k]


@shared
def log_binomial(logs: Any, k: Any, n: Any, log_p: Any, log_q: Any) -> Any:
    """ln of the probability of k successes in n trials."""
    return log_choose(logs, n, k) + k * log_p + (n - k) * log_q


@shared
def log_low_rate(logs: Any, k: Any, n: Any) -> Any:
    """ln of the probability of k successes in n trials whose rate has the beta distribution (1, 3)."""
    return log_choose(logs, n, k) + logs[k] + logs[n - k + 2] - logs[n + 3] + LOG_3


@shared
def artifact_odds(logs: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Phred by which a systematic error of one strand explains the counts better than a heterozygous genotype.

    ``a``, ``b``: reference fragments forward and reverse; ``c``, ``d``: alternate ones.
    """
    forward, reverse = a + c, b + d
    heterozygous = log_binomial(logs, c, forward, LOG_HALF, LOG_NO_HALF)
    heterozygous += log_binomial(logs, d, reverse, LOG_HALF, LOG_NO_HALF)
    one = log_binomial(logs, d, reverse, LOG_STRAY, LOG_NO_STRAY) + log_low_rate(logs, c, forward)
    two = log_binomial(logs, c, forward, LOG_STRAY, LOG_NO_STRAY) + log_low_rate(logs, d, reverse)
    return PHRED * (max(one, two) - heterozygous)


@shared
def fisher_strand(logs: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    """Phred of the two-sided Fisher's exact test that strand and allele are independent."""
    n, row, column = a + b + c + d, a + b, a + c
    if row == 0 or row == n or column == 0 or column == n:
        return 0.0
    fixed = logs[row] + logs[n - row] + logs[column] + logs[n - column] - logs[n]
    observed = fixed - logs[a] - logs[row - a] - logs[column - a] - logs[n - row - column + a] + 1e-9
    total = 0.0
    for k in range(max(0, row + column - n), min(row, column) + 1):
        value = fixed - logs[k] - logs[row - k] - logs[column - k] - logs[n - row - column + k]
        if value <= observed:
            total += math.exp(value)
    return max(0.0, -10 * math.log10(min(max(total, SMALLEST), 1.0)))


@shared
def strand_odds_ratio(a: Any, b: Any, c: Any, d: Any) -> Any:
    """Symmetric odds ratio of a 2 x 2 table with 1 added to each cell."""
    a, b, c, d = a + 1.0, b + 1.0, c + 1.0, d + 1.0
    ratio = (a * d) / (b * c)
    return math.log(ratio + 1 / ratio) + math.log(min(a, b) / max(a, b)) - math.log(min(c, d) / max(c, d))


@cpu_loop
def strands(n: int, counts: Any, logs: Any, out: Any) -> None:
    """FS, SOR and SAO float64[n, 3] of int64[n, 4]: reference forward, reverse, alternate forward, reverse."""
    for i in range(n):
        a, b, c, d = counts[i, 0], counts[i, 1], counts[i, 2], counts[i, 3]
        out[i, 0] = fisher_strand(logs, a, b, c, d)
        out[i, 1] = strand_odds_ratio(a, b, c, d)
        out[i, 2] = artifact_odds(logs, a, b, c, d)


@shared
def rank_sum(reference: Any, alternate: Any, i: Any, k: Any) -> Any:
    """Z of the Mann-Whitney test of histogram ``k`` of item ``i``; NaN where there is none."""
    n, m, ties, below, statistic = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    for value in range(VALUES):
        one, two = np.int64(reference[i, k, value]), np.int64(alternate[i, k, value])
        both = one + two
        n += one
        m += two
        ties += both * (both * both - 1)
        statistic += two * (2 * below + both + 1)
        below += both
    statistic -= m * (m + 1) + n * m
    if n == 0 or m == 0:
        return math.nan
    total = n + m
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    return statistic / 2 / math.sqrt(variance) if variance > 0 else math.nan


@cpu_loop
def base_rank_sums(n: int, counts: Any, rows: Any, reference: Any, shown: Any, both: Any, out: Any) -> None:
    """Rank sums float64[n, k] of sites: base ``reference[i]`` against the bases b with ``shown[i, b]``.

    ``counts`` is int32[sites, 4, k, VALUES], of which row ``rows[i]`` is asked; ``both`` int64[2, 1, k, VALUES] is to
    work in.
    """
    for i in range(n):
        row = rows[i]
        for k in range(out.shape[1]):
            for value in range(VALUES):
                both[0, 0, k, value] = counts[row, reference[i], k, value]
                both[1, 0, k, value] = 0
                for base in range(4):
                    both[1, 0, k, value] += np.int64(counts[row, base, k, value]) * shown[i, base]
            out[i, k] = rank_sum(both[0], both[1], 0, k)


@shared
def clear_allele(states: Any, costs: Any, fragment: Any, best: Any, clear: Any) -> Any:
    """The allele whose haplotypes a fragment fits best, the first of equals; -1 where the next fits nearly as well.

    ``best`` is int64[alleles] to work in.
    """
    for allele in range(best.shape[0]):
        best[allele] = 1 << 28
    for h in range(states.shape[0]):
        best[states[h]] = min(best[states[h]], np.int64(costs[fragment, h]))
    first = 0
    for allele in range(1, best.shape[0]):
        if best[allele] < best[first]:
            first = allele
    for allele in range(best.shape[0]):
        if allele != first and best[allele] - best[first] < clear:
            return -1
    return first


@cpu_loop
def clear_alleles(n: int, states: Any, costs: Any, clear: int, best: Any, out: Any) -> None:
    """``clear_allele`` of fragments 0 to n - 1, int64[n]."""
    for fragment in range(n):
        out[fragment] = clear_allele(states, costs, fragment, best, clear)


@shared
def half_distance(position: Any, pos: Any, end: Any) -> Any:
    """Half of the reference bases between ``position`` and the nearer end of an alignment over [pos, end)."""
    return max(min(position - np.int64(pos), np.int64(end) - 1 - position), 0) >> 1


@shared
def clear_haplotype(costs: Any, fragment: Any, clear: Any) -> Any:
    """The haplotype that a fragment fits best; -1 where another fits nearly as well."""
    first = 0
    for h in range(1, costs.shape[1]):
        if costs[fragment, h] < costs[fragment, first]:
            first = h
    for h in range(costs.shape[1]):
        if h != first and costs[fragment, h] - costs[fragment, first] < clear:
            return -1
    return first


@shared
def add_fragment(allele: Any, flag: Any, quality: Any, half: Any, strands: Any, histograms: Any, sums: Any) -> None:
    """Count one fragment that clearly shows an allele."""
    strands[allele, 1 if flag & REVERSE else 0] += 1
    side = 1 if allele > 0 else 0
    histograms[side, 0, 0, min(quality, VALUES - 1)] += 1
    histograms[side, 0, 1, min(half, VALUES - 1)] += 1
    sums[0] += side
    sums[1] += side * quality * quality


@cpu_loop
def support(
    n: int,
    states: Any,
    costs: Any,
    clear: int,
    only: int,
    best: Any,
    fits: Any,
    rows: Any,
    flag: Any,
    mapq: Any,
    pos: Any,
    end: Any,
    position: int,
    strands: Any,
    histograms: Any,
    sums: Any,
    ranks: Any,
) -> None:
    """What the fragments look like that clearly show an allele (``clear_allele``): fragment i is read ``rows[i]``.

    only        the one alternate that counts; 0: all do
    best, fits  int64[alleles], int64[haplotypes] to work in; fits is 0
    strands     int64[alleles, 2]       fragments by allele and strand
    histograms  int64[2, 1, 2, VALUES]  of the reference's and the alternates' MAPQ and half distances to the end
    sums        int64[4]                alternate fragments, their sum of squared MAPQ, fragments over ``position``,
                                        haplotypes that at least two fragments clearly fit best
    ranks       float64[2]              rank sums of the histograms
    """
    for i in range(n):
        row = rows[i]
        if pos[row] <= position and position < end[row]:
            sums[2] += 1
        haplotype = clear_haplotype(costs, i, clear)
        if haplotype >= 0:
            fits[haplotype] += 1
            sums[3] += fits[haplotype] == 2
        allele = clear_allele(states, costs, i, best, clear)
        if allele == 0 or (allele > 0 and (only == 0 or allele == only)):
            half = half_distance(position, pos[row], end[row])
            add_fragment(allele, flag[row], np.int64(mapq[row]), half, strands, histograms, sums)
    for k in range(2):
        ranks[k] = rank_sum(histograms[0], histograms[1], 0, k)

"""Numbers that filters and people judge a call by; host code, once a site, in a fixed order of operations.

Sources: FS, SOR, QD, MQ and the rank sums are GATK's (Fisher's exact test; symmetric odds ratio with pseudo-counts;
Mann & Whitney 1947, normal approximation with tie correction). SAO is ours (docs/methods.md, 'Systematic errors').
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Counts = tuple[int, int]  # forward, reverse

HEADER = """\
##INFO=<ID=DP,Number=1,Type=Integer,Description="Fragments at the site that count for calling">
##INFO=<ID=AB,Number=1,Type=Float,Description="Share of alternate fragments among those that support an allele">
##INFO=<ID=FS,Number=1,Type=Float,Description="Phred of Fisher's exact test for strand bias (as GATK)">
##INFO=<ID=SOR,Number=1,Type=Float,Description="Symmetric odds ratio for strand bias (as GATK)">
##INFO=<ID=SAO,Number=1,Type=Float,Description="Phred by which a systematic error of one strand explains the counts \
better than a heterozygous genotype">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Root mean square mapping quality of the alternate fragments">
##INFO=<ID=QD,Number=1,Type=Float,Description="QUAL over the fragments that support an allele (as GATK)">
##INFO=<ID=BaseQRankSum,Number=1,Type=Float,Description="Z of the rank sum test of alternate against reference base \
qualities">
##INFO=<ID=MQRankSum,Number=1,Type=Float,Description="Z of the rank sum test of alternate against reference mapping \
qualities">
##INFO=<ID=ReadPosRankSum,Number=1,Type=Float,Description="Z of the rank sum test of alternate against reference \
distances to the nearer end of the alignment">
##INFO=<ID=HAPCOUNT,Number=1,Type=Integer,Description="Candidate haplotypes of the window that at least two fragments \
fit best">
##INFO=<ID=AS_FS,Number=A,Type=Float,Description="FS of each alternate allele, where there are several">
##INFO=<ID=AS_SOR,Number=A,Type=Float,Description="SOR of each alternate allele, where there are several">
##INFO=<ID=AS_QD,Number=A,Type=Float,Description="QUAL over the fragments of the reference and each alternate allele, \
where there are several">
"""


def log_binomial(k: int, n: int, p: float) -> float:
    """ln of the probability of k successes in n trials."""
    return log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p)


def log_low_rate(k: int, n: int) -> float:
    """ln of the probability of k successes in n trials whose rate has the beta distribution (1, 3)."""
    return log_choose(n, k) + math.lgamma(k + 1) + math.lgamma(n - k + 3) - math.lgamma(n + 4) + math.log(3)


STRAY = 0.003  # share of alternate bases that ordinary errors leave on the other strand


def artifact_odds(reference: Counts, alternate: Counts) -> float:
    """Phred by which a systematic error of one strand explains the counts better than a heterozygous genotype.

    Heterozygous: half of the fragments of either strand show the alternate. Systematic error: those of one strand do
    at a rate that is rather low than high (beta distribution 1, 3), those of the other at the rate of stray errors.
    """
    depth = [r + a for r, a in zip(reference, alternate, strict=True)]
    heterozygous = sum(log_binomial(a, n, 0.5) for a, n in zip(alternate, depth, strict=True))
    systematic = max(
        log_binomial(alternate[1 - s], depth[1 - s], STRAY) + log_low_rate(alternate[s], depth[s]) for s in (0, 1)
    )
    return 10 / math.log(10) * (systematic - heterozygous)


LOG_FACTORIALS = [math.lgamma(k + 1) for k in range(2048)]


def log_choose(n: int, k: int) -> float:
    """ln of the number of ways to choose k of n."""
    if n < len(LOG_FACTORIALS):
        return LOG_FACTORIALS[n] - LOG_FACTORIALS[k] - LOG_FACTORIALS[n - k]
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def fisher_strand(reference: Counts, alternate: Counts) -> float:
    """Phred of the two-sided Fisher's exact test that strand and allele are independent."""
    a, b = reference
    c, d = alternate
    n, row, column = a + b + c + d, a + b, a + c
    if row in (0, n) or column in (0, n):
        return 0.0
    logs = LOG_FACTORIALS if n < len(LOG_FACTORIALS) else [math.lgamma(k + 1) for k in range(n + 1)]
    fixed = logs[row] + logs[n - row] + logs[column] + logs[n - column] - logs[n]

    def log_probability(k: int) -> float:
        return fixed - logs[k] - logs[row - k] - logs[column - k] - logs[n - row - column + k]

    observed = log_probability(a) + 1e-9
    values = (log_probability(k) for k in range(max(0, row + column - n), min(row, column) + 1))
    total = sum(math.exp(value) for value in values if value <= observed)
    return max(0.0, -10 * math.log10(min(total, 1.0)))


def strand_odds_ratio(reference: Counts, alternate: Counts) -> float:
    """Symmetric odds ratio of a 2 x 2 table with 1 added to each cell."""
    a, b, c, d = (count + 1.0 for count in (*reference, *alternate))
    ratio = (a * d) / (b * c)
    return math.log(ratio + 1 / ratio) + math.log(min(a, b) / max(a, b)) - math.log(min(c, d) / max(c, d))


def rank_sums(reference: NDArray[np.int64], alternate: NDArray[np.int64]) -> NDArray[np.float64]:
    """Z of the Mann-Whitney test that the alternate's values are higher, from histograms [..., values] over the same
    values; NaN where either side is empty or all values are equal.

    Sums are of integers, so that their order cannot matter.
    """
    both = reference + alternate
    n, m, total = reference.sum(axis=-1), alternate.sum(axis=-1), both.sum(axis=-1)
    ties = (both * (both * both - 1)).sum(axis=-1)
    below = np.cumsum(both, axis=-1) - both
    statistic = (alternate * (2 * below + both + 1)).sum(axis=-1) - m * (m + 1) - n * m  # twice U - nm/2
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
        z = statistic / 2 / np.sqrt(variance)
    return np.where((n > 0) & (m > 0) & (variance > 0), z, np.nan)


RANKS = ("BaseQRankSum", "MQRankSum", "ReadPosRankSum")


def rank_numbers(names: Sequence[str], values: Sequence[float]) -> dict[str, object]:
    """Those rank sums that could be had."""
    return {name: round(float(value), 3) for name, value in zip(names, values, strict=True) if not math.isnan(value)}


def histograms(values: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Counts int64[2, k, 64] of the values 0-63 by group (0 or 1) and row of ``values`` int64[k, n]; larger: as 63."""
    rows = np.arange(len(values))[:, None]
    index = (group * len(values) + rows) * 64 + np.minimum(values, 63)
    return np.bincount(index.ravel(), minlength=2 * len(values) * 64).reshape(2, len(values), 64)


def total_strands(strands: Sequence[Counts]) -> Counts:
    """Fragments of several alleles by strand."""
    return sum(forward for forward, _ in strands), sum(reverse for _, reverse in strands)


def strand_numbers(strands: Sequence[Counts]) -> dict[str, object]:
    """FS, SOR and SAO of all alternates together, and of each where there are several."""
    reference, alternate = strands[0], total_strands(strands[1:])
    numbers: dict[str, object] = {
        "FS": round(fisher_strand(reference, alternate), 3),
        "SOR": round(strand_odds_ratio(reference, alternate), 3),
        "SAO": round(artifact_odds(reference, alternate), 2),
    }
    if len(strands) > 2:
        numbers["AS_FS"] = [round(fisher_strand(reference, each), 3) for each in strands[1:]]
        numbers["AS_SOR"] = [round(strand_odds_ratio(reference, each), 3) for each in strands[1:]]
    return numbers

"""Stage: annotations that need floating point, and the reasons to doubt a call."""

from __future__ import annotations

import math

from .config import Filtering
from .genotype import Call

DESCRIPTIONS = {
    "LowQual": "QUAL below {pass_qual}; for indels below depth/2.5, at least {pass_indel_quals[0]} and at most {pass_indel_quals[1]}",
    "LowGQ": "genotype quality below {min_gq}",
    "LowMQ": "root mean square mapping quality of the alternate fragments below {min_mapq}",
    "StrandBias": "a systematic error of one strand explains the counts better: SAO above {max_artifact}",
    "AlleleBalance": "share of alternate fragments too small for the genotype: below {min_het_permille}/1000",
    "ThirdHaplotype": "alternates on the same few reads of a crowded locus: probably a copy that the reference lacks",
    "ReadEnd": "alternate bases lie within {min_edge} bp of their alignments' ends on average",
}


def log_factorials(n: int) -> list[float]:
    """ln k! for k = 0..n."""
    return [math.lgamma(k + 1) for k in range(n + 1)]


def fisher_strand(reference: tuple[int, int], alternate: tuple[int, int]) -> float:
    """Phred of the two-sided Fisher's exact test that strand and allele are independent (GATK's FS)."""
    a, b = reference
    c, d = alternate
    n, row, column = a + b + c + d, a + b, a + c
    if row in (0, n) or column in (0, n):
        return 0.0
    logs = log_factorials(n)
    fixed = logs[row] + logs[n - row] + logs[column] + logs[n - column] - logs[n]

    def log_probability(k: int) -> float:
        return fixed - logs[k] - logs[row - k] - logs[column - k] - logs[n - row - column + k]

    observed = log_probability(a) + 1e-9
    total = 0.0
    for k in range(max(0, row + column - n), min(row, column) + 1):
        value = log_probability(k)
        if value <= observed:
            total += math.exp(value)
    return max(0.0, -10 * math.log10(min(total, 1.0)))


def strand_odds_ratio(reference: tuple[int, int], alternate: tuple[int, int]) -> float:
    """GATK's StrandOddsRatio: symmetric odds ratio of a 2 x 2 table with 1 added to each cell."""
    a, b, c, d = (count + 1.0 for count in (*reference, *alternate))
    ratio = (a * d) / (b * c)
    symmetric = ratio + 1 / ratio
    return math.log(symmetric) + math.log(min(a, b) / max(a, b)) - math.log(min(c, d) / max(c, d))


def annotate(call: Call, settings: Filtering) -> Call:
    """Fill ``call.info`` and ``call.filters``."""
    reference = call.strands[0]
    alternate = (sum(s[0] for s in call.strands[1:]), sum(s[1] for s in call.strands[1:]))
    call.info["DP"] = call.depth
    call.info["FS"] = round(fisher_strand(reference, alternate), 3)
    call.info["SOR"] = round(strand_odds_ratio(reference, alternate), 3)
    call.info["SAO"] = round(artifact_odds(reference, alternate), 2)
    call.info["MQ"] = round(call.mapq, 2)
    call.info["QD"] = round(call.qual / max(sum(call.counts), 1), 2)
    call.filters = list(reasons(call, settings))
    return call


def reasons(call: Call, settings: Filtering) -> list[str]:
    """Filters that the call fails."""
    failed = []
    if call.qual < lowest_qual(call, settings):
        failed.append("LowQual")
    if call.gq < settings.min_gq:
        failed.append("LowGQ")
    if sum(call.counts[1:]) and call.mapq < settings.min_mapq:
        failed.append("LowMQ")
    if strand_biased(call, settings):
        failed.append("StrandBias")
    if unbalanced(call, settings):
        failed.append("AlleleBalance")
    if 0 <= call.edge < settings.min_edge:
        failed.append("ReadEnd")
    return failed


def lowest_qual(call: Call, settings: Filtering) -> float:
    """QUAL that a call must have; an indel's grows with the depth, as the noise in repeats does."""
    if call.is_snv:
        return settings.pass_qual
    low, high = settings.pass_indel_quals
    return min(max(call.depth / 2.5, low), high)


def log_binomial(k: int, n: int, p: float) -> float:
    """ln of the probability of k successes in n trials."""
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + k * math.log(p) + (n - k) * math.log1p(-p)


def log_low_rate(k: int, n: int) -> float:
    """ln of the probability of k successes in n trials whose rate has the beta distribution (1, 3)."""
    choose = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choose + math.lgamma(k + 1) + math.lgamma(n - k + 3) - math.lgamma(n + 4) + math.log(3)


STRAY = 0.003  # share of alternate bases that ordinary errors leave on the other strand


def artifact_odds(reference: tuple[int, int], alternate: tuple[int, int]) -> float:
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


def strand_biased(call: Call, settings: Filtering) -> bool:
    """True where a systematic error of one strand is the better explanation of a heterozygous call."""
    highest = settings.max_artifact if call.is_snv else max(settings.max_artifact, settings.max_indel_artifact)
    return 0 in call.genotype and float(str(call.info["SAO"])) > highest


def unbalanced(call: Call, settings: Filtering) -> bool:
    """True where too few fragments show the alternates of a heterozygous call."""
    total = sum(call.counts)
    return sum(call.counts[1:]) > 0 and sum(call.counts[1:]) * 1000 < settings.min_het_permille * total

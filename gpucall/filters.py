"""Stage: annotations that need floating point, and the reasons to doubt a call."""

from __future__ import annotations

import math

from .config import Filtering
from .genotype import Call

DESCRIPTIONS = {
    "LowQual": "QUAL below {pass_qual}",
    "LowGQ": "genotype quality below {min_gq}",
    "LowMQ": "root mean square mapping quality of the alternate fragments below {min_mapq}",
    "StrandBias": "alternate fragments on one strand: FS above {max_fs} or SOR above {max_sor}",
    "AlleleBalance": "share of alternate fragments too small for the genotype: below {min_het_permille}/1000",
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
    call.info["MQ"] = round(call.mapq, 2)
    call.info["QD"] = round(call.qual / max(sum(call.counts), 1), 2)
    call.filters = list(reasons(call, settings))
    return call


def reasons(call: Call, settings: Filtering) -> list[str]:
    """Filters that the call fails."""
    failed = []
    if call.qual < settings.pass_qual:
        failed.append("LowQual")
    if call.gq < settings.min_gq:
        failed.append("LowGQ")
    if call.mapq < settings.min_mapq:
        failed.append("LowMQ")
    if strand_biased(call, settings):
        failed.append("StrandBias")
    if unbalanced(call, settings):
        failed.append("AlleleBalance")
    if 0 <= call.edge < settings.min_edge:
        failed.append("ReadEnd")
    return failed


def strand_biased(call: Call, settings: Filtering) -> bool:
    """True where the alternate's strands differ from the reference's."""
    fs, sor = float(str(call.info["FS"])), float(str(call.info["SOR"]))
    return fs > settings.max_fs or (call.is_snv and sor > settings.max_sor)


def unbalanced(call: Call, settings: Filtering) -> bool:
    """True where too few fragments show the alternates of a heterozygous call."""
    total = sum(call.counts)
    return total > 0 and sum(call.counts[1:]) * 1000 < settings.min_het_permille * total

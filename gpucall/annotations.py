"""Numbers that filters and people judge a call by; host code, once a site, in a fixed order of operations.

Sources: FS, SOR, QD, MQ and the rank sums are GATK's (Fisher's exact test; symmetric odds ratio with pseudo-counts;
Mann & Whitney 1947, normal approximation with tie correction). SAO is ours (docs/methods.md, 'Systematic errors').
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .kernels import annotate as kernel

Counts = tuple[int, int]  # forward, reverse

HEADER = """\
##INFO=<ID=DP,Number=1,Type=Integer,Description="Fragments at the site that count for calling">
##INFO=<ID=AB,Number=1,Type=Float,Description="Share of alternate fragments among those that support an allele">
##INFO=<ID=FS,Number=1,Type=Float,Description="Phred of Fisher's exact test for strand bias (as GATK)">
##INFO=<ID=SOR,Number=1,Type=Float,Description="Symmetric odds ratio for strand bias (as GATK)">
##INFO=<ID=SAO,Number=1,Type=Float,Description="Phred by which a systematic error of one strand explains the counts \
better than a heterozygous genotype">
##INFO=<ID=AS_FS,Number=A,Type=Float,Description="FS of each alternate allele, where there are several">
##INFO=<ID=AS_SOR,Number=A,Type=Float,Description="SOR of each alternate allele, where there are several">
##INFO=<ID=MQ,Number=1,Type=Float,Description="Root mean square mapping quality of the alternate fragments">
##INFO=<ID=QD,Number=1,Type=Float,Description="QUAL over the fragments that support an allele (as GATK)">
##INFO=<ID=AS_QD,Number=A,Type=Float,Description="QUAL over the fragments of the reference and each alternate allele, \
where there are several">
##INFO=<ID=BaseQRankSum,Number=1,Type=Float,Description="Z of the rank sum test of alternate against reference base \
qualities">
##INFO=<ID=MQRankSum,Number=1,Type=Float,Description="Z of the rank sum test of alternate against reference mapping \
qualities">
##INFO=<ID=ReadPosRankSum,Number=1,Type=Float,Description="Z of the rank sum test of alternate against reference \
distances to the nearer end of the alignment">
##INFO=<ID=AS_MQ,Number=A,Type=Float,Description="MQ of each alternate allele, where there are several (as GATK)">
##INFO=<ID=AS_BaseQRankSum,Number=A,Type=Float,Description="BaseQRankSum of each alternate allele, where there are \
several">
##INFO=<ID=AS_MQRankSum,Number=A,Type=Float,Description="MQRankSum of each alternate allele, where there are several">
##INFO=<ID=AS_ReadPosRankSum,Number=A,Type=Float,Description="ReadPosRankSum of each alternate allele, where there are \
several">
##INFO=<ID=HETEROPLASMIC,Number=0,Type=Flag,Description="Mitochondria: a part of the molecules has another allele than \
GT's; FORMAT/AF has the shares">
##INFO=<ID=HAPCOUNT,Number=1,Type=Integer,Description="Candidate haplotypes of the window that at least two fragments \
fit best">
"""


@cache
def log_factorials(size: int) -> NDArray[np.float64]:
    """ln k! for k below ``size``."""
    return np.array([math.lgamma(k + 1) for k in range(size)])


def strand_table(counts: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """FS, SOR and SAO, float64[n, 3], of rows (reference forward, reverse, alternate forward, reverse).

    FS: phred of the two-sided Fisher's exact test that strand and allele are independent. SOR: symmetric odds ratio of
    the table with 1 added to each cell. SAO: phred by which a systematic error of one strand explains the counts better
    than a heterozygous genotype. Heterozygous: half of the fragments of either strand show the alternate. Systematic
    error: those of one strand do at a rate that is rather low than high (beta distribution 1, 3), those of the other
    at the rate of stray errors (``kernels.annotate.STRAY``).
    """
    table = np.array(counts, dtype=np.int64).reshape(-1, 4)
    most = int(table.sum(axis=1).max(initial=0)) + 4
    out = np.empty((len(table), 3))
    kernel.strands(len(table), table, log_factorials(max(2048, 1 << most.bit_length())), out)
    return out


RANKS = ("BaseQRankSum", "MQRankSum", "ReadPosRankSum")


def rank_numbers(names: Sequence[str], values: Sequence[float]) -> dict[str, object]:
    """Those rank sums that could be had."""
    return {name: round(float(value), 3) for name, value in zip(names, values, strict=True) if not math.isnan(value)}


def root_mean_square(squares: int, number: int) -> float:
    """Of ``number`` values with a sum of ``squares``; 0: there are none."""
    return math.sqrt(squares / number) if number else 0.0


def allele_numbers(names: Sequence[str], mapqs: Sequence[float], ranks: Sequence[Sequence[float]]) -> dict[str, object]:
    """MQ and those rank sums of each alternate allele; ``.``: a rank sum that could not be had."""
    numbers: dict[str, object] = {"AS_MQ": [round(mapq, 2) for mapq in mapqs]}
    for name, values in zip(names, zip(*ranks, strict=True), strict=True):
        numbers[f"AS_{name}"] = ["." if math.isnan(value) else round(value, 3) for value in values]
    return numbers


def total_strands(strands: Sequence[Counts]) -> Counts:
    """Fragments of several alleles by strand."""
    return sum(forward for forward, _ in strands), sum(reverse for _, reverse in strands)


def strand_numbers(calls: Sequence[Sequence[Counts]]) -> list[dict[str, object]]:
    """For each call, given as its alleles' fragments by strand: FS, SOR and SAO of all alternates together, and of each
    where there are several."""
    rows: list[tuple[int, ...]] = []
    for strands in calls:
        rows.append((*strands[0], *total_strands(strands[1:])))
        if len(strands) > 2:
            rows += [(*strands[0], *each) for each in strands[1:]]
    table = iter(strand_table(rows).tolist())
    return [numbers_of(next(table), [next(table) for _ in strands[1:] if len(strands) > 2]) for strands in calls]


def numbers_of(together: list[float], apart: list[list[float]]) -> dict[str, object]:
    """One call's strand numbers from its rows of ``strand_table``."""
    numbers: dict[str, object] = {
        "FS": round(together[0], 3),
        "SOR": round(together[1], 3),
        "SAO": round(together[2], 2),
    }
    if apart:
        numbers["AS_FS"] = [round(each[0], 3) for each in apart]
        numbers["AS_SOR"] = [round(each[1], 3) for each in apart]
    return numbers

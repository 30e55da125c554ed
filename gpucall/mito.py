"""Stage: mitochondria. A haploid genotype, and the alternates that a part of the molecules has (heteroplasmy).

GT is the allele of most molecules. Beside it stands every alternate whose reads a mixture explains better than errors
do; AF is its share. Model: docs/methods.md, 'Mitochondria'. Floating point is the host's, once a site, in fixed order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from . import genotype
from .annotations import RANKS, rank_numbers, root_mean_square, total_strands
from .config import Candidates, Genotyping, Heteroplasmy, Settings
from .genotype import BASES, BaseEvidence, Call, Weighed
from .kernels.annotate import PHRED, STRAY
from .kernels.pileup import Sites
from .kernels.tables import SCALE
from .pileup import TileReads

NAT = PHRED * SCALE  # 1/64 phred a nat


def criteria(settings: Settings) -> Candidates:
    """What becomes a candidate: also bases that few of the mitochondria have."""
    return settings.candidates._replace(min_snv_permille=settings.heteroplasmy.candidate_permille)


def call(
    reads: TileReads, sites: Sites, weighed: list[Weighed], priors: Genotyping, settings: Heteroplasmy
) -> list[Call]:
    """Calls of a tile's sites and windows, whose haplotypes were weighed alone."""
    return [*call_snvs(reads, sites, priors, settings), *call_windows(reads, weighed, priors, settings)]


def call_snvs(reads: TileReads, sites: Sites, priors: Genotyping, settings: Heteroplasmy) -> Iterator[Call]:
    """Calls at sites whose bases alone decide: of most molecules, or of enough of them."""
    reference = np.searchsorted(np.frombuffer(b"ACGT", dtype=np.uint8), reads.bases[sites.position - reads.origin])
    costs = genotype.genotype_costs(sites, 1)
    posterior = costs + genotype.base_priors(priors, 1)[reference]
    for s in range(len(sites.position)):
        call = snv_call(sites, s, int(reference[s]), costs[s], posterior[s], priors, settings)
        if call is not None:
            yield call


def snv_call(
    sites: Sites,
    s: int,
    reference: int,
    costs: NDArray[np.int64],
    posterior: NDArray[np.int64],
    priors: Genotyping,
    settings: Heteroplasmy,
) -> Call | None:
    """The record of one site; None where there is nothing but the reference."""
    major = int(posterior.argmin())
    counts = sites.count[s, :4].sum(axis=1)
    odds = {base: mixture_of_bases(sites.ranks[s, :, 0], major, base, settings) for base in range(4) if base != major}
    minor = {
        base: phred for base, phred in odds.items() if is_reported(phred, counts[base], counts.sum(), priors, settings)
    }
    present = sorted({major, *minor} - {reference}, key=lambda base: (-int(counts[base]), base))
    qual = (posterior[reference] - posterior[major]) / SCALE
    if major == reference:
        qual = max(minor.values(), default=0.0) - priors.snv_prior / SCALE
    if not present or qual < priors.min_qual:
        return None
    alleles = [reference, *present]
    fragments = max(int(counts[present].sum()), 1)
    one = Sites(*(column[[s]] for column in sites))
    ranks = genotype.snv_ranks(one, np.array([reference]), np.isin(np.arange(4), present)[None])
    strands = [(int(sites.count[s, base, 0]), int(sites.count[s, base, 1])) for base in alleles]
    others = [int(posterior[base]) for base in range(4) if base != major]
    call = Call(
        position=int(sites.position[s]),
        ref=BASES[reference],
        alts=tuple(BASES[base] for base in present),
        genotype=(alleles.index(major),),
        strands=strands,
        likelihoods=[int(costs[base] - costs[alleles].min()) for base in alleles],
        qual=float(qual),
        gq=(min(others) - int(posterior[major])) // SCALE,
        mapq=root_mean_square(int(sites.mapq[s, present].sum()), fragments),
        edge=int(sites.edge[s, present].sum()) / fragments,
        depth=int(sites.count[s].sum()),
        shares=shares(counts[alleles]),
        info=info_of(strands, len(minor) > 0) | rank_numbers(RANKS, ranks[0].tolist()),
        evidence=BaseEvidence(costs.tolist(), sites.count[s].tolist()),
    )
    if len(present) > 1:
        call.info |= genotype.snv_allele_numbers(one, call)
    return call


def info_of(strands: list[tuple[int, int]], heteroplasmic: bool) -> dict[str, object]:
    """The INFO flag of a site with several alleles, and SAO for the share of the alternates."""
    odds = round(strand_odds(strands[0], total_strands(strands[1:])), 2)
    return ({"HETEROPLASMIC": True} if heteroplasmic else {}) | {"SAO": odds}


def strand_odds(reference: tuple[int, int], alternate: tuple[int, int]) -> float:
    """Phred by which a systematic error of one strand explains the counts better than one share on both strands.

    As SAO elsewhere (``annotations.strand_table``), where the share is one half.
    """
    depth = [r + a for r, a in zip(reference, alternate, strict=True)]
    share = min(max(sum(alternate) / max(sum(depth), 1), STRAY), 1 - STRAY)
    both = sum(log_binomial(a, n, share) for a, n in zip(alternate, depth, strict=True))
    one = [log_low_rate(alternate[s], depth[s]) + log_binomial(alternate[1 - s], depth[1 - s], STRAY) for s in (0, 1)]
    return PHRED * (max(one) - both)


def log_binomial(k: int, n: int, p: float) -> float:
    """ln of the probability of k successes in n trials."""
    return log_choose(n, k) + k * math.log(p) + (n - k) * math.log1p(-p)


def log_low_rate(k: int, n: int) -> float:
    """ln of the probability of k successes in n trials whose rate has the beta distribution (1, 3)."""
    return log_choose(n, k) + math.lgamma(k + 1) + math.lgamma(n - k + 3) - math.lgamma(n + 4) + math.log(3)


def log_choose(n: int, k: int) -> float:
    """ln of the number of ways to choose k of n."""
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def shares(counts: NDArray[np.int64]) -> tuple[float, ...]:
    """Share of the fragments that support an allele, for each alternate; the reference comes first in ``counts``."""
    total = max(int(counts.sum()), 1)
    return tuple(round(int(count) / total, 4) for count in counts[1:])


def is_reported(phred: float, count: int, total: int, priors: Genotyping, settings: Heteroplasmy) -> bool:
    """Whether an allele beside the major one is written."""
    enough = count >= settings.min_support and count * 1000 >= total * settings.min_permille
    return bool(enough and phred - priors.snv_prior / SCALE >= priors.min_qual)


def mixture_of_bases(qualities: NDArray[np.int32], major: int, minor: int, settings: Heteroplasmy) -> float:
    """Phred by which a mixture of two bases explains a site better than the major one and errors.

    ``qualities`` int[4, 64]: fragments by base and base quality. Errors are at least ``settings.least_error``, since
    at great depth those that the qualities do not know of (PCR, damage) are seen.
    """
    many, few = qualities[major], qualities[minor]
    share = int(few.sum()) / max(int(few.sum()) + int(many.sum()), 1)
    if share == 0:
        return 0.0
    error = np.minimum(np.maximum(10 ** (-np.arange(64) / 10), settings.least_error), 0.75)
    for_minor = np.log(((1 - share) * error / 3 + share * (1 - error)) / (error / 3))
    for_major = np.log(((1 - share) * (1 - error) + share * error / 3) / (1 - error))
    return PHRED * math.fsum([*(few * for_minor).tolist(), *(many * for_major).tolist()])


# -- windows ------------------------------------------------------------------------------------------------------


def call_windows(
    reads: TileReads, weighed: list[Weighed], priors: Genotyping, settings: Heteroplasmy
) -> Iterator[Call]:
    """Calls of windows whose haplotypes were weighed alone."""
    for window in weighed:
        for bits in genotype.site_groups(window.window.window.alleles):
            call = window_call(reads, window, bits, priors, settings)
            if call is not None:
                yield call


def window_call(
    reads: TileReads, weighed: Weighed, bits: list[int], priors: Genotyping, settings: Heteroplasmy
) -> Call | None:
    """The record of one site of a window; None where there is nothing but the reference."""
    states = genotype.site_states(weighed.window, bits)
    states = [0 if state > len(bits) else state for state in states]
    costs = costs_by_allele(weighed, states, len(bits) + 1)
    major = states[weighed.pairs[weighed.best][0]]
    clear = genotype.allele_of_fragments(states, weighed.costs, len(bits) + 1)
    counts = np.bincount(clear[clear >= 0], minlength=len(bits) + 1)
    minor = {}
    for state in range(len(bits) + 1):
        phred = mixture_of_costs(costs[major], costs[state]) if state != major else 0.0
        if is_reported(phred, int(counts[state]), int(counts.sum()), priors, settings):
            minor[state] = phred
    present = sorted({major, *minor} - {0})
    if not present:
        return None
    made = genotype.site_call(reads, weighed, [bits[state - 1] for state in present], priors._replace(min_qual=0))
    if made is None:
        return None
    call = made[0]
    if major == 0:
        lowest = min(weighed.window.window.priors[bits[state - 1]] for state in present)
        call.qual = max(minor.values()) - lowest / SCALE
    if call.qual < priors.min_qual:
        return None
    call.shares = shares(np.array(call.counts))
    call.info = info_of(call.strands, len(minor) > 0) | call.info
    return call


def costs_by_allele(weighed: Weighed, states: list[int], alleles: int) -> NDArray[np.int64]:
    """int64[alleles, fragments]: cost of each fragment under the best haplotype that has an allele."""
    best = np.full((alleles, len(weighed.costs)), 1 << 28, dtype=np.int64)
    for h, state in enumerate(states):
        np.minimum(best[state], weighed.costs[:, h], out=best[state])
    return best


def mixture_of_costs(major: NDArray[np.int64], minor: NDArray[np.int64]) -> float:
    """Phred by which a mixture of two alleles explains the fragments better than the major one alone.

    The errors, those in repeats too, are those of the costs (1/64 phred). The share is found by expectation
    maximisation from a tenth on (Dempster, Laird & Rubin 1977).
    """
    ratio = np.exp((major - minor) / NAT)  # L(fragment | minor) / L(fragment | major); at most 45 phred apart
    if len(ratio) == 0:
        return 0.0
    share = 0.1
    for _ in range(ROUNDS):
        share = math.fsum((share * ratio / (1 - share + share * ratio)).tolist()) / len(ratio)
    return PHRED * math.fsum(np.log(1 - share + share * ratio).tolist())


ROUNDS = 20  # of expectation maximisation; shares of 1 % and more have settled to a thousandth

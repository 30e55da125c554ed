"""Stage: genotypes. Isolated SNVs straight from the bases, everything else from haplotypes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property, reduce
from itertools import combinations_with_replacement, permutations
from operator import or_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .annotations import RANKS, allele_numbers, rank_numbers, root_mean_square
from .candidates import Allele
from .config import Genotyping
from .haplotypes import Members, Scored
from .kernels import annotate as kernel
from .kernels.pileup import Sites
from .kernels.records import READ1
from .kernels.tables import SCALE, log_sum_table
from .pileup import TileReads

BASES = "ACGT"
Genotype = tuple[int, ...]  # as many numbers of bases, alleles or haplotypes as the ploidy, 1 or 2, ascending


def combinations(alleles: int, ploidy: int) -> list[Genotype]:
    """Genotypes of so many alleles (or bases, or haplotypes), in the order in which they are weighed."""
    return list(combinations_with_replacement(range(alleles), ploidy))


BASE_GENOTYPES = {ploidy: combinations(4, ploidy) for ploidy in (1, 2)}
PAIRS = BASE_GENOTYPES[2]


class BaseEvidence(NamedTuple):
    """What a call from bases was made of: the cost of every genotype of bases, and fragments by base and strand."""

    costs: list[int]
    fragments: list[list[int]]


@dataclass(frozen=True, slots=True)
class HaplotypeEvidence:
    """What a call of a window was made of.

    states  of each haplotype: its allele
    priors  of each allele but the reference, 1/64 phred
    lowest  cost that the call's lowest likelihood stands for
    """

    weighed: Weighed
    states: list[int]
    priors: list[int]
    lowest: int


@dataclass
class Call:
    """One record to be.

    position  0-based POS
    strands   [(forward, reverse)] fragments of each allele, the reference first
    likelihoods  cost of each genotype in VCF order (VCF 4.3, section 1.6.2, GL), 1/64 phred, lowest 0
    qual      phred that the site is not homozygous reference
    gq        phred that the genotype is right, given that its alleles are
    mapq      root mean square mapping quality of the alternate alleles' fragments
    edge      mean distance of the alternate bases to the nearer end of their alignments, bp; -1: not known
    """

    position: int
    ref: str
    alts: tuple[str, ...]
    genotype: Genotype  # allele numbers; in the order of the haplotypes where phased, else ascending
    strands: list[tuple[int, int]]
    likelihoods: list[int]
    qual: float
    gq: int
    mapq: float
    edge: float
    depth: int
    shares: tuple[float, ...] = ()  # of the mitochondria with each alternate (AF); empty elsewhere
    phase_set: int = -1  # 0-based position of the first call of the phase set; -1: not phased
    filters: list[str] = field(default_factory=list)
    info: dict[str, object] = field(default_factory=dict)
    name: str = "."  # ID
    evidence: BaseEvidence | HaplotypeEvidence | None = field(default=None, repr=False, compare=False)
    info_text: str = field(default="", repr=False, compare=False)  # ``info`` as the VCF has it, once it was asked for

    @property
    def is_snv(self) -> bool:
        """True where all alleles are single bases."""
        return len(self.ref) == 1 and max(map(len, self.alts)) == 1

    @cached_property
    def counts(self) -> list[int]:
        """Fragments of each allele (AD)."""
        return [forward + reverse for forward, reverse in self.strands]

    @property
    def ploidy(self) -> int:
        """Alleles of the genotype: 1 or 2."""
        return len(self.genotype)

    @property
    def is_heterozygous(self) -> bool:
        """True for a genotype of two different alleles."""
        return len(set(self.genotype)) > 1


@cache
def genotype_order(alleles: int, ploidy: int = 2) -> tuple[Genotype, ...]:
    """Genotypes in VCF order (VCF 4.3, section 1.6.2, GL): of a haploid, its alleles in order."""
    return tuple(sorted(combinations(alleles, ploidy), key=lambda genotype: genotype[::-1]))


# -- isolated SNVs ------------------------------------------------------------------------------------------------


def genotype_costs(sites: Sites, ploidy: int = 2) -> NDArray[np.int64]:
    """int64[sites, genotypes]: cost of the bases under every genotype of bases (``BASE_GENOTYPES``)."""
    genotypes = BASE_GENOTYPES[ploidy]
    columns = []
    for a, *rest in genotypes:
        saved = sites.match[:, a] if rest in ([], [a]) else sites.half[:, a] + sites.half[:, rest[0]]
        columns.append(sites.other + saved)
    return np.stack(columns, axis=1) if len(sites.other) else np.empty((0, len(genotypes)), dtype=np.int64)


def base_priors(settings: Genotyping, ploidy: int = 2) -> NDArray[np.int64]:
    """int64[4, genotypes]: cost of every genotype of bases, by reference base."""
    genotypes = BASE_GENOTYPES[ploidy]
    table = np.zeros((4, len(genotypes)), dtype=np.int64)
    for reference in range(4):
        for column, genotype in enumerate(genotypes):
            alternates = {base for base in genotype if base != reference}
            extra = settings.homozygous_prior * is_homozygous_alternate(alternates, genotype)
            table[reference, column] = len(alternates) * settings.snv_prior + extra
    return table


def is_homozygous_alternate(alternates: set[int], genotype: Genotype) -> bool:
    """True where both copies are the same alternate allele; a haploid genotype has one copy."""
    return len(genotype) == 2 and len(alternates) == 1 and genotype[0] == genotype[1]


def call_snvs(reads: TileReads, sites: Sites, settings: Genotyping, ploidy: int = 2) -> Iterator[Call]:
    """Calls at sites where another genotype than the reference alone is the most probable one."""
    reference = np.searchsorted(np.frombuffer(b"ACGT", dtype=np.uint8), reads.bases[sites.position - reads.origin])
    costs = genotype_costs(sites, ploidy)
    posterior = costs + base_priors(settings, ploidy)[reference]
    best = posterior.argmin(axis=1)
    without = posterior[np.arange(len(best)), REFERENCE_COLUMN[ploidy][reference]]
    qual = without - posterior.min(axis=1, initial=1 << 60)
    called = np.flatnonzero(qual >= settings.min_qual * SCALE)
    genotypes = BASE_GENOTYPES[ploidy]
    reference, best = reference[called], best[called]
    shown = alternates_shown(reference, best, genotypes)
    ranks = snv_ranks(sites, reference, shown, called).tolist()
    simple = simple_snvs(sites, called, reference, shown, best, costs, posterior, ploidy)
    for k, (site, base, alternates) in enumerate(zip(called.tolist(), reference.tolist(), shown.tolist(), strict=True)):
        if sum(alternates) == 1:
            call = next(simple)
            call.qual = int(qual[site]) / SCALE
            call.info = rank_numbers(RANKS, ranks[k])
        else:
            numbers: list[Any] = [column[site].tolist() for column in (qual, costs, posterior)]
            numbers.append(ranks[k])
            numbers += [column[site].tolist() for column in (sites.position, sites.count, sites.mapq, sites.edge)]
            call = snv_call(genotypes, base, int(best[k]), *numbers)
            call.info |= snv_allele_numbers(Sites(*(column[[site]] for column in sites)), call)
        yield call


def simple_snvs(
    sites: Sites,
    called: NDArray[np.int64],
    reference: NDArray[np.int64],
    shown: NDArray[np.bool_],
    best: NDArray[np.int64],
    costs: NDArray[np.int64],
    posterior: NDArray[np.int64],
    ploidy: int,
) -> Iterator[Call]:
    """``snv_call`` of those ``called`` sites that show one alternate, all at once, without ``qual`` and ``info``."""
    one = np.flatnonzero(shown.sum(axis=1) == 1)
    called, reference, best, alternate = called[one], reference[one], best[one], shown[one].argmax(axis=1)
    rows = np.arange(len(one))
    count = sites.count[called]
    strands = np.stack([count[rows, reference], count[rows, alternate]], axis=1)
    fragments = np.maximum(strands[:, 1].sum(axis=1), 1)
    alleles = [reference, alternate]
    columns = np.stack([COLUMNS[ploidy][alleles[g[0]], alleles[g[-1]]] for g in genotype_order(2, ploidy)], axis=1)
    likelihoods = np.take_along_axis(costs[called], columns, axis=1)
    others = np.take_along_axis(posterior[called], columns, axis=1)
    lowest = others[columns == best[:, None]]
    others[columns == best[:, None]] = 1 << 60
    numbers = (
        (likelihoods - likelihoods.min(axis=1, initial=1 << 60, keepdims=True)).tolist(),
        ((others.min(axis=1, initial=1 << 60) - lowest) // SCALE).tolist(),
        np.sqrt(sites.mapq[called, alternate] / fragments).tolist(),
        (sites.edge[called, alternate] / fragments).tolist(),
        count.sum(axis=(1, 2)).tolist(),
        strands.tolist(),
    )
    texts = ([BASES[base] for base in reference.tolist()], [(BASES[base],) for base in alternate.tolist()])
    kinds = [genotype_order(2, ploidy)[place] for place in (columns == best[:, None]).argmax(axis=1).tolist()]
    found = zip(costs[called].tolist(), count.tolist(), strict=True)
    listed = zip(sites.position[called].tolist(), *texts, kinds, *numbers, found, strict=True)
    for position, ref, alts, genotype, each, gq, mapq, edge, depth, (one_strand, other), evidence in listed:
        yield Call(
            position=position,
            ref=ref,
            alts=alts,
            genotype=genotype,
            strands=[(one_strand[0], one_strand[1]), (other[0], other[1])],
            likelihoods=each,
            qual=0.0,
            gq=gq,
            mapq=mapq,
            edge=edge,
            depth=depth,
            evidence=BaseEvidence(*evidence),
        )


# by ploidy: the column of each base alone, and of every genotype's bases in any order
REFERENCE_COLUMN = {
    ploidy: np.array([genotypes.index((base,) * ploidy) for base in range(4)])
    for ploidy, genotypes in BASE_GENOTYPES.items()
}
COLUMN = {
    order: column
    for genotypes in BASE_GENOTYPES.values()
    for column, genotype in enumerate(genotypes)
    for order in permutations(genotype)
}
COLUMNS = {ploidy: np.zeros((4, 4), dtype=np.int64) for ploidy in BASE_GENOTYPES}
for _genotype, _column in COLUMN.items():
    COLUMNS[len(_genotype)][_genotype[0], _genotype[-1]] = _column


@cache
def other_bases(genotype: Genotype, reference: int) -> tuple[int, ...]:
    """The bases of a genotype that are not the reference's, in order."""
    return tuple(sorted({base for base in genotype if base != reference}))


@cache
def genotype_columns(alleles: tuple[int, ...], ploidy: int) -> tuple[int, ...]:
    """The column of each genotype of some bases, the genotypes in VCF order."""
    return tuple(COLUMN[tuple(alleles[a] for a in each)] for each in genotype_order(len(alleles), ploidy))


def alternates_shown(
    reference: NDArray[np.int64], best: NDArray[np.int64], genotypes: list[Genotype]
) -> NDArray[np.bool_]:
    """bool[sites, 4]: the alternate bases of each site's genotype."""
    shown = np.array([[base in genotype for base in range(4)] for genotype in genotypes])[best]
    shown[np.arange(len(best)), reference] = False
    return shown


def snv_ranks(
    sites: Sites, reference: NDArray[np.int64], shown: NDArray[np.bool_], rows: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """float64[rows, 3]: rank sum tests (``RANKS``) of the shown alternate bases against the reference's, at some sites
    (default: all)."""
    rows = np.arange(len(reference)) if rows is None else rows
    out = np.empty((len(reference), len(RANKS)))
    both = np.empty((2, 1, len(RANKS), kernel.VALUES), dtype=np.int64)
    kernel.base_rank_sums(len(reference), sites.ranks, rows, reference, shown.astype(np.int64), both, out)
    return out


def snv_allele_numbers(site: Sites, call: Call) -> dict[str, object]:
    """What annotates each alternate of a call with several, at the one site."""
    reference, *alternates = (BASES.index(base) for base in (call.ref, *call.alts))
    mapqs = [root_mean_square(int(site.mapq[0, base]), int(site.count[0, base].sum())) for base in alternates]
    alone = [snv_ranks(site, np.array([reference]), np.arange(4)[None] == base)[0].tolist() for base in alternates]
    return allele_numbers(RANKS, mapqs, alone)


def snv_call(
    genotypes: list[Genotype],
    reference: int,
    best: int,
    qual: int,
    costs: list[int],
    posterior: list[int],
    ranks: list[float],
    position: int,
    count: list[list[int]],
    mapq: list[int],
    edge: list[int],
    *,
    asked: Sequence[int] = (),
) -> Call:
    """The record of one SNV site, from its row of every column; bases ``asked`` for are its first alternates."""
    called = genotypes[best]
    totals = [forward + reverse for forward, reverse in count]
    alternates = other_bases(called, reference)
    if len(alternates) > 1:
        alternates = tuple(sorted(alternates, key=lambda base: (-totals[base], base)))
    alleles = (reference, *asked, *(base for base in alternates if base not in asked))
    columns = genotype_columns(alleles, len(called))
    shown = [costs[column] for column in columns]
    lowest = min(shown)
    fragments = max(sum([totals[base] for base in alternates]), 1)
    return Call(
        position=position,
        ref=BASES[reference],
        alts=tuple(BASES[base] for base in alleles[1:]),
        genotype=tuple(sorted(alleles.index(base) for base in called)),
        strands=[(count[base][0], count[base][1]) for base in alleles],
        likelihoods=[cost - lowest for cost in shown],
        qual=qual / SCALE,
        gq=(min([posterior[column] for column in columns if column != best]) - posterior[best]) // SCALE,
        mapq=root_mean_square(sum([mapq[base] for base in alternates]), fragments),
        edge=sum([edge[base] for base in alternates]) / fragments,
        depth=sum(totals),
        info=rank_numbers(RANKS, ranks),
        evidence=BaseEvidence(costs, count),
    )


# -- windows ------------------------------------------------------------------------------------------------------


def weigh_windows(reads: TileReads, scored: list[Scored], settings: Genotyping, ploidy: int = 2) -> list[Weighed]:
    """Weigh the haplotypes (ploidy 1) or pairs of them of all windows of a tile, in one launch."""
    if not scored:
        return []
    fragments, costs, caps = merge_mates(reads, scored, settings)
    pairs = [combinations(len(window.haplotypes), ploidy) for window in scored]
    totals = pair_costs(reads, fragments.sizes, costs, pairs)
    posteriors = [
        total + pair_priors(window, pair, settings) for window, pair, total in zip(scored, pairs, totals, strict=True)
    ]
    columns = (fragments.split(fragments.rows), fragments.split(costs), fragments.split(caps))
    listed = zip(scored, *columns, pairs, totals, posteriors, strict=True)
    return [
        Weighed(window, rows, cost[:, : len(window.haplotypes)], cap, pair, total, posterior, int(posterior.argmin()))
        for window, rows, cost, cap, pair, total, posterior in listed
    ]


def call_windows(reads: TileReads, weighed: list[Weighed], settings: Genotyping) -> Iterator[Call]:
    """Calls of all windows of a tile."""
    for window in weighed:
        yield from window_calls(reads, window, settings)


def merge_mates(
    reads: TileReads, scored: list[Scored], settings: Genotyping
) -> tuple[Members, NDArray[np.int32], NDArray[np.int64]]:
    """The fragments of all windows, their capped costs int32[fragments, most haplotypes] (0 where there is none), and
    those caps.

    Of overlapping mates the one that says more is the fragment; where they say as much, the one that starts first.
    """
    host = reads.batch.records
    members = Members.of([window.rows for window in scored])
    none = np.iinfo(np.int32).max
    costs = np.full((len(members.rows), max(len(window.haplotypes) for window in scored)), none, dtype=np.int32)
    for part, window in zip(members.split(costs), scored, strict=True):
        part[:, : len(window.haplotypes)] = window.costs
    absent = costs == none
    cap = fragment_caps(reads, members.rows, settings)
    costs = np.minimum(costs - costs.min(axis=1, keepdims=True), cap[:, None])
    costs[absent] = 0
    mate = members.index_of(members.window, host.mate[members.rows])
    says = costs.sum(axis=1)
    mate_says = np.where(mate >= 0, says[mate], -1)
    ahead = host.pos[host.mate[members.rows]] - host.pos[members.rows]
    first = (ahead > 0) | ((ahead == 0) & (host.flag[members.rows] & READ1 > 0))
    keep = (says > mate_says) | ((says == mate_says) & first)
    return members.where(keep), costs[keep], cap[keep]


def fragment_caps(reads: TileReads, rows: NDArray[np.int32], settings: Genotyping) -> NDArray[np.int64]:
    """By how much each fragment may tell two haplotypes apart, 1/64 phred."""
    return np.minimum(settings.read_cap, reads.batch.records.mapq[rows].astype(np.int64) * SCALE)


def pair_costs(
    reads: TileReads, sizes: NDArray[np.int64], costs: NDArray[np.int32], pairs: list[list[Genotype]]
) -> list[NDArray[np.int64]]:
    """Cost of every window's fragments (``sizes`` of them, one window after the other) under its haplotypes' pairs.

    A haplotype alone is a pair of it and itself.
    """
    backend = reads.backend
    last = np.cumsum(sizes)
    each = [len(pair) for pair in pairs]
    flat = np.array([pair for window in pairs for pair in window], dtype=np.int32)
    out = backend.xp.zeros(len(flat), dtype=backend.xp.int64)
    reads_of_pairs = (np.repeat(last - sizes, each), np.repeat(last, each))
    columns = (costs, *reads_of_pairs, flat[:, 0].copy(), flat[:, -1].copy(), log_sum_table())
    backend.launch("genotype.pairs", len(flat), *(backend.upload(column) for column in columns), out)
    return np.split(backend.download(out), np.cumsum(each)[:-1])


def pair_priors(window: Scored, pairs: list[Genotype], settings: Genotyping) -> NDArray[np.int64]:
    """Cost of every pair of haplotypes: each allele once, and some more where both haplotypes have it.

    A haplotype alone costs each of its alleles once.
    """
    alleles = window.window.alleles
    costs = window.window.priors

    def prior(one: int, two: int | None = None) -> int:
        either, both = (one, 0) if two is None else (one | two, one & two)
        bits = range(len(alleles))
        once = sum(costs[bit] for bit in bits if either >> bit & 1)
        return once + settings.homozygous_prior * bin(both).count("1")

    return np.array([prior(*(window.haplotypes[h] for h in pair)) for pair in pairs], dtype=np.int64)


def site_groups(alleles: list[Allele]) -> list[list[int]]:
    """Bits of the alleles that share a record: same position, all SNVs or all indels."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for bit, allele in enumerate(alleles):
        groups.setdefault((allele.position - (not allele.is_snv), allele.is_snv), []).append(bit)
    return [groups[key] for key in sorted(groups)]


def called_sites(weighed: Weighed) -> Iterator[list[int]]:
    """For each site of a window: bits of the alleles that the most probable pair of haplotypes has there."""
    window = weighed.window
    shown = reduce(or_, (window.haplotypes[h] for h in weighed.pairs[weighed.best]))
    for bits in site_groups(window.window.alleles):
        called = [bit for bit in bits if shown >> bit & 1]
        if called:
            yield called


def window_calls(reads: TileReads, weighed: Weighed, settings: Genotyping) -> Iterator[Call]:
    """Calls of one window, consistent with each other: all from the same most probable pair of haplotypes."""
    calls = []
    states = []
    for bits in called_sites(weighed):
        site = site_call(reads, weighed, bits, settings)
        if site is not None:
            calls.append(site[0])
            states.append(site[1])
    phase(weighed, calls, states, settings)
    yield from calls


@dataclass
class Weighed:
    """A window's pairs of haplotypes, weighed; where the ploidy is 1, its haplotypes, each a tuple of one.

    rows       int32[fragments]
    costs      int32[fragments, haplotypes], 1/64 phred
    caps       int64[fragments] what a fragment says at most, 1/64 phred
    totals     int64[pairs] cost of the fragments, 1/64 phred
    posterior  int64[pairs] that and the prior; ``best`` is the lowest
    """

    window: Scored
    rows: NDArray[np.int32]
    costs: NDArray[np.int32]
    caps: NDArray[np.int64]
    pairs: list[Genotype]
    totals: NDArray[np.int64]
    posterior: NDArray[np.int64]
    best: int


def phase(weighed: Weighed, calls: list[Call], states: list[list[int]], settings: Genotyping) -> None:
    """Give the heterozygous calls of a window one phase set, where no other phase comes close."""
    heterozygous = [k for k, call in enumerate(calls) if call.is_heterozygous]
    if len(heterozygous) < 2:
        return

    def genotypes(pair: Genotype) -> list[Genotype]:
        return [tuple(sorted(states[k][h] for h in pair)) for k in heterozygous]

    best = weighed.pairs[weighed.best]
    same = [k for k, pair in enumerate(weighed.pairs) if k != weighed.best and genotypes(pair) == genotypes(best)]
    if any(weighed.posterior[k] - weighed.posterior[weighed.best] < settings.min_phase for k in same):
        return
    for k in heterozygous:
        calls[k].genotype = tuple(states[k][h] for h in best)
        calls[k].phase_set = calls[heterozygous[0]].position


def site_states(window: Scored, bits: list[int]) -> list[int]:
    """Per haplotype: 0 reference, k the k-th of ``bits``, len(bits) + 1: deleted by an allele that starts before."""
    alleles = window.window.alleles
    first = alleles[bits[0]]
    position = first.position - (not first.is_snv)

    def state(mask: int) -> int:
        own = next((k + 1 for k, bit in enumerate(bits) if mask >> bit & 1), 0)
        if own:
            return own
        spanned = any(
            mask >> bit & 1 and allele.position <= position < allele.position + allele.deleted
            for bit, allele in enumerate(alleles)
            if allele.deleted > len(allele.inserted) and bit not in bits
        )
        return len(bits) + 1 if spanned else 0

    return [state(mask) for mask in window.haplotypes]


def site_call(
    reads: TileReads, weighed: Weighed, bits: list[int], settings: Genotyping
) -> tuple[Call, list[int]] | None:
    """The record of the alleles ``bits`` of one site and each haplotype's allele; None where the evidence is weak.

    Where the other haplotype lacks the site because of a deletion that starts before, that is allele ``*`` (VCF 4.3,
    section 1.6.1, ALT).
    """
    alleles = [weighed.window.window.alleles[bit] for bit in bits]
    priors = [weighed.window.window.priors[bit] for bit in bits]
    states = site_states(weighed.window, bits)
    star = len(bits) + 1
    if star in (states[h] for h in weighed.pairs[weighed.best]):
        priors.append(0)
    else:
        states = [0 if state == star else state for state in states]
    judged = judge_states(weighed, states, priors, star, settings)
    if judged.qual < settings.min_qual:
        return None
    position, ref, alts = record_alleles(reads, alleles)
    place = position, ref, (*alts, "*") if len(priors) > len(bits) else alts
    return record_states(reads, weighed, judged, place, settings), states


class Judged(NamedTuple):
    """The genotypes of one site by what the pairs of haplotypes say.

    likelihoods  cost of each genotype in VCF order, 1/64 phred, less the ``lowest``
    states       of each haplotype: its allele
    priors       of each allele but the reference, 1/64 phred
    """

    genotype: Genotype
    likelihoods: list[int]
    qual: float
    gq: int
    states: list[int]
    priors: list[int]
    lowest: int


def judge_states(weighed: Weighed, states: list[int], priors: list[int], star: int, settings: Genotyping) -> Judged:
    """The most probable genotype where ``states`` are the haplotypes' alleles and ``priors`` the alternates' costs.

    QUAL is for alleles 1 to ``star`` - 1; those from ``star`` on are no alternates of the site itself.
    """
    pairs, posterior, best = weighed.pairs, weighed.posterior, weighed.best
    genotypes = [tuple(sorted(states[h] for h in pair)) for pair in pairs]
    order = genotype_order(len(priors) + 1, len(pairs[best]))
    likelihoods = lowest_by_genotype(genotypes, posterior - site_priors(genotypes, priors, settings), order)
    weights = lowest_by_genotype(genotypes, posterior, order)
    without = min(
        weight for genotype, weight in zip(order, weights, strict=True) if not {*genotype} & {*range(1, star)}
    )
    called = genotypes[best]
    others = [weight for genotype, weight in zip(order, weights, strict=True) if genotype != called]
    lowest = min(likelihoods)
    return Judged(
        called,
        [likelihood - lowest for likelihood in likelihoods],
        float((without - posterior[best]) / SCALE),
        int(min(others) - posterior[best]) // SCALE,
        states,
        priors,
        lowest,
    )


def record_states(
    reads: TileReads, weighed: Weighed, judged: Judged, place: tuple[int, str, tuple[str, ...]], settings: Genotyping
) -> Call:
    """The record of a judged site at ``place``: POS (0-based), REF and ALTs."""
    position, ref, alts = place
    support = allele_support(reads, judged.states, weighed.rows, weighed.costs, len(alts) + 1, position)
    return Call(
        position=position,
        ref=ref,
        alts=alts,
        genotype=judged.genotype,
        strands=support.strands,
        likelihoods=judged.likelihoods,
        qual=judged.qual,
        gq=judged.gq,
        mapq=support.mapq,
        edge=-1.0,
        depth=support.covering,
        info={**support.numbers, "HAPCOUNT": support.haplotypes},
        evidence=HaplotypeEvidence(weighed, judged.states, judged.priors, judged.lowest),
    )


def site_priors(genotypes: list[Genotype], priors: list[int], settings: Genotyping) -> NDArray[np.int64]:
    """What each genotype's own alleles cost, to be taken out of a posterior to get a likelihood."""

    def prior(genotype: Genotype) -> int:
        shown = {state for state in genotype if state}
        once = sum(priors[state - 1] for state in shown)
        return once + settings.homozygous_prior * is_homozygous_alternate(shown, genotype)

    return np.array([prior(genotype) for genotype in genotypes], dtype=np.int64)


def lowest_by_genotype(genotypes: list[Genotype], costs: NDArray[np.int64], order: Sequence[Genotype]) -> list[int]:
    """Lowest cost among the haplotype pairs of each genotype; a large cost where there is none."""
    lowest = dict.fromkeys(order, int(costs.max()) + 100 * SCALE)
    for genotype, value in zip(genotypes, costs.tolist(), strict=True):
        lowest[genotype] = min(lowest[genotype], value)
    return [lowest[genotype] for genotype in order]


CLEAR = 3 * SCALE  # a fragment supports an allele if the next best fits worse by this


@dataclass
class Support:
    """Fragments that clearly support each allele, by strand, and what they look like; fragments over the position; the
    haplotypes that at least two fragments clearly fit best."""

    strands: list[tuple[int, int]]
    mapq: float
    numbers: dict[str, object]
    covering: int
    haplotypes: int


def allele_of_fragments(states: list[int], costs: NDArray[np.int32], alleles: int) -> NDArray[np.int64]:
    """The allele whose haplotypes each fragment fits best, -1 where that is not clear."""
    out = np.empty(len(costs), dtype=np.int64)
    best = np.empty(alleles, dtype=np.int64)
    kernel.clear_alleles(len(costs), np.array(states, dtype=np.int64), costs, CLEAR, best, out)
    return out


def allele_support(
    reads: TileReads, states: list[int], rows: NDArray[np.int32], costs: NDArray[np.int32], alleles: int, position: int
) -> Support:
    """Assign each fragment to the allele whose haplotypes it fits best, where that is clear."""
    host = reads.batch.records
    columns = (rows, host.flag, host.mapq, host.pos, host.end)
    of_haplotype = np.array(states, dtype=np.int64)

    def measured(only: int = 0) -> tuple[list[list[int]], float, list[float], list[int]]:
        """Fragments by allele and strand, MAPQ and rank sums of the alternates (or ``only`` one), other sums."""
        best, fits = np.empty(alleles, dtype=np.int64), np.zeros(costs.shape[1], dtype=np.int64)
        strands, sums = np.zeros((alleles, 2), dtype=np.int64), np.zeros(4, dtype=np.int64)
        histograms = np.zeros((2, 1, len(RANKS) - 1, kernel.VALUES), dtype=np.int64)
        ranks = np.empty(len(RANKS) - 1)
        counters = (strands, histograms, sums, ranks)
        kernel.support(len(rows), of_haplotype, costs, CLEAR, only, best, fits, *columns, int(position), *counters)
        alternates, squares, *others = sums.tolist()
        return strands.tolist(), root_mean_square(squares, alternates), ranks.tolist(), others

    strands, mapq, ranks, (covering, haplotypes) = measured()
    numbers = rank_numbers(RANKS[1:], ranks)
    if alleles > 2:
        alone = [measured(allele) for allele in range(1, alleles)]
        numbers |= allele_numbers(RANKS[1:], [each[1] for each in alone], [each[2] for each in alone])
    haplotypes = haplotypes if costs.shape[1] > 1 else 1
    return Support([(forward, reverse) for forward, reverse in strands], mapq, numbers, covering, haplotypes)


def record_alleles(reads: TileReads, alleles: list[Allele]) -> tuple[int, str, tuple[str, ...]]:
    """POS (0-based), REF and ALTs of alleles that share a position (VCF 4.3, section 1.6.1: the base before)."""

    def text(start: int, stop: int) -> str:
        return bytes(reads.bases[start - reads.origin : stop - reads.origin]).decode()

    position = alleles[0].position - (not alleles[0].is_snv)
    stop = max(allele.position + allele.deleted for allele in alleles)
    alts = [
        text(position, allele.position) + allele.inserted.decode() + text(allele.position + allele.deleted, stop)
        for allele in alleles
    ]
    return position, text(position, stop), tuple(alts)

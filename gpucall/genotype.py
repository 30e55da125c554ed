"""Stage: genotypes. Isolated SNVs straight from the bases, everything else from haplotypes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from .candidates import Allele
from .config import Genotyping
from .haplotypes import Scored
from .kernels.pileup import Sites
from .kernels.records import READ1, REVERSE
from .kernels.tables import SCALE, log_sum_table
from .pileup import TileReads

BASES = "ACGT"
PAIRS = list(combinations_with_replacement(range(4), 2))  # genotypes of four bases, VCF order within the upper triangle


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
    genotype: tuple[int, ...]
    strands: list[tuple[int, int]]
    likelihoods: list[int]
    qual: float
    gq: int
    mapq: float
    edge: float
    depth: int
    filters: list[str] = field(default_factory=list)
    info: dict[str, object] = field(default_factory=dict)

    @property
    def is_snv(self) -> bool:
        """True where all alleles are single bases."""
        return len(self.ref) == 1 and all(len(alt) == 1 for alt in self.alts)

    @property
    def counts(self) -> list[int]:
        """Fragments of each allele (AD)."""
        return [forward + reverse for forward, reverse in self.strands]


def genotype_order(alleles: int) -> list[tuple[int, int]]:
    """Diploid genotypes in VCF order (VCF 4.3, section 1.6.2)."""
    return [(a, b) for b in range(alleles) for a in range(b + 1)]


# -- isolated SNVs ------------------------------------------------------------------------------------------------


def genotype_costs(sites: Sites) -> NDArray[np.int64]:
    """int64[sites, 10]: cost of the bases under every pair of bases (``PAIRS``)."""
    columns = []
    for a, b in PAIRS:
        saved = sites.match[:, a] if a == b else sites.half[:, a] + sites.half[:, b]
        columns.append(sites.other + saved)
    return np.stack(columns, axis=1) if len(sites.other) else np.empty((0, len(PAIRS)), dtype=np.int64)


def base_priors(settings: Genotyping) -> NDArray[np.int64]:
    """int64[4, 10]: cost of every pair of bases, by reference base."""
    table = np.zeros((4, len(PAIRS)), dtype=np.int64)
    for reference in range(4):
        for column, pair in enumerate(PAIRS):
            alternates = {base for base in pair if base != reference}
            homozygous = len(alternates) == 1 and pair[0] == pair[1]
            table[reference, column] = len(alternates) * settings.snv_prior + homozygous * settings.homozygous_prior
    return table


def call_snvs(reads: TileReads, sites: Sites, settings: Genotyping) -> Iterator[Call]:
    """Calls at sites where another genotype than homozygous reference is the most probable one."""
    reference = np.searchsorted(np.frombuffer(b"ACGT", dtype=np.uint8), reads.bases[sites.position - reads.origin])
    costs = genotype_costs(sites)
    posterior = costs + base_priors(settings)[reference]
    best = posterior.argmin(axis=1)
    homozygous = np.array([PAIRS.index((base, base)) for base in range(4)])[reference]
    rows = np.arange(len(best))
    qual = posterior[rows, homozygous] - posterior[rows, best]
    for s in np.flatnonzero(qual >= settings.min_qual * SCALE).tolist():
        yield snv_call(sites, s, int(reference[s]), PAIRS[int(best[s])], costs[s], posterior[s], int(qual[s]))


def snv_call(
    sites: Sites,
    s: int,
    reference: int,
    pair: tuple[int, int],
    costs: NDArray[np.int64],
    posterior: NDArray[np.int64],
    qual: int,
) -> Call:
    """The record of one SNV site."""
    alternates = sorted({base for base in pair if base != reference}, key=lambda b: (-int(sites.count[s, b].sum()), b))
    alleles = [reference, *alternates]
    order = [tuple(sorted((alleles[a], alleles[b]))) for a, b in genotype_order(len(alleles))]
    columns = [PAIRS.index((a, b)) for a, b in order]
    likelihoods = costs[columns] - costs[columns].min()
    others = np.delete(posterior[columns], columns.index(PAIRS.index(pair)))
    fragments = int(sites.count[s, alternates].sum())
    return Call(
        position=int(sites.position[s]),
        ref=BASES[reference],
        alts=tuple(BASES[base] for base in alternates),
        genotype=tuple(sorted(alleles.index(base) for base in pair)),
        strands=[(int(sites.count[s, base, 0]), int(sites.count[s, base, 1])) for base in alleles],
        likelihoods=likelihoods.tolist(),
        qual=qual / SCALE,
        gq=int(others.min() - posterior[PAIRS.index(pair)]) // SCALE,
        mapq=float(np.sqrt(sites.mapq[s, alternates].sum() / max(fragments, 1))),
        edge=float(sites.edge[s, alternates].sum() / max(fragments, 1)),
        depth=int(sites.count[s].sum()),
    )


# -- windows ------------------------------------------------------------------------------------------------------


def call_windows(reads: TileReads, scored: list[Scored], settings: Genotyping) -> Iterator[Call]:
    """Calls of all windows of a tile; one launch for all pairs of haplotypes."""
    if not scored:
        return
    fragments = [merge_mates(reads, window, settings) for window in scored]
    pairs = [list(combinations_with_replacement(range(len(window.haplotypes)), 2)) for window in scored]
    totals = pair_costs(reads, [costs for _, costs in fragments], pairs)
    for window, (rows, costs), pair, total in zip(scored, fragments, pairs, totals, strict=True):
        yield from window_calls(reads, window, rows, costs, pair, total, settings)


def merge_mates(
    reads: TileReads, window: Scored, settings: Genotyping
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """One row of capped costs a fragment: of overlapping mates the one that says more (ties: ``comes_first``)."""
    host = reads.batch.records
    costs = window.costs - window.costs.min(axis=1, keepdims=True)
    cap = np.minimum(settings.read_cap, host.mapq[window.rows].astype(np.int32) * SCALE)
    costs = np.minimum(costs, cap[:, None])
    mate = host.mate[window.rows]
    where = np.searchsorted(window.rows, mate)
    where[where == len(window.rows)] = 0
    both = (mate >= 0) & (window.rows[where] == mate)
    says = costs.sum(axis=1)
    mate_says = np.where(both, says[where], -1)
    ahead = host.pos[mate] - host.pos[window.rows]
    first = (ahead > 0) | ((ahead == 0) & (host.flag[window.rows] & READ1 > 0))
    keep = (says > mate_says) | ((says == mate_says) & first)
    return window.rows[keep], costs[keep]


def pair_costs(
    reads: TileReads, costs: list[NDArray[np.int32]], pairs: list[list[tuple[int, int]]]
) -> list[NDArray[np.int64]]:
    """Cost of every window's fragments under every pair of its haplotypes."""
    backend = reads.backend
    widest = max(cost.shape[1] for cost in costs)
    padded = np.concatenate([np.pad(cost, ((0, 0), (0, widest - cost.shape[1]))) for cost in costs])
    last = np.cumsum([len(cost) for cost in costs], dtype=np.int64)
    first = last - [len(cost) for cost in costs]
    sizes = [len(pair) for pair in pairs]
    flat = np.array([pair for window in pairs for pair in window], dtype=np.int32)
    out = backend.xp.zeros(len(flat), dtype=backend.xp.int64)
    columns = (padded, np.repeat(first, sizes), np.repeat(last, sizes), flat[:, 0].copy(), flat[:, 1].copy())
    columns += (log_sum_table(),)
    backend.launch("genotype.pairs", len(flat), *(backend.upload(column) for column in columns), out)
    return np.split(backend.download(out), np.cumsum(sizes)[:-1])


def pair_priors(window: Scored, pairs: list[tuple[int, int]], settings: Genotyping) -> NDArray[np.int64]:
    """Cost of every pair of haplotypes: each allele once, and some more where both haplotypes have it."""
    alleles = window.window.alleles
    costs = window.window.priors

    def prior(one: int, two: int) -> int:
        either, both = one | two, one & two
        bits = range(len(alleles))
        once = sum(costs[bit] for bit in bits if either >> bit & 1)
        return once + settings.homozygous_prior * bin(both).count("1")

    return np.array([prior(window.haplotypes[a], window.haplotypes[b]) for a, b in pairs], dtype=np.int64)


def site_groups(alleles: list[Allele]) -> list[list[int]]:
    """Bits of the alleles that share a record: same position, all SNVs or all indels."""
    groups: dict[tuple[int, bool], list[int]] = {}
    for bit, allele in enumerate(alleles):
        groups.setdefault((allele.position - (not allele.is_snv), allele.is_snv), []).append(bit)
    return [groups[key] for key in sorted(groups)]


def window_calls(
    reads: TileReads,
    window: Scored,
    rows: NDArray[np.int32],
    costs: NDArray[np.int32],
    pairs: list[tuple[int, int]],
    totals: NDArray[np.int64],
    settings: Genotyping,
) -> Iterator[Call]:
    """Calls of one window, consistent with each other: all from the same most probable pair of haplotypes."""
    posterior = totals + pair_priors(window, pairs, settings)
    best = int(posterior.argmin())
    one, two = (window.haplotypes[h] for h in pairs[best])
    for bits in site_groups(window.window.alleles):
        called = [bit for bit in bits if (one | two) >> bit & 1]
        if called:
            call = site_call(reads, window, called, rows, costs, pairs, totals, posterior, best, settings)
            if call is not None:
                yield call


def site_call(
    reads: TileReads,
    window: Scored,
    bits: list[int],
    rows: NDArray[np.int32],
    costs: NDArray[np.int32],
    pairs: list[tuple[int, int]],
    totals: NDArray[np.int64],
    posterior: NDArray[np.int64],
    best: int,
    settings: Genotyping,
) -> Call | None:
    """The record of the alleles ``bits`` of one site; None where the evidence is too weak."""
    alleles = [window.window.alleles[bit] for bit in bits]
    states = [next((k + 1 for k, bit in enumerate(bits) if mask >> bit & 1), 0) for mask in window.haplotypes]
    genotypes = [tuple(sorted((states[a], states[b]))) for a, b in pairs]
    order = genotype_order(len(bits) + 1)
    elsewhere = posterior - site_priors(genotypes, [window.window.priors[bit] for bit in bits], settings)
    likelihoods = lowest_by_genotype(genotypes, elsewhere, order)
    weights = lowest_by_genotype(genotypes, posterior, order)
    qual = (weights[0] - posterior[best]) / SCALE
    if qual < settings.min_qual:
        return None
    called = genotypes[best]
    others = [weight for genotype, weight in zip(order, weights, strict=True) if genotype != called]
    strands, mapq = allele_support(reads, states, rows, costs, len(bits) + 1)
    position, ref, alts = record_alleles(reads, alleles)
    lowest = min(likelihoods)
    return Call(
        position=position,
        ref=ref,
        alts=alts,
        genotype=called,
        strands=strands,
        likelihoods=[likelihood - lowest for likelihood in likelihoods],
        qual=qual,
        gq=int(min(others) - posterior[best]) // SCALE,
        mapq=mapq,
        edge=-1.0,
        depth=len(rows),
    )


def site_priors(
    genotypes: list[tuple[int, ...]], priors: list[int], settings: Genotyping
) -> NDArray[np.int64]:
    """What each genotype's own alleles cost, to be taken out of a posterior to get a likelihood."""

    def prior(genotype: tuple[int, ...]) -> int:
        shown = {state for state in genotype if state}
        once = sum(priors[state - 1] for state in shown)
        return once + settings.homozygous_prior * (len(shown) == 1 and genotype[0] == genotype[1])

    return np.array([prior(genotype) for genotype in genotypes], dtype=np.int64)


def lowest_by_genotype(
    genotypes: list[tuple[int, ...]], costs: NDArray[np.int64], order: list[tuple[int, int]]
) -> list[int]:
    """Lowest cost among the haplotype pairs of each genotype; a large cost where there is none."""
    lowest = dict.fromkeys(order, int(costs.max()) + 100 * SCALE)
    for genotype, value in zip(genotypes, costs.tolist(), strict=True):
        key = (genotype[0], genotype[1])
        lowest[key] = min(lowest[key], value)
    return [lowest[genotype] for genotype in order]


CLEAR = 3 * SCALE  # a fragment supports an allele if the next best fits worse by this


def allele_support(
    reads: TileReads, states: list[int], rows: NDArray[np.int32], costs: NDArray[np.int32], alleles: int
) -> tuple[list[tuple[int, int]], float]:
    """Fragments that clearly support each allele, by strand, and the alternates' root mean square MAPQ."""
    state = np.array(states)
    unlikely = np.full(len(rows), 1 << 28, dtype=np.int64)
    best = np.stack(
        [costs[:, state == k].min(axis=1) if (state == k).any() else unlikely for k in range(alleles)], axis=1
    )
    ordered = np.sort(best, axis=1)
    clear = ordered[:, 1] - ordered[:, 0] >= CLEAR
    choice = best.argmin(axis=1)
    reverse = (reads.batch.records.flag[rows] & REVERSE) > 0
    strands = [
        (int((clear & (choice == k) & ~reverse).sum()), int((clear & (choice == k) & reverse).sum()))
        for k in range(alleles)
    ]
    alternate = reads.batch.records.mapq[rows][clear & (choice > 0)].astype(np.float64)
    return strands, float(np.sqrt((alternate**2).mean())) if len(alternate) else 0.0


def record_alleles(reads: TileReads, alleles: list[Allele]) -> tuple[int, str, tuple[str, ...]]:
    """POS (0-based), REF and ALTs of alleles that share a position (VCF 4.3, section 1.6.1: the base before an indel)."""

    def text(start: int, stop: int) -> str:
        return bytes(reads.bases[start - reads.origin : stop - reads.origin]).decode()

    position = alleles[0].position - (not alleles[0].is_snv)
    stop = max(allele.position + allele.deleted for allele in alleles)
    alts = [
        text(position, allele.position) + allele.inserted.decode() + text(allele.position + allele.deleted, stop)
        for allele in alleles
    ]
    return position, text(position, stop), tuple(alts)

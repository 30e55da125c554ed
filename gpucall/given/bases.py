"""bases: given sites of single bases, weighed by the bases over them, all of a tile at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from .. import filters, genotype, pileup
from ..config import Settings
from ..genotype import BASE_GENOTYPES, COLUMNS, REFERENCE_COLUMN, genotype_order
from ..io.alleles import NO_BASE, Sites
from ..io.vcf import FORMAT, HIGHEST_GQ, HIGHEST_PL
from ..kernels.tables import SCALE
from .records import FLAG, Answer, Record, View, no_call


def weigh_bases(
    view: View,
    contig: str,
    sites: Sites,
    rows: NDArray[np.int64],
    ploidy: int,
    by_haplotype: list[int],
    settings: Settings,
) -> Iterator[Answer]:
    """Answers of sites from the bases over them; those that need haplotypes after all are added to ``by_haplotype``."""
    size = settings.given.sites_at_once
    for start in range(0, len(rows), size):
        yield from _weigh_bases(view, contig, sites, rows[start : start + size], ploidy, by_haplotype, settings)


def _weigh_bases(
    view: View,
    contig: str,
    sites: Sites,
    rows: NDArray[np.int64],
    ploidy: int,
    by_haplotype: list[int],
    settings: Settings,
) -> list[Answer]:
    reads, position = view.reads, sites.position[rows]
    evidence = pileup.gather_sites(reads, position)
    reference = sites.ref[rows].astype(np.int64)
    counts = evidence.count.sum(axis=2)
    depth = counts.sum(axis=1)
    shows = np.take_along_axis(np.pad(counts, ((0, 0), (0, 1))), sites.alts[rows].astype(np.int64), axis=1).sum(axis=1)
    known = np.isin(reads.bases[position - reads.origin], np.frombuffer(b"ACGT", dtype=np.uint8))
    unclear = needs_haplotypes(view, position, shows > 0) & known & (depth > 0)
    by_haplotype += rows[unclear].tolist()
    costs = genotype.genotype_costs(evidence, ploidy)
    posterior = costs + genotype.base_priors(settings.genotyping, ploidy)[reference]
    best = posterior.argmin(axis=1)
    plain = (best == REFERENCE_COLUMN[ploidy][reference]) & (depth > 0) & known & ~unclear
    found = (depth > 0) & known & ~unclear & ~plain
    answers = [no_call(contig, sites, row, ploidy, "NotCallable") for row in rows[~known].tolist()]
    answers += [no_call(contig, sites, row, ploidy, "NoCoverage") for row in rows[known & (depth == 0)].tolist()]
    answers += plain_lines(contig, sites, rows[plain], reference[plain], counts[plain], costs[plain], ploidy)
    chosen = np.flatnonzero(found)
    answers += called_bases(view, sites, rows, chosen, evidence, reference, costs, posterior, best, ploidy, settings)
    return answers


def needs_haplotypes(view: View, position: NDArray[np.int64], shown: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where bases may deceive: an alternate is shown inside of a window, or a called deletion takes the base away."""
    inside = covered([(window.core_start, window.core_stop) for window in view.windows], position)
    gone = [(call.position + 1, call.position + len(call.ref)) for call in view.calls if len(call.ref) > 1]
    return (inside & shown) | covered(gone, position)


def covered(spans: Sequence[tuple[int, int]], position: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which positions lie in one of some spans [start, stop)."""
    starts, stops = np.array(sorted(spans), dtype=np.int64).reshape(-1, 2).T
    reach = np.maximum.accumulate(np.concatenate([[-1], stops]))
    return position < reach[np.searchsorted(starts, position, side="right")]


def plain_lines(
    contig: str,
    sites: Sites,
    rows: NDArray[np.int64],
    reference: NDArray[np.int64],
    counts: NDArray[np.int64],
    costs: NDArray[np.int64],
    ploidy: int,
) -> Iterator[Answer]:
    """The lines of sites of single bases where only the reference was found; no call is made of each."""
    depths = counts.sum(axis=1).tolist()
    sizes = 1 + (sites.alts[rows] != NO_BASE).sum(axis=1)
    lines: dict[int, str] = {}
    zero = "0/0" if ploidy == 2 else "0"
    for alleles in np.unique(sizes).tolist():
        mine = np.flatnonzero(sizes == alleles)
        bases = np.column_stack([reference[mine], sites.alts[rows[mine], : alleles - 1].astype(np.int64)])
        shown = np.take_along_axis(counts[mine], bases, axis=1)
        phreds, quality = phred_likelihoods(costs[mine], bases, ploidy)
        columns = (mine.tolist(), shown.tolist(), shown.sum(axis=1).tolist(), quality.tolist(), phreds.tolist())
        for index, ad, supporting, gq, pl in zip(*columns, strict=True):
            lines[index] = f"{zero}:{','.join(map(str, ad))}:{supporting}:{gq}:{','.join(map(str, pl))}\n"
    positions = (sites.position[rows] + 1).tolist()
    for index, row in enumerate(rows.tolist()):
        start = f"{contig}\t{positions[index]}\t{sites.text[row]}\t0.00\tPASS\t{FLAG};DP={depths[index]}\t{FORMAT}\t"
        yield Answer(row, text=start + lines[index], depth=depths[index])


def phred_likelihoods(
    costs: NDArray[np.int64], bases: NDArray[np.int64], ploidy: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """PL int64[sites, genotypes] of the alleles ``bases`` int64[sites, alleles], and GQ of the reference alone: by how
    much the next genotype fits worse."""
    order = np.array(genotype_order(bases.shape[1], ploidy))
    wanted = np.take_along_axis(costs, COLUMNS[ploidy][bases[:, order[:, 0]], bases[:, order[:, -1]]], axis=1)
    quality = np.clip((wanted[:, 1:].min(axis=1) - wanted[:, 0]) // SCALE, 0, HIGHEST_GQ)
    likelihoods = wanted - wanted.min(axis=1, keepdims=True)
    return np.minimum((likelihoods + SCALE // 2) // SCALE, HIGHEST_PL), quality


def called_bases(
    view: View,
    sites: Sites,
    rows: NDArray[np.int64],
    chosen: NDArray[np.int64],
    evidence: pileup.Sites,
    reference: NDArray[np.int64],
    costs: NDArray[np.int64],
    posterior: NDArray[np.int64],
    best: NDArray[np.int64],
    ploidy: int,
    settings: Settings,
) -> list[Answer]:
    """Answers at the sites ``chosen`` (of ``rows``) where an alternate was found."""
    genotypes = BASE_GENOTYPES[ploidy]
    some = pileup.Sites(*(column[chosen] for column in evidence))
    shown = genotype.alternates_shown(reference[chosen], best[chosen], genotypes)
    ranks = genotype.snv_ranks(some, reference[chosen], shown)
    without = posterior[chosen, REFERENCE_COLUMN[ploidy][reference[chosen]]]
    qual = without - posterior[chosen].min(axis=1, initial=1 << 60)
    columns = (reference[chosen], best[chosen], qual, costs[chosen], posterior[chosen], ranks)
    fields = (some.position, some.count, some.mapq, some.edge)
    answers = []
    listed = zip(rows[chosen].tolist(), *(column.tolist() for column in (*columns, *fields)), strict=True)
    for k, (row, *values) in enumerate(listed):
        asked = [int(base) for base in sites.alts[row] if base != NO_BASE]
        call = genotype.snv_call(genotypes, *values, asked=asked)
        if len(call.alts) > 1:
            call.info |= genotype.snv_allele_numbers(pileup.Sites(*(column[[k]] for column in some)), call)
        answers.append(Answer(row, call))
    calls = [answer.call for answer in answers if answer.call is not None]
    for answer, call in zip(answers, filters.annotate(calls, settings.filtering), strict=True):
        written = Record(sites, answer.row)
        call.ref, call.alts = written.texts_with(call.alts[len(written.alts) :])
        call.name, call.info = written.name, {FLAG: True} | call.info
        answer.absorbed = [each for each in view.calls if each.position == call.position and each.is_snv]
        call.filters += [doubt for each in answer.absorbed for doubt in each.filters if doubt not in call.filters]
    return answers

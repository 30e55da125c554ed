"""Stage: calls with the allele that nobody named (``<NON_REF>``, ``<*>``), and one call for calls that overlap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from .genotype import BASES, COLUMN, BaseEvidence, Call, Genotype, HaplotypeEvidence, genotype_order
from .kernels.genotype import HALF
from .kernels.tables import log_sum_table

# -- the allele that nobody named --------------------------------------------------------------------------------------


def with_unlisted(call: Call, name: str) -> Call:
    """The call with one more allele, ``name``, for all that its record does not list; without its evidence."""
    costs, fragments = unlisted(call)
    out = object.__new__(Call)  # as ``dataclasses.replace``, in a tenth of its time
    vars(out).update(vars(call))
    vars(out).pop("counts", None)  # cached, of fewer alleles
    out.alts = (*call.alts, name)
    out.strands = [*call.strands, fragments]
    out.likelihoods = [*call.likelihoods, *[max(cost, 0) for cost in costs]]
    if len(call.alts) > 1:
        out.info = {key: [*value, "."] if isinstance(value, list) else value for key, value in call.info.items()}
        out.info_text = ""
    if call.shares:
        out.shares = (*call.shares, unlisted_share(call, sum(fragments)))
    out.evidence = None
    return out


def unlisted_share(call: Call, fragments: int) -> float:
    """Share of the mitochondria that show the unlisted allele."""
    return round(fragments / max(sum(call.counts) + fragments, 1), 4)


def unlisted(call: Call) -> tuple[list[int], tuple[int, int]]:
    """Costs of the genotypes with the unlisted allele, in VCF order, relative to the call's lowest; and the fragments
    that show it, by strand."""
    if isinstance(call.evidence, BaseEvidence):
        return unlisted_bases(call, call.evidence)
    if isinstance(call.evidence, HaplotypeEvidence):
        return unlisted_haplotypes(call, call.evidence), (0, 0)
    raise ValueError(f"the call at {call.position} has lost its evidence")


def unlisted_bases(call: Call, evidence: BaseEvidence) -> tuple[list[int], tuple[int, int]]:
    """The unlisted allele is the likeliest of the bases that are not listed."""
    listed, columns, others = unlisted_columns((call.ref, *call.alts), call.ploidy)
    known, count = evidence
    lowest = known[listed] - call.likelihoods[0]
    costs = [min([known[column] for column in each]) - lowest for each in columns]
    return costs, (sum([count[base][0] for base in others]), sum([count[base][1] for base in others]))


@cache
def unlisted_columns(alleles: tuple[str, ...], ploidy: int) -> tuple[int, list[list[int]], list[int]]:
    """Of some bases, the reference first: the column of its genotype in ``BASE_GENOTYPES``, those of each genotype with
    an unlisted base, in VCF order, and the unlisted bases."""
    listed = [BASES.index(base) for base in alleles]
    others = [base for base in range(4) if base not in listed]
    if ploidy == 1:
        genotypes: list[list[Genotype]] = [[(base,) for base in others]]
    else:
        genotypes = [[(base, other) for other in others] for base in listed]
        genotypes.append([(a, b) for a in others for b in others])
    columns = [[COLUMN[genotype] for genotype in each] for each in genotypes]
    return COLUMN[(listed[0],) * ploidy], columns, others


def unlisted_haplotypes(call: Call, evidence: HaplotypeEvidence) -> list[int]:
    """The unlisted allele fits every fragment as badly as a fragment may say."""
    caps = evidence.weighed.caps
    alone = int(caps.sum()) - evidence.lowest
    if call.ploidy == 1:
        return [alone]
    scored = evidence.weighed.window
    totals = either(evidence.weighed.costs.astype(np.int64), caps[:, None]).sum(axis=0) - evidence.lowest
    best: dict[int, int] = {}
    for mask, state, total in zip(scored.haplotypes, evidence.states, totals.tolist(), strict=True):
        prior = sum(cost for bit, cost in enumerate(scored.window.priors) if mask >> bit & 1)
        cost = total + prior - (evidence.priors[state - 1] if state else 0)
        best[state] = min(best.get(state, cost), cost)
    return [*(best.get(state, alone) for state in range(len(call.alts) + 1)), alone]


def either(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cost of (p + q) / 2 from the costs of p and q (``kernels.genotype.cost_of_either``)."""
    table = log_sum_table()
    saved: NDArray[np.int64] = table[np.minimum(np.abs(a - b), len(table) - 1)]
    return np.minimum(a, b) + HALF - saved


# -- calls that overlap ------------------------------------------------------------------------------------------------


def joined(calls: Sequence[Call]) -> Call:
    """One call for calls, each with its unlisted allele last, whose reference bases overlap.

    Its alleles are the sequences of the called copies, and those that a part of the mitochondria has. Its likelihoods
    are bounds: a genotype of whole sequences costs at least what the genotype that it implies costs at each of the
    calls.
    """
    if len(calls) == 1:
        return calls[0]
    ref = joint_reference(calls)
    copies = list(called_copies(calls, ref))
    found = {ref: (0,) * len(calls)}
    for sequence, state in (*copies, *minor_copies(calls, ref)):
        found.setdefault(sequence, state)
    sequences = list(found)
    states = [*found.values(), tuple(len(call.alts) for call in calls)]
    phase_set = shared_phase(calls)
    genotype = tuple(sequences.index(sequence) for sequence, _ in copies)
    likelihoods = joint_likelihoods(calls, states)
    depth = max(call.depth for call in calls)
    return replace(
        calls[0],
        ref=ref,
        alts=(*sequences[1:], calls[0].alts[-1]),
        genotype=genotype if phase_set >= 0 else tuple(sorted(genotype)),
        strands=[joint_strands(calls, state) for state in states],
        likelihoods=likelihoods,
        qual=max(call.qual for call in calls),
        gq=min(call.gq for call in calls),
        mapq=min(call.mapq for call in calls),
        edge=-1.0,
        depth=depth,
        shares=joint_shares(calls, states[1:]),
        phase_set=phase_set,
        filters=list(dict.fromkeys(name for call in calls for name in call.filters)),
        info_text="",
        info={"DP": depth, "MQ": round(min(call.mapq for call in calls), 2)},
    )


def joint_reference(calls: Sequence[Call]) -> str:
    """The reference from the first call's first base to the last base of any of them."""
    start, text = calls[0].position, ""
    for call in calls:
        text += call.ref[start + len(text) - call.position :]
    return text


def called_copies(calls: Sequence[Call], ref: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Sequence of each called copy, and its allele at every call.

    Calls that are not phased with each other are paired as they are written, or the other way round if only then no
    two of their alleles change the same bases.
    """
    orders = [calls[0].genotype]
    for call in calls[1:]:
        choices = [call.genotype]
        if call.phase_set < 0 or call.phase_set != calls[0].phase_set:
            choices.append(call.genotype[::-1])
        so_far = calls[: len(orders)]
        orders.append(min(choices, key=lambda order: conflicts([*so_far, call], [*orders, order])))
    for number in range(calls[0].ploidy):
        state = tuple(order[number] for order in orders)
        yield sequence_of(calls, state, ref)[0], state


def minor_copies(calls: Sequence[Call], ref: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """As ``called_copies``: each alternate that a part of the mitochondria has beside the called allele, alone."""
    for number, call in enumerate(calls):
        for allele in range(1, len(call.alts) if call.shares else 0):
            if allele not in call.genotype:
                state = tuple(allele if each == number else 0 for each in range(len(calls)))
                yield sequence_of(calls, state, ref)[0], state


def joint_shares(calls: Sequence[Call], states: Sequence[tuple[int, ...]]) -> tuple[float, ...]:
    """Share of the mitochondria with each of some sequences: at most that of each of its parts."""
    if not all(call.shares for call in calls):
        return ()
    return tuple(
        min(call.shares[allele - 1] for call, allele in zip(calls, state, strict=True) if allele) for state in states
    )


def conflicts(calls: Sequence[Call], orders: Sequence[Genotype]) -> int:
    """Alleles that change bases which another allele of their copy has changed."""
    ref = joint_reference(calls)
    copies = range(calls[0].ploidy)
    return sum(sequence_of(calls, [order[copy] for order in orders], ref)[1] for copy in copies)


def sequence_of(calls: Sequence[Call], state: Sequence[int], ref: str) -> tuple[str, int]:
    """``ref`` with an allele of each call put in, and how many could not be, since others took their bases."""
    start = at = calls[0].position
    text, refused = "", 0
    for call, allele in zip(calls, state, strict=True):
        if allele == 0 or call.alts[allele - 1] == "*":
            continue
        first, stop, inserted = changed(call.position, call.ref, call.alts[allele - 1])
        if first < at:
            refused += 1
            continue
        text += ref[at - start : first - start] + inserted
        at = stop
    return text + ref[at - start :], refused


def changed(position: int, ref: str, alt: str) -> tuple[int, int, str]:
    """The bases [start, stop) that an allele changes, and what they become; as far left as can be."""
    end = 0
    while end < min(len(ref), len(alt)) and ref[-1 - end] == alt[-1 - end]:
        end += 1
    same = 0
    while same < min(len(ref), len(alt)) - end and ref[same] == alt[same]:
        same += 1
    return position + same, position + len(ref) - end, alt[same : len(alt) - end]


def shared_phase(calls: Sequence[Call]) -> int:
    """The phase set of all heterozygous calls; -1 where they have none in common."""
    found = {call.phase_set for call in calls if call.is_heterozygous}
    return found.pop() if len(found) == 1 else -1


def joint_likelihoods(calls: Sequence[Call], states: Sequence[tuple[int, ...]]) -> list[int]:
    """Costs of the genotypes of the alleles whose parts are ``states``, in VCF order, lowest 0."""
    ploidy = calls[0].ploidy
    tables = [dict(zip(genotype_order(len(call.alts) + 1, ploidy), call.likelihoods, strict=True)) for call in calls]

    def cost(genotype: Genotype) -> int:
        parts = (tuple(sorted(states[allele][c] for allele in genotype)) for c in range(len(calls)))
        return max(table[part] for table, part in zip(tables, parts, strict=True))

    costs = [cost(genotype) for genotype in genotype_order(len(states), ploidy)]
    return [value - min(costs) for value in costs]


def joint_strands(calls: Sequence[Call], state: Sequence[int]) -> tuple[int, int]:
    """Fragments, by strand, that show an allele wherever it differs from the reference (or nowhere)."""
    shown = [call.strands[allele] for call, allele in zip(calls, state, strict=True) if allele or not any(state)]
    return min(forward for forward, _ in shown), min(reverse for _, reverse in shown)

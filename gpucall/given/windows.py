"""windows: given alleles that need haplotypes, each record in a window of its own, beside what was called around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import filters, genotype, haplotypes
from ..candidates import Allele, Window, make_window
from ..config import Settings
from ..genotype import Call, genotype_order
from ..io.alleles import Sites
from ..kernels.tables import SCALE
from ..pileup import TileReads
from .records import FLAG, STAR, Answer, Record, View, no_call, trimmed

ASKED_SUPPORT = 1 << 20  # so that a window keeps the given alleles first


def allele_of(reads: TileReads, position: int, ref: str, alt: str, support: int) -> Allele:
    """An ALT as the stages hold it: an indel left-aligned (Tan, Abecasis & Kang 2015)."""
    at, deleted, inserted = trimmed(position, ref, alt)
    if deleted and inserted:
        return Allele(at, deleted, inserted, support)
    bases, at = reads.bases, at - reads.origin
    while at > 0 and bases[at - 1] == (bases[at + deleted - 1] if deleted else inserted[-1]):
        at -= 1
        inserted = inserted[-1:] + inserted[:-1]
    return Allele(at + reads.origin, deleted, inserted, support)


def change(allele: Allele) -> tuple[int, int, bytes]:
    """What an allele is, whatever supports it."""
    return allele.position, allele.deleted, allele.inserted


@dataclass
class Question:
    """A given record with its window.

    asked    bit of each ALT in ``window.alleles``
    further  bits of alleles of discovered records at the same position that REF can express
    texts    of those
    called   masks of the haplotypes that were called around the site
    """

    written: Record
    window: Window
    asked: list[int]
    further: list[int]
    texts: list[str]
    called: list[int]
    absorbed: list[Call]

    def state(self, mask: int) -> int:
        """Which allele of the record a haplotype has; one more than the last: its base is deleted by another one.

        Alleles that make up a given one together are that one.
        """
        for state, bit in enumerate([*self.asked, *self.further], start=1):
            if mask >> bit & 1:
                return state
        if (together := self._within(mask)) in self.written.alts:
            return 1 + self.written.alts.index(together)
        first = self.written.position + (len(self.written.ref) > 1)
        last = self.written.position + len(self.written.ref)
        spanned = any(
            mask >> bit & 1 and allele.position < last and allele.position + allele.deleted > first
            for bit, allele in enumerate(self.window.alleles)
            if allele.deleted > len(allele.inserted)
        )
        return len(self.asked) + len(self.further) + 1 if spanned else 0

    def _within(self, mask: int) -> str:
        """REF with the haplotype's alleles that lie in it."""
        ref, bases = self.written.ref, self.written.ref
        for bit in reversed(range(len(self.window.alleles))):  # from the right, so that positions hold
            allele = self.window.alleles[bit]
            start = allele.position - self.written.position
            if mask >> bit & 1 and start >= 0 and start + allele.deleted <= len(ref):
                bases = bases[:start] + allele.inserted.decode() + bases[start + allele.deleted :]
        return bases


def weigh_haplotypes(
    view: View,
    contig: str,
    sites: Sites,
    rows: Sequence[int],
    ploidy: int,
    gaps: NDArray[np.int32],
    settings: Settings,
) -> list[Answer]:
    """Answers of sites that need haplotypes, each in a window of its own, all in one launch."""
    questions = [ask(view, Record(sites, row), settings) for row in rows]
    by_window = {id(question.window): question for question in questions}

    def choose(window: Window, shown: Any, covers: Any, limits: Any) -> list[int]:
        return choose_haplotypes(view.reads, by_window[id(window)], shown, covers, settings)

    windows = [question.window for question in questions]
    scored = haplotypes.score_windows(view.reads, windows, view.events, gaps, settings.haplotyping, choose)
    weighed = genotype.weigh_windows(view.reads, scored, settings.genotyping, ploidy)
    answer = partial(answer_question, view, contig, sites, ploidy=ploidy, settings=settings)
    return [answer(question, each) for question, each in zip(questions, weighed, strict=True)]


def ask(view: View, written: Record, settings: Settings) -> Question:
    """The window of a given record: its alleles, and what was called close to them."""
    reads = view.reads
    each = [allele_of(reads, written.position, written.ref, alt, ASKED_SUPPORT) for alt in written.alts]
    asked = list({change(allele): allele for allele in each}.values())
    low = min(allele.position for allele in asked) - settings.candidates.join
    high = max(allele.stop for allele in asked) + settings.candidates.join
    near = [call for call in view.calls if call.position < high and call.position + len(call.ref) > low]
    around = [(call, copies) for call in near for copies in [called_alleles(reads, call)] if any(copies)]
    others = {change(allele): allele for _, copies in around for allele in copies if allele is not None}
    group = [*asked, *(allele for key, allele in others.items() if key not in {change(one) for one in asked})]
    window = make_window(reads, sorted(group), settings.candidates, settings.genotyping)
    bits = {change(allele): bit for bit, allele in enumerate(window.alleles)}
    called = called_haplotypes([copies for _, copies in around], bits)
    known = [bits[change(allele)] for allele in each]
    absorbed, texts = absorb(written, asked, around, bits)
    return Question(written, window, known, list(texts), list(texts.values()), called, absorbed)


def called_haplotypes(around: Sequence[list[Allele | None]], bits: dict[tuple[int, int, bytes], int]) -> list[int]:
    """The alleles of each copy of the genotypes around a site, as masks."""
    masks = [0] * max(map(len, around), default=0)
    for copies in around:
        for copy, allele in enumerate(copies):
            if allele is not None and change(allele) in bits:
                masks[copy] |= 1 << bits[change(allele)]
    return masks


def called_alleles(reads: TileReads, call: Call) -> list[Allele | None]:
    """What each copy of a discovered call's genotype has there; None: the reference, or nothing."""
    counts = call.counts
    return [
        allele_of(reads, call.position, call.ref, call.alts[number - 1], counts[number])
        if number and call.alts[number - 1] != STAR
        else None
        for number in call.genotype
    ]


def absorb(
    written: Record,
    asked: Sequence[Allele],
    around: Sequence[tuple[Call, list[Allele | None]]],
    bits: dict[tuple[int, int, bytes], int],
) -> tuple[list[Call], dict[int, str]]:
    """Discovered records that the given one can stand for, and their further alleles, as bits with their texts.

    Those are records of single bases at the position of one that is given, and of indels where one is given.
    """
    known = [bits[change(allele)] for allele in asked]
    kinds = {True} if any(allele.is_snv and allele.position == written.position for allele in asked) else set()
    kinds |= {False} if any(not (allele.deleted and allele.inserted) for allele in asked) else set()
    absorbed: list[Call] = []
    texts: dict[int, str] = {}
    for call, copies in around:
        if call.position != written.position or call.is_snv not in kinds:
            continue
        more: dict[int, str] = {}
        fits = True
        for allele in copies:
            if allele is None:
                continue
            bit = bits.get(change(allele), -1)
            start = allele.position - written.position
            if bit in known:
                continue
            fits &= bit >= 0 and start >= 0 and start + allele.deleted <= len(written.ref)
            more[bit] = written.ref[:start] + allele.inserted.decode() + written.ref[start + allele.deleted :]
        if fits:
            absorbed.append(call)
            texts |= more
    return absorbed, texts


def choose_haplotypes(reads: TileReads, question: Question, shown: Any, covers: Any, settings: Settings) -> list[int]:
    """Haplotypes of a given record: what reads show, its alleles alone and beside what was called; no two alike."""
    window, asked = question.window, [1 << bit for bit in question.asked]
    limits = settings.haplotyping._replace(most_haplotypes=settings.given.most_haplotypes)
    found = haplotypes.choose_haplotypes(window, shown, covers, limits)[: limits.most_haplotypes]
    wanted = [0, *asked, *question.called, *(mask | bit for mask in question.called for bit in asked), *found]
    several = [one | two for one, two in combinations(set(asked), 2)]
    kept: dict[bytes, int] = {}
    for mask in wanted:
        if haplotypes.compatible(mask, window.alleles) and not any(mask & both == both for both in several):
            kept.setdefault(haplotypes.haplotype_bases(reads, window, mask), mask)
    return list(kept.values())[: settings.given.most_haplotypes]


def answer_question(
    view: View,
    contig: str,
    sites: Sites,
    question: Question,
    weighed: genotype.Weighed,
    ploidy: int,
    settings: Settings,
) -> Answer:
    """The record of a given site from its weighed window."""
    written, window = question.written, question.window
    states = [question.state(mask) for mask in weighed.window.haplotypes]
    star = len(question.asked) + len(question.further) + 1
    priors = [window.priors[bit] for bit in (*question.asked, *question.further)]
    more = list(question.texts)
    if star in (states[h] for h in weighed.pairs[weighed.best]):
        priors.append(0)
        more.append(STAR)
    else:
        states = [0 if state == star else state for state in states]
    judged = genotype.judge_states(weighed, states, priors, star, settings.genotyping)
    place = written.position, *written.texts_with(more)
    if not len(weighed.rows):
        return no_call(contig, sites, written.row, ploidy, "NoCoverage")
    call = genotype.record_states(view.reads, weighed, judged, place, settings.genotyping)
    if call.depth == 0:
        return no_call(contig, sites, written.row, ploidy, "NoCoverage")
    call.name = written.name
    if set(judged.genotype) & set(range(1, star)):
        [call] = filters.annotate([call], settings.filtering)
        call.info = {FLAG: True} | call.info
    else:
        order = genotype_order(len(priors) + 1, ploidy)
        own = judged.likelihoods[order.index(judged.genotype)]
        others = (cost for each, cost in zip(order, judged.likelihoods, strict=True) if each != judged.genotype)
        call.gq = max(min(others) - own, 0) // SCALE
        call.info = {FLAG: True, "DP": call.depth}
    return Answer(written.row, call, absorbed=question.absorbed)

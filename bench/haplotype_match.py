"""haplotype_match: which records of two call sets spell the same diploid sequence.

Two VCFs can write one pair of haplotypes in many ways, so records are not compared: the sequences that they spell are.
The search looks for a subset of the truth's records, a subset of the calls' and a phase for each, such that truth and
calls give the same two haplotypes, with as many records as possible (the formulation of Cleary et al. 2015,
doi:10.1101/023754, "vcfeval"). Records left out are the errors.

It walks the reference once. A state is how far the two sides are apart on either haplotype: the bases that one side
has already spelt beyond the other, and the reference position each has consumed. States that spell different bases die;
states that agree again (nothing ahead, the same position) are one and the same, whatever was chosen before, so between
variants there is as a rule a single state and no clustering is needed: a shifted indel stays an open state for just as
long as its repeat lasts. The result is exact unless a place needs more than ``MAX_STATES``; there the states with the
most matches are kept (and always the one that is in agreement), and the place is counted in ``Match.approximate``.

Records of one side alone never match: an insertion and a deletion that undo each other are two errors, not zero.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from .variants import Edit, Variant

MAX_STATES = 4096
LOOKAHEAD = 64  # bases compared ahead of the walk, to drop a state whose sides cannot meet; does not change a result

TRUTH, CALLS = 0, 1
BOTH_SIDES = 0b11

# A match is worth one record; between equal numbers of records, the choice with more of the truth's wins.
RECORD_WORTH = 1 << 24
SIDE_WORTH = (RECORD_WORTH + 1, RECORD_WORTH)

# Bases of the truth ahead of the calls, bases of the calls ahead of the truth (one is empty), the reference position
# that the truth has consumed, that the calls have, and the (side, edit) chosen but not yet spelt, sorted.
Chosen = tuple[tuple[int, Edit], ...]
Haplotype = tuple[str, str, int, int, Chosen]
Key = tuple[Haplotype, Haplotype, int]  # the haplotypes, in order; which sides have matched since the last agreement
Trail = tuple["Trail | None", int]  # the events chosen so far, last first
Options = tuple[tuple[Edit | None, Edit | None], ...]


class Match(NamedTuple):
    """Which records of each side matched, in the order given; and how many places were searched in part only."""

    truth: list[bool]
    calls: list[bool]
    approximate: int


class Event(NamedTuple):
    """A record in the walk."""

    start: int
    end: int
    side: int
    number: int  # in the list given
    variant: Variant
    options: Options


def match(
    truth: Sequence[Variant],
    calls: Sequence[Variant],
    reference: str,
    *,
    by_allele: bool = False,
    max_states: int = MAX_STATES,
) -> Match:
    """Match two lists of variants of one contig, in any order.

    Parameters
    ----------
    reference
        The contig's bases, upper case.
    by_allele
        Ignore zygosity: a record matches if one of its alleles does, on whichever haplotypes.
    """
    return Search(truth, calls, reference, by_allele, max_states).run()


def genotype_options(variant: Variant) -> Options:
    """The two phases of the genotype; one for a homozygous record."""
    one, other = variant.haplotypes
    return ((one, other),) if one == other else ((one, other), (other, one))


def allele_options(variant: Variant) -> Options:
    """Every way to put one or both of the record's alleles on one or both haplotypes."""
    alleles = (None, *variant.edits)
    return tuple((one, other) for one in alleles for other in alleles if one or other)


class Search:
    """One walk along one contig; ``run`` once."""

    def __init__(
        self, truth: Sequence[Variant], calls: Sequence[Variant], reference: str, by_allele: bool, max_states: int
    ) -> None:
        self.reference = reference
        self.max_states = max_states
        make = allele_options if by_allele else genotype_options
        both = (truth, calls)
        self.events = sorted(
            (Event(v.start, v.end, side, i, v, make(v)) for side in (TRUTH, CALLS) for i, v in enumerate(both[side])),
            key=itemgetter(0, 1, 2, 3),
        )
        self.starts = tuple(sorted(v.start for v in side) for side in both)
        self.limits = [0, 0]  # rank of the next undecided record of each side
        self.matched = ([False] * len(truth), [False] * len(calls))
        self.approximate = 0
        self.now = 0
        self.states: dict[Key, tuple[int, Trail | None]] = {agreement(0): (0, None)}

    def run(self) -> Match:
        """Walk; the result as ``match`` returns it."""
        for first, group in self._groups():
            self._advance(self.events[first].start)
            if not self._take_twins(first, group):
                for rank, event in enumerate(group, start=first):
                    self._decide(rank, event)
        self._advance(max((event.end for event in self.events), default=0) + 1)
        _, trail = self.states[agreement(self.now)]
        self._accept(trail)
        return Match(*self.matched, self.approximate)

    def _groups(self) -> Iterator[tuple[int, list[Event]]]:
        """The events that begin at one position, with the rank of their first."""
        first = 0
        for _, same in groupby(self.events, key=itemgetter(0)):
            group = list(same)
            yield first, group
            first += len(group)

    def _accept(self, trail: Trail | None) -> None:
        while trail:
            trail, rank = trail
            event = self.events[rank]
            self.matched[event.side][event.number] = True

    def _advance(self, position: int) -> None:
        """Spell the reference up to ``position``, where the next record begins, on both sides of every state."""
        self.now = position
        self.limits = [bisect_left(starts, position) for starts in self.starts]
        moved: dict[Key, tuple[int, Trail | None]] = {}
        for key, (worth, trail) in self.states.items():
            new = self._moved(key)
            if new and (new not in moved or moved[new][0] < worth):
                moved[new] = worth, trail
        self.states = moved
        self._settle()

    def _settle(self) -> None:
        """Where all survivors agree, what the best of them chose is final."""
        agreed = agreement(self.now)
        if len(self.states) == 1:
            self._accept(self.states[agreed][1])
            self.states = {agreed: (0, None)}

    def _moved(self, key: Key) -> Key | None:
        one, other, sides = key
        first = self._spelt(one)
        second = self._spelt(other) if first and one != other else first
        if not first or not second:
            return None
        if first == second == idle(self.now):  # in agreement again: what matched so far must involve both sides
            return (first, second, 0) if sides in (0, BOTH_SIDES) else None
        if self._cannot_meet(first) or self._cannot_meet(second):
            return None
        return in_order(first, second, sides)

    def _spelt(self, haplotype: Haplotype) -> Haplotype | None:
        """One haplotype spelt up to now on both sides, less the bases that both have; None if they differ."""
        truth, calls, truth_cursor, calls_cursor, chosen = haplotype
        if not truth and not calls and not chosen and truth_cursor == calls_cursor:
            return idle(self.now) if truth_cursor <= self.now else haplotype
        more_truth, truth_cursor = self._spelt_side(TRUTH, truth_cursor, chosen)
        more_calls, calls_cursor = self._spelt_side(CALLS, calls_cursor, chosen)
        truth, calls = truth + more_truth, calls + more_calls
        shared = min(len(truth), len(calls))
        if truth[:shared] != calls[:shared]:
            return None
        later = tuple(item for item in chosen if item[1].start >= self.now)
        return truth[shared:], calls[shared:], truth_cursor, calls_cursor, later

    def _spelt_side(self, side: int, cursor: int, chosen: Chosen) -> tuple[str, int]:
        """The bases from ``cursor`` to now with the edits chosen for this side, and where they end."""
        spelt = ""
        for edit in (edit for owner, edit in chosen if owner == side and edit.start < self.now):
            spelt += self.reference[cursor : edit.start] + edit.bases
            cursor = edit.end
        if cursor < self.now:
            spelt += self.reference[cursor : self.now]
            cursor = self.now
        return spelt, cursor

    def _cannot_meet(self, haplotype: Haplotype) -> bool:
        """Whether the bases that are already certain on both sides, up to their next records, differ."""
        truth, calls, truth_cursor, calls_cursor, chosen = haplotype
        if not truth and not calls and truth_cursor == calls_cursor:
            return False
        truth += self._certain(TRUTH, truth_cursor, chosen)
        calls += self._certain(CALLS, calls_cursor, chosen)
        shared = min(len(truth), len(calls))
        return truth[:shared] != calls[:shared]

    def _certain(self, side: int, cursor: int, chosen: Chosen) -> str:
        """Reference from ``cursor`` to the side's next edit, chosen or possible; ``LOOKAHEAD`` at most."""
        starts = self.starts[side]
        rank = bisect_left(starts, cursor, lo=self.limits[side])
        ends = [cursor + LOOKAHEAD, *starts[rank : rank + 1], *(edit.start for owner, edit in chosen if owner == side)]
        return self.reference[cursor : min(ends)]

    def _take_twins(self, first: int, group: list[Event]) -> bool:
        """Match the same substitution of both sides straight away, where nothing else can have a part in it.

        The walk would do the same: no other record begins inside it and nothing is open, so that either side alone
        would spell a base that the other has not.
        """
        if len(group) != 2 or len(self.states) != 1 or group[0].side == group[1].side:
            return False
        one, other = group
        following = self.events[first + 2].start if first + 2 < len(self.events) else one.end
        is_twin = one.end == other.end <= following and set(one.options) == set(other.options)
        if not is_twin or any(edit.growth for edit in one.variant.edits):
            return False
        self._accept(((None, first), first + 1))
        return True

    def _decide(self, rank: int, event: Event) -> None:
        """Leave the record out, or put it in in each of its ways."""
        gain, flag = SIDE_WORTH[event.side], 1 << event.side
        decided = dict(self.states)
        for (one, other, sides), (worth, trail) in self.states.items():
            for first, second in event.options:
                placed = choose(one, event.side, first), choose(other, event.side, second)
                if placed[0] and placed[1]:
                    key = in_order(placed[0], placed[1], sides | flag)
                    if key not in decided or decided[key][0] < worth + gain:
                        decided[key] = worth + gain, (trail, rank)
        self.states = self._bounded(decided)

    def _bounded(self, states: dict[Key, tuple[int, Trail | None]]) -> dict[Key, tuple[int, Trail | None]]:
        if len(states) <= self.max_states:
            return states
        self.approximate += 1
        kept = dict(heapq.nlargest(self.max_states, states.items(), key=lambda item: item[1][0]))
        agreed = agreement(self.now)
        return {agreed: states[agreed], **kept}


def idle(position: int) -> Haplotype:
    """Truth and calls agree up to ``position``."""
    return "", "", position, position, ()


def agreement(position: int) -> Key:
    """Truth and calls agree on both haplotypes, and nothing is pending."""
    return idle(position), idle(position), 0


def in_order(one: Haplotype, other: Haplotype, sides: int) -> Key:
    """The same key whichever haplotype comes first: exchanging both sides' haplotypes changes nothing."""
    return (one, other, sides) if one <= other else (other, one, sides)


def choose(haplotype: Haplotype, side: int, edit: Edit | None) -> Haplotype | None:
    """The haplotype with ``edit`` on one side; None where an edit of that side is in the way."""
    if edit is None:
        return haplotype
    truth, calls, truth_cursor, calls_cursor, chosen = haplotype
    cursor = calls_cursor if side else truth_cursor
    if edit.start < cursor or any(owner == side and not fits(edit, other) for owner, other in chosen):
        return None
    return truth, calls, truth_cursor, calls_cursor, tuple(sorted((*chosen, (side, edit))))


def fits(one: Edit, other: Edit) -> bool:
    """Whether one haplotype can have both edits: they share no base and do not insert at the same place."""
    first, second = sorted((one, other))
    return first.end <= second.start and (first.start, first.end) != (second.start, second.end)

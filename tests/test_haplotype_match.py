"""haplotype_match: against a brute-force twin on tiny inputs, and on truths rewritten in other ways."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gpucall.bench.haplotype_match import Match, Options, allele_options, genotype_options, match
from gpucall.bench.variants import Edit, Variant, trim

Pair = tuple[Edit | None, Edit | None]


def variant(one: Edit | None, other: Edit | None) -> Variant:
    return Variant("c1", 1, "", "", "", "", (one, other))


# --- the brute-force twin -------------------------------------------------------------------------------------------


def naive_overlap(one: Edit, other: Edit) -> bool:
    """They replace a common base, insert at the same place, or one inserts between bases that the other replaces."""
    if one.start == one.end and other.start == other.end:
        return one.start == other.start
    if one.start == one.end:
        return other.start < one.start < other.end
    if other.start == other.end:
        return one.start < other.start < one.end
    return bool(set(range(one.start, one.end)) & set(range(other.start, other.end)))


def naive_spelt(reference: str, edits: Iterable[Edit], end: int) -> str:
    """The haplotype with these edits, up to reference position ``end``."""
    bases, position = "", 0
    for edit in sorted(edits):
        bases += reference[position : edit.start] + edit.bases
        position = edit.end
    return bases + reference[position:end]


Choice = list[tuple[int, Pair]]  # (start of the record, its edits), of the records that were put in


def naive_haplotypes(choice: Choice, end: int) -> list[list[Edit]]:
    return [[pair[h] for start, pair in choice if start < end and pair[h] is not None] for h in (0, 1)]


def naive_choices(variants: Sequence[Variant], options: Callable[[Variant], Options]) -> Iterator[Choice]:
    """Every subset of the records, in every way, that two haplotypes can hold."""
    for pairs in product(*([None, *options(v)] for v in variants)):
        choice = [(v.start, pair) for v, pair in zip(variants, pairs, strict=True) if pair]
        haplotypes = naive_haplotypes(choice, 10**9)
        if not any(naive_overlap(a, b) for edits in haplotypes for i, a in enumerate(edits) for b in edits[:i]):
            yield choice


def naive_agrees(reference: str, truth: Choice, calls: Choice, end: int) -> bool:
    """Both sides spell the same up to ``end``, and no edit so far reaches beyond it."""
    both = naive_haplotypes(truth, end), naive_haplotypes(calls, end)
    if any(edit.end > end or edit.start >= end for side in both for edits in side for edit in edits):
        return False
    return all(naive_spelt(reference, a, end) == naive_spelt(reference, b, end) for a, b in zip(*both, strict=True))


def naive_is_match(reference: str, truth: Choice, calls: Choice, starts: Iterable[int]) -> bool:
    """They spell the same, and between one agreement and the next nothing is on one side alone."""
    end = len(reference) + 1
    seen = 0, 0
    for position in [*sorted(starts), end]:
        if naive_agrees(reference, truth, calls, position):
            now = sum(start < position for start, _ in truth), sum(start < position for start, _ in calls)
            if (now[0] > seen[0]) != (now[1] > seen[1]):
                return False
            seen = now
    return naive_agrees(reference, truth, calls, end)


def naive_best(
    reference: str, truth: Sequence[Variant], calls: Sequence[Variant], options: Callable[[Variant], Options]
) -> tuple[int, int]:
    """The largest number of records in a match, and of the truth's among these."""
    starts = {v.start for v in (*truth, *calls)}
    best = 0, 0
    by_spelling: dict[Any, list[Choice]] = {}
    for choice in naive_choices(calls, options):
        by_spelling.setdefault(naive_key(reference, choice), []).append(choice)
    for choice in naive_choices(truth, options):
        for other in by_spelling.get(naive_key(reference, choice), []):
            worth = len(choice) + len(other), len(choice)
            if worth > best and naive_is_match(reference, choice, other, starts):
                best = worth
    return best


def naive_key(reference: str, choice: Choice) -> tuple[str, ...]:
    return tuple(naive_spelt(reference, edits, len(reference)) for edits in naive_haplotypes(choice, 10**9))


@st.composite
def alleles(draw: st.DrawFn, start: int, ref: str) -> Edit | None:
    """A small change somewhere in REF, so that two alleles of a record may begin apart; or another string."""
    first, size = draw(st.integers(0, len(ref))), draw(st.integers(0, 2))
    bases = draw(st.text("AC", max_size=2))
    return draw(st.sampled_from((trim(start, ref, ref[:first] + bases + ref[first + size :]), trim(start, ref, bases))))


@st.composite
def records(draw: st.DrawFn, reference: str) -> Variant:
    """A record with one or two alternate alleles."""
    start = draw(st.integers(0, len(reference) - 1))
    allele = alleles(start, reference[start : start + draw(st.integers(0, 4))])
    one = draw(allele.filter(bool))
    return variant(one, draw(st.sampled_from((one, None)) | allele))


@st.composite
def tiny(draw: st.DrawFn) -> tuple[str, list[Variant], list[Variant]]:
    """A reference of one or two letters, where much can be written twice, and records that often recur."""
    reference = draw(st.sampled_from(("A", "AC")).flatmap(lambda letters: st.text(letters, min_size=3, max_size=9)))
    pool = draw(st.lists(records(reference), min_size=1, max_size=4))
    side = st.lists(st.sampled_from(pool) | records(reference), max_size=3)
    return reference, draw(side), draw(side)


def found(result: Match) -> tuple[int, int]:
    return sum(result.truth) + sum(result.calls), sum(result.truth)


@settings(max_examples=300, deadline=None)
@given(tiny())
def test_equals_brute_force_by_genotype(case: tuple[str, list[Variant], list[Variant]]) -> None:
    reference, truth, calls = case
    assert found(match(truth, calls, reference)) == naive_best(reference, truth, calls, genotype_options)


@settings(max_examples=60, deadline=None)
@given(tiny())
def test_equals_brute_force_by_allele(case: tuple[str, list[Variant], list[Variant]]) -> None:
    reference, truth, calls = case
    assert found(match(truth, calls, reference, by_allele=True)) == naive_best(reference, truth, calls, allele_options)


# --- the same haplotypes, written otherwise -------------------------------------------------------------------------


def place_of(reference: str, edit: Edit, step: int) -> Edit | None:
    """The same pure insertion or deletion one base to the right (``step`` 1) or left (-1); None where it is another."""
    inserted = edit.start == edit.end
    if not 0 <= edit.start + step <= edit.end + step <= len(reference) or not (inserted or not edit.bases):
        return None
    moved = edit.start + step, edit.end + step
    ring = edit.bases if inserted else reference[edit.start : edit.end]
    passed, expected = (reference[edit.end], ring[0]) if step > 0 else (reference[moved[0]], ring[-1])
    if passed != expected:
        return None
    return Edit(*moved, edit.bases[step:] + edit.bases[:step] if inserted else "")


def rolled(reference: str, edit: Edit, steps: int, low: int, high: int) -> Edit:
    """Moved by up to ``steps``, staying between ``low`` and ``high`` without touching either."""
    for _ in range(abs(steps)):
        moved = place_of(reference, edit, 1 if steps > 0 else -1)
        if moved is None or moved.start <= low or moved.end >= high:
            break
        edit = moved
    return edit


def split_up(reference: str, edit: Edit) -> list[Edit]:
    """A substitution base by base, a deletion in two."""
    size = edit.end - edit.start
    if len(edit.bases) == size:
        singles = ((edit.start + i, base) for i, base in enumerate(edit.bases))
        return [Edit(i, i + 1, base) for i, base in singles if reference[i] != base]
    if not edit.bases and size > 1:
        return [Edit(edit.start, edit.start + 1, ""), Edit(edit.start + 1, edit.end, "")]
    return [edit]


def merged(reference: str, one: Edit, other: Edit) -> Edit | None:
    return trim(one.start, reference[one.start : other.end], one.bases + reference[one.end : other.start] + other.bases)


@st.composite
def genomes(draw: st.DrawFn) -> tuple[str, list[tuple[Edit, bool]]]:
    """A reference with repeats, and edits in order that do not touch, each homozygous or not."""
    units = st.tuples(st.text("ACGT", min_size=1, max_size=4), st.integers(1, 6)).map(lambda unit: unit[0] * unit[1])
    reference = "".join(draw(st.lists(units, min_size=3, max_size=12)))
    edits, position = [], 0
    while (start := position + draw(st.integers(1, 8))) < len(reference):
        ref = reference[start : start + draw(st.integers(0, 4))]
        edit = trim(start, ref, draw(st.text("ACGT", max_size=4) | st.just(ref * 2)))
        if edit:
            edits.append((edit, draw(st.booleans())))
        position = start + len(ref)
    return reference, edits


@st.composite
def rewritten(draw: st.DrawFn) -> tuple[str, list[Variant], list[Variant]]:
    """A truth, and calls of the same haplotypes with other records."""
    reference, edits = draw(genomes())
    calls: list[tuple[Edit, bool]] = []
    for i, (edit, is_homozygous) in enumerate(edits):
        low = calls[-1][0].end if calls else -1
        high = edits[i + 1][0].start if i + 1 < len(edits) else len(reference) + 1
        moved = rolled(reference, edit, draw(st.integers(-30, 30)), low, high)
        joined = merged(reference, calls[-1][0], moved) if calls and calls[-1][1] == is_homozygous else None
        action = draw(st.sampled_from(("keep", "split", "merge")))
        if action == "merge" and joined:
            calls[-1] = joined, is_homozygous
        else:
            parts = split_up(reference, moved) if action == "split" else [moved]
            calls += [(part, is_homozygous) for part in parts]
    return reference, *([variant(e, e if hom else None) for e, hom in side] for side in (edits, calls))


@pytest.mark.parametrize("by_allele", [False, True])
@settings(max_examples=300, deadline=None)
@given(case=rewritten())
def test_rewritten_truth_is_found_in_full(by_allele: bool, case: tuple[str, list[Variant], list[Variant]]) -> None:
    reference, truth, calls = case
    choices = [[(v.start, v.haplotypes) for v in side] for side in (truth, calls)]
    assert naive_key(reference, choices[0]) == naive_key(reference, choices[1])
    # Neighbours that undo each other in a repeat count as no match where the other side has neither of the two yet.
    assume(naive_is_match(reference, *choices, {start for side in choices for start, _ in side}))
    result = match(truth, calls, reference, by_allele=by_allele)
    assert all(result.truth)
    assert all(result.calls)


# --- dense places ---------------------------------------------------------------------------------------------------

UNIQUE = "ACGTCATGCAGCTGACGATCGTCAGCTAGGATCCGTACTGTTAGCCATAGGCATTACGGATTCAGACCTTGAGCTA"


def snv(position: int, reference: str) -> Edit:
    return Edit(position, position + 1, "C" if reference[position] != "C" else "G")


def chosen(variants: Sequence[Variant], is_chosen: Sequence[bool]) -> list[Variant]:
    return [v for v, is_it in zip(variants, is_chosen, strict=True) if is_it]


def test_false_long_deletion_over_many_calls_is_searched_in_full() -> None:
    """A deletion that nothing supports does not keep open the choices of all records inside it."""
    reference = UNIQUE * 2
    inside = [variant(snv(p, reference), None) for p in range(12, 72)]
    deletion = variant(Edit(10, 80, ""), None)
    result = match([deletion, *inside], inside, reference)
    assert result == Match([False] + [True] * 60, [True] * 60, 0)
    assert match([deletion, *inside], [deletion, *inside], reference) == Match([True] * 61, [True] * 61, 0)


def test_too_dense_place_is_searched_in_part_and_says_so() -> None:
    """In a long repeat many insertions stay possible; what is reported is still a match, and the same every time."""
    reference = "G" + "A" * 40 + "G"
    truth = [variant(Edit(p, p, "A" * (p % 3 + 1)), None) for p in range(2, 38, 3)]
    calls = [variant(Edit(p, p, "A" * (p % 2 + 1)), None) for p in range(1, 38, 3)]
    exact = match(truth, calls, reference, max_states=10**6)
    bounded = match(truth, calls, reference, max_states=8)
    assert exact.approximate == 0
    assert bounded.approximate > 0
    assert 0 < found(bounded)[0] <= found(exact)[0]
    assert bounded == match(truth, calls, reference, max_states=8)
    kept = chosen(truth, bounded.truth), chosen(calls, bounded.calls)
    assert all(match(*kept, reference, max_states=10**6).truth)
    assert all(match(*kept, reference, max_states=10**6).calls)


def test_nothing() -> None:
    assert match([], [], UNIQUE) == Match([], [], 0)

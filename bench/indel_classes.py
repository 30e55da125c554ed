"""indel_classes: how well indels are called by their length and by the repeat that they change, and the worst errors.

The repeat of an indel is the one whose number of units it changes: the inserted or deleted bases are copies of a unit,
and the reference holds more copies of it there. Fewer than ``FEWEST_BASES``, or fewer than two copies, are no repeat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from gpucall.candidates import smallest_unit

from .accuracy import Comparison, Counts, count_records
from .variants import Edit, Variant

LENGTHS = ((1, 1), (2, 3), (4, 7), (8, 15), (16, 25), (26, 50), (51, 100))  # bases gained or lost, both ends included
RUNS = ((4, 7), (8, 11), (12, 15), (16, None))  # bases of a homopolymer in the reference
FEWEST_BASES = {1: 4, 2: 6}  # of the reference, by the unit's length; longer units need two copies and 6 bases
NONE, DINUCLEOTIDE, LONGER_UNITS, OTHER_LENGTH = "none", "dinucleotide", "unit of 3 or more", "longer"
PLACE = 50  # bp between wrong records that are one error

Classify = Callable[[Variant], str]


class Tract(NamedTuple):
    """The reference's copies of what an indel inserts or deletes: length of the unit, bases of the whole."""

    unit: int
    bases: int


def classes(found: Comparison, bases: str) -> dict[str, dict[str, Counts]]:
    """Indel counts of a comparison on one contig, with its ``bases``: under ``length`` and ``repeat``, by class."""
    return {
        "length": _by_class(found, length_class, [*map(_span, LENGTHS), OTHER_LENGTH]),
        "repeat": _by_class(found, lambda variant: repeat_class(variant, bases), repeat_names()),
    }


def _by_class(found: Comparison, classify: Classify, names: list[str]) -> dict[str, Counts]:
    indels = (v for v in (*found.truth, *found.calls) if v.kind == "INDEL" and v.is_inside)
    members: dict[str, set[int]] = {name: set() for name in names}
    for variant in indels:
        members[classify(variant)].add(id(variant))
    tables = {name: count_records(found, _is_one_of(chosen)) for name, chosen in members.items()}
    return {name: table for name, table in tables.items() if table["truth"] or table["fp"]}


def _is_one_of(chosen: set[int]) -> Callable[[Variant], bool]:
    return lambda variant: id(variant) in chosen


def _span(bounds: tuple[int, int | None]) -> str:
    low, high = bounds
    return f"{low}+" if high is None else str(low) if low == high else f"{low}-{high}"


def length_class(variant: Variant) -> str:
    """The class of the called allele that changes the length most."""
    size = abs(variant.growth)
    return next((_span(bounds) for bounds in LENGTHS if bounds[0] <= size <= bounds[1]), OTHER_LENGTH)


def repeat_names() -> list[str]:
    """Every repeat class, in the order of a table."""
    return [NONE, *(f"homopolymer {_span(run)}" for run in RUNS), DINUCLEOTIDE, LONGER_UNITS]


def repeat_class(variant: Variant, bases: str) -> str:
    """The class of the repeat that the allele with the greatest change of length changes."""
    tract = repeat_tract(max(variant.edits, key=lambda edit: abs(edit.growth)), bases)
    if tract is None or tract.bases < max(FEWEST_BASES.get(tract.unit, 6), 2 * tract.unit):
        return NONE
    if tract.unit > 1:
        return DINUCLEOTIDE if tract.unit == 2 else LONGER_UNITS
    return next(f"homopolymer {_span(run)}" for run in RUNS if run[1] is None or tract.bases <= run[1])


def repeat_tract(edit: Edit, bases: str) -> Tract | None:
    """The stretch of reference through which an insertion or deletion can be moved; None for other edits."""
    deleted = bases[edit.start : edit.end]
    if deleted and edit.bases:
        return None
    changed = deleted or edit.bases
    left, right = edit.start, edit.start
    while left > 0 and bases[left - 1] == changed[(left - 1 - edit.start) % len(changed)]:
        left -= 1
    while right < len(bases) and bases[right] == changed[(right - edit.start) % len(changed)]:
        right += 1
    return Tract(smallest_unit(changed.encode()), right - left)


# -- the worst errors ------------------------------------------------------------------------------------------------


def errors(found: Comparison, bases: str) -> list[dict[str, Any]]:
    """Wrong indels of a comparison, records close to each other as one error, the worst first.

    A false or missed allele is worse than a wrong zygosity, then a longer one than a shorter, then one called with a
    higher QUAL.
    """
    return sorted((_describe(place, bases) for place in _places(found)), key=_badness)


class Wrong(NamedTuple):
    """A wrong record and the side it is on."""

    variant: Variant
    is_call: bool


def _places(found: Comparison) -> Iterator[list[Wrong]]:
    wrong = [Wrong(v, side is found.calls) for side in (found.truth, found.calls) for v in side]
    wrong = [w for w in wrong if w.variant.kind == "INDEL" and w.variant.is_inside and not w.variant.by_genotype]
    wrong.sort(key=lambda w: (w.variant.contig, w.variant.position, w.is_call))
    place: list[Wrong] = wrong[:1]
    for before, now in pairwise(wrong):
        if now.variant.contig != before.variant.contig or now.variant.position - before.variant.position > PLACE:
            yield place
            place = []
        place.append(now)
    if place:
        yield place


def _describe(place: list[Wrong], bases: str) -> dict[str, Any]:
    longest = max((wrong.variant for wrong in place), key=lambda variant: abs(variant.growth))
    called = [wrong.variant for wrong in place if wrong.is_call]
    missed = [wrong.variant for wrong in place if not wrong.is_call]
    return {
        "position": f"{place[0].variant.contig}:{place[0].variant.position}",
        "error": _error(missed, called),
        "truth": [_text(variant) for variant in missed],
        "called": [_text(variant) for variant in called],
        "qual": max((float(variant.quality) for variant in called if variant.quality != "."), default=None),
        "length": length_class(longest),
        "repeat": repeat_class(longest, bases),
    }


def _error(missed: list[Variant], called: list[Variant]) -> str:
    if not called or not missed:
        return "missed" if missed else "false"
    return "genotype" if all(variant.by_allele for variant in (*missed, *called)) else "allele"


def _text(variant: Variant) -> str:
    return f"{variant.position} {variant.ref}>{variant.alts} {variant.genotype}"


def _badness(error: dict[str, Any]) -> tuple[Any, ...]:
    names = [_span(bounds) for bounds in LENGTHS]
    size = names.index(error["length"]) if error["length"] in names else len(names)
    return error["error"] == "genotype", -size, -(error["qual"] or 0.0), error["position"]

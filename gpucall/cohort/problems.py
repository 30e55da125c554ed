"""problems: where genotypes and pedigree contradict each other: swaps, duplicates, wrong parents, wrong sexes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from ..config import Relating
from ..kernels import relate as kernel
from ..qc.sketch import Depths
from .genotypes import Cohort
from .pedigree import FEMALE, MALE, UNKNOWN, Pedigree

if TYPE_CHECKING:
    from .relate import Pairs, PairTable

Key = tuple[int, int]
Compare = Callable[["Pairs"], "PairTable"]
MOST_SUSPECTS = 300  # samples that are tried for swaps with each other


@dataclass(frozen=True)
class Problem:
    """A contradiction.

    kind      duplicate, unexpected relation, missing relation, not parent and child, sex, swap
    samples   one or two
    expected, observed  in words
    """

    kind: str
    samples: tuple[str, ...]
    expected: str
    observed: str

    def text(self) -> str:
        """In a line."""
        return f"{' and '.join(self.samples)}: expected {self.expected}, found {self.observed}"


def sex_of(depths: Depths, settings: Relating) -> int:
    """1 male, 2 female, 0 not known, from the depths of X and Y over that of the autosomes."""
    if depths.autosomes <= 0 or depths.x < 0 or depths.y < 0:
        return UNKNOWN
    one_x, has_y = depths.x < settings.male_x * depths.autosomes, depths.y > settings.male_y * depths.autosomes
    if one_x == has_y:
        return MALE if has_y else FEMALE
    return UNKNOWN


def find_problems(
    cohort: Cohort, table: PairTable, pedigree: Pedigree | None, compare: Compare, settings: Relating
) -> list[Problem]:
    """All contradictions: of pairs, of sexes, and the swaps that explain them. ``compare`` counts further pairs."""
    bad = list(bad_pairs(cohort, table, pedigree, settings))
    problems = [problem for _, problem in bad]
    if pedigree is not None:
        problems += bad_sexes(cohort, pedigree, settings)
        problems += swaps(cohort, {row for key, _ in bad for row in key}, pedigree, compare, settings)
    return problems


def bad_pairs(
    cohort: Cohort, table: PairTable, pedigree: Pedigree | None, settings: Relating
) -> Iterator[tuple[Key, Problem]]:
    """Pairs whose kinship is not the expected one; without a pedigree, those that are one person."""
    names = cohort.names
    for (one, two), counts, observed in zip(table.pairs.tolist(), table.counts, table.kinship.tolist(), strict=True):
        pair = (names[one], names[two])
        expected = None if pedigree is None else pedigree.kinship(*pair)
        kind = kind_of(expected, observed, settings)
        if kind is not None:
            words = "no line in the pedigree" if expected is None else f"kinship {expected:.4f}"
            yield (one, two), Problem(kind, pair, words, f"kinship {observed:.4f}")
        elif pedigree is not None and pedigree.is_parent(*pair):
            share = counts[kernel.IBS0] / max(int(counts[kernel.KNOWN]), 1)
            if share > settings.most_ibs0:
                found = f"opposite homozygotes at {100 * share:.1f}% of the sites"
                yield (one, two), Problem("not parent and child", pair, "none", found)


def kind_of(expected: float | None, observed: float, settings: Relating) -> str | None:
    """What is wrong with a pair's kinship; None: nothing."""
    if observed >= settings.duplicate and (expected is None or expected < settings.duplicate):
        return "duplicate"
    if expected is None or abs(observed - expected) <= settings.tolerance:
        return None
    return "unexpected relation" if observed > expected else "missing relation"


def bad_sexes(cohort: Cohort, pedigree: Pedigree, settings: Relating) -> Iterator[Problem]:
    """Samples whose depths of X and Y contradict the pedigree."""
    words = {MALE: "male", FEMALE: "female"}
    for sample in cohort.samples:
        person = pedigree.people.get(sample.name)
        found = sex_of(sample.depths, settings)
        if person is not None and UNKNOWN not in (person.sex, found) and person.sex != found:
            depths = f"{words[found]} (X {sample.depths.x / 100:g}, Y {sample.depths.y / 100:g} reads deep)"
            yield Problem("sex", (sample.name,), words[person.sex], depths)


def swaps(
    cohort: Cohort, suspects: set[int], pedigree: Pedigree, compare: Compare, settings: Relating
) -> Iterator[Problem]:
    """Pairs of samples with which the contradictions of their relatives go away, when their names are exchanged."""
    known = [row for row in sorted(suspects) if cohort.names[row] in pedigree.people][:MOST_SUSPECTS]
    families = {pedigree.people[cohort.names[row]].family for row in known}
    members = [row for row, name in enumerate(cohort.names) if family_of(pedigree, name) in families]
    if len(known) < 2 or len(members) > 4 * MOST_SUSPECTS:
        return
    observed = observed_matrix(members, compare)
    place = {row: number for number, row in enumerate(members)}
    names = [cohort.names[row] for row in members]
    expected = np.array([[pedigree.kinship(a, b) or 0.0 for b in names] for a in names])
    wrong = contradictions(expected, observed, settings)
    for one, two in combinations((place[row] for row in known), 2):
        order = list(range(len(members)))
        order[one], order[two] = two, one
        after = contradictions(expected, observed[np.ix_(order, order)], settings)
        rows = [one, two]
        before_count, after_count = int(wrong[rows].sum()), int(after[rows].sum())
        if wrong[one].any() and wrong[two].any() and after_count == 0 < before_count:
            text = f"{before_count} contradictions, none with their names exchanged"
            yield Problem("swap", (names[one], names[two]), "the pedigree", text)


def family_of(pedigree: Pedigree, name: str) -> str | None:
    """The family of a sample; None: it has no line."""
    person = pedigree.people.get(name)
    return None if person is None else person.family


def observed_matrix(members: list[int], compare: Compare) -> np.ndarray:
    """Kinship of all pairs of some samples, and 1/2 of each with itself."""
    places = np.array(list(combinations(range(len(members)), 2)), dtype=np.int32)
    table = compare(np.array(members, dtype=np.int32)[places])
    matrix = np.full((len(members), len(members)), 0.5)
    matrix[places[:, 0], places[:, 1]] = matrix[places[:, 1], places[:, 0]] = table.kinship
    return matrix


def contradictions(expected: np.ndarray, observed: np.ndarray, settings: Relating) -> np.ndarray:
    """Where kinship is not as expected; the diagonal never is."""
    wrong: np.ndarray = np.abs(expected - observed) > settings.tolerance
    np.fill_diagonal(wrong, False)
    return wrong

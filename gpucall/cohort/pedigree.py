"""pedigree: PED files, and how closely two people of one are expected to be related."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

MISSING = frozenset({"0", "", "-9", "."})
MALE, FEMALE, UNKNOWN = 1, 2, 0


@dataclass(frozen=True)
class Person:
    """One line of a PED file; a parent that is not known is empty."""

    family: str
    name: str
    father: str
    mother: str
    sex: int
    phenotype: str


class Pedigree:
    """People by name, each after the parents.

    Raises
    ------
    InputError
        where someone is there twice, or is their own ancestor.
    """

    def __init__(self, people: Iterable[Person], path: Path) -> None:
        self.path = path
        self.people: dict[str, Person] = {}
        listed: dict[str, Person] = {}
        for person in people:
            if person.name in listed:
                raise InputError(f"{path}: '{person.name}' is there twice; each person needs one line")
            listed[person.name] = person
        for name in listed:
            self._place(name, listed)
        self._kinship: dict[str, tuple[dict[str, int], NDArray[np.float64]]] = {}

    def _place(self, name: str, listed: dict[str, Person]) -> None:
        """Put a person behind all ancestors."""
        line = [name]  # of ancestors that wait for the last one
        while line:
            person = listed[line[-1]]
            parents = (person.father, person.mother)
            waiting = [each for each in parents if each in listed and each not in self.people]
            if not waiting:
                self.people.setdefault(person.name, person)
                line.pop()
            elif waiting[0] in line:
                raise InputError(
                    f"{self.path}: '{waiting[0]}' is an ancestor of themselves (a cycle); mend the columns of parents"
                )
            else:
                line.append(waiting[0])

    def check(self, samples: Collection[str]) -> None:
        """Everyone has a sample, or a descendant with one; every parent has a line.

        Raises
        ------
        InputError
        """
        needed = set(samples)
        for person in reversed(self.people.values()):
            parents = [each for each in (person.father, person.mother) if each]
            for parent in parents:
                if parent not in self.people:
                    raise InputError(
                        f"{self.path}: '{parent}', a parent of '{person.name}', is unknown; give them a line,"
                        " or write 0"
                    )
            if person.name not in needed:
                raise InputError(
                    f"{self.path}: '{person.name}' is unknown: no sketch has this name, nor a descendant's; correct the"
                    " name, or remove the line"
                )
            needed.update(parents)

    def kinship(self, one: str, two: str) -> float | None:
        """The expected kinship of two people; None where one has no line."""
        if one not in self.people or two not in self.people:
            return None
        if self.people[one].family != self.people[two].family:
            return 0.0
        places, matrix = self._family(self.people[one].family)
        return float(matrix[places[one], places[two]])

    def is_parent(self, one: str, two: str) -> bool:
        """Whether either is a parent of the other."""
        a, b = self.people.get(one), self.people.get(two)
        return a is not None and b is not None and (two in (a.father, a.mother) or one in (b.father, b.mother))

    def relatives(self, names: Collection[str]) -> list[tuple[str, str]]:
        """Pairs of these people that are expected to be related."""
        families: dict[str, list[str]] = {}
        for name in names:
            if name in self.people:
                families.setdefault(self.people[name].family, []).append(name)
        found = []
        for members in families.values():
            for number, one in enumerate(members):
                found += [(one, two) for two in members[number + 1 :] if self.kinship(one, two)]
        return found

    def _family(self, family: str) -> tuple[dict[str, int], NDArray[np.float64]]:
        """Kinship coefficients within a family (Lange 2002, "Mathematical and Statistical Methods", section 5.2)."""
        if family not in self._kinship:
            members = [person for person in self.people.values() if person.family == family]
            places = {person.name: number for number, person in enumerate(members)}
            matrix = np.zeros((len(members), len(members)))
            for at, person in enumerate(members):
                parents = [places[each] for each in (person.father, person.mother) if each in places]
                matrix[at, :at] = matrix[:at, at] = sum((matrix[parent, :at] / 2 for parent in parents), np.zeros(at))
                matrix[at, at] = 0.5 + (matrix[parents[0], parents[1]] / 2 if len(parents) == 2 else 0)
            self._kinship[family] = places, matrix
        return self._kinship[family]


def read_ped(path: Path) -> Pedigree:
    """A PED file: family, person, father, mother, sex (1 male, 2 female), phenotype; separated by white space.

    Raises
    ------
    InputError
        where it is missing, a line is none, someone is there twice or is their own ancestor.
    """
    people = []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the pedigree cannot be read ({error}); give a PED file") from error
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) < 5:
            raise InputError(
                f"{path}: line {number} has {len(fields)} columns; expected family, person, father, mother, sex"
            )
        father, mother = ("" if field in MISSING else field for field in fields[2:4])
        sex = {"1": MALE, "2": FEMALE}.get(fields[4], UNKNOWN)
        people.append(Person(fields[0], fields[1], father, mother, sex, fields[5] if len(fields) > 5 else "-9"))
    return Pedigree(people, path)

"""mendel: calls of a child that its parents' calls cannot explain.

Alleles are compared one by one, as edits of the reference (``variants``): each person has 0, 1 or 2 copies of it, and a
parent with 1 hands on 0 or 1. Only PASS records count; without one, a person has no copy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pysam

from gpucall.tiles import Intervals

from .variants import PASSING, WITHOUT_EDIT, Edit, trim

ROLES = ("child", "father", "mother")
HANDED_ON = ((0,), (0, 1), (1,))  # copies that a parent with 0, 1 or 2 may hand on


class Carried(NamedTuple):
    """What one record says of one allele: copies, how it writes the allele, and what it says of the person."""

    copies: int
    change: str
    words: dict[str, Any]


Calls = dict[tuple[str, Edit], Carried]


def read_calls(path: Path) -> Calls:
    """Every called allele of a single-sample VCF, filtered ones with no copies."""
    calls: Calls = {}
    with pysam.VariantFile(str(path)) as records:
        for record in records:
            for key, carried in _alleles(record):
                if key not in calls or carried.copies > calls[key].copies:
                    calls[key] = carried
    return calls


def _alleles(record: Any) -> Iterator[tuple[tuple[str, Edit], Carried]]:
    sample = record.samples[0]
    passed = not set(record.filter) - PASSING
    genotype = [allele for allele in sample["GT"] if allele is not None]
    depths = sample.get("AD")
    words = {
        "gt": "/".join(map(str, sorted(genotype))),
        "ad": None if depths is None else list(depths),
        "filter": ";".join(record.filter) or ".",
    }
    for index, alt in enumerate(record.alts or (), start=1):
        edit = None if alt in WITHOUT_EDIT else trim(record.pos - 1, record.ref, alt)
        if edit is not None and index in genotype:
            yield (record.chrom, edit), Carried(genotype.count(index) * passed, f"{record.ref}>{alt}", words)


def is_possible(child: int, father: int, mother: int) -> bool:
    """True where the child can have its copies of an allele from parents with theirs."""
    return any(a + b == child for a in HANDED_ON[father] for b in HANDED_ON[mother])


def violations(child: Path, father: Path, mother: Path, inside: Intervals) -> dict[str, Any]:
    """Alleles inside the intervals that are called in one of three VCFs at least, and the violations among them.

    Returns
    -------
    dict
        ``alleles``, their number, and ``violations``: each with ``position``, ``change`` and, for ``child``, ``father``
        and ``mother``, the ``gt``, ``ad`` and ``filter`` of its record (None: no record).
    """
    people = [read_calls(path) for path in (child, father, mother)]
    keys = sorted(set().union(*people))
    keys = [key for key in keys if inside.contains(key[0], np.array([key[1].anchor]))[0]]
    counts = {key: tuple(person[key].copies if key in person else 0 for person in people) for key in keys}
    wrong = [key for key in keys if not is_possible(*counts[key])]
    return {
        "alleles": sum(any(copies) for copies in counts.values()),
        "violations": [_violation(key, people) for key in wrong],
    }


def _violation(key: tuple[str, Edit], people: list[Calls]) -> dict[str, Any]:
    records = [person.get(key) for person in people]
    return {
        "position": f"{key[0]}:{key[1].anchor + 1}",
        "change": next(record.change for record in records if record),
        **{role: record.words if record else None for role, record in zip(ROLES, records, strict=True)},
    }

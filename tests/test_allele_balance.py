"""Allele balance: which calls count, and in which bin; merging."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from gpucall.qc.allele_balance import BINS, AlleleBalance
from gpucall.qc.sample import CallCounts


def filled(result: dict[str, int]) -> dict[str, int]:
    return {share: count for share, count in result.items() if count}


@pytest.mark.parametrize(
    ("counts", "share"),
    [
        ((10, 10), "0.51"),
        ((1, 99), "0.99"),
        ((0, 30), "0.99"),
        ((99, 1), "0.01"),
        ((51, 49), "0.49"),
        ((30, 0), "0.01"),
    ],
)
def test_the_bin_of_a_share(counts: Sequence[int], share: str) -> None:
    balance = AlleleBalance()
    balance.add(counts)
    assert filled(balance.result()) == {share: 1}
    assert len(balance.result()) == BINS


@pytest.mark.parametrize(
    ("ref", "alts", "genotype", "counts", "homozygous"),
    [
        ("A", ["AT"], (0, 1), (5, 5), 0),
        ("AT", ["A"], (0, 1), (5, 5), 0),
        ("A", ["G"], (1, 1), (0, 9), 9),
        ("A", ["GT"], (1, 1), (0, 9), 0),
        ("AT", ["A"], (1, 1), (0, 9), 0),
        ("A", ["G", "T"], (1, 2), (0, 5, 5), 0),
        ("A", ["G", "T"], (1, 1), (0, 9, 0), 0),
        ("A", ["G"], (1,), (0, 9), 0),
        ("A", ["G"], (0, 1), (0, 0), 0),
    ],
)
def test_other_calls_do_not_count(
    ref: str, alts: list[str], genotype: Sequence[int], counts: Sequence[int], homozygous: int
) -> None:
    found = CallCounts()
    found.add([("chr1", called(ref, alts, genotype, counts)), ("chr1", called("A", ["G"], (0, 1), (0, 4)))])
    found.add([("chr1", called("A", ["G"], [1, 0], (0, 4)))])
    assert filled(found.balance.result()) == {"0.99": 2}
    assert found.homozygotes.fragments == homozygous


def called(ref: str, alts: list[str], genotype: Sequence[int], counts: Sequence[int]) -> Any:
    """A call that PASSes."""
    return SimpleNamespace(ref=ref, alts=alts, genotype=genotype, counts=counts, qual=50.0, info={}, filters=[])


def test_workers_add_up() -> None:
    one, two = AlleleBalance(), AlleleBalance()
    one.add((6, 4))
    two.add((60, 40))
    one.merge(two)
    assert filled(one.result()) == {"0.41": 2}

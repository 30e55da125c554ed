"""confidence: the stage. It is as sure of the reference as the evidence that calls are made from allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gpucall import engine
from gpucall.confidence import Confidence, is_explained
from gpucall.config import Gvcf
from gpucall.genotype import COLUMN, Call, genotype_costs
from gpucall.kernels.tables import SCALE
from gpucall.pileup import gather_sites

from . import tricky_sample
from .stages import recorded
from .test_nonref import call

Given = list[tuple[Any, ...]]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """Arguments and results of the stage while the tricky sample was called."""
    folder = tmp_path_factory.mktemp("confidence")
    sample = tricky_sample.write(folder / "sample", tricky_sample.reads(depth=30, pile=60))
    with recorded(engine, "reference_confidence") as given:
        engine.call(*sample.paths, folder / "out", device="cpu", threads=1, gvcf=Gvcf())
    return given


def covers(calls: list[Call], position: int) -> bool:
    return any(each.position <= position < each.position + len(each.ref) for each in calls)


def doubted(given: Given) -> Iterator[tuple[int, int, int, Confidence]]:
    """(position, what the calling model says that one copy of the likeliest other base costs more than the reference,
    depth, confidence) where some read differs and nothing was called."""
    for reads, evidence, _, calls, _, _, found in given:
        differing = np.flatnonzero(evidence.count.sum(axis=1)) + reads.origin
        inside = differing[(differing >= found.start) & (differing < found.stop)]
        positions = np.array([at for at in inside.tolist() if not covers(calls, at)], dtype=np.int64)
        sites = gather_sites(reads, positions)
        for position, costs, count in zip(positions.tolist(), genotype_costs(sites).tolist(), sites.count, strict=True):
            reference = "ACGT".index(chr(found.bases[position - found.start]))
            alone = costs[COLUMN[reference, reference]]
            het = min(costs[COLUMN[reference, other]] for other in range(4) if other != reference)
            yield position, het - alone, int(count[:4].sum()), found


def test_blocks_are_no_surer_than_the_evidence_of_calls(given: Given) -> None:
    """So a candidate that was weighed and not called lies in a block that says so."""
    seen = close = low = 0
    for position, expected, depth, found in doubted(given):
        het = int(found.het[position - found.start])
        slack = 2 * depth + 8  # roundings, one a fragment
        assert het <= max(expected, 0) + slack, position
        assert found.depth[position - found.start] == depth, position
        seen += 1
        close += abs(het - max(expected, 0)) <= slack
        low += het < 20 * SCALE
    assert seen > 500
    assert close > 0.5 * seen
    assert low > 10


def test_gaps_that_a_call_explains() -> None:
    indel, snv = call(100, "ACG", "A", (0, 1)), call(200, "A", "C", (0, 1))
    anchors = np.array([99, 100, 102, 103, 200, 300])
    assert is_explained(anchors, [indel, snv]).tolist() == [False, True, True, False, False, False]
    assert not is_explained(anchors, []).any()


def test_parts() -> None:
    columns = [np.arange(10, dtype=np.int32) for _ in range(3)]
    whole = Confidence(50, *columns, np.frombuffer(b"ACGTACGTAC", dtype=np.uint8))
    part = whole.part(53, 56)
    assert (part.start, part.stop) == (53, 56)
    assert part.depth.tolist() == [3, 4, 5]
    assert bytes(part.bases) == b"TAC"

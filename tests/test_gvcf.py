"""gvcf: every position of the territory is in exactly one record, whatever the pieces; what blocks hold."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.confidence import Confidence, genotype_quality, likelihoods
from gpucall.config import Gvcf
from gpucall.genotype import Call
from gpucall.gvcf import Block, Merger, Records, Stretch

BANDS = (20, 30, 40)
LENGTHS = {"a": 60, "b": 1, "c": 45}


class World(NamedTuple):
    """Positions, (depth, het, alt) where there are reads; what is covered; calls by contig."""

    territory: list[Stretch]
    positions: dict[tuple[str, int], tuple[int, int, int]]
    calls: dict[str, list[Call]]


def make_call(position: int, ref: str, alt: str, ploidy: int) -> Call:
    genotype = (0, 1)[2 - ploidy :]
    return Call(
        position=position,
        ref=ref,
        alts=(alt, "<NON_REF>"),
        genotype=genotype,
        strands=[(3, 4), (5, 6), (0, 0)],
        likelihoods=[500, 0, 700, 900, 800, 999] if ploidy == 2 else [500, 0, 999],
        qual=30.0,
        gq=20,
        mapq=60.0,
        edge=-1.0,
        depth=18,
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    territory = []
    for contig, length in LENGTHS.items():
        bounds = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=6)))
        for start, stop in pairwise(bounds):
            if draw(st.integers(0, 3)):
                territory.append(Stretch(contig, start, stop, draw(st.sampled_from([1, 2, 2]))))
    chance = draw(st.randoms(use_true_random=False))
    covered = [(stretch.contig, at) for stretch in territory for at in range(stretch.start, stretch.stop)]
    positions, calls = {}, {contig: [] for contig in LENGTHS}
    level = (0, 0, 0)
    for contig, at in covered:
        if chance.random() < 0.3:
            level = (chance.randrange(60), chance.choice([0, 31, 32, 1200, 1300, 2600]), chance.randrange(5000))
        if chance.random() < 0.8:
            positions[contig, at] = level
            ploidy = next(s.ploidy for s in territory if s.contig == contig and s.start <= at < s.stop)
            if chance.random() < 0.1:
                ref = "ACGTACGTAC"[: chance.choice([1, 1, 2, 9])]
                calls[contig].append(make_call(at, ref, chance.choice(["T", "A", "AC", "G"]) + ref[1:2], ploidy))
    return World(territory, positions, calls)


def pieces(world: World, chance: random.Random) -> Iterator[tuple[str, Confidence, list[Call]]]:
    """The positions with reads, cut at random."""
    run: list[tuple[str, int]] = []
    for key in [*world.positions, ("", -1)]:
        same = [s for s in world.territory if run and s.contig == run[0][0]]
        adjacent = bool(run) and key == (run[-1][0], run[-1][1] + 1)
        inside = any(s.start <= key[1] - 1 < s.stop - 1 for s in same)
        if run and (not adjacent or (not inside and chance.random() < 0.5) or chance.random() < 0.1):
            contig, start = run[0]
            columns = np.array([world.positions[each] for each in run], dtype=np.int32).T.copy()
            bases = np.frombuffer(b"C" * len(run), dtype=np.uint8)
            calls = [call for call in world.calls[contig] if start <= call.position < start + len(run)]
            yield contig, Confidence(start, *columns, bases), calls
            run = []
        run.append(key)


def merge(world: World, seed: int) -> list[Records]:
    merger = Merger(world.territory, Gvcf(bands=BANDS), lambda contig, position: ord("N"))
    out = [records for piece in pieces(world, random.Random(seed)) for records in merger.add(*piece)]
    return out + merger.finish()


def flat(records: list[Records]) -> list[tuple[str, Block | Call]]:
    return [(part.contig, each) for part in records for each in part.in_order()]


def span(each: Block | Call) -> tuple[int, int]:
    return (each.start, each.stop) if isinstance(each, Block) else (each.position, each.position + len(each.ref))


@settings(deadline=None)
@given(worlds())
def test_every_position_is_in_exactly_one_record(world: World) -> None:
    records = flat(merge(world, 0))
    seen: dict[tuple[str, int], int] = {}
    for contig, each in records:
        for position in range(*span(each)):
            seen[contig, position] = seen.get((contig, position), 0) + 1
    wanted = {(stretch.contig, at) for stretch in world.territory for at in range(stretch.start, stretch.stop)}
    assert all(seen.get(position) == 1 for position in wanted)
    assert set(seen.values()) <= {1}
    blocks = {(contig, at) for contig, each in records if isinstance(each, Block) for at in range(*span(each))}
    assert blocks <= wanted
    order = list(LENGTHS)
    places = [(order.index(contig), span(each)) for contig, each in records]
    assert places == sorted(places)


@settings(deadline=None)
@given(worlds(), st.integers(1, 5))
def test_how_the_positions_are_cut_does_not_show(world: World, seed: int) -> None:
    assert flat(merge(world, seed)) == flat(merge(world, 0))


def key_of(quality: int) -> int:
    return -1 if quality == 0 else sum(quality >= band for band in BANDS)


@settings(deadline=None)
@given(worlds())
def test_blocks_are_what_their_positions_say(world: World) -> None:
    """Each block: one ploidy, one band, the lowest figures and the mean depth; and as long as it can be."""
    ploidies = {(s.contig, at): s.ploidy for s in world.territory for at in range(s.start, s.stop)}

    def figures(contig: str, at: int) -> tuple[int, int, list[int]]:
        depth, het, alt = world.positions.get((contig, at), (0, 0, 0))
        costs = likelihoods(het, alt, ploidies[contig, at])
        return depth, genotype_quality(costs), costs

    previous: tuple[str, Block | Call] | None = None
    for contig, each in flat(merge(world, 0)):
        if isinstance(each, Block):
            found = [figures(contig, at) for at in range(each.start, each.stop)]
            assert {ploidies[contig, at] for at in range(each.start, each.stop)} == {each.ploidy}
            assert len({key_of(quality) for _, quality, _ in found}) == 1
            assert each.min_depth == min(depth for depth, _, _ in found)
            assert each.depth == sum(depth for depth, _, _ in found) // len(found)
            assert each.quality == min(quality for _, quality, _ in found)
            assert each.likelihoods == [min(column) for column in zip(*(costs for _, _, costs in found), strict=True)]
            if previous and isinstance(previous[1], Block) and (previous[0], previous[1].stop) == (contig, each.start):
                same = key_of(previous[1].quality) == key_of(each.quality) and previous[1].ploidy == each.ploidy
                assert not same
        previous = (contig, each)


def test_positions_outside_of_the_territory_are_refused() -> None:
    nothing = np.zeros(3, dtype=np.int32)
    part = Confidence(50, nothing, nothing, nothing, np.full(3, ord("A"), dtype=np.uint8))
    merger = Merger([Stretch("a", 60, 90)], Gvcf(), lambda contig, position: ord("N"))
    with pytest.raises(ValueError, match="a:51 does not follow"):
        merger.add("a", part, [])

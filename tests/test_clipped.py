"""clipped: reads aligned by bwa mem, and what a de Bruijn graph of them could hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pysam
import pytest

from gpucall.bench import clipped
from gpucall.bench.simulate import simulate
from gpucall.bench.variants import Variant, trim
from gpucall.errors import UsageError

from .fixtures import random_sequence

BASES = random_sequence(1000, 3)


def variant(position: int, ref: str, alt: str) -> Variant:
    edit = trim(position - 1, ref, alt)
    return Variant("c", position, ref, alt, "0/1", ".", (None, edit))


LONG = variant(500, BASES[499], BASES[499] + random_sequence(30, 4))
ALTERNATE = BASES[:500] + LONG.alts[1:] + BASES[500:]


class Reads:
    """An alignment file that holds these sequences."""

    def __init__(self, *sequences: str, flag: int = 0, mapq: int = 60) -> None:
        self.reads = [SimpleNamespace(query_sequence=each, flag=flag, mapping_quality=mapq) for each in sequences]

    def fetch(self, *_: Any) -> Iterator[Any]:
        return iter(self.reads)


def test_every_k_mer_must_be_in_two_reads() -> None:
    whole, left, right = ALTERNATE[450:580], ALTERNATE[450:520], ALTERNATE[490:580]
    assert clipped.graph_holds(LONG, BASES, Reads(whole, whole), 25)
    assert clipped.graph_holds(LONG, BASES, Reads(whole, left, right), 15)
    assert not clipped.graph_holds(LONG, BASES, Reads(whole, left, right), 35)  # they share 30 bases
    assert not clipped.graph_holds(LONG, BASES, Reads(whole), 25)
    assert not clipped.graph_holds(LONG, BASES, Reads(whole, whole, flag=0x400), 25)
    assert not clipped.graph_holds(LONG, BASES, Reads(whole, whole, mapq=10), 25)


def test_a_repeat_makes_a_cycle() -> None:
    assert not clipped.has_cycle(LONG, BASES, 15)
    twice = BASES[:600] + BASES[560:1000]
    assert clipped.has_cycle(LONG, twice, 25)
    assert not clipped.has_cycle(LONG, twice, 45)


def test_long_indels_without_a_neighbour() -> None:
    near, short = variant(540, BASES[539], "A" if BASES[539] != "A" else "C"), variant(700, BASES[699:709], BASES[699])
    assert list(clipped.alone([LONG, short])) == [LONG]
    assert list(clipped.alone([LONG, near])) == []
    outside = variant(500, LONG.ref, LONG.alts)
    outside.is_inside = False
    assert list(clipped.alone([outside])) == []


def test_reads_aligned_anew(peer: Callable[[str], str], tmp_path: Path) -> None:
    """Pairs come back with clips that the aligner found; reads without a mate are left out."""
    peer("bwa")
    peer("samtools")
    sample = simulate(tmp_path, length=60_000, depth=6.0, seed=3, indel_rate=1e-3, long_share=0.9, gaps=False)
    with (
        pysam.AlignmentFile(str(sample.bam)) as made,
        pysam.AlignmentFile(str(clipped.realign(sample, tmp_path))) as found,
    ):
        before = {(read.query_name, read.flag & 0xC0) for read in made if not read.flag & 0xD00}
        reads = [read for read in found if not read.flag & 0x900]
        groups = found.header.to_dict()["RG"]
    after = {(read.query_name, read.flag & 0xC0) for read in reads}
    assert after <= before
    assert len(after) > 0.95 * len(before)
    assert sum("S" in (read.cigarstring or "") for read in reads) > 20
    assert groups == [{"ID": "a", "SM": "S"}]


def test_without_the_aligner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sample: Any = SimpleNamespace()
    with pytest.raises(UsageError, match="apt-get install bwa"):
        clipped.realign(sample, tmp_path)

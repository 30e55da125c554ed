"""Coverage of the autosomes: equal to the naive twin and to Picard."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.config import Batching
from gpucall.qc.coverage import describe, is_autosome
from gpucall.qc.histogram import median
from gpucall.qc.sample import SampleQc
from gpucall.qc.territory import subtract

from . import golden_qc
from . import naive_qc as naive
from .fixtures import MATE_REVERSE, PAIRED, PROPER, READ1, READ2, REVERSE, SUPPLEMENTARY, Read, write_bam
from .qc_reads import CONTIGS, Genome, odd_reads, stream

GENOME = {name: bases.upper() for name, bases in golden_qc.genome().items()}


def covered(path: Path, batching: Batching | None = None, workers: int = 1) -> SampleQc:
    """Coverage of the whole genome."""
    qc = stream(path, GENOME, batching, workers=workers)
    qc.fill_gaps(Genome(GENOME))
    return qc


def histogram(qc: SampleQc) -> Counter[int]:
    """Depth -> positions."""
    return Counter({depth: int(count) for depth, count in enumerate(qc.coverage.solid[1]) if count})


def naive_histogram(reads: list[Read]) -> Counter[int]:
    total: Counter[int] = Counter()
    for tid, name in enumerate(("chr1", "chr2")):
        total += naive.coverage(naive.solid_depth(reads, tid, CONTIGS[name]), GENOME[name])
    return total


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_equals_naive(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    reads = odd_reads(seed, pairs=60)
    path = write_bam(tmp_path_factory.mktemp("coverage") / "reads.bam", reads, CONTIGS, index=None)
    assert histogram(covered(path)) == naive_histogram(reads)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    batch_bytes=st.integers(1, 30000),
    tile_span=st.integers(1, 1000),
    workers=st.integers(1, 3),
)
def test_does_not_depend_on_how_the_stream_is_cut(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch_bytes: int, tile_span: int, workers: int
) -> None:
    reads = odd_reads(seed, pairs=60)
    path = write_bam(tmp_path_factory.mktemp("coverage") / "reads.bam", reads, CONTIGS, index=None)
    cut = covered(path, Batching(batch_bytes=batch_bytes, tile_span=tile_span), workers)
    assert histogram(cut) == naive_histogram(reads)


def test_equals_picard(tmp_path: Path) -> None:
    """Metrics to Picard's six decimals, and every bin of the histogram."""
    lines = []
    for seed in golden_qc.SEEDS:
        qc = covered(write_bam(tmp_path / "reads.bam", golden_qc.reads(seed), CONTIGS, index=None))
        result = qc.coverage.result()
        assert result is not None
        counts = histogram(qc)
        lines += [f"{seed} GENOME_TERRITORY {counts.total()}", f"{seed} MEAN_COVERAGE {result.mean:.6f}".rstrip("0")]
        lines += [f"{seed} MAD_COVERAGE {result.mad:g}", f"{seed} PCT_15X {result.percent_15x / 100:.6f}".rstrip("0.")]
        lines += [f"{seed} {depth} {count}" for depth, count in sorted(counts.items())]
    assert lines == golden_qc.GOLDEN.read_text().splitlines()


# -- one rule at a time ------------------------------------------------------------------------------------------------


def solid_positions(folder: Path, reads: list[Read]) -> int:
    """Sum of depths over chr1."""
    counts = histogram(covered(write_bam(folder / "reads.bam", reads, CONTIGS, index=None)))
    return sum(depth * count for depth, count in counts.items())


def known(start: int, stop: int) -> int:
    """Known reference bases of chr1[start:stop)."""
    return stop - start - GENOME["chr1"][start:stop].count("N")


def pair() -> tuple[Read, Read]:
    """Two reads of 40 that share 20 positions."""
    one = Read("pair", 100, "40M", "A" * 40, 0, PAIRED | PROPER | READ1 | MATE_REVERSE, mate_tid=0, mate_pos=120)
    return one, Read("pair", 120, "40M", "A" * 40, 0, PAIRED | PROPER | READ2 | REVERSE, mate_tid=0, mate_pos=100)


def test_mates_count_once(tmp_path: Path) -> None:
    assert solid_positions(tmp_path, list(pair())) == known(100, 160)


def test_a_good_base_counts_where_the_mates_is_weak(tmp_path: Path) -> None:
    one, two = pair()
    weak = replace(one, qual=[10] * 40)
    assert solid_positions(tmp_path, [weak, two]) == known(120, 160)


def test_an_unknown_base_does_not_count_however_good(tmp_path: Path) -> None:
    one, two = pair()
    unknown = replace(one, seq="N" * 21 + "A" * 18 + "N", qual=40)
    assert solid_positions(tmp_path, [unknown, two]) == known(120, 160)
    assert solid_positions(tmp_path, [unknown]) == known(121, 139)


def test_a_supplementary_alignment_shares_its_reads_name(tmp_path: Path) -> None:
    one, two = pair()
    again = replace(one, pos=130, cigar="10H30M", seq="A" * 30, flag=one.flag | SUPPLEMENTARY)
    assert solid_positions(tmp_path, [one, two, again]) == known(100, 160)


def test_a_record_that_is_there_twice_counts_once(tmp_path: Path) -> None:
    one, two = pair()
    assert solid_positions(tmp_path, [one, one, two, two, two]) == known(100, 160)


def test_deeper_positions_count_as_the_cap(tmp_path: Path) -> None:
    reads = [replace(pair()[0], name=f"r{number}", mate_pos=400) for number in range(300)]
    counts = histogram(covered(write_bam(tmp_path / "reads.bam", reads, CONTIGS, index=None)))
    assert counts[250] == known(100, 140)
    assert max(counts) == 250


# -- territory ---------------------------------------------------------------------------------------------------------


def test_positions_without_reads_have_depth_0(tmp_path: Path) -> None:
    qc = covered(write_bam(tmp_path / "reads.bam", [], CONTIGS, index=None))
    assert histogram(qc) == {0: sum(len(GENOME[name]) - GENOME[name].count("N") for name in ("chr1", "chr2"))}


def test_gaps_can_be_limited_to_intervals(tmp_path: Path) -> None:
    qc = stream(write_bam(tmp_path / "reads.bam", list(pair()), CONTIGS, index=None), GENOME)
    qc.fill_gaps(Genome(GENOME), {"chr1": np.array([[90, 130], [200, 210]])})
    assert qc.coverage.solid.sum() == known(90, 160) + known(200, 210)


def test_contigs_that_the_reference_lacks_are_no_territory(tmp_path: Path) -> None:
    qc = stream(write_bam(tmp_path / "reads.bam", [], CONTIGS, index=None))
    qc.fill_gaps(Genome({"chr2": GENOME["chr2"]}))
    assert qc.coverage.solid.sum() == len(GENOME["chr2"]) - GENOME["chr2"].count("N")


@pytest.mark.parametrize(
    ("name", "expected"),
    [("chr1", True), ("22", True), ("chr23", False), ("X", False), ("chrM", False), ("chr1_alt", False), ("01", False)],
)
def test_autosomes_are_chr1_to_chr22(name: str, expected: bool) -> None:
    assert is_autosome(name) is expected


@pytest.mark.parametrize(
    ("taken", "left"),
    [
        ([], [(10, 20)]),
        ([(0, 5), (30, 40)], [(10, 20)]),
        ([(5, 12), (15, 16), (18, 25)], [(12, 15), (16, 18)]),
        ([(0, 40)], []),
        ([(10, 15), (12, 13)], [(15, 20)]),
    ],
)
def test_subtract(taken: list[tuple[int, int]], left: list[tuple[int, int]]) -> None:
    assert list(subtract(10, 20, taken)) == left


# -- figures -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40))
def test_median_equals_the_middle_of_the_sorted_values(values: list[int]) -> None:
    counts = np.bincount(values).astype(np.int64)
    assert median(np.arange(len(counts), dtype=np.float64), counts) == float(np.median(values))


@given(st.lists(st.integers(0, 40), min_size=1, max_size=60))
def test_figures_equal_those_of_the_positions_themselves(values: list[int]) -> None:
    result = describe(np.bincount(values, minlength=251).astype(np.int64))
    assert result is not None
    assert result.mean == pytest.approx(np.mean(values))
    assert result.mad == float(np.median(np.abs(np.array(values) - np.median(values))))
    assert result.percent_15x == pytest.approx(100 * np.mean(np.array(values) >= 15))


def test_no_position_has_no_figures() -> None:
    assert describe(np.zeros(251, dtype=np.int64)) is None

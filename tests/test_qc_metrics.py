"""The GA4GH metrics file, and the accumulators behind one object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gpucall.config import Batching
from gpucall.qc import SampleQc, write
from gpucall.qc.metrics import coverage_metrics, read_metrics, rounded, variant_metrics, whole

from . import golden_qc, picard
from .fixtures import Read, write_bam
from .qc_reads import CONTIGS, Genome, odd_reads, stream_ordered, stream_reads
from .test_qc_variants import Call

GENOME = {name: bases.upper() for name, bases in golden_qc.genome().items()}
NAMES = {
    "aln_metrics": [
        "yield_bp_q30",
        "pct_reads_mapped",
        "pct_reads_properly_paired",
        "mean_insert_size",
        "insert_size_std_deviation",
        "mean_autosome_coverage",
        "mad_autosome_coverage",
        "pct_autosomes_15x",
        "cross_contamination_rate",
    ],
    "variant_metrics": [
        "count_snvs",
        "count_insertions",
        "count_deletions",
        "ratio_heterozygous_homzygous_snv",
        "ratio_heterozygous_homzygous_indel",
        "ratio_insertion_deletion",
        "ratio_transitions_transversions_snv",
    ],
}


def document(qc: SampleQc, folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    return json.loads(write(qc, folder, "sample")["metrics"].read_text())


def full(folder: Path) -> SampleQc:
    """Everything counted."""
    qc = stream_reads(folder, odd_reads(1), GENOME)
    qc.fill_gaps(Genome(GENOME))
    alleles = [("A", "G"), ("A", "C"), ("A", "AT"), ("AT", "A")]
    qc.add_variants([("chr1", Call(ref, [alt], genotype)) for ref, alt in alleles for genotype in ((0, 1), (1, 1))])
    return qc


def test_names_and_shape(tmp_path: Path) -> None:
    metrics = document(full(tmp_path), tmp_path)
    assert metrics["biosample"] == {"id": "sample"}
    assert {part: list(values) for part, values in metrics["wgs_qc_metrics"].items()} == NAMES


def test_every_file_is_written_beside_the_others(tmp_path: Path) -> None:
    files = write(full(tmp_path), tmp_path, "sample")
    assert {path.name for path in files.values()} == {path.name for path in tmp_path.glob("sample.*")}
    assert {path.name for path in files.values()} >= {
        "sample.flagstat.txt",
        "sample.metrics.json",
        "sample.mosdepth.global.dist.txt",
        "sample.mosdepth.summary.txt",
        "sample.stats.txt",
        "sample.vcfstats.txt",
        *(f"sample.{ending}" for ending in picard.KINDS),
    }
    assert all(path.is_file() for path in files.values())


def test_what_cannot_be_had_is_null(tmp_path: Path) -> None:
    """All 16 names are there."""
    nothing = {part: dict.fromkeys(names) for part, names in NAMES.items()}
    assert document(stream_reads(tmp_path, []), tmp_path)["wgs_qc_metrics"] == nothing
    assert sum(map(len, NAMES.values())) == 16


def test_reads_without_pairs_have_no_insert_size(tmp_path: Path) -> None:
    metrics = stream_reads(tmp_path, [Read("single", 5, "4M", "ACGT")]).alignment_metrics()
    assert metrics == {"yield_bp_q30": 4, "pct_reads_mapped": 100.0, "pct_reads_properly_paired": 0.0}


def test_a_run_that_finds_no_variant_says_so(tmp_path: Path) -> None:
    qc = stream_reads(tmp_path, [])
    qc.add_variants([])
    assert qc.variant_metrics() == {"count_snvs": 0, "count_insertions": 0, "count_deletions": 0}


def test_merging_workers_equals_one_worker(tmp_path: Path) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(2), CONTIGS, index=None)
    one, three = tmp_path / "one", tmp_path / "three"
    one.mkdir()
    three.mkdir()
    qc, ordered = stream_ordered(path, GENOME)
    alone = write(qc, one, "s", ordered)
    qc, ordered = stream_ordered(path, GENOME, Batching(batch_bytes=5000, tile_span=97), workers=3)
    together = write(qc, three, "s", ordered)
    assert all(alone[kind].read_bytes() == together[kind].read_bytes() for kind in alone)


@pytest.mark.parametrize(("value", "digits", "expected"), [(2.675, 2, 2.67), (0.125, 2, 0.12), (447.4721, 1, 447.5)])
def test_numbers_are_rounded_as_printf_does(value: float, digits: int, expected: float) -> None:
    assert rounded(value, digits) == expected


def test_a_median_deviation_may_lie_between_integers() -> None:
    assert (whole(3.0), whole(2.5)) == (3, 2.5)
    assert isinstance(whole(3.0), int)


def test_parts_that_were_not_counted_are_empty() -> None:
    assert coverage_metrics(None) == {}
    assert variant_metrics(None) == {}
    assert read_metrics({"sequences": (0, 5)}, 0, None) == {}

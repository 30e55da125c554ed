"""Depth: equal to the naive twin and to mosdepth, however the stream is cut."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.config import Batching
from gpucall.qc.depth import ContigDepth, distribution, summary_line, write_distribution, write_summary
from gpucall.qc.sample import SampleQc, write

from . import naive_qc as naive
from .fixtures import (
    DUPLICATE,
    MATE_REVERSE,
    PAIRED,
    PROPER,
    QC_FAIL,
    READ1,
    READ2,
    REVERSE,
    SUPPLEMENTARY,
    Read,
    in_file_order,
    write_bam,
)
from .qc_reads import CONTIGS, odd_reads, stream, stream_reads

Peer = Callable[[str], str]


def histograms(qc: SampleQc) -> dict[str, Counter[int]]:
    """Contig -> depth -> positions, of contigs with records."""
    contigs = qc.depth.result(qc.contigs, qc.flags.records_per_contig())
    return {name: Counter({d: int(n) for d, n in enumerate(counts) if n}) for name, counts in contigs}


def naive_histograms(reads: list[Read]) -> dict[str, Counter[int]]:
    placed = {read.tid for read in reads}
    return {
        name: Counter(naive.cover_depth(reads, tid, length))
        for tid, (name, length) in enumerate(CONTIGS.items())
        if tid in placed
    }


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_equals_naive(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    reads = odd_reads(seed, pairs=60)
    assert histograms(stream_reads(tmp_path_factory.mktemp("depth"), reads)) == naive_histograms(reads)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    batch_bytes=st.integers(1, 30000),
    tile_span=st.integers(1, 1000),
    workers=st.integers(1, 3),
)
def test_does_not_depend_on_how_the_stream_is_cut(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch_bytes: int, tile_span: int, workers: int
) -> None:
    path = write_bam(tmp_path_factory.mktemp("depth") / "reads.bam", odd_reads(seed, pairs=60), CONTIGS, index=None)
    whole = stream(path)
    cut = stream(path, batching=Batching(batch_bytes=batch_bytes, tile_span=tile_span), workers=workers)
    assert histograms(cut) == histograms(whole)
    assert cut.alignment_metrics() == whole.alignment_metrics()


# -- what mosdepth does with mates, one by one -------------------------------------------------------------------------


def mates(one: tuple[int, str], two: tuple[int, str], first: int = 0, second: int = 0) -> list[Read]:
    """A proper pair by position and CIGAR, with further flags."""

    def read(at: int, cigar: str, flag: int) -> Read:
        length = sum(count for count, kind in naive.operations(Read("", at, cigar, "")) if kind in "MIS=X")
        return Read("pair", at, cigar, "A" * length, 0, PAIRED | PROPER | flag, mate_tid=0)

    a = replace(read(*one, READ1 | MATE_REVERSE | first), mate_pos=two[0])
    return in_file_order([a, replace(read(*two, READ2 | REVERSE | second), mate_pos=one[0])])


MATES = {
    "apart": mates((100, "50M"), (150, "50M")),
    "partial overlap": mates((100, "50M"), (120, "50M")),
    "equal starts": mates((100, "50M"), (100, "50M")),
    "equal starts, first shorter": mates((100, "30M"), (100, "50M")),
    "inside, one operation each": mates((100, "50M"), (110, "20M")),
    "inside, clipped": mates((100, "50M"), (110, "4S20M")),
    "deletion in one": mates((100, "20M5D20M"), (110, "50M")),
    "deletions in both": mates((100, "20M5D20M"), (110, "12M7D20M")),
    "insertion": mates((100, "20M3I20M"), (110, "40M")),
    "skip": mates((100, "20M30N20M"), (110, "60M")),
    "clips": mates((100, "5S40M5S"), (120, "3S40M")),
    "matches and mismatches": mates((100, "20=1X19="), (110, "40=")),
    "improper": [replace(read, flag=read.flag & ~PROPER) for read in mates((100, "50M"), (120, "50M"))],
    "first a duplicate": mates((100, "50M"), (120, "50M"), first=DUPLICATE),
    "second a duplicate": mates((100, "50M"), (120, "50M"), second=DUPLICATE),
    "second failed": mates((100, "50M"), (100, "50M"), second=QC_FAIL),
    "second without mapping quality": [replace(read, mapq=0) for read in mates((100, "50M"), (120, "50M"))],
    "mate elsewhere": [replace(read, mate_tid=1) for read in mates((100, "50M"), (120, "50M"))[:1]],
    "supplementary": [
        *mates((100, "50M"), (120, "50M")),
        Read("pair", 130, "20M", "A" * 20, 0, PAIRED | PROPER | READ1 | SUPPLEMENTARY, mate_tid=0, mate_pos=120),
    ],
    "twice in the file": [read for read in mates((100, "50M"), (120, "50M")) for _ in range(2)],
    "at the contig's end": mates((CONTIGS["chr1"] - 50, "50M"), (CONTIGS["chr1"] - 40, "40M")),
}


@pytest.mark.parametrize("case", MATES)
def test_mates_equal_naive(tmp_path: Path, case: str) -> None:
    reads = MATES[case]
    assert histograms(stream_reads(tmp_path, reads)) == naive_histograms(reads)


@pytest.mark.parametrize("case", MATES)
def test_mates_equal_mosdepth(tmp_path: Path, peer: Peer, case: str) -> None:
    check_mosdepth(write_bam(tmp_path / "reads.bam", MATES[case], CONTIGS), peer("mosdepth"), tmp_path)


def test_a_read_inside_its_mate_leaves_the_rest_uncounted(tmp_path: Path) -> None:
    """What the tool does, and what it turns on, stated once with numbers."""
    reads = MATES["inside, one operation each"]
    assert histograms(stream_reads(tmp_path, reads))["chr1"] == {0: CONTIGS["chr1"] - 30, 1: 30}
    reads = MATES["inside, clipped"]
    assert histograms(stream_reads(tmp_path, reads))["chr1"] == {0: CONTIGS["chr1"] - 50, 1: 50}


# -- files -------------------------------------------------------------------------------------------------------------


def test_contigs_with_only_unmapped_records_are_listed(tmp_path: Path) -> None:
    reads = [Read("mapped", 5, "4M", "ACGT"), Read("unmapped", 7, "", "ACGT", tid=2, flag=4)]
    qc = stream_reads(tmp_path, reads)
    assert histograms(qc) == {"chr1": {0: 896, 1: 4}, "chrX": {0: 500}}


def test_no_reads_make_an_empty_summary(tmp_path: Path) -> None:
    files = write(stream_reads(tmp_path, []), tmp_path, "none")
    assert files["mosdepth_summary"].read_text() == ("chrom\tlength\tbases\tmean\tmin\tmax\ntotal\t0\t0\t0.00\t0\t0\n")
    assert files["mosdepth_distribution"].read_text() == ""


@pytest.mark.parametrize(
    "depths",
    [
        [0] * 10,
        [3] * 7 + [0] * 90000 + [299, 300, 301, 302, 450],
        [1000] * 3 + [999] + [1001] + [0] * 20,
        [400000, 400001, 399990, 500000, 0, 1],
    ],
)
def test_distribution_equals_naive(depths: list[int]) -> None:
    counts = np.bincount(depths).astype(np.int64)
    lines = "".join(f"chr1\t{depth}\t{share:.2f}\n" for depth, share in distribution(counts))
    assert lines == naive.distribution("chr1", depths)


def test_summary_states_length_bases_mean_and_extremes() -> None:
    assert summary_line("chr1", np.array([0, 2, 0, 1, 0]), 1) == "chr1\t3\t5\t1.67\t1\t3\n"


def test_the_total_adds_contigs_up(tmp_path: Path) -> None:
    contigs = [ContigDepth("a", np.array([0, 5])), ContigDepth("b", np.array([1, 0, 0, 4]))]
    write_summary(tmp_path / "summary", contigs)
    write_distribution(tmp_path / "dist", contigs)
    assert (tmp_path / "summary").read_text().splitlines()[-1] == "total\t10\t17\t1.70\t0\t3"
    assert (tmp_path / "dist").read_text().splitlines()[-4:] == [
        "total\t3\t0.40",
        "total\t2\t0.40",
        "total\t1\t0.90",
        "total\t0\t1.00",
    ]


# -- peers -------------------------------------------------------------------------------------------------------------


def check_mosdepth(path: Path, mosdepth: str, folder: Path) -> None:
    """Both files, byte for byte. ``path`` is copied, as mosdepth wants an index beside it."""
    copy = folder / "copy.bam"
    copy.write_bytes(path.read_bytes())
    pysam.index(str(copy))
    subprocess.run([mosdepth, "-n", "theirs", str(copy)], cwd=folder, check=True)
    files = write(stream(path), folder, "ours")
    for name in ("mosdepth_summary", "mosdepth_distribution"):
        theirs = folder / files[name].name.replace("ours", "theirs")
        assert files[name].read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("seed", range(4))
def test_equals_mosdepth_on_odd_reads(tmp_path: Path, peer: Peer, seed: int) -> None:
    check_mosdepth(write_bam(tmp_path / "reads.bam", odd_reads(seed), CONTIGS), peer("mosdepth"), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "HG002.31x.b37",
        "HG002.92x.b37",
        "HG002.96x.b37",
        "NA12878.52x.hg19",
        "mitochondria.451x",
        "trio.HG001.b37",
        "trio.NA12891.b37",
        "trio.NA12892.b37",
    ],
)
def test_equals_mosdepth_on_real_reads(tmp_path: Path, shared_data: Path, peer: Peer, name: str) -> None:
    check_mosdepth(shared_data / "real" / f"{name}.bam", peer("mosdepth"), tmp_path)

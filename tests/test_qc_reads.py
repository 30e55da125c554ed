"""Flags, template lengths and good bases: equal to the naive twin, samtools and Picard."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gpucall.qc.flags import FLAGSTAT_LINES, percentage, write_flagstat
from gpucall.qc.inserts import main_part

from . import naive_qc as naive
from .fixtures import MATE_REVERSE, PAIRED, QC_FAIL, READ1, READ2, REVERSE, Read, write_bam
from .qc_reads import CONTIGS, odd_reads, stream, stream_reads

Peer = Callable[[str], str]


def flagstat_text(folder: Path, reads: list[Read]) -> str:
    path = folder / "flagstat.txt"
    write_flagstat(path, stream_reads(folder, reads).flags.result())
    return path.read_text()


def stats(samtools: str, path: Path, *options: str) -> dict[str, str]:
    """The summary numbers of samtools stats."""
    done = subprocess.run([samtools, "stats", *options, str(path)], capture_output=True, text=True, check=True)
    return dict(line.split("\t")[1:3] for line in done.stdout.splitlines() if line.startswith("SN"))


@pytest.mark.parametrize("seed", range(3))
def test_flagstat_equals_naive(tmp_path: Path, seed: int) -> None:
    reads = odd_reads(seed)
    assert flagstat_text(tmp_path, reads) == naive.flagstat(reads)


@pytest.mark.parametrize("seed", range(3))
def test_inserts_equal_naive(tmp_path: Path, seed: int) -> None:
    reads = odd_reads(seed)
    result, expected = stream_reads(tmp_path, reads).inserts.result(), naive.inserts(reads)
    assert result is not None
    assert expected is not None
    assert result == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_yield_equals_naive(tmp_path: Path, seed: int) -> None:
    reads = odd_reads(seed)
    assert stream_reads(tmp_path, reads).reads.result().yielded(30) == naive.q30_bases(reads)


def test_every_flag_is_counted_as_naive_does(tmp_path: Path) -> None:
    reads = [
        Read(f"r{flag}", 10, "4M", "ACGT", 0, flag, mapq, mate_tid=mate)
        for flag in range(0x1000)
        for mapq, mate in ((4, 0), (5, 1))
    ]
    assert flagstat_text(tmp_path, reads) == naive.flagstat(reads)


def test_a_file_without_reads_has_no_percentages(tmp_path: Path) -> None:
    text = flagstat_text(tmp_path, [])
    assert text == naive.flagstat([])
    assert text.count("N/A") == 8
    assert len(text.splitlines()) == len(FLAGSTAT_LINES)


@pytest.mark.parametrize(
    ("part", "whole", "text"), [(0, 0, "N/A"), (1, 3, "33.33%"), (16777217, 33554432, "50.00%"), (0, 7, "0.00%")]
)
def test_percentages_are_single_precision(part: int, whole: int, text: str) -> None:
    assert percentage(part, whole) == text


def test_missing_qualities_are_not_good_bases(tmp_path: Path) -> None:
    reads = [Read("stored", 10, "4M", "ACGT", qual=[29, 30, 31, 93]), Read("absent", 20, "4M", "ACGT", qual=255)]
    assert stream_reads(tmp_path, reads).reads.result().yielded(30) == 3


def test_long_reads_are_counted_whole(tmp_path: Path) -> None:
    reads = [Read("long", 0, "700M", "A" * 700, qual=[40, 10] * 350)]
    assert stream_reads(tmp_path, reads).reads.result().yielded(30) == 350


def test_inserts_above_the_largest_count_as_the_largest() -> None:
    counts = np.zeros((3, 8001), dtype=np.int64)
    counts[0, 8000] = 4
    assert main_part(counts) == (8000.0, 0.0)


def test_one_read_of_a_pair_is_no_insert(tmp_path: Path) -> None:
    read = Read("alone", 10, "4M", "ACGT", 0, PAIRED | READ1, mate_tid=0, mate_pos=40, tlen=34)
    assert stream_reads(tmp_path, [read]).inserts.result() is None


def test_failed_reads_are_left_out_of_inserts(tmp_path: Path) -> None:
    def pair(name: str, tlen: int, flag: int) -> list[Read]:
        one = Read(name, 10, "4M", "ACGT", 0, PAIRED | READ1 | MATE_REVERSE | flag, 60, 35, 0, 10, tlen)
        return [one, Read(name, 10, "4M", "ACGT", 0, PAIRED | READ2 | REVERSE | flag, 60, 35, 0, 10, -tlen)]

    reads = pair("good", 100, 0) + pair("failed", 300, QC_FAIL)
    assert stream_reads(tmp_path, reads).inserts.result() == (100.0, 0.0)


# -- peers -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(2))
def test_equals_samtools_on_odd_reads(tmp_path: Path, peer: Peer, seed: int) -> None:
    check_samtools(write_bam(tmp_path / "reads.bam", odd_reads(seed), CONTIGS), peer("samtools"), tmp_path)


@pytest.mark.parametrize(
    "name",
    ["HG002.31x.b37", "HG002.92x.b37", "HG002.96x.b37", "NA12878.52x.hg19", "mitochondria.451x", "trio.HG001.b37"],
)
def test_equals_samtools_on_real_reads(tmp_path: Path, shared_data: Path, peer: Peer, name: str) -> None:
    check_samtools(shared_data / "real" / f"{name}.bam", peer("samtools"), tmp_path)


def check_samtools(path: Path, samtools: str, folder: Path) -> None:
    """Flagstat byte for byte; of stats, without reads that failed, what the metrics are made of."""
    qc = stream(path)
    write_flagstat(folder / "ours.txt", qc.flags.result())
    theirs = subprocess.run([samtools, "flagstat", str(path)], capture_output=True, check=True).stdout
    assert (folder / "ours.txt").read_bytes() == theirs
    numbers, counts, inserts = stats(samtools, path, "-F", "0x200"), qc.flags.result(), qc.inserts.result()
    assert inserts is not None
    assert f"{inserts.mean:.1f}" == numbers["insert size average:"]
    assert f"{inserts.deviation:.1f}" == numbers["insert size standard deviation:"]
    assert counts["sequences"][0] == int(numbers["sequences:"])
    assert counts["sequences mapped"][0] == int(numbers["reads mapped:"])
    assert counts["sequences properly paired"][0] == int(numbers["reads properly paired:"])


# Picard 2.27.5: PicardCommandLine CollectQualityYieldMetrics I=READS O=OUT, PF_Q30_BASES
YIELDS = {
    "HG002.31x.b37": 2820952,
    "HG002.92x.b37": 2013626,
    "HG002.96x.b37": 7121099,
    "NA12878.52x.hg19": 4902420,
    "trio.HG001.b37": 254813,
}


@pytest.mark.parametrize("name", YIELDS)
def test_yield_equals_picard(shared_data: Path, name: str) -> None:
    assert stream(shared_data / "real" / f"{name}.bam").reads.result().yielded(30) == YIELDS[name]

"""The text of samtools stats: equal to samtools', line by line and in its order, whatever the reads."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from gpucall.config import Batching
from gpucall.qc import write
from gpucall.qc.gc_depth import BIN_SIZE

from .fixtures import PAIRED, READ1, REVERSE, Read, in_file_order, write_bam
from .qc_reads import CONTIGS, odd_reads, stream_ordered, write_reads
from .test_kernels_stats import lengths, tagged

Peer = Callable[[str], str]
REAL = (
    *("HG002.31x.b37", "HG002.92x.b37", "HG002.96x.b37", "NA12878.52x.hg19", "mitochondria.451x"),
    *("trio.HG001.b37", "trio.NA12891.b37", "trio.NA12892.b37"),
)
SECTIONS = (
    *("CHK", "SN", "FFQ", "LFQ", "GCF", "GCL", "GCC", "GCT", "FBC", "FTC", "LBC", "LTC"),
    *("IS", "RL", "FRL", "LRL", "ID", "IC", "COV", "GCD"),
)


def our_lines(path: Path, folder: Path, batching: Batching | None = None, workers: int = 1) -> list[str]:
    """The file without its first comments, which name who made it."""
    qc, ordered = stream_ordered(path, batching=batching, workers=workers)
    lines = write(qc, folder, "ours", ordered)["stats"].read_text().splitlines()
    return lines[lines.index("# CHK, Checksum\t[2]Read Names\t[3]Sequences\t[4]Qualities") :]


def check_samtools(path: Path, folder: Path, samtools: str) -> list[str]:
    """Every line, comments between sections included."""
    done = subprocess.run([samtools, "stats", str(path)], capture_output=True, text=True, check=True)
    theirs = done.stdout.splitlines()
    ours = our_lines(path, folder)
    assert ours == theirs[theirs.index(ours[0]) :]
    return ours


@pytest.mark.parametrize("name", REAL)
def test_equals_samtools_on_real_reads(tmp_path: Path, shared_data: Path, peer: Peer, name: str) -> None:
    lines = check_samtools(shared_data / "real" / f"{name}.bam", tmp_path, peer("samtools"))
    assert {line.split("\t")[0] for line in lines if not line.startswith("#")} >= set(SECTIONS) - {"ID", "IC"}


@pytest.mark.parametrize("seed", range(4))
def test_equals_samtools_on_odd_reads(tmp_path: Path, peer: Peer, seed: int) -> None:
    reads = [replace(read, tags=b"") for read in tagged(seed, 100)] if seed < 1 else tagged(seed, 100)
    check_samtools(write_reads(tmp_path, reads), tmp_path, peer("samtools"))


def test_equals_samtools_on_reads_of_every_length(tmp_path: Path, peer: Peer) -> None:
    check_samtools(write_reads(tmp_path, lengths()), tmp_path, peer("samtools"))


@pytest.mark.parametrize("flags", [range(0x400), range(0x400, 0x800), range(0x800, 0x1000)])
def test_equals_samtools_on_every_flag(tmp_path: Path, peer: Peer, flags: Sequence[int]) -> None:
    chance = random.Random(3)
    reads = [
        Read(
            *(f"r{flag}", 10 + flag // 40, "10M", "".join(chance.choices("ACGTN", k=10)), 0, flag),
            *(chance.choice((0, 5, 60)), chance.choices(range(42), k=10), chance.choice((0, 1)), 30, 77),
        )
        for flag in flags
    ]
    check_samtools(write_reads(tmp_path, reads), tmp_path, peer("samtools"))


def far_reads(count: int, stop: int) -> list[Read]:
    """Reads of different GC over contigs that are long enough for many stretches of GC and depth."""
    chance = random.Random(8)
    reads = []
    for number in range(count):
        tid, flag = chance.randrange(2), chance.choice((0, REVERSE, PAIRED | READ1, PAIRED, 0x100, 0x800, 4))
        pos = int(stop * chance.random() ** 1.5)
        weights = (1, 1 + pos // BIN_SIZE % 3, 1 + pos // BIN_SIZE % 3, 1)
        cigar = "" if flag == 4 else "50M"
        reads.append(Read(f"r{number}", pos, cigar, "".join(chance.choices("ACGT", weights, k=50)), tid, flag))
    return in_file_order(reads)


def test_equals_samtools_on_far_reads(tmp_path: Path, peer: Peer) -> None:
    contigs = {"chr1": 1_500_000, "chr2": 1_500_000}
    path = write_bam(tmp_path / "reads.bam", far_reads(6000, 1_400_000), contigs, index=None)
    lines = check_samtools(path, tmp_path, peer("samtools"))
    assert sum(line.startswith("GCD") for line in lines) > 5
    cut = our_lines(path, tmp_path, Batching(batch_bytes=3000, tile_span=5000), workers=3)
    assert cut == lines


def test_deep_places(tmp_path: Path, peer: Peer) -> None:
    """Depths around the largest that samtools tells apart."""
    reads = [Read(f"r{k}", 100 + (k > 998) + (k > 999) + (k > 1000), "40M", "ACGT" * 10) for k in range(1100)]
    lines = check_samtools(write_reads(tmp_path, reads), tmp_path, peer("samtools"))
    assert any(line.startswith("COV\t[1000<]") for line in lines)
    assert any(line.startswith("COV\t[1000-1000]") for line in lines)


def test_no_reads(tmp_path: Path, peer: Peer) -> None:
    check_samtools(write_reads(tmp_path, []), tmp_path, peer("samtools"))


@pytest.mark.parametrize("seed", range(2))
def test_does_not_depend_on_how_the_stream_is_cut(tmp_path: Path, seed: int) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(seed), CONTIGS, index=None)
    whole = our_lines(path, tmp_path)
    assert our_lines(path, tmp_path, Batching(batch_bytes=3000, tile_span=97), workers=3) == whole


def test_the_file_says_who_wrote_it(tmp_path: Path) -> None:
    qc, ordered = stream_ordered(write_reads(tmp_path, odd_reads(1)))
    first, second = write(qc, tmp_path, "ours", ordered)["stats"].read_text().splitlines()[:2]
    assert "This file was produced by samtools stats" in first  # by which MultiQC knows the file
    assert "gpucall" in second

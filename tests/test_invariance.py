"""What must not change the calls: the order of reads of equal position, read groups, the memory budget.

``test_same_bytes`` shows it on a hand-made sample; this is a slice of real reads and a simulated sample.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pysam
import pytest

from gpucall.bench.simulate import simulate

from .test_same_bytes import call

REGION = ("20", 10_020_000, 10_060_000)  # of HG002.31x, 0-based half-open


class Sample(NamedTuple):
    """Reads, their reference, and the lines of the calls made from them as they stand."""

    bam: Path
    reference: Path
    expected: list[bytes]


def real_slice(folder: Path, data: Path) -> tuple[Path, Path]:
    with pysam.AlignmentFile(str(data / "real" / "HG002.31x.b37.bam")) as source:
        bam = write(folder / "slice.bam", source.header.to_dict(), source.fetch(*REGION))
    return bam, data / "real" / "b37.chr20.windows.fa.gz"


def simulated(folder: Path) -> tuple[Path, Path]:
    sample = simulate(folder, length=60_000, seed=4, indel_rate=1e-3, read_groups=1, deep_sites=((30_000, 600),))
    return sample.bam, sample.reference


@pytest.fixture(scope="module", params=["real", "simulated"])
def sample(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "real":
        bam, reference = real_slice(folder, request.getfixturevalue("shared_data"))
    else:
        bam, reference = simulated(folder)
    return Sample(bam, reference, lines(folder / "out", bam, reference))


def lines(out: Path, bam: Path, reference: Path, **options: Any) -> list[bytes]:
    return call(out, bam, reference, **options)["vcf"].splitlines()


def write(path: Path, header: dict[str, Any], reads: Iterable[pysam.AlignedSegment]) -> Path:
    with pysam.AlignmentFile(str(path), "wb", header=header) as target:
        for read in reads:
            target.write(read)
    return path


def read_all(bam: Path) -> tuple[dict[str, Any], list[pysam.AlignedSegment]]:
    with pysam.AlignmentFile(str(bam)) as source:
        return source.header.to_dict(), list(source.fetch(until_eof=True))


def test_there_is_something_to_compare(sample: Sample) -> None:
    records = [line.split(b"\t") for line in sample.expected[1:]]
    assert len(records) > 50
    assert sum(len(record[3]) != len(record[4]) for record in records) > 5


@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_reads_of_equal_position(tmp_path: Path, sample: Sample, seed: int) -> None:
    header, reads = read_all(sample.bam)
    chance = random.Random(seed)
    groups = (list(group) for _, group in groupby(reads, key=lambda read: (read.reference_id, read.reference_start)))
    permuted = [read for group in groups for read in chance.sample(group, len(group))]
    assert permuted != reads
    assert sorted(read.query_name for read in permuted) == sorted(read.query_name for read in reads)
    bam = write(tmp_path / "permuted.bam", header, permuted)
    assert lines(tmp_path / "out", bam, sample.reference) == sample.expected


def test_two_read_groups(tmp_path: Path, sample: Sample) -> None:
    """Each fragment in one of two groups by its name, as two lanes would have it."""
    header, reads = read_all(sample.bam)
    (name,) = {group["SM"] for group in header["RG"]}
    header["RG"] = [{"ID": group, "SM": name, "LB": group, "PL": "ILLUMINA"} for group in ("lane1", "lane2")]
    for read in reads:
        read.set_tag("RG", f"lane{1 + sum(read.query_name.encode()) % 2}")
    assert {read.get_tag("RG") for read in reads} == {"lane1", "lane2"}
    bam = write(tmp_path / "split.bam", header, reads)
    assert lines(tmp_path / "out", bam, sample.reference) == sample.expected


@pytest.mark.parametrize(("memory", "threads"), [("410M", 2), ("600M", 1), ("8G", 2)])
def test_memory(tmp_path: Path, sample: Sample, memory: str, threads: int) -> None:
    assert lines(tmp_path, sample.bam, sample.reference, memory=memory, threads=threads) == sample.expected

"""mosdepth's regions, thresholds, per-base and quantized files: equal to mosdepth's text, and readable by tabix."""

from __future__ import annotations

import gzip
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pysam
import pytest

import gpucall
from gpucall.backend import Backend
from gpucall.config import Batching, DepthOutputs
from gpucall.errors import EmptyInput, InputError, UsageError
from gpucall.qc import DepthPlan, DepthWriters, write
from gpucall.qc.regions import OPEN_END, parse_edges

from . import naive_qc as naive
from . import tricky_sample
from .device_like import SeparateMemory
from .fixtures import Read, write_bam
from .kernel_inputs import DEVICES, open_device
from .qc_reads import CONTIGS, odd_reads, stream_ordered

Peer = Callable[[str], str]
GZIPPED = ("regions", "thresholds", "per-base", "quantized")
ALL = DepthOutputs(by="100", thresholds=(1, 2, 5), per_base=True, quantize="0:1:4:")
BED = """\
# regions in no order, overlapping, with and without names
chr2\t100\t300\tsecond
chr1\t50\t200\tone\tfurther
chr1\t150\t400
chr1\t10\t20
chrX\t0\t100\tx
chr1\t800\t900\tend
chr1\t50\t60
chr1\t50\t50\tempty
chr1\t50\t60\tdup
chr1\t50\t60
"""


def options(wanted: DepthOutputs) -> list[str]:
    """mosdepth's."""
    found = [] if wanted.per_base else ["--no-per-base"]
    found += ["--by", wanted.by] if wanted.by else []
    found += ["--thresholds", ",".join(map(str, wanted.thresholds))] if wanted.thresholds else []
    return found + (["--quantize", wanted.quantize] if wanted.quantize else [])


def ours(
    path: Path,
    folder: Path,
    wanted: DepthOutputs,
    batching: Batching | None = None,
    workers: int = 1,
    backend: Backend | None = None,
) -> dict[str, str]:
    """Texts of our files."""
    with pysam.AlignmentFile(str(path)) as bam:
        contigs = list(zip(bam.references, bam.lengths, strict=True))
    folder.mkdir()
    writers = DepthWriters(DepthPlan(wanted, contigs), folder, "s")
    qc, ordered = stream_ordered(path, batching=batching, workers=workers, backend=backend, writers=writers)
    write(qc, folder, "s", ordered)
    return texts(folder)


def texts(folder: Path) -> dict[str, str]:
    """File name -> text, of mosdepth's files."""
    found = {path.name: path.read_text() for path in folder.glob("s.mosdepth.*.txt")}
    zipped = (folder / f"s.{kind}.bed.gz" for kind in GZIPPED)
    return found | {path.name: gzip.decompress(path.read_bytes()).decode() for path in zipped if path.exists()}


def check_mosdepth(path: Path, folder: Path, wanted: DepthOutputs, mosdepth: str) -> dict[str, str]:
    """Every file, character by character."""
    theirs = folder / "theirs"
    theirs.mkdir()
    shutil.copy(path, theirs / "copy.bam")
    pysam.index(str(theirs / "copy.bam"))
    subprocess.run([mosdepth, *options(wanted), "s", "copy.bam"], cwd=theirs, check=True)
    found, expected = ours(path, folder / "ours", wanted), texts(theirs)
    assert set(found) == set(expected)
    for name in expected:
        assert found[name].splitlines() == expected[name].splitlines(), name
    assert found == expected
    return found


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bed") / "regions.bed"
    path.write_text(BED)
    return str(path)


@pytest.mark.parametrize("size", [16, 40, 100])
def test_means_between_two_numbers_equal_mosdepth(tmp_path: Path, peer: Peer, size: int) -> None:
    """Windows whose means would be printed as either of two numbers, some of them over the ends of tiles."""
    path = write_bam(tmp_path / "reads.bam", odd_reads(size, pairs=300), CONTIGS, index=None)
    wanted = DepthOutputs(by=str(size))
    whole = check_mosdepth(path, tmp_path, wanted, peer("mosdepth"))
    assert ours(path, tmp_path / "cut", wanted, Batching(batch_bytes=3000, tile_span=53), workers=2) == whole


@pytest.mark.parametrize("seed", range(3))
def test_windows_equal_mosdepth(tmp_path: Path, peer: Peer, seed: int) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(seed), CONTIGS, index=None)
    found = check_mosdepth(path, tmp_path, ALL, peer("mosdepth"))
    assert len(found) == 7


@pytest.mark.parametrize("seed", range(3))
def test_a_bed_equals_mosdepth(tmp_path: Path, peer: Peer, bed: str, seed: int) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(seed), CONTIGS, index=None)
    check_mosdepth(path, tmp_path, DepthOutputs(by=bed, thresholds=(3, 0, 1, 1)), peer("mosdepth"))


def test_a_bed_on_one_contig_equals_mosdepth(tmp_path: Path, peer: Peer) -> None:
    (tmp_path / "one.bed").write_text("chr2\t100\t300\nchr2\t137\t141\tinside\n")
    path = write_bam(tmp_path / "reads.bam", odd_reads(5), CONTIGS, index=None)
    check_mosdepth(path, tmp_path, DepthOutputs(by=str(tmp_path / "one.bed")), peer("mosdepth"))


@pytest.mark.parametrize("quantize", ["0:1:4:", "1:4", ":2:4", "0:1", "4:1:0", "2", "0:5:10:"])
def test_quantized_equals_mosdepth(tmp_path: Path, peer: Peer, quantize: str) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(4), CONTIGS, index=None)
    check_mosdepth(path, tmp_path, DepthOutputs(quantize=quantize), peer("mosdepth"))


@pytest.mark.parametrize(
    "name",
    [
        *("HG002.31x.b37", "HG002.92x.b37", "HG002.96x.b37", "NA12878.52x.hg19", "mitochondria.451x"),
        *("trio.HG001.b37", "trio.NA12891.b37", "trio.NA12892.b37"),
    ],
)
def test_equals_mosdepth_on_real_reads(tmp_path: Path, shared_data: Path, peer: Peer, name: str) -> None:
    wanted = DepthOutputs(by="80" if "mito" in name else "80000", thresholds=(1, 10, 30), per_base=True)
    check_mosdepth(shared_data / "real" / f"{name}.bam", tmp_path, wanted, peer("mosdepth"))


def test_equals_mosdepth_in_real_intervals(tmp_path: Path, shared_data: Path, peer: Peer) -> None:
    wanted = DepthOutputs(str(shared_data / "real" / "HG002.truth.b37.bed"), (10, 20, 30), quantize="0:1:5:150:")
    check_mosdepth(shared_data / "real" / "HG002.31x.b37.bam", tmp_path, wanted, peer("mosdepth"))


@pytest.mark.parametrize("by", ["100", "bed"])
def test_does_not_depend_on_how_the_stream_is_cut(tmp_path: Path, bed: str, by: str) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(7), CONTIGS, index=None)
    wanted = DepthOutputs(bed if by == "bed" else by, (0, 1, 2, 5), per_base=True, quantize="0:1:4:")
    whole = ours(path, tmp_path / "whole", wanted)
    cut = Batching(batch_bytes=3000, tile_span=53)
    assert ours(path, tmp_path / "cut", wanted, cut, workers=3) == whole
    assert ours(path, tmp_path / "device", wanted, cut, backend=SeparateMemory()) == whole


def test_no_reads(tmp_path: Path) -> None:
    found = ours(write_bam(tmp_path / "reads.bam", [], CONTIGS, index=None), tmp_path / "ours", ALL)
    assert found["s.per-base.bed.gz"] == "chr1\t0\t900\t0\nchr2\t0\t700\t0\nchrX\t0\t500\t0\n"
    assert found["s.regions.bed.gz"].count("0.00") == 9 + 7 + 5


def test_tabix_finds_positions(tmp_path: Path, peer: Peer) -> None:
    path = write_bam(tmp_path / "reads.bam", odd_reads(8), CONTIGS, index=None)
    found = ours(path, tmp_path / "ours", ALL)
    for kind in GZIPPED:
        name = f"s.{kind}.bed.gz"
        command = [peer("tabix"), str(tmp_path / "ours" / name), "chr2:101-200"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        rows = [line.split("\t") for line in found[name].splitlines()]
        wanted = [row for row in rows if row[0] == "chr2" and int(row[1]) < 200 and int(row[2]) > 100]
        assert [line.split("\t") for line in lines] == wanted
        assert wanted


# -- kernel ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("thresholds", [[], [0, 1, 3]])
@pytest.mark.parametrize("counted", [True, False])
def test_kernel_equals_naive(device: str, thresholds: list[int], counted: bool) -> None:
    chance, backend = random.Random(2), open_device(device)
    depths = [chance.randint(-2, 9) for _ in range(200)]
    spans = sorted(sorted(chance.choices(range(201), k=2)) for _ in range(30))
    sums = backend.xp.zeros((30, 1 + len(thresholds)), dtype=np.int64)
    counts = backend.xp.zeros(10 if counted else 0, dtype=np.int64)
    lows, highs, limits = (
        backend.upload(np.array(column, dtype=np.int64)) for column in (*zip(*spans, strict=True), thresholds)
    )
    depth = backend.upload(np.array(depths, dtype=np.int32))
    backend.launch("depth.regions", 30, depth, lows, highs, limits, sums, counts)
    assert backend.download(sums).tolist() == [naive.region_sums(depths, *span, thresholds) for span in spans]
    expected = Counter(max(depth, 0) for low, high in spans for depth in depths[low:high])
    if counted:
        assert backend.download(counts).tolist() == [expected[depth] for depth in range(10)]


# -- options -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("0:1:4:", [0, 1, 4, OPEN_END]),
        (":1", [0, 1]),
        ("3:1", [1, 3]),
        ("7", [0, 7, OPEN_END]),
    ],
)
def test_edges(text: str, edges: list[int]) -> None:
    assert parse_edges(text) == edges


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (DepthOutputs(thresholds=(1,)), "give --by"),
        (DepthOutputs(by="0"), "at least 1 bp"),
        (DepthOutputs(by="10", thresholds=(-1,)), "0 or more"),
        (DepthOutputs(quantize="a:b"), "cannot be read"),
        (DepthOutputs(quantize="-1:5"), "cannot be read"),
    ],
)
def test_bad_options(wanted: DepthOutputs, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        DepthPlan(wanted, [("chr1", 100)])


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("# nothing\n", EmptyInput, "no intervals"),
        ("chr1\t5\n", InputError, "line 1"),
        ("chr1\t5\t101\n", InputError, "outside the contig"),
        ("chr7\t5\t10\n", InputError, "no contig 'chr7'"),
    ],
)
def test_bad_bed(tmp_path: Path, text: str, error: type[Exception], words: str) -> None:
    (tmp_path / "bad.bed").write_text(text)
    with pytest.raises(error, match=words):
        DepthPlan(DepthOutputs(by=str(tmp_path / "bad.bed")), [("chr1", 100)])


def test_a_missing_bed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read BED"):
        DepthPlan(DepthOutputs(by=str(tmp_path / "absent.bed")), [("chr1", 100)])


def test_a_run_writes_them_and_refuses_regions(tmp_path: Path) -> None:
    sample = tricky_sample.write(tmp_path / "sample", tricky_sample.reads(depth=5, pile=10))
    result = gpucall.measure(*sample.paths, tmp_path / "out", device="cpu", depth_outputs=ALL)
    for kind in ("regions", "thresholds", "per_base", "quantized"):
        assert result.files[f"mosdepth_{kind}"].exists()
        assert result.files[f"mosdepth_{kind}_index"].exists()
    assert "chr1_region" in result.files["mosdepth_summary"].read_text()
    with pytest.raises(UsageError, match="leave out --regions"):
        gpucall.measure(*sample.paths, tmp_path / "no", device="cpu", depth_outputs=ALL, regions=["chr1:1-100"])


@pytest.mark.parametrize("by", ["250", "bed"])
def test_a_minimum_above_zero(tmp_path: Path, peer: Peer, bed: str, by: str) -> None:
    """Means of 2.5, too."""
    starts = sorted([*range(0, 900, 100), *range(0, 900, 100), 0, 300, 600])
    reads = [Read(f"r{k}", start, "100M", "A" * 100, tid) for tid in range(2) for k, start in enumerate(starts)]
    reads = [read for read in reads if read.end() <= (900, 700)[read.tid]]
    path = write_bam(tmp_path / "reads.bam", reads, CONTIGS, index=None)
    check_mosdepth(path, tmp_path, DepthOutputs(bed if by == "bed" else "200"), peer("mosdepth"))


def test_depths_below_zero(tmp_path: Path, peer: Peer) -> None:
    """Where mosdepth takes more from a position than it has counted."""
    flags = 0x1 | 0x2
    one = Read("p", 100, "50M", "A" * 50, 0, flags | 0x40 | 0x20, mate_tid=0, mate_pos=110)
    two = Read("p", 110, "20M", "A" * 20, 0, flags | 0x80 | 0x10, mate_tid=0, mate_pos=100)
    path = write_bam(tmp_path / "reads.bam", [one, two], CONTIGS, index=None)
    check_mosdepth(path, tmp_path, ALL, peer("mosdepth"))

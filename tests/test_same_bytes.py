"""One sample gives the same bytes, however its stream is cut, read and worked on.

The VCF's body and every QC file are compared; the VCF's header names the command and the device.
"""

from __future__ import annotations

import atexit
import gzip
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any

import pysam
import pytest

from gpucall import engine
from gpucall.bench import panel
from gpucall.config import Batching, Calibration, Filters, Gvcf, Settings, SiteLists

from . import fixtures, small_sample, tricky_sample
from .conftest import ROOT
from .device_like import SeparateMemory, Shuffled
from .kernel_inputs import DEVICES

Outputs = dict[str, bytes]
QC_FILES = (
    *("flagstat", "mosdepth_summary", "mosdepth_global_dist", "metrics", "sex", "vcfstats", "stats"),
    *("self_sm", "ancestry", "sketch"),
    *("quality_yield", "insert_size", "alignment_summary", "wgs", "gc_bias_detail", "gc_bias_summary"),
)

# Thinning and calibration that end inside the sample, so that where they end must not depend on batches.
SETTINGS = {
    "default": Settings(),
    "strained": Settings(filters=Filters(starts_per_bin=40), calibration=Calibration(reads=900, margin=2500)),
}
BATCHINGS = {
    "small batches": Batching(batch_bytes=150_000),
    "smaller batches, small tiles": Batching(batch_bytes=20_000, tile_span=700),
    "tiny tiles": Batching(tile_span=97),
}


def call(
    out: Path, reads: Path | list[Path], reference: Path, settings: Settings | None = None, **options: Any
) -> Outputs:
    """What a run writes: the bodies of VCF and gVCF, and the QC files."""
    lists = SiteLists(panel_of(reference))
    chosen = {"device": "cpu", "threads": 1, "settings": settings, "gvcf": Gvcf(), "sites": lists} | options
    files = engine.call(reads, reference, out, **chosen).files
    bodies = {kind: body(files[kind]) for kind in ("vcf", "gvcf")}
    return bodies | {kind: files[kind].read_bytes() for kind in QC_FILES}


@cache
def panel_of(reference: Path) -> str:
    """A panel for a reference, in a folder that lasts as long as the tests."""
    folder = Path(tempfile.mkdtemp(prefix="gpucall-panel-"))
    atexit.register(shutil.rmtree, folder)
    return panel.write(folder / "panel", reference)


def body(vcf: Path) -> bytes:
    """The lines of a VCF from #CHROM on."""
    text = gzip.decompress(vcf.read_bytes())
    return text[text.index(b"#CHROM") :]


def check_same(outputs: Outputs, expected: Outputs) -> None:
    """Equal, the calls line by line, since a long difference of bytes says little."""
    for kind in ("vcf", "gvcf"):
        assert outputs[kind].splitlines() == expected[kind].splitlines()
    assert outputs == expected


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("tricky"))


@pytest.fixture(scope="module")
def expected(tricky: tricky_sample.Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outputs]:
    """By the name of the settings: what one thread writes with one batch and one tile a contig."""
    folder = tmp_path_factory.mktemp("expected")
    return {name: call(folder / name, *tricky.paths, settings) for name, settings in SETTINGS.items()}


def test_the_sample_has_what_is_hard(expected: dict[str, Outputs]) -> None:
    """The comparisons below say nothing of what the sample does not show."""
    records = [line.split(b"\t") for line in expected["default"]["vcf"].splitlines()[1:]]
    assert any(len(record[3]) > 60 for record in records)
    assert any(len(record[4]) > 60 for record in records)
    assert sum(record[4].count(b",") for record in records) >= 2
    assert any(b"ThirdHaplotype" in record[6] for record in records)
    assert expected["strained"]["vcf"] != expected["default"]["vcf"]


# -- how the stream is cut ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("batching", BATCHINGS)
@pytest.mark.parametrize("threads", [1, 2])
def test_batches_tiles_and_threads(
    tmp_path: Path, tricky: tricky_sample.Files, expected: dict[str, Outputs], name: str, batching: str, threads: int
) -> None:
    settings = SETTINGS[name]._replace(batching=BATCHINGS[batching])
    check_same(call(tmp_path, *tricky.paths, settings, threads=threads), expected[name])


@pytest.mark.parametrize("memory", ["420M", "1G"])
def test_memory(tmp_path: Path, tricky: tricky_sample.Files, expected: dict[str, Outputs], memory: str) -> None:
    check_same(call(tmp_path, *tricky.paths, threads=2, memory=memory), expected["default"])


@pytest.mark.parametrize("name", ["HG002.31x.b37.bam", "NA12878.52x.hg19.bam"])
def test_real_reads(tmp_path: Path, shared_data: Path, name: str) -> None:
    reads = shared_data / "real" / name
    reference = shared_data / "real" / f"{name.split('.')[2]}.chr20.windows.fa.gz"
    whole = call(tmp_path / "whole", reads, reference)
    assert len(whole["vcf"].splitlines()) > 200
    for number, batching in enumerate([Batching(batch_bytes=1 << 20), Batching(batch_bytes=3 << 20, tile_span=4999)]):
        settings = Settings(batching=batching)
        check_same(call(tmp_path / str(number), reads, reference, settings, threads=number + 1), whole)


# -- how the reads are stored ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batching", [Batching(), Batching(batch_bytes=20_000, tile_span=700)])
def test_an_index_changes_nothing_but_the_time(tmp_path: Path, tricky: tricky_sample.Files, batching: Batching) -> None:
    without = Path(shutil.copy(tricky.bam, tmp_path / tricky.bam.name))
    regions = ["chr1:1990-2700", "chr1:5001-5001", "chr1:7100-7300", "chr2:600-900"]
    settings = Settings(batching=batching)
    sequential = call(tmp_path / "sequential", without, tricky.reference, settings, regions=regions)
    assert len(sequential["vcf"].splitlines()) > 8
    check_same(call(tmp_path / "indexed", *tricky.paths, settings, regions=regions, threads=2), sequential)


def test_regions_of_real_reads(tmp_path: Path, shared_data: Path) -> None:
    reads, reference = (shared_data / "real" / name for name in ("HG002.31x.b37.bam", "b37.chr20.windows.fa.gz"))
    without = Path(shutil.copy(reads, tmp_path / "HG002.31x.b37.bam"))
    regions = ["20:10010000-10030000", "20:10050001-10050400"]
    sequential = call(tmp_path / "sequential", without, reference, regions=regions)
    assert len(sequential["vcf"].splitlines()) > 20
    check_same(call(tmp_path / "indexed", reads, reference, regions=regions), sequential)


def test_cram(tmp_path: Path, tricky: tricky_sample.Files, expected: dict[str, Outputs]) -> None:
    cram = fixtures.write_cram(tmp_path / "reads.cram", *tricky.paths)
    check_same(call(tmp_path / "out", cram, tricky.reference), expected["default"])


@pytest.mark.parametrize("regions", [[], ["chr20:10020000-10040000"]])
def test_cram_of_real_reads(tmp_path: Path, shared_data: Path, regions: list[str]) -> None:
    """The CRAM's records are the BAM's, but that no unmapped read has a CIGAR, which Picard looks at nevertheless."""
    reference = shared_data / "real" / "hg19.chr20.windows.fa.gz"
    bam, cram = (
        call(tmp_path / kind, shared_data / "real" / f"NA12878.52x.hg19.{kind}", reference, regions=regions)
        for kind in ("bam", "cram")
    )
    assert b"mismatches:\t0\t" not in cram["stats"]
    unmapped = {"alignment_summary": b"", "wgs": b""}
    assert all(cram[kind].count(b"\n") > 10 for kind in unmapped)
    check_same(cram | unmapped, bam | unmapped)


def permuted(reads: list[fixtures.Read], seed: int) -> Iterator[fixtures.Read]:
    """Reads of equal position in another order."""
    chance = random.Random(seed)
    for _, group in groupby(reads, key=lambda read: (read.tid, read.pos)):
        equal = list(group)
        yield from chance.sample(equal, len(equal))


@pytest.mark.parametrize("seed", range(3))
def test_reads_of_equal_position_in_another_order(tmp_path: Path, expected: dict[str, Outputs], seed: int) -> None:
    files = tricky_sample.write(tmp_path, list(permuted(tricky_sample.reads(), seed)))
    outputs = call(tmp_path / "out", *files.paths)
    assert outputs["vcf"].splitlines() == expected["default"]["vcf"].splitlines()


def test_two_read_groups(tmp_path: Path, tricky: tricky_sample.Files, expected: dict[str, Outputs]) -> None:
    with pysam.AlignmentFile(str(tricky.bam)) as source:
        header = source.header.to_dict()
        header["RG"] = [{"ID": name, "SM": "sample", "LB": name} for name in ("a", "b")]
        with pysam.AlignmentFile(str(tmp_path / "reads.bam"), "wb", header=header) as split:
            for read in source:
                read.set_tag("RG", "ab"[int(read.query_name.split(".")[-1]) % 2])
                split.write(read)
    check_same(call(tmp_path / "out", tmp_path / "reads.bam", tricky.reference), expected["default"])


# -- what runs the kernels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_memory_that_the_host_does_not_see(
    tmp_path: Path, tricky: tricky_sample.Files, expected: dict[str, Outputs], name: str
) -> None:
    """As on a card: no kernel gets a host array, no stage reads device memory without a copy."""
    settings = SETTINGS[name]._replace(batching=Batching(batch_bytes=400_000, tile_span=2500))
    check_same(call(tmp_path, *tricky.paths, settings, device=SeparateMemory()), expected[name])


if "cuda" in DEVICES:  # a card: GPUCALL_TEST_DEVICES=cuda, as bench.gpu_acceptance sets it

    @pytest.mark.parametrize("name", SETTINGS)
    @pytest.mark.parametrize("threads", [1, 2])
    def test_card(
        tmp_path: Path, tricky: tricky_sample.Files, expected: dict[str, Outputs], name: str, threads: int
    ) -> None:
        settings = SETTINGS[name]._replace(batching=Batching(batch_bytes=400_000, tile_span=2500))
        check_same(call(tmp_path, *tricky.paths, settings, device="cuda", threads=threads), expected[name])


@pytest.fixture(scope="module")
def few_reads(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    """The tricky sample at a depth that interpreted kernels can work on."""
    reads = [read for read in tricky_sample.reads(depth=12, pile=60) if read.tid == 0 and 900 < read.pos < 7400]
    return tricky_sample.write(tmp_path_factory.mktemp("few"), reads)


def test_threads_in_random_order(tmp_path: Path, few_reads: tricky_sample.Files) -> None:
    """The CUDA loops, one thread after the other in an order that no card has."""
    expected = call(tmp_path / "cpu", *few_reads.paths)
    assert len(expected["vcf"].splitlines()) > 15
    check_same(call(tmp_path / "shuffled", *few_reads.paths, device=Shuffled()), expected)


def run_cli(out: Path, sample: Any, device: str, **environment: str) -> Outputs:
    """The outputs of ``gpucall call`` in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "gpucall",
        "call",
        "--device",
        device,
        "--threads",
        "2",
        "--gvcf",
        "--out",
        str(out),
    ]
    command += ["--contamination-panel", panel_of(sample.reference)]
    command += ["--reference", str(sample.reference), str(sample.bam)]
    done = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | environment, cwd=ROOT, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    gvcf, vcf = sorted(out.glob("*.vcf.gz"))
    name = vcf.name.removesuffix(".vcf.gz")
    assert gvcf.name == f"{name}.g.vcf.gz"
    kinds = (".txt", ".json", ".selfSM", ".Ancestry", ".sketch")
    texts = [path for path in sorted(out.iterdir()) if path.suffix in kinds and "manifest" not in path.name]
    assert len(texts) >= len(QC_FILES)
    return {"vcf": body(vcf), "gvcf": body(gvcf)} | {path.name.removeprefix(name): path.read_bytes() for path in texts}


def test_simulator(tmp_path: Path) -> None:
    """The CUDA path, under numba's simulator, on SNVs, indels, overlapping mates and a deep site."""
    sample = small_sample.make(tmp_path / "sample", length=3000, deep_sites=((1500, 80),))
    expected = run_cli(tmp_path / "cpu", sample, "cpu")
    kinds = {len(line.split(b"\t")[3]) == len(line.split(b"\t")[4]) for line in expected["vcf"].splitlines()[1:]}
    assert kinds == {True, False}
    check_same(run_cli(tmp_path / "cuda", sample, "cuda", NUMBA_ENABLE_CUDASIM="1"), expected)


SSE2 = "+64bit,+cmov,+cx8,+fxsr,+mmx,+sse,+sse2"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="code for an x86 CPU runs on no other")
def test_a_cpu_without_wide_vectors(tmp_path: Path) -> None:
    """Loops that are compiled for the first CPUs of 64 bits, which have neither wide vectors nor look-ups of bytes."""
    sample = small_sample.make(tmp_path / "sample", length=6000, deep_sites=((1500, 80),))
    older = {"NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": SSE2, "NUMBA_CACHE_DIR": str(tmp_path / "code")}
    check_same(run_cli(tmp_path / "older", sample, "cpu", **older), run_cli(tmp_path / "cpu", sample, "cpu"))

"""Bad input, through the command line: one line that names the file, its exit code, and nothing left behind."""

from __future__ import annotations

import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

import gpucall
from gpucall import cli
from gpucall.errors import GpucallError, InputError, ReferenceMismatch
from tests import alleles_fixtures, fixtures, lane_fixtures
from tests.conftest import ROOT
from tests.fixtures import Case

HOSTILE_FILES = 40


class Expected(NamedTuple):
    """Exit code, the end of the path of the file at fault, and words of the message."""

    code: int
    file: str
    words: str


EXPECTED: dict[Callable[[Path], Case], Expected] = {
    fixtures.no_eof: Expected(10, "reads.bam", "end-of-file block"),
    fixtures.cut_in_block: Expected(10, "reads.bam", "cut short"),
    fixtures.cut_in_block_with_eof: Expected(10, "reads.bam", "BGZF block at file offset"),
    fixtures.cut_between_blocks_with_eof: Expected(10, "reads.bam", "ends inside a record"),
    fixtures.flipped_byte: Expected(10, "reads.bam", "CRC"),
    fixtures.not_bam: Expected(10, "reads.bam", "neither BAM nor CRAM"),
    fixtures.damaged_header: Expected(10, "reads.bam", "damaged BAM header: the name of contig 1"),
    fixtures.cut_in_header: Expected(10, "reads.bam", "ends inside its header"),
    fixtures.wrong_block_size: Expected(10, "reads.bam", "block_size"),
    fixtures.huge_block_size: Expected(10, "reads.bam", "block_size"),
    fixtures.cigar_mismatch: Expected(10, "reads.bam", "CIGAR does not match"),
    fixtures.off_contig_end: Expected(10, "reads.bam", "record 'last' at virtual offset"),
    fixtures.unknown_contig_number: Expected(10, "reads.bam", "reference id is not in the header"),
    fixtures.unsorted: Expected(10, "reads.bam", "not sorted by coordinate"),
    fixtures.empty: Expected(10, "reads.bam", "empty"),
    fixtures.header_only: Expected(10, "reads.bam", "no reads"),
    fixtures.missing_reads: Expected(10, "absent.bam", "No such file"),
    fixtures.several_samples: Expected(10, "reads.bam", "one, two"),
    fixtures.no_reads_in_regions: Expected(10, "reads.bam", "no reads in the regions asked"),
    fixtures.other_contigs: Expected(11, "ref.fa", "no contig in common"),
    fixtures.other_lengths: Expected(11, "ref.fa", "'chr2' has 4000 bases in the reads' header, 4004"),
    fixtures.without_a_contig_of_reads: Expected(11, "ref.fa", "no contig 'chr2', which has reads"),
    fixtures.chr_prefix: Expected(11, "ref.fa", "'chr1' where the reference says '1' (chr prefix)"),
    fixtures.stale_index: Expected(10, "reads.bam.bai", "stale index"),
    fixtures.index_of_another_file: Expected(10, "reads.bam.bai", "stale index"),
    fixtures.damaged_index: Expected(10, "reads.bam.bai", "damaged index"),
    fixtures.stale_fai: Expected(10, "ref.fa.fai", "stale .fai"),
    fixtures.short_fasta: Expected(10, "ref.fa", "FASTA cut short"),
    fixtures.short_fasta_gz: Expected(10, "ref.fa.gz", "cut short"),
    fixtures.gzipped_fasta: Expected(10, "ref.fa.gz", "expected bgzip"),
    fixtures.missing_reference: Expected(10, "absent.fa", "No such file"),
    fixtures.cram_wrong_reference: Expected(11, "reads.cram", "encoded against other bases"),
    fixtures.cram_without_a_contig_of_reads: Expected(11, "ref.fa", "chr2"),
    fixtures.cram_cut: Expected(10, "reads.cram", "cut short"),
    fixtures.cram_flipped_byte: Expected(10, "reads.cram", "damaged CRAM"),
    fixtures.unknown_region: Expected(2, "", "unknown region 'chr7:1-100'"),
    fixtures.region_of_the_other_naming: Expected(2, "", "did you mean 'chr1'?"),
    fixtures.region_without_contig_in_reads: Expected(2, "", "'chr3'"),
    fixtures.malformed_region: Expected(2, "", "chr1:200-100"),
    fixtures.bed_outside_contigs: Expected(10, "targets.bed", "line 2: chr1:5900-6100 is outside the contig"),
    lane_fixtures.lanes_of_two_samples: Expected(10, "lane2.bam", "name sample 'other', those of"),
    lane_fixtures.lanes_of_two_samples_under_one_name: Expected(10, "lane2.bam", "files of one sample"),
    lane_fixtures.lanes_without_sample: Expected(2, "lane1.bam", "name the sample with --sample"),
    lane_fixtures.lanes_with_contigs_in_another_order: Expected(10, "lane2.bam", "contig 1 is 'chr2' of 4000 bp"),
    lane_fixtures.lanes_with_a_contig_more: Expected(10, "lane2.bam", "contig 3 is 'chr3' of 500 bp, that of"),
    lane_fixtures.lane_twice: Expected(2, "link.bam", "is the same file as"),
    lane_fixtures.lane_unsorted: Expected(10, "lane2.bam", "not sorted by coordinate"),
    lane_fixtures.lane_with_a_bad_record: Expected(10, "lane2.bam", "CIGAR does not match"),
    lane_fixtures.lane_with_a_bad_size: Expected(10, "lane2.bam", "impossible block_size"),
    lane_fixtures.lane_that_ends_in_a_record: Expected(10, "lane2.bam", "ends inside a record"),
    lane_fixtures.lane_with_a_stale_index: Expected(10, "lane2.bam.bai", "stale index"),
    alleles_fixtures.alleles_unsorted: Expected(10, "sites.vcf", "line 8: not sorted: chr1:200 comes after"),
    alleles_fixtures.alleles_contig_in_two_pieces: Expected(10, "sites.vcf", "not sorted: chr1 was left before"),
    alleles_fixtures.alleles_of_another_reference: Expected(11, "sites.vcf.gz", "REF of chr1:301 is"),
    alleles_fixtures.alleles_with_another_indel: Expected(11, "sites.bcf", "REF of chr1:301 is"),
    alleles_fixtures.alleles_symbolic: Expected(10, "sites.vcf.gz", "chr1:300 has the symbolic allele '<DEL>'"),
    alleles_fixtures.alleles_breakend: Expected(10, "sites.vcf", "has the symbolic allele"),
    alleles_fixtures.alleles_without_alt: Expected(10, "sites.vcf", "chr1:300 has no ALT"),
    alleles_fixtures.alleles_of_other_letters: Expected(10, "sites.vcf", "chr1:300 has the allele 'R'"),
    alleles_fixtures.alleles_twice_in_a_record: Expected(10, "sites.vcf", "has an allele twice"),
    alleles_fixtures.alleles_on_unknown_contig: Expected(10, "sites.vcf", "unknown contig 'chr9'"),
    alleles_fixtures.alleles_of_other_naming: Expected(10, "sites.bcf", "did you mean 'chr1'?"),
    alleles_fixtures.alleles_outside_the_contig: Expected(10, "sites.vcf", "chr1:6001-6001 is outside the contig"),
    alleles_fixtures.alleles_that_are_no_vcf: Expected(10, "reads.bam", "neither VCF nor BCF"),
    alleles_fixtures.alleles_missing: Expected(10, "absent.vcf", "No such file"),
    alleles_fixtures.alleles_cut: Expected(10, "sites.gz", "damaged or cut short"),
    alleles_fixtures.alleles_cut_bcf: Expected(10, "sites.bcf", "damaged or cut short"),
    alleles_fixtures.alleles_with_spaces: Expected(10, "sites.vcf", "separated by tabs"),
    alleles_fixtures.alleles_without_columns: Expected(10, "sites.vcf", "no '#CHROM POS ID REF ALT' line"),
    fixtures.bed_of_other_naming: Expected(10, "targets.bed", "did you mean 'chr1'?"),
}


def arguments(case: Case, out: Path) -> list[str]:
    fixed = ["call", "--quiet", "--device", "cpu", "--threads", "2", "--reference", str(case.reference)]
    return [*fixed, "--out", str(out), *case.arguments, str(case.reads)]


def listing(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path.relative_to(folder)), path.stat().st_mtime_ns) for path in folder.rglob("*"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go, so that what is left of them is seen."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


@pytest.fixture
def inputs(tmp_path: Path) -> Path:
    folder = tmp_path / "inputs"
    folder.mkdir()
    return folder


def check_one_line(stderr: str, words: str) -> None:
    assert "Traceback" not in stderr
    assert re.fullmatch(r"gpucall: error: [^\n]+\n", stderr), stderr
    assert words in stderr


@pytest.mark.parametrize("build", EXPECTED, ids=lambda build: build.__name__)
def test_bad_input_is_one_line_an_exit_code_and_nothing_else(
    build: Callable[[Path], Case], inputs: Path, temporary: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code, file, words = EXPECTED[build]
    case = build(inputs)
    before = listing(inputs)
    capfd.readouterr()
    returned = cli.main(arguments(case, tmp_path / "out"))
    out, err = capfd.readouterr()
    check_one_line(err, words)
    assert returned == code
    assert not file or str(inputs / file) in err
    assert out == ""
    assert not (tmp_path / "out").exists()
    assert not list(temporary.iterdir())
    assert listing(inputs) == before


@pytest.mark.parametrize(
    "build", [fixtures.good, fixtures.as_cram, fixtures.no_index], ids=lambda build: build.__name__
)
def test_the_good_files_that_the_bad_ones_are_made_from_run(
    build: Callable[[Path], Case], inputs: Path, temporary: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    case = build(inputs)
    before = listing(inputs)
    capfd.readouterr()
    assert cli.main(arguments(case, tmp_path / "out")) == 0
    assert capfd.readouterr() == ("", "")
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"sample.vcf.gz", "sample.vcf.gz.tbi", "sample.flagstat.txt", "sample.metrics.json"} <= names
    assert not list(temporary.iterdir())
    assert listing(inputs) == before
    found = {(v[0], int(v[1]) - 1, v[3], v[4]) for v in vcf_rows(tmp_path / "out/sample.vcf.gz")}
    wanted = fixtures.good_variants()[: 1 if build is fixtures.no_index else None]
    assert found == set(wanted)


def vcf_rows(path: Path) -> list[list[str]]:
    text = b"".join(block for _, block in fixtures.split_bgzf(path.read_bytes())).decode()
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def refusal(case: Case, out: Path, threads: int) -> GpucallError | None:
    """Why the library does not call this sample; None: it does."""
    try:
        gpucall.call(case.reads, case.reference, out, device="cpu", threads=threads)
    except GpucallError as error:
        return error
    return None


def test_a_hostile_bam_is_called_or_refused_but_never_crashes(tmp_path: Path) -> None:
    refused = 0
    for seed in range(HOSTILE_FILES):
        folder = tmp_path / str(seed)
        folder.mkdir()
        error = refusal(fixtures.mutated(folder, seed), folder / "out", threads=1 + seed % 2)
        assert (folder / "out").exists() == (error is None)
        if error is not None:
            refused += 1
            assert isinstance(error, InputError | ReferenceMismatch)
            assert str(folder) in str(error)
            assert str(error).isprintable(), seed
    assert HOSTILE_FILES // 4 < refused < HOSTILE_FILES


def test_an_error_leaves_earlier_results_as_they_were(
    inputs: Path, temporary: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    case = fixtures.good(inputs)
    assert cli.main(arguments(case, out)) == 0
    before = listing(out)
    data = bytearray(case.reads.read_bytes())
    data[-200] ^= 0x40
    case.reads.write_bytes(data)
    assert cli.main(arguments(case, out)) == 10
    assert listing(out) == before


# -- outputs -------------------------------------------------------------------------------------------------------


def test_out_below_a_file_cannot_be_made(inputs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert cli.main(arguments(fixtures.good(inputs), tmp_path / "file" / "out")) == 23
    check_one_line(capfd.readouterr().err, str(tmp_path / "file" / "out"))
    assert (tmp_path / "file").read_text() == "not a folder"


def test_out_that_is_a_file(inputs: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").write_text("not a folder")
    assert cli.main(arguments(fixtures.good(inputs), tmp_path / "out")) == 23
    check_one_line(capfd.readouterr().err, str(tmp_path / "out"))


@pytest.fixture
def unwritable(tmp_path: Path) -> Iterator[Path]:
    """A folder that may not be written; root may write anywhere but on a disk mounted for reading."""
    folder = tmp_path / "unwritable"
    folder.mkdir(mode=0o555)
    if os.geteuid() != 0:
        yield folder
        return
    with mounted(folder, "ro"):
        yield folder


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """An empty disk in memory at ``folder``."""
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk cannot be mounted here: only root may, and not in every container")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_out_without_permission(inputs: Path, unwritable: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for out in (unwritable, unwritable / "out"):
        assert cli.main(arguments(fixtures.good(inputs), out)) == 23
        check_one_line(capfd.readouterr().err, str(out))
    assert not list(unwritable.iterdir())


def run(
    command: list[str], before: Callable[[], None] | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "gpucall", *command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        check=False,
        preexec_fn=before,
        env={**os.environ, **environment},
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 16 kB, half of it full."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, "size=16k"):
        (disk / "filler").write_bytes(bytes(8000))
        yield disk


def test_a_full_disk(inputs: Path, small_disk: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(arguments(fixtures.good(inputs), small_disk / "out")) == 23
    check_one_line(capfd.readouterr().err, "No space left on device")
    assert [path.name for path in small_disk.iterdir()] == ["filler"]


@pytest.mark.parametrize(("options", "bytes_"), [([], 1000), (["--parquet"], 6000)], ids=["vcf", "table"])
def test_a_file_that_may_not_grow(inputs: Path, tmp_path: Path, options: list[str], bytes_: int) -> None:
    """The file-size limit fails writes as a full disk or quota does, and needs no root."""
    case = replace(fixtures.good(inputs), arguments=options)
    assert cli.main(arguments(case, tmp_path / "warm")) == 0  # kernels are compiled and cached
    assert any(path.stat().st_size > bytes_ for path in (tmp_path / "warm").iterdir())
    limit = (bytes_, resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    done = run(arguments(case, tmp_path / "out"), before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    assert done.returncode == 23, done.stderr
    check_one_line(done.stderr, str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


# -- devices and signals -------------------------------------------------------------------------------------------


def test_cuda_without_a_card(inputs: Path, tmp_path: Path) -> None:
    """Cards are hidden, so that this holds on machines that have some."""
    command = [word if word != "cpu" else "cuda" for word in arguments(fixtures.good(inputs), tmp_path / "out")]
    done = run(command, CUDA_VISIBLE_DEVICES="", NUMBA_ENABLE_CUDASIM="0")
    assert done.returncode == 20
    check_one_line(done.stderr, "gpucall doctor")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_a_signal_in_the_middle_of_a_run(
    inputs: Path, temporary: Path, tmp_path: Path, number: signal.Signals, kind: str
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "gpucall", *arguments(endless(inputs, kind), out)]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: out.exists() and any(path.is_dir() for path in out.iterdir()), run)
        time.sleep(0.2)
        run.send_signal(number)
        stdout, stderr = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 143, stderr
    check_one_line(stderr, number.name)
    assert stdout == ""
    assert not out.exists()
    assert not list(temporary.iterdir())


def endless(folder: Path, kind: str) -> Case:
    """A sample that takes a while: reads of random bases, so that every position is worth a look."""
    contigs = {"chr1": 60_000}
    noise = fixtures.random_sequence(contigs["chr1"] + 100, seed=9)
    reads = [
        fixtures.Read(f"r{at}-{copy}", at, "100M", noise[at + copy : at + copy + 100])
        for at in range(0, contigs["chr1"] - 100, 4)
        for copy in range(2)
    ]
    case = Case(
        fixtures.write_bam(folder / "reads.bam", reads, contigs),
        fixtures.write_fasta(folder / "ref.fa", fixtures.sequences(contigs)),
    )
    return (
        case
        if kind == "bam"
        else Case(fixtures.write_cram(folder / "reads.cram", case.reads, case.reference), case.reference)
    )


def wait_for(happened: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not happened():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)

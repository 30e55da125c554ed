"""CRAM streams: the BAM's own records, and every way in which the child can fail."""

import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpucall import tiles
from gpucall.errors import CorruptInput, GpucallError, HostMemoryError, IndexProblem, ReferenceMismatch, TruncatedInput
from gpucall.io.cram import explain, open_cram_stream
from gpucall.io.samtools_child import condense
from tests import fixtures
from tests.fixtures import CONTIGS, Case


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return fixtures.as_cram(tmp_path_factory.mktemp("cram"))


def records(bam: bytes) -> list[bytes]:
    """The records of a BAM, up to their tags, which a CRAM may order differently."""
    data = b"".join(block for _, block in fixtures.split_bgzf(bam))
    (l_text,) = struct.unpack_from("<i", data, 4)
    at = 12 + l_text
    for _ in range(struct.unpack_from("<i", data, at - 4)[0]):
        at += 8 + struct.unpack_from("<i", data, at)[0]
    found = []
    while at < len(data):
        size, l_name, n_cigar, l_seq = struct.unpack_from("<i8xB3xH2xi", data, at)
        found.append(data[at + 4 : at + 36 + l_name + 4 * n_cigar + (l_seq + 1) // 2 + l_seq])
        at += 4 + size
    return found


def streamed(case: Case, regions: tiles.Intervals | None = None, threads: int = 1) -> list[bytes]:
    with open_cram_stream(case.reads, case.reference, regions, threads) as stream:
        return records(stream.read())


@pytest.mark.parametrize("threads", [1, 3])
def test_the_stream_has_the_records_of_the_bam_in_its_order(case: Case, threads: int) -> None:
    expected = [fixtures.encode_record(read)[4:] for read in fixtures.good_reads()]
    assert streamed(case, threads=threads) == expected
    assert records(case.reads.with_suffix(".bam").read_bytes()) == expected


def test_the_stream_keeps_the_header_as_it_is(case: Case) -> None:
    with open_cram_stream(case.reads, case.reference) as stream:
        block = fixtures.split_bgzf(stream.read())[0][1]
    text = block[8 : 8 + struct.unpack_from("<i", block, 4)[0]].rstrip(b"\0").decode()
    with pysam.AlignmentFile(str(case.reads)) as file:
        assert text == str(file.header)
    assert "@PG" not in text


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=10)
@given(st.lists(st.tuples(st.sampled_from(list(CONTIGS)), st.integers(0, 3900), st.integers(1, 500)), min_size=1))
def test_regions_give_each_record_that_overlaps_them_once(case: Case, spans: list[tuple[str, int, int]]) -> None:
    regions = tiles.merge((tiles.Span(name, at, min(at + size, CONTIGS[name])) for name, at, size in spans), CONTIGS)
    overlapping = [
        fixtures.encode_record(read)[4:]
        for read in fixtures.good_reads()
        if regions.overlaps(list(CONTIGS)[read.tid], read.pos, read.end())
    ]
    assert streamed(case, regions) == overlapping


def test_regions_without_an_index_give_every_record(case: Case, tmp_path: Path) -> None:
    copy = Case(tmp_path / "x.cram", case.reference)
    copy.reads.write_bytes(case.reads.read_bytes())
    assert streamed(copy, tiles.parse_regions(["chr1:1-10"], CONTIGS)) == streamed(case)


@pytest.mark.parametrize("name", ["ref.fa", "ref.fa.gz"])
def test_missing_fasta_indexes_are_not_made_beside_the_fasta(case: Case, tmp_path: Path, name: str) -> None:
    fasta = fixtures.write_fasta(tmp_path / name, fixtures.sequences(), index=False)
    assert streamed(Case(case.reads, fasta)) == streamed(case)
    assert os.listdir(tmp_path) == [name]


def test_leaving_early_ends_the_child_and_leaves_nothing(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    children: list[int] = []
    started = time.monotonic()
    with open_cram_stream(shared_data / "sim/hard30.cram", shared_data / "sim/GRCh38.chr20.10M.fa.gz") as stream:
        assert len(stream.read(1000)) == 1000
        children.append(stream._child.pid)  # type: ignore[attr-defined]
    assert time.monotonic() - started < 5
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)
    assert os.listdir(tmp_path) == []


def test_an_error_in_the_body_comes_through(case: Case) -> None:
    with pytest.raises(ZeroDivisionError), open_cram_stream(case.reads, case.reference):
        raise ZeroDivisionError


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_child_that_is_killed_is_noticed(shared_data: Path, number: signal.Signals) -> None:
    reference = shared_data / "sim/GRCh38.chr20.10M.fa.gz"
    expected = HostMemoryError if number == signal.SIGKILL else CorruptInput
    with open_cram_stream(shared_data / "sim/hard30.cram", reference) as stream:
        stream.read(1000)
        os.kill(stream._child.pid, number)  # type: ignore[attr-defined]
        with pytest.raises(expected, match=r"hard30.cram: the CRAM decoder"):
            stream.read()


def cram_of_another_version(folder: Path) -> Case:
    case = fixtures.as_cram(folder)
    data = bytearray(case.reads.read_bytes())
    data[4] = 9
    case.reads.write_bytes(data)
    return case


def cram_cut_to_its_first_bytes(folder: Path) -> Case:
    case = fixtures.as_cram(folder)
    case.reads.write_bytes(case.reads.read_bytes()[:10])
    return case


def cram_that_lost_its_middle(folder: Path) -> Case:
    case = fixtures.as_cram(folder)
    data = case.reads.read_bytes()
    case.reads.write_bytes(data[: len(data) // 2] + data[-38:])
    return case


FAILURES: dict[Callable[[Path], Case], tuple[type[GpucallError], str]] = {
    fixtures.cram_cut: (TruncatedInput, "does not end with the CRAM end-of-file container"),
    cram_cut_to_its_first_bytes: (TruncatedInput, "ends inside its CRAM file definition"),
    cram_that_lost_its_middle: (CorruptInput, "damaged CRAM"),
    cram_of_another_version: (CorruptInput, "damaged CRAM"),
    fixtures.cram_flipped_byte: (CorruptInput, "damaged CRAM: htslib says: "),
    fixtures.cram_wrong_reference: (ReferenceMismatch, "at chr1:18-5990 it was encoded against other bases"),
    fixtures.cram_without_a_contig_of_reads: (ReferenceMismatch, "needs the sequence of chr2, which"),
}


@pytest.mark.parametrize("build", FAILURES, ids=lambda build: build.__name__)
def test_a_bad_cram_is_one_line(
    tmp_path: Path, build: Callable[[Path], Case], capfd: pytest.CaptureFixture[str]
) -> None:
    kind, words = FAILURES[build]
    case = build(tmp_path)
    with pytest.raises(GpucallError) as error:
        streamed(case)
    assert type(error.value) is kind
    assert words in str(error.value)
    assert str(case.reads) in str(error.value)
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("data", "words"), [(b"hello", "damaged index"), (b"0\t1\t100\t99999999\t5\t6\n", "stale index")]
)
def test_a_bad_crai(tmp_path: Path, data: bytes, words: str) -> None:
    case = fixtures.as_cram(tmp_path)
    Path(f"{case.reads}.crai").write_bytes(data)
    with pytest.raises(IndexProblem, match=words):
        streamed(case, tiles.parse_regions(["chr1:1-10"], CONTIGS))


def test_a_crai_older_than_its_cram_is_stale(tmp_path: Path) -> None:
    case = fixtures.as_cram(tmp_path)
    os.utime(f"{case.reads}.crai", (0, 0))
    with pytest.raises(IndexProblem, match="stale index"):
        streamed(case, tiles.parse_regions(["chr1:1-10"], CONTIGS))
    assert streamed(case)


def test_htslib_does_not_go_to_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's environment names a server of sequences, and the FASTA lacks one: no connection is made."""
    case = fixtures.cram_without_a_contig_of_reads(tmp_path)
    connections: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("REF_PATH", f"http://127.0.0.1:{server.getsockname()[1]}/%s")
        threading.Thread(target=accept_all, args=(server, connections), daemon=True).start()
        with pytest.raises(ReferenceMismatch, match="needs the sequence of chr2"):
            streamed(case)
    assert not connections


def accept_all(server: socket.socket, connections: list[object]) -> None:
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        connections.append(connection)
        connection.close()


def test_condense_makes_one_line_of_htslibs_many() -> None:
    said = ["[E::cram_x] Block CRC32 failure"] * 2 + ["[W::y] odd", "samtools view: error reading file"]
    assert condense("\n".join(said)) == "Block CRC32 failure; odd"
    assert condense("") == "the data cannot be decoded"


def test_explain_a_missing_sequence() -> None:
    said = "[W::cram_get_ref] Reference file given, but ref 'chr7' not present\n"
    assert "needs the sequence of chr7, which ref.fa lacks" in str(explain("x.cram", "ref.fa", 1, said))

import gzip
import os
import random
import struct
from itertools import pairwise
from pathlib import Path

import pysam
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpucall.errors import IndexProblem
from gpucall.io.index import Index, find_index, load_index, read_index
from tests import fixtures
from tests.fixtures import Read

LENGTHS = {"a": 3_000_000, "b": 200_000, "c": 100}


def scattered_reads() -> list[Read]:
    """Reads in clumps and deserts, a few across bin borders by long deletions, unmapped ones at their mates."""
    chance = random.Random(5)
    places = [(0, chance.randint(0, 2_900_000)) for _ in range(150)]
    places += [(0, 1_500_000 + chance.randint(0, 3000)) for _ in range(400)]
    places += [(1, chance.choice((10, 16_300, 131_000)) + chance.randint(0, 150)) for _ in range(100)]
    reads = []
    for number, (tid, pos) in enumerate(places):
        gap = chance.choice([0] * 9 + [200, 20_000]) if tid == 0 else 0
        cigar = f"25M{gap}N25M" if gap else "50M"
        flag = fixtures.UNMAPPED if number % 20 == 0 else 0
        reads.append(Read(f"r{number}", pos, "" if flag else cigar, "A" * 50, tid, flag))
    reads += [Read(f"u{number}", -1, "", "A" * 50, -1, fixtures.UNMAPPED) for number in range(20)]
    return fixtures.in_file_order(reads)


@pytest.fixture(scope="module", params=["bai", "csi"])
def bam(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return fixtures.write_bam(folder / "x.bam", scattered_reads(), LENGTHS, index=request.param, block_bytes=700)


def names_in(bam: Path, chunks: list[tuple[int, int]]) -> list[str]:
    """Names of the records in ranges of virtual offsets, which must hold whole records."""
    blocks = fixtures.split_bgzf(bam.read_bytes())
    names = []
    for begin, end in chunks:
        data = b""
        for offset, block in blocks:
            low = begin & 0xFFFF if offset == begin >> 16 else 0
            high = end & 0xFFFF if offset == end >> 16 else len(block)
            data += block[low:high] if begin >> 16 <= offset <= end >> 16 else b""
        while data:
            size, l_name = struct.unpack_from("<i8xB", data)
            names.append(data[36 : 35 + l_name].decode())
            assert len(data) >= size + 4
            data = data[size + 4 :]
    return names


spans = st.lists(
    st.tuples(st.integers(0, 3_000_000), st.sampled_from([1, 100, 20_000, 1_000_000])).map(
        lambda s: (s[0], s[0] + s[1])
    ),
    min_size=1,
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(tid=st.integers(0, 2), spans=spans)
def test_chunks_hold_every_record_that_pysam_fetches(bam: Path, tid: int, spans: list[tuple[int, int]]) -> None:
    index = load_index(bam)
    assert index is not None
    chunks = index.chunks(tid, spans)
    found = names_in(bam, chunks)
    with pysam.AlignmentFile(str(bam)) as file:
        contig = file.references[tid]
        asked = [(begin, min(end, LENGTHS[contig])) for begin, end in spans if begin < LENGTHS[contig]]
        wanted = {read.query_name for begin, end in asked for read in file.fetch(contig, begin, end)}
    assert wanted <= set(found)
    assert len(found) == len(set(found))
    assert all(end >> 16 < begin >> 16 for (_, end), (begin, _) in pairwise(chunks))


@pytest.mark.parametrize("tid", [0, 1])
def test_whole_contigs_come_whole_and_alone(bam: Path, tid: int) -> None:
    index = load_index(bam)
    assert index is not None
    wanted = [read.name for read in scattered_reads() if read.tid == tid]
    assert names_in(bam, index.chunks(tid, [(0, 3_000_000)])) == wanted


def test_a_small_region_reads_few_blocks(tmp_path: Path) -> None:
    """The linear index and the next bin's start keep reads far before and after out."""
    bam = fixtures.write_bam(tmp_path / "x.bam", scattered_reads(), LENGTHS, block_bytes=700)
    index = load_index(bam)
    assert index is not None
    found = names_in(bam, index.chunks(0, [(1_501_000, 1_501_001)]))
    by_name = {read.name: read for read in scattered_reads()}
    assert len(found) < 550
    assert min(by_name[name].pos for name in found) > 1_400_000
    assert max(by_name[name].pos for name in found) < 1_600_000


@pytest.mark.parametrize("kind", ["bai", "csi"])
def test_a_read_that_reaches_in_from_far_before_is_found(tmp_path: Path, kind: str) -> None:
    """The first record that overlaps a leaf bin comes long before the first that the bin holds."""
    reads = [Read("long", 100, "25M60000N25M", "A" * 50)]
    reads += [Read(f"r{pos}", pos, "50M", "A" * 50) for pos in range(200, 80_000, 10)]  # so many that bins stay apart
    bam = fixtures.write_bam(tmp_path / "x.bam", reads, {"a": 100_000}, index=kind, level=0, block_bytes=60_000)
    index = load_index(bam)
    assert index is not None
    found = names_in(bam, index.chunks(0, [(60_130, 60_140)]))
    assert "long" in found
    assert len(found) < len(reads)


def test_spans_whose_records_share_a_block_give_one_chunk(tmp_path: Path) -> None:
    """Three bins in one block, of which the middle one is not asked: the block is inflated once."""
    reads = [Read(f"r{pos}", pos, "50M", "A" * 50) for pos in (100, 20_000, 40_000)]
    bam = fixtures.write_bam(tmp_path / "x.bam", reads, {"a": 100_000})
    index = load_index(bam)
    assert index is not None
    assert len(index.chunks(0, [(100, 110)])) == 1
    assert names_in(bam, index.chunks(0, [(100, 110)])) == ["r100"]
    both = index.chunks(0, [(40_000, 40_010), (100, 110)])
    assert len(both) == 1
    assert names_in(bam, both) == ["r100", "r20000", "r40000"]


def test_nothing_asked_or_nothing_there_gives_no_chunks(bam: Path) -> None:
    index = load_index(bam)
    assert index is not None
    assert index.chunks(0, []) == []
    assert index.chunks(0, [(5, 5)]) == []
    assert index.chunks(2, [(0, 100)]) == []
    assert index.n_contigs == 3
    assert index.contigs_with_reads() == [0, 1]


def test_long_contigs_by_csi_with_other_bins(tmp_path: Path) -> None:
    """min_shift 10 and a contig beyond the 512 Mb of a BAI."""
    reads = [Read(f"r{pos}", pos, "50M", "A" * 50) for pos in (5, 2000, 600_000_000, 900_000_000)]
    bam = fixtures.write_bam(tmp_path / "x.bam", reads, {"long": 1_000_000_000}, index=None, block_bytes=120)
    pysam.index("-c", "-m", "10", str(bam))
    index = load_index(bam)
    assert index is not None
    assert "r600000000" in names_in(bam, index.chunks(0, [(600_000_049, 600_000_050)]))
    assert "r5" not in names_in(bam, index.chunks(0, [(600_000_049, 600_000_050)]))
    assert "r2000" in names_in(bam, index.chunks(0, [(2049, 2050)]))


@pytest.mark.parametrize("suffix", [".bam.bai", ".bai", ".bam.csi", ".csi"])
def test_an_index_is_found_under_each_of_its_names(tmp_path: Path, suffix: str) -> None:
    kind = suffix[-3:]
    bam = fixtures.write_bam(tmp_path / "x.bam", fixtures.good_reads(), index=kind)
    assert find_index(bam) == tmp_path / f"x.bam.{kind}"
    (tmp_path / f"x.bam.{kind}").rename(tmp_path / f"x{suffix}")
    assert find_index(bam) == tmp_path / f"x{suffix}"
    assert isinstance(load_index(bam), Index)


def test_no_index_is_none(tmp_path: Path) -> None:
    assert load_index(fixtures.write_bam(tmp_path / "x.bam", [], index=None)) is None


def test_an_index_of_a_bam_without_reads(tmp_path: Path) -> None:
    index = load_index(fixtures.write_bam(tmp_path / "x.bam", []))
    assert index is not None
    assert index.contigs_with_reads() == []
    assert index.chunks(0, [(0, 100)]) == []


def check_problem(bam: Path, words: str, n_contigs: int = 2) -> None:
    with pytest.raises(IndexProblem) as error:
        load_index(bam).check_contigs(n_contigs, bam)  # type: ignore[union-attr]
    assert words in str(error.value)
    assert "samtools index" in str(error.value)
    assert str(bam.parent) in str(error.value)
    assert "\n" not in str(error.value)


def test_an_index_older_than_its_bam_is_stale(tmp_path: Path) -> None:
    case = fixtures.stale_index(tmp_path)
    check_problem(case.reads, "stale index: it is 86400 s older than reads.bam")
    os.utime(f"{case.reads}.bai")
    assert load_index(case.reads) is not None


def test_an_index_of_a_file_with_other_blocks_is_stale(tmp_path: Path) -> None:
    check_problem(fixtures.index_of_another_file(tmp_path).reads, "no BGZF block starts at file offset")


def test_an_index_that_points_beyond_the_file_is_stale(tmp_path: Path) -> None:
    case = fixtures.good(tmp_path)
    case.reads.write_bytes(case.reads.read_bytes()[:5000])
    os.utime(f"{case.reads}.bai")
    check_problem(case.reads, "the file has 5000 bytes")


def test_an_index_with_other_contigs_is_not_its(tmp_path: Path) -> None:
    check_problem(fixtures.good(tmp_path).reads, "it has 2 contigs, the header 3", n_contigs=3)


def u32(*numbers: int) -> bytes:
    return struct.pack(f"<{len(numbers)}I", *numbers)


DAMAGED = {
    "of nothing": (b"", "expected BAI or CSI, found b''"),
    "of text": (b"hello, world", "expected BAI or CSI"),
    "cut in its head": (b"BAI\1\2", "ends too early"),
    "minus one contigs": (b"BAI\1" + u32(2**32 - 1), "a count of -1"),
    "minus one bins": (b"BAI\1" + u32(1, 2**32 - 1), "a count of -1"),
    "minus one chunks": (b"BAI\1" + u32(1, 1, 4681, 2**32 - 1), "a count of -1"),
    "too many chunks": (b"BAI\1" + u32(1, 1, 4681, 2**31 - 1), "a length of"),
    "unknown bin": (b"BAI\1" + u32(1, 1, 40000, 0, 0), "bin 40000, but there are 37449"),
    "chunk backwards": (b"BAI\1" + u32(1, 1, 4681, 1, 9, 9, 1, 1, 0), "ends before it begins"),
    "gzip of nothing": (b"\x1f\x8b\x08", "damaged index"),
    "CSI cut in its head": (gzip.compress(b"CSI\1" + u32(14)), "ends too early"),
    "CSI of endless depth": (gzip.compress(b"CSI\1" + u32(14, 100, 0, 0)), "100 levels"),
    "CSI with long comment": (gzip.compress(b"CSI\1" + u32(14, 5, 1000, 0)), "a length of 1000"),
}


@pytest.mark.parametrize("how", DAMAGED)
def test_a_damaged_index(tmp_path: Path, how: str) -> None:
    data, words = DAMAGED[how]
    bam = fixtures.good(tmp_path).reads
    Path(f"{bam}.bai").write_bytes(data)
    check_problem(bam, words)


@pytest.mark.parametrize("kind", ["bai", "csi"])
def test_an_index_cut_anywhere_or_with_any_wrong_byte_is_an_index_or_a_problem(tmp_path: Path, kind: str) -> None:
    bam = fixtures.write_bam(tmp_path / "x.bam", fixtures.good_reads(), index=kind)
    path = tmp_path / f"x.bam.{kind}"
    whole = path.read_bytes()
    whole = gzip.decompress(whole) if kind == "csi" else whole
    chance = random.Random(1)
    problems = 0
    for at in range(0, len(whole), 3):
        cut = whole[:at]
        flipped = whole[:at] + bytes([chance.randrange(256)]) + whole[at + 1 :]
        for data in (cut, flipped):
            path.write_bytes(data)
            try:
                index = load_index(bam)
                assert index is not None
                index.chunks(0, [(0, 5000)])
            except IndexProblem:
                problems += 1
    assert problems > len(whole) // 6


def test_the_indexes_in_hand(shared_data: Path) -> None:
    for bam in sorted((shared_data / "real").glob("*.bam")):
        index = load_index(bam)
        if index is None:
            assert bam.name == "mitochondria.451x.bam"
            continue
        with pysam.AlignmentFile(str(bam)) as file:
            assert index.n_contigs == file.nreferences
            assert index.contigs_with_reads() == [
                tid for tid, row in enumerate(file.get_index_statistics()) if row.total
            ]


def test_read_index_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(IndexProblem, match="No such file"):
        read_index(tmp_path / "absent.bai")

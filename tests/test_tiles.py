import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpucall import tiles
from gpucall.errors import EmptyInput, InputError, UsageError
from gpucall.tiles import Intervals, Span

CONTIGS = {"chr1": 1000, "chr2": 500, "HLA-A*01:01": 300, "chrM": 100}
LENGTH = 60

spans = st.lists(
    st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)).map(lambda ends: (min(ends), max(ends))), max_size=8
)


def as_lists(intervals: Intervals) -> dict[str, list[list[int]]]:
    return {contig: array.tolist() for contig, array in intervals.items()}


def covered(pairs: list[tuple[int, int]]) -> set[int]:
    return {position for start, end in pairs for position in range(start, end)}


def made_of(pairs: list[tuple[int, int]]) -> Intervals:
    return tiles.merge([Span("chr1", start, end) for start, end in pairs], CONTIGS)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("chr1", ["chr1", 0, 1000]),
        ("chr1:11", ["chr1", 10, 1000]),
        ("chr1:11-", ["chr1", 10, 1000]),
        ("chr1:11-20", ["chr1", 10, 20]),
        (" chr1:1-1 ", ["chr1", 0, 1]),
        ("chr1:1,000-1,000", ["chr1", 999, 1000]),
        ("chr2:400-9,999", ["chr2", 399, 500]),
        ("HLA-A*01:01", ["HLA-A*01:01", 0, 300]),
        ("HLA-A*01:01:5-6", ["HLA-A*01:01", 4, 6]),
    ],
)
def test_a_region_reads_as_samtools_reads_it(text: str, expected: list[object]) -> None:
    (contig, array), *rest = tiles.parse_regions([text], CONTIGS).items()
    assert [contig, *array[0].tolist()] == expected
    assert array.dtype == np.int64
    assert not rest


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr7", "no contig 'chr7' among the 4"),
        ("chr7:1-10", "no contig 'chr7'"),
        ("1:1-10", "no contig '1'; did you mean 'chr1'?"),
        ("MT", "did you mean 'chrM'?"),
        ("chr1:x-10", "cannot read region 'chr1:x-10'"),
        ("chr1:10-x", "cannot read region"),
        ("chr1:-5", "cannot read region"),
        ("chr1:", "cannot read region"),
        ("chr1:0-10", "START counts from 1"),
        ("chr1:20-10", "bad region"),
        ("chr1:1001-1002", "the contig's length, 1000"),
        ("", "unknown region ''"),
    ],
)
def test_a_region_that_cannot_be_is_a_usage_error(text: str, words: str) -> None:
    with pytest.raises(UsageError) as error:
        tiles.parse_regions([text], CONTIGS)
    assert words in str(error.value)


def test_regions_merge_in_the_order_of_the_contigs() -> None:
    regions = tiles.parse_regions(["chr2:1-10", "chr1:50-60", "chr1:10-20", "chr1:21-30"], CONTIGS)
    assert list(regions) == ["chr1", "chr2"]
    assert as_lists(regions) == {"chr1": [[9, 30], [49, 60]], "chr2": [[0, 10]]}


@given(spans)
def test_merged_spans_cover_the_same_bases_and_neither_touch_nor_are_empty(pairs: list[tuple[int, int]]) -> None:
    merged = made_of(pairs)
    array = merged.spans("chr1")
    assert covered(array.tolist()) == covered(pairs)
    assert (array[:, 0] < array[:, 1]).all()
    assert (array[1:, 0] > array[:-1, 1]).all()
    assert merged.bases() == len(covered(pairs))


@given(spans, st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_contains_clip_and_overlaps_agree_with_sets(pairs: list[tuple[int, int]], start: int, end: int) -> None:
    merged, bases = made_of(pairs), covered(pairs)
    positions = np.arange(LENGTH + 1)
    assert merged.contains("chr1", positions).tolist() == [position in bases for position in positions]
    assert covered(merged.clip("chr1", start, end).tolist()) == bases & set(range(start, end))
    assert merged.overlaps("chr1", start, end) == bool(bases & set(range(start, end)))
    assert not merged.contains("chr2", positions).any()


@given(spans, spans)
def test_intersect_keeps_what_both_cover(first: list[tuple[int, int]], second: list[tuple[int, int]]) -> None:
    both = made_of(first).intersect(made_of(second))
    assert covered(both.spans("chr1").tolist()) == covered(first) & covered(second)
    assert ("chr1" in both) == bool(covered(first) & covered(second))


def test_whole_leaves_out_contigs_without_bases() -> None:
    assert as_lists(tiles.whole({"a": 5, "b": 0})) == {"a": [[0, 5]]}


BED = "track name=x\n#comment\nbrowser position\n\nchr2\t0\t5\tname\t0\t+\nchr1 3 9\nchr1\t8\t12\r\nchr1\t20\t20\n"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_bed_is_read_plain_or_gzipped(tmp_path: Path, compressed: bool) -> None:
    bed = tmp_path / "targets.bed"
    bed.write_bytes(gzip.compress(BED.encode()) if compressed else BED.encode())
    assert as_lists(tiles.read_bed(bed, CONTIGS)) == {"chr1": [[3, 12]], "chr2": [[0, 5]]}


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (b"chr1\t0\t5\nchr1\t990\t1001\n", InputError, "line 2: chr1:990-1001 is outside the contig, which has 1000"),
        (b"chr1\t-1\t5\n", InputError, "line 1: chr1:-1-5 is outside"),
        (b"chr1\t9\t5\n", InputError, "line 1"),
        (b"1\t0\t5\n", InputError, "no contig '1'; did you mean 'chr1'?"),
        (b"chr1\t0\n", InputError, "expected contig, start and end, found 'chr1\\t0'"),
        (b"chr1\ta\tb\n", InputError, "line 1: expected contig, start and end"),
        (b"\xff\xfe\x00", InputError, "not a text file"),
        (b"\x1f\x8b\x08\x00broken", InputError, "cannot read BED"),
        (b"# nothing\n", EmptyInput, "no intervals"),
        (b"", EmptyInput, "no intervals"),
    ],
)
def test_a_bed_that_is_wrong_says_where(tmp_path: Path, text: bytes, kind: type[Exception], words: str) -> None:
    bed = tmp_path / "targets.bed"
    bed.write_bytes(text)
    with pytest.raises(kind) as error:
        tiles.read_bed(bed, CONTIGS)
    assert words in str(error.value)
    assert str(bed) in str(error.value)


def test_a_missing_bed_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        tiles.read_bed(tmp_path / "absent.bed", CONTIGS)

"""io.bgzf, io.alignments: what is in the blocks of a file, whoever inflates them, and whatever is wrong with them."""

from __future__ import annotations

import io
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gpucall.errors import CorruptInput, TruncatedInput
from gpucall.io import bgzf
from gpucall.io.alignments import AlignmentSource, cut, wait_for
from gpucall.kernels import bgzf as kernel

from . import fixtures

STATUS = {
    kernel.NO_BLOCK: "no BGZF block",
    kernel.NO_SIZE: "without a BGZF size",
    kernel.BAD_SIZE: "impossible size",
    kernel.TOO_LARGE: "more than 65536 bytes",
}


def block(data: bytes, level: int = 6, before: bytes = b"", after: bytes = b"", **wrong: int) -> bytes:
    """A block with other extra fields around the one that it must have, which may state something else."""
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = packer.compress(data) + packer.flush()
    extra = len(before) + 6 + len(after)
    total = 12 + extra + len(body) + 8
    stated = {"total": total, "crc": zlib.crc32(data), "size": len(data)} | wrong
    head = struct.pack("<4BI2BH", 31, 139, 8, 4, 0, 0, 255, extra)
    field = before + struct.pack("<2B2H", 66, 67, 2, stated["total"] - 1) + after
    return head + field + body + struct.pack("<II", stated["crc"], stated["size"])


def field(name: bytes, size: int) -> bytes:
    return name + struct.pack("<H", size) + bytes(size)


def as_array(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, dtype=np.uint8)


def naive_split(data: bytes) -> tuple[list[tuple[int, int, int, int]], int, int]:
    """Blocks by the specification (SAM v1, section 4.1), where the first one not whole starts, and what is wrong."""
    found, at = [], 0
    while len(data) - at >= 18:
        if data[at : at + 3] != b"\x1f\x8b\x08" or not data[at + 3] & 4:
            return found, at, kernel.NO_BLOCK
        start = at + 12 + int.from_bytes(data[at + 10 : at + 12], "little")
        if start > len(data):
            break
        total, k = 0, at + 12
        while k + 6 <= start and not total:
            length = int.from_bytes(data[k + 2 : k + 4], "little")
            if data[k : k + 2] == b"BC" and length == 2:
                total = int.from_bytes(data[k + 4 : k + 6], "little") + 1
            k += 4 + length
        if not total:
            return found, at, kernel.NO_SIZE
        if at + total < start + 8:
            return found, at, kernel.BAD_SIZE
        if at + total > len(data):
            break
        crc, size = struct.unpack_from("<II", data, at + total - 8)
        if size > 65536:
            return found, at, kernel.TOO_LARGE
        found.append((start, at + total - 8, size, crc))
        at += total
    return found, at, kernel.OK


some_blocks = st.builds(
    block,
    st.binary(max_size=300).map(lambda data: data * 7),
    level=st.sampled_from([0, 1, 6]),
    before=st.sampled_from([b"", field(b"XY", 3), field(b"BC", 1), field(b"AA", 0) + field(b"BB", 9)]),
    after=st.sampled_from([b"", field(b"ZZ", 5)]),
)
bad_blocks = st.sampled_from(
    [
        block(b"ACGT", total=20),
        block(b"ACGT", size=65537),
        b"\x1f\x8b\x08\x00" + bytes(40),
        b"PK" + bytes(40),
        struct.pack("<4BI2BH", 31, 139, 8, 4, 0, 0, 255, 6) + b"XX\x02\x00" + bytes(40),
    ]
)


@settings(deadline=None)
@given(blocks=st.lists(some_blocks, max_size=5), bad=st.none() | bad_blocks, left=st.integers(0, 400))
def test_split_equals_naive(blocks: list[bytes], bad: bytes | None, left: int) -> None:
    data = b"".join(blocks) + (bad or b"")
    data = data[: max(len(data) - left, 0)] if bad is None else data
    expected, used, status = naive_split(data)
    table = np.zeros((len(data) // 26 + 1, kernel.COLUMNS), dtype=np.int64)
    for split in (kernel.split, kernel.split.py_func):  # type: ignore[attr-defined]
        assert tuple(map(int, split(as_array(data), len(data), table))) == (len(expected), used, status)
        assert table[: len(expected)].tolist() == [list(row) for row in expected]
    if status == kernel.OK:
        found = bgzf.split_blocks(as_array(data), "x.bam", 1000)
        assert (len(found.table), found.used) == (len(expected), used)
        ends = [stop + 8 for _, stop, _, _ in expected]
        assert found.begins.tolist() == [1000 + end for end in [0, *ends]][: len(expected)]
    else:
        with pytest.raises(CorruptInput, match=f"{STATUS[status]}|at file offset {1000 + used}"):
            bgzf.split_blocks(as_array(data), "x.bam", 1000)


def each_way(data: bytes, table: NDArray[np.int64], first: int, last: int) -> list[tuple[Any, bytes]]:
    """What libdeflate, called from a compiled loop and by its package, and zlib make of some blocks."""
    library = bgzf.find_library()
    assert library is not None  # the package deflate is a shared library that shows libdeflate's functions
    plain = kernel.inflate.py_func  # type: ignore[attr-defined]
    size = int(table[first:last, kernel.SIZE].sum())
    results = []
    for by in (library.inflate, bgzf.inflate_by_package, lambda *rest: plain(0, 0, 0, *rest)):
        target = np.zeros(size + 8, dtype=np.uint8)
        found = by(as_array(data), table, first, last, target[4:-4])
        assert not target[:4].any()
        assert not target[-4:].any()
        results.append((tuple(map(int, found)), target[4:-4].tobytes()))
    return results


@settings(deadline=None)
@given(parts=st.lists(st.binary(max_size=500), min_size=1, max_size=6), level=st.sampled_from([0, 1, 9]))
def test_blocks_inflate_to_their_bytes(parts: list[bytes], level: int) -> None:
    data = b"".join(block(part, level) for part in parts)
    table = bgzf.split_blocks(as_array(data), "x.bam", 0).table
    for first in range(len(parts)):
        for found, inflated in each_way(data, table, first, len(parts)):
            assert found == (-1, kernel.OK)
            assert inflated == b"".join(parts[first:])


@pytest.mark.parametrize("level", [0, 6])
def test_damage_is_seen_either_way(level: int) -> None:
    parts = [bytes(range(200)) * 3, b"ACGT" * 100, b"", b"tail"]
    good = b"".join(block(part, level) for part in parts)
    table = bgzf.split_blocks(as_array(good), "x.bam", 0).table
    seen = set()
    for row in range(len(parts)):
        for at in range(table[row, kernel.START], table[row, kernel.STOP]):
            data = bytearray(good)
            data[at] ^= 1 << at % 8
            results = each_way(bytes(data), table, 0, len(parts))
            one, two, _ = (found for found, _ in results)
            assert one == two
            for found, inflated in results:  # not all that zlib refuses changes a byte
                assert found[0] == row or (found, inflated) == ((-1, kernel.OK), b"".join(parts))
            seen.add(one[1])
        for column, by in ((kernel.SIZE, 1), (kernel.SIZE, -1), (kernel.CRC, 1)):
            wrong = table.copy()
            wrong[row, column] += by
            if wrong[row, kernel.SIZE] < 0:
                continue
            one, two, three = (found for found, _ in each_way(good, wrong, 0, len(parts)))
            assert one == two == three
            assert one[0] == row
            assert column == kernel.SIZE or one[1] == kernel.FAILS_CRC
    assert {kernel.DOES_NOT_INFLATE, kernel.FAILS_CRC} <= seen


@pytest.mark.parametrize("shown", [True, False])
def test_messages_name_the_block(shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not shown:
        monkeypatch.setattr(bgzf, "find_library", lambda: None)
    blocks = [block(b"ACGT" * 50), block(b"TTTT" * 50, crc=5), block(b"GG")]
    found = bgzf.split_blocks(as_array(b"".join(blocks)), "x.bam", 7000)
    assert found.inflated(0, 1).tobytes() == b"ACGT" * 50
    assert found.inflated(2, 3).tobytes() == b"GG"
    with pytest.raises(
        CorruptInput, match=f"x.bam: the BGZF block at file offset {7000 + len(blocks[0])} fails its CRC"
    ):
        found.inflated(0, 3)


def test_a_library_that_shows_no_functions_is_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    class Nothing:
        def __init__(self, path: str) -> None:
            pass

    monkeypatch.setattr(bgzf.ctypes, "CDLL", Nothing)
    assert bgzf.find_library.__wrapped__() is None


def source_of(data: bytes, pool: ThreadPoolExecutor | None, read_bytes: int) -> AlignmentSource:
    return AlignmentSource("x.bam", io.BytesIO(data), pool, read_bytes=read_bytes)


@pytest.mark.parametrize("threads", [0, 3])
@pytest.mark.parametrize("read_bytes", [300, 5000, 1 << 20])
@pytest.mark.parametrize("size", [1, 3000, 1 << 18])
def test_pieces_are_all_bytes_in_order(threads: int, read_bytes: int, size: int) -> None:
    reads = fixtures.sample_reads(fixtures.sequences(), depth=3)
    contigs = {name: len(bases) for name, bases in fixtures.sequences().items()}
    header = fixtures.encode_header(contigs)
    records = b"".join(map(fixtures.encode_record, reads))
    data = fixtures.bgzf(header + records, block_bytes=1000)
    at, places = 0, {}
    for offset, inflated in fixtures.split_bgzf(data):
        places |= {at + k: ("x.bam", offset, k) for k in range(len(inflated))}
        at += len(inflated)
    pool = ThreadPoolExecutor(threads) if threads else None
    with closing(source_of(data, pool, read_bytes)) as source:
        found, at, waiting = np.zeros(len(records), dtype=np.uint8), 0, []
        for piece in source.pieces(None, size):
            written = piece.write(found[at : at + piece.size])
            assert (written is None) == (pool is None)
            waiting += [written] if written is not None else []
            for k in {0, 1, piece.size // 2, piece.size - 1} & set(range(piece.size)):
                assert piece.locate(k) == places[len(header) + at + k]
            at += piece.size
        wait_for(waiting)
    assert found.tobytes() == records


def test_pieces_leave_out_what_is_asked_to() -> None:
    parts = [bytes([k]) * (10 + k) for k in range(6)]
    found = bgzf.split_blocks(as_array(b"".join(map(block, parts))), "x.bam", 0)
    for first in range(len(parts)):
        for skip in (0, 3, len(parts[first])):
            for size in (1, 25, 1000):
                pieces = list(cut(found, size, None, first, skip))
                bytes_of = []
                for piece in pieces:
                    target = np.empty(piece.size, dtype=np.uint8)
                    piece.write(target)
                    bytes_of.append(target.tobytes())
                assert b"".join(bytes_of) == b"".join(parts[first:])[skip:]
                assert all(piece.size <= max(size, len(parts[piece.last - 1])) for piece in pieces)
                assert all(bytes_of)


@pytest.mark.parametrize("threads", [0, 3])
def test_a_file_that_ends_early(threads: int) -> None:
    header = fixtures.encode_header({"1": 1000})
    data = fixtures.bgzf(header + bytes(5000), block_bytes=1000)
    pool = ThreadPoolExecutor(threads) if threads else None
    for end, what in ((len(data) - 28, "end-of-file block"), (len(data) - 40, "cut short")):
        with closing(source_of(data[:end], pool, 400)) as source, pytest.raises(TruncatedInput, match=what):
            list(source.pieces())

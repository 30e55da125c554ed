"""Kernel ``records``: equal to its naive twin on every device."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from gpucall.kernels import records as kernel

from . import naive
from .fixtures import Read, encode_record
from .kernel_inputs import DEVICES, decode, open_device, undecoded
from .qc_reads import CONTIGS, odd_reads

on_devices = pytest.mark.parametrize("device", DEVICES)

PLAIN = Read("read", 10, "4M", "ACGT", 0, 0, mate_tid=0, mate_pos=20)


def status(raw: bytes, device: str) -> list[int]:
    """The status of each record."""
    backend = open_device(device)
    found: list[int] = backend.download(decode(raw, CONTIGS, backend).status).tolist()
    return found


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_decode_equals_naive(device: str, seed: int) -> None:
    reads = odd_reads(seed, pairs=15)
    backend = open_device(device)
    found = backend.download(decode(b"".join(map(encode_record, reads)), CONTIGS, backend))
    for row, read in enumerate(reads):
        assert {name: int(getattr(found, name)[row]) for name in naive.columns(read)} == naive.columns(read)


@on_devices
def test_decoded_offsets_lead_to_cigar_bases_and_qualities(device: str) -> None:
    reads = odd_reads(1, pairs=8)
    backend = open_device(device)
    found = backend.download(decode(b"".join(map(encode_record, reads)), CONTIGS, backend))
    raw = found.raw.tobytes()
    for row, read in enumerate(reads):
        words = struct.unpack_from(f"<{found.n_cigar[row]}I", raw, found.cigar[row])
        assert [(word >> 4, "MIDNSHP=X"[word & 15]) for word in words] == naive.operations(read)
        nibbles = [raw[found.seq[row] + k // 2] >> 4 * (1 - k % 2) & 15 for k in range(found.l_seq[row])]
        assert "".join("=ACMGRSVTWYHKDBN"[nibble] for nibble in nibbles) == read.seq.replace("*", "")
        assert list(raw[found.qual[row] : found.qual[row] + found.l_seq[row]]) == naive.qualities(read)


def damaged(at: int, layout: str, value: int, read: Read = PLAIN) -> bytes:
    """The bytes of a record with one field replaced."""
    raw = bytearray(encode_record(read))
    struct.pack_into(layout, raw, at, value)
    return bytes(raw)


DAMAGED = {
    "l_seq below 0": (damaged(20, "<i", -1), kernel.BAD_SIZE),
    "l_seq past the record": (damaged(20, "<i", 40), kernel.BAD_SIZE),
    "l_seq enormous": (damaged(20, "<i", 2**31 - 1), kernel.BAD_SIZE),
    "n_cigar past the record": (damaged(16, "<H", 65535), kernel.BAD_SIZE),
    "no name": (damaged(12, "<B", 0), kernel.BAD_NAME),
    "name not terminated": (damaged(12, "<B", 4), kernel.BAD_NAME),
    "contig not in the header": (damaged(4, "<i", 3), kernel.BAD_REFERENCE_ID),
    "contig below -1": (damaged(4, "<i", -2), kernel.BAD_REFERENCE_ID),
    "mate's contig not in the header": (damaged(24, "<i", 3), kernel.BAD_REFERENCE_ID),
    "position below -1": (damaged(8, "<i", -2), kernel.BAD_POSITION),
    "mapped without a position": (damaged(8, "<i", -1), kernel.BAD_POSITION),
    "unknown operation": (damaged(41, "<I", 4 << 4 | 9), kernel.BAD_CIGAR_OPERATION),
    "CIGAR shorter than the bases": (damaged(41, "<I", 3 << 4), kernel.CIGAR_SEQUENCE_MISMATCH),
    "CIGAR enormous": (damaged(41, "<I", 0xFFFFFFF0), kernel.CIGAR_SEQUENCE_MISMATCH),
    "past the contig's end": (damaged(8, "<i", 897), kernel.PAST_CONTIG_END),
    "deletion past the contig's end": (
        encode_record(Read("read", 890, "2M8D2M", "ACGT")),
        kernel.PAST_CONTIG_END,
    ),
    "up to the contig's end": (damaged(8, "<i", 896), kernel.OK),
    "unplaced": (encode_record(Read("read", -1, "", "ACGT", -1, 4)), kernel.OK),
    "no bases, a CIGAR": (encode_record(Read("read", 10, "4M", "*", qual=[])), kernel.OK),
}


@on_devices
@pytest.mark.parametrize("case", DAMAGED)
def test_damage_is_seen(device: str, case: str) -> None:
    raw, expected = DAMAGED[case]
    good = encode_record(PLAIN)
    assert status(good + raw + good, device) == [kernel.OK, expected, kernel.OK]


def long_cigar(tags: bytes, seq: str = "ACGTAC") -> Read:
    """A record whose CIGAR is said to be in its CG tag (SAM v1, section 4.2.2)."""
    return Read("long", 10, f"{len(seq)}S9N", seq, tags=tags)


def cg_tag(*operations: int) -> bytes:
    return b"CGBI" + struct.pack(f"<i{len(operations)}I", len(operations), *operations)


OTHER_TAGS = b"ASC\x07" + b"NMi\x01\x00\x00\x00" + b"MDZ6\x00" + b"XXBs\x02\x00\x00\x00\x01\x00\x02\x00" + b"XAAc"


@on_devices
def test_a_long_cigar_is_found_among_the_tags(device: str) -> None:
    tags = OTHER_TAGS + cg_tag(2 << 4, 5 << 4 | 2, 4 << 4) + b"ZZZlast\x00"
    backend = open_device(device)
    found = backend.download(decode(encode_record(long_cigar(tags)), CONTIGS, backend))
    assert (found.status[0], found.n_cigar[0], found.end[0]) == (kernel.OK, 3, 10 + 2 + 5 + 4)
    assert struct.unpack_from("<3I", found.raw.tobytes(), found.cigar[0]) == (2 << 4, 5 << 4 | 2, 4 << 4)


@on_devices
@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (b"", kernel.OK),
        (OTHER_TAGS, kernel.OK),
        (cg_tag(3 << 4), kernel.CIGAR_SEQUENCE_MISMATCH),
        (b"CGBI" + struct.pack("<i", 9), kernel.BAD_LONG_CIGAR),
        (b"XX?\x00\x00", kernel.BAD_LONG_CIGAR),
        (b"XXBq" + struct.pack("<i", 9), kernel.BAD_LONG_CIGAR),
    ],
)
def test_a_long_cigar_that_is_absent_or_damaged(device: str, tags: bytes, expected: int) -> None:
    assert status(encode_record(long_cigar(tags)) + encode_record(PLAIN), device) == [expected, kernel.OK]


def test_walk_equals_naive() -> None:
    raw = undecoded(b"".join(map(encode_record, odd_reads(2, pairs=5)))).raw
    for stop in (len(raw), len(raw) - 1, len(raw) - 60, 3, 0):
        offsets = np.empty(len(raw), dtype=np.int64)
        found, end, status = kernel.walk(raw, 0, stop, offsets)
        assert (offsets[:found].tolist(), end) == naive.walk(raw[:stop].tobytes())
        assert status == kernel.OK


@pytest.mark.parametrize("size", [-1, 0, 31, kernel.LARGEST_RECORD + 1, 2**31 - 1])
def test_walk_stops_at_an_impossible_size(size: int) -> None:
    good = encode_record(PLAIN)
    raw = np.frombuffer(good + struct.pack("<i", size) + good, dtype=np.uint8)
    assert kernel.walk(raw, 0, len(raw), np.empty(9, dtype=np.int64)) == (1, len(good), kernel.BAD_SIZE)

"""bgzf: blocks of a BGZF file (SAM v1, section 4.1) in a buffer of its bytes: where they are, and what they hold.

Compiled, so that a thread that inflates holds no GIL, and a block costs what its bytes do. The compiled loop calls
libdeflate at the addresses that it is given (``io/bgzf.py`` finds them); its plain-Python body calls zlib. What is read
here has not reached a device yet, so it has no CUDA twin.
"""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from .jit import cpu_loop, shared, when_compiling
from .records import u16, u32

START, STOP, SIZE, CRC = range(4)  # columns of a table of blocks: deflate data in the buffer, inflated bytes, their CRC
COLUMNS = 4
HEADER_BYTES, FOOTER_BYTES = 18, 8  # of a block with the one extra field that it must have
LARGEST = 1 << 16  # inflated
OK, NO_BLOCK, NO_SIZE, BAD_SIZE, TOO_LARGE = range(5)  # status of ``split``
DOES_NOT_INFLATE, FAILS_CRC = 1, 2  # of ``inflate``


@shared
def size_field(data: Any, at: Any, end: Any) -> Any:
    """Where in the extra fields [at, end) of a block its size is; -1: nowhere."""
    while at + 6 <= end:
        length = u16(data, at + 2)
        if data[at] == 66 and data[at + 1] == 67 and length == 2:  # BC
            return at + 4
        at += 4 + length
    return np.int64(-1)


@cpu_loop
def split(data: Any, stop: int, table: Any) -> tuple[int, int, int]:
    """Fill ``table`` int64[n, COLUMNS] with the blocks that lie whole in ``data[:stop]``.

    Returns (blocks found, where the first one that is not whole starts, status).
    """
    found = at = 0
    while at + HEADER_BYTES <= stop and found < table.shape[0]:
        if data[at] != 31 or data[at + 1] != 139 or data[at + 2] != 8 or data[at + 3] & 4 == 0:
            return found, at, NO_BLOCK
        start = at + 12 + u16(data, at + 10)
        if start > stop:
            break
        field = size_field(data, at + 12, start)
        if field < 0:
            return found, at, NO_SIZE
        following = at + u16(data, field) + 1
        if following < start + FOOTER_BYTES:
            return found, at, BAD_SIZE
        if following > stop:
            break
        size = u32(data, following - 4)
        if size > LARGEST:
            return found, at, TOO_LARGE
        table[found, START] = start
        table[found, STOP] = following - FOOTER_BYTES
        table[found, SIZE] = size
        table[found, CRC] = u32(data, following - FOOTER_BYTES)
        found += 1
        at = following
    return found, at, OK


def inflate_into(
    function: Any, decompressor: Any, data: Any, start: Any, size: Any, target: Any, at: Any, room: Any
) -> Any:
    """Inflate ``size`` bytes of ``data`` to exactly ``room`` bytes of ``target`` from ``at`` on; 0: done (CPU only)."""
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = stream.decompress(bytes(data[start : start + size]))
    except zlib.error:
        return 1
    if not stream.eof or len(inflated) != room:
        return 1
    target[at : at + room] = np.frombuffer(inflated, dtype=np.uint8)
    return 0


def checksum(function: Any, data: Any, start: Any, size: Any) -> Any:
    """CRC-32 of ``size`` bytes of ``data`` (CPU only)."""
    return zlib.crc32(data[start : start + size])


@cpu_loop
def inflate(
    inflater: int, summer: int, decompressor: int, data: Any, table: Any, first: int, last: int, target: Any
) -> tuple[int, int]:
    """Inflate blocks [first, last) of ``table`` one after the other into ``target``.

    Parameters
    ----------
    inflater, summer
        addresses of libdeflate_deflate_decompress and libdeflate_crc32.
    decompressor
        address of a libdeflate_decompressor that no other thread uses meanwhile.
    data, table
        uint8, and what ``split`` found there.
    target
        uint8[at least the sum of the blocks' sizes].

    Returns
    -------
    (the first bad block, what is wrong with it), or (-1, ``OK``).
    """
    at = 0
    for row in range(first, last):
        start, size = table[row, START], table[row, SIZE]
        if size > 0:
            taken = table[row, STOP] - start
            if inflate_into(inflater, decompressor, data, start, taken, target, at, size) != 0:
                return row, DOES_NOT_INFLATE
        if checksum(summer, target, at, size) != table[row, CRC]:
            return row, FAILS_CRC
        at += size
    return -1, OK


@when_compiling
def _teach_library() -> None:
    """Have numba compile the calls of libdeflate."""
    from . import bgzf_cpu  # noqa: F401

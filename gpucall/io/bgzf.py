"""BGZF reading (SAM v1, section 4.1): ranges of blocks, inflated on threads that hold no GIL, every CRC checked."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any, BinaryIO

import deflate

from ..errors import CorruptInput, TruncatedInput

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
READ_BYTES = 1 << 20
BLOCKS_PER_TASK = 32
_FIXED = struct.Struct("<4BIBBH2BHH")  # header of the block that every writer writes: one extra field, BC


@dataclass(frozen=True, slots=True)
class Block:
    """One compressed block in a buffer of file bytes."""

    file_offset: int
    start: int  # of the deflate data in the buffer
    stop: int  # of the deflate data in the buffer
    crc: int
    size: int  # inflated


def virtual_offset(file_offset: int, within: int) -> int:
    """BGZF virtual file offset (SAM v1, section 4.1.1)."""
    return file_offset << 16 | within


def _block_size(data: memoryview, at: int, path: str, file_offset: int) -> tuple[int, int]:
    """Total size of the block at ``at`` and where its deflate data starts, relative to ``at``."""
    magic1, magic2, method, flags, _, _, _, extra, si1, si2, length, size = _FIXED.unpack_from(data, at)
    if (magic1, magic2, method, flags & 4) != (31, 139, 8, 4):
        raise CorruptInput(
            f"{path}: no BGZF block at file offset {file_offset}: the file is damaged or not BGZF-compressed;"
            " check it with 'samtools quickcheck' and fetch it again"
        )
    if (si1, si2, length) == (66, 67, 2):
        return size + 1, 12 + extra
    field, end = at + 12, at + 12 + extra
    while field + 6 <= min(end, len(data)):
        si1, si2, length = struct.unpack_from("<2BH", data, field)
        if (si1, si2, length) == (66, 67, 2):
            return struct.unpack_from("<H", data, field + 4)[0] + 1, 12 + extra
        field += 4 + length
    raise CorruptInput(f"{path}: gzip block without a BGZF size at file offset {file_offset}; compress it with bgzip")


def split_blocks(data: memoryview, path: str, file_offset: int) -> tuple[list[Block], int]:
    """Blocks that lie whole in ``data`` and how many bytes they take."""
    blocks = []
    at = 0
    while at + 18 <= len(data):
        total, header = _block_size(data, at, path, file_offset + at)
        if total < header + 8:
            raise CorruptInput(f"{path}: BGZF block at file offset {file_offset + at} states an impossible size")
        if at + total > len(data):
            break
        crc, size = struct.unpack_from("<II", data, at + total - 8)
        if size > 65536:
            raise CorruptInput(f"{path}: BGZF block at file offset {file_offset + at} states {size} bytes, above 65536")
        blocks.append(Block(file_offset + at, at + header, at + total - 8, crc, size))
        at += total
    return blocks, at


def inflate(data: memoryview, block: Block, path: str) -> bytearray:
    """The block's inflated bytes, checked against its CRC."""
    try:
        inflated = deflate.deflate_decompress(data[block.start : block.stop], block.size) if block.size else bytearray()
    except deflate.DeflateError as error:
        raise _damaged(path, block, "does not inflate") from error
    if len(inflated) != block.size or deflate.crc32(inflated) != block.crc:
        raise _damaged(path, block, "fails its CRC check")
    return inflated


def _damaged(path: str, block: Block, what: str) -> CorruptInput:
    return CorruptInput(
        f"{path}: the BGZF block at file offset {block.file_offset} {what}: the file is damaged; fetch or make it again"
    )


def _inflate_group(data: memoryview, group: list[Block], path: str) -> list[bytearray]:
    return [inflate(data, block, path) for block in group]


class BgzfStream:
    """Reads ranges of a BGZF file as inflated blocks, in order.

    Parameters
    ----------
    handle
        binary file object; ``seek`` is used only for ranges that do not start where reading stands.
    path
        the file's name in messages.
    pool
        threads for inflating; None: in this thread.
    read_bytes
        compressed bytes that are read at once.
    """

    def __init__(self, handle: BinaryIO, path: str, pool: Executor | None = None, read_bytes: int = READ_BYTES) -> None:
        self.path = path
        self._handle = handle
        self._pool = pool
        self._read_bytes = read_bytes
        self.bytes_read = 0

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[tuple[int, bytearray]]:
        """(file offset, inflated bytes) of the blocks from file offset ``begin`` through the one at ``end``.

        Without ``end`` the file is read to its end, and must close with the EOF block (SAM v1, section 4.1.2).

        Raises
        ------
        TruncatedInput, CorruptInput
        """
        if begin or end is not None:
            self._handle.seek(begin)
        pending = b""
        offset = begin
        last_size = -1
        while True:
            data = self._handle.read(self._read_bytes)
            if not data:
                break
            self.bytes_read += len(data)
            buffer = memoryview(pending + data)
            blocks, used = split_blocks(buffer, self.path, offset)
            if end is not None:
                blocks = [block for block in blocks if block.file_offset <= end]
            for block, inflated in zip(blocks, self._inflate_all(buffer, blocks), strict=True):
                last_size = block.size
                yield block.file_offset, inflated
            offset += used
            pending = bytes(buffer[used:])
            if end is not None and offset > end:
                return
        if pending:
            raise TruncatedInput(
                f"{self.path}: the file ends inside the BGZF block at file offset {offset}: it is cut short;"
                " fetch or make it again"
            )
        if end is None and last_size != 0:
            raise TruncatedInput(
                f"{self.path}: the file does not end with the BGZF end-of-file block: it is probably cut short;"
                " fetch or make it again"
            )

    def _inflate_all(self, data: memoryview, blocks: list[Block]) -> Iterator[bytearray]:
        size = BLOCKS_PER_TASK if self._pool else 1  # without threads each is used while it is in a cache
        groups = [blocks[i : i + size] for i in range(0, len(blocks), size)]
        run: Any = self._pool.map if self._pool else map
        for inflated in run(lambda group: _inflate_group(data, group, self.path), groups):
            yield from inflated

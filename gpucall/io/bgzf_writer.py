"""bgzf_writer: bytes in, BGZF blocks out (SAM v1, section 4.1), compressed on threads, the same bytes for any number.

Every block but the last holds exactly ``BLOCK_BYTES`` of input, whatever the sizes of the ``write`` calls. So the place
of a byte in the stream gives its block at once, and ``virtual_offset`` can index a file while it is written.
"""

from __future__ import annotations

import struct
from array import array
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from gpucall.errors import DiskError, UsageError

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK_BYTES = 65280  # what bgzip and htslib put into a block: incompressible input still fits the 64 KiB of a BSIZE
JOB_BYTES = BLOCK_BYTES * 16  # what one thread compresses at a time, about 1 MiB
EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")  # SAM v1, section 4.1.2

_HEADER = struct.Struct("<4B I 2B H 2B 2H")
_FOOTER = struct.Struct("<2I")


def compress_block(data: Buffer, level: int) -> bytes:
    """One BGZF block that holds `data` (at most ``BLOCK_BYTES``)."""
    from deflate import crc32, deflate_compress

    view = memoryview(data)
    body = deflate_compress(view, level)
    size = _HEADER.size + len(body) + _FOOTER.size
    header = _HEADER.pack(31, 139, 8, 4, 0, 0, 255, 6, ord("B"), ord("C"), 2, size - 1)
    return b"".join((header, body, _FOOTER.pack(crc32(view), len(view))))


def compress_blocks(data: Buffer, level: int) -> list[bytes]:
    """`data` as consecutive BGZF blocks."""
    view = memoryview(data)
    return [compress_block(view[i : i + BLOCK_BYTES], level) for i in range(0, len(view), BLOCK_BYTES)]


class BgzfWriter:
    """Write a BGZF file.

    Parameters
    ----------
    path
        The file, replaced if it exists.
    level
        libdeflate's level, 1 (fast) to 12 (small).
    threads
        1 compresses in the calling thread; more share the blocks among a pool of that size. Input waits in memory up
        to two jobs (2 MiB) a thread.

    As a context manager it writes the end-of-file block only when the body succeeded: a file that an exception cut
    short is seen as truncated by every reader.

    Raises
    ------
    UsageError
        The level or number of threads is out of range.
    DiskError
        The file cannot be created or written.
    """

    def __init__(self, path: str | Path, level: int = 6, threads: int = 1) -> None:
        if not 1 <= level <= 12:
            raise UsageError(f"BGZF level {level} is not in 1..12")
        if threads < 1:
            raise UsageError(f"{threads} threads cannot compress: at least 1 is needed")
        self.path = Path(path)
        self._level = level
        self._pool = ThreadPoolExecutor(threads, "bgzf") if threads > 1 else None
        self._most_pending = 2 * threads
        self._pending: deque[Future[list[bytes]]] = deque()
        self._buffer = bytearray()
        self._written = 0
        self._block_starts = array("q")
        try:
            self._file = open(self.path, "wb", buffering=1 << 20)  # noqa: SIM115  (closed by close or abort)
        except OSError as error:
            raise self._disk_error(error) from error

    @property
    def closed(self) -> bool:
        """Whether ``close`` or ``abort`` was called."""
        return self._file.closed

    def write(self, data: Buffer) -> int:
        """Append `data` (any C-contiguous buffer); returns its size in bytes."""
        if self.closed:
            raise ValueError(f"{self.path} is closed")
        view = memoryview(data).cast("B")
        taken = 0
        while taken < len(view):
            piece = view[taken : taken + JOB_BYTES - len(self._buffer)]
            self._buffer += piece
            taken += len(piece)
            if len(self._buffer) == JOB_BYTES:
                full, self._buffer = self._buffer, bytearray()
                self._submit(full)
        return len(view)

    def close(self) -> None:
        """Write what is left and the end-of-file block. Calling it again does nothing."""
        if self.closed:
            return
        try:
            self._submit(self._buffer)
            self._drain(0)
            self._store([EOF_BLOCK])
            self._close_file()
        finally:
            self.abort()

    def abort(self) -> None:
        """Stop at once, without an end-of-file block; does nothing after ``close``."""
        self._buffer = bytearray()
        self._pending.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None
        with suppress(OSError):  # what made us stop is raised already, and nobody will read this file
            self._file.close()

    def virtual_offset(self, offset: int) -> int:
        """The virtual file offset (SAM v1, section 4.1.1) of the uncompressed byte `offset`; after ``close``.

        The byte after the last one is the start of the end-of-file block, or the last block's end if that is not full.
        """
        block, within = divmod(offset, BLOCK_BYTES)
        return self._block_starts[block] << 16 | within

    def block_starts(self) -> array[int]:
        """File offset of every block so far, the end-of-file block included; uncompressed, ``BLOCK_BYTES`` each."""
        return self._block_starts

    def _submit(self, data: bytearray) -> None:
        if self._pool is None:
            self._store(compress_blocks(data, self._level))
            return
        self._pending.append(self._pool.submit(compress_blocks, data, self._level))
        self._drain(self._most_pending)

    def _drain(self, most: int) -> None:
        while len(self._pending) > most:
            self._store(self._pending.popleft().result())

    def _store(self, blocks: list[bytes]) -> None:
        for block in blocks:
            self._block_starts.append(self._written)
            self._written += len(block)
        try:
            self._file.writelines(blocks)
        except OSError as error:
            raise self._disk_error(error) from error

    def _close_file(self) -> None:
        try:
            self._file.close()
        except OSError as error:
            raise self._disk_error(error) from error

    def _disk_error(self, error: OSError) -> DiskError:
        return DiskError(f"{self.path}: cannot be written: {error.strerror or error}; free the disk or choose another")

    def __enter__(self) -> BgzfWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

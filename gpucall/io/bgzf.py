"""BGZF reading (SAM v1, section 4.1): ranges of blocks, inflated to where their bytes are wanted, every CRC checked."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from functools import cache
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptInput, TruncatedInput
from ..kernels import bgzf as kernel

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
READ_BYTES = 1 << 20
_NO_BYTES: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)


class Library:
    """libdeflate, as the package ``deflate`` brings it.

    inflater, summer  addresses of two of its functions
    """

    def __init__(self, library: ctypes.CDLL) -> None:
        self.inflater, self.summer = (
            int(cast(int, ctypes.cast(function, ctypes.c_void_p).value))
            for function in (library.libdeflate_deflate_decompress, library.libdeflate_crc32)
        )
        self._make = library.libdeflate_alloc_decompressor
        self._make.restype = ctypes.c_void_p
        self._spare: list[int] = []

    def inflate(self, data: NDArray[np.uint8], table: NDArray[np.int64], first: int, last: int, target: Any) -> Any:
        """``kernels.bgzf.inflate`` with a decompressor that only this thread uses."""
        try:
            decompressor = self._spare.pop()
        except IndexError:
            decompressor = self._make() or 0
            if not decompressor:
                raise MemoryError("libdeflate has no memory for a decompressor") from None
        found = kernel.inflate(self.inflater, self.summer, decompressor, data, table, first, last, target)
        self._spare.append(decompressor)
        return found


@cache
def find_library() -> Library | None:
    """libdeflate, where the package ``deflate`` shows its functions; else that package's own calls serve."""
    from deflate import _deflate

    try:
        return Library(ctypes.CDLL(_deflate.__file__))
    except (AttributeError, OSError):
        return None


def inflate_by_package(data: NDArray[np.uint8], table: NDArray[np.int64], first: int, last: int, target: Any) -> Any:
    """``kernels.bgzf.inflate`` by calls that make bytes of their own, which are copied."""
    import deflate

    at = 0
    for row in range(first, last):
        start, stop, size, crc = table[row].tolist()
        try:
            inflated = deflate.deflate_decompress(data[start:stop], size) if size else bytearray()
        except deflate.DeflateError:
            return row, kernel.DOES_NOT_INFLATE
        if len(inflated) != size:
            return row, kernel.DOES_NOT_INFLATE
        if deflate.crc32(inflated) != crc:
            return row, kernel.FAILS_CRC
        target[at : at + size] = np.frombuffer(inflated, dtype=np.uint8)
        at += size
    return -1, kernel.OK


class Blocks(NamedTuple):
    """Blocks that lie whole in a buffer of a file's bytes.

    path    of the file, in messages
    offset  in the file, of the buffer's first byte
    data    uint8, compressed
    table   int64[n, COLUMNS] of ``kernels.bgzf``
    used    bytes that they take
    """

    path: str
    offset: int
    data: NDArray[np.uint8]
    table: NDArray[np.int64]
    used: int

    @property
    def sizes(self) -> NDArray[np.int64]:
        """int64[n]: inflated bytes."""
        return self.table[:, kernel.SIZE]

    @property
    def begins(self) -> NDArray[np.int64]:
        """int64[n]: where the blocks begin in the file."""
        ends = self.table[:, kernel.STOP] + kernel.FOOTER_BYTES
        return self.offset + np.append(np.zeros(1, dtype=np.int64), ends)[: len(ends)]

    def inflate(self, first: int, last: int, target: NDArray[np.uint8]) -> None:
        """Inflate blocks [first, last) into ``target``, which has as many bytes.

        Raises
        ------
        CorruptInput
        """
        library = find_library()
        inflate = inflate_by_package if library is None else library.inflate
        row, wrong = inflate(self.data, self.table, first, last, target)
        if row >= 0:
            what = "does not inflate" if wrong == kernel.DOES_NOT_INFLATE else "fails its CRC check"
            raise CorruptInput(
                f"{self.path}: the BGZF block at file offset {self.begins[row]} {what}: the file is damaged; fetch or"
                " make it again"
            )

    def inflated(self, first: int, last: int) -> NDArray[np.uint8]:
        """uint8: the bytes of blocks [first, last)."""
        target = np.empty(int(self.sizes[first:last].sum()), dtype=np.uint8)
        self.inflate(first, last, target)
        return target


def split_blocks(data: NDArray[np.uint8], path: str, offset: int) -> Blocks:
    """The blocks that lie whole in ``data``, of which the first begins with it.

    Raises
    ------
    CorruptInput
    """
    smallest = kernel.HEADER_BYTES + kernel.FOOTER_BYTES
    table = np.empty((len(data) // smallest + 1, kernel.COLUMNS), dtype=np.int64)
    found, used, status = kernel.split(data, len(data), table)
    if status != kernel.OK:
        raise CorruptInput(f"{path}: {_WRONG[status].format(offset + used)}")
    return Blocks(path, offset, data, table[:found].copy(), used)


_WRONG = {
    kernel.NO_BLOCK: "no BGZF block at file offset {}: the file is damaged or not BGZF-compressed;"
    " check it with 'samtools quickcheck' and fetch it again",
    kernel.NO_SIZE: "gzip block without a BGZF size at file offset {}; compress it with bgzip",
    kernel.BAD_SIZE: "BGZF block at file offset {} states an impossible size",
    kernel.TOO_LARGE: f"BGZF block at file offset {{}} states more than {kernel.LARGEST} bytes",
}


class BgzfStream:
    """Reads ranges of a BGZF file, in order.

    Parameters
    ----------
    handle
        binary file object; ``seek`` is used only for ranges that do not start where reading stands.
    path
        the file's name in messages.
    read_bytes
        compressed bytes that are read at once.
    """

    def __init__(self, handle: BinaryIO, path: str, read_bytes: int = READ_BYTES) -> None:
        self.path = path
        self._handle = handle
        self._read_bytes = read_bytes
        self.bytes_read = 0

    def blocks(self, begin: int = 0, end: int | None = None) -> Iterator[Blocks]:
        """The blocks from file offset ``begin`` through the one at ``end``, some at a time.

        Without ``end`` the file is read to its end, and must close with the EOF block (SAM v1, section 4.1.2).

        Raises
        ------
        TruncatedInput, CorruptInput
        """
        if begin or end is not None:
            self._handle.seek(begin)
        pending, offset, last_size = _NO_BYTES, begin, -1
        while end is None or offset <= end:
            buffer = np.empty(len(pending) + self._read_bytes, dtype=np.uint8)
            buffer[: len(pending)] = pending
            got = self._handle.readinto(buffer[len(pending) :].data)  # type: ignore[attr-defined]
            if not got:
                break
            self.bytes_read += got
            blocks = split_blocks(buffer[: len(pending) + got], self.path, offset)
            pending = blocks.data[blocks.used :]
            offset += blocks.used
            if end is not None:
                blocks = blocks._replace(table=blocks.table[: np.searchsorted(blocks.begins, end, side="right")])
            if len(blocks.table):
                last_size = int(blocks.sizes[-1])
                yield blocks
        if end is not None and offset > end:
            return
        if len(pending):
            raise TruncatedInput(
                f"{self.path}: the file ends inside the BGZF block at file offset {offset}: it is cut short;"
                " fetch or make it again"
            )
        if end is None and last_size != 0:
            raise TruncatedInput(
                f"{self.path}: the file does not end with the BGZF end-of-file block: it is probably cut short;"
                " fetch or make it again"
            )

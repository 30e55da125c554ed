"""gzi: any range of bytes of a plain or bgzipped file, the latter through its ``.gzi``, the index that bgzip writes."""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from ..errors import CorruptInput, IndexProblem, InputError, TruncatedInput
from .bgzf import EOF_BLOCK, split_blocks


class Ranges(Protocol):
    """Bytes of a file by (inflated) offset; safe to use from several threads."""

    size: int

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end), fewer at the end of the file."""

    def close(self) -> None:
        """Close the file."""


class PlainRanges:
    """A plain file."""

    def __init__(self, path: Path) -> None:
        self._file = _open(path)
        self.size = os.path.getsize(path)

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end), fewer at the end of the file."""
        return _pread(self._file, start, end)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class BgzippedRanges:
    """A bgzipped file. Every block read is checked against its CRC and against the index.

    A ``.gzi`` is a count and then as many pairs of uint64: the offset of a block in the file and in the inflated bytes.
    The first block, at 0 and 0, is left out.
    """

    def __init__(self, path: Path, gzi: Path) -> None:
        self._path, self._gzi = path, gzi
        self._compressed, self._inflated = _read_gzi(gzi)
        self._sizes = [after - before for before, after in pairwise(self._inflated)]  # the last block's is not told
        self._file = _open(path)
        self._last_block: tuple[int, bytes] = (-1, b"")
        try:
            self._compressed.append(self._data_end())
            self.size = self._inflated[-1] + len(self._block(len(self._inflated) - 1))
        except BaseException:
            self.close()
            raise

    def _data_end(self) -> int:
        """File offset of the end-of-file block, which must follow the last block in the index."""
        size = os.path.getsize(self._path)
        last = self._compressed[-1]
        if _pread(self._file, size - len(EOF_BLOCK), size) != EOF_BLOCK:
            raise TruncatedInput(f"{self._path}: cut short: no BGZF end-of-file block; copy it again")
        if last >= size - len(EOF_BLOCK):
            raise TruncatedInput(
                f"{self._path}: cut short, or {self._gzi.name} is stale: the index names a block at {last}, the file "
                f"has {size} bytes; copy it again, or delete the index and make it again with bgzip -r"
            )
        return size - len(EOF_BLOCK)

    def read(self, start: int, end: int) -> bytes:
        """Inflated bytes [start, end), fewer at the end of the file."""
        start, end = max(0, start), min(end, self.size)
        if start >= end:
            return b""
        first, last = bisect_right(self._inflated, start) - 1, bisect_right(self._inflated, end - 1) - 1
        data = self._block(first) if first == last else self._blocks(first, last)
        skip = start - self._inflated[first]
        return data[skip : skip + end - start]

    def _block(self, number: int) -> bytes:
        last_number, data = self._last_block
        if last_number != number:
            data = self._blocks(number, number)
            self._last_block = number, data
        return data

    def _blocks(self, first: int, last: int) -> bytes:
        """Inflated bytes of the blocks first..last of the index."""
        begin, end = self._compressed[first], self._compressed[last + 1]
        data = np.frombuffer(_pread(self._file, begin, end), dtype=np.uint8)
        try:
            blocks = split_blocks(data, str(self._path), begin)
        except CorruptInput:
            raise self._stale(begin) from None
        if blocks.begins.tolist() != self._compressed[first : last + 1]:
            raise self._stale(begin)
        inflated = blocks.inflated(0, len(blocks.table))
        sizes = self._sizes[first : last + 1]
        if blocks.sizes[: len(sizes)].tolist() != sizes:
            raise self._stale(begin)
        return inflated.tobytes()

    def _stale(self, offset: int) -> IndexProblem:
        return IndexProblem(
            f"{self._gzi}: stale .gzi, or damaged {self._path.name}: blocks at file offset {offset} are not where the "
            "index says; delete the index and make it again with bgzip -r"
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _read_gzi(gzi: Path) -> tuple[list[int], list[int]]:
    with _open(gzi) as file:
        table = file.read()
    numbers = struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8])
    compressed, inflated = [0, *numbers[1::2]], [0, *numbers[2::2]]
    ascending = compressed == sorted(set(compressed)) and inflated == sorted(inflated)
    if not numbers or len(table) != 8 * (2 * numbers[0] + 1) or not ascending:
        raise IndexProblem(f"{gzi}: damaged index; delete it and make it again with bgzip -r")
    return compressed, inflated


def _open(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


def _pread(file: BinaryIO, start: int, end: int) -> bytes:
    """Bytes [start, end) of a file, fewer at its end (one ``pread`` gives at most 2 GiB)."""
    parts = []
    while start < end:
        part = os.pread(file.fileno(), end - start, max(0, start))
        if not part:
            break
        parts.append(part)
        start += len(part)
    return b"".join(parts)

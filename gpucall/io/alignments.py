"""Alignment files as a stream of raw record bytes: BAM through our own BGZF reader, CRAM through htslib.

CRAM is decoded by a child process that writes an uncompressed BAM stream, which then takes the BAM's path.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptInput, InputError, TruncatedInput, UsageError
from ..tiles import Intervals
from .bgzf import EOF_BLOCK, READ_BYTES, BgzfStream, Blocks

PIECE_BYTES = 1 << 20  # of a piece: few enough to be still in a cache when its records are looked for


class Piece(Protocol):
    """Some bytes of records, in order.

    size  bytes
    """

    @property
    def size(self) -> int:
        """Bytes."""

    def write(self, target: NDArray[np.uint8]) -> Future[None] | None:
        """Write the bytes to ``target``, of as many; done only when what is returned is done, where that is not None.

        Raises
        ------
        CorruptInput
            here, or where the result of what is returned is asked for.
        """

    def locate(self, at: int) -> tuple[str, int, int]:
        """The file, block and byte in that block of the byte ``at`` of the piece."""


class BlocksPiece(NamedTuple):
    """Consecutive blocks of one file, inflated where and when they are wanted.

    blocks, first, last  which: [first, last)
    skip, size           bytes that are left out at the beginning, and bytes after these
    pool                 threads that inflate; None: the caller's
    """

    blocks: Blocks
    first: int
    last: int
    skip: int
    size: int
    pool: Executor | None = None

    def write(self, target: NDArray[np.uint8]) -> Future[None] | None:
        """Inflate to ``target``."""
        if self.pool is not None:
            return self.pool.submit(self._write, target)
        self._write(target)
        return None

    def _write(self, target: NDArray[np.uint8]) -> None:
        if self.size == int(self.blocks.sizes[self.first : self.last].sum()):
            self.blocks.inflate(self.first, self.last, target)
        else:
            target[:] = self.blocks.inflated(self.first, self.last)[self.skip : self.skip + self.size]

    def marks(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """int64[n] where each block starts in the piece; int64[n, 2] its file offset, and the byte of it that does."""
        sizes = self.blocks.sizes[self.first : self.last]
        starts = np.append(np.zeros(1, dtype=np.int64), np.cumsum(sizes)[:-1] - self.skip)
        places = np.zeros((len(starts), 2), dtype=np.int64)
        places[:, 0] = self.blocks.begins[self.first : self.last]
        places[0, 1] = self.skip
        return starts, places

    def locate(self, at: int) -> tuple[str, int, int]:
        """The file, block and byte in that block of the byte ``at`` of the piece."""
        block, within = locate(np.array([at]), *self.marks())[0].tolist()
        return self.blocks.path, block, within


def locate(offsets: NDArray[np.int64], starts: NDArray[np.int64], places: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n, 2]: block and byte in it of some bytes; parts that begin at ``starts``, the first at 0, are from
    ``places``, int64[m, 2]."""
    part = np.searchsorted(starts, offsets, side="right") - 1
    located = places[part]
    located[:, 1] += offsets - starts[part]
    return located


def words(block: int, within: int) -> str:
    """A place in a BGZF file for a person."""
    return f"virtual offset {(block << 16) + within} (block {block}, byte {within})"


def wait_for(waiting: list[Future[None]]) -> None:
    """Wait for what is being written, and forget it. The first thing that went wrong is raised."""
    for written in waiting:
        written.result()
    waiting.clear()


def cut(blocks: Blocks, size: int, pool: Executor | None, first: int = 0, skip: int = 0) -> Iterator[BlocksPiece]:
    """Pieces of ``size`` bytes or less, but of a block at least: all from byte ``skip`` of block ``first`` on."""
    ends = np.cumsum(blocks.sizes)
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        last = max(int(np.searchsorted(ends, before + size, side="right")), first + 1)
        left = int(ends[last - 1]) - before - skip
        if left > 0:
            yield BlocksPiece(blocks, first, last, skip, left, pool)
        first, skip = last, 0


class RecordSource(Protocol):
    """What the engine needs of an open file, or of several as one.

    path, size  for messages, and compressed bytes (0: unknown)
    lanes       the files behind it
    """

    kind: str
    path: str
    size: int
    header: Header

    @property
    def lanes(self) -> Sequence[AlignmentSource]:
        """The files behind it."""

    @property
    def bytes_read(self) -> int:
        """Compressed bytes read so far."""

    def pieces(self, regions: Intervals | None = None, size: int = PIECE_BYTES) -> Iterator[Piece]:
        """Record bytes in coordinate order, once, some ``size`` of them at a time where that can be chosen."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class Header:
    """What the file says of itself (SAM v1, sections 1.3 and 4.2).

    text     the SAM header
    names    contig names in file order
    lengths  int64[contigs], bp
    """

    text: str
    names: tuple[str, ...]
    lengths: NDArray[np.int64] = field(compare=False)

    def contigs(self) -> list[tuple[str, int, str | None]]:
        """(name, length, M5 or None) of every contig."""
        sums = {tags.get("SN"): tags.get("M5") for tags in self.lines("@SQ")}
        return [(name, int(length), sums.get(name)) for name, length in zip(self.names, self.lengths, strict=True)]

    def lines(self, kind: str) -> Iterator[dict[str, str]]:
        """Tags of each header line of one kind (``@RG``)."""
        for line in self.text.splitlines():
            if line.startswith(kind + "\t"):
                yield dict(part.split(":", 1) for part in line.split("\t")[1:] if ":" in part)

    def samples(self) -> list[str]:
        """Distinct sample names of the read groups, in order."""
        return list(dict.fromkeys(tags["SM"] for tags in self.lines("@RG") if tags.get("SM")))


def sample_name(header: Header, path: str, asked: str | None) -> str:
    """``--sample``, else the read groups' one SM, else the file's stem.

    Raises
    ------
    UsageError
        where the name cannot be a file name.
    InputError
        where read groups name several samples.
    """
    if asked is not None:
        if not asked or re.search(r"[/\t\n\r\0]", asked) or asked in (".", ".."):
            raise UsageError(f"--sample '{asked}' cannot be used in a file name; give a name without '/' and tabs")
        return asked
    samples = header.samples()
    if len(samples) > 1:
        raise InputError(
            f"{path}: its read groups name {len(samples)} samples ({', '.join(samples[:3])});"
            " gpucall calls one sample a file: split it with 'samtools split', or name it with --sample"
        )
    name = samples[0] if samples else Path(path).name.rsplit(".", 1)[0]
    return re.sub(r"[/\s]", "_", name)


class AlignmentSource:
    """An open BAM, or the BAM stream of a CRAM.

    Attributes
    ----------
    path, header, kind ('bam' or 'cram'), size (compressed bytes, 0: unknown)
    """

    kind = "bam"

    def __init__(
        self,
        path: str,
        handle: BinaryIO,
        pool: Executor | None,
        size: int = 0,
        index: Any = None,
        read_bytes: int = READ_BYTES,
    ) -> None:
        self.path = path
        self.size = size
        self._handle = handle
        self._pool = pool
        self._stream = BgzfStream(handle, path, read_bytes)
        self._index = index
        self._blocks = self._stream.blocks()
        self.header, self._begun = self._read_header()

    @property
    def lanes(self) -> Sequence[AlignmentSource]:
        """This file alone."""
        return (self,)

    @property
    def bytes_read(self) -> int:
        """Compressed bytes read so far."""
        return self._stream.bytes_read

    def pieces(self, regions: Intervals | None = None, size: int = PIECE_BYTES) -> Iterator[BlocksPiece]:
        """Record bytes in file order, once; with regions and an index, only the index's chunks for them."""
        if regions is not None and self._index is not None:
            yield from self._chunks(regions, size)
            return
        yield from cut(self._begun[0], size, self._pool, *self._begun[1:])
        for blocks in self._blocks:
            yield from cut(blocks, size, self._pool)

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()  # type: ignore[attr-defined]
        self._handle.close()

    def _chunks(self, regions: Intervals, size: int) -> Iterator[BlocksPiece]:
        for begin, end in self._merged_chunks(regions):
            first, last, stop = begin >> 16, end >> 16, end & 0xFFFF
            for blocks in self._stream.blocks(first, last if stop else last - 1):
                skip = begin & 0xFFFF if blocks.begins[0] == first else 0
                for piece in cut(blocks, size, self._pool, 0, skip):
                    if stop and blocks.begins[piece.last - 1] == last:  # of the last block not all is wanted
                        over = max(int(blocks.sizes[piece.last - 1]) - stop, 0)
                        piece = piece._replace(size=piece.size - over)
                    if piece.size > 0:
                        yield piece

    def _merged_chunks(self, regions: Intervals) -> list[tuple[int, int]]:
        """The index's chunks for all regions, in file order, without overlap: a record is read once."""
        merged: list[tuple[int, int]] = []
        asked = (self._index.chunks(self.header.names.index(contig), spans) for contig, spans in regions.items())
        for begin, end in sorted(chunk for chunks in asked for chunk in chunks):
            if merged and begin <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((begin, end))
        return merged

    def _read_header(self) -> tuple[Header, tuple[Blocks, int, int]]:
        """The header, and where the records begin: blocks, which of them, and the byte in it."""
        data = b""
        for blocks, row in ((some, row) for some in self._blocks for row in range(len(some.table))):
            data += blocks.inflated(row, row + 1).tobytes()
            if len(data) >= 4 and data[:4] != b"BAM\1":
                break
            try:
                parsed = parse_header(data)
            except ValueError as error:
                raise CorruptInput(f"{self.path}: damaged BAM header: {error}; fetch or make it again") from None
            if parsed:
                header, used = parsed
                return header, (blocks, row, int(blocks.sizes[row]) - (len(data) - used))
        if data[:4] != b"BAM\1":
            raise InputError(f"{self.path}: not a BAM file (its first bytes are not 'BAM\\1'); expected BAM or CRAM")
        raise TruncatedInput(f"{self.path}: the file ends inside its header; fetch or make it again")


def parse_header(data: bytes) -> tuple[Header, int] | None:
    """The header at the start of inflated BAM bytes and its size; None where more bytes are needed.

    ``ValueError`` for one that contradicts its format.
    """
    try:
        (l_text,) = struct.unpack_from("<i", data, 4)
        at = 8 + max(0, l_text)
        (n_ref,) = struct.unpack_from("<i", data, at)
        if l_text < 0 or n_ref < 0:
            raise ValueError(f"{l_text} bytes of text and {n_ref} contigs")
        at += 4
        names: list[str] = []
        lengths: list[int] = []
        for _ in range(n_ref):
            (l_name,) = struct.unpack_from("<i", data, at)
            name = data[at + 4 : at + 4 + max(0, l_name)]
            nul = name.find(b"\0")
            if l_name < 2 or (nul != l_name - 1 and (nul >= 0 or len(name) == l_name)):
                raise ValueError(f"the name of contig {len(names) + 1} does not end where it should")
            lengths.append(struct.unpack_from("<i", data, at + 4 + l_name)[0])
            names.append(name[:-1].decode("ascii", "replace"))
            at += 8 + l_name
    except struct.error:
        return None
    if len(set(names)) < len(names) or min(lengths, default=1) < 1:
        raise ValueError("two contigs have one name, or one has no bases")
    text = data[8 : 8 + l_text].split(b"\0")[0].decode("utf-8", "replace")
    return Header(text, tuple(names), np.array(lengths, dtype=np.int64)), at


class CramSource(AlignmentSource):
    """A CRAM, decoded by htslib in a child process."""

    kind = "cram"

    def __init__(self, path: str, stream: Any, pool: Executor | None, read_bytes: int = READ_BYTES) -> None:
        self._context = stream
        handle = stream.__enter__()
        try:
            super().__init__(path, handle, pool, read_bytes=read_bytes)
        except BaseException as error:
            self._leave(error)
            raise

    def pieces(self, regions: Intervals | None = None, size: int = PIECE_BYTES) -> Iterator[BlocksPiece]:
        """Record bytes in file order, once."""
        try:
            yield from super().pieces(None, size)
        except InputError as error:
            self._leave(error)
            raise

    def close(self) -> None:
        """Stop the child, and raise what it complained of."""
        self._leave(None)

    def _leave(self, error: BaseException | None) -> None:
        context, self._context = self._context, None
        if context is not None:
            context.__exit__(type(error) if error else None, error, None)


def _check_eof_block(path: str, handle: BinaryIO) -> None:
    handle.seek(max(0, os.path.getsize(path) - len(EOF_BLOCK)))
    if handle.read() != EOF_BLOCK:
        raise TruncatedInput(
            f"{path}: the file does not end with the BGZF end-of-file block: it is probably cut short;"
            " fetch or make it again"
        )
    handle.seek(0)


def open_alignments(
    path: str,
    reference: str,
    regions: Intervals | None = None,
    threads: int = 1,
    pool: Executor | None = None,
    read_bytes: int = READ_BYTES,
) -> AlignmentSource:
    """Open a BAM or CRAM, of which ``read_bytes`` compressed bytes are read at once.

    Raises
    ------
    InputError
        where the file cannot be read, is neither BAM nor CRAM, is empty or has no EOF block.
    IndexProblem
        where regions are asked and the index is not the file's.
    """
    try:
        handle = open(path, "rb")  # noqa: SIM115 (the source closes it)
        magic = handle.read(4)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if magic == b"CRAM":
        from .cram import open_cram_stream

        handle.close()
        return CramSource(path, open_cram_stream(path, reference, regions, threads), pool, read_bytes)
    try:
        if not magic:
            raise TruncatedInput(f"{path}: the file is empty; expected BAM or CRAM")
        if magic[:2] != b"\x1f\x8b":
            raise InputError(
                f"{path}: neither BAM nor CRAM (it starts with {magic!r}); convert it with 'samtools view'"
            )
        _check_eof_block(path, handle)
        index = None
        if regions is not None:
            from .index import load_index

            index = load_index(path)
        source = AlignmentSource(path, handle, pool, os.path.getsize(path), index, read_bytes)
        if index is not None:
            index.check_contigs(len(source.header.names), path)
    except BaseException:
        handle.close()
        raise
    return source

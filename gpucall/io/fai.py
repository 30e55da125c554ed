"""fai: the index of a FASTA (``.fai``, and ``.gzi`` where it is bgzipped), built where missing, checked by content.

Times of modification say little (copies and checkouts change them), so an index counts as stale when it does not
describe the file: each entry must follow a header line with its name and end where the next header begins.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from bisect import bisect_right
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import CorruptInput, EmptyInput, IndexProblem, InputError, TruncatedInput

BGZF_HEADER = struct.Struct("<4s6xH2sHH")  # magic and flags; XLEN; subfield id, length, BSIZE (SAM v1, section 4.1)
BGZF_MAGIC = b"\x1f\x8b\x08\x04"
BGZF_EOF = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
MAX_HEADER_LINE = 1 << 16


class Entry(NamedTuple):
    """One contig in a ``.fai``: bases, offset of the first one in the (inflated) file, bases and bytes a line."""

    name: str
    length: int
    offset: int
    line_bases: int
    line_width: int

    def end(self) -> int:
        """Offset just after the last base."""
        if not self.length:
            return self.offset
        lines, rest = divmod(self.length - 1, self.line_bases)
        return self.offset + lines * self.line_width + rest + 1


class Index(NamedTuple):
    """Entries in file order, and where the index files are; ``gzi`` is None for a plain FASTA."""

    entries: list[Entry]
    fai: Path
    gzi: Path | None


def open_or_build(path: Path, temporary: Path) -> Index:
    """The index of the FASTA at ``path``, from beside it or built in the folder ``temporary``.

    Raises ``InputError`` for a file that is no FASTA or not bgzipped, ``TruncatedInput`` for one that was cut short,
    ``IndexProblem`` for a damaged or stale index.
    """
    bgzipped = _check_kind(path)
    fai, gzi = Path(f"{path}.fai"), Path(f"{path}.gzi")
    if not fai.exists() or (bgzipped and not gzi.exists()):
        fai, gzi = _build(path, temporary)
    index = Index(read_fai(fai), fai, gzi if bgzipped else None)
    with open(path, "rb") as file:
        _check_content(path, index, _Inflated(path, file, gzi) if bgzipped else _Plain(file))
    return index


def _check_kind(path: Path) -> bool:
    """Whether the FASTA is bgzipped; an error where it is neither that nor plain text that starts with '>'."""
    try:
        with open(path, "rb") as file:
            head = file.read(BGZF_HEADER.size)
            if head[:2] == b"\x1f\x8b":
                _check_bgzf(path, file, head)
                return True
    except OSError as error:
        raise InputError(f"{path}: cannot read the reference: {error.strerror}") from None
    if not head:
        raise EmptyInput(f"{path}: the reference is empty")
    if not head.startswith(b">"):
        raise CorruptInput(f"{path}: not a FASTA: expected '>' as the first character, found {chr(head[0])!r}")
    return False


def _check_bgzf(path: Path, file: BinaryIO, head: bytes) -> None:
    if head[:4] != BGZF_MAGIC or head[12:14] != b"BC":
        raise CorruptInput(
            f"{path}: compressed with gzip, which has no random access; expected bgzip: "
            f"'gunzip -c {path.name} | bgzip > new.fa.gz'"
        )
    file.seek(-min(len(BGZF_EOF), os.path.getsize(path)), os.SEEK_END)
    if file.read() != BGZF_EOF:
        raise TruncatedInput(f"{path}: FASTA cut short: no BGZF end-of-file block; copy it again")
    file.seek(0)
    try:
        first = gzip.GzipFile(fileobj=file).read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptInput(f"{path}: damaged BGZF block at offset 0: {error}") from None
    if first != b">":
        raise CorruptInput(f"{path}: not a FASTA: expected '>' as the first character, found {first!r}")


def _build(path: Path, temporary: Path) -> tuple[Path, Path]:
    import pysam

    fai, gzi = temporary / "reference.fai", temporary / "reference.gzi"
    try:
        pysam.faidx("--fai-idx", str(fai), "--gzi-idx", str(gzi), str(path))
    except pysam.SamtoolsError as error:
        reason = "; ".join(line for line in str(error).replace('"', "").splitlines() if "[E::" in line) or error
        raise CorruptInput(f"{path}: cannot index FASTA: {' '.join(str(reason).split())}") from None
    return fai, gzi


def read_fai(path: Path) -> list[Entry]:
    """Parse a ``.fai``: five tab-separated columns a contig. ``IndexProblem`` where it cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        entries = [_parse_entry(line) for line in lines]
    except (OSError, ValueError) as error:
        raise IndexProblem(f"{path}: cannot read FASTA index: {error}; delete it and run samtools faidx") from None
    if len({entry.name for entry in entries}) < len(entries):
        raise CorruptInput(f"{path}: a contig name occurs twice; contigs in a FASTA need names of their own")
    return entries


def _parse_entry(line: str) -> Entry:
    name, *numbers = line.split("\t")
    length, offset, line_bases, line_width = map(int, numbers)
    if min(length, offset) < 0 or (length and not 0 < line_bases < line_width):
        raise ValueError(f"impossible entry {line!r}")
    return Entry(name, length, offset, line_bases, line_width)


class _Plain:
    """A plain FASTA by offset."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def read(self, start: int, end: int) -> bytes:
        """Bytes [start, end), fewer at the end of the file."""
        self._file.seek(start)
        return self._file.read(max(0, end - start))


class _Inflated:
    """A bgzipped FASTA by inflated offset, through its ``.gzi``: n, then n pairs (compressed, inflated offset)."""

    def __init__(self, path: Path, file: BinaryIO, gzi: Path) -> None:
        self._path, self._file, self._gzi = path, file, gzi
        table = gzi.read_bytes()
        numbers = struct.unpack(f"<{len(table) // 8}Q", table[: len(table) // 8 * 8])
        if not numbers or len(table) != 8 * (2 * numbers[0] + 1):
            raise IndexProblem(f"{gzi}: damaged index; delete it and run samtools faidx {path.name}")
        self._compressed, self._inflated = [0, *numbers[1::2]], [0, *numbers[2::2]]
        self._cached: tuple[int, bytes] = (-1, b"")
        self._check_end()
        self.size = self._inflated[-1] + len(self._block(len(self._inflated) - 1))

    def _check_end(self) -> None:
        """The last block of the index is the file's last with bases: the end-of-file block follows it."""
        size = os.fstat(self._file.fileno()).st_size
        if self._compressed[-1] >= size:
            raise TruncatedInput(
                f"{self._path}: FASTA cut short, or {self._gzi.name} is stale: the index names a block at "
                f"{self._compressed[-1]}, the file has {size} bytes"
            )
        last = self._compressed[-1]
        if self._block_bytes(last) not in (size - len(BGZF_EOF) - last, size - last):
            raise self._stale(last)

    def _stale(self, offset: int) -> IndexProblem:
        return IndexProblem(
            f"{self._gzi}: stale .gzi: it does not describe {self._path.name} at offset {offset}; "
            f"delete it and run samtools faidx {self._path.name}"
        )

    def _block_bytes(self, offset: int) -> int:
        self._file.seek(offset)
        head = self._file.read(BGZF_HEADER.size)
        if len(head) < BGZF_HEADER.size or head[:4] != BGZF_MAGIC or head[12:14] != b"BC":
            raise self._stale(offset)
        return int(BGZF_HEADER.unpack(head)[-1]) + 1

    def _block(self, number: int) -> bytes:
        if self._cached[0] != number:
            offset = self._compressed[number]
            size = self._block_bytes(offset)
            self._file.seek(offset)
            try:
                self._cached = number, gzip.decompress(self._file.read(size))
            except (OSError, EOFError, zlib.error) as error:
                raise CorruptInput(f"{self._path}: damaged BGZF block at offset {offset}: {error}") from None
        return self._cached[1]

    def read(self, start: int, end: int) -> bytes:
        """Inflated bytes [start, end), fewer at the end of the file."""
        parts = []
        while start < min(end, self.size):
            number = bisect_right(self._inflated, start) - 1
            skip = start - self._inflated[number]
            part = self._block(number)[skip : skip + end - start]
            if not part:
                raise self._stale(self._compressed[number])
            parts.append(part)
            start += len(part)
        return b"".join(parts)


def _check_content(path: Path, index: Index, text: _Plain | _Inflated) -> None:
    """Every entry follows its header line and ends where the next header begins; the last one ends the file."""
    if not index.entries:
        raise IndexProblem(f"{index.fai}: stale .fai: it is empty; delete it and run samtools faidx {path.name}")
    end = 0
    for entry in index.entries:
        if entry.offset > text.size or entry.end() > text.size:
            raise TruncatedInput(
                f"{path}: FASTA cut short, or its .fai is stale: {entry.name!r} should end at byte {entry.end()}, the "
                f"file has {text.size}; copy the FASTA again, or delete {index.fai.name} and run samtools faidx"
            )
        if entry.offset - end > MAX_HEADER_LINE or not _is_header(text.read(end, entry.offset), entry.name):
            raise _stale_fai(path, index, entry)
        line_end = text.read(entry.offset + entry.line_bases, entry.offset + entry.line_width)
        if entry.length > entry.line_bases and line_end not in (b"\n", b"\r\n"):
            raise _stale_fai(path, index, entry)
        end = entry.end()
    if text.size - end > MAX_HEADER_LINE or text.read(end, text.size).strip():
        raise _stale_fai(path, index, index.entries[-1])


def _stale_fai(path: Path, index: Index, entry: Entry) -> IndexProblem:
    return IndexProblem(
        f"{index.fai}: stale .fai: it does not describe {path.name} around {entry.name!r} (byte {entry.offset}); "
        f"delete it and run samtools faidx {path.name}"
    )


def _is_header(between: bytes, name: str) -> bool:
    """Whether the bytes before a sequence are line ends and one header line with this name."""
    lines = between.split()
    return (
        bool(lines)
        and lines[0] == b">" + name.encode()
        and between.endswith(b"\n")
        and between.strip().count(b"\n") == 0
    )

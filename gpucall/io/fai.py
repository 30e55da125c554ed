"""fai: the index of a FASTA (``.fai``, and ``.gzi`` where it is bgzipped), built where missing, checked by content.

Times of modification say little (copies and checkouts change them), so an index counts as stale when it does not
describe the file: each entry must follow a header line with its name and end where the next header begins.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..errors import CorruptInput, EmptyInput, IndexProblem, InputError, TruncatedInput
from .gzi import BgzippedRanges, PlainRanges, Ranges
from .samtools_child import condense, start

BGZF_HEADER_BYTES = 18
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
        return self.byte(self.length - 1) + 1 if self.length else self.offset

    def byte(self, position: int) -> int:
        """Offset of the base at a 0-based position."""
        lines, rest = divmod(position, self.line_bases)
        return self.offset + lines * self.line_width + rest


class Index(NamedTuple):
    """Entries in file order, and where the index files are; ``gzi`` is None for a plain FASTA."""

    entries: list[Entry]
    fai: Path
    gzi: Path | None


def open_fasta(path: Path, temporary: Path) -> tuple[Index, Ranges]:
    """The FASTA at ``path`` and its index, from beside it or built in the folder ``temporary``; checked.

    Raises ``InputError`` for a file that is no FASTA or not bgzipped, ``TruncatedInput`` for one that was cut short,
    ``IndexProblem`` for a damaged or stale index.
    """
    bgzipped = _check_kind(path)
    fai, gzi = Path(f"{path}.fai"), Path(f"{path}.gzi")
    if not fai.exists() or (bgzipped and not gzi.exists()):
        fai, gzi = _build(path, temporary)
    index = Index(read_fai(fai), fai, gzi if bgzipped else None)
    ranges = BgzippedRanges(path, gzi) if bgzipped else PlainRanges(path)
    try:
        _check_content(path, index, ranges)
    except BaseException:
        ranges.close()
        raise
    return index, ranges


def _check_kind(path: Path) -> bool:
    """Whether the FASTA is bgzipped; an error where it is neither that nor plain text that starts with '>'."""
    try:
        with open(path, "rb") as file:
            head = file.read(BGZF_HEADER_BYTES)
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
    if head[3:4] != b"\4" or head[12:14] != b"BC":
        raise CorruptInput(
            f"{path}: compressed with gzip, which has no random access; expected bgzip: "
            f"'gunzip -c {path.name} | bgzip > new.fa.gz'"
        )
    file.seek(0)
    try:
        first = gzip.GzipFile(fileobj=file).read(1)
    except (OSError, EOFError, zlib.error) as error:
        raise CorruptInput(f"{path}: damaged BGZF block at file offset 0: {error}") from None
    if first != b">":
        raise CorruptInput(f"{path}: not a FASTA: expected '>' as the first character, found {first!r}")


def _build(path: Path, temporary: Path) -> tuple[Path, Path]:
    fai, gzi = temporary / "reference.fai", temporary / "reference.gzi"
    with open(temporary / "faidx.log", "w+b") as complaints:
        child = start(["faidx", "--fai-idx", str(fai), "--gzi-idx", str(gzi), str(path)], complaints)
        child.communicate()
        if child.returncode:
            complaints.seek(0)
            reason = condense(complaints.read().decode("utf-8", "replace"))
            raise CorruptInput(f"{path}: cannot index the FASTA: {reason}")
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


def _check_content(path: Path, index: Index, text: Ranges) -> None:
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
    """Whether the bytes before a sequence are header lines, the last with its name (htslib skips empty sequences)."""
    lines = [line for line in between.splitlines() if line.strip()]
    return (
        between.endswith(b"\n")
        and all(line.startswith(b">") for line in lines)
        and bool(lines)
        and lines[-1][1:].split(maxsplit=1)[:1] == [name.encode()]
    )

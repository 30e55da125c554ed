"""Intervals: regions and BED files -> sorted, merged, 0-based half-open spans per contig."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .errors import EmptyInput, InputError, UsageError

Spans = NDArray[np.int64]

NO_SPANS: Spans = np.empty((0, 2), dtype=np.int64)
BED_COMMENTS = ("#", "track", "browser")


class Span(NamedTuple):
    """One interval of one contig: 0-based ``start``, exclusive ``end``."""

    contig: str
    start: int
    end: int


class Intervals(dict[str, Spans]):
    """Contig name -> int64 array [n, 2] of (start, end): 0-based half-open, sorted, merged, in the contigs' file order.

    A contig without spans is absent. Build one with ``merge``, ``parse_regions``, ``read_bed`` or ``whole``.
    """

    def spans(self, contig: str) -> Spans:
        """The spans of ``contig``, int64 [n, 2]; empty where there are none."""
        return self.get(contig, NO_SPANS)

    def bases(self) -> int:
        """Number of bases covered."""
        return int(sum((spans[:, 1] - spans[:, 0]).sum() for spans in self.values()))

    def contains(self, contig: str, positions: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which 0-based ``positions`` (any integer array) of ``contig`` lie inside a span; bool, the same shape."""
        # Spans are disjoint and sorted, so their flattened edges alternate start, end: an odd rank is inside.
        edges = self.spans(contig).ravel()
        inside: NDArray[np.bool_] = np.searchsorted(edges, positions, side="right") % 2 == 1
        return inside

    def clip(self, contig: str, start: int, end: int) -> Spans:
        """The parts of the spans of ``contig`` inside [start, end), int64 [n, 2]."""
        spans = self.spans(contig)
        first = np.searchsorted(spans[:, 1], start, side="right")
        last = np.searchsorted(spans[:, 0], end, side="left")
        return np.clip(spans[first:last], start, end) if start < end else NO_SPANS

    def overlaps(self, contig: str, start: int, end: int) -> bool:
        """Whether any span of ``contig`` shares a base with [start, end)."""
        return len(self.clip(contig, start, end)) > 0

    def intersect(self, other: Intervals) -> Intervals:
        """The bases that are in both."""
        parts = {
            contig: np.concatenate([NO_SPANS, *(other.clip(contig, start, end) for start, end in spans.tolist())])
            for contig, spans in self.items()
        }
        return Intervals({contig: spans for contig, spans in parts.items() if len(spans)})


def whole(contigs: Mapping[str, int]) -> Intervals:
    """Every base of every contig (name -> length)."""
    return Intervals({name: np.array([[0, length]], dtype=np.int64) for name, length in contigs.items() if length > 0})


def merge(spans: Iterable[Span], contigs: Mapping[str, int]) -> Intervals:
    """Sort and merge ``spans`` (touching ones join, empty ones vanish), in the order of ``contigs``."""
    by_contig: dict[str, list[tuple[int, int]]] = {}
    for contig, start, end in spans:
        if start < end:
            by_contig.setdefault(contig, []).append((start, end))
    return Intervals({name: _merge_spans(by_contig[name]) for name in contigs if name in by_contig})


def _merge_spans(pairs: Sequence[tuple[int, int]]) -> Spans:
    spans = np.array(sorted(pairs), dtype=np.int64)
    reach = np.maximum.accumulate(spans[:, 1])
    is_first = np.append(True, spans[1:, 0] > reach[:-1])
    is_last = np.append(is_first[1:], True)
    return np.stack([spans[is_first, 0], reach[is_last]], axis=1)


def parse_regions(regions: Iterable[str], contigs: Mapping[str, int]) -> Intervals:
    """Regions as samtools writes them: ``chr1``, ``chr1:1000``, ``chr1:1,000-2,000`` (1-based, end included).

    An end beyond the contig is clipped to it, as samtools does. ``UsageError`` for an unknown contig, a start beyond
    its end, or text that cannot be read.
    """
    return merge([_parse_region(text.strip(), contigs) for text in regions], contigs)


def _parse_region(text: str, contigs: Mapping[str, int]) -> Span:
    if text in contigs:  # names such as HLA-A*01:01:01:01 contain colons
        return Span(text, 0, contigs[text])
    contig, colon, numbers = text.rpartition(":")
    if not colon or contig not in contigs:
        unknown = contig if colon and _reads_as_range(numbers) else text
        raise UsageError(f"unknown region {text!r}: no contig {unknown!r}{_did_you_mean(unknown, contigs)}")
    start, end = _parse_range(text, numbers, contigs[contig])
    return Span(contig, start, end)


def _reads_as_range(numbers: str) -> bool:
    return numbers.replace(",", "").replace("-", "").isdecimal()


def _parse_range(text: str, numbers: str, length: int) -> tuple[int, int]:
    first, _, last = numbers.replace(",", "").partition("-")
    if not first.isdecimal() or not (last.isdecimal() or not last):
        raise UsageError(f"cannot read region {text!r}: expected CONTIG, CONTIG:START or CONTIG:START-END")
    start, end = int(first), int(last) if last else length
    if start < 1 or start > length or start > end:
        raise UsageError(f"bad region {text!r}: START counts from 1, up to END and the contig's length, {length}")
    return start - 1, min(end, length)


def _did_you_mean(name: str, contigs: Mapping[str, int]) -> str:
    other = other_naming(name)
    if other in contigs:
        return f"; did you mean {other!r}?"
    shown = ", ".join(list(contigs)[:3])
    return f" among the {len(contigs)} of the reads ({shown}{', ...' if len(contigs) > 3 else ''})"


def other_naming(name: str) -> str:
    """The same chromosome under the other convention: ``chr1`` <-> ``1``, ``chrM`` <-> ``MT``."""
    if name.startswith("chr"):
        return "MT" if name == "chrM" else name[3:]
    return "chrM" if name == "MT" else "chr" + name


def read_bed(path: str | PathLike[str], contigs: Mapping[str, int]) -> Intervals:
    """Read a BED file, plain or gzipped (0-based half-open; columns after the third are ignored).

    ``InputError`` naming file and line for a missing file, an unknown contig, an interval outside its contig or
    columns that cannot be read; ``EmptyInput`` where there is no interval at all.
    """
    intervals = merge((span for _, span, _ in bed_rows(path, contigs)), contigs)
    if not intervals:
        raise EmptyInput(f"{path}: no intervals; expected BED lines of contig, start and end")
    return intervals


def bed_rows(path: str | PathLike[str], contigs: Mapping[str, int]) -> Iterator[tuple[str, Span, list[str]]]:
    """Every interval of a BED file: where it stands (``file, line n``), the interval, and its further columns.

    Raises as ``read_bed``, but nothing where there is no interval.
    """
    for number, line in _bed_lines(path):
        where = f"{path}, line {number}"
        columns = _bed_columns(line)
        yield where, _parse_bed_line(where, columns, line, contigs), columns[3:]


def _bed_columns(line: str) -> list[str]:
    return line.rstrip("\r\n").split("\t") if "\t" in line else line.split()


def _bed_lines(path: str | PathLike[str]) -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and lines that hold intervals."""
    try:
        with open(path, "rb") as peek:
            is_gzip = peek.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt") if is_gzip else open(path) as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip() and not line.startswith(BED_COMMENTS):
                    yield number, line
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text file; expected BED lines of contig, start and end") from None
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: cannot read BED: {getattr(error, 'strerror', None) or error}") from None


def _parse_bed_line(where: str, columns: list[str], line: str, contigs: Mapping[str, int]) -> Span:
    try:
        contig, start, end = columns[0], int(columns[1]), int(columns[2])
    except (IndexError, ValueError):
        raise InputError(f"{where}: expected contig, start and end, found {line.strip()[:60]!r}") from None
    if contig not in contigs:
        raise InputError(f"{where}: no contig {contig!r}{_did_you_mean(contig, contigs)}")
    if not 0 <= start <= end <= contigs[contig]:
        raise InputError(f"{where}: {contig}:{start}-{end} is outside the contig, which has {contigs[contig]} bases")
    return Span(contig, start, end)

"""bai: the index of a BAM (SAM v1, section 5.2), made while the BAM is written, so that nobody reads it again.

Records are given in file order with their place in the uncompressed stream; virtual offsets follow when all blocks are
written. Records are short reads: none spans more than two 16 kb windows.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpucall.io.bgzf_writer import BLOCK_BYTES

from .genome import Integers

STATISTICS_BIN = 37450
WINDOW_SHIFT = 14
LEVELS = 5


class _Runs(NamedTuple):
    """Consecutive records of one bin, int64[n] each: the bin, and where in the stream they begin and end."""

    bin: Integers
    begin: Integers
    end: Integers


class _Contig:
    def __init__(self) -> None:
        self.runs: list[_Runs] = []
        self.windows: list[tuple[Integers, Integers]] = []
        self.begin = self.end = -1
        self.mapped = self.unmapped = 0


class BaiBuilder:
    """Collects the placed records of a BAM with contigs 0..n-1; ``write`` makes the index of the closed file."""

    def __init__(self, n_contigs: int) -> None:
        self._contigs = [_Contig() for _ in range(n_contigs)]

    def add(self, tid: int, pos: Integers, end: Integers, begin: Integers, size: Integers, mapped: Integers) -> None:
        """Add the next records of one contig.

        Parameters
        ----------
        tid
            The contig's number.
        pos, end
            0-based position and exclusive end of each record.
        begin, size
            Offset in the uncompressed BAM and bytes, block_size included.
        mapped
            1, or 0 for an unmapped read that has a position.
        """
        if len(pos) == 0:
            return
        contig = self._contigs[tid]
        contig.runs.append(_runs(bins(pos, end), begin, begin + size))
        contig.windows.append(_first_of_windows(pos, end, begin))
        contig.begin = contig.begin if contig.begin >= 0 else int(begin[0])
        contig.end = int(begin[-1] + size[-1])
        contig.mapped += int(mapped.sum())
        contig.unmapped += int(len(mapped) - mapped.sum())

    def write(self, path: Path, block_starts: Sequence[int], unplaced: int) -> None:
        """Write the index of a BAM whose BGZF blocks start at these offsets, and that ends in `unplaced` records."""
        starts = np.array(block_starts, np.int64)
        parts = [struct.pack("<4sI", b"BAI\1", len(self._contigs))]
        parts += [_contig_index(contig, starts) for contig in self._contigs]
        path.write_bytes(b"".join([*parts, struct.pack("<Q", unplaced)]))


def bins(pos: Integers, end: Integers) -> Integers:
    """The smallest bin that holds each of pos..end-1 (SAM v1, section 5.3)."""
    found = np.zeros(len(pos), np.int64)
    for level in range(1, LEVELS + 1):
        shift = WINDOW_SHIFT + 3 * (LEVELS - level)
        fits = pos >> shift == (end - 1) >> shift
        found = np.where(fits, ((1 << 3 * level) - 1) // 7 + (pos >> shift), found)
    return found


def _runs(bin_of: Integers, begin: Integers, end: Integers) -> _Runs:
    first = np.flatnonzero(np.diff(bin_of, prepend=-1))
    last = np.append(first[1:], len(bin_of)) - 1
    return _Runs(bin_of[first], begin[first], end[last])


def _first_of_windows(pos: Integers, end: Integers, begin: Integers) -> tuple[Integers, Integers]:
    """The 16 kb windows that these records overlap, and the offset of the first record in each."""
    windows = np.arange(pos[0] >> WINDOW_SHIFT, (end.max() - 1 >> WINDOW_SHIFT) + 1)
    first = np.array([np.argmax(end > window << WINDOW_SHIFT) for window in windows.tolist()])
    touched = pos[first] >> WINDOW_SHIFT <= windows
    return windows[touched], begin[first[touched]]


def _contig_index(contig: _Contig, starts: Integers) -> bytes:
    if not contig.runs:
        return struct.pack("<2I", 0, 0)
    chunks = _merged(_Runs(*(np.concatenate(column) for column in zip(*contig.runs, strict=True))))
    numbers, first, counts = np.unique(chunks.bin, return_index=True, return_counts=True)
    begin, end = _virtual(chunks.begin, starts), _virtual(chunks.end, starts)
    offsets = np.column_stack([begin, end]).astype("<u8")
    parts = [struct.pack("<I", len(numbers) + 1)]
    for number, row, count in zip(numbers.tolist(), first.tolist(), counts.tolist(), strict=True):
        parts += [struct.pack("<2I", number, count), offsets[row : row + count].tobytes()]
    whole = _virtual(np.array([contig.begin, contig.end]), starts).tolist()
    parts.append(struct.pack("<2I4Q", STATISTICS_BIN, 2, *whole, contig.mapped, contig.unmapped))
    linear = _linear(contig, starts)
    return b"".join([*parts, struct.pack("<I", len(linear)), linear.astype("<u8").tobytes()])


def _merged(runs: _Runs) -> _Runs:
    """Runs by bin and place; neighbours of one bin that touch become one chunk."""
    order = np.lexsort((runs.begin, runs.bin))
    runs = _Runs(*(column[order] for column in runs))
    starts = np.ones(len(order), bool)
    starts[1:] = (runs.bin[1:] != runs.bin[:-1]) | (runs.begin[1:] != runs.end[:-1])
    first = np.flatnonzero(starts)
    return _Runs(runs.bin[first], runs.begin[first], runs.end[np.append(first[1:], len(order)) - 1])


def _linear(contig: _Contig, starts: Integers) -> NDArray[np.int64]:
    """Offset of the first record in each window; a window without records has that of the next."""
    windows, begin = (np.concatenate(column) for column in zip(*contig.windows, strict=True))
    windows, first = np.unique(windows, return_index=True)
    following = np.searchsorted(windows, np.arange(windows[-1] + 1))
    return _virtual(begin[first][following], starts)


def _virtual(offsets: Integers, starts: Integers) -> Integers:
    """Virtual offsets (SAM v1, section 4.1.1) of places in the uncompressed stream."""
    return starts[offsets // BLOCK_BYTES] << 16 | offsets % BLOCK_BYTES

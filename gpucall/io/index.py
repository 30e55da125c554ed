"""index: where in a BAM the reads of a region lie, from its BAI (SAM v1, section 5.2) or CSI (CSIv1).

A bin holds the records that it is the smallest bin to contain; bins nest eightfold. A chunk is a range of virtual file
offsets (``file offset << 16 | offset in the inflated block``) that holds a bin's records.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import IndexProblem

Ints = NDArray[np.int64]

STALE_SLACK_SECONDS = 10.0  # an index closed a moment before its BAM is still that BAM's
BAI_MIN_SHIFT, BAI_DEPTH = 14, 5
SAMPLED_CHUNKS = 64  # block starts looked up in the BAM to see that the index belongs to it
_BLOCK_MAGIC = b"\x1f\x8b\x08\x04"
_NO_CHUNKS: Ints = np.empty((0, 2), dtype=np.int64)
_NO_LIMIT = np.iinfo(np.int64).max


class ContigIndex(NamedTuple):
    """One contig's bins that hold records, sorted by number; the pseudo-bin with statistics is left out.

    bins     int64[n]     bin numbers
    loffset  int64[n]     CSI: virtual offset of the first record that overlaps the bin; BAI: zeros
    first    int64[n+1]   bin ``i`` has the rows ``first[i]:first[i+1]`` of ``chunks``
    chunks   int64[m, 2]  virtual offsets, begin and end
    linear   int64[k]     BAI: virtual offset of the first record that overlaps each 16 kb window; CSI: empty
    """

    bins: Ints
    loffset: Ints
    first: Ints
    chunks: Ints
    linear: Ints


class Index:
    """A parsed index. ``n_contigs`` is the number of reference sequences it was made for."""

    def __init__(self, path: Path, contigs: list[ContigIndex], min_shift: int, depth: int) -> None:
        self.path = path
        self._contigs = contigs
        self._min_shift = min_shift
        self._depth = depth
        self.n_contigs = len(contigs)

    def check_contigs(self, n_contigs: int, bam_path: str | Path) -> None:
        """``IndexProblem`` unless the index was made for a header of ``n_contigs`` contigs."""
        if self.n_contigs != n_contigs:
            raise _not_its(self.path, bam_path, f"it has {self.n_contigs} contigs, the header {n_contigs}")

    def contigs_with_reads(self) -> list[int]:
        """Header numbers of the contigs that hold at least one placed record."""
        return [tid for tid, contig in enumerate(self._contigs) if len(contig.bins)]

    def chunks(self, tid: int, spans: Sequence[tuple[int, int]] | Ints) -> list[tuple[int, int]]:
        """Ranges of virtual offsets that hold every record overlapping one of ``spans`` on contig ``tid``.

        Parameters
        ----------
        tid
            the contig's number in the header.
        spans
            (begin, end) pairs, 0-based half-open, in any order.

        Returns
        -------
        list of (begin, end)
            sorted; no two share a BGZF block, so each block is inflated once. Each starts at a record and also holds
            records that overlap none of the spans.
        """
        contig = self._contigs[tid]
        span = np.clip(np.asarray(spans, dtype=np.int64).reshape(-1, 2), 0, 1 << self._min_shift + 3 * self._depth)
        span = span[span[:, 0] < span[:, 1]]
        if not len(span) or not len(contig.bins):
            return []
        owner, rows = self._bin_rows(contig, span)
        begin_at_least, begin_below = self._offset_limits(contig, span)
        which, chunk_rows = _expand(contig.first[rows], contig.first[rows + 1])
        lower, upper = begin_at_least[owner[which]], begin_below[owner[which]]
        begins, ends = contig.chunks[chunk_rows].T
        keep = (ends > lower) & (begins < upper)
        return _merge_blocks(np.maximum(begins, lower)[keep], np.minimum(ends, upper)[keep])

    def _bin_rows(self, contig: ContigIndex, span: Ints) -> tuple[Ints, Ints]:
        """Pairs (row of ``span``, row of ``contig.bins``) of bins that may hold records overlapping the span."""
        parts = []
        for level in range(self._depth + 1):
            first, shift = _level(level, self._depth, self._min_shift)
            start = np.searchsorted(contig.bins, first + (span[:, 0] >> shift))
            stop = np.searchsorted(contig.bins, first + (span[:, 1] - 1 >> shift), side="right")
            parts.append(_expand(start, stop))
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _offset_limits(self, contig: ContigIndex, span: Ints) -> tuple[Ints, Ints]:
        """Virtual offsets for each span: no record that overlaps it lies before the first or after the second."""
        leaf, shift = _level(self._depth, self._depth, self._min_shift)
        if len(contig.linear):
            lower = contig.linear[np.minimum(span[:, 0] >> shift, len(contig.linear) - 1)]
        else:
            lower = np.array([_csi_lower(contig, leaf + (int(begin) >> shift)) for begin in span[:, 0]], dtype=np.int64)
        # The first record of a later leaf bin starts after the span: what overlaps the span comes before it.
        later = np.searchsorted(contig.bins, leaf + (span[:, 1] - 1 >> shift), side="right")
        starts = np.append(np.minimum.reduceat(contig.chunks[:, 0], contig.first[:-1]), _NO_LIMIT)
        return lower, starts[later]


def _level(level: int, depth: int, min_shift: int) -> tuple[int, int]:
    """Number of the first bin of a level, and log2 of the bases in each of its bins."""
    return ((1 << 3 * level) - 1) // 7, min_shift + 3 * (depth - level)


def _csi_lower(contig: ContigIndex, leaf_bin: int) -> int:
    """``loffset`` of the leaf bin; where it is absent, of the nearest bin before it that shares a parent, or above."""
    number = leaf_bin
    while True:
        row = int(np.searchsorted(contig.bins, number))
        if row < len(contig.bins) and contig.bins[row] == number:
            return int(contig.loffset[row])
        if number == 0:
            return 0
        parent = (number - 1) >> 3
        number = number - 1 if number > (parent << 3) + 1 else parent


def _expand(starts: Ints, stops: Ints) -> tuple[Ints, Ints]:
    """Concatenated ranges start..stop-1, and the number of the range that each element is from."""
    lengths = stops - starts
    owner = np.repeat(np.arange(len(starts)), lengths)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return owner, starts[owner] + within


def _merge_blocks(begins: Ints, ends: Ints) -> list[tuple[int, int]]:
    """Join ranges that touch, overlap or share a block."""
    if not len(begins):
        return []
    order = np.argsort(begins, kind="stable")
    begins, reach = begins[order], np.maximum.accumulate(ends[order])
    is_first = np.append(True, begins[1:] >> 16 > reach[:-1] >> 16)
    is_last = np.append(is_first[1:], True)
    return list(zip(begins[is_first].tolist(), reach[is_last].tolist(), strict=True))


def find_index(bam_path: str | Path) -> Path | None:
    """The index beside a BAM: ``x.bam.bai``, ``x.bai``, ``x.bam.csi`` or ``x.csi``, the first that exists."""
    bam = Path(bam_path)
    names = (Path(f"{bam}.bai"), bam.with_suffix(".bai"), Path(f"{bam}.csi"), bam.with_suffix(".csi"))
    return next((name for name in names if name.is_file()), None)


def load_index(bam_path: str | Path) -> Index | None:
    """Read the index beside a BAM and check that it is the BAM's; None where there is none.

    ``IndexProblem`` for one that is damaged, older than the BAM, or describes other blocks. Whether it has the header's
    contigs is for ``Index.check_contigs``, once the header is read.
    """
    path = find_index(bam_path)
    if path is None:
        return None
    check_age(path, Path(bam_path))
    index = read_index(path)
    _check_offsets(index, Path(bam_path))
    return index


def check_age(path: Path, bam: Path) -> None:
    """``IndexProblem`` where the index at ``path`` was written before its BAM or CRAM."""
    age = os.stat(bam).st_mtime - os.stat(path).st_mtime
    if age > STALE_SLACK_SECONDS:
        raise IndexProblem(
            f"{path}: stale index: it is {age:.0f} s older than {bam.name}; run 'samtools index {bam}' "
            f"(or 'touch {path}' if a copy lost the times)"
        )


def _check_offsets(index: Index, bam: Path) -> None:
    """Chunks lie inside the file, and a sample of them starts at BGZF blocks."""
    size = os.path.getsize(bam)
    chunks = np.concatenate([_NO_CHUNKS, *(contig.chunks for contig in index._contigs)])
    if not len(chunks):
        return
    if (chunks[:, 1] < chunks[:, 0]).any() or chunks.min() < 0:
        raise _damaged(index.path, "a chunk ends before it begins")
    last = int(chunks.max()) >> 16
    if last > size:
        raise _not_its(index.path, bam, f"it points at file offset {last}, the file has {size} bytes")
    offsets = chunks[:: max(1, len(chunks) // SAMPLED_CHUNKS), 0] >> 16
    with open(bam, "rb") as file:
        for offset in offsets.tolist():
            file.seek(offset)
            if file.read(4) != _BLOCK_MAGIC:
                raise _not_its(index.path, bam, f"no BGZF block starts at file offset {offset}")


def _not_its(path: Path, bam: str | Path, why: str) -> IndexProblem:
    return IndexProblem(f"{path}: stale index, or not the index of {Path(bam).name}: {why}; run 'samtools index {bam}'")


def _damaged(path: Path, why: object) -> IndexProblem:
    return IndexProblem(f"{path}: damaged index: {why}; delete it and run samtools index")


def read_index(path: Path) -> Index:
    """Parse a BAI or CSI file; ``IndexProblem`` where it contradicts its format."""
    try:
        data = path.read_bytes()
        return _parse(path, gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    except struct.error:
        raise _damaged(path, "it ends too early") from None
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _damaged(path, error) from None


def _parse(path: Path, data: bytes) -> Index:
    reader = _Reader(data)
    if data[:4] == b"BAI\1":
        return Index(path, _read_contigs(reader, BAI_DEPTH, is_csi=False), BAI_MIN_SHIFT, BAI_DEPTH)
    if data[:4] != b"CSI\1":
        raise ValueError(f"expected BAI or CSI, found {data[:4]!r}")
    min_shift, depth, l_aux = reader.take("<3i")
    if not (min_shift > 0 and 0 <= depth <= 12 and min_shift + 3 * depth < 62):
        raise ValueError(f"bins of 2^{min_shift} bases on {depth} levels")
    reader.skip(l_aux)
    return Index(path, _read_contigs(reader, depth, is_csi=True), min_shift, depth)


class _Reader:
    """Takes numbers off the front of bytes; after the magic."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 4

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def count(self) -> int:
        """The next 4 bytes as a number of things that follow."""
        (count,) = self.take("<i")
        if count < 0:
            raise ValueError(f"a count of {count} before byte {self.at}")
        return count

    def skip(self, n_bytes: int) -> int:
        """Where the skipped bytes start."""
        start = self.at
        if not 0 <= n_bytes <= len(self.data) - start:
            raise ValueError(f"a length of {n_bytes} at byte {start} of {len(self.data)}")
        self.at += n_bytes
        return start

    def offsets(self, count: int) -> Ints:
        """The next ``count`` virtual offsets."""
        start = self.skip(8 * count)
        return np.frombuffer(self.data, dtype="<i8", count=count, offset=start).astype(np.int64)


def _read_contigs(reader: _Reader, depth: int, is_csi: bool) -> list[ContigIndex]:
    return [_read_contig(reader, _level(depth + 1, depth, 0)[0], is_csi) for _ in range(reader.count())]


def _read_contig(reader: _Reader, n_bins: int, is_csi: bool) -> ContigIndex:
    numbers, loffsets, chunks = _read_bins(reader, n_bins, is_csi)
    linear = np.empty(0, dtype=np.int64)
    if not is_csi:
        # A window without records may hold 0; what overlaps it comes after what overlaps the windows before.
        linear = np.maximum.accumulate(reader.offsets(reader.count()))
    order = np.argsort(numbers, kind="stable")
    parts = [chunks[row] for row in order]
    first = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
    return ContigIndex(numbers[order], loffsets[order], first, np.concatenate([_NO_CHUNKS, *parts]), linear)


def _read_bins(reader: _Reader, n_bins: int, is_csi: bool) -> tuple[Ints, Ints, list[Ints]]:
    """Numbers, loffsets and chunks of one contig's bins, without empty ones and the pseudo-bin ``n_bins + 1``."""
    rows, chunks = [], []
    for _ in range(reader.count()):
        number, loffset = reader.take("<Iq" if is_csi else "<I") + (() if is_csi else (0,))
        bin_chunks = reader.offsets(2 * reader.count()).reshape(-1, 2)
        if number > n_bins + 1:
            raise ValueError(f"bin {number}, but there are {n_bins}")
        if number < n_bins and len(bin_chunks):
            rows.append((number, loffset))
            chunks.append(bin_chunks)
    columns = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return columns[:, 0], columns[:, 1], chunks

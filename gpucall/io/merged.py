"""merged: several BAMs and CRAMs of one sample (lanes) as one stream in coordinate order.

Every file keeps a buffer of whole records. What can be followed by nothing smaller in any file is merged by
(contig, position) and let go of: a stable sort of keys and one copy of bytes. Records of equal position come in the
order of the files, which no result depends on. Memory: a buffer a file, whatever the depth.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptInput, InputError, UsageError
from ..kernels import records as kernel
from ..reads import sort_keys
from ..tiles import Intervals
from .alignments import (
    PIECE_BYTES,
    AlignmentSource,
    BlocksPiece,
    Header,
    Piece,
    RecordSource,
    locate,
    open_alignments,
    sample_name,
    wait_for,
    words,
)
from .bgzf import READ_BYTES

SMALLEST_READ = 256 << 10  # compressed bytes of one file read at once
NO_BYTES: NDArray[np.uint8] = np.empty(0, dtype=np.uint8)
NO_NUMBERS: NDArray[np.int64] = np.empty(0, dtype=np.int64)


class Lane:
    """One file's records that are read and not merged yet.

    raw      uint8[n] whole records
    offsets  int64[m] where they start
    keys     int64[m] ``reads.sort_keys``, ascending
    blocks   int64[m, 2] file offset of each record's block, and bytes from that block's start
    """

    def __init__(self, source: AlignmentSource, regions: Intervals | None, chunk_bytes: int) -> None:
        self.source = source
        self.finished = False
        self.raw = NO_BYTES
        self.offsets = self.keys = NO_NUMBERS
        self.blocks = np.empty((0, 2), dtype=np.int64)
        self._pieces = iter(source.pieces(regions))
        self._tail = b""  # of a record, and where that is
        self._tail_at = (0, 0)
        self._last_key = -1
        self._chunk_bytes = chunk_bytes

    def fill(self) -> None:
        """Read on until there are records, or the file ends."""
        while not self.finished and not len(self.keys):
            self._read()

    def take(self, count: int) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The bytes, offsets, keys and blocks of the first records, which are let go of."""
        end = int(self.offsets[count]) if count < len(self.offsets) else len(self.raw)
        taken = self.raw[:end], self.offsets[:count], self.keys[:count], self.blocks[:count]
        self.raw, self.offsets = self.raw[end:], self.offsets[count:] - end
        self.keys, self.blocks = self.keys[count:], self.blocks[count:]
        return taken

    def _read(self) -> None:
        pieces: list[BlocksPiece] = []
        size, starts, places = len(self._tail), [np.zeros(1, dtype=np.int64)], [np.array([self._tail_at])]
        self.finished = True
        for piece in self._pieces:
            marks, blocks = piece.marks()
            starts.append(marks + size)
            places.append(blocks)
            pieces.append(piece)
            size += piece.size
            if size >= self._chunk_bytes:
                self.finished = False
                break
        raw = np.empty(size, dtype=np.uint8)
        raw[: len(self._tail)] = np.frombuffer(self._tail, dtype=np.uint8)
        at, waiting = len(self._tail), []
        for piece in pieces:
            written = piece.write(raw[at : at + piece.size])
            if written is not None:
                waiting.append(written)
            at += piece.size
        wait_for(waiting)
        offsets = np.empty(len(raw) // kernel.FIXED_BYTES + 1, dtype=np.int64)
        found, stop, status = kernel.walk(raw, 0, len(raw), offsets)
        blocks = locate(np.append(offsets[:found], stop), np.concatenate(starts), np.concatenate(places))
        if status != kernel.OK:
            raise CorruptInput(
                f"{self.source.path}: the record at {words(*blocks[-1].tolist())} states an impossible block_size:"
                " the file is damaged, or its index is another file's"
            )
        self._tail, self._tail_at = raw[stop:].tobytes(), (int(blocks[-1, 0]), int(blocks[-1, 1]))
        if self.finished and self._tail:
            raise CorruptInput(
                f"{self.source.path}: the file ends inside a record at {words(*self._tail_at)}:"
                " it is cut short or its index is another file's"
            )
        self.raw, self.offsets, self.blocks = raw[:stop], offsets[:found], blocks[:-1]
        self.keys = record_keys(self.raw, self.offsets)
        self._check_order()

    def _check_order(self) -> None:
        keys = np.concatenate([[self._last_key], self.keys])
        steps = np.flatnonzero(np.diff(keys) < 0)
        if len(steps):
            at = int(self.offsets[steps[0]])
            contig, position = int(self.keys[steps[0]]) >> 32, int(self.keys[steps[0]]) & 0xFFFFFFFF
            names = self.source.header.names
            name = bytes(self.raw[at + kernel.FIXED_BYTES : at + kernel.FIXED_BYTES + int(self.raw[at + 12]) - 1])
            raise InputError(
                f"{self.source.path}: not sorted by coordinate: record '{name.decode('ascii', 'replace')}' at"
                f" {names[contig] if contig < len(names) else '*'}:{position + 1} comes after a later position;"
                " run 'samtools sort' first"
            )
        self._last_key = int(keys[-1])


def record_keys(raw: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """int64[n]: sort keys of raw records (``refID`` and ``pos``: SAM v1, section 4.2)."""
    if not len(offsets):
        return NO_NUMBERS
    tid, pos = raw[offsets[:, None] + np.arange(4, 12)].view("<i4").T
    return sort_keys(tid, pos)


class MergedPiece(NamedTuple):
    """Records of several files.

    data    uint8[n]
    starts  int64[m] where the records start
    lane    int64[m] whose file they are from, of ``paths``
    blocks  int64[m, 2] file offset of the record's block there, and bytes from that block's start
    """

    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lane: NDArray[np.int64]
    blocks: NDArray[np.int64]
    paths: list[str]

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)

    def write(self, target: NDArray[np.uint8]) -> None:
        """Copy to ``target``."""
        target[:] = self.data

    def locate(self, at: int) -> tuple[str, int, int]:
        """The file, block and byte in that block of the byte ``at`` of the piece."""
        record = max(int(np.searchsorted(self.starts, at, side="right")) - 1, 0)
        block, within = locate(np.array([at]), self.starts, self.blocks)[0].tolist()
        return self.paths[self.lane[record]], block, within


class MergedSource:
    """Some open files of one sample, which have the same contigs."""

    kind = "merged"

    def __init__(self, lanes: Sequence[AlignmentSource], chunk_bytes: int) -> None:
        self.lanes = list(lanes)
        self.path = ", ".join(lane.path for lane in lanes)
        self.size = sum(lane.size for lane in lanes) if all(lane.size for lane in lanes) else 0
        check_same_contigs(self.lanes)
        first = lanes[0].header
        self.header = Header(merged_text([lane.header for lane in lanes]), first.names, first.lengths)
        self._chunk_bytes = max(chunk_bytes // len(lanes), 1)

    @property
    def bytes_read(self) -> int:
        """Compressed bytes read so far, of all files."""
        return sum(lane.bytes_read for lane in self.lanes)

    def pieces(self, regions: Intervals | None = None, size: int = PIECE_BYTES) -> Iterator[Piece]:
        """Records of all files in coordinate order, whole ones in each piece."""
        lanes = [Lane(source, regions, self._chunk_bytes) for source in self.lanes]
        while True:
            for lane in lanes:
                lane.fill()
            # What is still to be read comes after the last record of that file whose buffer ends first.
            ends = [(int(lane.keys[-1]), k) for k, lane in enumerate(lanes) if not lane.finished]
            if not ends and not any(len(lane.keys) for lane in lanes):
                return
            limit, last = min(ends, default=(np.iinfo(np.int64).max, 0))
            counts = [
                int(np.searchsorted(lane.keys, limit, side="right" if k <= last else "left"))
                for k, lane in enumerate(lanes)
            ]
            yield self._merge([lane.take(count) for lane, count in zip(lanes, counts, strict=True)])

    def _merge(self, taken: list[tuple[NDArray[Any], ...]]) -> Piece:
        raws, offsets, keys, blocks = zip(*taken, strict=True)
        sizes = np.cumsum([0, *(len(raw) for raw in raws)])
        lane = np.repeat(np.arange(len(raws)), [len(each) for each in keys])
        order = np.argsort(np.concatenate(keys), kind="stable")
        starts = (np.concatenate(offsets) + sizes[:-1][lane])[order]
        raw = np.empty(int(sizes[-1]), dtype=np.uint8)
        places = np.empty(len(order), dtype=np.int64)
        kernel.interleave(np.concatenate(raws), starts, raw, places)
        paths = [source.path for source in self.lanes]
        return MergedPiece(raw, places, lane[order], np.concatenate(blocks)[order], paths)

    def close(self) -> None:
        """Close all files."""
        with ExitStack() as stack:
            for lane in self.lanes:
                stack.callback(lane.close)


def check_same_contigs(lanes: Sequence[RecordSource]) -> None:
    """``InputError`` unless all files have the first one's contigs, in its order."""
    first = lanes[0]
    expected = list(zip(first.header.names, first.header.lengths.tolist(), strict=True))
    for lane in lanes[1:]:
        contigs = list(zip(lane.header.names, lane.header.lengths.tolist(), strict=True))
        if contigs == expected:
            continue
        pairs = zip(expected, contigs, strict=False)
        at = next((k for k, (a, b) in enumerate(pairs) if a != b), min(len(expected), len(contigs)))
        shown = [f"'{each[at][0]}' of {each[at][1]} bp" if at < len(each) else "none" for each in (contigs, expected)]
        raise InputError(
            f"{lane.path}: its contig {at + 1} is {shown[0]}, that of {first.path} is {shown[1]}: files of one sample"
            " must have the same contigs in the same order; align all of them to one reference"
        )


def merged_text(headers: Sequence[Header]) -> str:
    """The first header with the other files' read groups.

    A read group that two files describe differently under one ID gets a number behind it for each further file, as
    ``samtools merge`` would rename it. Records keep their RG tag: nothing here reads it.
    """
    lines = headers[0].text.splitlines()
    groups = {_group_id(line): line for line in lines if line.startswith("@RG\t")}
    for number, header in enumerate(headers[1:], start=2):
        for line in header.text.splitlines():
            if not line.startswith("@RG\t") or groups.get(_group_id(line)) == line:
                continue
            name = _group_id(line)
            renamed = name if name not in groups else f"{name}.{number}"
            groups[renamed] = line.replace(f"\tID:{name}", f"\tID:{renamed}", 1)
            lines.append(groups[renamed])
    return "".join(f"{line}\n" for line in lines)


def _group_id(line: str) -> str:
    return next((part[3:] for part in line.split("\t") if part.startswith("ID:")), "")


def lanes_sample(lanes: Sequence[RecordSource], asked: str | None) -> str:
    """The sample's name: ``asked``, else the SM that all files' read groups have; of one file, as ``sample_name``.

    Files that name different samples are refused with ``asked``, too: a name cannot make one person of two.

    Raises
    ------
    InputError
        where the files name different samples.
    UsageError
        where none of several files names a sample, and none is asked.
    """
    first = lanes[0]
    if len(lanes) == 1:
        return sample_name(first.header, first.path, asked)
    names = [(lane, lane.header.samples()) for lane in lanes]
    named = [(lane, samples) for lane, samples in names if samples]
    for lane, samples in named[1:]:
        if set(samples) != set(named[0][1]):
            raise InputError(
                f"{lane.path}: its read groups name sample '{', '.join(samples)}', those of {named[0][0].path}"
                f" '{', '.join(named[0][1])}': one run takes files of one sample; where it is one, write the same SM"
                " into both with 'samtools addreplacerg'"
            )
    if asked is None and not named:
        raise UsageError(f"{first.path} and the other files have no read group with SM: name the sample with --sample")
    source = named[0][0] if named else first
    return sample_name(source.header, source.path, asked)


def open_lanes(
    paths: Sequence[str],
    reference: str,
    regions: Intervals | None = None,
    threads: int = 1,
    pool: Executor | None = None,
    chunk_bytes: int = 8 << 20,
) -> RecordSource:
    """Open the files of one sample; one file is opened as it is.

    Of several files ``chunk_bytes`` inflated bytes are merged at a time; no result depends on it.

    Raises
    ------
    UsageError
        where no file is given, or one twice.
    InputError
        as ``open_alignments``, and where the files' contigs differ.
    """
    if not paths:
        raise UsageError("no reads are given; name one BAM or CRAM, or several of one sample")
    if len(paths) == 1:
        return open_alignments(paths[0], reference, regions, threads, pool)
    _check_distinct(paths)
    share = max(threads // len(paths), 1)
    with ExitStack() as stack:
        lanes = []
        for path in paths:
            read_bytes = max(READ_BYTES // len(paths), SMALLEST_READ)
            lanes.append(open_alignments(path, reference, regions, share, pool, read_bytes))
            stack.callback(lanes[-1].close)
        merged = MergedSource(lanes, chunk_bytes)
        stack.pop_all()
    return merged


def _check_distinct(paths: Sequence[str]) -> None:
    """``UsageError`` where a file is given twice: each of its reads would count twice."""
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue  # opening it says what is wrong
        before = seen.setdefault((status.st_dev, status.st_ino), path)
        if before is not path:
            raise UsageError(f"{path} is the same file as {before}: its reads would count twice; give each file once")

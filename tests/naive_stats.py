"""Plain-Python oracle of kernel ``stats``: what samtools stats counts of each read, importing nothing of gpucall.

Counters are keyed as ``qc.stats.ReadFigures`` has its axes. Reads are ``tests.fixtures.Read``.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from .naive_qc import Read, operations, qualities

CODES = "=ACMGRSVTWYHKDBN"
Figures = dict[str, Counter[tuple[int, ...]]]


class TaggedRead(Read, Protocol):
    """A record with its auxiliary fields as bytes."""

    tags: bytes


def order_of(flag: int) -> int:
    """0: not paired, 1: first, 2: last, 3: neither or both."""
    if not flag & 1:
        return 0
    return {0x40: 1, 0x80: 2}.get(flag & 0xC0, 3)


def figures(reads: Sequence[TaggedRead]) -> Figures:
    """All histograms."""
    names = ("quality", "bases", "gc", "by_flag", "lengths", "indels", "ends", "sums", "checksums")
    found: Figures = {name: Counter() for name in names}
    for read in reads:
        count(read, found)
    return {name: Counter({key: value for key, value in counts.items() if value}) for name, counts in found.items()}


def count(read: TaggedRead, found: Figures) -> None:
    """Add one record."""
    seq = "" if read.seq == "*" else read.seq
    add_checksums(read, seq, found["checksums"])
    if read.flag & 0x100 or not seq:
        return
    order, supplementary = order_of(read.flag), int(read.flag & 0x800 > 0)
    found["by_flag"][(flag_key(read),)] += len(seq)
    hard = sum(length for length, kind in operations(read) if kind == "H")
    found["lengths"][supplementary, order, len(seq) + hard] += 1
    if not supplementary:
        count_cycles(read, seq, order, found)
        found["sums"][(2,)] += read.mapq == 0 and not read.flag & 4
    if not read.flag & 4:
        count_cigar(read, seq, order, found)
        found["sums"][(0,)] += edit_distance(read.tags)


def flag_key(read: Read) -> int:
    """The flags with what else the counts turn on."""
    return read.flag | (read.mate_tid != read.tid) << 12 | (read.mapq >= 5) << 13 | 1 << 14


def add_checksums(read: Read, seq: str, checksums: Counter[tuple[int, ...]]) -> None:
    """CRC-32s of the name, of the packed bases, of as many bytes of the qualities."""
    codes = [CODES.index(base) for base in seq] + [0]
    packed = bytes(codes[k] << 4 | codes[k + 1] for k in range(0, len(seq), 2))
    checksums[(0,)] += zlib.crc32(read.name.encode())
    if seq:
        checksums[(1,)] += zlib.crc32(packed)
        checksums[(2,)] += zlib.crc32(bytes(qualities(read))[: len(packed)])


def count_cycles(read: Read, seq: str, order: int, found: Figures) -> None:
    """Bases, qualities and GC."""
    failed, reverse = int(read.flag & 0x200 > 0), int(read.flag & 0x10 > 0)
    for k, (base, quality) in enumerate(zip(seq, qualities(read), strict=True)):
        cycle = len(seq) - 1 - k if reverse else k
        found["quality"][order, failed, cycle, quality] += 1
        found["bases"][order, failed, reverse, cycle, CODES.index(base)] += 1
    gc = seq.count("G") + seq.count("C")
    if order != 3:
        for k in range(gc * 199 // len(seq), min((gc + 1) * 199 // len(seq), 199)):
            found["gc"][int(order == 2), k] += 1


def count_cigar(read: Read, seq: str, order: int, found: Figures) -> None:
    """Aligned bases, and indels by length and by cycle."""
    cycle = 0
    for length, kind in operations(read):
        found["sums"][(1,)] += length * (kind in "MI=X")
        if kind in "ID":
            deleted = int(kind == "D")
            forward, backward = cycle - deleted, len(seq) - cycle - (1 if deleted else length)
            index = backward if read.flag & 0x10 else forward
            if index >= 0:
                found["ends"][2 * deleted + (order == 2), index] += order != 3
                found["indels"][deleted, length - 1] += length <= 300
        cycle += length * (kind in "MIS=X")


def edit_distance(tags: bytes) -> int:
    """The NM tag's value; 0 where there is none before the end or damage."""
    sizes = {"A": 1, "c": 1, "C": 1, "s": 2, "S": 2, "i": 4, "I": 4, "f": 4}
    while len(tags) >= 4:
        tag, kind = tags[:2], chr(tags[2])
        if kind in "ZH":
            size = tags.find(b"\0", 3) - 2
        elif kind == "B":
            size = 5 + sizes[chr(tags[3])] * struct.unpack_from("<I", tags, 4)[0]
        elif kind in sizes:
            size = sizes[kind]
        else:
            return 0
        if tag == b"NM":
            code = {"c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I"}.get(kind)
            return struct.unpack_from(f"<{code}", tags, 3)[0] if code else 0
        tags = tags[3 + size :]
    return 0

"""Plain-Python oracles of the quality control, written from the tools' rules and importing nothing of gpucall.

Reads are ``tests.fixtures.Read``, in file order.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Protocol


class Read(Protocol):
    """One record: text CIGAR and sequence, ``qual`` one value for all bases or one per base."""

    name: str
    tid: int
    pos: int
    cigar: str
    seq: str
    flag: int
    mapq: int
    qual: int | Sequence[int]
    mate_tid: int
    mate_pos: int
    tlen: int


def operations(read: Read) -> list[tuple[int, str]]:
    """(length, kind) of the CIGAR."""
    return [(int(length), kind) for length, kind in re.findall(r"(\d+)(.)", read.cigar) if read.cigar != "*"]


def blocks(read: Read) -> list[tuple[int, int]]:
    """Reference intervals with aligned bases."""
    found, at = [], read.pos
    for length, kind in operations(read):
        if kind in "M=X":
            found.append((at, at + length))
        if kind in "M=XDN":
            at += length
    return found


def end(read: Read) -> int:
    """0-based, exclusive end; one base where nothing is aligned or the read is unmapped."""
    span = sum(length for length, kind in operations(read) if kind in "M=XDN")
    return read.pos + (span if span and not read.flag & 4 else 1)


def qualities(read: Read) -> list[int]:
    """One base quality a base."""
    bases = 0 if read.seq == "*" else len(read.seq)
    return [read.qual] * bases if isinstance(read.qual, int) else list(read.qual)


# -- samtools ----------------------------------------------------------------------------------------------------------


def flagstat(reads: Sequence[Read]) -> str:
    """The text of samtools flagstat."""
    tables = ([read for read in reads if not read.flag & 0x200], [read for read in reads if read.flag & 0x200])
    lines = [[f"{count}" for count in kinds(table)] for table in tables]
    labels = (
        "in total (QC-passed reads + QC-failed reads)|primary|secondary|supplementary|duplicates|primary duplicates"
        "|mapped (%)|primary mapped (%)|paired in sequencing|read1|read2|properly paired (%)"
        "|with itself and mate mapped|singletons (%)|with mate mapped to a different chr"
        "|with mate mapped to a different chr (mapQ>=5)"
    )
    whole = {6: 0, 7: 1, 11: 8, 13: 8}
    text = ""
    for row, label in enumerate(labels.split("|")):
        shares = " : ".join(
            f"{100 * int(table[row]) / int(table[whole[row]]):.2f}%"
            if row in whole and int(table[whole[row]])
            else "N/A"
            for table in lines
        )
        text += f"{lines[0][row]} + {lines[1][row]} {label.replace('%', shares)}\n"
    return text


def kinds(reads: Sequence[Read]) -> list[int]:
    """The counts of flagstat's lines, top to bottom."""
    primary = [read for read in reads if not read.flag & 0x900]
    paired = [read for read in primary if read.flag & 1]
    both = [read for read in paired if not read.flag & 0xC]
    elsewhere = [read for read in both if read.tid != read.mate_tid]
    return [
        len(reads),
        len(primary),
        sum(read.flag & 0x100 > 0 for read in reads),
        sum(read.flag & 0x900 == 0x800 for read in reads),
        sum(read.flag & 0x400 > 0 for read in reads),
        sum(read.flag & 0x400 > 0 for read in primary),
        sum(not read.flag & 4 for read in reads),
        sum(not read.flag & 4 for read in primary),
        len(paired),
        sum(read.flag & 0x40 > 0 for read in paired),
        sum(read.flag & 0x80 > 0 for read in paired),
        sum(read.flag & 2 > 0 and not read.flag & 4 for read in paired),
        len(both),
        sum(read.flag & 0xC == 8 for read in paired),
        len(elsewhere),
        sum(read.mapq >= 5 for read in elsewhere),
    ]


def inserts(reads: Sequence[Read]) -> tuple[float, float] | None:
    """Mean and deviation of samtools stats: each orientation's reads halved, the longest 1 % left out."""
    ways: defaultdict[str, Counter[int]] = defaultdict(Counter)
    for read in reads:
        if read.flag & 0xB00 or read.flag & 0xD != 1 or read.seq == "*":
            continue
        if read.tlen == 0 and read.tid != read.mate_tid:
            continue
        ways[way(read)][min(abs(read.tlen), 8000)] += 1
    sizes = sorted(size for counts in ways.values() for size, count in counts.items() for _ in range(count // 2))
    if not sizes:
        return None
    bulk = 0.9900000095367432  # 0.99 in single precision
    longest = next(size for rank, size in enumerate(sizes, 1) if rank / len(sizes) > bulk)
    main = [size for size in sizes if size <= longest]
    mean = sum(main) / len(main)
    return mean, math.sqrt(sum((size - mean) ** 2 for size in main if size) / len(main))


def way(read: Read) -> str:
    """Which way the reads of a pair point: inward, outward, or both the same."""
    if bool(read.flag & 0x10) == bool(read.flag & 0x20):
        return "same"
    first, forward = bool(read.flag & 0x40), not read.flag & 0x10
    towards = (read.mate_pos - read.pos) * (1 if first else -1)
    if towards >= 0:
        return "inward" if first == forward else "outward"
    return "outward" if first == forward else "inward"


# -- Picard ------------------------------------------------------------------------------------------------------------


def q30_bases(reads: Sequence[Read]) -> int:
    """PF_Q30_BASES of CollectQualityYieldMetrics."""
    return sum(30 <= quality < 128 for read in reads if not read.flag & 0xB00 for quality in qualities(read))


def solid_depth(reads: Sequence[Read], tid: int, length: int) -> list[int]:
    """Depth of CollectWgsMetrics: how many read names have a good base at each position."""
    names: list[set[str]] = [set() for _ in range(length)]
    for read in reads:
        if read.tid != tid or read.flag & 0x70D != 1 or read.mapq < 20 or read.seq == "*":
            continue
        query, at = 0, read.pos
        for count, kind in operations(read):
            if kind in "M=X":
                for k in range(count):
                    if 20 <= qualities(read)[query + k] < 128 and read.seq[query + k] != "N":
                        names[at + k].add(read.name)
            query += count * (kind in "MIS=X")
            at += count * (kind in "MDN=X")
    return [len(here) for here in names]


def coverage(depths: Sequence[int], bases: str) -> Counter[int]:
    """Histogram of depth, capped at 250, over positions whose reference base is known."""
    return Counter(min(depth, 250) for depth, base in zip(depths, bases, strict=True) if base != "N")


# -- mosdepth ----------------------------------------------------------------------------------------------------------


def cover_depth(reads: Sequence[Read], tid: int, length: int) -> list[int]:
    """Depth of mosdepth 0.3.3 with default options, by its table of read names seen."""
    depth = [0] * length
    seen: dict[str, Read] = {}
    for read in reads:
        if read.tid != tid or read.flag & 1796:
            continue
        if read.flag & 2 and not read.flag & 0x800:
            reaches = read.mate_tid == tid and end(read) > read.mate_pos
            if reaches and (read.pos < read.mate_pos or (read.pos == read.mate_pos and read.name not in seen)):
                seen[read.name] = read
            elif read.name in seen:
                add(depth, twice(seen.pop(read.name), read), -1)
        add(depth, blocks(read), 1)
    return depth


def twice(before: Read, read: Read) -> list[tuple[int, int]]:
    """Intervals that mosdepth counts once for a pair."""
    if len(operations(before)) == 1 and len(operations(read)) == 1:
        return [(read.pos, end(before))]
    both = [(max(a, c), min(b, d)) for a, b in blocks(before) for c, d in blocks(read)]
    return [(start, stop) for start, stop in both if start < stop]


def add(depth: list[int], intervals: Sequence[tuple[int, int]], value: int) -> None:
    """Add ``value`` at every position of some intervals."""
    for start, stop in intervals:
        for position in range(start, stop):
            depth[position] += value


def region_sums(depths: Sequence[int], low: int, high: int, thresholds: Sequence[int]) -> list[int]:
    """Sum of depths over [low, high), and how many positions reach each threshold; a depth below 0 is 0."""
    inside = [max(depth, 0) for depth in depths[low:high]]
    return [sum(inside), *(sum(depth >= threshold for depth in inside) for threshold in thresholds)]


def distribution(name: str, depths: Sequence[int]) -> str:
    """A contig's lines of ``.global.dist.txt``."""
    counts = Counter(depth if depth <= 400000 else 399990 for depth in depths)
    text, share = "", 0.0
    for depth in range(max(max(counts), 300), -1, -1):
        if depth > 300 and not counts[depth]:
            continue
        share += counts[depth] / len(depths)
        if share >= 8e-5:
            text += f"{name}\t{depth}\t{share:.2f}\n"
    return text

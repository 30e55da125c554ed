"""odd: the records of a BAM that are not plain pairs, made one by one.

Distant and inter-contig mates, split reads with their supplementary record, secondary records without bases, and pairs
of which neither mate is mapped: rare in a file, and each a branch in whoever reads it. Their bases are free of errors.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .aligner import MATCH, MISMATCH
from .bai import bins
from .genome import ASCII, LETTERS, Bytes, Contig, N
from .haplotypes import Haplotype
from .sequencer import quality_rows

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, MATE_REVERSE, READ1, READ2 = (1 << i for i in range(8))
SECONDARY, SUPPLEMENTARY = 256, 2048
TRIES = 50  # places tried for a stretch without indels before none is made
OPERATIONS = "MIDNSHP=X"


@dataclass(frozen=True)
class Source:
    """What odd reads are drawn from: contigs, the first haplotype of each, bases of a read, a read group or ""."""

    genome: Sequence[Contig]
    haplotypes: Sequence[Haplotype]
    length: int
    group: str


class Stretch(NamedTuple):
    """Bases of a haplotype that lie without gaps at `pos` of contig `tid`."""

    tid: int
    pos: int
    bases: Bytes


@dataclass
class Record:
    """One alignment before it is encoded: `tid` and `pos` are -1 where it has none, `seq` is empty for ``*``."""

    flag: int
    seq: Bytes
    tid: int = -1
    pos: int = -1
    mapq: int = 0
    cigar: list[tuple[int, str]] = field(default_factory=list)
    tags: dict[str, str | int] = field(default_factory=dict)
    mate: Record | None = None

    @property
    def end(self) -> int:
        """Exclusive end on the reference; an unmapped record counts as one base."""
        return self.pos + max(1, sum(size for size, operation in self.cigar if operation == "M"))

    @property
    def five_prime(self) -> int:
        """Where sequencing began: the end of a reverse read."""
        return self.end if self.flag & REVERSE else self.pos

    @property
    def cigar_text(self) -> str:
        """The CIGAR as SAM has it."""
        return "".join(f"{size}{operation}" for size, operation in self.cigar)


class Encoded(NamedTuple):
    """A record's place and its bytes with their block_size."""

    tid: int
    pos: int
    end: int
    bytes: bytes


def odd_records(source: Source, seed: int, each: int) -> list[Encoded]:
    """Records of `each` fragments of every odd kind, in no order; fewer where a genome has no place for them."""
    maker = _Maker(source, np.random.default_rng([seed, 6]))
    kinds = (maker.distant, maker.split, maker.secondary, maker.unmapped)
    return [
        maker.encode(f"odd.{kind}.{i}", record)
        for kind, make in enumerate(kinds)
        for i in range(each)
        for record in make()
    ]


class _Maker:
    def __init__(self, source: Source, random: np.random.Generator) -> None:
        self.source = source
        self.random = random
        self.qualities = quality_rows(random, 64, source.length)[0]
        self.weights = np.cumsum([len(contig) for contig in source.genome])

    def distant(self) -> list[Record]:
        """A pair whose mates lie anywhere, in any direction."""
        places = [self.stretch(self.source.length) for _ in range(2)]
        turns = self.random.integers(0, 2, 2) * REVERSE
        records = [
            self.aligned(PAIRED | read | int(turn), place, 0, self.source.length)
            for read, turn, place in zip((READ1, READ2), turns, places, strict=True)
            if place is not None
        ]
        return _pair(*records) if len(records) == 2 else []

    def split(self) -> list[Record]:
        """A pair whose first read goes on elsewhere; its tail is a supplementary record there."""
        near, far = self.stretch(2 * self.source.length), self.stretch(self.source.length)
        if near is None or far is None:
            return []
        first, second = self.proper_pair(near)
        cut = self.source.length * 3 // 5
        read = Stretch(near.tid, near.pos, np.concatenate([near.bases[:cut], far.bases[cut : self.source.length]]))
        first = self.aligned(first.flag, read, 0, cut)
        tail = self.aligned(PAIRED | READ1 | SUPPLEMENTARY, far, cut, self.source.length, "H")
        first.tags["SA"], tail.tags["SA"] = self.elsewhere(tail), self.elsewhere(first)
        tail.mate = second
        return [*_pair(first, second), tail]

    def secondary(self) -> list[Record]:
        """A pair whose first read would also, worse, fit elsewhere."""
        near, other = self.stretch(2 * self.source.length), self.stretch(self.source.length)
        if near is None or other is None:
            return []
        first, second = self.proper_pair(near)
        again = self.aligned(
            PAIRED | READ1 | SECONDARY, Stretch(other.tid, other.pos, first.seq), 0, self.source.length
        )
        again.seq, again.tags, again.mapq, again.mate = first.seq[:0], {}, 0, second
        return [first, second, again]

    def unmapped(self) -> list[Record]:
        """A pair of which nothing is known but its bases."""
        flags = (PAIRED | UNMAPPED | READ1, PAIRED | UNMAPPED | READ2)
        first, second = (Record(flag, LETTERS[self.random.integers(0, 4, self.source.length)]) for flag in flags)
        return _pair(first, second)

    def proper_pair(self, stretch: Stretch) -> list[Record]:
        """A pair over the whole stretch, read 1 forward."""
        length, size = self.source.length, len(stretch.bases)
        tail = Stretch(stretch.tid, stretch.pos + size - length, stretch.bases[size - length :])
        first = self.aligned(PAIRED | PROPER | READ1, stretch._replace(bases=stretch.bases[:length]), 0, length)
        return _pair(first, self.aligned(PAIRED | PROPER | READ2 | REVERSE, tail, 0, length))

    def stretch(self, size: int) -> Stretch | None:
        """A random stretch of `size` known bases without an indel; None where none is found."""
        for _ in range(TRIES):
            tid = int(np.searchsorted(self.weights, self.random.integers(self.weights[-1]), side="right"))
            haplotype = self.source.haplotypes[tid]
            at = int(self.random.integers(max(1, len(haplotype.codes) - size)))
            bases = haplotype.codes[at : at + size]
            event = int(np.searchsorted(haplotype.event_at, at, side="right"))
            behind = event == 0 or haplotype.event_at[event - 1] + haplotype.event_size[event - 1] <= at
            if len(bases) == size and behind and haplotype.event_at[event] >= at + size and not (bases == N).any():
                return Stretch(tid, at - int(haplotype.shift[event]), bases)
        return None

    def aligned(self, flag: int, read: Stretch, start: int, stop: int, clip: str = "S") -> Record:
        """A record whose bases start..stop-1 are aligned; the others are clipped, off its sequence with ``H``."""
        parts = [(start, clip), (stop - start, "M"), (len(read.bases) - stop, clip)]
        seq = read.bases[start:stop] if clip == "H" else read.bases
        expected = self.source.genome[read.tid].codes[read.pos + start : read.pos + stop]
        tags = _tags(read.bases[start:stop], expected)
        cigar = [part for part in parts if part[0]]
        return Record(flag, seq, read.tid, read.pos + start, 60, cigar, tags)

    def elsewhere(self, record: Record) -> str:
        """The SA tag that points to a record."""
        strand = "-" if record.flag & REVERSE else "+"
        place = f"{self.source.genome[record.tid].name},{record.pos + 1},{strand}"
        return f"{place},{record.cigar_text},{record.mapq},{record.tags['NM']};"

    def encode(self, name: str, record: Record) -> Encoded:
        """A record as BAM has it (SAM v1, section 4.2), with what it says of its mate."""
        mate = record.mate
        assert mate is not None  # every odd fragment is a pair
        flag = record.flag | (MATE_REVERSE if mate.flag & REVERSE else 0) | (MATE_UNMAPPED if mate.tid < 0 else 0)
        both = record.tid == mate.tid >= 0
        label = name.encode() + b"\0"
        places = np.array([record.pos]), np.array([record.end])
        head = struct.pack(
            "<iiBBHHHiiii",
            record.tid,
            record.pos,
            len(label),
            record.mapq,
            int(bins(*places)[0]) if record.tid >= 0 else 4680,
            len(record.cigar),
            flag,
            len(record.seq),
            mate.tid,
            mate.pos,
            mate.five_prime - record.five_prime if both else 0,
        )
        operations = b"".join(struct.pack("<I", size << 4 | OPERATIONS.index(text)) for size, text in record.cigar)
        body = head + label + operations + self.bases(record.seq) + self.all_tags(record, mate)
        return Encoded(record.tid, record.pos, record.end, struct.pack("<i", len(body)) + body)

    def bases(self, seq: Bytes) -> bytes:
        """Packed bases, and qualities drawn for them."""
        padded = np.append(seq, np.zeros(len(seq) & 1, np.uint8))
        qualities = self.qualities[self.random.integers(len(self.qualities))][: len(seq)]
        return (padded[::2] << 4 | padded[1::2]).tobytes() + qualities.tobytes()

    def all_tags(self, record: Record, mate: Record) -> bytes:
        """The record's tags, its mate's CIGAR and its read group."""
        tags = dict(record.tags)
        if mate.cigar:
            tags["MC"] = mate.cigar_text
        if self.source.group:
            tags["RG"] = self.source.group
        return b"".join(_tag(name, value) for name, value in tags.items())


def _pair(first: Record, second: Record) -> list[Record]:
    first.mate, second.mate = second, first
    return [first, second]


def _tags(bases: Bytes, expected: Bytes) -> dict[str, str | int]:
    """NM, MD and AS of bases without gaps."""
    wrong = np.flatnonzero(bases != expected).tolist()
    edges = [-1, *wrong, len(bases)]
    runs = [str(right - left - 1) for left, right in pairwise(edges)]
    letters = [*(chr(ASCII[expected[i]]) for i in wrong), ""]
    md = "".join(run + letter for run, letter in zip(runs, letters, strict=True))
    score = (len(bases) - len(wrong)) * MATCH + len(wrong) * MISMATCH
    return {"NM": len(wrong), "MD": md, "AS": max(0, score)}


def _tag(name: str, value: str | int) -> bytes:
    if isinstance(value, int):
        return name.encode() + b"S" + struct.pack("<H", value)
    return name.encode() + b"Z" + value.encode() + b"\0"

"""Reads that try what the quality control's rules turn on, and a file of them streamed through the accumulators."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gpucall.backend import Backend, CpuBackend
from gpucall.config import Batching, Filters
from gpucall.io.alignments import open_alignments
from gpucall.qc import DepthWriters, OrderedPiece, OrderedQc, SampleQc, gc_reads
from gpucall.reads import Batcher

from .fixtures import (
    DUPLICATE,
    MATE_REVERSE,
    MATE_UNMAPPED,
    PAIRED,
    PROPER,
    QC_FAIL,
    READ1,
    READ2,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Read,
    in_file_order,
    parse_cigar,
    write_bam,
)

CONTIGS = {"chr1": 900, "chr2": 700, "chrX": 500}
CIGARS = (
    "30M",
    "30M",
    "30M",
    "18M",
    "30=",
    "5S25M",
    "21M9S",
    "12M4D18M",
    "10M5I15M",
    "8M40N12M",
    "4S8M2D3M2I9M3S",
    "10=1X19=",
    "3H27M",
    "9M2D6M1I5M3D9M",
    "2D20M2D",
)
QUALITIES = (2, 2, 19, 20, 20, 29, 30, 37, 37, 40)


def bases_for(cigar: str, chance: random.Random) -> tuple[str, list[int]]:
    """A random sequence with a few N, and qualities around the thresholds."""
    length = sum(count for count, kind in parse_cigar(cigar) if kind in "MIS=X")
    return "".join(chance.choices("ACGTN", (9, 9, 9, 9, 1), k=length)), chance.choices(QUALITIES, k=length)


def draw_read(name: str, tid: int, pos: int, flag: int, chance: random.Random, cigar: str = "") -> Read:
    """One mapped read."""
    cigar = cigar or chance.choice(CIGARS)
    seq, qual = bases_for(cigar, chance)
    return Read(name, pos, cigar, seq, tid, flag, chance.choice((0, 4, 5, 19, 20, 60, 60, 60)), qual)


def joined(one: Read, two: Read) -> tuple[Read, Read]:
    """Two reads that name each other as mates."""
    span = max(one.end(), two.end()) - min(one.pos, two.pos) if one.tid == two.tid else 0
    sign = 1 if one.pos <= two.pos else -1

    def to(read: Read, mate: Read, tlen: int) -> Read:
        strand = MATE_REVERSE if mate.flag & REVERSE else 0
        return replace(read, flag=read.flag | strand, mate_tid=mate.tid, mate_pos=mate.pos, tlen=tlen)

    return to(one, two, sign * span), to(two, one, -sign * span)


def draw_pair(number: int, chance: random.Random) -> list[Read]:
    """A pair with something about it: its flags, its places, a mate that is not mapped, further alignments."""
    name, tid = f"pair{number}", chance.randrange(2)
    proper = PROPER if chance.random() < 0.8 else 0
    length = list(CONTIGS.values())[tid] - 90
    start = chance.randrange(length)
    apart = chance.choice((0, 0, 1, 5, 12, 20, 29, 35, 300))
    other = min(start + apart, length)
    one = draw_read(name, tid, start, PAIRED | READ1 | proper | chance.choice((0, REVERSE)), chance)
    two = draw_read(name, tid, other, PAIRED | READ2 | proper | chance.choice((0, REVERSE, REVERSE)), chance)
    marked = chance.choice((0, 0, 0, 0, DUPLICATE, QC_FAIL))
    two = replace(two, flag=two.flag | marked)
    if chance.random() < 0.5:
        one = replace(one, flag=one.flag | marked)
    if chance.random() < 0.08:
        two = replace(two, tid=1 - tid, pos=min(other, 600))
    if chance.random() < 0.08:
        one = replace(one, flag=(one.flag | MATE_UNMAPPED) & ~PROPER)
        two = replace(two, flag=(two.flag | UNMAPPED) & ~PROPER, tid=tid, pos=start, cigar="", mapq=0)
    if chance.random() < 0.5:
        one, two = two, one  # which of two reads that start together comes first
    return [*joined(one, two), *draw_further(one, chance)]


def draw_further(read: Read, chance: random.Random) -> list[Read]:
    """Now and then a secondary or supplementary alignment near a read, or the read again without a sequence."""
    kind = chance.choice((0,) * 12 + (SECONDARY, SUPPLEMENTARY, SUPPLEMENTARY))
    if not kind or read.flag & UNMAPPED:
        return []
    again = draw_read(read.name, read.tid, max(read.pos - 7, 0), read.flag | kind, chance)
    again = replace(again, mate_tid=read.tid, mate_pos=read.pos)
    return [again] if chance.random() < 0.8 else [replace(again, seq="*", qual=[])]


def draw_single(number: int, chance: random.Random) -> Read:
    """A read that is not one of a pair; some are not placed."""
    read = draw_read(f"single{number}", 0, chance.randrange(700), chance.choice((0, 0, REVERSE, DUPLICATE)), chance)
    return read if chance.random() < 0.7 else replace(read, tid=-1, pos=-1, cigar="", mapq=0, flag=UNMAPPED)


def odd_reads(seed: int, pairs: int = 150) -> list[Read]:
    """A file's worth of them, in file order."""
    chance = random.Random(seed)
    drawn = [read for number in range(pairs) for read in draw_pair(number, chance)]
    return in_file_order(drawn + [draw_single(number, chance) for number in range(pairs // 10)])


def stream_ordered(
    path: Path,
    genome: Mapping[str, str] | None = None,
    batching: Batching | None = None,
    backend: Backend | None = None,
    workers: int = 1,
    writers: DepthWriters | None = None,
) -> tuple[SampleQc, OrderedQc]:
    """The quality control of a BAM; with a genome also its coverage. Batches go to ``workers`` accumulators in turn."""
    backend = backend or CpuBackend()
    ordered = OrderedQc(writers)
    plan = writers.plan if writers is not None else None
    with closing(open_alignments(str(path), "")) as source:
        contigs = source.header.contigs()
        qualities = [SampleQc(contigs, backend, plan=plan) for _ in range(workers)]
        for number, batch in enumerate(Batcher(source, backend, batching or Batching(), Filters())):
            qc = qualities[number % workers]
            first, stop = batch.first_new, len(batch.records.pos)
            gc = backend.download(qc.add_reads(batch.device, first, stop))
            piece = OrderedPiece(gc_reads(batch.records, first, stop, gc))
            for tile in batch.tiles:
                where = (tile.tid, tile.start, tile.stop, (tile.row, tile.row_stop))
                reference = qc.pack(as_bytes(genome[contigs[tile.tid][0]]), 0) if genome else None
                if reference is not None:
                    qc.add_alignments(batch.device, reference, *where)
                part = qc.add_depth(batch.device, reference, *where)
                piece.depth += [] if part is None else [part]
            ordered.add(piece)
    return SampleQc.merged(qualities, contigs), ordered


def stream(path: Path, *options: Any, **named: Any) -> SampleQc:
    """The first of ``stream_ordered``."""
    return stream_ordered(path, *options, **named)[0]


def stream_reads(folder: Path, reads: Sequence[Read], genome: Mapping[str, str] | None = None) -> SampleQc:
    """The quality control of some reads."""
    return stream(write_reads(folder, reads), genome)


def write_reads(folder: Path, reads: Sequence[Read]) -> Path:
    """Some reads as a BAM without an index."""
    return write_bam(folder / "reads.bam", reads, CONTIGS, index=None)


def as_bytes(text: str) -> NDArray[np.uint8]:
    """ASCII as an array."""
    return np.array(bytearray(text.encode()), dtype=np.uint8)


class Genome:
    """A reference in memory, as ``SampleQc.fill_gaps`` reads one."""

    def __init__(self, sequences: Mapping[str, str]) -> None:
        self.sequences = sequences
        self.contigs = {name: len(bases) for name, bases in sequences.items()}

    def fetch(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Upper-case ASCII bases."""
        return as_bytes(self.sequences[contig][start:end])

    letters = fetch

"""A hand-made sample of what is hard to keep independent of tiles, batches and devices.

Indels of 60 bp, sites with three alleles, variants in clusters and in a chain that never ends, reads of a copy that the
reference lacks, overlapping mates that disagree, and a pile of thousands of reads.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

from . import fixtures
from .fixtures import BASES, MATE_REVERSE, PAIRED, PROPER, READ1, READ2, REVERSE, UNMAPPED, Read

CONTIGS = {"chr1": 9000, "chr2": 3500}
HOMOPOLYMER = 2000
COPY = range(4000, 6000)
CHAIN = range(900, 2400, 19)  # on the second contig: variants that are all joined to their neighbours
PILE, PILE_DEPTH = 7200, 5000
LENGTH = 100


@dataclass(frozen=True)
class Event:
    """The bases [at, at + deleted) of the reference become ``inserted``."""

    at: int
    deleted: int
    inserted: str


class Haplotype:
    """A sequence, and for each of its bases the reference position under it (None: inserted)."""

    def __init__(self, reference: str, events: Sequence[Event]) -> None:
        self.bases = ""
        self.places: list[int | None] = []
        at = 0
        for event in [*sorted(events, key=lambda event: event.at), Event(len(reference), 0, "")]:
            self._add(reference[at : event.at], range(at, event.at))
            paired = min(event.deleted, len(event.inserted))
            self._add(event.inserted, [*range(event.at, event.at + paired), *[None] * (len(event.inserted) - paired)])
            at = event.at + event.deleted

    def _add(self, bases: str, places: Sequence[int | None]) -> None:
        self.bases += bases
        self.places += places

    def align(self, start: int, length: int) -> tuple[int, str]:
        """(leftmost position, CIGAR) of the bases from ``start`` on; insertions at the ends are clipped."""
        places = self.places[start : start + length]
        known = [place for place in places if place is not None]
        operations = list(_operations(places))
        for end in (0, -1):
            if operations[end][1] == "I":
                operations[end] = (operations[end][0], "S")
        return known[0], "".join(f"{size}{kind}" for size, kind in operations)


def _operations(places: Sequence[int | None]) -> Iterator[tuple[int, str]]:
    last: int | None = None
    for inserted, run in groupby(places, key=lambda place: place is None):
        stretch = list(run)
        if inserted:
            yield len(stretch), "I"
            continue
        matched = 0
        for place in stretch:
            assert place is not None
            if last is not None and place > last + 1:
                if matched:
                    yield matched, "M"
                yield place - last - 1, "D"
                matched = 0
            matched, last = matched + 1, place
        yield matched, "M"


def reference() -> dict[str, str]:
    """Random contigs; the first has a homopolymer of 12."""
    contigs = fixtures.sequences(CONTIGS)
    bases = contigs["chr1"]
    return contigs | {"chr1": f"{bases[: HOMOPOLYMER - 1]}C{'A' * 12}G{bases[HOMOPOLYMER + 13 :]}"}


def other_base(base: str, step: int = 1) -> str:
    """Another base."""
    return BASES[(BASES.index(base) + step) % 4]


def events(bases: str) -> tuple[list[Event], list[Event]]:
    """The variants of both haplotypes of the first contig."""

    def snv(at: int, step: int = 1) -> Event:
        return Event(at, 1, other_base(bases[at], step))

    shared = [snv(at) for at in range(310, 900, 190)] + [Event(1500, 0, fixtures.random_sequence(60, 5)), snv(3500)]
    near = [snv(2600), snv(2604), Event(2608, 3, ""), Event(2620, 0, "TTG"), snv(2631)]
    one = [Event(1000, 60, ""), Event(HOMOPOLYMER, 0, "AA"), snv(2300, 1), *near, snv(3000), snv(7150), snv(PILE + 20)]
    two = [Event(HOMOPOLYMER, 1, ""), snv(2300, 2), snv(2604), snv(3010), snv(4700), snv(5300), snv(8000)]
    return shared + one, shared + two


def chain_events(bases: str) -> tuple[list[Event], list[Event]]:
    """Heterozygous variants without end, some of them indels, on either haplotype of the second contig."""

    def draw(k: int, at: int) -> Event:
        return Event(at, 2, "") if k % 5 == 3 else Event(at, 1, other_base(bases[at]))

    drawn = [draw(k, at) for k, at in enumerate(CHAIN)]
    return drawn[::2], drawn[1::2]


def copy_events(bases: str) -> list[Event]:
    """What tells the copy that the reference lacks from it: 1.5 % of its bases."""
    return [Event(at, 1, other_base(bases[at], 3)) for at in range(COPY.start + 30, COPY.stop, 66)]


def reads(depth: int = 30, pile: int = PILE_DEPTH, seed: int = 1) -> list[Read]:
    """All reads, in file order."""
    chance = random.Random(seed)
    contigs = reference()
    drawn: list[Read] = []
    for tid, (name, bases) in enumerate(contigs.items()):
        variants = events(bases) if tid == 0 else chain_events(bases)
        for number, changes in enumerate(variants):
            haplotype = Haplotype(bases, changes)
            starts = [chance.randrange(len(haplotype.bases) - 400) for _ in range(len(bases) * depth // (4 * LENGTH))]
            drawn += _pairs(f"{name}.{number}", tid, haplotype, starts, chance)
            if tid == 0 and pile:
                starts = [haplotype.places.index(PILE) - chance.randrange(80) for _ in range(pile // 2)]
                drawn += _pairs(f"pile.{number}", tid, haplotype, starts, chance)
    copy = Haplotype(contigs["chr1"], copy_events(contigs["chr1"]))
    starts = [chance.randrange(COPY.start, COPY.stop - 350) for _ in range(len(COPY) * depth // (3 * LENGTH))]
    drawn += _pairs("copy", 0, copy, starts, chance)
    bases = list(contigs.values())
    drawn = [with_nm(read, bases[read.tid]) for read in drawn]
    return fixtures.in_file_order([*drawn, _unmapped(0, 300, chance), _unmapped(-1, -1, chance)])


def _unmapped(tid: int, pos: int, chance: random.Random) -> Read:
    """A read that is not mapped, placed or not."""
    seq = "".join(chance.choices("ACGTN", k=LENGTH))
    return Read(f"unmapped.{tid}", pos, "", seq, tid, UNMAPPED, 0, 20)


def _pairs(name: str, tid: int, haplotype: Haplotype, starts: Sequence[int], chance: random.Random) -> list[Read]:
    return [read for k, start in enumerate(starts) for read in _pair(f"{name}.{k}", tid, haplotype, start, chance)]


def _pair(name: str, tid: int, haplotype: Haplotype, start: int, chance: random.Random) -> tuple[Read, Read]:
    insert = chance.randint(LENGTH + 20, 340)
    one = _read(name, tid, haplotype, start, PAIRED | PROPER | READ1 | MATE_REVERSE, chance)
    two = _read(name, tid, haplotype, start + insert - LENGTH, PAIRED | PROPER | READ2 | REVERSE, chance)
    span = two.end() - one.pos
    return (
        replace(one, mate_tid=tid, mate_pos=two.pos, tlen=span),
        replace(two, mate_tid=tid, mate_pos=one.pos, tlen=-span),
    )


def _read(name: str, tid: int, haplotype: Haplotype, start: int, flag: int, chance: random.Random) -> Read:
    """A read with an error in one of 150 bases, more of them where the quality is low."""
    pos, cigar = haplotype.align(start, LENGTH)
    quality = chance.choices((11, 25, 37), (1, 2, 9), k=LENGTH)
    wrong = {k for k in range(LENGTH) if chance.random() < (0.04 if quality[k] == 11 else 0.003)}
    bases = haplotype.bases[start : start + LENGTH]
    seq = "".join(other_base(base, 2) if k in wrong else base for k, base in enumerate(bases))
    return Read(name, pos, cigar, seq, tid, flag, chance.choice((60, 60, 60, 60, 45, 27, 8)), quality)


def with_nm(read: Read, reference: str) -> Read:
    """With its edit distance, as aligners write it: what decodes a CRAM computes it anew."""
    at, base, distance = read.pos, 0, 0
    for length, kind in fixtures.parse_cigar(read.cigar):
        if kind == "M":
            distance += sum(a != b for a, b in zip(read.seq[base:], reference[at : at + length], strict=False))
        elif kind in "ID":
            distance += length
        at += length * (kind in "MD")
        base += length * (kind in "MIS")
    return replace(read, tags=read.tags + b"NMC" + bytes([distance]))


@dataclass(frozen=True)
class Files:
    """Where the sample is."""

    bam: Path
    reference: Path

    @property
    def paths(self) -> tuple[Path, Path]:
        """Reads and reference."""
        return self.bam, self.reference


def write(folder: Path, chosen: Sequence[Read] | None = None, block_bytes: int = 4000) -> Files:
    """The sample as an indexed BAM in small blocks, with its reference."""
    folder.mkdir(parents=True, exist_ok=True)
    bam = fixtures.write_bam(folder / "reads.bam", chosen or reads(), CONTIGS, block_bytes=block_bytes, level=1)
    return Files(bam, fixtures.write_fasta(folder / "ref.fa", reference()))

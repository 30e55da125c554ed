"""records: a given record, what may be made of it, and the order of given and discovered records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from ..candidates import Window
from ..config import Given
from ..genotype import Call, genotype_order
from ..io.alleles import NO_BASE, Sites
from ..io.vcf import record
from ..kernels.pileup import Events
from ..pileup import TileReads

FLAG = "GIVEN"
REASONS = {
    "NoCoverage": "a given site without a read that counts for calling",
    "NotCallable": "a given site where the reference has unknown bases",
    "TooLong": "a given site with an allele that deletes or inserts more than {longest} bp",
    "TooManyAlleles": "a given site with more than {most_alleles} alternates that need haplotypes",
    "NoCopies": "a given site of which the sample has no copy",
}
STAR = "*"


def header_lines(settings: Given) -> list[str]:
    """What the VCF's header says of given sites."""
    values = settings._asdict()
    flag = f'##INFO=<ID={FLAG},Number=0,Type=Flag,Description="Site and alleles were given; ALT has them first">'
    return [flag, *(f'##FILTER=<ID={name},Description="{text.format(**values)}">' for name, text in REASONS.items())]


@dataclass
class View:
    """What decided a stretch: a pass of the stages, and what it called there and around, under one ploidy."""

    reads: TileReads
    windows: Sequence[Window]
    events: Events
    calls: Sequence[Call]


@dataclass
class Answer:
    """The record of a given site.

    row       of the contig's ``Sites``
    text      the line where nothing was found, so that no call was made; ``depth`` is its INFO/DP, -1: it has none
    absorbed  discovered calls that it stands for
    """

    row: int
    call: Call | None = None
    text: str = ""
    depth: int = -1
    absorbed: list[Call] = field(default_factory=list)


@dataclass
class Plain:
    """Records whose alternates were not found, counted for statistics: REF and ALT of each, and their depths."""

    alleles: Counter[tuple[str, str]] = field(default_factory=Counter)
    depths: Counter[int] = field(default_factory=Counter)

    def add(self, ref: str, alts: str, depth: int) -> None:
        """Count one."""
        self.alleles[ref, alts] += 1
        if depth >= 0:
            self.depths[depth] += 1

    def merge(self, other: Plain) -> None:
        """Add another's."""
        self.alleles.update(other.alleles)
        self.depths.update(other.depths)


class Merged(NamedTuple):
    """Records of a stretch, in order: their text, the calls among them, and the given sites where nothing was found."""

    text: str
    calls: list[Call]
    plain: Plain

    @classmethod
    def of(cls, contig: str, calls: list[Call]) -> Merged:
        """Discovered calls alone."""
        return cls("".join(record(contig, call) for call in calls), calls, Plain())


def merge(contig: str, calls: Sequence[Call], answers: Sequence[Answer], sites: Sites) -> Merged:
    """Discovered calls and the records of given sites, in one order: by position, the given ones first."""
    absorbed = {id(call) for answer in answers for call in answer.absorbed}
    plain = Plain()
    entries: list[tuple[int, int, int, Call | str]] = []
    for answer in answers:
        position = int(sites.position[answer.row])
        if answer.call is None:
            _, ref, alts = sites.text[answer.row].split("\t")
            plain.add(ref, alts, answer.depth)
        entries.append((position, 0, answer.row, answer.call or answer.text))
    kept = (call for call in calls if id(call) not in absorbed)
    entries += [(call.position, 1, number, call) for number, call in enumerate(kept)]
    entries.sort(key=lambda entry: entry[:3])
    records = [entry[3] for entry in entries]
    text = "".join(each if isinstance(each, str) else record(contig, each) for each in records)
    return Merged(text, [each for each in records if isinstance(each, Call)], plain)


def no_call(contig: str, sites: Sites, row: int, ploidy: int, reason: str) -> Answer:
    """The record of a site that cannot be genotyped."""
    missing = "./." if ploidy == 2 else "."
    return Answer(
        row, text=f"{contig}\t{sites.position[row] + 1}\t{sites.text[row]}\t0.00\t{reason}\t{FLAG}\tGT\t{missing}\n"
    )


class Record:
    """One given record.

    ref, alts  upper case; ``texts``: as written
    """

    def __init__(self, sites: Sites, row: int) -> None:
        self.row = row
        self.position = int(sites.position[row])
        self.name, *self.texts = sites.text[row].split("\t")
        self.ref, *self.alts = self.texts[0].upper(), *self.texts[1].upper().split(",")
        self.is_simple = bool(sites.ref[row] != NO_BASE)

    def texts_with(self, more: Iterable[str]) -> tuple[str, tuple[str, ...]]:
        """REF and ALTs as written, and further ALTs."""
        return self.texts[0], (*self.texts[1].split(","), *more)


def is_same(call: Call, written: Record) -> bool:
    """True for a discovered call of the very alleles that are given; ``*`` is none of them."""
    if call.ref != written.ref:
        return False
    return call.alts == tuple(written.alts) or sorted(set(call.alts) - {STAR}) == sorted(written.alts)


def in_writing(call: Call, written: Record) -> Call:
    """A discovered call with its ALTs in the order given, flagged."""
    if call.alts == tuple(written.alts):
        ref, texts = written.texts_with(())
        info = {FLAG: True} | call.info
        return replace(call, ref=ref, alts=texts, info=info, info_text="", name=written.name)
    alts = [*written.alts, *(alt for alt in call.alts if alt == STAR)]
    number = [0, *(1 + alts.index(alt) for alt in call.alts)]  # new number of each old allele
    old = [number.index(new) for new in range(len(number))]
    genotypes = genotype_order(len(number), call.ploidy)
    costs = dict(zip(genotypes, call.likelihoods, strict=True))
    moved = tuple(number[allele] for allele in call.genotype)
    ref, texts = written.texts_with(alts[len(written.alts) :])
    return replace(
        call,
        ref=ref,
        alts=texts,
        genotype=moved if call.phase_set >= 0 else tuple(sorted(moved)),
        strands=[call.strands[allele] for allele in old],
        likelihoods=[costs[tuple(sorted(old[allele] for allele in each))] for each in genotypes],
        info={FLAG: True} | {key: _moved(value, old) for key, value in call.info.items()},
        info_text="",
        name=written.name,
    )


def _moved(value: object, old: list[int]) -> object:
    """A value for each ALT in their new order."""
    if isinstance(value, list) and len(value) == len(old) - 1:
        return [value[allele - 1] for allele in old[1:]]
    return value


def why_not(reads: TileReads, written: Record, settings: Given) -> str:
    """Why a site cannot be genotyped; empty: it can."""
    low = written.position - reads.origin
    there = reads.bases[low : low + len(written.ref)]
    if not np.isin(there, np.frombuffer(b"ACGT", dtype=np.uint8)).all() or any("N" in alt for alt in written.alts):
        return "NotCallable"
    changes = [trimmed(written.position, written.ref, alt) for alt in written.alts]
    if any(max(deleted, len(inserted)) > settings.longest for _, deleted, inserted in changes):
        return "TooLong"
    return "TooManyAlleles" if not written.is_simple and len(written.alts) > settings.most_alleles else ""


def trimmed(position: int, ref: str, alt: str) -> tuple[int, int, bytes]:
    """(position, deleted, inserted) of an ALT without the bases that it shares with REF, those at the end first."""
    while ref and alt and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    return position + shared, len(ref) - shared, alt[shared:].encode()

"""alleles: the sites and alleles that a user asks for, from a VCF (plain, gzipped, bgzipped) or a BCF."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, ReferenceMismatch
from ..tiles import other_naming

RUN_GAP = 1 << 16  # bp; sites closer than this are compared with one piece of the reference
LONGEST_RUN = 1 << 22  # bp of reference held at once
NO_BASE = -1
CODE = {letter: code for code, letter in enumerate("ACGT")} | {letter: code for code, letter in enumerate("acgt")}
_BASES = re.compile("[ACGTNacgtn]+")


class ReferenceBases(Protocol):
    """What the alleles are compared with."""

    path: Path

    @property
    def contigs(self) -> Mapping[str, int]:
        """Contig name -> length."""

    def fetch(self, contig: str, start: int, end: int) -> NDArray[np.uint8]:
        """Upper-case ASCII bases."""


@dataclass
class Sites:
    """The sites of one contig, in the file's order.

    position  int64[n]     0-based POS
    stop      int64[n]     after the last base of REF
    text      [n]          ``ID<tab>REF<tab>ALT`` as written
    ref       int8[n]      code of REF where REF and all ALTs are single bases; else -1
    alts      int8[n, 3]   codes of the ALTs of such sites, in their order; -1: there is none
    """

    position: NDArray[np.int64]
    stop: NDArray[np.int64]
    text: list[str]
    ref: NDArray[np.int8]
    alts: NDArray[np.int8]

    def range(self, start: int, stop: int) -> tuple[int, int]:
        """Rows [low, high) of the sites whose POS is in [start, stop)."""
        low, high = np.searchsorted(self.position, [start, stop])
        return int(low), int(high)


class Line(NamedTuple):
    """One record of the file."""

    contig: str
    position: int  # 1-based
    name: str
    ref: str
    alts: str
    source: str
    number: int

    @property
    def place(self) -> str:
        """Where it is, for a person."""
        return f"{self.source} {self.number}"


@dataclass
class _Columns:
    position: list[int] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    codes: list[tuple[int, int, int, int]] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    def sites(self) -> Sites:
        codes = np.array(self.codes, dtype=np.int8).reshape(-1, 4)
        position = np.array(self.position, dtype=np.int64) - 1
        stop = position + np.array(self.lengths, dtype=np.int64)
        return Sites(position, stop, self.text, codes[:, 0], codes[:, 1:])


def read_alleles(path: str | Path, reference: ReferenceBases) -> dict[str, Sites]:
    """The sites of every contig.

    Raises
    ------
    InputError
        The file cannot be read, is no VCF or BCF, is not sorted, names an unknown contig, or has an allele that is no
        sequence of bases.
    ReferenceMismatch
        REF is not what the reference has there.
    """
    found: dict[str, _Columns] = {}
    contig, position, length = "", 0, 0
    columns = _Columns()
    for line in _lines(Path(path)):
        if line.contig != contig:
            if line.contig in found:
                raise InputError(f"{line.place}: not sorted: {line.contig} was left before; run 'bcftools sort' first")
            _check_contig(line, reference)
            columns = found.setdefault(line.contig, _Columns())
            length = reference.contigs[line.contig]
        elif line.position < position:
            raise InputError(
                f"{line.place}: not sorted: {line.contig}:{line.position} comes after position {position};"
                " run 'bcftools sort' first"
            )
        contig, position = line.contig, line.position
        columns.position.append(line.position)
        columns.text.append(f"{line.name}\t{line.ref}\t{line.alts}")
        columns.codes.append(_codes(line, length))
        columns.lengths.append(len(line.ref))
    sites = {name: each.sites() for name, each in found.items()}
    for name, each in sites.items():
        _check_reference(path, name, each, reference)
    return sites


def _check_contig(line: Line, reference: ReferenceBases) -> None:
    if line.contig in reference.contigs:
        return
    other = other_naming(line.contig)
    hint = f"; did you mean '{other}'?" if other in reference.contigs else "; the reference has no such contig"
    raise InputError(f"{line.place}: unknown contig '{line.contig}'{hint}")


def _codes(line: Line, length: int) -> tuple[int, int, int, int]:
    """Codes of REF and up to three ALTs, where all are single bases; -1."""
    ref, alts = line.ref, line.alts
    if len(ref) == 1 == len(alts) and ref in CODE and alts in CODE and ref.upper() != alts.upper():
        if line.position > length or line.position < 1:
            raise _outside(line, length)
        return CODE[ref], CODE[alts], NO_BASE, NO_BASE
    each = _check_alleles(line, length)
    if ref not in CODE or len(each) > 3 or any(alt not in CODE for alt in each):
        return NO_BASE, NO_BASE, NO_BASE, NO_BASE
    one, two, three = [*(CODE[alt] for alt in each), NO_BASE, NO_BASE][:3]
    return CODE[ref], one, two, three


def _outside(line: Line, length: int) -> InputError:
    last = line.position + len(line.ref) - 1
    return InputError(f"{line.place}: {line.contig}:{line.position}-{last} is outside the contig, 1-{length}")


def _check_alleles(line: Line, length: int) -> list[str]:
    """The ALTs of a record that can be asked for."""
    alts = line.alts.split(",")
    for allele in (line.ref, *alts):
        if not _BASES.fullmatch(allele):
            what = "has no ALT" if allele == "." else f"has the symbolic allele '{allele}'"
            if allele and allele[0].isalpha() and allele.isalpha():
                what = f"has the allele '{allele}'"
            raise InputError(
                f"{line.place}: {line.contig}:{line.position} {what}; --alleles takes alleles of A, C, G, T (and N):"
                " leave it out, with bcftools view -e or by hand"
            )
    if line.position < 1 or line.position + len(line.ref) - 1 > length:
        raise _outside(line, length)
    upper = [allele.upper() for allele in (line.ref, *alts)]
    if len(set(upper)) < len(upper):
        raise InputError(f"{line.place}: {line.contig}:{line.position} has an allele twice: {line.ref} {line.alts}")
    return alts


def _check_reference(path: str | Path, contig: str, sites: Sites, reference: ReferenceBases) -> None:
    """``ReferenceMismatch`` unless every REF is what the reference has; its unknown bases fit any."""
    low = 0
    while low < len(sites.position):
        near = (np.diff(sites.position[low:]) <= RUN_GAP) & (
            sites.position[low + 1 :] - sites.position[low] < LONGEST_RUN
        )
        high = low + 1 + (int(near.argmin()) if not near.all() else len(near))
        start, stop = int(sites.position[low]), int(sites.stop[low:high].max())
        bases = reference.fetch(contig, start, stop)
        expected = np.frombuffer(b"ACGT", dtype=np.uint8)[sites.ref[low:high]]
        there = bases[sites.position[low:high] - start]
        wrong = (sites.ref[low:high] < 0) | ((there != expected) & np.isin(there, np.frombuffer(b"ACGT", np.uint8)))
        for row in (np.flatnonzero(wrong) + low).tolist():
            ref = sites.text[row].split("\t")[1]
            found = bases[int(sites.position[row]) - start : int(sites.stop[row]) - start].tobytes().decode()
            if any(a != b and b in "ACGT" for a, b in zip(ref.upper(), found, strict=True)):
                raise ReferenceMismatch(
                    f"{path}: REF of {contig}:{sites.position[row] + 1} is {ref}, {reference.path} has {found};"
                    " give the alleles of the reference that the reads were aligned to"
                )
        low = high


# -- lines -------------------------------------------------------------------------------------------------------------


def _lines(path: Path) -> Iterator[Line]:
    try:
        with open(path, "rb") as file:
            head = file.read(2)
            file.seek(0)
            head = gzip.GzipFile(fileobj=file).read(5) if head == b"\x1f\x8b" else file.read(5)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (EOFError, zlib.error) as error:
        raise _damaged(path, error) from error
    if head == b"BCF\2\2" or head == b"BCF\2\1":
        return _bcf_lines(path)
    if head[:5] != b"##fil":
        raise InputError(f"{path}: neither VCF nor BCF (it starts with {head!r}); --alleles takes one of them")
    return _vcf_lines(path)


def _damaged(path: Path, error: object) -> InputError:
    return InputError(f"{path}: damaged or cut short: {error}; fetch or make it again")


def _vcf_lines(path: Path) -> Iterator[Line]:
    with open(path, "rb") as magic:
        opened = gzip.open if magic.read(2) == b"\x1f\x8b" else open
    try:
        with opened(path, "rt", encoding="utf-8", errors="replace") as lines:
            yield from _parse(path, lines)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, error) from error


def _parse(path: Path, lines: Iterable[str]) -> Iterator[Line]:
    named, source = False, f"{path} line"
    for number, line in enumerate(lines, start=1):
        if line[0] == "#":
            named |= line.startswith("#CHROM\tPOS\tID\tREF\tALT")
            continue
        if not named:
            raise InputError(f"{path} line {number}: no '#CHROM POS ID REF ALT' line before it, separated by tabs")
        fields = line.rstrip("\r\n").split("\t", 5)
        if len(fields) < 5 or not fields[1].isdecimal():
            raise InputError(f"{path} line {number}: expected CHROM, POS, ID, REF, ALT, separated by tabs")
        contig, position, name, ref, alts = fields[:5]
        yield Line(contig, int(position), name, ref, alts, source, number)
    if not named:
        raise InputError(f"{path}: it ends inside its header; fetch or make it again")


def _bcf_lines(path: Path) -> Iterator[Line]:
    import pysam

    source = f"{path} record"
    before = pysam.set_verbosity(0)  # htslib would write to standard error
    try:
        with pysam.VariantFile(str(path)) as records:
            for number, record in enumerate(records, start=1):
                alts = ",".join(record.alts or (".",))
                yield Line(record.chrom, record.pos, record.id or ".", record.ref or "", alts, source, number)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    finally:
        pysam.set_verbosity(before)

"""variants: VCF records as edits of the reference, one per haplotype, ready to be compared.

A record's two alleles are trimmed of the bases they share with REF, so that padding does not matter: an ``Edit`` says
which reference bases go and which come. Alleles that say nothing about the sequence give no edit: REF, a missing ``.``
(so ``./1`` counts as heterozygous) and ``*`` (VCF 4.3 section 1.6.1.5: the deletion is another record's). A haploid
genotype counts as homozygous. Phase is ignored: the order of the two edits carries no meaning.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gpucall.errors import CorruptInput, InputError, TruncatedInput, UsageError

BASES = frozenset("ACGTN")
WITHOUT_EDIT = frozenset((".", "*"))
SAMPLE_COLUMN = 9
PASSING = frozenset(("PASS", "."))


class Edit(NamedTuple):
    """Reference bases [start, end), 0-based, are replaced by ``bases``; never both empty, nor equal at either end."""

    start: int
    end: int
    bases: str

    @property
    def growth(self) -> int:
        """Bases gained (> 0, insertion) or lost (< 0, deletion)."""
        return len(self.bases) - (self.end - self.start)

    @property
    def anchor(self) -> int:
        """0-based position of the VCF record that holds this edit alone: one before a pure insertion or deletion."""
        is_pure = self.start == self.end or not self.bases
        return max(self.start - 1, 0) if is_pure else self.start


@dataclass(slots=True, eq=False)
class Variant:
    """One record with a called alternate allele, and what the comparison found."""

    contig: str
    position: int  # POS, 1-based as in the file
    ref: str
    alts: str
    genotype: str
    quality: str
    haplotypes: tuple[Edit | None, Edit | None]
    edits: tuple[Edit, ...] = field(init=False)  # of the haplotypes, sorted, each once
    start: int = field(init=False)
    end: int = field(init=False)
    is_inside: bool = True
    by_genotype: bool = False
    by_allele: bool = False

    def __post_init__(self) -> None:
        self.edits = tuple(sorted({edit for edit in self.haplotypes if edit}))
        self.start = self.edits[0].start
        self.end = max(edit.end for edit in self.edits)

    @property
    def kind(self) -> str:
        """``SNV``: substitutions of any length only; ``INDEL``: some called allele changes the length."""
        return "INDEL" if self.growth else "SNV"

    @property
    def growth(self) -> int:
        """Length change of the called allele that changes most; 0 for substitutions."""
        return max((edit.growth for edit in self.edits), key=abs)

    @property
    def anchor(self) -> int:
        """0-based position that decides on which side of a BED edge the record is: its first edit's."""
        return min(edit.anchor for edit in self.edits)


class CallSet(NamedTuple):
    """Variants by contig, in the file's order, and the number of records that cannot be compared."""

    path: Path
    variants: dict[str, list[Variant]]
    skipped: int


def trim(position: int, ref: str, alt: str) -> Edit | None:
    """The edit that turns ``ref`` at 0-based ``position`` into ``alt``, without shared bases; None where they agree."""
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[-1 - shared] == alt[-1 - shared]:
        shared += 1
    ref, alt = ref[: len(ref) - shared], alt[: len(alt) - shared]
    shared = 0
    while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
        shared += 1
    ref, alt = ref[shared:], alt[shared:]
    return Edit(position + shared, position + shared + len(ref), alt) if ref or alt else None


def read_vcf(path: str | Path, *, all_records: bool = False, min_qual: float | None = None) -> CallSet:
    """Read the genotyped variants of a single-sample VCF, plain or (b)gzipped; no index is needed.

    Parameters
    ----------
    all_records
        Also take records whose FILTER is neither ``PASS`` nor ``.``.
    min_qual
        Leave out records with QUAL below this, phred, or missing.

    Raises
    ------
    InputError
        Not a VCF, or without genotypes (``CorruptInput``: a record cannot be read; ``TruncatedInput``: cut short).
    UsageError
        The file has several samples.
    """
    path = Path(path)
    variants: dict[str, list[Variant]] = {}
    skipped = 0
    for number, line in _records(path):
        fields = line.rstrip("\r\n").split("\t")
        try:
            if not _is_wanted(fields, all_records, min_qual):
                continue
            haplotypes = _haplotypes(fields)
        except (ValueError, LookupError):
            raise CorruptInput(f"{path}, line {number}: not a VCF record with a genotype: {line[:60]!r}") from None
        if haplotypes is None:
            skipped += 1
        elif any(haplotypes):
            variants.setdefault(fields[0], []).append(_variant(fields, haplotypes))
    return CallSet(path, variants, skipped)


def _variant(fields: list[str], haplotypes: tuple[Edit | None, Edit | None]) -> Variant:
    contig, position, _, ref, alts, quality = fields[:6]
    return Variant(contig, int(position), ref.upper(), alts.upper(), _genotype(fields), quality, haplotypes)


def _is_wanted(fields: list[str], all_records: bool, min_qual: float | None) -> bool:
    quality, filters = fields[5], fields[6]
    if not all_records and filters not in PASSING:
        return False
    return min_qual is None or (quality != "." and float(quality) >= min_qual)


def _genotype(fields: list[str]) -> str:
    keys = fields[8].split(":")
    return fields[SAMPLE_COLUMN].split(":")[keys.index("GT")] if "GT" in keys else "."


def _haplotypes(fields: list[str]) -> tuple[Edit | None, Edit | None] | None:
    """The edits of the genotype's two alleles; None where one is symbolic, a breakend, or the ploidy is above 2."""
    alleles = {".": ".", "0": ".", **{str(i): alt for i, alt in enumerate(fields[4].split(","), start=1)}}
    called = [alleles[index] for index in _genotype(fields).replace("|", "/").split("/")]
    if len(called) > 2 or not all(allele in WITHOUT_EDIT or BASES.issuperset(allele.upper()) for allele in called):
        return None
    edits = [_edit(int(fields[1]) - 1, fields[3], allele) for allele in called]
    return edits[0], edits[-1]


def _edit(position: int, ref: str, allele: str) -> Edit | None:
    return None if allele in WITHOUT_EDIT else trim(position, ref.upper(), allele.upper())


def _records(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and record lines, below a header that was checked."""
    has_header = False
    for number, line in _lines(path):
        if number == 1 and not line.startswith("##fileformat=VCF"):
            raise InputError(f"{path}: not a VCF; expected text (.vcf, .vcf.gz) that begins with ##fileformat=VCF")
        if line.startswith("#CHROM"):
            has_header = True
            _check_samples(path, line)
        elif not line.startswith("#") and line.strip():
            if not has_header:
                raise InputError(f"{path}, line {number}: a record before the #CHROM line")
            yield number, line
    if not has_header:
        raise InputError(f"{path}: no #CHROM line; the file is empty or cut short")


def _check_samples(path: Path, header: str) -> None:
    samples = header.rstrip("\r\n").split("\t")[SAMPLE_COLUMN:]
    if not samples:
        raise InputError(f"{path}: no sample column; genotypes are needed to compare")
    if len(samples) > 1:
        raise UsageError(f"{path}: {len(samples)} samples; expected one: choose it with bcftools view -s {samples[0]}")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with open(path, "rb") as peek:
            is_gzip = peek.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rt") if is_gzip else open(path) as lines:
            yield from enumerate(lines, start=1)
    except EOFError:
        raise TruncatedInput(f"{path}: the compressed file ends too early") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: not a text VCF (a BCF? write it with bcftools view -Oz)") from None
    except (OSError, zlib.error) as error:
        raise InputError(f"{path}: cannot read VCF: {getattr(error, 'strerror', None) or error}") from None

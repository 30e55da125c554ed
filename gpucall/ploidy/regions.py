"""regions: what each position is, as far as the number of its copies is concerned, and how many copies that makes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from os import PathLike
from typing import NamedTuple

from ..errors import InputError
from ..tiles import bed_rows
from . import assemblies

log = logging.getLogger("gpucall")


class Kind(StrEnum):
    """What a stretch of the genome is."""

    AUTOSOME = "autosome"  # and everything that is not named: two copies
    X = "X"  # outside of the pseudo-autosomal regions
    Y = "Y"
    PAR = "PAR"  # of the X
    PAR_Y = "PAR_Y"  # of the Y: its reads are called on the X
    MT = "MT"


SEXES = {  # copies of X and Y outside of the pseudo-autosomal regions
    "XX": (2, 0),
    "XY": (1, 1),
    "X0": (1, 0),
    "XXY": (2, 1),
    "XYY": (1, 2),
    "XXX": (3, 0),
}
UNKNOWN = "unknown"
FIXED = {Kind.AUTOSOME: 2, Kind.PAR: 2, Kind.PAR_Y: 0, Kind.MT: 1}
OPTIONS = {Kind.X: (2, 1), Kind.Y: (1,)} | {kind: (ploidy,) if ploidy else () for kind, ploidy in FIXED.items()}


def ploidy(kind: Kind, sex: str) -> int:
    """Alleles of a genotype: 0 (not called), 1 or 2.

    Three X are genotyped as two. The two Y of XYY are copies of one father's Y, so they are genotyped as one. Where
    the sex is unknown, X has two copies and Y, which has never two different ones, one.
    """
    if kind in FIXED:
        return FIXED[kind]
    x, y = SEXES.get(sex, (2, 1))
    return min(x, 2) if kind is Kind.X else min(y, 1)


class Stretch(NamedTuple):
    """[start, stop) of a contig, 0-based, and what it is."""

    start: int
    stop: int
    kind: Kind


@dataclass(frozen=True)
class PloidyRegions:
    """The stretches of each contig that are not autosomal, sorted and apart.

    assembly  its name, ``given`` for a file of the user's, ``none`` without a known X or Y
    """

    assembly: str = "none"
    stretches: Mapping[str, tuple[Stretch, ...]] = field(default_factory=dict)

    def split(self, contig: str, start: int, stop: int) -> Iterator[Stretch]:
        """[start, stop) of a contig cut into stretches of one kind, in order."""
        for each in self.stretches.get(contig, ()):
            if each.stop <= start:
                continue
            if each.start >= stop:
                break
            if each.start > start:
                yield Stretch(start, each.start, Kind.AUTOSOME)
            yield Stretch(max(start, each.start), min(stop, each.stop), each.kind)
            start = min(stop, each.stop)
        if start < stop:
            yield Stretch(start, stop, Kind.AUTOSOME)

    def kind(self, contig: str, position: int) -> Kind:
        """What a 0-based position is."""
        return next(self.split(contig, position, position + 1)).kind

    def ploidies(self, contig: str, start: int, stop: int) -> tuple[int, ...]:
        """Ploidies, the highest first, under which [start, stop) has to be looked at before the sex is known."""
        found = {number for each in self.split(contig, start, stop) for number in OPTIONS[each.kind]}
        return tuple(sorted(found, reverse=True))

    def is_mitochondrial(self, contig: str) -> bool:
        """Whether a contig is MT, which is always a whole one."""
        return any(each.kind is Kind.MT for each in self.stretches.get(contig, ()))

    def of_kind(self, kind: Kind) -> list[tuple[str, Stretch]]:
        """Contigs and stretches of one kind."""
        return [(contig, each) for contig, spans in self.stretches.items() for each in spans if each.kind is kind]

    @property
    def has_sex(self) -> bool:
        """Whether the number of copies depends on the sex anywhere."""
        return bool(self.of_kind(Kind.X) or self.of_kind(Kind.Y))


def of_contigs(contigs: Mapping[str, int]) -> PloidyRegions:
    """The regions of the known assembly that the contigs (name -> length, bp) are of.

    A contig named as X or Y whose length no known assembly has is diploid, with a warning.
    """
    found: dict[str, tuple[Stretch, ...]] = {}
    names: dict[str, None] = {}
    for wanted, known, kinds in (
        (assemblies.X_NAMES, assemblies.X_CONTIGS, (Kind.X, Kind.PAR)),
        (assemblies.Y_NAMES, assemblies.Y_CONTIGS, (Kind.Y, Kind.PAR_Y)),
    ):
        for name in (name for name in wanted if name in contigs):
            contig = assemblies.find(known, contigs[name])
            if contig is None:
                warn_unknown(name, contigs[name])
                continue
            found[name] = tuple(sex_stretches(contig, *kinds))
            names[contig.assembly] = None
    for name in assemblies.MT_NAMES:
        if contigs.get(name) in assemblies.MT_LENGTHS:
            found[name] = (Stretch(0, contigs[name], Kind.MT),)
    return PloidyRegions("+".join(names) or "none", found)


def warn_unknown(name: str, length: int) -> None:
    """Say that a sex chromosome is not known."""
    log.warning(
        "contig %s has %d bases, which none of the assemblies known here (GRCh37, GRCh38, T2T-CHM13) has: it is called"
        " with two copies; give its regions with --ploidy-regions",
        name,
        length,
    )


def sex_stretches(contig: assemblies.SexContig, kind: Kind, par: Kind) -> Iterator[Stretch]:
    """A sex chromosome in stretches, in order."""
    at = 0
    for start, stop in contig.par:
        if start > at:
            yield Stretch(at, start, kind)
        yield Stretch(start, stop, par)
        at = stop
    if at < contig.length:
        yield Stretch(at, contig.length, kind)


def read_bed(path: str | PathLike[str], contigs: Mapping[str, int]) -> PloidyRegions:
    """Regions of any genome: a BED with ``X``, ``Y``, ``PAR``, ``PAR_Y`` or ``MT`` in its fourth column.

    Raises
    ------
    InputError
        a line that cannot be read, an unknown contig or kind, an interval outside its contig, intervals that overlap,
        an MT that is not a whole contig.
    """
    rows: dict[str, list[Stretch]] = {}
    for where, (contig, start, stop), rest in bed_rows(path, contigs):
        kind = rest[0].upper() if rest else ""
        if kind not in (Kind.X, Kind.Y, Kind.PAR, Kind.PAR_Y, Kind.MT):
            raise InputError(f"{where}: expected X, Y, PAR, PAR_Y or MT in column 4, found {kind or 'nothing'!r}")
        if kind == Kind.MT and (start, stop) != (0, contigs[contig]):
            raise InputError(f"{where}: MT is a whole contig; {contig} has {contigs[contig]} bases")
        if start < stop:
            rows.setdefault(contig, []).append(Stretch(start, stop, Kind(kind)))
    return PloidyRegions("given", {contig: tuple(apart(path, contig, spans)) for contig, spans in rows.items()})


def apart(path: str | PathLike[str], contig: str, spans: Iterable[Stretch]) -> Iterator[Stretch]:
    """The stretches of a contig, sorted; ``InputError`` where two overlap."""
    at = 0
    for each in sorted(spans):
        if each.start < at:
            raise InputError(f"{path}: intervals of {contig} overlap at {each.start + 1}; a position is of one kind")
        at = each.stop
        yield each

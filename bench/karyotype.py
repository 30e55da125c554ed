"""karyotype: a simulated genome with sex chromosomes and mitochondria, and which copies of them a sample has.

Contigs are ``chr1``, ``chrX``, ``chrY`` and ``chrM``. The ends of X and Y are pseudo-autosomal: the Y's are masked (N)
in the reference, as in the assemblies' analysis sets, and its reads there lie on the X. Copies:

- X: one haplotype for each X, the third like the first.
- PAR: besides the X's, one haplotype for each Y; X0 has one copy, whose variants the truth gives as homozygous.
- Y: one haplotype, as often as there are Y.
- MT: the major sequence and a minor one, of ``MINOR`` of the molecules: sites in one of them are heteroplasmic.

``ploidy.bed`` says which stretch is what, for ``gpucall call --ploidy-regions``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from .genome import Bytes, Contig, N
from .haplotypes import Haplotype, build_haplotype
from .truth import Site

NAMES = ("chr1", "chrX", "chrY", "chrM")
SHARES = (0.5, 0.3, 0.2)  # of the genome without MT
MT_LENGTH = 16_569  # bp
MT_COPIES = 10  # of its genome for each of chr1
MINOR = 0.1  # of the mitochondria
PAR_SHARES = (0.1, 0.05)  # of the X, at its start and end
BOUNDARY = 100  # bp on either side of a PAR's end without variants
X_HAPLOTYPES = (0, 1, 0)  # of the first, second and third X


class Copies(NamedTuple):
    """A contig's haplotypes and how deep each is, 1 for one of two autosomes; its variants as the truth has them."""

    haplotypes: list[Haplotype]
    weights: list[float]
    sites: list[Site]


def contig_lengths(length: int) -> list[int]:
    """Lengths of the contigs of a genome of so many bases, MT included."""
    shorter = [round((length - MT_LENGTH) * share) for share in SHARES[1:]]
    return [length - MT_LENGTH - sum(shorter), *shorter, MT_LENGTH]


def par_spans(x_length: int, length: int) -> list[tuple[int, int]]:
    """The two pseudo-autosomal regions of an X or Y of this length, 0-based half-open."""
    first, last = (int(x_length * share) for share in PAR_SHARES)
    return [(0, first), (length - last, length)]


def name_contigs(genome: Sequence[Contig]) -> list[Contig]:
    """The contigs with their names, the Y's pseudo-autosomal regions masked."""
    named = [replace(contig, name=name) for contig, name in zip(genome, NAMES, strict=True)]
    _, x, y, _ = named
    return [named[0], x, replace(y, codes=masked(y.codes, par_spans(len(x), len(y)))), named[3]]


def masked(codes: Bytes, spans: Sequence[tuple[int, int]]) -> Bytes:
    """A copy of some bases with N in some spans."""
    out = codes.copy()
    for start, stop in spans:
        out[start:stop] = N
    return out


def draw_copies(genome: Sequence[Contig], sites: Sequence[Sequence[Site]], karyotype: str) -> list[Copies]:
    """What a sample has of each contig."""
    xs, ys = karyotype.count("X"), karyotype.count("Y")
    autosome, x, y, mt = genome
    both = [build_haplotype(autosome, sites[0], which) for which in range(2)]
    return [
        Copies(both, [1.0, 1.0], list(sites[0])),
        x_copies(x, sites[1], xs, ys),
        y_copies(y, sites[2], ys),
        mt_copies(mt, sites[3]),
    ]


def x_copies(x: Contig, sites: Sequence[Site], xs: int, ys: int) -> Copies:
    """The X chromosomes, and the pseudo-autosomal regions of the Y chromosomes."""
    par = par_spans(len(x), len(x))
    inside = (par[0][1], par[1][0])
    sites = [site for site in sites if all(abs(site.at - end) > BOUNDARY for end in inside)]
    shared = [site for site in sites if not inside[0] <= site.at < inside[1]]
    own = [site for site in sites if inside[0] <= site.at < inside[1]]
    whole = [build_haplotype(x, sites, X_HAPLOTYPES[copy]) for copy in range(xs)]
    of_y = 1 if xs == 1 else 0
    only_par = replace(x, codes=masked(x.codes, [inside]))
    parts = [build_haplotype(only_par, shared, of_y) for _ in range(ys)]
    second = 1 if xs + ys > 1 else 0  # X0 has one copy
    truth = [*carried(shared, (0, second)), *carried(own, (0, 1) if xs > 1 else (0,))]
    return Copies([*whole, *parts], [1.0] * (xs + ys), sorted(truth))


def y_copies(y: Contig, sites: Sequence[Site], ys: int) -> Copies:
    """The Y chromosomes outside of the pseudo-autosomal regions, all alike."""
    own = [site for site in sites if all(abs(site.at - edge) > BOUNDARY for edge in y.gaps().ravel().tolist())]
    made = [build_haplotype(y, own, 0) for _ in range(ys)]
    return Copies(made, [1.0] * ys, list(carried(own, (0,))) if ys else [])


def mt_copies(mt: Contig, sites: Sequence[Site]) -> Copies:
    """The major and the minor sequence; the truth has the major one's allele and every alternate's share."""
    deep = 2.0 * MT_COPIES
    made = [build_haplotype(mt, sites, which) for which in range(2)]
    truth = [site._replace(genotype=site.genotype[:1], shares=alternate_shares(site)) for site in sites]
    return Copies(made, [deep * (1 - MINOR), deep * MINOR], truth)


def alternate_shares(site: Site) -> tuple[float, ...]:
    """Share of the mitochondria that have each alternate."""
    major, minor = site.genotype
    return tuple((1 - MINOR) * (major == allele) + MINOR * (minor == allele) for allele in range(1, len(site.alleles)))


def carried(sites: Sequence[Site], haplotypes: Sequence[int]) -> Iterator[Site]:
    """Sites as some haplotypes have them: with their alleles only, trimmed; those that none has are left out."""
    for site in sites:
        genotype = [site.genotype[which] for which in haplotypes]
        kept = [0, *sorted({allele for allele in genotype if allele})]
        if len(kept) > 1:
            alleles = trimmed([site.alleles[allele] for allele in kept])
            yield Site(site.at, alleles, tuple(kept.index(allele) for allele in genotype))


def trimmed(alleles: list[str]) -> tuple[str, ...]:
    """Alleles without the bases that all of them end with (VCF 4.3: one base stays)."""
    while min(map(len, alleles)) > 1 and len({allele[-1] for allele in alleles}) == 1:
        alleles = [allele[:-1] for allele in alleles]
    return tuple(alleles)


def boundaries(genome: Sequence[Contig]) -> dict[str, list[int]]:
    """Where the X's pseudo-autosomal regions end: the Y's fragments that cross it are not on the X."""
    x = genome[1]
    first, last = par_spans(len(x), len(x))
    return {x.name: [first[1], last[0]]}


def write_ploidy(path: Path, genome: Sequence[Contig]) -> None:
    """Write the BED that ``--ploidy-regions`` reads."""
    _, x, y, mt = genome
    lines = [(mt.name, 0, len(mt), "MT")]
    for contig, own, par in ((x, "X", "PAR"), (y, "Y", "PAR_Y")):
        first, last = par_spans(len(x), len(contig))
        lines += [(contig.name, *first, par), (contig.name, first[1], last[0], own), (contig.name, *last, par)]
    path.write_text("".join("\t".join(map(str, line)) + "\n" for line in lines))

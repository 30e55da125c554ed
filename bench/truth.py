"""truth: the variants of a diploid sample, as left-aligned, parsimonious sites that never overlap.

Most indels change the length of a tandem repeat, as in people; the rest insert or delete sequence of 1 to about 50
bases, half of the insertions copying their neighbourhood. Some sites have a close neighbour, some two alternate
alleles.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from gpucall.io.bgzf_writer import BgzfWriter

from .genome import ASCII, Contig, Tracts, find_tracts

HET_PER_HOM = 1.6  # heterozygous sites per homozygous one
TRANSITION_CHANCE = 0.675  # 2.1 transitions per transversion
REPEAT_SHARE = 0.6  # of indels: those that change a repeat's length
NEIGHBOUR_CHANCE = 0.08  # that a site has a companion within NEIGHBOUR_REACH bases
NEIGHBOUR_REACH = 15
MULTIALLELIC_SNV = 0.003
MULTIALLELIC_REPEAT = 0.08
LONGEST_INDEL = 50  # bases; of those that are not drawn as long ones
LONG_INDEL = 20  # bases; the shortest of these
MOST_UNITS = 8  # gained or lost by a repeat
REPEAT_LEAST = (5, 8, 12, 16, 20, 24)  # bases of a tract of unit 1, 2, ... that may change its length
TRANSITION = {"A": "G", "G": "A", "C": "T", "T": "C"}
TRANSVERSIONS = {"A": "CT", "G": "CT", "C": "AG", "T": "AG"}


class Site(NamedTuple):
    """One VCF record. `at` is 0-based; `alleles` begins with the reference's; `genotype` gives each haplotype's.

    `shares`: of the mitochondria, those that have each alternate; empty elsewhere.
    """

    at: int
    alleles: tuple[str, ...]
    genotype: tuple[int, ...]
    shares: tuple[float, ...] = ()

    @property
    def end(self) -> int:
        """0-based, exclusive end of the reference allele."""
        return self.at + len(self.alleles[0])


@dataclass(frozen=True)
class Rates:
    """Heterozygous sites per base, SNVs and indels; the homozygous ones come on top, one per ``HET_PER_HOM``.

    long_share  share of the indels outside of repeats with LONG_INDEL to ``longest`` bases
    """

    snv: float = 1e-3
    indel: float = 1.25e-4
    long_share: float = 0.0
    longest: int = 200


def draw_sites(seed: int, number: int, contig: Contig, rates: Rates) -> list[Site]:
    """Sites of contig `number` in order, none on N, no two sharing a reference base."""
    drawer = _Drawer(f"truth {seed} {number}", contig, rates)
    kept: list[Site] = []
    for site in sorted(drawer.candidates(find_tracts(contig.codes, REPEAT_LEAST))):
        if not kept or site.at >= kept[-1].end:
            kept.append(site)
    return kept


class _Drawer:
    """Draws candidate sites of one contig; a maker returns None where its site would touch N or the contig's end."""

    def __init__(self, seed: str, contig: Contig, rates: Rates) -> None:
        self.random = Random(seed)
        self.rates = rates
        self.bases = ASCII[contig.codes].tobytes().decode()

    def candidates(self, tracts: Tracts) -> Iterator[Site]:
        """Sites in no order, which may overlap."""
        rates = self.rates
        expected = len(self.bases) * (1 + 1 / HET_PER_HOM)
        for _ in range(self.poisson(expected * rates.snv)):
            yield from self.with_neighbour(self.snv(self.position()))
        for _ in range(self.poisson(expected * rates.indel * (1 - REPEAT_SHARE))):
            yield from self.with_neighbour(self.plain_indel(self.position()))
        number = self.poisson(expected * rates.indel * REPEAT_SHARE)
        for start, end, unit in self.choose_tracts(tracts, number):
            yield from self.with_neighbour(self.repeat_indel(start, end, unit))

    def with_neighbour(self, site: Site | None) -> Iterator[Site]:
        if site is None:
            return
        yield site
        if self.random.random() < NEIGHBOUR_CHANCE:
            at = site.end + self.random.randrange(NEIGHBOUR_REACH)
            neighbour = self.snv(at) if self.random.random() < 0.8 else self.plain_indel(at)
            if neighbour is not None:
                yield neighbour

    def snv(self, at: int) -> Site | None:
        if not self.known(at, at + 1):
            return None
        base = self.bases[at]
        transition, transversion = TRANSITION[base], self.random.choice(TRANSVERSIONS[base])
        if self.random.random() < MULTIALLELIC_SNV:
            return Site(at, (base, transition, transversion), (1, 2))
        alt = transition if self.random.random() < TRANSITION_CHANCE else transversion
        return Site(at, (base, alt), self.genotype())

    def plain_indel(self, at: int) -> Site | None:
        size = self.indel_size()
        if not self.known(at, at + size + 1):
            return None
        maker = self.deletion if self.random.random() < 0.5 else self.insertion
        anchor, alleles = maker(at, size)
        return Site(anchor, alleles, self.genotype()) if self.known(anchor, at + 1) else None

    def deletion(self, anchor: int, size: int) -> tuple[int, tuple[str, str]]:
        """Delete `size` bases after the anchor, moved left as far as it goes (Tan, Abecasis & Kang 2015)."""
        while anchor > 0 and self.bases[anchor] == self.bases[anchor + size]:
            anchor -= 1
        return anchor, (self.bases[anchor : anchor + size + 1], self.bases[anchor])

    def insertion(self, anchor: int, size: int) -> tuple[int, tuple[str, str]]:
        """Insert `size` bases after the anchor, a copy of what follows or anything, moved left as far as it goes."""
        if self.random.random() < 0.5:
            inserted = self.bases[anchor + 1 : anchor + 1 + size]
        else:
            inserted = "".join(self.random.choices("ACGT", k=size))
        while anchor > 0 and self.bases[anchor] == inserted[-1]:
            inserted = inserted[-1] + inserted[:-1]
            anchor -= 1
        return anchor, (self.bases[anchor], self.bases[anchor] + inserted)

    def choose_tracts(self, tracts: Tracts, number: int) -> Iterable[tuple[int, int, int]]:
        """(start, end, unit) of `number` repeats; those with more units change more often."""
        if len(tracts.start) == 0:
            return ()
        weight = np.cumsum(((tracts.end - tracts.start) // tracts.unit) ** 2)
        chosen = [self.random.randrange(weight[-1]) for _ in range(number)]
        rows = np.searchsorted(weight, chosen, side="right")
        return zip(*(column[rows].tolist() for column in tracts), strict=True)

    def repeat_indel(self, start: int, end: int, unit: int) -> Site | None:
        """The anchor before a maximal repeat is where a change of its length is leftmost."""
        anchor = start - 1
        if not self.known(anchor, end):
            return None
        changes = self.unit_changes((end - start) // unit)
        deleted = -min(0, *changes) * unit
        repeat = self.bases[start : start + unit] * (2 * MOST_UNITS)
        alleles = [self.bases[anchor] + repeat[: deleted + change * unit] for change in (0, *changes)]
        return Site(anchor, tuple(alleles), (1, 2) if len(changes) == 2 else self.genotype())

    def unit_changes(self, units: int) -> tuple[int, ...]:
        """Units gained or lost by one allele, or by two different ones; one unit stays."""
        sizes = [min(self.geometric(0.7), units - 1, MOST_UNITS) for _ in range(2)]
        first, second = (self.random.choice((-size, size)) for size in sizes)
        two = first != second and self.random.random() < MULTIALLELIC_REPEAT
        return (first, second) if two else (first,)

    def indel_size(self) -> int:
        """Bases: mostly one or two; three in ten come from a long tail. Long ones: each length as frequent."""
        if self.rates.long_share and self.random.random() < self.rates.long_share:
            return self.random.randint(LONG_INDEL, self.rates.longest)
        return min(self.geometric(0.09 if self.random.random() < 0.3 else 0.55), LONGEST_INDEL)

    def genotype(self) -> tuple[int, int]:
        if self.random.random() < 1 / (1 + HET_PER_HOM):
            return (1, 1)
        return (0, 1) if self.random.random() < 0.5 else (1, 0)

    def position(self) -> int:
        return self.random.randrange(len(self.bases))

    def known(self, start: int, end: int) -> bool:
        """Whether the bases are on the contig, behind its first base, and none is N."""
        return start > 0 and end < len(self.bases) and "N" not in self.bases[start:end]

    def geometric(self, chance: float) -> int:
        """1, 2, ...: trials until the first success."""
        return 1 + int(log(1 - self.random.random()) / log(1 - chance))

    def poisson(self, mean: float) -> int:
        """How many there are where `mean` are expected (a normal draw where the mean is large)."""
        if mean > 100:
            return round(self.random.gauss(mean, mean**0.5))
        left, number = self.random.expovariate(1), 0
        while left < mean:
            left, number = left + self.random.expovariate(1), number + 1
        return number


def write_truth(path: Path, sample: str, genome: Sequence[Contig], sites: Sequence[Sequence[Site]]) -> None:
    """Write phased genotypes as a bgzipped VCF 4.3 with a tabix index."""
    import pysam

    with BgzfWriter(path) as file:
        shares = any(site.shares for contig_sites in sites for site in contig_sites)
        file.write(_header(sample, genome, shares).encode())
        for contig, contig_sites in zip(genome, sites, strict=True):
            file.write("".join(_record(contig.name, site) for site in contig_sites).encode())
    pysam.tabix_index(str(path), preset="vcf", force=True)


SHARES_HEADER = '##FORMAT=<ID=AF,Number=A,Type=Float,Description="Share of the mitochondria that have the allele">\n'


def _header(sample: str, genome: Sequence[Contig], shares: bool) -> str:
    contigs = "".join(f"##contig=<ID={contig.name},length={len(contig)}>\n" for contig in genome)
    return (
        "##fileformat=VCFv4.3\n"
        "##source=gpucall-simulate\n"
        '##FILTER=<ID=PASS,Description="All filters passed">\n'
        f"{contigs}"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        f"{SHARES_HEADER if shares else ''}"
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n"
    )


def _record(contig: str, site: Site) -> str:
    reference, *alternates = site.alleles
    keys, values = "GT", "|".join(map(str, site.genotype))
    if site.shares:
        keys, values = "GT:AF", f"{values}:{','.join(f'{share:g}' for share in site.shares)}"
    return f"{contig}\t{site.at + 1}\t.\t{reference}\t{','.join(alternates)}\t.\tPASS\t.\t{keys}\t{values}\n"


def write_confident(path: Path, genome: Sequence[Contig], margin: int, cuts: Mapping[str, Sequence[int]]) -> None:
    """Write the BED of known sequence less `margin` bases at its ends and around `cuts`, where fragments run short."""
    with open(path, "w", encoding="ascii") as file:
        for contig in genome:
            edges = sorted([0, *contig.gaps().ravel().tolist(), *2 * list(cuts.get(contig.name, ())), len(contig)])
            for start, end in zip(edges[::2], edges[1::2], strict=True):
                if end - start > 2 * margin:
                    file.write(f"{contig.name}\t{start + margin}\t{end - margin}\n")

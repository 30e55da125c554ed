"""settings: everything that a simulated sample depends on, with units and defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gpucall.errors import UsageError

from . import karyotype

KARYOTYPES = ("", "XX", "XY", "X0", "XXY", "XYY", "XXX")
INSERT_REACH = 4  # standard deviations above the mean at which insert sizes end
SHORTEST_GAP = 1_000  # bases; contigs too short for gaps of 1 % that long have none
LONGEST_GAP = 10_000


def _option(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Settings:
    """Options of a simulation; the same ones give the same bytes.

    Raises
    ------
    UsageError
        A value is out of range, or the contigs are too short for the fragments.
    """

    length: int = _option(1_000_000, "bases of the genome, such as 20M")
    contigs: int = _option(1, "contigs that share them, chr1 the longest")
    karyotype: str = _option("", "sex chromosomes, such as XXY: contigs are then chr1, chrX, chrY and chrM")
    depth: float = _option(30.0, "mean coverage, duplicates not counted")
    seed: int = _option(1, "seed of everything")
    sample: str = _option("SIM", "name of the sample")
    read_length: int = _option(150, "bases of a read")
    insert: float = _option(400.0, "mean insert size, bases")
    insert_sd: float = _option(90.0, "its standard deviation")
    duplicates: float = _option(0.04, "share of fragments that were sequenced twice; the copy is marked")
    snv_rate: float = _option(1e-3, "heterozygous SNVs per base; homozygous ones come on top")
    indel_rate: float = _option(1.25e-4, "heterozygous indels per base; homozygous ones come on top")
    long_share: float = _option(0.0, "share of indels outside of repeats that are long, each length as frequent")
    longest_indel: int = _option(200, "bases gained or lost by the longest of these; 20 by the shortest")
    errors: bool = _option(True, "wrong bases at the rate of their qualities, and foreign ends")
    stutter: bool = _option(True, "reads that gain or lose units of tandem repeats")
    foreign_ends: float = _option(0.004, "share of reads that end in foreign sequence, which is clipped")
    low_mapq: float = _option(0.02, "share of fragments with a MAPQ below 60")
    unmapped_mates: float = _option(0.003, "share of fragments with one unmapped mate")
    qc_fail: float = _option(0.0005, "share of fragments that failed the sequencer's checks")
    odd: float = _option(0.0002, "share each of distant mates, split reads, secondary records, unmapped pairs")
    read_groups: int = _option(1, "read groups; 0: a BAM without any")
    gaps: bool = _option(True, "N at the ends and in the middle of contigs of at least 100 kb")
    deep_sites: tuple[tuple[int, int], ...] = _option((), "0-based positions of chr1 and their depth")
    level: int = _option(1, "compression of the BAM, 1-12")

    def __post_init__(self) -> None:
        for name, least, most in _RANGES:
            value = getattr(self, name)
            if not least <= value <= most:
                raise UsageError(f"simulate: {name.replace('_', '-')} {value} is not in {least}..{most}")
        if self.karyotype not in KARYOTYPES:
            raise UsageError(f"simulate: karyotype {self.karyotype!r} is not one of {', '.join(KARYOTYPES[1:])}")
        if self.insert < self.read_length:
            raise UsageError(f"simulate: insert {self.insert} is below the read length, {self.read_length}")
        shortest = min(self.contig_lengths())
        if shortest < 2 * self.longest_insert:
            raise UsageError(
                f"simulate: a contig of {shortest} bases is too short for fragments of up to {self.longest_insert}; "
                "take a longer genome or fewer contigs"
            )
        for position, _ in self.deep_sites:
            if not 0 <= position < self.contig_lengths()[0]:
                raise UsageError(f"simulate: deep site {position} is not on chr1, 0..{self.contig_lengths()[0] - 1}")

    @property
    def longest_insert(self) -> int:
        """Insert sizes end here, bases."""
        return int(self.insert + INSERT_REACH * self.insert_sd)

    @property
    def gap(self) -> int:
        """Bases of N at the ends and in the middle of each contig; 0 for short contigs."""
        gap = min(LONGEST_GAP, min(self.contig_lengths()) // 100)
        return gap if self.gaps and gap >= SHORTEST_GAP else 0

    @property
    def margin(self) -> int:
        """Bases at the ends of known sequence that are left out of the confident regions."""
        return min(self.longest_insert, min(self.contig_lengths()) // 20)

    def contig_lengths(self) -> list[int]:
        """Lengths of the contigs, the longest nearly twice the shortest."""
        if self.karyotype:
            return karyotype.contig_lengths(self.length)
        weights = [2 * self.contigs - i for i in range(self.contigs)]
        shorter = [self.length * weight // sum(weights) for weight in weights[1:]]
        return [self.length - sum(shorter), *shorter]


_RANGES = (
    ("length", 1, 2**31 - 1),
    ("contigs", 1, 1_000),
    ("depth", 0, 100_000),
    ("seed", 0, 2**63 - 1),
    ("read_length", 40, 1_000),
    ("insert_sd", 0, 10_000),
    ("insert", 1, 100_000),
    ("duplicates", 0, 1),
    ("snv_rate", 0, 0.1),
    ("indel_rate", 0, 0.1),
    ("long_share", 0, 1),
    ("longest_indel", 20, 1_000),
    ("foreign_ends", 0, 1),
    ("low_mapq", 0, 1),
    ("unmapped_mates", 0, 1),
    ("qc_fail", 0, 1),
    ("odd", 0, 1),
    ("read_groups", 0, 64),
)

"""variants: how many of each kind were called, as bcftools tells them apart.

The GA4GH metrics count records that PASS, on the autosomes, with an alternate allele in the genotype: those of
``bcftools view -f PASS -v snps`` (or ``indels``), of them ``-g het`` and ``-g hom``, and Ts/Tv of ``bcftools stats``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

LONGEST_INDEL = 49  # bp; GA4GH: short insertions and deletions are those below 50
TRANSITIONS = frozenset({"AG", "GA", "CT", "TC"})
BASES = frozenset("ACGT")


SNP, INDEL, OTHER = "snp", "indel", "other"
REF, MNP, OVERLAP, BREAKEND = "ref", "mnp", "overlap", "breakend"
ABSENT = frozenset({".", "X", "<X>", "<*>", "<NON_REF>"})  # what stands for "no other allele here"


@lru_cache(1 << 12)  # nearly all are one base for another
def allele_change(ref: str, alt: str) -> tuple[str, int]:
    """What an alternate allele does, and how many bases it adds (htslib 1.16, ``bcf_set_variant_type``).

    ``REF``, ``SNP``, ``MNP``, ``INDEL``, ``OVERLAP`` (of a deletion that starts elsewhere), ``BREAKEND`` or ``OTHER``
    (symbolic alleles, complex changes).
    """
    if alt in ABSENT or alt == ref:
        return REF, 0
    if alt[0] in "*<":
        return (OVERLAP if alt == "*" else OTHER), 0
    if alt[0] in "[]" or alt[-1] in "[]":
        return BREAKEND, 0
    if len(ref) == 1 and len(alt) == 1:
        return SNP, 0
    return change_of_sequence(ref.upper(), alt.upper())


def change_of_sequence(ref: str, alt: str) -> tuple[str, int]:
    """``allele_change`` of alleles that are spelt out, in upper case."""
    start = shared_start(ref, alt)
    ref, alt = ref[start:], alt[start:]
    added = len(alt) - len(ref)
    if not ref or not alt:
        return (INDEL if added else REF), added
    # Of what is left, shared ends are cut, but a base of either allele stays.
    end = min(shared_start(ref[::-1], alt[::-1]), len(ref) - 1, len(alt) - 1)
    ref, alt = ref[: len(ref) - end], alt[: len(alt) - end]
    if min(len(ref), len(alt)) == 1:
        if len(ref) == len(alt):
            return SNP, 0
        return (INDEL if ref[-1] == alt[-1] else OTHER), added
    return (MNP if len(ref) == len(alt) else OTHER), added


def allele_kind(ref: str, alt: str) -> str:
    """Whether an alternate allele is a SNP, an indel or something else."""
    kind, _ = allele_change(ref, alt)
    return kind if kind in (SNP, INDEL) else OTHER


def length_changes(ref: str, alts: Sequence[str]) -> list[int]:
    """By how much alleles are longer than the reference, short ones only (bcftools' ILEN)."""
    changes = [len(alt) - len(ref) for alt in alts if alt[0] != "<"]
    return [change for change in changes if change and abs(change) <= LONGEST_INDEL]


def shared_start(a: str, b: str) -> int:
    """How many characters two strings share at their start."""
    for k, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return k
    return min(len(a), len(b))


def zygosity_of(genotype: Sequence[int]) -> str:
    """As ``bcftools view -g``: of one allele 'hom', of several 'het'; with a missing allele neither."""
    if min(genotype) < 0:
        return "missing"
    return "hom" if len(set(genotype)) == 1 else "het"


@lru_cache(1 << 12)
def kinds_of_record(ref: str, alts: tuple[str, ...], genotype: tuple[int, ...]) -> tuple[str, ...]:
    """All that one record counts as."""
    if max(genotype, default=-1) < 1:
        return ()
    zygosity, names = zygosity_of(genotype), []
    kinds = [allele_kind(ref, alt) for alt in alts]
    if SNP in kinds:
        names += ["snv", f"snv {zygosity}"]
        changed = [alt[0] for alt, kind in zip(alts, kinds, strict=True) if kind == SNP]
        changes = [ref[0] + base for base in changed if ref[0] != base and {ref[0], base} <= BASES]
        names += ["transition" if change in TRANSITIONS else "transversion" for change in changes]
    lengths = length_changes(ref, alts) if INDEL in kinds else []
    if lengths:
        names.append(f"indel {zygosity}")
        names += ["insertion"] if max(lengths) > 0 else []
        names += ["deletion"] if min(lengths) < 0 else []
    return tuple(names)


class VariantCounts:
    """Records of each kind; what was never added is absent from the result."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, ref: str, alts: Sequence[str], genotype: Sequence[int], times: int = 1) -> None:
        """Count one record that PASSes, on an autosome, or several that are alike.

        ``genotype`` holds allele numbers, -1: missing. Records without an alternate allele in it are not variants of
        the sample.
        """
        for name in kinds_of_record(ref, tuple(alts), tuple(genotype)):
            self.counts[name] += times

    def merge(self, other: VariantCounts) -> None:
        """Add what another worker counted."""
        self.counts.update(other.counts)

    def result(self) -> dict[str, int]:
        """Counts by name."""
        names = ("snv", "insertion", "deletion", "transition", "transversion")
        kinds = ("snv het", "snv hom", "indel het", "indel hom")
        return {name: self.counts[name] for name in names + kinds}

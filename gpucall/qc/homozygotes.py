"""homozygotes: reference fragments at homozygous alternate SNVs, a sign of contamination that needs no panel.

SNVs that PASS, on the autosomes, with one alternate allele. There a pure sample shows the reference by errors only;
another person's DNA shows it wherever that person does not have the allele twice: the share grows with contamination.
It is no estimate of the contaminated share itself, which depends on how common the sample's alleles are.
"""

from __future__ import annotations

from collections.abc import Sequence

HOMOZYGOUS = (1, 1)


class HomozygousReference:
    """Fragments with the reference allele, and all, at homozygous alternate SNVs."""

    def __init__(self) -> None:
        self.reference = 0
        self.fragments = 0

    def add(self, counts: Sequence[int]) -> None:
        """Count one ``HOMOZYGOUS`` SNV that PASSes, of one alternate allele; ``counts``: fragments of each (AD)."""
        self.reference += counts[0]
        self.fragments += sum(counts)

    def merge(self, other: HomozygousReference) -> None:
        """Add what another worker counted."""
        self.reference += other.reference
        self.fragments += other.fragments

    def result(self) -> float | None:
        """The share of reference fragments; None where there was no such SNV."""
        return self.reference / self.fragments if self.fragments else None

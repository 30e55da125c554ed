"""allele_balance: the share of alternate fragments at heterozygous SNVs, which is a half on average without bias.

SNVs that PASS, on the autosomes, with two alleles, the reference among them.
"""

from __future__ import annotations

from collections.abc import Sequence

HETEROZYGOUS = ((0, 1), (1, 0))
BINS = 50  # of equal width, from 0 to 1


class AlleleBalance:
    """int[BINS]: SNVs by share of alternate fragments; a share on an edge counts above it, 1 in the last bin."""

    def __init__(self) -> None:
        self.counts = [0] * BINS

    def add(self, counts: Sequence[int]) -> None:
        """Count one ``HETEROZYGOUS`` SNV that PASSes, of one alternate allele; ``counts``: fragments of each (AD)."""
        total = sum(counts)
        if total:
            self.counts[min(BINS * counts[1] // total, BINS - 1)] += 1

    def merge(self, other: AlleleBalance) -> None:
        """Add what another worker counted."""
        self.counts = [mine + others for mine, others in zip(self.counts, other.counts, strict=True)]

    def result(self) -> dict[str, int]:
        """SNVs by the middle of their bin, as text: ``0.49``."""
        return {f"{(number + 0.5) / BINS:.2f}": count for number, count in enumerate(self.counts)}

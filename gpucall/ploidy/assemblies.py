"""assemblies: the X, Y and mitochondrial contigs of the human assemblies, by their lengths.

Contigs are known by name (with and without ``chr``) and length. A length decides for itself, since mixtures exist
(CHM13 v1.1 with the Y of GRCh38). Sources of lengths and pseudo-autosomal regions (PAR):

- GRCh37, GRCh38: Genome Reference Consortium, 'Human Genome Region PAR' of either assembly
  (ncbi.nlm.nih.gov/grc/human); 1-based there, 0-based half-open here. UCSC's hg19 has the same X and Y.
- T2T-CHM13v2.0: X of CHM13 and Y of HG002 with its PAR, chm13v2.0_PAR.bed of the T2T consortium; Rhie et al. 2023,
  doi:10.1038/s41586-023-06457-y.
- MT: rCRS (NC_012920.1), 16,569 bp; UCSC's hg19 has NC_001807.4 instead, 16,571 bp.
"""

from __future__ import annotations

from typing import NamedTuple

Spans = tuple[tuple[int, int], ...]


class SexContig(NamedTuple):
    """One assembly's X or Y: its length, bp, and its pseudo-autosomal regions, 0-based half-open."""

    assembly: str
    length: int
    par: Spans


GRCH37, GRCH38, CHM13 = "GRCh37", "GRCh38", "T2T-CHM13"

X_CONTIGS = (
    SexContig(GRCH37, 155_270_560, ((60_000, 2_699_520), (154_931_043, 155_260_560))),
    SexContig(GRCH38, 156_040_895, ((10_000, 2_781_479), (155_701_382, 156_030_895))),
    SexContig(CHM13, 154_259_566, ((0, 2_394_410), (153_925_834, 154_259_566))),
)
Y_CONTIGS = (
    SexContig(GRCH37, 59_373_566, ((10_000, 2_649_520), (59_034_049, 59_363_566))),
    SexContig(GRCH38, 57_227_415, ((10_000, 2_781_479), (56_887_902, 57_217_415))),
    SexContig(CHM13, 62_460_029, ((0, 2_458_320), (62_122_809, 62_460_029))),
)
X_NAMES = ("chrX", "X")
Y_NAMES = ("chrY", "Y")
MT_NAMES = ("chrM", "MT", "M", "chrMT")
MT_LENGTHS = (16_569, 16_571)


def find(known: tuple[SexContig, ...], length: int) -> SexContig | None:
    """The assembly's contig of this length, bp; None: no assembly here has it."""
    return next((contig for contig in known if contig.length == length), None)

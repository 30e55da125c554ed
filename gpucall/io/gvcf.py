"""gVCF out: reference blocks and calls as text (VCF 4.3, section 5.5; VCF 4.5 where lengths are asked for)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from ..config import Filtering, Gvcf
from ..genotype import Call
from ..gvcf import Block, Records
from .alignments import Header
from .vcf import HIGHEST_PL, VcfWriter, record

BLOCK_FORMAT = "GT:DP:GQ:MIN_DP:PL"


def meta(settings: Gvcf) -> list[str]:
    """Header lines of a gVCF beside those of a VCF."""
    allele = settings.non_ref[1:-1]
    lines = [
        f'##ALT=<ID={allele},Description="Any allele that the record does not name">',
        '##INFO=<ID=END,Number=1,Type=Integer,Description="Last position of the block">',
        '##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Fewest fragments at a position of the block">',
    ]
    if settings.lengths:
        lines.append(
            f'##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="Length of {settings.non_ref} reference block">'
        )
    bounds = [0, *settings.bands, 100]
    lines += [
        f"##GVCFBlock{low}-{high}=minGQ={low}(inclusive),maxGQ={high}(exclusive)" for low, high in pairwise(bounds)
    ]
    return lines


def block_line(block: Block, settings: Gvcf) -> str:
    """A block's line. Where nothing is known the genotype is missing: ``0/0`` would be read as the reference."""
    allele = "0" if block.quality > 0 else "."
    genotype = "/".join([allele] * block.ploidy)
    likelihoods = ",".join([str(min(value, HIGHEST_PL)) for value in block.likelihoods])
    keys, values = BLOCK_FORMAT, f"{genotype}:{block.depth}:{block.quality}:{block.min_depth}:{likelihoods}"
    if settings.lengths:
        keys, values = f"{keys}:LEN", f"{values}:{block.stop - block.start}"
    return (
        f"{block.contig}\t{block.start + 1}\t.\t{block.ref}\t{settings.non_ref}\t.\t.\tEND={block.stop}"
        f"\t{keys}\t{values}\n"
    )


class GvcfWriter:
    """Writes the records of a gVCF."""

    def __init__(
        self,
        path: Path,
        header: Header,
        sample: str,
        provenance: Iterable[str],
        filtering: Filtering,
        settings: Gvcf,
    ) -> None:
        self._settings = settings
        version = "VCFv4.5" if settings.lengths else "VCFv4.3"
        self._out = VcfWriter(path, header, sample, [*provenance, *meta(settings)], filtering, version)

    def write(self, records: Records) -> None:
        """Append records, in order."""
        self._out.write("".join(self._line(records.contig, each) for each in records.in_order()))

    def _line(self, contig: str, each: Block | Call) -> str:
        return block_line(each, self._settings) if isinstance(each, Block) else record(contig, each)

    def abort(self) -> None:
        """Stop without an end-of-file block."""
        self._out.abort()

    def close(self, lines: Iterable[str] = ()) -> Path:
        """Finish the file, with more whole ``##`` lines in its header, and index it; the index's path."""
        return self._out.close(lines)

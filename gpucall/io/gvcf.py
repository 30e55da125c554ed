"""gVCF out: reference blocks and calls as text (VCF 4.3, section 5.5; VCF 4.5 where lengths are asked for)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..config import Filtering, Gvcf
from ..gvcf import Records
from ..kernels import blocks as kernel
from .alignments import Header
from .tables import TableWriter
from .vcf import VcfWriter, record

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


def block_lines(records: Records, settings: Gvcf) -> tuple[bytes, list[int]]:
    """The blocks as lines, and where each ends."""
    contig = f"{records.contig}\t".encode()
    allele = f"\t{settings.non_ref}\t.\t.\tEND=".encode()
    form = f"\t{BLOCK_FORMAT}{':LEN' if settings.lengths else ''}\t".encode()
    parts = [np.frombuffer(part, dtype=np.uint8) for part in (contig, allele, form)]
    out = np.empty(len(records.rows) * (sum(map(len, parts)) + LONGEST_NUMBERS), dtype=np.uint8)
    stops = np.empty(len(records.rows), dtype=np.int64)
    kernel.lines(records.rows, parts[0], parts[1], parts[2], int(settings.lengths), out, stops)
    found = stops.tolist()
    return out[: found[-1] if found else 0].tobytes(), found


LONGEST_NUMBERS = 8 * 20 + 16  # bytes of a line beside its fixed parts


class GvcfWriter:
    """Writes the records of a gVCF, and as a table, too, where ``table`` makes one of a path and the header."""

    def __init__(
        self,
        path: Path,
        header: Header,
        sample: str,
        provenance: Iterable[str],
        filtering: Filtering,
        settings: Gvcf,
        table: Callable[[Callable[[Iterable[str]], str]], TableWriter] | None = None,
    ) -> None:
        self._settings = settings
        version = "VCFv4.5" if settings.lengths else "VCFv4.3"
        vcf = VcfWriter(path, header, sample, [*provenance, *meta(settings)], filtering, version)
        self._out: list[VcfWriter | TableWriter] = [vcf] if table is None else [vcf, table(vcf.header)]

    def write(self, records: Records) -> None:
        """Append records, in order."""
        text, stops = block_lines(records, self._settings)
        follow = np.searchsorted(records.rows[:, kernel.START], [call.position for call in records.calls]).tolist()
        written, parts = 0, list[bytes]()
        for before, call in zip(follow, records.calls, strict=True):
            stop = stops[before - 1] if before else 0
            parts += text[written:stop], record(records.contig, call).encode()
            written = stop
        lines = b"".join([*parts, text[written:]])
        for out in self._out:
            out.write_bytes(lines)

    def abort(self) -> None:
        """Stop without an end-of-file block."""
        for out in self._out:
            out.abort()

    def close(self, lines: Iterable[str] = ()) -> Path:
        """Finish the file, with more whole ``##`` lines in its header, and index it; the index's path."""
        index, *_ = [out.close(lines) for out in self._out]
        return index

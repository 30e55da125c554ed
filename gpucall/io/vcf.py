"""VCF 4.3 out: records as text, bgzipped, with a tabix index."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from functools import cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from ..annotations import HEADER
from ..config import Filtering
from ..filters import DESCRIPTIONS
from ..genotype import Call
from ..kernels.tables import SCALE
from .alignments import Header
from .bgzf_writer import BgzfWriter, compress_blocks

FORMAT = "GT:AD:DP:GQ:PL"
HIGHEST_GQ = 99
HIGHEST_PL = 99999

META = (
    HEADER
    + """\
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Fragments that support each allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Fragments at the site that count for calling">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Phred that the genotype is wrong, at most 99">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods, lowest 0">
##FORMAT=<ID=AF,Number=A,Type=Float,Description="Mitochondria: share of the fragments that support the allele">
##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set: POS of its first record">
"""
)


# GIVEN is declared only where sites are given, before all others.
INFO_ORDER = {"GIVEN": -1} | {name: number for number, name in enumerate(re.findall("##INFO=<ID=([^,]+)", META))}


def header_lines(
    header: Header, sample: str, provenance: Iterable[str], settings: Filtering, version: str = "VCFv4.3"
) -> str:
    """The VCF header; ``provenance`` are whole ``##`` lines."""
    values = settings._asdict()
    lines = [f"##fileformat={version}", *provenance, '##FILTER=<ID=PASS,Description="All filters passed">']
    lines += [f'##FILTER=<ID={name},Description="{text.format(**values)}">' for name, text in DESCRIPTIONS.items()]
    lines += META.splitlines()
    lines += [
        f"##contig=<ID={name},length={length}>" for name, length in zip(header.names, header.lengths, strict=True)
    ]
    columns = ["CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", sample]
    return "\n".join([*lines, "#" + "\t".join(columns)]) + "\n"


def number(value: object) -> str:
    """An INFO value as text."""
    if isinstance(value, list):
        return ",".join(map(number, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def info_text(name: str, value: object) -> str:
    """One INFO entry; a flag is its name alone."""
    if type(value) is float:
        return f"{name}={value:g}"
    return name if value is True else f"{name}={number(value)}"


@cache
def in_header_order(names: tuple[str, ...]) -> list[str]:
    """INFO names in the order of the header, which tables rely on (``io.tables``)."""
    return sorted(names, key=INFO_ORDER.__getitem__)


SIMPLE = {int: "%d", float: "%g"}


@cache
def info_format(names: tuple[str, ...], kinds: tuple[type, ...]) -> tuple[Callable[[Any], Any], str] | None:
    """For INFO values of some types: what takes them in the header's order, and their format; None where some are no
    plain numbers, or there is but one."""
    if len(names) < 2 or not set(kinds) <= SIMPLE.keys():
        return None
    of_name = dict(zip(names, kinds, strict=True))
    ordered = in_header_order(names)
    return itemgetter(*ordered), ";".join(f"{name}={SIMPLE[of_name[name]]}" for name in ordered)


def info_column(info: dict[str, object]) -> str:
    """The INFO column."""
    known = info_format(tuple(info), tuple(map(type, info.values())))
    if known is None:
        return ";".join([info_text(name, info[name]) for name in in_header_order(tuple(info))])
    values, text = known
    return text % values(info)


def record(contig: str, call: Call) -> str:
    """One line of the VCF body."""
    if not call.info_text:
        call.info_text = info_column(call.info)
    likelihoods = [min((value + SCALE // 2) // SCALE, HIGHEST_PL) for value in call.likelihoods]
    phased = call.phase_set >= 0
    fields = [
        ("|" if phased else "/").join(map(str, call.genotype)),
        ",".join(map(str, call.counts)),
        str(sum(call.counts)),
        str(max(0, min(call.gq, HIGHEST_GQ))),
        ",".join(map(str, likelihoods)),
    ]
    if phased:
        fields.append(str(call.phase_set + 1))
    keys = f"{FORMAT}:PS" if phased else FORMAT
    if call.shares:
        keys += ":AF"
        fields.append(",".join(f"{share:g}" for share in call.shares))
    filters = ";".join(call.filters) or "PASS"
    site = f"{contig}\t{call.position + 1}\t{call.name}\t{call.ref}\t{','.join(call.alts)}\t{call.qual:.2f}"
    return f"{site}\t{filters}\t{call.info_text}\t{keys}\t{':'.join(fields)}\n"


class VcfWriter:
    """Writes a bgzipped VCF; ``close`` adds its tabix index (CSI where a contig is too long for tabix).

    The records come first, into a file beside it: what the header says of the sample's sex is known after the last of
    them.
    """

    def __init__(
        self,
        path: Path,
        header: Header,
        sample: str,
        provenance: Iterable[str],
        settings: Filtering,
        version: str = "VCFv4.3",
    ) -> None:
        self.path = path
        self._csi = bool(len(header.lengths)) and int(np.max(header.lengths)) > 1 << 29
        self._text = partial(header_lines, header, sample, settings=settings, version=version)
        self._provenance = list(provenance)
        self._out = BgzfWriter(path.with_name(f"{path.name}.records"), level=6)

    def header(self, lines: Iterable[str] = ()) -> str:
        """The file's header, with more whole ``##`` lines."""
        return self._text([*self._provenance, *lines])

    def write(self, lines: str) -> None:
        """Append records that are already text, in order."""
        self.write_bytes(lines.encode())

    def write_bytes(self, lines: bytes) -> None:
        """Append records that are already encoded, in order."""
        self._out.write(lines)

    def abort(self) -> None:
        """Stop without an end-of-file block: readers see that the file is incomplete."""
        self._out.abort()

    def close(self, lines: Iterable[str] = ()) -> Path:
        """Finish the file, with more whole ``##`` lines in its header, and index it; the index's path."""
        import pysam

        self._out.close()
        header = self.header(lines).encode()
        with open(self.path, "wb") as whole, open(self._out.path, "rb") as records:
            whole.writelines(compress_blocks(header, level=6))
            shutil.copyfileobj(records, whole, 1 << 20)
        self._out.path.unlink()
        pysam.tabix_index(str(self.path), preset="vcf", force=True, csi=self._csi)
        return Path(f"{self.path}{'.csi' if self._csi else '.tbi'}")

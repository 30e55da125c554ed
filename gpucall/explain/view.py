"""One site, and what the stages found there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..candidates import Allele
from ..engine import Examined, Pass, Run
from ..genotype import Call, Weighed
from ..kernels.records import Records
from ..pileup import TileReads


@dataclass(frozen=True)
class View:
    """A site (0-based), the passes over its surroundings, the one that decided, and the site's number of copies."""

    run: Run
    contig: str
    position: int
    examined: Examined
    chosen: Pass
    ploidy: int = 2

    @property
    def reads(self) -> TileReads:
        """The reads of the pass, and the reference under them."""
        return self.chosen.reads

    @property
    def host(self) -> Records:
        """The columns of all reads, those that do not count among them."""
        return self.chosen.reads.batch.records

    @property
    def index(self) -> int:
        """The site in the pass's reference stretch."""
        return self.position - self.chosen.reads.origin

    @property
    def base(self) -> str:
        """The reference base."""
        return chr(self.chosen.reads.bases[self.index])

    @property
    def calls(self) -> list[Call]:
        """The calls of the site's tile."""
        return self.examined.calls[self.ploidy]

    @cached_property
    def depth(self) -> int:
        """Reads with a base at the site that count for calling."""
        return int(self.run.backend.download(self.chosen.evidence.depth)[self.index])

    @cached_property
    def windows(self) -> list[Weighed]:
        """The windows whose alleles lie around the site."""
        cores = ((each, each.window.window) for each in self.chosen.decided[self.ploidy].weighed)
        return [each for each, window in cores if window.core_start <= self.position < window.core_stop]


def record_position(allele: Allele) -> int:
    """0-based POS of the allele's record: an indel's is the base before it."""
    return allele.position - (not allele.is_snv)


def change(allele: Allele, reads: TileReads) -> str:
    """``C>T``, ``+AA``, ``-AA``, ``AC>T``."""
    at = allele.position - reads.origin
    deleted = bytes(reads.bases[at : at + allele.deleted]).decode()
    inserted = allele.inserted.decode()
    if deleted and inserted:
        return f"{deleted}>{inserted}"
    return f"+{inserted}" if inserted else f"-{deleted}"

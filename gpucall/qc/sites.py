"""sites: what the reads show at the sites of a list; contamination and the fingerprint sketch are made of it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..errors import InputError, ReferenceMismatch
from ..kernels import baq
from ..kernels import panel as kernel
from ..kernels.panel import Pairs
from ..kernels.panel import SiteList as KernelSites
from ..kernels.records import Records
from ..kernels.scalar import CODE_OF_NT16, NT16_OF_ASCII

LARGEST_OTHER = 0.1  # of the bases at the sites; more are neither allele where a list is for another reference
FEWEST_BASES = 200  # below which that share says nothing


class SiteList(NamedTuple):
    """Biallelic sites of single bases, in the order of their file.

    path      where they are from
    contigs   one name a site
    position  int32[n], 0-based
    ref, alt  uint8[n], ASCII
    """

    path: Path
    contigs: tuple[str, ...]
    position: NDArray[np.int32]
    ref: NDArray[np.uint8]
    alt: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.contigs)

    def take(self, rows: NDArray[np.int64]) -> SiteList:
        """Some of the sites."""
        contigs = tuple(self.contigs[row] for row in rows)
        return SiteList(self.path, contigs, self.position[rows], self.ref[rows], self.alt[rows])

    def lines(self) -> Iterator[str]:
        """One line a site: contig, 1-based position, alleles."""
        for contig, position, ref, alt in zip(
            self.contigs, self.position.tolist(), self.ref.tolist(), self.alt.tolist(), strict=True
        ):
            yield f"{contig}\t{position + 1}\t{chr(ref)}\t{chr(alt)}\n"


def read_sites(path: Path) -> SiteList:
    """Sites of a BED (contig, start, stop, REF, ALT) or a VCF (SNVs of two alleles; others are passed over), gzipped or
    not.

    Raises
    ------
    InputError
        where it is missing, damaged, or without a site.
    """
    rows: list[tuple[str, int, str, str]] = []
    vcf = False
    try:
        with open_text(path) as lines:
            for number, line in enumerate(lines, 1):
                vcf = vcf or (number == 1 and line.startswith("##fileformat=VCF"))
                if not line.strip() or line.startswith(("#", "track", "browser")):
                    continue
                rows += [parsed] if (parsed := parse_site(path, number, line, vcf)) else []
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the site list cannot be read ({error}); give a BED or VCF of sites") from error
    if not rows:
        raise InputError(f"{path}: holds no site; expected contig, start, stop, REF and ALT in each line, or a VCF")
    return site_list(path, rows)


def open_text(path: Path) -> Any:
    """A text file, gzipped where it begins so."""
    with open(path, "rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else open(path, encoding="utf-8")


def parse_site(path: Path, number: int, line: str, vcf: bool) -> tuple[str, int, str, str] | None:
    """(contig, 0-based position, REF, ALT) of a line; None: not a SNV of two alleles, in a VCF.

    Raises
    ------
    InputError
        for a line that is none.
    """
    fields = line.split("\t") if vcf else line.split()
    try:
        contig, start = fields[0], int(fields[1]) - vcf
        ref, alt = fields[3].strip().upper(), fields[4].strip().upper()
        stop = start + 1 if vcf else int(fields[2])
    except (IndexError, ValueError):
        raise InputError(
            f"{path}: line {number} is no site; expected {'a VCF record' if vcf else 'contig, start, stop, REF, ALT'}"
        ) from None
    if not vcf:  # of several alternates VerifyBamID2 takes the first (2.0.1, ContaminationEstimator::ReadChooseBed)
        alt = alt.split(",")[0]
    plain = len(ref) == len(alt) == 1 and ref in "ACGT" and alt in "ACGT" and ref != alt
    if vcf and not plain:
        return None
    if not plain or start < 0 or stop != start + 1:
        raise InputError(f"{path}: line {number} is not a site of one base with two alleles of A, C, G, T")
    return contig, start, ref, alt


def site_list(path: Path, rows: Sequence[tuple[str, int, str, str]]) -> SiteList:
    """Columns of the rows.

    Raises
    ------
    InputError
        where a site is there twice.
    """
    if len({row[:2] for row in rows}) < len(rows):
        seen: set[tuple[str, int]] = set()
        twice = next(row for row in rows if row[:2] in seen or seen.add(row[:2]))  # type: ignore[func-returns-value]
        raise InputError(f"{path}: {twice[0]}:{twice[1] + 1} is there twice; each site may be listed once")
    return SiteList(
        path,
        tuple(row[0] for row in rows),
        np.array([row[1] for row in rows], dtype=np.int32),
        np.frombuffer("".join(row[2] for row in rows).encode(), dtype=np.uint8),
        np.frombuffer("".join(row[3] for row in rows).encode(), dtype=np.uint8),
    )


class PlacedSites:
    """The sites of a list by the contigs of a file.

    Raises
    ------
    ReferenceMismatch
        where no site is on a contig of the file.
    """

    def __init__(self, sites: SiteList, contigs: Sequence[tuple[Any, ...]], source: str) -> None:
        self.sites = sites
        self.by_contig: dict[int, tuple[NDArray[np.int64], NDArray[np.int32]]] = {}
        lengths = {str(contig[0]): (tid, int(contig[1])) for tid, contig in enumerate(contigs)}
        names = np.array(sites.contigs)
        for name in dict.fromkeys(sites.contigs):
            if name in lengths:
                tid, length = lengths[name]
                rows = np.flatnonzero(names == name)
                rows = rows[np.argsort(sites.position[rows], kind="stable")]
                # Behind a contig's end there may be sites: references of a part of a contig are in use.
                rows = rows[sites.position[rows] < length]
                self.by_contig[tid] = rows, sites.position[rows]
        if not any(len(rows) for rows, _ in self.by_contig.values()):
            first = contigs[0][0] if contigs else "no contig"
            raise ReferenceMismatch(
                f"{sites.path}: none of its sites ({sites.contigs[0]}:{sites.position[0] + 1}, ...) is on a contig of"
                f" {source} ({first}, ...); give the list that was made for its reference"
            )

    def within(self, tid: int, start: int, stop: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """Numbers and positions of the sites in [start, stop) of a contig, in order."""
        if tid not in self.by_contig:
            return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
        rows, positions = self.by_contig[tid]
        low, high = np.searchsorted(positions, [start, stop])
        return rows[low:high], positions[low:high]


class SiteBases(NamedTuple):
    """How often each base was seen at the sites, ordered by site, allele, quality.

    site int32[n], allele uint8[n] (0 REF, 1 ALT, 2 another), quality uint8[n] (phred), seen int32[n] (how often)
    """

    site: NDArray[np.int32]
    allele: NDArray[np.uint8]
    quality: NDArray[np.uint8]
    seen: NDArray[np.int32]

    def depths(self, sites: int, allele: int | None = None) -> NDArray[np.int64]:
        """Bases of every site, of one allele or of all: int64[sites]."""
        kept = np.ones(len(self.site), dtype=bool) if allele is None else self.allele == allele
        return np.bincount(self.site[kept], weights=self.seen[kept], minlength=sites).astype(np.int64)


class SiteCounts:
    """Bases at the sites of a list. Each site is added once, with the tile that owns it."""

    def __init__(self, placed: PlacedSites, backend: Backend) -> None:
        self.placed = placed
        self._backend = backend
        self._parts: list[SiteBases] = []

    def add(
        self,
        host: Records,
        device: Records,
        tid: int,
        start: int,
        stop: int,
        rows: tuple[int, int],
        reference: tuple[int, NDArray[np.uint8]] | None,
    ) -> None:
        """Count the sites in [start, stop) of contig ``tid``.

        Parameters
        ----------
        host, device
            columns with every read that reaches into the range and the mates that overlap those, on both sides.
        rows
            only rows [rows[0], rows[1]) can reach into the range.
        reference
            contig position of the first base of a stretch of the reference, and its bases, uint8 ASCII. None: what only
            a comparison with it shows (doubtful ends, too many mismatches) is not considered.
        """
        numbers, positions = self.placed.within(tid, start, stop)
        if len(numbers):
            counts = self._histograms(host, device, numbers, positions, rows, reference)
            site, allele, quality = np.nonzero(counts)
            self._parts.append(
                SiteBases(
                    numbers[site].astype(np.int32),
                    allele.astype(np.uint8),
                    quality.astype(np.uint8),
                    counts[site, allele, quality],
                )
            )

    def merge(self, other: SiteCounts) -> None:
        """Add what another worker counted."""
        self._parts += other._parts

    def result(self) -> SiteBases:
        """All counts."""
        if not self._parts:
            empty = np.empty(0, dtype=np.int32)
            return SiteBases(empty, empty.astype(np.uint8), empty.astype(np.uint8), empty)
        site, allele, quality, count = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        order = np.lexsort((quality, allele, site))
        return SiteBases(site[order], allele[order], quality[order], count[order])

    def checked(self, source: str) -> SiteBases:
        """``result`` where it can be used; ``source`` is the file that was read.

        Raises
        ------
        InputError
            where no site was covered.
        ReferenceMismatch
            where the bases are neither allele so often that the list must be for another reference.
        """
        path = self.placed.sites.path
        bases = self.result()
        total = int(bases.seen.sum())
        if total == 0:
            raise InputError(
                f"{source}: no read that counts covers any of the {len(self.placed.sites):,} sites of {path};"
                " give a list with sites where there are reads"
            )
        others = int(bases.seen[bases.allele == kernel.OTHER].sum())
        if total >= FEWEST_BASES and others > LARGEST_OTHER * total:
            raise ReferenceMismatch(
                f"{path}: {100 * others / total:.0f}% of the bases of {source} at its sites are neither REF nor ALT;"
                " it was made for another reference"
            )
        return bases

    def _histograms(
        self,
        host: Records,
        device: Records,
        numbers: NDArray[np.int64],
        positions: NDArray[np.int32],
        rows: tuple[int, int],
        reference: tuple[int, NDArray[np.uint8]] | None,
    ) -> NDArray[np.int32]:
        """int32[sites, 3 alleles, qualities]."""
        backend, sites = self._backend, self.placed.sites
        counts = backend.xp.zeros((len(numbers), 3, kernel.QUALITIES), dtype=np.int32)
        pairs = backend.upload(pair_up(host, positions, rows))
        n = len(pairs.site)
        if n:
            origin, bases = reference or (0, np.empty(0, dtype=np.uint8))
            codes = (CODE_OF_NT16[NT16_OF_ASCII[column[numbers]]] for column in (sites.ref, sites.alt))
            placed = backend.upload(KernelSites(positions, *codes))
            stretch = backend.upload(bases)
            backend.launch("panel.observe", n, device, placed, pairs, origin, stretch)
            if reference is not None:
                self._align(device, placed, pairs, origin, stretch)
            backend.launch("panel.count", n, device, placed, pairs, counts)
        found: NDArray[np.int32] = backend.download(counts)
        return found

    def _align(self, device: Records, placed: KernelSites, pairs: Pairs, origin: int, stretch: Any) -> None:
        """Lower qualities near the ends of alignments."""
        xp = self._backend.xp
        near = xp.flatnonzero(pairs.near)
        if len(near):
            cells = xp.empty((len(near), baq.CELLS), dtype=np.int32)
            self._backend.launch("panel.align", len(near), device, placed, pairs, near, origin, stretch, cells)


def pair_up(host: Records, positions: NDArray[np.int32], rows: tuple[int, int]) -> Pairs:
    """Every site with every row of [rows[0], rows[1]) that may cover it."""
    first, last = rows
    reach = np.maximum.accumulate(host.end[first:last]) if last > first else np.empty(0, dtype=np.int32)
    low = np.searchsorted(reach, positions, side="right")
    high = np.maximum(np.searchsorted(host.pos[first:last], positions, side="right"), low)
    sizes = high - low
    site = np.repeat(np.arange(len(positions), dtype=np.int32), sizes)
    starts = np.cumsum(sizes) - sizes
    row = np.arange(len(site)) - np.repeat(starts, sizes) + np.repeat(low, sizes) + first
    empty = [np.empty(len(site), dtype=np.uint8) for _ in range(3)]
    return Pairs(site, row.astype(np.int32), *empty)

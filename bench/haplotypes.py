"""haplotypes: a contig's two sequences with their variants, and where each base lies on the reference.

A haplotype's coordinates differ from the reference's by a shift that changes at each indel, an *event*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .genome import CODES, Bytes, Contig, Integers, find_tracts
from .sequencer import STUTTER_LEAST, stutter_chances
from .truth import Site

PAGE_SHIFT = 7  # an index holds, for every 128 bases, the first event or tract at or after them
_NEVER = np.iinfo(np.int64).max


class Haplotype(NamedTuple):
    """One of the two sequences of a contig, for the compiled loops.

    codes         uint8[n]     bases, 4-bit codes
    event_at      int64[e+1]   first inserted base, or the base after a deletion; the last is a sentinel
    event_size    int64[e+1]   bases inserted, or minus those deleted
    shift         int64[e+1]   haplotype minus reference position before event i
    event_page    int64[p]     first event at or after each page
    tract_start   int64[t+1]   tandem repeats in which polymerases stutter; the last is a sentinel
    tract_end     int64[t+1]
    tract_unit    int64[t+1]
    tract_chance  uint64[t+1]  chance of stutter in one read, in 2**-32
    tract_page    int64[p]     first tract at or after each page
    """

    codes: Any
    event_at: Any
    event_size: Any
    shift: Any
    event_page: Any
    tract_start: Any
    tract_end: Any
    tract_unit: Any
    tract_chance: Any
    tract_page: Any


def build_haplotype(contig: Contig, sites: Sequence[Site], which: int) -> Haplotype:
    """Haplotype 0 or 1 of a contig: its reference with the alleles that its `sites` give this haplotype."""
    edits = [edit for edit in (_edit(site, which) for site in sites) if edit is not None]
    codes = _apply(contig.codes, edits)
    event_at, event_size, shift = _events(edits)
    tracts = find_tracts(codes, STUTTER_LEAST)
    return Haplotype(
        codes,
        event_at,
        event_size,
        shift,
        _pages(event_at, len(codes)),
        np.append(tracts.start, _NEVER),
        np.append(tracts.end, _NEVER),
        np.append(tracts.unit, 1),
        np.append(stutter_chances(tracts), np.uint64(0)),
        _pages(np.append(tracts.start, _NEVER), len(codes)),
    )


def haplotype_position(haplotype: Haplotype, position: int) -> int:
    """Where the reference's 0-based `position` lies on the haplotype; for a deleted base, near it."""
    reference_at = haplotype.event_at[:-1] - haplotype.shift[:-1]
    return position + int(haplotype.shift[np.searchsorted(reference_at, position, side="right")])


class _Edit(NamedTuple):
    """Replace reference bases start..end-1 by `bases`; at an indel these are what differs after the anchor."""

    start: int
    end: int
    bases: str


def _edit(site: Site, which: int) -> _Edit | None:
    reference, allele = site.alleles[0], site.alleles[site.genotype[which]]
    if allele == reference:
        return None
    if len(allele) == len(reference):
        return _Edit(site.at, site.end, allele)
    inserted, deleted = max(0, len(allele) - len(reference)), max(0, len(reference) - len(allele))
    return _Edit(site.at + 1, site.at + 1 + deleted, allele[1 : 1 + inserted])


def _apply(codes: Bytes, edits: Sequence[_Edit]) -> Bytes:
    pieces = []
    kept = 0
    for edit in edits:
        pieces.append(codes[kept : edit.start])
        pieces.append(CODES[np.frombuffer(edit.bases.encode(), np.uint8)])
        kept = edit.end
    return np.concatenate([*pieces, codes[kept:]])


def _events(edits: Sequence[_Edit]) -> tuple[Integers, Integers, Integers]:
    """(event_at, event_size, shift) of a ``Haplotype``."""
    indels = [edit for edit in edits if len(edit.bases) != edit.end - edit.start]
    size = np.array([len(edit.bases) - (edit.end - edit.start) for edit in indels], np.int64)
    shift = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    at = np.array([edit.start for edit in indels], np.int64) + shift[:-1]
    return np.append(at, _NEVER), np.append(size, 0), shift


def _pages(starts: NDArray[np.int64], length: int) -> Integers:
    return np.searchsorted(starts, np.arange(0, length + 1, 1 << PAGE_SHIFT)).astype(np.int64)

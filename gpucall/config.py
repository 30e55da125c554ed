"""Every threshold with its unit, its default and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Batching:
    """How the stream is cut; none of it can change a result."""

    batch_bytes: int = 24 << 20  # inflated record bytes a batch is filled to
    tile_span: int = 1 << 19  # bp, longest tile
    halo: int = 2048  # bp that a tile sees on either side of the positions it owns


@dataclass(frozen=True, slots=True)
class Filters:
    """Which reads and bases count for calling (design: methods, 'Reads that count')."""

    excluded_flags: int = 0x4 | 0x100 | 0x200 | 0x400 | 0x800  # unmapped, secondary, QC fail, duplicate, supplementary
    min_mapq: int = 20  # phred
    min_base_quality: int = 6  # phred; weaker bases are not looked at
    quality_cap: int = 40  # phred; no base is trusted more than this
    starts_per_bin: int = 1024  # reads that may start in one bin; above, the reads with the smallest name hashes stay
    bin_bits: int = 7  # bins of 128 bp, aligned to the contig


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one run."""

    batching: Batching = field(default_factory=Batching)
    filters: Filters = field(default_factory=Filters)

"""stats_text: the text of ``samtools stats`` (1.16), section by section, from what was counted.

Steps and their order follow samtools' ``output_stats``: the rounding of its floating-point sums shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..kernels import stats as kernel
from ..kernels.qc import INWARD, LARGEST_INSERT, OTHER_WAY, OUTWARD
from ..kernels.records import DUPLICATE, SUPPLEMENTARY, UNMAPPED
from .flags import count_kinds
from .gc_depth import GcDepth
from .inserts import main_bulk
from .stats import Counts, ReadFigures

COV_MAX = 1000  # samtools stats -c 1,1000,1
A, C, G, T, N = 1, 2, 4, 8, 15  # 4-bit codes
COMPLEMENTS = ((A, T), (C, G), (G, C), (T, A))
IN_FIRST, IN_LAST = [kernel.UNPAIRED, kernel.FIRST], [kernel.LAST]


@dataclass
class StatsParts:
    """What the text is made of.

    reads     bases, qualities, lengths, indels
    keys      int64[FLAG_KEYS]: records by flag key
    inserts   int64[3, 8001]: template lengths by orientation, failed reads included, each read of a pair once
    coverage  int64[n]: positions by depth, as samtools stats counts depth
    gc_depth  depth by GC of 20 kb bins, in genome order
    """

    reads: ReadFigures
    keys: Counts
    inserts: Counts
    coverage: Counts
    gc_depth: GcDepth


def write_stats(path: Path, parts: StatsParts) -> None:
    """Write ``samtools stats``' text."""
    with open(path, "w", encoding="ascii") as out:
        out.writelines(f"{line}\n" for line in lines(parts))


def lines(parts: StatsParts) -> Iterator[str]:
    """All lines, in samtools' order. MultiQC and plot-bamstats know the file by its first."""
    yield "# This file was produced by samtools stats (1.16 format) and can be plotted using plot-bamstats"
    yield f"# In truth gpucall {__version__} wrote it, from the pass that makes all of its quality control."
    yield "# This file contains statistics for all reads."
    yield "# The command line was:  stats"
    yield from checksum_lines(parts.reads)
    yield from summary_lines(parts)
    yield from quality_lines(parts.reads)
    yield from gc_lines(parts.reads)
    yield from base_lines(parts.reads)
    yield from insert_lines(parts.inserts)
    yield from length_lines(parts.reads)
    yield from indel_lines(parts.reads)
    yield from coverage_lines(parts.coverage)
    yield from gc_depth_lines(parts.gc_depth, average_length(parts))


def checksum_lines(reads: ReadFigures) -> Iterator[str]:
    """Sums of CRC-32s, cut to 32 bits."""
    yield "# CHK, Checksum\t[2]Read Names\t[3]Sequences\t[4]Qualities"
    yield "# CHK, CRC32 of reads which passed filtering followed by addition (32bit overflow)"
    yield "CHK\t" + "\t".join(f"{int(value) & 0xFFFFFFFF:08x}" for value in reads.checksums)


# -- SN ----------------------------------------------------------------------------------------------------------------


def order_bases(reads: ReadFigures, orders: list[int]) -> int:
    """Bases of primary reads of some orders."""
    return int(reads.quality[orders].sum())


def longest(reads: ReadFigures, orders: list[int]) -> int:
    """Length of the longest read of some orders before hard clipping, supplementary records included."""
    return int(np.flatnonzero(reads.lengths[:, orders].sum(axis=(0, 1))).max(initial=0))


def flagged_bases(reads: ReadFigures, without: int, having: int = 0) -> int:
    """Bases of records without the flags ``without`` and with the flags ``having``."""
    key = np.flatnonzero(reads.by_flag)
    return int(reads.by_flag[key[((key & without) == 0) & ((key & having) == having)]].sum())


def average_length(parts: StatsParts) -> int:
    """Bases a read, cut to an integer."""
    sequences = sum(count_kinds(parts.keys)["sequences"])
    return flagged_bases(parts.reads, SUPPLEMENTARY) // sequences if sequences else 0


def ratio(above: Any, below: Any) -> float:
    """0 of nothing."""
    return float(above / below) if below else 0.0


def summary_lines(parts: StatsParts) -> Iterator[str]:
    """Summary numbers."""
    reads, kinds = parts.reads, {name: sum(pair) for name, pair in count_kinds(parts.keys).items()}
    total, sequences = flagged_bases(reads, SUPPLEMENTARY), kinds["sequences"]
    firsts, lasts = (int(reads.lengths[0, orders].sum()) for orders in (IN_FIRST, IN_LAST))
    first_bases, last_bases = order_bases(reads, IN_FIRST), order_bases(reads, IN_LAST)
    qualities = reads.quality[[*IN_FIRST, *IN_LAST]].sum(axis=(0, 1, 2))
    mismatches, aligned = int(reads.sums[kernel.MISMATCHES]), int(reads.sums[kernel.CIGAR_BASES])
    inserts, (_, average, deviation) = parts.inserts // 2, main_bulk(parts.inserts)
    error_rate = ratio(np.float32(mismatches % 2**64), np.float32(aligned))
    yield "# Summary Numbers. Use `grep ^SN | cut -f 2-` to extract this part."
    for name, value, comment in (
        ("raw total sequences", sequences, "excluding supplementary and secondary reads"),
        ("filtered sequences", 0, ""),
        ("sequences", sequences, ""),
        ("is sorted", 1, ""),
        ("1st fragments", firsts, ""),
        ("last fragments", lasts, ""),
        ("reads mapped", kinds["sequences mapped"], ""),
        (
            "reads mapped and paired",
            kinds["sequences both mapped"],
            "paired-end technology bit set + both mates mapped",
        ),
        ("reads unmapped", sequences - kinds["sequences mapped"], ""),
        ("reads properly paired", kinds["sequences properly paired"], "proper-pair bit set"),
        ("reads paired", kinds["sequences paired"], "paired-end technology bit set"),
        ("reads duplicated", kinds["sequences duplicated"], "PCR or optical duplicate bit set"),
        ("reads MQ0", int(reads.sums[kernel.MAPQ_0]), "mapped and MQ=0"),
        ("reads QC failed", count_kinds(parts.keys)["sequences"][1], ""),
        ("non-primary alignments", kinds["secondary"], ""),
        ("supplementary alignments", kinds["supplementary"], ""),
        ("total length", total, "ignores clipping"),
        ("total first fragment length", first_bases, "ignores clipping"),
        ("total last fragment length", last_bases, "ignores clipping"),
        ("bases mapped", flagged_bases(reads, SUPPLEMENTARY | UNMAPPED), "ignores clipping"),
        ("bases mapped (cigar)", aligned, "more accurate"),
        ("bases trimmed", 0, ""),
        ("bases duplicated", flagged_bases(reads, 0, DUPLICATE), ""),
        ("mismatches", mismatches, "from NM fields"),
        ("error rate", f"{error_rate:e}", "mismatches / bases mapped (cigar)"),
        ("average length", average_length(parts), ""),
        ("average first fragment length", f"{ratio(first_bases, firsts):.0f}", ""),
        ("average last fragment length", f"{ratio(last_bases, lasts):.0f}", ""),
        ("maximum length", longest(reads, list(range(kernel.ORDERS))), ""),
        ("maximum first fragment length", longest(reads, IN_FIRST), ""),
        ("maximum last fragment length", longest(reads, IN_LAST), ""),
        ("average quality", f"{ratio(int(np.dot(qualities, np.arange(256))), total):.1f}", ""),
        ("insert size average", f"{average:.1f}", ""),
        ("insert size standard deviation", f"{deviation:.1f}", ""),
        ("inward oriented pairs", int(inserts[INWARD].sum()), ""),
        ("outward oriented pairs", int(inserts[OUTWARD].sum()), ""),
        ("pairs with other orientation", int(inserts[OTHER_WAY].sum()), ""),
        ("pairs on different chromosomes", kinds["sequences elsewhere"] // 2, ""),
        (
            "percentage of properly paired reads (%)",
            f"{100 * ratio(kinds['sequences properly paired'], sequences):.1f}",
            "",
        ),
    ):
        yield f"SN\t{name}:\t{value}" + (f"\t# {comment}" if comment else "")


# -- cycles ------------------------------------------------------------------------------------------------------------

FRAGMENTS = (("F", "First", "first", IN_FIRST), ("L", "Last", "last", IN_LAST))


def quality_lines(reads: ReadFigures) -> Iterator[str]:
    """Qualities by cycle, first and last fragments."""
    counted = reads.quality[[*IN_FIRST, *IN_LAST]].sum(axis=(0, 1, 2))
    columns = min(int(np.flatnonzero(counted).max(initial=0)) + 2, 256)
    for letter, name, _, orders in FRAGMENTS:
        yield f"# {name} Fragment Qualities. Use `grep ^{letter}FQ | cut -f 2-` to extract this part."
        yield "# Columns correspond to qualities and rows to cycles. First column is the cycle number."
        rows = np.zeros((longest(reads, orders), columns), dtype=np.int64)
        found = reads.quality[orders].sum(axis=(0, 1))[: len(rows), :columns]
        rows[: len(found)] = found
        for cycle, row in enumerate(rows.tolist(), start=1):
            yield f"{letter}FQ\t{cycle}\t" + "\t".join(map(str, row))


def gc_lines(reads: ReadFigures) -> Iterator[str]:
    """GC content of first and last fragments, a line where it changes."""
    for letter, name, bins in (("F", "first", reads.gc[0]), ("L", "last", reads.gc[1])):
        yield f"# GC Content of {name} fragments. Use `grep ^GC{letter} | cut -f 2-` to extract this part."
        before = 0
        for k in np.flatnonzero(np.diff(bins)).tolist():
            middle = (k + 1 + before) * 0.5 * 100 / (kernel.GC_BINS - 1)
            yield f"GC{letter}\t{middle:.2f}\t{int(bins[before])}"
            before = k + 1


def base_lines(reads: ReadFigures) -> Iterator[str]:
    """Bases by cycle: all fragments, read oriented, first, last."""
    columns = "The columns are: cycle; A,C,G,T base counts as a percentage of all A/C/G/T bases [%]"
    others = f"{columns}; and N and O counts as a percentage of all A/C/G/T bases [%]"
    yield f"# ACGT content per cycle. Use `grep ^GCC | cut -f 2-` to extract this part. {others}"
    yield from composition_lines("GCC", cycle_bases(reads, IN_FIRST + IN_LAST))
    yield f"# ACGT content per cycle, read oriented. Use `grep ^GCT | cut -f 2-` to extract this part. {columns}"
    yield from composition_lines("GCT", oriented_bases(reads), 4)
    for letter, _, name, orders in FRAGMENTS:
        bases = cycle_bases(reads, orders)
        extract = f"Use `grep ^{letter}BC | cut -f 2-` to extract this part."
        yield f"# ACGT content per cycle for {name} fragments. {extract} {others}"
        yield from composition_lines(f"{letter}BC", bases)
        extract = f"Use `grep ^{letter}TC | cut -f 2-` to extract this part."
        yield f"# ACGT raw counters for {name} fragments. {extract} The columns are: A,C,G,T,N base counters"
        yield f"{letter}TC\t" + "\t".join(map(str, bases[:, :5].sum(axis=0).tolist()))


def cycle_bases(reads: ReadFigures, orders: list[int]) -> Counts:
    """int64[cycles, 6]: A, C, G, T, N and others, as they stand in the records."""
    bases = reads.bases[orders].sum(axis=(0, 1, 2))
    known = bases[:, [A, C, G, T, N]]
    return np.concatenate([known, (bases.sum(axis=1) - known.sum(axis=1))[:, None]], axis=1)


def oriented_bases(reads: ReadFigures) -> Counts:
    """int64[cycles, 4]: A, C, G, T as they were sequenced."""
    bases = reads.bases[IN_FIRST + IN_LAST].sum(axis=(0, 1))
    return np.stack([bases[0, :, one] + bases[1, :, other] for one, other in COMPLEMENTS], axis=1)


def composition_lines(tag: str, bases: Counts, columns: int = 6) -> Iterator[str]:
    """A line for each cycle with a known base."""
    for cycle, row in enumerate(bases.tolist(), start=1):
        known = sum(row[:4])
        if known:
            yield f"{tag}\t{cycle}\t" + "\t".join(f"{100.0 * count / known:.2f}" for count in row[:columns])


# -- pairs, lengths, indels, depth -------------------------------------------------------------------------------------


def insert_lines(inserts: Counts) -> Iterator[str]:
    """Pairs by insert size, the main bulk."""
    yield (
        "# Insert sizes. Use `grep ^IS | cut -f 2-` to extract this part. The columns are: insert size, pairs total,"
        " inward oriented pairs, outward oriented pairs, other pairs"
    )
    stop, _, _ = main_bulk(inserts)
    pairs = (inserts // 2)[:, : min(stop, LARGEST_INSERT + 1)].T.tolist()
    for size, row in enumerate(pairs):
        yield f"IS\t{size}\t{sum(row)}\t{row[INWARD]}\t{row[OUTWARD]}\t{row[OTHER_WAY]}"


def length_lines(reads: ReadFigures) -> Iterator[str]:
    """Reads by length before hard clipping."""
    every = list(range(kernel.ORDERS))
    for tag, title, orders in (
        ("RL", "Read lengths", every),
        ("FRL", "Read lengths - first fragments", IN_FIRST),
        ("LRL", "Read lengths - last fragments", IN_LAST),
    ):
        yield f"# {title}. Use `grep ^{tag} | cut -f 2-` to extract this part. The columns are: read length, count"
        counts = reads.lengths[0, orders].sum(axis=0)
        yield from (f"{tag}\t{size}\t{counts[size]}" for size in np.flatnonzero(counts).tolist())


def indel_lines(reads: ReadFigures) -> Iterator[str]:
    """Indels by length and by cycle."""
    yield (
        "# Indel distribution. Use `grep ^ID | cut -f 2-` to extract this part. The columns are: length, number of"
        " insertions, number of deletions"
    )
    for k in np.flatnonzero(reads.indels.sum(axis=0)).tolist():
        yield f"ID\t{k + 1}\t{reads.indels[0, k]}\t{reads.indels[1, k]}"
    yield (
        "# Indels per cycle. Use `grep ^IC | cut -f 2-` to extract this part. The columns are: cycle, number of"
        " insertions (fwd), .. (rev) , number of deletions (fwd), .. (rev)"
    )
    for k in np.flatnonzero(reads.ends.sum(axis=0)).tolist():
        yield f"IC\t{k + 1}\t" + "\t".join(map(str, reads.ends[:, k].tolist()))


def coverage_lines(coverage: Counts) -> Iterator[str]:
    """Positions by depth, those without any left out."""
    yield "# Coverage distribution. Use `grep ^COV | cut -f 2-` to extract this part."
    for depth in (np.flatnonzero(coverage[1 : COV_MAX + 1]) + 1).tolist():
        yield f"COV\t[{depth}-{depth}]\t{depth}\t{coverage[depth]}"
    deeper = int(coverage[COV_MAX + 1 :].sum())
    if deeper:
        yield f"COV\t[{COV_MAX}<]\t{COV_MAX}\t{deeper}"


def gc_depth_lines(gc_depth: GcDepth, length: int) -> Iterator[str]:
    """Depth percentiles of bins of equal GC."""
    yield (
        "# GC-depth. Use `grep ^GCD | cut -f 2-` to extract this part. The columns are: GC%, unique sequence"
        " percentiles, 10th, 25th, 50th, 75th and 90th depth percentile"
    )
    for gc, share, depths in gc_depth.percentiles(length):
        yield f"GCD\t{gc:.1f}\t{share:.3f}\t" + "\t".join(f"{depth:.3f}" for depth in depths)

"""alignment_summary: how well reads align (Picard 2.27.5, CollectAlignmentSummaryMetrics)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..kernels import picard as kernel
from ..kernels.picard import FIRST_OF_PAIR, SECOND_OF_PAIR, UNPAIRED, ReadCounts
from . import histogram
from .picard_text import Histograms, Row, write_metrics_file

BAD_CYCLE = 0.8  # of all reads without a good call in a cycle


class Category(NamedTuple):
    """The counters of some reads: ``totals`` and the tables of ``ReadCounts``, one row of each."""

    totals: NDArray[np.int64]
    lengths: NDArray[np.int64]
    aligned: NDArray[np.int64]
    mismatches: NDArray[np.int64]
    bad_cycles: int

    def __getattr__(self, name: str) -> int:
        """A total by its name in ``kernels.picard``."""
        return int(self.totals[getattr(kernel, name)])


def bad_cycles(cycles: NDArray[np.int64], reads: int) -> int:
    """Cycles in which most reads have N or a mismatch."""
    return int(np.count_nonzero(cycles / reads >= BAD_CYCLE)) if reads else 0


def bad_by_cycle(counts: ReadCounts) -> dict[str, dict[str, float]]:
    """Per cent of PF reads with N or a mismatch in each cycle, by read of the pair.

    Cycles as Picard's BAD_CYCLES numbers them: from the start of the aligned block (``kernels.mismatch.mark_cycle``).
    """
    lines = {}
    for name, row in (("read 1", 0), ("read 2", 1), ("unpaired", 2)):
        reads = counts.lengths[row][::-1].cumsum()[::-1]  # that are at least so long
        shown = range(1, int(np.count_nonzero(reads)))
        line = {str(cycle): round(100 * int(counts.cycles[row][cycle]) / int(reads[cycle]), 4) for cycle in shown}
        if line:
            lines[name] = line
    return lines


def category(counts: ReadCounts, *rows: int) -> Category:
    """The counters of one category, or the sum of several."""
    picked = list(rows)
    bad = sum(bad_cycles(counts.cycles[row], int(counts.totals[row][kernel.TOTAL_READS])) for row in rows)
    tables = (counts.totals, counts.lengths, counts.aligned, counts.mismatches)
    totals, lengths, aligned, mismatches = (table[picked].sum(axis=0) for table in tables)
    return Category(totals, lengths, aligned, mismatches, bad)


def divide(above: float, below: float) -> float:
    """MathUtil.divide: 0 where there is nothing to divide by."""
    return above / below if below else 0.0


def share(above: int, below: int) -> float:
    """A quotient that Picard leaves without a value where there is nothing to divide by."""
    return above / below if below else float("nan")


def describe(name: str, reads: Category) -> Row:
    """Fields of AlignmentSummaryMetrics."""
    lengths, aligned = histogram.filled(reads.lengths), histogram.filled(reads.aligned)
    mismatches = histogram.filled(reads.mismatches)
    bases = histogram.total(*lengths)
    return {
        "CATEGORY": name,
        "TOTAL_READS": reads.TOTAL_READS,
        "PF_READS": reads.PF_READS,
        "PCT_PF_READS": divide(reads.PF_READS, reads.TOTAL_READS),
        "PF_NOISE_READS": reads.PF_NOISE_READS,
        "PF_READS_ALIGNED": reads.PF_READS_ALIGNED,
        "PCT_PF_READS_ALIGNED": divide(reads.PF_READS_ALIGNED, reads.PF_READS),
        "PF_ALIGNED_BASES": reads.PF_ALIGNED_BASES,
        "PF_HQ_ALIGNED_READS": reads.PF_HQ_ALIGNED_READS,
        "PF_HQ_ALIGNED_BASES": reads.PF_HQ_ALIGNED_BASES,
        "PF_HQ_ALIGNED_Q20_BASES": reads.PF_HQ_ALIGNED_Q20_BASES,
        "PF_HQ_MEDIAN_MISMATCHES": histogram.median(*mismatches),
        "PF_MISMATCH_RATE": divide(reads.MISMATCHES, reads.PF_ALIGNED_BASES),
        "PF_HQ_ERROR_RATE": divide(histogram.total(*mismatches), reads.PF_HQ_ALIGNED_BASES),
        "PF_INDEL_RATE": divide(reads.INDELS, reads.PF_ALIGNED_BASES),
        **describe_lengths(lengths),
        "MEAN_ALIGNED_READ_LENGTH": mean_or_none(aligned, reads.TOTAL_READS),
        "READS_ALIGNED_IN_PAIRS": reads.READS_ALIGNED_IN_PAIRS,
        "PCT_READS_ALIGNED_IN_PAIRS": divide(reads.READS_ALIGNED_IN_PAIRS, reads.PF_READS_ALIGNED),
        "PF_READS_IMPROPER_PAIRS": reads.PF_READS_IMPROPER_PAIRS,
        "PCT_PF_READS_IMPROPER_PAIRS": divide(reads.PF_READS_IMPROPER_PAIRS, reads.PF_READS_ALIGNED),
        "BAD_CYCLES": reads.bad_cycles,
        "STRAND_BALANCE": divide(reads.POSITIVE_STRAND, reads.PF_READS_ALIGNED),
        "PCT_CHIMERAS": divide(reads.CHIMERAS, reads.CHIMERAS_DENOMINATOR),
        "PCT_ADAPTER": share(reads.ADAPTER_READS, reads.PF_READS) if reads.TOTAL_READS else 0.0,
        "PCT_SOFTCLIP": divide(reads.SOFT_CLIPPED, bases),
        "PCT_HARDCLIP": divide(reads.HARD_CLIPPED, bases),
        "AVG_POS_3PRIME_SOFTCLIP_LENGTH": divide(reads.SOFT_CLIPPED_3PRIME, reads.READS_CLIPPED_3PRIME),
        "SAMPLE": "",
        "LIBRARY": "",
        "READ_GROUP": "",
    }


def mean_or_none(bins: tuple[NDArray[np.int64], NDArray[np.int64]], reads: int) -> float:
    """The mean; 0 where no reads were looked at, no value where they all failed the vendor's filter."""
    return histogram.mean(*bins) if reads else 0.0


def describe_lengths(bins: tuple[NDArray[np.int64], NDArray[np.int64]]) -> dict[str, float]:
    """Fields of the reads' lengths; all 0 where there are none."""
    keys, counts = bins
    some = len(keys) > 0
    return {
        "MEAN_READ_LENGTH": histogram.mean(keys, counts) if some else 0.0,
        "SD_READ_LENGTH": histogram.standard_deviation(keys, counts) if some else 0.0,
        "MEDIAN_READ_LENGTH": histogram.median(keys, counts),
        "MAD_READ_LENGTH": histogram.median_absolute_deviation(keys, counts) if some else 0.0,
        "MIN_READ_LENGTH": float(keys[0]) if some else 0.0,
        "MAX_READ_LENGTH": float(keys[-1]) if some else 0.0,
    }


def alignment_summary(counts: ReadCounts) -> list[Row]:
    """A row for each category that there are reads of; unpaired ones also where there are no others."""
    first, unpaired = category(counts, FIRST_OF_PAIR), category(counts, UNPAIRED)
    rows = []
    if first.TOTAL_READS:
        rows.append(describe("FIRST_OF_PAIR", first))
        rows.append(describe("SECOND_OF_PAIR", category(counts, SECOND_OF_PAIR)))
        rows.append(describe("PAIR", category(counts, FIRST_OF_PAIR, SECOND_OF_PAIR)))
    if unpaired.TOTAL_READS or not first.TOTAL_READS:
        rows.append(describe("UNPAIRED", unpaired))
    return rows


def read_lengths(counts: ReadCounts) -> Histograms:
    """Lengths of reads and of their parts that are not clipped."""
    pair, unpaired = category(counts, FIRST_OF_PAIR, SECOND_OF_PAIR), category(counts, UNPAIRED)

    def column(table: NDArray[np.int64]) -> dict[int, int]:
        keys, bins = histogram.filled(table)
        return dict(zip(keys.tolist(), bins.tolist(), strict=True))

    columns = {
        "PAIRED_TOTAL_LENGTH_COUNT": column(pair.lengths),
        "PAIRED_ALIGNED_LENGTH_COUNT": column(pair.aligned),
        "UNPAIRED_TOTAL_LENGTH_COUNT": column(unpaired.lengths),
        "UNPAIRED_ALIGNED_LENGTH_COUNT": column(unpaired.aligned),
    }
    return Histograms("READ_LENGTH", columns)


def write_alignment_summary(path: Path, sample: str, counts: ReadCounts) -> None:
    """Write ``.alignment_summary_metrics.txt``."""
    kind = "picard.analysis.AlignmentSummaryMetrics"
    rows = alignment_summary(counts)
    write_metrics_file(path, "CollectAlignmentSummaryMetrics", sample, kind, rows, read_lengths(counts))

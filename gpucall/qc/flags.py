"""flags: how many records of each kind there are, and samtools' flagstat of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend
from ..kernels import qc as kernel
from ..kernels.records import (
    DUPLICATE,
    MATE_UNMAPPED,
    PAIRED,
    PROPER_PAIR,
    QC_FAIL,
    READ1,
    READ2,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
)
from .inserts import InsertCounts

Counts = dict[str, tuple[int, int]]

# Lines of `samtools flagstat` (1.13 and later) and what each one's percentage is of.
FLAGSTAT_LINES: tuple[tuple[str, str, str | None], ...] = (
    ("total", "in total (QC-passed reads + QC-failed reads)", None),
    ("primary", "primary", None),
    ("secondary", "secondary", None),
    ("supplementary", "supplementary", None),
    ("duplicates", "duplicates", None),
    ("primary duplicates", "primary duplicates", None),
    ("mapped", "mapped", "total"),
    ("primary mapped", "primary mapped", "primary"),
    ("paired", "paired in sequencing", None),
    ("read1", "read1", None),
    ("read2", "read2", None),
    ("properly paired", "properly paired", "paired"),
    ("both mapped", "with itself and mate mapped", None),
    ("singletons", "singletons", "paired"),
    ("mate elsewhere", "with mate mapped to a different chr", None),
    ("mate elsewhere, mapq 5", "with mate mapped to a different chr (mapQ>=5)", None),
)


class FlagCounts:
    """Histogram of flag keys (``kernels.qc.flag_key``), and records per contig (the last element: unplaced)."""

    def __init__(self, backend: Backend, contigs: int) -> None:
        self._backend = backend
        self.keys: Any = backend.xp.zeros(kernel.FLAG_KEYS, dtype=np.int64)
        self.contigs: Any = backend.xp.zeros(contigs + 1, dtype=np.int64)

    def kinds(self, inserts: InsertCounts) -> kernel.Kinds:
        """The counters, with those of template lengths, for ``ReadStats.add`` to fill."""
        return kernel.Kinds(self.keys, self.contigs, inserts.counts)

    def merge(self, other: FlagCounts) -> None:
        """Add what another worker counted."""
        self.keys += other.keys
        self.contigs += other.contigs

    def records_per_contig(self) -> NDArray[np.int64]:
        """int64[contigs + 1], the last element: unplaced records."""
        counts: NDArray[np.int64] = self._backend.download(self.contigs)
        return counts

    def histogram(self) -> NDArray[np.int64]:
        """int64[FLAG_KEYS]: records by flag key."""
        counts: NDArray[np.int64] = self._backend.download(self.keys)
        return counts

    def result(self) -> Counts:
        """Name -> (records that passed the vendor's filter, records that failed it)."""
        return count_kinds(self.histogram())


def count_kinds(keys: NDArray[np.int64]) -> Counts:
    """Sums over a histogram of flag keys, int64[FLAG_KEYS], as samtools flagstat and stats make them."""
    key = np.flatnonzero(keys)  # few of all
    keys = keys[key]

    def has(bits: int) -> NDArray[np.bool_]:
        return (key & bits) == bits

    def lacks(bits: int) -> NDArray[np.bool_]:
        return (key & bits) == 0

    primary = lacks(SECONDARY | SUPPLEMENTARY)
    mapped = lacks(UNMAPPED)
    paired = primary & has(PAIRED)
    both = paired & lacks(UNMAPPED | MATE_UNMAPPED)
    elsewhere = both & has(kernel.MATE_ELSEWHERE)
    sequenced = primary & has(kernel.HAS_SEQUENCE)  # samtools stats passes over records without SEQ
    kinds = {
        "total": lacks(0),
        "primary": primary,
        "secondary": has(SECONDARY),
        "supplementary": lacks(SECONDARY) & has(SUPPLEMENTARY),
        "duplicates": has(DUPLICATE),
        "primary duplicates": primary & has(DUPLICATE),
        "mapped": mapped,
        "primary mapped": primary & mapped,
        "paired": paired,
        "read1": paired & has(READ1),
        "read2": paired & has(READ2),
        "properly paired": paired & has(PROPER_PAIR) & mapped,
        "both mapped": both,
        "singletons": paired & has(MATE_UNMAPPED) & mapped,
        "mate elsewhere": elsewhere,
        "mate elsewhere, mapq 5": elsewhere & has(kernel.MAPQ_5),
        "sequences": sequenced,
        "sequences mapped": sequenced & mapped,
        "sequences paired": sequenced & has(PAIRED),
        "sequences both mapped": sequenced & both,
        "sequences elsewhere": sequenced & elsewhere,
        "sequences duplicated": lacks(SECONDARY) & has(kernel.HAS_SEQUENCE | DUPLICATE),
        "sequences properly paired": sequenced & both & has(PROPER_PAIR),
    }
    failed = has(QC_FAIL)
    return {name: (int(keys[kind & ~failed].sum()), int(keys[kind & failed].sum())) for name, kind in kinds.items()}


def percentage(part: int, whole: int) -> str:
    """As flagstat prints it: divided in single precision, ``N/A`` of nothing."""
    return f"{float(np.float32(part) / np.float32(whole)) * 100.0:.2f}%" if whole else "N/A"


def write_flagstat(path: Path, counts: Counts) -> None:
    """Write the text of ``samtools flagstat``."""
    with open(path, "w", encoding="ascii") as out:
        for name, label, whole in FLAGSTAT_LINES:
            passed, failed = counts[name]
            line = f"{passed} + {failed} {label}"
            if whole:
                line += f" ({percentage(passed, counts[whole][0])} : {percentage(failed, counts[whole][1])})"
            out.write(line + "\n")

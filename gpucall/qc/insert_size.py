"""insert_size: insert sizes by the pair's orientation (Picard 2.27.5, CollectInsertSizeMetrics)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..kernels.picard import ReadCounts
from . import histogram
from .picard_text import Histograms, Row, write_metrics_file

ORIENTATIONS = ("FR", "RF", "TANDEM")  # rows of ``ReadCounts.inserts``
MINIMUM_PCT = float(np.float32(0.05))  # of all pairs; orientations with less are left out. Held in single precision
DEVIATIONS = 10  # of the median absolute deviation above the median: longer inserts are trimmed
WIDTHS = (10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 99)  # percent

Bins = tuple[NDArray[np.int64], NDArray[np.int64]]


def insert_sizes(counts: ReadCounts, far: Counter[int]) -> dict[str, Bins]:
    """Orientation -> sizes and how many pairs have each; ``far`` is ``PicardReads.far``."""
    found = {}
    for row, name in enumerate(ORIENTATIONS):
        keys, near = histogram.filled(counts.inserts[row])
        long = sorted((key & 0xFFFFFFFF, count) for key, count in far.items() if key >> 32 == row)
        found[name] = (
            np.concatenate([keys, np.array([key for key, _ in long], dtype=np.int64)]),
            np.concatenate([near, np.array([count for _, count in long], dtype=np.int64)]),
        )
    return found


def widths(keys: NDArray[np.int64], counts: NDArray[np.int64], median: float) -> dict[str, int]:
    """WIDTH_OF_10_PERCENT and so on: how wide a range around the median holds that share of the pairs.

    The range grows by 1 bp on either side a step. Its ends are halves where the median is; Picard cuts them off, and
    so looks up the low and the high end of such a range one after the other, the middle once.
    """
    total = int(counts.sum())
    by_size = dict(zip(keys.tolist(), counts.tolist(), strict=True))
    fields = {f"WIDTH_OF_{share}_PERCENT": 0 for share in WIDTHS}
    open_shares = list(WIDTHS)
    covered, low, high = 0, median, median
    while open_shares and (low >= keys[0] - 1 or high <= keys[-1] + 1):
        covered += by_size.get(int(low), 0)
        if low != high:
            covered += by_size.get(int(high), 0)
        while open_shares and covered / total >= open_shares[0] / 100:
            fields[f"WIDTH_OF_{open_shares.pop(0)}_PERCENT"] = int(high - low) + 1
        low, high = low - 1, high + 1
    return fields


def trimmed(keys: NDArray[np.int64], counts: NDArray[np.int64]) -> Bins:
    """The bins without those of ``DEVIATIONS`` deviations or more above the median."""
    width = histogram.median(keys, counts) + DEVIATIONS * histogram.median_absolute_deviation(keys, counts)
    kept = keys <= int(width)
    return keys[kept], counts[kept]


def describe(name: str, keys: NDArray[np.int64], counts: NDArray[np.int64]) -> Row:
    """Fields of InsertSizeMetrics of one orientation."""
    median = histogram.median(keys, counts)
    main = trimmed(keys, counts)
    return {
        "MEDIAN_INSERT_SIZE": median,
        "MODE_INSERT_SIZE": histogram.mode(keys, counts),
        "MEDIAN_ABSOLUTE_DEVIATION": histogram.median_absolute_deviation(keys, counts),
        "MIN_INSERT_SIZE": int(keys[0]),
        "MAX_INSERT_SIZE": int(keys[-1]),
        "MEAN_INSERT_SIZE": histogram.mean(*main),
        "STANDARD_DEVIATION": histogram.standard_deviation(*main),
        "READ_PAIRS": int(counts.sum()),
        "PAIR_ORIENTATION": name,
        **widths(keys, counts, median),
        "SAMPLE": "",
        "LIBRARY": "",
        "READ_GROUP": "",
    }


def usual(sizes: dict[str, Bins]) -> dict[str, Bins]:
    """The orientations that enough pairs have."""
    total = sum(int(counts.sum()) for _, counts in sizes.values())
    enough = {name: bins for name, bins in sizes.items() if int(bins[1].sum()) >= total * MINIMUM_PCT}
    return {name: bins for name, bins in enough.items() if len(bins[0])}


def write_insert_sizes(path: Path, sample: str, sizes: dict[str, Bins]) -> bool:
    """Write ``.insert_size_metrics.txt``; False: there is no pair, so there is no file, as with Picard."""
    sizes = usual(sizes)
    if not sizes:
        return False
    columns = {}
    for name, bins in sizes.items():
        keys, kept = trimmed(*bins)
        columns[f"All_Reads.{name.lower()}_count"] = dict(zip(keys.tolist(), kept.tolist(), strict=True))
    rows = [describe(name, *bins) for name, bins in sizes.items()]
    kind = "picard.analysis.InsertSizeMetrics"
    write_metrics_file(path, "CollectInsertSizeMetrics", sample, kind, rows, Histograms("insert_size", columns))
    return True

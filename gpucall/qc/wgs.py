"""wgs: coverage of the whole genome (Picard 2.27.5, CollectWgsMetrics)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..kernels import picard, wgs
from . import histogram
from .coverage import CoverageResult
from .picard_text import Histograms, Row, write_metrics_file
from .sensitivity import het_snp_sensitivity, phred

AT_LEAST = (1, 5, 10, 15, 20, 25, 30, 40, 50, 60, 70, 80, 90, 100)  # PCT_1X and so on
FOLDS = (80, 90, 95)  # percent, FOLD_80_BASE_PENALTY and so on


def exclusions(counted: CoverageResult, left_out: NDArray[np.int64]) -> dict[str, float]:
    """PCT_EXC_ADAPTER and so on: aligned bases that do not count, of all; ``left_out`` is ``ReadCounts.excluded``."""
    sums = [int(value) for value in counted.sums]
    excluded = {
        "ADAPTER": int(left_out[picard.EXCLUDED_ADAPTER]),
        "MAPQ": int(left_out[picard.EXCLUDED_MAPQ]),
        "DUPE": int(left_out[picard.EXCLUDED_DUPE]),
        "UNPAIRED": int(left_out[picard.EXCLUDED_UNPAIRED]),
        "BASEQ": sums[wgs.ALIGNED] - sums[wgs.SOLID],
        "OVERLAP": sums[wgs.REPEATS],
        "CAPPED": sums[wgs.CAPPED],
    }
    counting = int(np.dot(counted.solid, np.arange(len(counted.solid))))
    total = counting + sum(excluded.values())
    excluded["TOTAL"] = total - counting
    return {f"PCT_EXC_{name}": bases / total if total else 0.0 for name, bases in excluded.items()}


def wgs_metrics(counted: CoverageResult, left_out: NDArray[np.int64]) -> Row:
    """Fields of WgsMetrics."""
    keys, counts = histogram.filled(counted.solid)
    territory, mean = int(counts.sum()), histogram.mean(keys, counts)
    sensitivity = het_snp_sensitivity(counted.present, counted.qualities)

    def fold(percent: int) -> float:
        depth = histogram.percentile(keys, counts, (100 - percent) / 100)
        return mean / depth if depth else float("nan")

    return {
        "GENOME_TERRITORY": territory,
        "MEAN_COVERAGE": mean,
        "SD_COVERAGE": histogram.standard_deviation(keys, counts),
        "MEDIAN_COVERAGE": histogram.median(keys, counts),
        "MAD_COVERAGE": histogram.median_absolute_deviation(keys, counts),
        **exclusions(counted, left_out),
        **{f"PCT_{depth}X": int(counted.solid[depth:].sum()) / territory for depth in AT_LEAST},
        **{f"FOLD_{percent}_BASE_PENALTY": fold(percent) for percent in FOLDS},
        "HET_SNP_SENSITIVITY": sensitivity,
        "HET_SNP_Q": float(phred(sensitivity)),
    }


def write_wgs(path: Path, sample: str, counted: CoverageResult, left_out: NDArray[np.int64]) -> bool:
    """Write ``.wgs_metrics.txt``; False: no base of quality 3 or more covers the genome, and as with Picard no file."""
    if not counted.qualities[wgs.ABSENT_QUALITY + 1 :].any():
        return False
    depths = {depth: int(count) for depth, count in enumerate(counted.solid)}
    columns = Histograms("coverage", {"high_quality_coverage_count": depths})
    rows = [wgs_metrics(counted, left_out)]
    write_metrics_file(path, "CollectWgsMetrics", sample, "picard.analysis.WgsMetrics", rows, columns)
    return True

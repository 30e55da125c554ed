"""sensitivity: how often a heterozygous SNV would be seen, by Picard's TheoreticalSensitivity (2.27.5)."""

from __future__ import annotations

from math import floor, isinf, isnan, log10

import numpy as np
from numpy.typing import NDArray

from ..kernels import sensitivity as kernel
from ..kernels.states import BITS, KINDS

SAMPLES = 10_000  # SAMPLE_SIZE of CollectWgsMetrics
LOG_ODDS = 3.0  # WgsMetrics.LOG_ODDS_THRESHOLD
SEED = 51  # RANDOM_SEED


def limits_by_kind(weights: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """uint8[128]: above the upper bits of all states with which each quality is drawn."""
    limits = np.zeros(128, dtype=np.uint8)
    top = (weights - (weights > 0)) >> np.uint64(kernel.DOUBLE_BITS - BITS)
    limits[: len(weights)] = np.where(weights > 0, top + 1, 0)
    return limits


def quality_sums(qualities: NDArray[np.int64], thresholds: NDArray[np.float64], kept: int) -> NDArray[np.float64]:
    """Chances that the sum of m qualities, drawn by their counts, reaches each threshold: float64[kept, thresholds]."""
    shares = qualities[:KINDS] / int(qualities[:KINDS].sum())
    weights = np.ceil(np.ldexp(shares / shares.max(), kernel.DOUBLE_BITS)).astype(np.uint64)
    kinds, limits = np.flatnonzero(weights), limits_by_kind(weights)
    terms = len(thresholds)
    most = int(np.flatnonzero(weights)[-1]) * terms
    reached = np.searchsorted(thresholds, np.arange(most + 1), side="right").astype(np.int32)
    hits = np.zeros((kept, terms + 1), dtype=np.int64)
    lanes = np.empty(kernel.LANE_ROWS * kernel.STRIDE, dtype=np.uint32)
    marked = np.empty(kernel.ROWS * kernel.ROW_WORDS, dtype=np.uint64)
    found = np.empty(kernel.STRIDE + kernel.AT_ONCE, dtype=np.uint16)
    seed = (SEED ^ kernel.MULTIPLIER) << kernel.UNUSED_BITS
    work = lanes, marked, found, np.empty(kernel.STRIDE, dtype=np.uint8)
    kernel.draw_sums_cpu(SAMPLES * terms, terms, seed, kinds, limits, weights, reached, *work, hits)
    above: NDArray[np.float64] = np.cumsum(hits[:, ::-1], axis=1)[:, ::-1][:, 1:] / SAMPLES
    return above


def alternate_shares(depths: int) -> list[NDArray[np.float64]]:
    """Of n reads, the chance that m show the alternate allele: a row for each n; by Pascal's rule, as in Picard."""
    rows = [np.ones(1)]
    for n in range(1, depths):
        m = np.arange(1, n)
        ends = np.array([0.5**n])
        rows.append(np.concatenate([ends, n * 0.5 / m * rows[-1][:-1], ends]))
    return rows


def het_snp_sensitivity(depths: NDArray[np.int64], qualities: NDArray[np.int64]) -> float:
    """HET_SNP_SENSITIVITY of a histogram of depths and one of base qualities, of which there are some.

    Sums are added in Picard's order, on which their last bits depend.
    """
    shares = depths / int(depths.sum())
    thresholds = 10 * (np.arange(len(depths), dtype=np.float64) * log10(2) + LOG_ODDS)
    kept = int(np.flatnonzero(depths)[-1]) + 1
    chances = quality_sums(qualities, thresholds, kept)
    alternates = alternate_shares(kept)
    terms = [shares[n] * alternates[n] * chances[: n + 1, n] for n in range(kept)]
    return float(np.add.accumulate(np.concatenate(terms))[-1])


def phred(sensitivity: float) -> int:
    """HET_SNP_Q, as Java rounds it: the largest whole number becomes -1, no number 0."""
    error = 1 - sensitivity
    if isnan(error) or error < 0:
        return 0
    score = -10 * log10(error) if error else float("inf")
    return -1 if isinf(score) else floor(score + 0.5)

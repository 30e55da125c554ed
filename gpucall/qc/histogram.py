"""histogram: statistics of a histogram by the steps of htsjdk's Histogram (3.0), so that they round as Picard's do.

Every function takes ``keys``, ascending, and ``counts``, int64, how many there are of each; no bin is empty unless said
otherwise. Sums of counts and of their products with keys are whole numbers below 2**53, so their order cannot matter.
"""

from __future__ import annotations

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Keys = NDArray[Any]


def filled(counts: Counts) -> tuple[Keys, Counts]:
    """Keys and counts of the bins that are not empty."""
    keys = np.flatnonzero(counts)
    return keys, counts[keys]


def total(keys: Keys, counts: Counts) -> float:
    """Sum of all values."""
    return float(np.dot(keys.astype(np.float64), counts.astype(np.float64)))


def mean(keys: Keys, counts: Counts) -> float:
    """Mean; NaN of nothing."""
    number = int(counts.sum())
    return total(keys, counts) / number if number else float("nan")


def standard_deviation(keys: Keys, counts: Counts) -> float:
    """Sample standard deviation: squares are added in the keys' order, as floating-point sums depend on it."""
    number = int(counts.sum())
    if number < 2:
        return float("nan")
    deviations = keys - mean(keys, counts)
    squares = np.add.accumulate(counts * (deviations * deviations))
    return sqrt(float(squares[-1]) / (number - 1))


def median(keys: Keys, counts: Counts) -> float:
    """Median, the mean of the middle two of an even number; 0 of nothing."""
    number = int(counts.sum())
    if number == 0:
        return 0.0
    middle = np.searchsorted(np.cumsum(counts), [(number + 1) // 2, number // 2 + 1])
    low, high = keys[middle]
    return (float(low) + float(high)) / 2


def median_absolute_deviation(keys: Keys, counts: Counts) -> float:
    """Median of the distances from the median."""
    distances, inverse = np.unique(np.abs(keys - median(keys, counts)), return_inverse=True)
    summed = np.zeros(len(distances), dtype=np.int64)
    np.add.at(summed, inverse, counts)
    return median(distances, summed)


def percentile(keys: Keys, counts: Counts, share: float) -> float:
    """The first key up to which there is this share of all."""
    shares = np.cumsum(counts) / counts.sum()
    return float(keys[int(np.flatnonzero(shares >= share)[0])])


def mode(keys: Keys, counts: Counts) -> float:
    """The key of the fullest bin, the first of several."""
    return float(keys[int(np.argmax(counts))])

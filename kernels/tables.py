"""Integer tables, built on the host: log-likelihoods as fixed-point costs.

A cost is a phred (-10 log10 of a probability) in units of 1/``SCALE``. Integer sums of costs do not depend on the order
in which they are added.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

SCALE = 64  # cost units a phred


def cost(probability: float) -> int:
    """-10 log10 of a probability as cost."""
    return round(-10.0 * math.log10(probability) * SCALE)


@cache
def base_costs(highest_quality: int) -> NDArray[np.int64]:
    """int64[3, highest_quality + 1]: cost of a base of each quality under three genotypes.

    Row 0: both alleles are this base, 1 - e; row 1: one of them, (1 - e)/2 + e/6; row 2: neither, e/3; with
    e = 10^(-quality/10), at most 3/4 (Li 2011, 10.1093/bioinformatics/btr509, equation 2, with errors spread over
    three bases).
    """
    table = np.empty((3, highest_quality + 1), dtype=np.int64)
    for quality in range(highest_quality + 1):
        error = min(10 ** (-quality / 10), 0.75)
        table[:, quality] = cost(1 - error), cost((1 - error) / 2 + error / 6), cost(error / 3)
    return table


@cache
def log_sum_table() -> NDArray[np.int64]:
    """int64[n]: what to subtract from the smaller of two costs to get the cost of the sum of both probabilities.

    Entry d is SCALE * 10 log10(1 + 10^(-d / (10 SCALE))), d being the difference of the costs; beyond the table it
    is 0.
    """
    entries = [round(SCALE * 10 * math.log10(1 + 10 ** (-d / (10 * SCALE)))) for d in range(40 * SCALE)]
    return np.array(entries, dtype=np.int64)


@cache
def intact_costs() -> NDArray[np.int32]:
    """int32[costs]: the cost of no gap by the cost of a gap, 1/64 phred; as far as that of probability 1e-5."""
    errors = [min(10 ** (-gap / (10 * SCALE)), 0.75) for gap in range(50 * SCALE + 1)]
    return np.array([cost(1 - error) for error in errors], dtype=np.int32)


def _through(points: list[tuple[int, float]]) -> NDArray[np.float64]:
    """33 values on straight lines through (repeats, value) points, level beyond them."""
    repeats, values = zip(*points, strict=True)
    return np.interp(np.arange(33), repeats, values)


def default_gap_phreds() -> NDArray[np.float64]:
    """float64[7, 33]: phred of a gap in a repeat by unit length (1-6) and repeats (1-32), before calibration.

    Drawn through the rates counted in PCR-free Illumina reads (docs/methods.md, 'Gap costs').
    """
    table = np.full((7, 33), 45.0)
    table[1] = _through([(5, 45), (6, 40), (7, 35), (8, 29), (10, 22.5), (15, 15.5), (20, 8.5), (26, 5)])
    table[2] = _through([(3, 45), (4, 38), (5, 32), (7, 25), (10, 18), (15, 13), (20, 9), (26, 6)])
    table[3] = _through([(2, 45), (3, 40), (4, 35), (6, 26), (10, 18), (20, 10)])
    for unit in (4, 5, 6):
        table[unit] = _through([(2, 45), (3, 42), (4, 38), (6, 30), (10, 20), (20, 12)])
    return table


def indel_priors() -> NDArray[np.int32]:
    """int32[7, 33]: cost of a heterozygous indel of one unit, by unit length and repeats in the reference.

    1e-4 outside repeats; in them mutation rates grow by orders of magnitude (Montgomery et al. 2013,
    10.1101/gr.148718.112). Drawn through the shares of repeats that carry an indel in one person, halved for either
    direction (docs/methods.md, 'Priors').
    """
    table = np.full((7, 33), 40.0)
    table[1] = _through([(3, 40), (4, 36), (5, 33), (6, 27), (8, 21), (10, 18), (13, 15), (16, 13), (20, 11)])
    table[2] = _through([(2, 40), (3, 33), (4, 24), (5, 19), (7, 16), (9, 13), (11, 9), (14, 7)])
    table[3] = _through([(2, 40), (3, 34), (4, 22), (6, 17), (9, 13), (12, 9)])
    for unit in (4, 5, 6):
        table[unit] = _through([(2, 38), (3, 23), (4, 18), (6, 14), (9, 10), (12, 8)])
    return np.round(table * SCALE).astype(np.int32)

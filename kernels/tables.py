"""Integer tables, built on the host: log-likelihoods as fixed-point costs.

A cost is a phred (-10 log10 of a probability) in units of 1/``SCALE``. Integer sums of costs do not depend on the order
in which they are added.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

SCALE = 64  # cost units a phred


def cost(probability: float) -> int:
    """-10 log10 of a probability as cost."""
    return round(-10.0 * math.log10(probability) * SCALE)


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


def log_sum_table() -> NDArray[np.int64]:
    """int64[n]: what to subtract from the smaller of two costs to get the cost of the sum of both probabilities.

    Entry d is SCALE * 10 log10(1 + 10^(-d / (10 SCALE))), d being the difference of the costs; beyond the table it
    is 0.
    """
    entries = [round(SCALE * 10 * math.log10(1 + 10 ** (-d / (10 * SCALE)))) for d in range(40 * SCALE)]
    return np.array(entries, dtype=np.int64)


def gap_costs() -> NDArray[np.int32]:
    """int32[7, 33]: cost of opening a gap inside a repeat, by unit length (1-6) and number of units (1-32).

    A gap's rate grows with the repeat: phred 45 outside repeats, less from four units on, down to a floor.
    """
    table = np.full((7, 33), 45 * SCALE, dtype=np.int32)
    for unit in range(1, 7):
        for repeats in range(1, 33):
            bases = unit * repeats
            phred = 45.0 - 2.6 * max(0, bases - 3 - unit) if unit == 1 else 45.0 - 1.4 * max(0, bases - 4 - unit)
            table[unit, repeats] = round(max(phred, 12.0 if unit == 1 else 15.0) * SCALE)
    return table

"""genotype: the cost of the reads under every pair of haplotypes (a diploid genotype), in integers.

L(h1, h2) = product over reads of (L(read | h1) + L(read | h2)) / 2. The logarithm of the sum comes from a table
(``tables.log_sum_table``), so that the result does not depend on the device.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop, cuda, cuda_loop, shared
from .tables import SCALE

HALF = round(3.0102999566398120 * SCALE)  # cost of probability 1/2


@shared
def cost_of_either(a: Any, b: Any, log_sum: Any) -> Any:
    """Cost of (p + q) / 2 from the costs of p and q."""
    low, difference = (a, b - a) if a <= b else (b, a - b)
    return low + HALF - (log_sum[difference] if difference < log_sum.shape[0] else 0)


@shared
def pair_cost(i: Any, scores: Any, first: Any, last: Any, one: Any, two: Any, log_sum: Any) -> Any:
    """Cost of the reads ``first[i]`` to ``last[i]`` under the haplotype pair (one[i], two[i])."""
    total = np.int64(0)
    a, b = one[i], two[i]
    for read in range(first[i], last[i]):
        if a == b:
            total += scores[read, a]
        else:
            total += cost_of_either(np.int64(scores[read, a]), np.int64(scores[read, b]), log_sum)
    return total


@cpu_loop
def pairs_cpu(n: int, scores: Any, first: Any, last: Any, one: Any, two: Any, log_sum: Any, out: Any) -> None:
    for i in range(n):
        out[i] = pair_cost(i, scores, first, last, one, two, log_sum)


@cuda_loop
def pairs_cuda(n: int, scores: Any, first: Any, last: Any, one: Any, two: Any, log_sum: Any, out: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        out[i] = pair_cost(i, scores, first, last, one, two, log_sum)

"""mixture: the likelihood of every site of a mixture of two samples, given the cost of every kind of base.

Host code in floating point, one site after the other in a fixed order, so it has no CUDA loop (docs/architecture.md,
invariant 2). It is compiled since a fit evaluates all sites hundreds of times.
"""

from __future__ import annotations

import math
from typing import Any

from .jit import cpu_loop


@cpu_loop
def log_likelihoods(starts: Any, kinds: Any, counts: Any, costs: Any, one: Any, two: Any, out: Any) -> None:
    """Natural logarithm of each site's likelihood, float64[sites].

    Site i has the bases [starts[i], starts[i + 1]): ``kinds`` int32, of which there are ``counts`` float64. ``costs``
    float64[kinds, 9] is the logarithm of a base's probability under each pair of genotypes, the first sample's genotype
    varying slowest; ``one`` and ``two`` float64[sites, 3] are the probabilities of both samples' genotypes.
    """
    for i in range(out.shape[0]):
        c0 = c1 = c2 = c3 = c4 = c5 = c6 = c7 = c8 = 0.0
        for k in range(starts[i], starts[i + 1]):
            kind, n = kinds[k], counts[k]
            c0 += n * costs[kind, 0]
            c1 += n * costs[kind, 1]
            c2 += n * costs[kind, 2]
            c3 += n * costs[kind, 3]
            c4 += n * costs[kind, 4]
            c5 += n * costs[kind, 5]
            c6 += n * costs[kind, 6]
            c7 += n * costs[kind, 7]
            c8 += n * costs[kind, 8]
        top = max(max(max(c0, c1), max(c2, c3)), max(max(c4, c5), max(c6, max(c7, c8))))
        first = two[i, 0] * math.exp(c0 - top) + two[i, 1] * math.exp(c1 - top) + two[i, 2] * math.exp(c2 - top)
        second = two[i, 0] * math.exp(c3 - top) + two[i, 1] * math.exp(c4 - top) + two[i, 2] * math.exp(c5 - top)
        third = two[i, 0] * math.exp(c6 - top) + two[i, 1] * math.exp(c7 - top) + two[i, 2] * math.exp(c8 - top)
        out[i] = top + math.log(one[i, 0] * first + one[i, 1] * second + one[i, 2] * third)

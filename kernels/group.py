"""group: rows brought together by a 64-bit key that is a hash, on a CPU, in less time than sorting them takes.

Host code: a card sorts (``Backend.grouped``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop, shared

MIXER = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio: Fibonacci hashing (Knuth, TAOCP 3, section 6.4)
BUCKET_BITS = 15
STARTS = (1 << BUCKET_BITS) + 1


@shared
def bucket_of(key: Any) -> Any:
    """The bucket of a key, by its upper bits once they depend on all of it."""
    return np.int64((np.uint64(key) * np.uint64(MIXER)) >> np.uint64(64 - BUCKET_BITS))


@shared
def sort_bucket(start: Any, stop: Any, keys: Any, order: Any) -> None:
    """Sort ``order[start:stop]`` by key, equal ones by row: few, unless they are equal and so in order already."""
    for place in range(start + 1, stop):
        row = order[place]
        at = place
        while at > start and keys[order[at - 1]] > keys[row]:
            order[at] = order[at - 1]
            at -= 1
        order[at] = row


@cpu_loop
def grouped(n: int, keys: Any, starts: Any, order: Any) -> None:
    """Fill ``order`` int64[n] with the rows so that those of equal ``keys`` uint64[n] are neighbours, in their order.

    ``starts`` int64[STARTS] is to work in.
    """
    for bucket in range(starts.shape[0]):
        starts[bucket] = 0
    for row in range(n):
        starts[bucket_of(keys[row]) + 1] += 1
    for bucket in range(1, starts.shape[0]):
        starts[bucket] += starts[bucket - 1]
    for row in range(n):
        bucket = bucket_of(keys[row])
        order[starts[bucket]] = row
        starts[bucket] += 1
    start = np.int64(0)
    for bucket in range(starts.shape[0] - 1):  # each begins now where the next one began
        sort_bucket(start, starts[bucket], keys, order)
        start = starts[bucket]

"""haplotype: what single reads show at a window's candidate alleles."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop, cuda, cuda_loop, shared
from .records import Records
from .scalar import base_at, query_index


@shared
def shown_snvs(i: Any, records: Records, rows: Any, first: Any, stop: Any, snvs: Any) -> Any:
    """Bit mask of the SNVs [first[i], stop[i]) that read ``rows[i]`` shows.

    ``snvs`` int64[n, 3]: position, alternate base (0-3), bit.
    """
    row = rows[i]
    mask = np.int64(0)
    for k in range(first[i], stop[i]):
        query = query_index(records, row, snvs[k, 0])
        if query >= 0 and base_at(records.raw, records.seq[row], query) == snvs[k, 1]:
            mask |= np.int64(1) << snvs[k, 2]
    return mask


@cpu_loop
def snvs_cpu(n: int, records: Records, rows: Any, first: Any, stop: Any, snvs: Any, out: Any) -> None:
    for i in range(n):
        out[i] = shown_snvs(i, records, rows, first, stop, snvs)


@cuda_loop
def snvs_cuda(n: int, records: Records, rows: Any, first: Any, stop: Any, snvs: Any, out: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        out[i] = shown_snvs(i, records, rows, first, stop, snvs)


@shared
def link_sites(i: Any, records: Records, usable: Any, low: Any, high: Any, sites: Any, out: Any) -> Any:
    """Count what the reads that cover two sites show at both of them.

    ``sites`` int64[n, 4]: position and alternate base (0-3) of the first site, then of the second. ``out``
    int32[n, 2, 2]: reads by (second alternate, first alternate); bases are counted as alternate or not.
    """
    for row in range(low[i], high[i]):
        if usable[row]:
            first = query_index(records, row, sites[i, 0])
            second = query_index(records, row, sites[i, 2]) if first >= 0 else -2
            if first >= 0 and second >= 0:
                a = 1 if base_at(records.raw, records.seq[row], first) == sites[i, 1] else 0
                b = 1 if base_at(records.raw, records.seq[row], second) == sites[i, 3] else 0
                out[i, b, a] += 1


@cpu_loop
def links_cpu(n: int, records: Records, usable: Any, low: Any, high: Any, sites: Any, out: Any) -> None:
    for i in range(n):
        link_sites(i, records, usable, low, high, sites, out)


@cuda_loop
def links_cuda(n: int, records: Records, usable: Any, low: Any, high: Any, sites: Any, out: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        link_sites(i, records, usable, low, high, sites, out)


@shared
def foreign_read(i: Any, records: Records, rows: Any, positions: Any, bases: Any) -> Any:
    """True where read ``rows[i]`` shows the listed base at most of the listed positions that it covers.

    ``positions`` int64[n] ascend; ``bases`` int64[n] are 0-3.
    """
    row = rows[i]
    low, high = 0, positions.shape[0]
    while low < high:
        middle = (low + high) // 2
        if positions[middle] < records.pos[row]:
            low = middle + 1
        else:
            high = middle
    votes = 0
    while low < positions.shape[0] and positions[low] < records.end[row]:
        query = query_index(records, row, positions[low])
        if query >= 0:
            votes += 1 if base_at(records.raw, records.seq[row], query) == bases[low] else -1
        low += 1
    return votes > 0


@cpu_loop
def foreign_cpu(n: int, records: Records, rows: Any, positions: Any, bases: Any, out: Any) -> None:
    for i in range(n):
        out[i] = foreign_read(i, records, rows, positions, bases)


@cuda_loop
def foreign_cuda(n: int, records: Records, rows: Any, positions: Any, bases: Any, out: Any) -> None:
    i = cuda.grid(1)
    if i < n:
        out[i] = foreign_read(i, records, rows, positions, bases)


LONGEST_UNIT = 6  # bp of a short repeat


@shared
def is_short_repeat(bases: Any, start: Any, step: Any, size: Any) -> Any:
    """True where ``size`` bases from ``start`` on, in direction ``step``, equal those a unit of 1-6 bp on but for 3."""
    for unit in range(1, LONGEST_UNIT + 1):
        others = 0
        for k in range(unit, size):
            others += bases[start + step * k] != bases[start + step * (k - unit)]
        if others <= 3:
            return True
    return False


@shared
def anchor_distance(bases: Any, start: Any, step: Any, length: Any, size: Any, longest: Any) -> Any:
    """How far ``size`` bases must move by fours, of ``length`` from ``start`` on, until they are no short repeat.

    At most ``longest``.
    """
    distance = 0
    while distance < longest and distance + size <= length:
        if not is_short_repeat(bases, start + step * distance, step, size):
            return distance
        distance += 4
    return min(longest, max(length - size, 0))


@cpu_loop
def anchor_distances(bases: Any, low: int, high: int, size: int, longest: int) -> tuple[int, int]:
    """``anchor_distance`` downwards from the last base before ``low``, and upwards from ``high`` on.

    Host code on every device: ``candidates`` asks it for a window before there is one.
    """
    below = anchor_distance(bases, low - 1, -1, low, size, longest)
    return below, anchor_distance(bases, high, 1, bases.shape[0] - high, size, longest)

"""haplotype: what single reads show at a window's candidate alleles."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop, cuda, cuda_loop, shared
from .records import Records
from .scalar import base_at, query_index

ASCII_OF_CODE = np.frombuffer(b"ACGTN", dtype=np.uint8)


@cpu_loop
def bases_at(records: Records, rows: Any, position: int, out: Any) -> None:
    """ASCII base of each of ``rows`` at ``position`` into ``out`` uint8; 0 where the read has none."""
    for i in range(rows.shape[0]):
        query = query_index(records, rows[i], position)
        if query >= 0:
            out[i] = ASCII_OF_CODE[base_at(records.raw, records.seq[rows[i]], query)]


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

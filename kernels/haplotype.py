"""haplotype: what single reads show at a window's candidate alleles."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop
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

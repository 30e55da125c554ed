"""records: BAM record bytes -> columns (SAM v1, section 4.2), validated on the way.

``walk`` finds where records start (a chain, so it is sequential). ``decode_record`` reads one record's fixed fields,
checks them and fills one row of the columns; after a status of ``OK`` a kernel may trust every offset.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import cpu_loop, cuda_loop, shared


class Records(NamedTuple):
    """Columns over raw record bytes, one row a record, in file order. No sequence or quality is copied.

    raw        uint8[:]  the record bytes, each record with its leading block_size
    offset     int64[n]  where the record's block_size field starts in ``raw``
    tid        int32[n]  refID, -1: unplaced
    pos        int32[n]  0-based leftmost position, -1: unplaced
    end        int32[n]  0-based, exclusive end on the reference; pos + 1 for a placed record that consumes no reference
    flag       int32[n]  SAM flag bits
    mapq       int32[n]  0-255 (255: not available)
    l_seq      int32[n]  bases in SEQ, 0: not stored
    n_cigar    int32[n]  CIGAR operations
    cigar      int64[n]  offset of the first 4-byte CIGAR operation in ``raw``
    seq        int64[n]  offset of the 4-bit bases in ``raw``
    qual       int64[n]  offset of the base qualities in ``raw`` (first byte 0xff: not stored)
    mate_tid   int32[n]  next_refID
    mate_pos   int32[n]  next_pos
    tlen       int32[n]  signed template length
    name_hash  uint64[n] 64-bit FNV-1a of the read name
    mate       int32[n]  row of the overlapping primary mate in the same batch, -1: none
    status     uint8[n]  OK or what is wrong with the record (``STATUS_TEXT``)
    """

    raw: Any
    offset: Any
    tid: Any
    pos: Any
    end: Any
    flag: Any
    mapq: Any
    l_seq: Any
    n_cigar: Any
    cigar: Any
    seq: Any
    qual: Any
    mate_tid: Any
    mate_pos: Any
    tlen: Any
    name_hash: Any
    mate: Any
    status: Any

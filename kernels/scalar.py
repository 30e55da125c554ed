"""Scalar functions that several kernels share: bases, CIGAR walks, packed sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, first_bits, masked_equal, plain_bytes, whole_words
from .jit import on_cpu, on_cuda, shared, when_compiling
from .records import CIGAR_EQ, CIGAR_M, CIGAR_X, consumes_query, consumes_reference, u32

# 4-bit codes of SAM v1, section 4.2.3 (=ACMGRSVTWYHKDBN) <-> 0-3 for A, C, G, T; 4: anything else
CODE_OF_NT16 = np.array([4, 0, 1, 4, 2, 4, 4, 4, 3, 4, 4, 4, 4, 4, 4, 4], dtype=np.uint8)
NT16_OF_ASCII = np.full(256, 15, dtype=np.uint8)
for _code, _letter in enumerate("=ACMGRSVTWYHKDBN"):
    NT16_OF_ASCII[ord(_letter)] = _code
    NT16_OF_ASCII[ord(_letter.lower())] = _code


@shared
def nt16_at(raw: Any, seq: Any, index: Any) -> Any:
    """4-bit code of base ``index`` of the packed sequence at byte ``seq`` (the high nibble comes first)."""
    return (np.int64(raw[np.uint64(seq + (index >> 1))]) >> (4 * (1 - (index & 1)))) & 15


@shared
def base_at(raw: Any, seq: Any, index: Any) -> Any:
    """Base ``index`` as 0-3 for A, C, G, T; 4: anything else."""
    return np.int64(CODE_OF_NT16[np.uint64(nt16_at(raw, seq, index))])


# Leiserson, Prokop & Randall 1998, "Using de Bruijn sequences to index a 1 in a computer word"
DE_BRUIJN = 0x03F79D71B4CB0A89
BIT_INDEX = np.zeros(64, dtype=np.uint8)
for _bit in range(64):
    BIT_INDEX[((DE_BRUIJN << _bit) & 0xFFFFFFFFFFFFFFFF) >> 58] = _bit


@when_compiling
def _teach_instructions() -> None:
    """Have numba compile some functions as single instructions of the CPU."""
    from . import bits_cpu  # noqa: F401


@on_cuda
def lowest_bit(value: Any) -> Any:
    """Index of the lowest bit that is set in a uint64 other than 0."""
    alone = value & (~value + np.uint64(1))
    return np.int64(BIT_INDEX[(alone * np.uint64(DE_BRUIJN)) >> np.uint64(58)])


MATCHES = 1 << CIGAR_M | 1 << CIGAR_EQ | 1 << CIGAR_X


@shared
def is_match(operation: Any) -> Any:
    """True for M, = and X."""
    return (MATCHES >> operation) & 1 != 0


@shared
def is_one_match(read: Any, raw: Any) -> Any:
    """True where all bases of a read are aligned, without a gap."""
    if read.n_cigar != 1:
        return False
    word = u32(raw, read.cigar)
    other = ~(MATCHES >> (word & 15)) & 1
    return other | ((word >> 4) ^ read.l_seq) == 0  # as one number: there is one thing to guess


@shared
def query_index(records: Any, row: Any, position: Any) -> Any:
    """Index of the read base aligned to reference ``position``; -1: deleted or skipped there, -2: not covered."""
    if position < records.pos[row] or position >= records.end[row]:
        return -2
    reference = np.int64(records.pos[row])
    query = np.int64(0)
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        span = length * consumes_reference(operation)
        if span > 0 and position < reference + span:
            return query + (position - reference) if is_match(operation) else -1
        reference += span
        query += length * consumes_query(operation)
    return -2


@shared
def finds_unknown_base(raw: Any, seq: Any, length: Any) -> Any:
    """``has_unknown_bases``, found byte by byte."""
    unknown = np.uint8(0)
    for k in range(seq, seq + (length >> 1)):
        byte = raw[np.uint64(k)]
        unknown = np.uint8(unknown | np.uint8(byte >= np.uint8(0xF0)) | np.uint8((byte & np.uint8(15)) == np.uint8(15)))
    if length & 1:
        unknown |= np.uint8(raw[seq + (length >> 1)] >= 0xF0)
    return unknown != 0


@shared
def from_whole_bytes(seq: Any, query: Any, at: Any, length: Any) -> Any:
    """How ``length`` bases from ``query`` on, packed from byte ``seq`` on, meet a packed reference at its base ``at``.

    Returns how many of them (0 or 1) come before a byte of two of them begins, that byte and the one of the reference
    (of its packing in which base ``at``, so many moved on, begins a byte), and how many bytes hold the rest.
    """
    first = query & 1
    return first, seq + ((query + first) >> 1), (at + first + 1) >> 1, (length - first + 1) >> 1


@shared
def half_lanes(count: Any) -> Any:
    """Of 64 bytes of two bases each, the first ``count`` bases: lanes of those in upper, of those in lower halves."""
    return first_bits((count + 1) >> 1), first_bits(count >> 1)


@on_cuda
def has_unknown_bases(raw: Any, seq: Any, length: Any) -> Any:
    """True where one of ``length`` bases, packed from byte ``seq`` on, is N."""
    return finds_unknown_base(raw, seq, length)


@on_cpu(has_unknown_bases)
def _has_unknown_bases_cpu(raw: Any, seq: Any, length: Any) -> Any:
    if seq + whole_words((length + 1) >> 1) > raw.shape[0]:
        return finds_unknown_base(raw, seq, length)
    found, size = np.uint64(0), (length + 1) >> 1
    for done in range(0, size, WORD):
        some = plain_bytes(raw, seq + done)
        unknown = masked_equal(some, 0xF0, 0xF0) | masked_equal(some, 0x0F, 0x0F)
        found |= unknown if done + WORD <= size else unknown & first_bits(size - done)
    if found == np.uint64(0):
        return False
    return finds_unknown_base(raw, seq, length)  # what follows the last base may be anything (SAM v1, section 4.2)

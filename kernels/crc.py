"""crc: CRC-32 (RFC 1952, section 8) of some bytes: by look-ups, or by what the CPU has for it (``crc_cpu``)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import on_cuda, shared, when_compiling
from .records import u64

CRC_POLYNOMIAL = 0xEDB88320  # RFC 1952, section 8, bits reversed


def crc_tables() -> Any:
    """uint32[8 * 256]: what a byte followed by 0 to 7 zero bytes makes of a CRC-32."""
    tables = np.zeros((8, 256), dtype=np.uint32)
    value = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        value = (value >> np.uint32(1)) ^ (np.uint32(CRC_POLYNOMIAL) * (value & np.uint32(1)))
    tables[0] = value
    for k in range(1, 8):
        tables[k] = (tables[k - 1] >> np.uint32(8)) ^ tables[0][tables[k - 1] & np.uint32(255)]
    return tables.ravel()


@shared
def crc_of_8(raw: Any, at: Any, crc: Any, table: Any) -> Any:
    """A CRC-32 moved on by the eight bytes at ``at`` (Kounavis & Berry 2005, 'slicing by 8'), with ``crc_tables``."""
    word = u64(raw, at) ^ np.uint64(crc)
    byte = np.uint64(255)
    one = table[np.uint64(1792) + (word & byte)] ^ table[np.uint64(1536) + ((word >> np.uint64(8)) & byte)]
    two = table[np.uint64(1280) + ((word >> np.uint64(16)) & byte)]
    two ^= table[np.uint64(1024) + ((word >> np.uint64(24)) & byte)]
    three = table[np.uint64(768) + ((word >> np.uint64(32)) & byte)]
    three ^= table[np.uint64(512) + ((word >> np.uint64(40)) & byte)]
    four = table[np.uint64(256) + ((word >> np.uint64(48)) & byte)] ^ table[word >> np.uint64(56)]
    return (one ^ two) ^ (three ^ four)


@shared
def crc_of_1(raw: Any, at: Any, crc: Any, table: Any) -> Any:
    """A CRC-32 moved on by one byte."""
    return table[np.uint64((crc ^ np.uint32(raw[np.uint64(at)])) & np.uint32(255))] ^ (crc >> np.uint32(8))


@shared
def crc32_by_table(raw: Any, start: Any, stop: Any, table: Any) -> Any:
    """``crc32`` by look-ups."""
    crc = np.uint32(0xFFFFFFFF)
    at = start
    while at + 8 <= stop:
        crc = crc_of_8(raw, at, crc, table)
        at += 8
    while at < stop:
        crc = crc_of_1(raw, at, crc, table)
        at += 1
    return np.int64(crc ^ np.uint32(0xFFFFFFFF))


@on_cuda
def crc32(raw: Any, start: Any, stop: Any, table: Any) -> Any:
    """CRC-32 of bytes [start, stop), int64, with ``crc_tables``. On the CPU there must be 16 bytes before ``start``."""
    return crc32_by_table(raw, start, stop, table)


@on_cuda
def crc32_of_two(raw: Any, one: Any, two: Any, size: Any, table: Any) -> Any:
    """``crc32`` of ``size`` bytes from ``one`` on, and of as many from ``two`` on."""
    return crc32(raw, one, one + size, table), crc32(raw, two, two + size, table)


@when_compiling
def _teach_products() -> None:
    """Have numba compile ``crc32`` for the CPU."""
    from . import crc_cpu  # noqa: F401

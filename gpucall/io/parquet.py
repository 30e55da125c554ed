"""Small Parquet files without a library: flat tables of strings and doubles, written in one go.

pyarrow takes longer to load than a run's report takes to make, and a sample's figures are a few dozen rows. Apache
Parquet format 2.10: https://parquet.apache.org/docs/file-format/, metadata in Thrift's compact protocol. One row group,
one data page (v1, PLAIN, not compressed) a column; every column is OPTIONAL.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from .. import __version__

MAGIC = b"PAR1"
Value = str | float | None

# parquet.thrift: Type, ConvertedType, FieldRepetitionType, Encoding, CompressionCodec, PageType.
DOUBLE, BYTE_ARRAY = 5, 6
UTF8 = 0
OPTIONAL = 1
PLAIN, RLE = 0, 3
UNCOMPRESSED = 0
DATA_PAGE = 0

# Types of Thrift's compact protocol.
I32, I64, BINARY, LIST, STRUCT = 5, 6, 8, 9, 12


def varint(value: int) -> bytes:
    """An unsigned integer, seven bits a byte, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def integer(value: int) -> bytes:
    """A signed integer, zigzag."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def binary(value: str | bytes) -> bytes:
    """A string with its length."""
    content = value.encode() if isinstance(value, str) else value
    return varint(len(content)) + content


def listing(kind: int, items: Sequence[bytes]) -> bytes:
    """A list of encoded items of one type."""
    size = len(items)
    head = bytes([size << 4 | kind]) if size < 15 else bytes([0xF0 | kind]) + varint(size)
    return head + b"".join(items)


def structure(*fields: tuple[int, int, bytes]) -> bytes:
    """A struct of (field number, type, encoded value), numbers ascending and less than 16 apart."""
    out, last = bytearray(), 0
    for number, kind, value in fields:
        out.append((number - last) << 4 | kind)
        out += value
        last = number
    return bytes(out) + b"\x00"


def levels(values: Sequence[Value]) -> bytes:
    """Definition levels: 1 where there is a value; runs of equal ones (RLE, bit width 1) after their length."""
    runs = ((present, len(list(run))) for present, run in groupby(value is not None for value in values))
    content = b"".join(varint(count << 1) + bytes([present]) for present, count in runs)
    return struct.pack("<I", len(content)) + content


def plain(values: Iterable[Value]) -> bytes:
    """The values that are there, one after the other."""
    return b"".join(
        struct.pack("<I", len(each.encode())) + each.encode() if isinstance(each, str) else struct.pack("<d", each)
        for each in values
        if each is not None
    )


def page(values: Sequence[Value]) -> bytes:
    """A data page with its header."""
    content = levels(values) + plain(values)
    data = structure(
        (1, I32, integer(len(values))), (2, I32, integer(PLAIN)), (3, I32, integer(RLE)), (4, I32, integer(RLE))
    )
    size = integer(len(content))
    return structure((1, I32, integer(DATA_PAGE)), (2, I32, size), (3, I32, size), (5, STRUCT, data)) + content


def schema_element(name: str, is_text: bool) -> bytes:
    """A column's type."""
    fields = [
        (1, I32, integer(BYTE_ARRAY if is_text else DOUBLE)),
        (3, I32, integer(OPTIONAL)),
        (4, BINARY, binary(name)),
    ]
    text = [(6, I32, integer(UTF8)), (10, STRUCT, structure((1, STRUCT, structure())))]
    return structure(*fields, *(text if is_text else []))


def column_chunk(name: str, is_text: bool, count: int, size: int, offset: int) -> bytes:
    """Where a column lies."""
    meta = structure(
        (1, I32, integer(BYTE_ARRAY if is_text else DOUBLE)),
        (2, LIST, listing(I32, [integer(PLAIN), integer(RLE)])),
        (3, LIST, listing(BINARY, [binary(name)])),
        (4, I32, integer(UNCOMPRESSED)),
        (5, I64, integer(count)),
        (6, I64, integer(size)),
        (7, I64, integer(size)),
        (9, I64, integer(offset)),
    )
    return structure((2, I64, integer(offset)), (3, STRUCT, meta))


def write_parquet(
    path: Path, columns: Mapping[str, Sequence[Value]], texts: Iterable[str], about: Mapping[str, str]
) -> None:
    """Write columns of equal length; those named in ``texts`` are strings, the others doubles, None is null.

    ``about`` goes into the file's key-value metadata.
    """
    strings, rows = set(texts), len(next(iter(columns.values())))
    body, chunks = bytearray(MAGIC), []
    for name, values in columns.items():
        content = page(values)
        chunks.append(column_chunk(name, name in strings, rows, len(content), len(body)))
        body += content
    group = structure(
        (1, LIST, listing(STRUCT, chunks)), (2, I64, integer(len(body) - len(MAGIC))), (3, I64, integer(rows))
    )
    root = structure((4, BINARY, binary("schema")), (5, I32, integer(len(columns))))
    schema = [root, *(schema_element(name, name in strings) for name in columns)]
    pairs = [structure((1, BINARY, binary(key)), (2, BINARY, binary(value))) for key, value in about.items()]
    footer = structure(
        (1, I32, integer(1)),
        (2, LIST, listing(STRUCT, schema)),
        (3, I64, integer(rows)),
        (4, LIST, listing(STRUCT, [group])),
        (5, LIST, listing(STRUCT, pairs)),
        (6, BINARY, binary(f"gpucall {__version__}")),
    )
    path.write_bytes(bytes(body) + footer + struct.pack("<I", len(footer)) + MAGIC)

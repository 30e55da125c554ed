"""encode: aligned reads -> BAM records (SAM v1, section 4.2) in a buffer, and such a buffer sorted by position."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gpucall.kernels.jit import cpu_loop, shared

from .aligner import END, FLAG, FRAGMENT, GROUP, MAPPED, MAPQ, MD, NM, OPS, POS, SCORE, put_number

HEAD = 36  # bytes of a record before its name
FIXED_ROOM = 256  # bytes of a record besides those that grow with the read, its CIGARs and its MD

_OPERATIONS = np.frombuffer(b"MIDNSHP=X", np.uint8)


class Columns(NamedTuple):
    """Records in a buffer: int64[n] each. `mapped` is 0 for an unmapped read that lies where its mate does."""

    pos: Any
    end: Any
    offset: Any
    size: Any
    mapped: Any


@shared
def write_batch(
    rows: Any, fragments: Any, place: Any, model: Any, batch: Any, out: Any, columns: Any, n: Any, at: Any
) -> Any:
    """Encode the records that start in the window: (records, bytes) in the buffer now, or (-1, -1)."""
    field, start, serial, name = batch.field, fragments.start, fragments.serial, batch.name
    prefix = _put_number_dot(name, _put_number_dot(name, 0, place[0]), place[1])
    for r in range(rows):
        if not place[2] <= field[r, POS] < place[3]:
            continue
        room = FIXED_ROOM + 2 * model.length + 11 * (field[r, OPS] + field[r ^ 1, OPS]) + field[r, MD]
        if n == len(columns.pos) or at + room > len(out):
            return -1, -1
        fragment = field[r, FRAGMENT]
        name_size = _put_number_dot(name, _put_number_dot(name, prefix, start[fragment]), serial[fragment])
        name[name_size - 1] = 0
        columns.pos[n], columns.end[n], columns.mapped[n] = field[r, POS], field[r, END], field[r, MAPPED]
        columns.offset[n] = at
        columns.size[n] = _write_record(out[at : at + room], r, place[0], name_size, model, batch)
        at += columns.size[n]
        n += 1
    return n, at


@shared
def _write_record(out: Any, r: Any, contig: Any, name_size: Any, model: Any, batch: Any) -> Any:
    """One BAM record with its block_size at the start of `out`; returns its size."""
    field, length = batch.field, model.length
    mate = r ^ 1
    _put4(out, 4, contig)
    _put4(out, 8, field[r, POS])
    out[12], out[13] = name_size, field[r, MAPQ]
    _put2(out, 14, _bin(field[r, POS], field[r, END]))
    _put2(out, 16, field[r, OPS])
    _put2(out, 18, field[r, FLAG])
    _put4(out, 20, length)
    _put4(out, 24, contig)
    _put4(out, 28, field[mate, POS])
    _put4(out, 32, _template_length(r, field))
    at = HEAD
    copy_bytes(batch.name, out[at : at + name_size])
    at += name_size
    for i in range(field[r, OPS]):
        _put4(out, at, batch.cigar[r, i])
        at += 4
    _pack(batch.seq[r], out[at:])
    at += (length + 1) // 2
    copy_bytes(batch.qual[r], out[at : at + length])
    at = _write_mate_cigar(out, at + length, field[mate, OPS], batch.cigar[mate])
    at = _write_group(out, at, field[r, GROUP], model.groups)
    at = _write_scores(out, at, r, field, batch.md)
    _put4(out, 0, at - 4)
    return at


@shared
def _template_length(r: Any, field: Any) -> Any:
    """From 5' end to 5' end, as bwa and samtools fixmate have it; 0 where a mate is unmapped."""
    if not (field[r, MAPPED] and field[r ^ 1, MAPPED]):
        return 0
    return field[r ^ 1, POS] - field[r, END] if r & 1 else field[r ^ 1, END] - field[r, POS]


@shared
def _pack(seq: Any, out: Any) -> None:
    """Two 4-bit codes a byte, the first one high."""
    for i in range(len(seq) // 2):
        out[i] = seq[2 * i] << 4 | seq[2 * i + 1]
    if len(seq) & 1:
        out[len(seq) // 2] = seq[len(seq) - 1] << 4


@shared
def _write_mate_cigar(out: Any, at: Any, operations: Any, cigar: Any) -> Any:
    """MC of a mapped mate; returns the place behind it."""
    if operations:
        _put_key(out, at, "M", "C", "Z")
        at += 3
        for i in range(operations):
            at = put_number(out, at, int(cigar[i] >> 4))
            out[at] = _OPERATIONS[cigar[i] & 15]
            at += 1
        out[at] = 0
        at += 1
    return at


@shared
def _write_group(out: Any, at: Any, group: Any, groups: Any) -> Any:
    """RG, if there are read groups; returns the place behind it."""
    if len(groups):
        _put_key(out, at, "R", "G", "Z")
        at += 3
        copy_bytes(groups[group], out[at : at + groups.shape[1]])
        at += groups.shape[1]
    return at


@shared
def _write_scores(out: Any, at: Any, r: Any, field: Any, md: Any) -> Any:
    """NM, AS and MD of a mapped read; returns the place behind them."""
    if field[r, MAPPED]:
        _put_key(out, at, "N", "M", "C")
        out[at + 3] = field[r, NM]
        _put_key(out, at + 4, "A", "S", "S")
        _put2(out, at + 7, max(field[r, SCORE], 0))
        _put_key(out, at + 9, "M", "D", "Z")
        at += 12
        copy_bytes(md[r], out[at : at + field[r, MD]])
        at += field[r, MD]
        out[at] = 0
        at += 1
    return at


@shared
def copy_bytes(source: Any, target: Any) -> None:
    """Fill `target` from the start of `source`; a plain loop, because a slice assignment first looks for overlaps."""
    for i in range(len(target)):
        target[i] = source[i]


@shared
def _put_key(out: Any, at: Any, first: Any, second: Any, kind: Any) -> None:
    """A tag's name and type."""
    out[at], out[at + 1], out[at + 2] = ord(first), ord(second), ord(kind)


@shared
def _put_number_dot(out: Any, at: Any, value: Any) -> Any:
    at = put_number(out, at, value)
    out[at] = ord(".")
    return at + 1


@shared
def _put2(out: Any, at: Any, value: Any) -> None:
    """Write an integer as two bytes, little-endian."""
    out[at], out[at + 1] = value & 0xFF, value >> 8 & 0xFF


@shared
def _put4(out: Any, at: Any, value: Any) -> None:
    """Write an integer as four bytes, little-endian."""
    out[at], out[at + 1] = value & 0xFF, value >> 8 & 0xFF
    out[at + 2], out[at + 3] = value >> 16 & 0xFF, value >> 24 & 0xFF


@shared
def _bin(start: Any, end: Any) -> Any:
    """The smallest bin that holds start..end-1 (SAM v1, section 5.3)."""
    for level in range(5, 0, -1):
        shift = 29 - 3 * level
        if start >> shift == (end - 1) >> shift:
            return ((1 << (3 * level)) - 1) // 7 + (start >> shift)
    return 0


@cpu_loop
def sort_records(buffer: Any, columns: Any, n: Any, start: Any, place: Any, order: Any, out: Any, ordered: Any) -> None:
    """Copy `n` records to `out` and `ordered` by position, ties as they came (a counting sort).

    Positions are start..start+len(place)-2; `place` is int64 zeros, `order` int64[n] to work in.
    """
    span = len(place) - 1
    for i in range(n):
        place[columns.pos[i] - start + 1] += 1
    for i in range(span):
        place[i + 1] += place[i]
    for i in range(n):
        row = columns.pos[i] - start
        order[place[row]] = i
        place[row] += 1
    at = 0
    for j in range(n):
        i = order[j]
        ordered.pos[j], ordered.end[j], ordered.mapped[j] = columns.pos[i], columns.end[i], columns.mapped[i]
        ordered.offset[j], ordered.size[j] = at, columns.size[i]
        copy_bytes(buffer[columns.offset[i] :], out[at : at + columns.size[i]])
        at += columns.size[i]

"""blocks: positions merged into the blocks of a gVCF, and blocks as lines of text. Host code, one after the other.

A block follows from the one before it, so these loops are sequential and have no CUDA twins.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .jit import cpu_loop, shared

# Columns of a block, and of the state of the one that is open
START, STOP, MIN_DEPTH, DEPTH, HET, ALT, BASE, PLOIDY, KEY = range(9)
COLUMNS = 9
CLOSED = -1  # in KEY: no block is open


@shared
def band_of(het: Any, alt: Any, ploidy: Any, bands: Any) -> Any:
    """0: nothing is known (GQ 0); else 1 and the number of bands that the GQ reaches."""
    worst = alt if ploidy == 1 else min(het, alt)
    quality = (worst + 32) >> 6
    if quality < 1:
        return 0
    band = 1
    for k in range(bands.shape[0]):
        band += quality >= bands[k]
    return band


@shared
def close_block(state: Any, out: Any, n: Any) -> Any:
    """Write the open block, if there is one, as row ``n``; the number of rows then."""
    if state[KEY] == CLOSED:
        return n
    for column in range(COLUMNS):
        out[n, column] = state[column]
    out[n, DEPTH] = state[DEPTH] // (state[STOP] - state[START])
    state[KEY] = CLOSED
    return n + 1


@shared
def extend_block(
    k: Any, stop: Any, key: Any, first: Any, depth: Any, het: Any, alt: Any, ploidy: Any, bands: Any, state: Any
) -> Any:
    """Add positions from index ``k`` on, of which the first has the key ``key``, to the open block; where it ends."""
    total, least, least_het, least_alt = state[DEPTH], state[MIN_DEPTH], state[HET], state[ALT]
    same = True
    while same:
        here = np.int64(depth[np.uint64(k)])
        total += here
        least = min(least, here)
        least_het = min(least_het, np.int64(het[np.uint64(k)]))
        least_alt = min(least_alt, np.int64(alt[np.uint64(k)]))
        k += 1
        same = k < stop and band_of(het[np.uint64(k)], alt[np.uint64(k)], ploidy, bands) == key
    state[STOP] = first + k
    state[DEPTH], state[MIN_DEPTH], state[HET], state[ALT] = total, least, least_het, least_alt
    return k


@cpu_loop
def blocks(
    first: int, depth: Any, het: Any, alt: Any, bases: Any, spans: Any, ploidy: int, bands: Any, state: Any, out: Any
) -> int:
    """Merge the positions from ``first`` on, one after the other, into blocks of one band; the number of rows written.

    ``state`` int64[9] is the block that is open, before and after; ``out`` int64[positions + 1, 9] gets those that
    closed. ``spans`` int64[n, 2], sorted and apart, are covered by other records: left out. DEPTH is the mean, rounded
    down.
    """
    n = 0
    s = 0
    if state[STOP] != first or state[PLOIDY] != ploidy:
        n = close_block(state, out, n)
    k = 0
    while k < depth.shape[0]:
        if s < spans.shape[0] and spans[s, 0] <= first + k:
            n = close_block(state, out, n)
            k = max(k, spans[s, 1] - first)
            s += 1
            continue
        stop = min(spans[s, 0] - first, depth.shape[0]) if s < spans.shape[0] else depth.shape[0]
        key = band_of(het[np.uint64(k)], alt[np.uint64(k)], ploidy, bands)
        if state[KEY] != key:
            n = close_block(state, out, n)
            state[START], state[KEY], state[BASE], state[PLOIDY] = first + k, key, bases[k], ploidy
            state[MIN_DEPTH], state[DEPTH], state[HET], state[ALT] = depth[k], 0, het[k], alt[k]
        k = extend_block(k, stop, key, first, depth, het, alt, ploidy, bands, state)
    return n


# -- text --------------------------------------------------------------------------------------------------------------


@shared
def put_text(out: Any, at: Any, text: Any) -> Any:
    """Copy bytes to ``out[at:]``; where they end."""
    for k in range(text.shape[0]):
        out[at + k] = text[k]
    return at + text.shape[0]


@shared
def put_number(out: Any, at: Any, value: Any) -> Any:
    """Write a number that is not negative, and a colon; where they end."""
    digits = 1
    power = 10
    while value >= power:
        power *= 10
        digits += 1
    for k in range(digits):
        out[at + digits - 1 - k] = 48 + value % 10
        value //= 10
    out[at + digits] = 58
    return at + digits + 1


@shared
def phred(cost: Any) -> Any:
    """A cost as phred, rounded."""
    return (cost + 32) >> 6


@shared
def put_block(row: Any, contig: Any, allele: Any, form: Any, lengths: Any, out: Any, at: Any) -> Any:
    """Write the line of a block to ``out[at:]``; where it ends (see ``lines``)."""
    tab, comma, colon, slash, newline = 9, 44, 58, 47, 10
    het, alt = phred(row[HET]), phred(row[ALT])
    quality = min(alt if row[PLOIDY] == 1 else min(het, alt), 99)
    at = put_text(out, at, contig)
    at = put_number(out, at, row[START] + 1)
    out[at - 1], out[at], out[at + 1], out[at + 2] = tab, 46, tab, row[BASE]
    at = put_text(out, at + 3, allele)
    at = put_number(out, at, row[STOP])
    at = put_text(out, at - 1, form)
    for _ in range(row[PLOIDY]):
        out[at], out[at + 1] = 48 if quality > 0 else 46, slash
        at += 2
    out[at - 1] = colon
    at = put_number(out, at, row[DEPTH])
    at = put_number(out, at, quality)
    at = put_number(out, at, row[MIN_DEPTH])
    at = put_number(out, at, 0)
    if row[PLOIDY] > 1:
        out[at - 1] = comma
        at = put_number(out, at, het)
    out[at - 1] = comma
    at = put_number(out, at, alt)
    if lengths:
        at = put_number(out, at, row[STOP] - row[START])
    out[at - 1] = newline
    return at


@cpu_loop
def lines(rows: Any, contig: Any, allele: Any, form: Any, lengths: int, out: Any, stops: Any) -> None:
    """The blocks as lines of a VCF, one after the other in ``out`` uint8; ``stops`` int64[n]: where each ends.

    ``contig``, ``allele`` and ``form`` uint8[...] are the text before POS, that between REF and END's value, and that
    before the sample's values. Where the GQ is 0 the genotype is missing: ``0/0`` would be believed.
    """
    at = 0
    for k in range(rows.shape[0]):
        at = put_block(rows[k], contig, allele, form, lengths, out, at)
        stops[k] = at

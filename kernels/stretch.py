"""stretch: a stretch of the reference packed for comparing with reads, and its windows by their GC."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import WORD, bits_in, equal_bytes, load_bytes, masked_equal, plain_bytes, tally_bytes, walk_bytes
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, on_cpu, on_cuda, shared
from .scalar import NT16_OF_ASCII

WINDOW = 100  # bp; SCAN_WINDOW_SIZE of CollectGcBiasMetrics
MOST_UNKNOWN = 4  # N in a window; GcBiasUtils.calculateGc
GC_BINS = WINDOW + 1
SPARE = 9  # bytes behind the packed bases, so that words may be read to their end
CHUNK = 1024  # windows that one thread counts
C_AND_G = 0xFF ^ (67 ^ 71)  # bits in which C and G, and no other letters, are alike


class Stretch(NamedTuple):
    """A stretch of one contig's reference, as its letters stand there.

    letters  uint8[n]        upper-case ASCII
    even     uint8[n/2 + 9]  4-bit codes, base k in nibble k, as BAM packs them
    odd      uint8[n/2 + 9]  4-bit codes, base k in nibble k + 1
    """

    letters: Any
    even: Any
    odd: Any


@shared
def code_at(letters: Any, k: Any) -> Any:
    """4-bit code of letter ``k``, 0 outside of the stretch."""
    return np.uint8(NT16_OF_ASCII[letters[k]]) if 0 <= k < letters.shape[0] else np.uint8(0)


@shared
def pack_byte(k: Any, stretch: Any) -> None:
    """Byte ``k`` of both packings."""
    first = code_at(stretch.letters, 2 * k)
    stretch.even[k] = np.uint8((first << np.uint8(4)) | code_at(stretch.letters, 2 * k + 1))
    stretch.odd[k] = np.uint8((code_at(stretch.letters, 2 * k - 1) << np.uint8(4)) | first)


@cpu_loop
def pack_cpu(n: int, stretch: Stretch) -> None:
    for k in range(n):
        pack_byte(k, stretch)


@cuda_loop
def pack_cuda(n: int, stretch: Stretch) -> None:
    k = cuda.grid(1)
    if k < n:
        pack_byte(k, stretch)


@shared
def is_gc(letter: Any) -> Any:
    """1 for C and G."""
    return np.int32(letter == np.uint8(67)) | np.int32(letter == np.uint8(71))


@shared
def is_unknown(letter: Any) -> Any:
    """1 for N."""
    return np.int32(letter == np.uint8(78))


@on_cuda
def window_gc(letters: Any, at: Any) -> Any:
    """How many of the ``WINDOW`` letters from index ``at`` on are C or G, and how many N."""
    gc, unknown = np.int32(0), np.int32(0)
    for k in range(at, at + WINDOW):
        letter = letters[np.uint64(k)]
        gc = np.int32(gc + is_gc(letter))
        unknown = np.int32(unknown + is_unknown(letter))
    return gc, unknown


@on_cpu(window_gc)
def _window_gc_cpu(letters: Any, at: Any) -> Any:
    rest = WINDOW - WORD
    one, two = load_bytes(letters, at, 0, WORD, 0), load_bytes(letters, at + rest, WORD - rest, WORD, 0)
    gc = bits_in(masked_equal(one, C_AND_G, C_AND_G & 67)) + bits_in(masked_equal(two, C_AND_G, C_AND_G & 67))
    return np.int32(gc), np.int32(equal_bytes(one, 78) + equal_bytes(two, 78))


@shared
def count_each_window(low: Any, high: Any, letters: Any, counts: Any) -> None:
    """Add the windows that start in [low, high) to the counts, one by one."""
    gc, unknown = window_gc(letters, low)
    for at in range(low, high):
        if unknown <= MOST_UNKNOWN:
            atomic_add(counts, np.uint64(gc), 1)
        if at + 1 < high:
            new, old = letters[np.uint64(at + WINDOW)], letters[np.uint64(at)]
            gc = np.int32(gc + is_gc(new) - is_gc(old))
            unknown = np.int32(unknown + is_unknown(new) - is_unknown(old))


@on_cuda
def count_some_windows(low: Any, high: Any, letters: Any, counts: Any) -> None:
    """Add the windows that start in [low, high) to the counts."""
    count_each_window(low, high, letters, counts)


@on_cpu(count_some_windows)
def _count_some_windows_cpu(low: Any, high: Any, letters: Any, counts: Any) -> None:
    """64 windows at once where no N is near."""
    while low + WORD <= high and low + WINDOW + WORD <= letters.shape[0]:
        first, second = plain_bytes(letters, low), plain_bytes(letters, low + WORD)
        last = plain_bytes(letters, low + WINDOW)
        if masked_equal(first, 255, 78) | masked_equal(second, 255, 78) | masked_equal(last, 255, 78):
            count_each_window(low, low + WORD, letters, counts)
        else:
            gc, _ = window_gc(letters, low)
            up, down = masked_equal(last, C_AND_G, C_AND_G & 67), masked_equal(first, C_AND_G, C_AND_G & 67)
            behind = walk_bytes(np.int64(gc), up << np.uint64(1), down << np.uint64(1))
            tally_bytes(behind, ~np.uint64(0), counts)
        low += WORD
    if low < high:
        count_each_window(low, high, letters, counts)


@shared
def count_windows(chunk: Any, letters: Any, first: Any, stop: Any, counts: Any) -> None:
    """Add the windows of one chunk of the starts [first, stop), indices into ``letters``, to int64[GC_BINS]."""
    low = first + chunk * CHUNK
    count_some_windows(low, min(low + CHUNK, stop), letters, counts)


@cpu_loop
def windows_cpu(n: int, letters: Any, first: int, stop: int, counts: Any) -> None:
    for chunk in range(n):
        count_windows(chunk, letters, first, stop, counts)


@cuda_loop
def windows_cuda(n: int, letters: Any, first: int, stop: int, counts: Any) -> None:
    chunk = cuda.grid(1)
    if chunk < n:
        count_windows(chunk, letters, first, stop, counts)

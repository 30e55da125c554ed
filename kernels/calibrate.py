"""calibrate: how often this sample's reads show a gap in a repeat, by unit and number of repeats.

Libraries differ a hundredfold in their indel errors (PCR or not, chemistry), so the gap costs of the pair-HMM are
fitted on the sample itself.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .bits import WORD, below_bytes, bits_from, plain_bytes, unlike_bits
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, shared
from .records import CIGAR_D, CIGAR_I, Records, consumes_reference, u32
from .scalar import lowest_bit

LONGEST_UNIT = 6  # bp
FEWEST_BASES = np.array([0, 4, 6, 9, 12, 15, 18], dtype=np.int64)  # by unit: shorter stretches are not repeats


@cpu_loop
def find_repeats(code: Any, out: Any) -> int:
    """Maximal tandem repeats of a reference stretch; returns how many.

    ``out`` int64[n, 4] gets (start, stop, unit, repeats), in order of their starts for one unit after the other; a
    repeat whose unit repeats itself is reported with the shorter unit only. Host code: it runs once a stretch.
    """
    n = 0
    size = np.int64(code.shape[0])
    for unit in range(1, LONGEST_UNIT + 1):
        fewest = FEWEST_BASES[unit] - unit  # bases in a row that equal the one a unit on
        stop = np.int64(0)  # of the run found last
        for first in range(0, size - unit, WORD + 1 - fewest):  # so that where a run starts, its first bases are seen
            starts = runs_of(equal_a_unit_on(code, first, unit), fewest) & bits_from(stop - first)
            while starts != np.uint64(0):
                start = first + lowest_bit(starts)
                stop = start + fewest
                while stop + unit < size and is_equal(code, stop, unit):
                    stop += 1
                if not repeats_itself(code, start, unit) and n < out.shape[0]:
                    length = stop - start + unit
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = start, start + length, unit, length // unit
                    n += 1
                starts &= bits_from(stop - first)
    return n


@shared
def is_equal(code: Any, k: Any, unit: Any) -> Any:
    """True where base ``k`` is known and equals the one a unit on."""
    here = code[np.uint64(k)]
    return here < 4 and here == code[np.uint64(k + unit)]


@shared
def equal_a_unit_on(code: Any, first: Any, unit: Any) -> Any:
    """uint64: bit k is set where base ``first + k`` is known and equals the one a unit on."""
    if first + unit + WORD <= code.shape[0]:
        some = plain_bytes(code, first)
        return below_bytes(some, 4) & ~unlike_bits(some, plain_bytes(code, first + unit), 255)
    word = np.uint64(0)
    for k in range(code.shape[0] - unit - first):
        word |= np.uint64(is_equal(code, first + k, unit)) << np.uint64(k)
    return word


@shared
def runs_of(word: Any, length: Any) -> Any:
    """uint64: bit k is set where bits [k, k + length) of a word are."""
    done = np.int64(1)
    while done < length:
        step = min(done, length - done)
        word &= word >> np.uint64(step)
        done += step
    return word


@shared
def repeats_itself(code: Any, start: Any, unit: Any) -> Any:
    """True where the ``unit`` bases at ``start`` are themselves copies of a shorter unit."""
    for shorter in range(1, unit):
        if unit % shorter == 0:
            same = True
            for k in range(unit - shorter):
                same = same and code[start + k] == code[start + k + shorter]
            if same:
                return True
    return False


@shared
def has_gap(records: Records, row: Any, start: Any, stop: Any) -> Any:
    """True where the read has an insertion or deletion that touches [start, stop]."""
    at = np.int64(records.pos[row])
    for k in range(records.n_cigar[row]):
        word = u32(records.raw, records.cigar[row] + 4 * k)
        operation, length = word & 15, word >> 4
        if operation == CIGAR_I and start <= at <= stop:
            return True
        if operation == CIGAR_D and at <= stop and at + length >= start:
            return True
        at += length * consumes_reference(operation)
    return False


@shared
def count_read(
    i: Any, records: Records, rows: Any, starts: Any, stops: Any, flank: Any, spanned: Any, gaps: Any
) -> Any:
    """Count read ``rows[i]`` in every repeat that it spans with ``flank`` bases on both sides.

    ``starts`` int64[n] ascend; ``spanned`` and ``gaps`` int64[n] are the counts.
    """
    row = rows[i]
    low, high = 0, starts.shape[0]
    first = np.int64(records.pos[row]) + flank
    while low < high:
        middle = (low + high) // 2
        if starts[middle] < first:
            low = middle + 1
        else:
            high = middle
    last = np.int64(records.end[row]) - flank
    while low < starts.shape[0] and starts[low] <= last:
        if stops[low] <= last:
            atomic_add(spanned, low, 1)
            if records.n_cigar[row] > 1 and has_gap(records, row, starts[low], stops[low]):
                atomic_add(gaps, low, 1)
        low += 1


@cpu_loop
def repeats_cpu(
    n: int, records: Records, rows: Any, starts: Any, stops: Any, flank: int, spanned: Any, gaps: Any
) -> None:
    for i in range(n):
        count_read(i, records, rows, starts, stops, flank, spanned, gaps)


@cuda_loop
def repeats_cuda(
    n: int, records: Records, rows: Any, starts: Any, stops: Any, flank: int, spanned: Any, gaps: Any
) -> None:
    i = cuda.grid(1)
    if i < n:
        count_read(i, records, rows, starts, stops, flank, spanned, gaps)

"""reads: fragments of a haplotype -> aligned BAM records (SAM v1, section 4.2), in compiled loops.

Every draw comes from a hash of (seed, haplotype, cell, fragment), so any stretch of the genome can be made on its own,
by any thread, with the same bytes. A *cell* is the stretch of haplotype whose fragments share a generator.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gpucall.kernels.jit import cpu_loop, shared

from .aligner import (
    EVENT,
    FIRST,
    FLAG,
    FRAGMENT,
    GROUP,
    INSERTED,
    MAPPED,
    MAPQ,
    POS,
    STRAIGHT,
    STUTTER,
    STUTTER_AT,
    align_batch,
)
from .encode import copy_bytes, write_batch
from .haplotypes import PAGE_SHIFT

CELL = 1024  # haplotype bases
PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, MATE_REVERSE, READ1, READ2 = (1 << i for i in range(8))
QC_FAIL, DUPLICATE = 512, 1024
READ1_IS_RIGHT, IS_DUPLICATE = 1, 2  # bits of a fragment's kind

BATCH = 32  # fragments that go through the stages together: their reads stay in the L1 cache
STUTTER_MARGIN = 12  # bases of a read on either side of a repeat whose stutter can be seen

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_U0, _U1, _U3, _U11, _U16, _U27, _U30, _U31, _U32 = (np.uint64(i) for i in (0, 1, 3, 11, 16, 27, 30, 31, 32))
_LOW16, _LOW32 = np.uint64(0xFFFF), np.uint64(0xFFFFFFFF)
_STUTTER, _FOREIGN, _QUALITY = np.uint64(1 << 40), np.uint64(2 << 40), np.uint64(3 << 40)  # one stream of draws each
_BASES = np.array([1, 2, 4, 8], np.uint8)


class Model(NamedTuple):
    """What the loops need to know of the sequencer; chances are uint64 in 2**-32.

    length        int       bases of a read
    quality       uint8[2, 2, rows, length]  by direction (0: by cycle, 1: from the last cycle) and read (0: read 1)
    hazard        float64[2, rows, length + 1]  summed rates of errors before each cycle, by read
    lowest        uint8   the lowest quality
    no_call       chance that a base of the lowest quality is N
    stutter       int       1: reads stutter at repeats
    junk          chance of a read that ends in foreign sequence
    low_mapq      chance of a fragment with a MAPQ below 60
    unmapped      chance of a fragment with one unmapped mate
    qc_fail       chance of a fragment that failed the platform's checks
    groups        uint8[g, k]  read groups' names, each with a NUL; g = 0: none
    """

    length: Any
    quality: Any
    hazard: Any
    lowest: Any
    no_call: Any
    stutter: Any
    junk: Any
    low_mapq: Any
    unmapped: Any
    qc_fail: Any
    groups: Any


class Fragments(NamedTuple):
    """Sequenced molecules of one haplotype.

    start   int64[n]   first base on the haplotype
    size    int64[n]   insert size, bases
    key     uint64[n]  seed of everything drawn for it
    serial  int64[n]   tells fragments with one start apart
    kind    uint8[n]   READ1_IS_RIGHT | IS_DUPLICATE
    """

    start: Any
    size: Any
    key: Any
    serial: Any
    kind: Any


@shared
def _mixed(state: Any) -> Any:
    """splitmix64's output for a state (Steele, Lea & Flood 2014)."""
    state = (state ^ (state >> _U30)) * _MIX1
    state = (state ^ (state >> _U27)) * _MIX2
    return state ^ (state >> _U31)


@shared
def _unit(bits: Any) -> Any:
    """A float in [0, 1)."""
    return float(bits >> _U11) * 2.0**-53


@cpu_loop
def lay_out(seed: Any, codes: Any, cells: Any, rate: Any, length: Any, insert: Any, duplicates: Any, out: Any) -> Any:
    """Fill `out` with the fragments that start in cells[0]..cells[1]-1; returns their number, -1 if there is no room.

    `seed`: uint64 of this haplotype; `rate`: fragments per base; `insert`: float64 mean, deviation and maximum;
    `duplicates`: chance in 2**-32. A fragment with a read that would touch N is left out.
    """
    n = 0
    for cell in range(cells[0], cells[1]):
        state = _mixed(seed + np.uint64(cell) * _GOLDEN)
        at = float(cell * CELL)
        serial = 0
        while True:
            state += _GOLDEN
            at -= np.log(1.0 - _unit(_mixed(state))) / rate
            if at >= (cell + 1) * CELL:
                break
            start = int(at)
            size = _insert_size(_mixed(state + _U1), _mixed(state + _U3), length, insert)
            state += _GOLDEN
            bits = _mixed(state)
            if _touches_n(codes, start, size, length):
                continue
            copies = 2 if (bits >> _U32) < duplicates else 1
            if n + copies > len(out.start):
                return -1
            for copy in range(copies):
                out.start[n] = start
                out.size[n] = size
                out.key[n] = _mixed(bits + np.uint64(copy))
                out.serial[n] = serial
                out.kind[n] = (READ1_IS_RIGHT if bits & _U1 else 0) | (IS_DUPLICATE if copy else 0)
                n += 1
                serial += 1
    return n


@shared
def _insert_size(first: Any, second: Any, length: Any, insert: Any) -> Any:
    """A normal draw (Box & Muller 1958), not below the read length nor above the maximum."""
    normal = np.sqrt(-2.0 * np.log(1.0 - _unit(first))) * np.cos(2.0 * np.pi * _unit(second))
    return int(min(max(insert[0] + insert[1] * normal, float(length)), insert[2]))


@shared
def _touches_n(codes: Any, start: Any, size: Any, length: Any) -> Any:
    """Whether a read lies on N or past the end; gaps are at least a read long, so both reads' ends tell."""
    if start + size > len(codes):
        return True
    left, right = start + length - 1, start + size - length
    return codes[start] == 15 or codes[left] == 15 or codes[right] == 15 or codes[start + size - 1] == 15


@cpu_loop
def simulate_fragments(
    haplotype: Any,
    reference: Any,
    fragments: Any,
    model: Any,
    place: Any,
    batch: Any,
    out: Any,
    columns: Any,
    n: Any,
    at: Any,
) -> Any:
    """Append the records that fragments have in a window to the buffer `out`.

    Parameters
    ----------
    haplotype, reference
        A ``Haplotype`` and its contig's uint8 codes.
    fragments, model
        ``Fragments`` and ``Model``.
    place
        int64[6]: contig number, haplotype number (from 1), the window's first and last + 1 reference positions, and the
        haplotype positions between which a fragment can have a record in the window.
    batch
        ``Batch`` of 2 * BATCH rows to work in.
    out, columns
        uint8 buffer and ``Columns`` with room for two records a fragment.
    n, at
        Records and bytes in them already.

    Returns
    -------
    (n, at)
        Records and bytes in them now; (-1, -1) if there is no room.
    """
    done = 0
    while done < len(fragments.start):
        rows, done = _begin(fragments, done, place[4], place[5], model, batch)
        _locate(rows, haplotype, model, batch)
        _copy(rows, haplotype, model, batch)
        _sequence(rows, model, batch)
        align_batch(rows, reference, batch)
        n, at = write_batch(rows, fragments, place, model, batch, out, columns, n, at)
        if n < 0:
            break
    return n, at


@shared
def _begin(fragments: Any, done: Any, first: Any, last: Any, model: Any, batch: Any) -> Any:
    """Take the next fragments that may have a record in the window: (rows of the batch, fragments done)."""
    start, size, keys, kinds = fragments.start, fragments.size, fragments.key, fragments.kind
    field, key = batch.field, batch.key
    groups = np.uint64(len(model.groups))
    rows = 0
    while done < len(start) and rows < 2 * BATCH:
        if start[done] + size[done] >= first and start[done] <= last:
            bits = _mixed(keys[done])
            for row in range(rows, rows + 2):
                field[row, FRAGMENT] = done
                field[row, MAPQ] = _draw_mapq(bits, model.low_mapq)
                field[row, MAPPED] = 1
                field[row, GROUP] = int((bits & _LOW32) * groups >> _U32)
                key[row] = _mixed(bits + np.uint64(row & 1))
            field[rows, FIRST] = start[done]
            field[rows + 1, FIRST] = start[done] + size[done] - model.length
            _draw_flags(_mixed(bits + _U3), rows, model.qc_fail, model.unmapped, kinds[done], field)
            rows += 2
        done += 1
    return rows, done


@shared
def _draw_mapq(bits: Any, low: Any) -> Any:
    """60 but for a few; a quarter of those below 20."""
    if (bits >> _U32) >= low:
        return 60
    return int(bits & _LOW16) % 20 if (bits >> _U16) & _U3 == np.uint64(0) else 20 + int(bits & _LOW16) % 40


@shared
def _draw_flags(bits: Any, row: Any, qc_fail: Any, unmapped: Any, kind: Any, field: Any) -> None:
    common = PAIRED | (DUPLICATE if kind & IS_DUPLICATE else 0)
    if (bits & _LOW32) < qc_fail:
        common |= QC_FAIL
    right_is_first = kind & READ1_IS_RIGHT
    left = common | (READ2 if right_is_first else READ1)
    right = common | (READ1 if right_is_first else READ2)
    if (bits >> _U32) >= unmapped:
        field[row, FLAG] = left | PROPER | MATE_REVERSE
        field[row + 1, FLAG] = right | PROPER | REVERSE
    elif bits & _U1:
        field[row, FLAG] = left | MATE_UNMAPPED
        field[row + 1, FLAG] = right | UNMAPPED
        field[row + 1, MAPPED] = field[row + 1, MAPQ] = 0
    else:
        field[row, FLAG] = left | UNMAPPED | MATE_REVERSE
        field[row + 1, FLAG] = right | MATE_UNMAPPED | REVERSE
        field[row, MAPPED] = field[row, MAPQ] = 0


@shared
def _locate(rows: Any, haplotype: Any, model: Any, batch: Any) -> None:
    """Which repeat of each read stutters, and whether the read lies on the reference without gaps."""
    event_at, event_size, shift = haplotype.event_at, haplotype.event_size, haplotype.shift
    tract_start, tract_end, tract_chance = haplotype.tract_start, haplotype.tract_end, haplotype.tract_chance
    event_page, tract_page, units = haplotype.event_page, haplotype.tract_page, haplotype.tract_unit
    field, length = batch.field, model.length
    for r in range(rows):
        first = field[r, FIRST]
        stutter = 0
        if model.stutter:
            last = first + length - STUTTER_MARGIN
            i = tract_page[first >> PAGE_SHIFT]
            state = _mixed(batch.key[r] + _STUTTER)
            while stutter == 0 and tract_start[i] < last:
                state += _GOLDEN
                bits = _mixed(state)
                inside = tract_start[i] > first + STUTTER_MARGIN and tract_end[i] < last
                if inside and (bits >> _U32) < tract_chance[i]:
                    stutter = units[i] * (2 if bits & np.uint64(7) == np.uint64(0) else 1)
                    stutter = -stutter if bits & np.uint64(24) else stutter
                    field[r, STUTTER_AT] = tract_start[i]
                i += 1
            if first + min(stutter, 0) < 0 or first + length - stutter > len(haplotype.codes):
                stutter = 0
        if r & 1:
            first += stutter  # its fragment's end stays where it is
        event = event_page[first >> PAGE_SHIFT]
        while event_at[event] <= first:
            event += 1
        gapped = stutter != 0 or event_at[event] < first + length
        gapped = gapped or (event > 0 and first < event_at[event - 1] + event_size[event - 1])
        field[r, STUTTER] = stutter
        field[r, FIRST], field[r, EVENT], field[r, POS] = first, event, first - shift[event]
        field[r, STRAIGHT] = 0 if gapped else field[r, MAPPED]


@shared
def _copy(rows: Any, haplotype: Any, model: Any, batch: Any) -> None:
    """Bases of each read as the haplotype has them; foreign ones for ends that are, and for unmapped reads."""
    codes, field, length = haplotype.codes, batch.field, model.length
    for r in range(rows):
        first = field[r, FIRST]
        if field[r, STRAIGHT]:
            copy_bytes(codes[first : first + length], batch.seq[r])
        elif field[r, MAPPED]:
            _copy_with_places(r, haplotype, field[r], batch.seq[r], batch.place[r])
        bits = _mixed(batch.key[r] + _FOREIGN)
        if not field[r, MAPPED]:
            _draw_foreign(batch.seq[r], 0, length, bits)
        elif (bits >> _U32) < model.junk:
            foreign = min(10 + int(bits & _LOW16) % 60, length // 2)
            start = 0 if r & 1 else length - foreign
            _draw_foreign(batch.seq[r], start, start + foreign, bits)


@shared
def _copy_with_places(r: Any, haplotype: Any, field: Any, seq: Any, place: Any) -> None:
    """Bases from FIRST on, and where each lies on the reference."""
    event_at, event_size = haplotype.event_at, haplotype.event_size
    p, event, stutter, stutter_at = field[FIRST], field[EVENT], field[STUTTER], field[STUTTER_AT]
    i = 0
    while i < len(seq):
        if stutter and p == stutter_at:
            for j in range(max(stutter, 0)):  # a repeat's next units equal its first
                seq[i] = haplotype.codes[p + j]
                place[i] = INSERTED
                i += 1
            p -= min(stutter, 0)
            stutter = 0
        while event_at[event] <= p:
            event += 1
        inside = event > 0 and p < event_at[event - 1] + event_size[event - 1]
        seq[i] = haplotype.codes[p]
        place[i] = INSERTED if inside else p - haplotype.shift[event]
        i += 1
        p += 1


@shared
def _draw_foreign(seq: Any, start: Any, stop: Any, state: Any) -> None:
    for i in range(start, stop):
        state += _GOLDEN
        seq[i] = _BASES[_mixed(state) & _U3]


@shared
def _sequence(rows: Any, model: Any, batch: Any) -> None:
    """Qualities, from the first cycles of one row of the model and the last of another, and errors at their rate."""
    field, length, hazard = batch.field, model.length, model.hazard
    kinds = np.uint64(hazard.shape[1])
    for r in range(rows):
        state = _mixed(batch.key[r] + _QUALITY)
        first = np.int64((state & _LOW16) * kinds >> _U16)
        second = np.int64((state >> _U16 & _LOW16) * kinds >> _U16)
        cut = np.int64((state >> _U32) * np.uint64(length) >> _U32)
        read = 0 if field[r, FLAG] & READ1 else 1
        backward = 1 if field[r, FLAG] & REVERSE else 0
        one, other = model.quality[backward, read, first], model.quality[backward, read, second]
        if backward:
            copy_bytes(other[: length - cut], batch.qual[r, : length - cut])
            copy_bytes(one[length - cut :], batch.qual[r, length - cut :])
        else:
            copy_bytes(one[:cut], batch.qual[r, :cut])
            copy_bytes(other[cut:], batch.qual[r, cut:])
        _add_errors(state, hazard[read, first], hazard[read, second], cut, backward, model, batch.qual[r], batch.seq[r])


@shared
def _add_errors(state: Any, one: Any, other: Any, cut: Any, backward: Any, model: Any, qual: Any, seq: Any) -> None:
    """Change bases where a Poisson process along the summed error rates has events."""
    length = len(seq)
    bend = other[cut] - one[cut]  # from the cut on, the second row's sums less this go on from the first one's
    at = 0.0
    while True:
        state += _GOLDEN
        bits = _mixed(state)
        at -= np.log(1.0 - _unit(bits))
        if at >= other[length] - bend:
            return
        if at < one[cut]:
            cycle = _step_of(one, 0, cut, at)
            at = one[cycle + 1]
        else:
            cycle = _step_of(other, cut, length, at + bend)
            at = other[cycle + 1] - bend
        i = length - 1 - cycle if backward else cycle
        no_call = model.no_call if qual[i] == model.lowest else _U0
        seq[i] = _wrong_base(seq[i], _mixed(bits), no_call)


@shared
def _step_of(sums: Any, low: Any, high: Any, at: Any) -> Any:
    """The step in low..high-1 with sums[step] <= at < sums[step + 1], by bisection."""
    while high - low > 1:
        middle = (low + high) // 2
        if sums[middle] <= at:
            low = middle
        else:
            high = middle
    return low


@shared
def _wrong_base(base: Any, bits: Any, no_call: Any) -> Any:
    """Another base, each with the same chance; sometimes N."""
    if (bits >> _U32) < no_call:
        return np.uint8(15)
    turn = 1 + int(bits & _LOW16) % 3
    return np.uint8((base << turn | base >> (4 - turn)) & 15)

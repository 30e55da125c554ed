"""picard: what each record adds to the metrics of reads that Picard 2.27.5 collects with its default options.

One kernel for five tools, since all of them ask for the same walk over the CIGAR, the bases and the tags:
CollectQualityYieldMetrics, CollectInsertSizeMetrics, CollectAlignmentSummaryMetrics, CollectGcBiasMetrics, and what
CollectWgsMetrics leaves out. ``reads`` counts the mapped records of one tile, by the tile that holds their first base;
``unmapped`` the others of a batch. Names in capitals are Picard's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .bits import WORD, at_least, bits_in, first_bits, plain_bytes, whole_words
from .jit import atomic_add, cpu_loop, cuda, cuda_loop, on_cpu, on_cuda, shared
from .mismatch import NARROW, SEEN, compare_read, mark_no_calls, start_counting, stop_counting
from .qc import SAM_FLAGS, is_quality
from .records import (
    AHEAD,
    CIGAR_D,
    CIGAR_H,
    CIGAR_I,
    CIGAR_S,
    DUPLICATE,
    MATE_REVERSE,
    MATE_UNMAPPED,
    PAIRED,
    QC_FAIL,
    READ1,
    READ_LINES,
    REVERSE,
    SECONDARY,
    SUPPLEMENTARY,
    UNMAPPED,
    Records,
    consumes_query,
    consumes_reference,
    fetch_ahead,
    row_of,
    u32,
)
from .scalar import is_match, is_one_match, nt16_at
from .stretch import MOST_UNKNOWN, WINDOW, Stretch, window_gc
from .tags import KNOWN_TAGS, NO_TAG, forget_tags, read_tags

MIN_MAPQ = 20  # phred; MAPPING_QUALITY_THRESHOLD of AlignmentSummaryMetricsCollector, MINIMUM_MAPPING_QUALITY of Wgs
Q20, Q30 = 20, 30  # phred
FARTHEST_PAIR = 100_000  # bp; ChimeraUtil.DEFAULT_INSERT_SIZE_LIMIT
ADAPTER_BASES = 16  # AdapterUtility.ADAPTER_MATCH_LENGTH
NEAR_INSERTS = 1 << 16  # bp; longer ones are counted one by one
# Of 4-bit codes; of A, C, G and T only, as SequenceUtil.complement has it.
COMPLEMENT = np.array([0, 8, 4, 3, 2, 5, 6, 7, 1, 9, 10, 11, 12, 13, 14, 15], dtype=np.uint8)

FIRST_OF_PAIR, SECOND_OF_PAIR, UNPAIRED = range(3)
FR, RF, TANDEM = range(3)  # SamPairUtil.PairOrientation, in its order

# Rows of ``ReadCounts.keyed`` are a record's SAM flags, whether its mapping quality is good, and whether it is looked
# at as a chimera. Most counters of reads follow from its columns (``qc/picard_reads.py``): reads; of primary ones the
# bases that are aligned, mismatches, and, where the mapping quality is good, aligned bases of quality 20 or more. The
# yields follow from ``stats``, which counts the qualities of QUAL; here is what OQ has more, or QUAL that is not there:
# bases of quality 20 and 30 or more, and the sum of all qualities.
GOOD_MAPQ, LOOKED_AT = 0x1000, 0x2000
KEYS = 0x4000
(
    KEY_READS,
    KEY_ALIGNED,
    KEY_MISMATCHES,
    KEY_GOOD_Q20,
    KEY_MORE_Q20,
    KEY_MORE_Q30,
    KEY_MORE_QUALITY,
    KEY_COLUMNS,
) = range(8)

# Columns of ``ReadCounts.totals``; names are AlignmentSummaryMetrics' fields and AlignmentSummaryMetricsCollector's.
TOTAL_NAMES = (
    "TOTAL_READS",
    "PF_READS",
    "PF_NOISE_READS",
    "PF_READS_ALIGNED",
    "PF_ALIGNED_BASES",
    "PF_HQ_ALIGNED_READS",
    "PF_HQ_ALIGNED_BASES",
    "PF_HQ_ALIGNED_Q20_BASES",
    "MISMATCHES",
    "INDELS",
    "READS_ALIGNED_IN_PAIRS",
    "PF_READS_IMPROPER_PAIRS",
    "POSITIVE_STRAND",
    "CHIMERAS",
    "CHIMERAS_DENOMINATOR",
    "ADAPTER_READS",
    "SOFT_CLIPPED",
    "HARD_CLIPPED",
    "SOFT_CLIPPED_3PRIME",
    "READS_CLIPPED_3PRIME",
)
(
    TOTAL_READS,
    PF_READS,
    PF_NOISE_READS,
    PF_READS_ALIGNED,
    PF_ALIGNED_BASES,
    PF_HQ_ALIGNED_READS,
    PF_HQ_ALIGNED_BASES,
    PF_HQ_ALIGNED_Q20_BASES,
    MISMATCHES,
    INDELS,
    READS_ALIGNED_IN_PAIRS,
    PF_READS_IMPROPER_PAIRS,
    POSITIVE_STRAND,
    CHIMERAS,
    CHIMERAS_DENOMINATOR,
    ADAPTER_READS,
    SOFT_CLIPPED,
    HARD_CLIPPED,
    SOFT_CLIPPED_3PRIME,
    READS_CLIPPED_3PRIME,
) = range(len(TOTAL_NAMES))

# Rows of ``ReadCounts.gc``, and elements of ``ReadCounts.gc_totals``.
GC_READS, GC_BASES, GC_ERRORS, GC_ROWS = range(4)
CLUSTERS, ALIGNED_READS = range(2)

# Elements of ``ReadCounts.excluded``: bases that CollectWgsMetrics leaves out with their reads, by its filters' order.
EXCLUDED_ADAPTER, EXCLUDED_MAPQ, EXCLUDED_DUPE, EXCLUDED_UNPAIRED, EXCLUSIONS = range(5)


class ReadCounts(NamedTuple):
    """Counters of reads, all int64. What ``keyed`` tells is in others only where ``qc.picard_reads`` has added it.

    keyed       [KEYS, KEY_COLUMNS]
    totals      [3, 20]            by category (first, second of a pair, unpaired)
    lengths     [3, n]             PF reads by bases in SEQ
    aligned     [3, n]             PF reads by bases that are not clipped: what it has more than ``lengths``
    mismatches  [3, n]             aligned PF reads by mismatches, 0 for those of low mapping quality
    cycles      [3, n]             bad bases by cycle (Picard's, see ``mark_cycle``)
    inserts     [3, NEAR_INSERTS]  pairs by orientation and insert size
    gc          [GC_ROWS, GC_BINS] read starts, bases, errors by the GC of the window where a read starts
    gc_totals   [2]
    excluded    [EXCLUSIONS]
    """

    keyed: Any
    totals: Any
    lengths: Any
    aligned: Any
    mismatches: Any
    cycles: Any
    inserts: Any
    gc: Any
    gc_totals: Any
    excluded: Any


class Workspace(NamedTuple):
    """What a CPU works in: counters of bad bases, and what is known of the order of tags."""

    bad: Any
    tags: Any


# -- qualities ---------------------------------------------------------------------------------------------------------


@shared
def sum_qualities(raw: Any, start: Any, length: Any, shift: Any) -> Any:
    """Of ``length`` bytes less ``shift``: how many are 20 or more, 30 or more, and their sum, as signed bytes."""
    twenty, thirty, total = np.int64(0), np.int64(0), np.int64(0)
    for k in range(start, start + length):
        byte = raw[np.uint64(k)]
        twenty += np.int64(is_quality(byte, Q20 + shift))
        thirty += np.int64(is_quality(byte, Q30 + shift))
        total += np.int64(byte) - (np.int64(byte >= np.uint8(128)) << 8) - shift
    return twenty, thirty, total


@shared
def count_good_by_one(raw: Any, start: Any, length: Any) -> Any:
    """``count_good``, base by base."""
    found = np.int64(0)
    for k in range(start, start + length):
        found += np.int64(is_quality(raw[np.uint64(k)], Q20))
    return found


@on_cuda
def count_good(raw: Any, start: Any, length: Any) -> Any:
    """How many of ``length`` base qualities from byte ``start`` on are 20 or more."""
    return count_good_by_one(raw, start, length)


@on_cpu(count_good)
def _count_good_cpu(raw: Any, start: Any, length: Any) -> Any:
    if start + whole_words(length) > raw.shape[0]:
        return count_good_by_one(raw, start, length)
    found, rest = np.uint64(0), length & (WORD - 1)
    for done in range(0, length - rest, WORD):
        found += bits_in(at_least(plain_bytes(raw, start + done), Q20))
    if rest:
        found += bits_in(at_least(plain_bytes(raw, start + length - rest), Q20) & first_bits(rest))
    return np.int64(found)


@shared
def has_qualities(read: Any, raw: Any) -> Any:
    """False where a record's qualities are not stored (SAM v1, section 4.2: 0xff)."""
    return read.l_seq > 0 and raw[np.uint64(read.qual)] != 255


@shared
def aligned_q20(read: Any, simple: Any, raw: Any) -> Any:
    """Aligned bases of quality 20 or more, by QUAL; ``simple``: all bases are aligned, without a gap."""
    found, query = np.int64(0), np.int64(0)
    if not has_qualities(read, raw):
        return found
    if simple:
        return count_good(raw, read.qual, read.l_seq)
    for k in range(read.n_cigar):
        word = u32(raw, read.cigar + 4 * k)
        length = (word >> 4) * consumes_query(word & 15)
        if is_match(word & 15):
            found += count_good(raw, read.qual + query, length)
        query += length
    return found


@shared
def count_other_qualities(read: Any, raw: Any, original: Any, length: Any, key: Any, out: Any) -> None:
    """Add what OQ (of such a length at byte ``original``; -1: none) has more than the bytes of QUAL, if these are not
    the read's qualities."""
    if original < 0 and (read.l_seq == 0 or has_qualities(read, raw)):
        return
    zero = np.int64(0)
    meant = sum_qualities(raw, max(original, zero), length if original >= 0 else zero, np.int64(33))
    counted = sum_qualities(raw, read.qual, read.l_seq, zero)
    atomic_add(out.keyed, (key, KEY_MORE_Q20), meant[0] - counted[0])
    atomic_add(out.keyed, (key, KEY_MORE_Q30), meant[1] - counted[1])
    atomic_add(out.keyed, (key, KEY_MORE_QUALITY), meant[2] - counted[2])


# -- CIGAR -------------------------------------------------------------------------------------------------------------


@shared
def shape(read: Any, raw: Any) -> Any:
    """What a CIGAR says of its read.

    Returns bases aligned, inserted and deleted, gaps, reference bases spanned, bases soft-clipped and hard-clipped, and
    of the soft-clipped those after and those before some operation that is no clip.
    """
    aligned, inserted, deleted, gaps, span = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    soft, hard, behind, before, pending = np.int64(0), np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    inside = False
    for k in range(read.n_cigar):
        word = u32(raw, read.cigar + 4 * k)
        operation, length = word & 15, word >> 4
        span += length * consumes_reference(operation)
        if operation == CIGAR_S:
            soft += length
            pending += length
            behind += length if inside else 0
        elif operation == CIGAR_H:
            hard += length
        else:
            inside = True
            before += pending
            pending = np.int64(0)
            aligned += length if is_match(operation) else 0
            inserted += length if operation == CIGAR_I else 0
            deleted += length if operation == CIGAR_D else 0
            gaps += operation == CIGAR_I or operation == CIGAR_D
    return aligned, inserted, deleted, gaps, span, soft, hard, behind, before


# -- adapters ----------------------------------------------------------------------------------------------------------


@shared
def first_bases(read: Any, raw: Any) -> Any:
    """The first ``ADAPTER_BASES`` bases in the order of sequencing, as 4-bit codes."""
    key = np.uint64(0)
    turned = (read.flag & (UNMAPPED | REVERSE)) == REVERSE
    for k in range(ADAPTER_BASES):
        code = nt16_at(raw, read.seq, read.l_seq - 1 - k if turned else k)
        key = (key << np.uint64(4)) | np.uint64(COMPLEMENT[code] if turned else code)
    return key


@shared
def unequal(word: Any) -> Any:
    """Of 16 4-bit numbers those that are not 0, each as its lowest bit."""
    word |= word >> np.uint64(2)
    word |= word >> np.uint64(1)
    return word & np.uint64(0x1111111111111111)


@shared
def is_adapter(read: Any, raw: Any, adapters: Any) -> Any:
    """AdapterUtility.isAdapter: an unmapped read, or one of mapping quality 0, that begins as an adapter does.

    ``adapters`` uint64[n]: pieces of adapters, 16 bases as 4-bit codes; one base may differ.
    """
    if read.l_seq < ADAPTER_BASES or not (read.flag & UNMAPPED or read.mapq == 0):
        return False
    key = first_bases(read, raw)
    found = False
    for a in range(adapters.shape[0]):
        differing = unequal(key ^ adapters[a])
        found |= (differing & (differing - np.uint64(differing != 0))) == 0
    return found


# -- pairs -------------------------------------------------------------------------------------------------------------


@shared
def pair_orientation(read: Any, span: Any) -> Any:
    """SamPairUtil.getPairOrientation of a read that is mapped as its mate is; ``span``: reference bases it covers."""
    flag, start = read.flag, read.pos + 1
    reverse = (flag & REVERSE) != 0
    if reverse == ((flag & MATE_REVERSE) != 0):
        return TANDEM
    forward_start = read.mate_pos + 1 if reverse else start
    reverse_start = start + span - 1 if reverse else start + read.tlen
    return FR if forward_start < reverse_start else RF


@shared
def is_mapped_pair(flag: Any) -> Any:
    """True for a read of a pair both of which are mapped."""
    return (flag & (PAIRED | UNMAPPED | MATE_UNMAPPED)) == PAIRED


@shared
def count_insert(read: Any, way: Any, k: Any, far: Any, out: Any) -> None:
    """CollectInsertSizeMetrics: a pair by its second read, which is primary; ``way``: its orientation.

    Sizes of ``NEAR_INSERTS`` and more go into ``far[k]``.
    """
    flag, size = read.flag, abs(read.tlen)
    if not is_mapped_pair(flag) or flag & DUPLICATE or size == 0:
        return
    counted = np.int64((flag & READ1) == 0)  # of every other read: not to be guessed
    if size < NEAR_INSERTS:
        atomic_add(out.inserts, (way, size), counted)
    elif counted:
        far[k] = (np.int64(way) << 32) | size


# -- alignment summary -------------------------------------------------------------------------------------------------


@shared
def category_of(flag: Any) -> Any:
    """Row of the counters of alignments."""
    if not flag & PAIRED:
        return UNPAIRED
    return FIRST_OF_PAIR if flag & READ1 else SECOND_OF_PAIR


@shared
def is_looked_at(flag: Any, good: Any, mate_mapq: Any) -> Any:
    """True for a mapped read that is looked at as a chimera; ``good``: its mapping quality is."""
    if is_mapped_pair(flag):
        return mate_mapq == NO_TAG or (mate_mapq >= MIN_MAPQ and good)
    return good


@shared
def is_chimera(read: Any, way: Any, split: Any) -> Any:
    """True where a read that is looked at is one; ``way``: its pair's orientation."""
    if split or not is_mapped_pair(read.flag):
        return split
    return abs(read.tlen) > FARTHEST_PAIR or read.tid != read.mate_tid or way != FR


@shared
def count_form(read: Any, form: Any, category: Any, out: Any) -> None:
    """AlignmentSummaryMetricsCollector: gaps and clips of a primary PF read of ``shape`` ``form``."""
    aligned, inserted, _, gaps, _, soft, hard, behind, before = form
    length, kept = read.l_seq, aligned + inserted
    longest = out.lengths.shape[1] - 1
    if kept != length:
        atomic_add(out.aligned, (category, min(length, longest)), -1)
        atomic_add(out.aligned, (category, min(kept, longest)), 1)
    if hard > 0:
        atomic_add(out.totals, (category, HARD_CLIPPED), hard)
    if read.flag & UNMAPPED:
        return
    if gaps > 0:
        atomic_add(out.totals, (category, INDELS), gaps)
    if soft > 0:
        clip = before if read.flag & REVERSE else behind
        atomic_add(out.totals, (category, SOFT_CLIPPED), soft)
        atomic_add(out.totals, (category, SOFT_CLIPPED_3PRIME), clip)
        atomic_add(out.totals, (category, READS_CLIPPED_3PRIME), clip > 0)


@shared
def count_read(read: Any, adapter: Any, noise: Any, category: Any, out: Any) -> None:
    """AlignmentSummaryMetricsCollector.collectReadData, for a primary PF read, but for what key and shape say."""
    atomic_add(out.lengths, (category, min(read.l_seq, out.lengths.shape[1] - 1)), 1)
    if noise:
        atomic_add(out.totals, (category, PF_NOISE_READS), 1)
    if adapter:
        atomic_add(out.totals, (category, ADAPTER_READS), 1)


@shared
def count_alignment(mismatches: Any, good: Any, chimera: Any, category: Any, out: Any) -> None:
    """AlignmentSummaryMetricsCollector's further data of a primary, mapped PF read, but for what key and shape say."""
    if chimera:
        atomic_add(out.totals, (category, CHIMERAS), 1)
    counted = min(mismatches, out.mismatches.shape[1] - 1) if good else np.int64(0)
    atomic_add(out.mismatches, (category, counted), 1)


# -- GC bias, and what CollectWgsMetrics leaves out --------------------------------------------------------------------


@shared
def count_start(read: Any, span: Any, errors: Any, letters: Any, origin: Any, contig_length: Any, out: Any) -> None:
    """GcBiasMetricsCollector.addRead: a mapped read in the window where it starts.

    Picard takes a 1-based position for an index from 0; windows that it did not compute, at a contig's end, have GC 0.
    """
    atomic_add(out.gc_totals, ALIGNED_READS, 1)
    start = read.pos + 1
    if read.flag & REVERSE:
        start = start + span - 1 - WINDOW
    if start <= 0:
        return
    gc = np.int32(0)
    if start < contig_length - WINDOW:
        gc, unknown = window_gc(letters, start - origin)
        if unknown > MOST_UNKNOWN:
            return
    atomic_add(out.gc, (GC_READS, gc), 1)
    atomic_add(out.gc, (GC_BASES, gc), read.l_seq)
    atomic_add(out.gc, (GC_ERRORS, gc), errors)


@shared
def count_excluded(read: Any, aligned: Any, adapter: Any, out: Any) -> None:
    """The aligned bases of a read that CollectWgsMetrics leaves out, by the first of its filters that does."""
    flag = read.flag
    if flag & SECONDARY:
        return
    if adapter:
        atomic_add(out.excluded, EXCLUDED_ADAPTER, aligned)
    elif read.mapq < MIN_MAPQ:
        atomic_add(out.excluded, EXCLUDED_MAPQ, aligned)
    elif flag & DUPLICATE:
        atomic_add(out.excluded, EXCLUDED_DUPE, aligned)
    elif flag & MATE_UNMAPPED or not flag & PAIRED:
        atomic_add(out.excluded, EXCLUDED_UNPAIRED, aligned)


# -- reads -------------------------------------------------------------------------------------------------------------


@shared
def count_record(
    read: Any,
    k: Any,
    raw: Any,
    stretch: Any,
    origin: Any,
    contig_length: Any,
    adapters: Any,
    far: Any,
    work: Any,
    out: Any,
) -> None:
    """Add a read to all counters. ``contig_length`` 0: there is no reference for it."""
    flag = read.flag
    primary = not flag & (SECONDARY | SUPPLEMENTARY)
    category = category_of(flag) if primary and not flag & QC_FAIL else -1
    simple = is_one_match(read, raw)  # as most are
    aligned, edits, span = read.l_seq, np.int64(0), read.l_seq
    if not simple:
        form = shape(read, raw)
        aligned, edits, span = form[0], form[1] + form[2], form[4]
        if category >= 0:
            count_form(read, form, category, out)
    adapter = is_adapter(read, raw, adapters)
    mismatches = np.int64(0)
    if contig_length > 0 and not flag & UNMAPPED and read.l_seq > 0:
        mismatches = compare_read(read, simple, raw, stretch, origin, category, out.cycles, work.bad)
        count_start(read, span, mismatches + edits, stretch.letters, origin, contig_length, out)
    if read.l_seq == 0 and (flag & READ1 or not flag & PAIRED):
        atomic_add(out.gc_totals, CLUSTERS, -1)
    count_excluded(read, aligned, adapter, out)
    if primary:
        count_primary(read, k, raw, simple, aligned, span, mismatches, adapter, category, far, work, out)
    else:
        atomic_add(out.keyed, (flag & SAM_FLAGS, KEY_READS), 1)


@shared
def count_primary(
    read: Any,
    k: Any,
    raw: Any,
    simple: Any,
    aligned: Any,
    span: Any,
    mismatches: Any,
    adapter: Any,
    category: Any,
    far: Any,
    work: Any,
    out: Any,
) -> None:
    """What ``count_record`` counts of primary reads only. ``simple``: all its bases are aligned, without a gap."""
    flag, good, q20 = read.flag, read.mapq >= MIN_MAPQ, np.int64(0)
    way = pair_orientation(read, span)
    count_insert(read, way, k, far, out)
    original, original_length, mate_mapq, split, noise = read_tags(read, raw, work.tags)
    looked = is_looked_at(flag, good, mate_mapq)
    if category >= 0:
        count_read(read, adapter, noise, category, out)
        if not flag & UNMAPPED:
            count_alignment(mismatches, good, looked and is_chimera(read, way, split), category, out)
            if good:
                q20 = aligned_q20(read, simple, raw)
    if flag & (UNMAPPED | QC_FAIL):
        mark_no_calls(read, raw, category_of(flag), out.cycles)
    key = (flag & SAM_FLAGS) + GOOD_MAPQ * np.int64(good) + LOOKED_AT * np.int64(looked)
    atomic_add(out.keyed, (key, KEY_READS), 1)
    atomic_add(out.keyed, (key, KEY_ALIGNED), aligned)
    atomic_add(out.keyed, (key, KEY_MISMATCHES), mismatches)
    atomic_add(out.keyed, (key, KEY_GOOD_Q20), q20)
    count_other_qualities(read, raw, original, original_length, key, out)


@shared
def count_mapped(
    k: Any,
    records: Any,
    first: Any,
    tid: Any,
    start: Any,
    stop: Any,
    stretch: Any,
    origin: Any,
    contig_length: Any,
    adapters: Any,
    far: Any,
    work: Any,
    out: Any,
) -> None:
    """Add row ``first + k`` if it is mapped and starts in [start, stop) of contig ``tid``."""
    read, raw = row_of(first + k, records), records.raw
    if read.tid == tid and start <= read.pos < stop and not read.flag & UNMAPPED:
        count_record(read, k, raw, stretch, origin, contig_length, adapters, far, work, out)


@cpu_loop
def reads_cpu(
    n: int,
    records: Records,
    first: int,
    tid: int,
    start: int,
    stop: int,
    stretch: Stretch,
    origin: int,
    contig_length: int,
    adapters: Any,
    far: Any,
    work: Any,
    out: ReadCounts,
) -> None:
    start_counting(work.bad)
    forget_tags(work.tags)
    for k in range(n):
        fetch_ahead(first + min(k + AHEAD, n - 1), records, READ_LINES)
        count_mapped(k, records, first, tid, start, stop, stretch, origin, contig_length, adapters, far, work, out)
    stop_counting(work.bad, out.cycles)


@cuda_loop
def reads_cuda(
    n: int,
    records: Records,
    first: int,
    tid: int,
    start: int,
    stop: int,
    stretch: Stretch,
    origin: int,
    contig_length: int,
    adapters: Any,
    far: Any,
    work: Any,
    out: ReadCounts,
) -> None:
    k = cuda.grid(1)
    if k < n:
        count_mapped(k, records, first, tid, start, stop, stretch, origin, contig_length, adapters, far, work, out)


def narrow_workspace_cpu() -> tuple[tuple[int], Any]:
    """Shape and type of counters of bad bases (``mismatch``)."""
    return (NARROW,), np.uint8


def narrow_workspace_cuda() -> tuple[tuple[int], Any]:
    """The same for CUDA, where there are none, but an array is never empty."""
    return (1,), np.uint8


def seen_workspace_cpu() -> tuple[tuple[int], Any]:
    """Shape and type of what is known of the reads that these count."""
    return (SEEN,), np.int64


def seen_workspace_cuda() -> tuple[tuple[int], Any]:
    """The same for CUDA, where there are none, but an array is never empty."""
    return (1,), np.int64


def tags_workspace_cpu() -> tuple[tuple[int], Any]:
    """Shape and type of what is known of the order of tags (``tags``)."""
    return (KNOWN_TAGS,), np.int64


def tags_workspace_cuda() -> tuple[tuple[int], Any]:
    """The same for CUDA, where nothing is, but an array is never empty."""
    return (1,), np.int64


@shared
def count_unmapped(k: Any, records: Any, rows: Any, stretch: Any, adapters: Any, far: Any, work: Any, out: Any) -> None:
    """Add row ``rows[k]``, which is not mapped, or nowhere."""
    read, nothing = row_of(rows[k], records), np.int64(0)
    count_record(read, k, records.raw, stretch, nothing, nothing, adapters, far, work, out)


@cpu_loop
def unmapped_cpu(
    n: int,
    records: Records,
    rows: Any,
    stretch: Stretch,
    adapters: Any,
    far: Any,
    work: Any,
    out: ReadCounts,
) -> None:
    forget_tags(work.tags)
    for k in range(n):
        count_unmapped(k, records, rows, stretch, adapters, far, work, out)


@cuda_loop
def unmapped_cuda(
    n: int,
    records: Records,
    rows: Any,
    stretch: Stretch,
    adapters: Any,
    far: Any,
    work: Any,
    out: ReadCounts,
) -> None:
    k = cuda.grid(1)
    if k < n:
        count_unmapped(k, records, rows, stretch, adapters, far, work, out)

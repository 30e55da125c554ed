"""Plain-Python oracle of Picard's counters of reads, from the rules of Picard 2.27.5; imports nothing of gpucall.

Reads are ``tests.fixtures.Read``, in file order; ``genome`` maps contig names, in the header's order, to their letters.
"""

from __future__ import annotations

import struct
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from .naive_qc import Read, operations, qualities

FIVE_PRIME = "AATGATACGGCGACCACCGAGATCTACACTCTTTCCCTACACGACGCTCTTCCGATCT"
THREE_PRIME = (
    "AGATCGGAAGAGCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCGGTTCAGCAGGAATGCCGAGACCGATCTCGTATGCCGTCTTCTGCTTG",
    "AGATCGGAAGAGCACACGTCTGAACTCCAGTCACNNNNNNNNATCTCGTATGCCGTCTTCTGCTTG",
)
OTHER_STRAND = str.maketrans("ACGT", "TGCA")
Counted = defaultdict[Any, int]


def turned(bases: str) -> str:
    """Reverse complement."""
    return bases.translate(OTHER_STRAND)[::-1]


def adapter_pieces() -> set[str]:
    """All pieces of 16 bases of the adapters with at most one N, on both strands."""
    found = set()
    for adapter in (FIVE_PRIME, *THREE_PRIME):
        pieces = {adapter[k : k + 16] for k in range(len(adapter) - 15)}
        found |= {piece for piece in pieces if piece.count("N") <= 1}
    return found | {turned(piece) for piece in found}


PIECES = adapter_pieces()


def tags(data: bytes) -> dict[str, Any]:
    """Auxiliary fields: texts and integers."""
    found: dict[str, Any] = {}
    while data:
        name, kind = data[:2].decode(), chr(data[2])
        if kind in "ZH":
            text, _, data = data[3:].partition(b"\0")
            found[name] = text.decode()
        elif kind == "B":
            size = struct.calcsize(chr(data[3]).replace("c", "b").replace("C", "B").replace("s", "h").replace("S", "H"))
            found[name] = "array"
            data = data[8 + size * struct.unpack_from("<I", data, 4)[0] :]
        else:
            code = "<" + {"A": "c", "c": "b", "C": "B", "s": "h", "S": "H", "i": "i", "I": "I", "f": "f"}[kind]
            found[name] = struct.unpack_from(code, data, 3)[0]
            data = data[3 + struct.calcsize(code) :]
    return found


def sequence(read: Read) -> str:
    """Bases, none where they are not stored."""
    return "" if read.seq == "*" else read.seq


def is_adapter(read: Read) -> bool:
    """An unmapped read or one of mapping quality 0 that begins as an adapter."""
    seq = sequence(read)
    if (not read.flag & 4 and read.mapq) or len(seq) < 16:
        return False
    start = turned(seq[-16:]) if read.flag & 0x14 == 0x10 else seq[:16]
    return any(sum(a != b for a, b in zip(start, piece, strict=True)) <= 1 for piece in PIECES)


def aligned_pairs(read: Read) -> list[tuple[int, int, int]]:
    """(index in its block, index in the read, position) of every aligned base."""
    found, query, at = [], 0, read.pos
    for length, kind in operations(read):
        if kind in "M=X":
            found += [(k, query + k, at + k) for k in range(length)]
        query += length * (kind in "MIS=X")
        at += length * (kind in "MDN=X")
    return found


def total(read: Read, kinds: str) -> int:
    """Bases of some operations."""
    return sum(length for length, kind in operations(read) if kind in kinds)


def tail_clip(read: Read) -> int:
    """Soft-clipped bases at the 3' end."""
    steps = operations(read)[::-1] if read.flag & 0x10 else operations(read)
    inside = [k for k, (_, kind) in enumerate(steps) if kind not in "SH"]
    return sum(length for length, kind in steps[inside[0] :] if kind == "S") if inside else 0


def orientation(read: Read) -> str:
    """How a mapped pair lies, by one of its reads."""
    if bool(read.flag & 0x10) == bool(read.flag & 0x20):
        return "TANDEM"
    end = read.pos + total(read, "MDN=X")
    forward, reverse = (read.mate_pos + 1, end) if read.flag & 0x10 else (read.pos + 1, read.pos + 1 + read.tlen)
    return "FR" if forward < reverse else "RF"


def cycle(read: Read, k: int) -> int:
    """Picard's number of the cycle of base ``k``."""
    return len(sequence(read)) - k if read.flag & 0x10 else k + 1


def category(read: Read) -> str:
    """Which reads it is counted among."""
    return "unpaired" if not read.flag & 1 else "first" if read.flag & 0x40 else "second"


def count(reads: Sequence[Read], genome: Mapping[str, str]) -> dict[str, Counted]:
    """All counters by name; keys are tuples that say what was counted."""
    contigs = list(genome.values())
    found: defaultdict[str, Counted] = defaultdict(lambda: defaultdict(int))
    for read in reads:
        letters = contigs[read.tid] if read.tid >= 0 else ""
        mismatches = [pair for pair in aligned_pairs(read) if differs(read, pair, letters)]
        count_excluded(read, found["excluded"])
        count_gc(read, letters, len(mismatches), found)
        if not read.flag & 0x900:
            count_yield(read, found["yields"])
            count_insert(read, found["inserts"])
            count_read(read, found)
            count_bases(read, len(mismatches), letters, found)
    return found


def differs(read: Read, pair: tuple[int, int, int], letters: str) -> bool:
    """Whether an aligned base is another than the reference's; N is as good as N."""
    return bool(letters) and not read.flag & 4 and read.seq != "*" and read.seq[pair[1]] != letters[pair[2]]


def count_excluded(read: Read, out: Counted) -> None:
    """Aligned bases of reads that CollectWgsMetrics leaves out."""
    reasons = {
        "adapter": is_adapter(read),
        "mapq": read.mapq < 20,
        "dupe": bool(read.flag & 0x400),
        "unpaired": read.flag & 9 != 1,
    }
    if not read.flag & 0x100 and any(reasons.values()):
        out[next(name for name, holds in reasons.items() if holds)] += total(read, "M=X")


def count_gc(read: Read, letters: str, mismatches: int, found: Mapping[str, Counted]) -> None:
    """Where a read starts, by the GC of the window there."""
    if read.seq == "*":
        return
    found["gc_totals"]["clusters"] += not read.flag & 1 or bool(read.flag & 0x40)
    if read.flag & 4 or not letters:
        return
    found["gc_totals"]["aligned"] += 1
    start = read.pos + total(read, "MDN=X") - 100 if read.flag & 0x10 else read.pos + 1
    window = letters[start : start + 100]
    inside = start < len(letters) - 100
    if start <= 0 or (inside and window.count("N") > 4):
        return
    percent = window.count("G") + window.count("C") if inside else 0
    found["gc"]["reads", percent] += 1
    found["gc"]["bases", percent] += len(read.seq)
    found["gc"]["errors", percent] += mismatches + total(read, "ID")


def count_yield(read: Read, out: Counted) -> None:
    """Qualities, OQ's where there is one."""
    original = tags(read_tags(read)).get("OQ")
    values = [ord(letter) - 33 for letter in original] if original else qualities(read)
    if not original and values and values[0] == 255:
        values = []
    passed = not read.flag & 0x200
    out[passed, "reads"] += 1
    out[passed, "bases"] += len(sequence(read))
    out[passed, "q20"] += sum(20 <= value < 128 for value in values)
    out[passed, "q30"] += sum(30 <= value < 128 for value in values)
    out[passed, "quality"] += sum(value - 256 * (value > 127) for value in values)


def read_tags(read: Read) -> bytes:
    """The tags as bytes."""
    return bytes(getattr(read, "tags", b""))


def count_insert(read: Read, out: Counted) -> None:
    """A pair by its second read."""
    if read.flag & 0x44D == 1 and read.tlen:
        out[orientation(read), abs(read.tlen)] += 1


def count_read(read: Read, found: Mapping[str, Counted]) -> None:
    """What the read as a whole adds."""
    kind, out, aux = category(read), found["totals"], tags(read_tags(read))
    out["TOTAL_READS", kind] += 1
    if read.flag & 0x200:
        return
    out["PF_READS", kind] += 1
    out["PF_NOISE_READS", kind] += aux.get("XN") == 1
    out["ADAPTER_READS", kind] += is_adapter(read)
    out["HARD_CLIPPED", kind] += total(read, "H")
    found["lengths"][kind, len(sequence(read))] += 1
    found["aligned"][kind, total(read, "MI=X")] += 1
    if read.flag & 4:
        return
    out["SOFT_CLIPPED", kind] += total(read, "S")
    out["SOFT_CLIPPED_3PRIME", kind] += tail_clip(read)
    out["READS_CLIPPED_3PRIME", kind] += tail_clip(read) > 0
    out["PF_READS_ALIGNED", kind] += 1
    out["PF_READS_IMPROPER_PAIRS", kind] += read.flag & 3 == 1
    out["POSITIVE_STRAND", kind] += not read.flag & 0x10
    count_chimera(read, kind, aux, out)


def count_chimera(read: Read, kind: str, aux: Mapping[str, Any], out: Counted) -> None:
    """Chimeras, by the pair or, without one, by the read's own other alignments."""
    if read.flag & 9 != 1:
        out["CHIMERAS_DENOMINATOR", kind] += read.mapq >= 20
        out["CHIMERAS", kind] += read.mapq >= 20 and "SA" in aux
        return
    out["READS_ALIGNED_IN_PAIRS", kind] += 1
    if not isinstance(aux.get("MQ"), int) or (aux["MQ"] >= 20 and read.mapq >= 20):
        out["CHIMERAS_DENOMINATOR", kind] += 1
        far = abs(read.tlen) > 100000 or read.tid != read.mate_tid
        out["CHIMERAS", kind] += far or orientation(read) != "FR" or "SA" in aux


def count_bases(read: Read, mismatches: int, letters: str, found: Mapping[str, Counted]) -> None:
    """What the read's bases add."""
    kind, out, seq = category(read), found["totals"], sequence(read)
    if read.flag & 0x204:
        for k, base in enumerate(seq):
            found["cycles"][kind, cycle(read, k)] += base == "N"
        return
    good = read.mapq >= 20
    out["PF_ALIGNED_BASES", kind] += total(read, "M=X")
    out["MISMATCHES", kind] += mismatches
    out["INDELS", kind] += sum(step in "ID" for _, step in operations(read))
    found["mismatches"][kind, mismatches if good else 0] += 1
    for pair in aligned_pairs(read) if seq and letters else []:
        found["cycles"][kind, cycle(read, pair[0])] += differs(read, pair, letters) or seq[pair[1]] == "N"
    if good:
        out["PF_HQ_ALIGNED_READS", kind] += 1
        out["PF_HQ_ALIGNED_BASES", kind] += total(read, "M=X")
        values = qualities(read)
        stored = bool(values) and values[0] != 255
        out["PF_HQ_ALIGNED_Q20_BASES", kind] += sum(20 <= values[k] < 128 for _, k, _ in aligned_pairs(read) if stored)


def windows(letters: str) -> Counter[int]:
    """A contig's windows of 100 by their GC, without its first one, its last ones and those with many N."""
    starts = [letters[k : k + 100] for k in range(1, len(letters) - 100)]
    return Counter(each.count("G") + each.count("C") for each in starts if each.count("N") <= 4)


def wgs(reads: Sequence[Read], genome: Mapping[str, str]) -> dict[str, Counted]:
    """CollectWgsMetrics.addInfo at every position: depths, bases by quality, and why bases do not count."""
    found: defaultdict[str, Counted] = defaultdict(lambda: defaultdict(int))
    for tid, letters in enumerate(genome.values()):
        piles: list[list[tuple[str, int, str]]] = [[] for _ in letters]
        for read in reads:
            if read.tid == tid and read.flag & 0x70D == 1 and read.mapq >= 20 and read.seq != "*":
                for _, k, at in aligned_pairs(read):
                    piles[at].append((read.name, qualities(read)[k], read.seq[k]))
        for letter, pile in zip(letters, piles, strict=True):
            if letter != "N":
                count_pile(pile, found)
    return found


def count_pile(pile: Sequence[tuple[str, int, str]], found: Mapping[str, Counted]) -> None:
    """One position's reads, in the file's order."""
    names: set[str] = set()
    present = solid = 0
    for name, quality, base in pile:
        if not 2 < quality < 128:
            found["sums"]["baseq"] += 1
            continue
        if present < 250:
            found["qualities"][quality] += 1
            present += 1
        if quality < 20 or base == "N":
            found["sums"]["baseq"] += 1
        elif name in names:
            found["sums"]["overlap"] += 1
        else:
            names.add(name)
            solid += 1
    found["sums"]["capped"] += max(solid - 250, 0)
    found["solid"][min(solid, 250)] += 1
    found["present"][present] += 1

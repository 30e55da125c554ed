"""Builders of small files: good ones, and hand-made ones named after their quirk.

BAM and BGZF bytes are put together here from the specification (SAM v1, sections 4.1 and 4.2), with no help from the
code under test or from htslib, so that a file can be wrong in exactly one way.
"""

from __future__ import annotations

import os
import random
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

import pysam

EOF_BLOCK = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
BASES = "ACGT"
CONTIGS = {"chr1": 6000, "chr2": 4000}
READ_LENGTH = 100

PAIRED, PROPER, UNMAPPED, MATE_UNMAPPED, REVERSE, MATE_REVERSE = 0x1, 0x2, 0x4, 0x8, 0x10, 0x20
READ1, READ2, SECONDARY, QC_FAIL, DUPLICATE, SUPPLEMENTARY = 0x40, 0x80, 0x100, 0x200, 0x400, 0x800


# -- sequences and FASTA -------------------------------------------------------------------------------------------


def random_sequence(length: int, seed: int) -> str:
    """Random bases, the same for the same seed."""
    return "".join(random.Random(seed).choices(BASES, k=length))


def sequences(contigs: dict[str, int] | None = None) -> dict[str, str]:
    """A random sequence for each contig (``CONTIGS`` by default)."""
    return {name: random_sequence(length, seed) for seed, (name, length) in enumerate((contigs or CONTIGS).items())}


def write_fasta(path: Path, contigs: dict[str, str], line: int = 60, index: bool = True) -> Path:
    """A FASTA, bgzipped where the name ends in ``.gz``; by default with its index beside it."""
    text = "".join(
        f">{name} made by hand\n" + "".join(f"{bases[i : i + line]}\n" for i in range(0, len(bases), line))
        for name, bases in contigs.items()
    )
    path.write_bytes(bgzf(text.encode(), 1000) if path.suffix == ".gz" else text.encode())
    if index:
        pysam.faidx(str(path))
    return path


# -- BGZF ----------------------------------------------------------------------------------------------------------


def bgzf_block(data: bytes, level: int = 6) -> bytes:
    """One BGZF block; level 0 stores the bytes as they are."""
    deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    head = struct.pack("<4B I 2B H 2s 2H", 31, 139, 8, 4, 0, 0, 255, 6, b"BC", 2, len(body) + 25)
    return head + body + struct.pack("<2I", zlib.crc32(data), len(data))


def bgzf(data: bytes, block_bytes: int = 4000, level: int = 6, eof: bool = True) -> bytes:
    """Bytes as BGZF blocks of ``block_bytes`` each, closed by the end-of-file block."""
    blocks = (bgzf_block(data[i : i + block_bytes], level) for i in range(0, len(data), block_bytes))
    return b"".join(blocks) + (EOF_BLOCK if eof else b"")


def split_bgzf(data: bytes) -> list[tuple[int, bytes]]:
    """(file offset, inflated bytes) of every block."""
    blocks, at = [], 0
    while at < len(data):
        size = struct.unpack_from("<H", data, at + 16)[0] + 1
        blocks.append((at, zlib.decompress(data[at + 18 : at + size - 8], -15)))
        at += size
    return blocks


# -- BAM -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Read:
    """One record; ``seq`` '*' is absent, ``qual`` one value for all bases or one per base."""

    name: str
    pos: int
    cigar: str
    seq: str
    tid: int = 0
    flag: int = 0
    mapq: int = 60
    qual: int | Sequence[int] = 35
    mate_tid: int = -1
    mate_pos: int = -1
    tlen: int = 0
    tags: bytes = b""

    def end(self) -> int:
        """0-based, exclusive end on the reference."""
        span = sum(length for length, kind in parse_cigar(self.cigar) if kind in "MDN=X")
        return self.pos + max(span, 1)


def parse_cigar(cigar: str) -> list[tuple[int, str]]:
    """``10M2D5M`` -> [(10, "M"), (2, "D"), (5, "M")]."""
    return [(int(length), kind) for length, kind in re.findall(r"(\d+)([MIDNSHP=X])", cigar)]


def encode_record(read: Read, block_size: int | None = None) -> bytes:
    """A record's bytes, with its block_size or a wrong one."""
    seq = "" if read.seq == "*" else read.seq
    codes = ["=ACMGRSVTWYHKDBN".index(base) for base in seq] + [0]
    packed = bytes(codes[i] << 4 | codes[i + 1] for i in range(0, len(seq), 2))
    operations = [length << 4 | "MIDNSHP=X".index(kind) for length, kind in parse_cigar(read.cigar)]
    fixed = struct.pack(
        "<iiBBHHHiiii",
        read.tid,
        read.pos,
        len(read.name) + 1,
        read.mapq,
        reg2bin(read.pos, read.end()),
        len(operations),
        read.flag,
        len(seq),
        read.mate_tid,
        read.mate_pos,
        read.tlen,
    )
    qualities = bytes([read.qual] * len(seq) if isinstance(read.qual, int) else read.qual)
    cigar = struct.pack(f"<{len(operations)}I", *operations)
    body = fixed + read.name.encode() + b"\0" + cigar + packed + qualities + read.tags
    return struct.pack("<i", len(body) if block_size is None else block_size) + body


def reg2bin(begin: int, end: int) -> int:
    """The smallest bin that holds [begin, end) (SAM v1, section 5.3)."""
    if begin < 0:
        return 4680
    for shift, first in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        if begin >> shift == (end - 1) >> shift:
            return first + (begin >> shift)
    return 0


def encode_header(contigs: dict[str, int], sample: str | None = "sample", sort_order: str = "coordinate") -> bytes:
    """A BAM header; without a sample it has no read group."""
    text = f"@HD\tVN:1.6\tSO:{sort_order}\n"
    text += "".join(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in contigs.items())
    text += f"@RG\tID:rg\tSM:{sample}\n" if sample else ""
    names = b"".join(
        struct.pack("<i", len(name) + 1) + name.encode() + b"\0" + struct.pack("<i", length)
        for name, length in contigs.items()
    )
    return b"BAM\1" + struct.pack("<i", len(text)) + text.encode() + struct.pack("<i", len(contigs)) + names


def write_bam(
    path: Path,
    reads: Iterable[Read | bytes],
    contigs: dict[str, int] | None = None,
    sample: str | None = "sample",
    index: str | None = "bai",
    block_bytes: int = 4000,
    level: int = 6,
) -> Path:
    """A BAM with the reads (or bytes of records) in the order given, and its index: ``bai``, ``csi`` or None."""
    records = [read if isinstance(read, bytes) else encode_record(read) for read in reads]
    path.write_bytes(bgzf(encode_header(contigs or CONTIGS, sample) + b"".join(records), block_bytes, level))
    if index:
        pysam.index(*(["-c"] if index == "csi" else []), str(path))
    return path


def write_cram(path: Path, bam: Path, reference: Path) -> Path:
    """The BAM's reads as a CRAM, with its index."""
    pysam.view("-C", "--no-PG", "-T", str(reference), "-o", str(path), str(bam), catch_stdout=False)
    pysam.index(str(path))
    return path


# -- reads ---------------------------------------------------------------------------------------------------------


def mutate(bases: str, changes: dict[int, str]) -> str:
    """Bases with some replaced: 0-based position -> base."""
    changed = list(bases)
    for position, base in changes.items():
        changed[position] = base
    return "".join(changed)


def pair(name: str, tid: int, bases: str, start: int, insert: int, length: int = READ_LENGTH) -> tuple[Read, Read]:
    """A proper pair over [start, start + insert) of a contig with these bases."""
    second = start + insert - length
    forward = Read(name, start, f"{length}M", bases[start : start + length], tid)
    backward = replace(forward, pos=second, seq=bases[second : second + length])
    return (
        replace(forward, flag=PAIRED | PROPER | READ1 | MATE_REVERSE, mate_tid=tid, mate_pos=second, tlen=insert),
        replace(backward, flag=PAIRED | PROPER | READ2 | REVERSE, mate_tid=tid, mate_pos=start, tlen=-insert),
    )


def in_file_order(reads: Iterable[Read]) -> list[Read]:
    """Reads sorted by coordinate, unplaced ones last."""
    return sorted(reads, key=lambda read: (read.tid < 0, read.tid, read.pos))


def sample_reads(genome: dict[str, str], depth: int = 20, seed: int = 1) -> list[Read]:
    """Error-free pairs over every contig, sorted; some mates overlap. The genome may carry variants (``mutate``)."""
    chance = random.Random(seed)
    reads: list[Read] = []
    for tid, (name, bases) in enumerate(genome.items()):
        for number in range(len(bases) * depth // (2 * READ_LENGTH)):
            insert = chance.randint(150, 350)
            reads += pair(f"{name}-{number}", tid, bases, chance.randint(0, len(bases) - insert), insert)
    return in_file_order(reads)


# -- files with a quirk --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """Files for one run, and further arguments that the run needs."""

    reads: Path
    reference: Path
    arguments: list[str] = field(default_factory=list)


class Variant(NamedTuple):
    """A heterozygous SNV in ``good``: contig, 0-based position, reference and alternative base."""

    contig: str
    pos: int
    ref: str
    alt: str


def good_variants() -> list[Variant]:
    """The truth in ``good``: one SNV on each contig."""
    genome = sequences()
    places = [(name, length // 2) for name, length in CONTIGS.items()]
    return [Variant(name, at, genome[name][at], BASES[BASES.index(genome[name][at]) - 1]) for name, at in places]


def good_reads() -> list[Read]:
    """20x: 10x of each haplotype."""
    genome = sequences()
    other = {v.contig: mutate(genome[v.contig], {v.pos: v.alt}) for v in good_variants()}
    second = [replace(read, name=f"b-{read.name}") for read in sample_reads(other, depth=10, seed=2)]
    return in_file_order(sample_reads(genome, depth=10) + second)


def good(folder: Path) -> Case:
    """Nothing is wrong: a plain FASTA and an indexed BAM."""
    return Case(write_bam(folder / "reads.bam", good_reads()), write_fasta(folder / "ref.fa", sequences()))


def as_cram(folder: Path) -> Case:
    """``good`` as a CRAM."""
    case = good(folder)
    return replace(case, reads=write_cram(folder / "reads.cram", case.reads, case.reference))


def _with_records(folder: Path, records: Iterable[Read | bytes], **options: object) -> Case:
    case = good(folder)
    write_bam(case.reads, records, index=None, **options)  # type: ignore[arg-type]
    Path(f"{case.reads}.bai").unlink()
    return case


def _with_bytes(folder: Path, change: Callable[[bytes], bytes]) -> Case:
    case = _with_records(folder, good_reads(), level=0)
    case.reads.write_bytes(change(case.reads.read_bytes()))
    return case


def _replace_one(folder: Path, change: Callable[[Read], Read | bytes]) -> Case:
    reads = good_reads()
    middle = len(reads) // 2
    return _with_records(folder, [*reads[:middle], change(reads[middle]), *reads[middle + 1 :]])


def overlapping_pairs(folder: Path) -> Case:
    """Every pair's mates share bases."""
    bases = sequences()["chr1"]
    pairs = (pair(f"p{start}", 0, bases, start, 120) for start in range(0, 5000, 10))
    return _with_records(folder, in_file_order(read for both in pairs for read in both))


def deletion_at_read_end(folder: Path) -> Case:
    """CIGARs that begin or end with a deletion, which aligners should not write but do."""
    bases = sequences()["chr1"]
    reads = [Read(f"r{at}", at, "50M3D", bases[at : at + 50]) for at in range(1000, 1100, 5)]
    reads += [Read(f"s{at}", at, "3D50M", bases[at + 3 : at + 53]) for at in range(1100, 1200, 5)]
    return _with_records(folder, reads)


def no_eof(folder: Path) -> Case:
    """A BAM that lost its end-of-file block."""
    return _with_bytes(folder, lambda data: data[: -len(EOF_BLOCK)])


def cut_in_block(folder: Path) -> Case:
    """A BAM cut inside a block."""
    return _with_bytes(folder, lambda data: data[: split_bgzf(data)[-3][0] + 1000])


def cut_in_block_with_eof(folder: Path) -> Case:
    """A BAM that lost a piece in the middle, so that it still ends as it should."""
    return _with_bytes(folder, lambda data: data[: split_bgzf(data)[2][0] + 1000] + EOF_BLOCK)


def cut_between_blocks_with_eof(folder: Path) -> Case:
    """A BAM that lost whole blocks after one that ends inside a record."""
    return _with_bytes(folder, lambda data: data[: split_bgzf(data)[2][0]] + EOF_BLOCK)


def flipped_byte(folder: Path) -> Case:
    """One byte differs from what was written; the block is stored, so only its CRC can tell."""

    def flip(data: bytes) -> bytes:
        at = split_bgzf(data)[2][0] + 2000
        return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]

    return _with_bytes(folder, flip)


def not_bam(folder: Path) -> Case:
    """Text under a BAM's name."""
    return _with_bytes(folder, lambda data: b"@HD\tVN:1.6\n" * 10)


def damaged_header(folder: Path) -> Case:
    """A contig name in the BAM's header is longer than it says."""
    header = encode_header(CONTIGS)
    at = header.rindex(b"chr1\0") - 4
    damaged = header[:at] + struct.pack("<i", 4) + header[at + 4 :]
    return _with_bytes(folder, lambda _: bgzf(damaged + b"".join(map(encode_record, good_reads()))))


def cut_in_header(folder: Path) -> Case:
    """A BAM that ends inside its header, and yet with the end-of-file block."""
    return _with_bytes(folder, lambda _: bgzf(encode_header(CONTIGS)[:-20]))


def mutated(folder: Path, seed: int) -> Case:
    """Random bytes of the records, mostly of their fixed fields, are others; every block is whole."""
    chance = random.Random(seed)
    records = [bytearray(encode_record(read)) for read in good_reads()[:60]]
    for record in chance.sample(records, chance.randint(1, 4)):
        at = chance.randrange(48 if chance.random() < 0.7 else len(record))
        record[at] = chance.choice([0, 127, 128, 255, chance.randrange(256), record[at] ^ 1])
    return _with_records(folder, [bytes(record) for record in records])


def wrong_block_size(folder: Path) -> Case:
    """A record whose block_size is smaller than its fields."""
    return _replace_one(folder, lambda read: encode_record(read, block_size=40))


def huge_block_size(folder: Path) -> Case:
    """A record that claims to be 2 GB."""
    return _replace_one(folder, lambda read: encode_record(read, block_size=0x7FFFFFF0))


def cigar_mismatch(folder: Path) -> Case:
    """A CIGAR that consumes fewer bases than there are."""
    return _replace_one(folder, lambda read: replace(read, cigar="90M"))


def off_contig_end(folder: Path) -> Case:
    """A read that reaches past the end of chr2."""
    bases = sequences()["chr2"]
    reads = [*good_reads(), Read("last", CONTIGS["chr2"] - 50, "100M", bases[-100:], tid=1)]
    return _with_records(folder, reads)


def unknown_contig_number(folder: Path) -> Case:
    """A read on the third of two contigs."""
    return _replace_one(folder, lambda read: replace(read, tid=2))


def unsorted(folder: Path) -> Case:
    """Reads by name."""
    return _with_records(folder, sorted(good_reads(), key=attrgetter("name")))


def empty(folder: Path) -> Case:
    """A BAM of no bytes."""
    return _with_bytes(folder, lambda data: b"")


def header_only(folder: Path) -> Case:
    """A BAM without reads."""
    return _with_records(folder, [])


def no_reads_in_regions(folder: Path) -> Case:
    """Reads on chr1, chr2 asked."""
    case = good(folder)
    write_bam(case.reads, [read for read in good_reads() if read.tid == 0])
    return replace(case, arguments=["--regions", "chr2"])


def _with_contigs(folder: Path, contigs: dict[str, str]) -> Case:
    case = good(folder)
    Path(f"{case.reference}.fai").unlink()
    write_fasta(case.reference, contigs)
    return case


def other_contigs(folder: Path) -> Case:
    """A FASTA of another genome."""
    return _with_contigs(folder, {"scaffold_1": "ACGT" * 1000})


def other_lengths(folder: Path) -> Case:
    """The FASTA's chr2 is longer."""
    genome = sequences()
    return _with_contigs(folder, genome | {"chr2": genome["chr2"] + "ACGT"})


def without_a_contig_of_reads(folder: Path) -> Case:
    """The FASTA lacks chr2, which has reads."""
    return _with_contigs(folder, {"chr1": sequences()["chr1"]})


def chr_prefix(folder: Path) -> Case:
    """The FASTA says 1 where the reads say chr1."""
    return _with_contigs(folder, {name.removeprefix("chr"): bases for name, bases in sequences().items()})


def stale_index(folder: Path) -> Case:
    """The index is a day older than the BAM."""
    case = good(folder)
    then = os.stat(case.reads).st_mtime - 86400
    os.utime(f"{case.reads}.bai", (then, then))
    return replace(case, arguments=["--regions", "chr1:1-1000"])


def index_of_another_file(folder: Path) -> Case:
    """The index is younger than the BAM, but describes one with other blocks."""
    case = good(folder)
    index = Path(f"{case.reads}.bai").read_bytes()
    write_bam(case.reads, good_reads(), block_bytes=3000, index=None)
    Path(f"{case.reads}.bai").write_bytes(index)
    return replace(case, arguments=["--regions", "chr1:1-1000"])


def damaged_index(folder: Path) -> Case:
    """The index is cut in half."""
    case = good(folder)
    index = Path(f"{case.reads}.bai")
    index.write_bytes(index.read_bytes()[: index.stat().st_size // 2])
    return replace(case, arguments=["--regions", "chr1:1-1000"])


def no_index(folder: Path) -> Case:
    """Regions asked of a BAM without an index: one pass over the whole file serves them too."""
    case = good(folder)
    Path(f"{case.reads}.bai").unlink()
    return replace(case, arguments=["--regions", "chr1:1-4000"])


def stale_fai(folder: Path) -> Case:
    """The FASTA was replaced by one with other line lengths."""
    case = good(folder)
    write_fasta(case.reference, sequences(), line=70, index=False)
    return case


def short_fasta(folder: Path) -> Case:
    """The FASTA was cut after its index was made."""
    case = good(folder)
    case.reference.write_bytes(case.reference.read_bytes()[:-500])
    return case


def short_fasta_gz(folder: Path) -> Case:
    """The bgzipped FASTA was cut."""
    case = replace(good(folder), reference=write_fasta(folder / "ref.fa.gz", sequences()))
    case.reference.write_bytes(case.reference.read_bytes()[:-500])
    return case


def gzipped_fasta(folder: Path) -> Case:
    """gzip, not bgzip."""
    case = replace(good(folder), reference=folder / "ref.fa.gz")
    case.reference.write_bytes(zlib.compress((folder / "ref.fa").read_bytes(), wbits=31))
    return case


def cram_wrong_reference(folder: Path) -> Case:
    """A CRAM and a FASTA with the same contigs but other bases."""
    case = as_cram(folder)
    write_fasta(case.reference, {name: random_sequence(length, 99) for name, length in CONTIGS.items()})
    return case


def cram_without_a_contig_of_reads(folder: Path) -> Case:
    """A CRAM with reads on chr2, which the FASTA lacks."""
    case = as_cram(folder)
    write_fasta(case.reference, {"chr1": sequences()["chr1"]})
    return case


def cram_cut(folder: Path) -> Case:
    """A CRAM cut in the middle."""
    case = as_cram(folder)
    case.reads.write_bytes(case.reads.read_bytes()[: case.reads.stat().st_size // 2])
    return case


def cram_flipped_byte(folder: Path) -> Case:
    """A CRAM with one wrong byte."""
    case = as_cram(folder)
    data = bytearray(case.reads.read_bytes())
    data[len(data) // 2] ^= 0x40
    case.reads.write_bytes(data)
    return case


def unknown_region(folder: Path) -> Case:
    """A region on a contig that neither file has."""
    return replace(good(folder), arguments=["--regions", "chr7:1-100"])


def region_without_contig_in_reads(folder: Path) -> Case:
    """A region on a contig that the FASTA has but the reads' header lacks."""
    case = _with_contigs(folder, {**sequences(), "chr3": random_sequence(500, 7)})
    return replace(case, arguments=["--regions", "chr3:1-100"])


def region_of_the_other_naming(folder: Path) -> Case:
    """A region named 1 where the files say chr1."""
    return replace(good(folder), arguments=["--regions", "1:1-100"])


def malformed_region(folder: Path) -> Case:
    """A region that ends before it starts."""
    return replace(good(folder), arguments=["--regions", "chr1:200-100"])


def missing_reads(folder: Path) -> Case:
    """No file under the BAM's name."""
    return replace(good(folder), reads=folder / "absent.bam")


def missing_reference(folder: Path) -> Case:
    """No file under the FASTA's name."""
    return replace(good(folder), reference=folder / "absent.fa")


def several_samples(folder: Path) -> Case:
    """Read groups of two samples in one file."""
    return _with_bytes(folder, lambda data: bgzf(encode_header(CONTIGS, "one\n@RG\tID:b\tSM:two")))


def bed_of_other_naming(folder: Path) -> Case:
    """A BED that says 1 where the files say chr1."""
    bed = folder / "targets.bed"
    bed.write_text("1\t100\t200\n")
    return replace(good(folder), arguments=["--targets", str(bed)])


def bed_outside_contigs(folder: Path) -> Case:
    """A BED interval beyond the end of chr1."""
    bed = folder / "targets.bed"
    bed.write_text("chr1\t100\t200\nchr1\t5900\t6100\n")
    return replace(good(folder), arguments=["--targets", str(bed)])

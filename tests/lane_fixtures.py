"""Several files of one sample with a quirk; the first file is an argument of its case, which names the last one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .fixtures import (
    CONTIGS,
    Case,
    Read,
    encode_record,
    good_reads,
    in_file_order,
    sequences,
    write_bam,
    write_cram,
    write_fasta,
)


def split(reads: Sequence[Read], lanes: int) -> list[list[Read]]:
    """Reads dealt to some lanes by their pairs; the second lane gets twice as many as the first, and so on."""
    dealt: list[list[Read]] = [[] for _ in range(lanes)]
    total = lanes * (lanes + 1) // 2
    turn = [lane for lane in range(lanes) for _ in range(lane + 1)]
    for read in reads:
        dealt[turn[sum(read.name.encode()) % total]].append(read)
    return dealt


def write_lanes(folder: Path, reads: Sequence[Read], contigs: dict[str, int], reference: Path) -> list[Path]:
    """Three indexed files, the last of them a CRAM."""
    one, two, three = split(reads, 3)
    bams = [
        write_bam(folder / f"lane{number}.bam", each, contigs, block_bytes=3000 + 1000 * number, level=1)
        for number, each in enumerate((one, two, three), start=1)
    ]
    return [*bams[:2], write_cram(folder / "lane3.cram", bams[2], reference)]


def _two(folder: Path, second: Sequence[Read | bytes], contigs: dict[str, int] | None = None, **options: str) -> Case:
    one, _ = split(good_reads(), 2)
    other = write_bam(folder / "lane2.bam", second, contigs, index=None, **options)  # type: ignore[arg-type]
    first = write_bam(folder / "lane1.bam", one)
    return Case(other, write_fasta(folder / "ref.fa", sequences()), [str(first)])


def lanes_of_two_samples(folder: Path) -> Case:
    """Two files, two people."""
    return _two(folder, split(good_reads(), 2)[1], sample="other")


def lanes_of_two_samples_under_one_name(folder: Path) -> Case:
    """Two files, two people, and a name that hides it."""
    case = lanes_of_two_samples(folder)
    return replace(case, arguments=["--sample", "one", *case.arguments])


def lanes_without_sample(folder: Path) -> Case:
    """Two files that do not say whose they are."""
    case = _two(folder, split(good_reads(), 2)[1], sample="")
    write_bam(folder / "lane1.bam", split(good_reads(), 2)[0], sample=None)
    return case


def lanes_with_contigs_in_another_order(folder: Path) -> Case:
    """Two files with the same contigs, sorted differently."""
    moved = [replace(read, tid=1 - read.tid, mate_tid=1 - read.mate_tid) for read in split(good_reads(), 2)[1]]
    swapped = dict(reversed(CONTIGS.items()))
    return _two(folder, sorted(moved, key=lambda read: (read.tid, read.pos)), swapped)


def lanes_with_a_contig_more(folder: Path) -> Case:
    """The second file has a contig that the first lacks; the reference has it."""
    contigs = CONTIGS | {"chr3": 500}
    case = _two(folder, split(good_reads(), 2)[1], contigs)
    write_fasta(case.reference, sequences(contigs))
    return case


def lane_twice(folder: Path) -> Case:
    """One file under two names."""
    case = _two(folder, [])
    (folder / "link.bam").symlink_to(folder / "lane1.bam")
    return replace(case, reads=folder / "link.bam")


def lane_unsorted(folder: Path) -> Case:
    """The second file is not sorted."""
    two = split(good_reads(), 2)[1]
    return _two(folder, [*two[:50], two[80], *two[50:]])


def lane_with_a_bad_record(folder: Path) -> Case:
    """A CIGAR of the second file does not match its bases."""
    two = split(good_reads(), 2)[1]
    return _two(folder, [*two[:50], replace(two[50], cigar="90M"), *two[51:]])


def lane_with_a_bad_size(folder: Path) -> Case:
    """A record of the second file states an impossible size."""
    two = split(good_reads(), 2)[1]
    return _two(folder, [*two[:50], encode_record(two[50], block_size=7), *two[51:]])


def lane_that_ends_in_a_record(folder: Path) -> Case:
    """The second file lost the end of its last record."""
    two = split(good_reads(), 2)[1]
    return _two(folder, [*two[:50], encode_record(two[50])[:-10]])


def lane_with_a_stale_index(folder: Path) -> Case:
    """The index of the second file is another file's."""
    case = _two(folder, split(good_reads(), 2)[1])
    other = write_bam(folder / "other.bam", in_file_order(good_reads() * 3), level=0)
    shutil.copy(f"{other}.bai", f"{case.reads}.bai")
    return replace(case, arguments=["--regions", "chr1:100-2000", *case.arguments])

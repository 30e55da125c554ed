"""Picard's own metrics of a BAM, and reads that try what its rules turn on."""

from __future__ import annotations

import os
import random
import shutil
import struct
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from .fixtures import Read, parse_cigar
from .naive_picard import FIVE_PRIME, THREE_PRIME, turned
from .qc_reads import CONTIGS, QUALITIES, odd_reads

# Our file's ending -> Picard's, of CollectMultipleMetrics and of CollectWgsMetrics as they are run here.
KINDS = {
    "quality_yield_metrics.txt": "quality_yield_metrics",
    "wgs_metrics.txt": "wgs_metrics",
    "insert_size_metrics.txt": "insert_size_metrics",
    "alignment_summary_metrics.txt": "alignment_summary_metrics",
    "gc_bias.detail_metrics.txt": "gc_bias.detail_metrics",
    "gc_bias.summary_metrics.txt": "gc_bias.summary_metrics",
}
PROGRAMS = (
    "CollectAlignmentSummaryMetrics",
    "CollectInsertSizeMetrics",
    "CollectGcBiasMetrics",
    "CollectQualityYieldMetrics",
)
ABSENT_CONTIG = 200  # bp that a contig is given which the FASTA lacks and no read is on


def body(text: str) -> str:
    """A metrics file without its header and its empty lines."""
    lines = text.splitlines()
    start = next((k for k, line in enumerate(lines) if line.startswith("## METRICS")), len(lines))
    return "".join(f"{line}\n" for line in lines[start:] if line)


def ours(folder: Path, sample: str) -> dict[str, str]:
    """Bodies of our files by ending."""
    files = {ending: folder / f"{sample}.{ending}" for ending in KINDS}
    return {ending: body(path.read_text()) for ending, path in files.items() if path.exists()}


def run(tool: str, folder: Path, *arguments: str) -> None:
    """One Picard tool, whatever it thinks of the records.

    It refuses to start without R, which draws its charts: a program of that name that draws nothing stands in.
    """
    drawer = folder / "bin" / "Rscript"
    drawer.parent.mkdir(exist_ok=True)
    drawer.write_text("#!/bin/sh\nexit 0\n")
    drawer.chmod(0o755)
    environment = {**os.environ, "PATH": f"{drawer.parent}:{os.environ['PATH']}"}
    command = [shutil.which("PicardCommandLine") or "PicardCommandLine", tool, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def picard(bam: Path, reference: Path, folder: Path) -> dict[str, str]:
    """Bodies of Picard's files by our endings. The FASTA has every contig of the BAM's header."""
    lengths = [line.split("\t")[:2] for line in Path(f"{reference}.fai").read_text().splitlines()]
    lines = [f"@SQ\tSN:{name}\tLN:{length}" for name, length in lengths]
    reference.with_suffix(".dict").write_text("\n".join(["@HD\tVN:1.6", *lines]) + "\n")
    silent = "VALIDATION_STRINGENCY=SILENT"
    programs = [f"PROGRAM={name}" for name in ("null", *PROGRAMS)]
    out = folder / "picard"
    run("CollectMultipleMetrics", folder, f"I={bam}", f"O={out}", f"R={reference}", *programs, silent)
    run("CollectWgsMetrics", folder, f"I={bam}", f"O={out}.wgs_metrics", f"R={reference}", silent)
    files = {ending: Path(f"{out}.{name}") for ending, name in KINDS.items()}
    return {ending: body(path.read_text()) for ending, path in files.items() if path.exists()}


def with_all_contigs(bam: Path, reference: Path, folder: Path) -> tuple[Path, Path]:
    """The BAM and a FASTA with all of its contigs, as Picard needs them: those that it lacks are short, and N.

    Records stay as they are; their contigs' lengths in the header become the FASTA's.
    """
    names = [line.split("\t")[0] for line in Path(f"{reference}.fai").read_text().splitlines()]
    sequences = {name: fetch(reference, name) for name in names}
    header = samtools("view", "-H", str(bam)).decode().splitlines()
    lines = []
    with (folder / "reference.fa").open("w") as fasta:
        for line in header:
            if line.startswith("@SQ"):
                name = next(field[3:] for field in line.split("\t") if field.startswith("SN:"))
                bases = sequences.get(name, "N" * ABSENT_CONTIG)
                line = f"@SQ\tSN:{name}\tLN:{len(bases)}"
                fasta.write(f">{name}\n" + "".join(bases[k : k + 100] + "\n" for k in range(0, len(bases), 100)))
            lines.append(line)
    (folder / "header.sam").write_text("\n".join(lines) + "\n")
    samtools("faidx", str(folder / "reference.fa"))
    changed = folder / "reads.bam"
    changed.write_bytes(samtools("reheader", str(folder / "header.sam"), str(bam)))
    return changed, folder / "reference.fa"


def fetch(reference: Path, contig: str) -> str:
    """A contig's letters."""
    return samtools("faidx", str(reference), contig).decode().split("\n", 1)[1].replace("\n", "")


def samtools(*arguments: str) -> bytes:
    """What samtools prints."""
    return subprocess.run(["samtools", *arguments], check=True, capture_output=True).stdout


def consensus(bam: Path, folder: Path) -> Path:
    """A reference for reads of one contig that there is none of: what most of them say, N where they say nothing."""
    options = ("-a", "--show-ins", "no", "--show-del", "yes", "-f", "fasta")
    header, bases = samtools("consensus", *options, str(bam)).decode().split("\n", 1)
    path = folder / "consensus.fa"
    path.write_text(f"{header}\n{bases.replace('*', 'N')}")
    samtools("faidx", str(path))
    return path


# -- reads -------------------------------------------------------------------------------------------------------------


def genome() -> dict[str, str]:
    """Sequences of little and of much GC, with N, codes of several bases and lower case; the last contig is all N."""
    chance = random.Random(8)
    found = {}
    for name, length in CONTIGS.items():
        half = length // 2
        letters = chance.choices("ACGTacgt", (4, 1, 1, 4) * 2, k=half) + chance.choices(
            "ACGTRN", (9, 9, 9, 9, 1, 1), k=half
        )
        letters[half // 2 : half // 2 + 20] = "N" * 20
        found[name] = "".join(letters)
    return found | {name: "N" * length for name, length in list(CONTIGS.items())[-1:]}


def picard_reads(seed: int, genome: Mapping[str, str], pairs: int = 150) -> list[Read]:
    """Odd reads that mostly equal the genome, with tags, adapters and pairs that are far apart."""
    chance = random.Random(seed)
    contigs = list(genome.values())
    return [dress(read, contigs[max(read.tid, 0)], chance) for read in odd_reads(seed, pairs)]


def dress(read: Read, letters: str, chance: random.Random) -> Read:
    """One of them."""
    if read.seq == "*":
        return replace(read, tags=some_tags(0, chance))
    seq = like(read, letters, chance) if not read.flag & 4 else read.seq
    if chance.random() < 0.3 and (read.flag & 4 or read.mapq == 0):
        seq = adapter(len(seq), bool(read.flag & 0x10) and not read.flag & 4, chance)
    tlen = read.tlen * (4000 if chance.random() < 0.02 else 1)
    return replace(read, seq=seq, tlen=tlen, tags=some_tags(len(seq), chance))


def like(read: Read, letters: str, chance: random.Random) -> str:
    """The read's bases, aligned ones mostly the genome's."""
    seq, query, at = list(read.seq), 0, read.pos
    for length, kind in parse_cigar(read.cigar):
        for k in range(length if kind in "M=X" else 0):
            if chance.random() < 0.97:
                seq[query + k] = letters[at + k]
        query += length * (kind in "MIS=X")
        at += length * (kind in "MDN=X")
    return "".join(seq)


def adapter(length: int, reverse: bool, chance: random.Random) -> str:
    """Bases that begin as a part of an adapter does, with up to two errors."""
    text = chance.choice((FIVE_PRIME, *THREE_PRIME))
    text = chance.choice((text, turned(text)))
    start = chance.randrange(max(len(text) - length, 1))
    bases = list(text[start : start + length].ljust(length, "A").replace("N", "C"))
    for _ in range(chance.randrange(3)):
        bases[chance.randrange(min(16, length))] = chance.choice("ACGTN")
    return turned("".join(bases)) if reverse else "".join(bases)


def some_tags(length: int, chance: random.Random) -> bytes:
    """Tags that Picard looks at, among others."""
    kinds = {"C": "B", "c": "b", "S": "H", "s": "h", "I": "I", "i": "i"}
    kind = chance.choice(list(kinds))
    mapq = struct.pack("<" + kinds[kind], chance.choice((0, 19, 20, 60)))
    choices = [
        (0.5, b"MQ" + kind.encode() + mapq),
        (0.1, b"SAZchr1,5,+,30M,60,0;\0"),
        (0.1, b"XNi" + struct.pack("<i", chance.randrange(3))),
        (0.5, b"RGZgroup\0"),
        (0.2, b"XAAq"),
        (0.2, b"ZBBs" + struct.pack("<I3h", 3, 1, -2, 3)),
    ]
    if length:
        original = "".join(chr(33 + quality) for quality in chance.choices(QUALITIES, k=length))
        choices.append((0.2, b"OQZ" + original.encode() + b"\0"))
    chance.shuffle(choices)
    return b"".join(tag for share, tag in choices if chance.random() < share)

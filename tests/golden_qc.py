"""Goldens of Picard's coverage: ``python -m tests.golden_qc FOLDER`` makes the inputs and runs the tool.

It needs ``PicardCommandLine`` 2.27.5 (Debian: picard-tools). What it prints goes into ``tests/golden/``.
"""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

from .fixtures import Read, write_bam, write_fasta
from .qc_reads import CONTIGS, odd_reads

GOLDEN = Path(__file__).parent / "golden" / "picard-2.27.5.CollectWgsMetrics.txt"
SEEDS = (11, 12, 13)
PAIRS = 2000


def genome() -> dict[str, str]:
    """Sequences with some N and lower case; Picard takes all three contigs as territory, so chrX is all N."""
    chance = random.Random(7)
    sequences = {name: "".join(chance.choices("ACGTacgtN", k=length)) for name, length in CONTIGS.items()}
    return sequences | {"chrX": "N" * CONTIGS["chrX"]}


def reads(seed: int) -> list[Read]:
    """Odd reads; Picard stops at those without a sequence."""
    return [read for read in odd_reads(seed, PAIRS) if read.seq != "*"]


def picard(folder: Path, seed: int) -> str:
    """The histogram and the metrics of CollectWgsMetrics, as lines of ``key value``."""
    bam = write_bam(folder / f"{seed}.bam", reads(seed), CONTIGS)
    reference = write_fasta(folder / "reference.fa", genome())
    dictionary = folder / "reference.dict"
    dictionary.unlink(missing_ok=True)
    run("CreateSequenceDictionary", f"R={reference}", f"O={dictionary}")
    out = folder / f"{seed}.txt"
    run("CollectWgsMetrics", f"I={bam}", f"O={out}", f"R={reference}", "VALIDATION_STRINGENCY=SILENT")
    rows = [line.split("\t") for line in out.read_text().splitlines()]
    names = next(k for k, row in enumerate(rows) if row[0] == "GENOME_TERRITORY")
    metrics = dict(zip(rows[names], rows[names + 1], strict=True))
    wanted = ("GENOME_TERRITORY", "MEAN_COVERAGE", "MAD_COVERAGE", "PCT_15X")
    lines = [f"{seed} {name} {metrics[name]}" for name in wanted]
    bins = [row for row in rows[names + 2 :] if len(row) == 2 and row[0].isdigit() and row[1] != "0"]
    return "\n".join(lines + [f"{seed} {depth} {count}" for depth, count in bins]) + "\n"


def run(*arguments: str) -> None:
    """One Picard tool."""
    subprocess.run(["PicardCommandLine", *arguments], check=True, capture_output=True)


if __name__ == "__main__":
    for number in SEEDS:
        sys.stdout.write(picard(Path(sys.argv[1]), number))

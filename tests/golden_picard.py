"""Goldens of Picard on real and simulated reads: ``python -m tests.golden_picard SHARED_DATA`` runs the tool.

It needs ``PicardCommandLine`` 2.27.5 (Debian: picard-tools) and samtools, and minutes. For each sample it runs

    CollectMultipleMetrics I=BAM O=OUT R=REF PROGRAM=null PROGRAM=... (those of ``picard.PROGRAMS``)

with ``VALIDATION_STRINGENCY=SILENT``, and writes what they print, without headers, to ``tests/golden/``. REF is the
FASTA named here with all contigs of the BAM's header (``picard.with_all_contigs``).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from gpucall.quality import measure

from . import picard

GOLDEN = Path(__file__).parent / "golden" / "picard-2.27.5"

# Sample -> BAM and FASTA in the shared data; None: the reads' own consensus.
SAMPLES: dict[str, tuple[str, str | None]] = {
    "HG002.31x": ("real/HG002.31x.b37.bam", "real/b37.chr20.windows.fa.gz"),
    "HG002.92x": ("real/HG002.92x.b37.bam", "real/b37.chr20.windows.fa.gz"),
    "HG002.96x": ("real/HG002.96x.b37.bam", "real/b37.chr20.windows.fa.gz"),
    "NA12878.52x": ("real/NA12878.52x.hg19.bam", "real/hg19.chr20.windows.fa.gz"),
    "trio.HG001": ("real/trio.HG001.b37.bam", "real/b37.chr20.windows.fa.gz"),
    "trio.NA12891": ("real/trio.NA12891.b37.bam", "real/b37.chr20.windows.fa.gz"),
    "trio.NA12892": ("real/trio.NA12892.b37.bam", "real/b37.chr20.windows.fa.gz"),
    "mitochondria": ("real/mitochondria.451x.bam", None),
    "base30": ("sim/base30.bam", "sim/GRCh38.chr20.10M.fa.gz"),
}


def inputs(data: Path, name: str, folder: Path) -> tuple[Path, Path]:
    """BAM and FASTA of a sample."""
    bam, reference = SAMPLES[name]
    return data / bam, data / reference if reference else picard.consensus(data / bam, folder)


def ours(data: Path, name: str, folder: Path) -> dict[str, str]:
    """Bodies of our files of a sample."""
    measure(*inputs(data, name, folder), folder / "ours", threads=1, sample=name)
    return picard.ours(folder / "ours", name)


def read(name: str) -> dict[str, str]:
    """Bodies of Picard's files of a sample."""
    files = {ending: GOLDEN / f"{name}.{ending}" for ending in picard.KINDS}
    return {ending: path.read_text() for ending, path in files.items() if path.exists()}


def main(data: Path, names: list[str]) -> None:
    """Write the goldens of some samples."""
    GOLDEN.mkdir(exist_ok=True)
    for name in names:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            bam, reference = picard.with_all_contigs(*inputs(data, name, folder), folder)
            for ending, text in picard.picard(bam, reference, folder).items():
                (GOLDEN / f"{name}.{ending}").write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(SAMPLES))

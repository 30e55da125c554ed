"""``python -m tests.qc_devices FOLDER``: quality control of odd reads on the CPU and on CUDA, FOLDER/cpu, FOLDER/cuda.

With ``NUMBA_ENABLE_CUDASIM=1`` CUDA is the simulator.
"""

from __future__ import annotations

import sys
from pathlib import Path

from gpucall.backend import select
from gpucall.config import Batching
from gpucall.qc import write

from . import golden_qc
from .fixtures import write_bam
from .qc_reads import CONTIGS, Genome, odd_reads, stream_ordered


def main(folder: Path) -> None:
    """Write the QC files of both devices, and the coverage histogram beside them."""
    genome = {name: bases.upper() for name, bases in golden_qc.genome().items()}
    path = write_bam(folder / "reads.bam", odd_reads(3, pairs=60), CONTIGS, index=None)
    for device in ("cpu", "cuda"):
        qc, ordered = stream_ordered(path, genome, Batching(batch_bytes=8000, tile_span=300), select(device)[0])
        qc.fill_gaps(Genome(genome))
        (folder / device).mkdir()
        write(qc, folder / device, "sample", ordered)
        counted = [*qc.coverage.solid.ravel().tolist(), *qc.coverage.qualities.tolist()]
        (folder / device / "coverage.txt").write_text(" ".join(map(str, counted)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""A contamination panel of made-up frequencies for any reference, in VerifyBamID2's format: for tests and kernels."""

from __future__ import annotations

import random
from pathlib import Path

from gpucall.io.reference import Reference


def write(prefix: Path, fasta: Path, step: int = 97, components: int = 2) -> str:
    """Write a panel with a site every ``step`` bases of every contig, where the reference is known; its prefix."""
    chance = random.Random(5)
    files: dict[str, list[str]] = {"bed": [], "mu": [], "UD": []}
    with Reference(fasta) as reference:
        for contig, length in reference.contigs.items():
            bases = reference.fetch(contig, 0, length).tobytes().decode()
            for at in range(step // 2, length, step):
                if bases[at] == "N":
                    continue
                alt = chance.choice("ACGT".replace(bases[at], ""))
                files["bed"].append(f"{contig}\t{at}\t{at + 1}\t{bases[at]}\t{alt}")
                files["mu"].append(f"{contig}:{at + 1}_{bases[at]}/{alt} {chance.uniform(0.02, 0.3):.6g}")
                files["UD"].append("\t".join(f"{chance.gauss(0, 3):.6g}" for _ in range(components)))
    for suffix, lines in files.items():
        Path(f"{prefix}.{suffix}").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(prefix)

"""Stage ``candidates``: SNVs beside long repeats are weighed with haplotypes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np

from gpucall import candidates, engine
from gpucall.backend import CpuBackend
from gpucall.bench.variants import read_vcf
from gpucall.candidates import Allele
from gpucall.config import Candidates

from . import fixtures
from .fixtures import Read, random_sequence


class Stretch:
    """What ``beside_repeats`` looks at of a ``TileReads``."""

    origin = 100

    def __init__(self, bases: str) -> None:
        self.bases = np.frombuffer(bases.encode(), dtype=np.uint8)


def beside(bases: str) -> set[int]:
    """Indices of the bases of a stretch beside a repeat of six."""
    reads: Any = Stretch(bases)
    snvs = [Allele(100 + k, 1, b"A", 5) for k in range(len(bases))]
    return {position - 100 for position in candidates.beside_repeats(reads, snvs, Candidates(repeat_side=6))}


def test_a_run_and_a_dinucleotide_on_either_side() -> None:
    assert beside("GCTTTTTTCAG") == {1, 8}
    assert beside("GCTTTTTCAG") == set()
    assert beside("GCTTTTTTTTCAG") == {1, 2, 3, 8, 9, 10}
    assert beside("GCTATATAGGC") == {1, 8}
    assert beside("CTTTTTT") == {0}
    reads: Any = Stretch("ACGT")
    assert candidates.beside_repeats(reads, [], Candidates()) == set()


def test_a_homozygous_snv_in_a_run_that_stutters(tmp_path: Path) -> None:
    """Reads that end in the run and lost a base of it before the SNV show the SNV one base early, without a gap."""
    chance = random.Random(4)
    before, after = random_sequence(1500, 1) + "G", "G" + random_sequence(1500, 2)
    reference = before + "T" * 34 + after
    at = len(before) + 28
    reads = []
    for k in range(40):
        lost = k % 4 == 0
        sequence = before + "T" * (28 - lost) + "C" + "T" * 5 + after
        start = at + 4 - 130 if lost else at - chance.randint(40, 110)
        reads.append(Read(f"r{k}", start, "130M", sequence[start : start + 130], flag=16 * (k // 4 % 2), qual=35))
    reads += [Read(f"p{k}", 20 + 10 * k, "100M", reference[20 + 10 * k :][:100]) for k in range(120)]
    bam = fixtures.write_bam(tmp_path / "a.bam", fixtures.in_file_order(reads), {"chr1": len(reference)})
    fasta = fixtures.write_fasta(tmp_path / "ref.fa", {"chr1": reference})
    found = read_vcf(engine.call(bam, fasta, tmp_path / "out", device=CpuBackend(), threads=1).vcf).variants["chr1"]
    assert [(v.position, v.alts, v.genotype) for v in found] == [(at + 1, "C", "1/1")]

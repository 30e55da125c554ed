"""Simulated families: genotypes at unlinked sites, handed down as Mendel says, their sketches, PED and VCF."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpucall.backend import Backend
from gpucall.cohort.relate import relate
from gpucall.config import Relating
from gpucall.qc import sketch
from gpucall.qc.sketch import Depths, Sketch

Genotypes = NDArray[np.int8]  # [people, sites], ALT copies


@dataclass
class Families:
    """People with their parents (rows, -1: a founder), by row."""

    names: list[str] = field(default_factory=list)
    family: list[str] = field(default_factory=list)
    parents: list[tuple[int, int]] = field(default_factory=list)
    sexes: list[int] = field(default_factory=list)

    def add(self, family: str, name: str, sex: int, parents: tuple[int, int] = (-1, -1)) -> int:
        """A person; their row."""
        self.names.append(f"{family}_{name}")
        self.family.append(family)
        self.parents.append(parents)
        self.sexes.append(sex)
        return len(self.names) - 1

    def ped(self) -> str:
        """The text of a PED file."""
        rows = []
        for name, family, (father, mother), sex in zip(self.names, self.family, self.parents, self.sexes, strict=True):
            parents = [self.names[row] if row >= 0 else "0" for row in (father, mother)]
            rows.append("\t".join((family, name, *parents, str(sex), "-9")))
        return "\n".join(rows) + "\n"


def nuclear(people: Families, family: str, children: int = 2) -> None:
    """Father, mother and children."""
    parents = people.add(family, "father", 1), people.add(family, "mother", 2)
    for number in range(children):
        people.add(family, f"child{number + 1}", 1 + number % 2, parents)


def three_generations(people: Families, family: str) -> None:
    """Grandparents, two of their children with partners, and two grandchildren of each: cousins."""
    grand = people.add(family, "grandfather", 1), people.add(family, "grandmother", 2)
    for side, sex in (("son", 1), ("daughter", 2)):
        child = people.add(family, side, sex, grand)
        partner = people.add(family, f"{side}s_partner", 3 - sex)
        couple = (child, partner) if sex == 1 else (partner, child)
        for number in range(2):
            people.add(family, f"{side}s_child{number + 1}", 1 + number, couple)


def unrelated(people: Families, number: int) -> None:
    """People of families of their own."""
    for each in range(number):
        people.add(f"U{each}", "person", 1 + each % 2)


def draw_genotypes(people: Families, frequencies: NDArray[np.float64], seed: int) -> Genotypes:
    """Founders by the frequencies, children by drawing one allele of each parent."""
    chance = np.random.default_rng(seed)
    sites = len(frequencies)
    genotypes = np.empty((len(people.names), sites), dtype=np.int8)
    for row, parents in enumerate(people.parents):
        if parents[0] < 0:
            genotypes[row] = chance.binomial(2, frequencies)
        else:
            handed = [chance.random(sites) < genotypes[parent] / 2 for parent in parents]
            genotypes[row] = handed[0].astype(np.int8) + handed[1]
    return genotypes


def write_sketches(folder: Path, people: Families, genotypes: Genotypes, depth: float, seed: int) -> list[Path]:
    """A sketch of each person: Poisson depth, a base in 500 is wrong."""
    chance = np.random.default_rng(seed)
    sites = genotypes.shape[1]
    paths = []
    for row, name in enumerate(people.names):
        reads = chance.poisson(depth, sites)
        alt = chance.binomial(reads, np.clip(genotypes[row] / 2, 0.002, 0.998))
        one_x = people.sexes[row] == 1
        depths = Depths(int(100 * depth), int(100 * depth / (2 if one_x else 1)), int(20 * depth) if one_x else 0)
        counts = (column.astype(np.uint16) for column in (reads - alt, alt, np.zeros(sites)))
        paths.append(folder / f"{name}.sketch")
        sketch.write(paths[-1], Sketch(name, f"simulated {sites}", depths, *counts))
    return paths


def write_vcf(path: Path, names: Sequence[str], genotypes: Genotypes) -> None:
    """The genotypes as a VCF, sites 10 kb apart over the autosomes; -1: missing."""
    words = {-1: "./.", 0: "0/0", 1: "0/1", 2: "1/1"}
    sites = genotypes.shape[1]
    with open(path, "w", encoding="utf-8") as out:
        out.write("##fileformat=VCFv4.2\n")
        out.writelines(f"##contig=<ID={contig},length=200000000>\n" for contig in range(1, 23))
        out.write('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n')
        out.write("\t".join(("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *names)) + "\n")
        for site in range(sites):
            contig, place = 1 + site * 22 // sites, 10_000 * (site + 1)
            calls = (words[copies] for copies in genotypes[:, site].tolist())
            out.write("\t".join((str(contig), str(place), f"s{site}", "A", "G", ".", ".", ".", "GT", *calls)) + "\n")


def relate_few(folder: Path, backend: Backend) -> None:
    """Relate two small families on a backend, which launches every kernel of ``relate``."""
    people = Families()
    nuclear(people, "N")
    three_generations(people, "T")
    genotypes = draw_genotypes(people, np.random.default_rng(1).uniform(0.2, 0.5, 700), 2)
    paths = write_sketches(folder, people, genotypes, 30, 3)
    relate(paths, folder / "related", device=backend, threads=1, settings=Relating(most_pairs=1))

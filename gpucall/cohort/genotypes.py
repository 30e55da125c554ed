"""genotypes: the genotypes that sketches show, as planes of bits for kernel ``relate``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..config import Relating
from ..errors import InputError
from ..kernels.relate import Planes
from ..qc import sketch
from ..qc.sketch import Depths, Sketch


@dataclass(frozen=True)
class SampleCounts:
    """One sample's sites in numbers (somalier's columns)."""

    name: str
    path: Path
    depths: Depths
    hom_ref: int
    het: int
    hom_alt: int
    unknown: int
    depth: tuple[float, float]  # of all sites: mean, standard deviation
    typed_depth: tuple[float, float]  # of those with a genotype
    balance: tuple[float, float]  # share of ALT at heterozygous sites
    middling: float  # share of sites whose balance is that of no genotype


@dataclass
class Cohort:
    """Samples and their genotypes, in the order of the sketches."""

    samples: list[SampleCounts]
    planes: Planes
    sites: int

    @property
    def names(self) -> list[str]:
        """Names of the samples."""
        return [sample.name for sample in self.samples]


def read_cohort(paths: Sequence[Path], settings: Relating, workers: int, progress: Callable[..., Any] | None) -> Cohort:
    """Read sketches, all of one list of sites.

    Raises
    ------
    InputError
        where a sketch cannot be used: it is no sketch, damaged, of other sites, without a covered site, or its sample
        is there already.
    """
    first = sketch.read(paths[0])
    words = -(-len(first.ref) // 64)
    planes = Planes(*(np.zeros((len(paths), words), dtype=np.uint64) for _ in range(3)))
    samples: list[SampleCounts] = []
    seen: dict[str, Path] = {}

    def load(number: int) -> SampleCounts:
        found = sketch.read(paths[number])
        check_same_sites(paths[number], found, paths[0], first)
        return add_sample(found, paths[number], planes, number, settings)

    with ThreadPoolExecutor(workers) as pool:
        for number, sample in enumerate(pool.map(load, range(len(paths)))):
            if sample.name in seen:
                raise InputError(
                    f"{sample.path}: sample '{sample.name}' is in {seen[sample.name]}, too; give one sketch a sample"
                )
            seen[sample.name] = sample.path
            samples.append(sample)
            if progress is not None:
                progress(number + 1, len(paths), "sketches")
    return Cohort(samples, planes, len(first.ref))


def check_same_sites(path: Path, found: Sketch, first_path: Path, first: Sketch) -> None:
    """Both sketches are of one list.

    Raises
    ------
    InputError
    """
    if found.digest != first.digest:
        raise InputError(
            f"{path}: its {len(found.ref):,} sites are not the {len(first.ref):,} of {first_path};"
            " make all sketches with one list of sites"
        )


def add_sample(found: Sketch, path: Path, planes: Planes, row: int, settings: Relating) -> SampleCounts:
    """Set a sample's bits, and count.

    Raises
    ------
    InputError
        where no site is covered.
    """
    ref, alt = found.ref.astype(np.int32), found.alt.astype(np.int32)
    depth = ref + alt
    if not depth.any():
        raise InputError(f"{path}: no site of the sketch is covered; the sample '{found.sample}' tells nothing")
    deep = (depth >= settings.min_depth) & (found.other <= settings.most_other * depth)
    scaled = 1000 * alt
    hom_ref = deep & (scaled <= settings.hom_permille * depth)
    hom_alt = deep & (scaled >= (1000 - settings.hom_permille) * depth)
    low, high = settings.het_permille
    het = deep & (scaled >= low * depth) & (scaled <= high * depth)
    typed = hom_ref | het | hom_alt
    for plane, bits in zip(planes, (hom_ref, het, hom_alt), strict=True):
        plane[row] = packed(bits, plane.shape[1])
    balance = alt[het] / depth[het]
    return SampleCounts(
        name=found.sample,
        path=path,
        depths=found.depths,
        hom_ref=int(np.count_nonzero(hom_ref)),
        het=int(np.count_nonzero(het)),
        hom_alt=int(np.count_nonzero(hom_alt)),
        unknown=int(np.count_nonzero(~typed)),
        depth=mean_and_deviation(depth),
        typed_depth=mean_and_deviation(depth[typed]),
        balance=mean_and_deviation(balance),
        middling=float(np.count_nonzero(deep & ~typed)) / max(int(np.count_nonzero(deep)), 1),
    )


def packed(bits: NDArray[np.bool_], words: int) -> NDArray[np.uint64]:
    """Bits in words of 64, the first site in the lowest bit."""
    padded = np.zeros(words * 64, dtype=bool)
    padded[: len(bits)] = bits
    return np.packbits(padded, bitorder="little").view("<u8").astype(np.uint64)


def mean_and_deviation(values: NDArray[Any]) -> tuple[float, float]:
    """Mean and standard deviation; 0 of nothing."""
    return (float(values.mean()), float(values.std())) if len(values) else (0.0, 0.0)

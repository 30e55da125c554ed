"""Kernel ``relate``: equal to its naive twin on every device."""

from __future__ import annotations

import numpy as np
import pytest

from gpucall.cohort.genotypes import packed
from gpucall.cohort.relate import kinship
from gpucall.kernels.relate import COUNTS, Planes, bits_set

from . import naive_relate
from .kernel_inputs import DEVICES, open_device

on_devices = pytest.mark.parametrize("device", DEVICES)


def draw(samples: int, sites: int, seed: int) -> np.ndarray:
    """ALT copies, some unknown."""
    chance = np.random.default_rng(seed)
    genotypes = chance.integers(0, 3, (samples, sites))
    return np.where(chance.random((samples, sites)) < 0.1, -1, genotypes)


def planes_of(genotypes: np.ndarray) -> Planes:
    words = -(-genotypes.shape[1] // 64)
    return Planes(*(np.stack([packed(row == copies, words) for row in genotypes]) for copies in range(3)))


@on_devices
@pytest.mark.parametrize("sites", [1, 63, 64, 65, 200])
def test_pairs_equal_naive(sites: int, device: str) -> None:
    backend = open_device(device)
    genotypes = draw(6, sites, sites)
    first, second = np.array([0, 0, 3, 5, 2], dtype=np.int32), np.array([1, 0, 4, 2, 5], dtype=np.int32)
    planes = backend.upload(planes_of(genotypes))
    counts = backend.upload(np.full((5, len(COUNTS)), -7, dtype=np.int32))
    backend.launch("relate.pairs", 5, planes, planes, backend.upload(first), backend.upload(second), counts)
    found = backend.download(counts)
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        assert tuple(found[row]) == naive_relate.compare(genotypes[a].tolist(), genotypes[b].tolist())
        assert kinship(found)[row] == pytest.approx(naive_relate.kinship(genotypes[a].tolist(), genotypes[b].tolist()))


@on_devices
def test_screen_equals_naive(device: str) -> None:
    backend = open_device(device)
    left, right = draw(5, 130, 1), draw(7, 130, 2)
    likeness = backend.upload(np.zeros((5, 7), dtype=np.int32))
    sides = (backend.upload(planes_of(left)), backend.upload(planes_of(right)))
    backend.launch("relate.screen", 35, *sides, likeness)
    expected = [[naive_relate.likeness(a.tolist(), b.tolist()) for b in right] for a in left]
    assert backend.download(likeness).tolist() == expected


@pytest.mark.parametrize("word", [0, 1, 2**63, 2**64 - 1, 0x0123456789ABCDEF, 0x5555555555555555])
def test_bits_set(word: int) -> None:
    with np.errstate(over="ignore"):
        assert bits_set(np.uint64(word)) == word.bit_count()

"""Histograms of positions (kernels ``depth``, ``wgs`` and ``stretch``): equal to their naive twins on every device."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from gpucall.backend import CpuBackend
from gpucall.kernels import depth, wgs
from gpucall.kernels.stretch import CHUNK, GC_BINS

from . import naive_picard
from .kernel_inputs import DEVICES, open_device

on_devices = pytest.mark.parametrize("device", DEVICES)


def walk(seed: int, size: int, least: int, most: int) -> list[int]:
    """Numbers that change by little from one to the next, with jumps."""
    chance = random.Random(seed)
    at, found = chance.randint(least, most), []
    for _ in range(size):
        at += chance.choice(
            (0, 0, 0, 1, -1, chance.choice((-1, 1)) * chance.randrange(300) if chance.random() < 0.1 else 0)
        )
        at = min(max(at, least), most)
        found.append(at)
    return found


@on_devices
@pytest.mark.parametrize(("seed", "size", "most"), [(1, 700, 60), (2, 63, 60), (3, 640, 900), (4, 0, 1), (5, 500, 3)])
def test_depths_equal_naive(device: str, seed: int, size: int, most: int) -> None:
    """Depths that fit into a byte and others; mosdepth's rule for mates gives negative ones, too."""
    depths, backend = walk(seed, size, -2, most), open_device(device)
    counts = backend.upload(np.zeros(most + 65, dtype=np.int64))
    backend.launch("depth.histogram", size, backend.upload(np.array(depths, dtype=np.int32)), counts)
    expected = Counter(max(depth, 0) for depth in depths)
    assert {depth: count for depth, count in enumerate(backend.download(counts).tolist()) if count} == expected


@on_devices
@pytest.mark.parametrize(("seed", "size", "most"), [(1, 700, 60), (2, 63, 60), (3, 640, 900)])
def test_good_bases_equal_naive(device: str, seed: int, size: int, most: int) -> None:
    """Positions by good bases, once a name, and by bases, at most ``CAP``; none where the reference is N."""
    chance, backend = random.Random(seed), open_device(device)
    aligned = walk(seed, size, 0, most)
    absent = [chance.randint(0, min(bases, 3)) for bases in aligned]
    solid = [bases - chance.randint(0, min(bases, 9)) for bases in aligned]
    repeats = [chance.randint(0, min(good, 2)) for good in solid]
    letters = [78 if chance.random() < 0.05 else chance.choice(b"ACGT") for _ in range(size)]
    columns = [np.array(column, dtype=np.int32) for column in ([*aligned, 0], absent, solid, repeats)]
    depths = wgs.Depths(*map(backend.upload, columns))
    tables = [backend.upload(np.zeros(bins, dtype=np.int64)) for bins in (wgs.CAP + 1, wgs.CAP + 1, wgs.SUMS)]
    over = backend.upload(np.zeros(size, dtype=np.uint8))
    backend.launch("wgs.histogram", size, backend.upload(np.array(letters, dtype=np.uint8)), depths, *tables, over)
    solids, present, sums = (backend.download(table).tolist() for table in tables)
    known = [at for at in range(size) if letters[at] != 78]
    once = {at: solid[at] - repeats[at] for at in known}
    bases = {at: aligned[at] - absent[at] for at in range(size)}
    assert {depth: count for depth, count in enumerate(solids) if count} == Counter(
        min(once[at], wgs.CAP) for at in known
    )
    assert {depth: count for depth, count in enumerate(present) if count} == Counter(
        min(bases[at], wgs.CAP) for at in known
    )
    assert sums == [
        *(sum(column[at] for at in known) for column in (aligned, solid, repeats)),
        sum(max(once[at] - wgs.CAP, 0) for at in known),
    ]
    assert backend.download(over).tolist() == [bases[at] > (wgs.CAP if at in once else 0) for at in range(size)]


@on_devices
@pytest.mark.parametrize("unknown", [0, 0.001, 0.04])
def test_windows_equal_naive(device: str, unknown: float) -> None:
    """Windows by their GC, here and there with N; the last ones end where the letters do."""
    chance, backend = random.Random(7), open_device(device)
    shares = walk(8, CHUNK + 300, 0, 300)
    drawn = [
        "N" if chance.random() < unknown else chance.choice("GC" if chance.random() * 300 < share else "AT")
        for share in shares
    ]
    letters = "".join(drawn)
    counts = backend.upload(np.zeros(GC_BINS, dtype=np.int64))
    stop = len(letters) - 100
    data = backend.upload(np.frombuffer(letters.encode(), dtype=np.uint8).copy())
    backend.launch("stretch.windows", -(-(stop - 1) // CHUNK), data, 1, stop, counts)
    found = {percent: count for percent, count in enumerate(backend.download(counts).tolist()) if count}
    assert found == naive_picard.windows(letters)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 300])
def test_running_sums(size: int) -> None:
    """Whatever the size, negative ones too; plain Python gives the same."""
    steps = np.random.default_rng(size).integers(-5, 6, size).astype(np.int32)
    for add_up in (CpuBackend().running_sums, running_sums_in_python):
        assert add_up(steps.copy()).tolist() == np.cumsum(steps).tolist()


def running_sums_in_python(steps: NDArray[np.int32]) -> NDArray[np.int32]:
    """The loop as it stands."""
    depth.running_cpu.py_func(len(steps), steps)  # type: ignore[attr-defined]
    return steps

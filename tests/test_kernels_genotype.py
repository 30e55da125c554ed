"""Kernel ``genotype``: equal to its naive twin on every device, and close to the real formula."""

from __future__ import annotations

import math
import random
from itertools import combinations_with_replacement

import numpy as np
import pytest

from gpucall.kernels.genotype import cost_of_either
from gpucall.kernels.tables import SCALE, base_costs, log_sum_table

from . import naive
from .kernel_inputs import DEVICES, open_device


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
def test_pairs_equal_naive(device: str, seed: int) -> None:
    """Windows of several sizes in one launch, one of them without reads."""
    chance = random.Random(seed)
    windows = [[[draw_cost(chance) for _ in range(5)] for _ in range(reads)] for reads in (7, 0, 1, 12)]
    pairs = list(combinations_with_replacement(range(5), 2))
    last = np.cumsum([len(window) for window in windows], dtype=np.int64)
    first = last - [len(window) for window in windows]
    columns = [
        np.array([row for window in windows for row in window], dtype=np.int32),
        np.repeat(first, len(pairs)),
        np.repeat(last, len(pairs)),
        np.tile(np.array([one for one, _ in pairs], dtype=np.int32), len(windows)),
        np.tile(np.array([two for _, two in pairs], dtype=np.int32), len(windows)),
        log_sum_table(),
    ]
    backend = open_device(device)
    out = backend.xp.zeros(len(windows) * len(pairs), dtype=np.int64)
    backend.launch("genotype.pairs", len(out), *map(backend.upload, columns), out)
    expected = [naive.pair_cost(window, one, two) for window in windows for one, two in pairs]
    assert backend.download(out).tolist() == expected


def draw_cost(chance: random.Random) -> int:
    """Costs with small and large differences, zero often."""
    return chance.choice((0, 0, chance.randrange(200), chance.randrange(5000)))


@pytest.mark.parametrize("b", [0, 1, 63, 64, 640, 2559, 2560, 2561, 100_000])
def test_cost_of_either_is_the_logarithm_of_the_mean(b: int) -> None:
    """Within one unit (1/64 phred) of -10 log10((p + q) / 2), whichever is larger."""
    table = log_sum_table()
    p, q = 1.0, 10 ** (-b / (10 * SCALE))
    expected = -10 * SCALE * math.log10((p + q) / 2)
    assert cost_of_either(0, b, table) == cost_of_either(b, 0, table) == pytest.approx(expected, abs=1)


def test_tables_equal_naive() -> None:
    table = log_sum_table()
    assert [naive.log_sum(difference) for difference in range(len(table))] == table.tolist()
    assert naive.log_sum(len(table)) == 0
    costs = base_costs(45)
    shares = (1, 0.5, 0)
    assert costs.tolist() == [[naive.base_cost(quality, share) for quality in range(46)] for share in shares]

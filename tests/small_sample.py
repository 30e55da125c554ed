"""A simulated sample that is small and has a bit of everything: SNVs, indels, overlapping mates, a deep pile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.simulate import SimulatedSample, simulate


def make(folder: Path, **options: Any) -> SimulatedSample:
    """5 kb at 15x with a variant every 100 bases or so; mates overlap often. ``options`` are those of ``simulate``."""
    chosen: dict[str, Any] = {
        "length": 5000,
        "depth": 15,
        "seed": 1,
        "read_length": 100,
        "insert": 200,
        "insert_sd": 40,
        "snv_rate": 4e-3,
        "indel_rate": 3e-3,
        "deep_sites": ((1500, 120),),
    }
    return simulate(folder, threads=1, **(chosen | options))

"""cohorts: cohorts made up for tests and pictures: verdict files of many plausible samples, and of a few odd ones."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from gpucall.qc.verdict import judge, load_profile

ODD: dict[str, dict[str, Any]] = {  # name: what differs from the others
    "S0003": {"cross_contamination_rate": 0.062},
    "S0011": {"mean_autosome_coverage": 11.2, "pct_autosomes_15x": 31.0},
    "S0017": {"mean_insert_size": 160.0},
    "S0023": {"sex_karyotype": "XXY", "x_depth_ratio": 0.99, "y_depth_ratio": 0.47},
}
PLATFORMS = (("NovaSeq X", 33.0, 430.0), ("NovaSeq 6000", 38.0, 390.0), ("DNBSEQ-T7", 35.0, 310.0))


def figures(draw: random.Random, depth: float, insert: float) -> dict[str, Any]:
    """Figures of a good genome of a platform."""
    coverage = draw.gauss(depth, 1.5)
    female = draw.random() < 0.5
    return {
        "yield_bp_q30": int(coverage * 3.05e9),
        "pct_reads_mapped": round(draw.gauss(99.6, 0.08), 2),
        "pct_reads_properly_paired": round(draw.gauss(97.5, 0.3), 2),
        "mean_insert_size": round(draw.gauss(insert, 9), 1),
        "insert_size_std_deviation": round(draw.gauss(95, 4), 1),
        "mean_autosome_coverage": round(coverage, 2),
        "mad_autosome_coverage": draw.choice([4, 5, 5, 6]),
        "pct_autosomes_15x": round(min(99.2, draw.gauss(97.8, 0.3)), 2),
        "cross_contamination_rate": round(abs(draw.gauss(0.0004, 0.0004)), 4),
        "count_snvs": int(draw.gauss(3.98e6, 4e4)),
        "count_insertions": int(draw.gauss(4.5e5, 6e3)),
        "count_deletions": int(draw.gauss(4.55e5, 6e3)),
        "ratio_heterozygous_homzygous_snv": round(draw.gauss(1.62, 0.05), 2),
        "ratio_insertion_deletion": round(draw.gauss(0.985, 0.004), 2),
        "ratio_transitions_transversions_snv": round(draw.gauss(1.965, 0.004), 2),
        "pct_duplicates": round(abs(draw.gauss(8, 1.2)), 2),
        "median_insert_size": int(draw.gauss(insert - 6, 9)),
        "sex_karyotype": "XX" if female else "XY",
        "x_depth_ratio": round(draw.gauss(0.99 if female else 0.5, 0.01), 3),
        "y_depth_ratio": round(abs(draw.gauss(0.004 if female else 0.47, 0.01)), 3),
    }


def make(folder: Path, samples: int, profile: str = "ga4gh", seed: int = 7) -> Path:
    """Verdict files of ``samples`` samples, each in a folder of its own, on three platforms with two batches each."""
    draw = random.Random(seed)
    chosen = load_profile(profile)
    for number in range(samples):
        name = f"S{number:04d}"
        platform, depth, insert = PLATFORMS[number % 3]
        batch = f"run {number // 3 % 2 + 1}"
        found = figures(draw, depth, insert) | ODD.get(name, {})
        own = folder / name
        own.mkdir(parents=True)
        judge(name, found, chosen, True, platform, batch).write(own / f"{name}.verdict.json")
    return folder

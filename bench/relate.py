"""``python -m bench.relate``: time and truth of ``gpucall relate`` on simulated families.

5,000 people (families of both shapes, the rest unrelated) with sketches of 17,000 sites at 30x; kinship against the
pedigree's expectation. Growth is measured on the comparison of all pairs at several sizes and stated for 100,000.
Writes bench/results/relate.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from gpucall.backend import CpuBackend
from gpucall.cohort.genotypes import read_cohort
from gpucall.cohort.pedigree import read_ped
from gpucall.cohort.relate import compare_pairs, relate, screened
from gpucall.config import Relating

from .families import Families, draw_genotypes, nuclear, three_generations, unrelated, write_sketches


def people_of(number: int) -> Families:
    """A tenth of the people in families of either shape."""
    people = Families()
    for each in range(number // 120):
        nuclear(people, f"N{each}")
        three_generations(people, f"T{each}")
    unrelated(people, number - len(people.names))
    return people


def measure_truth(folder: Path, paths: list[Path], threads: int) -> dict[str, Any]:
    """The largest difference between kinship and the pedigree's, by expected kinship."""
    settings, backend = Relating(), CpuBackend()
    cohort = read_cohort(paths, settings, threads, None)
    pedigree = read_ped(folder / "families.ped")
    rows = {name: row for row, name in enumerate(cohort.names)}
    pairs = sorted(sorted((rows[a], rows[b])) for a, b in pedigree.relatives(cohort.names))
    chance = np.random.default_rng(1)
    strangers = np.sort(chance.integers(0, len(paths), (3000, 2)), axis=1)
    strangers = strangers[strangers[:, 0] < strangers[:, 1]]
    table = compare_pairs(cohort, np.concatenate([np.array(pairs), strangers]).astype(np.int32), backend)
    errors: dict[str, list[float]] = {}
    for (one, two), found in zip(table.pairs.tolist(), table.kinship.tolist(), strict=True):
        expected = pedigree.kinship(cohort.names[one], cohort.names[two]) or 0.0
        errors.setdefault(f"{expected:g}", []).append(abs(found - expected))
    return {
        expected: {
            "pairs": len(values),
            "mean_error": round(float(np.mean(values)), 4),
            "largest": round(max(values), 4),
        }
        for expected, values in sorted(errors.items(), key=lambda item: -float(item[0]))
    }


def measure_growth(paths: list[Path], threads: int) -> list[dict[str, float]]:
    """Seconds to screen all pairs of some and of all samples."""
    found = []
    for number in (len(paths) // 4, len(paths) // 2, len(paths)):
        cohort = read_cohort(paths[:number], Relating(), threads, None)
        begin = time.perf_counter()
        screened(cohort, Relating().min_kinship, CpuBackend(), threads, None, Relating())
        found.append({"samples": number, "screen_seconds": round(time.perf_counter() - begin, 2)})
    return found


def main() -> None:
    """Parse, simulate, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--sites", type=int, default=17_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "relate.json")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gpucall-relate-") as name:
        folder = Path(name)
        people = people_of(options.samples)
        frequencies = np.random.default_rng(3).uniform(0.1, 0.5, options.sites)
        paths = write_sketches(folder, people, draw_genotypes(people, frequencies, 4), 30, 5)
        (folder / "families.ped").write_text(people.ped(), encoding="utf-8")
        begin, cpu = time.perf_counter(), time.process_time()
        result = relate(paths, folder / "out", ped=folder / "families.ped", device="cpu", threads=options.threads)
        seconds, cpu_seconds = time.perf_counter() - begin, time.process_time() - cpu
        growth = measure_growth(paths, options.threads)
        per_pair = growth[-1]["screen_seconds"] / (options.samples * (options.samples - 1) / 2)
        document = {
            "samples": options.samples,
            "sites": options.sites,
            "threads": options.threads,
            "cores": os.cpu_count(),
            "seconds": round(seconds, 1),
            "cpu_seconds": round(cpu_seconds, 1),
            "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "pairs_written": result.counts["pairs written"],
            "problems": result.counts["problems"],
            "growth": growth,
            "stated_for_100000": {
                "screen_hours": round(per_pair * 100_000 * 99_999 / 2 / 3600, 2),
                "reading_minutes": round((seconds - growth[-1]["screen_seconds"]) * 100_000 / options.samples / 60, 1),
                "planes_mib": round(3 * 8 * -(-options.sites // 64) * 100_000 / (1 << 20)),
            },
            "kinship": measure_truth(folder, paths, options.threads),
        }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()

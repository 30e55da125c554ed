"""``python -m bench.contamination PANEL``: mixtures of known shares, and what gpucall makes of them.

Genotypes of two people are drawn at all sites of a panel (in VerifyBamID2's format, with its ``.V``), with the allele
frequencies at the principal components of people of the panel; then their reads' bases, of which a known share is the
second person's. Writes bench/results/contamination.json.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gpucall.config import Contamination
from gpucall.qc.contamination import Panel, estimate, read_numbers, read_panel
from gpucall.qc.sites import SiteBases

SHARES = (0.0, 0.005, 0.01, 0.02, 0.05, 0.1)
QUALITIES = (20, 25, 30, 37)
QUALITY_SHARES = (0.05, 0.05, 0.2, 0.7)
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Mixed:
    """One mixture, and what was found."""

    share: float
    found: float
    intended_error: float  # the largest error of a principal component of the intended sample
    contaminating_error: float
    same_ancestry: bool
    seconds: float


def frequencies(panel: Panel, components: Floats) -> Floats:
    """ALT frequency at each site of people with these principal components."""
    return np.clip((panel.mean + panel.load @ components) / 2, 0.0005, 0.9995)


def draw_bases(panel: Panel, intended: Floats, other: Floats, share: float, depth: float, seed: int) -> SiteBases:
    """Bases at all sites, of Poisson depth, with errors as their qualities say."""
    chance = np.random.default_rng(seed)
    copies = [chance.binomial(2, frequencies(panel, components)) / 2 for components in (intended, other)]
    alt = (1 - share) * copies[0] + share * copies[1]
    parts = []
    for quality, part in zip(QUALITIES, QUALITY_SHARES, strict=True):
        error = 10 ** (-quality / 10)
        reads = chance.poisson(depth * part, len(alt))
        shown = alt * (1 - error) + (1 - alt) * error / 3
        as_ref = (1 - alt) * (1 - error) + alt * error / 3
        counts = chance.multinomial(reads, np.stack([as_ref, shown, 1 - as_ref - shown], axis=1))
        site, allele = np.nonzero(counts)
        parts.append((site, allele, np.full(len(site), quality), counts[site, allele]))
    site, allele, qualities, seen = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((qualities, allele, site))
    kinds = (np.int32, np.uint8, np.uint8, np.int32)
    columns = (column[order].astype(kind) for column, kind in zip((site, allele, qualities, seen), kinds, strict=True))
    return SiteBases(*columns)


def mix(panel: Panel, people: Floats, share: float, seed: int, depth: float) -> Mixed:
    """Draw two people and their mixture, and estimate it. Every other pair is of neighbours in the panel's list."""
    chance = np.random.default_rng(seed)
    one = int(chance.integers(len(people) - 1))
    same = seed % 2 == 0
    two = one + 1 if same else int(chance.integers(len(people)))
    bases = draw_bases(panel, people[one], people[two], share, depth, seed)
    begin = time.process_time()
    found = estimate(panel, bases, Contamination())
    seconds = time.process_time() - begin
    used = len(found.intended)
    errors = [
        float(np.abs(a - b[:used]).max())
        for a, b in ((found.intended, people[one]), (found.contaminating, people[two]))
    ]
    return Mixed(share, round(found.share, 6), round(errors[0], 5), round(errors[1], 5), same, round(seconds, 1))


def summary(mixes: list[Mixed]) -> dict[str, float]:
    """Errors of all mixtures."""
    errors = np.array([abs(each.found - each.share) for each in mixes])
    return {
        "mean_absolute_error": round(float(errors.mean()), 6),
        "largest_error": round(float(errors.max()), 6),
        "mean_seconds": round(float(np.mean([each.seconds for each in mixes])), 1),
    }


def main() -> None:
    """Parse, mix, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("panel", help="prefix of .bed, .mu, .UD, .V")
    parser.add_argument("--pairs", type=int, default=2, help="mixtures of each share")
    parser.add_argument("--depth", type=float, default=30)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "contamination.json")
    options = parser.parse_args()
    panel = read_panel(options.panel)
    people = read_numbers(Path(f"{options.panel}.V"), skip=1)
    mixes = []
    for number, share in enumerate(share for share in SHARES for _ in range(options.pairs)):
        mixes.append(mix(panel, people, share, 1000 + number, options.depth))
        print(mixes[-1], flush=True)
    document = {
        "panel": Path(options.panel).name,
        "sites": len(panel.sites),
        "depth": options.depth,
        **summary(mixes),
        "mixes": [asdict(each) for each in mixes],
    }
    options.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(summary(mixes)))


if __name__ == "__main__":
    main()

"""sex: which sex chromosomes a sample has, from the depth of X and Y and from heterozygous SNVs on the X.

Model and sources: docs/methods.md, 'Sex'. Counts are integers, so it does not matter in which order tiles come;
floating point comes once, at the end.
"""

from __future__ import annotations

import json
import logging
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import Sexing
from ..genotype import Call
from ..qc.coverage import is_autosome
from ..tiles import Intervals
from .regions import SEXES, UNKNOWN, Kind, PloidyRegions, ploidy

log = logging.getLogger("gpucall")

PHRED = 10 / math.log(10)  # phred a nat
NORMAL_HALF = 1.349  # standard deviations that the middle half of a normal distribution spans


class BinDepth(NamedTuple):
    """Depth of a tile's positions by aligned bin: sums over ``counted`` positions, int64, from bin ``first`` on."""

    contig: str
    first: int
    sums: NDArray[np.int64]
    counted: NDArray[np.int64]


def bin_depth(contig: str, start: int, depth: NDArray[np.int32], width: int) -> BinDepth | None:
    """The depth (reads over each position from ``start`` on) by bin of ``width`` bp; None of no position."""
    if len(depth) == 0:
        return None
    stop, first = start + len(depth), start // width
    edges = np.clip(np.arange(first, (stop - 1) // width + 2) * width, start, stop) - start
    return BinDepth(contig, first, np.add.reduceat(depth, edges[:-1], dtype=np.int64), np.diff(edges))


class Level(NamedTuple):
    """Depth of bins: where they crowd, the spread of the half of them around it, and how many they are."""

    depth: float
    spread: float
    bins: int


def crowding(values: NDArray[np.float64]) -> Level:
    """The mean of the shortest interval that holds half of the values ('shorth'; Andrews et al. 1972).

    Bins with few mapped reads (repeats, gaps) and with too many (copies that the reference lacks) do not move it.
    """
    ordered = np.sort(values)
    n = len(ordered)
    half = n // 2 + 1
    widths = ordered[half - 1 :] - ordered[: n - half + 1]
    best = int(widths.argmin())
    return Level(float(ordered[best : best + half].sum()) / half, float(widths[best]) / NORMAL_HALF, n)


@dataclass
class SexEvidence:
    """What the tiles of a sample add up to.

    snvs  PASSing SNVs called with two copies, by kind of stretch and zygosity (``het``, ``hom``)
    """

    regions: PloidyRegions
    settings: Sexing
    sums: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    counted: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    snvs: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def needs(self, contig: str) -> bool:
        """Whether a contig's depth says anything."""
        return self.regions.has_sex and (contig in self.regions.stretches or self._counts_as_autosome(contig))

    def _counts_as_autosome(self, contig: str) -> bool:
        """By name; in a genome of the user's, every contig that has no other regions."""
        return is_autosome(contig) or (self.regions.assembly == "given" and contig not in self.regions.stretches)

    def add(self, parts: Iterable[BinDepth], snvs: Counter[tuple[Kind, str]]) -> None:
        """Add tiles' bins and SNVs."""
        self.snvs.update(snvs)
        for part in parts:
            stop = part.first + len(part.sums)
            for columns, values in ((self.sums, part.sums), (self.counted, part.counted)):
                have = columns.get(part.contig, np.zeros(0, dtype=np.int64))
                if len(have) < stop:
                    grown = np.zeros(max(stop, 2 * len(have)), dtype=np.int64)
                    grown[: len(have)] = have
                    columns[part.contig] = have = grown
                have[part.first : stop] += values

    def count_calls(self, contig: str, calls: Iterable[Call]) -> Counter[tuple[Kind, str]]:
        """Diploid calls' SNVs that PASS, by kind and zygosity."""
        if not self.needs(contig):
            return Counter()
        return Counter(
            (self.regions.kind(contig, call.position), "het" if call.is_heterozygous else "hom")
            for call in calls
            if call.is_snv and not call.filters and call.ploidy == 2
        )

    def bins(self, kind: Kind) -> NDArray[np.float64]:
        """Mean depth of the bins that lie inside stretches of a kind and have enough positions that were looked at."""
        width, found = self.settings.bin, [np.zeros(0)]
        for contig, sums in self.sums.items():
            counted = self.counted[contig]
            enough = counted >= self.settings.min_positions
            if kind is Kind.AUTOSOME:
                inside = np.full(len(sums), self._counts_as_autosome(contig))
            else:
                inside = np.zeros(len(sums), dtype=bool)
                for start, stop, each in self.regions.stretches.get(contig, ()):
                    inside[-(-start // width) : stop // width] |= each is kind
            found.append(sums[inside & enough] / counted[inside & enough])
        return np.concatenate(found)

    def asked_bins(self, kind: Kind, asked: Intervals | None) -> int:
        """Bins' worth of positions of a kind that were asked for."""
        spans = self.regions.of_kind(kind)
        if asked is None:
            return sum(each.stop - each.start for _, each in spans) // self.settings.bin
        parts = [asked.clip(contig, each.start, each.stop) for contig, each in spans]
        return int(sum((part[:, 1] - part[:, 0]).sum() for part in parts)) // self.settings.bin


class Ratio(NamedTuple):
    """Depth relative to the autosomes'; its standard deviation; bins with reads, and bins' worth asked for."""

    value: float
    deviation: float
    bins: int
    asked: int


def relative(evidence: SexEvidence, kind: Kind, autosomes: Level, asked: Intervals | None) -> Ratio | None:
    """The depth of X or Y outside of the pseudo-autosomal regions; None where too little of it was looked at.

    Bins that hardly have reads are left out: most of the Y cannot be told from its own copies. Where they are nearly
    all, the chromosome is absent.
    """
    settings = evidence.settings
    total = evidence.asked_bins(kind, asked)
    if total < settings.min_bins:
        return None
    values = evidence.bins(kind) / autosomes.depth
    present = values[values >= settings.present]
    noise = 1.5 * autosomes.spread / autosomes.depth / math.sqrt(autosomes.bins)
    if len(present) < max(total * settings.min_share, 2):
        return Ratio(0.0, math.hypot(settings.deviation, noise), len(present), total)
    level = crowding(present)
    noise = math.hypot(noise, 1.5 * level.spread / math.sqrt(level.bins))
    return Ratio(level.depth, math.hypot(settings.deviation, noise), level.bins, total)


def heterozygosity_odds(het: int, hom: int, settings: Sexing) -> float:
    """Phred by which the X's SNVs look rather like those of one copy than like those of two; bounded.

    Shares of heterozygous SNVs have beta distributions; with one copy the few that there are come from errors.
    """

    def log_likelihood(a: float, b: float) -> float:
        return math.lgamma(a + het) + math.lgamma(b + hom) - math.lgamma(a + b + het + hom) + log_beta(a, b)

    def log_beta(a: float, b: float) -> float:
        return math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

    odds = PHRED * (log_likelihood(*settings.het_one_copy) - log_likelihood(*settings.het_two_copies))
    return min(max(odds, -settings.most_het), settings.most_het)


@dataclass(frozen=True)
class Sex:
    """What is known of a sample's sex chromosomes.

    sex         the class that the calls were made for, or ``unknown``: X as two copies, Y as one
    source      ``evidence`` or ``option``
    inferred    the class that the evidence shows, or ``unknown``
    confidence  phred by which the next class fits worse, 0-99
    reason      why the class is unknown; empty where it is not
    scores      phred of each class, the best 0
    """

    sex: str
    source: str
    inferred: str
    confidence: int
    reason: str
    assembly: str
    evidence: Mapping[str, Any]
    scores: Mapping[str, float]

    @property
    def disagrees(self) -> bool:
        """Whether the option and the evidence name different classes."""
        return self.source == "option" and self.inferred not in (UNKNOWN, self.sex)

    def ploidy(self, kind: Kind) -> int:
        """Alleles of a genotype in a stretch: 0 (not called), 1 or 2."""
        return ploidy(kind, self.sex)

    def notes(self) -> list[str]:
        """Sentences for the log and the file."""
        said = []
        if self.disagrees:
            said.append(
                f"--sex {self.sex} was given, but the reads look like {self.inferred}"
                f" (confidence {self.confidence}): the depth of X is {self._ratio('x')}, that of Y {self._ratio('y')}"
                " of the autosomes'"
            )
        if self.sex == UNKNOWN and self.assembly != "none":
            said.append(f"the sex is unknown ({self.reason}): chrX is called with two copies, chrY with one")
        if self.sex == "XXX":
            said.append("three X chromosomes: chrX is called with two copies")
        if self.sex == "XYY":
            said.append("two Y chromosomes, copies of one: chrY is called with one copy")
        return said

    def _ratio(self, name: str) -> str:
        value = self.evidence[f"{name}_depth_ratio"]
        return "not measured" if value is None else f"{value:.2f}"

    def header(self) -> list[str]:
        """Lines of a VCF's header."""
        x, y = (self.evidence[f"{name}_depth_ratio"] for name in "xy")
        ratios = "".join(f",{name}DepthRatio={value}" for name, value in (("X", x), ("Y", y)) if value is not None)
        return [
            f"##gpucallSex=<ID={self.sex},Source={self.source},Inferred={self.inferred},Confidence={self.confidence}"
            f",Assembly={self.assembly},PloidyX={self.ploidy(Kind.X)},PloidyY={self.ploidy(Kind.Y)}{ratios}>"
        ]


def infer(evidence: SexEvidence, asked: Intervals | None, option: str | None) -> Sex:
    """The sample's class, and what it rests on.

    Parameters
    ----------
    asked
        where was looked; None: everywhere.
    option
        the class that the user says; None: what the evidence shows.
    """
    settings, regions = evidence.settings, evidence.regions
    autosomal = evidence.bins(Kind.AUTOSOME)
    autosomal = autosomal[autosomal > 0]
    known = len(autosomal) >= settings.min_bins
    level = crowding(autosomal) if known else Level(0.0, 0.0, len(autosomal))
    x, y = (relative(evidence, kind, level, asked) if known else None for kind in (Kind.X, Kind.Y))
    het, hom = evidence.snvs[Kind.X, "het"], evidence.snvs[Kind.X, "hom"]
    costs = {sex: cost(sex, x, y, het, hom, settings) for sex in SEXES}
    inferred, confidence, reason = decide(costs, (x, y, het, hom), evidence, known)
    best = min(costs.values())
    facts = {
        "autosome_depth": round(level.depth, 3),
        "autosome_bins": level.bins,
        "x_depth_ratio": None if x is None else round(x.value, 3),
        "x_bins": 0 if x is None else x.bins,
        "y_depth_ratio": None if y is None else round(y.value, 3),
        "y_bins": 0 if y is None else y.bins,
        "x_het_snvs": het,
        "x_hom_snvs": hom,
        "autosome_het_snvs": evidence.snvs[Kind.AUTOSOME, "het"],
        "autosome_hom_snvs": evidence.snvs[Kind.AUTOSOME, "hom"],
    }
    scores = {sex: round(value - best, 1) for sex, value in costs.items()} if x or y else {}
    source = "evidence" if option is None else "option"
    return Sex(option or inferred, source, inferred, confidence, reason, regions.assembly, facts, scores)


def cost(sex: str, x: Ratio | None, y: Ratio | None, het: int, hom: int, settings: Sexing) -> float:
    """Phred of a class: of its rarity, of the depths, and of the heterozygous SNVs."""
    copies_x, copies_y = SEXES[sex]
    total = 0.0 if sex in ("XX", "XY") else settings.aneuploid_prior
    for ratio, copies in ((x, copies_x), (y, copies_y)):
        total += 0.0 if ratio is None else misfit(ratio, copies)
    if copies_x == 1:
        total -= heterozygosity_odds(het, hom, settings)
    return total


def misfit(ratio: Ratio, copies: int) -> float:
    """Phred of a depth where so many copies are expected, normally distributed."""
    return PHRED * ((ratio.value - copies / 2) / ratio.deviation) ** 2 / 2


Measured = tuple[Ratio | None, Ratio | None, int, int]


def decide(costs: dict[str, float], measured: Measured, evidence: SexEvidence, known: bool) -> tuple[str, int, str]:
    """The class, its confidence, and the reason where it is unknown."""
    settings, (x, y, _, _) = evidence.settings, measured
    if not evidence.regions.has_sex:
        return UNKNOWN, 0, "no X or Y among the contigs"
    if not known:
        return UNKNOWN, 0, f"fewer than {settings.min_bins} bins of the autosomes have reads"
    if x is None and evidence.regions.of_kind(Kind.X):
        return UNKNOWN, 0, "too little of the X was looked at"
    if x is None and y is None:
        return UNKNOWN, 0, "too little of X and Y was looked at"
    if x is not None and x.bins == 0:
        return UNKNOWN, 0, "no reads on the X: this is a part of a genome"
    best, second = sorted(costs, key=lambda sex: costs[sex])[:2]
    confidence = min(int(costs[second] - costs[best]), 99)
    fit = sum(misfit(ratio, copies) for ratio, copies in zip((x, y), SEXES[best], strict=True) if ratio is not None)
    if fit > settings.worst_fit:
        return UNKNOWN, 0, f"the depths of X and Y fit no class; the nearest is {best}"
    if confidence < settings.min_confidence:
        return UNKNOWN, confidence, f"{best} fits little better than {second}"
    return best, confidence, ""


def write(sex: Sex, path: Path, sample: str) -> None:
    """Write ``<sample>.sex.json`` (docs/qc.md, 'Sex')."""
    kinds = (Kind.X, Kind.Y, Kind.PAR, Kind.MT)
    content = {"sample": sample} | asdict(sex) | {"disagrees": sex.disagrees}
    content |= {"ploidy": {str(kind): sex.ploidy(kind) for kind in kinds}, "notes": sex.notes()}
    path.write_text(json.dumps(content, indent=2) + "\n")

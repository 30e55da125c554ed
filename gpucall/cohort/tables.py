"""tables: the files of ``relate``, in somalier's columns where it has them (MultiQC's somalier module reads these)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..config import Relating
from ..kernels import relate as kernel
from .genotypes import Cohort, SampleCounts
from .pedigree import Pedigree, Person
from .problems import Problem, sex_of

if TYPE_CHECKING:
    from .relate import PairTable

SAMPLE_COLUMNS = (
    *("#family_id", "sample_id", "paternal_id", "maternal_id", "sex", "phenotype", "original_pedigree_sex"),
    *("gt_depth_mean", "gt_depth_sd", "depth_mean", "depth_sd", "ab_mean", "ab_std"),
    *("n_hom_ref", "n_het", "n_hom_alt", "n_unknown", "p_middling_ab"),
    *("X_depth_mean", "X_n", "X_hom_ref", "X_het", "X_hom_alt", "Y_depth_mean", "Y_n"),
)
PAIR_COLUMNS = (
    *("#sample_a", "sample_b", "relatedness", "ibs0", "ibs2", "hom_concordance", "hets_a", "hets_b", "hets_ab"),
    *("shared_hets", "hom_alts_a", "hom_alts_b", "shared_hom_alts", "n", "x_ibs0", "x_ibs2", "expected_relatedness"),
    *("kinship", "concordance"),
)
PROBLEM_COLUMNS = ("#problem", "sample_a", "sample_b", "expected", "observed")


def write_samples(path: Path, cohort: Cohort, pedigree: Pedigree | None, settings: Relating) -> None:
    """One line a sample. ``sex`` is the one found (-9: not known), ``original_pedigree_sex`` that of the PED."""
    people = {} if pedigree is None else pedigree.people
    with open(path, "w", encoding="utf-8") as out:
        out.write("\t".join(SAMPLE_COLUMNS) + "\n")
        for sample in cohort.samples:
            out.write("\t".join(sample_fields(sample, people.get(sample.name), settings)) + "\n")


def sample_fields(sample: SampleCounts, person: Person | None, settings: Relating) -> list[str]:
    """A sample's line. No site lies on X or Y: their columns count none, but say how deep the contigs are."""
    family = (person.family, sample.name, person.father or "0", person.mother or "0") if person else None
    sex = {1: "male", 2: "female"}.get(person.sex, "unknown") if person else "unknown"
    return [
        *(family or (sample.name, sample.name, "0", "0")),
        str(sex_of(sample.depths, settings) or -9),
        person.phenotype if person else "-9",
        sex,
        *(f"{value:.1f}" for value in sample.typed_depth),
        *(f"{value:.1f}" for value in sample.depth),
        *(f"{value:.2f}" for value in sample.balance),
        *map(str, (sample.hom_ref, sample.het, sample.hom_alt, sample.unknown)),
        f"{sample.middling:.3f}",
        *(f"{max(sample.depths.x, 0) / 100:.2f}", "0", "0", "0", "0"),
        *(f"{max(sample.depths.y, 0) / 100:.2f}", "0"),
    ]


def write_pairs(path: Path, cohort: Cohort, table: PairTable, pedigree: Pedigree | None) -> None:
    """One line a pair. ``expected_relatedness`` is -1 where one has no line in the pedigree."""
    names = cohort.names
    with open(path, "w", encoding="utf-8") as out:
        out.write("\t".join(PAIR_COLUMNS) + "\n")
        rows = zip(table.pairs.tolist(), table.counts.tolist(), table.kinship.tolist(), strict=True)
        for (one, two), counts, kinship in rows:
            expected = None if pedigree is None else pedigree.kinship(names[one], names[two])
            out.write("\t".join(pair_fields(names[one], names[two], counts, kinship, expected)) + "\n")


def pair_fields(one: str, two: str, counts: Sequence[int], kinship: float, expected: float | None) -> list[str]:
    """A pair's line; relatedness and hom_concordance are somalier's (Pedersen 2020, doi:10.1186/s13073-020-00761-2)."""
    ibs0, hets, alts, same = counts[kernel.IBS0], *counts[kernel.SHARED_HETS : kernel.SAME + 1]
    hets_a, hets_b, alts_a, alts_b, known = counts[kernel.HETS_A :]
    return [
        *(one, two),
        f"{(hets - 2 * ibs0) / max(min(hets_a, hets_b), 1):.4f}",
        *map(str, (ibs0, same)),
        f"{(alts - 2 * ibs0) / max(min(alts_a, alts_b), 1):.4f}",
        *map(str, (hets_a, hets_b, hets_a + hets_b - hets, hets, alts_a, alts_b, alts, known, 0, 0)),
        "-1.0" if expected is None else f"{2 * expected:.4f}",
        f"{kinship:.4f}",
        f"{same / max(known, 1):.4f}",
    ]


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """One line a contradiction."""
    with open(path, "w", encoding="utf-8") as out:
        out.write("\t".join(PROBLEM_COLUMNS) + "\n")
        for problem in problems:
            one, two = (*problem.samples, ".")[:2]
            out.write("\t".join((problem.kind, one, two, problem.expected, problem.observed)) + "\n")

"""figures: every number that a sample is judged by, with its name in words, its unit and its precision.

A sample's figures are a flat mapping from name to number, text or None (not measured), in the order of ``FIGURES``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from .depth import ContigDepth, add_up
from .flags import Counts
from .metrics import rounded

Value = int | float | str | None
Figures = dict[str, Value]


class Figure(NamedTuple):
    """What a figure is.

    label    in words
    unit     of the number; empty: none
    digits   decimals shown
    group    the report's section
    absent   why it may not be measured
    """

    label: str
    unit: str
    digits: int
    group: str
    absent: str = "nothing to measure it on"


PANEL = "needs a contamination panel (--contamination-panel)"
COHORT = "needs the whole cohort: one sample cannot tell"
NO_READS = "no read to measure it on"

FIGURES = {
    # GA4GH WGS QC Standard v1, with its names.
    "yield_bp_q30": Figure("bases of quality 30 or more", "bp", 0, "reads", NO_READS),
    "pct_reads_mapped": Figure("reads mapped", "%", 2, "reads", NO_READS),
    "pct_reads_properly_paired": Figure("reads properly paired", "%", 2, "reads", NO_READS),
    "mean_insert_size": Figure("mean insert size", "bp", 1, "insert size", "no mapped pair"),
    "insert_size_std_deviation": Figure("insert size, standard deviation", "bp", 1, "insert size", "no mapped pair"),
    "mean_autosome_coverage": Figure("mean coverage of the autosomes", "x", 2, "coverage", "no autosome"),
    "mad_autosome_coverage": Figure("coverage, median absolute deviation", "x", 1, "coverage", "no autosome"),
    "pct_autosomes_15x": Figure("autosomes covered 15x or more", "%", 2, "coverage", "no autosome"),
    "cross_contamination_rate": Figure("contamination by another person", "fraction", 4, "contamination", PANEL),
    "count_snvs": Figure("SNVs", "", 0, "variants", "no calling"),
    "count_insertions": Figure("insertions", "", 0, "variants", "no calling"),
    "count_deletions": Figure("deletions", "", 0, "variants", "no calling"),
    "ratio_heterozygous_homzygous_snv": Figure("SNVs: heterozygous to homozygous", "", 2, "variants", "no SNVs"),
    "ratio_heterozygous_homzygous_indel": Figure("indels: heterozygous to homozygous", "", 2, "variants", "no indels"),
    "ratio_insertion_deletion": Figure("insertions to deletions", "", 2, "variants", "no deletions"),
    "ratio_transitions_transversions_snv": Figure("SNVs: transitions to transversions", "", 2, "variants", "no SNVs"),
    # What profiles ask for beyond it.
    "ratio_heterozygous_homozygous": Figure("all: heterozygous to homozygous", "", 2, "variants", "no variants"),
    "hom_alt_reference_share": Figure(
        "reference fragments at homozygous SNVs", "fraction", 5, "contamination", "no homozygous SNVs"
    ),
    "pct_duplicates": Figure("reads that are duplicates", "%", 2, "reads", NO_READS),
    "mean_coverage": Figure("mean coverage of all contigs", "x", 2, "coverage", NO_READS),
    "mean_chr20_coverage": Figure("mean coverage of chromosome 20", "x", 2, "coverage", "no read on chromosome 20"),
    "bases_covered_1x": Figure("bases covered", "bp", 0, "coverage", NO_READS),
    "bases_covered_20x": Figure("bases covered 20x or more", "bp", 0, "coverage", NO_READS),
    "median_insert_size": Figure("median insert size", "bp", 0, "insert size", "no mapped pair"),
    "pct_chimeras": Figure("pairs that are chimeric", "%", 2, "reads", "not in the alignment summary"),
    "pct_mismatches": Figure("aligned bases that differ from the reference", "%", 3, "base quality", NO_READS),
    "sex_karyotype": Figure("sex chromosomes", "", 0, "sex", "chrX or chrY is not covered"),
    "x_depth_ratio": Figure("depth of X over the autosomes'", "", 2, "sex", "chrX is not covered"),
    "y_depth_ratio": Figure("depth of Y over the autosomes'", "", 2, "sex", "chrY is not covered"),
    "count_biallelic_snvs_in_cohort": Figure("SNVs that are biallelic in the cohort", "", 0, "variants", COHORT),
    "count_singletons_in_cohort": Figure("variants that nobody else in the cohort has", "", 0, "variants", COHORT),
}

WELL_COVERED = 20  # x, of bases_covered_20x


def complete(figures: Mapping[str, Value]) -> Figures:
    """All figures in order; None for what was not measured."""
    return {name: figures.get(name) for name in FIGURES}


def depth_figures(contigs: list[ContigDepth]) -> Figures:
    """Of mosdepth's depth: duplicates left out, mates that overlap counted once."""
    total = add_up(contigs)
    if not contigs:
        return {}
    figures: Figures = {
        "mean_coverage": mean(total),
        "bases_covered_1x": int(total[1:].sum()),
        "bases_covered_20x": int(total[WELL_COVERED:].sum()),
    }
    chr20 = [contig for contig in contigs if contig.name in ("chr20", "20")]
    return figures | ({"mean_chr20_coverage": mean(chr20[0].counts)} if chr20 else {})


def mean(counts: np.ndarray) -> float:
    """Mean of a histogram of depths, two decimals."""
    length = int(counts.sum())
    return rounded(int(np.dot(counts, np.arange(len(counts)))) / length, 2) if length else 0.0


def flag_figures(counts: Counts) -> Figures:
    """Of the flags, records that failed the vendor's filter left out."""
    primary = counts["primary"][0]
    return {"pct_duplicates": rounded(100 * counts["primary duplicates"][0] / primary, 2)} if primary else {}


def call_figures(counts: Mapping[str, int]) -> Figures:
    """Of the PASS calls on the autosomes, SNVs and short indels together."""
    heterozygous, homozygous = (counts[f"snv {kind}"] + counts[f"indel {kind}"] for kind in ("het", "hom"))
    return {"ratio_heterozygous_homozygous": rounded(heterozygous / homozygous, 2)} if homozygous else {}


def homozygote_figures(share: float | None) -> Figures:
    """A sign of contamination without a panel (``qc/homozygotes.py``)."""
    return {} if share is None else {"hom_alt_reference_share": rounded(share, 5)}


def to_text(name: str, value: Value) -> str:
    """A figure for a person: thousands apart, its digits, its unit."""
    if value is None:
        return "not measured"
    if isinstance(value, str):
        return value
    figure = FIGURES[name]
    digits = 0 if isinstance(value, int) else figure.digits
    unit = {"": "", "%": " %", "x": "x", "fraction": ""}.get(figure.unit, f" {figure.unit}")
    return f"{value:,.{digits}f}{unit}"

"""metrics: the GA4GH WGS QC metrics of one sample, by their canonical names.

What cannot be had is null in the file, so that all 16 names are always there: a mean without a read, a ratio of
nothing, a contamination rate without a panel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .contamination import Estimate
from .coverage import Coverage
from .flags import Counts
from .inserts import InsertSizes

Metrics = dict[str, int | float]

ALIGNMENT_METRICS = (
    *("yield_bp_q30", "pct_reads_mapped", "pct_reads_properly_paired", "mean_insert_size", "insert_size_std_deviation"),
    *("mean_autosome_coverage", "mad_autosome_coverage", "pct_autosomes_15x", "cross_contamination_rate"),
)
VARIANT_METRICS = (
    *("count_snvs", "count_insertions", "count_deletions"),
    *("ratio_heterozygous_homzygous_snv", "ratio_heterozygous_homzygous_indel"),  # the standard's own spelling
    *("ratio_insertion_deletion", "ratio_transitions_transversions_snv"),
)


def rounded(value: float, digits: int) -> float:
    """As C's printf rounds it, which the tools that these metrics equal do."""
    return float(f"{value:.{digits}f}")


def whole(value: float) -> int | float:
    """An integer where it is one (a median of an even number may lie between two)."""
    return int(value) if value == int(value) else value


def read_metrics(counts: Counts, q30_bases: int, inserts: InsertSizes | None) -> Metrics:
    """Metrics of reads that passed the vendor's filter; percentages as of ``samtools stats``."""
    sequences = counts["sequences"][0]
    if not sequences:
        return {}
    metrics: Metrics = {
        "yield_bp_q30": q30_bases,
        "pct_reads_mapped": rounded(100 * counts["sequences mapped"][0] / sequences, 2),
        "pct_reads_properly_paired": rounded(100 * counts["sequences properly paired"][0] / sequences, 2),
    }
    if inserts:
        metrics["mean_insert_size"] = rounded(inserts.mean, 1)
        metrics["insert_size_std_deviation"] = rounded(inserts.deviation, 1)
    return metrics


def coverage_metrics(coverage: Coverage | None) -> Metrics:
    """Metrics of depth over the autosomes; none where no autosome was looked at."""
    if coverage is None:
        return {}
    return {
        "mean_autosome_coverage": rounded(coverage.mean, 2),
        "mad_autosome_coverage": whole(coverage.mad),
        "pct_autosomes_15x": rounded(coverage.percent_15x, 2),
    }


def contamination_metrics(estimate: Estimate | None) -> Metrics:
    """The share of another person's bases; none where it was not estimated."""
    return {} if estimate is None else {"cross_contamination_rate": rounded(estimate.share, 4)}


# Ratio: counts above and below the line.
RATIOS = {
    "ratio_heterozygous_homzygous_snv": ("snv het", "snv hom"),
    "ratio_heterozygous_homzygous_indel": ("indel het", "indel hom"),
    "ratio_insertion_deletion": ("insertion", "deletion"),
    "ratio_transitions_transversions_snv": ("transition", "transversion"),
}


def variant_metrics(counts: Mapping[str, int] | None) -> Metrics:
    """Metrics of the calls; none where there were no calls to count."""
    if counts is None:
        return {}
    metrics: Metrics = {
        "count_snvs": counts["snv"],
        "count_insertions": counts["insertion"],
        "count_deletions": counts["deletion"],
    }
    for name, (above, below) in RATIOS.items():
        if counts[below]:
            metrics[name] = rounded(counts[above] / counts[below], 2)
    return metrics


def complete(metrics: Metrics, names: Sequence[str]) -> dict[str, int | float | None]:
    """The metrics in the standard's order; None for those that are absent."""
    return {name: metrics.get(name) for name in names}


def write_metrics(path: Path, sample: str, alignments: Metrics, variants: Metrics) -> None:
    """Write the metrics as JSON in the shape of the GA4GH standard's reference implementation."""
    document: dict[str, Any] = {
        "biosample": {"id": sample},
        "wgs_qc_metrics": {
            "aln_metrics": complete(alignments, ALIGNMENT_METRICS),
            "variant_metrics": complete(variants, VARIANT_METRICS),
        },
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")

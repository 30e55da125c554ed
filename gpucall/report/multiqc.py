"""multiqc: what only gpucall measures, as MultiQC's custom content (files whose names end in ``_mqc.json``)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..qc.figures import FIGURES
from ..qc.verdict import Verdict

STATUS_STYLES = {
    "pass": [{"s_eq": "pass"}],
    "warn": [{"s_eq": "warn"}],
    "fail": [{"s_eq": "fail"}],
}


def write_content(path: Path, content: Mapping[str, Any]) -> None:
    """Write one piece of custom content."""
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def write_verdict(path: Path, verdict: Verdict) -> None:
    """The verdict and every figure that was measured, one row a sample."""
    measured = {name: value for name, value in verdict.figures.items() if value is not None}
    headers: dict[str, Any] = {
        "verdict": {
            "title": "Verdict",
            "description": f"by profile {verdict.profile.name}",
            "cond_formatting_rules": STATUS_STYLES,
        }
    }
    headers |= {name: header(name) for name in measured}
    write_content(
        path,
        {
            "id": "gpucall_verdict",
            "section_name": "gpucall: verdict",
            "description": f"Every figure, judged by profile {verdict.profile.name} {verdict.profile.version}.",
            "plot_type": "table",
            "pconfig": {"id": "gpucall_verdict_table", "title": "gpucall: verdict", "namespace": "gpucall"},
            "headers": headers,
            "data": {verdict.sample: {"verdict": verdict.status} | measured},
        },
    )


def header(name: str) -> dict[str, Any]:
    """How MultiQC shows a figure."""
    figure = FIGURES[name]
    look: dict[str, Any] = {"title": figure.label, "description": f"{figure.label} ({name})"}
    if figure.unit:
        look["suffix"] = f" {figure.unit}"
    return look | {"format": f"{{:,.{figure.digits}f}}", "hidden": figure.group not in ("coverage", "contamination")}


def write_allele_balance(path: Path, sample: str, counts: Mapping[str, int]) -> None:
    """Heterozygous SNVs by share of alternate fragments."""
    pconfig = {"xlab": "Share of alternate fragments", "ylab": "SNVs", "xmin": 0, "xmax": 1}
    write_content(
        path,
        {
            "id": "gpucall_allele_balance",
            "section_name": "gpucall: allele balance",
            "description": "Heterozygous SNVs that pass, on the autosomes, by their share of alternate fragments.",
            "plot_type": "linegraph",
            "pconfig": {"id": "gpucall_allele_balance_plot", "title": "gpucall: allele balance"} | pconfig,
            "data": {sample: dict(counts)},
        },
    )


def write_bad_bases(path: Path, sample: str, lines: Mapping[str, Mapping[str, float]]) -> None:
    """Per cent of reads with N or a mismatch by cycle, a line for each read of the pair."""
    pconfig = {"xlab": "Cycle", "ylab": "Reads with N or a mismatch (%)", "xmin": 1, "ymin": 0}
    write_content(
        path,
        {
            "id": "gpucall_bad_bases",
            "section_name": "gpucall: mismatches by cycle",
            "description": "Reads with N or a base that differs from the reference, variants included, by cycle.",
            "plot_type": "linegraph",
            "pconfig": {"id": "gpucall_bad_bases_plot", "title": "gpucall: mismatches by cycle"} | pconfig,
            "data": {f"{sample} {name}": dict(line) for name, line in lines.items()},
        },
    )

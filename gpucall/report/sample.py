"""sample: the verdict on one sample, and its report, made once all of its other files are there."""

from __future__ import annotations

from html import escape
from pathlib import Path

from .. import __version__
from ..config import Reporting
from ..errors import EmptyInput
from ..io.alignments import Header
from ..qc.figures import Figures
from ..qc.sample import Curves
from ..qc.verdict import Verdict, judge, load_profile
from . import multiqc, tables
from .page import chip, document
from .sections import SamplePage
from .sources import file_figures

FOOT = (
    f"Made by gpucall {__version__} in the pass that called the variants. This page loads nothing and runs no script;"
    " the numbers behind each plot are below it, and in the files beside this page."
)


class SampleReport:
    """Judges one sample and writes what it found.

    Parameters
    ----------
    reporting
        the profile, and what the sample is grouped by.
    whole_genome
        whether all of the genome is looked at; counts of a part of it are not judged by a genome's limits.

    Raises
    ------
    UsageError
        where there is no such profile, or it cannot be read.
    """

    def __init__(self, reporting: Reporting, whole_genome: bool) -> None:
        self.profile = load_profile(reporting.profile)
        self.reporting = reporting
        self.whole_genome = whole_genome

    def write(
        self,
        folder: Path,
        sample: str,
        counted: Figures,
        header: Header,
        reads: str,
        curves: Curves | None = None,
    ) -> Verdict:
        """Write the sample's verdict and report beside its other files in ``folder``.

        ``counted`` are the figures and ``curves`` the lines that no file tells.

        Raises
        ------
        EmptyInput
            where no position is covered.
        """
        check_covered(counted, reads)
        figures = counted | file_figures(folder, sample)
        platform = self.reporting.platform or platform_of(header)
        verdict = judge(sample, figures, self.profile, self.whole_genome, platform, self.reporting.batch)
        verdict.write(folder / f"{sample}.verdict.json")
        multiqc.write_verdict(folder / f"{sample}.verdict_mqc.json", verdict)
        tables.write_sample(folder / f"{sample}.qc.parquet", verdict)
        if curves is not None and curves.allele_balance is not None:
            multiqc.write_allele_balance(folder / f"{sample}.allele_balance_mqc.json", sample, curves.allele_balance)
        if curves is not None and curves.bad_bases:
            multiqc.write_bad_bases(folder / f"{sample}.bad_bases_mqc.json", sample, curves.bad_bases)
        write_page(folder, sample, verdict)
        return verdict


def write_page(folder: Path, sample: str, verdict: Verdict) -> None:
    """Write ``<sample>.report.html`` from the verdict and the files in ``folder``."""
    page = SamplePage(folder, sample, verdict)
    (folder / f"{sample}.report.html").write_text(
        document(f"{sample}: quality of the sample", head(verdict), page.sections(), FOOT), encoding="utf-8"
    )


def head(verdict: Verdict) -> str:
    """The verdict in a line, and what it rests on."""
    said = {
        "pass": "Every metric that was measured is within the limits.",
        "warn": "Fit by the limits that fail, but something is unusual.",
        "fail": "Not fit by this profile.",
        "not measured": "Nothing that the profile judges was measured.",
    }[verdict.status]
    counts = " ".join(
        f'<span class="{"none" if status == "not measured" else status}">{len(verdict.having(status))} {status}</span>'
        for status in ("fail", "warn", "pass", "not measured")
        if verdict.having(status)
    )
    facts = [f"profile {verdict.profile.name} {verdict.profile.version}"]
    facts.append("whole genome" if verdict.whole_genome else "a part of the genome")
    facts += [f"{name} {value}" for name, value in (("platform", verdict.platform), ("batch", verdict.batch)) if value]
    shown = f"{chip(verdict.status, big=True)} <strong>{escape(said)}</strong> <span>{counts}</span>"
    return f'<p class="verdict">{shown}</p>\n<p class="soft">{escape("; ".join(facts))}</p>'


def check_covered(figures: Figures, reads: str) -> None:
    """An all-zero result is an error, not a report."""
    if not figures.get("bases_covered_1x"):
        raise EmptyInput(
            f"{reads}: no position is covered: all reads are unmapped, duplicates, secondary or of failed quality;"
            " check that it is aligned and the right file"
        )


def platform_of(header: Header) -> str:
    """PM, else PL, that all read groups agree on; else empty."""
    for tag in ("PM", "PL"):
        names = {tags.get(tag, "") for tags in header.lines("@RG")}
        if len(names) == 1 and "" not in names:
            return names.pop()
    return ""

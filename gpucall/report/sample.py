"""sample: the verdict on one sample, and its report, made once all of its other files are there."""

from __future__ import annotations

from pathlib import Path

from ..config import Reporting
from ..errors import EmptyInput
from ..io.alignments import Header
from ..qc.figures import Figures
from ..qc.verdict import Verdict, judge, load_profile
from .sources import file_figures


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

    def write(self, folder: Path, sample: str, counted: Figures, header: Header, reads: str) -> Verdict:
        """Write the sample's verdict beside its other files in ``folder``.

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
        return verdict


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

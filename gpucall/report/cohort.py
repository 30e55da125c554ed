"""cohort: many samples' verdicts side by side: who fails, and who stands out among the samples of its kind."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import NamedTuple

from ..config import Cohort
from ..errors import DiskError, InputError, UsageError
from ..qc.figures import FIGURES, to_text
from ..qc.verdict import FAIL, SEVERITY, Verdict, judge, load_profile, load_verdict

SUFFIX = ".verdict.json"
MAD_TO_SD = 0.6745  # a normal distribution's median absolute deviation, in standard deviations
MEAN_TO_SD = 0.7979  # and its mean absolute deviation
SHEET_COLUMNS = ("sample", "platform", "batch")
UNJUDGED = frozenset({"x_depth_ratio", "y_depth_ratio"})  # they have two values, by sex


class Outlier(NamedTuple):
    """A figure of a sample that stands out of its group.

    score  robust z: distance to the group's median in its deviations
    """

    metric: str
    value: float
    group: str
    median: float
    score: float

    def to_text(self) -> str:
        """In words."""
        side = "above" if self.score > 0 else "below"
        found, middle = to_text(self.metric, self.value), to_text(self.metric, self.median)
        return f"{FIGURES[self.metric].label} {found}: {side} {self.group} (median {middle}, z {self.score:+.1f})"


@dataclass
class Member:
    """One sample of a cohort. ``page``: its own report, where there is one."""

    verdict: Verdict
    page: Path | None
    outliers: list[Outlier] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The sample."""
        return self.verdict.sample

    @property
    def group(self) -> str:
        """Platform and batch, as far as they are known."""
        return " / ".join(part for part in (self.verdict.platform, self.verdict.batch) if part) or "all samples"

    def number(self, metric: str) -> float | None:
        """A figure, where it is a number."""
        value = self.verdict.figures[metric]
        return None if value is None or isinstance(value, str) else float(value)


def find_members(folders: Sequence[Path]) -> list[Member]:
    """The samples in folders and in the folders inside them, sorted by name.

    Raises
    ------
    InputError
        where a folder has no sample, or two have one of the same name.
    """
    paths: list[Path] = []
    for folder in folders:
        found = sorted({*folder.glob(f"*{SUFFIX}"), *folder.glob(f"*/*{SUFFIX}")})
        if not found:
            raise InputError(f"{folder}: no *{SUFFIX} there or one folder below; give folders that gpucall wrote into")
        paths += found
    members: dict[str, Member] = {}
    for path in dict.fromkeys(path.resolve() for path in paths):
        page = path.with_name(path.name.removesuffix(SUFFIX) + ".report.html")
        member = Member(load_verdict(path), page if page.is_file() else None)
        if member.name in members:
            raise InputError(
                f"{path}: sample '{member.name}' is there twice; every sample of a cohort has its own name"
            )
        members[member.name] = member
    return [members[name] for name in sorted(members)]


def read_sheet(path: Path) -> dict[str, tuple[str, str]]:
    """Platform and batch of each sample, from a TSV whose first line names its columns.

    Raises
    ------
    InputError
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: the sample sheet cannot be read ({error})") from None
    head = lines[0].split("\t") if lines else []
    if "sample" not in head or not {"platform", "batch"} & set(head):
        raise InputError(f"{path}: line 1 must name the columns: sample, and platform or batch, with tabs between them")
    rows: dict[str, tuple[str, str]] = {}
    for number, line in enumerate(lines[1:], 2):
        cells = line.split("\t")
        if len(cells) != len(head):
            raise InputError(f"{path}: line {number} has {len(cells)} columns, its head has {len(head)}")
        row = dict(zip(head, cells, strict=True))
        if row["sample"] in rows:
            raise InputError(f"{path}: line {number}: sample '{row['sample']}' is there twice")
        rows[row["sample"]] = row.get("platform", ""), row.get("batch", "")
    return rows


def regroup(members: Iterable[Member], sheet: dict[str, tuple[str, str]], path: Path) -> None:
    """Give samples the platform and batch that the sheet says; an empty cell changes nothing.

    Raises
    ------
    InputError
        where the sheet names a sample that is not there.
    """
    known = {member.name: member for member in members}
    for name, (platform, batch) in sheet.items():
        if name not in known:
            raise InputError(f"{path}: sample '{name}' is in the sheet, but not in the folders given")
        verdict = known[name].verdict
        known[name].verdict = replace(verdict, platform=platform or verdict.platform, batch=batch or verdict.batch)


def rejudge(members: Iterable[Member], profile: str) -> None:
    """Judge all samples by another profile."""
    loaded = load_profile(profile)
    for member in members:
        old = member.verdict
        member.verdict = judge(old.sample, old.figures, loaded, old.whole_genome, old.platform, old.batch)


# -- outliers ----------------------------------------------------------------------------------------------------------


def find_outliers(members: Sequence[Member], settings: Cohort) -> None:
    """Note on every sample which of its figures stand out, the farthest first; in a small cohort none does."""
    if len(members) < settings.min_group:
        return
    peers = {member.group: peers_of(member, members, settings) for member in members_by_group(members)}
    for metric in FIGURES:
        if metric in UNJUDGED:
            continue
        scales = {group: scale([each.number(metric) for each in among]) for group, (_, among) in peers.items()}
        for member in members:
            value, (middle, deviation) = member.number(metric), scales[member.group]
            if value is None or not deviation:
                continue
            score = (value - middle) / deviation
            if abs(score) > settings.outlier:
                member.outliers.append(Outlier(metric, value, peers[member.group][0], middle, score))
    for member in members:
        member.outliers.sort(key=lambda each: -abs(each.score))


def members_by_group(members: Sequence[Member]) -> list[Member]:
    """One sample of each group."""
    return list({member.group: member for member in members}.values())


def peers_of(member: Member, members: Sequence[Member], settings: Cohort) -> tuple[str, list[Member]]:
    """The samples that one is compared with, and their name: its group, else its platform, else all."""
    group = [each for each in members if each.group == member.group]
    if len(group) >= settings.min_group:
        return member.group, group
    platform = [each for each in members if each.verdict.platform == member.verdict.platform]
    if member.verdict.platform and len(platform) >= settings.min_group:
        return member.verdict.platform, platform
    return "all samples", list(members)


def scale(values: Iterable[float | None]) -> tuple[float, float]:
    """Median and robust deviation of what was measured; a deviation of 0 where nothing can stand out.

    The deviation is the median absolute deviation, made to estimate a standard deviation; where more than half of the
    values are equal it is the mean absolute one (Iglewicz & Hoaglin 1993).
    """
    measured = [value for value in values if value is not None]
    if len(measured) < 3:
        return 0.0, 0.0
    middle = median(measured)
    deviations = [abs(value - middle) for value in measured]
    mad = median(deviations)
    return middle, mad / MAD_TO_SD if mad else sum(deviations) / len(deviations) / MEAN_TO_SD


# -- the command -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CohortResult:
    """What ``write_report`` found and wrote.

    counts    samples by verdict, the worst first
    failed    samples that fail, by name
    outliers  samples with a figure that stands out
    """

    files: dict[str, Path]
    counts: dict[str, int]
    failed: list[str]
    outliers: list[str]


def write_report(
    folders: Sequence[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    profile: str | None = None,
    sheet: str | os.PathLike[str] | None = None,
    settings: Cohort | None = None,
) -> CohortResult:
    """Put the samples of some folders onto one page.

    Parameters
    ----------
    folders
        folders that gpucall wrote samples into, or folders of such folders.
    out
        folder for ``cohort.report.html``, ``cohort.qc.tsv`` and ``cohort.qc.parquet``; made where it is missing.
    profile
        judge all samples by this profile anew; None: the verdicts stay as they are.
    sheet
        TSV with columns sample, platform, batch, which say more than the samples' own files.

    Raises
    ------
    GpucallError
    """
    from .cohort_page import page_of
    from .tables import write_cohort

    chosen = settings or Cohort()
    if not folders:
        raise UsageError("no folder given; give the folders that 'gpucall call' wrote into")
    members = find_members([Path(folder) for folder in folders])
    if sheet is not None:
        regroup(members, read_sheet(Path(sheet)), Path(sheet))
    if profile is not None:
        rejudge(members, profile)
    find_outliers(members, chosen)
    target = Path(out)
    files = {kind: target / f"cohort.{name}" for kind, name in FILES.items()}
    try:
        target.mkdir(parents=True, exist_ok=True)
        write_cohort(files["parquet"], files["tsv"], [member.verdict for member in members])
        write_whole(files["report"], page_of(members, target, chosen))
    except OSError as error:
        raise DiskError(f"{target}: the report cannot be written ({error.strerror}); choose another --out") from None
    counts = Counter(member.verdict.status for member in members)
    return CohortResult(
        files,
        {status: counts[status] for status in reversed(SEVERITY)},
        [member.name for member in members if member.verdict.status == FAIL],
        [member.name for member in members if member.outliers],
    )


FILES = {"report": "report.html", "tsv": "qc.tsv", "parquet": "qc.parquet"}


def write_whole(path: Path, text: str) -> None:
    """Write a file under a hidden name, then give it its own."""
    hidden = path.with_name(f".{path.name}.part")
    hidden.write_text(text, encoding="utf-8")
    hidden.replace(path)

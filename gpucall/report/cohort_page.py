"""cohort_page: many samples on one page: how many are fit, whom to look at and why, every figure by group."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from html import escape
from pathlib import Path

from .. import __version__
from ..config import Cohort
from ..qc.figures import FIGURES, to_text
from ..qc.verdict import FAIL, SEVERITY, WARN
from .cohort import UNJUDGED, Member, scale
from .page import card, chip, document, table
from .sections import SEX_CLASSES
from .svg import BOTTOM, TOP, Axis, Plot, plain

LANE = 36.0  # height of a group's row in a plot
STRIP = 0.55  # rows kept free above the first, for the limits' names
OTHERS = "other groups"
FOOT = (
    f"Made by gpucall {__version__} from the samples' verdict.json files. This page loads nothing and runs no script;"
    " all figures of all samples are in cohort.qc.tsv and cohort.qc.parquet beside it."
)


def page_of(members: Sequence[Member], target: Path, settings: Cohort) -> str:
    """The page, to be written into the folder ``target``."""
    worst = max((member.verdict.status for member in members), key=SEVERITY.index)
    counts = Counter(member.verdict.status for member in members)
    parts = " ".join(f"{chip(status)} {counts[status]:,}" for status in reversed(SEVERITY) if counts[status])
    profiles = sorted({f"{m.verdict.profile.name} {m.verdict.profile.version}" for m in members})
    shown = f"{chip(worst, big=True)} <strong>{len(members):,} samples</strong> <span>{parts}</span>"
    head = (
        f'<p class="verdict">{shown}</p>\n'
        f'<p class="soft">profile {escape(", ".join(profiles))}; {len({m.group for m in members}):,} groups of platform'
        " and batch</p>"
    )
    sections = [
        ("Samples to look at", to_look_at(members, target, settings)),
        ("Groups", groups_table(members)),
        ("Figures", '<div class="cards">\n' + "".join(figure_cards(members, settings)) + "</div>"),
        ("All samples", all_samples(members, target, settings)),
    ]
    return document("Quality of the cohort", head, sections, FOOT)


def link(member: Member, target: Path) -> str:
    """The sample's name, with a way to its own page where there is one."""
    if member.page is None:
        return escape(member.name)
    way = Path(os.path.relpath(member.page, target.resolve())).as_posix()
    return f'<a href="{escape(way)}">{escape(member.name)}</a>'


def to_look_at(members: Sequence[Member], target: Path, settings: Cohort) -> str:
    """Samples that fail, warn or stand out, the worst first."""
    chosen = [member for member in members if member.verdict.status == FAIL or member.outliers]
    chosen.sort(key=lambda each: (-SEVERITY.index(each.verdict.status), -worst_score(each), each.name))
    if not chosen:
        return card("None", "<p>No sample fails, and none stands out of its group.</p>", full=True)
    rows = [[link(m, target), chip(m.verdict.status), escape(m.group), reasons(m)] for m in chosen[: settings.rows]]
    shown = table(["Sample", "Verdict", "Group", "Why"], rows, label="samples to look at", kind="stack")
    more = len(chosen) - len(rows)
    rest = f"<p>{more:,} more are in cohort.qc.tsv.</p>" if more else ""
    said = (
        f"A figure stands out where it lies more than {settings.outlier:g} robust standard deviations from the median"
        f" of its platform and batch (groups below {settings.min_group} samples: of the platform, or of all; in a"
        " cohort that is smaller itself nothing does)."
    )
    return f'<p class="soft">{escape(said)}</p><div class="card full">{shown}{rest}</div>\n'


def worst_score(member: Member) -> float:
    """How far the sample's farthest figure lies."""
    return abs(member.outliers[0].score) if member.outliers else 0.0


def reasons(member: Member) -> str:
    """Why a sample is to be looked at: what fails, then what stands out."""
    said = [f'<span class="fail">fails</span> {escape(each.to_text())}' for each in member.verdict.having(FAIL)[:4]]
    said += [escape(each.to_text()) for each in member.outliers[:4]]
    left = len(member.verdict.having(FAIL)) + len(member.outliers) - len(said)
    return "<br>".join(said) + (f"<br>and {left} more" if left > 0 else "")


def groups_table(members: Sequence[Member]) -> str:
    """Samples of each group by verdict, and how many stand out."""
    rows = []
    for group in sorted({member.group for member in members}):
        inside = [member for member in members if member.group == group]
        counts = Counter(member.verdict.status for member in inside)
        numbers = [f"{counts[status]:,}" for status in reversed(SEVERITY)]
        rows.append([escape(group), f"{len(inside):,}", *numbers, f"{sum(bool(m.outliers) for m in inside):,}"])
    head = ["Platform / batch", "Samples", *(status.capitalize() for status in reversed(SEVERITY)), "Stand out"]
    return f'<div class="card full">{table(head, rows, range(1, 7), "groups")}</div>\n'


# -- plots -------------------------------------------------------------------------------------------------------------


def figure_cards(members: Sequence[Member], settings: Cohort) -> list[str]:
    """A card for each figure that three samples or more have, and the sex plot."""
    lanes = lanes_of(members, settings)
    cards = [sex_card(members)]
    for metric, figure in FIGURES.items():
        values = [value for value in (member.number(metric) for member in members) if value is not None]
        if len(values) >= 3 and metric not in UNJUDGED:
            cards.append(figure_card(metric, figure.label, members, lanes, settings))
    return [each for each in cards if each]


def lanes_of(members: Sequence[Member], settings: Cohort) -> dict[str, str]:
    """The row of each group in the plots; the smallest share one where there are too many."""
    sizes = Counter(member.group for member in members)
    large = sorted(sizes, key=lambda group: (-sizes[group], group))
    kept = large if len(large) <= settings.groups else large[: settings.groups - 1]
    return {group: group if group in kept else OTHERS for group in sizes}


def figure_card(metric: str, label: str, members: Sequence[Member], lanes: dict[str, str], settings: Cohort) -> str:
    """Every sample's figure, a row a group, with the profile's limits and the outliers by name."""
    rows = sorted(set(lanes.values()), key=lambda each: (each == OTHERS, each))
    points = [(value, rows.index(lanes[m.group]), m) for m in members if (value := m.number(metric)) is not None]
    values = [value for value, _, _ in points]
    middle, _ = scale(values)
    limits = limits_of(metric, members, min(values), max(values))
    low, high = spread([*values, *(limit for limit, _, _ in limits)])
    outside = [m for m in members if any(each.metric == metric for each in m.outliers)]
    said = f"{len(values):,} samples, median {to_text(metric, middle)}; {len(outside):,} stand out."
    unit = FIGURES[metric].unit
    height = TOP + BOTTOM + LANE * (len(rows) + STRIP)
    across = Axis(low, high, f"{label}{f', {unit}' if unit else ''}")
    plot = Plot(label, said, across, Axis(0, len(rows) + STRIP, "", lambda value: ""), height)
    for limit, words, status in limits:
        plot.limit_x(limit, f"{words} {plain(limit)}", status)
    standing = {id(member) for member in outside}
    plot.dots([(v, level(rows, row, k)) for k, (v, row, m) in enumerate(points) if id(m) not in standing], "one")
    plot.dots([(v, level(rows, row, k)) for k, (v, row, m) in enumerate(points) if id(m) in standing], "fail")
    if len(rows) > 1:
        plot.names_y([(len(rows) - row, name) for row, name in enumerate(rows)])
    named = sorted(outside, key=lambda m: -max(abs(each.score) for each in m.outliers if each.metric == metric))
    for member in named[: settings.named]:
        k = next(k for k, (_, _, each) in enumerate(points) if each is member)
        plot.label(points[k][0], level(rows, points[k][1], k), member.name, "fail", "middle")
    return card(label[0].upper() + label[1:], plot.svg(), said)


def level(rows: Sequence[str], row: int, number: int) -> float:
    """Where a sample's dot lies: in its group's row, spread by its number so that equal figures are told apart."""
    return len(rows) - row - 0.66 + ((number * 7) % 11 - 5) / 11 * 0.44


def spread(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis with some room beside the values."""
    low, high = min(values), max(values)
    room = (high - low) * 0.06 or abs(high) * 0.05 or 1.0
    return low - room if low - room > 0 or low < 0 else 0.0, high + room


def limits_of(metric: str, members: Sequence[Member], low: float, high: float) -> list[tuple[float, str, str]]:
    """The first sample's profile's limits, those that lie near to what was found."""
    room = max((high - low) * 1.5, abs(high) * 0.25)
    found = []
    for threshold in members[0].verdict.profile.thresholds:
        for status in (WARN, FAIL):
            limit = getattr(threshold, status)
            if threshold.metric == metric and isinstance(limit, int | float) and low - room <= limit <= high + room:
                found.append((float(limit), f"{status} {'below' if threshold.comparison == '>=' else 'above'}", status))
    return found


def sex_card(members: Sequence[Member]) -> str:
    """Depth of X and Y of all samples, among the places of the usual karyotypes."""
    pairs = [(m.number("x_depth_ratio"), m.number("y_depth_ratio"), m) for m in members]
    points = [(x, y, m) for x, y, m in pairs if x is not None and y is not None]
    if not points:
        return ""
    counts = Counter(str(m.verdict.figures["sex_karyotype"] or "unknown") for _, _, m in points)
    said = ", ".join(f"{count:,} {name}" for name, count in counts.most_common()) + "."
    high_x, high_y = max(1.75, *(x for x, _, _ in points)) + 0.05, max(1.25, *(y for _, y, _ in points)) + 0.05
    across, up = Axis(0, high_x, "depth of X over the autosomes'"), Axis(0, high_y, "depth of Y over the autosomes'")
    plot = Plot("Sex chromosomes", said, across, up)
    for name, place in SEX_CLASSES.items():
        plot.place(*place, name, False)
    usual = [(x, y) for x, y, m in points if m.verdict.figures["sex_karyotype"] in ("XX", "XY")]
    odd = [(x, y, m) for x, y, m in points if m.verdict.figures["sex_karyotype"] not in ("XX", "XY")]
    plot.dots(usual, "one")
    plot.dots([(x, y) for x, y, _ in odd], "fail")
    for x, y, member in odd[:4]:
        plot.label(x, y, member.name, "fail", "middle")
    return card("Sex chromosomes", plot.svg(), said)


# -- everyone ----------------------------------------------------------------------------------------------------------

COLUMNS = (
    *("mean_autosome_coverage", "pct_autosomes_15x", "pct_reads_mapped", "pct_duplicates", "mean_insert_size"),
    *("cross_contamination_rate", "sex_karyotype", "count_snvs", "ratio_heterozygous_homzygous_snv"),
    "ratio_transitions_transversions_snv",
)


def all_samples(members: Sequence[Member], target: Path, settings: Cohort) -> str:
    """The main figures of every sample, or of the first ones of a large cohort."""
    shown = members[: settings.rows]
    head = ["Sample", "Verdict", "Group", *(FIGURES[name].label for name in COLUMNS)]
    rows = [
        [
            link(member, target),
            chip(member.verdict.status),
            escape(member.group),
            *(escape(to_text(name, member.verdict.figures[name])) for name in COLUMNS),
        ]
        for member in shown
    ]
    more = len(members) - len(shown)
    said = f"The first {len(shown):,} by name; all {len(members):,} are in cohort.qc.tsv." if more else "By name."
    listed = table(head, rows, range(3, len(head)), "all samples")
    return f'<p class="soft">{escape(said)}</p><div class="card full">{listed}</div>\n'

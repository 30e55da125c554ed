"""sections: the parts of a sample's page, each from the files of one tool's format; what is absent says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, TypeVar

from ..qc.figures import FIGURES, Figures, Value, to_text
from ..qc.verdict import FAIL, WARN, Verdict
from . import sources
from .page import card, cards, chip, hidden_table, missing, table
from .sources import Points
from .svg import Axis, Plot, percent, plain

T = TypeVar("T")

ROWS = 60  # most rows of a table behind a plot
COUNTED = "Calls that passed all filters, on the autosomes; indels below 50 bp."
SEX_CLASSES = {  # depth of X and of Y over the autosomes'
    "XX": (1.0, 0.0),
    "XY": (0.5, 0.5),
    "X0": (0.5, 0.0),
    "XXY": (1.0, 0.5),
    "XYY": (0.5, 1.0),
    "XXX": (1.5, 0.0),
}


@dataclass
class SamplePage:
    """What the sections of one sample's page are made of."""

    folder: Path
    sample: str
    verdict: Verdict

    @property
    def figures(self) -> Figures:
        """The sample's figures."""
        return self.verdict.figures

    def file(self, suffix: str) -> Path:
        """One of the sample's files."""
        return self.folder / f"{self.sample}{suffix}"

    def number(self, name: str) -> float | None:
        """A figure, where it is a number."""
        value = self.figures[name]
        return None if value is None or isinstance(value, str) else float(value)

    @cached_property
    def stats(self) -> dict[str, list[list[str]]]:
        """Sections of samtools stats."""
        return sources.tagged(self.file(".stats.txt"), "IS", "FFQ", "LFQ")

    @cached_property
    def calls(self) -> dict[str, list[list[str]]]:
        """Sections of bcftools stats."""
        return sources.tagged(self.file(".vcfstats.txt"), "ST", "IDD", "DP", "SN")

    def limits(self, metric: str) -> list[tuple[float, str, str]]:
        """The profile's numbers for a metric: limit, words, kind."""
        found = []
        for threshold in self.verdict.profile.thresholds:
            for status in (WARN, FAIL):
                limit = getattr(threshold, status)
                if threshold.metric == metric and isinstance(limit, int | float):
                    side = "below" if threshold.comparison == ">=" else "above"
                    found.append((float(limit), f"{status} {side}", status))
        return found

    def sections(self) -> list[tuple[str, str]]:
        """Title and content of every section, in reading order."""
        groups = {
            "Verdict": [verdict_table],
            "Coverage": [coverage_cumulative, coverage_histogram, coverage_contigs],
            "Reads": [insert_size, base_quality, mismatches, gc_bias],
            "Sample identity": [contamination, sex, allele_balance],
            "Variants": [variant_counts, substitutions, indel_lengths, variant_depth],
        }
        return [(title, cards([make(self) for make in makers])) for title, makers in groups.items()]


def thinned(rows: Sequence[T]) -> list[T]:
    """Every so many rows, so that a table stays short."""
    step = -(-len(rows) // ROWS) or 1
    return list(rows[::step])


def behind(head: Sequence[str], points: Sequence[Sequence[float]], label: str) -> str:
    """The table behind a plot."""
    return hidden_table(head, [[plain(round(value, 4)) for value in point] for point in thinned(points)], label)


# -- verdict -----------------------------------------------------------------------------------------------------------


def verdict_table(page: SamplePage) -> str:
    """Every threshold, the worst first."""
    order = (FAIL, WARN, "pass", "not measured")
    judgements = [each for status in order for each in page.verdict.having(status)]
    rows = []
    for each in judgements:
        note = f" ({each.threshold.note})" if each.threshold.note else ""
        found = to_text(each.metric, each.value) if not each.reason else escape(each.reason)
        rows.append(
            [
                escape(FIGURES[each.metric].label),
                chip(each.status),
                found,
                escape(each.threshold.to_text()),
                f'<div class="source">{linked(each.threshold.source + note)}</div>',
            ]
        )
    profile = page.verdict.profile
    head = ["Metric", "Verdict", "Found", "Wanted", "Source of the limit"]
    shown = table(head, rows, label="verdict by metric", kind="stack")
    source = f'<p class="soft">{escape(profile.title)}. {linked(profile.source)}</p>'
    return f'<div class="card full">{shown}{source}</div>\n' + all_figures(page)


def all_figures(page: SamplePage) -> str:
    """Every figure, judged or not."""
    rows = [
        [escape(figure.label), escape(found(name, page.figures[name])), f"<code>{name}</code>"]
        for name, figure in FIGURES.items()
    ]
    shown = table(["Figure", "Value", "Name in the files"], rows, label="all figures")
    return f'<div class="card full"><details><summary>All figures of this sample</summary>{shown}</details></div>\n'


def found(name: str, value: Value) -> str:
    """A figure in words, or why there is none."""
    return f"not measured: {FIGURES[name].absent}" if value is None else to_text(name, value)


def linked(words: str) -> str:
    """Escaped text whose addresses can be followed."""
    parts = []
    for word in words.split(" "):
        address = word.strip("().,;:")
        if address.startswith("https://"):
            before, _, after = word.partition(address)
            link = f'<a href="{escape(address)}">{escape(address.split("/")[2])}</a>'
            parts.append(escape(before) + link + escape(after))
        else:
            parts.append(escape(word))
    return " ".join(parts)


# -- coverage ----------------------------------------------------------------------------------------------------------


def coverage_cumulative(page: SamplePage) -> str:
    """Share of the genome at least so deep."""
    title = "Share of positions at least this deep"
    points = sources.coverage_shares(page.file(".mosdepth.global.dist.txt"))
    if not points or points[-1][0] < 1:
        return missing(title, "no position is covered (mosdepth.global.dist.txt)")
    top = next((depth for depth, share in reversed(points) if share >= 0.01), points[-1][0])
    high = max(top * 1.15, 20.0)
    shown = [point for point in points if point[0] <= high]
    at_15 = next((share for depth, share in shown if depth >= 15), 0.0)
    said = f"{percent(at_15)} of all positions are covered 15 times or more."
    plot = Plot(title, said, Axis(0, high, "depth"), Axis(0, 1, "share of positions", percent))
    plot.limit_x(15, "")
    plot.area(shown, "one")
    plot.dots([(15, at_15)], "here")
    plot.label(15, at_15, f"{percent(at_15)} at 15x", "one")
    return card(title, plot.svg() + behind(["depth", "share of positions"], shown, title), said)


def coverage_histogram(page: SamplePage) -> str:
    """Positions by depth, as Picard counts it."""
    title = "Positions by depth of good bases"
    points = sources.histogram(page.file(".wgs_metrics.txt"), "coverage")
    covered = sum(count for _, count in points[1:])
    if not covered:
        return missing(title, "no autosome with a good base (wgs_metrics.txt)")
    total = sum(count for _, count in points)
    high = high_end(points[1:], 0.999) * 1.1 + 5
    shown = [(depth, count / total) for depth, count in points if depth <= high]
    tallest = max(share for depth, share in shown if depth > 0)
    mean, mad = page.number("mean_autosome_coverage"), page.number("mad_autosome_coverage")
    said = f"Autosomes: mean {plain(mean or 0)}x, median absolute deviation {plain(mad or 0)}x."
    plot = Plot(title, said, Axis(0, high, "depth"), Axis(0, tallest * 1.15, "share of positions", percent))
    plot.bars([(depth - 0.5 if depth else 0, depth + 0.5, share) for depth, share in shown], "one")
    if mean is not None:
        plot.limit_x(mean, f"mean {plain(mean)}x")
    for limit, words, status in page.limits("mean_autosome_coverage"):
        plot.limit_x(limit, f"{words} {plain(limit)}x", status)
    return card(title, plot.svg() + behind(["depth", "share"], shown, title), said)


def high_end(points: Points, share: float) -> float:
    """The x below which ``share`` of all counts lie."""
    total = sum(count for _, count in points)
    running = 0.0
    for x, count in points:
        running += count
        if running >= share * total:
            return x
    return points[-1][0] if points else 0.0


def coverage_contigs(page: SamplePage) -> str:
    """Mean depth of each chromosome."""
    title = "Mean depth of each chromosome"
    depths = sources.contig_depths(page.file(".mosdepth.summary.txt"))
    main = [(name, mean) for name, (length, mean) in depths.items() if is_main(name)]
    if not main:
        main = sorted(((name, mean) for name, (_, mean) in depths.items()), key=lambda each: -depths[each[0]][0])[:25]
    if not main:
        return missing(title, "no read on any contig (mosdepth.summary.txt)")
    names = [name.removeprefix("chr") for name, _ in main]
    nuclear = [mean for (_, mean), name in zip(main, names, strict=True) if name not in ("M", "MT")]
    high = max(max(nuclear, default=0.0) * 1.15, 1.0)
    cut = len(nuclear) < len(main)
    said = "Mitochondria stand far above; their bar is cut." if cut else "All reads that mosdepth counts."
    axis = Axis(0, len(main), "", lambda value: "")
    plot = Plot(title, said, axis, Axis(0, high, "mean depth"))
    plot.bars([(k + 0.15, k + 0.85, mean) for k, (_, mean) in enumerate(main)], "one")
    plot.names_x([(k + 0.5, name) for k, name in enumerate(names)])
    rows = [[escape(name), plain(mean)] for name, mean in main]
    return card(title, plot.svg() + hidden_table(["chromosome", "mean depth"], rows, title), said)


def is_main(name: str) -> bool:
    """True for chromosomes and mitochondria by their usual names."""
    short = name.removeprefix("chr")
    return short in ("X", "Y", "M", "MT") or (short.isdigit() and 1 <= int(short) <= 22)


# -- reads -------------------------------------------------------------------------------------------------------------


def insert_size(page: SamplePage) -> str:
    """Pairs by insert size."""
    title = "Insert size"
    points = [(float(row[0]), float(row[1])) for row in page.stats["IS"]]
    points = points or sources.histogram(page.file(".insert_size_metrics.txt"), "insert_size")
    total = sum(count for _, count in points)
    if not total:
        return missing(title, "no mapped pairs (stats.txt)")
    high = high_end(points, 0.99) * 1.15
    shown = [(size, count / total) for size, count in points if size <= high]
    mean, deviation = page.number("mean_insert_size"), page.number("insert_size_std_deviation")
    said = f"Mean {plain(mean or 0)} bp, standard deviation {plain(deviation or 0)} bp, of the shortest 99 % of pairs."
    tallest = max(share for _, share in shown)
    plot = Plot(title, said, Axis(0, high, "insert size, bp"), Axis(0, tallest * 1.15, "share of pairs", percent))
    plot.area(shown, "one")
    if mean is not None:
        plot.limit_x(mean, f"mean {mean:.0f} bp")
    for limit, words, status in page.limits("median_insert_size"):
        plot.limit_x(limit, f"median: {words} {plain(limit)}", status)
    return card(title, plot.svg() + behind(["insert size, bp", "share of pairs"], shown, title), said)


def base_quality(page: SamplePage) -> str:
    """Mean quality by cycle of both reads, and the middle half."""
    title = "Base quality by cycle"
    tags = {"read 1": "FFQ", "read 2": "LFQ"}
    reads = {name: sources.cycle_qualities(page.stats[tag]) for name, tag in tags.items()}
    reads = {name: cycles for name, cycles in reads.items() if cycles}
    if not reads:
        return missing(title, "no base qualities (stats.txt)")
    high = max(max(cycle.high for cycle in cycles) for cycles in reads.values()) + 3
    longest = max(cycles[-1].cycle for cycles in reads.values())
    ends = (
        f"{name} {cycles[0].mean:.1f} at its start, {cycles[-1].mean:.1f} at its end" for name, cycles in reads.items()
    )
    said = f"Mean quality: {'; '.join(ends)}."
    low = min(min(cycle.low for cycle in cycles) for cycles in reads.values())
    plot = Plot(title, said, Axis(1, longest, "cycle"), Axis(max(0, min(low, 25) - 8), max(high, 33), "quality, phred"))
    for kind, cycles in zip(("one", "two"), reads.values(), strict=False):
        plot.band([(c.cycle, c.low) for c in cycles], [(c.cycle, c.high) for c in cycles], kind)
    for kind, cycles in zip(("one", "two"), reads.values(), strict=False):
        plot.line([(c.cycle, c.mean) for c in cycles], kind)
    for k, (name, cycles) in enumerate(reads.items()):
        middle = cycles[len(cycles) // 2]
        plot.label(
            middle.cycle, low - 1 - 2.5 * k, f"{name}: mean {middle.mean:.1f} in mid-read", ("one", "two")[k], "middle"
        )
    plot.limit_y(30, "Q30: 1 error in 1000")
    every = [(name, cycle) for name, cycles in reads.items() for cycle in cycles]
    rows = [[name, str(c.cycle), f"{c.mean:.2f}", str(c.low), str(c.high)] for name, c in thinned(every)]
    numbers = hidden_table(["read", "cycle", "mean", "lower quarter", "upper quarter"], rows, title)
    return card(title, plot.svg() + numbers, f"{said} Shaded: the middle half of all bases.")


def mismatches(page: SamplePage) -> str:
    """Share of bases that differ from the reference, by cycle."""
    title = "Mismatches by cycle"
    lines = sources.line_graph(page.file(".bad_bases_mqc.json"))
    lines = {name.removeprefix(f"{page.sample} "): points for name, points in lines.items() if points}
    if not lines:
        return missing(title, "no read was compared with the reference (bad_bases_mqc.json)")
    longest = max(points[-1][0] for points in lines.values())
    high = max(max(y for _, y in points) for points in lines.values()) * 1.15 or 1.0
    means = ", ".join(f"{name} {sum(y for _, y in points) / len(points):.2f} %" for name, points in lines.items())
    said = f"Reads with N or a base that differs from the reference, variants included, mean over cycles: {means}."
    plot = Plot(title, said, Axis(1, longest, "cycle"), Axis(0, high, "reads, %"))
    for kind, (name, points) in zip(("one", "two"), lines.items(), strict=False):
        plot.line(points, kind, name)
    every = [(name, point) for name, points in lines.items() for point in points]
    rows = [[name, plain(x), f"{y:.3f}"] for name, (x, y) in thinned(every)]
    return card(title, plot.svg() + hidden_table(["read", "cycle", "mismatches, %"], rows, title), said)


def gc_bias(page: SamplePage) -> str:
    """Coverage of windows by their GC, against the mean."""
    title = "GC bias"
    bins = sources.gc_bins(page.file(".gc_bias.detail_metrics.txt"))
    total = sum(each.windows for each in bins)
    if not total:
        return missing(title, "no window of the reference was counted (gc_bias.detail_metrics.txt)")
    most = max(each.windows for each in bins)
    common = [each for each in bins if each.windows >= total / 2000]
    high = min(max(max((each.coverage for each in common), default=1.0) * 1.15, 1.5), 4.0)
    said = "Coverage of windows of 100 bp as a multiple of the mean; without bias the line lies at 1."
    plot = Plot(title, said, Axis(0, 100, "GC of the window, %"), Axis(0, high, "relative coverage"))
    plot.bars([(b.gc - 0.5, b.gc + 0.5, 0.45 * high * b.windows / most) for b in bins], "soft")
    plot.limit_y(1, "no bias")
    middle = common[len(common) * 2 // 3].gc if common else None
    plot.line([(b.gc, b.coverage) for b in common], "one", "coverage", at=middle)
    rows = [[str(b.gc), f"{b.windows:,}", f"{b.coverage:.3f}"] for b in bins]
    numbers = hidden_table(["GC, %", "windows", "relative coverage"], rows, title)
    return card(title, plot.svg() + numbers, f"{said} Grey: how many windows there are; rare ones have no line.")


# -- identity ----------------------------------------------------------------------------------------------------------


def contamination(page: SamplePage) -> str:
    """The rate on a scale with the profile's limits."""
    title = "Contamination by another person"
    rate = page.number("cross_contamination_rate")
    if rate is None:
        return missing(title, FIGURES["cross_contamination_rate"].absent)
    limits = page.limits("cross_contamination_rate")
    high = max(1.3 * rate, 0.06)
    said = f"{100 * rate:.2f} % of the bases are another person's, by VerifyBamID2's model."
    scale = Axis(0, high, "share of another person's bases", percent)
    plot = Plot(title, said, scale, Axis(0, 1, "", lambda value: ""), 110.0)
    for limit, words, status in limits:
        plot.limit_x(limit, f"{words} {percent(limit)}", status)
    plot.dots([(rate, 0.35)], "here")
    plot.label(rate, 0.35, f"{100 * rate:.2f} %", "one")
    return card(title, plot.svg(), said)


def sex(page: SamplePage) -> str:
    """Depth of X and Y against that of the autosomes, among the places of the usual karyotypes."""
    title = "Sex chromosomes"
    found = sex_depths(page)
    if found is None:
        return missing(title, FIGURES["sex_karyotype"].absent)
    x, y = found
    karyotype = page.figures["sex_karyotype"]
    seen = f"Looks like {karyotype}. " if karyotype else ""
    said = f"{seen}The depth of X is {x:.2f} of the autosomes', that of Y {y:.2f}."
    high_x, high_y = max(1.75, x * 1.1), max(1.25, y * 1.1)
    across = Axis(0, high_x, "depth of X over the autosomes'")
    plot = Plot(title, said, across, Axis(0, high_y, "depth of Y over the autosomes'"))
    for name, place in SEX_CLASSES.items():
        plot.place(*place, name, name == karyotype)
    plot.dots([(x, y)], "here")
    plot.label(x, y, "this sample", "one")
    evidence = sources.json_of(page.file(".sex.json"))
    return card(title, plot.svg() + sex_table(evidence), said)


def sex_depths(page: SamplePage) -> tuple[float, float] | None:
    """Depth of X and Y over the autosomes': from the sample's sex file, else from mosdepth's means."""
    x, y = page.number("x_depth_ratio"), page.number("y_depth_ratio")
    if x is not None and y is not None:
        return x, y
    if page.file(".sex.json").is_file():
        return None  # it says why the depths are not told
    depths = sources.contig_depths(page.file(".mosdepth.summary.txt"))
    short = {name.removeprefix("chr"): each for name, each in depths.items()}
    autosomes = [each for name, each in short.items() if name.isdigit()]
    length = sum(each[0] for each in autosomes)
    mean = sum(size * depth for size, depth in autosomes) / length if length else 0.0
    if not mean or not short.get("X", (0, 0.0))[1]:
        return None
    return short["X"][1] / mean, short.get("Y", (0, 0.0))[1] / mean


def sex_table(evidence: Any) -> str:
    """What the sample's sex rests on."""
    if not evidence:
        return ""
    single = {key: value for key, value in evidence.items() if not isinstance(value, dict | list)}
    items = (single | evidence.get("evidence", {})).items()
    rows = [[escape(key.replace("_", " ")), escape(str(value))] for key, value in items]
    return hidden_table(["what", "found"], rows, "sex chromosomes")


def allele_balance(page: SamplePage) -> str:
    """Share of alternate reads at heterozygous SNVs."""
    title = "Allele balance"
    points = next(iter(sources.line_graph(page.file(".allele_balance_mqc.json")).values()), [])
    total = sum(count for _, count in points)
    if not total:
        return missing(title, "no heterozygous SNV that passed")
    shown = [(share, count / total) for share, count in points]
    middle = sum(share * count for share, count in points) / total
    said = f"Alternate reads at {total:,.0f} heterozygous SNVs: {100 * middle:.1f} % on average, 50 % without bias."
    tallest = max(share for _, share in shown)
    across = Axis(0, 1, "share of alternate reads", percent)
    plot = Plot(title, said, across, Axis(0, tallest * 1.15, "share of SNVs", percent))
    plot.bars([(x - 0.01, x + 0.01, y) for x, y in shown], "one")
    plot.limit_x(0.5, "50 %")
    return card(title, plot.svg() + behind(["share of alternate reads", "share of SNVs"], shown, title), said)


# -- variants ----------------------------------------------------------------------------------------------------------


def substitutions(page: SamplePage) -> str:
    """SNVs by what they change."""
    title = "Substitutions"
    counts = {row[1]: int(row[2]) for row in page.calls["ST"]}
    if not sum(counts.values()):
        return missing(title, "no SNVs (vcfstats.txt)")
    ratio = page.number("ratio_transitions_transversions_snv")
    said = f"Transitions to transversions: {'not measured' if ratio is None else ratio} (PASS, autosomes)."
    plot = Plot(title, said, Axis(0, 12, "", lambda value: ""), Axis(0, max(counts.values()) * 1.15, "SNVs"))
    transitions = ("A>G", "G>A", "C>T", "T>C")
    for kind, chosen in (("one", True), ("two", False)):
        places = [(k, count) for k, (name, count) in enumerate(counts.items()) if (name in transitions) == chosen]
        plot.bars([(k + 0.12, k + 0.88, count) for k, count in places], kind)
    plot.names_x([(k + 0.5, name) for k, name in enumerate(counts)])
    names = list(counts)
    first = max((name for name in names if name in transitions), key=lambda name: counts[name])
    other = max((name for name in names if name not in transitions), key=lambda name: counts[name])
    plot.label(names.index(first) + 0.5, counts[first], "transition", "one", "middle")
    plot.label(names.index(other) + 0.5, counts[other], "transversion", "two", "middle")
    rows = [[escape(name), f"{count:,}"] for name, count in counts.items()]
    return card(title, plot.svg() + hidden_table(["change", "SNVs"], rows, title), said)


def indel_lengths(page: SamplePage) -> str:
    """Indels by length."""
    title = "Indel lengths"
    counts = {int(row[1]): int(row[2]) for row in page.calls["IDD"]}
    if not counts:
        return missing(title, "no indels (vcfstats.txt)")
    ratio = page.number("ratio_insertion_deletion")
    said = f"Insertions to deletions: {'not measured' if ratio is None else ratio} (PASS, autosomes, below 50 bp)."
    most = max(counts.values())
    reach = max(10, min(30, max(abs(length) for length in counts)))
    across = Axis(-reach - 1, reach + 1, "bases added (deletions: removed)")
    plot = Plot(title, said, across, Axis(0, most * 1.15, "indels"))
    bars = [(length - 0.4, length + 0.4, count) for length, count in counts.items() if abs(length) <= reach]
    plot.bars([bar for bar in bars if bar[0] < 0], "two")
    plot.bars([bar for bar in bars if bar[0] > 0], "one")
    plot.label(-reach * 0.55, most * 0.75, "deletions", "two", "middle")
    plot.label(reach * 0.55, most * 0.75, "insertions", "one", "middle")
    rows = [[str(length), f"{count:,}"] for length, count in sorted(counts.items())]
    return card(title, plot.svg() + hidden_table(["bases added", "indels"], rows, title), said)


def variant_depth(page: SamplePage) -> str:
    """Depth at the variants."""
    title = "Depth at variants"
    points = [(float(row[1].lstrip("<>")), float(row[4])) for row in page.calls["DP"]]
    total = sum(count for _, count in points)
    if not total:
        return missing(title, "no variants (vcfstats.txt)")
    high = high_end(points, 0.995) * 1.15
    shown = [(depth, count) for depth, count in points if depth <= high]
    middle = high_end(points, 0.5)
    said = f"Half of the {total:,.0f} records have a depth of {middle:.0f} or more."
    tallest = max(count for _, count in shown)
    plot = Plot(title, said, Axis(0, high, "depth (INFO/DP)"), Axis(0, tallest * 1.15, "records"))
    plot.bars([(depth - 0.5, depth + 0.5, count) for depth, count in shown], "one")
    plot.limit_x(middle, f"median {middle:.0f}")
    return card(title, plot.svg() + behind(["depth", "records"], shown, title), said)


def variant_counts(page: SamplePage) -> str:
    """The GA4GH counts, and behind them the numbers of records."""
    rows = [[escape(row[1].rstrip(":")), f"{int(row[2]):,}"] for row in page.calls["SN"][1:]]
    if not rows:
        return missing("Counts", "no calling")
    names = [name for name, figure in FIGURES.items() if figure.group == "variants" and page.figures[name] is not None]
    passed = [[escape(FIGURES[name].label), to_text(name, page.figures[name])] for name in names]
    shown = table(["Calls", "Found"], passed, [1], "calls that passed")
    return card("Counts", shown + hidden_table(["records", "how many"], rows, "all records of the VCF"), COUNTED)

"""An explanation as text for a person: from the verdict down to single reads, in at most 110 columns."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .schema import AlleleEvidence, Condition, Explanation, Filter, Fragment, Option, Read, Record, Window

WIDTH = 110
INDENT = 2
BASES_A_LINE = 90
SHORTEST_NAME = 12  # columns that a read's name always gets
MOST_READS = 80  # lines of reads or fragments; JSON has all
MOST_OPTIONS = 6
MOST_HAPLOTYPES = 8  # columns of costs
INFO_A_LINE = 5

Row = Sequence[str]


def to_text(explanation: Explanation) -> str:
    """The explanation for a person; tables that grow long are cut, and say so."""
    parts = [
        heading(explanation),
        section("VERDICT", wrapped(explanation.verdict)),
        section("REFERENCE", reference_lines(explanation)),
        section("SAMPLE, as calibrated on its first reads", sample_lines(explanation)),
        *(section(record_title(record), record_lines(record)) for record in explanation.records),
        section("RECORDS CLOSE BY", (short_record(line) for line in explanation.nearby)),
        section("EVIDENCE: alleles that reads show here; candidates meet all conditions", evidence_lines(explanation)),
        section("GENOTYPES, from the bases alone (phred; lower is better)", option_lines(explanation.genotypes)),
        *(section(window_title(window), window_lines(window)) for window in explanation.windows),
        section(reads_title(explanation), read_lines(explanation)),
    ]
    return "\n\n".join(part for part in parts if part)


# -- layout -------------------------------------------------------------------------------------------------------


def section(title: str, lines: Iterable[str]) -> str:
    """A title and its lines; nothing where there are no lines."""
    body = [f"{' ' * INDENT}{line}".rstrip() for line in lines]
    return "\n".join([title, *body]) if body else ""


def table(header: Row, rows: Sequence[Row], left: str = "") -> Iterator[str]:
    """Aligned columns; those named in ``left`` are flush left, the others flush right."""
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows, strict=True)]
    flush = [name in left.split() for name in header]
    for row in (header, *rows):
        cells = zip(row, widths, flush, strict=True)
        yield "  ".join(f"{cell:<{width}}" if low else f"{cell:>{width}}" for cell, width, low in cells).rstrip()


def read_table(header: Row, rows: Sequence[Row], left: str) -> Iterator[str]:
    """A table of not too many reads, whose last column is their names, cut to what the width leaves."""
    missing = len(rows) - MOST_READS
    rows = rows[:MOST_READS]
    others = [
        max(len(cell) for cell in column) for column in zip(header[:-1], *(row[:-1] for row in rows), strict=True)
    ]
    room = max(WIDTH - INDENT - sum(others) - 2 * len(others), SHORTEST_NAME)
    yield from table(header, [(*row[:-1], shorten(row[-1], room)) for row in rows], left)
    if missing > 0:
        yield f"... and {missing} more: --json lists all"


def pairs(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Names and what they stand for."""
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        lines = textwrap.wrap(value, WIDTH - INDENT - width - 2, break_on_hyphens=False) or [""]
        yield f"{name:<{width}}  {lines[0]}"
        yield from (f"{'':<{width}}  {line}" for line in lines[1:])


def wrapped(sentences: Iterable[str]) -> Iterator[str]:
    """Sentences, each on as few lines as it needs."""
    for sentence in sentences:
        yield from textwrap.wrap(sentence, WIDTH - INDENT, subsequent_indent="  ", break_on_hyphens=False)


def number(value: float) -> str:
    """A number without needless digits."""
    text = f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
    return text.rstrip("0").rstrip(".")


def shorten(name: str, width: int) -> str:
    """A name whose middle is left out where it is too long: what tells reads apart is at the end."""
    if len(name) <= width:
        return name
    head = width // 3
    return f"{name[:head]}..{name[len(name) - (width - head - 2) :]}"


# -- the site -----------------------------------------------------------------------------------------------------


def heading(explanation: Explanation) -> str:
    """What is explained, from which files."""
    rows = [
        ("reads", explanation.reads),
        ("sample", explanation.sample),
        ("reference", explanation.reference),
        ("device", explanation.device),
    ]
    if explanation.copies:
        rows.append(("copies", explanation.copies))
    width = max(len(name) for name, _ in rows)
    return section(
        f"SITE {explanation.contig}:{explanation.position}", (f"{name:<{width}}  {text}" for name, text in rows)
    )


def reference_lines(explanation: Explanation) -> Iterator[str]:
    """The bases around the site, and its repeat."""
    context, position = explanation.context, explanation.position
    at = position - context.start
    yield f"{context.start:<{at}}{position}" if at > len(str(context.start)) else f"{'':<{at}}{position}"
    yield context.bases
    yield " " * at + "^"
    repeat = context.repeat
    if repeat.unit:
        yield f"repeat: {repeat.unit} x {repeat.repeats}, {repeat.start}-{repeat.stop}"
    else:
        yield "not in a short repeat"


def sample_lines(explanation: Explanation) -> Iterator[str]:
    """What was fitted on the sample, beside what is here."""
    fit = explanation.fit
    usual = f", {number(explanation.depth / fit.usual_depth)} times the usual" if fit.usual_depth else ""
    yield from pairs(
        [
            ("depth", f"usually {number(fit.usual_depth)} reads; here {explanation.depth}{usual}"),
            ("strand errors", f"a heterozygous SNV is filtered above SAO {number(fit.max_artifact)}"),
            ("gap cost here", f"{number(fit.gap)} phred (before calibration {number(fit.default_gap)})"),
        ]
    )


def record_title(record: Record) -> str:
    """The alleles of a record."""
    return f"RECORD {shorten(record.ref, 40)}>{shorten(','.join(record.alts), 40)}"


def record_lines(record: Record) -> Iterator[str]:
    """A record, taken apart."""
    yield from pairs(
        [
            ("genotype", f"{record.genotype}   QUAL {record.qual:.2f}   GQ {record.gq}"),
            ("PL", "   ".join(f"{genotype} {value}" for genotype, value in record.likelihoods)),
            ("fragments", f"{'   '.join(fragments_text(each) for each in record.counts)}   (forward + reverse)"),
        ]
    )
    yield from info_lines(record.info)
    yield ""
    yield from filter_lines(record.filters)


def fragments_text(counts: tuple[str, int, int]) -> str:
    """An allele and its fragments by strand."""
    allele, forward, reverse = counts
    return f"{shorten(allele, 20)} {forward} + {reverse}"


def info_lines(info: dict[str, str]) -> Iterator[str]:
    """INFO in columns."""
    cells = [f"{name} {value}" for name, value in info.items()]
    width = max(len(cell) for cell in cells) + 3
    count = max(min(INFO_A_LINE, (WIDTH - INDENT) // width), 1)
    for start in range(0, len(cells), count):
        yield "".join(f"{cell:<{width}}" for cell in cells[start : start + count])


def filter_lines(filters: Sequence[Filter]) -> Iterator[str]:
    """Each filter's decision and what it measured, one condition a line."""
    rows: list[Row] = []
    for each in filters:
        decision = "FAILED" if each.failed else "passed" if each.applies else "-"
        measured = [condition_text(condition) for condition in each.conditions] if each.applies else ["does not apply"]
        join = " or" if len(measured) > 1 else ""
        rows.append((each.name, decision, measured[0] + join))
        rows += [("", "", text + join) for text in measured[1:-1]]
        rows += [("", "", text) for text in measured[1:][-1:]]
    yield from table(("filter", "decision", "needed"), rows, "filter decision needed")
    yield from wrapped(f"{each.name}: {each.description}" for each in filters if each.failed)


def condition_text(condition: Condition) -> str:
    """``SAO 3.2 <= 20``; where that does not hold, so it says."""
    text = f"{condition.what} {number(condition.measured)} {condition.relation} {number(condition.threshold)}"
    return text if condition.met else f"{text}: no"


def short_record(line: str) -> str:
    """A line of the VCF without its INFO."""
    contig, position, _, ref, alts, qual, filters, *_, sample = line.split("\t")
    genotype = sample.split(":")[0]
    return f"{contig}:{position}  {shorten(ref, 24)}>{shorten(alts, 24)}  {genotype}  QUAL {qual}  {filters}"


def evidence_lines(explanation: Explanation) -> Iterator[str]:
    """The alleles that reads show here."""
    if explanation.evidence:
        rows = [evidence_row(allele) for allele in explanation.evidence]
        yield from table(("position", "allele", "candidate", "conditions"), rows, "allele candidate conditions")


def evidence_row(allele: AlleleEvidence) -> Row:
    """One allele that reads show."""
    conditions = [*map(condition_text, allele.conditions), *([allele.note] if allele.note else [])]
    candidate = "yes" if allele.candidate else "no"
    return str(allele.position), shorten(allele.change, 20), candidate, "; ".join(conditions)


def option_lines(options: Sequence[Option], always: str = "H0/H0") -> Iterator[str]:
    """The most probable genotypes or pairs; the pair of reference haplotypes always."""
    if not options:
        return
    shown = [option for k, option in enumerate(options) if k < MOST_OPTIONS or option.name == always]
    yield from table(
        ("pair", "likelihood", "prior", "posterior", "behind"), [option_row(each) for each in shown], "pair"
    )
    if len(options) > len(shown):
        yield f"... and {len(options) - len(shown)} less probable ones"


def option_row(option: Option) -> Row:
    """One genotype or pair of haplotypes."""
    numbers = (option.likelihood, option.prior, option.likelihood + option.prior, option.behind)
    return (option.name, *(f"{value:.1f}" for value in numbers))


# -- windows ------------------------------------------------------------------------------------------------------


def window_title(window: Window) -> str:
    """Where a window lies."""
    return f"WINDOW {window.start}-{window.stop}, its alleles in {window.core_start}-{window.core_stop}"


def window_lines(window: Window) -> Iterator[str]:
    """Alleles, haplotypes, pairs of haplotypes, fragments."""
    rows = [
        (str(k), str(each.position), shorten(each.change, 60), str(each.support), f"{each.prior:.1f}")
        for k, each in enumerate(window.alleles)
    ]
    yield from table(("allele", "position", "change", "fragments", "prior"), rows, "change")
    yield ""
    yield "haplotypes (a dot: as the reference; a dash: no base), and the fragments that fit each best"
    yield from haplotype_lines(window)
    yield ""
    yield "pairs of haplotypes (phred; lower is better)"
    yield from option_lines(window.pairs)
    yield ""
    yield "fragments: phred by which a haplotype fits worse than the best, at most MAPQ and a fragment's cap"
    yield from fragment_lines(window)


def haplotype_lines(window: Window) -> Iterator[str]:
    """Which alleles each haplotype has; then their bases below each other, in blocks."""
    rows = [(each.name, ",".join(map(str, each.alleles)) or "none", str(each.fragments)) for each in window.haplotypes]
    yield from table(("haplotype", "alleles", "fragments"), rows, "haplotype alleles")
    aligned = align_haplotypes(window)
    names = [each.name for each in window.haplotypes]
    width = max(len(name) for name in names) + 2
    position = window.start
    for start in range(0, len(aligned[0]), BASES_A_LINE):
        block = [bases[start : start + BASES_A_LINE] for bases in aligned]
        shown = [k for k, bases in enumerate(block) if k == 0 or set(bases) - {"."}]
        yield f"{'':<{width}}{position}"
        yield from (f"{names[k]:<{width}}{block[k]}" for k in shown)
        position += len(block[0].replace("-", ""))


def align_haplotypes(window: Window) -> list[str]:
    """The haplotypes with gaps, so that their columns agree; all but the first as differences from it."""
    pieces = [haplotype_pieces(window, each.alleles) for each in window.haplotypes]
    widths = [max(len(piece) for piece in column) for column in zip(*pieces, strict=True)]
    rows = ["".join(piece.ljust(width, "-") for piece, width in zip(row, widths, strict=True)) for row in pieces]
    return [rows[0], *(differences(rows[0], row) for row in rows[1:])]


def differences(reference: str, row: str) -> str:
    """A row with dots where it has what the reference has, gaps included."""
    return "".join("." if a == b else b for a, b in zip(reference, row, strict=True))


def haplotype_pieces(window: Window, alleles: Sequence[int]) -> list[str]:
    """A haplotype in pieces: what precedes the window's first base, then each base with what is inserted after it."""
    pieces = ["", *window.reference]
    for allele in (window.alleles[bit] for bit in alleles):
        deleted, inserted, start = parts(allele.change, allele.position - window.start)
        if not deleted:
            pieces[start] += inserted
        for k, place in enumerate(range(start, start + len(deleted))):
            pieces[place + 1] = inserted[k] if k < len(inserted) else "-"
        if deleted and len(inserted) > len(deleted):
            pieces[start + len(deleted)] += inserted[len(deleted) :]
    return pieces


def parts(change: str, index: int) -> tuple[str, str, int]:
    """Deleted and inserted bases of ``C>T``, ``+AA`` or ``-AA``, and the index of the first base that they touch."""
    deleted, inserted = re.sub(r"^\+", ">", re.sub(r"^-(.*)", r"\1>", change)).split(">")
    return deleted, inserted, index + (len(deleted) != 1 or len(inserted) != 1)


def fragment_lines(window: Window) -> Iterator[str]:
    """Costs of the fragments, grouped by the haplotypes that they fit best."""
    chosen = likely_haplotypes(window.pairs)
    header = (*(f"H{k}" for k in chosen), "best", "supports", "strand", "MAPQ", "read")
    telling = [each for each in window.fragments if any(each.costs)]
    rows = [fragment_row(each, chosen) for each in sorted(telling, key=lambda each: (fits(each), each.name))]
    if rows:
        yield from read_table(header, rows, "best supports read")
    left_out = {
        "fragments that fit all haplotypes alike": len(window.fragments) - len(telling),
        "less probable haplotypes": len(window.haplotypes) - len(chosen),
        "reads whose mates speak for them": len(window.silent),
    }
    listed = ", ".join(f"{what}: {count}" for what, count in left_out.items() if count)
    if listed:
        yield from wrapped([f"(left out: {listed})"])


def fits(each: Fragment) -> tuple[int, list[int]]:
    """Sort key: fragments that fit one haplotype come first."""
    return len(each.best), [int(name[1:]) for name in each.best]


def likely_haplotypes(options: Sequence[Option]) -> list[int]:
    """Numbers of the haplotypes in the most probable pairs, ascending; the reference is among them."""
    names = dict.fromkeys(["H0", *(name for option in options for name in option.name.split("/"))])
    return sorted(int(name[1:]) for name in list(names)[:MOST_HAPLOTYPES])


def fragment_row(each: Fragment, chosen: Sequence[int]) -> Row:
    """One fragment."""
    costs = (f"{each.costs[k]:.1f}" for k in chosen)
    best = ",".join(each.best) if len(each.best) <= 3 else f"{len(each.best)} alike"
    return (*costs, best, shorten(each.supports, 14) or "-", each.strand, str(each.mapq), each.name)


# -- reads --------------------------------------------------------------------------------------------------------


def reads_title(explanation: Explanation) -> str:
    """How many reads there are, and what those that count show."""
    shown = Counter(row.shows for row in explanation.rows if row.counted)
    listed = ", ".join(f"{shorten(base, 16)} {count}" for base, count in shown.most_common(8))
    how = "are weighed in the window" if explanation.windows else "count"
    return f"READS over the site: {len(explanation.rows)}, of which {sum(shown.values())} {how}" + (
        f": {listed}" if listed else ""
    )


def read_lines(explanation: Explanation) -> Iterator[str]:
    """The reads over the site, and why some of them do not count."""
    if not explanation.rows:
        return
    reasons = Counter(row.why for row in explanation.rows if row.why)
    listed = "; ".join(f"{count} {why}" for why, count in reasons.most_common())
    yield from wrapped([f"not counted: {listed}"] if listed else [])
    header: Row = ("shows", "quality", "used", "MAPQ", "strand", "base", "mate", "counted", "read")
    yield from read_table(header, [read_row(read) for read in explanation.rows], "shows mate counted read")


def read_row(read: Read) -> Row:
    """One read."""
    quality = str(read.quality) if read.quality >= 0 else "-"
    used = str(read.used) if read.used >= 0 else "-"
    at = f"{read.at or '-'}/{read.length}"
    counted = "yes" if read.counted else f"no: {read.why}"
    return shorten(read.shows, 14), quality, used, str(read.mapq), read.strand, at, read.mate, counted, read.name

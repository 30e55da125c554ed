"""The reads over a site, why some of them do not count, and the alleles that the others show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .. import candidates, pileup
from ..genotype import BASES
from ..kernels.pileup import base_quality, usable_base
from ..kernels.records import DUPLICATE, QC_FAIL, REVERSE, SECONDARY, SUPPLEMENTARY, UNMAPPED, Records
from ..kernels.scalar import base_at, query_index
from ..reads import read_name
from .schema import AlleleEvidence, Condition, Read
from .view import View, change, record_position

FOREIGN = "of a third haplotype"
FLAG_NAMES = {
    UNMAPPED: "unmapped",
    SECONDARY: "secondary",
    QC_FAIL: "QC fail",
    DUPLICATE: "duplicate",
    SUPPLEMENTARY: "supplementary",
}


def site_reads(view: View) -> Iterator[Read]:
    """All records of the file over the site."""
    low, high = (int(bound) for bound in view.examined.first.reads.row_range(view.position, view.position + 1))
    rows = np.arange(low, high)
    rows = rows[(view.host.pos[rows] <= view.position) & (view.host.end[rows] > view.position)]
    where = np.full(len(rows), view.position, dtype=np.int64)
    alone = pileup.gather_rows(view.reads, where, rows, rows + 1)  # what each row adds to the site's evidence
    speaking = {int(row) for window in view.windows for row in window.rows}
    indels = indels_after(view)
    for k, row in enumerate(rows.tolist()):
        counted = row in speaking if view.windows else bool(alone.count[k].any())
        used = int(alone.quality[k].sum()) if counted and not view.windows and alone.count[k, :4].any() else -1
        yield describe_read(view, row, used, indels.get(row, ""), "" if counted else why_not_counted(view, row))


def describe_read(view: View, row: int, used: int, indel: str, why: str) -> Read:
    """One row of the batch at the site."""
    host = view.host
    query = query_at(host, row, view.position)
    return Read(
        name=read_name(host, row),
        flag=int(host.flag[row]),
        strand="-" if host.flag[row] & REVERSE else "+",
        mapq=int(host.mapq[row]),
        start=int(host.pos[row]) + 1,
        stop=int(host.end[row]),
        shows=shown_base(host, row, query) + indel,
        quality=int(host.raw[host.qual[row] + query]) if query >= 0 else -1,
        used=used,
        at=max(query + 1, 0),
        length=int(host.l_seq[row]),
        mate=mate_says(view, row, query),
        counted=not why,
        why=why,
    )


def query_at(host: Records, row: int, position: int) -> int:
    """Index of the read's base at a position; -1: deleted there, -2: not covered or no sequence."""
    return int(query_index(host, row, position)) if host.l_seq[row] > 0 else -2


def shown_base(host: Records, row: int, query: int) -> str:
    """The read's base, ``del`` where it is deleted, ``-`` where the read has none."""
    if query < 0:
        return "del" if query == -1 else "-"
    return "ACGTN"[int(base_at(host.raw, host.seq[row], query))]


def mate_says(view: View, row: int, query: int) -> str:
    """Whether the mate, where it covers the site too, shows the same."""
    mate = int(view.host.mate[row])
    other = query_at(view.host, mate, view.position) if mate >= 0 else -2
    if other == -2:
        return ""
    same = shown_base(view.host, row, query) == shown_base(view.host, mate, other)
    return "agrees" if same else "disagrees"


def indels_after(view: View) -> dict[int, str]:
    """Row -> the left-aligned indels that it shows right after the site."""
    shown: dict[int, str] = {}
    events = view.chosen.events
    for event in np.flatnonzero(events.position + view.reads.origin == view.position + 1).tolist():
        text = change(candidates.indel_allele(view.reads, events, event, 1), view.reads)
        shown[int(events.row[event])] = shown.get(int(events.row[event]), "") + text
    return shown


# -- why a read does not count ------------------------------------------------------------------------------------


def why_not_counted(view: View, row: int) -> str:
    """Why a read over the site does not count, in words."""
    if not view.reads.batch.usable[row]:
        return why_not_usable(view, row)
    return "its mate speaks for it" if view.windows else why_no_base(view, row)


def why_not_usable(view: View, row: int) -> str:
    """Why a read does not count for calling at all (``reads.Batcher``)."""
    host, kept = view.host, view.run.settings.filters
    flags = int(host.flag[row]) & kept.excluded_flags
    if flags:
        return ", ".join(name for bit, name in FLAG_NAMES.items() if flags & bit)
    if host.mapq[row] < kept.min_mapq:
        return f"MAPQ below {kept.min_mapq}"
    if host.l_seq[row] == 0 or host.n_cigar[row] == 0:
        return "no sequence" if host.l_seq[row] == 0 else "no alignment"
    if view.examined.first.reads.batch.usable[row]:
        return FOREIGN
    return f"thinned: over {kept.starts_per_bin} in a bin"


def why_no_base(view: View, row: int) -> str:
    """Why what a usable read shows does not count (``kernels.pileup.gather_read``)."""
    host, kept, usable = view.host, view.run.settings.filters, view.reads.batch.usable
    query = int(usable_base(host, row, view.position, usable, kept.min_base_quality))
    if query == -2:
        known = shown_base(host, row, query_at(host, row, view.position)) in BASES
        return f"base quality below {kept.min_base_quality}" if known else "no known base"
    mate = int(host.mate[row])
    other = int(usable_base(host, mate, view.position, usable, kept.min_base_quality))
    if min(query, other) >= 0 and mate_says(view, row, query) == "disagrees":
        cap = kept.quality_cap
        if base_quality(host, row, query, cap) == base_quality(host, mate, other, cap):
            return "its mate differs as surely"
    return "its mate's base counts"


# -- evidence -----------------------------------------------------------------------------------------------------

Shown = list[tuple[candidates.Allele, list[candidates.Criterion]]]


def evidence(view: View) -> Iterator[AlleleEvidence]:
    """The alleles that reads show at the site, and those that a window has there for other reasons."""
    in_windows = [allele for each in view.windows for allele in each.window.window.alleles]
    proposed = {allele[:3] for allele in in_windows}
    shown = [*shown_bases(view), *shown_indels(view)]
    for allele, criteria in shown:
        member = allele[:3] in proposed or (allele.is_snv and view.position in view.chosen.found.snv_positions)
        yield describe_evidence(view, allele, criteria, member)
    known = {allele[:3] for allele, _ in shown}
    for allele in in_windows:
        if record_position(allele) == view.position and allele[:3] not in known:
            text = change(allele, view.reads)
            yield AlleleEvidence(view.position + 1, text, (), True, "not from the aligner: from the window's reads")


def describe_evidence(
    view: View, allele: candidates.Allele, criteria: list[candidates.Criterion], member: bool
) -> AlleleEvidence:
    """An allele that reads show, and whether it is a candidate."""
    conditions = tuple(condition(each) for each in criteria)
    enough = all(each.met for each in conditions)
    note = "left out: its window holds no more alleles" if enough and not member else ""
    return AlleleEvidence(record_position(allele) + 1, change(allele, view.reads), conditions, enough and member, note)


def condition(criterion: candidates.Criterion) -> Condition:
    """A criterion of the candidates stage as data."""
    unit = max(int(criterion.unit), 1)
    measured, needed = int(criterion.measured) / unit, int(criterion.needed) / unit
    return Condition(criterion.what, measured, ">=", needed, bool(criterion.met))


def shown_bases(view: View) -> Shown:
    """Bases other than the reference's, with what it takes to be a candidate."""
    download, found = view.run.backend.download, view.chosen.evidence
    count, quality = download(found.count[view.index]), download(found.quality[view.index])
    shown: Shown = []
    for code in np.flatnonzero(count).tolist():
        allele = candidates.Allele(view.position, 1, BASES[code].encode(), int(count[code]))
        numbers = int(count[code]), int(quality[code]), view.depth
        shown.append((allele, candidates.snv_criteria(*numbers, view.run.settings.candidates)))
    return shown


def shown_indels(view: View) -> Shown:
    """Indels whose record is at the site, or that delete it."""
    events = view.chosen.events
    firsts, support = candidates.distinct_indels(view.reads, events)
    depth = view.run.backend.download(view.chosen.evidence.depth)
    shown: Shown = []
    for event, fragments in zip(firsts.tolist(), support.tolist(), strict=True):
        allele = candidates.indel_allele(view.reads, events, event, fragments)
        if record_position(allele) <= view.position < max(allele.position + allele.deleted, allele.position):
            here = int(depth[events.position[event]])
            shown.append((allele, candidates.indel_criteria(fragments, here, view.run.settings.candidates)))
    return shown

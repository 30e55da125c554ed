"""The reasons, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from .schema import AlleleEvidence, Explanation, Option, Record, Window
from .view import View


def verdict(view: View, found: Explanation) -> Iterator[str]:
    """Why the site has the records that it has, or none."""
    if found.foreign:
        yield f"{found.foreign} reads of a third haplotype were left aside"
    if found.records:
        yield from (about_record(record) for record in found.records)
        return
    for call in view.calls:
        if call.position < view.position < call.position + len(call.ref):
            yield f"the site lies inside {call.ref}>{','.join(call.alts)}, called at {call.position + 1}"
    yield from about_reads(found)
    for allele in found.evidence:
        yield f"not called: {allele.change} {about_allele(view, found, allele)}"


def about_record(record: Record) -> str:
    """Why a record is what it is."""
    called = f"{record.ref}>{','.join(record.alts)} is called {record.genotype}: without it the reads are"
    failed = [each.name for each in record.filters if each.failed]
    decision = f"filtered: {', '.join(failed)}" if failed else "no filter doubts it"
    return f"{called} {record.qual:.1f} phred less probable (QUAL); {decision}"


def about_reads(found: Explanation) -> Iterator[str]:
    """What keeps a site without a record from having evidence."""
    if not found.rows:
        yield "not called: no read lies over the site"
    elif not any(row.counted for row in found.rows):
        reasons = Counter(row.why for row in found.rows).most_common()
        listed = "; ".join(f"{count} {why}" for why, count in reasons)
        yield f"not called: none of the {len(found.rows)} reads over the site counts: {listed}"
    elif not found.evidence:
        yield "not called: no read that counts shows anything but the reference"


def about_allele(view: View, found: Explanation, allele: AlleleEvidence) -> str:
    """Why an allele that reads show is not called."""
    unmet = [
        f"{each.what} {each.measured:.3g}, needed {each.threshold:.3g}" for each in allele.conditions if not each.met
    ]
    if unmet:
        return f"is no candidate: {'; '.join(unmet)}"
    if allele.note and not allele.candidate:
        return f"is {allele.note}"
    return f"is a candidate, but {why_not_called(view, found, allele)}"


def why_not_called(view: View, found: Explanation, allele: AlleleEvidence) -> str:
    """Why a candidate is not called."""
    lowest = view.run.settings.genotyping.min_qual
    if found.genotypes:
        best, following = found.genotypes[:2]
        if set(best.name.split("/")) == {view.base}:
            return (
                f"{best.name} is the most probable genotype, and {following.name} is {following.behind:.1f} phred less"
            )
        reference = "/".join([view.base] * view.ploidy)
        return f"{best.name} is more probable than {reference} by less than {lowest} phred"
    for window in found.windows:
        has = pairs_with(window, allele)
        if not has:
            return "no candidate haplotype has it"
        if has[0].behind > 0:
            winner, other = window.pairs[0].name, has[0]
            return (
                f"{winner} is the most probable pair of haplotypes; {other.name} has it, {other.behind:.1f} phred less"
            )
    return f"the evidence for it is below {lowest} phred"


def pairs_with(window: Window, allele: AlleleEvidence) -> list[Option]:
    """The pairs of haplotypes that have an allele, the most probable first."""
    wanted = (allele.position, allele.change)
    bits = {bit for bit, each in enumerate(window.alleles) if (each.position, each.change) == wanted}
    names = {haplotype.name for haplotype in window.haplotypes if bits & set(haplotype.alleles)}
    return [pair for pair in window.pairs if names & set(pair.name.split("/"))]

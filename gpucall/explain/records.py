"""The records at a site, and what each filter measured on them."""

from __future__ import annotations

from collections.abc import Iterator

from .. import filters, paralogs
from ..genotype import Call, genotype_order
from ..io.vcf import record
from .schema import Condition, Filter, Record
from .view import View

NEARBY = 100  # bp within which other records are listed


def line_of(view: View, call: Call) -> str:
    """The call's line in the VCF."""
    return record(view.contig, call).rstrip("\n")


def site_records(view: View) -> Iterator[Record]:
    """The records at the site."""
    return (describe_record(view, call) for call in view.calls if call.position == view.position)


def nearby(view: View) -> Iterator[str]:
    """Lines of the VCF close to the site, or over it."""
    for call in view.calls:
        low, high = call.position - NEARBY, max(call.position + NEARBY, call.position + len(call.ref))
        if low <= view.position < high and call.position != view.position:
            yield line_of(view, call)


def describe_record(view: View, call: Call) -> Record:
    """A call as its line of the VCF, taken apart, with what each filter measured."""
    line = line_of(view, call)
    columns = line.split("\t")
    sample = dict(zip(columns[8].split(":"), columns[9].split(":"), strict=True))
    alleles = [call.ref, *call.alts]
    order = ["/".join(map(str, genotype)) for genotype in genotype_order(len(alleles), call.ploidy)]
    return Record(
        line=line,
        position=call.position + 1,
        ref=call.ref,
        alts=call.alts,
        genotype=sample["GT"],
        qual=float(columns[5]),
        gq=int(sample["GQ"]),
        likelihoods=tuple(zip(order, map(int, sample["PL"].split(",")), strict=True)),
        counts=tuple((allele, *strands) for allele, strands in zip(alleles, call.strands, strict=True)),
        info={name: value for name, _, value in (part.partition("=") for part in columns[7].split(";"))},
        filters=(*call_filters(view, call), third_haplotype(view, call)),
    )


def description(view: View, name: str) -> str:
    """The filter's description in the VCF's header."""
    settings = view.run.settings.filtering
    return filters.DESCRIPTIONS[name].format(**settings._asdict())


def call_filters(view: View, call: Call) -> Iterator[Filter]:
    """The filters that look at one call alone."""
    for check in filters.checks(call, view.run.settings.filtering):
        relation = ">=" if check.least else "<="
        measured = Condition(check.what, check.measured, relation, check.threshold, not check.failed)
        failed, text = check.filter in call.filters, description(view, check.filter)
        yield Filter(check.filter, (measured,), check.applies, failed, text)


def third_haplotype(view: View, call: Call) -> Filter:
    """The filter that looks at calls together; it passes where any of its conditions holds."""
    settings, sites = view.run.settings.paralogs, view.examined.suspects
    index = next((k for k, site in enumerate(sites) if site.call is call), None)
    name = paralogs.FILTER
    failed, text = name in call.filters, description(view, name)
    if index is None:
        return Filter(name, (), False, failed, text)
    core = {k for k in range(len(sites)) if paralogs.is_core(k, sites, settings)}
    close = {k for k in core if paralogs.near(sites[index], sites[k], settings)}
    joining = index not in core and close
    found = paralogs.shared_reads(index, sites, settings)
    site, (alternate, supporting) = sites[index], sites[index].share
    crowded = site.crowded if joining else found.crowded
    permille = alternate * 1000 / max(supporting, 1) if joining else found.permille
    conditions = [
        Condition("depth over usual", crowded, "<", settings.min_crowding, crowded < settings.min_crowding),
        Condition(
            "alternate, permille", permille, ">", settings.highest_permille, permille > settings.highest_permille
        ),
    ]
    if joining:
        others = len(site.trans & core)
        conditions.append(Condition("third haplotype's sites on other reads", others, ">", 0, others > 0))
    else:
        few = found.sites < settings.min_sites
        conditions.append(Condition("sites on the same reads", found.sites, "<", settings.min_sites, few))
    return Filter(name, tuple(conditions), True, failed, text)

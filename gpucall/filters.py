"""Stage: annotations that need floating point, and the reasons to doubt a call."""

from __future__ import annotations

from typing import NamedTuple

from .annotations import strand_numbers
from .config import Filtering
from .genotype import Call

DESCRIPTIONS = {
    "LowQual": "QUAL below {pass_qual}; indels: below DP/2.5, between {pass_indel_quals[0]} and {pass_indel_quals[1]}; "
    "indels of mitochondria: below DP/2.5 or {pass_indel_quals[1]}",
    "LowGQ": "genotype quality below {min_gq}",
    "LowMQ": "root mean square mapping quality of the alternate fragments below {min_mapq}",
    "StrandBias": "a systematic error of one strand explains the counts better: SAO above {max_artifact}",
    "AlleleBalance": "share of alternate fragments too small for the genotype: below {min_het_permille}/1000, "
    "of a haploid genotype below {min_haploid_permille}/1000",
    "ThirdHaplotype": "alternates on the same few reads of a crowded locus: probably a copy that the reference lacks",
    "ReadEnd": "alternate bases lie within {min_edge} bp of their alignments' ends on average",
}


def annotate(calls: list[Call], settings: Filtering) -> list[Call]:
    """Fill ``info`` and ``filters`` of some calls; the calls."""
    for call, strands in zip(calls, strand_numbers([call.strands for call in calls]), strict=True):
        call.info = numbers(call, strands) | call.info
        call.filters = reasons(call, settings)
    return calls


def numbers(call: Call, strands: dict[str, object]) -> dict[str, object]:
    """The annotations of a call, with those of its strands."""
    counts = call.counts
    supporting = max(sum(counts), 1)
    numbers: dict[str, object] = {"DP": call.depth, "AB": round(sum(counts[1:]) / supporting, 3)}
    numbers |= strands
    numbers["MQ"] = round(call.mapq, 2)
    numbers["QD"] = round(call.qual / supporting, 2)
    if len(call.alts) > 1:
        numbers["AS_QD"] = [round(call.qual / max(counts[0] + count, 1), 2) for count in counts[1:]]
    return numbers


def fails(measured: float, least: bool, threshold: float, applies: bool) -> bool:
    """Whether what a filter measures is beyond its threshold."""
    return applies and (measured < threshold if least else measured > threshold)


class Check(NamedTuple):
    """What one filter measures on a call; it fails below (``least``) or above a threshold, where it applies at all."""

    filter: str
    what: str
    measured: float
    least: bool
    threshold: float
    applies: bool

    @property
    def failed(self) -> bool:
        """True where the filter doubts the call."""
        return fails(*self[2:])


def checks(call: Call, settings: Filtering) -> list[Check]:
    """All filters that look at one call alone, in the order of the FILTER column."""
    return [Check(*measured) for measured in measures(call, settings)]


def measures(call: Call, settings: Filtering) -> tuple[tuple[str, str, float, bool, float, bool], ...]:
    """What ``checks`` holds, as plain tuples."""
    counts = call.counts
    supporting = sum(counts)
    alternate = supporting - counts[0]
    odds, share = float(str(call.info["SAO"])), alternate * 1000 / max(supporting, 1)
    return (
        ("LowQual", "QUAL", call.qual, True, lowest_qual(call, settings), True),
        ("LowGQ", "GQ", call.gq, True, settings.min_gq, True),
        ("LowMQ", "MQ of the alternate fragments", call.mapq, True, settings.min_mapq, alternate > 0),
        ("StrandBias", "SAO", odds, False, highest_artifact(call, settings), 0 in call.genotype),
        ("AlleleBalance", "alternate, permille", share, True, lowest_share(call, settings), alternate > 0),
        ("ReadEnd", "bp to the end of alignments", call.edge, True, settings.min_edge, call.edge >= 0),
    )


def reasons(call: Call, settings: Filtering) -> list[str]:
    """Filters that the call fails: of ``checks`` those that ``failed``."""
    return [
        name
        for name, _, measured, least, threshold, applies in measures(call, settings)
        if fails(measured, least, threshold, applies)
    ]


def lowest_qual(call: Call, settings: Filtering) -> float:
    """QUAL that a call must have; an indel's grows with the depth, as the noise in repeats does."""
    if call.is_snv:
        return settings.pass_qual
    low, high = settings.pass_indel_quals
    if call.shares:
        return max(call.depth / 2.5, high)
    return min(max(call.depth / 2.5, low), high)


def lowest_share(call: Call, settings: Filtering) -> int:
    """Permille of the fragments that must show the alternates: of a haploid genotype, most; of mitochondria, any."""
    if call.shares:
        return 0
    return settings.min_haploid_permille if call.ploidy == 1 else settings.min_het_permille


def highest_artifact(call: Call, settings: Filtering) -> float:
    """SAO above which a systematic error of one strand is the better explanation of a heterozygous call."""
    return settings.max_artifact if call.is_snv else max(settings.max_artifact, settings.max_indel_artifact)

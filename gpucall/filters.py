"""Stage: annotations that need floating point, and the reasons to doubt a call."""

from __future__ import annotations

from .annotations import strand_numbers
from .config import Filtering
from .genotype import Call

DESCRIPTIONS = {
    "LowQual": "QUAL below {pass_qual}; indels: below DP/2.5, between {pass_indel_quals[0]} and {pass_indel_quals[1]}",
    "LowGQ": "genotype quality below {min_gq}",
    "LowMQ": "root mean square mapping quality of the alternate fragments below {min_mapq}",
    "StrandBias": "a systematic error of one strand explains the counts better: SAO above {max_artifact}",
    "AlleleBalance": "share of alternate fragments too small for the genotype: below {min_het_permille}/1000",
    "ThirdHaplotype": "alternates on the same few reads of a crowded locus: probably a copy that the reference lacks",
    "ReadEnd": "alternate bases lie within {min_edge} bp of their alignments' ends on average",
}


def annotate(call: Call, settings: Filtering) -> Call:
    """Fill ``call.info`` and ``call.filters``."""
    supporting = sum(call.counts)
    numbers: dict[str, object] = {"DP": call.depth, "AB": round(sum(call.counts[1:]) / max(supporting, 1), 3)}
    numbers |= strand_numbers(call.strands)
    numbers["MQ"] = round(call.mapq, 2)
    numbers["QD"] = round(call.qual / max(supporting, 1), 2)
    if len(call.alts) > 1:
        numbers["AS_QD"] = [round(call.qual / max(call.counts[0] + count, 1), 2) for count in call.counts[1:]]
    call.info = {**numbers, **call.info}
    call.filters = list(reasons(call, settings))
    return call


def reasons(call: Call, settings: Filtering) -> list[str]:
    """Filters that the call fails."""
    failed = []
    if call.qual < lowest_qual(call, settings):
        failed.append("LowQual")
    if call.gq < settings.min_gq:
        failed.append("LowGQ")
    if sum(call.counts[1:]) and call.mapq < settings.min_mapq:
        failed.append("LowMQ")
    if strand_biased(call, settings):
        failed.append("StrandBias")
    if unbalanced(call, settings):
        failed.append("AlleleBalance")
    if 0 <= call.edge < settings.min_edge:
        failed.append("ReadEnd")
    return failed


def lowest_qual(call: Call, settings: Filtering) -> float:
    """QUAL that a call must have; an indel's grows with the depth, as the noise in repeats does."""
    if call.is_snv:
        return settings.pass_qual
    low, high = settings.pass_indel_quals
    return min(max(call.depth / 2.5, low), high)


def strand_biased(call: Call, settings: Filtering) -> bool:
    """True where a systematic error of one strand is the better explanation of a heterozygous call."""
    highest = settings.max_artifact if call.is_snv else max(settings.max_artifact, settings.max_indel_artifact)
    return 0 in call.genotype and float(str(call.info["SAO"])) > highest


def unbalanced(call: Call, settings: Filtering) -> bool:
    """True where too few fragments show the alternates of a heterozygous call."""
    total = sum(call.counts)
    return sum(call.counts[1:]) > 0 and sum(call.counts[1:]) * 1000 < settings.min_het_permille * total

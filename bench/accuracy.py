"""accuracy: how well a VCF agrees with a truth, whatever way either writes its variants.

    python -m bench.accuracy --truth T.vcf.gz --calls C.vcf.gz --reference REF --bed BED --json OUT

Sequences are compared, not records: a truth record is found (``tp``) where calls spell the same pair of haplotypes
(see ``haplotype_match``). Records outside the BED take part in the matching, up to ``FLANK`` away, but are not counted:
a call may be written on the other side of an edge. A record is inside where the POS of its trimmed self is.

Counts are of records, and a record of two alternate alleles counts once. ``tp`` and ``fn`` are the truth's records,
``fp`` the calls', each under its own type: ``SNV`` is any substitution (an MNP is one), ``INDEL`` all that changes the
length. By genotype, a wrong zygosity is an fn and an fp. Under ``"allele"`` it is a tp: there a record matches if at
least one of its alleles does.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gpucall.errors import DiskError, GpucallError, ReferenceMismatch
from gpucall.io.reference import Reference
from gpucall.tiles import Intervals, Span, merge, other_naming, parse_regions, read_bed, whole

from .haplotype_match import match
from .variants import CallSet, Variant, read_vcf

FLANK = 1000  # bases around the BED in which records still help to match; longer than common repeats
KINDS = ("SNV", "INDEL")
LENGTHS = ((16, None), (6, 15), (2, 5), (1, 1))  # bases gained or lost, both ends included
ERROR_COLUMNS = ("error", "reason", "type", "contig", "pos", "ref", "alt", "gt", "qual")

Counts = dict[str, int | float | None]


class Comparison(NamedTuple):
    """The records compared, each with what was found; and how many places were too dense to search in full."""

    truth: list[Variant]
    calls: list[Variant]
    skipped: dict[str, int]
    approximate: int


def compare(
    truth: str | Path,
    calls: str | Path,
    reference: str | Path,
    bed: str | Path | None = None,
    *,
    all_records: bool = False,
    min_qual: float | None = None,
    regions: Sequence[str] = (),
    by_length: bool = False,
) -> dict[str, Any]:
    """Compare ``calls`` with ``truth``: see ``summary`` for the result, ``compare_files`` for the rest."""
    found = compare_files(truth, calls, reference, bed, all_records=all_records, min_qual=min_qual, regions=regions)
    return summary(found, by_length=by_length)


def compare_files(
    truth: str | Path,
    calls: str | Path,
    reference: str | Path,
    bed: str | Path | None = None,
    *,
    all_records: bool = False,
    min_qual: float | None = None,
    regions: Sequence[str] = (),
) -> Comparison:
    """Match the records of two single-sample VCFs.

    Parameters
    ----------
    truth, calls
        VCF, plain or (b)gzipped, not necessarily sorted or indexed. Records are used if FILTER is ``PASS`` or ``.``.
    reference
        FASTA that both were called against.
    bed
        Where to count; None: everywhere.
    all_records
        Use the calls of any FILTER.
    min_qual
        Use calls with at least this QUAL.
    regions
        Count only inside these parts of the BED, ``contig`` or ``contig:start-end``, 1-based.

    Raises
    ------
    GpucallError
        ``InputError``, ``UsageError`` or ``ReferenceMismatch`` (REF is not what the reference has there, or other
        contig names), each with one line.
    """
    with Reference(reference) as opened:
        inside = read_bed(bed, opened.contigs) if bed is not None else whole(opened.contigs)
        if regions:
            inside = inside.intersect(parse_regions(regions, opened.contigs))
        sets = read_vcf(truth), read_vcf(calls, all_records=all_records, min_qual=min_qual)
        for callset in sets:
            _check_contigs(callset, opened)
        return _compare_contigs(*sets, opened, inside)


def _check_contigs(callset: CallSet, reference: Reference) -> None:
    """At least one contig with variants is the reference's."""
    if not callset.variants or any(contig in reference.contigs for contig in callset.variants):
        return
    contig = next(iter(callset.variants))
    other = other_naming(contig)
    hint = f"; the reference says {other!r}" if other in reference.contigs else ""
    raise ReferenceMismatch(
        f"{callset.path}: contig {contig!r} is not in {reference.path}{hint}; give the reference that it was called on"
    )


def _compare_contigs(truth: CallSet, calls: CallSet, reference: Reference, inside: Intervals) -> Comparison:
    nearby = _widened(inside, reference)
    found = Comparison([], [], {"truth": truth.skipped, "calls": calls.skipped}, 0)
    for contig in inside:
        ours, theirs = _near(truth, contig, inside, nearby), _near(calls, contig, inside, nearby)
        bases = reference.fetch(contig).tobytes().decode("ascii") if ours or theirs else ""
        _check_ref(truth.path, ours, bases, reference.path)
        _check_ref(calls.path, theirs, bases, reference.path)
        approximate = found.approximate + _match_contig(ours, theirs, bases)
        found = found._replace(truth=found.truth + ours, calls=found.calls + theirs, approximate=approximate)
    return found


def _widened(inside: Intervals, reference: Reference) -> Intervals:
    lengths = reference.contigs
    spans = (Span(contig, start, end) for contig, rows in inside.items() for start, end in rows.tolist())
    return merge((Span(c, max(start - FLANK, 0), min(end + FLANK, lengths[c])) for c, start, end in spans), lengths)


def _near(callset: CallSet, contig: str, inside: Intervals, nearby: Intervals) -> list[Variant]:
    """The contig's variants near the BED, marked as inside or not."""
    variants = callset.variants.get(contig, [])
    anchors = np.array([variant.anchor for variant in variants], dtype=np.int64)
    for variant, is_inside in zip(variants, inside.contains(contig, anchors).tolist(), strict=True):
        variant.is_inside = is_inside
    return [variants[i] for i in np.flatnonzero(nearby.contains(contig, anchors)).tolist()]


def _check_ref(path: Path, variants: Iterable[Variant], bases: str, reference: Path) -> None:
    for variant in variants:
        start = variant.position - 1
        expected = bases[start : start + len(variant.ref)]
        # An N on either side says nothing; REF may also be an IUPAC code there, which the reference reads as N.
        agrees = len(expected) == len(variant.ref) and all(
            one == other or "N" in (one, other) for one, other in zip(variant.ref, expected, strict=True)
        )
        if not agrees:
            raise ReferenceMismatch(
                f"{path}: {variant.contig}:{variant.position} has REF {variant.ref[:20]!r} where {reference} has "
                f"{expected[:20]!r}; give the reference that it was called on"
            )


def _match_contig(truth: list[Variant], calls: list[Variant], bases: str) -> int:
    """Mark what matches by genotype and by allele; the number of places searched in part only."""
    by_genotype, by_allele = match(truth, calls, bases), match(truth, calls, bases, by_allele=True)
    _mark(truth, by_genotype.truth, by_allele.truth)
    _mark(calls, by_genotype.calls, by_allele.calls)
    return by_genotype.approximate + by_allele.approximate


def _mark(variants: list[Variant], by_genotype: list[bool], by_allele: list[bool]) -> None:
    for variant, genotype, allele in zip(variants, by_genotype, by_allele, strict=True):
        variant.by_genotype, variant.by_allele = genotype, allele


def summary(found: Comparison, *, by_length: bool = False) -> dict[str, Any]:
    """Counts and rates of a comparison, ready for JSON.

    Returns
    -------
    dict
        ``SNV`` and ``INDEL``, by genotype, and the same two by allele under ``allele``: each ``truth``, ``tp``, ``fn``,
        ``fp`` (records), ``precision``, ``recall``, ``f1`` (None where nothing can be divided by).
        ``skipped``: records of ``truth`` and ``calls`` that cannot be compared (symbolic alleles, breakends,
        ploidy > 2). ``approximate``: places too dense to be searched in full, 0 as a rule.
        With ``by_length``, under that key, indels by genotype and by the bases gained or lost.
    """
    result: dict[str, Any] = {kind: count_records(found, _of_kind(kind)) for kind in KINDS}
    result["allele"] = {kind: count_records(found, _of_kind(kind), _by_allele) for kind in KINDS}
    if by_length:
        result["by_length"] = {name: count_records(found, choice) for name, choice in _length_classes()}
    return {**result, "skipped": found.skipped, "approximate": found.approximate}


Choice = Callable[[Variant], bool]


def _by_genotype(variant: Variant) -> bool:
    return variant.by_genotype


def _by_allele(variant: Variant) -> bool:
    return variant.by_allele


def _of_kind(kind: str) -> Choice:
    return lambda variant: variant.kind == kind


def _length_classes() -> Iterator[tuple[str, Choice]]:
    for name, sign, classes in (("DEL", -1, LENGTHS), ("INS", 1, LENGTHS[::-1])):
        for shortest, longest in classes:
            yield f"{name} {_span(shortest, longest)}", _of_growth(sign, shortest, longest)


def _span(shortest: int, longest: int | None) -> str:
    if longest is None:
        return f"{shortest}+"
    return str(shortest) if longest == shortest else f"{shortest}-{longest}"


def _of_growth(sign: int, shortest: int, longest: int | None) -> Choice:
    return lambda variant: shortest <= sign * variant.growth and (longest is None or sign * variant.growth <= longest)


def count_records(found: Comparison, is_chosen: Choice, is_matched: Choice = _by_genotype) -> Counts:
    """Counts and rates, as in ``summary``, of the records inside the BED that are chosen."""
    truth = [is_matched(variant) for variant in found.truth if variant.is_inside and is_chosen(variant)]
    calls = [is_matched(variant) for variant in found.calls if variant.is_inside and is_chosen(variant)]
    tp, fn, fp = sum(truth), truth.count(False), calls.count(False)
    return {
        "truth": len(truth),
        "tp": tp,
        "fn": fn,
        "fp": fp,
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fn + fp),
    }


def _ratio(part: int, total: int) -> float | None:
    return round(part / total, 6) if total else None


def table(result: dict[str, Any]) -> str:
    """A summary as lines for the terminal."""
    rows = [(name, result[name]) for name in KINDS]
    rows += [(f"{name} by allele", result["allele"][name]) for name in KINDS]
    rows += list(result.get("by_length", {}).items())
    columns = list(rows[0][1])
    lines = [f"{'':16}" + "".join(f"{name:>11}" for name in columns)]
    lines += [f"{name:16}" + "".join(f"{_cell(counts[column]):>11}" for column in columns) for name, counts in rows]
    return "\n".join(lines + _remarks(result))


def _cell(value: int | float | None) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.4f}"


def _remarks(result: dict[str, Any]) -> list[str]:
    lines = [
        f"{count} records of {side} cannot be compared (symbolic, breakend or polyploid) and are not counted"
        for side, count in result["skipped"].items()
        if count
    ]
    if result["approximate"]:
        lines.append(f"{result['approximate']} places were too dense to search in full; scores may be a little low")
    return lines


def error_table(found: Comparison) -> str:
    """The wrong records as tab-separated lines under ``ERROR_COLUMNS``, in the order of the reference.

    ``error`` is ``fn`` or ``fp``; ``reason`` is ``genotype`` where an allele is right, else ``allele``.
    """
    wrong = [(variant, error) for side, error in ((found.truth, "fn"), (found.calls, "fp")) for variant in side]
    wrong = [(variant, error) for variant, error in wrong if variant.is_inside and not variant.by_genotype]
    order = {contig: rank for rank, contig in enumerate(dict.fromkeys(variant.contig for variant, _ in wrong))}
    wrong.sort(key=lambda item: (order[item[0].contig], item[0].position))
    lines = ["\t".join(ERROR_COLUMNS), *("\t".join(_error_row(variant, error)) for variant, error in wrong)]
    return "\n".join(lines) + "\n"


def _error_row(variant: Variant, error: str) -> tuple[str, ...]:
    reason = "genotype" if variant.by_allele else "allele"
    where = variant.contig, str(variant.position)
    return error, reason, variant.kind, *where, variant.ref, variant.alts, variant.genotype, variant.quality


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise DiskError(f"{path}: cannot write: {error.strerror}; choose another path or free space") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.accuracy", description="Compare two VCFs by haplotype.")
    parser.add_argument("--truth", type=Path, required=True, help="VCF of the truth")
    parser.add_argument("--calls", type=Path, required=True, help="VCF to judge")
    parser.add_argument("--reference", type=Path, required=True, help="FASTA of both")
    parser.add_argument("--bed", type=Path, help="count inside these intervals (default: everywhere)")
    parser.add_argument("--region", action="append", default=[], help="... and inside contig:start-end (repeatable)")
    parser.add_argument("--all", action="store_true", help="use calls of any FILTER, not only PASS and '.'")
    parser.add_argument("--min-qual", type=float, help="use calls with at least this QUAL")
    parser.add_argument("--by-length", action="store_true", help="also count indels by length")
    parser.add_argument("--json", type=Path, help="write the counts here")
    parser.add_argument("--errors", type=Path, help="write the wrong records here, tab-separated")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    options = _parser().parse_args(arguments)
    try:
        _run(options)
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:  # the reader of the table has left, as head does; keep the interpreter from flushing to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _run(options: argparse.Namespace) -> None:
    found = compare_files(
        options.truth,
        options.calls,
        options.reference,
        options.bed,
        all_records=options.all,
        min_qual=options.min_qual,
        regions=options.region,
    )
    result = summary(found, by_length=options.by_length)
    if options.json:
        _write(options.json, json.dumps(result, indent=2) + "\n")
    if options.errors:
        _write(options.errors, error_table(found))
    print(table(result), flush=True)


if __name__ == "__main__":
    sys.exit(main())

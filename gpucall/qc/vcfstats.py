"""vcfstats: what ``bcftools stats`` (1.16) says of our calls, counted while they are made.

All records count, filtered ones too. Sections that ask for samples (``-s``) are absent, as they are by default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

import numpy as np

from .variants import BASES, INDEL, MNP, OTHER, REF, SNP, TRANSITIONS, allele_change

LONGEST_CHANGE = 60  # bp; longer indels are counted with these
EXACT_QUALITIES = 100_000  # tenths of a phred that have a bin of their own; above, five digits count
DEEPEST = 500  # INFO/DP; deeper sites share a bin
AF_BINS = 101
SUBSTITUTIONS = [f"{ref}>{alt}" for ref in "ACGT" for alt in "ACGT" if ref != alt]
SNVS = {ref + alt: "ts" if ref + alt in TRANSITIONS else "tv" for ref in "ACGT" for alt in "ACGT" if ref != alt}

HEAD = """\
# This file was produced by bcftools stats (1.16+htslib-1.16) as far as its form goes: gpucall wrote it from its calls.
# The command line that gives the same is:\tbcftools stats {name}
#
# Definition of sets:
# ID\t[2]id\t[3]tab-separated file names
ID\t0\t{name}
# SN, Summary numbers:
# SN\t[2]id\t[3]key\t[4]value
"""
TSTV = "# TSTV, transitions/transversions:\n# TSTV\t" + "\t".join(
    ("[2]id", "[3]ts", "[4]tv", "[5]ts/tv", "[6]ts (1st ALT)", "[7]tv (1st ALT)", "[8]ts/tv (1st ALT)")
)
CHANGES = "\t".join(
    (
        *("[4]number of SNPs", "[5]number of transitions", "[6]number of transversions", "[7]number of indels"),
        *("[8]repeat-consistent", "[9]repeat-inconsistent", "[10]not applicable"),
    )
)
SIS = f"# SiS, Singleton stats:\n# SiS\t[2]id\t[3]allele count\t{CHANGES}"
AF = f"# AF, Stats by non-reference allele frequency:\n# AF\t[2]id\t[3]allele frequency\t{CHANGES}"
QUAL = "# QUAL, Stats by quality\n# QUAL\t" + "\t".join(
    (
        *("[2]id", "[3]Quality", "[4]number of SNPs", "[5]number of transitions (1st ALT)"),
        *("[6]number of transversions (1st ALT)", "[7]number of indels"),
    )
)
IDD = "# IDD, InDel distribution:\n# IDD\t" + "\t".join(
    ("[2]id", "[3]length (deletions negative)", "[4]number of sites", "[5]number of genotypes", "[6]mean VAF")
)
ST = "# ST, Substitution types:\n# ST\t[2]id\t[3]type\t[4]count"
DP = "# DP, Depth distribution\n# DP\t" + "\t".join(
    (
        *("[2]id", "[3]bin", "[4]number of genotypes", "[5]fraction of genotypes (%)", "[6]number of sites"),
        "[7]fraction of sites (%)",
    )
)

NEAR_HALF = 1e-3  # of a hundredth, within which the product does not tell how a quality is rounded


class VcfStats:
    """Counts over the records of one VCF, by section: Counter of keys."""

    def __init__(self) -> None:
        self.summary: Counter[str] = Counter()
        self.frequencies: dict[str, Counter[int]] = {kind: Counter() for kind in ("snp", "ts", "tv", "indel")}
        self.qualities: dict[str, Counter[int]] = {kind: Counter() for kind in ("ts", "tv", "indel")}
        self.changes: Counter[int] = Counter()
        self.substitutions: Counter[str] = Counter()
        self.depths: Counter[int] = Counter()

    def add(self, ref: str, alts: Sequence[str], quality: float, info: Mapping[str, object]) -> None:
        """Count one record. ``quality`` is QUAL as it was written, ``info`` has DP, and AC with AN where written."""
        depth = info.get("DP")
        if isinstance(depth, int):
            self.depths[min(depth, DEEPEST + 1)] += 1
        kinds = [allele_change(ref, alt) for alt in alts]
        present = {kind for kind, _ in kinds}
        self.summary["records"] += 1
        self.summary["no-ALTs"] += present <= {REF}
        bins = frequency_bins(alts, info)
        if SNP in present:
            self._add_snps(ref, alts, kinds, quality_bin(quality), bins)
        if INDEL in present:
            self._add_indels(kinds, quality_bin(quality), bins)
        self.summary["MNPs"] += MNP in present
        self.summary["others"] += OTHER in present
        if len(alts) > 1:
            self.summary["multiallelic sites"] += 1
            self.summary["multiallelic SNP sites"] += present - {REF} == {SNP}

    def add_snvs(
        self, changes: Sequence[str], qualities: Sequence[float], infos: Sequence[Mapping[str, object]]
    ) -> None:
        """What ``add`` does with records for each of which ``is_snv`` holds, at once.

        ``changes``: REF and ALT; ``qualities``: QUAL before it is written with two decimals.
        """
        for change, times in Counter(changes).items():
            kind = SNVS[change]
            for name in ("records", "SNPs", f"{kind} first"):
                self.summary[name] += times
            self.substitutions[f"{change[0]}>{change[1]}"] += times
            self.frequencies["snp"][0] += times
            self.frequencies[kind][0] += times
        kinds = [SNVS[change] for change in changes]
        for (kind, each), times in Counter(zip(kinds, quality_bins(as_written(qualities)), strict=True)).items():
            self.qualities[kind][each] += times
        for depth, times in Counter([info.get("DP") for info in infos]).items():
            if isinstance(depth, int):
                self.depths[min(depth, DEEPEST + 1)] += times

    def add_alike(self, ref: str, alts: Sequence[str], quality: float, times: int) -> None:
        """Count some records that are alike, without their depths."""
        one = VcfStats()
        one.add(ref, alts, quality, {})
        for mine, counted in zip(self._counters(), one._counters(), strict=True):
            for key, count in counted.items():
                mine[key] += count * times

    def add_depths(self, depths: Mapping[int, int]) -> None:
        """Count the INFO/DP of some records."""
        for depth, count in depths.items():
            self.depths[min(depth, DEEPEST + 1)] += count

    def merge(self, other: VcfStats) -> None:
        """Add what another worker counted."""
        for mine, others in zip(self._counters(), other._counters(), strict=True):
            mine.update(others)

    def write(self, path: Path, vcf: str) -> None:
        """Write the report; ``vcf`` is the name of the file it is about."""
        with open(path, "w", encoding="utf-8") as out:
            out.write(HEAD.format(name=vcf))
            self._write_summary(out)
            for title, lines in self._sections():
                out.write(title + "\n")
                out.writelines(f"{line}\n" for line in lines)

    def _counters(self) -> Iterator[Counter]:
        yield self.summary
        yield from self.frequencies.values()
        yield from self.qualities.values()
        yield from (self.changes, self.substitutions, self.depths)

    def _add_snps(
        self, ref: str, alts: Sequence[str], kinds: Sequence[tuple[str, int]], quality: int, bins: Sequence[int]
    ) -> None:
        self.summary["SNPs"] += 1
        if ref[0] not in BASES:
            return
        for number, (alt, (kind, _)) in enumerate(zip(alts, kinds, strict=True)):
            # htslib looks at the first base, whichever of the allele's bases differs.
            if kind != SNP or alt[0] not in BASES or alt[0] == ref[0]:
                continue
            change = "ts" if ref[0] + alt[0] in TRANSITIONS else "tv"
            self.substitutions[f"{ref[0]}>{alt[0]}"] += 1
            self.frequencies["snp"][bins[number]] += 1
            self.frequencies[change][bins[number]] += 1
            if number == 0:
                self.summary[f"{change} first"] += 1
                self.qualities[change][quality] += 1

    def _add_indels(self, kinds: Sequence[tuple[str, int]], quality: int, bins: Sequence[int]) -> None:
        self.summary["indels"] += 1
        self.qualities["indel"][quality] += 1
        for number, (kind, added) in enumerate(kinds):
            if kind == INDEL:
                self.frequencies["indel"][bins[number]] += 1
                self.changes[max(-LONGEST_CHANGE, min(added, LONGEST_CHANGE))] += 1

    def _write_summary(self, out: TextIO) -> None:
        out.write("SN\t0\tnumber of samples:\t1\n")
        names = ("records", "no-ALTs", "SNPs", "MNPs", "indels", "others")
        for name in (*names, "multiallelic sites", "multiallelic SNP sites"):
            out.write(f"SN\t0\tnumber of {name}:\t{self.summary[name]}\n")

    def _sections(self) -> Iterator[tuple[str, Iterable[str]]]:
        ts, tv = self.frequencies["ts"].total(), self.frequencies["tv"].total()
        first = self.summary["ts first"], self.summary["tv first"]
        yield TSTV, [line("TSTV", ts, tv, ratio(ts, tv), *first, ratio(*first))]
        yield SIS, [line("SiS", 1, *self._frequency_row([0]))]
        yield AF, self._frequency_lines()
        yield QUAL, self._quality_lines()
        yield IDD, (line("IDD", added, self.changes[added], 0, ".") for added in sorted(self.changes))
        yield ST, (line("ST", change, self.substitutions[change]) for change in SUBSTITUTIONS)
        yield DP, self._depth_lines()

    def _frequency_row(self, bins: Sequence[int]) -> list[int]:
        """SNPs, transitions, transversions and indels in some bins; whether indels fit a repeat is not looked at."""
        counts = [sum(counter[each] for each in bins) for counter in self.frequencies.values()]
        return [*counts, 0, 0, counts[-1]]

    def _frequency_lines(self) -> Iterator[str]:
        for number in range(1, AF_BINS):
            row = self._frequency_row([0, 1] if number == 1 else [number])  # singletons are shown with the first bin
            if any(row):
                yield line("AF", f"{100.0 * (number - 1) / (AF_BINS - 1) / 100:.6f}", *row)

    def _quality_lines(self) -> Iterator[str]:
        transitions, transversions, changes = self.qualities.values()
        numbers = sorted(set().union(transitions, transversions, changes))
        qualities = (0.1 * np.array(numbers)).astype(np.float32).tolist()
        for number, quality in zip(numbers, qualities, strict=True):
            ts, tv, indels = transitions.get(number, 0), transversions.get(number, 0), changes.get(number, 0)
            yield f"QUAL\t0\t{quality:.1f}\t{ts + tv}\t{ts}\t{tv}\t{indels}"  # there are thousands

    def _depth_lines(self) -> Iterator[str]:
        sites = self.depths.total()
        for depth, count in sorted(self.depths.items()):
            name = f">{DEEPEST}" if depth > DEEPEST else depth
            yield line("DP", name, 0, f"{0:.6f}", count, f"{count * 100 / sites:.6f}")


def line(tag: str, *values: object) -> str:
    """One line of a section, of the only set there is."""
    return "\t".join(map(str, (tag, 0, *values)))


def ratio(above: int, below: int) -> str:
    """Two decimals; 0 of nothing."""
    return f"{above / below if below else 0:.2f}"


def quality_bin(quality: float) -> int:
    """Where a QUAL is counted: its lower end in tenths of a phred. Single precision, as VCF readers hold it.

    bcftools counts 1 + tenths (0 is for a missing QUAL) and keeps five digits of more than ``EXACT_QUALITIES``.
    """
    value = 1 + int(np.float32(quality) * np.float32(10))
    step = 1 if value <= EXACT_QUALITIES else 10 ** (len(str(value)) - 5)
    return value // step * step - 1


def as_written(qualities: Sequence[float]) -> list[float]:
    """``round(quality, 2)`` of each, which alone takes longer than all else that is counted of most records."""
    hundreds = np.array(qualities, dtype=np.float64) * 100
    written: list[float] = (np.rint(hundreds) / 100).tolist()
    for k in np.flatnonzero(np.abs(hundreds - np.floor(hundreds) - 0.5) < NEAR_HALF).tolist():
        written[k] = round(qualities[k], 2)
    return written


def quality_bins(qualities: Sequence[float]) -> list[int]:
    """``quality_bin`` of each."""
    values = (1 + (np.array(qualities, dtype=np.float32) * np.float32(10)).astype(np.int64)).tolist()
    pairs = zip(values, qualities, strict=True)
    return [value - 1 if value <= EXACT_QUALITIES else quality_bin(quality) for value, quality in pairs]


def is_snv(ref: str, alts: Sequence[str], info: Mapping[str, object]) -> bool:
    """True for one base and another, which most records are, without allele counts."""
    return len(alts) == 1 and ref + alts[0] in SNVS and "AC" not in info


def frequency_bins(alts: Sequence[str], info: Mapping[str, object]) -> list[int]:
    """Bin of each alternate allele's frequency, from AC and AN; without them, and of singletons, 0."""
    counts, total = info.get("AC"), info.get("AN")
    counted: list[int] = [counts] if isinstance(counts, int) else counts if isinstance(counts, list) else []
    if not counted or not isinstance(total, int):
        return [0] * len(alts)
    return [0 if count == 1 else 1 + int(count * (AF_BINS - 2.0) / total) if total else 1 for count in counted]

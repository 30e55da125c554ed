"""gpucall explain: what it says is what ``gpucall call`` writes, and its parts add up to that."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pysam
import pytest

from gpucall import engine, explain
from gpucall.config import Calibration, Filters, Settings
from gpucall.errors import GpucallError, ReferenceMismatch, UsageError
from gpucall.explain import Explanation, text
from gpucall.explain.schema import Haplotype, Option, Record, Window, WindowAllele

from . import fixtures, small_sample, tricky_sample
from .device_like import SeparateMemory
from .fixtures import DUPLICATE, QC_FAIL, SECONDARY, SUPPLEMENTARY, UNMAPPED, Read, mutate


@dataclass(frozen=True)
class Called:
    """A sample and the lines of its VCF by contig and position."""

    reads: Path
    reference: Path
    lines: dict[tuple[str, int], list[str]]
    settings: Settings | None = None

    def explain(self, contig: str, position: int) -> Explanation:
        """The explanation of one site of the sample."""
        where = f"{contig}:{position}"
        return explain.explain(self.reads, self.reference, where, device="cpu", threads=1, settings=self.settings)


def call(folder: Path, reads: Path, reference: Path, settings: Settings | None = None) -> Called:
    """Call a sample, to compare explanations with."""
    result = engine.call(reads, reference, folder / "called", device="cpu", threads=1, settings=settings)
    lines: dict[tuple[str, int], list[str]] = {}
    with pysam.BGZFile(str(result.vcf)) as vcf:
        for line in vcf.read().decode().splitlines():
            if not line.startswith("#"):
                contig, position = line.split("\t")[:2]
                lines.setdefault((contig, int(position)), []).append(line)
    return Called(reads, reference, lines, settings)


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> Called:
    """Long indels, three alleles, clusters, a third haplotype, a deep pile."""
    folder = tmp_path_factory.mktemp("tricky")
    return call(folder, *tricky_sample.write(folder).paths)


@pytest.fixture(scope="module")
def strained(tmp_path_factory: pytest.TempPathFactory) -> Called:
    """The same, with thinning and with a calibration that ends inside the sample."""
    folder = tmp_path_factory.mktemp("strained")
    settings = Settings(filters=Filters(starts_per_bin=40), calibration=Calibration(reads=900))
    return call(folder, *tricky_sample.write(folder).paths, settings)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Called:
    """A small simulated sample."""
    sample = small_sample.make(tmp_path_factory.mktemp("simulated"))
    return call(sample.bam.parent, sample.bam, sample.reference)


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Called:
    """HG002 at 31x."""
    folder = shared_data / "real"
    out = tmp_path_factory.mktemp("real")
    return call(out, folder / "HG002.31x.b37.bam", folder / "b37.chr20.windows.fa.gz")


def check(called: Called, contig: str, position: int) -> Explanation:
    """Explain a site: its records are the VCF's, its parts agree with them, and its text is readable."""
    found = called.explain(contig, position)
    assert [record.line for record in found.records] == called.lines.get((contig, position), [])
    for record in found.records:
        check_record(found, record)
    for window in found.windows:
        check_window(window)
    if not found.records:
        assert any("not called" in reason or "lies inside" in reason for reason in found.verdict)
    check_text(explain.to_text(found))
    assert json.loads(explain.to_json(found)) == json.loads(json.dumps(asdict(found)))
    return found


def check_record(found: Explanation, record: Record) -> None:
    """What filters, genotypes, reads and fragments say adds up to the record."""
    failed = [each.name for each in record.filters if each.failed]
    assert (";".join(failed) or "PASS") == record.line.split("\t")[6]
    for each in record.filters:
        assert each.failed == (each.applies and not any(condition.met for condition in each.conditions)), each
    if found.genotypes:
        qual, counts = by_bases(found, record)
    else:
        qual, counts = by_haplotypes(found, record)
    assert record.qual == pytest.approx(qual, abs=0.006)
    assert counts == {(allele, "+"): n for allele, n, _ in record.counts if n} | {
        (allele, "-"): n for allele, _, n in record.counts if n
    }


Counts = Counter[tuple[str, str]]


def by_bases(found: Explanation, record: Record) -> tuple[float, Counts]:
    """QUAL and AD of a SNV, from the table of genotypes and from the reads that count; PL is checked on the way."""
    alleles = [record.ref, *record.alts]
    options = {frozenset(option.name.split("/")): option for option in found.genotypes}
    names = [[alleles[int(allele)] for allele in genotype.split("/")] for genotype, _ in record.likelihoods]
    costs = [options[frozenset(name)].likelihood for name in names]
    rounded = [int(cost - min(costs) + 0.5) for cost in costs]  # half up, as in the VCF
    assert [value for _, value in record.likelihoods] == rounded
    assert sum(row.counted for row in found.rows) == int(record.info["DP"])
    counts = Counter((row.shows[0], row.strand) for row in found.rows if row.counted and row.shows[0] in alleles)
    return options[frozenset(record.ref)].behind, counts


def by_haplotypes(found: Explanation, record: Record) -> tuple[float, Counts]:
    """QUAL and AD, from the pairs of haplotypes and from the fragments of the site's window."""
    [window] = found.windows
    counts = Counter((each.supports, each.strand) for each in window.fragments if each.supports)
    return min(pair.behind for pair in window.pairs if not has_alleles(window, pair, record)), counts


def has_alleles(window: Window, pair: Option, record: Record) -> bool:
    """Whether one of the pair's haplotypes has an alternate of the record."""
    wanted = {(record.position, change) for change in record_changes(record)}
    bits = {k for k, each in enumerate(window.alleles) if (each.position, each.change) in wanted}
    chosen = [each for each in window.haplotypes if each.name in pair.name.split("/")]
    return any(bits & set(each.alleles) for each in chosen)


def record_changes(record: Record) -> Iterator[str]:
    """The record's alternates without the bases that they share with REF."""
    for alt in record.alts:
        extra = len(alt) - len(record.ref)
        if len(record.ref) == len(alt) == 1 and alt != "*":
            yield f"{record.ref}>{alt}"
        elif alt != "*":
            yield f"+{alt[1 : 1 + extra]}" if extra > 0 else f"-{record.ref[1 : 1 - extra]}"


def check_window(window: Window) -> None:
    """The aligned haplotypes say what the haplotypes are; the best pair is the first, and not behind."""
    aligned = text.align_haplotypes(window)
    assert len({len(row) for row in aligned}) == 1
    for haplotype, row in zip(window.haplotypes, aligned, strict=True):
        bases = "".join(base if shown == "." else shown for base, shown in zip(aligned[0], row, strict=True))
        assert bases.replace("-", "") == haplotype.bases
    assert window.haplotypes[0].bases == window.reference
    assert window.pairs[0].behind == 0
    assert all(min(fragment.costs) == 0 for fragment in window.fragments)


def check_text(shown: str) -> None:
    """Sections in order; nothing wider than a page but the paths of files."""
    head, body = shown.split("VERDICT\n", 1)
    assert head.startswith("SITE ")
    assert max(len(line) for line in body.splitlines()) <= text.WIDTH
    assert "REFERENCE" in body


# -- the same as the VCF ------------------------------------------------------------------------------------------


def test_every_record_of_a_tricky_sample(tricky: Called) -> None:
    kinds = Counter(kind for where in tricky.lines for kind in described(check(tricky, *where)))
    assert kinds.keys() >= {"bases", "window", "several alleles", "third haplotype", "filtered", "passed"}


def described(found: Explanation) -> Iterator[str]:
    """What kinds of site an explanation shows."""
    yield "window" if found.windows else "bases"
    for record in found.records:
        yield "several alleles" if len(record.alts) > 1 else "one allele"
        yield from ("filtered" if each.failed else "passed" for each in record.filters)
        yield from ("third haplotype" for each in record.filters if each.failed and each.name == "ThirdHaplotype")


def test_records_under_thinning_and_a_short_calibration(strained: Called) -> None:
    found = [check(strained, *where) for where in list(strained.lines)[::4]]
    pile = strained.explain("chr1", tricky_sample.PILE + 21)
    assert pile.records
    assert any(row.why.startswith("thinned") for row in pile.rows)
    assert found


def test_records_of_a_simulated_sample(simulated: Called) -> None:
    for where in list(simulated.lines)[::2]:
        check(simulated, *where)


def test_positions_without_records(simulated: Called) -> None:
    """All positions of a stretch: a candidate is a record, or the verdict says why not."""
    for position in range(1400, 1460):
        found = check(simulated, "chr1", position)
        if any(allele.candidate for allele in found.evidence) and not found.records:
            assert any("is a candidate, but" in reason for reason in found.verdict)


def test_real_records(real: Called) -> None:
    lines = [line.split("\t") for each in real.lines.values() for line in each]
    filtered = [int(line[1]) for line in lines if line[6] != "PASS"]
    several = [int(line[1]) for line in lines if "," in line[4]]
    indels = [int(line[1]) for line in lines if len(line[3]) != len(line[4])]
    snvs = [int(line[1]) for line in lines if len(line[3]) == len(line[4]) == 1]
    assert filtered
    for position in {*filtered[:6], *several[:3], *indels[:3], *snvs[::60]}:
        check(real, "20", position)


def test_real_positions_without_records(real: Called) -> None:
    chance = random.Random(1)
    for position in chance.sample(range(10_000_000, 10_100_000), 8):
        check(real, "20", position)


# -- reads that do not count --------------------------------------------------------------------------------------

GENOME = fixtures.sequences({"chr1": 1000})
SITE = 500  # 0-based
WRONG = fixtures.BASES[fixtures.BASES.index(GENOME["chr1"][SITE]) - 1]


def read(name: str, start: int = 460, cigar: str = "100M", base: str = "", **columns: object) -> Read:
    """A read over the site, which shows the reference or another base there."""
    bases = mutate(GENOME["chr1"], {SITE: base}) if base else GENOME["chr1"]
    shown, at = "", start
    for length, kind in fixtures.parse_cigar(cigar):
        shown += bases[at : at + length] if kind == "M" else ""
        at += length
    return Read(name, start, cigar, shown, **columns)  # type: ignore[arg-type]


def overlapping(name: str, bases: tuple[str, str], qualities: tuple[int, int]) -> list[Read]:
    """Mates that both cover the site."""
    one, two = fixtures.pair(name, 0, GENOME["chr1"], 430, 140)
    both = zip((one, two), bases, qualities, strict=True)
    return [
        replace(mate, seq=mutate(mate.seq, {SITE - mate.pos: base}) if base else mate.seq, qual=quality)
        for mate, base, quality in both
    ]


def made(folder: Path, reads: list[Read]) -> Called:
    """A sample of some reads."""
    contigs = {"chr1": len(GENOME["chr1"])}
    bam = fixtures.write_bam(folder / "reads.bam", fixtures.in_file_order(reads), contigs)
    return Called(bam, fixtures.write_fasta(folder / "ref.fa", GENOME), {})


def test_why_reads_do_not_count(tmp_path: Path) -> None:
    ordinary = [read(f"r{k}", 410 + 4 * k) for k in range(20)]
    odd = {
        "duplicate": read("duplicate", flag=DUPLICATE),
        "secondary": read("secondary", flag=SECONDARY),
        "supplementary": read("supplementary", flag=SUPPLEMENTARY),
        "QC fail, duplicate": read("failed", flag=QC_FAIL | DUPLICATE),
        "MAPQ below 20": read("misplaced", mapq=19),
        "base quality below 6": read("weak", qual=5),
        "no known base": read("unknown", base="N"),
        "no sequence": replace(read("silent"), seq="*", qual=()),
        "unmapped": replace(read("lost", SITE), flag=UNMAPPED, cigar="*", mapq=0),
    }
    found = check(made(tmp_path, [*ordinary, *odd.values(), read("gap", 460, "40M2D60M")]), "chr1", SITE + 1)
    said = {row.name: row.why for row in found.rows}
    assert said == {each.name: "" for each in ordinary} | {each.name: why for why, each in odd.items()} | {"gap": ""}
    assert {row.name: row.shows for row in found.rows}["gap"] == "del"
    assert found.depth == 20 + 2  # the weak and the unknown base are depth, too


@pytest.mark.parametrize(
    ("bases", "qualities", "expected"),
    [
        (("", ""), (30, 20), ([30, -1], ["", "its mate's base counts"], "agrees")),
        (("", ""), (20, 30), ([-1, 30], ["its mate's base counts", ""], "agrees")),
        (("", ""), (30, 30), ([30, -1], ["", "its mate's base counts"], "agrees")),
        (("", WRONG), (30, 20), ([10, -1], ["", "its mate's base counts"], "disagrees")),
        (("", WRONG), (30, 30), ([-1, -1], ["its mate differs as surely"] * 2, "disagrees")),
        (("", WRONG), (60, 45), ([-1, -1], ["its mate differs as surely"] * 2, "disagrees")),
        (("", ""), (30, 3), ([30, -1], ["", "base quality below 6"], "agrees")),
    ],
)
def test_overlapping_mates(
    tmp_path: Path, bases: tuple[str, str], qualities: tuple[int, int], expected: tuple[list[int], list[str], str]
) -> None:
    """One of them counts, with what is left of its quality (60 and 45 are cut to the same cap)."""
    used, why, mate = expected
    found = check(made(tmp_path, overlapping("pair", bases, qualities)), "chr1", SITE + 1)
    rows = sorted(found.rows, key=lambda row: row.start)
    assert [row.used for row in rows] == used
    assert [row.why for row in rows] == why
    assert {row.mate for row in rows} == {mate}


# -- why nothing is called ----------------------------------------------------------------------------------------


def reasons(folder: Path, reads: list[Read], position: int = SITE + 1) -> str:
    """The verdict on a site of a sample of some reads."""
    found = check(replace(made(folder, reads), lines={}), "chr1", position)
    return "; ".join(found.verdict)


def test_reference_only(tmp_path: Path) -> None:
    said = reasons(tmp_path, [read(f"r{k}") for k in range(20)])
    assert said == "not called: no read that counts shows anything but the reference"


def test_too_few_reads(tmp_path: Path) -> None:
    said = reasons(tmp_path, [read(f"r{k}") for k in range(19)] + [read("x", base=WRONG)])
    assert "is no candidate: reads 1, needed 2; % of the reads 5, needed 8" in said


def test_too_weak_bases(tmp_path: Path) -> None:
    said = reasons(
        tmp_path, [read(f"r{k}") for k in range(18)] + [read(f"x{k}", base=WRONG, qual=10) for k in range(2)]
    )
    assert said.endswith("is no candidate: sum of qualities 20, needed 30")


def test_reference_more_probable(tmp_path: Path) -> None:
    weak = [read(f"x{k}", base=WRONG, qual=11) for k in range(3)]
    said = reasons(tmp_path, [read(f"r{k}") for k in range(27)] + weak)
    base = GENOME["chr1"][SITE]
    assert f"is a candidate, but {base}/{base} is the most probable genotype" in said


def test_no_read_counts(tmp_path: Path) -> None:
    said = reasons(tmp_path, [read(f"r{k}", mapq=0) for k in range(3)] + [read("d", flag=DUPLICATE)])
    assert said == "not called: none of the 4 reads over the site counts: 3 MAPQ below 20; 1 duplicate"


@pytest.mark.parametrize("position", [1, 100, 1000])
def test_no_reads(tmp_path: Path, position: int) -> None:
    assert reasons(tmp_path, [read("r")], position) == "not called: no read lies over the site"


def test_inside_a_deletion(tricky: Called) -> None:
    found = check(tricky, "chr1", 1031)
    assert found.verdict[0].startswith("the site lies inside")
    assert "called at 1000" in found.verdict[0]


def test_another_haplotype_is_more_probable(real: Called) -> None:
    """Four reads show A>C in one window; other haplotypes explain the reads better."""
    found = check(real, "20", 10_002_493)
    assert "is a candidate, but" in found.verdict[0]
    assert "the most probable pair of haplotypes" in found.verdict[0]


# -- files and devices --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> fixtures.Case:
    """Two contigs with a SNV each."""
    return fixtures.good(tmp_path_factory.mktemp("good"))


def explained(reads: Path, reference: Path, **options: object) -> Explanation:
    """The SNV of the second contig; without the paths."""
    chosen = {"device": "cpu", "threads": 1} | options
    found = explain.explain(reads, reference, "chr2:2,001", **chosen)  # type: ignore[arg-type]
    assert found.records
    return replace(found, reads="", reference="", device="")


def test_cram_threads_and_no_index(good: fixtures.Case, tmp_path: Path) -> None:
    expected = explained(good.reads, good.reference)
    unindexed = shutil.copy(good.reads, tmp_path / "unindexed.bam")
    cram = fixtures.write_cram(tmp_path / "reads.cram", good.reads, good.reference)
    assert explained(Path(unindexed), good.reference) == expected
    assert explained(cram, good.reference) == expected
    assert explained(good.reads, good.reference, threads=2) == expected


def test_a_device_with_memory_of_its_own(good: fixtures.Case) -> None:
    assert explained(good.reads, good.reference, device=SeparateMemory()) == explained(good.reads, good.reference)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("chr1", "expected CONTIG:POSITION"),
        ("chr1:", "expected CONTIG:POSITION"),
        ("chr1:1-2", "expected CONTIG:POSITION"),
        ("chr1:x", "expected CONTIG:POSITION"),
        (":5", "expected CONTIG:POSITION"),
        ("chr9:5", "no contig 'chr9'"),
        ("1:5", "did you mean 'chr1'"),
        ("chr1:0", "positions of chr1 are 1 to 6000"),
        ("chr1:6001", "positions of chr1 are 1 to 6000"),
    ],
)
def test_wrong_sites(good: fixtures.Case, where: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        explain.explain(good.reads, good.reference, where, device="cpu")


def test_another_reference(good: fixtures.Case, tmp_path: Path) -> None:
    other = fixtures.write_fasta(tmp_path / "other.fa", fixtures.sequences({"chr1": 5000, "chr2": 4000}))
    with pytest.raises(ReferenceMismatch):
        explain.explain(good.reads, other, "chr1:5", device="cpu")


def test_missing_reads(good: fixtures.Case, tmp_path: Path) -> None:
    with pytest.raises(GpucallError, match=r"nothing\.bam: cannot be read"):
        explain.explain(tmp_path / "nothing.bam", good.reference, "chr1:5", device="cpu")


# -- text ---------------------------------------------------------------------------------------------------------


def test_haplotypes_are_aligned() -> None:
    alleles = (
        WindowAllele(102, "C>T", 5, 30.0),
        WindowAllele(103, "+GG", 5, 40.0),
        WindowAllele(103, "+G", 5, 40.0),
        WindowAllele(104, "-TT", 5, 40.0),
    )
    bases = {(): "ACGATTCA", (0, 1): "ATGGGATTCA", (2,): "ACGGATTCA", (3,): "ACGACA"}
    haplotypes = tuple(Haplotype(f"H{k}", bits, seq, 0) for k, (bits, seq) in enumerate(bases.items()))
    window = Window(101, 108, 102, 106, bases[()], alleles, haplotypes, (), (), ())
    assert text.align_haplotypes(window) == ["ACG--ATTCA", ".T.GG.....", "...G......", "......--.."]


def test_names_are_cut_in_the_middle() -> None:
    assert text.shorten("short", 9) == "short"
    assert text.shorten("a-long-name-of-a-read:17", 12) == "a-lo..ead:17"

"""Given sites: all of them come back, in order, as they were asked for, and agree with what discovery finds."""

from __future__ import annotations

import gzip
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from gpucall import engine, genotype, pileup
from gpucall.backend import CpuBackend
from gpucall.bench import given as bench_given
from gpucall.config import Batching, Genotyping, Settings
from gpucall.errors import GpucallError
from gpucall.given import bases as given_bases
from gpucall.given.records import Record, View, in_writing, trimmed
from gpucall.given.windows import allele_of
from gpucall.io.alleles import Sites, read_alleles
from gpucall.io.reference import Reference
from gpucall.io.vcf import record

from . import fixtures, tricky_sample
from .alleles_fixtures import Site, write_sites
from .device_like import SeparateMemory, Shuffled
from .stages import call_sample, recorded
from .test_same_bytes import SETTINGS, Outputs, body, call, check_same
from .test_tables import body as records_of
from .test_tables import check_both_ways

Line = list[str]


def lines(outputs: Outputs) -> list[Line]:
    """The records, in columns."""
    return [line.decode().split("\t") for line in outputs["vcf"].splitlines()[1:]]


def is_given(line: Line) -> bool:
    return "GIVEN" in line[7].split(";")


def genotype_of(line: Line) -> str:
    return line[9].split(":")[0]


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("tricky"))


@pytest.fixture(scope="module")
def discovered(tricky: tricky_sample.Files, tmp_path_factory: pytest.TempPathFactory) -> list[Line]:
    """What a run without given sites finds."""
    return lines(call(tmp_path_factory.mktemp("discovered"), *tricky.paths))


def asked_sites(discovered: list[Line]) -> list[Site]:
    """Half of what is found, single bases everywhere, indels and longer changes that are not there, in file order."""
    chance = random.Random(4)
    contigs = tricky_sample.reference()
    sites = {(line[0], int(line[1]), line[3], line[4].replace(",*", "")) for line in discovered[::2]}
    for contig, bases in contigs.items():
        for at in range(3, len(bases) - 130, 37):
            ref = bases[at]
            others = [base for base in "ACGT" if base != ref]
            alts = chance.sample(others, chance.choice([1, 1, 1, 2, 3]))
            kind = chance.randrange(12)
            if kind == 0:
                sites.add((contig, at + 1, bases[at : at + 3], ref))
            elif kind == 1:
                sites.add((contig, at + 1, ref, f"{ref}{chance.choice('ACGT')},{alts[0]}"))
            elif kind == 2:
                sites.add((contig, at + 1, bases[at : at + 2], alts[0] + tricky_sample.other_base(bases[at + 1])))
            elif kind == 3:
                sites.add((contig, at + 1, bases[at : at + 120], ref))
            else:
                sites.add((contig, at + 1, ref, ",".join(alts)))
    order = list(contigs)
    return sorted(sites, key=lambda site: (order.index(site[0]), site[1], site[2], site[3]))


@pytest.fixture(scope="module")
def asked(discovered: list[Line]) -> list[Site]:
    return asked_sites(discovered)


@pytest.fixture(scope="module")
def alleles(asked: list[Site], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sites(tmp_path_factory.mktemp("asked") / "sites.vcf.gz", asked, tricky_sample.CONTIGS)


@pytest.fixture(scope="module")
def expected(
    tricky: tricky_sample.Files, alleles: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Outputs]:
    folder = tmp_path_factory.mktemp("expected")
    return {name: call(folder / name, *tricky.paths, each, alleles=alleles) for name, each in SETTINGS.items()}


# -- what comes back ---------------------------------------------------------------------------------------------------


def test_every_site_comes_back_in_order_as_it_was_asked_for(expected: dict[str, Outputs], asked: list[Site]) -> None:
    found = lines(expected["default"])
    given = [line for line in found if is_given(line)]
    assert [(line[0], int(line[1]), line[3]) for line in given] == [site[:3] for site in asked]
    assert all(f"{line[4]},".startswith(f"{site[3]},") for line, site in zip(given, asked, strict=True))
    assert [line[2] for line in given] == [f"s{k}" for k in range(len(asked))]
    places = [(line[0], int(line[1])) for line in found]
    assert all(a[0] != b[0] or a[1] <= b[1] for a, b in pairwise(places))


def test_all_kinds_of_answers_are_there(expected: dict[str, Outputs]) -> None:
    """The comparisons below say nothing of what the sample does not show."""
    given = [line for line in lines(expected["default"]) if is_given(line)]
    kinds = {(genotype_of(line).replace("|", "/"), line[6]) for line in given}
    assert {("0/0", "PASS"), ("0/1", "PASS"), ("1/1", "PASS"), ("./.", "TooLong")} <= kinds
    assert any(line[6] == "ThirdHaplotype" for line in given)
    assert any(genotype_of(line) == "0/0" and len(line[3]) > 1 for line in given)
    assert any(line[4].endswith(",*") for line in given)


def test_discovery_is_what_it_is_without(expected: dict[str, Outputs], discovered: list[Line]) -> None:
    """A call stays as it is, or is in the given record at its place, with its genotype, depths and likelihoods."""
    found = lines(expected["default"])
    others = [line for line in found if not is_given(line)]
    taken = [line for line in discovered if line not in others]
    assert [line for line in others if line not in discovered] == []
    given: dict[tuple[str, str], list[Line]] = {}
    for line in filter(is_given, found):
        given.setdefault((line[0], line[1]), []).append(line)
    same = 0
    for line in taken:
        at = given[line[0], line[1]]
        exact = [each for each in at if each[3:5] == line[3:5]]
        assert all(each[5:7] == line[5:7] and each[8:] == line[8:] for each in exact)
        assert all(each[7] == f"GIVEN;{line[7]}" for each in exact)
        assert exact or any(called_bases(each) == called_bases(line) for each in at)
        same += bool(exact)
    assert same > 15


def called_bases(line: Line) -> set[tuple[int, str, str]]:
    """The changes that a record's genotype has."""
    alleles = line[4].split(",")
    numbers = {int(number) for number in genotype_of(line).replace("|", "/").split("/")} - {0}
    changes = (trimmed(int(line[1]), line[3], alleles[number - 1]) for number in numbers if alleles[number - 1] != "*")
    return {(at, deleted, inserted.decode()) for at, deleted, inserted in changes}


def test_an_answer_does_not_depend_on_what_else_is_asked(
    tmp_path: Path, tricky: tricky_sample.Files, asked: list[Site], expected: dict[str, Outputs]
) -> None:
    given = [line for line in lines(expected["default"]) if is_given(line)]
    for start in (0, 1):
        some = write_sites(tmp_path / "some.vcf", asked[start::2], tricky_sample.CONTIGS)
        found = [line for line in lines(call(tmp_path / str(start), *tricky.paths, alleles=some)) if is_given(line)]
        assert [line[:2] + line[3:] for line in found] == [line[:2] + line[3:] for line in given[start::2]]


# -- the same bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize(
    "batching", [Batching(batch_bytes=20_000, tile_span=700), Batching(tile_span=97)], ids=["small", "tiny tiles"]
)
def test_however_the_stream_is_cut(
    tmp_path: Path,
    tricky: tricky_sample.Files,
    alleles: Path,
    expected: dict[str, Outputs],
    name: str,
    batching: Batching,
) -> None:
    settings = SETTINGS[name]._replace(batching=batching)
    check_same(call(tmp_path, *tricky.paths, settings, alleles=alleles, threads=2), expected[name])


def test_however_many_sites_are_weighed_at_once(
    tmp_path: Path, tricky: tricky_sample.Files, alleles: Path, expected: dict[str, Outputs]
) -> None:
    settings = Settings()._replace(given=Settings().given._replace(sites_at_once=7))
    check_same(call(tmp_path, *tricky.paths, settings, alleles=alleles), expected["default"])


def test_memory_that_the_host_does_not_see(
    tmp_path: Path, tricky: tricky_sample.Files, alleles: Path, expected: dict[str, Outputs]
) -> None:
    check_same(call(tmp_path, *tricky.paths, alleles=alleles, device=SeparateMemory()), expected["default"])


def test_threads_in_random_order(tmp_path: Path, alleles: Path) -> None:
    """The CUDA loops, one thread after the other in an order that no card has."""
    reads = [read for read in tricky_sample.reads(depth=8, pile=0) if read.tid == 0 and 2250 < read.pos < 2700]
    files = tricky_sample.write(tmp_path / "few", reads)
    regions = ["chr1:2300-2700"]
    wanted = call(tmp_path / "cpu", *files.paths, alleles=alleles, regions=regions)
    assert sum(map(is_given, lines(wanted))) > 10
    check_same(call(tmp_path / "gpu", *files.paths, alleles=alleles, regions=regions, device=Shuffled()), wanted)


@pytest.mark.parametrize("name", ["sites.vcf", "sites.gz", "sites.bcf"])
def test_in_whatever_format_they_are_given(
    tmp_path: Path, tricky: tricky_sample.Files, asked: list[Site], expected: dict[str, Outputs], name: str
) -> None:
    path = write_sites(tmp_path / name, asked, tricky_sample.CONTIGS)
    check_same(call(tmp_path / "out", *tricky.paths, alleles=path), expected["default"])


def test_as_a_table_and_in_regions(tmp_path: Path, tricky: tricky_sample.Files, alleles: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "threads": 1, "alleles": alleles, "regions": ["chr1:990-2100"]}
    files = engine.call(*tricky.paths, tmp_path, parquet=True, **options).files
    check_both_ways(files)
    at = [int(line.split("\t")[1]) for line in records_of(files["vcf"]) if "GIVEN" in line]
    assert len(at) > 20
    assert 990 <= min(at) < max(at) <= 2100


def test_bcftools_counts_what_we_count(tmp_path: Path, tricky: tricky_sample.Files, alleles: Path, peer: Any) -> None:
    files = engine.call(*tricky.paths, tmp_path, device="cpu", threads=1, alleles=alleles).files
    import subprocess

    said = subprocess.run([peer("bcftools"), "stats", str(files["vcf"])], capture_output=True, text=True, check=True)
    assert not said.stderr

    def numbers(text: str) -> list[str]:
        return [line for line in text.splitlines() if not line.startswith(("#", "ID", "IDD"))]

    assert numbers(files["vcfstats"].read_text()) == numbers(said.stdout)


# -- single answers ----------------------------------------------------------------------------------------------------


def ask(tmp_path: Path, files: Any, sites: list[Site], contigs: dict[str, int], **options: Any) -> list[Line]:
    path = write_sites(tmp_path / "ask.vcf", sites, contigs)
    vcf = engine.call(*files, tmp_path / "out", device="cpu", threads=1, alleles=path, **options).files["vcf"]
    return [line for line in lines({"vcf": body(vcf)}) if is_given(line)]


def test_two_bases_that_change_together_and_indels_written_otherwise(
    tmp_path: Path, tricky: tricky_sample.Files, discovered: list[Line]
) -> None:
    bases = tricky_sample.reference()["chr1"]
    repeat = tricky_sample.HOMOPOLYMER
    snvs = [line for line in discovered if line[1] in ("2601", "2605")]
    assert [line[3:5] for line in snvs] == [[line[3], line[4][0]] for line in snvs]
    both = bases[2600:2605], snvs[0][4] + bases[2601:2604] + snvs[1][4]
    right = repeat + 12  # one A less, as its last one
    found = ask(
        tmp_path,
        tricky.paths,
        [
            ("chr1", 1001 - 4, bases[996 : 1000 + 64], bases[996:1000] + bases[1060:1064]),
            ("chr1", right, bases[right - 1 : right + 1], bases[right]),
            ("chr1", 2601, *both),
        ],
        tricky_sample.CONTIGS,
    )
    assert [(genotype_of(line), line[6]) for line in found] == [("0/1", "PASS")] * 3


def test_small_letters_are_kept(tmp_path: Path, tricky: tricky_sample.Files, discovered: list[Line]) -> None:
    line = next(line for line in discovered if genotype_of(line) == "1/1" and len(line[3]) == len(line[4]) == 1)
    site = line[0], int(line[1]), line[3].lower(), line[4].lower()
    [found] = ask(tmp_path, tricky.paths, [site], tricky_sample.CONTIGS)
    assert found[3:5] == list(site[2:])
    assert found[9] == line[9]


def test_sites_without_reads_and_on_unknown_bases(tmp_path: Path) -> None:
    """Between tiles, before and after all reads, on a contig without reads, in a run of N."""
    bases = fixtures.sequences({"chr1": 9000, "chr2": 3000, "chr3": 500})
    chr1 = bases["chr1"][:1500] + "N" * 20 + bases["chr1"][1520:]
    contigs = bases | {"chr1": chr1}
    reads = [
        fixtures.Read(f"r{k}", at, "100M", chr1[at : at + 100].replace("N", "A"))
        for k, at in enumerate([*range(1300, 1700, 5), *range(6000, 6100, 5)])
    ]
    bam = fixtures.write_bam(tmp_path / "reads.bam", reads, {name: len(each) for name, each in contigs.items()})
    fasta = fixtures.write_fasta(tmp_path / "ref.fa", contigs)
    places = [("chr1", 10), ("chr1", 1450), ("chr1", 1510), ("chr1", 4000), ("chr1", 6050), ("chr1", 8999)]
    sites = [
        (contig, at, ref, tricky_sample.other_base(ref) if ref != "N" else "A")
        for contig, at in [*places, ("chr2", 5), ("chr3", 500)]
        for ref in [contigs[contig][at - 1]]
    ]
    sites.insert(4, ("chr1", 4001, chr1[4000:4003], chr1[4000]))
    found = ask(tmp_path, (bam, fasta), sites, {name: len(each) for name, each in contigs.items()})
    answers = [(line[0], int(line[1]), genotype_of(line), line[6]) for line in found]
    assert answers == [
        ("chr1", 10, "./.", "NoCoverage"),
        ("chr1", 1450, "0/0", "PASS"),
        ("chr1", 1510, "./.", "NotCallable"),
        ("chr1", 4000, "./.", "NoCoverage"),
        ("chr1", 4001, "./.", "NoCoverage"),
        ("chr1", 6050, "0/0", "PASS"),
        ("chr1", 8999, "./.", "NoCoverage"),
        ("chr2", 5, "./.", "NoCoverage"),
        ("chr3", 500, "./.", "NoCoverage"),
    ]


@pytest.mark.parametrize(("sex", "y"), [("XX", (".", "NoCopies")), ("XY", ("0", "PASS"))])
def test_numbers_of_copies(tmp_path: Path, tricky: tricky_sample.Files, sex: str, y: tuple[str, str]) -> None:
    """Stretches of the sample taken for X, Y, the part of Y that X has, too, and MT."""
    bed = tmp_path / "copies.bed"
    bed.write_text("chr1\t0\t1000\tX\nchr1\t2700\t2900\tY\nchr1\t3100\t3200\tPAR_Y\nchr2\t0\t3500\tMT\n")
    contigs = tricky_sample.reference()
    places = [("chr1", 451), ("chr1", 2751), ("chr1", 3151), ("chr1", 3301), ("chr2", 2701)]
    sites = [
        (contig, at, ref, tricky_sample.other_base(ref, 2))
        for contig, at in places
        for ref in [contigs[contig][at - 1]]
    ]
    found = ask(tmp_path, tricky.paths, sites, tricky_sample.CONTIGS, sex=sex, ploidy_regions=bed)
    answers = [(genotype_of(line), line[6]) for line in found]
    x = ("0/0" if sex == "XX" else "0", "PASS")
    assert answers == [x, y, (".", "NoCopies"), ("0/0", "PASS"), ("0", "PASS")]
    assert len(found[-1][9].split(":")[4].split(",")) == 2


def test_real_truth_given_to_real_reads(tmp_path: Path, shared_data: Path) -> None:
    """GIAB's records of the region, of whatever alleles: all come back, discovery agrees."""
    real = shared_data / "real"
    reads, reference = real / "HG002.31x.b37.bam", real / "b37.chr20.windows.fa.gz"
    truth = next(real.glob("HG002.truth.b37*.vcf.gz"))
    regions = ["20:10000001-10100000"]
    with pysam.VariantFile(str(truth)) as records:
        wanted = [
            (each.pos, each.ref, ",".join(each.alts or ()))
            for each in records
            if each.chrom == "20" and 10_000_000 < each.pos <= 10_100_000
        ]
    assert len(wanted) > 200
    without = {
        tuple(line[1:2] + line[3:5]): line for line in lines(call(tmp_path / "a", reads, reference, regions=regions))
    }
    given = [
        line for line in lines(call(tmp_path / "b", reads, reference, regions=regions, alleles=truth)) if is_given(line)
    ]
    assert [(int(line[1]), line[3]) for line in given] == [site[:2] for site in wanted]
    both = [(line, without[key]) for line in given if (key := tuple(line[1:2] + line[3:5])) in without]
    assert len(both) > 190
    assert all(genotype_of(line) == genotype_of(other) for line, other in both)


# -- parts -------------------------------------------------------------------------------------------------------------


def test_lines_of_plain_sites_are_those_of_calls(tmp_path: Path) -> None:
    """The text that is made without a call of each site equals the record of one."""
    with recorded(pileup, "gather_sites") as seen:
        call_sample(tmp_path)
    checked = 0
    for reads, _, _ in seen[-3:]:
        chance = random.Random(1)
        position = np.array(sorted(chance.sample(range(reads.tile.start, reads.tile.stop), 60)), dtype=np.int64)
        letters = reads.bases[position - reads.origin].tobytes().decode()
        ref = np.array([fixtures.BASES.index(letter) for letter in letters], dtype=np.int8)
        alts = np.array(
            [[(base + 1) % 4, (base + 3) % 4 if k % 3 else -1, -1] for k, base in enumerate(ref)], dtype=np.int8
        )
        texts = [
            f"n{k}\t{letter}\t{','.join(fixtures.BASES[alt] for alt in row if alt >= 0)}"
            for k, (letter, row) in enumerate(zip(letters, alts.tolist(), strict=True))
        ]
        sites = Sites(position, position + 1, texts, ref, alts)
        rows = np.arange(len(position))
        view = View(reads, [], None, [])  # type: ignore[arg-type]
        for ploidy in (1, 2):
            answers = given_bases.weigh_bases(view, "chr1", sites, rows, ploidy, [], Settings())
            for answer in answers:
                if answer.call is None and "PASS" in answer.text:
                    assert answer.text == plain_record(reads, sites, answer.row, ploidy)
                    checked += 1
    assert checked > 200


def plain_record(reads: Any, sites: Sites, row: int, ploidy: int) -> str:
    """The record of a site by way of a call."""
    some = pileup.gather_sites(reads, sites.position[[row]])
    costs = genotype.genotype_costs(some, ploidy)
    posterior = costs + genotype.base_priors(Genotyping(), ploidy)[sites.ref[[row]]]
    genotypes = genotype.BASE_GENOTYPES[ploidy]
    best = genotypes.index((int(sites.ref[row]),) * ploidy)
    columns = (costs[0], posterior[0], np.full(3, np.nan), some.position[0])
    rest = (some.count[0], some.mapq[0], some.edge[0])
    values = [column.tolist() for column in (*columns, *rest)]
    asked = [base for base in sites.alts[row].tolist() if base >= 0]
    made = genotype.snv_call(genotypes, int(sites.ref[row]), best, 0, *values, asked=asked)
    order = genotype.genotype_order(len(asked) + 1, ploidy)
    own, *others = (made.likelihoods[k] for k in range(len(order)))
    made.gq = max(min(others) - own, 0) // 64
    made.info = {"GIVEN": True, "DP": made.depth}
    made.name = f"n{row}"
    return record("chr1", made)


@pytest.mark.parametrize(
    ("ref", "alt", "expected"),
    [
        ("A", "C", (10, 1, b"C")),
        ("CAT", "CAG", (12, 1, b"G")),
        ("CA", "C", (11, 1, b"")),
        ("CAA", "CA", (11, 1, b"")),
        ("C", "CTT", (11, 0, b"TT")),
        ("ACGT", "TCGA", (10, 4, b"TCGA")),
        ("TA", "A", (10, 1, b"")),
    ],
)
def test_trimmed(ref: str, alt: str, expected: tuple[int, int, bytes]) -> None:
    assert trimmed(10, ref, alt) == expected


def test_indels_are_left_aligned_as_the_pileup_does(tmp_path: Path) -> None:
    class Reads:
        origin = 100
        bases = np.frombuffer(b"GGCATATATACC", dtype=np.uint8)

    reads: Any = Reads()
    assert allele_of(reads, 106, "ATA", "A", 1)[:3] == (103, 2, b"")
    assert allele_of(reads, 109, "A", "ATA", 1)[:3] == (103, 0, b"AT")
    assert allele_of(reads, 100, "GG", "G", 1)[:3] == (100, 1, b"")
    assert allele_of(reads, 104, "TAT", "GAG", 1)[:3] == (104, 3, b"GAG")


def test_alternates_in_another_order_than_discovered() -> None:
    made = genotype.Call(
        position=9,
        ref="A",
        alts=("C", "G", "*"),
        genotype=(2, 1),
        strands=[(0, 1), (2, 3), (4, 5), (6, 7)],
        likelihoods=list(range(10)),
        qual=50.0,
        gq=9,
        mapq=60.0,
        edge=5.0,
        depth=28,
        phase_set=3,
        info={"DP": 28, "AS_QD": [1.0, 2.0, 3.0]},
    )
    sites = Sites(
        np.array([9]), np.array([10]), ["rs1\tA\tG,C"], np.array([0], np.int8), np.array([[2, 1, -1]], np.int8)
    )
    moved = in_writing(made, Record(sites, 0))
    assert (moved.alts, moved.genotype, moved.name) == (("G", "C", "*"), (1, 2), "rs1")
    assert moved.strands == [(0, 1), (4, 5), (2, 3), (6, 7)]
    # 00 01 11 02 12 22 03 13 23 33, the first and the second alternate changed
    assert moved.likelihoods == [0, 3, 5, 1, 4, 2, 6, 8, 7, 9]
    assert moved.info == {"GIVEN": True, "DP": 28, "AS_QD": [2.0, 1.0, 3.0]}


def test_reading_sites(tmp_path: Path) -> None:
    bases = fixtures.sequences()
    fasta = fixtures.write_fasta(tmp_path / "ref.fa", bases)
    one, two = bases["chr1"], bases["chr2"]
    other = tricky_sample.other_base
    rows = [
        ("chr2", 1, two[0], other(two[0])),
        ("chr2", 4000, two[3999], f"{other(two[3999])},{other(two[3999], 2)}"),
        ("chr1", 5, one[4:7], one[4]),
    ]
    with Reference(fasta) as reference:
        sites = read_alleles(write_sites(tmp_path / "sites.bcf", rows), reference)
    assert list(sites) == ["chr2", "chr1"]
    assert sites["chr2"].position.tolist() == [0, 3999]
    assert sites["chr2"].stop.tolist() == [1, 4000]
    code = fixtures.BASES.index(two[3999])
    assert sites["chr2"].alts[1].tolist() == [(code + 1) % 4, (code + 2) % 4, -1]
    assert sites["chr1"].ref.tolist() == [-1]
    assert sites["chr1"].text == [f"s2\t{one[4:7]}\t{one[4]}"]
    assert sites["chr2"].range(0, 3999) == (0, 1)


def test_the_header_says_what_the_reasons_mean(tmp_path: Path, tricky: tricky_sample.Files, alleles: Path) -> None:
    files = engine.call(*tricky.paths, tmp_path, device=CpuBackend(), threads=1, alleles=alleles).files
    with gzip.open(files["vcf"], "rt") as text:
        header = [line for line in text if line.startswith("##")]
    assert any(line.startswith("##INFO=<ID=GIVEN,Number=0,Type=Flag") for line in header)
    assert any(line.startswith("##FILTER=<ID=TooLong") and "100 bp" in line for line in header)
    assert body(files["vcf"])


def test_the_bench_sees_what_is_amiss(tmp_path: Path, tricky: tricky_sample.Files, discovered: list[Line]) -> None:
    """``bench.given`` prints no time where a site is missing, or a genotype is another one than discovery's."""
    snvs = [line for line in discovered if line[0] == "chr1" and len(line[3]) == len(line[4]) == 1][:4]
    sites = write_sites(
        tmp_path / "sites.vcf", [(line[0], int(line[1]), line[3], line[4]) for line in snvs], tricky_sample.CONTIGS
    )
    files = [
        engine.call(*tricky.paths, tmp_path / name, device="cpu", threads=1, **more).files["vcf"]
        for name, more in (("without", {}), ("with", {"alleles": sites}))
    ]
    counts = bench_given.check(sites, *files)
    assert counts["asked"] == counts["came back"] == 4
    with gzip.open(files[1], "rt") as text:
        content = text.read()
    at = f"\t{snvs[1][1]}\t"
    rows = content.splitlines(keepends=True)
    wrong = f"\t{snvs[1][9]}", "\t0/0:1,0:1:9:0,9,9"
    damaged = {
        "not those of": [row for row in rows if at not in row],
        "without given sites": [row.replace(*wrong) if at in row else row for row in rows],
        "was lost": [row for row in rows if "GIVEN" in row or row.startswith("#")],
    }
    for words, lines_ in damaged.items():
        (tmp_path / "damaged.vcf").write_text("".join(lines_))
        with pytest.raises(GpucallError, match=words):
            bench_given.check(sites, files[0], tmp_path / "damaged.vcf")


def test_the_bench_draws_sites_of_the_truth_and_others(tmp_path: Path, tricky: tricky_sample.Files) -> None:
    bases = tricky_sample.reference()["chr1"]
    truth = [("chr1", at, bases[at - 1], tricky_sample.other_base(bases[at - 1])) for at in range(500, 4000, 100)]
    path = write_sites(tmp_path / "truth.vcf.gz", truth, tricky_sample.CONTIGS)
    bench_given.draw_sites(path, tricky.reference, 100, 1, tmp_path / "sites.vcf")
    with Reference(tricky.reference) as reference:
        sites = read_alleles(tmp_path / "sites.vcf", reference)["chr1"]
    assert len(sites.position) == 100
    drawn = {(int(at) + 1, *text.split("\t")[1:]) for at, text in zip(sites.position, sites.text, strict=True)}
    assert 20 <= len(drawn & {site[1:] for site in truth}) < 25

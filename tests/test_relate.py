"""``gpucall relate``: families as their pedigree says, PLINK's KING-robust kinship, swaps, and what cannot be used."""

from __future__ import annotations

import gzip
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gpucall import cli, quality
from gpucall.bench import families
from gpucall.bench.families import Families, Genotypes
from gpucall.cohort.pedigree import read_ped
from gpucall.cohort.relate import Related, relate
from gpucall.config import Relating, SiteLists
from gpucall.errors import InputError
from gpucall.qc import sketch

SITES = 17_000
Rows = list[dict[str, str]]


def table(path: Path) -> Rows:
    """The lines of a file with a header."""
    head, *lines = [line.split("\t") for line in path.read_text().splitlines()]
    return [dict(zip(head, line, strict=True)) for line in lines]


class Simulated:
    """Two families and three strangers, with sketches of 30x and a PED."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.people = Families()
        families.nuclear(self.people, "N")
        families.three_generations(self.people, "T")
        families.unrelated(self.people, 3)
        frequencies = np.random.default_rng(1).uniform(0.2, 0.5, SITES)
        self.genotypes: Genotypes = families.draw_genotypes(self.people, frequencies, 2)
        self.sketches = families.write_sketches(folder, self.people, self.genotypes, 30, 3)
        self.ped = folder / "families.ped"
        self.ped.write_text(self.people.ped())


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    return Simulated(tmp_path_factory.mktemp("families"))


@pytest.fixture(scope="module")
def related(simulated: Simulated) -> Related:
    return relate(simulated.sketches, simulated.folder / "out", ped=simulated.ped, device="cpu", threads=1)


def test_kinship_is_the_pedigrees(simulated: Simulated, related: Related) -> None:
    pedigree = read_ped(simulated.ped)
    pairs = table(related.files["pairs"])
    people = len(simulated.people.names)
    assert len(pairs) == people * (people - 1) // 2
    seen = set()
    for row in pairs:
        expected = pedigree.kinship(row["#sample_a"], row["sample_b"])
        assert expected is not None
        # The standard error for two strangers at 17,000 sites is 0.007, and there are many such pairs.
        assert float(row["kinship"]) == pytest.approx(expected, abs=0.02 if expected else 0.03)
        assert float(row["expected_relatedness"]) == 2 * expected
        seen.add(expected)
    assert seen == {0, 0.0625, 0.125, 0.25}
    assert related.problems == []
    sexes = {row["sample_id"]: (row["sex"], row["original_pedigree_sex"]) for row in table(related.files["samples"])}
    assert sexes["N_father"] == ("1", "male")
    assert sexes["N_mother"] == ("2", "female")


def called(simulated: Simulated) -> Genotypes:
    """The genotypes that the sketches show, -1: none."""
    found = []
    for path in simulated.sketches:
        each = sketch.read(path)
        ref, alt = each.ref.astype(float), each.alt.astype(float)
        share, deep = alt / np.maximum(ref + alt, 1), ref + alt >= 7
        copies = np.select([share <= 0.04, share >= 0.96, (share >= 0.2) & (share <= 0.8)], [0, 2, 1], -1)
        found.append(np.where(deep, copies, -1))
    return np.array(found, dtype=np.int8)


@pytest.fixture(scope="module")
def vcf(simulated: Simulated) -> Path:
    path = simulated.folder / "genotypes.vcf"
    families.write_vcf(path, simulated.people.names, called(simulated))
    return path


def test_kinship_is_plinks(simulated: Simulated, related: Related, vcf: Path, peer: Callable[[str], str]) -> None:
    """plink2 --make-king-table: KING-robust on the same genotypes. (Debian's package "king" is another program.)"""
    command = [peer("plink2"), "--vcf", str(vcf), "--make-king-table", "--out", str(vcf.with_suffix(""))]
    subprocess.run(command, check=True, capture_output=True)
    theirs = {frozenset((row["#IID1"], row["IID2"])): float(row["KINSHIP"]) for row in table(vcf.with_suffix(".kin0"))}
    check_kinship(related, theirs)


def check_kinship(related: Related, theirs: dict[frozenset[str], float]) -> None:
    """All pairs, within 0.01; in fact only the last digit printed differs."""
    pairs = table(related.files["pairs"])
    assert len(theirs) == len(pairs)
    for row in pairs:
        assert float(row["kinship"]) == pytest.approx(
            theirs[frozenset((row["#sample_a"], row["sample_b"]))], abs=0.0002
        )


def test_a_large_cohort_gets_its_related_pairs_only(simulated: Simulated, tmp_path: Path, related: Related) -> None:
    """The screen leaves none out."""
    settings = Relating(most_pairs=10, tile=5)
    found = relate(simulated.sketches, tmp_path, device="cpu", threads=2, settings=settings)
    everyone = table(related.files["pairs"])
    expected = [row["kinship"] for row in everyone if float(row["kinship"]) >= settings.min_kinship]
    assert [row["kinship"] for row in table(found.files["pairs"])] == expected
    assert len(expected) < len(everyone) / 2
    with_ped = relate(simulated.sketches, tmp_path, ped=simulated.ped, min_kinship=0.3, device="cpu", threads=1)
    assert {row["expected_relatedness"] for row in table(with_ped.files["pairs"])} == {"0.1250", "0.2500", "0.5000"}


def renamed(simulated: Simulated, folder: Path, names: dict[str, str]) -> list[Path]:
    """The sketches with some samples' names changed."""
    paths = []
    for path in simulated.sketches:
        each = sketch.read(path)
        paths.append(folder / path.name)
        sketch.write(paths[-1], each._replace(sample=names.get(each.sample, each.sample)))
    return paths


def test_a_swap_is_found(simulated: Simulated, tmp_path: Path) -> None:
    names = {"N_child1": "T_sons_child2", "T_sons_child2": "N_child1"}
    found = relate(renamed(simulated, tmp_path, names), tmp_path, ped=simulated.ped, device="cpu", threads=1)
    swaps = [problem.samples for problem in found.problems if problem.kind == "swap"]
    assert [set(pair) for pair in swaps] == [set(names)]
    sexes = [problem.samples for problem in found.problems if problem.kind == "sex"]
    assert {name for (name,) in sexes} == set(names)
    assert {row["#problem"] for row in table(found.files["problems"])} == {
        *("swap", "sex", "missing relation", "unexpected relation")
    }


def test_a_duplicate_is_found_without_a_pedigree(simulated: Simulated, tmp_path: Path) -> None:
    again = tmp_path / "again.sketch"
    sketch.write(again, sketch.read(simulated.sketches[0])._replace(sample="again"))
    found = relate([*simulated.sketches, again], tmp_path / "out", device="cpu", threads=1)
    [problem] = found.problems
    assert (problem.kind, set(problem.samples)) == ("duplicate", {"again", simulated.people.names[0]})


TRIO = {"HG001": "child", "NA12891": "father", "NA12892": "mother"}


def test_the_real_trio(shared_data: Path, tmp_path: Path) -> None:
    """10 kb of three people, too little for kinship: but parent and child share an allele at every site."""
    real = shared_data / "real"
    sites = tmp_path / "sites.vcf"
    lines = gzip.decompress((real / "NA12878.gatk.b37.g.vcf.gz").read_bytes()).decode().splitlines()
    rows = [line.replace(",<NON_REF>", "").split("\t") for line in lines if not line.startswith("#")]
    snvs = [row for row in rows if len(row[3]) == len(row[4]) == 1 and 10_000_000 <= int(row[1]) <= 10_010_000]
    sites.write_text("##fileformat=VCFv4.2\n" + "".join("\t".join(row) + "\n" for row in snvs))
    sketches = []
    for name in TRIO:
        result = quality.measure(
            real / f"trio.{name}.b37.bam",
            real / "b37.chr20.windows.fa.gz",
            tmp_path / "qc",
            device="cpu",
            threads=1,
            sample=name,
            sites=SiteLists(sketch_sites=str(sites)),
        )
        sketches.append(result.files["sketch"])
    found = relate(sketches, tmp_path, device="cpu", threads=1)
    pairs = {(row["#sample_a"], row["sample_b"]): row for row in table(found.files["pairs"])}
    for parent in ("NA12891", "NA12892"):
        row = pairs["HG001", parent]
        assert int(row["ibs0"]) == 0
        assert int(row["n"]) >= 0.8 * len(snvs) > 8


# -- what cannot be used, through the command line ---------------------------------------------------------------------

PED = "F\tN_father\t0\t0\t1\t-9\nF\tN_mother\t0\t0\t2\t-9\nF\tN_child1\tN_father\tN_mother\t1\t-9\n"


def damaged(path: Path, out: Path) -> Path:
    """A sketch with one byte changed."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    out.write_bytes(data)
    return out


def changed(path: Path, out: Path, **fields: object) -> Path:
    """A sketch with other contents."""
    sketch.write(out, sketch.read(path)._replace(**fields))  # type: ignore[arg-type]
    return out


def test_bad_input_is_one_line(simulated: Simulated, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def refused(code: int, said: str, *arguments: Path, ped: str | None = None) -> None:
        options = []
        if ped is not None:
            (tmp_path / "x.ped").write_text(ped)
            options = ["--ped", str(tmp_path / "x.ped")]
        command = ["relate", "--device", "cpu", "-o", str(tmp_path / "out"), *options, *map(str, arguments)]
        assert cli.main(command) == code
        [line] = capfd.readouterr().err.splitlines()[-1:]
        assert line.startswith("gpucall: error: ")
        assert said in line
        assert not (tmp_path / "out").exists()

    one, two, three = simulated.sketches[:3]
    zero = np.zeros(SITES, dtype=np.uint16)
    refused(10, "(a cycle)", one, two, three, ped=PED.replace("N_father\t0", "N_father\tN_child1"))
    refused(10, "'N_uncle' is unknown", one, two, three, ped=PED + "F\tN_uncle\t0\t0\t1\t-9\n")
    refused(
        10,
        "'N_ghost', a parent of 'N_child1', is unknown",
        one,
        two,
        three,
        ped=PED.replace("1\tN_f", "1\tN_g").replace("N_gather", "N_ghost"),
    )
    refused(10, "is there twice", one, two, three, ped=PED + PED)
    refused(10, "line 1 has 3 columns", one, two, three, ped="F N_father 0\n")
    refused(10, "checksum is wrong", one, damaged(two, tmp_path / "damaged.sketch"))
    refused(
        10, "make all sketches with one list of sites", one, changed(two, tmp_path / "other.sketch", digest="other")
    )
    refused(10, "no site of the sketch is covered", one, changed(two, tmp_path / "zero.sketch", ref=zero, alt=zero))
    refused(10, "is in", one, changed(two, tmp_path / "same.sketch", sample=simulated.people.names[0]))
    refused(10, "is no sketch", one, simulated.ped)
    refused(10, "cannot be read", one, tmp_path / "absent.sketch")
    refused(2, "at least two", one)


def test_a_sketch_is_read_as_it_was_written(simulated: Simulated, tmp_path: Path) -> None:
    one = sketch.read(simulated.sketches[0])
    sketch.write(tmp_path / "copy", one)
    assert (tmp_path / "copy").read_bytes() == simulated.sketches[0].read_bytes()
    later = (tmp_path / "copy").read_bytes().replace(b"gpucall-sketch 1", b"gpucall-sketch 2")
    (tmp_path / "later").write_bytes(later)
    with pytest.raises(InputError, match="'gpucall-sketch 2'; this version reads 'gpucall-sketch 1'"):
        sketch.read(tmp_path / "later")

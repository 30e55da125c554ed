"""gvcf_output: the gVCF of a run. Regions, ploidies that wait for the sex, options, and what is not covered."""

from __future__ import annotations

import gzip
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall import engine
from gpucall.config import Batching, Gvcf, Settings
from gpucall.errors import UsageError

from . import tricky_sample

Line = tuple[str, int, int, str, str]  # contig, start, stop, ALT, sample


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("tricky"), tricky_sample.reads(depth=14, pile=60))


def call(out: Path, sample: tricky_sample.Files, **options: Any) -> list[Line]:
    """What each record of the gVCF covers, and what it says."""
    chosen = {"device": "cpu", "threads": 1, "gvcf": Gvcf()} | options
    return lines(engine.call(*sample.paths, out, **chosen).files["gvcf"])


def lines(path: Path) -> list[Line]:
    found = []
    with gzip.open(path, "rt") as text:
        for line in text:
            if not line.startswith("#"):
                contig, pos, _, ref, alt, _, _, info, _, sample = line.rstrip("\n").split("\t")
                stop = int(info.removeprefix("END=")) if info.startswith("END=") else int(pos) - 1 + len(ref)
                found.append((contig, int(pos) - 1, stop, alt, sample))
    return found


def check_cover(found: list[Line], wanted: dict[str, list[tuple[int, int]]]) -> None:
    """Each wanted position is in exactly one record, and blocks cover nothing else."""
    seen: dict[tuple[str, int], int] = {}
    for contig, start, stop, _, _ in found:
        for position in range(start, stop):
            seen[contig, position] = seen.get((contig, position), 0) + 1
    inside = {(contig, at) for contig, spans in wanted.items() for low, high in spans for at in range(low, high)}
    assert set(seen.values()) == {1}
    assert inside <= set(seen)
    for contig, start, stop, alt, _ in found:
        if alt == "<NON_REF>":
            assert {(contig, start), (contig, stop - 1)} <= inside


WHOLE = {name: [(0, length)] for name, length in tricky_sample.CONTIGS.items()}


def test_all_contigs_from_end_to_end(tmp_path: Path, tricky: tricky_sample.Files) -> None:
    found = call(tmp_path, tricky)
    check_cover(found, WHOLE)
    assert sum(alt != "<NON_REF>" for _, _, _, alt, _ in found) > 50


@settings(deadline=None, max_examples=8)
@given(st.randoms(use_true_random=False))
def test_random_regions_and_tiles(
    tmp_path_factory: pytest.TempPathFactory, tricky: tricky_sample.Files, chance: random.Random
) -> None:
    """Regions cut blocks, and deletions that begin in one reach into the next; nothing is in two records."""
    wanted = {"chr1": [(3000, 3200)]}  # where there are reads
    for name, length in tricky_sample.CONTIGS.items():
        bounds = sorted(chance.sample(range(3200, length), 2 * chance.randint(1, 5)))
        spans = [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True)]
        wanted[name] = wanted.get(name, []) + spans
    bed = tmp_path_factory.mktemp("regions") / "targets.bed"
    bed.write_text("".join(f"{name}\t{a}\t{b}\n" for name, spans in wanted.items() for a, b in spans))
    span = chance.choice([97, 700, 1 << 19])
    chosen = Settings(batching=Batching(tile_span=span, batch_bytes=chance.choice([40_000, 24 << 20])))
    check_cover(call(bed.parent / "out", tricky, targets=bed, settings=chosen), wanted)


# -- ploidy ------------------------------------------------------------------------------------------------------------

BED = "chr2\t0\t300\tPAR\nchr2\t300\t3500\tX\nchr1\t0\t1000\tY\n"


@pytest.mark.parametrize(("sex", "copies"), [("XX", 2), ("XY", 1)])
def test_ploidy_follows_the_sex(tmp_path: Path, tricky: tricky_sample.Files, sex: str, copies: int) -> None:
    """X waits for the sex, and what comes after it does, too; a Y that is not there is in no record."""
    (tmp_path / "ploidy.bed").write_text(BED)
    found = call(tmp_path / "out", tricky, sex=sex, ploidy_regions=tmp_path / "ploidy.bed")
    absent = 1000 if sex == "XX" else 0
    check_cover(found, {"chr1": [(absent, 9000)], "chr2": [(0, 3500)]})
    for contig, start, _, alt, sample in found:
        genotype, *_, likelihoods = sample.split(":")[:5]
        is_x = contig == "chr2" and start >= 300
        expected = copies if is_x else 1 if contig == "chr1" and start < 1000 else 2
        alleles = alt.count(",") + 2
        assert genotype.count("/") + genotype.count("|") == expected - 1, (contig, start)
        assert likelihoods.count(",") + 1 == (alleles if expected == 1 else alleles * (alleles + 1) // 2)


@pytest.mark.parametrize("batching", [Batching(batch_bytes=60_000), Batching(tile_span=331)])
def test_what_waits_does_not_depend_on_tiles(tmp_path: Path, tricky: tricky_sample.Files, batching: Batching) -> None:
    (tmp_path / "ploidy.bed").write_text(BED)
    options = {"sex": "XY", "ploidy_regions": tmp_path / "ploidy.bed"}
    whole = call(tmp_path / "whole", tricky, **options)
    assert call(tmp_path / "cut", tricky, settings=Settings(batching=batching), **options) == whole


# -- options -----------------------------------------------------------------------------------------------------------


def test_bands(tmp_path: Path, tricky: tricky_sample.Files) -> None:
    """One band: a block ends only where a call begins, or where nothing is known."""
    coarse = call(tmp_path / "coarse", tricky, gvcf=Gvcf.parse("1", None, lengths=False))
    fine = call(tmp_path / "fine", tricky, gvcf=Gvcf.parse("5,10,15,20,25,30,35", "<*>", lengths=False))
    assert len(coarse) < len(fine)
    assert any(alt == "<*>" for *_, alt, _ in fine)
    check_cover(coarse, WHOLE)
    for one, two in pairwise(coarse):
        if one[3] == two[3] == "<NON_REF>" and one[0] == two[0]:
            assert one[4].startswith("./.") != two[4].startswith("./.")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("20,x", None, False), "--gvcf-bands '20,x' cannot be read"),
        (("30,20", None, False), "ascending"),
        (("20,20", None, False), "ascending"),
        (("0,20", None, False), "from 1 to 99"),
        (("100", None, False), "from 1 to 99"),
        (("", None, False), "cannot be read"),
        ((None, "<X>", False), "--non-ref <X> is not known"),
        ((None, "<NON_REF>", True), "contradict"),
    ],
)
def test_bad_options(options: tuple[Any, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Gvcf.parse(*options)


def test_options_without_a_gvcf(capsys: pytest.CaptureFixture[str]) -> None:
    from gpucall import cli

    assert cli.main(["call", "-r", "ref.fa", "-o", "out", "--gvcf-bands", "20", "s.bam"]) == 2
    assert "give --gvcf, too" in capsys.readouterr().err


def test_the_vcf_is_the_same_with_a_gvcf(tmp_path: Path, tricky: tricky_sample.Files) -> None:
    bodies = []
    for number, gvcf in enumerate([None, Gvcf()]):
        files = engine.call(*tricky.paths, tmp_path / str(number), device="cpu", threads=1, gvcf=gvcf).files
        assert ("gvcf" in files) == (gvcf is not None)
        text = gzip.decompress(files["vcf"].read_bytes())
        bodies.append(text[text.index(b"#CHROM") :])
    assert bodies[0] == bodies[1]

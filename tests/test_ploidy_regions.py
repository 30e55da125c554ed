"""What each position is: assemblies by names and lengths, BED files, and copies by sex."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from gpucall.errors import InputError
from gpucall.ploidy import assemblies
from gpucall.ploidy.held import HeldRecords, Segment, Written
from gpucall.ploidy.regions import FIXED, SEXES, UNKNOWN, Kind, PloidyRegions, Stretch, of_contigs, ploidy, read_bed

# Pseudo-autosomal regions as the sources have them, 1-based and closed
PAR = {
    "GRCh37": ("60001-2699520 154931044-155260560", "10001-2649520 59034050-59363566"),
    "GRCh38": ("10001-2781479 155701383-156030895", "10001-2781479 56887903-57217415"),
    "T2T-CHM13": ("1-2394410 153925835-154259566", "1-2458320 62122810-62460029"),
}
LENGTHS = {
    "GRCh37": (155270560, 59373566),
    "GRCh38": (156040895, 57227415),
    "T2T-CHM13": (154259566, 62460029),
}


def contigs_of(assembly: str, prefix: str) -> dict[str, int]:
    x, y = LENGTHS[assembly]
    return {f"{prefix}1": 248_000_000, f"{prefix}X": x, f"{prefix}Y": y}


def written_spans(regions: PloidyRegions, contig: str, kind: Kind) -> str:
    return " ".join(f"{a + 1}-{b}" for a, b, each in regions.stretches[contig] if each is kind)


@pytest.mark.parametrize("prefix", ["chr", ""])
@pytest.mark.parametrize("assembly", PAR)
def test_known_assemblies(assembly: str, prefix: str) -> None:
    contigs = contigs_of(assembly, prefix)
    regions = of_contigs(contigs)
    assert regions.assembly == assembly
    for name, (kind, par), spans in (
        (f"{prefix}X", (Kind.X, Kind.PAR), PAR[assembly][0]),
        (f"{prefix}Y", (Kind.Y, Kind.PAR_Y), PAR[assembly][1]),
    ):
        assert written_spans(regions, name, par) == spans
        whole = list(regions.split(name, 0, contigs[name]))
        assert {each.kind for each in whole} == {kind, par}
        assert [each.start for each in whole] == [0, *(each.stop for each in whole[:-1])]
        assert whole[-1].stop == contigs[name]
    assert regions.kind(f"{prefix}1", 5) is Kind.AUTOSOME


@pytest.mark.parametrize("assembly", ["GRCh37", "GRCh38"])
def test_par_is_as_long_on_both(assembly: str) -> None:
    """PAR1 and PAR2 of GRC's assemblies are the same sequence on X and Y."""
    x, y = (
        assemblies.find(known, n)
        for known, n in zip((assemblies.X_CONTIGS, assemblies.Y_CONTIGS), LENGTHS[assembly], strict=True)
    )
    assert x is not None
    assert y is not None
    assert [b - a for a, b in x.par] == [b - a for a, b in y.par]


def test_contigs_of_two_assemblies() -> None:
    regions = of_contigs({"chrX": LENGTHS["T2T-CHM13"][0], "chrY": LENGTHS["GRCh38"][1]})
    assert regions.assembly == "T2T-CHM13+GRCh38"
    assert written_spans(regions, "chrY", Kind.PAR_Y) == PAR["GRCh38"][1]


@pytest.mark.parametrize(("name", "length"), [("MT", 16569), ("chrM", 16569), ("chrM", 16571), ("M", 16569)])
def test_mitochondria(name: str, length: int) -> None:
    regions = of_contigs({name: length})
    assert [ploidy(each.kind, UNKNOWN) for each in regions.split(name, 0, length)] == [1]
    assert not regions.has_sex


def test_an_unknown_assembly_is_diploid_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="gpucall"):
        regions = of_contigs({"chr1": 5000, "chrX": 4000, "chrM": 17000})
    assert [record.getMessage() for record in caplog.records] == [
        "contig chrX has 4000 bases, which none of the assemblies known here (GRCh37, GRCh38, T2T-CHM13) has: it is"
        " called with two copies; give its regions with --ploidy-regions"
    ]
    assert not regions.has_sex
    assert regions.ploidies("chrX", 0, 4000) == (2,)


@pytest.mark.parametrize("missing", ["X", "Y"])
def test_a_reference_without_x_or_y(missing: str) -> None:
    contigs = contigs_of("GRCh38", "chr")
    del contigs[f"chr{missing}"]
    regions = of_contigs(contigs)
    assert regions.assembly == "GRCh38"
    assert regions.has_sex
    assert f"chr{missing}" not in regions.stretches


@pytest.mark.parametrize(
    ("sex", "x", "y"),
    [("XX", 2, 0), ("XY", 1, 1), ("X0", 1, 0), ("XXY", 2, 1), ("XYY", 1, 1), ("XXX", 2, 0), (UNKNOWN, 2, 1)],
)
def test_copies_by_sex(sex: str, x: int, y: int) -> None:
    assert (ploidy(Kind.X, sex), ploidy(Kind.Y, sex)) == (x, y)
    assert [ploidy(kind, sex) for kind in (Kind.AUTOSOME, Kind.PAR, Kind.PAR_Y, Kind.MT)] == [2, 2, 0, 1]


def test_every_ploidy_that_a_sex_can_ask_for_is_looked_at() -> None:
    regions = of_contigs(contigs_of("GRCh38", "chr"))
    assert regions.ploidies("chrX", 3_000_000, 3_500_000) == (2, 1)
    assert regions.ploidies("chrY", 3_000_000, 3_500_000) == (1,)
    assert regions.ploidies("chrX", 20_000, 30_000) == (2,)
    assert regions.ploidies("chrX", 2_700_000, 2_800_000) == (2, 1)
    for kind in (Kind.X, Kind.Y):
        needed = {ploidy(kind, sex) for sex in (*SEXES, UNKNOWN)} - {0}
        assert needed == set(PloidyRegions("given", {"c": (Stretch(0, 9, kind),)}).ploidies("c", 0, 9))


def write_bed(folder: Path, text: str) -> Path:
    path = folder / "ploidy.bed"
    path.write_text(text)
    return path


def test_a_bed_of_the_users(tmp_path: Path) -> None:
    path = write_bed(tmp_path, "z\t20\t90\tX\nz\t0\t20\tpar\nw\t0\t50\tY\tmore\nm\t0\t9\tMT\n")
    regions = read_bed(path, {"a": 100, "z": 100, "w": 60, "m": 9})
    assert list(regions.split("z", 10, 100)) == [(10, 20, Kind.PAR), (20, 90, Kind.X), (90, 100, Kind.AUTOSOME)]
    assert list(regions.split("w", 0, 60)) == [(0, 50, Kind.Y), (50, 60, Kind.AUTOSOME)]
    assert list(regions.split("a", 3, 7)) == [(3, 7, Kind.AUTOSOME)]
    assert regions.assembly == "given"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("z\t0\t20\n", "line 1: expected X, Y, PAR, PAR_Y or MT in column 4, found 'nothing'"),
        ("z\t0\t20\tZ\n", "line 1: expected X, Y, PAR, PAR_Y or MT in column 4, found 'Z'"),
        ("z\t0\t20\tX\nz\t19\t30\tPAR\n", "intervals of z overlap at 20"),
        ("q\t0\t20\tX\n", "line 1: no contig 'q'"),
        ("z\t0\t200\tX\n", "z:0-200 is outside the contig"),
    ],
)
def test_bad_beds(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"ploidy\.bed") as error:
        read_bed(write_bed(tmp_path, text), {"z": 100})
    assert said in str(error.value)


# -- records that wait --------------------------------------------------------------------------------------------


def options(**texts: str) -> dict[int, Written]:
    return {int(name[1:]): Written(text, 1, 1) for name, text in texts.items()}


SEGMENTS = [
    Segment(Kind.AUTOSOME, options(_2="a ")),
    Segment(Kind.X, options(_2="xx ", _1="x ")),
    Segment(Kind.PAR, options(_2="p ")),
    Segment(Kind.Y, options(_1="y ")),
    Segment(Kind.PAR_Y, {}),
    Segment(Kind.MT, options(_1="m ")),
    Segment(Kind.AUTOSOME, options(_2="b ")),
]


@pytest.mark.parametrize(
    ("sex", "text"), [("XX", "a xx p m b "), ("XY", "a x p y m b "), ("X0", "a x p m b "), ("XXY", "a xx p y m b ")]
)
def test_what_waits_is_written_in_order(tmp_path: Path, sex: str, text: str) -> None:
    out: list[Written] = []
    held = HeldRecords(out.append, tmp_path)
    held.add(SEGMENTS[:3])
    assert "".join(each.text for each in out) == "a "
    held.add(SEGMENTS[3:])
    assert "".join(each.text for each in out) == "a "
    assert list(tmp_path.iterdir()) == []  # what holds the rest has no name
    held.release(lambda kind: ploidy(kind, sex))
    assert "".join(each.text for each in out) == text
    assert sum(each.variants for each in out) == len(text.split())


def test_nothing_waits_where_nothing_depends_on_the_sex(tmp_path: Path) -> None:
    out: list[Written] = []
    held = HeldRecords(out.append, tmp_path)
    held.add([each for each in SEGMENTS if each.kind in FIXED])
    assert "".join(each.text for each in out) == "a p m b "
    held.release(ploidy_error)
    assert len(out) == 4


def ploidy_error(kind: Any) -> int:
    raise AssertionError(f"nobody should ask for {kind}")

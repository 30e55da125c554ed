"""bench.gvcf: what it counts, and the committed figures: true, small, cheap, and those that the docs show."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from gpucall.bench import gvcf
from gpucall.errors import GpucallError

from .conftest import ROOT

FIGURES = json.loads((ROOT / "bench" / "results" / "gvcf.json").read_text())


def write(path: Path, lines: list[str]) -> Path:
    with gzip.open(path, "wt") as out:
        out.write("##fileformat=VCFv4.3\n#CHROM\n" + "".join(line.replace(" ", "\t") + "\n" for line in lines))
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gvcf, "LENGTH", 12)


def block(start: int, stop: int, quality: int) -> str:
    return f"chr20 {start} . A <NON_REF> . . END={stop} GT:DP:GQ:MIN_DP:PL 0/0:9:{quality}:9:0,{quality},90"


VARIANT = "chr20 5 . ACT A,<NON_REF> 50 PASS DP=9 GT:AD:DP:GQ:PL 0/1:4,5,0:9:50:50,0,50,60,60,90"


@pytest.mark.usefixtures("small")
def test_qualities_by_position(tmp_path: Path) -> None:
    path = write(tmp_path / "s.g.vcf.gz", [block(1, 4, 35), VARIANT, block(8, 12, 0)])
    assert gvcf.qualities(path).tolist() == [35] * 4 + [-1] * 3 + [0] * 5


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("second", [block(4, 12, 5), block(6, 12, 5), block(5, 11, 5)])
def test_a_gap_or_an_overlap_is_an_error(tmp_path: Path, second: str) -> None:
    with pytest.raises(GpucallError, match=r"a record starts at|the last record ends at 11"):
        gvcf.qualities(write(tmp_path / "s.g.vcf.gz", [block(1, 4, 35), second]))


@pytest.mark.usefixtures("small")
def test_where_the_sample_differs(tmp_path: Path) -> None:
    lines = [
        "chr20 1 . A C,G 50 PASS . GT 0|2",
        "chr20 3 . CTT C 50 PASS . GT 1|0",
        "chr20 8 . G GA 50 PASS . GT 1|1",
        "chr20 11 . G T 50 PASS . GT 0|0",
    ]
    found = gvcf.variant_positions(write(tmp_path / "truth.vcf.gz", lines))
    assert (np.flatnonzero(found) + 1).tolist() == [1, 4, 5, 8]


def test_bands_are_compared_with_what_they_state() -> None:
    quality = np.array([-1, 5, 20, 25, 40, 40], dtype=np.int16)
    variant = np.array([True, True, False, True, False, False])
    low, middle, high = gvcf.calibration(quality, variant, [1, 20, 40])
    assert (low["positions"], low["variant"], low["kept"]) == (1, 1, False)
    assert (middle["share"], middle["stated_at_most"], middle["kept"]) == (0.5, 0.01, False)
    assert middle["stated"] == pytest.approx((10**-2 + 10**-2.5) / 2, rel=1e-2)
    assert (high["gq"], high["variant"], high["kept"]) == ("40-99", 0, True)


# -- the committed figures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("region", gvcf.REGIONS)
def test_the_stated_errors_are_kept(region: str) -> None:
    rows = FIGURES["calibration"][region]["default"]
    assert [row["gq"] for row in rows] == ["0-0", "1-19", "20-29", "30-39", "40-99"]
    assert all(row["kept"] for row in rows)


def test_a_gvcf_is_small_and_cheap() -> None:
    assert FIGURES["size"]["share_of_bam"] <= 0.015
    assert FIGURES["time"]["cpu_ratio"] <= 1.25


def test_the_docs_show_the_figures() -> None:
    shown = (ROOT / "docs" / "methods.md").read_text()
    assert gvcf.table(FIGURES["calibration"]["all"]["default"]) in shown

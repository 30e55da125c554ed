"""mendel: what a child can have from its parents, and how records of three VCFs are brought together."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from gpucall.bench import mendel
from gpucall.tiles import Span, merge

HEADER = """##fileformat=VCFv4.3
##FILTER=<ID=LowQual,Description="Low">
##contig=<ID=c1,length=1000>
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Fragments">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tone
"""
ROLES = ("child", "father", "mother")


def write(path: Path, records: str) -> Path:
    """Records are ``POS REF ALT FILTER GT AD``."""
    rows = (record.split() for record in records.split("; ") if record)
    lines = (f"c1\t{pos}\t.\t{ref}\t{alt}\t9\t{why}\t.\tGT:AD\t{gt}:{ad}\n" for pos, ref, alt, why, gt, ad in rows)
    path.write_text(HEADER + "".join(lines))
    return path


def check(folder: Path, child: str, father: str, mother: str, start: int = 0, end: int = 1000) -> dict[str, object]:
    paths = [
        write(folder / f"{role}.vcf", records) for role, records in zip(ROLES, (child, father, mother), strict=True)
    ]
    return mendel.violations(*paths, merge([Span("c1", start, end)], {"c1": 1000}))


def test_what_parents_hand_on() -> None:
    """Every combination, against pairs of haplotypes written out."""
    pairs = {0: (0, 0), 1: (0, 1), 2: (1, 1)}
    for child, father, mother in product(range(3), repeat=3):
        expected = child in {a + b for a in pairs[father] for b in pairs[mother]}
        assert mendel.is_possible(child, father, mother) is expected


@pytest.mark.parametrize(
    ("child", "father", "mother", "expected"),
    [
        ("10 A C PASS 0/1 5,5", "10 A C PASS 0/1 5,5", "", []),
        ("10 A C PASS 1/1 0,9", "10 A C PASS 0/1 5,5", "10 A C PASS 1/1 0,9", []),
        ("10 A C PASS 1|1 0,9", "10 A C PASS 0|1 5,5", "", ["c1:10"]),
        ("10 A C PASS 0/1 5,5", "", "", ["c1:10"]),
        ("", "10 A C PASS 1/1 0,9", "", ["c1:10"]),
        ("10 A C LowQual 0/1 5,5", "10 A C PASS 1/1 0,9", "", ["c1:10"]),  # filtered: not called
        ("10 A C PASS 0/1 5,5", "10 A C LowQual 0/1 5,5", "", ["c1:10"]),
        # The same deletion, padded otherwise; and one of two alternate alleles.
        ("10 ACC A PASS 0/1 5,5", "10 ACCT AT PASS 0/1 5,5", "", []),
        ("10 A C,G PASS 1/2 0,5,5", "10 A C PASS 0/1 5,5", "10 A G PASS 0/1 5,5", []),
        ("10 A C,G PASS 1/2 0,5,5", "10 A C PASS 0/1 5,5", "", ["c1:10"]),
        # An allele that is listed but not called, and the two ways to say that the sequence is not here.
        ("10 A C,G PASS 0/1 5,5,0", "10 A C PASS 0/1 5,5", "", []),
        ("10 A C,* PASS 1/2 0,5,5", "10 A C PASS ./1 0,5", "", []),
    ],
)
def test_violations(tmp_path: Path, child: str, father: str, mother: str, expected: list[str]) -> None:
    found = check(tmp_path, child, father, mother)
    assert [violation["position"] for violation in found["violations"]] == expected


def test_a_violation_says_what_each_record_says(tmp_path: Path) -> None:
    found = check(tmp_path, "10 A C LowQual 0|1 12,4", "10 A C PASS 1/1 1,32", "")
    assert found == {
        "alleles": 1,
        "violations": [
            {
                "position": "c1:10",
                "change": "A>C",
                "child": {"gt": "0/1", "ad": [12, 4], "filter": "LowQual"},
                "father": {"gt": "1/1", "ad": [1, 32], "filter": "PASS"},
                "mother": None,
            }
        ],
    }


def test_only_inside_the_intervals(tmp_path: Path) -> None:
    child = "10 A C PASS 0/1 5,5; 20 A C PASS 0/1 5,5"
    assert check(tmp_path, child, "", "", start=15)["alleles"] == 1
    (violation,) = check(tmp_path, child, "", "", start=19, end=20)["violations"]
    assert violation["position"] == "c1:20"
    assert check(tmp_path, child, "", "", start=20)["violations"] == []


def test_filtered_by_all_is_no_allele(tmp_path: Path) -> None:
    assert check(tmp_path, "10 A C LowQual 0/1 5,5", "", "") == {"alleles": 0, "violations": []}

"""indel_classes: each class on a reference made for it, worked out by hand; which error is the worst."""

from __future__ import annotations

from pathlib import Path

import pytest

from gpucall.bench import indel_classes
from gpucall.bench.accuracy import compare_files
from gpucall.bench.variants import Edit, Variant, trim

from .test_accuracy import CONTIG, REFERENCE, write_inputs

CONTEXT = "GATTAC" + "AAAAAAAA" + "G" + "TCTCTCT" + "GACGAC" + "TTGC"  # from 1, 7, 15, 16, 23 and 29 on


def variant(ref: str, alt: str, position: int) -> Variant:
    """One heterozygous record."""
    assert CONTEXT[position - 1 :].startswith(ref)
    return Variant(CONTIG, position, ref, alt, "0/1", "50", (None, trim(position - 1, ref, alt)))


@pytest.mark.parametrize(
    ("ref", "alt", "position", "length", "repeat"),
    [
        ("CA", "C", 6, "1", "homopolymer 8-11"),
        ("C", "CAA", 6, "2-3", "homopolymer 8-11"),
        ("AA", "A", 13, "1", "homopolymer 8-11"),  # not left-aligned
        ("G", "GTC", 15, "2-3", "dinucleotide"),
        ("GTCTC", "G", 15, "4-7", "dinucleotide"),
        ("TGAC", "T", 22, "2-3", "unit of 3 or more"),
        ("A", "AT", 2, "1", "none"),  # a run of two
        ("A", "AGGGGCCCC", 5, "8-15", "none"),
        ("ACA", "A", 5, "2-3", "none"),  # CA stands there once
        ("TTG", "CA", 29, "1", "none"),  # bases come and go: no length of a repeat
        ("G", "G" + "AT" * 8, 31, "16-25", "none"),
        ("G", "G" + "ATCCG" * 9, 31, "26-50", "none"),
        ("G", "G" + "ATCCG" * 11, 31, "51-100", "none"),
        ("G", "G" + "ATCCG" * 21, 31, "longer", "none"),
    ],
)
def test_classes(ref: str, alt: str, position: int, length: str, repeat: str) -> None:
    indel = variant(ref, alt, position)
    assert indel_classes.length_class(indel) == length
    assert indel_classes.repeat_class(indel, CONTEXT) == repeat


def test_the_allele_that_changes_the_length_most_decides() -> None:
    edits = (trim(5, "C", "CA"), trim(5, "C", "CGGGG"))
    indel = Variant(CONTIG, 6, "C", "CA,CGGGG", "1/2", "50", edits)
    assert indel_classes.length_class(indel) == "4-7"
    assert indel_classes.repeat_class(indel, CONTEXT) == "none"


def test_a_tract_reaches_to_both_ends_of_the_contig() -> None:
    assert indel_classes.repeat_tract(Edit(3, 4, ""), "AAAAAA") == (1, 6)
    assert indel_classes.repeat_tract(Edit(4, 4, "CG"), "CGCGCGC") == (2, 7)


def test_every_homopolymer_has_a_class() -> None:
    names = []
    for run in range(1, 40):
        bases = "G" + "A" * run + "C"
        names.append(
            indel_classes.repeat_class(Variant(CONTIG, 1, "G", "GA", "0/1", "9", (None, Edit(1, 1, "A"))), bases)
        )
    assert names[:3] == ["none"] * 3
    assert [names.index(name) + 1 for name in indel_classes.repeat_names()[1:5]] == [4, 8, 12, 16]
    assert set(names) == set(indel_classes.repeat_names()[:5])


# On test_accuracy's reference: A x 8 at 21-28, CA x 6 at 49-60.
TRUTH = "5 C CGGTT 0/1; 20 C CA 0/1; 48 GCA G 0/1; 75 A G 0/1"
CALLS = "20 C CA 0/1; 48 GCA G 1/1; 66 A AT 0/1 PASS 70"


def test_counts_by_class(tmp_path: Path) -> None:
    found = compare_files(*write_inputs(tmp_path, TRUTH, CALLS))
    counted = indel_classes.classes(found, REFERENCE)
    assert {name: (c["truth"], c["fn"], c["fp"]) for name, c in counted["length"].items()} == {
        "1": (1, 0, 1),
        "2-3": (1, 1, 1),
        "4-7": (1, 1, 0),
    }
    assert {name: (c["truth"], c["fn"], c["fp"]) for name, c in counted["repeat"].items()} == {
        "none": (1, 1, 1),
        "homopolymer 8-11": (1, 0, 0),
        "dinucleotide": (1, 1, 1),
    }


def test_a_false_allele_is_worse_than_a_longer_one_of_wrong_zygosity(tmp_path: Path) -> None:
    found = compare_files(*write_inputs(tmp_path, "5 C CGGTT 0/1", "5 C CGGTT 1/1 PASS 70; 66 A AT 0/1 PASS 20"))
    false, zygosity = indel_classes.errors(found, REFERENCE)
    assert false == {
        "position": f"{CONTIG}:66",
        "error": "false",
        "truth": [],
        "called": ["66 A>AT 0/1"],
        "qual": 20.0,
        "length": "1",
        "repeat": "none",
    }
    assert (zygosity["error"], zygosity["truth"], zygosity["called"]) == (
        "genotype",
        ["5 C>CGGTT 0/1"],
        ["5 C>CGGTT 1/1"],
    )


@pytest.mark.parametrize(
    ("truth", "calls", "error"),
    [
        ("48 GCA G 0/1", "48 GCA G 1/1", "genotype"),
        ("48 GCA G 0/1", "48 GCACA G 0/1", "allele"),
        ("48 GCA G 0/1", "", "missed"),
        ("", "48 GCA G 0/1", "false"),
    ],
)
def test_kinds_of_errors(tmp_path: Path, truth: str, calls: str, error: str) -> None:
    found = compare_files(*write_inputs(tmp_path, truth, calls))
    assert [one["error"] for one in indel_classes.errors(found, REFERENCE)] == [error]


def test_errors_far_apart_are_two_and_ordered_by_length_then_qual(tmp_path: Path) -> None:
    calls = "2 C CG 0/1 PASS 10; 20 CAA C 0/1 PASS 5; 75 A AT 0/1 PASS 80"
    assert 20 - 2 <= indel_classes.PLACE < 75 - 20
    found = compare_files(*write_inputs(tmp_path, "", calls))
    assert [error["called"][0][:2].strip() for error in indel_classes.errors(found, REFERENCE)] == ["2", "75"]


def test_substitutions_are_left_out(tmp_path: Path) -> None:
    found = compare_files(*write_inputs(tmp_path, "75 A G 0/1", ""))
    assert indel_classes.errors(found, REFERENCE) == []
    assert indel_classes.classes(found, REFERENCE) == {"length": {}, "repeat": {}}

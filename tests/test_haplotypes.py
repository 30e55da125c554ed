"""Stage ``haplotypes``: which reads belong to a window, which alleles they carry, which haplotypes follow from that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gpucall import candidates, haplotypes
from gpucall.candidates import Allele, Window
from gpucall.config import Haplotyping
from gpucall.haplotypes import Members

from . import naive
from .device_like import SeparateMemory
from .fixtures import Read
from .stages import Given, call_sample, read_of, recorded, sample_reads


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> Given:
    """(reads, windows, events, gaps, settings, scored) of every tile with windows."""
    with recorded(haplotypes, "score_windows") as given:
        call_sample(tmp_path_factory.mktemp("sample"))
    return [each for each in given if each[1]]


def test_ranges_one_after_the_other() -> None:
    owner, values = haplotypes.flat_ranges(np.array([3, 7, 7, 0]), np.array([5, 7, 9, 1]))
    assert owner.tolist() == [0, 0, 2, 2, 3]
    assert values.tolist() == [3, 4, 7, 8, 0]


def members(*rows: list[int]) -> Members:
    return Members.of([np.array(each, dtype=np.int32) for each in rows])


def test_members_are_split_chosen_and_found() -> None:
    some = members([2, 5, 9], [], [5, 6])
    assert [each.tolist() for each in some.split(some.rows)] == [[2, 5, 9], [], [5, 6]]
    fewer = some.where(np.array([True, False, True, False, True]))
    assert [each.tolist() for each in fewer.split(fewer.rows)] == [[2, 9], [], [6]]
    index = some.index_of(np.array([0, 0, 1, 2, 2, 2]), np.array([5, 6, 5, 5, 6, -1], dtype=np.int32))
    assert index.tolist() == [1, -1, -1, 3, 4, -1]
    assert members([]).index_of(np.array([0]), np.array([-1], dtype=np.int32)).tolist() == [-1]


def test_members_are_the_usable_reads_over_the_core_and_those_that_begin_behind_it(tiles: Given) -> None:
    for reads, windows, *_, scored in tiles:
        host = reads.batch.records
        for window, found in zip(windows, scored, strict=True):
            over = [
                row
                for row in np.flatnonzero(reads.batch.usable).tolist()
                if host.tid[row] == reads.tile.tid and host.pos[row] <= window.core_stop
                if host.end[row] > window.core_start
            ]
            assert found.rows.tolist() == over


def carried_by(read: Read, window: Window, reads: Any, split: set[Allele]) -> int:
    """The window's alleles that the aligner gave a read, or that its clipped ends show, read by read."""
    found = {
        (e.position + reads.origin, e.length, e.bases) for e in naive.events([read], ascii_of(reads), reads.origin)
    }
    found |= {(a.position, len(a.inserted) - a.deleted, a.inserted.decode()) for a in split}
    mask = 0
    for bit, allele in enumerate(window.alleles):
        bases = allele.inserted.decode()
        if allele.is_snv:
            mask |= (naive.base_at(read, allele.position) == bases) << bit
        else:
            mask |= ((allele.position, len(bases) - allele.deleted, bases) in found) << bit
    return mask


def split_alleles(reads: Any, events: Any) -> dict[int, set[Allele]]:
    """What the clipped ends of each row show (``test_assembly`` looks at that itself)."""
    found: dict[int, set[Allele]] = {}
    for event in np.flatnonzero(events.query < 0).tolist():
        found.setdefault(int(events.row[event]), set()).add(candidates.indel_allele(reads, events, event, 1))
    return found


def ascii_of(reads: Any) -> str:
    return bytes(reads.bases).decode()


def test_reads_carry_what_the_aligner_gave_them(tiles: Given) -> None:
    known = sample_reads()
    masks = set()
    for reads, windows, events, *_ in tiles:
        some = haplotypes.find_members(reads, windows)
        snvs = haplotypes.snvs_carried(reads, windows, some)
        indels = haplotypes.indels_carried(reads, windows, some, events)
        carried = (snvs | indels).tolist()
        split = split_alleles(reads, events)
        for row, window, mask in zip(some.rows.tolist(), some.window.tolist(), carried, strict=True):
            assert mask == carried_by(read_of(reads.batch, row, known), windows[window], reads, split.get(row, set()))
        assert not np.any(snvs & indels)
        masks |= set(carried)
    assert len(masks) > 8


def test_reads_cover_alleles_and_a_base_on_either_side(tiles: Given) -> None:
    known = sample_reads()
    covered = []
    for reads, windows, *_ in tiles:
        some = haplotypes.find_members(reads, windows)
        covers = haplotypes.alleles_covered(reads, windows, some).tolist()
        for row, window, found in zip(some.rows.tolist(), some.window.tolist(), covers, strict=True):
            read, alleles = read_of(reads.batch, row, known), windows[window].alleles
            over = naive.aligned(read)
            ends = [(allele.position - 1, allele.stop) for allele in alleles]
            assert found == sum(1 << bit for bit, (a, b) in enumerate(ends) if a in over and b in over)
        covered += covers
    assert 0 < sum(map(bool, covered)) < len(covered)
    assert len(set(covered)) > 4


def test_other_memory_gives_the_same_scores(tiles: Given, tmp_path: Path) -> None:
    with recorded(haplotypes, "score_windows") as given:
        call_sample(tmp_path, backend=SeparateMemory())
    again = [each for each in given if each[1]]
    assert len(again) == len(tiles)
    for (*_, one), (*_, two) in zip(tiles, again, strict=True):
        assert [each.haplotypes for each in one] == [each.haplotypes for each in two]
        assert all(np.array_equal(a.costs, b.costs) for a, b in zip(one, two, strict=True))


SNV, DELETION, INSERTION = Allele(100, 1, b"G", 9), Allele(101, 3, b"", 12), Allele(110, 0, b"TT", 4)
WINDOW = Window([SNV, DELETION, INSERTION], 99, 120)
ALL = 7


def choose(window: Window, reads: list[tuple[int, int]], settings: Haplotyping | None = None) -> list[int]:
    """The haplotypes chosen for (alleles shown, alleles covered) of some reads."""
    shown, covered = np.array(reads, dtype=np.int64).reshape(-1, 2).T
    return haplotypes.choose_haplotypes(window, shown, covered, settings or Haplotyping())


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        ([], [0, 2, 1, 4]),  # single alleles by support
        ([0, 0, 0], [0, 2, 1, 4]),
        ([5, 5, 3, 3, 3, 7], [0, 3, 5, 2, 1, 4]),  # combinations by number of reads, at least two
        ([4, 4, 2, 2], [0, 2, 4, 1]),  # ties by bits
    ],
)
def test_haplotypes_best_first(carried: list[int], expected: list[int]) -> None:
    assert choose(WINDOW, [(mask, ALL) for mask in carried]) == expected


def test_haplotypes_are_capped_and_the_reference_stays(tiles: Given) -> None:
    reads, windows, events, gaps, settings, before = tiles[0]
    one = haplotypes.score_windows(reads, windows, events, gaps, settings._replace(most_haplotypes=2))
    assert [each.haplotypes for each in one] == [each.haplotypes[:2] for each in before]
    assert all(each.haplotypes[0] == 0 for each in one)


def test_haplotypes_that_spell_the_same_bases_are_one(tiles: Given) -> None:
    """A deletion and a SNV behind it, once as two alleles, once as one that deletes and inserts."""
    reads, windows, *_ = tiles[0]
    at = windows[0].start + 20
    bases = bytes(reads.bases[at - reads.origin : at - reads.origin + 8])
    other = b"ACGT"[b"ACGT".index(bases[5:6]) - 1 :][:1]
    alleles = [Allele(at, 5, b"", 9), Allele(at, 6, other, 9), Allele(at + 5, 1, other, 9)]
    window = Window(alleles, at - 1, at + 6, windows[0].start, windows[0].stop)
    assert haplotypes.distinct(reads, window, [0, 2, 1, 5, 4]) == [0, 5, 1, 4]
    assert haplotypes.distinct(reads, window, [0, 5, 1, 2, 4]) == [0, 5, 1, 4]
    assert haplotypes.distinct(reads, window, [0, 2, 1, 4]) == [0, 2, 1, 4]


def test_alleles_on_the_same_bases_do_not_combine() -> None:
    window = Window([Allele(100, 1, b"G", 9), Allele(100, 2, b"", 12), Allele(101, 1, b"C", 5)], 99, 120)
    assert choose(window, [(mask, ALL) for mask in (3, 3, 6, 6, 5, 5, 7, 7)]) == [0, 5, 2, 1, 4]


def test_reads_over_some_of_the_alleles_are_linked() -> None:
    """No read covers all three: some show the first two, others the last two."""
    left, right = [(3, 3)] * 4 + [(0, 3)] * 5, [(6, 6)] * 3 + [(0, 6)] * 5
    assert choose(WINDOW, left + right) == [0, 2, 1, 4, 7]
    assert choose(WINDOW, left + [(2, 6)] * 3 + [(4, 6)] * 2) == [0, 2, 1, 4, 3]
    assert choose(WINDOW, left + right[:1]) == [0, 2, 1, 4]  # one read is no link


def test_a_window_without_reads_has_its_single_alleles(tiles: Given) -> None:
    reads, windows, events, gaps, settings, _ = tiles[0]
    far = Window([Allele(10**6, 1, b"", 2)], 10**6 - 1, 10**6 + 1, windows[0].start, windows[0].stop, [0])
    (scored,) = haplotypes.score_windows(reads, [far], events, gaps, settings)
    assert scored.haplotypes == [0, 1]
    assert scored.costs.shape == (0, 2)

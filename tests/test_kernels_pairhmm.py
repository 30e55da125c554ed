"""Kernel ``pairhmm``: equal to its naive twin on every device."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from gpucall.backend import Backend
from gpucall.kernels.lanes import LIMIT
from gpucall.kernels.pairhmm import Haplotypes, Segments
from gpucall.kernels.tables import SCALE, base_costs, default_gap_phreds

from . import naive
from .fixtures import Read, random_sequence
from .kernel_inputs import DEVICES, codes, columns, open_device
from .qc_reads import CONTIGS
from .test_kernels_pileup import draw_reads, draw_reference

on_devices = pytest.mark.parametrize("device", DEVICES)

CAP = 40
UNIT_COST = 10 * SCALE
TABLE = np.round(default_gap_phreds() * SCALE).astype(np.int32)


def upload_haplotypes(sequences: Sequence[str], backend: Backend) -> Any:
    """Haplotypes on a device, with their gap costs."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int32)
    empty = [np.zeros(int(lengths.sum()), dtype=np.int32) for _ in range(2)]
    starts = np.cumsum(lengths, dtype=np.int64) - lengths
    uploaded = backend.upload(Haplotypes(codes("".join(sequences)), *empty, starts, lengths))
    backend.launch("pairhmm.gaps", len(sequences), uploaded, backend.upload(TABLE), UNIT_COST)
    return uploaded


def naive_gaps(haplotype: str) -> tuple[list[int], list[int]]:
    costs = [naive.gap_cost(haplotype, at, TABLE.tolist(), UNIT_COST) for at in range(len(haplotype))]
    return [gap for gap, _ in costs], [extend for _, extend in costs]


HAPLOTYPES = {
    "random": random_sequence(80, 1),
    "homopolymers": "GAC" + "A" * 12 + "CGT" + "T" * 40 + "G",
    "units": "CAG" * 9 + "TT" + "AC" * 12 + "GATTA" * 5 + "T",
    "repeat at both ends": "TTTTTTTTACGTGGCACACACACA",
    "with N": "ACGNNNNNNTTTTTTNTTTT",
    "one base": "A",
}


@on_devices
def test_gaps_equal_naive(device: str) -> None:
    backend = open_device(device)
    found = backend.download(upload_haplotypes(list(HAPLOTYPES.values()), backend))
    for start, haplotype in zip(found.start.tolist(), HAPLOTYPES.values(), strict=True):
        here = slice(start, start + len(haplotype))
        assert (found.gap[here].tolist(), found.extend[here].tolist()) == naive_gaps(haplotype)


class Case:
    """Reads over one window, its haplotypes and a band."""

    def __init__(self, reads: Sequence[Read], start: int, stop: int, haplotypes: Sequence[str], half: int) -> None:
        self.reads, self.start, self.stop, self.haplotypes, self.half = reads, start, stop, haplotypes, half

    def expected(self) -> list[list[int]]:
        """Costs by read and haplotype; 0 where a read has no part in the window."""
        gaps = [naive_gaps(haplotype) for haplotype in self.haplotypes]
        rows = []
        for read in self.reads:
            part = naive.part_in_window(read, self.start, self.stop, self.half // 2)
            rows.append(
                [
                    naive.align(read, part, haplotype, *costs, self.half, CAP) if part else 0
                    for haplotype, costs in zip(self.haplotypes, gaps, strict=True)
                ]
            )
        return rows


def run_scores(cases: Sequence[Case], backend: Backend) -> list[list[list[int]]]:
    """The kernel's costs of all cases in one launch: by case, read and haplotype."""
    reads = [read for case in cases for read in case.reads]
    sizes = [len(case.reads) for case in cases]
    counts = np.array([len(case.haplotypes) for case in cases], dtype=np.int32)

    def per_read(values: Sequence[int], kind: Any) -> Any:
        return np.repeat(np.array(values, dtype=kind), sizes)

    segments = Segments(
        np.arange(len(reads), dtype=np.int32),
        per_read([case.start for case in cases], np.int64),
        per_read([case.stop for case in cases], np.int64),
        per_read((np.cumsum(counts) - counts).tolist(), np.int32),
        per_read(counts.tolist(), np.int32),
        per_read([case.half for case in cases], np.int32),
        *(np.empty(len(reads), dtype=np.int32) for _ in range(3)),
    )
    haplotypes = upload_haplotypes([haplotype for case in cases for haplotype in case.haplotypes], backend)
    out = backend.xp.zeros((len(reads), int(counts.max())), dtype=np.int32)
    longest = max(len(haplotype) for case in cases for haplotype in case.haplotypes)
    cells = backend.workspace("pairhmm.scores", len(reads), longest, max(case.half for case in cases))
    records, costs = columns(reads, CONTIGS, backend), backend.upload(base_costs(CAP))
    segments = backend.upload(segments)
    backend.launch("pairhmm.parts", len(reads), records, segments)
    backend.launch("pairhmm.scores", len(reads), records, segments, haplotypes, CAP, costs, cells, out)
    rows = iter(backend.download(out).tolist())
    return [[next(rows)[: len(case.haplotypes)] for _ in case.reads] for case in cases]


def changed(window: str, chance: random.Random) -> str:
    """The window with a base replaced, some deleted or some inserted."""
    at = chance.randrange(8, len(window) - 8)
    kind = chance.choice("SDI")
    if kind == "S":
        return window[:at] + "ACGT"["ACGT".find(window[at]) - 1] + window[at + 1 :]
    size = chance.choice((1, 2, 5))
    return window[:at] + window[at + size :] if kind == "D" else window[:at] + "TGCAT"[:size] + window[at:]


def draw_case(bases: str, reads: Sequence[Read], chance: random.Random) -> Case:
    start = chance.randrange(700)
    stop = start + chance.randrange(40, 90)
    window = bases[start:stop]
    haplotypes = [window, *(changed(window, chance) for _ in range(chance.randrange(4)))]
    near = [read for read in reads if read.pos < stop + 20 and read.end() > start - 20]
    return Case(chance.sample(near, min(len(near), 5)), start, stop, haplotypes, chance.choice((1, 4, 9)))


@on_devices
@pytest.mark.parametrize("seed", range(2))
def test_scores_equal_naive(device: str, seed: int) -> None:
    chance = random.Random(seed)
    bases = draw_reference(seed)
    reads = draw_reads(seed, bases, pairs=100)
    cases = [draw_case(bases, reads, chance) for _ in range(8)]
    expected = [case.expected() for case in cases]
    assert run_scores(cases, open_device(device)) == expected
    assert len({cost for case in expected for row in case for cost in row}) > 20


BASES = random_sequence(200, 8)
PARTS = {
    "inside": Read("r", 90, "30M", BASES[90:120]),
    "over both ends": Read("r", 60, "80M", BASES[60:140]),
    "before": Read("r", 40, "40M", BASES[40:80]),
    "behind": Read("r", 130, "40M", BASES[130:170]),
    "clipped at its start": Read("r", 90, "25S30M", BASES[65:120]),
    "clipped at its end": Read("r", 90, "30M25S", BASES[90:145]),
    "clipped at both": Read("r", 95, "5H5S20M25S", BASES[90:140]),
    "clip before the window": Read("r", 70, "20S40M", BASES[50:110]),
    "deletion over the window": Read("r", 60, "20M60D20M", BASES[60:80] + BASES[140:160]),
    "skip into the window": Read("r", 50, "20M35N20M", BASES[50:70] + BASES[105:125]),
    "insertion at the window's start": Read("r", 70, "10M5I30M", BASES[70:80] + "TTTTT" + BASES[80:110]),
    "insertion at the window's end": Read("r", 110, "20M5I10M", BASES[110:130] + "TTTTT" + BASES[130:140]),
    "N and poor bases": Read("r", 90, "30M", "N" * 4 + BASES[94:120], qual=[2, 5, 40] * 10),
    "poor mapping": Read("r", 90, "30M", BASES[91:121], mapq=7),
}


@on_devices
@pytest.mark.parametrize("part", PARTS)
def test_parts_of_reads_equal_naive(device: str, part: str) -> None:
    """A window over [80, 130), and haplotypes that differ by what the bands can and cannot hold."""
    window = BASES[80:130]
    haplotypes = [window, window[:20] + window[23:], window[:20] + "GGG" + window[20:], window[:9] + "NN" + window[11:]]
    case = Case([PARTS[part]], 80, 130, haplotypes, 5)
    assert run_scores([case], open_device(device)) == [case.expected()]


def with_lengths(bases: str, chance: random.Random, count: int) -> list[Read]:
    """Reads of all lengths over the middle of a stretch and beside it, some with gaps, clips and errors."""
    reads = []
    for k in range(count):
        start = chance.randrange(len(bases) - 30)
        length = chance.randrange(20, min(len(bases) - start, 120))
        copied = "".join(chance.choice("ACGT") if chance.random() < 0.05 else b for b in bases[start : start + length])
        tail = length - 19
        shapes = {
            f"{length}M": copied,
            f"9S{length - 9}M": copied,
            f"{length - 6}M6S": copied,
            f"10M3I{tail + 9}M": copied[:10] + "TTT" + copied[10:],
            f"10M5D{tail + 4}M": copied[:10] + copied[15:],
        }
        cigar, seq = chance.choice(list(shapes.items()))
        qualities = [chance.randrange(2, 42) for _ in seq]
        reads.append(Read(f"r{k}", start, cigar, seq, qual=qualities, mapq=chance.choice((20, 37, 60))))
    return reads


@on_devices
@pytest.mark.parametrize("count", [1, 31, 32, 33, 70])
def test_groups_of_reads_equal_naive(device: str, count: int) -> None:
    """On a CPU, reads of a window share vectors: full ones and not, and reads that begin and end in any row."""
    chance = random.Random(count)
    reads = with_lengths(BASES, chance, count)
    window = BASES[70:130]
    case = Case(reads, 70, 130, [window, changed(window, chance)], 6)
    assert run_scores([case, Case(reads[:3], 60, 100, [BASES[60:100]], 2)], open_device(device))[0] == case.expected()


@on_devices
def test_costs_saturate(device: str) -> None:
    """Each error of quality 40 costs 44.8 phred; with 23 of them that is more than LIMIT, 1024 phred."""
    letters = "ACGT"
    wrong = "".join(letters[letters.index(base) - 2] for base in BASES[80:130])
    costs = []
    for errors in (0, 10, 22, 23, 50):
        read = Read("r", 80, "50M", wrong[:errors] + BASES[80 + errors : 130], qual=[40] * 50)
        case = Case([read], 80, 130, [BASES[80:130]], 0)
        assert run_scores([case], open_device(device)) == [case.expected()]
        costs.append(case.expected()[0][0])
    assert costs == sorted(costs)
    assert costs[2] < LIMIT == costs[3] == costs[4]


@on_devices
def test_a_part_is_cut_where_it_is_very_long(device: str) -> None:
    """An insertion of 40 kb: the part leaves the haplotype, whatever it is cut to."""
    read = Read("r", 90, "10M40000I10M", BASES[90:100] + "ACGT" * 10_000 + BASES[100:110])
    case = Case([read, PARTS["inside"]], 80, 130, [BASES[80:130]], 1)
    assert run_scores([case], open_device(device)) == [case.expected()]
    assert case.expected()[0] == [LIMIT]


@on_devices
def test_a_haplotype_shorter_than_its_window(device: str) -> None:
    """Reads that lie behind it, or end behind it, cost LIMIT."""
    case = Case([PARTS["inside"], PARTS["over both ends"], PARTS["behind"]], 80, 140, ["ACGTACGT", "A"], 3)
    assert run_scores([case], open_device(device)) == [case.expected()]
    assert [LIMIT, LIMIT] in case.expected()


@on_devices
def test_the_right_haplotype_is_cheapest(device: str) -> None:
    """A read of each of four haplotypes, told apart by SNV, deletion and insertion."""
    window = BASES[40:160]
    others = (
        window[:60] + "ACGT"["ACGT".index(window[60]) - 1] + window[61:],
        window[:55] + window[58:],
        window[:60] + "TCA" + window[60:],
    )
    haplotypes = [window, *others]
    cigars = ("90M", "90M", "45M3D45M", "50M3I37M")
    reads = [
        Read(f"r{k}", 50, cigar, haplotype[10:100])
        for k, (cigar, haplotype) in enumerate(zip(cigars, haplotypes, strict=True))
    ]
    (rows,) = run_scores([Case(reads, 40, 160, haplotypes, 12)], open_device(device))
    assert [row.index(min(row)) for row in rows] == [0, 1, 2, 3]
    assert all(sorted(row)[1] - min(row) > 20 * SCALE for row in rows)

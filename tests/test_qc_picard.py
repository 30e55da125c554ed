"""Picard's metrics of reads: equal to the naive twin, to Picard itself, and to Picard's output on real reads."""

from __future__ import annotations

import random
import struct
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.config import Batching
from gpucall.kernels import picard as kernel
from gpucall.qc import SampleQc, histogram, sensitivity, write
from gpucall.qc.picard_text import format_value
from gpucall.qc.quality_yield import by_filter

from . import golden_picard, naive_picard
from .fixtures import Read, write_bam, write_fasta
from .kernel_inputs import DEVICES, open_device
from .picard import genome, ours, picard, picard_reads
from .qc_reads import CONTIGS, Genome, stream

LETTERS = genome()
GENOME = {name: letters.upper() for name, letters in LETTERS.items()}
CATEGORIES = ("first", "second", "unpaired")


def counted(qc: SampleQc) -> dict[str, dict[Any, int]]:
    """The counters by name, as ``naive_picard.count`` names them, without zeros."""
    counts = qc.picard.result()
    found: dict[str, dict[Any, int]] = {
        "totals": {
            (name, kind): counts.totals[row, getattr(kernel, name)]
            for name in kernel.TOTAL_NAMES
            for row, kind in enumerate(CATEGORIES)
        },
        "yields": {
            (passed, name): by_filter(counts, qc.reads.result())[name][0 if passed else 1]
            for passed in (True, False)
            for name in ("reads", "bases", "q20", "q30", "quality")
        },
        "gc": {
            (name, percent): count
            for row, name in enumerate(("reads", "bases", "errors"))
            for percent, count in enumerate(counts.gc[row])
        },
        "gc_totals": dict(zip(("clusters", "aligned"), counts.gc_totals, strict=True)),
        "excluded": dict(zip(("adapter", "mapq", "dupe", "unpaired"), counts.excluded, strict=True)),
        "inserts": {
            (name, int(size)): n for name, bins in qc.insert_sizes().items() for size, n in zip(*bins, strict=True)
        },
    }
    for name in ("lengths", "aligned", "mismatches", "cycles"):
        table = getattr(counts, name)
        found[name] = {(CATEGORIES[row], int(k)): table[row, k] for row, k in np.argwhere(table)}
    return without_zeros(found)


def covered(qc: SampleQc) -> dict[str, dict[Any, int]]:
    """Depths, as ``naive_picard.wgs`` names them."""
    result = qc.coverage.everywhere()
    aligned, solid, repeats, capped = result.sums
    sums = {"baseq": aligned - solid, "overlap": repeats, "capped": capped}
    tables = {"solid": result.solid, "present": result.present, "qualities": result.qualities}
    return without_zeros({"sums": sums} | {name: dict(enumerate(table)) for name, table in tables.items()})


def without_zeros(found: Mapping[str, Mapping[Any, int]]) -> dict[str, dict[Any, int]]:
    kept = {name: {key: int(count) for key, count in table.items() if count} for name, table in found.items()}
    return {name: table for name, table in kept.items() if table}


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_equals_naive(tmp_path_factory: pytest.TempPathFactory, device: str, seed: int) -> None:
    reads = picard_reads(seed, GENOME, pairs=40)
    path = write_bam(tmp_path_factory.mktemp("picard") / "reads.bam", reads, CONTIGS, index=None)
    qc = stream(path, GENOME, backend=open_device(device))
    qc.fill_gaps(Genome(GENOME))
    assert counted(qc) == without_zeros(naive_picard.count(reads, GENOME))
    assert covered(qc) == without_zeros(naive_picard.wgs(reads, GENOME))


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    batch_bytes=st.integers(1, 30000),
    tile_span=st.integers(1, 1000),
    workers=st.integers(1, 3),
)
def test_does_not_depend_on_how_the_stream_is_cut(
    tmp_path_factory: pytest.TempPathFactory, seed: int, batch_bytes: int, tile_span: int, workers: int
) -> None:
    reads = picard_reads(seed, GENOME, pairs=40)
    path = write_bam(tmp_path_factory.mktemp("picard") / "reads.bam", reads, CONTIGS, index=None)
    qc = stream(path, GENOME, Batching(batch_bytes=batch_bytes, tile_span=tile_span), workers=workers)
    qc.fill_gaps(Genome(GENOME))
    assert counted(qc) == without_zeros(naive_picard.count(reads, GENOME))
    assert covered(qc) == without_zeros(naive_picard.wgs(reads, GENOME))
    windows = sum((naive_picard.windows(letters) for letters in GENOME.values()), Counter())
    assert {percent: count for percent, count in enumerate(qc.windows.result()) if count} == windows


@pytest.mark.parametrize("device", DEVICES)
def test_qualities_of_depths_few_or_many(tmp_path: Path, device: str) -> None:
    """Those that a sequencer gives, a few others, then more than are compared with; the last read ends the file."""
    chance = random.Random(8)
    levels = [*[(2, 11, 25, 37)] * 30, *[(2, 11, 25, 37, 0, 70)] * 5, *[tuple(range(k, k + 3)) for k in range(25)]]
    reads = []
    for number, values in enumerate(levels):
        flag = 0x63 if number % 2 else 0x93
        qualities = chance.choices(values, k=70)
        reads.append(Read(f"r{number}", number, "70M", GENOME["chr1"][number : number + 70], 0, flag, 60, qualities))
    path = write_bam(tmp_path / "reads.bam", reads, CONTIGS, index=None)
    qc = stream(path, GENOME, backend=open_device(device))
    qc.fill_gaps(Genome(GENOME))
    assert covered(qc) == without_zeros(naive_picard.wgs(reads, GENOME))


NUMBERS = {"C": "B", "c": "b", "S": "H", "s": "h", "I": "I", "i": "i"}
ORDERS = (
    "NM:C MD:Z AS:C XS:C RG:Z MQ:i MC:Z ms:i",
    "NM:i MD:Z AS:i XS:i RG:Z MQ:C ms:i mc:i MC:Z",
    "RG:Z XT:A NM:C SM:C AM:C X0:C X1:C XM:C XO:C MQ:S MD:Z",
    "MQ:c MC:H MQ:s",
    "MQ:I",
    "MC:Z MQ:A",
    "MC:Z MQ:Z",
    "NM:C XN:C MQ:C RG:Z",
    "SA:Z MQ:C",
    "MQ:C OQ:Z",
    "ZB:B MQ:C",
    "A0:Z A1:Z A2:Z A3:Z A4:Z A5:Z A6:Z A7:Z A8:Z A9:Z B0:Z B1:Z B2:Z MQ:C",
    "",
)


def tags_in_order(order: str, length: int, chance: random.Random) -> bytes:
    """Tags of such names and types, with some values; texts are long or short."""
    data = b""
    for name, kind in (tag.split(":") for tag in order.split()):
        data += name.encode() + kind.encode()
        if kind in NUMBERS:
            data += struct.pack("<" + NUMBERS[kind], chance.choice((0, 1, 19, 20, 60, 100)))
        elif kind == "A":
            data += b"U"
        elif kind == "B":
            data += b"C" + struct.pack("<I2B", 2, 0, 60)
        else:
            size = length if name == "OQ" else chance.choice((0, 1, 3, 20, 70, 130))
            data += bytes(chance.choices(range(33, 94), k=size)) + b"\0"
    return data


@pytest.mark.parametrize("seed", range(4))
def test_tags_in_the_same_order_again_and_again(tmp_path: Path, seed: int) -> None:
    """Orders of tags come in runs, with one of another order between them; mapping qualities may be negative."""
    chance = random.Random(seed)
    orders = [order for order in chance.sample(ORDERS, k=len(ORDERS)) for _ in range(8)]
    for _ in range(12):
        orders.insert(chance.randrange(len(orders)), chance.choice(ORDERS))
    reads = []
    for number, order in enumerate(orders):
        flag = chance.choice((0x43, 0x53, 0x63, 0x83, 0x93, 0xA3))
        data = tags_in_order(order, 40, chance)
        if order == "MQ:c MC:H MQ:s" and chance.random() < 0.5:
            data = data[:-2] + struct.pack("<h", -5)
        letters = GENOME["chr1"][number : number + 40]
        reads.append(Read(f"r{number}", number, "40M", letters, 0, flag, 30, 30, 0, number + 50, 90, tags=data))
    path = write_bam(tmp_path / "reads.bam", reads, CONTIGS, index=None)
    qc = stream(path, GENOME)
    assert counted(qc) == without_zeros(naive_picard.count(reads, GENOME))


def test_long_reads_and_far_pairs(tmp_path: Path) -> None:
    """Reads of more bases than the tables begin with, and pairs farther apart than theirs hold."""
    reads = [
        Read("long", 0, "30S700M", "A" * 30 + GENOME["chr1"][:700], qual=30, flag=0),
        Read("far", 5, "30M", GENOME["chr1"][5:35], flag=0xA3, mate_pos=300, tlen=70_000),
        Read("far", 300, "30M", GENOME["chr1"][300:330], flag=0x53, mate_pos=5, tlen=-70_000),
    ]
    path = write_bam(tmp_path / "reads.bam", reads, CONTIGS, index=None)
    qc = stream(path, GENOME, Batching(batch_bytes=1), workers=2)
    assert counted(qc) == without_zeros(naive_picard.count(reads, GENOME))
    assert qc.insert_sizes()["FR"][0].tolist() == [70_000]


def test_equals_picard_on_odd_reads(tmp_path: Path, peer: Callable[[str], str]) -> None:
    peer("PicardCommandLine")
    reads = [read for read in picard_reads(21, GENOME, pairs=3000) if read.seq != "*"]  # Picard stops at those
    bam = write_bam(tmp_path / "reads.bam", reads, CONTIGS)
    reference = write_fasta(tmp_path / "reference.fa", LETTERS)
    qc = stream(bam, GENOME)
    qc.fill_gaps(Genome(GENOME))
    write(qc, tmp_path, "ours")
    assert ours(tmp_path, "ours") == picard(bam, reference, tmp_path)


@pytest.mark.parametrize("device", DEVICES)
def test_of_deep_positions_the_first_bases_count(tmp_path: Path, device: str) -> None:
    """More than 250 reads over known and unknown positions, of different quality, some of them gone or without one."""
    reads = [deep_read(number, 100 + number % 3) for number in range(0, 330, 1)]
    reads.sort(key=lambda read: read.pos)
    path = write_bam(tmp_path / "reads.bam", reads, CONTIGS, index=None)
    expected = without_zeros(naive_picard.wgs(reads, GENOME))
    assert expected["sums"]["capped"] > 0
    whole, cut = (stream(path, GENOME, Batching(tile_span=span), open_device(device)) for span in (900, 7))
    for qc in (whole, cut):
        qc.fill_gaps(Genome(GENOME))
        assert covered(qc) == expected


def deep_read(number: int, pos: int) -> Read:
    """One of many reads over a place; some have bases of quality 2, deletions, or are left out."""
    cigar = "10M2D20M" if number % 7 == 0 else "30M"
    qual = [2 if number % 5 == 0 and k % 4 == 0 else 21 + number % 20 for k in range(30)]
    flag = 0x400 if number % 11 == 0 else 0
    return Read(f"r{number}", pos, cigar, "A" * 30, qual=qual, flag=0x63 | flag, mate_tid=0, mate_pos=400)


@pytest.mark.parametrize("name", golden_picard.SAMPLES)
def test_equals_picard_on_shared_reads(
    shared_data: Path, tmp_path: Path, peer: Callable[[str], str], name: str
) -> None:
    """Every field and every row of the histograms, as Picard printed them (``golden_picard``)."""
    if golden_picard.SAMPLES[name][1] is None:
        peer("samtools")  # for a consensus
    assert golden_picard.ours(shared_data, name, tmp_path) == golden_picard.read(name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (1.0, "1"),
        (1 / 3, "0.333333"),
        (2 / 3, "0.666667"),
        (1 / 128, "0.007812"),
        (3 / 128, "0.023437"),
        (float("nan"), "?"),
        (float("inf"), "?"),
        (float("-inf"), "-?"),
        (123456789.0, "123456789"),
        ("PAIR", "PAIR"),
    ],
)
def test_numbers_are_printed_as_java_prints_them(value: int | float | str, text: str) -> None:
    assert format_value(value) == text


class JavaRandom:
    """java.util.Random, step by step."""

    def __init__(self, seed: int) -> None:
        self.state = (seed ^ 0x5DEECE66D) & ((1 << 48) - 1)

    def bits(self, count: int) -> int:
        self.state = (self.state * 0x5DEECE66D + 0xB) & ((1 << 48) - 1)
        return self.state >> (48 - count)

    def double(self) -> float:
        high = self.bits(26)
        return ((high << 27) + self.bits(27)) * 2.0**-53


def draw(weights: list[float], random: JavaRandom) -> int:
    """RouletteWheel.draw."""
    for _ in range(600):
        kind = int(len(weights) * random.double())
        if random.double() < weights[kind]:
            return kind
    return 0


def drawn_sums(weights: list[float], terms: int, samples: int) -> list[list[int]]:
    """RouletteWheel.sampleCumulativeSums: for every number of terms the sums, one a sample."""
    random = JavaRandom(51)
    found: list[list[int]] = [[] for _ in range(terms)]
    for _ in range(samples):
        total = 0
        for sums in found:
            sums.append(total)
            total += draw(weights, random)
    return found


@pytest.mark.parametrize("qualities", [{3: 5, 12: 900, 23: 70, 37: 31}, {40: 1}, {k: k + 1 for k in range(3, 127)}])
def test_qualities_are_drawn_as_java_draws_them(monkeypatch: pytest.MonkeyPatch, qualities: dict[int, int]) -> None:
    counts = np.zeros(256, dtype=np.int64)
    counts[list(qualities)] = list(qualities.values())
    thresholds = np.arange(40) * 21.5
    monkeypatch.setattr(sensitivity, "SAMPLES", 60)
    found = sensitivity.quality_sums(counts, thresholds, kept=30)
    shares = [count / counts[:127].sum() for count in counts[:127].tolist()]
    sums = drawn_sums([share / max(shares) for share in shares], terms=40, samples=60)
    expected = [[sum(each >= threshold for each in sums[m]) / 60 for threshold in thresholds] for m in range(30)]
    assert found.tolist() == expected
    if qualities == {40: 1}:
        assert min(sums[29]) < 40 * 29, "some draws are given up"


@given(st.lists(st.integers(0, 50), min_size=2, max_size=200))
def test_histogram_statistics(values: list[int]) -> None:
    keys, counts = histogram.filled(np.bincount(values))
    assert histogram.mean(keys, counts) == pytest.approx(np.mean(values))
    assert histogram.median(keys, counts) == np.median(values)
    assert histogram.standard_deviation(keys, counts) == pytest.approx(np.std(values, ddof=1))
    deviations = np.abs(np.array(values) - np.median(values))
    assert histogram.median_absolute_deviation(keys, counts) == np.median(deviations)
    assert histogram.mode(keys, counts) == min(values, key=lambda value: (-values.count(value), value))
    assert histogram.percentile(keys, counts, 0.2) == sorted(values)[-(-len(values) // 5) - 1]

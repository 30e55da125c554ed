"""Kernel ``stats``: equal to its naive twin on every device, whatever the reads' lengths and qualities."""

from __future__ import annotations

import random
import struct
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gpucall.backend import Backend
from gpucall.kernels.crc import crc32, crc32_by_table, crc32_of_two, crc_tables
from gpucall.kernels.jit import cpu_loop
from gpucall.kernels.qc import Kinds
from gpucall.qc import stats
from gpucall.qc.flags import FlagCounts
from gpucall.qc.inserts import InsertCounts
from gpucall.qc.stats import ReadFigures, ReadStats

from . import naive_stats as naive
from .fixtures import PAIRED, READ1, READ2, REVERSE, SUPPLEMENTARY, Read, encode_record
from .kernel_inputs import DEVICES, columns, decode, open_device
from .qc_reads import CONTIGS, odd_reads

TAGS = (
    b"",
    b"NMC\x03",
    b"NMc\xfe",
    b"NMS" + struct.pack("<H", 40000),
    b"NMs" + struct.pack("<h", -3),
    b"NMi" + struct.pack("<i", 7),
    b"NMI" + struct.pack("<I", 4_000_000_000),
    b"NMf" + struct.pack("<f", 2.0),
    b"MDZ10A5\0NMC\x01",
    b"XBBs\x02\0\0\0\1\0\2\0ASi\1\0\0\0NMC\x02",
    b"XAAxXHHAB\0NMC\x04NMC\x09",
    b"NMZ5\0NMC\x05",
    b"XX?\x01NMC\x06",
)


def nonzero(figures: ReadFigures) -> naive.Figures:
    """Coordinates and values of what was counted."""
    return {
        name: Counter({tuple(map(int, at)): int(counts[tuple(at)]) for at in np.argwhere(counts)})
        for name, counts in vars(figures).items()
    }


def some_kinds(backend: Backend) -> Kinds:
    """Counters that are no concern here."""
    return FlagCounts(backend, len(CONTIGS)).kinds(InsertCounts(backend))


def count(reads: Sequence[Read], device: str, parts: int = 1) -> naive.Figures:
    backend = open_device(device)
    workers = [ReadStats(backend) for _ in range(parts)]
    for number, worker in enumerate(workers):
        for one in range(2):
            share = reads[number::parts][one::2]
            worker.add(columns(share, CONTIGS, backend), 0, len(share), some_kinds(backend))
    for other in workers[1:]:
        workers[0].merge(other)
    return nonzero(workers[0].result())


def tagged(seed: int, pairs: int) -> list[Read]:
    chance = random.Random(seed)
    return [replace(read, tags=chance.choice(TAGS)) for read in odd_reads(seed, pairs)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("seed", range(3))
def test_equals_naive(device: str, seed: int) -> None:
    reads = tagged(seed, 40)
    assert count(reads, device, parts=1 + seed) == naive.figures(reads)


def lengths() -> list[Read]:
    """Reads of every length up to 40 and a few long ones, on either strand, first and last; some with hard clips."""
    chance, reads = random.Random(5), []
    for length in [*range(1, 41), 150, 151, 299, 300, 301]:
        for flag in (PAIRED | READ1, PAIRED | READ2 | REVERSE, REVERSE, PAIRED, PAIRED | READ1 | SUPPLEMENTARY):
            seq = "".join(chance.choices("ACGTNR=", k=length))
            reads.append(Read(f"r{length}", 5, f"{length}M", seq, 0, flag, 60, chance.choices(range(63), k=length)))
    return [*reads, *(replace(read, cigar=f"7H{read.cigar}3H") for read in reads[::7])]


@pytest.mark.parametrize("device", DEVICES)
def test_reads_of_every_length(device: str) -> None:
    assert count(lengths(), device, parts=2) == naive.figures(lengths())


@pytest.mark.parametrize("device", DEVICES)
def test_qualities_of_every_value(device: str) -> None:
    values = list(range(256))
    reads = [Read("a", 5, "256M", "A" * 256, 0, flag, 60, values[:: 1 - 2 * k]) for k, flag in enumerate((0, REVERSE))]
    reads.append(Read("b", 5, "4M", "ACGT", qual=255))
    assert count(reads, device) == naive.figures(reads)


FOUR_LEVELS = (2, 11, 25, 37)
TWELVE_LEVELS = tuple(range(2, 38, 3))


def few_levels(seed: int, count: int, levels: tuple[int, ...] = FOUR_LEVELS) -> list[Read]:
    """Reads of the few qualities that a sequencer gives; here and there one of others, without any, or with an N."""
    chance, reads = random.Random(seed), []
    for number in range(count):
        length = chance.choice((150, 150, 150, 151, 149, chance.randrange(1, 200)))
        flag = PAIRED | chance.choice((READ1, READ2, READ1 | REVERSE, READ2 | REVERSE))
        seq = "".join(chance.choices("ACGTN", weights=(9, 9, 9, 9, 0.005), k=length))
        qualities = chance.choices(levels, k=length)
        if number % 97 == 5:
            qualities[chance.randrange(length)] = chance.choice((3, 30, 70))
        absent = number % 211 == 7
        reads.append(Read(f"r{number}", 5, f"{length}M", seq, 0, flag, 60, 255 if absent else qualities))
    return reads


@pytest.mark.parametrize("levels", [FOUR_LEVELS, TWELVE_LEVELS])
@pytest.mark.parametrize(("device", "rows"), [(name, 1300 if name == "cpu" else 30) for name in DEVICES])
def test_reads_of_few_qualities(device: str, rows: int, levels: tuple[int, ...]) -> None:
    """On the CPU more reads than an 8-bit counter holds, and all that its comparisons cannot count."""
    reads = few_levels(rows, rows, levels)
    assert count(reads, device) == naive.figures(reads)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("after", [1, 8, 15])
def test_what_follows_an_odd_number_of_bases_is_not_looked_at(device: str, after: int) -> None:
    """The lower half of their last byte may be anything (SAM v1, section 4.2)."""
    reads = [Read(f"r{k}", 5, "5M", seq, 0, flag) for seq in ("ACGTA", "ACNTA") for k, flag in enumerate((0, REVERSE))]
    backend, worker = open_device(device), ReadStats(open_device(device))
    records = columns(reads, CONTIGS, backend)
    plain = ReadStats(backend)
    plain.add(records, 0, len(reads), some_kinds(backend))
    host = backend.download(records)
    raw = host.raw.copy()
    raw[host.seq + 2] |= after
    worker.add(records._replace(raw=backend.upload(raw)), 0, len(reads), some_kinds(backend))
    found, expected = nonzero(worker.result()), nonzero(plain.result())
    assert {k: v for k, v in found.items() if k != "checksums"} == {
        k: v for k, v in expected.items() if k != "checksums"
    }


@pytest.mark.parametrize("device", DEVICES)
def test_qualities_become_too_many_to_be_compared_with(device: str) -> None:
    reads = [Read(f"r{k}", 5, "100M", "ACGT" * 25, 0, PAIRED | READ1, 60, [k % 40] * 100) for k in range(60)]
    assert count(reads, device) == naive.figures(reads)


@pytest.mark.parametrize("device", DEVICES)
def test_indels_by_length_and_cycle(device: str) -> None:
    cigars = (
        "2M3I5M",
        "2I8M",
        "3D10M",
        "5M300D5M",
        "5M301D5M",
        "2S3M2D3M1I1M",
        "5M7N5M",
        "4M1P2I4M",
        "3=2X1D5M",
        "5M0D5M",
    )
    reads = [
        Read(f"r{k}", 5, cigar, "ACGTACGTAC", 0, flag)
        for k, cigar in enumerate(cigars)
        for flag in (0, REVERSE, PAIRED | READ2, PAIRED | READ2 | REVERSE, PAIRED, PAIRED | READ1 | SUPPLEMENTARY)
    ]
    kept = [replace(read, cigar=read.cigar.replace("M0D", "M")) for read in reads]  # samtools passes over 0D, too
    assert count(reads, device) == naive.figures(kept)


def test_bases_behind_the_last_cycle_count_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "MOST_CYCLES", 32)
    length = 75
    reads = [Read("r", 5, "75M", "ACGTG" * 15, 0, flag, 60, [*range(60), *range(15)]) for flag in (0, REVERSE)]
    found, expected = count(reads, "cpu"), naive.figures(reads)
    for name in ("gc", "by_flag", "lengths", "sums", "checksums"):
        assert found[name] == expected[name]
    for name, axis in (("quality", 2), ("bases", 3)):
        folded: Counter[tuple[int, ...]] = Counter()
        for at, value in expected[name].items():
            folded[(*at[:axis], *at[axis + 1 :])] += value
        ours: Counter[tuple[int, ...]] = Counter()
        for at, value in found[name].items():
            assert at[axis] < 32
            ours[(*at[:axis], *at[axis + 1 :])] += value
        assert ours == folded
    assert sum(found["quality"].values()) == 2 * length


def test_counters_are_emptied_before_they_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stats, "LARGEST_COUNT", 30)
    reads = tagged(1, 30)
    assert count(reads, "cpu") == naive.figures(reads)


@cpu_loop
def crc_of(n: int, data: Any, tables: Any, by_table: bool) -> int:
    """CRC-32 of the last ``n`` bytes, as compiled."""
    start, stop = data.shape[0] - n, data.shape[0]
    return crc32_by_table(data, start, stop, tables) if by_table else crc32(data, start, stop, tables)


@cpu_loop
def crc_of_two(n: int, data: Any, one: int, two: int, tables: Any) -> tuple[int, int]:
    """CRC-32 of ``n`` bytes from two places on, as compiled."""
    first, second = crc32_of_two(data, one, two, n, tables)
    return first, second


@pytest.mark.parametrize("length", [*range(70), 255, 256, 257, 4000])
def test_crc32_is_that_of_zlib(length: int) -> None:
    """By look-ups and by products, in Python and compiled."""
    data = random.Random(length).randbytes(length + 16)
    values, tables, expected = np.frombuffer(data, dtype=np.uint8), crc_tables(), zlib.crc32(data[16:])
    with np.errstate(over="ignore"):
        assert crc32(values, 16, 16 + length, tables) == expected
    assert crc_of(length, values, tables, True) == expected
    assert crc_of(length, values, tables, False) == expected
    others = np.frombuffer(random.Random(-length).randbytes(length + 16), dtype=np.uint8)
    both = np.concatenate([values, others])
    starts, expected_of_two = (16, len(values) + 16), (expected, zlib.crc32(others[16:].tobytes()))
    with np.errstate(over="ignore"):
        assert crc32_of_two(both, *starts, length, tables) == expected_of_two
    assert crc_of_two(length, both, *starts, tables) == expected_of_two


def test_damaged_tags_end_the_search() -> None:
    for tags in (b"XZZabc", b"XXi\1\0", b"XBBi\xff\xff\xff\xff", b"NMi\1"):
        read = Read("r", 5, "4M", "ACGT", tags=tags)
        backend = open_device("cpu")
        worker = ReadStats(backend)
        worker.add(decode(encode_record(read), CONTIGS, backend), 0, 1, some_kinds(backend))
        assert worker.result().sums[0] == 0

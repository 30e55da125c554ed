"""Kernel ``chain``: equal to its naive twin on every device."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from gpucall.kernels import chain as kernel
from gpucall.kernels.records import Records
from gpucall.reads import find_mates

from . import naive
from .fixtures import MATE_UNMAPPED, PAIRED, READ1, READ2, SUPPLEMENTARY, Read, encode_record, in_file_order
from .kernel_inputs import DEVICES, decode, open_device
from .qc_reads import CONTIGS, odd_reads

on_devices = pytest.mark.parametrize("device", DEVICES)


def chained(reads: list[Read], device: str) -> Records:
    """Columns of reads in file order with their chains and mates, on the host."""
    backend = open_device(device)
    records = decode(b"".join(map(encode_record, reads)), CONTIGS, backend)
    find_mates(records, backend.download(records), backend)
    host: Records = backend.download(records)
    return host


def drawn(seed: int) -> list[Read]:
    """Odd reads, some of whose names are there more than twice."""
    chance = random.Random(seed)
    reads = odd_reads(seed, pairs=20)
    reads += [replace(read, flag=read.flag | MATE_UNMAPPED) for read in reads[:3]]
    reads += [replace(read, flag=read.flag | SUPPLEMENTARY, pos=read.pos + 5) for read in reads if 0 <= read.pos < 50]
    reads += chance.sample(reads, 5)
    return in_file_order(reads)


@on_devices
@pytest.mark.parametrize("seed", range(4))
def test_chains_and_mates_equal_naive(device: str, seed: int) -> None:
    reads = drawn(seed)
    found = chained(reads, device)
    assert found.earlier.tolist() == naive.earlier(reads)
    assert found.mate.tolist() == naive.mates(reads)
    assert max(found.earlier) >= 0
    assert max(found.mate) >= 0


def test_slots_grow_with_the_rows() -> None:
    """However many rows reach a position, few share a slot."""
    bits = [int(kernel.slot_bits(n)) for n in (0, 1, 1 << 16, (1 << 16) + 1, 1 << 22)]
    assert bits == [11, 11, 11, 12, 17]


@on_devices
def test_deep_reads_share_slots(device: str) -> None:
    """More reads that reach one position than there are slots; most names are there twice."""
    count = 5000 if device == "cpu" else 40
    names = [f"read{number % (count // 2)}" for number in range(count)]
    random.Random(1).shuffle(names)
    reads = [Read(name, 100 + number // 64, "150M", "A" * 150, 0, 0) for number, name in enumerate(names)]
    last: dict[str, int] = {}
    expected = []
    for number, name in enumerate(names):
        expected.append(last.get(name, -1))
        last[name] = number
    assert chained(reads, device).earlier.tolist() == expected


@on_devices
@pytest.mark.parametrize("names", [("one", "two", "one"), ("read1", "read2", "read3"), ("read", "read1", "read")])
def test_names_with_one_hash_are_compared(device: str, names: tuple[str, str, str]) -> None:
    """Reads the first two of which could be mates, were it not for their names."""
    flags, mates = (PAIRED | READ1, PAIRED | READ2, PAIRED | READ1), (11, 10, 11)
    reads = [
        Read(name, 10 + k, "30M", "A" * 30, 0, flags[k], mate_tid=0, mate_pos=mates[k]) for k, name in enumerate(names)
    ]
    backend = open_device(device)
    records = decode(b"".join(map(encode_record, reads)), CONTIGS, backend)
    records = records._replace(name_hash=backend.upload(np.full(3, 7, dtype=np.uint64)))
    find_mates(records, backend.download(records), backend)
    assert backend.download(records.earlier).tolist() == [-1, -1, 0 if names[0] == names[2] else -1]
    assert backend.download(records.mate).tolist() == [-1, -1, -1]


@on_devices
def test_contigs_and_distance_end_a_chain(device: str) -> None:
    """A name again out of the longest read's reach by one base, within it, and on another contig."""
    places = (("far", 100, 0), ("near", 101, 0), ("near", 150, 0), ("far", 150, 0), ("far", 199, 0), ("far", 199, 1))
    reads = [Read(name, pos, "50M", "A" * 50, tid, 0) for name, pos, tid in places]
    assert chained(reads, device).earlier.tolist() == [-1, -1, 1, -1, 3, -1]

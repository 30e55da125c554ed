"""What kernel tests work on: the devices, and reads as columns."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gpucall.backend import Backend, CpuBackend, select
from gpucall.kernels.records import Records
from gpucall.reads import empty_columns

from . import naive
from .device_like import Shuffled
from .fixtures import Read, encode_record

# ``cuda``: the simulator with NUMBA_ENABLE_CUDASIM=1 (tests/test_simulator.py), else a card (bench.gpu_acceptance).
DEVICES = os.environ.get("GPUCALL_TEST_DEVICES", "cpu,shuffled").split(",")


def open_device(name: str) -> Backend:
    """A backend; ``shuffled`` runs the CUDA loops as plain Python, in random order."""
    backends = {"cpu": CpuBackend, "shuffled": Shuffled}
    return backends[name]() if name in backends else select(name)[0]


def undecoded(raw: bytes) -> Records:
    """Columns of garbage over some records, with their offsets."""
    offsets, _ = naive.walk(raw)
    records = empty_columns(np.frombuffer(raw, dtype=np.uint8).copy(), np.array(offsets, dtype=np.int64))
    for column in records[2:]:
        column.view(np.uint8).fill(0xA5)
    return records


def decode(raw: bytes, contigs: dict[str, int], backend: Backend) -> Records:
    """Records decoded on a device, where they stay."""
    records = backend.upload(undecoded(raw))
    lengths = backend.upload(np.array(list(contigs.values()), dtype=np.int64))
    backend.launch("records.decode", len(records.offset), records, lengths)
    return records


def columns(reads: Sequence[Read], contigs: dict[str, int], backend: Backend) -> Records:
    """Reads as columns on a device, each with its overlapping mate."""
    records = decode(b"".join(encode_record(read) for read in reads), contigs, backend)
    return records._replace(mate=backend.upload(np.array(naive.mates(reads), dtype=np.int32)))


def codes(bases: str) -> NDArray[np.uint8]:
    """Bases as 0-3 for A, C, G, T; 4: anything else."""
    return np.array(["ACGT".find(base) % 5 for base in bases], dtype=np.uint8)

"""What the stages of calling were given while the tricky sample was called."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gpucall import engine
from gpucall.backend import Backend, CpuBackend

from . import tricky_sample
from .fixtures import Read

Given = list[tuple[Any, ...]]


@contextmanager
def recorded(module: ModuleType, stage: str) -> Iterator[Given]:
    """Arguments and result of every call of a stage."""
    given: Given = []
    original = getattr(module, stage)

    def record(*arguments: Any) -> Any:
        result = original(*arguments)
        given.append((*arguments, result))
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, stage, record)
        yield given


def call_sample(folder: Path, depth: int = 30, backend: Backend | None = None) -> None:
    """Call the tricky sample."""
    sample = tricky_sample.write(folder / "sample", tricky_sample.reads(depth=depth, pile=60))
    engine.call(sample.bam, sample.reference, folder / "out", device=backend or CpuBackend(), threads=1)


def sample_reads(depth: int = 30) -> dict[tuple[str, int], Read]:
    """The sample's reads by name and flag."""
    return {(read.name, read.flag): read for read in tricky_sample.reads(depth=depth, pile=60)}


def read_of(batch: Any, row: int, reads: dict[tuple[str, int], Read]) -> Read:
    """The read that a row of a batch holds."""
    records = batch.records
    start = int(records.offset[row]) + 36
    name = bytes(records.raw[start : int(records.cigar[row])]).split(b"\0")[0].decode()
    return reads[name, int(records.flag[row])]

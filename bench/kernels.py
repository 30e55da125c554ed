"""kernels: each kernel on real arguments: first whether its outputs match, then how fast it is, on each device.

    python -m bench.kernels [--device cpu] [--device cuda] [--json OUT] [--bam READS --reference REF]

The engine calls a sample (simulated, where none is given) while a recorder keeps, for each kernel, the launch with the
most items. Then the compiled CPU loop must give what the CUDA loop gives as plain Python, on the first items; and a
card what the CPU gives, on all of them. No time is printed for a kernel whose output has not just matched.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("GPUCALL_CUDA", "1")  # the CUDA loops, interpreted, are what the CPU's are compared with

import numpy as np

from gpucall import engine
from gpucall.backend import Backend, CpuBackend, loop, select
from gpucall.config import DepthOutputs, Gvcf, SiteLists
from gpucall.errors import GpucallError, UsageError
from gpucall.kernels import jit
from gpucall.kernels.pairhmm import segment_bounds

from . import families, panel
from .measure import provenance
from .pipeline import write_json
from .simulate import simulate

SAMPLE: dict[str, Any] = {"length": 300_000, "depth": 30.0, "seed": 11, "deep_sites": ((150_000, 2_000),)}
INTERPRETED = 200  # items that plain Python works on
SHORTEST = 0.2  # seconds that a kernel is repeated for
MOST_REPEATS = 1000


class MismatchError(GpucallError):
    """A kernel's output is not what it should be."""


@dataclass(frozen=True)
class Case:
    """A kernel and what it was launched with, as that was before; ``sizes``: of its workspace, where it has one."""

    kernel: str
    items: int
    arguments: tuple[Any, ...]
    sizes: tuple[int, ...] = ()

    def fresh(self, backend: Backend) -> tuple[Any, ...]:
        """Arguments on a device to work on, for kernels write to theirs, with the workspace that the device needs."""
        arguments = [backend.upload(argument) for argument in copy.deepcopy(self.arguments)]
        if self.kernel == "chain.link":
            arguments[SCRATCH[self.kernel][0]] = backend.to_chain(arguments[0].name_hash)
        elif self.sizes:
            arguments[SCRATCH[self.kernel][0]] = backend.workspace(self.kernel, *self.sizes)
        return tuple(arguments)


class Interpreted(CpuBackend):
    """Names the CUDA loops, which then run as plain Python."""

    target = "cuda"


class Recorder(CpuBackend):
    """Runs kernels on the CPU and keeps the largest launch of each."""

    def __init__(self) -> None:
        super().__init__()
        self.cases: dict[str, Case] = {}
        self.sizes: dict[str, tuple[int, ...]] = {}

    def workspace(self, kernel: str, *sizes: int) -> Any:
        """Keep the sizes; what a launch works in is made just before it."""
        self.sizes[kernel] = sizes
        return super().workspace(kernel, *sizes)

    def launch(self, kernel: str, items: int, *arguments: Any) -> None:
        """Keep the arguments if there were never more items; run."""
        known = self.cases.get(kernel)
        if items > 0 and (known is None or items > known.items):
            self.cases[kernel] = Case(kernel, items, copy.deepcopy(arguments), self.sizes.get(kernel, ()))
        super().launch(kernel, items, *arguments)


def record(bam: Path, reference: Path) -> dict[str, Case]:
    """A case for every kernel that the engine launches on a sample."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory(prefix="gpucall-kernels-") as folder:
        lists = SiteLists(panel.write(Path(folder) / "panel", reference))
        more = DepthOutputs(by="1000", thresholds=(1,))
        engine.call(bam, reference, folder, device=recorder, threads=1, sites=lists, gvcf=Gvcf(), depth_outputs=more)
        families.relate_few(Path(folder), recorder)
    return dict(sorted(recorder.cases.items()))


def record_simulated(**options: Any) -> dict[str, Case]:
    """The same on a simulated sample (``SAMPLE``, or other options of ``simulate``)."""
    with tempfile.TemporaryDirectory(prefix="gpucall-kernels-") as folder:
        sample = simulate(folder, **(SAMPLE | options))
        return record(sample.bam, sample.reference)


# -- match -------------------------------------------------------------------------------------------------------------


def interpret(case: Case, items: int) -> tuple[Any, ...]:
    """The arguments after the CUDA loop ran as plain Python, one thread after the other."""
    arguments = case.fresh(Interpreted())
    body = loop(case.kernel, "cuda").py_func
    card = body.__globals__["cuda"]
    try:
        with np.errstate(over="ignore"):
            for thread in range(items):
                body.__globals__["cuda"] = SimpleNamespace(grid=lambda dimensions, thread=thread: thread)
                body(items, *arguments)
    finally:
        body.__globals__["cuda"] = card
    return arguments


def outputs(case: Case, backend: Backend, items: int) -> tuple[Any, ...]:
    """The arguments after a device ran the kernel."""
    arguments = case.fresh(backend)
    backend.launch(case.kernel, items, *arguments)
    backend.wait()
    return tuple(backend.download(argument) for argument in arguments)


def arrays(value: Any) -> Iterator[Any]:
    """All arrays in an argument."""
    if isinstance(value, tuple):
        for item in value:
            yield from arrays(item)
    elif isinstance(value, np.ndarray):
        yield value


def check_match(case: Case, backend: Backend) -> None:
    """Compare a device's outputs, byte by byte.

    Raises
    ------
    MismatchError
        They differ: the CPU's from plain Python's, or another device's from the CPU's.
    """
    on_cpu = backend.name == "cpu"
    items = min(case.items, INTERPRETED) if on_cpu else case.items
    expected = interpret(case, items) if on_cpu else outputs(case, CpuBackend(), items)
    found = outputs(case, backend, items)
    skipped = SCRATCH.get(case.kernel, ())
    for number, (one, two) in enumerate(zip(found, expected, strict=True)):
        same = all(np.array_equal(a, b) for a, b in zip(arrays(one), arrays(two), strict=True))
        if not same and number not in skipped:
            raise MismatchError(f"{case.kernel}: argument {number + 1} differs on {backend.describe()} after a run")


# Arguments that are workspace, of which each device makes its own use.
SCRATCH: dict[str, tuple[int, ...]] = {
    "chain.link": (2,),
    "pairhmm.scores": (5,),
    "stats.reads": (4,),
    "wgs.aligned": (7, 8),
    "picard.reads": (10,),
    "picard.unmapped": (5,),
    "pileup.evidence": (6,),
}


# -- time --------------------------------------------------------------------------------------------------------------


def best_time(case: Case, backend: Backend) -> float:
    """Seconds of the fastest of several runs; ``check_match`` has compiled the kernel."""
    arguments = case.fresh(backend)
    times: list[float] = []
    while sum(times) < SHORTEST and len(times) < MOST_REPEATS:
        began = time.perf_counter()
        backend.launch(case.kernel, case.items, *arguments)
        backend.wait()
        times.append(time.perf_counter() - began)
    return min(times)


def cells(case: Case) -> int:
    """Cells of the dynamic programming matrices of ``pairhmm.scores``: read bases times band, each haplotype."""
    records, segments = case.arguments[:2]
    total = 0
    for i in range(case.items):
        half = int(segments.band[i])
        first, last, _ = segment_bounds(records, segments.row[i], segments.start[i], segments.stop[i], half // 2)
        total += max(int(last - first), 0) * (2 * half + 1) * int(segments.count[i])
    return total


def measure(case: Case, backend: Backend) -> dict[str, Any]:
    """Match, then time."""
    check_match(case, backend)
    seconds = best_time(case, backend)
    found = {"items": case.items, "seconds": seconds, "items_per_second": round(case.items / seconds)}
    if case.kernel == "pairhmm.scores":
        found["gcups"] = round(cells(case) / seconds / 1e9, 3)
    return found


def line(kernel: str, device: str, found: dict[str, Any]) -> str:
    """What was found, to read."""
    gcups = f"  {found['gcups']:.2f} GCUPS" if "gcups" in found else ""
    rate = found["items_per_second"] / 1e6
    return f"{kernel:24} {device:6} {found['items']:9} items {found['seconds'] * 1e3:10.3f} ms {rate:10.3f} M/s{gcups}"


def measure_all(cases: dict[str, Case], backends: Sequence[Backend]) -> tuple[dict[str, Any], list[str]]:
    """Every kernel on every device: figures by kernel and device, and what did not match."""
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for kernel, case in cases.items():
        for backend in backends:
            try:
                figures = measure(case, backend)
            except MismatchError as error:
                wrong.append(str(error))
                print(f"{kernel:24} {backend.name:6} DOES NOT MATCH", flush=True)
                continue
            found.setdefault(kernel, {})[backend.name] = figures
            print(line(kernel, backend.name, figures), flush=True)
    return found, wrong


def open_devices(names: Sequence[str]) -> list[Backend]:
    """The backends, the CPU where none is named."""
    backends = [select(name)[0] for name in names or ["cpu"]]
    if jit.cuda is None:
        raise UsageError("numba-cuda is not installed, and its loops are what the CPU is compared with: pip install it")
    return backends


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code, 1 where an output does not match."""
    parser = argparse.ArgumentParser(prog="python -m bench.kernels", description="Match each kernel, then time it.")
    parser.add_argument("--device", action="append", choices=["cpu", "cuda"], help="may be given twice (default: cpu)")
    parser.add_argument("--bam", type=Path, help="reads (default: a simulated sample)")
    parser.add_argument("--reference", type=Path, help="their reference")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args(arguments)
    if (options.bam is None) != (options.reference is None):
        parser.error("--bam and --reference go together")
    try:
        backends = open_devices(options.device or [])
        cases = record(options.bam, options.reference) if options.bam else record_simulated()
        found, wrong = measure_all(cases, backends)
        if options.json:
            made = provenance("python -m bench.kernels")
            devices = {backend.name: backend.describe() for backend in backends}
            write_json(options.json, {**made, "devices": devices, "kernels": found, "mismatches": wrong})
    except GpucallError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    for text in wrong:
        print(f"error: {text}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

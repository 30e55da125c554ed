"""stream: what every way of working through a sample shares: its inputs, its budget, its batches in order."""

from __future__ import annotations

import logging
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from . import __version__, qc
from .backend import Backend, select
from .config import DepthOutputs, Settings, SiteLists
from .errors import EmptyInput, UsageError
from .io.alignments import RecordSource
from .io.merged import lanes_sample, open_lanes
from .io.reference import Reference, callable_bases, check_header
from .machine import cores
from .reads import Batch, Batcher, Tile
from .tiles import Intervals, parse_regions, read_bed

log = logging.getLogger("gpucall")

Progress = Callable[[int, int, str], None]
ReadFiles = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
T = TypeVar("T")

LETTERS_KEPT = 16  # a batch keeps letters of the reference until they take more than this part of its bytes


@dataclass
class Stream:
    """A sample's open inputs, and where its kernels run.

    regions  where to look; None: everywhere
    study    lists of sites whose bases are counted; None: none
    plan     mosdepth's further files; None: none
    """

    source: RecordSource
    reference: Reference
    backend: Backend
    settings: Settings
    regions: Intervals | None
    study: qc.SiteStudy | None = None
    plan: qc.DepthPlan | None = None

    def batches(self) -> Batcher:
        """The sample's reads."""
        return Batcher(self.source, self.backend, self.settings.batching, self.settings.filters, self.regions)

    def accumulator(self) -> qc.SampleQc:
        """Quality control that has counted nothing yet."""
        return qc.SampleQc(self.source.header.contigs(), self.backend, self.study, self.plan)

    def ordered(self, folder: Path, name: str) -> qc.OrderedQc:
        """What takes the batches' pieces in order; it writes into ``folder``."""
        return qc.OrderedQc(qc.DepthWriters(self.plan, folder, name) if self.plan is not None else None)

    def measure(self, batch: Batch, quality: qc.SampleQc) -> qc.OrderedPiece:
        """Quality control of a batch's new reads and owned positions; what of it must be put in order."""
        first, stop = batch.first_new, len(batch.records.pos)
        gc = self.backend.download(quality.add_reads(batch.device, first, stop))
        piece = qc.OrderedPiece(qc.gc_reads(batch.records, first, stop, gc))
        for tile in batch.tiles:
            piece.depth += self._measure_tile(batch, tile, quality)
        return piece

    def _measure_tile(self, batch: Batch, tile: Tile, quality: qc.SampleQc) -> list[qc.regions.DepthPiece]:
        """Quality control of a tile's reads and owned positions; what of it must be put in order."""
        contig, rows = self.source.header.names[tile.tid], (tile.row, tile.row_stop)
        origin, letters = self.letters(batch, tile)
        packed = quality.pack(letters, origin)
        quality.add_alignments(batch.device, packed, tile.tid, tile.start, tile.stop, rows)
        pieces = []
        for start, end in self.owned(contig, tile):
            pieces.append(quality.add_depth(batch.device, packed, tile.tid, start, end, rows))
            quality.add_sites(batch.records, batch.device, tile.tid, start, end, rows, (origin, letters))
        return [piece for piece in pieces if piece is not None]

    def conclude(self, total: qc.SampleQc) -> None:
        """What only all counts together say: depth 0 where there was no read, and what listed sites show."""
        total.fill_gaps(self.reference, self.regions)
        if self.study is not None:
            total.findings = self.study.conclude(total.sites, self.settings.contamination)

    def owned(self, contig: str, tile: Tile) -> list[tuple[int, int]]:
        """The tile's positions, as far as they were asked for."""
        if self.regions is None:
            return [(tile.start, tile.stop)]
        return [(int(start), int(stop)) for start, stop in self.regions.clip(contig, tile.start, tile.stop)]

    def letters(self, batch: Batch, tile: Tile) -> tuple[int, NDArray[np.uint8]]:
        """The reference under a tile, under its reads and around them: its first position, and its letters.

        It is read once for all who ask, unless they ask at one time, or the batch has few reads for much of the genome.
        """
        found = batch.letters.get(tile)
        if found is None:
            contig = self.source.header.names[tile.tid]
            origin, stop = self._reach(contig, tile)
            reads_stop = int(batch.records.end[tile.row : tile.row_stop].max(initial=0)) + qc.MARGIN
            end = min(max(stop, reads_stop), self.reference.length(contig))
            found = origin, self.reference.letters(contig, origin, end)
            if (
                sum(len(letters) for _, letters in list(batch.letters.values()))
                < len(batch.records.raw) // LETTERS_KEPT
            ):
                batch.letters[tile] = found
        return found

    def stretch(self, batch: Batch, tile: Tile) -> tuple[int, NDArray[np.uint8]]:
        """The reference under a tile and around it: its first position, and its bases (``callable_bases``)."""
        origin, letters = self.letters(batch, tile)
        _, stop = self._reach(self.source.header.names[tile.tid], tile)
        return origin, callable_bases(letters[: stop - origin])

    def _reach(self, contig: str, tile: Tile) -> tuple[int, int]:
        """From where to where a tile's stages look."""
        margin = 2 * self.settings.batching.halo
        return max(tile.start - margin, 0), min(tile.stop + margin, self.reference.length(contig))


class Opened(NamedTuple):
    """What ``open_sample`` opened.

    threads  that batches are worked on; 0: the caller's own
    device   what runs the kernels, in words
    """

    stream: Stream
    name: str
    threads: int
    device: str


def open_sample(
    stack: ExitStack,
    reads: ReadFiles,
    reference: str | os.PathLike[str],
    device: str | Backend,
    threads: int | None,
    memory: int | str | None,
    regions: Sequence[str],
    targets: str | os.PathLike[str] | None,
    sample: str | None,
    settings: Settings | None,
    sites: SiteLists | None = None,
) -> Opened:
    """Open a sample's inputs, which ``stack`` closes, and check that they belong together.

    Raises
    ------
    GpucallError
        one of its children, where the input, the machine or the options are at fault.
    """
    workers = threads or cores()
    settings = fit_memory(settings or Settings(), memory, workers)
    backend, reason = select(device)
    log.info("device: %s", reason)
    fasta = stack.enter_context(Reference(reference))
    asked = asked_regions(regions, targets, fasta.contigs)
    pool = stack.enter_context(worker_pool(workers)) if workers > 1 else None
    source = open_lanes(read_paths(reads), str(reference), asked, workers, pool, settings.batching.batch_bytes // 3)
    stack.callback(source.close)
    for lane in source.lanes:
        check_contigs(fasta, lane, asked)
    name = lanes_sample(source.lanes, sample)
    log.info("sample: %s", name)
    study = None if sites in (None, SiteLists()) else qc.SiteStudy(sites, source.header.contigs(), source.path)
    plan = depth_plan(settings.depth_outputs, source, asked)
    stream = Stream(source, fasta, backend, settings, asked, study, plan)
    return Opened(stream, name, 0 if pool is None else workers, backend.describe())


def with_depth_outputs(settings: Settings | None, wanted: DepthOutputs | None) -> Settings:
    """The settings, with these further files of mosdepth where any are given."""
    settings = settings or Settings()
    return settings if wanted is None else settings._replace(depth_outputs=wanted)


def depth_plan(options: DepthOutputs, source: RecordSource, asked: Intervals | None) -> qc.DepthPlan | None:
    """Which further files of mosdepth are wanted, checked; None: none."""
    if not options.any:
        return None
    if asked is not None:
        raise UsageError(
            "--by, --per-base and --quantize describe the depth of the whole file: leave out --regions and --targets"
        )
    return qc.DepthPlan(options, [(name, int(length)) for name, length, _ in source.header.contigs()])


def read_paths(reads: ReadFiles) -> list[str]:
    """One path or several, as a list of them."""
    several = [reads] if isinstance(reads, str | os.PathLike) else reads
    return [os.fspath(path) for path in several]


def check_contigs(reference: Reference, source: RecordSource, asked: Intervals | None) -> None:
    """Reads and reference belong together, and the reads know the contigs asked. A CRAM's slices carry their own M5."""
    contigs = source.header.contigs()
    if source.kind == "cram":
        contigs = [(name, length, None) for name, length, _ in contigs]
    check_header(reference, contigs, source.path, needed=None if asked is None else list(asked))
    for contig in asked or ():
        if contig not in source.header.names:
            raise UsageError(
                f"{source.path}: --regions or --targets asks for contig '{contig}', which its header does not have"
            )


def worker_pool(workers: int) -> ThreadPoolExecutor:
    """Threads that inflate blocks and work on batches."""
    return ThreadPoolExecutor(workers, thread_name_prefix="gpucall")


def asked_regions(
    regions: Sequence[str], targets: str | os.PathLike[str] | None, contigs: dict[str, int]
) -> Intervals | None:
    """Where to call: the regions, the BED's intervals, or where they meet; None: everywhere."""
    parsed = parse_regions(regions, contigs) if regions else None
    if targets is None:
        return parsed
    bed = read_bed(targets, contigs)
    return bed if parsed is None else parsed.intersect(bed)


SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SMALLEST_BUDGET = 400 << 20  # bytes: the interpreter, libraries and compiled kernels
BATCH_COPIES = 10  # bytes held a byte of batch, in all stages


def parse_memory(memory: int | str) -> int:
    """Bytes from ``4G``, ``800M`` or a number.

    Raises
    ------
    UsageError
    """
    text = str(memory).strip().upper().removesuffix("B").removesuffix("I")
    unit = SIZES.get(text[-1:], 1)
    try:
        value = int(float(text[:-1] if unit > 1 else text) * unit)
    except ValueError:
        raise UsageError(
            f"--memory '{memory}' is not a size; give bytes, or a number with K, M or G such as 4G"
        ) from None
    if value < SMALLEST_BUDGET:
        raise UsageError(f"--memory {memory} is too little: at least {SMALLEST_BUDGET >> 20}M is needed")
    return value


def fit_memory(settings: Settings, memory: int | str | None, workers: int) -> Settings:
    """Settings whose batches fit the budget; no result depends on them."""
    if memory is None:
        return settings
    room = (parse_memory(memory) - SMALLEST_BUDGET) // (BATCH_COPIES * (workers + 1))
    batch_bytes = max(1 << 20, min(room, settings.batching.batch_bytes))
    return settings._replace(batching=settings.batching._replace(batch_bytes=batch_bytes))


class Later(Generic[T]):
    """What a piece of work gives; it is done when that is asked for, by who asks."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work: Callable[[], T] | None = work

    def result(self) -> T:
        """What the work gives, once."""
        assert self._work is not None
        work, self._work = self._work, None
        return work()


Promise = Future[T] | Later[T]


class Workers:
    """The threads that batches are worked on, and what they count. A context.

    Every thread counts into an accumulator of its own: ``accumulators``. Without threads the caller works, when it asks
    for a result.
    """

    def __init__(self, accumulator: Callable[[], qc.SampleQc], threads: int) -> None:
        self.accumulators: list[qc.SampleQc] = []
        self._accumulator = accumulator
        self._idle: deque[qc.SampleQc] = deque()
        self._most = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="gpucall-batch") if threads else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def start(self, work: Callable[[Batch, qc.SampleQc], T], batch: Batch) -> Promise[T]:
        """Have a batch worked on."""
        if self._threads is None:
            return Later(lambda: self._count(work, batch))
        return self._threads.submit(self._count, work, batch)

    def results(self, batches: Iterator[Batch], work: Callable[[Batch, qc.SampleQc], T]) -> Iterator[T]:
        """What ``work`` makes of all batches, in genome order.

        At most as many batches as there are threads are held beside the one that is being read.
        """
        pending: deque[Promise[T]] = deque()
        for batch in batches:
            pending.append(self.start(work, batch))
            del batch  # before the next is asked for
            while len(pending) > self._most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def _count(self, work: Callable[[Batch, qc.SampleQc], T], batch: Batch) -> T:
        try:
            quality = self._idle.pop()
        except IndexError:
            quality = self._accumulator()
            self.accumulators.append(quality)
        found = work(batch, quality)
        self._idle.append(quality)
        return found


def check_not_empty(run: Stream, batcher: Batcher) -> None:
    """An all-zero result is an error, not a report."""
    if batcher.records_kept > 0:
        return
    where = "no reads in the regions asked" if run.regions is not None else "the file has a header but no reads"
    raise EmptyInput(
        f"{run.source.path}: {where}; check that it is the right file"
        + (" and the right regions" if run.regions is not None else "")
    )


def provenance(run: Stream, device: str) -> list[str]:
    """Header lines that say how the file was made."""
    words = " ".join(sys.argv[1:] or ["(Python API)"]).replace("\n", " ")
    return [
        f"##source=gpucall {__version__}",
        f"##gpucallCommand={words}",
        f"##gpucallDevice={device}",
        f"##reference=file://{run.reference.path.resolve()}",
    ]


def manifest(run: Stream, name: str, device: str) -> dict[str, Any]:
    """What goes into the manifest beside the outputs' checksums."""

    def described(path: str) -> dict[str, Any]:
        return {"path": path, "bytes": os.path.getsize(path)}

    return {
        "sample": name,
        "gpucall": __version__,
        "command": sys.argv[1:],
        "device": device,
        "inputs": {
            "reads": [described(lane.path) for lane in run.source.lanes],
            "reference": described(str(run.reference.path)),
        },
    }

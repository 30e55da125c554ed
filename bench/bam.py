"""bam: the reads of a simulated sample, made window by window on threads and written in order with their index."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from hashlib import md5
from pathlib import Path
from struct import pack
from threading import local
from typing import NamedTuple, TypeVar

import numpy as np

from gpucall.io.bgzf_writer import BgzfWriter

from . import sequencer
from .aligner import new_batch
from .bai import BaiBuilder
from .encode import Columns, sort_records
from .genome import ASCII, Bytes, Contig
from .haplotypes import Haplotype, build_haplotype, haplotype_position
from .odd import Encoded, Source, odd_records
from .reads import BATCH, CELL, Fragments, Model, lay_out, simulate_fragments
from .settings import Settings

WINDOW = 1 << 15  # reference bases whose records one thread makes at a time
REACH = 500  # bases, besides two reads' length, by which clips and indels may move a read from where its fragment lies
TYPICAL_RECORD = 450  # bytes, of a record of 150 bases
ROOM_TO_SPARE = 4_096
DEEP_SERIAL = 1_000_000  # fragments of deep sites are numbered from here

Item = TypeVar("Item")
Result = TypeVar("Result")


class Window(NamedTuple):
    """The records that start in start..stop-1 of a contig, encoded and in order."""

    tid: int
    raw: Bytes
    columns: Columns


class Part(NamedTuple):
    """Fragments of one haplotype, and the haplotype positions between which one can have a record in the window."""

    which: int
    first: int
    last: int
    fragments: Fragments


class Workspace:
    """One thread's buffers, kept from window to window: fresh memory costs more than filling it."""

    def __init__(self, read_length: int) -> None:
        self.typical = TYPICAL_RECORD * max(150, read_length) // 150
        self.batch = new_batch(2 * BATCH, read_length)
        self.buffer = np.empty(0, np.uint8)
        self.columns = new_columns(0)

    def fit(self, records: int) -> None:
        """Have room for so many records of the usual size."""
        if len(self.columns.pos) < records:
            self.columns = new_columns(2 * records)
        if len(self.buffer) < records * self.typical + ROOM_TO_SPARE:
            self.buffer = np.empty(2 * records * self.typical + ROOM_TO_SPARE, np.uint8)

    def enlarge(self) -> None:
        """Have twice the room."""
        self.buffer = np.empty(2 * len(self.buffer), np.uint8)

    def append(self, extra: Sequence[Encoded], n: int, at: int) -> tuple[int, int]:
        """Add encoded records behind the `n` records and `at` bytes in the buffer; the new numbers of both."""
        joined = np.frombuffer(b"".join(record.bytes for record in extra), np.uint8)
        if at + len(joined) > len(self.buffer):
            self.buffer = np.concatenate([self.buffer, joined])
        self.buffer[at : at + len(joined)] = joined
        for row, record in enumerate(extra, start=n):
            for column, value in zip(self.columns, (record.pos, record.end, at, len(record.bytes), 1), strict=True):
                column[row] = value
            at += len(record.bytes)
        return n + len(extra), at


class ReadMaker:
    """Makes the records of any window.

    Parameters
    ----------
    settings, genome
        What to simulate, and the contigs.
    haplotypes
        The haplotypes of each contig.
    odd
        Encoded records that join those of plain pairs.
    weights
        How deep each haplotype is, relative to half of the depth; empty: 1.
    """

    def __init__(
        self,
        settings: Settings,
        genome: Sequence[Contig],
        haplotypes: Sequence[Sequence[Haplotype]],
        odd: Sequence[Encoded],
        weights: Sequence[Sequence[float]] = (),
    ) -> None:
        self.settings = settings
        self.genome = genome
        self.haplotypes = haplotypes
        self.weights = weights or [[1.0] * len(each) for each in haplotypes]
        self.model = build_model(settings)
        self.odd = [sorted((r for r in odd if r.tid == tid), key=_position) for tid in range(len(genome))]
        self.unplaced = [record for record in odd if record.tid < 0]
        self.deep = [_deep_fragments(settings, haplotypes[0], which) for which in range(2)]
        self.reach = REACH + 2 * settings.read_length
        self.workspaces = local()

    def window(self, tid: int, start: int, stop: int) -> Window:
        """The records of one window; the same ones however the genome is cut into windows."""
        parts = list(self.parts(tid, start, stop))
        odd = self.odd[tid]
        extra = odd[bisect_left(odd, start, key=_position) : bisect_left(odd, stop, key=_position)]
        work = self.workspace(2 * sum(len(part.fragments.start) for part in parts) + len(extra))
        while True:
            n, at = self.fill(tid, start, stop, parts, work)
            if n >= 0:
                break
            work.enlarge()
        n, at = work.append(extra, n, at)
        ordered, raw = new_columns(n), np.empty(at, np.uint8)
        place, order = np.zeros(stop - start + 1, np.int64), np.empty(n, np.int64)
        sort_records(work.buffer, work.columns, n, start, place, order, raw, ordered)
        return Window(tid, raw, ordered)

    def workspace(self, records: int) -> Workspace:
        """This thread's workspace, with room for so many records of the usual size."""
        if not hasattr(self.workspaces, "own"):
            self.workspaces.own = Workspace(self.settings.read_length)
        work: Workspace = self.workspaces.own
        work.fit(records)
        return work

    def parts(self, tid: int, start: int, stop: int) -> Iterator[Part]:
        """The fragments that may have a read in the window: the evenly spread ones, then the deep sites'."""
        for which, haplotype in enumerate(self.haplotypes[tid]):
            first = haplotype_position(haplotype, start) - self.reach
            last = haplotype_position(haplotype, stop) + self.reach
            begin, end = max(0, first - self.settings.longest_insert), min(len(haplotype.codes), last)
            yield Part(which, first, last, self.spread(tid, which, (begin // CELL, end // CELL + 1)))
            if tid == 0:
                deep = self.deep[which]
                rows = slice(*np.searchsorted(deep.start, (begin, end)))
                yield Part(which, first, last, Fragments(*(column[rows] for column in deep)))

    def spread(self, tid: int, which: int, cells: tuple[int, int]) -> Fragments:
        """The fragments that start in a range of cells of a haplotype, evenly spread."""
        settings = self.settings
        rate = settings.depth / 2 / (2 * settings.read_length) * self.weights[tid][which]
        if rate == 0:
            return _fragments(0)
        insert = np.array([settings.insert, settings.insert_sd, settings.longest_insert], np.float64)
        options = rate, settings.read_length, insert, _chance(settings.duplicates)
        codes, seed = self.haplotypes[tid][which].codes, _seed(settings, 4, tid, which)
        room = 64 + int(1.5 * rate * (cells[1] - cells[0]) * CELL)
        while True:
            out = _fragments(room)
            n = lay_out(seed, codes, np.array(cells), *options, out)
            if n >= 0:
                return Fragments(*(column[:n] for column in out))
            room *= 2

    def fill(self, tid: int, start: int, stop: int, parts: Sequence[Part], work: Workspace) -> tuple[int, int]:
        """Encode the fragments' records that start in the window; (-1, -1) if the workspace is too small."""
        n = at = 0
        for which, first, last, part in parts:
            haplotype, reference = self.haplotypes[tid][which], self.genome[tid].codes
            place = np.array([tid, which + 1, start, stop, first, last], np.int64)
            n, at = simulate_fragments(
                haplotype, reference, part, self.model, place, work.batch, work.buffer, work.columns, n, at
            )
            if n < 0:
                break
        return n, at


def write_bam(path: Path, settings: Settings, maker: ReadMaker, pool: Executor, threads: int, window: int) -> int:
    """Write the BAM and ``.bai`` of all windows of `window` bases; returns the number of records."""
    genome = maker.genome
    places = [(tid, at, min(at + window, len(c))) for tid, c in enumerate(genome) for at in range(0, len(c), window)]
    index = BaiBuilder(len(genome))
    with BgzfWriter(path, settings.level, threads) as file:
        offset = file.write(header(settings, genome))
        n = 0
        for made in _in_order(pool, lambda place: maker.window(*place), places, 2 * threads):
            columns = made.columns
            index.add(made.tid, columns.pos, columns.end, columns.offset + offset, columns.size, columns.mapped)
            offset += file.write(made.raw.data)
            n += len(columns.pos)
        unplaced = [record.bytes for record in maker.unplaced]
        file.write(b"".join(unplaced))
    index.write(Path(f"{path}.bai"), file.block_starts(), len(unplaced))
    return n + len(unplaced)


def _in_order(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], ahead: int
) -> Iterator[Result]:
    """Results in the items' order, at most `ahead` of them made before they are asked for."""
    pending: deque[Future[Result]] = deque()
    for item in items:
        pending.append(pool.submit(function, item))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def header(settings: Settings, genome: Sequence[Contig]) -> bytes:
    """The BAM's header: magic, SAM text, contigs (SAM v1, section 4.2)."""
    lines = ["@HD\tVN:1.6\tSO:coordinate"]
    for contig in genome:
        digest = md5(ASCII[contig.codes].data, usedforsecurity=False).hexdigest()
        lines.append(f"@SQ\tSN:{contig.name}\tLN:{len(contig)}\tM5:{digest}")
    for group in group_names(settings):
        lines.append(f"@RG\tID:{group}\tSM:{settings.sample}\tLB:lib1\tPL:ILLUMINA\tPU:{group}")
    lines.append("@PG\tID:gpucall-simulate\tPN:gpucall-simulate")
    text = "".join(f"{line}\n" for line in lines).encode()
    parts = [b"BAM\1", pack("<i", len(text)), text, pack("<i", len(genome))]
    for contig in genome:
        name = contig.name.encode() + b"\0"
        parts += [pack("<i", len(name)), name, pack("<i", len(contig))]
    return b"".join(parts)


def group_names(settings: Settings) -> list[str]:
    """IDs of the read groups, all of one length."""
    width = len(str(settings.read_groups))
    return [f"{settings.sample}.{i + 1:0{width}}" for i in range(settings.read_groups)]


def draw_odd(settings: Settings, genome: Sequence[Contig], haplotypes: Sequence[Sequence[Haplotype]]) -> list[Encoded]:
    """The odd records of a sample; where it lacks a contig, they have the reference's bases."""
    fragments = settings.depth * settings.length / (2 * settings.read_length)
    group = next(iter(group_names(settings)), "")
    zipped = zip(genome, haplotypes, strict=True)
    firsts = [each[0] if each else build_haplotype(contig, (), 0) for contig, each in zipped]
    source = Source(genome, firsts, settings.read_length, group)
    return odd_records(source, settings.seed, round(fragments * settings.odd))


def build_model(settings: Settings) -> Model:
    """The sequencer's tables for the compiled loops."""
    names = group_names(settings)
    groups = np.array([list(f"{name}\0".encode()) for name in names], np.uint8).reshape(len(names), -1 if names else 1)
    random = np.random.default_rng([settings.seed, 7])
    qualities = sequencer.quality_rows(random, sequencer.QUALITY_ROWS, settings.read_length)
    hazard = sequencer.hazards(qualities)
    return Model(
        settings.read_length,
        np.stack([qualities, qualities[:, :, ::-1]]),
        hazard if settings.errors else np.zeros_like(hazard),
        sequencer.QUALITIES[0],
        _chance(sequencer.NO_CALL_CHANCE),
        int(settings.stutter),
        _chance(settings.foreign_ends if settings.errors else 0),
        _chance(settings.low_mapq),
        _chance(settings.unmapped_mates),
        _chance(settings.qc_fail),
        groups,
    )


def _position(record: Encoded) -> int:
    return record.pos


def _deep_fragments(settings: Settings, haplotypes: Sequence[Haplotype], which: int) -> Fragments:
    """What one haplotype of the first contig adds to the even coverage at the deep sites, sorted by start."""
    random = np.random.default_rng([settings.seed, 5, which])
    starts, length = [np.empty(0, np.int64)], settings.read_length
    for position, depth in settings.deep_sites:
        number = max(0, round((depth - settings.depth) / 2))
        at = haplotype_position(haplotypes[which], position)
        starts.append(random.integers(at - length + 1, at + 1, number))
    start = np.sort(np.concatenate(starts))
    size = np.clip(random.normal(settings.insert, settings.insert_sd, len(start)), length, settings.longest_insert)
    fragments = _fragments(len(start))
    fragments.start[:], fragments.size[:] = start, size
    fragments.key[:] = random.integers(0, 2**63, len(start))
    fragments.serial[:] = DEEP_SERIAL + np.arange(len(start))
    fragments.kind[:] = random.integers(0, 2, len(start))
    fits = (start >= 0) & (start + fragments.size <= len(haplotypes[which].codes))
    return Fragments(*(column[fits] for column in fragments))


def new_columns(size: int) -> Columns:
    """Columns of so many records."""
    return Columns(*(np.empty(size, np.int64) for _ in Columns._fields))


def _fragments(size: int) -> Fragments:
    whole = np.empty((3, size), np.int64)
    return Fragments(whole[0], whole[1], np.empty(size, np.uint64), whole[2], np.empty(size, np.uint8))


def _seed(settings: Settings, *path: int) -> np.uint64:
    """A 64-bit seed for the compiled loops."""
    return np.uint64(np.random.SeedSequence([settings.seed, *path]).generate_state(1, np.uint64)[0])


def _chance(probability: float) -> np.uint64:
    """In 2**-32, as the compiled loops have it."""
    return np.uint64(round(probability * 2**32))

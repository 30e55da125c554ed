"""genome: a seeded reference sequence with a real genome's texture.

What callers stumble over in real sequence is there, at about human density: GC content that drifts along the contig,
few CpG, interspersed repeats whose copies differ by some per cent, homopolymers, dinucleotide and longer short tandem
repeats, and gaps of N. Bases are ASCII in files and BAM's 4-bit codes (SAM v1, section 4.2.3) in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gpucall.kernels.jit import cpu_loop, shared

Bytes = NDArray[np.uint8]
Integers = NDArray[np.int64]

ASCII = np.frombuffer(b"=ACMGRSVTWYHKDBN", np.uint8)  # base of each 4-bit code
A, C, G, T, N = 1, 2, 4, 8, 15
LETTERS = np.array([A, C, G, T], np.uint8)
CODES = np.zeros(256, np.uint8)
CODES[ASCII] = np.arange(16)

BLOCK = 1 << 20  # bases that one thread draws from one generator
GC_CELL = 2_000  # bases over which GC content is constant
GC_LEVELS = 33  # GC content is rounded to 1/32
FASTA_LINE = 60

# Observed over expected dinucleotides, rows A C G T, columns the next base: human, rounded (Karlin & Mrazek 1997).
DINUCLEOTIDES = np.array(
    [[1.12, 0.84, 1.17, 0.88], [1.20, 1.20, 0.23, 1.17], [1.01, 1.01, 1.20, 0.84], [0.75, 1.01, 1.20, 1.12]]
)

TANDEM_EVERY = 800  # bases per planted short tandem repeat
COPY_EVERY = 2_500  # bases per copy of an interspersed repeat: about a tenth of the genome
FAMILIES = (300, 300, 900)  # lengths of the interspersed repeats: two Alu-like, one longer
COPY_DIVERGENCE = (0.03, 0.18)  # share of bases in which a copy differs from its family


class Tracts(NamedTuple):
    """Maximal tandem repeats, sorted by start: codes[i] == codes[i + unit] for start <= i < end - unit."""

    start: Integers
    end: Integers
    unit: Integers


@dataclass(frozen=True)
class Contig:
    """One reference sequence: its name and its bases as 4-bit codes, uint8[length]."""

    name: str
    codes: Bytes

    def __len__(self) -> int:
        return len(self.codes)

    def gaps(self) -> Integers:
        """Runs of N, int64[n, 2], 0-based half-open."""
        edges = np.flatnonzero(np.diff(self.codes == N, prepend=False, append=False))
        return edges.reshape(-1, 2).astype(np.int64)


def generate_genome(seed: int, lengths: Sequence[int], gap: int, pool: Executor) -> list[Contig]:
    """Contigs ``chr1``, ``chr2``, ... of the given lengths (bases); `gap` N at each one's ends and middle (0: none).

    Blocks are drawn on the pool's threads.
    """
    families = _families(seed)
    gc = [_gc_levels(np.random.default_rng([seed, 1, i]), length) for i, length in enumerate(lengths)]
    genome = [np.empty(length, np.uint8) for length in lengths]
    blocks = [(i, start) for i, length in enumerate(lengths) for start in range(0, length, BLOCK)]

    def fill(block: tuple[int, int]) -> None:
        contig, start = block
        random = np.random.default_rng([seed, 2, contig, start])
        _fill_block(random, genome[contig][start : start + BLOCK], gc[contig][start // GC_CELL :], start, families)

    list(pool.map(fill, blocks))
    return [Contig(f"chr{i + 1}", _with_gaps(codes, gap)) for i, codes in enumerate(genome)]


def _fill_block(random: np.random.Generator, out: Bytes, gc: Bytes, start: int, families: list[Bytes]) -> None:
    _draw_bases(out, random.random(len(out), np.float32), gc, start % GC_CELL, TRANSITIONS)
    for copy, at in _scattered(random, len(out), COPY_EVERY):
        _paint(out, at, _diverged(random, families[copy % len(families)]))
    for _, at in _scattered(random, len(out), TANDEM_EVERY):
        _paint(out, at, _tandem(random))


def _scattered(random: np.random.Generator, length: int, every: int) -> list[tuple[int, int]]:
    """(number, position) of things that lie about one per `every` bases."""
    return list(enumerate(random.integers(0, length, random.poisson(length / every)).tolist()))


def _paint(out: Bytes, at: int, bases: Bytes) -> None:
    room = min(len(bases), len(out) - at)
    out[at : at + room] = bases[:room]


def _tandem(random: np.random.Generator) -> Bytes:
    """A short tandem repeat: half homopolymers (nine of ten A or T), then dinucleotides, then units of 3 to 6."""
    kind = random.random()
    if kind < 0.5:
        unit = LETTERS[[0, 3, 0, 3, 0, 3, 0, 3, 0, 1][random.integers(10)]]
        return np.full(min(8 + random.geometric(0.18), 40), unit, np.uint8)
    if kind < 0.8:
        pair = [(A, C), (T, G), (A, T), (A, G)][random.integers(4)]
        return np.tile(np.array(pair, np.uint8), min(5 + random.geometric(0.12), 30))
    return np.tile(LETTERS[random.integers(0, 4, random.integers(3, 7))], min(4 + random.geometric(0.3), 15))


def _diverged(random: np.random.Generator, family: Bytes) -> Bytes:
    copy = family if random.random() < 0.5 else reverse_complement(family)
    changed = random.random(len(copy)) < random.uniform(*COPY_DIVERGENCE)
    return np.where(changed, LETTERS[random.integers(0, 4, len(copy))], copy)


def _families(seed: int) -> list[Bytes]:
    random = np.random.default_rng([seed, 0])
    families = [np.empty(length, np.uint8) for length in FAMILIES]
    for family in families:
        _draw_bases(family, random.random(len(family), np.float32), np.full(1, 16, np.uint8), 0, TRANSITIONS)
    return families


def _gc_levels(random: np.random.Generator, length: int) -> Bytes:
    """GC content of each cell in 1/32: 41 % on average, smooth over some cells (isochores)."""
    cells = length // GC_CELL + 2
    noise = random.normal(0, 1, cells + 15)
    smooth = np.convolve(noise, np.full(16, 0.25), "valid")
    return np.round(np.clip(0.41 + 0.05 * smooth, 0.30, 0.62) * (GC_LEVELS - 1)).astype(np.uint8)


def _transitions() -> NDArray[np.float32]:
    """Cumulative chance of each next base by GC level and previous base, float32[GC_LEVELS, 4, 4]."""
    gc = np.linspace(0, 1, GC_LEVELS)[:, None]
    single = np.hstack([(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2])
    chance = single[:, None, :] * DINUCLEOTIDES
    return np.cumsum(chance / chance.sum(axis=2, keepdims=True), axis=2).astype(np.float32)


TRANSITIONS = _transitions()


@cpu_loop
def _draw_bases(out: Any, uniform: Any, gc: Any, start: Any, transitions: Any) -> None:
    """A Markov chain over bases whose transitions follow the local GC level."""
    letters = (A, C, G, T)
    previous = int(uniform[0] * 4)
    for i in range(len(out)):
        row = transitions[gc[(start + i) // GC_CELL], previous]
        u = uniform[i]
        previous = int(u >= row[0]) + int(u >= row[1]) + int(u >= row[2])
        out[i] = letters[previous]


def _with_gaps(codes: Bytes, gap: int) -> Bytes:
    if gap:
        middle = len(codes) // 2
        codes[:gap] = codes[-gap:] = codes[middle : middle + gap] = N
    return codes


def reverse_complement(codes: Bytes) -> Bytes:
    """The other strand of 4-bit codes (a code's complement is its four bits reversed)."""
    return _COMPLEMENT[codes[::-1]]


_COMPLEMENT = np.array([int(f"{code:04b}"[::-1], 2) for code in range(16)], np.uint8)


def find_tracts(codes: Bytes, least: Sequence[int]) -> Tracts:
    """Tandem repeats of unit 1, 2, ... with at least ``least[unit - 1]`` bases; sorted by start, then unit."""
    found = []
    for unit, bases in enumerate(least, start=1):
        spans = np.empty((len(codes) // (bases - unit + 1) + 1, 2), np.int64)  # two tracts share at most unit - 1 bases
        spans = spans[: _scan_tracts(codes, unit, bases, spans)]
        found.append(np.column_stack([spans, np.full(len(spans), unit)]))
    every = np.concatenate(found)
    every = every[np.lexsort((every[:, 2], every[:, 0]))]
    return Tracts(*np.ascontiguousarray(every.T))


@cpu_loop
def _scan_tracts(codes: Any, unit: Any, least: Any, spans: Any) -> Any:
    """Write the tracts of this unit to `spans`; returns how many there are."""
    found = run = 0
    later, earlier = codes[unit:], codes[: len(codes) - unit]
    for i in range(len(later) + 1):
        repeats = 0
        if i < len(later):
            repeats = (later[i] == earlier[i]) & (later[i] != N)
        if (run >= least - unit) & (repeats == 0):  # one branch, rarely taken and so well predicted
            start = i - run
            if not _has_smaller_period(codes, start, unit):
                spans[found, 0] = start
                spans[found, 1] = i + unit
                found += 1
        run = (run + 1) * repeats
    return found


@shared
def _has_smaller_period(codes: Any, start: Any, unit: Any) -> Any:
    for period in range(1, unit):
        repeats = unit % period == 0
        for i in range(start, start + unit - period):
            repeats = repeats and codes[i] == codes[i + period]
        if repeats:
            return True
    return False


def write_fasta(path: Path, genome: Sequence[Contig]) -> None:
    """Write the FASTA and its ``.fai``."""
    index = []
    with open(path, "wb") as file:
        for contig in genome:
            file.write(f">{contig.name}\n".encode())
            index.append(f"{contig.name}\t{len(contig)}\t{file.tell()}\t{FASTA_LINE}\t{FASTA_LINE + 1}\n")
            file.write(_wrapped(ASCII[contig.codes]))
    Path(f"{path}.fai").write_text("".join(index))


def _wrapped(bases: Bytes) -> bytes:
    lines = -(-len(bases) // FASTA_LINE)
    page = np.full((lines, FASTA_LINE + 1), ord("\n"), np.uint8)
    page[:, :FASTA_LINE].flat[: len(bases)] = bases
    return page.tobytes()[: len(bases) + lines - 1] + b"\n"

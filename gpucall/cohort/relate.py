"""relate: who is related to whom in a cohort, and where that contradicts its pedigree."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..backend import Backend, CpuBackend, select
from ..config import Relating
from ..errors import UsageError
from ..kernels import relate as kernel
from ..kernels.relate import Planes
from ..machine import cores
from ..outputs import replaced_files
from .genotypes import Cohort, read_cohort
from .pedigree import Pedigree, read_ped
from .problems import Problem, find_problems
from .tables import write_pairs, write_problems, write_samples

log = logging.getLogger("gpucall")

Pairs = NDArray[np.int32]  # [n, 2]: rows of the first and of the second sample
OUTPUTS = {"samples": "relate.samples.tsv", "pairs": "relate.pairs.tsv", "problems": "relate.problems.tsv"}
PAIR_CHUNK = 1 << 16  # pairs compared at once


@dataclass(frozen=True)
class Related:
    """What a run found.

    files     every output by its kind
    counts    samples, sites, pairs compared and written
    problems  what contradicts the pedigree, or is odd without one
    """

    files: dict[str, Path]
    counts: dict[str, int]
    problems: list[Problem]
    device: str


@dataclass(frozen=True)
class PairTable:
    """Counts of some pairs of samples.

    pairs    int32[n, 2], by the first and then by the second sample's row
    counts   int32[n, COUNTS] (``kernels.relate``)
    kinship  float64[n]
    """

    pairs: Pairs
    counts: NDArray[np.int32]
    kinship: NDArray[np.float64]


def kinship(counts: NDArray[np.int32]) -> NDArray[np.float64]:
    """KING-robust kinship between families (Manichaikul et al. 2010, doi:10.1093/bioinformatics/btq559, equation 11).

    0 for pairs of which one has no heterozygous site that the other knows.
    """
    hets = counts[:, [kernel.HETS_A, kernel.HETS_B]].astype(np.float64)
    fewer = hets.min(axis=1)
    shared = counts[:, kernel.SHARED_HETS] - 2.0 * counts[:, kernel.IBS0]
    some = np.maximum(fewer, 1)
    value = shared / (2 * some) + 0.5 - hets.sum(axis=1) / (4 * some)
    return np.where(fewer > 0, value, 0.0)


def relate(
    sketches: Sequence[Path],
    out: Path,
    *,
    ped: Path | None = None,
    min_kinship: float | None = None,
    device: str | Backend = "auto",
    threads: int | None = None,
    progress: Callable[[int, int, str], None] | None = None,
    settings: Relating | None = None,
) -> Related:
    """Compare all pairs of samples.

    Parameters
    ----------
    sketches
        ``SAMPLE.sketch`` files of one list of sites.
    out
        folder for ``relate.samples.tsv``, ``relate.pairs.tsv`` and ``relate.problems.tsv``.
    ped
        PED file that the samples are checked against.
    min_kinship
        write pairs from this kinship on, and all that the pedigree relates; None: all pairs of a cohort of up to
        ``Relating.most_pairs`` pairs, else from ``Relating.min_kinship`` on.

    Raises
    ------
    GpucallError
        one of its children, where the input or the options are at fault.
    """
    settings = settings or Relating()
    if len(set(map(str, sketches))) < 2:
        raise UsageError("relate compares samples: give at least two sketches")
    backend, reason = select(device)
    log.info("device: %s", reason)
    workers = threads or cores()
    pedigree = None if ped is None else read_ped(ped)
    cohort = read_cohort(sketches, settings, workers, progress)
    if pedigree is not None:
        pedigree.check(cohort.names)
    table = compare_cohort(cohort, pedigree, min_kinship, backend, workers, progress, settings)
    problems = find_problems(cohort, table, pedigree, lambda pairs: compare_pairs(cohort, pairs, backend), settings)
    for problem in problems:
        log.warning("%s: %s", problem.kind, problem.text())
    with ExitStack() as stack:
        files = stack.enter_context(replaced_files(out, list(OUTPUTS.values())))
        write_samples(files[OUTPUTS["samples"]], cohort, pedigree, settings)
        write_pairs(files[OUTPUTS["pairs"]], cohort, table, pedigree)
        write_problems(files[OUTPUTS["problems"]], problems)
    counts = {
        "samples": len(cohort.samples),
        "sites": cohort.sites,
        "pairs compared": len(cohort.samples) * (len(cohort.samples) - 1) // 2,
        "pairs written": len(table.pairs),
        "problems": len(problems),
    }
    return Related({kind: out / name for kind, name in OUTPUTS.items()}, counts, problems, backend.describe())


def compare_cohort(
    cohort: Cohort,
    pedigree: Pedigree | None,
    min_kinship: float | None,
    backend: Backend,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
    settings: Relating,
) -> PairTable:
    """The pairs that are written: all of a small cohort, those that are related of a large one."""
    samples = len(cohort.samples)
    if min_kinship is None and samples * (samples - 1) // 2 > settings.most_pairs:
        min_kinship = settings.min_kinship
        log.info("many pairs: those of a kinship of %g or more are written (--min-kinship)", min_kinship)
    if min_kinship is None:
        return compare_pairs(cohort, np.array(list(combinations(range(samples), 2)), dtype=np.int32), backend)
    candidates = screened(cohort, min_kinship, backend, workers, progress, settings)
    expected = expected_pairs(cohort, pedigree)
    both = np.unique(np.concatenate([candidates, expected]), axis=0)
    table = compare_pairs(cohort, both, backend)
    wanted = {(int(a), int(b)) for a, b in expected}
    listed = np.array([(int(a), int(b)) in wanted for a, b in both], dtype=bool)
    kept = (table.kinship >= min_kinship) | listed
    return PairTable(table.pairs[kept], table.counts[kept], table.kinship[kept])


def expected_pairs(cohort: Cohort, pedigree: Pedigree | None) -> Pairs:
    """Pairs that the pedigree relates."""
    rows = {name: row for row, name in enumerate(cohort.names)}
    pairs = [] if pedigree is None else pedigree.relatives(cohort.names)
    return np.array([sorted((rows[a], rows[b])) for a, b in pairs], dtype=np.int32).reshape(-1, 2)


def compare_pairs(cohort: Cohort, pairs: Pairs, backend: Backend) -> PairTable:
    """Count what each pair shares."""
    planes = backend.upload(cohort.planes)
    parts = [np.empty((0, len(kernel.COUNTS)), dtype=np.int32)]
    for start in range(0, len(pairs), PAIR_CHUNK):
        some = pairs[start : start + PAIR_CHUNK]
        counts = backend.xp.zeros((len(some), len(kernel.COUNTS)), dtype=np.int32)
        rows = [backend.upload(np.ascontiguousarray(some[:, side])) for side in range(2)]
        backend.launch("relate.pairs", len(some), planes, planes, *rows, counts)
        parts.append(backend.download(counts))
    counts = np.concatenate(parts)
    return PairTable(pairs, counts, kinship(counts))


def screened(
    cohort: Cohort,
    least: float,
    backend: Backend,
    workers: int,
    progress: Callable[[int, int, str], None] | None,
    settings: Relating,
) -> Pairs:
    """Pairs whose kinship may be ``least`` or more, tile by tile.

    With m the fewer heterozygous sites of the two, of those that both know, kinship is at most (shared hets - 2 IBS0)
    / 2m; m is at least the heterozygous sites of either less the sites that the other does not know.
    """
    tiles = list(tiles_of(len(cohort.samples), settings.tile))
    hets = np.array([sample.het for sample in cohort.samples], dtype=np.int64)
    unknown = np.array([sample.unknown for sample in cohort.samples], dtype=np.int64)

    def work(tile: tuple[slice, slice]) -> Pairs:
        rows, columns = tile
        likeness = screen_tile(cohort.planes, rows, columns, backend)
        fewest = np.minimum(hets[rows, None] - unknown[None, columns], hets[None, columns] - unknown[rows, None])
        found = np.argwhere(likeness >= 2 * least * np.maximum(fewest, 1))
        found += (rows.start, columns.start)
        return found[found[:, 0] < found[:, 1]].astype(np.int32)

    # A card's kernels run one after the other; a CPU's loops hold no GIL.
    with ThreadPoolExecutor(workers if isinstance(backend, CpuBackend) else 1) as pool:
        parts = [np.empty((0, 2), dtype=np.int32)]
        for number, part in enumerate(pool.map(work, tiles)):
            parts.append(part)
            if progress is not None:
                progress(number + 1, len(tiles), "tiles")
    return np.concatenate(parts)


def tiles_of(samples: int, size: int) -> Iterator[tuple[slice, slice]]:
    """Squares that cover all pairs of a sample with itself or a later one."""
    spans = [slice(start, min(start + size, samples)) for start in range(0, samples, size)]
    for number, rows in enumerate(spans):
        yield from ((rows, columns) for columns in spans[number:])


def screen_tile(planes: Planes, rows: slice, columns: slice, backend: Backend) -> NDArray[np.int32]:
    """Shared heterozygous sites less twice the opposite homozygotes, of every pair of a tile."""
    left, right = (backend.upload(Planes(*(plane[span] for plane in planes))) for span in (rows, columns))
    likeness = backend.xp.zeros((rows.stop - rows.start, columns.stop - columns.start), dtype=np.int32)
    backend.launch("relate.screen", int(likeness.size), left, right, likeness)
    found: NDArray[np.int32] = backend.download(likeness)
    return found

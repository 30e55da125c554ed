"""io.merged: several files of one sample give what their records in one file give, in whatever order they are named."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest
from numpy.typing import NDArray

from gpucall.backend import CpuBackend
from gpucall.calibration import SampleFit
from gpucall.config import Batching, Calibration, Filters
from gpucall.io.alignments import Header, Piece
from gpucall.io.merged import merged_text, open_lanes
from gpucall.io.reference import Reference
from gpucall.kernels import records as kernel
from gpucall.reads import Batcher

from . import fixtures, naive, tricky_sample
from .lane_fixtures import split, write_lanes
from .test_same_bytes import SETTINGS, Outputs, call, check_same

ORDERS = [(0, 1, 2), (2, 0, 1), (1, 2, 0)]


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("tricky"))


@pytest.fixture(scope="module")
def lanes(tricky: tricky_sample.Files, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("lanes")
    return write_lanes(folder, tricky_sample.reads(), tricky_sample.CONTIGS, tricky.reference)


@pytest.fixture(scope="module")
def expected(tricky: tricky_sample.Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outputs]:
    folder = tmp_path_factory.mktemp("expected")
    return {name: call(folder / name, *tricky.paths, settings) for name, settings in SETTINGS.items()}


def without_order(outputs: Outputs) -> Outputs:
    """Without the two figures that Picard and samtools themselves take from the order of reads that start together.

    Several files have another such order than one. HET_SNP_SENSITIVITY, and what follows from it, looks at the first
    250 bases of a position; samtools stats' GCD counts the reads of a window of the reference from its first read's
    start.
    """
    lines = outputs["wgs"].splitlines()
    row = next(k for k, line in enumerate(lines) if line.startswith(b"GENOME_TERRITORY")) + 1
    lines[row] = b"\t".join(lines[row].split(b"\t")[:-2])
    stats = [line for line in outputs["stats"].splitlines() if not line.startswith(b"GCD")]
    assert len(stats) < len(outputs["stats"].splitlines())
    return outputs | {"wgs": b"\n".join(lines), "stats": b"\n".join(stats)}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("order", ORDERS)
def test_the_same_bytes_as_of_one_file(
    tmp_path: Path,
    tricky: tricky_sample.Files,
    lanes: list[Path],
    expected: dict[str, Outputs],
    name: str,
    order: tuple[int, ...],
) -> None:
    files = [lanes[k] for k in order]
    outputs = call(tmp_path, files, tricky.reference, SETTINGS[name], threads=1 + order[0] % 2)
    check_same(without_order(outputs), without_order(expected[name]))


@pytest.mark.parametrize("name", SETTINGS)
def test_wherever_batches_end(
    tmp_path: Path, tricky: tricky_sample.Files, lanes: list[Path], expected: dict[str, Outputs], name: str
) -> None:
    settings = SETTINGS[name]._replace(batching=Batching(batch_bytes=20_000, tile_span=700))
    outputs = call(tmp_path, lanes, tricky.reference, settings, threads=2)
    check_same(without_order(outputs), without_order(expected[name]))


def test_the_sample_is_fitted_on_all_reads_of_the_last_position(tmp_path: Path) -> None:
    """Which of the reads of one position come first says nothing: files may be named in any order."""
    bases = tricky_sample.reference()["chr1"]
    start, repeat = tricky_sample.HOMOPOLYMER - 50, 50
    plain = [fixtures.Read(f"a{k}", start, "100M", bases[start : start + 100]) for k in range(20)]
    shorter = bases[start : start + repeat] + bases[start + repeat + 1 : start + 101]
    gapped = [fixtures.Read(f"b{k}", start, f"{repeat}M1D{100 - repeat}M", shorter) for k in range(20)]
    later = [replace(read, name=f"c{read.name}", pos=start + 1) for read in gapped]
    fasta = fixtures.write_fasta(tmp_path / "ref.fa", tricky_sample.reference())
    counts = []
    for number, first in enumerate(([*plain, *gapped], [*gapped, *plain])):
        bam = fixtures.write_bam(tmp_path / f"{number}.bam", [*first, *later], tricky_sample.CONTIGS, index=None)
        counts += [fitted(bam, fasta, batch_bytes) for batch_bytes in (1 << 20, 3000)]
    assert counts[0][1].max() > 0
    assert all((each == counts[0]).all() for each in counts)
    assert (counts[0][1, 12] == [40, 20]).all()


def fitted(bam: Path, fasta: Path, batch_bytes: int) -> NDArray[np.int64]:
    """Reads over each kind of repeat, and with a gap, of the first 15 and those that start where the 15th does."""
    settings = Calibration(reads=15, variant_permille=1000)
    with Reference(fasta) as reference, closing(open_lanes([str(bam)], "")) as source:
        batcher = Batcher(source, CpuBackend(), Batching(batch_bytes=batch_bytes), Filters())
        fit = SampleFit(source.header, reference, CpuBackend(), Filters(), settings)
        fit.gap_costs(batcher)
        return fit.counts()


def test_regions_with_an_index_for_each_file(tmp_path: Path, tricky: tricky_sample.Files, lanes: list[Path]) -> None:
    regions = ["chr1:1990-2700", "chr1:5001-5001", "chr1:7100-7300", "chr2:600-900"]
    expected = call(tmp_path / "one", *tricky.paths, regions=regions)
    assert len(expected["vcf"].splitlines()) > 8
    outputs = call(tmp_path / "lanes", lanes, tricky.reference, regions=regions)
    check_same(without_order(outputs), without_order(expected))


def test_real_reads_as_samtools_merges_them(tmp_path: Path, shared_data: Path) -> None:
    """Read groups of one ID, duplicates, unplaced mates: what samtools merge makes of two halves, and ours."""
    source = shared_data / "real" / "NA12878.52x.hg19.bam"
    halves = [tmp_path / "a.bam", tmp_path / "b.bam"]
    pysam.view("-b", "-s", "7.5", "-o", str(halves[0]), "-U", str(halves[1]), str(source), catch_stdout=False)
    pysam.merge("-o", str(tmp_path / "merged.bam"), *map(str, halves))
    reference = shared_data / "real" / "hg19.chr20.windows.fa.gz"
    expected = call(tmp_path / "expected", tmp_path / "merged.bam", reference)
    assert len(expected["vcf"].splitlines()) > 200
    for number, files in enumerate((halves, halves[::-1])):
        check_same(call(tmp_path / str(number), files, reference), expected)


def bytes_of(piece: Piece) -> bytes:
    target = np.empty(piece.size, dtype=np.uint8)
    assert piece.write(target) is None
    return target.tobytes()


def test_records_come_in_coordinate_order_and_all_of_them(tmp_path: Path) -> None:
    reads = [
        *tricky_sample.reads(depth=6, pile=300),
        *(fixtures.Read(f"u{k}", -1, "*", "ACGT", -1, 4) for k in range(9)),
    ]
    paths = [
        str(fixtures.write_bam(tmp_path / f"{k}.bam", each, tricky_sample.CONTIGS, index=None))
        for k, each in enumerate([*split(reads, 4), []])
    ]
    for chunk_bytes in (1, 3000, 1 << 20):
        with closing(open_lanes(paths, "", chunk_bytes=chunk_bytes)) as source:
            data = b"".join(bytes_of(piece) for piece in source.pieces())
            assert source.bytes_read == source.size == sum(Path(path).stat().st_size for path in paths)
        starts, end = naive.walk(data)
        assert end == len(data)
        records = [data[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)]
        assert sorted(records) == sorted(map(fixtures.encode_record, reads))
        places = [(int.from_bytes(record[4:8], "little"), int.from_bytes(record[8:12], "little")) for record in records]
        assert places == sorted(places)  # unplaced: -1, read as unsigned


def test_interleave_equals_naive() -> None:
    records = [fixtures.encode_record(read) for read in tricky_sample.reads(depth=2, pile=0)[:40]]
    raw = b"".join(records)
    starts = np.array(naive.walk(raw)[0], dtype=np.int64)[::-1].copy()
    out, places = np.zeros(len(raw), dtype=np.uint8), np.zeros(len(starts), dtype=np.int64)
    assert kernel.interleave(np.frombuffer(raw, dtype=np.uint8), starts, out, places) == len(raw)
    assert (out.tobytes(), places.tolist()) == naive.interleave(raw, starts.tolist())


def header(*groups: str) -> Header:
    text = "@HD\tVN:1.6\n@SQ\tSN:1\tLN:9\n" + "".join(f"@RG\t{group}\n" for group in groups)
    return Header(text, ("1",), np.array([9]))


def test_read_groups_of_all_files_are_kept_and_told_apart() -> None:
    one, two, three = header("ID:a\tSM:s\tPU:1"), header("ID:a\tSM:s\tPU:1", "ID:b\tSM:s"), header("ID:a\tSM:s\tPU:2")
    groups = [line for line in merged_text([one, two, three]).splitlines() if line.startswith("@RG")]
    assert groups == ["@RG\tID:a\tSM:s\tPU:1", "@RG\tID:b\tSM:s", "@RG\tID:a.3\tSM:s\tPU:2"]


def test_the_manifest_lists_every_file(tmp_path: Path, tricky: tricky_sample.Files, lanes: list[Path]) -> None:
    call(tmp_path, lanes, tricky.reference)
    manifest = json.loads((tmp_path / "sample.manifest.json").read_text())
    assert manifest["inputs"]["reads"] == [{"path": str(path), "bytes": path.stat().st_size} for path in lanes]

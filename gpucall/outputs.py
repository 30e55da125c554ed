"""Outputs appear whole or not at all: written into a hidden folder beside their place, renamed when complete."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from .errors import DiskError

KINDS = {
    ".vcf.gz": "vcf",
    ".vcf.gz.tbi": "index",
    ".vcf.gz.csi": "index",
    ".variants.parquet": "variants_parquet",
    ".gvcf.parquet": "gvcf_parquet",
    ".g.vcf.gz": "gvcf",
    ".g.vcf.gz.tbi": "gvcf_index",
    ".g.vcf.gz.csi": "gvcf_index",
    ".flagstat.txt": "flagstat",
    ".stats.txt": "stats",
    ".mosdepth.summary.txt": "mosdepth_summary",
    ".mosdepth.global.dist.txt": "mosdepth_global_dist",
    ".mosdepth.region.dist.txt": "mosdepth_region_dist",
    ".regions.bed.gz": "mosdepth_regions",
    ".regions.bed.gz.csi": "mosdepth_regions_index",
    ".thresholds.bed.gz": "mosdepth_thresholds",
    ".thresholds.bed.gz.csi": "mosdepth_thresholds_index",
    ".per-base.bed.gz": "mosdepth_per_base",
    ".per-base.bed.gz.csi": "mosdepth_per_base_index",
    ".quantized.bed.gz": "mosdepth_quantized",
    ".quantized.bed.gz.csi": "mosdepth_quantized_index",
    ".quality_yield_metrics.txt": "quality_yield",
    ".insert_size_metrics.txt": "insert_size",
    ".alignment_summary_metrics.txt": "alignment_summary",
    ".wgs_metrics.txt": "wgs",
    ".gc_bias.detail_metrics.txt": "gc_bias_detail",
    ".gc_bias.summary_metrics.txt": "gc_bias_summary",
    ".metrics.json": "metrics",
    ".vcfstats.txt": "vcfstats",
    ".sex.json": "sex",
    ".verdict.json": "verdict",
    ".verdict_mqc.json": "multiqc_verdict",
    ".allele_balance_mqc.json": "multiqc_allele_balance",
    ".bad_bases_mqc.json": "multiqc_bad_bases",
    ".qc.parquet": "qc_table",
    ".report.html": "report",
    ".selfSM": "self_sm",
    ".Ancestry": "ancestry",
    ".sketch": "sketch",
    ".manifest.json": "manifest",
}


def checksum(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


class OutputFolder:
    """A context in which one sample's outputs are written; leaving it without ``publish`` removes them.

    Raises
    ------
    DiskError
        where the folder cannot be made or written, or the disk is full.
    """

    def __init__(self, target: Path, sample: str) -> None:
        self.target = target
        self.sample = sample
        self._made: list[Path] = []

    def __enter__(self) -> OutputFolder:
        try:
            missing = [parent for parent in (self.target, *self.target.parents) if not parent.exists()]
            self.target.mkdir(parents=True, exist_ok=True)
            self._made = missing
            self.folder = Path(tempfile.mkdtemp(prefix=f".{self.sample}.gpucall-", dir=self.target))
        except OSError as error:
            self._remove_made()
            raise DiskError(
                f"{self.target}: the output folder cannot be written ({error.strerror}); choose another --out"
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if error is not None:
            self._remove_made()
        if isinstance(error, OSError) and error.errno in (
            errno.ENOSPC,
            errno.EDQUOT,
            errno.EFBIG,
            errno.EIO,
            errno.EROFS,
        ):
            raise DiskError(
                f"{self.target}: an output cannot be written ({error.strerror});"
                " nothing was kept: make room and run again"
            ) from error

    def _remove_made(self) -> None:
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return

    def path(self, name: str) -> Path:
        """Where to write an output until it is published."""
        return self.folder / name

    def publish(self, manifest: dict[str, Any]) -> dict[str, Path]:
        """Move all outputs to their place, the manifest with their checksums last; their paths by kind."""
        names = sorted(path.name for path in self.folder.iterdir())
        manifest = {**manifest, "outputs": {name: checksum(self.folder / name) for name in names}}
        last = f"{self.sample}.manifest.json"
        (self.folder / last).write_text(json.dumps(manifest, indent=2) + "\n")
        (self.target / last).unlink(missing_ok=True)
        for name in [*names, last]:
            os.replace(self.folder / name, self.target / name)
        return {KINDS[name.removeprefix(self.sample)]: self.target / name for name in [*names, last]}


@contextmanager
def replaced_files(folder: Path, names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """Where to write some files of a folder, by name; they are put in their places together, when all are complete.

    Raises
    ------
    DiskError
        where the folder cannot be made or written, or the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".gpucall-", dir=folder) as beside:
            files = {name: Path(beside) / name for name in names}
            yield files
            for name, path in files.items():
                path.replace(folder / name)
    except OSError as error:
        raise DiskError(f"{folder}: cannot be written ({error.strerror}); choose another --out") from error

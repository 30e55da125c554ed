"""One sample's quality control without calling, in one pass."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from . import qc
from .backend import Backend
from .config import Batching, DepthOutputs, Reporting, Settings, SiteLists
from .outputs import OutputFolder
from .qc.verdict import Verdict
from .report.sample import SampleReport
from .stream import (
    Opened,
    Progress,
    ReadFiles,
    Workers,
    check_not_empty,
    manifest,
    open_sample,
    with_depth_outputs,
)

# Without calls little is done for a batch as such, so that it may be small enough to stay in a large cache.
SETTINGS = Settings(batching=Batching(batch_bytes=12 << 20))


@dataclass(frozen=True)
class QcResult:
    """What a run wrote.

    files    every output by its kind
    device   what ran the kernels, in words
    counts   reads read
    verdict  what the profile makes of the sample
    """

    sample: str
    files: dict[str, Path]
    device: str
    counts: dict[str, int]
    verdict: Verdict | None = None


def measure(
    reads: ReadFiles,
    reference: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    device: str | Backend = "auto",
    threads: int | None = None,
    memory: int | str | None = None,
    regions: Sequence[str] = (),
    targets: str | os.PathLike[str] | None = None,
    sample: str | None = None,
    progress: Progress | None = None,
    settings: Settings | None = None,
    reporting: Reporting | None = None,
    sites: SiteLists | None = None,
    depth_outputs: DepthOutputs | None = None,
) -> QcResult:
    """Measure the quality of one sample: all of the quality control of ``gpucall.call`` that needs no calls.

    Parameters
    ----------
    reads, reference, out, device, threads, memory, sample, progress, settings, reporting, sites, depth_outputs
        as of ``gpucall.call``.
    regions, targets
        only reads that overlap these, and depths inside of them.

    Raises
    ------
    GpucallError
        one of its children (``gpucall.errors``), where the input, the machine or the options are at fault.
    """
    report = SampleReport(reporting or Reporting(), whole_genome=not regions and targets is None)
    settings = with_depth_outputs(settings or SETTINGS, depth_outputs)
    with ExitStack() as stack:
        opened = open_sample(
            stack, reads, reference, device, threads, memory, regions, targets, sample, settings, sites
        )
        folder = stack.enter_context(OutputFolder(Path(out), opened.name))
        return measure_sample(opened, folder, progress, report)


def measure_sample(opened: Opened, folder: OutputFolder, progress: Progress | None, report: SampleReport) -> QcResult:
    """Stream the sample through the accumulators and publish the outputs."""
    stream, name, source = opened.stream, opened.name, opened.stream.source
    batcher, ordered = stream.batches(), stream.ordered(folder.folder, name)
    with Workers(stream.accumulator, opened.threads) as workers:
        for piece in workers.results(iter(batcher), stream.measure):
            ordered.add(piece)
            if progress is not None:
                progress(source.bytes_read, source.size, "B")
    check_not_empty(stream, batcher)
    total = qc.SampleQc.merged(workers.accumulators, source.header.contigs())
    stream.conclude(total)
    qc.write(total, folder.folder, name, ordered, opened.threads)
    verdict = report.write(folder.folder, name, total.figures(), source.header, source.path, total.curves())
    files = folder.publish(manifest(stream, name, opened.device))
    return QcResult(name, files, opened.device, {"reads": batcher.records_kept}, verdict)


__all__ = ["QcResult", "measure"]

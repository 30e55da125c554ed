"""gap_costs: how often reads show a gap in a repeat, in one or more samples, beside the default and the fitted costs.

    python -m bench.gap_costs --reference REF --json OUT READS [READS ...]

This is what the default table (``kernels.tables.default_gap_phreds``) was drawn from, and what calibration fits for
each sample. All reads are counted here, not only the first ones.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from gpucall import __version__
from gpucall.backend import CpuBackend
from gpucall.calibration import SampleFit, fit_phreds
from gpucall.config import Settings
from gpucall.io.alignments import open_alignments
from gpucall.io.reference import Reference
from gpucall.kernels.tables import default_gap_phreds
from gpucall.reads import Batcher


def count(reads: Path, reference: Path) -> list[dict[str, Any]]:
    """One row a repeat class that reads span: unit, repeats, spanning reads, reads with a gap, phreds."""
    settings = Settings()
    everything = settings.calibration._replace(reads=1 << 60)
    backend = CpuBackend()
    with Reference(reference) as fasta:
        source = open_alignments(str(reads), str(reference))
        fit = SampleFit(source.header, fasta, backend, settings.filters, everything)
        for batch in Batcher(source, backend, settings.batching, settings.filters):
            fit.add(batch)
        source.close()
    counts = fit.counts()
    default = default_gap_phreds()
    fitted = fit_phreds(counts, default, settings.calibration.weight)
    return [
        {
            "unit": unit,
            "repeats": repeats,
            "spanning": int(counts[unit, repeats, 0]),
            "gaps": int(counts[unit, repeats, 1]),
            "phred": round(-10 * math.log10(counts[unit, repeats, 1] / counts[unit, repeats, 0]), 1)
            if counts[unit, repeats, 1]
            else None,
            "default": round(float(default[unit, repeats]), 1),
            "fitted": round(float(fitted[unit, repeats]), 1),
        }
        for unit in range(1, 7)
        for repeats in range(1, 33)
        if counts[unit, repeats, 0]
    ]


def main() -> None:
    """Count, print and write."""
    parser = argparse.ArgumentParser(prog="python -m bench.gap_costs", description=__doc__.split("\n")[0])
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("reads", type=Path, nargs="+")
    options = parser.parse_args()
    report = json.loads(options.json.read_text()) if options.json.exists() else {"samples": {}, "commands": {}}
    for reads in options.reads:
        rows = count(reads, options.reference)
        report["samples"][reads.name] = rows
        report["commands"][reads.name] = (
            f"python -m bench.gap_costs --reference {options.reference.name} --json gap_costs.json {reads.name}"
        )
        print(reads.name)
        for row in rows:
            print("  unit {unit} x {repeats:2}: {gaps:6} of {spanning:8}, phred {phred}, fitted {fitted}".format(**row))
    report["gpucall"] = __version__
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()

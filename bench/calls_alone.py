"""calls_alone: ``gpucall call`` with the quality control taken out, to see what that costs.

    python -m bench.calls_alone ARGUMENTS OF gpucall call

For measurements only (``bench.quality``): what is left writes calls, their index, the sample's sex and the manifest.
The modules of the quality control are imported all the same.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from gpucall import cli, engine, process, qc
from gpucall.qc.gc_depth import GcReads
from gpucall.reads import Batch


def nothing(*_: Any, **__: Any) -> None:
    """In place of what counts."""


def no_files(*_: Any) -> dict[str, Any]:
    """In place of what gives files or figures by name."""
    return {}


def no_piece(self: engine.Run, batch: Batch, quality: qc.SampleQc) -> qc.OrderedPiece:
    """In place of ``Stream.measure``."""
    none = batch.records.pos[:0]
    return qc.OrderedPiece(GcReads(none, none, none, none, none))


def take_out() -> None:
    """Leave the quality control out of this process's calls."""
    replaced: dict[Any, dict[str, Any]] = {
        engine.Run: {"measure": no_piece},
        qc.SampleQc: {"figures": no_files, "curves": nothing},
        engine.SampleReport: {"write": nothing},
        engine.qc: {"write": no_files},
    }
    replaced[qc.SampleQc] |= dict.fromkeys(("add_variants", "add_plain", "fill_gaps"), nothing)
    for where, functions in replaced.items():
        for name, function in functions.items():
            setattr(where, name, function)


def main(arguments: Sequence[str]) -> int:
    """Run the command line; its exit code."""
    take_out()
    process.collect_rarely()
    return cli.main(["call", *arguments])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""calls_alone: ``gpucall call`` with the quality control taken out, to see what that costs.

    python -m bench.calls_alone ARGUMENTS OF gpucall call

For measurements only (``bench.quality``): what is left writes calls, their index, the sample's sex and the manifest.
The modules of the quality control are imported all the same.
"""

from __future__ import annotations

import importlib
import runpy
import sys
from typing import Any


def nothing(*_: Any, **__: Any) -> None:
    """In place of what counts."""


def no_files(*_: Any) -> dict[str, Any]:
    """In place of what gives files or figures by name."""
    return {}


def take_out() -> None:
    """Leave the quality control out of this process's calls."""
    importlib.import_module("gpucall.process")  # as the command does first: its settings must come before NumPy's
    from gpucall import engine, qc
    from gpucall.qc.gc_depth import GcReads

    def no_piece(run: Any, batch: Any, quality: Any) -> qc.OrderedPiece:
        """In place of ``Stream.measure``."""
        none = batch.records.pos[:0]
        return qc.OrderedPiece(GcReads(none, none, none, none, none))

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


if __name__ == "__main__":
    take_out()
    sys.argv[:] = ["gpucall", "call", *sys.argv[1:]]
    runpy.run_module("gpucall", run_name="__main__")

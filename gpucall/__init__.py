"""Variant calls and quality control from one pass over a BAM or CRAM file.

    >>> import gpucall
    >>> result = gpucall.call("sample.bam", "reference.fa", "out")   # doctest: +SKIP
    >>> result.vcf                                                    # doctest: +SKIP
    PosixPath('out/sample.vcf.gz')

Importing this package is cheap: numba, pyarrow and CUDA are loaded by the first call that needs them.
Errors that are the user's to solve are ``gpucall.errors.GpucallError`` and its children.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gpucall.engine import CallResult, call
    from gpucall.quality import QcResult, measure

__version__ = "0.1.0"
__all__ = ["CallResult", "QcResult", "__version__", "call", "measure"]

_HOMES = {
    "call": "gpucall.engine",
    "CallResult": "gpucall.engine",
    "measure": "gpucall.quality",
    "QcResult": "gpucall.quality",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module the first time it is asked for (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'gpucall' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)

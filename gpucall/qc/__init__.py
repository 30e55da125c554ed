"""Quality control from the stream that calls variants: accumulators over integers, one family a file.

Each family has ``add``, ``merge`` and ``result``; ``SampleQc`` holds them all, ``write`` makes their files.
"""

from __future__ import annotations

from ..kernels.stretch import WINDOW as MARGIN
from .ordered import OrderedPiece, OrderedQc, gc_reads
from .regions import DepthPlan, DepthWriters
from .sample import SampleQc, write
from .site_study import SiteStudy

__all__ = [
    "MARGIN",
    "DepthPlan",
    "DepthWriters",
    "OrderedPiece",
    "OrderedQc",
    "SampleQc",
    "SiteStudy",
    "gc_reads",
    "write",
]

"""bases: how many good bases the sequencer made (Picard CollectQualityYieldMetrics, PF_Q30_BASES)."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Backend
from ..kernels.records import Records


class BaseYield:
    """Bases of quality 30 or more in primary reads that passed the vendor's filter, clipped and duplicate ones too."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.total: Any = backend.xp.zeros(1, dtype=np.int64)

    def add(self, records: Records, first: int, stop: int) -> None:
        """Count rows [first, stop)."""
        self._backend.launch("qc.yield", stop - first, records, first, self.total)

    def merge(self, other: BaseYield) -> None:
        """Add what another worker counted."""
        self.total += other.total

    def result(self) -> int:
        """The bases."""
        return int(self._backend.download(self.total)[0])

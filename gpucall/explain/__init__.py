"""explain: everything that decided one site, found by running the caller's own stages there.

    >>> from gpucall import explain
    >>> site = explain.explain("sample.bam", "reference.fa", "chr20:1,000,117")   # doctest: +SKIP
    >>> print(explain.to_text(site))                                              # doctest: +SKIP

The sample is calibrated on the start of the file, as ``gpucall call`` does without regions; then the reads around the
site go through ``engine.Run.examine``, and what the stages found is looked at. Nothing is decided here a second time;
only what no stage keeps is worked out: which of the stages' conditions did not hold, in words.
"""

from __future__ import annotations

from .schema import Explanation, to_json
from .site import explain
from .text import to_text

__all__ = ["Explanation", "explain", "to_json", "to_text"]

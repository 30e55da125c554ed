"""site_study: what is made of the bases at known sites: the contamination estimate and the fingerprint sketch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..backend import Backend
from ..config import Contamination, SiteLists
from . import contamination, sketch
from .contamination import Estimate, Panel, read_panel
from .depth import ContigDepth
from .sites import PlacedSites, SiteBases, SiteCounts, SiteList, read_sites


class SiteFindings(NamedTuple):
    """What the sites of a sample say; None: not asked for.

    sketched  the sites of the sketch, and the bases there
    """

    estimate: Estimate | None
    sketched: tuple[SiteList, SiteBases] | None

    def write(self, directory: Path, sample: str, depth: Sequence[ContigDepth]) -> dict[str, Path]:
        """Write the files; what each is -> where it is."""
        files: dict[str, Path] = {}
        if self.estimate is not None:
            files = {"self_sm": directory / f"{sample}.selfSM", "ancestry": directory / f"{sample}.Ancestry"}
            contamination.write_self_sm(files["self_sm"], sample, self.estimate)
            contamination.write_ancestry(files["ancestry"], self.estimate)
        if self.sketched is not None:
            files["sketch"] = directory / f"{sample}.sketch"
            sites, bases = self.sketched
            sketch.write(files["sketch"], sketch.make(sample, sites, bases, sketch.mean_depths(depth)))
        return files


class SiteStudy:
    """The site lists of a run, placed on the contigs of its reads.

    Parameters
    ----------
    lists
        where they are.
    contigs
        name, length and what else of every contig of the reads.
    source
        the file of the reads, for messages.

    Raises
    ------
    InputError
        where a list is missing or damaged.
    ReferenceMismatch
        where no site lies on the reads' contigs.
    """

    def __init__(self, lists: SiteLists, contigs: Sequence[tuple[Any, ...]], source: str) -> None:
        self._source = source
        self._components = lists.components
        self._panel: Panel | None = None
        self._sketch: SiteList | None = None
        self._placed: list[PlacedSites] = []
        if lists.contamination_panel is not None:
            self._panel = read_panel(lists.contamination_panel)
            self._placed.append(PlacedSites(self._panel.sites, contigs, source))
        if lists.sketch_sites is not None:
            self._sketch = sketch.sketch_sites(read_sites(Path(lists.sketch_sites)))
            self._placed.append(PlacedSites(self._sketch, contigs, source))

    def counts(self, backend: Backend) -> list[SiteCounts]:
        """An accumulator for each list."""
        return [SiteCounts(placed, backend) for placed in self._placed]

    def conclude(self, counts: Sequence[SiteCounts], settings: Contamination) -> SiteFindings:
        """What all counts together say.

        Raises
        ------
        InputError
            where no site of a list is covered.
        ReferenceMismatch
            where a list is for another reference.
        """
        if self._components is not None:
            settings = settings._replace(components=self._components)
        bases = [each.checked(self._source) for each in counts]
        estimate = None if self._panel is None else contamination.estimate(self._panel, bases[0], settings)
        if self._sketch is not None:
            return SiteFindings(estimate, (self._sketch, bases[-1]))
        return SiteFindings(estimate, None if self._panel is None else thinned(self._panel.sites, bases[0]))


def thinned(sites: SiteList, bases: SiteBases) -> tuple[SiteList, SiteBases]:
    """The sites of a panel that go into the sketch, and the bases there."""
    rows = sketch.sketch_rows(sites)
    place = np.full(len(sites), -1, dtype=np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    kept = place[bases.site] >= 0
    at = SiteBases(place[bases.site[kept]], bases.allele[kept], bases.quality[kept], bases.seen[kept])
    return sites.take(rows), at

"""contamination: how much of a sample's DNA is another person's, and where both come from (VerifyBamID2).

Zhang et al. 2020, "Ancestry-agnostic estimation of DNA sample contamination from sequence reads",
doi:10.1101/gr.246934.118. Allele frequencies are a linear function of ancestry: ``frequency = (mu + UD x) / 2``, with x
a sample's coordinates among principal components. What the sites' bases are likely to be follows from two such samples
and the share of the second one; all of them are fitted together.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config import Contamination
from ..errors import InputError, UsageError
from ..kernels.mixture import log_likelihoods
from ..kernels.panel import QUALITIES
from .sites import SiteBases, SiteList, read_sites

log = logging.getLogger("gpucall")

Floats = NDArray[np.float64]

LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 0.00005, 0.99995  # VerifyBamID2's bounds
# Probability of REF, ALT and another base (columns) in the genotypes of 0, 1, 2 ALT copies (rows): read rightly, ...
RIGHT = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]], dtype=np.float64)
# ... and read wrongly: each of the other three bases is as probable.
WRONG = np.array([[0, 1 / 3, 2 / 3], [1 / 6, 1 / 6, 2 / 3], [1 / 3, 0, 2 / 3]], dtype=np.float64)

SELF_SM = (
    *("#SEQ_ID", "RG", "CHIP_ID", "#SNPS", "#READS", "AVG_DP", "FREEMIX", "FREELK1", "FREELK0", "FREE_RH", "FREE_RA"),
    *("CHIPMIX", "CHIPLK1", "CHIPLK0", "CHIP_RH", "CHIP_RA", "DPREF", "RDPHET", "RDPALT"),
)


class Panel(NamedTuple):
    """Sites and how their allele frequencies follow from ancestry.

    sites  the .bed
    mean   float64[n], mean ALT copies (.mu)
    load   float64[n, k], what a unit of each principal component adds (.UD)
    """

    prefix: str
    sites: SiteList
    mean: Floats
    load: Floats


def read_panel(prefix: str) -> Panel:
    """A panel in VerifyBamID2's format: ``prefix`` with ``.bed``, ``.mu`` and ``.UD``.

    Raises
    ------
    InputError
        where a file is missing or damaged, or they do not belong together.
    """
    sites = read_sites(Path(f"{prefix}.bed"))
    mean = read_numbers(Path(f"{prefix}.mu"), skip=1)[:, 0]
    load = read_numbers(Path(f"{prefix}.UD"))
    for suffix, rows in ((".mu", len(mean)), (".UD", len(load))):
        if rows != len(sites):
            raise InputError(
                f"{prefix}{suffix}: {rows:,} lines for the {len(sites):,} sites of {sites.path}; all files of a panel"
                " must be of one version"
            )
    return Panel(prefix, sites, mean, load)


def read_numbers(path: Path, skip: int = 0) -> Floats:
    """A table of numbers, without its first ``skip`` columns; float64[lines, columns].

    Raises
    ------
    InputError
    """
    try:
        with open(path, encoding="utf-8") as lines:
            rows = [line.split()[skip:] for line in lines if line.strip()]
        table = np.array(rows, dtype=np.float64)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path}: cannot be read as a panel's table ({reason}); give the prefix of its files"
        ) from error
    if table.ndim != 2 or table.shape[1] < 1 or not np.isfinite(table).all():
        raise InputError(f"{path}: is no table of numbers; expected one line a site")
    return table


class Estimate(NamedTuple):
    """What was fitted.

    share          of the bases that are of the contaminating sample, below one half
    intended       principal components of the sample's ancestry
    contaminating  those of the other sample; they say nothing where ``share`` is next to 0
    likelihood     log-likelihood, in nats
    likelihood_pure  the same without contamination, both samples at the contaminating one's components (FREELK0)
    markers        sites of the panel
    covered        sites with bases
    used           of them, those that the estimate is from
    bases          that count
    """

    share: float
    intended: Floats
    contaminating: Floats
    likelihood: float
    likelihood_pure: float
    markers: int
    covered: int
    used: int
    bases: int

    @property
    def depth(self) -> float:
        """Bases a covered site."""
        return self.bases / self.covered


class Mixture:
    """The likelihood of two samples' mixture at some sites."""

    def __init__(self, panel: Panel, bases: SiteBases, sites: NDArray[np.int64], components: int) -> None:
        self.components = components
        kept = np.isin(bases.site, sites)
        self._starts = np.searchsorted(bases.site[kept], np.append(sites, sites[-1] + 1))
        self._kinds = bases.allele[kept].astype(np.int32) * QUALITIES + bases.quality[kept]
        self._counts = bases.seen[kept].astype(np.float64)
        self._out = np.empty(len(sites))
        self._mean, self._load = panel.mean[sites], panel.load[sites, :components]
        error = 10.0 ** (-np.maximum(np.arange(QUALITIES), 1) / 10)  # no base of quality 0 is counted
        # [allele, quality, genotype]
        self._base = RIGHT.T[:, None, :] * (1 - error)[:, None] + WRONG.T[:, None, :] * error[:, None]

    def log_likelihood(self, contaminating: Floats, intended: Floats, share: float) -> float:
        """Natural logarithm of the probability of the bases, all sites together."""
        # [allele x quality, 9 pairs of genotypes]: the contaminating sample's, then the intended one's
        mixed = share * self._base[..., :, None] + (1 - share) * self._base[..., None, :]
        costs = np.log(mixed).reshape(3 * QUALITIES, 9)
        genotypes = self._genotypes(contaminating), self._genotypes(intended)
        log_likelihoods(self._starts, self._kinds, self._counts, costs, *genotypes, self._out)
        return float(self._out.sum())

    def _genotypes(self, components: Floats) -> Floats:
        """Probability of 0, 1, 2 ALT copies at each site, in Hardy-Weinberg equilibrium."""
        frequency = np.clip((self._mean + self._load @ components) / 2, LOWEST_FREQUENCY, HIGHEST_FREQUENCY)
        found = np.empty((len(frequency), 3))
        found[:, 2] = frequency * frequency
        found[:, 0] = (1 - frequency) * (1 - frequency)
        found[:, 1] = 2 * frequency * (1 - frequency)
        return found


def logistic(value: float) -> float:
    """A share from its log-odds."""
    return float(1 / (1 + np.exp(-value)))


def log_odds(share: float) -> float:
    """The log-odds of a share."""
    return float(np.log(share / (1 - share)))


class Search:
    """Searches by Nelder and Mead's simplex, as VerifyBamID2 makes them; the best point of all is kept."""

    def __init__(self, mixture: Mixture, settings: Contamination) -> None:
        self._mixture = mixture
        self._settings = settings
        self._n = mixture.components
        self.best: tuple[float, Floats] = (np.inf, np.zeros(0))  # cost, point of two samples

    def one_ancestry(self, point: Floats) -> float:
        """Cost of components of both samples and the log-odds of the share."""
        return self._cost(np.concatenate([point[: self._n], point]))

    def two_ancestries(self, point: Floats) -> float:
        """Cost of the contaminating sample's components, the intended one's, and the log-odds of the share."""
        return self._cost(point)

    def minimise(self, cost: Callable[[Floats], float], start: Floats, steps: Floats) -> None:
        """Search from a simplex of ``start`` and a step in each direction."""
        from scipy.optimize import minimize

        simplex = np.vstack([start + np.diag(steps), start])
        limit = self._settings.most_evaluations
        tolerance = self._settings.tolerance * max(abs(cost(start)), 1.0)
        options = {"initial_simplex": simplex, "fatol": tolerance, "xatol": np.inf, "maxfev": limit, "maxiter": limit}
        minimize(cost, start, method="Nelder-Mead", options=options)

    def run(self) -> tuple[Floats, Floats, float]:
        """Contaminating and intended components and the share, with the greatest likelihood."""
        settings, n = self._settings, self._n
        start = np.array([settings.start_component] * n + [log_odds(settings.start_alpha)])
        self.minimise(self.one_ancestry, start, np.ones(n + 1))
        if not settings.within_ancestry:
            self.minimise(self.two_ancestries, self.best[1], np.ones(2 * n + 1))
        self._restart()
        point = self.best[1]
        return point[:n], point[n : 2 * n], logistic(point[2 * n])

    def _restart(self) -> None:
        """Search again closely around what was found; the result stays unless it becomes notably better."""
        settings, n = self._settings, self._n
        found = self.best
        steps = np.full(2 * n + 1, settings.restart_step)
        steps[-1] = 0.5
        if settings.within_ancestry:
            self.minimise(self.one_ancestry, found[1][n:], steps[n:])
        else:
            for contaminating in (found[1][:n], found[1][n : 2 * n]):
                start = np.concatenate([contaminating, found[1][n:]])
                self.minimise(self.two_ancestries, start, steps)
        if self.best[0] > found[0] - settings.restart_gain:
            self.best = found

    def _cost(self, point: Floats) -> float:
        n = self._n
        cost = -self._mixture.log_likelihood(point[:n], point[n : 2 * n], logistic(point[2 * n]))
        if cost < self.best[0]:
            self.best = cost, point.copy()
        return cost


def estimate(panel: Panel, bases: SiteBases, settings: Contamination) -> Estimate:
    """Fit the mixture to what the reads show at the panel's sites (``SiteCounts.checked``).

    Raises
    ------
    UsageError
        where more principal components are asked for than the panel has.
    """
    depths = bases.depths(len(panel.sites))
    covered = np.flatnonzero(depths)
    used = usable_sites(depths, settings)
    components = choose_components(panel, len(used), settings)
    mixture = Mixture(panel, bases, used, components)
    contaminating, intended, share = Search(mixture, settings).run()
    if share >= 0.5:
        contaminating, intended, share = intended, contaminating, 1 - share
    return Estimate(
        share=share,
        intended=intended,
        contaminating=contaminating,
        likelihood=mixture.log_likelihood(contaminating, intended, share),
        likelihood_pure=mixture.log_likelihood(contaminating, contaminating, 0.0),
        markers=len(panel.sites),
        covered=len(covered),
        used=len(used),
        bases=int(depths.sum()),
    )


def are_many(sites: int, markers: int, settings: Contamination) -> bool:
    """True where so many of the markers are covered that VerifyBamID2 is content."""
    return sites > settings.many_sites and sites > settings.many_share * markers


def usable_sites(depths: NDArray[np.int64], settings: Contamination) -> NDArray[np.int64]:
    """Covered sites of a usual depth (VerifyBamID2's sanity check); all that are covered where they are few."""
    covered = np.flatnonzero(depths)
    if not are_many(len(covered), len(depths), settings):
        log.warning(
            "contamination: only %s of the panel's %s sites are covered; the estimate is uncertain",
            f"{len(covered):,}",
            f"{len(depths):,}",
        )
        return covered
    mean, deviation = depths[covered].mean(), depths[covered].std()
    return covered[np.abs(depths[covered] - mean) <= settings.deviations * deviation]


def choose_components(panel: Panel, sites: int, settings: Contamination) -> int:
    """How many principal components are fitted."""
    available = panel.load.shape[1]
    if settings.components is not None:
        if not 1 <= settings.components <= available:
            raise UsageError(
                f"--contamination-pcs {settings.components}: {panel.prefix}.UD has {available}; give 1 to {available}"
            )
        return settings.components
    many = are_many(sites, len(panel.sites), settings)
    return min(settings.many_components if many else settings.few_components, available)


def write_self_sm(path: Path, sample: str, found: Estimate) -> None:
    """Write ``.selfSM``; what VerifyBamID2 does not fill in is NA."""
    figures = (found.depth, found.share, found.likelihood, found.likelihood_pure)
    fields = [sample, "NA", "NA", f"{found.markers}", f"{found.bases}", *(f"{value:.6g}" for value in figures)]
    fields += ["NA"] * (len(SELF_SM) - len(fields))
    path.write_text("\t".join(SELF_SM) + "\n" + "\t".join(fields) + "\n", encoding="utf-8")


def write_ancestry(path: Path, found: Estimate) -> None:
    """Write ``.Ancestry``: the principal components of both samples."""
    with open(path, "w", encoding="utf-8") as out:
        out.write("PC\tContaminatingSample\tIntendedSample\n")
        for number, values in enumerate(zip(found.contaminating, found.intended, strict=True), 1):
            out.write("\t".join([str(number), *(f"{value:.6g}" for value in values)]) + "\n")

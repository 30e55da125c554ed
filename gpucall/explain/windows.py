"""What the bases say of a site's genotypes, and the fragments of a window's haplotypes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .. import genotype, haplotypes
from ..kernels.records import REVERSE
from ..kernels.tables import SCALE
from ..reads import read_name
from .schema import Fragment, Haplotype, Option, Window, WindowAllele
from .view import View, change, record_position

BASES = genotype.BASES


def options(names: list[str], likelihoods: NDArray[np.int64], posteriors: NDArray[np.int64]) -> list[Option]:
    """Genotypes or pairs of haplotypes, the most probable first."""
    lowest = int(posteriors.min())
    rows = zip(names, likelihoods.tolist(), posteriors.tolist(), strict=True)
    made = [Option(name, cost / SCALE, (total - cost) / SCALE, (total - lowest) / SCALE) for name, cost, total in rows]
    return sorted(made, key=lambda option: option.behind)


def genotype_options(view: View) -> list[Option]:
    """The site's genotypes where its bases alone decide; none where they do not."""
    at = np.flatnonzero(view.chosen.sites.position == view.position)
    if len(at) == 0:
        return []
    costs = genotype.genotype_costs(view.chosen.sites, view.ploidy)[int(at[0])]
    priors = genotype.base_priors(view.run.settings.genotyping, view.ploidy)[BASES.index(view.base)]
    names = ["/".join(BASES[base] for base in each) for each in genotype.BASE_GENOTYPES[view.ploidy]]
    return options(names, costs, costs + priors)


def describe_window(view: View, weighed: genotype.Weighed) -> Window:
    """A window, its haplotypes, and what each fragment and each pair of haplotypes costs."""
    window = weighed.window.window
    spoken = set(weighed.rows.tolist())
    fragments = tuple(describe_fragments(view, weighed))
    return Window(
        start=window.start + 1,
        stop=window.stop,
        core_start=window.core_start + 1,
        core_stop=window.core_stop,
        reference=haplotypes.haplotype_bases(view.reads, window, 0).decode(),
        alleles=tuple(
            WindowAllele(record_position(allele) + 1, change(allele, view.reads), allele.support, prior / SCALE)
            for allele, prior in zip(window.alleles, window.priors, strict=True)
        ),
        haplotypes=tuple(describe_haplotypes(view, weighed, fragments)),
        fragments=fragments,
        silent=tuple(read_name(view.host, row) for row in weighed.window.rows.tolist() if row not in spoken),
        pairs=tuple(options(pair_names(weighed.pairs), weighed.totals, weighed.posterior)),
    )


def pair_names(pairs: list[genotype.Genotype]) -> list[str]:
    """``H0/H1``; where there is one copy, ``H0``."""
    return ["/".join(f"H{h}" for h in pair) for pair in pairs]


def describe_haplotypes(view: View, weighed: genotype.Weighed, fragments: tuple[Fragment, ...]) -> Iterator[Haplotype]:
    """The candidate haplotypes of a window; the first is the reference."""
    window = weighed.window.window
    for k, mask in enumerate(weighed.window.haplotypes):
        name = f"H{k}"
        bits = tuple(bit for bit in range(len(window.alleles)) if mask >> bit & 1)
        bases = haplotypes.haplotype_bases(view.reads, window, mask).decode()
        yield Haplotype(name, bits, bases, sum(each.best == (name,) for each in fragments))


def describe_fragments(view: View, weighed: genotype.Weighed) -> Iterator[Fragment]:
    """The fragments of a window, in the order of the file."""
    host, supports = view.host, supported_alleles(view, weighed)
    for k, (row, costs) in enumerate(zip(weighed.rows.tolist(), weighed.costs.tolist(), strict=True)):
        lowest = min(costs)
        yield Fragment(
            name=read_name(host, row),
            strand="-" if host.flag[row] & REVERSE else "+",
            mapq=int(host.mapq[row]),
            costs=tuple((cost - lowest) / SCALE for cost in costs),
            best=tuple(f"H{h}" for h, cost in enumerate(costs) if cost - lowest < genotype.CLEAR),
            supports=supports[k],
        )


def supported_alleles(view: View, weighed: genotype.Weighed) -> list[str]:
    """Per fragment: the allele of the site's record that it counts for (AD); empty where there is none."""
    names = [""] * len(weighed.rows)
    for bits in genotype.called_sites(weighed):
        made = genotype.site_call(view.reads, weighed, bits, view.run.settings.genotyping)
        if made is not None and made[0].position == view.position:
            alleles = [made[0].ref, *made[0].alts]
            choice = genotype.allele_of_fragments(made[1], weighed.costs, len(alleles))
            names = [alleles[k] if k >= 0 else name for k, name in zip(choice.tolist(), names, strict=True)]
    return names

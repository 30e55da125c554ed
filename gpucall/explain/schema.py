"""What an explanation of one site holds (``gpucall explain``): plain, frozen data that becomes text or JSON.

Positions are 1-based, as in the VCF. Likelihoods, priors, posteriors and costs are phreds; lower is more probable.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True, slots=True)
class Condition:
    """A measured number and what it is compared with; ``met`` is how the caller decided."""

    what: str
    measured: float
    relation: str  # ">=" or "<="
    threshold: float
    met: bool


@dataclass(frozen=True, slots=True)
class Repeat:
    """The tandem repeat at the site: its unit, whole repeats, and first and last position. No unit: no repeat."""

    unit: str = ""
    repeats: int = 0
    start: int = 0
    stop: int = 0


@dataclass(frozen=True, slots=True)
class Context:
    """The reference around the site; ``start`` is the position of the first of the ``bases``."""

    start: int
    bases: str
    repeat: Repeat


@dataclass(frozen=True, slots=True)
class SampleFit:
    """What was fitted on the sample's first reads.

    usual_depth  median depth of the positions that have reads
    max_artifact SAO above which a heterozygous SNV is taken for a systematic error
    gap          cost of a gap in the site's repeat
    default_gap  what that would cost without calibration
    """

    usual_depth: float
    max_artifact: float
    gap: float
    default_gap: float


@dataclass(frozen=True, slots=True)
class AlleleEvidence:
    """An allele that reads show at the site, and whether it became a candidate.

    position   POS of its record
    change     ``C>T``, ``+AA`` or ``-AA``
    conditions what it takes to be a candidate
    note       why it was left out although all conditions hold
    """

    position: int
    change: str
    conditions: tuple[Condition, ...]
    candidate: bool
    note: str = ""


@dataclass(frozen=True, slots=True)
class Read:
    """A read over the site.

    shows    the base, ``del``, and what follows it: ``A+TT`` (inserted), ``A-TT`` (deleted)
    quality  base quality as in the file; -1: no base
    used     quality that was counted, after the caps and the mate's say; -1: not counted, or weighed by haplotypes
    at       1-based number of the base in the read as aligned, soft clips included; 0: no base
    mate     ``agrees``, ``disagrees`` where the mate covers the site too, else empty
    why      why it does not count, else empty
    """

    name: str
    flag: int
    strand: str
    mapq: int
    start: int
    stop: int
    shows: str
    quality: int
    used: int
    at: int
    length: int
    mate: str
    counted: bool
    why: str


@dataclass(frozen=True, slots=True)
class Option:
    """A genotype or a pair of haplotypes; ``behind``: likelihood and prior together, relative to the best option."""

    name: str
    likelihood: float
    prior: float
    behind: float


@dataclass(frozen=True, slots=True)
class WindowAllele:
    """A candidate allele of a window: support in fragments, cost of its prior."""

    position: int
    change: str
    support: int
    prior: float


@dataclass(frozen=True, slots=True)
class Haplotype:
    """A candidate haplotype: numbers of the window's alleles in it, and how many fragments clearly fit it best."""

    name: str
    alleles: tuple[int, ...]
    bases: str
    fragments: int


@dataclass(frozen=True, slots=True)
class Fragment:
    """A fragment, by the read that speaks for it.

    costs     cost under each haplotype, capped, relative to the lowest
    best      the haplotypes that fit it equally well, within what counts as clear
    supports  the allele of the site's record that it counts for; empty where none is clear
    """

    name: str
    strand: str
    mapq: int
    costs: tuple[float, ...]
    best: tuple[str, ...]
    supports: str


@dataclass(frozen=True, slots=True)
class Window:
    """A window that holds the site.

    start, stop  positions of the haplotypes' first and last base; the alleles lie in core_start..core_stop
    reference    bases of the reference there
    silent       reads whose mates speak for their fragments
    """

    start: int
    stop: int
    core_start: int
    core_stop: int
    reference: str
    alleles: tuple[WindowAllele, ...]
    haplotypes: tuple[Haplotype, ...]
    fragments: tuple[Fragment, ...]
    silent: tuple[str, ...]
    pairs: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a filter measured on a record; not ``applies``: it has no say on such a record.

    A record fails where none of the conditions is met.
    """

    name: str
    conditions: tuple[Condition, ...]
    applies: bool
    failed: bool
    description: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the VCF at the site; ``line`` is the whole of it, the other fields are its parts."""

    line: str
    position: int
    ref: str
    alts: tuple[str, ...]
    genotype: str
    qual: float
    gq: int
    likelihoods: tuple[tuple[str, int], ...]
    counts: tuple[tuple[str, int, int], ...]  # allele, forward, reverse fragments
    info: dict[str, str]
    filters: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that decided one site.

    sample, reads, reference, device  where it comes from
    copies     how many copies the site has, and why; empty: two, as everywhere
    depth      reads over the site that count for calling
    foreign    reads near by that were left aside as those of a third haplotype
    evidence   alleles that reads show at the site
    rows       the reads over the site
    genotypes  the site's genotypes, where bases alone decide; most probable first
    windows    where haplotypes decide
    records    what the VCF says at this position
    nearby     VCF lines close by
    verdict    the reasons, in words
    """

    contig: str
    position: int
    sample: str
    reads: str
    reference: str
    device: str
    context: Context
    fit: SampleFit
    copies: str = ""
    depth: int = 0
    foreign: int = 0
    evidence: tuple[AlleleEvidence, ...] = ()
    rows: tuple[Read, ...] = ()
    genotypes: tuple[Option, ...] = ()
    windows: tuple[Window, ...] = ()
    records: tuple[Record, ...] = ()
    nearby: tuple[str, ...] = ()
    verdict: tuple[str, ...] = field(default=())


def to_json(explanation: Explanation) -> str:
    """The explanation for programs: the fields of the classes of this module."""
    return json.dumps(asdict(explanation), indent=2)

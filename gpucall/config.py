"""Every threshold with its unit, its default and where it comes from."""

from __future__ import annotations

from typing import NamedTuple

from .errors import UsageError


class Batching(NamedTuple):
    """How the stream is cut; none of it can change a result."""

    batch_bytes: int = 24 << 20  # inflated record bytes a batch is filled to
    tile_span: int = 1 << 19  # bp, longest tile
    halo: int = 2048  # bp that a tile sees on either side of the positions it owns


class Filters(NamedTuple):
    """Which reads and bases count for calling (design: methods, 'Reads that count')."""

    excluded_flags: int = 0x4 | 0x100 | 0x200 | 0x400 | 0x800  # unmapped, secondary, QC fail, duplicate, supplementary
    min_mapq: int = 20  # phred
    min_base_quality: int = 6  # phred; weaker bases are not looked at
    quality_cap: int = 40  # phred; no base is trusted more than this
    starts_per_bin: int = 1024  # reads that may start in one bin; above, the reads with the smallest name hashes stay
    bin_bits: int = 7  # bins of 128 bp, aligned to the contig


class Calibration(NamedTuple):
    """How the sample's own gap costs are found."""

    reads: int = 300_000  # that count for calling, from the start of the file
    flank: int = 6  # bp that a read must show on both sides of a repeat
    min_spanning: int = 4  # reads over a repeat, else it is not used
    variant_permille: int = 250  # reads with a gap; above, the repeat is a variant and is left out
    weight: float = 30.0  # reads that the default counts for
    margin: int = 2500  # bp before the last of these reads that are left out, since a batch may not own them
    min_qual: int = 20  # phred; weaker sites say nothing of systematic errors
    apart: int = 200  # bp without another call on either side
    sure_artifact: float = 32.0  # phred, odds of a site that surely is a systematic error
    threshold_range: tuple[float, float] = (4.0, 40.0)  # phred, for ``Filtering.max_artifact``


class Candidates(NamedTuple):
    """When evidence becomes a candidate allele, and which candidates are weighed together."""

    min_support: int = 2  # reads with the base; fragments with the indel
    shallow: int = 12  # depth up to which one fragment makes an indel a candidate
    min_quality_sum: int = 30  # phred, over the reads with the base
    min_snv_permille: int = 80  # of the depth
    min_indel_permille: int = 80  # of the depth
    repeat_side: int = 16  # bp on one side of a SNV that are a repeat of one or two bases: it needs a window
    join: int = 25  # bp between neighbours in one window
    longest_chain: int = 400  # bp; longer chains are cut
    chain_bin: int = 256  # bp, aligned; where they are cut
    most_alleles: int = 12  # in a window, best supported first
    flank: int = 30  # bp of reference on either side of a window's core
    anchor: int = 16  # bp at a window's ends that must not be a short repeat
    long: int = 10  # bp an indel gains or loses; from here on reads may be clipped at it, and the flanks are wider
    clipped_flank: int = 130  # bp of reference on either side of such a window, for the clipped ends to lie on
    longest_anchor: int = 120  # bp that a window grows to find such ends


class Assembly(NamedTuple):
    """When the clipped end of a read shows an indel that its CIGAR does not."""

    reach: int = 320  # bp within which it must continue; no insertion from a clipped end is longer
    min_score: int = 6  # matches less four for each mismatch, one more for each doubling of the distance
    joined_clip: int = 20  # bases of a clip that fits nowhere, for it to be joined with those from the other side
    joined_reads: int = 2  # such clips at one position
    joined_apart: int = 30  # bp between the positions at which reads from the left and from the right are clipped
    overlap: int = 16  # bases that both sides must share, one of twelve of them different at most


class Haplotyping(NamedTuple):
    """Candidate haplotypes and how reads are aligned to them."""

    min_reads: int = 2  # that show a combination of alleles
    most_haplotypes: int = 12  # the reference included
    gap_extend: int = 10 * 64  # 1/64 phred for one more repeat unit
    widest_band: int = 340  # bases
    band_slack: int = 8  # bases


class Genotyping(NamedTuple):
    """Priors and what is written (1/64 phred where not said otherwise)."""

    snv_prior: int = 30 * 64  # 1e-3, heterozygosity of a human genome
    extra_unit: int = 3 * 64  # for each repeat unit after the first that an indel changes
    homozygous_prior: int = 3 * 64  # a homozygous variant is half as frequent as a heterozygous one
    read_cap: int = 45 * 64  # no fragment tells two haplotypes apart by more
    min_qual: int = 3  # phred; weaker calls are not written
    min_phase: int = 10 * 64  # by which the calls of a window must fit their phase better than any other


class Filtering(NamedTuple):
    """When a call is doubted; each reason is a FILTER of the VCF."""

    pass_qual: int = 8  # phred
    pass_indel_quals: tuple[int, int] = (5, 10)  # phred, range of depth over 2.5
    max_indel_artifact: float = 25.0  # phred
    min_gq: int = 0  # phred
    min_mapq: int = 25  # phred
    max_artifact: float = 20.0  # phred; calibrated on the sample (``Calibration``)
    min_het_permille: int = 120  # alternate fragments of all that support an allele
    min_haploid_permille: int = 600  # the same where one copy is expected: a second copy's reads would be half
    min_edge: float = 4.0  # bp


class SiteLists(NamedTuple):
    """Lists of known sites whose bases are counted; None: none."""

    contamination_panel: str | None = None  # prefix of a panel's .bed, .mu and .UD (VerifyBamID2 --SVDPrefix)
    components: int | None = None  # of ancestry, instead of ``Contamination.components``
    sketch_sites: str | None = None  # BED or VCF of the fingerprint sketch's sites; None: those of the panel


class Relating(NamedTuple):
    """How genotypes are read off sketches, and when samples are related."""

    min_depth: int = 7  # reads of a site with a genotype (somalier)
    hom_permille: int = 40  # of the reads that are the other allele, at most, in a homozygote (somalier)
    het_permille: tuple[int, int] = (200, 800)  # ALT reads in a heterozygote (somalier)
    most_other: float = 0.04  # reads of neither allele, over the others
    min_kinship: float = 0.0442  # of pairs that are written of a large cohort: third degree (Manichaikul 2010, table 1)
    most_pairs: int = 200_000  # of a cohort all of whose pairs are written
    tolerance: float = 0.06  # by which kinship may differ from the pedigree's
    duplicate: float = 0.354  # kinship from which two samples are one person, or twins (Manichaikul 2010)
    most_ibs0: float = 0.01  # of the sites that a parent and a child both know, where they are opposite homozygotes
    male_x: float = 0.75  # depth of X over that of autosomes, below which there is one
    male_y: float = 0.08  # depth of all of Y over that of autosomes, above which there is one
    tile: int = 1024  # samples on either side of a tile of pairs


class Contamination(NamedTuple):
    """How the mixture of two samples is fitted (VerifyBamID2's defaults where it has them)."""

    components: int | None = None  # principal components of ancestry; None: ``many_components`` where sites allow
    many_components: int = 4  # GA4GH WGS QC: 4
    few_components: int = 2  # VerifyBamID2 --NumPC
    many_sites: int = 1000  # covered, and ``many_share`` of the panel; VerifyBamID2 asks for these, too
    many_share: float = 0.1
    deviations: float = 3.0  # of depth, at most, of a site that counts; where there are ``many_sites``
    within_ancestry: bool = False  # True: both samples are of one ancestry (VerifyBamID2 --WithinAncestry)
    start_alpha: float = 0.03  # share of the contaminating sample where the search starts
    start_component: float = 0.01
    tolerance: float = 1e-8  # of the log-likelihood, relative (VerifyBamID2 --Epsilon)
    most_evaluations: int = 50_000
    restart_step: float = 0.005  # of components, in the searches that start from what the first one found
    restart_gain: float = 0.05  # of the log-likelihood, in nats, which a restart must bring


class Paralogs(NamedTuple):
    """When heterozygous SNVs are rather the differences of a copy that the reference lacks."""

    min_crowding: float = 1.2  # depth over the sample's median depth
    highest_permille: int = 420  # share of alternate fragments; heterozygous variants are at 500
    min_sites: int = 3  # on the same reads
    min_linked: int = 3  # reads that show that two sites are on the same reads, or on others
    link_reach: int = 140  # bp between two sites that single reads link
    most_neighbours: int = 12  # sites after a site that are looked at
    neighbourhood: int = 300  # bp on either side of a site
    depth_reach: int = 150  # bp on either side over which the depth is averaged
    margin: int = 900  # bp around a tile in which calls are needed


class Heteroplasmy(NamedTuple):
    """Which alternates of mitochondria are written beside the allele of most molecules."""

    min_permille: int = 20  # of the fragments that support an allele
    min_support: int = 4  # fragments
    least_error: float = 1e-3  # no base is wrong less often
    candidate_permille: int = 10  # of the reads; below, a base is not looked at


class Sexing(NamedTuple):
    """How the sex chromosomes are told from depth and heterozygosity (docs/methods.md, 'Sex')."""

    bin: int = 4096  # bp, aligned; the depth is averaged in them
    min_positions: int = 256  # bp of a bin that were looked at, else it says nothing
    min_bins: int = 20  # of the autosomes, and of the X or the Y
    present: float = 0.05  # of the autosomes' depth; bins below do not have the chromosome, or cannot be mapped
    min_share: float = 0.08  # of a chromosome's bins; where fewer have reads, it is absent. 26 % of GRCh38's Y have
    deviation: float = 0.07  # standard deviation of a chromosome's depth relative to the autosomes'
    aneuploid_prior: float = 30.0  # phred; about 1 birth in 1,000 (Nielsen & Wohlert 1991, 10.1007/BF01213097)
    het_one_copy: tuple[float, float] = (1.0, 19.0)  # beta distribution of the share of heterozygous SNVs
    het_two_copies: tuple[float, float] = (4.0, 4.0)
    most_het: float = 20.0  # phred that heterozygosity can say
    worst_fit: float = 25.0  # phred of the depths; where the best class fits worse, none does
    min_confidence: int = 20  # phred by which the next class must fit worse


class Reporting(NamedTuple):
    """How a sample is judged, and what it is grouped by; none of it changes a measurement."""

    profile: str = "ga4gh"  # a name in gpucall/qc/profiles, or a TOML file
    platform: str = ""  # such as NovaSeq X; empty: PM, else PL, of the read groups where they agree (SAM v1, 1.3)
    batch: str = ""  # such as a flow cell or a run


class Given(NamedTuple):
    """How sites and alleles that the user gives are genotyped (docs/methods.md, 'Given alleles')."""

    longest: int = 100  # bp that an allele deletes or inserts: what ``Haplotyping.widest_band`` can align
    most_alleles: int = 8  # of one record that need haplotypes
    most_haplotypes: int = 40  # of one record, the reference included
    sites_at_once: int = 4096  # in one launch; no result depends on it


class Tables(NamedTuple):
    """How Parquet is laid out (docs/parquet.md)."""

    bin_bits: int = 22  # row groups hold records that start in one aligned bin of 4 Mb
    most_rows: int = 1 << 18  # in a row group
    compression: str = "zstd"


class Confidence(NamedTuple):
    """How sure of the reference a position without a call is (docs/methods.md, 'Reference confidence')."""

    flank: int = 5  # bp on either side of a repeat that a fragment must show to speak against a gap in it
    min_clip: int = 8  # bp; shorter soft clips are no sign of an insertion or deletion
    clip_cost: int = 20 * 64  # 1/64 phred: a clip that no variant caused


BANDS = (20, 30, 40)
NON_REF = "<NON_REF>"


class Gvcf(NamedTuple):
    """What a gVCF looks like.

    The default bands are those of GATK's reblocked gVCFs (WARP, ReblockGVCF: -GQB 20 -GQB 30 -GQB 40).
    """

    bands: tuple[int, ...] = BANDS  # GQ from which on another block begins, phred
    non_ref: str = NON_REF  # the allele that nobody named; VCF 4.5, section 5.5, has <*>
    lengths: bool = False  # VCF 4.5: FORMAT LEN beside END

    @classmethod
    def parse(cls, bands: str | None, non_ref: str | None, lengths: bool) -> Gvcf:
        """Settings from what the command line says; None: not said.

        Raises
        ------
        UsageError
        """
        if non_ref not in (None, "<NON_REF>", "<*>"):
            raise UsageError(f"--non-ref {non_ref} is not known; give <NON_REF> or <*> (in quotes)")
        if lengths and non_ref == "<NON_REF>":
            raise UsageError("--gvcf-len and --non-ref <NON_REF> contradict: VCF 4.5 defines LEN for <*> only")
        name = non_ref or ("<*>" if lengths else NON_REF)
        return cls(BANDS if bands is None else parse_bands(bands), name, lengths)


def parse_bands(text: str) -> tuple[int, ...]:
    """GQs from ``20,30,40``: ascending, 1 to 99.

    Raises
    ------
    UsageError
    """
    words = text.split(",")
    bands = tuple(int(word) for word in words if word.strip().isdecimal())
    if len(bands) != len(words) or sorted({*bands}) != list(bands) or not all(1 <= band <= 99 for band in bands):
        raise UsageError(
            f"--gvcf-bands {text!r} cannot be read: expected GQs from 1 to 99 in ascending order, as 20,30,40"
        )
    return bands


class Cohort(NamedTuple):
    """When a sample stands out of a cohort, and how much of a cohort its page shows."""

    outlier: float = 3.5  # robust z, either side (Iglewicz & Hoaglin 1993, How to detect and handle outliers)
    min_group: int = 8  # samples of one platform and batch; smaller groups are compared with their platform, or all
    named: int = 4  # outliers named in each plot; the table has all
    rows: int = 250  # of a table of samples in the page; the TSV has all
    groups: int = 12  # rows of a plot; the smallest groups share the last one


class DepthOutputs(NamedTuple):
    """Further files of mosdepth, by its options."""

    by: str | None = None  # a BED file, or the size of windows in bp
    thresholds: tuple[int, ...] = ()  # depths; needs ``by``
    per_base: bool = False
    quantize: str | None = None  # depths between which positions count as one, such as 0:1:4:

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return self != DepthOutputs()


class Settings(NamedTuple):
    """All settings of one run."""

    depth_outputs: DepthOutputs = DepthOutputs()
    batching: Batching = Batching()
    filters: Filters = Filters()
    calibration: Calibration = Calibration()
    candidates: Candidates = Candidates()
    assembly: Assembly = Assembly()
    haplotyping: Haplotyping = Haplotyping()
    genotyping: Genotyping = Genotyping()
    paralogs: Paralogs = Paralogs()
    confidence: Confidence = Confidence()
    filtering: Filtering = Filtering()
    contamination: Contamination = Contamination()
    sexing: Sexing = Sexing()
    heteroplasmy: Heteroplasmy = Heteroplasmy()
    given: Given = Given()
    tables: Tables = Tables()

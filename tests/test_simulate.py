"""simulate: what it writes is what it says, by plain Python, pysam and samtools, and the same for any threads."""

import math
import re
import subprocess
from bisect import bisect_left, bisect_right
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import pysam
import pytest

from gpucall.bench import simulate as simulator
from gpucall.bench.genome import ASCII
from gpucall.bench.settings import Settings
from gpucall.bench.simulate import draw_sample, parse_size, simulate
from gpucall.bench.truth import TRANSITION, Rates, draw_sites
from gpucall.errors import DiskError, UsageError

from .conftest import peer
from .test_genome import random_genome

VARIED = {"length": 12_000, "contigs": 2, "depth": 25, "seed": 7, "odd": 0.02, "unmapped_mates": 0.03, "low_mapq": 0.2}
VARIED |= {"snv_rate": 4e-3, "indel_rate": 4e-3}
CLEAN = {
    "length": 40_000,
    "snv_rate": 1e-3,
    "indel_rate": 1.5e-3,
    "depth": 15,
    "seed": 11,
    "odd": 0,
    "errors": False,
    "stutter": False,
    "unmapped_mates": 0,
}


@pytest.fixture(scope="module")
def varied(tmp_path_factory):
    """A small sample with every kind of record, errors and stutter."""
    return simulate(tmp_path_factory.mktemp("varied"), threads=1, **VARIED)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A small sample of many variants whose reads have no errors."""
    return simulate(tmp_path_factory.mktemp("clean"), threads=1, **CLEAN)


def sequences(fasta):
    """Contigs of a FASTA as text, read without an index."""
    parts = Path(fasta).read_text().split(">")[1:]
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].replace("\n", "") for part in parts}


def sites(vcf):
    """(contig, 0-based position, alleles, genotype) of each record."""
    with pysam.VariantFile(str(vcf)) as file:
        return [(r.contig, r.pos - 1, r.alleles, r.samples[0]["GT"]) for r in file]


def haplotype(reference, truth, contig, which):
    """A haplotype as text: the reference with its alleles put in from the right."""
    text = sequences(reference)[contig]
    for name, at, alleles, genotype in reversed(sites(truth)):
        if name == contig:
            text = text[:at] + alleles[genotype[which]] + text[at + len(alleles[0]) :]
    return text


def records(bam):
    with pysam.AlignmentFile(str(bam)) as file:
        return list(file)


def plain(bam):
    """Mapped records of plain pairs: (record, contig, haplotype number, start of the fragment)."""
    for record in records(bam):
        if not record.query_name.startswith("odd") and not record.is_unmapped:
            contig, which, start, _ = map(int, record.query_name.split("."))
            yield record, contig, which - 1, start


# ---- truth


def test_truth_on_the_reference_gives_the_haplotypes():
    with ThreadPoolExecutor(1) as pool:
        sample = draw_sample(Settings(**{**VARIED, "snv_rate": 0.01, "indel_rate": 0.01}), pool)
    for contig, contig_sites, pair in zip(*sample[:3], strict=True):
        assert len(contig_sites) > 50
        for which in range(2):
            text = ASCII[contig.codes].tobytes().decode()
            for site in reversed(contig_sites):
                assert text[site.at : site.end] == site.alleles[0]
                text = text[: site.at] + site.alleles[site.genotype[which]] + text[site.end :]
            assert ASCII[pair[which].codes].tobytes().decode() == text


def test_truth_vcf_is_the_sites_in_memory(varied):
    with ThreadPoolExecutor(1) as pool:
        sample = draw_sample(Settings(**VARIED), pool)
    expected = [
        (c.name, *site[:3])
        for c, contig_sites in zip(sample.genome, sample.sites, strict=True)
        for site in contig_sites
    ]
    assert sites(varied.truth) == expected
    with pysam.VariantFile(str(varied.truth)) as file:
        assert list(file.header.samples) == ["SIM"]
        assert len(list(file.fetch("chr2"))) == len(sample.sites[1])


def test_truth_is_left_aligned_parsimonious_and_apart():
    contig = random_genome(2, 400_000, 4_000)
    text = ASCII[contig.codes].tobytes().decode()
    end = 0
    for site in draw_sites(2, 0, contig, Rates(2e-3, 2e-3)):
        assert site.at >= end
        end = site.end
        reference, *alternates = site.alleles
        assert text[site.at : site.end] == reference
        assert "N" not in reference
        assert len({reference, *alternates}) == len(site.alleles)
        if any(len(alternate) != len(reference) for alternate in alternates):
            assert {allele[0] for allele in site.alleles} == {reference[0]}
            assert min(map(len, site.alleles)) == 1
            assert len({allele[-1] for allele in site.alleles}) > 1  # one shared last base would move them left
        else:
            assert {len(allele) for allele in site.alleles} == {1}


def test_truth_has_the_proportions_of_people():
    drawn = draw_sites(3, 0, random_genome(3, 3_000_000), Rates())
    snvs = [site for site in drawn if len(site.alleles[0]) == len(site.alleles[1]) == 1]
    indels = [site for site in drawn if not len(site.alleles[0]) == len(site.alleles[1]) == 1]
    both = 3_000_000 * (1 + 1 / 1.6)  # heterozygous and homozygous
    assert 0.95 < len(snvs) / (both * 1e-3) < 1.15  # neighbours come on top, overlaps are dropped
    assert 0.85 < len(indels) / (both * 1.25e-4) < 1.2
    homozygous = sum(site.genotype == (1, 1) for site in drawn)
    assert 1.4 < (len(drawn) - homozygous) / homozygous < 1.8
    transitions = sum(TRANSITION[site.alleles[0]] == site.alleles[1] for site in snvs)
    assert 1.8 < transitions / (len(snvs) - transitions) < 2.4
    assert any(site.genotype == (1, 2) for site in indels)
    sizes = [max(abs(len(allele) - len(site.alleles[0])) for allele in site.alleles) for site in indels]
    assert 0.4 < sizes.count(1) / len(sizes) < 0.65
    assert max(sizes) > 20
    near = sum(right.at - left.end < 15 for left, right in pairwise(drawn))
    assert 0.05 < near / len(drawn) < 0.2


def test_long_indels() -> None:
    """A share of the indels outside of repeats; without it none is longer than 50 bases."""
    genome = random_genome(4, 400_000)
    lengths = {}
    for share in (0.0, 0.9):
        sites = draw_sites(4, 0, genome, Rates(1e-3, 1e-3, share, 150))
        lengths[share] = [abs(len(alt) - len(site.alleles[0])) for site in sites for alt in site.alleles[1:]]
    assert max(lengths[0.0]) <= 50
    assert 140 < max(lengths[0.9]) <= 150
    assert sum(length >= 20 for length in lengths[0.9]) > 5 * sum(length >= 20 for length in lengths[0.0])


def test_confident_regions_leave_out_gaps_and_edges(tmp_path):
    made = simulate(tmp_path, length=200_000, depth=0, threads=1)
    text = sequences(made.reference)["chr1"]
    rows = [line.split("\t") for line in made.bed.read_text().splitlines()]
    assert len(rows) == 2
    margin = Settings(length=200_000).margin
    for _, start, end in rows:
        assert "N" not in text[int(start) - margin : int(end) + margin]
        assert text[int(start) - margin - 1] == text[int(end) + margin] == "N"


# ---- reads


def test_reads_without_errors_are_pieces_of_their_haplotype(clean):
    texts = [haplotype(clean.reference, clean.truth, "chr1", which) for which in range(2)]
    longest = Settings(**CLEAN).longest_insert
    for record, _, which, start in plain(clean.bam):
        text = texts[which][start : start + longest]
        assert text.startswith(record.query_sequence) if not record.is_reverse else record.query_sequence in text


def naive_tags(record, text):
    """(NM, MD) of a record."""
    edits, md, run = 0, "", 0
    at, i = record.reference_start, 0
    for operation, size in record.cigartuples:
        if operation == 4:
            i += size
        elif operation == 1:
            i, edits = i + size, edits + size
        elif operation == 2:
            md, run, edits = f"{md}{run}^{text[at : at + size]}", 0, edits + size
            at += size
        else:
            assert operation in (0, 5)
            for _ in range(size if operation == 0 else 0):
                if record.query_sequence[i] == text[at]:
                    run += 1
                else:
                    md, run, edits = f"{md}{run}{text[at]}", 0, edits + 1
                at, i = at + 1, i + 1
    return edits, f"{md}{run}"


def test_nm_and_md_say_how_reads_differ(varied):
    texts = sequences(varied.reference)
    checked = Counter()
    for record in records(varied.bam):
        if record.is_unmapped:
            assert not record.has_tag("NM")
            assert record.cigartuples is None
        elif record.query_sequence is not None:
            assert (record.get_tag("NM"), record.get_tag("MD")) == naive_tags(record, texts[record.reference_name])
            checked.update(operation for operation, _ in record.cigartuples)
    assert all(checked[operation] > 2 for operation in (0, 1, 2, 4, 5))


def gaps(record):
    """(bases of the read before it, reference position, operation, size) of each gap."""
    at, i = record.reference_start, 0
    for operation, size in record.cigartuples:
        if operation in (1, 2):
            yield i, at, operation, size
        i += size if operation in (0, 1, 4) else 0
        at += size if operation in (0, 2) else 0


@pytest.mark.parametrize("name", ["varied", "clean"])
def test_gaps_are_leftmost(name, request):
    made = request.getfixturevalue(name)
    texts = sequences(made.reference)
    found = 0
    for record, *_ in plain(made.bam):
        text, read = texts[record.reference_name], record.query_sequence
        for i, at, operation, size in gaps(record):
            last = read[i + size - 1] if operation == 1 else text[at + size - 1]
            assert not read[i - 1] == text[at - 1] == last
            found += 1
    assert found > 50


def test_gaps_of_reads_without_errors_are_the_truths(clean):
    """At indels with no other site nearby; and inside a read, such an indel is nearly always a gap."""
    every = sites(clean.truth)
    lonely = {}
    for before, site, after in zip(every, every[1:], every[2:], strict=False):
        _, at, alleles, genotype = site
        if at - before[1] > 100 and after[1] - at > 100 and len(alleles) == 2:
            lonely[at] = len(alleles[1]) - len(alleles[0]), genotype
    inside = missing = 0
    for record, _, which, _ in plain(clean.bam):
        found = {at - 1: size if operation == 1 else -size for _, at, operation, size in gaps(record)}
        for at, (size, genotype) in lonely.items():
            carried = genotype[which] and size
            if at in found:
                assert found[at] == carried
            elif carried and record.reference_start + 30 < at and at + abs(size) < record.reference_end - 30:
                missing += 1
            inside += at in found
    assert inside > 100
    assert missing < inside / 50


def test_flags_and_mate_fields_agree(varied):
    every = records(varied.bam)
    pairs = {}
    for record in every:
        if not record.is_secondary and not record.is_supplementary:
            pairs.setdefault(record.query_name, []).append(record)
    for record in every:
        first, second = pairs[record.query_name]
        assert record.is_paired
        assert {first.is_read1, second.is_read1} == {True, False}
        mate = second if record.is_read1 == first.is_read1 else first
        assert record.mate_is_unmapped == mate.is_unmapped
        assert record.mate_is_reverse == mate.is_reverse
        assert (record.next_reference_id, record.next_reference_start) == (mate.reference_id, mate.reference_start)
        assert record.has_tag("MC") == (not mate.is_unmapped)
        assert mate.is_unmapped or record.get_tag("MC") == mate.cigarstring
        assert record.template_length == naive_template_length(record, mate)
        if record.is_proper_pair:
            assert (record.is_reverse, mate.is_reverse) in ((True, False), (False, True))
    assert any(record.template_length for record in every)


def naive_template_length(record, mate):
    if record.is_unmapped or mate.is_unmapped or record.reference_id != mate.reference_id:
        return 0
    ends = [each.reference_end if each.is_reverse else each.reference_start for each in (record, mate)]
    return ends[1] - ends[0]


def test_every_kind_of_record_is_there(varied):
    every = records(varied.bam)
    assert any(r.is_secondary and r.query_sequence is None for r in every)
    assert any(r.is_supplementary and r.has_tag("SA") and "H" in r.cigarstring for r in every)
    assert any(r.is_unmapped and r.reference_id >= 0 for r in every)
    assert any(r.is_unmapped and r.reference_id < 0 for r in every)
    assert any(not r.is_unmapped and not r.mate_is_unmapped and r.reference_id != r.next_reference_id for r in every)
    assert any(r.is_proper_pair and 0 < r.template_length < 300 for r in every)
    assert any(r.mapping_quality < 20 and not r.is_unmapped for r in every)
    assert {r.get_tag("RG") for r in every} == {"SIM.1"}


def test_split_reads_point_at_each_other(varied):
    every = records(varied.bam)
    tails = {r.query_name: r for r in every if r.is_supplementary}
    heads = [r for r in every if r.query_name in tails and r.is_read1 and not r.is_supplementary]
    assert len(heads) == len(tails) > 2
    for head in heads:
        tail = tails[head.query_name]
        for one, other in ((head, tail), (tail, head)):
            strand = "-" if other.is_reverse else "+"
            place = f"{other.reference_name},{other.reference_start + 1},{strand},{other.cigarstring}"
            assert one.get_tag("SA") == f"{place},{other.mapping_quality},{other.get_tag('NM')};"
        assert head.query_sequence.endswith(tail.query_sequence)


def test_duplicates_are_marked_copies(varied):
    starts = Counter()
    marked = []
    for record, contig, which, start in plain(varied.bam):
        key = contig, which, start, record.is_reverse, record.is_read1
        (marked.append(key) if record.is_duplicate else starts.update([key]))
    assert 0.02 < len(marked) / sum(starts.values()) < 0.07
    assert all(starts[key] for key in marked)


def test_order_and_index(varied):
    every = records(varied.bam)
    places = [(r.reference_id % 2**32, r.reference_start) for r in every]
    assert places == sorted(places)
    random = np.random.default_rng(1)
    with pysam.AlignmentFile(str(varied.bam)) as file:
        assert len(every) == varied.records
        assert file.mapped + file.unmapped == len(every)
        assert file.nocoordinate == sum(r.reference_id < 0 for r in every)
        for start in random.integers(0, 5_000, 50).tolist():
            end = start + int(random.integers(1, 500))
            expected = [
                (r.query_name, r.flag)
                for r in every
                if r.reference_id == 1
                and r.reference_start < end
                and (r.reference_end or r.reference_start + 1) > start
            ]
            assert [(r.query_name, r.flag) for r in file.fetch("chr2", start, end)] == expected


def test_index_over_many_windows(tmp_path):
    made = simulate(tmp_path, length=300_000, depth=2, seed=4, threads=1)
    every = records(made.bam)
    ours = pysam.idxstats(str(made.bam))
    starts = [r.reference_start for r in every if r.reference_id == 0]
    with pysam.AlignmentFile(str(made.bam)) as file:
        for start in range(0, 300_000, 7_919):
            found = [r.reference_start for r in file.fetch("chr1", start, start + 20_000)]
            assert found[-1:] == starts[: bisect_left(starts, start + 20_000)][-1:] or not found
            inner = [at for at in found if at >= start]
            assert inner == starts[bisect_left(starts, start) : bisect_left(starts, start + 20_000)]
    Path(f"{made.bam}.bai").unlink()
    pysam.index(str(made.bam))
    assert pysam.idxstats(str(made.bam)) == ours


@pytest.mark.parametrize(("threads", "window"), [(2, 1 << 15), (1, 1 << 15), (2, 1_000)])
def test_same_bytes_for_any_threads_and_windows(varied, tmp_path, threads, window):
    again = simulate(tmp_path, threads=threads, window=window, **VARIED)
    for ours, theirs in zip(again[:4], varied[:4], strict=True):
        assert ours.read_bytes() == theirs.read_bytes()
    if window == 1 << 15:
        assert Path(f"{again.bam}.bai").read_bytes() == Path(f"{varied.bam}.bai").read_bytes()


def test_another_seed_gives_another_sample(varied, tmp_path):
    other = simulate(tmp_path, threads=1, **{**VARIED, "seed": 8})
    assert all(ours.read_bytes() != theirs.read_bytes() for ours, theirs in zip(other[:3], varied[:3], strict=True))


def test_depth_and_deep_sites(tmp_path):
    sites = ((3_000, 1_500), (6_000, 400))
    made = simulate(tmp_path, length=9_000, depth=20, deep_sites=sites, threads=1, odd=0)
    with pysam.AlignmentFile(str(made.bam)) as file:
        depth = np.sum(file.count_coverage("chr1", quality_threshold=0), axis=0)
    for position, wanted in sites:
        assert int(depth[position]) == pytest.approx(wanted, rel=0.12)
    assert float(depth[4_200:5_000].mean()) == pytest.approx(20, rel=0.25)


def test_bases_are_wrong_as_often_as_their_qualities_say(tmp_path):
    options = {"snv_rate": 0, "indel_rate": 0, "stutter": False, "foreign_ends": 0, "odd": 0, "unmapped_mates": 0}
    made = simulate(tmp_path, length=20_000, depth=400, threads=1, **options)
    text = sequences(made.reference)["chr1"]
    seen, wrong = Counter(), Counter()
    for record in records(made.bam):
        if record.cigarstring == "150M":
            at = record.reference_start
            pairs = zip(record.query_sequence, text[at : at + 150], record.query_qualities, strict=True)
            for base, expected, quality in pairs:
                seen[quality] += 1
                wrong[quality] += base != expected
    assert set(seen) == {2, 11, 22, 27, 32, 37, 42}
    for quality in seen:
        expected = seen[quality] * 10 ** (-quality / 10)
        assert wrong[quality] == pytest.approx(expected, abs=6 * math.sqrt(expected) + 0.03 * expected)


def test_qualities_fall_along_the_read_and_come_in_runs(varied):
    rows = [
        record.query_qualities[::-1] if record.is_reverse else record.query_qualities
        for record, *_ in plain(varied.bam)
        if not record.mate_is_unmapped
    ]
    qualities = np.array(rows, np.int64)
    assert qualities[:, :20].mean() > qualities[:, -20:].mean() + 2
    bad = qualities < 25
    assert (bad[:, 1:] & bad[:, :-1]).sum() > 2 * bad[:, :-1].sum() * bad.mean()


def test_reads_stutter_more_at_longer_repeats(tmp_path):
    options = {"snv_rate": 0, "indel_rate": 0, "errors": False, "odd": 0, "unmapped_mates": 0}
    made = simulate(tmp_path, length=100_000, depth=40, seed=9, threads=1, gaps=False, **options)
    text = sequences(made.reference)["chr1"]
    spans = [match.span() for match in re.finditer("A{6,}|C{6,}|G{6,}|T{6,}", text)]
    starts = [start for start, _ in spans]
    spanned, gapped = Counter(), Counter()
    for record in records(made.bam):
        inside = slice(bisect_left(starts, record.reference_start + 15), bisect_right(starts, record.reference_end))
        with_gap = {at for _, at, *_ in gaps(record)}
        for start, end in spans[inside]:
            if end < record.reference_end - 15:
                spanned[end - start >= 14] += 1
                gapped[end - start >= 14] += start in with_gap
    assert gapped[True] / spanned[True] > 0.01
    assert gapped[False] / spanned[False] < 0.005


def test_read_groups(tmp_path):
    made = simulate(tmp_path / "none", length=5_000, depth=5, read_groups=0, threads=1)
    with pysam.AlignmentFile(str(made.bam)) as file:
        assert "RG" not in file.header.to_dict()
        assert not any(record.has_tag("RG") for record in file)
    made = simulate(tmp_path / "three", length=5_000, depth=20, read_groups=12, sample="NA1", threads=1)
    with pysam.AlignmentFile(str(made.bam)) as file:
        groups = {group["ID"]: group["SM"] for group in file.header["RG"]}
        assert set(groups.values()) == {"NA1"}
        assert len(groups) == 12
        used = Counter(record.get_tag("RG") for record in file)
    assert set(used) == set(groups)
    mates = {}
    for record in records(made.bam):
        assert mates.setdefault(record.query_name, record.get_tag("RG")) == record.get_tag("RG")


@pytest.mark.parametrize("options", [{"read_length": 101, "insert": 250}, {"read_length": 251, "insert": 500}])
def test_other_read_lengths(tmp_path, options):
    made = simulate(tmp_path, length=8_000, depth=10, threads=1, odd=0, **options)
    text = sequences(made.reference)["chr1"]
    for record in records(made.bam):
        assert record.query_length == options["read_length"] == len(record.query_qualities)
        if not record.is_unmapped:
            assert record.get_tag("MD") == naive_tags(record, text)[1]


def test_dense_variants_do_not_break_alignments(tmp_path):
    made = simulate(tmp_path, length=20_000, depth=20, snv_rate=0.03, indel_rate=0.05, threads=1)
    text = sequences(made.reference)["chr1"]
    mapped = [record for record, *_ in plain(made.bam)]
    assert len(mapped) > 1_000
    for record in mapped:
        assert (record.get_tag("NM"), record.get_tag("MD")) == naive_tags(record, text)
        assert record.cigartuples[0][0] in (0, 4)
        assert record.cigartuples[-1][0] in (0, 4)


def test_samtools_agrees(varied):
    samtools = peer("samtools")
    subprocess.run([samtools, "quickcheck", "-v", varied.bam], check=True)
    stats = subprocess.run([samtools, "stats", varied.bam], check=True, capture_output=True, text=True).stdout
    assert "is sorted:\t1" in stats
    count = subprocess.run([samtools, "view", "-c", varied.bam], check=True, capture_output=True, text=True).stdout
    assert int(count) == varied.records
    fixed = subprocess.run(
        f"{samtools} sort -n {varied.bam} | {samtools} fixmate - - | {samtools} view -F 2304 -",
        shell=True,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    ours = {(r.query_name, r.is_read1): (r.flag & ~2, r.template_length) for r in records(varied.bam) if r.flag < 256}
    for line in fixed.splitlines():
        name, flag, *_, length = line.split("\t")[:9]
        key = name, bool(int(flag) & 64)
        assert key not in ours or ours[key] == (int(flag) & ~2, int(length))


def test_bcftools_finds_nothing_to_normalise(varied, clean):
    bcftools = peer("bcftools")
    for made in (varied, clean):
        command = [bcftools, "norm", "--no-version", "--check-ref", "e", "-f", made.reference, made.truth]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        with pysam.VariantFile(str(made.truth)) as file:
            assert [line for line in done.stdout.splitlines() if line[0] != "#"] == [str(r).rstrip() for r in file]


# ---- options


@pytest.mark.parametrize(("text", "size"), [("50k", 50_000), ("1M", 1_000_000), ("1.5m", 1_500_000), ("700", 700)])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "M", "12T", "1e", "five"])
def test_sizes_that_are_none(text):
    with pytest.raises(UsageError, match="is not a number of bases"):
        parse_size(text)


@pytest.mark.parametrize(
    "options",
    [
        {"duplicates": 1.5},
        {"depth": -1},
        {"read_length": 20},
        {"insert": 100},
        {"length": 1_000},
        {"length": 10_000, "contigs": 20},
        {"length": 10_000, "deep_sites": ((10_000, 50),)},
    ],
)
def test_settings_out_of_range(options, tmp_path):
    with pytest.raises(UsageError, match="simulate: "):
        simulate(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_contigs_share_the_length():
    lengths = Settings(length=1_000_003, contigs=7).contig_lengths()
    assert sum(lengths) == 1_000_003
    assert lengths == sorted(lengths, reverse=True)
    assert lengths[0] < 2.1 * lengths[-1]


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        simulate(tmp_path / "file", length=5_000)


def test_command_line(tmp_path, capsys):
    arguments = ["--out", str(tmp_path), "--length", "5k", "--depth", "4", "--seed", "5", "--threads", "1"]
    assert simulator.main([*arguments, "--no-errors", "--deep-site", "2000:60"]) == 0
    assert "records in" in capsys.readouterr().out
    expected = simulate(tmp_path / "b", length=5_000, depth=4, seed=5, errors=False, deep_sites=((2_000, 60),))
    assert (tmp_path / "reads.bam").read_bytes() == expected.bam.read_bytes()
    assert simulator.main([*arguments, "--deep-site", "x"]) == UsageError.exit_code
    assert "is not POSITION:DEPTH" in capsys.readouterr().err

"""Kernel ``panel``: equal to its naive twin on every device."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gpucall.backend import Backend
from gpucall.kernels.records import Records
from gpucall.qc.sites import PlacedSites, SiteCounts, SiteList

from . import naive_panel
from .fixtures import MATE_REVERSE, MATE_UNMAPPED, PAIRED, PROPER, READ1, READ2, REVERSE, Read
from .kernel_inputs import DEVICES, columns, open_device
from .naive_panel import Site
from .qc_reads import CONTIGS
from .test_kernels_pileup import draw_reads, draw_reference

on_devices = pytest.mark.parametrize("device", DEVICES)


def draw_sites(seed: int, bases: str, number: int) -> list[Site]:
    """Sites of the first contig, in order."""
    chance = random.Random(seed)
    known = [at for at, base in enumerate(bases) if base != "N"]
    sites = []
    for at in sorted(chance.sample(known, number)):
        alt = chance.choice("ACGT".replace(bases[at], ""))
        sites.append(Site(at, bases[at], alt))
    return sites


def count(reads: list[Read], sites: list[Site], bases: str | None, backend: Backend) -> Counter[tuple[int, int, int]]:
    """The bases at the sites, as the accumulator has them."""
    device = columns(reads, CONTIGS, backend)
    host: Records = backend.download(device)
    listed = SiteList(
        Path("sites.bed"),
        ("chr1",) * len(sites),
        np.array([site.position for site in sites], dtype=np.int32),
        np.array([ord(site.ref) for site in sites], dtype=np.uint8),
        np.array([ord(site.alt) for site in sites], dtype=np.uint8),
    )
    counts = SiteCounts(PlacedSites(listed, list(CONTIGS.items()), "reads"), backend)
    stretch = None if bases is None else (0, backend.upload(np.array(list(bases.encode()), dtype=np.uint8)))
    middle = CONTIGS["chr1"] // 2
    for start, stop in ((0, middle), (middle, CONTIGS["chr1"])):
        counts.add(host, device, 0, start, stop, (0, len(reads)), stretch)
    found = counts.result()
    keys = zip(found.site.tolist(), found.allele.tolist(), found.quality.tolist(), strict=True)
    return Counter(dict(zip(keys, found.seen.tolist(), strict=True)))


def close_to(bases: str, reads: list[Read], seed: int) -> list[Read]:
    """The reads with the reference's bases in all but a few places: others are dropped as badly aligned."""
    chance = random.Random(seed)
    changed = []
    for read in reads:
        seq = list(read.seq)
        for at, query in naive_panel.naive.aligned(read).items():
            if query >= 0 and chance.random() < 0.9:
                seq[query] = bases[at]
        changed.append(replace(read, seq="".join(seq)))
    return changed


def with_errors_at(sites: list[Site], reads: list[Read], seed: int) -> list[Read]:
    """The reads with the other allele of some sites."""
    chance = random.Random(seed)
    alts = {site.position: site.alt for site in sites}
    changed = []
    for read in reads:
        seq = list(read.seq)
        for at, query in naive_panel.naive.aligned(read).items():
            if query >= 0 and at in alts and chance.random() < 0.5:
                seq[query] = alts[at] if chance.random() < 0.6 else chance.choice("ACGT")
        flag = read.flag | (MATE_UNMAPPED if chance.random() < 0.02 else 0)
        changed.append(replace(read, seq="".join(seq), flag=flag))
    return changed


def case(seed: int, pairs: int, number: int) -> tuple[str, list[Site], list[Read]]:
    """A reference, sites on it, and reads."""
    bases = draw_reference(seed)
    sites = draw_sites(seed, bases, number)
    return bases, sites, with_errors_at(sites, close_to(bases, draw_reads(seed, bases, pairs), seed), seed)


@on_devices
@pytest.mark.parametrize("seed", range(3))
def test_equals_naive(seed: int, device: str) -> None:
    bases, sites, reads = case(seed, pairs=150, number=12)
    expected = naive_panel.count_sites(reads, 0, sites, bases)
    assert count(reads, sites, bases, open_device(device)) == expected
    assert {0, 1} <= {allele for _, allele, _ in expected}


@on_devices
def test_equals_naive_without_a_reference(device: str) -> None:
    bases, sites, reads = case(9, pairs=60, number=30)
    without = naive_panel.count_sites(reads, 0, sites, None)
    assert count(reads, sites, None, open_device(device)) == without
    assert without != naive_panel.count_sites(reads, 0, sites, bases)


def test_qualities_fall_where_an_end_may_be_elsewhere() -> None:
    """ACACAC... before a read's first bases: they could as well lie two bases on."""
    bases = "GATTACAGGC" * 4 + "ACACACACACAC" + "GGTCATTGCATCCATGGATCGATTCAGTACGATCAGCTA" + "T" * 600
    read = Read("r", 42, "40M", bases[42:82], 0, 0, 60, [37] * 40)
    near = naive_panel.alignment_quality(read, 1, range(40), 43, bases)
    far = naive_panel.alignment_quality(read, 20, range(40), 62, bases)
    assert near < 37 <= far


BASES = "GATTACAGGCTTACGGATCCATGCAAGTCATTCGGACTTACGATCAGGTTCAACGTACCGATT" * 14
SITE = Site(130, BASES[130], "ACGT".replace(BASES[130], "")[0])


def mates_over_the_site(one: tuple[str, int], two: tuple[str, int], proper: int = PROPER) -> list[Read]:
    """A pair whose reads have a base and a quality at the site; "-": deleted there."""
    reads = []
    for name, start, flag, other, (base, quality) in (
        ("a", 100, READ1 | MATE_REVERSE, 110, one),
        ("a", 110, READ2 | REVERSE, 100, two),
    ):
        seq = list(BASES[start : start + 60])
        qual = [37] * 60
        at = SITE.position - start
        seq[at], qual[at] = base, quality
        cigar = "60M"
        if base == "-":
            seq, qual, cigar = [*seq[:at], *seq[at + 1 :]], qual[:-1], f"{at}M1D{59 - at}M"
        reads.append(Read(name, start, cigar, "".join(seq), 0, PAIRED | proper | flag, 60, qual, 0, other, 0))
    return reads


@on_devices
@pytest.mark.parametrize(
    ("one", "two", "proper", "expected"),
    [
        ((SITE.ref, 30), (SITE.ref, 37), PROPER, {(0, 0, 67): 1}),
        ((SITE.ref, 10), (SITE.ref, 5), PROPER, {(0, 0, 15): 1}),
        ((SITE.ref, 60), (SITE.ref, 60), PROPER, {(0, 0, 93): 1}),
        ((SITE.ref, 30), (SITE.alt, 37), PROPER, {(0, 1, 29): 1}),
        ((SITE.ref, 37), (SITE.alt, 30), PROPER, {(0, 0, 29): 1}),
        ((SITE.ref, 35), (SITE.alt, 35), PROPER, {(0, 0, 28): 1}),
        ((SITE.ref, 16), (SITE.alt, 2), PROPER, {}),
        (("-", 37), (SITE.alt, 30), PROPER, {(0, 1, 24): 1}),
        ((SITE.ref, 30), (SITE.ref, 37), 0, {(0, 0, 30): 1, (0, 0, 37): 1}),
    ],
)
def test_mates_count_once(
    one: tuple[str, int], two: tuple[str, int], proper: int, expected: dict[tuple[int, int, int], int], device: str
) -> None:
    reads = mates_over_the_site(one, two, proper)
    assert count(reads, [SITE], None, open_device(device)) == Counter(expected)
    assert naive_panel.count_sites(reads, 0, [SITE], None) == Counter(expected)

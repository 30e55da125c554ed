"""relate: how the genotypes of two samples agree, site by site, counted in bits.

A sample's genotypes are three planes of bits over the sites, packed into words of 64: homozygous reference,
heterozygous, homozygous alternate. Every count of a pair is the number of bits set in the intersection of planes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .jit import cpu_loop, cuda, cuda_loop, shared

# What is counted of a pair, in the order of the last axis of its counts.
COUNTS = ("ibs0", "shared_hets", "shared_hom_alts", "same", "hets_a", "hets_b", "hom_alts_a", "hom_alts_b", "known")
IBS0, SHARED_HETS, SHARED_HOM_ALTS, SAME, HETS_A, HETS_B, HOM_ALTS_A, HOM_ALTS_B, KNOWN = range(len(COUNTS))


class Planes(NamedTuple):
    """Genotypes of some samples: uint64[samples, words] each, a bit a site; at an unknown site no bit is set."""

    hom_ref: Any
    het: Any
    hom_alt: Any


@shared
def bits_set(word: Any) -> Any:
    """How many bits of a uint64 are set, by adding neighbours (Warren, Hacker's Delight, 5-1)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    word = word + (word >> np.uint64(8))
    word = word + (word >> np.uint64(16))
    return np.int32((word + (word >> np.uint64(32))) & np.uint64(0x7F))


@shared
def compare(a: Any, b: Any, left: Any, right: Any, counts: Any, at: Any) -> None:
    """Counts of sample ``a`` of ``left`` and sample ``b`` of ``right``, into row ``at`` of int32[pairs, COUNTS].

    Over the sites that both know. ibs0: opposite homozygotes; same: equal genotypes.
    """
    ibs0 = hets = alts = refs = het_a = het_b = alt_a = alt_b = known = np.int32(0)
    for word in range(left.het.shape[1]):
        ref_1, het_1, alt_1 = left.hom_ref[a, word], left.het[a, word], left.hom_alt[a, word]
        ref_2, het_2, alt_2 = right.hom_ref[b, word], right.het[b, word], right.hom_alt[b, word]
        known_1, known_2 = ref_1 | het_1 | alt_1, ref_2 | het_2 | alt_2
        ibs0 = np.int32(ibs0 + bits_set((ref_1 & alt_2) | (alt_1 & ref_2)))
        hets = np.int32(hets + bits_set(het_1 & het_2))
        alts = np.int32(alts + bits_set(alt_1 & alt_2))
        refs = np.int32(refs + bits_set(ref_1 & ref_2))
        het_a = np.int32(het_a + bits_set(het_1 & known_2))
        het_b = np.int32(het_b + bits_set(het_2 & known_1))
        alt_a = np.int32(alt_a + bits_set(alt_1 & known_2))
        alt_b = np.int32(alt_b + bits_set(alt_2 & known_1))
        known = np.int32(known + bits_set(known_1 & known_2))
    counts[at, IBS0], counts[at, SHARED_HETS], counts[at, SHARED_HOM_ALTS] = ibs0, hets, alts
    counts[at, SAME] = refs + hets + alts
    counts[at, HETS_A], counts[at, HETS_B] = het_a, het_b
    counts[at, HOM_ALTS_A], counts[at, HOM_ALTS_B] = alt_a, alt_b
    counts[at, KNOWN] = known


@shared
def compare_pair(k: Any, left: Any, right: Any, first: Any, second: Any, counts: Any) -> None:
    """Pair ``k``: samples ``first[k]`` of ``left`` and ``second[k]`` of ``right``."""
    compare(first[k], second[k], left, right, counts, k)


@cpu_loop
def pairs_cpu(n: int, left: Planes, right: Planes, first: Any, second: Any, counts: Any) -> None:
    for k in range(n):
        compare_pair(k, left, right, first, second, counts)


@cuda_loop
def pairs_cuda(n: int, left: Planes, right: Planes, first: Any, second: Any, counts: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        compare_pair(k, left, right, first, second, counts)


@shared
def screen(k: Any, left: Any, right: Any, likeness: Any) -> None:
    """Item ``k`` of a tile, int32[left samples, right samples]: twice IBS0 less the hets that both have.

    All that an upper bound of kinship needs besides the samples' own counts of heterozygous sites, so that few of a
    large cohort's pairs are compared in full.
    """
    a, b = k // likeness.shape[1], k % likeness.shape[1]
    opposite = shared_hets = np.int32(0)
    for word in range(left.het.shape[1]):
        ref_1, alt_1, ref_2, alt_2 = (
            left.hom_ref[a, word],
            left.hom_alt[a, word],
            right.hom_ref[b, word],
            right.hom_alt[b, word],
        )
        opposite = np.int32(opposite + bits_set((ref_1 & alt_2) | (alt_1 & ref_2)))
        shared_hets = np.int32(shared_hets + bits_set(left.het[a, word] & right.het[b, word]))
    likeness[a, b] = shared_hets - 2 * opposite


@cpu_loop
def screen_cpu(n: int, left: Planes, right: Planes, likeness: Any) -> None:
    for k in range(n):
        screen(k, left, right, likeness)


@cuda_loop
def screen_cuda(n: int, left: Planes, right: Planes, likeness: Any) -> None:
    k = cuda.grid(1)
    if k < n:
        screen(k, left, right, likeness)

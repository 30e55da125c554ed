"""genome: a reference with a real one's texture, and the repeats in it."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pysam
from hypothesis import given, settings
from hypothesis import strategies as st

from gpucall.bench.genome import (
    ASCII,
    CODES,
    Contig,
    find_tracts,
    generate_genome,
    reverse_complement,
    write_fasta,
)


def random_genome(seed, length, gap=0):
    with ThreadPoolExecutor(1) as pool:
        return generate_genome(seed, [length], gap, pool)[0]


def test_fasta_and_its_index(tmp_path):
    path = tmp_path / "genome.fa"
    genome = [random_genome(1, 600), Contig("chrM", random_genome(2, 61).codes)]
    write_fasta(path, genome)
    expected = {contig.name: ASCII[contig.codes].tobytes().decode() for contig in genome}
    with pysam.FastaFile(str(path)) as fasta:
        assert {name: fasta.fetch(name) for name in fasta.references} == expected
    ours = Path(f"{path}.fai").read_bytes()
    Path(f"{path}.fai").unlink()
    pysam.faidx(str(path))
    assert Path(f"{path}.fai").read_bytes() == ours


def test_genome_has_the_texture_of_a_real_one():
    text = ASCII[random_genome(5, 1_000_000, 5_000).codes].tobytes().decode()
    counts = Counter(text)
    assert counts["N"] == 15_000
    assert text[:5_000] == text[-5_000:] == "N" * 5_000
    assert 0.36 < (counts["G"] + counts["C"]) / (len(text) - counts["N"]) < 0.46
    expected_cpg = counts["C"] * counts["G"] / len(text)
    assert text.count("CG") / expected_cpg < 0.4
    assert len(re.findall("A{12,}|T{12,}", text)) > 100
    assert len(re.findall("(?:AC){9,}|(?:GT){9,}", text)) > 30


def test_gaps_are_the_runs_of_n():
    assert Contig("c", CODES[np.frombuffer(b"NNACGNTN", np.uint8)]).gaps().tolist() == [[0, 2], [5, 6], [7, 8]]


def naive_tracts(text, unit, least):
    """Maximal repeats of a unit that is not itself a repeat."""
    found = []
    for start in range(len(text) - unit):
        end = start + unit
        while end < len(text) and text[end] == text[end - unit] != "N":
            end += 1
        maximal = start == 0 or text[start - 1] != text[start - 1 + unit] or text[start - 1] == "N"
        word = text[start : start + unit]
        primitive = all(word != word[:k] * (unit // k) for k in range(1, unit) if unit % k == 0)
        if end - start >= least and maximal and primitive:
            found.append((start, end, unit))
    return found


@settings(max_examples=200, deadline=None)
@given(st.text("ACN", min_size=1, max_size=60))
def test_tracts_are_the_maximal_repeats(text):
    least = (4, 6, 9)
    found = find_tracts(CODES[np.frombuffer(text.encode(), np.uint8)], least)
    expected = [tract for unit, bases in enumerate(least, 1) for tract in naive_tracts(text, unit, bases)]
    assert list(zip(*(column.tolist() for column in found), strict=True)) == sorted(
        expected, key=lambda t: (t[0], t[2])
    )


def test_reverse_complement():
    codes = CODES[np.frombuffer(b"AACGTN", np.uint8)]
    assert ASCII[reverse_complement(codes)].tobytes() == b"NACGTT"


def test_same_genome_for_any_threads():
    with ThreadPoolExecutor(2) as pool:
        two = generate_genome(4, [2_500_000, 40_000], 1_000, pool)
    with ThreadPoolExecutor(1) as pool:
        one = generate_genome(4, [2_500_000, 40_000], 1_000, pool)
    assert [contig.name for contig in one] == ["chr1", "chr2"]
    assert all((left.codes == right.codes).all() for left, right in zip(one, two, strict=True))

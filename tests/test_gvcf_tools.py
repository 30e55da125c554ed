"""Our gVCFs in the tools that cohorts are built with: each runs without a warning, and finds what we wrote."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import pysam
import pytest

from gpucall import engine
from gpucall.config import Gvcf

SAMPLES = ("HG001", "NA12891", "NA12892")
START, STOP = 9_999_000, 10_011_000  # 1-based, of contig 20
REGION = f"20:{START}-{STOP}"
Peer = Callable[[str], str]


class Trio(NamedTuple):
    """Our gVCFs of three samples and their reference."""

    reference: Path
    gvcfs: list[Path]


@pytest.fixture(scope="module")
def trio(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Trio:
    folder, real = tmp_path_factory.mktemp("trio"), shared_data / "real"
    reference = real / "b37.chr20.windows.fa.gz"
    options = {"device": "cpu", "threads": 1, "regions": [REGION], "gvcf": Gvcf()}
    reads = [real / f"trio.{name}.b37.bam" for name in SAMPLES]
    return Trio(reference, [engine.call(bam, reference, folder, **options).files["gvcf"] for bam in reads])


def run(*command: str | Path, allowed: tuple[str, ...] = ()) -> None:
    """Run a tool that has nothing to complain of; lines that begin with ``allowed`` are no complaints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stderr.splitlines() if not line.startswith(allowed or ("\0",))]
    assert said == []


def records(path: Path) -> Iterator[pysam.VariantRecord]:
    with pysam.VariantFile(str(path)) as source:
        yield from source


def body(path: Path) -> list[list[str]]:
    with gzip.open(path, "rt") as lines:
        return [line.rstrip("\n").split("\t") for line in lines if not line.startswith("#")]


def test_bcftools_expands_the_blocks(trio: Trio, tmp_path: Path, peer: Peer) -> None:
    out = tmp_path / "out.vcf.gz"
    run(peer("bcftools"), "convert", "--gvcf2vcf", "-f", trio.reference, trio.gvcfs[0], "-Oz", "-o", out)
    lines = body(out)
    variants = [line for line in body(trio.gvcfs[0]) if line[4] != "<NON_REF>"]
    assert [line[1] for line in lines] == [
        str(position)
        for position in range(START, STOP + 1)
        if not any(int(v[1]) < position < int(v[1]) + len(v[3]) for v in variants)
    ]


def test_bcftools_merges_three_samples(trio: Trio, tmp_path: Path, peer: Peer) -> None:
    out = tmp_path / "merged.vcf.gz"
    run(peer("bcftools"), "merge", "--gvcf", trio.reference, *trio.gvcfs, "-Oz", "-o", out)
    found = list(records(out))
    assert list(found[0].samples) == list(SAMPLES)
    spans = [(record.start, record.stop) for record in found]
    assert spans[0][0] == START - 1
    assert spans[-1][1] == STOP
    reach = accumulate((stop for _, stop in spans), max)
    assert all(start <= before for before, (start, _) in zip(reach, spans[1:], strict=False))  # no gap
    for number, path in enumerate(trio.gvcfs):
        ours = {record.pos: record.samples[0].alleles for record in records(path) if len(record.alts) > 1}
        theirs: dict[int, list[tuple[str, ...]]] = {}
        for record in found:
            theirs.setdefault(record.pos, []).append(record.samples[number].alleles)
        assert len(ours) > 40
        for position, alleles in ours.items():
            # Others' REF may be longer, so that alleles grow at their ends.
            assert any(len(set(alleles)) == len(set(each)) and None not in each for each in theirs[position])


def test_children_have_their_parents_alleles(trio: Trio, tmp_path: Path, peer: Peer) -> None:
    """Where all three are sure: no site of the merged trio breaks Mendel's laws."""
    out = tmp_path / "merged.vcf.gz"
    run(peer("bcftools"), "merge", "--gvcf", trio.reference, *trio.gvcfs, "-Oz", "-o", out)
    checked = broken = 0
    for record in records(out):
        samples = [record.samples[name] for name in SAMPLES]
        if not all_sure(record):
            continue
        child, father, mother = (sample["GT"] for sample in samples)
        checked += record.stop - record.start
        fits = any({a, b} == set(child) and len(child) == 2 for a in father for b in mother)
        broken += not fits
    assert checked > 7000
    assert broken <= 1


def test_bcftools_merges_ours_with_gatks(trio: Trio, shared_data: Path, tmp_path: Path, peer: Peer) -> None:
    """GATK 3.4 declared AD as Number=.; VCF 4.3 says Number=R, as later versions write. Else bcftools warns."""
    bcftools, theirs, out = peer("bcftools"), tmp_path / "gatk.g.vcf.gz", tmp_path / "merged.vcf.gz"
    with gzip.open(shared_data / "real" / "NA12878.gatk.b37.g.vcf.gz", "rt") as source:
        text = source.read().replace("<ID=AD,Number=.", "<ID=AD,Number=R")
    (tmp_path / "gatk.g.vcf").write_text(text)
    run(bcftools, "view", "-t", REGION, "-Oz", "-o", theirs, tmp_path / "gatk.g.vcf")
    run(bcftools, "index", "-t", theirs)
    run(bcftools, "merge", "--gvcf", trio.reference, trio.gvcfs[0], theirs, "-Oz", "-o", out)
    both = [[sample["GT"] for sample in record.samples.values()] for record in records(out) if all_sure(record)]
    pairs = [(sorted(one), sorted(two)) for one, two in both]
    variants = sum(one != [0, 0] or two != [0, 0] for one, two in pairs)
    assert variants > 40
    assert sum(one != two for one, two in pairs) <= 0.1 * variants


def all_sure(record: pysam.VariantRecord) -> bool:
    """Whether all samples have a genotype with a GQ of 30 or more."""
    return all(sample["GQ"] is not None and sample["GQ"] >= 30 for sample in record.samples.values())


def test_bcftools_normalises(trio: Trio, tmp_path: Path, peer: Peer) -> None:
    out = tmp_path / "out.vcf.gz"
    command = (peer("bcftools"), "norm", "-f", trio.reference, trio.gvcfs[0], "-Oz", "-o", out)
    run(*command, allowed=("Lines   total/split/realigned/skipped",))
    before, after = ([line[:5] for line in body(path)] for path in (trio.gvcfs[0], out))
    assert after == before  # all is left-aligned and parsimonious already


def test_bcftools_counts(trio: Trio, peer: Peer) -> None:
    for path in trio.gvcfs:
        run(peer("bcftools"), "stats", path)
        run(peer("bcftools"), "view", path, "-o", "/dev/null")


def test_tabix_finds_a_block_by_its_end(trio: Trio, peer: Peer) -> None:
    block = next(line for line in body(trio.gvcfs[0]) if line[4] == "<NON_REF>" and int(line[7][4:]) > int(line[1]) + 9)
    end = block[7].removeprefix("END=")
    command = [peer("tabix"), str(trio.gvcfs[0]), f"20:{end}-{end}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("\n").split("\t") == block


def test_vcf2zarr_imports(trio: Trio, tmp_path: Path, peer: Peer) -> None:
    zarr = pytest.importorskip("zarr")
    pytest.importorskip("cyvcf2")
    merged = tmp_path / "merged.vcf.gz"
    run(peer("bcftools"), "merge", "--gvcf", trio.reference, *trio.gvcfs, "-Oz", "-o", merged)
    run(peer("bcftools"), "index", "-t", merged)
    for path in (trio.gvcfs[0], merged):
        shutil.rmtree(tmp_path / "out.vcz", ignore_errors=True)
        run(Path(sys.executable).with_name("vcf2zarr"), "convert", "-Q", path, tmp_path / "out.vcz")
        store = zarr.open(store=str(tmp_path / "out.vcz"), mode="r")
        lines = body(path)
        assert store["variant_position"][:].tolist() == [int(line[1]) for line in lines]
        assert store["call_PL"].shape[:2] == (len(lines), len(lines[0]) - 9)


# -- what the header and the records say -------------------------------------------------------------------------------


def test_blocks_without_a_call_have_no_genotype(trio: Trio) -> None:
    fields = [line[9].split(":") for line in body(trio.gvcfs[0]) if line[4] == "<NON_REF>"]
    assert {values[0] for values in fields if values[2] == "0"} == {"./."}
    assert {values[0] for values in fields if values[2] != "0"} == {"0/0"}
    assert all(values[4] == "0,0,0" for values in fields if values[1] == "0")


def test_variants_are_those_of_the_vcf(trio: Trio) -> None:
    """With one more allele; the genotype, quality and filter are the same."""
    for path in trio.gvcfs:
        listed, joined = apart(body(path.with_name(path.name.replace(".g.vcf", ".vcf"))))
        ours = [line for line in body(path) if line[4] != "<NON_REF>" and line[1] not in joined]
        assert [line[:4] for line in ours] == [line[:4] for line in listed]
        assert [line[4] for line in ours] == [f"{line[4]},<NON_REF>" for line in listed]
        assert [line[5:7] for line in ours] == [line[5:7] for line in listed]
        for one, two in zip(ours, listed, strict=True):
            assert one[9].split(":")[0] == two[9].split(":")[0]
            likelihoods, known = one[9].split(":")[4].split(","), two[9].split(":")[4].split(",")
            assert likelihoods[: len(known)] == known
            alleles = one[4].count(",") + 2
            assert len(likelihoods) == alleles * (alleles + 1) // 2


def apart(lines: list[list[str]]) -> tuple[list[list[str]], set[str]]:
    """Records that overlap no other; POS of those that others overlap."""
    spans = [(int(line[1]), int(line[1]) + len(line[3])) for line in lines]
    clash = {
        k
        for a, (_, stop) in enumerate(spans)
        for b, (start, _) in enumerate(spans[a + 1 :], a + 1)
        if start < stop
        for k in (a, b)
    }
    return [line for k, line in enumerate(lines) if k not in clash], {lines[k][1] for k in clash}


def test_vcf_4_5_with_lengths(shared_data: Path, tmp_path: Path, peer: Peer) -> None:
    real = shared_data / "real"
    reads, reference = real / "trio.HG001.b37.bam", real / "b37.chr20.windows.fa.gz"
    settings = Gvcf.parse("10,60", None, lengths=True)
    options = {"device": "cpu", "threads": 1, "regions": ["20:10000000-10002000"], "gvcf": settings}
    path = engine.call(reads, reference, tmp_path, **options).files["gvcf"]
    text = gzip.decompress(path.read_bytes()).decode()
    assert text.startswith("##fileformat=VCFv4.5\n")
    assert '##FORMAT=<ID=LEN,Number=1,Type=Integer,Description="Length of <*> reference block">' in text
    assert "##ALT=<ID=*," in text
    assert "##GVCFBlock10-60=minGQ=10(inclusive),maxGQ=60(exclusive)" in text
    blocks = [line for line in body(path) if line[4] == "<*>"]
    assert len(blocks) > 10
    for line in blocks:
        length = int(dict(zip(line[8].split(":"), line[9].split(":"), strict=True))["LEN"])
        assert int(line[1]) + length - 1 == int(line[7].removeprefix("END="))
    assert all(line[4].endswith(",<*>") for line in body(path) if line[4] != "<*>")
    run(peer("bcftools"), "view", path, "-o", "/dev/null")
    run(peer("bcftools"), "convert", "--gvcf2vcf", "-f", reference, path, "-o", "/dev/null")

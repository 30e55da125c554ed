"""The sample's sex and what follows from it: simulated samples of every class, and evidence that is thin or odd."""

from __future__ import annotations

import gzip
import json
import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pysam
import pytest

from bench import sex as bench
from bench.karyotype import NAMES
from bench.simulate import PLOIDY_BED
from gpucall import cli, engine, explain
from gpucall.config import Batching, Settings, Sexing
from gpucall.errors import UsageError
from gpucall.io.reference import Reference
from gpucall.ploidy import sex
from gpucall.ploidy.regions import SEXES, UNKNOWN, Kind, PloidyRegions, of_contigs
from gpucall.ploidy.sex import Sex, SexEvidence, bin_depth, crowding, infer
from gpucall.tiles import Intervals

from . import fixtures, small_sample, tricky_sample
from .device_like import Shuffled
from .test_ploidy_regions import contigs_of

LENGTH = 580_000  # bases: the shortest genome whose Y has enough bins
SAMPLES = [(karyotype, depth) for karyotype in SEXES for depth in (10, 30)]
WIDTH = Sexing().bin


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], dict[str, Any]]:
    """By class and depth: what ``bench.sex`` finds, and where."""
    folder = tmp_path_factory.mktemp("samples")
    return {
        (karyotype, depth): bench.run(folder / f"{karyotype}.{depth}", karyotype, depth, LENGTH, 1)
        | {"folder": folder / f"{karyotype}.{depth}"}
        for karyotype, depth in SAMPLES
    }


# -- whole samples ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("karyotype", "depth"), SAMPLES)
def test_simulated_samples(samples: dict[Any, dict[str, Any]], karyotype: str, depth: int) -> None:
    """The class, the ploidy of every record, lists of likelihoods, and calls that are as good as the autosome's."""
    row = samples[karyotype, depth]
    assert row["sex"] == karyotype
    assert row["confidence"] >= 20
    assert (row["wrong_ploidy"], row["wrong_likelihoods"]) == (0, 0)
    assert bench.is_right(row)
    assert row["records"] > 600
    kinds = Counter(line.contig for line in bench.records(row["folder"] / "calls" / "SIM.vcf.gz"))
    assert (kinds["chrY"] > 80) == ("Y" in karyotype)
    for kind in ("X", "Y", "PAR"):
        found = row["accuracy"][kind]["SNV"]
        assert found["fp"] <= 2
        assert found["fn"] <= (0.1 * found["truth"] if depth == 10 else 1)


def test_a_wrong_ploidy_would_be_seen(samples: dict[Any, dict[str, Any]]) -> None:
    """The check of the test above, against another class than the sample's."""
    row = samples["XY", 10]
    with Reference(row["folder"] / "reference.fa") as reference:
        regions = bench.read_bed(row["folder"] / PLOIDY_BED, reference.contigs)
    counts = bench.check_ploidy(row["folder"] / "calls" / "SIM.vcf.gz", regions, "XX")
    assert counts["wrong_ploidy"] > 200


def call(row: dict[str, Any], out: Path, **options: Any) -> tuple[list[str], dict[str, Any], list[str]]:
    """Records, what the file of the sex says, and header lines of a run over a sample."""
    folder = row["folder"]
    chosen = {"device": "cpu", "threads": 1, "ploidy_regions": folder / PLOIDY_BED, "reads": folder / "reads.bam"}
    chosen |= options
    result = engine.call(chosen.pop("reads"), folder / "reference.fa", out, **chosen)
    lines = gzip.decompress(result.vcf.read_bytes()).decode().splitlines()
    records = [line for line in lines if not line.startswith("#")]
    assert result.counts["variants"] == len(records)
    assert result.counts["passed"] == sum(line.split("\t")[6] == "PASS" for line in records)
    return records, json.loads(result.files["sex"].read_text()), [line for line in lines if line.startswith("##")]


def test_an_option_that_the_reads_contradict(
    samples: dict[Any, dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="gpucall"):
        records, said, header = call(samples["XY", 10], tmp_path, sex="XX")
    assert (said["sex"], said["source"], said["inferred"], said["disagrees"]) == ("XX", "option", "XY", True)
    [warning] = [record.getMessage() for record in caplog.records]
    assert said["notes"] == [warning]
    assert warning.startswith("--sex XX was given, but the reads look like XY (confidence 99)")
    assert not [line for line in records if line.startswith("chrY")]
    assert all("/" in line.split("\t")[9].split(":")[0].replace("|", "/") for line in records if "chrX" in line)
    assert any(line.startswith("##gpucallSex=<ID=XX,Source=option,Inferred=XY,Confidence=99,") for line in header)


def test_an_option_that_the_reads_confirm(samples: dict[Any, dict[str, Any]], tmp_path: Path) -> None:
    expected = [
        line
        for line in gzip.decompress((samples["XY", 10]["folder"] / "calls" / "SIM.vcf.gz").read_bytes())
        .decode()
        .splitlines()
        if line[0] != "#"
    ]
    records, said, _ = call(samples["XY", 10], tmp_path, sex="xy")
    assert records == expected
    assert (said["source"], said["disagrees"], said["notes"]) == ("option", False, [])


@pytest.mark.parametrize("region", ["chrX", "chr1:1-30000"])
def test_a_part_of_the_genome_says_nothing(samples: dict[Any, dict[str, Any]], tmp_path: Path, region: str) -> None:
    records, said, _ = call(samples["XY", 10], tmp_path, regions=[region])
    assert records
    assert (said["sex"], said["ploidy"]["X"]) == (UNKNOWN, 2)
    assert said["reason"]
    assert said["notes"] == [f"the sex is unknown ({said['reason']}): chrX is called with two copies, chrY with one"]


def reordered(row: dict[str, Any], path: Path, names: list[str]) -> Path:
    """The sample's reads with the contigs in another order."""
    with pysam.AlignmentFile(str(row["folder"] / "reads.bam")) as reads:
        header = reads.header.to_dict()
        by_name = {contig["SN"]: contig for contig in header["SQ"]}
        header["SQ"] = [by_name[name] for name in names]
        new = pysam.AlignmentHeader.from_dict(header)
        with pysam.AlignmentFile(str(path), "wb", header=new) as out:
            for name in names:
                for read in reads.fetch(name):
                    out.write(pysam.AlignedSegment.from_dict(read.to_dict(), new))
    return path


def test_any_order_of_contigs(samples: dict[Any, dict[str, Any]], tmp_path: Path) -> None:
    """Y and X first: everything else waits for them, and is written where it belongs."""
    row = samples["XY", 10]
    names = ["chrY", "chrX", "chrM", "chr1"]
    expected, said, _ = call(row, tmp_path / "usual")
    records, found, _ = call(row, tmp_path / "turned", reads=reordered(row, tmp_path / "turned.bam", names))
    assert found["evidence"] == said["evidence"]
    assert records == sorted(expected, key=lambda line: names.index(line.split("\t")[0]))


def test_cram_and_no_index(samples: dict[Any, dict[str, Any]], tmp_path: Path) -> None:
    row = samples["XXY", 10]
    expected = call(row, tmp_path / "bam")[:2]
    cram = fixtures.write_cram(tmp_path / "reads.cram", row["folder"] / "reads.bam", row["folder"] / "reference.fa")
    assert call(row, tmp_path / "cram", reads=cram)[:2] == expected
    bare = tmp_path / "reads.bam"
    bare.write_bytes((row["folder"] / "reads.bam").read_bytes())
    assert call(row, tmp_path / "bare", reads=bare, threads=2)[:2] == expected


@pytest.mark.parametrize("contig", ["chrX", "chrY", "chrM"])
def test_explain_a_haploid_record(samples: dict[Any, dict[str, Any]], contig: str) -> None:
    folder = samples["XY", 10]["folder"]
    lines = gzip.decompress((folder / "calls" / "SIM.vcf.gz").read_bytes()).decode().splitlines()
    line = [line for line in lines if line.startswith(f"{contig}\t") and ":" in line and "\t1:" in line][5]
    files = (folder / "reads.bam", folder / "reference.fa")
    site = f"{contig}:{line.split(chr(9))[1]}"
    found = explain.explain(*files, site, device="cpu", sex="XY", ploidy_regions=folder / PLOIDY_BED)
    assert [record.line for record in found.records] == [line]
    assert found.copies.startswith("one copy")
    assert found.copies in explain.to_text(found)
    names = [option.name for option in (*found.genotypes, *(pair for each in found.windows for pair in each.pairs))]
    assert names
    assert not any("/" in name for name in names)


def test_explain_without_a_copy(samples: dict[Any, dict[str, Any]]) -> None:
    folder = samples["XY", 10]["folder"]
    files = (folder / "reads.bam", folder / "reference.fa")
    found = explain.explain(*files, "chrY:30000", device="cpu", sex="XX", ploidy_regions=folder / PLOIDY_BED)
    assert found.verdict == ("not called: no copy of Y outside of the pseudo-autosomal regions (--sex XX)",)


# -- the same bytes -----------------------------------------------------------------------------------------------


def strained_bed(folder: Path) -> Path:
    """The tricky sample with edges of stretches among its variants."""
    path = folder / "ploidy.bed"
    path.write_text("chr1\t0\t1500\tPAR\nchr1\t1500\t5200\tX\nchr1\t5200\t6000\tY\nchr2\t0\t3500\tMT\n")
    return path


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> tuple[tricky_sample.Files, Path]:
    folder = tmp_path_factory.mktemp("tricky")
    return tricky_sample.write(folder), strained_bed(folder)


def outputs(files: tricky_sample.Files, bed: Path, out: Path, **options: Any) -> tuple[list[bytes], bytes, bytes]:
    chosen = {"device": "cpu", "threads": 1, "ploidy_regions": bed, "sex": "XY"} | options
    result = engine.call(*files.paths, out, **chosen)
    lines = [line for line in gzip.decompress(result.vcf.read_bytes()).splitlines() if not line.startswith(b"##")]
    return lines, result.files["sex"].read_bytes(), result.files["vcfstats"].read_bytes()


@pytest.fixture(scope="module")
def expected(
    tricky: tuple[tricky_sample.Files, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[bytes], bytes, bytes]:
    return outputs(*tricky, tmp_path_factory.mktemp("expected"))


def test_the_sample_has_one_and_two_copies(expected: tuple[list[bytes], bytes, bytes]) -> None:
    genotypes = {(line.split(b"\t")[0], b"/" in line.split(b"\t")[9].split(b":")[0]) for line in expected[0][1:]}
    assert (b"chr1", False) in genotypes
    assert (b"chr1", True) in genotypes
    assert (b"chr2", False) in genotypes
    assert any(b"HETEROPLASMIC" in line for line in expected[0])


@pytest.mark.parametrize(
    "options",
    [
        {"settings": Settings(batching=Batching(batch_bytes=20_000, tile_span=700)), "threads": 2},
        {"settings": Settings(batching=Batching(tile_span=97))},
    ],
)
def test_the_same_bytes(
    tricky: tuple[tricky_sample.Files, Path],
    expected: tuple[list[bytes], bytes, bytes],
    tmp_path: Path,
    options: dict[str, Any],
) -> None:
    found = outputs(*tricky, tmp_path, **options)
    assert found[0] == expected[0]
    assert found == expected


def test_shuffled(tmp_path: Path) -> None:
    """The CUDA loops, one thread after the other in an order that no card has."""
    sample = small_sample.make(tmp_path / "s", length=2600, contigs=2, depth=8, snv_rate=1e-2, deep_sites=())
    files = tricky_sample.Files(sample.bam, sample.reference)
    bed = tmp_path / "ploidy.bed"
    lengths = [line.split("\t")[1] for line in Path(f"{sample.reference}.fai").read_text().splitlines()]
    bed.write_text(f"chr1\t0\t500\tPAR\nchr1\t500\t{lengths[0]}\tX\nchr2\t0\t{lengths[1]}\tMT\n")
    expected = outputs(files, bed, tmp_path / "a")
    assert len(expected[0]) > 10
    assert outputs(files, bed, tmp_path / "b", device=Shuffled()) == expected


# -- evidence -----------------------------------------------------------------------------------------------------


def evidence(
    x: float, y: float, depth: float = 30.0, bins: int = 400, contigs: dict[str, int] | None = None, het: int = 0
) -> SexEvidence:
    """Evidence of a sample with these depths of X and Y relative to the autosomes', a fifth of the bins hard to map."""
    contigs = contigs or contigs_of("GRCh38", "chr")
    random = np.random.default_rng(1)
    found = SexEvidence(of_contigs(contigs), Sexing())
    for contig, copies in (("chr1", 1.0), ("chrX", x), ("chrY", y)):
        if contig not in contigs:
            continue
        start = 3_000_000 // WIDTH
        share = np.where(random.random(bins) < 0.2, random.random(bins), 1.0)
        reads = random.poisson(depth * copies * WIDTH / 150, bins) * 150 * share
        found.sums[contig] = np.zeros(start + bins, dtype=np.int64)
        found.counted[contig] = np.zeros(start + bins, dtype=np.int64)
        found.sums[contig][start:] = reads.astype(np.int64)
        found.counted[contig][start:] = WIDTH
    if "chrX" in contigs:
        found.snvs.update({(Kind.X, "het"): het, (Kind.X, "hom"): 40})
    return found


def asked(bins: int = 400) -> Intervals:
    """The part of the genome that ``evidence`` covers."""
    start = 3_000_000 // WIDTH * WIDTH
    return Intervals({name: np.array([[start, start + bins * WIDTH]]) for name in ("chr1", "chrX", "chrY")})


def found_sex(evidence: SexEvidence, bins: int = 400, option: str | None = None) -> Sex:
    return infer(evidence, asked(bins), option)


@pytest.mark.parametrize("depth", [2.0, 10.0, 30.0, 300.0])
@pytest.mark.parametrize("karyotype", SEXES)
def test_classes(karyotype: str, depth: float) -> None:
    x, y = SEXES[karyotype]
    found = found_sex(evidence(x / 2, y / 2, depth, het=0 if x == 1 else 60))
    assert found.sex == found.inferred == karyotype
    assert found.scores[karyotype] == 0
    assert found.confidence >= 20


@pytest.mark.parametrize(("x", "y"), [(0.75, 0.0), (0.75, 0.5), (0.5, 0.25), (0.3, 0.3), (2.0, 0.0)])
def test_depths_between_the_classes_are_unknown(x: float, y: float) -> None:
    """Mosaics, and the Y that older men lose."""
    found = found_sex(evidence(x, y))
    assert (found.sex, found.ploidy(Kind.X), found.ploidy(Kind.Y)) == (UNKNOWN, 2, 1)
    assert found.reason


@pytest.mark.parametrize("bins", [5, 19])
def test_thin_evidence_is_unknown(bins: int) -> None:
    assert found_sex(evidence(0.5, 0.5, bins=bins), bins).sex == UNKNOWN


def test_stray_reads_on_the_y_are_not_a_y() -> None:
    found = evidence(1.0, 0.0, het=60)
    stray = found.sums["chrY"]
    stray[-20:] = 30 * WIDTH  # a twentieth of the bins is as deep as an autosome
    stray[-400:-20] = WIDTH // 2  # and the rest has a read here and there
    assert found_sex(found).sex == "XX"


@pytest.mark.parametrize(("x", "het", "expected"), [(1.0, 60, "XX"), (0.5, 0, "XY")])
def test_a_reference_without_a_y(x: float, het: int, expected: str) -> None:
    """The X decides; classes that only the Y tells apart are rarer."""
    contigs = contigs_of("GRCh38", "chr")
    del contigs["chrY"]
    found = found_sex(evidence(x, 0.0, contigs=contigs, het=het))
    assert (found.sex, found.evidence["y_depth_ratio"]) == (expected, None)


@pytest.mark.parametrize(("y", "expected"), [(0.0, "XX"), (0.5, "XY")])
def test_a_reference_without_an_x(y: float, expected: str) -> None:
    contigs = contigs_of("GRCh38", "chr")
    del contigs["chrX"]
    found = found_sex(evidence(0.0, y, contigs=contigs))
    assert (found.sex, found.evidence["x_depth_ratio"]) == (expected, None)


def test_a_reference_without_x_and_y(tmp_path: Path) -> None:
    files = tricky_sample.write(tmp_path)
    result = engine.call(*files.paths, tmp_path / "out", device="cpu", threads=1)
    said = json.loads(result.files["sex"].read_text())
    assert (said["sex"], said["reason"], said["assembly"]) == (UNKNOWN, "no X or Y among the contigs", "none")
    assert said["notes"] == []


def test_heterozygous_snvs_speak_too() -> None:
    """The depth of one copy with the SNVs of two is less sure than with those of one."""
    plain, odd = (found_sex(evidence(0.5, 0.5, het=het)) for het in (1, 60))
    assert plain.inferred == odd.inferred == "XY"
    assert plain.scores["XXY"] == pytest.approx(odd.scores["XXY"] + 40, abs=1)


def test_where_values_crowd() -> None:
    values = np.array([0.0, 0.1, 9.8, 10.0, 10.1, 10.2, 10.4, 55.0])
    level = crowding(values)
    assert level.depth == pytest.approx((9.8 + 10.0 + 10.1 + 10.2 + 10.4) / 5)
    assert level.bins == 8


@pytest.mark.parametrize(("start", "stop"), [(0, 10), (WIDTH - 1, WIDTH + 1), (5000, 20_000), (WIDTH, 2 * WIDTH)])
def test_depth_by_bin(start: int, stop: int) -> None:
    depth = np.arange(stop - start, dtype=np.int32)
    found = bin_depth("c", start, depth, WIDTH)
    assert found is not None
    sums: Counter[int] = Counter()
    counted: Counter[int] = Counter()
    for position, reads in enumerate(depth.tolist(), start=start):
        sums[position // WIDTH] += reads
        counted[position // WIDTH] += 1
    bins = range(found.first, found.first + len(found.sums))
    assert dict(zip(bins, found.sums.tolist(), strict=True)) == dict(sums)
    assert dict(zip(bins, found.counted.tolist(), strict=True)) == dict(counted)


def test_depth_of_nothing() -> None:
    assert bin_depth("c", 7, np.zeros(0, dtype=np.int32), WIDTH) is None


def test_evidence_adds_up_in_any_order() -> None:
    parts = [bin_depth("chr1", at, np.full(3000, at, dtype=np.int32), WIDTH) for at in (0, 3000, 6000, 9000)]
    sums = []
    for order in ([0, 1, 2, 3], [3, 1, 0, 2]):
        found = SexEvidence(PloidyRegions(), Sexing())
        found.add([part for index in order if (part := parts[index]) is not None], Counter())
        sums.append(found.sums["chr1"][:3].tolist())
    assert (
        sums[0]
        == sums[1]
        == [
            sum(position // 3000 * 3000 for position in range(k * WIDTH, min((k + 1) * WIDTH, 12_000)))
            for k in range(3)
        ]
    )


# -- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["male", "", "X", "YY", "XX,XY"])
def test_a_sex_that_is_not_known(text: str) -> None:
    with pytest.raises(UsageError, match=r"--sex .* is not known; give auto or one of XX, XY, X0, XXY, XYY, XXX"):
        engine.parse_sex(text)


def test_the_command_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["call", "-r", "r.fa", "-o", "o", "--sex", "male", "s.bam"]) == UsageError.exit_code
    [line] = capsys.readouterr().err.splitlines()
    assert line == "gpucall: error: --sex 'male' is not known; give auto or one of XX, XY, X0, XXY, XYY, XXX"


def test_the_simulated_contigs_are_those_of_the_bed(samples: dict[Any, dict[str, Any]]) -> None:
    lines = (samples["XX", 10]["folder"] / PLOIDY_BED).read_text().splitlines()
    assert {line.split("\t")[0] for line in lines} == set(NAMES) - {"chr1"}


def lines_of(sample: Sex) -> Iterator[str]:
    yield from sample.header()
    yield from sample.notes()


@pytest.mark.parametrize(("karyotype", "said"), [("XXX", "three X chromosomes"), ("XYY", "two Y chromosomes")])
def test_what_is_said_of_a_third_sex_chromosome(karyotype: str, said: str) -> None:
    x, y = SEXES[karyotype]
    found = found_sex(evidence(x / 2, y / 2, het=60 if x > 1 else 0))
    assert any(said in line for line in lines_of(found))
    assert sex.ploidy(Kind.X, karyotype) == min(x, 2)

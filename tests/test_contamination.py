"""Contamination and ancestry: VerifyBamID2's answers on its own files, and mixtures of known shares."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gpucall import cli, quality
from gpucall.bench import panel as bench_panel
from gpucall.config import Batching, Contamination, Settings, SiteLists
from gpucall.errors import InputError, UsageError
from gpucall.qc import contamination
from gpucall.qc.contamination import Mixture, Panel, estimate, read_panel
from gpucall.qc.homozygotes import HomozygousReference
from gpucall.qc.sites import PlacedSites, SiteBases, SiteCounts, SiteList, read_sites
from gpucall.stream import open_sample

from . import fixtures


class SmallSample(NamedTuple):
    """A good BAM and its reference."""

    bam: Path
    reference: Path


def small_panel(sites: int, seed: int, components: int = 2) -> Panel:
    """Common sites whose frequencies depend on ancestry."""
    chance = np.random.default_rng(seed)
    listed = SiteList(
        Path("small.bed"),
        ("chr1",) * sites,
        np.arange(sites, dtype=np.int32) * 1000,
        np.full(sites, ord("A"), dtype=np.uint8),
        np.full(sites, ord("G"), dtype=np.uint8),
    )
    return Panel("small", listed, chance.uniform(0.2, 1.6, sites), chance.normal(0, 6, (sites, components)))


def mixed_bases(panel: Panel, share: float, seed: int, components: tuple[float, float] = (0.01, 0.02)) -> SiteBases:
    """30 bases a site of quality 30, drawn from two people of one ancestry."""
    chance = np.random.default_rng(seed)
    sites = len(panel.sites)
    frequency = np.clip((panel.mean + panel.load @ np.array(components)) / 2, 0.001, 0.999)
    copies = chance.binomial(2, frequency, (2, sites)) / 2
    alt = (1 - share) * copies[0] + share * copies[1]
    alt = alt * (1 - 0.001) + (1 - alt) * 0.001 / 3
    counts = chance.binomial(30, alt)
    site = np.repeat(np.arange(sites), 2)
    count = np.stack([30 - counts, counts], axis=1).ravel()
    kept = count > 0
    allele = np.tile(np.array([0, 1], dtype=np.uint8), sites)
    quality = np.full(2 * sites, 30, dtype=np.uint8)
    return SiteBases(site[kept].astype(np.int32), allele[kept], quality[kept], count[kept].astype(np.int32))


def naive_log_likelihood(
    panel: Panel, bases: SiteBases, contaminating: list[float], intended: list[float], share: float
) -> float:
    """The likelihood of the paper, base by base."""
    right = [[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]
    wrong = [[0, 1 / 3, 2 / 3], [1 / 6, 1 / 6, 2 / 3], [1 / 3, 0, 2 / 3]]
    total = 0.0
    for site in sorted(set(bases.site.tolist())):
        chances = []
        for components in (contaminating, intended):
            frequency = (panel.mean[site] + sum(panel.load[site, k] * x for k, x in enumerate(components))) / 2
            frequency = min(max(frequency, 0.00005), 0.99995)
            chances.append([(1 - frequency) ** 2, 2 * frequency * (1 - frequency), frequency**2])
        likelihood = 0.0
        for one in range(3):
            for two in range(3):
                product = chances[0][one] * chances[1][two]
                for row in np.flatnonzero(bases.site == site):
                    error, allele = 10 ** (-int(bases.quality[row]) / 10), bases.allele[row]
                    ok = share * right[one][allele] + (1 - share) * right[two][allele]
                    off = share * wrong[one][allele] + (1 - share) * wrong[two][allele]
                    product *= (ok * (1 - error) + off * error) ** int(bases.seen[row])
                likelihood += product
        total += np.log(likelihood)
    return total


def test_the_likelihood_is_the_papers() -> None:
    panel = small_panel(20, seed=1)
    bases = mixed_bases(panel, 0.05, seed=2)
    mixture = Mixture(panel, bases, np.arange(20), 2)
    for contaminating, intended, share in (([0.01, 0.0], [0.0, 0.03], 0.1), ([0.0, 0.0], [0.0, 0.0], 0.0)):
        found = mixture.log_likelihood(np.array(contaminating), np.array(intended), share)
        assert found == pytest.approx(naive_log_likelihood(panel, bases, contaminating, intended, share), rel=1e-9)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1])
def test_a_mixture_is_found(share: float) -> None:
    panel = small_panel(2000, seed=3)
    found = estimate(panel, mixed_bases(panel, share, seed=4), Contamination())
    assert found.share == pytest.approx(share, abs=0.004)
    assert found.intended == pytest.approx([0.01, 0.02], abs=0.005)
    assert found.covered == found.markers == 2000
    assert found.bases == 60_000
    assert found.likelihood >= found.likelihood_pure


def test_more_than_half_is_the_other_way_round() -> None:
    panel = small_panel(1500, seed=5)
    found = estimate(panel, mixed_bases(panel, 0.7, seed=6), Contamination())
    assert found.share == pytest.approx(0.3, abs=0.01)


def test_within_ancestry_both_samples_have_the_same_components() -> None:
    panel = small_panel(1200, seed=7)
    found = estimate(panel, mixed_bases(panel, 0.05, seed=8), Contamination(within_ancestry=True))
    assert found.intended.tolist() == found.contaminating.tolist()
    assert found.share == pytest.approx(0.05, abs=0.005)


def test_sites_of_an_odd_depth_are_left_out() -> None:
    panel = small_panel(1500, seed=9)
    bases = mixed_bases(panel, 0.0, seed=10)
    deep = bases.site == 7
    bases.seen[deep] *= 40
    found = estimate(panel, bases, Contamination())
    assert (found.covered, found.used) == (1500, 1499)


def write_panel(folder: Path, beds: str, means: str, loads: str) -> str:
    """A panel's files; their prefix."""
    for suffix, text in (("bed", beds), ("mu", means), ("UD", loads)):
        (folder / f"panel.{suffix}").write_text(text)
    return str(folder / "panel")


GOOD = ("chr1\t9\t10\tA\tG\nchr2\t19\t20\tC\tT\n", "chr1:10_A/G 0.4\nchr2:20_C/T 0.6\n", "1 2\n3 4\n")


def test_a_panel_is_read(tmp_path: Path) -> None:
    panel = read_panel(write_panel(tmp_path, *GOOD))
    assert list(panel.sites.lines()) == ["chr1\t10\tA\tG\n", "chr2\t20\tC\tT\n"]
    assert panel.mean.tolist() == [0.4, 0.6]
    assert panel.load.tolist() == [[1, 2], [3, 4]]


def test_of_several_alternates_the_first_counts(tmp_path: Path) -> None:
    """As VerifyBamID2 reads them; its panel of GRCh37 has such sites."""
    panel = read_panel(write_panel(tmp_path, GOOD[0].replace("A\tG", "A\tT,G"), *GOOD[1:]))
    assert list(panel.sites.lines()) == ["chr1\t10\tA\tT\n", "chr2\t20\tC\tT\n"]


def test_verifybamid2s_panels_are_read(shared_data: Path) -> None:
    for bed in sorted((shared_data / "panels").glob("*.bed")):
        panel = read_panel(str(bed.with_suffix("")))
        assert len(panel.mean) == len(panel.load) == len(bed.read_text().splitlines())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ((GOOD[0], GOOD[1], "1 2\n"), "1 lines for the 2 sites"),
        ((GOOD[0], "chr1:10 0.4\n", GOOD[2]), "1 lines for the 2 sites"),
        ((GOOD[0], GOOD[1], "1 2\n3 x\n"), "cannot be read as a panel's table"),
        ((GOOD[0], GOOD[1], "1 2\n3 nan\n"), "no table of numbers"),
        (("chr1\t9\n" + GOOD[0], *GOOD[1:]), "line 1 is no site"),
        (("chr1\t9\t10\tA\tGT\n", *GOOD[1:]), "line 1 is not a site of one base"),
        (("", *GOOD[1:]), "holds no site"),
        ((GOOD[0] + "chr1\t9\t10\tA\tG\n", *GOOD[1:]), "chr1:10 is there twice"),
    ],
)
def test_a_bad_panel_is_named(tmp_path: Path, files: tuple[str, str, str], said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        read_panel(write_panel(tmp_path, *files))
    assert str(tmp_path) in str(caught.value)


def test_no_more_components_than_the_panel_has() -> None:
    panel = small_panel(30, seed=1)
    with pytest.raises(UsageError, match="--contamination-pcs 3"):
        contamination.choose_components(panel, 30, Contamination(components=3))


# -- through the command line ------------------------------------------------------------------------------------------


Refused = Callable[..., None]


@pytest.fixture
def refused(capfd: pytest.CaptureFixture[str]) -> Refused:
    """``refused(code, words, *arguments)``: the command line ends with one line that has the words, and its code."""

    def check(code: int, said: list[str], *arguments: str | Path) -> None:
        assert cli.main([*map(str, arguments)]) == code
        errors = [line for line in capfd.readouterr().err.splitlines() if line.startswith("gpucall: error: ")]
        assert len(errors) == 1
        for words in said:
            assert words in errors[0]

    return check


def table(path: Path) -> list[list[str]]:
    """Fields of a tab-separated file, without its header."""
    return [line.split("\t") for line in path.read_text().splitlines()[1:]]


@pytest.mark.parametrize("name", ["c0", "c0.01", "c0.03", "c0.10"])
def test_verifybamid2_says_the_same(name: str, shared_data: Path, tmp_path: Path) -> None:
    """Its 14,46x bases to the last, FREEMIX within 0.001, principal components within 0.01."""
    golden = shared_data / "contamination"
    panel = shared_data / "panels" / "1000g.phase3.100k.b38.vcf.gz.dat"
    reference = shared_data / "sim" / "GRCh38.chr20.10M.fa.gz"
    result = quality.measure(
        golden / f"{name}.bam", reference, tmp_path, device="cpu", threads=1, sites=SiteLists(str(panel))
    )
    [mine], [theirs] = table(result.files["self_sm"]), table(golden / f"{name}.selfSM")
    assert mine[:6] == theirs[:6]
    assert float(mine[6]) == pytest.approx(float(theirs[6]), abs=0.0001)
    assert [float(field) for field in mine[7:9]] == pytest.approx([float(field) for field in theirs[7:9]], abs=0.05)
    for ours, golden_row in zip(table(result.files["ancestry"]), table(golden / f"{name}.Ancestry"), strict=True):
        assert [float(field) for field in ours] == pytest.approx([float(field) for field in golden_row], abs=0.001)
    metrics = json.loads(result.files["metrics"].read_text())["wgs_qc_metrics"]["aln_metrics"]
    assert metrics["cross_contamination_rate"] == round(float(theirs[6]), 4)


@pytest.mark.parametrize("name", ["c0.03"])
def test_bases_are_those_of_samtools(name: str, shared_data: Path, peer: Callable[[str], str], tmp_path: Path) -> None:
    """mpileup with VerifyBamID2's options: the same bases; a quality may differ by a phred in few of them."""
    bam = shared_data / "contamination" / f"{name}.bam"
    reference = shared_data / "sim" / "GRCh38.chr20.10M.fa.gz"
    bed = tmp_path / "sites.bed"
    lines = (shared_data / "panels" / "1000g.phase3.100k.b38.vcf.gz.dat.bed").read_text().splitlines()
    bed.write_text("".join(f"{line}\n" for line in lines if line.startswith("chr20\t")))
    options = [
        "-A",
        "-C",
        "40",
        "-q",
        "2",
        "-Q",
        "13",
        "--ff",
        "UNMAP,SECONDARY,QCFAIL,DUP",
        "-l",
        bed,
        "-f",
        reference,
    ]
    command = [peer("samtools"), "mpileup", *map(str, options), str(bam)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    expected: Counter[tuple[int, int]] = Counter()
    for line in done.stdout.splitlines():
        fields = line.split("\t")
        expected.update((int(fields[1]), min(ord(letter) - 33, 93)) for letter in fields[5])
    sites = read_sites(bed)
    counts = stream_sites(bam, reference, sites)
    found = Counter(
        {(int(sites.position[site]) + 1, phred): seen for (site, phred), seen in total_by_quality(counts).items()}
    )
    assert found.total() == expected.total() > 14_000
    assert (found - expected).total() < 0.005 * found.total()


def stream_sites(bam: Path, reference: Path, sites: SiteList) -> SiteBases:
    """The bases at sites of a file, counted in small batches by two workers."""
    with ExitStack() as stack:
        settings = Settings(batching=Batching(batch_bytes=1 << 20, tile_span=50_000))
        opened = open_sample(stack, bam, reference, "cpu", 1, None, (), None, None, settings)
        stream = opened.stream
        placed = PlacedSites(sites, stream.source.header.contigs(), str(bam))
        workers = [SiteCounts(placed, stream.backend) for _ in range(2)]
        for number, batch in enumerate(stream.batches()):
            for tile in batch.tiles:
                stretch = stream.stretch(batch, tile)
                rows = (tile.row, tile.row_stop)
                workers[number % 2].add(batch.records, batch.device, tile.tid, tile.start, tile.stop, rows, stretch)
        workers[0].merge(workers[1])
        return workers[0].result()


def total_by_quality(bases: SiteBases) -> Counter[tuple[int, int]]:
    """(site, quality) -> bases of any allele."""
    found: Counter[tuple[int, int]] = Counter()
    for site, phred, seen in zip(bases.site.tolist(), bases.quality.tolist(), bases.seen.tolist(), strict=True):
        found[site, phred] += seen
    return found


def test_the_usual_panel_of_a_reference_is_taken(
    small: SmallSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = bench_panel.write(tmp_path / "usual", small.reference)
    config = tmp_path / "config.toml"
    config.write_text(f'[contamination-panels]\n"{small.reference.name}" = "{prefix}"\n')
    monkeypatch.setenv("GPUCALL_CONFIG", str(config))
    command = [*map(str, ("qc", "-q", "--device", "cpu", "-r", small.reference, small.bam, "-o"))]
    assert cli.main([*command, str(tmp_path / "with")]) == 0
    assert len(list((tmp_path / "with").glob("*.selfSM"))) == 1
    assert cli.main([*command, str(tmp_path / "without"), "--contamination-panel", "none"]) == 0
    assert not list((tmp_path / "without").glob("*.selfSM"))


@pytest.mark.parametrize(
    ("text", "said"),
    [("[contamination-panels\n", "cannot be read as TOML"), ("contamination-panels = 3\n", "must map FASTA files")],
)
def test_a_bad_configuration_is_one_line(
    text: str, said: str, small: SmallSample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Refused
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)
    monkeypatch.setenv("GPUCALL_CONFIG", str(config))
    refused(10, [said, str(config)], "qc", "-r", small.reference, "-o", tmp_path / "out", small.bam)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallSample:
    folder = tmp_path_factory.mktemp("small")
    good = fixtures.good(folder)
    return SmallSample(good.reads, good.reference)


def shifted(prefix: str, out: Path, change: Callable[[list[str]], list[str]]) -> str:
    """A copy of a panel with other lines in its BED."""
    for suffix in ("mu", "UD"):
        shutil.copy(f"{prefix}.{suffix}", f"{out}.{suffix}")
    lines = [change(line.split("\t")) for line in Path(f"{prefix}.bed").read_text().splitlines()]
    Path(f"{out}.bed").write_text("".join("\t".join(fields) + "\n" for fields in lines))
    return str(out)


def test_bad_panels_are_one_line_and_their_exit_code(small: SmallSample, tmp_path: Path, refused: Refused) -> None:
    prefix = bench_panel.write(tmp_path / "good", small.reference, step=20)
    out = tmp_path / "out"
    options = ("--device", "cpu", "-r", small.reference, "-o", out, small.bam, "--contamination-panel")
    moved = shifted(prefix, tmp_path / "moved", lambda f: [f[0], str(int(f[1]) + 7), str(int(f[2]) + 7), *f[3:]])
    refused(11, ["moved.bed", "neither REF nor ALT", "another reference"], "qc", *options, moved)
    refused(11, ["moved.bed", "neither REF nor ALT", "another reference"], "call", *options, moved)
    other_names = shifted(prefix, tmp_path / "b37", lambda f: [f[0].removeprefix("chr"), *f[1:]])
    refused(11, ["b37.bed", "none of its sites"], "qc", *options, other_names)
    refused(10, ["absent.bed", "cannot be read"], "qc", *options, tmp_path / "absent")
    refused(2, ["--contamination-pcs 9", "has 2"], "qc", *options, prefix, "--contamination-pcs", "9")
    assert not out.exists()


def test_a_panel_where_there_are_no_reads(small: SmallSample, tmp_path: Path, refused: Refused) -> None:
    far = [f"chr1\t{5990 + k}\t{5991 + k}\tA\tC\n" for k in range(3)]
    prefix = write_panel(tmp_path, "".join(far), "x 0.1\n" * 3, "1 2\n" * 3)
    options = ("--device", "cpu", "-r", small.reference, "-o", tmp_path / "out", small.bam)
    refused(10, ["panel.bed", "covers any of the 3 sites"], "qc", *options, "--contamination-panel", prefix)
    sites = tmp_path / "panel.bed"
    refused(10, ["panel.bed", "covers any of the 3 sites"], "qc", *options, "--sketch-sites", sites)


def test_reference_fragments_at_homozygous_snvs() -> None:
    counts, others = HomozygousReference(), HomozygousReference()
    assert counts.result() is None
    counts.add((3, 27))
    others.add((0, 30))
    counts.merge(others)
    assert counts.result() == 3 / 60

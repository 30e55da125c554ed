"""MultiQC on one of our output folders shows the sample in the modules of the tools whose files we write.

The values are asserted from ``multiqc_data``, against what those tools' own files and our figures say.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import gpucall
from bench.simulate import SimulatedSample
from gpucall import cli
from gpucall.bench import panel as bench_panel
from gpucall.config import Reporting, SiteLists

from . import small_sample
from .conftest import missing_peer

TWIN = "TWIN"
MULTIQC = Path(sys.executable).with_name("multiqc")


class Shown:
    """A run's outputs and what MultiQC read of them."""

    def __init__(self, folder: Path) -> None:
        if not MULTIQC.is_file():
            missing_peer("peer multiqc is not installed (pip install 'gpucall[dev]')")
        made = small_sample.make(folder, length=6000, depth=25)
        panel = bench_panel.write(folder / "panel", made.reference, step=20)
        self.result = gpucall.call(
            made.bam,
            made.reference,
            folder / "out",
            device="cpu",
            threads=1,
            reporting=Reporting("site"),
            sites=SiteLists(panel, None, str(made.truth)),
        )
        self.sample = self.result.sample
        self._relate(folder, made)
        done = subprocess.run(
            [MULTIQC, "--no-version-check", "--outdir", folder / "multiqc", folder / "out"],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stderr + done.stdout
        self.data: dict[str, Any] = json.loads((folder / "multiqc/multiqc_data/multiqc_data.json").read_text())

    def _relate(self, folder: Path, made: SimulatedSample) -> None:
        """Our sample's fingerprint against that of a second run of the same person, into the output folder."""
        twin = ["-o", folder / "twin", "--sample", TWIN, "--sketch-sites", made.truth, made.bam]
        assert cli.main(["qc", "-q", "--device", "cpu", "-r", *map(str, (made.reference, *twin))]) == 0
        sketches = [self.result.files["sketch"], folder / "twin" / f"{TWIN}.sketch"]
        assert cli.main(["relate", "-q", "--device", "cpu", "-o", *map(str, (folder / "out", *sketches))]) == 0

    def saved(self, name: str) -> dict[str, Any]:
        """Raw data of one module, of our sample."""
        rows: dict[str, Any] = self.data["report_saved_raw_data"][name]
        assert list(rows) == [self.sample], rows
        return dict(rows[self.sample])

    def text(self, kind: str) -> str:
        """One of our files."""
        return self.result.files[kind].read_text()


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Shown:
    return Shown(tmp_path_factory.mktemp("multiqc"))


def test_samtools_flagstat(shown: Shown) -> None:
    data = shown.saved("multiqc_samtools_flagstat")
    lines = shown.text("flagstat").splitlines()
    assert data["total_passed"] == int(lines[0].split()[0]) == shown.result.counts["reads"]
    paired = next(line for line in lines if " properly paired " in line)
    assert data["properly paired_passed"] == int(paired.split()[0]) > 0


def test_samtools_stats(shown: Shown) -> None:
    data = shown.saved("multiqc_samtools_stats")
    numbers = {
        row[1].rstrip(":"): row[2]
        for row in (line.split("\t") for line in shown.text("stats").splitlines() if line.startswith("SN\t"))
    }
    for name in ("raw total sequences", "reads mapped", "bases mapped (cigar)", "insert size average"):
        assert data[name.replace(" ", "_")] == pytest.approx(float(numbers[name]))
    assert data["raw_total_sequences"] > 0


def test_mosdepth(shown: Shown) -> None:
    shares = dict(
        line.split("\t")[1:] for line in shown.text("mosdepth_global_dist").splitlines() if line.startswith("total\t")
    )
    data = shown.data["report_general_stats_data"]["mosdepth"][shown.sample]
    verdict = shown.result.verdict
    assert verdict is not None
    assert data["mean_coverage"] == verdict.figures["mean_coverage"]
    for depth in (1, 10, 30):
        assert data[f"{depth}_x_pc"] == pytest.approx(100 * float(shares[str(depth)]))


def test_bcftools(shown: Shown) -> None:
    data = shown.saved("multiqc_bcftools_stats")
    assert data["number_of_records"] == shown.result.counts["variants"] > 0
    changes = next(line.split("\t") for line in shown.text("vcfstats").splitlines() if line.startswith("TSTV\t"))
    assert (data["ts"], data["tv"]) == (int(changes[2]), int(changes[3]))


PICARD = {
    "multiqc_picard_wgsmetrics": ("wgs", ["MEAN_COVERAGE", "MAD_COVERAGE", "PCT_15X"]),
    "multiqc_picard_QualityYieldMetrics": ("quality_yield", ["TOTAL_READS", "PF_Q30_BASES"]),
    "multiqc_picard_AlignmentSummaryMetrics": ("alignment_summary", ["PF_MISMATCH_RATE", "PCT_CHIMERAS"]),
    "multiqc_picard_insertSize": ("insert_size", ["MEDIAN_INSERT_SIZE", "MEAN_INSERT_SIZE"]),
    "multiqc_picard_gcbias": ("gc_bias_summary", ["AT_DROPOUT", "GC_DROPOUT"]),
}


def metrics_row(text: str) -> dict[str, str]:
    """The last row of a Picard file's metrics."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("## METRICS CLASS"))
    columns = lines[start + 1].split("\t")
    rows = []
    for line in lines[start + 2 :]:
        if not line:
            break
        rows.append(dict(zip(columns, line.split("\t"), strict=False)))
    return rows[-1]


@pytest.mark.parametrize("module", PICARD)
def test_picard(shown: Shown, module: str) -> None:
    kind, names = PICARD[module]
    row = metrics_row(shown.text(kind))
    rows = shown.data["report_saved_raw_data"][module]
    [data] = [values for name, values in rows.items() if name.startswith(shown.sample)]
    for name in names:
        assert float(data[name]) == pytest.approx(float(row[name])), name


def test_verifybamid(shown: Shown) -> None:
    data = shown.saved("multiqc_verifybamid")
    head, row = (line.split("\t") for line in shown.text("self_sm").splitlines())
    theirs = dict(zip(head, row, strict=True))
    assert float(data["FREEMIX"]) == pytest.approx(float(theirs["FREEMIX"]))
    assert int(data["#SNPS"]) == int(theirs["#SNPS"]) > 0
    verdict = shown.result.verdict
    assert verdict is not None
    assert verdict.figures["cross_contamination_rate"] == round(float(theirs["FREEMIX"]), 4)


def test_somalier(shown: Shown) -> None:
    """Two runs of one person: MultiQC shows both samples and their pair."""
    rows = shown.data["report_saved_raw_data"]["multiqc_somalier"]
    folder = shown.result.vcf.parent
    head, *lines = (line.split("\t") for line in (folder / "relate.samples.tsv").read_text().splitlines())
    ours = {row["sample_id"]: row for row in (dict(zip(head, line, strict=True)) for line in lines)}
    for name in (shown.sample, TWIN):
        assert float(rows[name]["n_het"]) == float(ours[name]["n_het"]) > 0
        assert float(rows[name]["n_hom_alt"]) == float(ours[name]["n_hom_alt"])
    head, pair = (line.split("\t") for line in (folder / "relate.pairs.tsv").read_text().splitlines())
    found = dict(zip(head, pair, strict=True))
    [key] = [name for name in rows if "*" in name]
    assert float(rows[key]["relatedness"]) == pytest.approx(float(found["relatedness"]))
    assert float(found["relatedness"]) == pytest.approx(1.0, abs=0.02)


def test_our_own_content(shown: Shown) -> None:
    verdict = shown.result.verdict
    assert verdict is not None
    data = shown.saved("multiqc_gpucall_verdict_table")
    assert data["verdict"] == verdict.status
    assert data["yield_bp_q30"] == verdict.figures["yield_bp_q30"]
    assert data["pct_reads_mapped"] == verdict.figures["pct_reads_mapped"]
    plots = json.dumps(list(shown.data["report_plot_data"]))
    assert "gpucall_allele_balance_plot" in plots


def test_multiqc_found_no_fault(shown: Shown) -> None:
    assert "error" not in shown.said.lower(), shown.said

"""io.tables: a VCF's records as Parquet, both ways, and what readers skip of it."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import duckdb
import polars
import pyarrow.dataset
import pyarrow.parquet as pq
import pysam
import pytest

import gpucall
from gpucall import engine
from gpucall.backend import CpuBackend
from gpucall.config import Batching, Gvcf, Settings, Tables
from gpucall.io import tables
from gpucall.io.tables import TableWriter, header_keys, vcf_header, vcf_lines

from . import tricky_sample
from .conftest import ROOT
from .device_like import SeparateMemory

SMALL_BINS = Tables(bin_bits=10)

HEADER = """\
##fileformat=VCFv4.3
##FILTER=<ID=Low,Description="low">
##INFO=<ID=DP,Number=1,Type=Integer,Description="depth, of \\"reads\\"">
##INFO=<ID=F,Number=A,Type=Float,Description="frequency">
##INFO=<ID=HIT,Number=0,Type=Flag,Description="a flag">
##INFO=<ID=END,Number=1,Type=Integer,Description="end">
##INFO=<ID=WHY,Number=1,Type=String,Description="text">
##FORMAT=<ID=GT,Number=1,Type=String,Description="genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="counts">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="quality">
##contig=<ID=chr1,length=100000>
##contig=<ID=chr2,length=100000>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts
"""
LINES = [
    "chr1\t1\t.\tA\tC\t10.00\tPASS\tDP=3;F=0.5\tGT:AD:GQ\t0/1:1,2:30\n",
    "chr1\t900\trs7\tACG\tA,*\t.\tLow;Bad\tF=0.25,1e-05;HIT\tGT:AD:GQ\t1|2:0,.,9:.\n",
    "chr1\t1024\t.\tA\t<NON_REF>\t.\t.\tEND=1500\tGT:GQ\t0/0:50\n",
    "chr1\t1025\t.\tA\tG\t0.00\tPASS\t.\tGT\t.\n",
    "chr2\t1025\t.\tA\t.\t123456.79\tPASS\tF=.;WHY=no reads\tGT:AD\t./.:.\n",
    "chr2\t70000\t.\tA\tG\t3.10\tPASS\tHIT\tGT:AD:GQ\t1:4,5:99\n",
]


def write(path: Path, lines: list[str], header: str = HEADER, settings: Tables = SMALL_BINS, size: int = 1) -> Path:
    """A table of some lines, written in pieces of ``size`` lines."""
    writer = TableWriter(path, lambda _: header, "s", "variants", settings)
    for start in range(0, len(lines), size):
        writer.write("".join(lines[start : start + size]))
    return writer.close()


def body(vcf: Path) -> list[str]:
    with gzip.open(vcf, "rt") as lines:
        return [line for line in lines if not line.startswith("#")]


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> tricky_sample.Files:
    return tricky_sample.write(tmp_path_factory.mktemp("tricky"))


@pytest.fixture(scope="module")
def result(tricky: tricky_sample.Files, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return run(tmp_path_factory.mktemp("out"), *tricky.paths)


def run(out: Path, reads: Path, reference: Path, settings: Settings | None = None, **options: Any) -> dict[str, Path]:
    settings = (settings or Settings())._replace(tables=SMALL_BINS)
    chosen = {"device": "cpu", "threads": 1} | options
    return engine.call(reads, reference, out, parquet=True, settings=settings, **chosen).files


# -- both ways ---------------------------------------------------------------------------------------------------------


def test_lines_come_back_as_they_were(tmp_path: Path) -> None:
    path = write(tmp_path / "t.parquet", LINES)
    assert list(vcf_lines(path)) == LINES
    assert vcf_header(path) == HEADER


def test_values_of_every_kind(tmp_path: Path) -> None:
    rows = pq.read_table(write(tmp_path / "t.parquet", LINES)).to_pylist()
    assert [row["contig"] for row in rows] == ["chr1"] * 4 + ["chr2"] * 2
    assert [row["position"] for row in rows] == [1, 900, 1024, 1025, 1025, 70000]
    assert [row["end"] for row in rows] == [1, 902, 1500, 1025, 1025, 70000]
    assert [row["id"] for row in rows] == [None, "rs7", None, None, None, None]
    assert [row["alt"] for row in rows] == [["C"], ["A", "*"], ["<NON_REF>"], ["G"], [], ["G"]]
    assert [row["qual"] for row in rows] == [10.0, None, None, 0.0, 123456.79, 3.1]
    assert [row["filter"] for row in rows] == [["PASS"], ["Low", "Bad"], [], ["PASS"], ["PASS"], ["PASS"]]
    assert [row["info_DP"] for row in rows] == [3, None, None, None, None, None]
    assert [row["info_F"] for row in rows] == [[0.5], [0.25, 1e-05], None, None, [None], None]
    assert [row["info_HIT"] for row in rows] == [False, True, False, False, False, True]
    assert [row["genotype"] for row in rows] == [[0, 1], [1, 2], [0, 0], [None], [None, None], [1]]
    assert [row["phased"] for row in rows] == [False, True, False, False, False, False]
    assert [row["format_AD"] for row in rows] == [[1, 2], [0, None, 9], None, None, [None], [4, 5]]


def test_what_the_header_does_not_declare_is_not_lost_in_silence(tmp_path: Path) -> None:
    writer = TableWriter(tmp_path / "t.parquet", lambda _: HEADER, "s", "variants", SMALL_BINS)
    writer.write(LINES[0].replace("DP=3", "NEW=3"))
    with pytest.raises(ValueError, match="info_NEW"):
        writer.close()
    writer.abort()


def nearly(value: Any) -> Any:
    """Equal to six digits: a number, a list of them, or nothing."""
    if isinstance(value, list):
        return [nearly(each) for each in value]
    return None if value is None else pytest.approx(value, rel=1e-6)


def expected_row(record: pysam.VariantRecord, keys: list[tables.Key]) -> dict[str, Any]:
    """What a row must hold, from htslib's reading of the record."""
    sample = record.samples[0]
    row: dict[str, Any] = {
        "contig": record.chrom,
        "position": record.pos,
        "end": record.stop,
        "id": record.id,
        "ref": record.ref,
        "alt": list(record.alts or ()),
        "qual": None if record.qual is None else pytest.approx(record.qual, rel=1e-6),
        "filter": list(record.filter.keys()),
        "format": ":".join(record.format.keys()),
        "genotype": list(sample.allele_indices),
        "phased": sample.phased and len(sample.allele_indices) > 1,
    }
    for key in keys:
        value = (record.info if key.kind == "INFO" else sample).get(key.name, (key.type == "Flag" and False) or None)
        value = record.stop if key.name == "END" and ";END=" in f";{str(record).split(chr(9))[7]}" else value
        value = list(value) if isinstance(value, tuple) else value
        row[key.column] = nearly(value) if key.type == "Float" else value
    return row


def check_both_ways(files: dict[str, Path]) -> None:
    path = files["variants_parquet"]
    assert list(vcf_lines(path)) == body(files["vcf"])
    keys = header_keys(vcf_header(path))
    rows = pq.read_table(path).to_pylist()
    with pysam.VariantFile(str(files["vcf"])) as records:
        expected = [expected_row(record, keys) for record in records]
    assert len(rows) == len(expected) > 0
    for row, wanted in zip(rows, expected, strict=True):
        assert row == wanted


def test_a_run_both_ways(result: dict[str, Path]) -> None:
    check_both_ways(result)
    rows = pq.read_table(result["variants_parquet"]).to_pylist()
    assert any(row["format_PS"] for row in rows)
    assert any(len(row["alt"]) > 1 for row in rows)
    assert any(row["filter"] == ["PASS"] for row in rows)
    assert any(row["filter"] != ["PASS"] for row in rows)


@pytest.mark.parametrize("name", ["HG002.31x.b37.bam", "NA12878.52x.hg19.bam"])
def test_real_reads_both_ways(tmp_path: Path, shared_data: Path, name: str) -> None:
    reference = shared_data / "real" / f"{name.split('.')[2]}.chr20.windows.fa.gz"
    check_both_ways(run(tmp_path, shared_data / "real" / name, reference))


@pytest.mark.parametrize("settings", [Gvcf(), Gvcf(non_ref="<*>", lengths=True)], ids=["bands", "lengths"])
def test_a_gvcf_both_ways(tmp_path: Path, tricky: tricky_sample.Files, settings: Gvcf) -> None:
    files = run(tmp_path, *tricky.paths, gvcf=settings)
    check_both_ways({"vcf": files["gvcf"], "variants_parquet": files["gvcf_parquet"]})
    rows = pq.read_table(files["gvcf_parquet"]).to_pylist()
    blocks = [row for row in rows if row["alt"] == [settings.non_ref]]
    assert len(blocks) > 100
    assert all(row["end"] == row["info_END"] >= row["position"] for row in blocks)
    at = {"chr1": 1, "chr2": 1}
    for row in blocks:
        at[row["contig"]] = max(at[row["contig"]], row["end"])
    assert at == tricky_sample.CONTIGS
    assert pq.read_metadata(files["gvcf_parquet"]).metadata[b"gpucall.content"] == b"gvcf"


def test_a_gvcf_however_the_stream_is_cut(tmp_path: Path, tricky: tricky_sample.Files) -> None:
    one = run(tmp_path / "one", *tricky.paths, gvcf=Gvcf())
    settings = Settings(batching=Batching(batch_bytes=150_000, tile_span=997))
    cut = run(tmp_path / "cut", *tricky.paths, gvcf=Gvcf(), threads=2, settings=settings)
    assert cut["gvcf_parquet"].read_bytes() == one["gvcf_parquet"].read_bytes()


def test_no_calls_are_an_empty_table(tmp_path: Path, tricky: tricky_sample.Files) -> None:
    files = run(tmp_path, *tricky.paths, regions=["chr1:100-101"])
    assert pq.read_table(files["variants_parquet"]).num_rows == len(body(files["vcf"])) == 0


# -- the same bytes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 2, "settings": Settings(batching=Batching(batch_bytes=20_000, tile_span=700))},
        {"settings": Settings(batching=Batching(batch_bytes=150_000))},
    ],
    ids=["small batches, two threads", "large batches"],
)
def test_however_the_stream_is_cut(
    tmp_path: Path, tricky: tricky_sample.Files, result: dict[str, Path], options: dict[str, Any]
) -> None:
    files = run(tmp_path, *tricky.paths, **options)
    assert files["variants_parquet"].read_bytes() == result["variants_parquet"].read_bytes()


def test_on_another_device(tmp_path: Path, tricky: tricky_sample.Files, result: dict[str, Path]) -> None:
    """All but the header's line that names the device."""
    one, two = (
        pq.read_table(files["variants_parquet"])
        for files in (result, run(tmp_path, *tricky.paths, device=SeparateMemory()))
    )
    assert one.replace_schema_metadata(None).equals(two.replace_schema_metadata(None))


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_whatever_is_written_at_once(
    tmp_path: Path, result: dict[str, Path], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(tables, "TEXT_BYTES", 100 * size)
    header = vcf_header(result["variants_parquet"])
    lines = body(result["vcf"])
    table = write(tmp_path / "t.parquet", lines, header, size=size)
    assert table.read_bytes() == write(tmp_path / "u.parquet", lines, header, size=len(lines)).read_bytes()


# -- row groups --------------------------------------------------------------------------------------------------------


def groups(path: Path) -> list[tuple[str, str, int, int, int]]:
    """Per row group: lowest and highest contig and position by its statistics, and its rows."""
    metadata = pq.ParquetFile(path).metadata
    found = []
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        contig, position = (group.column(column).statistics for column in (0, 1))
        found.append((contig.min, contig.max, position.min, position.max, group.num_rows))
    return found


def test_a_row_group_is_a_bin_of_one_contig(result: dict[str, Path]) -> None:
    found = groups(result["variants_parquet"])
    assert len(found) > 8
    assert all(first == last and low - 1 >> 10 == high - 1 >> 10 for first, last, low, high, _ in found)
    places = [(contig, low) for contig, _, low, _, _ in found]
    assert places == sorted(set(places))


def test_large_bins_are_several_row_groups(tmp_path: Path) -> None:
    lines = [LINES[0].replace("\t1\t", f"\t{k + 1}\t", 1) for k in range(25)]
    path = write(tmp_path / "t.parquet", lines, settings=SMALL_BINS._replace(most_rows=10), size=3)
    assert [group[-1] for group in groups(path)] == [10, 10, 5]
    assert list(vcf_lines(path)) == lines


def test_row_groups_leave_as_the_genome_advances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "TEXT_BYTES", 1000)
    writer = TableWriter(tmp_path / "t.parquet", lambda _: HEADER, "s", "variants", SMALL_BINS)
    sizes = []
    for number in range(6):
        writer.write("".join(LINES[0].replace("\t1\t", f"\t{number * 1024 + k + 1}\t", 1) for k in range(900)))
        sizes.append((tmp_path / "t.parquet").stat().st_size)
    writer.close()
    assert sizes == sorted(set(sizes))


@pytest.fixture(scope="module")
def damaged(result: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, int, int, int]:
    """A table of which one row group is left whole, and that one's contig, positions and rows."""
    path = result["variants_parquet"]
    data = bytearray(path.read_bytes())
    metadata = pq.ParquetFile(path).metadata
    kept = max(range(metadata.num_row_groups), key=lambda number: metadata.row_group(number).num_rows)
    for number in set(range(metadata.num_row_groups)) - {kept}:
        for column in range(metadata.num_columns):
            chunk = metadata.row_group(number).column(column)
            start = chunk.dictionary_page_offset or chunk.data_page_offset
            data[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    out = tmp_path_factory.mktemp("damaged") / "damaged.parquet"
    out.write_bytes(data)
    contig, _, low, high, rows = groups(path)[kept]
    return out, contig, low, high, rows


def query_duckdb(path: Path, contig: str, low: int, high: int) -> int:
    where = f"contig = '{contig}' AND position BETWEEN {low} AND {high}"
    return len(duckdb.sql(f"SELECT * FROM read_parquet('{path}') WHERE {where}").fetchall())


def query_polars(path: Path, contig: str, low: int, high: int) -> int:
    wanted = (polars.col("contig") == contig) & polars.col("position").is_between(low, high)
    return polars.scan_parquet(path).filter(wanted).collect().height


def query_arrow(path: Path, contig: str, low: int, high: int) -> int:
    field = pyarrow.dataset.field
    wanted = (field("contig") == contig) & (field("position") >= low) & (field("position") <= high)
    return pyarrow.dataset.dataset(path).to_table(filter=wanted).num_rows


@pytest.mark.parametrize("query", [query_duckdb, query_polars, query_arrow], ids=lambda query: query.__name__)
def test_readers_touch_only_the_row_groups_of_a_region(damaged: tuple[Path, str, int, int, int], query: Any) -> None:
    """All other row groups are unreadable: an engine that looked into them would fail."""
    path, contig, low, high, rows = damaged
    assert query(path, contig, low, high) == rows
    with pytest.raises(Exception, match=r"."):  # each engine has its own exception
        query(path, contig, 1, 10_000)


# -- what it says of itself --------------------------------------------------------------------------------------------


def test_metadata_and_the_page_that_describes_it(result: dict[str, Path]) -> None:
    schema = pq.read_schema(result["variants_parquet"])
    metadata = pq.read_metadata(result["variants_parquet"]).metadata
    about = {key.decode(): value.decode() for key, value in metadata.items() if key != b"ARROW:schema"}
    with gzip.open(result["vcf"], "rt") as lines:
        assert about.pop("gpucall.vcf_header") == "".join(line for line in lines if line.startswith("#"))
    assert about == {
        "gpucall.content": "variants",
        "gpucall.schema_version": "1",
        "gpucall.version": gpucall.__version__,
        "gpucall.sample": "sample",
        "gpucall.bin_bits": "10",
    }
    page = (ROOT / "docs" / "parquet.md").read_text()
    assert f"Schema version {tables.SCHEMA_VERSION}." in page
    for name in schema.names:
        field = schema.field(name)
        assert field.metadata[b"description"]
        if not name.startswith(("info_", "format_")):
            assert f"| `{name}` | {field.type} |" in page.replace("list<item:", "list<element:")
    assert all(f"`{key}`" in page for key in [*about, "gpucall.vcf_header"])


def test_cpu_backend_is_what_the_comparison_ran_on(result: dict[str, Path]) -> None:
    assert f"##gpucallDevice={CpuBackend().describe()}\n" in vcf_header(result["variants_parquet"])

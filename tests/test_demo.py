"""demo: simulates, calls and scores; the table says what was found and where the files are."""

import pytest

from gpucall import demo
from gpucall.errors import DiskError

LENGTH = 60_000


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return demo.run(tmp_path_factory.mktemp("demo"), length=LENGTH, device="cpu", threads=1)


def test_finds_nearly_everything(small):
    snv, indel = small.accuracy["SNV"], small.accuracy["INDEL"]
    assert snv["truth"] > 50
    assert snv["recall"] > 0.97
    assert snv["precision"] > 0.97
    assert indel["truth"] > 3
    assert indel["tp"] >= indel["truth"] - 1
    assert small.result.sample == small.simulated.sample == "SIM"


def test_table_says_what_was_found_and_where(small):
    lines = demo.to_text(small).splitlines()
    assert lines[0].split() == ["true", "found", "missed", "false", "recall", "precision"]
    for line, kind in zip(lines[1:3], ("SNV", "INDEL"), strict=True):
        counts = small.accuracy[kind]
        assert line.split()[1:5] == [f"{counts[key]:,}" for key in ("truth", "tp", "fn", "fp")]
        assert float(line.split()[5]) == pytest.approx(counts["recall"], abs=1e-4)
        assert float(line.split()[6]) == pytest.approx(counts["precision"], abs=1e-4)
    paths = [path for path in small.simulated[:4] if path.suffix != ".bed"] + [small.result.vcf]
    for path in paths:
        assert path.exists()
        assert any(line.endswith(f" {path}") for line in lines)


def test_same_calls_for_any_threads(small, tmp_path):
    again = demo.run(tmp_path, length=LENGTH, device="cpu", threads=2)
    assert again.accuracy == small.accuracy
    assert again.result.counts == small.result.counts
    assert again.simulated.bam.read_bytes() == small.simulated.bam.read_bytes()


def test_progress_is_told(tmp_path):
    told = []
    demo.run(tmp_path, length=20_000, device="cpu", threads=1, progress=lambda *step: told.append(step))
    assert told
    assert told[-1][0] == told[-1][1]


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        demo.run(tmp_path / "file", length=20_000)


def test_nothing_to_divide_by_is_a_dash():
    assert demo.share(None) == "-"
    assert demo.share(1.0) == "1.0000"

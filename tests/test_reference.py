import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gpucall.errors import CorruptInput, EmptyInput, IndexProblem, InputError, ReferenceMismatch, TruncatedInput
from gpucall.io.reference import Reference, check_header
from tests import fixtures

GENOME = {"chr1": "ACGTNacgtnRYKM" * 50, "empty": "", "chr2": fixtures.random_sequence(700, 1), "short": "A"}


@pytest.fixture(params=["ref.fa", "ref.fa.gz"])
def fasta(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return fixtures.write_fasta(tmp_path / request.param, GENOME)


def expected(bases: str) -> bytes:
    return bytes(c if c in b"ACGT" else ord("N") for c in bases.upper().encode())


def test_fetch_gives_upper_case_and_n_for_everything_else(fasta: Path) -> None:
    with Reference(fasta) as reference:
        assert reference.contigs == {"chr1": 700, "chr2": 700, "short": 1}  # htslib leaves empty sequences out
        for name in reference.contigs:
            bases = GENOME[name]
            whole = reference.fetch(name)
            assert whole.dtype == np.uint8
            assert whole.flags.writeable
            assert whole.tobytes() == expected(bases)
        assert reference.fetch("chr2", 55, 190).tobytes() == expected(GENOME["chr2"][55:190])
        assert len(reference.fetch("chr2", 10, 10)) == 0


@pytest.mark.parametrize(("start", "end"), [(-1, 5), (5, 4), (0, 701)])
def test_fetch_outside_the_contig_is_our_bug(fasta: Path, start: int, end: int) -> None:
    with Reference(fasta) as reference, pytest.raises(ValueError, match="outside"):
        reference.fetch("chr2", start, end)


def test_fetch_from_several_threads(fasta: Path) -> None:
    with Reference(fasta) as reference:
        wrong: list[int] = []

        def read(start: int) -> None:
            for _ in range(50):
                if reference.fetch("chr2", start, start + 99).tobytes() != expected(GENOME["chr2"][start : start + 99]):
                    wrong.append(start)

        threads = [threading.Thread(target=read, args=(start,)) for start in range(0, 600, 100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_md5_is_that_of_the_bases_as_they_are_but_upper_case(fasta: Path) -> None:
    with Reference(fasta) as reference:
        assert reference.md5("chr1") == hashlib.md5(GENOME["chr1"].upper().encode()).hexdigest()


def test_a_missing_index_is_built_elsewhere_and_removed(
    fasta: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in tmp_path.glob("*.*i"):
        index.unlink()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with Reference(fasta) as reference:
        assert reference.fetch("chr2").tobytes() == expected(GENOME["chr2"])
    assert sorted(os.listdir(tmp_path)) == [fasta.name, "temporary"]
    assert not os.listdir(temporary)


def test_an_index_of_any_age_is_good_while_it_describes_the_file(fasta: Path) -> None:
    os.utime(f"{fasta}.fai", (0, 0))
    with Reference(fasta) as reference:
        assert reference.fetch("short").tobytes() == b"A"


def rewrite(genome: dict[str, str], line: int = 60) -> Callable[[Path], None]:
    def change(fasta: Path) -> None:
        again = fixtures.write_fasta(fasta.with_name("again" + fasta.suffix), genome, line)
        again.replace(fasta)
        if fasta.suffix == ".gz":  # a .gzi that fits the new file: only the .fai is stale
            Path(f"{again}.gzi").replace(f"{fasta}.gzi")

    return change


STALE = {
    "renamed": rewrite({("chr3" if name == "chr2" else name): bases for name, bases in GENOME.items()}),
    "longer": rewrite(GENOME | {"chr2": GENOME["chr2"] + "ACGT"}),
    "shorter": rewrite(GENOME | {"chr1": GENOME["chr1"][:-1]}),
    "other lines": rewrite(GENOME, line=70),
    "more contigs": rewrite({**GENOME, "chr9": "ACGT"}),
    "other order": rewrite(dict(reversed(GENOME.items()))),
    "last one longer": rewrite(GENOME | {"short": "AC"}),
}


@pytest.mark.parametrize("how", STALE)
def test_a_stale_fai_is_found_by_content(fasta: Path, how: str) -> None:
    STALE[how](fasta)
    with pytest.raises(IndexProblem, match=r"stale \.fai") as error:
        Reference(fasta)
    assert f"{fasta}.fai" in str(error.value)
    assert "samtools faidx" in str(error.value)


def cut(count: int) -> Callable[[Path], object]:
    return lambda fasta: fasta.write_bytes(fasta.read_bytes()[:-count])


def edit(suffix: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def apply(fasta: Path) -> None:
        path = Path(f"{fasta}{suffix}")
        path.write_bytes(change(path.read_bytes()))

    return apply


def without_eof_then_more(data: bytes) -> bytes:
    return data[:-28] + fixtures.bgzf(b"ACGT\n" * 2000)


PLAIN = {
    "cut inside chr2": (cut(300), TruncatedInput, "FASTA cut short"),
    "cut by one base": (cut(2), TruncatedInput, "FASTA cut short"),
    "empty": (lambda fasta: fasta.write_bytes(b""), EmptyInput, "is empty"),
    "not FASTA": (lambda fasta: fasta.write_bytes(b"@read\nACGT\n"), CorruptInput, "expected '>'"),
    "fai of text": (edit(".fai", lambda _: b"hello\n"), IndexProblem, "cannot read FASTA index"),
    "fai of nothing": (edit(".fai", lambda _: b""), IndexProblem, "stale .fai: it is empty"),
    "fai of minus": (edit(".fai", lambda _: b"chr1\t-5\t3\t60\t61\n"), IndexProblem, "impossible entry"),
    "fai twice": (edit(".fai", lambda data: data + data), CorruptInput, "occurs twice"),
    "missing": (lambda fasta: fasta.unlink(), InputError, "No such file"),
    "folder": (lambda fasta: (fasta.unlink(), fasta.mkdir()), InputError, "Is a directory"),
}
BGZIPPED = {
    "no EOF block": (cut(28), TruncatedInput, "cut short: no BGZF end-of-file block"),
    "cut": (cut(300), TruncatedInput, "cut short"),
    "lost a piece": (edit("", lambda data: data[:400] + data[-28:]), IndexProblem, "stale .gzi"),
    "more blocks": (edit("", without_eof_then_more), IndexProblem, "stale .gzi"),
    "gzi of another": (edit(".gzi", lambda data: data[:16] + b"\7" + data[17:]), IndexProblem, ".gzi"),
    "gzi cut": (edit(".gzi", lambda data: data[:-3]), IndexProblem, "damaged index"),
    "gzi of nothing": (edit(".gzi", lambda _: b""), IndexProblem, "damaged index"),
    "damaged block": (edit("", lambda data: data[:30] + b"\xff" + data[31:]), CorruptInput, "damaged BGZF block"),
    "BAM": (lambda fasta: fixtures.write_bam(fasta, [], index=None), CorruptInput, "expected '>'"),
}


def check_failure(fasta: Path, change: Callable[[Path], object], kind: type[InputError], words: str) -> None:
    change(fasta)
    with pytest.raises(InputError) as error:
        Reference(fasta)
    assert type(error.value) is kind
    assert words in str(error.value)
    assert str(fasta) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("how", PLAIN)
def test_a_bad_plain_fasta(tmp_path: Path, how: str) -> None:
    check_failure(fixtures.write_fasta(tmp_path / "ref.fa", GENOME), *PLAIN[how])


@pytest.mark.parametrize("how", BGZIPPED)
def test_a_bad_bgzipped_fasta(tmp_path: Path, how: str) -> None:
    check_failure(fixtures.write_fasta(tmp_path / "ref.fa.gz", GENOME), *BGZIPPED[how])


def test_gzip_instead_of_bgzip_says_how_to_convert(tmp_path: Path) -> None:
    with pytest.raises(CorruptInput, match=r"compressed with gzip.* expected bgzip: 'gunzip -c"):
        Reference(fixtures.gzipped_fasta(tmp_path).reference)


def test_a_fasta_that_cannot_be_indexed_says_why(tmp_path: Path) -> None:
    fasta = tmp_path / "ragged.fa"
    fasta.write_text(">a\nACGT\nAC\nACGT\n")
    with pytest.raises(CorruptInput, match=r"ragged.fa: cannot index the FASTA: .*unexpected"):
        Reference(fasta)


# -- the reads' header ---------------------------------------------------------------------------------------------

HEADER = [("chr1", 700, None), ("chr2", 700, None)]


def check(fasta: Path, header: list[tuple[str, int, str | None]], needed: list[str] | None = None) -> None:
    with Reference(fasta) as reference:
        check_header(reference, header, "reads.bam", needed)


def test_a_header_fits_with_contigs_that_the_reference_lacks(fasta: Path) -> None:
    check(fasta, [*HEADER, ("decoy", 5, None)])
    check(fasta, [*HEADER, ("decoy", 5, None)], needed=["chr1"])


@pytest.mark.parametrize(
    ("header", "needed", "words"),
    [
        ([("chr1", 701, None)], None, "'chr1' has 701 bases in the reads' header, 700 in the reference"),
        ([("1", 700, None)], None, "reads say '1' where the reference says 'chr1' (chr prefix)"),
        ([("x", 700, None), ("y", 7, None)], None, "no contig in common: reads x, y; reference chr1, chr2, short"),
        ([], None, "no contig in common: reads none"),
        ([("chr2", 700, "0" * 32)], None, "same length, other bases"),
        ([("chr2", 700, "0" * 32)], ["chr2"], "M5 00000000000000000000000000000000 in the reads' header"),
    ],
)
def test_a_header_that_does_not_fit(
    fasta: Path, header: list[tuple[str, int, str | None]], needed: list[str] | None, words: str
) -> None:
    with pytest.raises(ReferenceMismatch) as error:
        check(fasta, header, needed)
    assert words in str(error.value)
    assert str(fasta) in str(error.value)
    assert "reads.bam" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_contig_with_reads_that_the_reference_lacks(fasta: Path) -> None:
    with Reference(fasta) as reference:
        assert reference.length("chr2") == 700
        for ask in (reference.fetch, reference.length):
            with pytest.raises(ReferenceMismatch, match=r"ref.fa.*: no contig 'decoy', which has reads"):
                ask("decoy")
    with pytest.raises(ReferenceMismatch, match="no contig 'decoy'"):
        check(fasta, [*HEADER, ("decoy", 5, None)], needed=["decoy"])


def test_the_m5_of_contigs_that_are_not_needed_is_not_computed(fasta: Path) -> None:
    check(fasta, [("chr1", 700, None), ("chr2", 700, "0" * 32)], needed=["chr1"])


def test_a_right_m5_fits_in_either_case(fasta: Path) -> None:
    right = hashlib.md5(GENOME["chr2"].encode()).hexdigest()
    check(fasta, [("chr2", 700, right)])
    check(fasta, [("chr2", 700, right.upper())])


def test_the_references_in_hand_open(shared_data: Path) -> None:
    lengths = {"real/b37.chr20.windows": ("20", 63025520), "sim/GRCh38.chr20.10M": ("chr20", 10_000_000)}
    for name, (contig, length) in lengths.items():
        with Reference(shared_data / f"{name}.fa.gz") as reference:
            assert reference.contigs == {contig: length}
            assert set(np.unique(reference.fetch(contig, 0, 100_000))) <= set(b"ACGTN")

"""Files for ``--alleles``: VCFs made by hand, and ones with a quirk."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pysam

from .fixtures import BASES, CONTIGS, Case, good, sequences

COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"

Site = tuple[str, int, str, str]  # contig, 1-based position, REF, ALTs


def vcf_text(sites: Iterable[Site], contigs: dict[str, int] | None = None) -> str:
    """A VCF without samples; IDs are ``s0``, ``s1``, ..."""
    head = "".join(f"##contig=<ID={name},length={length}>\n" for name, length in (contigs or CONTIGS).items())
    rows = (f"{contig}\t{at}\ts{k}\t{ref}\t{alts}\t.\t.\t.\n" for k, (contig, at, ref, alts) in enumerate(sites))
    return f"##fileformat=VCFv4.3\n{head}{COLUMNS}{''.join(rows)}"


def write_sites(path: Path, sites: Iterable[Site], contigs: dict[str, int] | None = None) -> Path:
    """A file of sites, its format by its name: ``.vcf``, ``.vcf.gz`` (bgzip), ``.gz`` (gzip), ``.bcf``."""
    text = vcf_text(sites, contigs)
    if path.name.endswith((".vcf", ".txt")):
        path.write_text(text)
    elif path.name.endswith(".vcf.gz"):
        path.with_suffix("").write_text(text)
        pysam.tabix_compress(str(path.with_suffix("")), str(path), force=True)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode(), mtime=0))
    else:
        plain = path.with_suffix(".vcf")
        plain.write_text(text)
        with pysam.VariantFile(str(plain)) as source, pysam.VariantFile(str(path), "wb", header=source.header) as out:
            for record in source:
                out.write(record)
    return path


def snv(contig: str, position: int, step: int = 1) -> Site:
    """A site of single bases as the reference has it (1-based), and another base."""
    base = sequences()[contig][position - 1]
    return contig, position, base, BASES[(BASES.index(base) + step) % 4]


def _case(folder: Path, sites: Iterable[Site], name: str = "sites.vcf") -> Case:
    path = write_sites(folder / name, sites, CONTIGS | {"chr9": 100, "1": 100})
    return replace(good(folder), arguments=["--alleles", str(path)])


def alleles_unsorted(folder: Path) -> Case:
    """A position before the last one."""
    return _case(folder, [snv("chr1", 300), snv("chr1", 200)])


def alleles_contig_in_two_pieces(folder: Path) -> Case:
    """A contig that comes back."""
    return _case(folder, [snv("chr1", 300), snv("chr2", 10), snv("chr1", 400)])


def alleles_of_another_reference(folder: Path) -> Case:
    """REF that the FASTA does not have."""
    contig, at, ref, alt = snv("chr1", 301)
    return _case(folder, [snv("chr1", 300), (contig, at, alt, ref)], "sites.vcf.gz")


def alleles_with_another_indel(folder: Path) -> Case:
    """REF of several bases, the last of which is not the FASTA's."""
    bases = sequences()["chr1"][300:304]
    wrong = bases[:3] + BASES[BASES.index(bases[3]) - 1]
    return _case(folder, [("chr1", 301, wrong, bases[0])], "sites.bcf")


def alleles_symbolic(folder: Path) -> Case:
    """A structural variant."""
    contig, at, ref, _ = snv("chr1", 300)
    return _case(folder, [(contig, at, ref, "<DEL>")], "sites.vcf.gz")


def alleles_breakend(folder: Path) -> Case:
    """A breakend."""
    contig, at, ref, _ = snv("chr1", 300)
    return _case(folder, [(contig, at, ref, f"{ref}[chr2:100[")])


def alleles_without_alt(folder: Path) -> Case:
    """A site without an alternate."""
    contig, at, ref, _ = snv("chr1", 300)
    return _case(folder, [(contig, at, ref, ".")])


def alleles_of_other_letters(folder: Path) -> Case:
    """An IUPAC code."""
    contig, at, ref, _ = snv("chr1", 300)
    return _case(folder, [(contig, at, ref, "R")])


def alleles_twice_in_a_record(folder: Path) -> Case:
    """One alternate twice."""
    contig, at, ref, alt = snv("chr1", 300)
    return _case(folder, [(contig, at, ref, f"{alt},{alt.lower()}")])


def alleles_on_unknown_contig(folder: Path) -> Case:
    """A contig that nobody has."""
    return _case(folder, [("chr9", 3, "A", "C")])


def alleles_of_other_naming(folder: Path) -> Case:
    """1 for chr1."""
    return _case(folder, [("1", 3, "A", "C")], "sites.bcf")


def alleles_outside_the_contig(folder: Path) -> Case:
    """A position after the contig's end."""
    return _case(folder, [("chr1", CONTIGS["chr1"] + 1, "A", "C")])


def alleles_that_are_no_vcf(folder: Path) -> Case:
    """The reads in place of the sites."""
    case = good(folder)
    return replace(case, arguments=["--alleles", str(case.reads)])


def alleles_missing(folder: Path) -> Case:
    """A file that is not there."""
    return replace(good(folder), arguments=["--alleles", str(folder / "absent.vcf")])


def alleles_cut(folder: Path) -> Case:
    """A compressed file that lost its end."""
    case = _case(folder, [snv("chr1", at) for at in range(100, 5000, 3)], "sites.gz")
    path = folder / "sites.gz"
    path.write_bytes(path.read_bytes()[:-500])
    return case


def alleles_cut_bcf(folder: Path) -> Case:
    """A BCF that lost its end."""
    case = _case(folder, [snv("chr1", at) for at in range(100, 5000, 3)], "sites.bcf")
    path = folder / "sites.bcf"
    path.write_bytes(path.read_bytes()[:-400])
    return case


def alleles_with_spaces(folder: Path) -> Case:
    """Columns that are not separated by tabs."""
    case = _case(folder, [snv("chr1", 300)])
    path = folder / "sites.vcf"
    head, row = path.read_text().rsplit("INFO\n", 1)
    path.write_text(f"{head}INFO\n{' '.join(row.split())}\n")
    return case


def alleles_without_columns(folder: Path) -> Case:
    """A header that ends too early."""
    case = _case(folder, [snv("chr1", 300)])
    path = folder / "sites.vcf"
    path.write_text(path.read_text().replace(COLUMNS, ""))
    return case

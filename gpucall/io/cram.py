"""cram: a CRAM as a stream of uncompressed BAM, decoded by htslib in a child process.

The child is its own process because htslib writes where it likes (standard error), may stop the process on a damaged
file, and decodes on threads of its own. It is kept from the network: references come from the FASTA given.
"""

from __future__ import annotations

import gzip
import io
import os
import re
import signal
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from ..errors import CorruptInput, GpucallError, HostMemoryError, IndexProblem, ReferenceMismatch, TruncatedInput
from ..tiles import Intervals
from . import fai
from .index import check_age
from .samtools_child import condense, start

# End-of-file containers (CRAM v3, section 9), by major version; version 2.0 and older have none.
EOF_CONTAINERS = {
    2: bytes.fromhex("0b000000ffffffff0fe0454f460000000001000001000606010001000100"),
    3: bytes.fromhex("0f000000ffffffff0fe0454f4600000000010005bdd94f0001000606010001000100ee63014b"),
}

_WRONG_REFERENCE = re.compile(
    r"(?P<wrong>MD5 checksum reference mismatch) at (?P<at>\S+)|Unable to fetch reference (?P<missing>\S+)"
    r"|ref '(?P<absent>[^']+)' not present"
)


@contextmanager
def open_cram_stream(
    path: str | Path, reference: str | Path, regions: Intervals | None = None, threads: int = 1
) -> Iterator[BinaryIO]:
    """The records of a CRAM as a BAM stream (BGZF, not compressed), in file order.

    Parameters
    ----------
    regions
        with a ``.crai`` beside the CRAM, only the records that overlap these; without one, all records.
    threads
        for decoding.

    Yields
    ------
    a binary file object for ``read``; it raises what went wrong in the child instead of ending early. The NM
    tags that a CRAM leaves out are restored, since quality control counts mismatches by them.

    Raises
    ------
    TruncatedInput, CorruptInput, IndexProblem
    ReferenceMismatch
        the FASTA lacks a sequence, or the reads were encoded against another one.
    """
    _check_eof_container(Path(path))
    with tempfile.TemporaryDirectory(prefix="gpucall-cram-") as temporary:
        folder = Path(temporary)
        fasta = _link_reference(Path(reference), folder)
        options = ["-u", "--no-PG", "-@", str(max(0, threads - 1))]
        if regions is not None and _has_index(Path(path)):
            options += ["-M", "-L", str(_write_bed(regions, folder))]
        with open(folder / "complaints", "w+b") as complaints:
            child = start(["view", *options, "-T", str(fasta), str(path)], complaints)
            try:
                yield cast(BinaryIO, CramStream(child, complaints, str(path), str(reference)))
            finally:
                child.kill()
                child.wait()
                cast(IO[bytes], child.stdout).close()


class CramStream(io.BufferedIOBase):
    """What the child writes. The stream ends only where the child ended well; else reading raises why it did not."""

    def __init__(self, child: subprocess.Popen[bytes], complaints: IO[bytes], path: str, reference: str) -> None:
        self._child = child
        self._output = cast(IO[bytes], child.stdout)
        self._complaints = complaints
        self._path = path
        self._reference = reference

    def readable(self) -> bool:
        """True."""
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        """``size`` bytes, fewer only at the end."""
        wanted = -1 if size is None else size
        data = self._output.read(wanted)
        if wanted < 0 or len(data) < wanted:
            code = self._child.wait()
            if code:
                raise self._why(code)
        return data

    def _why(self, code: int) -> GpucallError:
        self._complaints.seek(0)
        return explain(self._path, self._reference, code, self._complaints.read().decode("utf-8", "replace"))


def explain(path: str, reference: str, code: int, complaints: str) -> GpucallError:
    """The child's exit code and htslib's messages as one error with one line."""
    if code == -signal.SIGKILL:
        return HostMemoryError(
            f"{path}: the CRAM decoder was killed: out of memory? Give the run more, or fewer threads"
        )
    wrong = _WRONG_REFERENCE.search(complaints)
    if wrong and wrong["wrong"]:
        return ReferenceMismatch(
            f"{path}: at {wrong['at']} it was encoded against other bases than {reference} has (MD5 mismatch); "
            "give the FASTA that the CRAM was written with"
        )
    if wrong:
        return ReferenceMismatch(
            f"{path}: it needs the sequence of {wrong['missing'] or wrong['absent']}, which {reference} lacks; "
            "give the FASTA that the CRAM was written with"
        )
    if code < 0:
        return CorruptInput(f"{path}: the CRAM decoder died of signal {-code}: the file is damaged; fetch it again")
    return CorruptInput(f"{path}: damaged CRAM: htslib says: {condense(complaints)}; fetch or make it again")


def _check_eof_container(path: Path) -> None:
    with open(path, "rb") as file:
        head = file.read(26)
        if len(head) < 26:
            raise TruncatedInput(f"{path}: the file ends inside its CRAM file definition; fetch or make it again")
        container = EOF_CONTAINERS.get(head[4], b"") if head[4:6] != b"\x02\x00" else b""
        file.seek(max(0, os.path.getsize(path) - len(container)))
        if container and file.read() != container:
            raise TruncatedInput(
                f"{path}: the file does not end with the CRAM end-of-file container: it is cut short; "
                "fetch or make it again"
            )


def _link_reference(reference: Path, folder: Path) -> Path:
    """The FASTA under a name of our own, its indexes beside it: htslib would write missing ones beside the original."""
    index, ranges = fai.open_fasta(reference, folder)
    ranges.close()
    fasta = folder / "cram-reference.fa"
    fasta.symlink_to(reference.resolve())
    Path(f"{fasta}.fai").symlink_to(index.fai.resolve())
    if index.gzi:
        Path(f"{fasta}.gzi").symlink_to(index.gzi.resolve())
    return fasta


def _has_index(path: Path) -> bool:
    """Whether there is a ``.crai``; an error where it is stale or damaged."""
    crai = next((name for name in (Path(f"{path}.crai"), path.with_suffix(".crai")) if name.is_file()), None)
    if crai is None:
        return False
    check_age(crai, path)
    _check_crai(crai, path)
    return True


def _check_crai(crai: Path, path: Path) -> None:
    """Six numbers a line, of which the fourth is a container's offset in the file (CRAM v3, section 12)."""
    try:
        data = crai.read_bytes()
        lines = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).splitlines()
        offsets = [int(line.split(b"\t")[3]) for line in lines]
    except (OSError, EOFError, ValueError, IndexError, zlib.error) as error:
        raise IndexProblem(f"{crai}: damaged index: {error}; delete it and run samtools index") from None
    if offsets and max(offsets) >= os.path.getsize(path):
        raise IndexProblem(
            f"{crai}: stale index: it points at file offset {max(offsets)}, {path.name} has {os.path.getsize(path)} "
            f"bytes; run 'samtools index {path}'"
        )


def _write_bed(regions: Intervals, folder: Path) -> Path:
    bed = folder / "regions.bed"
    lines = (f"{contig}\t{start}\t{end}\n" for contig, spans in regions.items() for start, end in spans.tolist())
    bed.write_text("".join(lines))
    return bed

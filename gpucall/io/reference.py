"""reference: a FASTA, plain or bgzipped, read by position; checked against its index and against the reads' header."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Collection, Iterable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptInput, InputError, ReferenceMismatch
from ..tiles import other_naming
from . import fai

if TYPE_CHECKING:
    import pysam

HeaderContig = tuple[str, int, str | None]

_CLEAN = bytes(c if c in b"ACGTN" else ord("N") for c in bytes(range(256)).upper())


class Reference:
    """A FASTA file with random access. Safe to use from several threads.

    Opening checks that the file is complete and that its ``.fai`` (and ``.gzi``) describe it; a missing index is built
    in a temporary folder, never beside the FASTA, which may be read-only and belong to others.

    Raises
    ------
    InputError
        The file is missing, empty, not a FASTA, compressed with gzip instead of bgzip, cut short
        (``TruncatedInput``), or has a stale or damaged index (``IndexProblem``).
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._md5: dict[str, str] = {}
        self._temporary = tempfile.TemporaryDirectory(prefix="gpucall-fai-")
        try:
            index = fai.open_or_build(self.path, Path(self._temporary.name))
            self.contigs: dict[str, int] = {entry.name: entry.length for entry in index.entries}
            self._file = _open(self.path, index)
        except BaseException:
            self._temporary.cleanup()
            raise

    def fetch(self, contig: str, start: int = 0, end: int | None = None) -> NDArray[np.uint8]:
        """Bases [start, end) of ``contig`` as upper-case ASCII, a new uint8 [end - start]; all but ACGT become N.

        Positions are 0-based and must lie inside the contig.
        """
        text = self._fetch_raw(contig, start, self.contigs[contig] if end is None else end)
        return np.frombuffer(bytearray(text).translate(_CLEAN), dtype=np.uint8)

    def _fetch_raw(self, contig: str, start: int, end: int) -> bytes:
        if not 0 <= start <= end <= self.contigs[contig]:
            raise ValueError(f"{contig}:{start}-{end} is outside the contig")
        if start == end:
            return b""
        with self._lock:
            text = self._file.fetch(contig, start, end).encode("ascii", "replace")
        if len(text) != end - start:
            raise CorruptInput(f"{self.path}: {contig}:{start + 1}-{end} cannot be read; the file may be damaged")
        return text

    def md5(self, contig: str) -> str:
        """MD5 of the contig as ``@SQ M5`` defines it: upper case, nothing else changed (SAM v1, section 1.3.2)."""
        if contig not in self._md5:
            text = self._fetch_raw(contig, 0, self.contigs[contig]).upper()
            self._md5[contig] = hashlib.md5(text, usedforsecurity=False).hexdigest()
        return self._md5[contig]

    def close(self) -> None:
        """Close the file and remove temporary indexes."""
        self._file.close()
        self._temporary.cleanup()

    def __enter__(self) -> Reference:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _open(path: Path, index: fai.Index) -> pysam.FastaFile:
    import pysam

    try:
        return pysam.FastaFile(
            str(path), filepath_index=str(index.fai), filepath_index_compressed=str(index.gzi) if index.gzi else None
        )
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot open FASTA: {error}") from None


def check_header(
    reference: Reference,
    header_contigs: Iterable[HeaderContig],
    reads_path: str | Path,
    needed: Collection[str] | None = None,
) -> None:
    """Check that reads aligned to ``header_contigs`` (name, length, M5 or None) belong to ``reference``.

    Lengths are compared for every contig that both know. ``needed`` are the contigs that will be worked on: each must
    be in the reference with the M5 given; None stands for all that the two share. Pass no M5 for a CRAM: each of
    its slices carries the MD5 of the bases it was encoded against, and htslib verifies those.

    Raises
    ------
    ReferenceMismatch
        No contig in common (saying so where only the ``chr`` prefix differs), a needed contig missing, or another
        length or MD5.
    """
    contigs = list(header_contigs)
    pair = f"{reads_path} and {reference.path}"
    shared = [contig for contig in contigs if contig[0] in reference.contigs]
    if not shared:
        raise ReferenceMismatch(f"{pair} have no contig in common: {_name_difference(reference, contigs)}")
    for name in needed or ():
        if name not in reference.contigs:
            raise ReferenceMismatch(f"{pair}: contig {name!r} has reads but is not in the reference; {_GIVE_THE_RIGHT}")
    for name, length, _ in shared:
        if length != reference.contigs[name]:
            raise ReferenceMismatch(
                f"{pair}: contig {name!r} has {length} bases in the reads' header, {reference.contigs[name]} in the "
                f"reference; {_GIVE_THE_RIGHT}"
            )
    for name, _, md5 in shared:
        if md5 and (needed is None or name in needed) and md5.lower() != reference.md5(name):
            raise ReferenceMismatch(
                f"{pair}: contig {name!r} has M5 {md5} in the reads' header, {reference.md5(name)} in the reference: "
                f"same length, other bases; {_GIVE_THE_RIGHT}"
            )


_GIVE_THE_RIGHT = "give the FASTA that the reads were aligned to"


def _name_difference(reference: Reference, contigs: list[HeaderContig]) -> str:
    for name, _, _ in contigs:
        other = other_naming(name)
        if other in reference.contigs:
            return (
                f"the reads say {name!r} where the reference says {other!r} (chr prefix); "
                "give the reference with the reads' naming"
            )
    ours = ", ".join(name for name, _, _ in contigs[:3]) or "none"
    theirs = ", ".join(list(reference.contigs)[:3])
    return f"reads {ours}; reference {theirs}; {_GIVE_THE_RIGHT}"

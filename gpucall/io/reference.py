"""reference: a FASTA, plain or bgzipped, read by position; checked against its index and against the reads' header."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Collection, Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptInput, ReferenceMismatch
from ..tiles import other_naming
from . import fai

HeaderContig = tuple[str, int, str | None]

PIECE_BASES = 1 << 22
_GIVE_THE_RIGHT = "give the FASTA that the reads were aligned to"
_UPPER = bytes(range(256)).upper()
_CALLABLE = bytes(letter if letter in b"ACGT" else ord("N") for letter in _UPPER)


def callable_bases(letters: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Upper-case letters of a reference as ``Reference.fetch`` gives them: all but ACGT become N."""
    return np.frombuffer(bytearray(letters.tobytes().translate(_CALLABLE)), dtype=np.uint8)


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

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = Path(path)
        self._md5: dict[str, str] = {}
        with tempfile.TemporaryDirectory(prefix="gpucall-fai-") as temporary:
            index, self._ranges = fai.open_fasta(self.path, Path(temporary))
        self._entries = {entry.name: entry for entry in index.entries}
        self.contigs: dict[str, int] = {entry.name: entry.length for entry in index.entries}

    def length(self, contig: str) -> int:
        """Bases in a contig that has reads; ``ReferenceMismatch`` where the reference lacks it."""
        if contig not in self.contigs:
            raise ReferenceMismatch(f"{self.path}: no contig {contig!r}, which has reads; {_GIVE_THE_RIGHT}")
        return self.contigs[contig]

    def fetch(self, contig: str, start: int = 0, end: int | None = None) -> NDArray[np.uint8]:
        """Bases [start, end) of ``contig`` as upper-case ASCII, a new uint8 [end - start]; all but ACGT become N.

        Positions are 0-based and must lie inside the contig. ``ReferenceMismatch`` for an unknown contig.
        """
        return self._fetch(contig, start, end, _CALLABLE)

    def letters(self, contig: str, start: int = 0, end: int | None = None) -> NDArray[np.uint8]:
        """As ``fetch``, but each letter as it stands, in upper case: the codes of several bases stay."""
        return self._fetch(contig, start, end, _UPPER)

    def _fetch(self, contig: str, start: int, end: int | None, letters: bytes) -> NDArray[np.uint8]:
        length = self.length(contig)
        end = length if end is None else end
        if not 0 <= start <= end <= length:
            raise ValueError(f"{contig}:{start}-{end} is outside the contig")
        bases = np.empty(end - start, dtype=np.uint8)
        for at, piece in self._pieces(contig, start, end, letters):
            bases[at - start : at - start + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        return bases

    def _pieces(self, contig: str, start: int, end: int, letters: bytes) -> Iterator[tuple[int, bytes]]:
        """Positions and bases, a few megabases at a time, each letter replaced by ``letters[letter]``."""
        entry = self._entries[contig]
        for at in range(start, end, PIECE_BASES):
            stop = min(at + PIECE_BASES, end)
            piece = self._ranges.read(entry.byte(at), entry.byte(stop - 1) + 1).replace(b"\n", b"")
            piece = piece.replace(b"\r", b"") if b"\r" in piece else piece
            piece = piece.upper() if letters is _UPPER else piece.translate(letters)  # which takes longer
            if len(piece) != stop - at:
                raise CorruptInput(f"{self.path}: lines of different length in {contig}:{at + 1}-{stop}")
            yield at, piece

    def md5(self, contig: str) -> str:
        """MD5 of the contig as ``@SQ M5`` defines it: upper case, nothing else changed (SAM v1, section 1.3.2)."""
        if contig not in self._md5:
            digest = hashlib.md5(usedforsecurity=False)
            for _, piece in self._pieces(contig, 0, self.contigs[contig], _UPPER):
                digest.update(piece)
            self._md5[contig] = digest.hexdigest()
        return self._md5[contig]

    def close(self) -> None:
        """Close the file."""
        self._ranges.close()

    def __enter__(self) -> Reference:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_header(
    reference: Reference,
    header_contigs: Iterable[HeaderContig],
    reads_path: str | PathLike[str],
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
        reference.length(name)
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

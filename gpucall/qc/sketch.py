"""sketch: a sample's fingerprint, the reads that show either allele at the sites of a list, in a small file.

A file is two lines of text and then numbers:

1. ``gpucall-sketch 1``: what it is, and the version of this format.
2. A JSON object on one line, keys in alphabetical order: ``sample``; ``sites``, how many; ``sites_sha256``, of the
   sites (contig without "chr", 1-based position, REF, ALT; tab-separated, one a line); ``depth``: mean depth of
   ``autosomes``, ``x`` and ``y``, in hundredths of a read, -1 where the file has no such contig.
3. uint16[sites], little-endian: bases that are REF at each site; uint16[sites]: that are ALT; uint16[sites]: others.
4. uint32, little-endian: CRC-32 of all before.

The same reads and sites make the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptInput, InputError
from .coverage import is_autosome
from .depth import ContigDepth
from .sites import SiteBases, SiteList

MAGIC = b"gpucall-sketch 1\n"
MOST_SITES = 20_000  # of a panel that serves as the list: more tell no more of kinship
LARGEST = 0xFFFF
SEX_CONTIG = re.compile(r"(?:chr)?([XY])")


class Depths(NamedTuple):
    """Mean depth in hundredths of a read; -1: unknown."""

    autosomes: int = -1
    x: int = -1
    y: int = -1


class Sketch(NamedTuple):
    """A sample's counts at the sites of a list.

    digest       SHA-256 of the sites
    ref, alt, other  uint16[sites]
    """

    sample: str
    digest: str
    depths: Depths
    ref: NDArray[np.uint16]
    alt: NDArray[np.uint16]
    other: NDArray[np.uint16]


def sketch_sites(sites: SiteList) -> SiteList:
    """The sites of a list that go into sketches (``sketch_rows``)."""
    return sites.take(sketch_rows(sites))


def sketch_rows(sites: SiteList) -> NDArray[np.int64]:
    """Which sites of a list go into sketches: those on the autosomes, evenly thinned to ``MOST_SITES``.

    Raises
    ------
    InputError
        where none is on an autosome.
    """
    rows = np.flatnonzero([is_autosome(name) for name in sites.contigs])
    if len(rows) == 0:
        raise InputError(f"{sites.path}: no site is on an autosome (chr1 to chr22, or 1 to 22); kinship needs some")
    return rows[:: -(-len(rows) // MOST_SITES)]


def digest_of(sites: SiteList) -> str:
    """SHA-256 of the sites, in hexadecimal."""
    text = "".join(line.removeprefix("chr") for line in sites.lines())
    return hashlib.sha256(text.encode()).hexdigest()


def mean_depths(depth: Sequence[ContigDepth]) -> Depths:
    """Mean depth of autosomes, X and Y, from histograms of depth."""
    bases: dict[str, int] = {}
    lengths: dict[str, int] = {}
    for name, counts in depth:
        match = SEX_CONTIG.fullmatch(name)
        kind = match[1].lower() if match else "autosomes" if is_autosome(name) else ""
        bases[kind] = bases.get(kind, 0) + int(np.dot(counts, np.arange(len(counts))))
        lengths[kind] = lengths.get(kind, 0) + int(counts.sum())
    return Depths(**{kind: 100 * bases[kind] // lengths[kind] for kind in ("autosomes", "x", "y") if lengths.get(kind)})


def make(sample: str, sites: SiteList, bases: SiteBases, depths: Depths) -> Sketch:
    """A sketch of what the reads show at its sites."""
    counts = [np.minimum(bases.depths(len(sites), allele), LARGEST).astype(np.uint16) for allele in range(3)]
    return Sketch(sample, digest_of(sites), depths, *counts)


def write(path: Path, sketch: Sketch) -> None:
    """Write a sketch."""
    head = {
        "depth": {"autosomes": sketch.depths.autosomes, "x": sketch.depths.x, "y": sketch.depths.y},
        "sample": sketch.sample,
        "sites": len(sketch.ref),
        "sites_sha256": sketch.digest,
    }
    data = MAGIC + json.dumps(head, sort_keys=True).encode() + b"\n"
    data += b"".join(column.astype("<u2").tobytes() for column in (sketch.ref, sketch.alt, sketch.other))
    path.write_bytes(data + struct.pack("<I", zlib.crc32(data)))


def read(path: Path) -> Sketch:
    """Read a sketch.

    Raises
    ------
    InputError
        where it is missing, or no sketch.
    CorruptInput
        where it is damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give sketches that gpucall wrote") from error
    if not data.startswith(MAGIC.rpartition(b" ")[0]):
        raise InputError(f"{path}: is no sketch; give files that gpucall wrote as SAMPLE.sketch")
    if not data.startswith(MAGIC):
        version = data.split(b"\n", 1)[0].decode("ascii", "replace")
        raise InputError(f"{path}: is a '{version}'; this version reads '{MAGIC.decode().strip()}'")
    if zlib.crc32(data[:-4]).to_bytes(4, "little") != data[-4:]:
        raise CorruptInput(f"{path}: the sketch is damaged: its checksum is wrong; make it again")
    text, _, columns = data[len(MAGIC) : -4].partition(b"\n")
    return _parse(path, json.loads(text), columns)


def _parse(path: Path, head: Mapping[str, object], columns: bytes) -> Sketch:
    sites, depths = head.get("sites"), head.get("depth")
    if not isinstance(sites, int) or not isinstance(depths, dict) or len(columns) != 6 * sites:
        raise CorruptInput(f"{path}: the sketch's header does not describe it; make it again")
    ref, alt, other = np.frombuffer(columns, dtype="<u2").reshape(3, sites)
    return Sketch(str(head["sample"]), str(head["sites_sha256"]), Depths(**depths), ref, alt, other)

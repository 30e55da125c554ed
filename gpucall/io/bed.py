"""BED out: lines as text, bgzipped, with a CSI index, as mosdepth writes them."""

from __future__ import annotations

from pathlib import Path

from .bgzf_writer import BgzfWriter


class BedWriter:
    """Writes a bgzipped BED file, sorted by contig and start; ``close`` adds its index."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._out = BgzfWriter(path)

    def write(self, lines: str) -> None:
        """Append lines."""
        self._out.write(lines.encode())

    def abort(self) -> None:
        """Stop without an end-of-file block: readers see that the file is incomplete."""
        self._out.abort()

    def close(self) -> None:
        """Finish the file and index it."""
        import pysam

        self._out.close()
        pysam.tabix_index(str(self.path), preset="bed", force=True, csi=True)

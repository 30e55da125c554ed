"""samtools_child: one samtools command, by the htslib inside pysam, as a process of its own.

Started by path (``start``), so that it imports nothing but pysam. htslib logs to standard error past any redirection in
Python and may end the process on a damaged file; as a child it can do neither to us.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import IO

PIPE_BYTES = 1 << 20

# Where htslib looks for sequences that the FASTA lacks, on servers too; nothing is there.
NO_NETWORK = {"REF_PATH": "/nonexistent", "REF_CACHE": "/nonexistent/%s"}

_LOG_PREFIX = re.compile(r"^\[[EW]::\w+\] |^\[faidx\] |^samtools \w+: ")
_NO_NEWS = ("error reading file", "Could not build fai index")  # what follows from the line before


def start(arguments: list[str], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start ``samtools ARGUMENTS``: results come on its ``stdout``, messages go to the file ``complaints``."""
    return subprocess.Popen(
        [sys.executable, "-P", __file__, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env={**os.environ, **NO_NETWORK},
        pipesize=PIPE_BYTES,
        start_new_session=True,  # Ctrl-C reaches the parent, which ends the child
    )


def condense(complaints: str) -> str:
    """Messages of htslib and samtools on one line: without prefixes, repetitions and what only follows from them."""
    lines = (_LOG_PREFIX.sub("", line.strip()) for line in complaints.splitlines())
    said = dict.fromkeys(line for line in lines if line and not line.startswith(_NO_NEWS))
    return "; ".join(list(said)[:3]) or "the data cannot be decoded"


def main(arguments: list[str]) -> int:
    """Run the command; its messages, freed of pysam's frame, go to standard error."""
    import pysam

    try:
        getattr(pysam, arguments[0])(*arguments[1:], catch_stdout=False)
    except pysam.SamtoolsError as error:
        sys.stderr.write(str(error).split("stderr=", 1)[-1].strip("'\"").replace("\\n", "\n"))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

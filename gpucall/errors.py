"""Everything that can go wrong for a user, as one tree with an exit code each.

    GpucallError                       exit code
    |-- UsageError                      2   options that contradict each other or cannot be read
    |-- InputError                     10   index, EOF block, header, block or record of an input is bad
    |   |-- TruncatedInput             10   the file ends too early
    |   |-- CorruptInput               10   a block or record contradicts its format
    |   |-- IndexProblem               10   index missing where it is needed, older than its file, or not its file's
    |   `-- EmptyInput                 10   nothing to work on: no reads, or none in the regions asked
    |-- ReferenceMismatch              11   reads and reference do not belong together
    |-- NoUsableDevice                 20   --device cuda, and no usable GPU
    |-- DeviceMemoryError              21   GPU memory is exhausted
    |-- HostMemoryError                22   the host memory budget cannot hold the work
    |-- DiskError                      23   an output cannot be written
    |-- QualityFailed                  30   QC failed, and the user asked to fail on it
    `-- Interrupted                   143   SIGINT or SIGTERM; nothing was left half-written

A message is one line: what is wrong, where (file, contig:position or virtual offset), what was expected, what to do.
"""

from __future__ import annotations


class GpucallError(Exception):
    """Base of all errors that are the user's to solve; the CLI prints the message on one line and exits."""

    exit_code = 1


class UsageError(GpucallError):
    """Options that contradict each other or cannot be read."""

    exit_code = 2


class InputError(GpucallError):
    """An input file is bad."""

    exit_code = 10


class TruncatedInput(InputError):
    """The file ends too early."""


class CorruptInput(InputError):
    """A block or record contradicts its format."""


class IndexProblem(InputError):
    """An index is missing where it is needed, older than its file, or belongs to another file."""


class EmptyInput(InputError):
    """There is nothing to work on."""


class ReferenceMismatch(GpucallError):
    """Reads and reference do not belong together."""

    exit_code = 11


class NoUsableDevice(GpucallError):
    """CUDA was asked for, and there is no usable GPU."""

    exit_code = 20


class DeviceMemoryError(GpucallError):
    """GPU memory is exhausted; smaller batches (--memory) may fit."""

    exit_code = 21


class HostMemoryError(GpucallError):
    """The host memory budget cannot hold the work."""

    exit_code = 22


class DiskError(GpucallError):
    """An output cannot be written."""

    exit_code = 23


class QualityFailed(GpucallError):
    """Quality control failed, and the user asked to fail on it."""

    exit_code = 30


class Interrupted(GpucallError):
    """SIGINT or SIGTERM arrived."""

    exit_code = 143

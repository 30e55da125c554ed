"""What a command does with its process: its log, its signals, its memory and its end."""

from __future__ import annotations

import errno
import gc
import logging
import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, cast

from gpucall import machine
from gpucall.errors import DiskError, Interrupted, UsageError

# NumPy's BLAS, of which little is asked here, would start a thread a core, which spin, before the first command begins.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# NumPy asks for huge pages for large arrays. A virtual machine may clear fresh ones at a fraction of the usual speed,
# and arrays that are streamed through gain little from them.
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")

# So does the memory pool that Arrow takes by default, for its first small table.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # of an error in writing: there is no room


class LogHandler(logging.Handler):
    """Prints to what standard error is at the time: while a progress bar is drawn, that is the lines above it."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"gpucall: {record.getMessage()}", file=sys.stderr)


class WithoutExtras:
    """Keeps out of this process what pyarrow imports where it is there, and what nothing here asks for.

    pandas takes 0.7 s, only to be asked whether lists are its own; stores elsewhere take some 5 ms.
    """

    NAMES = frozenset(("pandas", "pyarrow._s3fs", "pyarrow._gcsfs", "pyarrow._azurefs", "pyarrow._hdfs"))

    @classmethod
    def find_spec(cls, name: str, *_: Any) -> None:
        """As of an importer that has no such module, but for those which nobody has."""
        if name in cls.NAMES:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


def ready_for_batches() -> None:
    """Settings of the process that a stream of batches runs faster with."""
    machine.keep_freed_memory()
    sys.meta_path.insert(0, cast(Any, WithoutExtras))


def show_log(quiet: bool, verbose: bool) -> None:
    """Send the library's log to standard error: what was decided, every step, or nothing but warnings."""
    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other: give one of them")
    logger = logging.getLogger("gpucall")
    logger.handlers[:] = [LogHandler()]
    logger.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)


@contextmanager
def signals_as_errors() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP into ``Interrupted`` in the main thread, so that half-written files are removed.

    Later signals are ignored: cleaning up must not be interrupted in its turn. A signal that the caller has had
    ignored (``nohup``) stays ignored.
    """

    def stop(number: int, frame: Any) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_IGN)
        raise Interrupted(f"interrupted by {signal.Signals(number).name}; nothing is left half-written, run it again")

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handled = {each: signal.getsignal(each) for each in wanted if signal.getsignal(each) != signal.SIG_IGN}
    for each in handled:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in handled.items():
            signal.signal(each, handler)


def reader_left() -> bool:
    """Whether whoever read our output has gone (``gpucall doctor | head -1``); then nothing more is written to it."""
    output = select.poll()
    output.register(sys.stdout, 0)
    gone = any(event & select.POLLERR for _, event in output.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone


def collect_rarely() -> None:
    """Look for cycles of objects rarely: a run makes many objects and few cycles, and looking takes time."""
    gc.set_threshold(500_000)


def end(code: int) -> NoReturn:
    """End the process at once, without taking the interpreter apart."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        sys.exit(code)
    except OSError as error:
        os.write(2, f"gpucall: error: {cannot_print(error)}\n".encode())
        os._exit(code or DiskError.exit_code)
    os._exit(code)


def cannot_print(error: OSError) -> str:
    """What to say where standard output takes nothing more. Files have messages of their own."""
    return f"standard output cannot be written: {error.strerror}; send it to where there is room"

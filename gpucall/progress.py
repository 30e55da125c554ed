"""progress: how far a run is, as a bar on a terminal and as plain log lines elsewhere.

    with progress.reporter("calling") as report:
        report(12_000_000, 63_000_000, "bases")

prints ``calling: 12.0 M bases of 63.0 M bases (19 %), 5.1 M bases/s, 0:10 left`` now and then, or draws it.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Report = Callable[[int, int, str], None]

LOG_INTERVAL = 10.0  # seconds between two log lines


def quantity(value: float, unit: str) -> str:
    """A count with a prefix for thousands and its unit: ``812 reads``, ``12.0 M bases``, ``1.2 GB``."""
    space = "" if len(unit) == 1 else " "  # a symbol, or a word
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.1f} {prefix}{space}{unit}"
    return f"{value:.0f} {unit}"


def duration(seconds: float) -> str:
    """``m:ss``, or ``h:mm:ss`` from an hour on."""
    minutes, second = divmod(round(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour}:{minute:02d}:{second:02d}" if hour else f"{minute}:{second:02d}"


class Pace:
    """Rate and time left, counted from the first report: the start-up before it says nothing about the rest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.start: tuple[float, int] | None = None

    def describe(self, done: int, total: int, unit: str) -> str:
        """One line: what is done, of how much, how fast, and the time left once a rate is known."""
        now = self.clock()
        if self.start is None:
            self.start = now, done
        seconds, moved = now - self.start[0], done - self.start[1]
        text = quantity(done, unit)
        if total > 0:
            text += f" of {quantity(total, unit)} ({100 * done / total:.0f} %)"
        if seconds <= 0 or moved <= 0:
            return text
        rate = moved / seconds
        left = f", {duration((total - done) / rate)} left" if total > done else ""
        return f"{text}, {quantity(rate, unit)}/s{left}"


class LogLines:
    """Writes a line at the first report, then one every ``interval`` seconds, and one when all is done."""

    def __init__(
        self, label: str, stream: TextIO, interval: float = LOG_INTERVAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.label, self.stream, self.interval, self.clock = label, stream, interval, clock
        self.pace = Pace(clock)
        self.last = -float("inf")
        self.finished = False
        self.lock = threading.Lock()

    def __call__(self, done: int, total: int, unit: str) -> None:
        with self.lock:
            finishes = 0 < total <= done and not self.finished
            text = self.pace.describe(done, total, unit)
            if finishes or (self.clock() - self.last >= self.interval and not self.finished):
                self.last, self.finished = self.clock(), finishes
                print(f"{self.label}: {text}", file=self.stream, flush=True)


@contextmanager
def _bar(label: str, stream: TextIO) -> Iterator[Report]:
    """A bar that is drawn in place and wiped at the end; what is printed meanwhile appears above it."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(file=stream)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}", markup=False))
    pace = Pace()
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        task = bar.add_task(label, total=None, text="")

        def report(done: int, total: int, unit: str) -> None:
            bar.update(task, completed=done, total=total or None, text=pace.describe(done, total, unit))

        yield report


def _ignore(done: int, total: int, unit: str) -> None:
    """A report that nobody asked for."""


@contextmanager
def reporter(label: str, *, quiet: bool = False, stream: TextIO | None = None) -> Iterator[Report]:
    """Give a callable ``(done, total, unit)`` that shows progress on ``stream`` (standard error by default).

    A bar on a terminal, log lines elsewhere, nothing with ``quiet``. It may be called from any thread, as often as is
    convenient. ``total`` may be 0 while it is unknown.
    """
    stream = stream or sys.stderr
    if quiet:
        yield _ignore
    elif stream.isatty() and os.environ.get("TERM") != "dumb":
        with _bar(label, stream) as report:
            yield report
    else:
        yield LogLines(label, stream)

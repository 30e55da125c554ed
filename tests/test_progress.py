"""Progress as lines and as a bar, with a clock that the test turns."""

from __future__ import annotations

import io
import os
import pty
import re
import threading

import pytest

from gpucall import progress


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "reads", "0 reads"),
        (999, "reads", "999 reads"),
        (1000, "reads", "1.0 k reads"),
        (12_345_678, "bases", "12.3 M bases"),
        (45_600_000_000, "B", "45.6 GB"),
        (2.5e12, "B", "2.5 TB"),
    ],
)
def test_quantity(value: float, unit: str, text: str) -> None:
    assert progress.quantity(value, unit) == text


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3661, "1:01:01")])
def test_duration(seconds: float, text: str) -> None:
    assert progress.duration(seconds) == text


def test_rate_and_time_left_count_from_the_first_report() -> None:
    clock = Clock()
    pace = progress.Pace(clock)
    assert pace.describe(1_000_000, 5_000_000, "B") == "1.0 MB of 5.0 MB (20 %)"
    clock.now += 2
    assert pace.describe(3_000_000, 5_000_000, "B") == "3.0 MB of 5.0 MB (60 %), 1.0 MB/s, 0:02 left"
    clock.now += 2
    assert pace.describe(5_000_000, 5_000_000, "B") == "5.0 MB of 5.0 MB (100 %), 1.0 MB/s"


def test_an_unknown_total_has_no_share_and_no_time_left() -> None:
    clock = Clock()
    pace = progress.Pace(clock)
    pace.describe(0, 0, "reads")
    clock.now += 10
    assert pace.describe(5000, 0, "reads") == "5.0 k reads, 500 reads/s"


def test_log_lines_come_at_the_start_now_and_then_and_at_the_end() -> None:
    clock, stream = Clock(), io.StringIO()
    report = progress.LogLines("calling", stream, interval=10, clock=clock)
    for done in range(101):
        report(done, 100, "reads")
        clock.now += 0.3
    report(100, 100, "reads")
    shares = re.findall(r"\((\d+) %\)", stream.getvalue())
    assert shares == ["0", "34", "68", "100"]
    assert all(line.startswith("calling: ") for line in stream.getvalue().splitlines())


def test_without_a_terminal_lines_are_written() -> None:
    stream = io.StringIO()
    with progress.reporter("calling", stream=stream) as report:
        report(5, 5, "reads")
    assert stream.getvalue() == "calling: 5 reads of 5 reads (100 %)\n"


def test_quiet_writes_nothing() -> None:
    stream = io.StringIO()
    with progress.reporter("calling", quiet=True, stream=stream) as report:
        report(5, 5, "reads")
    assert stream.getvalue() == ""


def _on_a_terminal(monkeypatch: pytest.MonkeyPatch, term: str) -> str:
    """What ``reporter`` writes to a pseudo-terminal."""
    monkeypatch.setenv("TERM", term)
    monkeypatch.setenv("COLUMNS", "120")
    master, slave = pty.openpty()
    with open(slave, "w") as stream, progress.reporter("calling", stream=stream) as report:
        report(0, 2_000_000, "bases")
        report(1_000_000, 2_000_000, "bases")
    written = b""
    while chunk := _read(master):
        written += chunk
    os.close(master)
    return written.decode()


def _read(master: int) -> bytes:
    """A piece of what was written; nothing once the other end is closed (Linux says EIO)."""
    try:
        return os.read(master, 65536)
    except OSError:
        return b""


def test_on_a_terminal_a_bar_is_drawn_and_wiped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _on_a_terminal(monkeypatch, "xterm")
    assert "calling" in written
    assert "1.0 M bases of 2.0 M bases (50 %)" in written
    assert "\x1b[2K" in written  # the line is erased: the bar leaves no trace


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    written = _on_a_terminal(monkeypatch, "dumb")
    assert "\x1b" not in written
    assert written.startswith("calling: 0 bases of 2.0 M bases (0 %)")


def test_threads_may_report_at_once() -> None:
    stream = io.StringIO()
    report = progress.LogLines("calling", stream, interval=0)
    threads = [threading.Thread(target=report, args=(n, 1000, "reads")) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(re.findall(r"^calling: \d+ reads of 1\.0 k reads", stream.getvalue(), re.MULTILINE)) == 50

"""Work on batches: what it gives comes in order, is counted once, and starts when it should."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from gpucall.stream import Workers

Counted = list[int]


def workers(threads: int) -> Any:
    """Workers whose accumulators are lists."""
    return Workers(list, threads)  # type: ignore[arg-type]


def note(batch: int, counted: Counted) -> int:
    counted.append(batch)
    return 10 * batch


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_results_come_in_order_and_each_batch_is_counted_once(threads: int) -> None:
    with workers(threads) as crew:
        assert list(crew.results(iter(range(40)), note)) == [10 * batch for batch in range(40)]
    assert sorted(batch for counted in crew.accumulators for batch in counted) == list(range(40))
    assert 1 <= len(crew.accumulators) <= max(threads, 1)


@pytest.mark.parametrize("threads", [0, 2])
def test_no_more_batches_are_held_than_threads_beside_the_one_that_is_read(threads: int) -> None:
    given = 0

    def batches() -> Any:
        nonlocal given
        for batch in range(20):
            given += 1
            yield batch

    with workers(threads) as crew:
        for number, _ in enumerate(crew.results(batches(), note)):
            assert given <= number + 1 + threads


def test_a_thread_works_before_it_is_asked() -> None:
    done = threading.Event()

    def work(batch: int, counted: Counted) -> int:
        done.set()
        return note(batch, counted)

    with workers(1) as crew:
        promise = crew.start(work, 7)
        assert done.wait(60)
        assert promise.result() == 70


def test_without_threads_the_caller_works_when_it_asks() -> None:
    with workers(0) as crew:
        promise = crew.start(note, 7)
        assert crew.accumulators == []
        assert promise.result() == 70
    assert crew.accumulators == [[7]]


@pytest.mark.parametrize("threads", [0, 2])
def test_what_fails_is_raised_in_its_turn(threads: int) -> None:
    def work(batch: int, counted: Counted) -> int:
        if batch == 5:
            raise ValueError("batch 5")
        return note(batch, counted)

    with workers(threads) as crew:
        results = crew.results(iter(range(9)), work)
        assert [next(results) for _ in range(5)] == [0, 10, 20, 30, 40]
        with pytest.raises(ValueError, match="batch 5"):
            next(results)

"""Work ahead: the same items in the same order, problems where they belong, and nothing left running."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from transcoder.media.ahead import running_ahead


def test_items_come_in_order() -> None:
    with running_ahead(range(1000), depth=3) as items:
        assert list(items) == list(range(1000))


def test_no_items() -> None:
    nothing: tuple[int, ...] = ()
    with running_ahead(nothing, depth=1) as items:
        assert list(items) == []


def test_it_runs_no_further_ahead_than_told() -> None:
    made: list[int] = []
    gate = threading.Semaphore(0)

    def source() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            gate.release()
            yield number

    with running_ahead(source(), depth=2) as items:
        for _ in range(3):  # two wait in the queue, one in the hand
            assert gate.acquire(timeout=5)
        assert not gate.acquire(timeout=0.3)
        assert made == [0, 1, 2]
        assert next(items) == 0


def test_a_problem_is_raised_where_its_item_would_have_come() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    with running_ahead(source(), depth=4) as items:
        assert [next(items), next(items)] == [1, 2]
        with pytest.raises(ValueError, match="no third"):
            next(items)


def test_leaving_early_ends_the_thread_and_closes_the_generator() -> None:
    closed = threading.Event()
    before = threading.active_count()

    def source() -> Iterator[int]:
        try:
            number = 0
            while True:
                yield number
                number += 1
        finally:
            closed.set()

    with pytest.raises(KeyError), running_ahead(source(), depth=2) as items:
        next(items)
        raise KeyError("the one who takes fails")
    assert closed.is_set()
    assert threading.active_count() == before

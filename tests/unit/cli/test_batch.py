"""Several sources in one call: each has its own outcome, and a stop reaches all of them."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

import pytest

from transcoder.cli import batch
from transcoder.errors import FloorUnreachable, InputError, TranscodeError
from transcoder.model import Delivery, Progress, ProgressCallback, ignore_progress


def fails_with(error: BaseException) -> batch.Work:
    def work(_source: Path, _progress: ProgressCallback) -> Delivery:
        raise error

    return work


def only(work: batch.Work) -> batch.Outcome:
    (outcome,) = batch.run([Path("a.avi")], work, ignore_progress, jobs=1)
    return outcome


def test_errors_of_ours_become_outcomes() -> None:
    outcome = only(fails_with(InputError("no", where="a.avi")))
    assert outcome.exit_code == 4
    described = outcome.to_dict()
    assert described["source"] == {"path": "a.avi"}
    assert described["verdict"] is None
    assert isinstance(described["error"], dict)
    assert described["error"]["code"] == "input-unusable"


def test_a_refusal_keeps_its_own_exit_code() -> None:
    assert only(fails_with(FloorUnreachable("no"))).exit_code == 3


def test_a_fault_of_the_program_is_one_line_and_not_a_traceback() -> None:
    outcome = only(fails_with(ZeroDivisionError("division\nby zero")))
    assert outcome.exit_code == 1
    assert isinstance(outcome.error, TranscodeError)
    assert "ZeroDivisionError" in str(outcome.error)
    assert len(str(outcome.error).splitlines()) == 1


def test_somebody_is_told_when_the_next_source_is_near() -> None:
    told: list[str] = []
    at_work = [""]

    def work(source: Path, progress: ProgressCallback) -> Delivery:
        at_work[0] = source.name
        for phase in ("encode", "measure", "measure"):
            progress(Progress(source=source.name, phase=phase, done=1, total=2))
        raise FloorUnreachable("no")

    sources = [Path("1"), Path("2"), Path("3")]
    list(batch.run(sources, work, ignore_progress, jobs=1, soon=lambda: told.append(at_work[0])))
    assert set(told) == {"1", "2"}, "after the third there is none"


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_bad_source_does_not_stop_the_others(jobs: int) -> None:
    seen: list[str] = []

    def work(source: Path, _progress: ProgressCallback) -> Delivery:
        seen.append(source.name)
        raise InputError("no") if source.name == "1" else FloorUnreachable("no")

    outcomes = list(batch.run([Path(str(n)) for n in range(6)], work, ignore_progress, jobs=jobs))
    assert sorted(seen) == [str(n) for n in range(6)]
    assert sorted(outcome.exit_code for outcome in outcomes) == [3, 3, 3, 3, 3, 4]


def test_never_more_jobs_at_once_than_asked() -> None:
    running, most, lock = 0, 0, threading.Lock()
    both = threading.Barrier(2)

    def work(_source: Path, _progress: ProgressCallback) -> Delivery:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        both.wait(10)
        with lock:
            running -= 1
        raise InputError("done")

    list(batch.run([Path(str(n)) for n in range(6)], work, ignore_progress, jobs=2))
    assert most == 2


def test_when_the_caller_stops_running_jobs_are_told_at_their_next_event() -> None:
    told: list[str] = []
    started = threading.Barrier(3)

    def work(source: Path, progress: ProgressCallback) -> Delivery:
        if source.name == "first":
            started.wait(10)
            raise InputError("first is done")
        started.wait(10)
        for number in range(10_000):
            try:
                progress(Progress(source=source.name, phase="encode", done=number, total=None))
            except TranscodeError as error:
                told.append(error.code)
                raise
            threading.Event().wait(0.001)
        raise AssertionError("never told")

    def caller() -> None:
        running = batch.run([Path("first"), Path("second"), Path("third")], work, ignore_progress, jobs=3)
        assert isinstance(running, Generator)
        next(running)
        running.throw(KeyboardInterrupt)

    with pytest.raises(KeyboardInterrupt):
        caller()
    assert told == ["cancelled", "cancelled"]

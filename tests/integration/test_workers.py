"""Real workers with the real engine, on each database: what they promise about many jobs at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.helpers.workshop import PATIENCE_S, Workshop, until, workshop
from transcoder.jobs.base import JobState, Priority
from transcoder.jobs.records import Filter


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workshop]:
    if request.param == "sqlite":
        with workshop(tmp_path / "shop") as made:
            yield made
        return
    server = request.getfixturevalue("postgres")
    address = server.database()
    with workshop(tmp_path / "shop", address) as made:
        yield made
    server.drop(address)


def test_the_log_of_a_worker_names_the_request_that_the_job_came_by(shop: Workshop) -> None:
    shop.start()
    job = shop.hand_in("deliver", request="custody-7")
    assert shop.ended(job).state is JobState.DELIVERED

    def said() -> list[dict[str, object]]:
        return [line for line in shop.lines() if line.get("job") == job.id]

    until(lambda: len(said()) == 2, "both lines about the attempt")
    assert [line["message"] for line in said()] == ["attempt 1 at a.txt begins", "attempt 1 ends: delivered"]
    assert {(line["request"], line["attempt"]) for line in said()} == {("custody-7", 1)}


def test_classes_go_first_and_within_a_class_the_earliest_deadline(shop: Workshop) -> None:
    shop.start()
    plug = shop.hand_in("deliver", for_s=1.0)
    until(lambda: shop.now(plug).state is JobState.RUNNING, "the first job's beginning")
    soon = time.time() + 3600
    asked = {
        "bulk, the earliest of all": (Priority.BULK, soon - 1800), "normal": (Priority.NORMAL, None),
        "normal, late": (Priority.NORMAL, soon + 7200), "normal, early": (Priority.NORMAL, soon),
        "urgent": (Priority.URGENT, None), "normal, after the others": (Priority.NORMAL, None),
    }  # fmt: skip
    jobs = {
        name: shop.hand_in("deliver", priority=priority, deadline=deadline)
        for name, (priority, deadline) in asked.items()
    }
    began = {name: shop.ended(job).started for name, job in jobs.items()}
    assert all(began.values())
    assert sorted(began, key=lambda name: began[name] or 0.0) == [
        "urgent", "normal, early", "normal, late", "normal", "normal, after the others", "bulk, the earliest of all",
    ]  # fmt: skip


def test_a_job_whose_process_dies_each_time_is_given_up_and_can_be_run_again(shop: Workshop) -> None:
    shop.start()
    poison, good = shop.hand_in("die"), shop.hand_in("deliver")
    assert shop.ended(good).state is JobState.DELIVERED
    dead = shop.ended(poison)
    assert (dead.state, dead.tries, dead.falls) == (JobState.FAILED, shop.config.max_tries, 0)
    assert dead.error is not None
    assert dead.error["code"] == "worker-process-died"
    assert "signal 11" in dead.error["message"]
    assert [job.id for job in shop.ledger.list(Filter(states=[JobState.FAILED]), limit=9)] == [poison.id]
    again = shop.desk.run_again(poison.id)
    assert (again.state, again.tries) == (JobState.QUEUED, 0)
    assert shop.ended(poison).attempt == 2 * shop.config.max_tries


@pytest.fixture
def pair(shop: Workshop) -> Workshop:
    """Two jobs at a time, and dead workers noticed within a second."""
    shop.config = replace(shop.config, concurrency=2, max_falls=2, dead_after_s=1.0, beat_s=0.2)
    return shop


def test_a_job_that_kills_its_worker_each_time_is_given_up_and_takes_no_other_with_it(pair: Workshop) -> None:
    worker = pair.start()
    neighbour, poison = pair.hand_in("deliver", for_s=1.0), pair.hand_in("kill-worker", for_s=0.2)
    deaths = 0
    for _ in range(pair.config.max_falls):  # as a supervisor does
        assert worker.wait(PATIENCE_S) == -signal.SIGKILL
        deaths += 1
        worker = pair.start()
    after = pair.hand_in("deliver")
    dead = pair.ended(poison)
    assert (dead.state, dead.falls) == (JobState.FAILED, deaths)
    assert dead.error is not None
    assert (dead.error["code"], f"{deaths} of these" in dead.error["message"]) == ("too-many-attempts", True)
    # It died with the worker once. Had they gone on together, it would have been given up as well.
    lived = pair.ended(neighbour)
    assert (lived.state, lived.falls) == (JobState.DELIVERED, 1)
    assert pair.ended(after).state is JobState.DELIVERED
    assert worker.poll() is None
    assert pair.ledger.run_again(poison.id).falls == 0


def test_a_job_that_will_be_late_says_so_before_it_is(shop: Workshop) -> None:
    shop.start()
    assert shop.ended(shop.hand_in("deliver", for_s=1.0)).at_risk is None  # now it is known how long such a one takes
    before = [shop.hand_in("deliver", for_s=1.0) for _ in range(4)]
    soon = time.time()
    late = shop.hand_in("deliver", priority=Priority.BULK, deadline=soon + 4.0)
    enough = shop.hand_in("deliver", priority=Priority.BULK, deadline=soon + 3600.0)
    why = until(lambda: shop.now(late).at_risk, "a warning")
    assert "it needs about" in why
    assert shop.now(late).state is JobState.QUEUED
    until(lambda: [line for line in shop.lines() if line["message"] == f"at risk: {why}"], "its line in the log")
    (told,) = [line for line in shop.lines() if line["message"].startswith("at risk: it needs")]
    assert (told["level"], told["job"]) == ("warning", late.id)
    assert shop.now(enough).at_risk is None
    assert all(shop.now(job).at_risk is None for job in before)

"""Workers that help with a part that kills whoever makes it: acted parts, everything else is real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.jobs import Postgres
from tests.helpers.workshop import Workshop, until, workshop
from transcoder.jobs.base import JobState
from transcoder.jobs.chunks import MOST_HELPED


@pytest.fixture
def shop(postgres: Postgres, tmp_path: Path) -> Iterator[Workshop]:
    """Others can help where there are several workers, which needs Postgres."""
    database = postgres.database()
    with workshop(tmp_path, database, max_tries=2) as made:
        yield made
    postgres.drop(database)


def not_made(shop: Workshop) -> int:
    return sum("was not made" in line["message"] for line in shop.lines())


@pytest.mark.parametrize(("act", "state"), [("part-kills-helper", "delivered"), ("part-kills-all", "failed")])
def test_a_part_that_kills_its_helpers_is_left_to_its_job_which_ends_once(shop: Workshop, act: str, state: str) -> None:
    workers = [shop.start() for _ in range(4)]
    job = shop.hand_in(act)
    until(lambda: not_made(shop), f"a helper that failed: {shop.log()[-2000:]}")
    ended = shop.ended(job)
    assert ended.state is JobState(state), shop.log()[-2000:]
    assert ended.tries == (1 if state == "delivered" else shop.config.max_tries)
    assert ended.falls == 0, "nobody's worker fell"
    if state == "failed":
        assert ended.error is not None
        assert ended.error["code"] == "worker-process-died"
    assert 1 <= not_made(shop) <= MOST_HELPED, "through all attempts, and with three helpers"
    assert [worker.poll() for worker in workers] == [None] * 4
    after = [shop.hand_in("deliver") for _ in range(8)]
    assert {shop.ended(item).state for item in after} == {JobState.DELIVERED}
    done_by = {line["message"] for line in shop.lines() if "was not made" in line["message"]}
    assert all("signal 11" in text for text in done_by)

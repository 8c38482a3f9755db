"""Real workers with the real engine, on each database: what they promise about many jobs at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.workshop import Workshop, until, workshop
from transcoder.jobs.base import JobState


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

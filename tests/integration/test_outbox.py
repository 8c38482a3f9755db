"""What webhooks are to be told is written with the end of a job, on each database that it may be in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.helpers.jobs import submission
from transcoder.jobs import database, ledger, outbox
from transcoder.jobs.base import Job, JobState, Outcome
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.outbox import EVENTS, LOCAL
from transcoder.jobs.tables import tokens, webhook_deliveries, webhooks

FAILED = Outcome(state=JobState.FAILED, error={"code": "x", "message": "so"})


@pytest.fixture(params=["sqlite", "postgres"])
def jobs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    address = server.database() if server else f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    engine = database.connect(address)
    yield Ledger(engine)
    engine.dispose()
    if server:
        server.drop(address)


def hook(jobs: Ledger, name: str, *, owner: str = LOCAL, events: tuple[str, ...] = EVENTS, **more: object) -> None:
    row = {"id": name, "owner": owner, "url": "https://a.example", "secret": "s", "events": json.dumps(events)}
    with jobs.engine.begin() as connection:
        connection.execute(sa.insert(webhooks).values(**row, created=0.0, **more))


def told(jobs: Ledger) -> list[tuple[str, str]]:
    with jobs.engine.connect() as connection:
        query = sa.select(webhook_deliveries.c.webhook, webhook_deliveries.c.event)
        return sorted((hook, event) for hook, event in connection.execute(query))


def begun(jobs: Ledger, content: str = "a", **options: object) -> Job:
    job, _ = jobs.submit(submission(content, **options))  # type: ignore[arg-type]
    mine = jobs.begin(job.id, job.run, "w")
    assert mine is not None
    return mine


def test_each_way_a_job_ends_is_told_once(jobs: Ledger) -> None:
    hook(jobs, "h")
    failed = begun(jobs)
    assert jobs.end(failed, FAILED)
    assert not jobs.end(failed, FAILED)  # not its own any more
    assert jobs.give_up(begun(jobs, "lost"), {"code": "engine-lost", "message": "so"})
    waiting, _ = jobs.submit(submission("waiting"))
    jobs.ask_cancel(waiting.id, "no")
    running = begun(jobs, "running")
    jobs.ask_cancel(running.id, "no")
    assert jobs.begin(running.id, running.run, "w2") is None
    cancelled, lost = ("h", "job.cancelled"), ("h", "job.failed")
    assert told(jobs) == [cancelled, cancelled, lost, lost]


def test_only_who_asked_may_see_and_is_still_good_is_told(jobs: Ledger) -> None:
    with jobs.engine.begin() as connection:
        for name, revoked in (("good", None), ("ended", 1.0)):
            row = {"id": name, "name": name, "sha256": name, "role": "submit", "created": 0.0, "revoked": revoked}
            connection.execute(sa.insert(tokens).values(row))
    hook(jobs, "all", owner="good")
    hook(jobs, "case", cases='["1"]')
    hook(jobs, "other-case", cases='["2"]')
    hook(jobs, "other-event", events=("job.delivered",))
    hook(jobs, "off", disabled="gone")
    hook(jobs, "revoked", owner="ended")
    hook(jobs, "unknown", owner="nobody")
    assert jobs.end(begun(jobs, urn="1"), FAILED)
    assert told(jobs) == [("all", "job.failed"), ("case", "job.failed")]


def test_what_is_not_committed_is_not_told_and_not_ended(jobs: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    hook(jobs, "h")
    mine, announce = begun(jobs), outbox.announce

    def dies(connection: sa.Connection, job_id: str) -> None:
        announce(connection, job_id)
        raise KeyboardInterrupt

    monkeypatch.setattr(ledger, "announce", dies)
    with pytest.raises(KeyboardInterrupt):
        jobs.end(mine, FAILED)
    found = jobs.get(mine.id)
    assert found is not None
    assert found.state == JobState.RUNNING
    assert told(jobs) == []


def test_the_body_names_the_job_and_no_place_of_the_service(jobs: Ledger) -> None:
    hook(jobs, "h")
    mine = begun(jobs, urn="1")
    assert jobs.end(mine, FAILED)
    with jobs.engine.connect() as connection:
        row = connection.execute(sa.select(webhook_deliveries)).mappings().one()
    body = json.loads(row["body"])
    assert (body["id"], body["type"], body["data"]["id"]) == (row["id"], "job.failed", mine.id)
    assert body["data"]["case"]["urn"] == "1"
    assert mine.source.place not in row["body"]

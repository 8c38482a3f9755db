"""The courier, with a real receiver, on each database."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tests.helpers.receiver import Receiver, receiver
from transcoder.audit.base import NoJournal
from transcoder.client import verify_webhook
from transcoder.jobs import database, outbox, posting
from transcoder.jobs.courier import PAUSES_S, Courier
from transcoder.jobs.hooks import Told, Webhook, Webhooks, backlog
from transcoder.jobs.outbox import LOCAL
from transcoder.jobs.posting import Allowed, NotReached, Place
from transcoder.jobs.tables import webhook_deliveries as deliveries

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"


@pytest.fixture(params=["sqlite", "postgres"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    address = server.database() if server else f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    opened = database.connect(address)
    yield opened
    opened.dispose()
    if server:
        server.drop(address)


@pytest.fixture
def there() -> Iterator[Receiver]:
    with receiver() as state:
        yield state


class Desk:
    """A webhook, and what is told to it."""

    def __init__(self, engine: Engine, there: Receiver) -> None:
        self.engine, self.there = engine, there
        self.store = Webhooks(engine, NoJournal())
        self.allowed = Allowed.of(there.url.split("/evidence")[0], "")
        self.secret, self.hook = self.store.create(LOCAL, there.url, outbox.EVENTS, None)

    def courier(self, **more: Any) -> Courier:
        return Courier(self.engine, self.allowed, **more)

    def tell(self) -> Told:
        return self.store.try_out(self.hook.id)

    def now(self, told: Told) -> Told:
        return self.store.deliveries(self.hook.id, only=told.id)[0]

    def make_due(self) -> None:
        with self.engine.begin() as connection:
            waits = deliveries.c.next_at.is_not(None)
            connection.execute(sa.update(deliveries).where(waits).values(next_at=0.0))


@pytest.fixture
def desk(engine: Engine, there: Receiver) -> Desk:
    return Desk(engine, there)


def test_what_is_told_is_signed_and_told_once(desk: Desk) -> None:
    told = desk.tell()
    assert desk.courier().round() == 1
    assert desk.courier().round() == 0
    ((path, headers, body),) = desk.there.came
    assert path == "/evidence?a=1"
    assert verify_webhook(headers, body, desk.secret) == told.id == json.loads(body)["id"]
    assert (desk.now(told).state, desk.now(told).status) == ("delivered", 204)


def test_a_receiver_that_is_down_is_asked_again_with_the_same_id_until_it_is_given_up(desk: Desk) -> None:
    told = desk.tell()
    desk.there.status = 500
    for number in range(1, len(PAUSES_S) + 2):
        desk.make_due()
        desk.courier().round()
        assert desk.now(told).attempts == number
    given_up = desk.now(told)
    assert (given_up.state, given_up.error) == ("dead", "the receiver answered 500")
    assert backlog(desk.engine) == {"waiting": 0, "delivered": 0, "dead": 1}
    desk.make_due()
    assert desk.courier().round() == 0
    desk.there.status = 200
    desk.store.again(given_up)
    desk.courier().round()
    assert desk.now(told).state == "delivered"
    assert {headers["webhook-id"] for _, headers, _ in desk.there.came} == {told.id}


def test_a_pause_follows_a_failure(desk: Desk) -> None:
    told = desk.tell()
    desk.there.status = 503
    desk.courier().round()
    waiting = desk.now(told)
    assert waiting.next_at is not None
    assert 0.8 * PAUSES_S[0] < waiting.next_at - waiting.created < 1.2 * PAUSES_S[0] + 5
    assert desk.courier().round() == 0


def test_two_couriers_bring_one_letter_once(desk: Desk) -> None:
    desk.tell()
    second = desk.courier()

    def slow(*given: Any) -> int:
        assert second.round() == 0  # while the first one is on its way
        return posting.post(*given)

    assert desk.courier(post=slow).round() == 1
    assert len(desk.there.came) == 1


def test_a_courier_that_died_on_its_way_is_followed_by_another(desk: Desk) -> None:
    told = desk.tell()

    def dies(*_: Any) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        desk.courier(post=dies).round()
    assert desk.courier().round() == 0  # it is leased still
    desk.make_due()
    assert desk.courier().round() == 1
    assert (desk.now(told).state, desk.now(told).attempts) == ("delivered", 2)


def test_a_late_answer_of_a_courier_whose_lease_ran_out_does_not_count(desk: Desk) -> None:
    told = desk.tell()

    def late(*_: Any) -> int:
        desk.make_due()
        assert desk.courier().round() == 1
        raise NotReached("at last")

    desk.courier(post=late).round()
    assert desk.now(told).state == "delivered"


def test_who_wants_no_more_is_left_alone(desk: Desk) -> None:
    told, desk.there.status = desk.tell(), 410
    desk.courier().round()
    assert desk.now(told).state == "dead"
    hook = desk.store.get(desk.hook.id)
    assert isinstance(hook, Webhook)
    assert "410" in str(hook.disabled)
    desk.tell()
    desk.courier().round()
    assert len(desk.there.came) == 1


def test_a_host_that_the_operator_has_taken_back_is_not_asked(desk: Desk) -> None:
    told, desk.allowed = desk.tell(), Allowed()
    desk.courier().round()
    assert desk.there.came == []
    assert "not allowed" in str(desk.now(told).error)


def test_the_guide_s_shell_confirms_it_and_nothing_else(desk: Desk, tmp_path: Path) -> None:
    if desk.engine.dialect.name != "sqlite":
        pytest.skip("once is enough")
    script = re.search(r"```sh\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert script is not None
    desk.tell()
    desk.courier().round()
    _, headers, body = desk.there.came[0]
    given = {"id": headers["webhook-id"], "timestamp": headers["webhook-timestamp"],
             "signature": headers["webhook-signature"], "secret": desk.secret}  # fmt: skip
    for content, confirmed in ((body, "confirmed\n"), (body + b" ", "")):
        (tmp_path / "body").write_bytes(content)
        done = subprocess.run(
            ["sh", "-c", script[1]], cwd=tmp_path, env={"PATH": "/usr/bin:/bin", **given}, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert done.stdout == confirmed, done.stderr


def test_a_receiver_that_hangs_keeps_nobody_else_waiting_nor_the_end(desk: Desk) -> None:
    """Nor may it take every hand there is."""
    hanging = desk.store.create(LOCAL, desk.there.url + "&hangs=1", outbox.EVENTS, None)[1]
    for _ in range(20):
        desk.store.try_out(hanging.id)
    let_go, stopped = threading.Event(), threading.Event()

    def post(place: Place, *more: Any) -> int:
        if "hangs" in place.target:
            let_go.wait(60)
            raise NotReached("no answer")
        return posting.post(place, *more)

    courier = threading.Thread(target=desk.courier(post=post).run, args=(stopped,), daemon=True)
    courier.start()
    try:
        told = desk.tell()
        until = time.monotonic() + 30
        while desk.now(told).state != "delivered" and time.monotonic() < until:
            time.sleep(0.1)
        assert desk.now(told).state == "delivered"
        stopped.set()
        courier.join(20)
        assert not courier.is_alive()
    finally:
        stopped.set()
        let_go.set()

"""The courier takes to receivers what the outbox holds: at least once, with the same id each time.

A delivery that is being taken is leased: its next time moves on, so that another courier leaves it alone, and takes
it up where this one died. A lease is longer than a request may take. Some are taken at the same time, few of them to
one receiver, so that a dead one keeps nobody else waiting.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from transcoder import webhooks as signing
from transcoder.errors import UsageError
from transcoder.jobs import posting
from transcoder.jobs.database import now, reading
from transcoder.jobs.outbox import live
from transcoder.jobs.posting import Allowed, NotReached, Place
from transcoder.jobs.tables import webhook_deliveries as deliveries
from transcoder.jobs.tables import webhooks
from transcoder.version import __version__

PAUSES_S = (5.0, 30.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""After each attempt that failed; one more than there are pauses is the last: 17 hours and a half in all."""
LEASE_S = 60.0
_LOOK_S, _AT_ONCE, _AT_ONCE_EACH = 1.0, 8, 2
"""Requests under way, in all and for each webhook."""
_KEEP_S, _TIDY_EVERY_S = 30 * 86_400.0, 3600.0
"""What was delivered or given up so long ago is forgotten."""
_JITTER = 0.1
_GONE = 410
log = logging.getLogger("transcoder.jobs")
Post = Callable[[Place, Allowed, dict[str, str], bytes], int]


class Courier:
    """Takes what is due; any number of them may do it at once.

    :param post: sends one request, for tests.
    """

    def __init__(self, engine: Engine, allowed: Allowed, post: Post = posting.post) -> None:
        self._engine, self._allowed, self._post = engine, allowed, post
        self._lease = secrets.token_hex(8)
        self._hands = ThreadPoolExecutor(_AT_ONCE, "courier")
        self._counting = threading.Lock()
        self._going: Counter[str] = Counter()
        self._tidied = 0.0

    def run(self, stopped: threading.Event) -> None:
        """Go round until told to stop."""
        while not stopped.wait(_LOOK_S):
            try:
                while not stopped.is_set() and (begun := self._begin()):
                    for future in begun:
                        future.add_done_callback(_tell)
                    wait(begun, _LOOK_S)
                self._tidy()
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                _warn(error)
        self._hands.shutdown(wait=False)

    def round(self) -> int:
        """Take some of what is due now, each once, to its end; how many there were."""
        begun = self._begin()
        for future in begun:
            future.result()
        return len(begun)

    def _begin(self) -> list[Future[None]]:
        """Set out with as much of what is due as there are hands free for; with nothing to a receiver that is busy."""
        with self._counting:
            free = _AT_ONCE - self._going.total()
            busy = [hook for hook, number in self._going.items() if number >= _AT_ONCE_EACH]
        if free <= 0:
            return []
        turn = sa.func.row_number().over(partition_by=deliveries.c.webhook, order_by=deliveries.c.next_at)
        with reading(self._engine) as connection:
            due = (deliveries.c.next_at <= now(connection)) & deliveries.c.webhook.not_in(busy)
            ranked = sa.select(deliveries.c.id, deliveries.c.webhook, deliveries.c.next_at, turn.label("turn"))
            first = ranked.where(due).subquery()
            chosen = sa.select(first.c.id, first.c.webhook, first.c.next_at).where(first.c.turn <= _AT_ONCE_EACH)
            rows = connection.execute(chosen.order_by(first.c.next_at).limit(free)).all()
        begun = []
        for delivery_id, hook, seen_at in rows:
            taken = self._take(delivery_id, seen_at)
            if taken is not None:
                with self._counting:
                    self._going[hook] += 1
                future = self._hands.submit(self._deliver, *taken)
                future.add_done_callback(partial(self._back, hook))
                begun.append(future)
        return begun

    def _back(self, hook: str, _: Future[None]) -> None:
        with self._counting:
            self._going.subtract([hook])
            if not self._going[hook]:
                del self._going[hook]

    def _take(self, delivery_id: str, seen_at: float) -> tuple[RowMapping, RowMapping | None] | None:
        """Lease it; the delivery and its webhook, where that is still told things."""
        with self._engine.begin() as connection:
            moment = now(connection)
            same = (deliveries.c.id == delivery_id) & (deliveries.c.next_at == seen_at)
            leased = {"lease": self._lease, "next_at": moment + LEASE_S, "attempts": deliveries.c.attempts + 1}
            changed = sa.update(deliveries).where(same).values(**leased).returning(deliveries)
            row = connection.execute(changed).mappings().first()
            if row is None:
                return None
            hook = connection.execute(live(moment).where(webhooks.c.id == row["webhook"])).mappings().first()
        return row, hook

    def _deliver(self, row: RowMapping, hook: RowMapping | None) -> None:
        status: int | None = None
        error: str | None = None
        if hook is None:
            self._mark(row, None, "the webhook, or the token that made it, was ended", final=True)
            return
        try:
            place, body = self._allowed.check(hook["url"]), row["body"].encode()
            stamp = int(time.time())
            headers = {
                "Content-Type": "application/json", "User-Agent": f"transcoder/{__version__}",
                signing.ID: row["id"], signing.TIMESTAMP: str(stamp),
                signing.SIGNATURE: signing.sign(hook["secret"], row["id"], stamp, body),
            }  # fmt: skip
            status = self._post(place, self._allowed, headers, body)
            if not 200 <= status < 300:
                error = f"the receiver answered {status}"
        except (NotReached, UsageError) as problem:
            error = str(problem)
        if status == _GONE:
            self._disable(hook["id"])
        self._mark(row, status, error, final=status == _GONE)

    def _mark(self, row: RowMapping, status: int | None, error: str | None, *, final: bool = False) -> None:
        """Write down what came of it, if it is still this courier's."""
        with self._engine.begin() as connection:
            moment, number = now(connection), row["attempts"]
            values: dict[str, object] = {"lease": None, "status": status, "error": error, "next_at": None}
            if error is None:
                values["delivered_at"] = moment
            elif not final and number <= len(PAUSES_S):
                values["next_at"] = moment + PAUSES_S[number - 1] * _jitter()
            mine = (deliveries.c.id == row["id"]) & (deliveries.c.lease == self._lease)
            connection.execute(sa.update(deliveries).where(mine, deliveries.c.attempts == number).values(**values))
        if error is not None:
            log.warning("webhook %s was not told of %s: %s", row["webhook"], row["event"], error,
                        extra={"job": row["job_id"]})  # fmt: skip

    def _disable(self, webhook_id: str) -> None:
        with self._engine.begin() as connection:
            gone = sa.update(webhooks).where(webhooks.c.id == webhook_id)
            connection.execute(gone.values(disabled="the receiver answered 410: it wants no more"))

    def _tidy(self) -> None:
        if time.monotonic() - self._tidied < _TIDY_EVERY_S:
            return
        with self._engine.begin() as connection:
            old = deliveries.c.next_at.is_(None) & (deliveries.c.created < now(connection) - _KEEP_S)
            connection.execute(sa.delete(deliveries).where(old))
        self._tidied = time.monotonic()


def _tell(future: Future[None]) -> None:
    error = future.exception()
    if error is not None:
        _warn(error)


def _warn(error: BaseException) -> None:
    log.warning("webhooks: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)


def _jitter() -> float:
    """Receivers that come back must not be asked by everybody in the same second."""
    return 1 + _JITTER * (2 * secrets.randbelow(1001) / 1000 - 1)


__all__ = ["LEASE_S", "PAUSES_S", "Courier"]

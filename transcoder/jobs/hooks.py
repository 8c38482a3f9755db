"""Webhooks as their owners see them: made, listed, tried, ended."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine, RowMapping

from transcoder import webhooks as signing
from transcoder.audit.base import Journal
from transcoder.jobs import outbox
from transcoder.jobs.database import now, reading
from transcoder.jobs.tables import webhook_deliveries as deliveries
from transcoder.jobs.tables import webhooks

_LISTED = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """Whom to tell of what. Moments are seconds since 1970."""

    id: str
    owner: str
    url: str
    events: tuple[str, ...]
    cases: tuple[str, ...] | None
    """Case references that it is told of; None means all."""
    created: float
    disabled: str | None
    """Why it is not told any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One delivery to a webhook."""

    id: str
    event: str
    job_id: str | None
    attempts: int
    created: float
    next_at: float | None
    status: int | None
    error: str | None
    delivered_at: float | None

    @property
    def state(self) -> str:
        """waiting, delivered or dead."""
        if self.delivered_at is not None:
            return "delivered"
        return "waiting" if self.next_at is not None else "dead"


class Webhooks:
    """The list of webhooks in the database.

    :param journal: is told of webhooks that are made and ended; what it cannot keep does not happen.
    """

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine, self._journal = engine, journal

    def create(
        self, owner: str, url: str, events: Sequence[str], cases: Sequence[str] | None
    ) -> tuple[str, Webhook]:  # fmt: skip
        """Make one; its secret is told once.

        :raises StorageError: where the audit log cannot be written.
        """
        secret, made = signing.new_secret(), f"whk_{secrets.token_hex(12)}"
        with self._engine.begin() as connection:
            values = {
                "id": made, "owner": owner, "url": url, "secret": secret, "events": json.dumps(sorted(set(events))),
                "cases": json.dumps(sorted(set(cases))) if cases is not None else None, "created": now(connection),
            }  # fmt: skip
            row = connection.execute(sa.insert(webhooks).values(values).returning(webhooks)).mappings().one()
            self._journal.record("webhook-created", {"webhook": {"id": made, "url": url}, "outcome": "done"})
        return secret, _webhook(row)

    def list(self, owner: str | None) -> Sequence[Webhook]:
        """Newest first; None means everybody's."""
        query = sa.select(webhooks).order_by(webhooks.c.created.desc())
        if owner is not None:
            query = query.where(webhooks.c.owner == owner)
        with reading(self._engine) as connection:
            return [_webhook(row) for row in connection.execute(query).mappings()]

    def get(self, webhook_id: str) -> Webhook | None:
        """One of them."""
        with reading(self._engine) as connection:
            found = connection.execute(sa.select(webhooks).where(webhooks.c.id == webhook_id)).mappings().first()
        return _webhook(found) if found is not None else None

    def remove(self, webhook: Webhook) -> None:
        """End one, with all that was to be told to it.

        :raises StorageError: where the audit log cannot be written; it is told as before.
        """
        with self._engine.begin() as connection:
            connection.execute(sa.delete(deliveries).where(deliveries.c.webhook == webhook.id))
            connection.execute(sa.delete(webhooks).where(webhooks.c.id == webhook.id))
            facts = {"webhook": {"id": webhook.id, "url": webhook.url}, "outcome": "done"}
            self._journal.record("webhook-removed", facts)

    def deliveries(self, webhook_id: str, *, only: str | None = None) -> Sequence[Told]:
        """What it was told and is to be told, newest first, at most 200."""
        query = sa.select(deliveries).where(deliveries.c.webhook == webhook_id)
        if only is not None:
            query = query.where(deliveries.c.id == only)
        with reading(self._engine) as connection:
            rows = connection.execute(query.order_by(deliveries.c.created.desc()).limit(_LISTED)).mappings()
            return [_told(row) for row in rows]

    def try_out(self, webhook_id: str) -> Told:
        """Have it told something that means nothing."""
        with self._engine.begin() as connection:
            made = outbox.post(connection, webhook_id, outbox.PING, {"webhook": webhook_id})
        return self.deliveries(webhook_id, only=made)[0]

    def again(self, told: Told) -> Told:
        """Have it told once more what it was told before, or not, with the same id; the attempts begin anew."""
        with self._engine.begin() as connection:
            fresh = {"attempts": 0, "next_at": now(connection), "lease": None, "delivered_at": None}
            changed = sa.update(deliveries).where(deliveries.c.id == told.id).values(**fresh).returning(deliveries)
            return _told(connection.execute(changed).mappings().one())


def backlog(engine: Engine) -> dict[str, int]:
    """How many deliveries wait, were made, or were given up."""
    with reading(engine) as connection:
        state = sa.case(
            (deliveries.c.delivered_at.is_not(None), "delivered"), (deliveries.c.next_at.is_not(None), "waiting"),
            else_="dead",
        )  # fmt: skip
        rows = connection.execute(sa.select(state, sa.func.count()).group_by(state))
        return {"waiting": 0, "delivered": 0, "dead": 0} | {str(name): int(number) for name, number in rows}


def _webhook(row: RowMapping) -> Webhook:
    return Webhook(
        id=row["id"], owner=row["owner"], url=row["url"], events=tuple(json.loads(row["events"])),
        cases=tuple(json.loads(row["cases"])) if row["cases"] else None, created=row["created"],
        disabled=row["disabled"],
    )  # fmt: skip


def _told(row: RowMapping) -> Told:
    names = ("id", "event", "job_id", "attempts", "created", "next_at", "status", "error", "delivered_at")
    return Told(**{name: row[name] for name in names})


__all__ = ["Told", "Webhook", "Webhooks", "backlog"]

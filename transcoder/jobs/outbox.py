"""What webhooks are to be told, written in the transaction that ends a job: none is lost, whatever dies when."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from transcoder.errors import StorageError
from transcoder.jobs.base import ENDED, Job
from transcoder.jobs.database import now
from transcoder.jobs.records import job_of, log
from transcoder.jobs.tables import jobs, tokens, webhook_deliveries, webhooks

EVENTS = tuple(sorted(f"job.{state}" for state in ENDED))
PING = "ping"
LOCAL = "local"
"""Owner of what is made without tokens; see ``server.access.NOBODY``."""


def announce(connection: Connection, job_id: str) -> None:
    """Write a delivery for each webhook that wants to know of this job's end."""
    hooks = connection.execute(live(now(connection))).mappings().all()
    if not hooks:
        return
    row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().one()
    try:
        job = job_of(row)
    except StorageError as error:  # a damaged record must not keep the job from ending
        log.error("no webhook is told of it: %s", error)
        return
    event = f"job.{job.state}"
    for hook in hooks:
        cases = json.loads(hook["cases"]) if hook["cases"] else None
        if event in json.loads(hook["events"]) and (cases is None or job.options.urn in cases):
            post(connection, hook["id"], event, summary(job), job_id=job.id)


def live(moment: float) -> sa.Select[Any]:
    """Webhooks that are told things at this moment: neither they nor the token that made them was ended."""
    good = tokens.c.revoked.is_(None) & (tokens.c.expires.is_(None) | (tokens.c.expires > moment))
    owned = sa.exists().where(tokens.c.id == webhooks.c.owner, good)
    return sa.select(webhooks).where(webhooks.c.disabled.is_(None), (webhooks.c.owner == LOCAL) | owned)


def post(
    connection: Connection, webhook_id: str, event: str, data: Mapping[str, Any], *, job_id: str | None = None
) -> str:
    """Write one delivery, due at once.

    :returns: its id, the same at every attempt: receivers drop what they have seen.
    """
    made, moment = f"msg_{secrets.token_hex(12)}", now(connection)
    body = {"id": made, "type": event, "created": _text(moment), "data": data}
    connection.execute(
        sa.insert(webhook_deliveries).values(
            id=made, webhook=webhook_id, job_id=job_id, event=event, body=json.dumps(body, ensure_ascii=False),
            created=moment, next_at=moment,
        )
    )  # fmt: skip
    return made


def summary(job: Job) -> dict[str, Any]:
    """A job under the names that the API uses, without what is of no use to a receiver; the API says the rest."""
    return {
        "id": job.id, "state": str(job.state), "verdict": job.verdict, "profile": job.options.profile,
        "source": {"name": job.source.name, "bytes": job.source.bytes, "sha256": job.source.sha256},
        "case": {"urn": job.options.urn, "exhibit": job.options.exhibit},
        "error": {key: job.error.get(key) for key in ("code", "message", "hint")} if job.error is not None else None,
        "files": [dict(item, href=f"/v1/jobs/{job.id}/files/{quote(item['name'])}") for item in job.files],
        "href": f"/v1/jobs/{job.id}", "revision": job.revision, "created_at": _text(job.created),
        "ended_at": _text(job.ended) if job.ended is not None else None,
    }  # fmt: skip


def _text(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


__all__ = ["EVENTS", "LOCAL", "PING", "announce", "live", "post", "summary"]

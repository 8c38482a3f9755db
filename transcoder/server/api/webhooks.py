"""Webhooks: who is told when a job ends."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from transcoder.jobs.hooks import Told, Webhook, Webhooks
from transcoder.jobs.outbox import EVENTS
from transcoder.server.access import Access, Role
from transcoder.server.api.problems import problems
from transcoder.server.problem import Refused
from transcoder.server.service import Service, ServiceOf, check_role
from transcoder.server.shapes import NewWebhookShape, ToldShape, WebhookShape, WebhookWishes

router = APIRouter(prefix="/v1/webhooks", tags=["webhooks"])
Admin = Annotated[Access, Depends(check_role(Role.ADMIN))]


def _store(service: ServiceOf) -> Webhooks:
    return Webhooks(service.ledger.engine, service.journal)


Store = Annotated[Webhooks, Depends(_store)]


@router.post("", status_code=201, responses=problems(409))
def create(wishes: WebhookWishes, access: Admin, service: ServiceOf, store: Store) -> NewWebhookShape:
    """Have a host told when jobs end. The answer shows the secret that signs, once."""
    _must_be_on(service)
    service.jobs.webhooks.check(wishes.url)
    unknown = sorted(set(wishes.events) - set(EVENTS))
    if unknown:
        raise Refused("invalid-request", f"no such event: {unknown[0][:40]}", hint=f"there are {', '.join(EVENTS)}")
    cases = wishes.cases
    if access.cases is not None:
        cases = sorted(access.cases) if cases is None else cases
        if not set(cases) <= access.cases:
            raise Refused("forbidden", "your token does not see all of these cases")
    secret, made = store.create(access.id, wishes.url, wishes.events or EVENTS, cases)
    return NewWebhookShape(**_shape(made).model_dump(), secret=secret)


@router.get("", responses=problems())
def webhooks(access: Admin, store: Store) -> list[WebhookShape]:
    """All webhooks, newest first; of a token that is bound to cases, its own."""
    return [_shape(found) for found in store.list(access.id if access.cases is not None else None)]


@router.get("/{webhook_id}", responses=problems(404))
def webhook(webhook_id: str, access: Admin, store: Store) -> WebhookShape:
    """One webhook, without its secret."""
    return _shape(_find(store, webhook_id, access))


@router.delete("/{webhook_id}", status_code=204, responses=problems(404))
def remove(webhook_id: str, access: Admin, store: Store) -> Response:
    """End a webhook; what it was still to be told is forgotten."""
    store.remove(_find(store, webhook_id, access))
    return Response(status_code=204)


@router.get("/{webhook_id}/deliveries", responses=problems(404))
def told(webhook_id: str, access: Admin, store: Store) -> list[ToldShape]:
    """The last 200 things it was told or is to be told, newest first."""
    return [_told(one) for one in store.deliveries(_find(store, webhook_id, access).id)]


@router.post("/{webhook_id}/test", status_code=202, responses=problems(404, 409))
def try_out(webhook_id: str, access: Admin, service: ServiceOf, store: Store) -> ToldShape:
    """Have it told something of type ``ping``."""
    _must_be_on(service)
    return _told(store.try_out(_find(store, webhook_id, access).id))


@router.post("/{webhook_id}/deliveries/{delivery_id}/retry", status_code=202, responses=problems(404, 409))
def again(webhook_id: str, delivery_id: str, access: Admin, service: ServiceOf, store: Store) -> ToldShape:
    """Have it told once more, with the same id."""
    _must_be_on(service)
    found = store.deliveries(_find(store, webhook_id, access).id, only=delivery_id)
    if not found:
        raise Refused("not-found", "no such delivery", where=delivery_id[:60])
    return _told(store.again(found[0]))


def _must_be_on(service: Service) -> None:
    if not service.jobs.webhooks:
        raise Refused(
            "webhooks-off", "this service tells nobody: no host is allowed",
            hint="its operator names hosts with TRANSCODER_WEBHOOK_HOSTS",
        )  # fmt: skip


def _find(store: Webhooks, webhook_id: str, access: Access) -> Webhook:
    found = store.get(webhook_id)
    if found is None or (access.cases is not None and found.owner != access.id):
        raise Refused("not-found", "no such webhook", where=webhook_id[:60])
    return found


def _shape(found: Webhook) -> WebhookShape:
    cases = list(found.cases) if found.cases is not None else None
    return WebhookShape(
        id=found.id, url=found.url, events=list(found.events), cases=cases, created_at=_moment(found.created),
        disabled=found.disabled,
    )  # fmt: skip


def _told(one: Told) -> ToldShape:
    return ToldShape(
        id=one.id, event=one.event, job=one.job_id, state=one.state, attempts=one.attempts, status=one.status,
        error=one.error, created_at=_moment(one.created),
        next_at=_moment(one.next_at) if one.next_at is not None else None,
        delivered_at=_moment(one.delivered_at) if one.delivered_at is not None else None,
    )  # fmt: skip


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)

"""What the routes share: the stores, the limits, and who is asking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request

from transcoder.audit.base import Journal
from transcoder.jobs.base import Job
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.engine import Engine
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import Objects
from transcoder.jobs.submitting import Desk
from transcoder.jobs.workers import Workers
from transcoder.server.access import NOBODY, Access, Role, Tokens
from transcoder.server.limits import Rate, Room
from transcoder.server.problem import Refused
from transcoder.server.resumable import Resumables
from transcoder.server.sessions import COOKIE, Sessions, confirm_local
from transcoder.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """What the API is told; ``hosting`` reads it from the environment."""

    authentication: bool = True
    metrics_open: bool = False
    """Figures are for whoever asks; they hold no case data."""
    max_upload_bytes: int = 20_000_000_000
    uploads_at_once: int = 200
    keep_free_bytes: int = 500_000_000
    """Uploads leave so much of the disk free: without room nothing else works either."""
    rate_per_minute: int = 1200
    """Requests of one token."""
    upload_keep_s: float = 2 * 86_400.0
    """A resumable upload is given up when nothing came for so long."""
    silence_s: float = 60.0
    """A client that sends nothing for so long, in the middle of a request, is not waited for."""
    uploads: Path
    """This machine's own folder for what arrives."""
    secret: bytes = field(repr=False)
    """Signs sessions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Everything that routes use, made once by ``hosting``."""

    config: ServerConfig
    jobs: JobsConfig
    ledger: Ledger
    objects: Objects
    dispatcher: Dispatcher
    desk: Desk
    tokens: Tokens
    workers: Workers
    engine: Engine | None
    """The worker in this process, if there is one."""
    rate: Rate
    room: Room
    resumables: Resumables
    settings: Settings
    """Whom to trust, where the keys are."""
    journal: Journal
    """The audit log."""

    @property
    def sessions(self) -> Sessions:
        """Who signed in at the pages."""
        return Sessions(self.config.secret, self.tokens, self.ledger.engine)

    def job(self, job_id: str, access: Access) -> Job:
        """A job that this token may see.

        :raises Refused: where there is none (``not-found``); what is not to be seen is not there.
        """
        job = self.ledger.get(job_id) if job_id.startswith("job_") and len(job_id) <= 40 else None
        if job is None or not access.sees(job.options.urn):
            raise Refused("not-found", "no such job", where=job_id[:60])
        return job


def service_of(request: Request) -> Service:
    """The service of this application."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


ServiceOf = Annotated[Service, Depends(service_of)]


def asks(request: Request, service: ServiceOf) -> Access:
    """Who asks, by the bearer token; a page's script asks by its session.

    :raises Refused: where there is no valid one (``unauthorised``).
    """
    if not service.config.authentication:
        confirm_local(request)
        request.state.access = NOBODY
        return NOBODY
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    if not kind and COOKIE in request.cookies:
        signed_in = service.sessions.asks(request)
        service.rate.take(signed_in.id)
        request.state.access = signed_in
        return signed_in
    access = service.tokens.check(secret.strip()) if kind.lower() == "bearer" else None
    service.rate.take(access.id if access is not None else f"from {request.client.host if request.client else ''}")
    if access is None:
        raise Refused(
            "unauthorised", "no valid token", hint="Authorization: Bearer TOKEN; `transcoder token create` makes one"
        )
    request.state.access = access
    return access


def check_role(role: Role) -> Callable[..., Access]:
    """What a route depends on that needs a role."""

    def check(access: Annotated[Access, Depends(asks)]) -> Access:
        if not access.role.includes(role):
            raise Refused("forbidden", f"this needs a token with the role {role}; yours is {access.role}")
        return access

    return check


Reader = Annotated[Access, Depends(check_role(Role.READ))]
Submitter = Annotated[Access, Depends(check_role(Role.SUBMIT))]
Admin = Annotated[Access, Depends(check_role(Role.ADMIN))]


__all__ = ["Admin", "Reader", "ServerConfig", "Service", "ServiceOf", "Submitter", "asks", "service_of"]

"""Profiles, and whether the service is well."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST

from transcoder.errors import TranscodeError
from transcoder.profile import load, read_text, shipped_names
from transcoder.server.access import Role
from transcoder.server.api.problems import problems
from transcoder.server.counting import Counts
from transcoder.server.problem import Refused
from transcoder.server.service import Reader, ServiceOf, asks, check_role
from transcoder.server.shapes import ProfileShape

router = APIRouter()


@router.get("/v1/profiles", tags=["profiles"], responses=problems())
def profiles(_: Reader) -> list[ProfileShape]:
    """The transmission profiles that jobs may name."""
    return [_shape(name) for name in shipped_names()]


@router.get("/v1/profiles/{name}", tags=["profiles"], responses=problems(404))
def profile(name: str, _: Reader) -> ProfileShape:
    """One profile, with its whole file."""
    if name not in shipped_names():
        raise Refused("not-found", "no such profile", where=name[:80])
    return _shape(name)


def _shape(name: str) -> ProfileShape:
    loaded = load(name)
    floors = ", ".join(f"{kind} {floor:g}" for kind, floor in loaded.floors.items())
    return ProfileShape(
        name=name, title=loaded.title, cap_bytes=loaded.payload_cap_bytes, toml=read_text(name)[0],
        summary=f"at most {loaded.payload_cap_bytes:,} bytes a file, {loaded.max_parts} parts; floors: {floors}",
    )  # fmt: skip


def _may_scrape(request: Request, service: ServiceOf) -> None:
    if not service.config.metrics_open:
        check_role(Role.READ)(asks(request, service))


@router.get(
    "/metrics", tags=["operations"], dependencies=[Depends(_may_scrape)], response_class=PlainTextResponse,
    responses=problems(),
)  # fmt: skip
def metrics(request: Request) -> PlainTextResponse:
    """Figures for Prometheus: jobs by state, the queue, times, requests. No case data."""
    counts = request.app.state.counts
    assert isinstance(counts, Counts)
    return PlainTextResponse(counts.text(), media_type=CONTENT_TYPE_LATEST)


@router.get("/healthz", tags=["operations"])
def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@router.get(
    "/readyz", tags=["operations"], responses={503: {"model": dict[str, str | int], "description": "Not ready."}}
)
def readyz(service: ServiceOf, response: Response) -> dict[str, str | int]:
    """Database and storage answer, and somebody works."""
    found: dict[str, str | int] = {"database": "ok", "storage": "ok"}
    try:
        found["workers"] = sum(worker.silent_s < service.jobs.dead_after_s for worker in service.workers.all())
    except Exception as error:  # noqa: BLE001 - whatever the driver says, it is not ready
        found |= {"database": type(error).__name__, "workers": 0}
    try:
        service.objects.check()
    except TranscodeError as error:
        found["storage"] = error.code
    ready = found["database"] == found["storage"] == "ok" and found["workers"] != 0
    response.status_code = 200 if ready else 503
    return {"status": "ready" if ready else "not ready", **found}

"""Check a delivery, profiles, and who did what."""

from __future__ import annotations

from collections import deque
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from transcoder.app import read_audit
from transcoder.errors import InputError
from transcoder.profile import load, read_text, shipped_names
from transcoder.server import verifying
from transcoder.server.access import Role
from transcoder.server.pages import told, words
from transcoder.server.pages.visiting import PageRoute, Visiting, page
from transcoder.server.service import ServiceOf

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_ENTRIES = 200


@router.get("/verify")
def verify_form(visitor: Visiting) -> HTMLResponse:
    """Ask for the files of a delivery."""
    return page("verify.html.j2", visitor, at="verify")


@router.post("/verify")
async def verify(request: Request, service: ServiceOf, visitor: Visiting) -> HTMLResponse:
    """The numbered steps, for the page's script to put in."""
    limit = service.config.max_upload_bytes
    arrived = await verifying.receive(request, service.config.uploads, max_bytes=limit, room=service.room)
    with verifying.closing(arrived):
        results = await run_in_threadpool(verifying.check, arrived)
    return page("verified.html.j2", visitor, results=results, with_source=arrived.source is not None)


@router.get("/profiles")
def profiles(visitor: Visiting) -> HTMLResponse:
    """What can be sent to whom, and how good it must be."""
    found = words.ordered([load(name) for name in shipped_names()])
    shown = [(profile, read_text(profile.name)[0]) for profile in found]
    return page("profiles.html.j2", visitor, at="profiles", profiles=shown)


@router.get("/audit")
def audit(
    service: ServiceOf,
    visitor: Visiting,
    since: Annotated[str, Query(max_length=40, pattern=r"^(\d{4}-\d{2}-\d{2})?$")] = "",
    sha256: Annotated[str, Query(max_length=64, pattern="^([0-9a-f]{8,64})?$")] = "",
    case: Annotated[str, Query(max_length=200)] = "",
    kind: Annotated[str, Query(max_length=20)] = "",
) -> HTMLResponse:
    """The newest entries of the log, newest first."""
    visitor.confirm(Role.ADMIN)
    case = case.strip()
    found: deque[dict[str, Any]] = deque(maxlen=_ENTRIES)
    try:
        entries = read_audit(source=sha256 or None, since=since or None, settings=service.settings)
        found.extend(entry for entry in entries if told.is_of(entry, kind=kind, case=case))
    except InputError as error:
        if error.code != "no-audit-log":
            raise
    asked = {"since": since, "sha256": sha256, "case": case, "kind": kind}
    kinds = {key: name for key, (name, _) in told.KINDS.items()} | {told.REFUSED: "Not allowed"}
    return page(
        "audit.html.j2", visitor, at="audit", entries=[told.told(entry) for entry in reversed(found)], asked=asked,
        filtered=any(asked.values()), kinds=kinds, most=_ENTRIES, full=len(found) == _ENTRIES,
    )  # fmt: skip

"""Sign in, sign out."""

from __future__ import annotations

import logging

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from transcoder.server.pages.visiting import PageRoute, Visiting, back_to, own_path, page, sent
from transcoder.server.service import ServiceOf
from transcoder.server.sessions import COOKIE, confirm_same_site, put_cookie

router = APIRouter(route_class=PageRoute, include_in_schema=False)
log = logging.getLogger("transcoder.server")


@router.get("/")
def start() -> Response:
    """The list is where everybody begins."""
    return back_to("/jobs")


@router.get("/signin")
def sign_in_form(request: Request, service: ServiceOf, next: str = "/jobs") -> Response:  # noqa: A002
    """Ask for a token."""
    if not service.config.authentication or service.sessions.read(request.cookies.get(COOKIE, "")):
        return back_to(own_path(next))
    return page("signin.html.j2", None, next=own_path(next), wrong=False)


@router.post("/signin")
async def sign_in(request: Request, service: ServiceOf) -> Response:
    """Begin a session for a valid token."""
    confirm_same_site(request)
    form = await sent(request)
    access = await run_in_threadpool(service.tokens.check, form.get("token", "").strip())
    wanted = own_path(form.get("next", ""))
    if access is None:
        log.warning("a sign-in was refused", extra={"client": request.client.host if request.client else ""})
        return page("signin.html.j2", None, status=401, next=wanted, wrong=True)
    request.state.access = access
    log.info("signed in: %s (%s)", access.id, access.name)
    answer = back_to(wanted)
    put_cookie(request, answer, service.sessions.begin(access.id))
    return answer


@router.post("/signout")
def sign_out(request: Request, service: ServiceOf, visitor: Visiting) -> Response:
    """End the session, here and for every copy of its cookie."""
    if visitor.signed_in:
        service.sessions.end(visitor.session)
        log.info("signed out: %s", visitor.access.id)
    answer = back_to("/signin")
    put_cookie(request, answer, "")
    return answer

"""Who looks at a page, the forms that they send, and how an error looks to them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlsplit

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from transcoder.errors import TranscodeError
from transcoder.server.access import NOBODY, Access, Role
from transcoder.server.pages.templating import render
from transcoder.server.problem import Refused, status_of
from transcoder.server.service import ServiceOf
from transcoder.server.sessions import COOKIE, CSRF_HEADER, LOCAL, Session, confirm_local

_FORM_BYTES = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Who looks at a page."""

    access: Access
    session: Session
    csrf: str
    form: Mapping[str, str] = field(default_factory=dict)
    """What a form of ours sent; its proof was checked."""

    @property
    def submits(self) -> bool:
        """Whether they may hand files in."""
        return self.access.role.includes(Role.SUBMIT)

    @property
    def administers(self) -> bool:
        """Whether they may see what everybody did."""
        return self.access.role.includes(Role.ADMIN)

    @property
    def signed_in(self) -> bool:
        """Whether there is something to sign out of."""
        return self.session is not LOCAL

    def confirm(self, role: Role) -> None:
        """:raises Refused: where they may not do what needs this role."""
        if not self.access.role.includes(role):
            allowed = {Role.SUBMIT: "hand in, cancel or repeat", Role.ADMIN: "see this page"}[role]
            raise Refused(
                "forbidden", f"You are signed in, but not allowed to {allowed}.",
                hint=f"Ask whoever runs this service for a token with the role “{role}”.",
            )  # fmt: skip


async def visits(request: Request, service: ServiceOf) -> Visitor:
    """Who asks, by their session. What changes something brings proof that it comes from our page.

    :raises Refused: where there is no session, or no such proof.
    """
    sessions = service.sessions
    if service.config.authentication:
        found = await run_in_threadpool(sessions.read, request.cookies.get(COOKIE, ""))
    else:
        confirm_local(request)
        found = (LOCAL, NOBODY)
    if found is None:
        raise Refused("unauthorised", "You are not signed in, or not any more.", hint="Sign in.")
    session, access = found
    request.state.access = access
    form: dict[str, str] = {}
    if request.method not in ("GET", "HEAD"):
        given = request.headers.get(CSRF_HEADER)
        if given is None:
            form = await sent(request)
            given = form.get("csrf", "")
        sessions.confirm_csrf(session, given)
    return Visitor(access=access, session=session, csrf=sessions.csrf(session), form=form)


Visiting = Annotated[Visitor, Depends(visits)]


async def sent(request: Request) -> dict[str, str]:
    """The fields of a small form.

    :raises Refused: where it is none, or too long.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = b""
    async for block in request.stream():
        body += block
        if len(body) > _FORM_BYTES:
            raise Refused("upload-too-large", "the form is too long")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50, errors="strict"))
    except ValueError:
        raise Refused("bad-form", "the form cannot be read") from None


def page(name: str, visitor: Visitor | None, *, status: int = 200, **context: Any) -> HTMLResponse:
    """An answer made of a template."""
    return HTMLResponse(render(name, visitor=visitor, **context), status_code=status)


def back_to(path: str) -> RedirectResponse:
    """Go on with a page after something was done."""
    return RedirectResponse(path, status_code=303)


def own_path(given: str) -> str:
    """Where to go after signing in: an address of this service, else the list."""
    plain = given.startswith("/") and given.isprintable() and "\\" not in given
    # A second slash would make the next word a host's name; browsers read a backslash as one.
    return given if plain and not given.startswith("//") and not urlsplit(given).netloc else "/jobs"


class PageRoute(APIRoute):
    """A route whose errors are pages where a person looks, and problem+json where a script does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """See ``APIRoute``."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except (TranscodeError, RequestValidationError, HTTPException) as error:
                if "text/html" not in request.headers.get("accept", ""):
                    raise
                return explained(request, error)

        return handler


def explained(request: Request, error: Exception) -> Response:
    """A page that says what is wrong, and what to do."""
    request.state.code = getattr(error, "code", "")
    if isinstance(error, Refused) and error.code == "unauthorised":
        return _to_sign_in(request)
    message, hint, status = "The address of this page is not right.", "Go to the list of jobs.", 404
    if isinstance(error, TranscodeError):
        message, hint, status = error.message, error.hint or "", status_of(error)
    elif isinstance(error, HTTPException):
        status = error.status_code
    titles = {404: "Nothing here", 403: "Not allowed", 429: "Too quick", 503: "Not just now"}
    return page(
        "problem.html.j2", None, status=status, title=titles.get(status, "That did not work"), message=message,
        hint=hint, code=getattr(error, "code", ""),
    )  # fmt: skip


def _to_sign_in(request: Request) -> Response:
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    if request.method == "GET" and request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        # A link in a mail: the browser keeps the session back until the request comes from a page of ours.
        return page("onward.html.j2", None, wanted=own_path(wanted))
    return back_to("/signin" if request.method != "GET" else f"/signin?next={quote(wanted, safe='')}")


__all__ = [
    "PageRoute", "Visiting", "Visitor", "back_to", "explained", "own_path", "page", "sent", "visits",
]  # fmt: skip

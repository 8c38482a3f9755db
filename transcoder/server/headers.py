"""Headers that every answer has: what a browser may load, run, frame and remember."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'self'; base-uri 'none'"
)
"""Of our own pages: nothing written into a page can run, and nothing comes from elsewhere."""
INERT = "default-src 'none'; sandbox; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
"""Of everything that is no page: API answers, and files that somebody sent."""
REPORT = (
    "sandbox allow-scripts allow-modals; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data:; media-src blob:; form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)
"""Of a report: its own script runs, but in an origin of its own that has no session and can send nothing."""
_EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    # Not "no-referrer": browsers would then say that our own forms come from nowhere.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class SecurityHeaders:
    """Middleware that adds what an answer does not say itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                _complete(scope, message)
            await send(message)

        await self._app(scope, receive, sending)


def _complete(scope: Scope, message: MutableMapping[str, Any]) -> None:
    headers = MutableHeaders(scope=message)
    page = headers.get("content-type", "").startswith("text/html")
    for name, value in _EVERYWHERE.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", PAGE if page else INERT)
    if scope["path"].startswith("/static/") and message["status"] == 200:
        # The address holds the content's hash: a new one is another address.
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        headers.setdefault("Cache-Control", "no-store")
    if scope["scheme"] == "https":
        headers.setdefault("Strict-Transport-Security", "max-age=31536000")


__all__ = ["INERT", "PAGE", "REPORT", "SecurityHeaders"]

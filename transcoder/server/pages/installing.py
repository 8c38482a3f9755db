"""The pages as part of the application."""

from __future__ import annotations

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from transcoder.server.headers import SecurityHeaders
from transcoder.server.pages import entry, handing_in, listing, media, one, others
from transcoder.server.pages.visiting import explained


def install(app: FastAPI) -> None:
    """Add the pages, and the headers of every answer. After ``problem.install``."""
    for routes in (entry, listing, handing_in, media, one, others):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(packages=[("transcoder.server.pages", "static")]), name="static")
    app.add_middleware(SecurityHeaders)
    otherwise = app.exception_handlers[HTTPException]

    @app.exception_handler(404)
    async def _nothing_here(request: Request, error: HTTPException) -> Response:
        """A mistyped address is answered with a page where a person looks."""
        if request.url.path.startswith("/v1/") or "text/html" not in request.headers.get("accept", ""):
            answer: Response = await otherwise(request, error)  # type: ignore[misc]
            return answer
        return explained(request, error)

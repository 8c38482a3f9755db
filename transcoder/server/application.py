"""The application: routes, errors, headers, put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from transcoder.server import problem
from transcoder.server.api import jobs, others, resumable, verifying
from transcoder.server.bodies import Bodies
from transcoder.server.pages import installing as pages
from transcoder.server.service import Service
from transcoder.version import __version__

_TIDY_EVERY_S = 600.0
log = logging.getLogger("transcoder.server")


@contextlib.asynccontextmanager
async def _tidying(service: Service) -> AsyncIterator[None]:
    """While the application runs, what is old is taken away from this host's folder."""

    async def tidy() -> None:
        while True:
            try:
                await run_in_threadpool(service.resumables.sweep)
            except Exception as error:  # noqa: BLE001 - it comes round again
                log.warning("old uploads stay for now: %s", str(error).splitlines()[0])
            await asyncio.sleep(_TIDY_EVERY_S)

    task = asyncio.create_task(tidy())
    try:
        yield
    finally:
        task.cancel()


def create(service: Service) -> FastAPI:
    """The ASGI application of a service."""
    app = FastAPI(
        title="Evidence transcoder",
        version=__version__,
        summary="Delivers CCTV and stills under a hard size cap, measured and certified.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
        lifespan=lambda _: _tidying(service),
    )
    app.state.service = service
    problem.install(app)
    app.add_middleware(Bodies, silence_s=service.config.silence_s)
    app.add_middleware(resumable.TusHeaders)
    app.include_router(jobs.router)
    app.include_router(resumable.router)
    app.include_router(verifying.router)
    app.include_router(others.router)
    pages.install(app)
    return app

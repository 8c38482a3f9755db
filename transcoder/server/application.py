"""The application: routes, errors, headers, put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from transcoder.errors import TranscodeError
from transcoder.server import openapi, problem
from transcoder.server.api import jobs, others, resumable, verifying
from transcoder.server.bodies import Bodies
from transcoder.server.counting import Counts
from transcoder.server.observing import Observed, Recorder
from transcoder.server.pages import installing as pages
from transcoder.server.service import Service
from transcoder.version import __version__

_TIDY_EVERY_S = 600.0
_FOLD_EVERY_S = 30.0
log = logging.getLogger("transcoder.server")


@contextlib.asynccontextmanager
async def _tidying(service: Service, recorder: Recorder) -> AsyncIterator[None]:
    """While the application runs, what is old is taken away from this host's folder, and what was folded is written."""

    async def tidy() -> None:
        while True:
            try:
                await run_in_threadpool(service.resumables.sweep)
            except Exception as error:  # noqa: BLE001 - it comes round again
                log.warning("old uploads stay for now: %s", str(error).splitlines()[0])
            await asyncio.sleep(_TIDY_EVERY_S)

    async def fold() -> None:
        while True:
            await asyncio.sleep(_FOLD_EVERY_S)
            try:
                await recorder.fold()
            except TranscodeError as error:
                log.error("repeated accesses went unlogged: %s", error)

    tasks = [asyncio.create_task(tidy()), asyncio.create_task(fold())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await recorder.close()


def create(service: Service) -> FastAPI:
    """The ASGI application of a service."""
    recorder = Recorder(service.journal, service.ledger)
    app = FastAPI(
        title="Evidence transcoder",
        version=__version__,
        summary="Delivers CCTV and stills under a hard size cap, measured and certified.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
        lifespan=lambda _: _tidying(service, recorder),
    )
    app.state.service = service
    app.state.counts = Counts(service.ledger, service.workers, service.jobs.dead_after_s)
    problem.install(app)
    app.add_middleware(Bodies, silence_s=service.config.silence_s)
    app.add_middleware(resumable.TusHeaders)
    app.include_router(jobs.router)
    app.include_router(resumable.router)
    app.include_router(verifying.router)
    app.include_router(others.router)
    pages.install(app)
    openapi.install(app)
    app.add_middleware(Observed, recorder=recorder, counts=app.state.counts)  # last, so that it is around all others
    return app

"""Every request is numbered, and an access is in the audit log before a byte of the answer leaves.

The write happens when a route begins its answer: only then it is known what came of it. Where the log cannot be
written, the answer is withheld and 503 sent in its place. What was changed by then stays changed; the same request
again gives the same answer once there is room.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from transcoder.audit.base import Journal, NoJournal
from transcoder.errors import TranscodeError
from transcoder.jobs.ledger import Ledger
from transcoder.server import accesses, requests
from transcoder.server.accesses import Folding, Seen
from transcoder.server.counting import Counts
from transcoder.server.problem import problem, status_of

log = logging.getLogger("transcoder.server")


class Recorder:
    """Writes accesses, one after the other in a thread of its own: a synced write must not hold up the event loop.

    One thread, because the log has one end: several would only wait for each other, and take the place of requests.

    :param ledger: tells of which case a job is.
    """

    def __init__(self, journal: Journal, ledger: Ledger) -> None:
        self._journal, self._ledger = journal, ledger
        self._folding = Folding()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="audit")

    async def record(self, seen: Seen) -> None:
        """Have it written; it is on disk when this returns.

        :raises TranscodeError: where it cannot be kept.
        """
        if isinstance(self._journal, NoJournal) or self._folding.repeats(seen.key):
            return
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write, seen)

    async def fold(self) -> None:
        """Write what was repeated and is over."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._write_folded, False)

    async def close(self) -> None:
        """Write what was repeated, and end."""
        with contextlib.suppress(TranscodeError):
            await asyncio.get_running_loop().run_in_executor(self._thread, self._write_folded, True)

    def _write(self, seen: Seen) -> None:
        told = {**seen.facts, **self._case(seen.job)}
        self._journal.record(seen.rule.event, told)
        # Of what one person repeats, queries and numbers of requests differ.
        same = {name: value for name, value in told.items() if name not in ("query", "request")}
        self._folding.written(seen.key, {**same, "access": seen.rule.event})

    def _write_folded(self, all_: bool) -> None:
        for told in self._folding.over(all_=all_):
            self._journal.record(accesses.FOLDED, told)

    def _case(self, job_id: str | None) -> Mapping[str, object]:
        """The job's own case and source, also where the one who asked was told that there is none."""
        if job_id is None:
            return {}
        try:
            job = self._ledger.get(job_id) if job_id.startswith("job_") and len(job_id) <= 40 else None
        except SQLAlchemyError:
            job = None  # the number says which one it was
        if job is None:
            return {"job": job_id[:60]}
        source = {"name": job.source.name, "bytes": job.source.bytes, "sha256": job.source.sha256}
        return {"job": job.id, "case": {"urn": job.options.urn, "exhibit": job.options.exhibit}, "source": source}


class _Withheld(Exception):
    """Ends a route whose answer is not sent."""


class Observed:
    """ASGI middleware, the outermost of ours."""

    def __init__(self, app: ASGIApp, *, recorder: Recorder, counts: Counts) -> None:
        self._app, self._recorder, self._counts = app, recorder, counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Number the request, and tell of it before it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number, began = requests.begin(scope), time.perf_counter()
        status, received, sent = 500, 0, 0  # what raises past us is answered 500 around us

        async def receiving() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def marked(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[requests.HEADER] = number
            sent += len(message.get("body", b""))
            await send(message)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                error = await self._tell(scope, message)
                if error is not None:
                    answer = problem(status_of(error), error.code, error.message, hint=error.hint)
                    await answer(scope, receive, marked)
                    raise _Withheld
            await marked(message)

        try:
            with contextlib.suppress(_Withheld):
                await self._app(scope, receiving, sending)
        finally:
            took_s = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", "")
            self._counts.request(scope["method"], route, status, took_s=took_s, received=received, sent=sent)
            said = f"{scope['method']} {scope['path'][:200]!r} {status} in {took_s * 1000:.0f} ms"
            access = scope.get("state", {}).get("access")
            log.info(
                "%s", said,
                extra={
                    "method": scope["method"], "route": route or None, "status": status, "took_s": round(took_s, 4),
                    "received_bytes": received, "sent_bytes": sent, "token": access.id if access is not None else None,
                    "job": scope.get("path_params", {}).get("job_id"),
                },
            )  # fmt: skip

    async def _tell(self, scope: Scope, message: Message) -> TranscodeError | None:
        """Why the answer must not leave; None where it may."""
        seen = accesses.seen(scope, message["status"], Headers(raw=message["headers"]))
        if seen is None:
            return None
        try:
            await self._recorder.record(seen)
        except TranscodeError as error:
            self._counts.unlogged()
            log.error("an access went unlogged (%s): %s", seen.facts["action"], error)
            # An error hands out nothing: it says more than that the disk is full.
            return error if message["status"] < 400 else None
        return None


__all__ = ["Observed", "Recorder"]

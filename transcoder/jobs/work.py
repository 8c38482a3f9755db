"""One attempt at one job: fetch the source, have it delivered, put the files where everybody sees them, write it down.

Whether the job is still this attempt's is asked twice a second; where it is not (somebody cancelled it, or this
worker was taken for dead and another one has it), the process that does the work is gone a moment later, and what it
made counts for nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError

from transcoder.errors import StorageError, TranscodeError
from transcoder.jobs import chunks, material, running
from transcoder.jobs.base import Job, JobState, Outcome
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.ledger import Ledger, cancelled
from transcoder.jobs.objects import Objects
from transcoder.jobs.turns import Turns

T = TypeVar("T")
AGAIN, OVER = "again", "over"
"""What an attempt tells the workflow: another one makes sense after a pause, or there is nothing left to do."""
_POLL_S, _REPORT_S, _DATABASE_PAUSE_S = 0.5, 1.0, 1.0
log = logging.getLogger("transcoder.jobs")


class Work:
    """Does attempts.

    :param worker: this worker's name, unique for each start.
    :param folder: its own, for attempts.
    """

    def __init__(self, config: JobsConfig, ledger: Ledger, objects: Objects, worker: str, folder: Path) -> None:
        self._config, self._ledger, self._objects, self._worker = config, ledger, objects, worker
        self._folder = folder
        self._busy: set[tuple[str, int]] = set()
        self._turns = Turns()
        self.leaving = False

    @property
    def busy(self) -> int:
        """How many attempts are under way."""
        return len(self._busy)

    async def attempt(self, job_id: str, run: int) -> str:
        """Do one attempt; ``AGAIN`` or ``OVER``."""
        known = await self._database(lambda: self._ledger.get(job_id))
        fell = known is not None and (known.falls > 0 or known.state is JobState.RUNNING)
        async with self._turns.take(alone=fell):
            return await self._attempt(job_id, run)

    async def _attempt(self, job_id: str, run: int) -> str:
        job = await self._database(lambda: self._ledger.begin(job_id, run, self._worker))
        if job is None:
            return OVER
        mine = (job.id, job.attempt)
        self._busy.add(mine)
        try:
            said = await self._do(job)
        finally:
            self._busy.discard(mine)
        if said is None:
            await asyncio.Event().wait()  # the engine must not take this for an end: the process is going
        return said or OVER

    async def _do(self, job: Job) -> str | None:
        """One attempt, with what is written down of it; None where the worker leaves."""
        extra = job.known_as
        log.info("attempt %d at %s begins", job.attempt, job.source.name, extra=extra)
        folder = self._folder / f"{job.id}-{job.attempt}-{secrets.token_hex(4)}"
        try:
            outcome = await self._outcome(job, folder)
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, True)
        if outcome is None and self.leaving:
            await self._database(lambda: self._ledger.give_back(job, "handed back", tried=False))
            return None
        if outcome is None:
            now = await self._database(lambda: self._ledger.get(job.id))
            if now is not None and now.cancel is not None:
                await self._database(lambda: self._ledger.end(job, cancelled(now)))
            log.info("attempt %d ends: not wanted any more", job.attempt, extra=extra)
            return OVER
        if outcome.retry and job.tries - job.falls < self._config.max_tries:
            text = f"to be tried again: {(outcome.error or {}).get('message', '')}"[:60]
            log.warning("attempt %d failed and is tried again: %s", job.attempt, outcome.error, extra=extra)
            await self._database(lambda: self._ledger.give_back(job, text))
            return AGAIN
        await asyncio.to_thread(self._drop_earlier, job)
        counted = await self._database(lambda: self._ledger.end(job, outcome))
        if counted:
            with contextlib.suppress(StorageError):  # upkeep finds what is left
                await self._database(lambda: chunks.forget(self._ledger.engine, self._objects, job.id))
        words = str(outcome.state) if counted else f"{outcome.state}, and does not count"
        log.info("attempt %d ends: %s", job.attempt, words, extra=extra)
        if not counted and outcome.delivery is not None:
            with contextlib.suppress(StorageError):
                await asyncio.to_thread(self._objects.remove, outcome.delivery)
        return OVER

    async def _outcome(self, job: Job, folder: Path) -> Outcome | None:
        """What came of it; None where it was not wanted any more, or this worker is leaving."""
        if job.tries - job.falls > self._config.max_tries or job.falls >= self._config.max_falls:
            text = (
                f"tried {job.tries - 1} times, and {job.falls} of these ended with their worker; it is not tried again"
            )
            return _gone_wrong("too-many-attempts", text)
        try:
            source = await asyncio.to_thread(self._fetch, job, folder)
            answer = await self._watched(job, source, folder / "out")
            if answer is None:
                return None
            return await asyncio.to_thread(self._keep, job, answer, folder / "out")
        except TranscodeError as error:
            return Outcome(state=JobState.FAILED, error=error.diagnostics(), retry=isinstance(error, StorageError))
        except OSError as error:
            return _gone_wrong("storage-failed", f"{error.strerror or error}: {folder}", retry=True)
        except Exception as error:
            log.exception("internal fault", extra=job.known_as)
            return _gone_wrong("internal", f"internal fault ({type(error).__name__}: {error})", retry=True)

    def _fetch(self, job: Job, folder: Path) -> Path:
        (folder / "out").mkdir(parents=True)
        return material.fetch(job.source, self._objects, folder / "in")

    async def _watched(self, job: Job, source: Path, out: Path) -> running.Answer | None:
        reports: dict[str, Any] = {"phase": "starting", "percent": 0.0, "warnings": [], "new": False}

        async def heard(phase: str, percent: float, warning: str | None) -> None:
            if warning is not None:
                reports["warnings"].append(warning)
            else:
                reports.update(phase=phase, percent=percent)
            reports["new"] = True

        limit = min(self._config.timeout_s, job.timeout_s or self._config.timeout_s)
        order = {"source": str(source), "out": str(out), "options": job.options.to_dict()}
        order["chunks"] = {
            "database_url": self._config.database_url, "storage": self._config.storage,
            "storage_options": dict(self._config.storage_options), "worker": self._worker,
            "job_id": job.id, "attempt": job.attempt,
        }  # fmt: skip
        task = asyncio.create_task(running.converse(order, out.parent, heard, timeout_s=limit))
        try:
            reported = 0.0
            while not task.done():
                await asyncio.wait({task}, timeout=_POLL_S)
                due = reports["new"] and time.monotonic() - reported >= _REPORT_S
                if due:
                    reported, reports["new"] = time.monotonic(), False
                if self.leaving or not (task.done() or await self._still_wanted(job, reports if due else None)):
                    return None
            return task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    async def _still_wanted(self, job: Job, reports: dict[str, Any] | None) -> bool:
        """Ask, and say how far it is. A database that does not answer says neither yes nor no: the work goes on."""
        try:
            if reports is None:
                return await asyncio.to_thread(self._ledger.holds, job)
            return await asyncio.to_thread(
                self._ledger.progress, job, reports["phase"], reports["percent"], list(reports["warnings"])
            )
        except SQLAlchemyError as error:
            log.warning("the database does not answer: %s", str(error).splitlines()[0], extra=job.known_as)
            return True

    def _keep(self, job: Job, answer: running.Answer, out: Path) -> Outcome:
        """Put the delivery into the shared storage, its certificate last, as in a folder."""
        outcome = answer.outcome
        if answer.result is None:
            return outcome
        described = [item | {"name": Path(item["path"]).name} for item in answer.result["files"]]
        place = f"deliveries/{job.id}/{job.attempt}"
        for item in described:
            self._objects.put(f"{place}/{item['name']}", out / item["name"])
        files = tuple({key: item[key] for key in ("name", "role", "bytes", "sha256")} for item in described)
        shown = {key: value for key, value in answer.result.items() if key != "files"}
        shown["source"] = {"name": job.source.name, "sha256": job.source.sha256, "bytes": job.source.bytes}
        return Outcome(
            state=outcome.state, verdict=outcome.verdict, error=outcome.error, delivery=place, files=files, result=shown
        )

    def _drop_earlier(self, job: Job) -> None:
        """Files that attempts stored which were killed before their end: nobody will name them any more."""
        for number in range(1, job.attempt):
            with contextlib.suppress(StorageError):
                self._objects.remove(f"deliveries/{job.id}/{number}")

    async def _database(self, ask: Callable[[], T]) -> T:
        """Ask the database until it answers: an outage must cost neither a job nor its result."""
        while True:
            try:
                return await asyncio.to_thread(ask)
            except SQLAlchemyError as error:
                log.warning("the database does not answer: %s", str(error).splitlines()[0])
                await asyncio.sleep(_DATABASE_PAUSE_S)


def _gone_wrong(code: str, message: str, *, retry: bool = False) -> Outcome:
    error: dict[str, Any] = {"code": code, "message": message, "where": None, "hint": None, "details": {}}
    return Outcome(state=JobState.FAILED, error=error, retry=retry)


__all__ = ["AGAIN", "OVER", "Work"]

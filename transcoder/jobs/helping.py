"""What an idle worker does: parts of videos that other workers' jobs are being split into."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from transcoder.errors import TranscodeError
from transcoder.jobs import chunks, material, running
from transcoder.jobs.base import Job, JobState
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import Objects

_LOOK_S, _RENEW_S, _PAUSE_S = 0.5, 2.0, 5.0
log = logging.getLogger("transcoder.jobs")


class Helping:
    """Makes chunks for others while this worker has nothing to do itself.

    :param idle: whether it has nothing to do.
    :param folder: its own, for parts.
    """

    def __init__(
        self, config: JobsConfig, ledger: Ledger, objects: Objects, worker: str, idle: Callable[[], bool],
        folder: Path,
    ) -> None:  # fmt: skip
        self._config, self._ledger, self._objects, self._worker = config, ledger, objects, worker
        self._idle, self._folder = idle, folder
        self._failed: set[tuple[str, str]] = set()
        """What could not be made here; the job's own process makes it, or says why not."""
        self._source: tuple[str, Path] | None = None
        """Of the job that was helped last: its next part is likely to be next."""
        self.helping = False

    def run(self) -> None:
        """Look for work for ever; for a thread of its own."""
        asyncio.run(self._forever())

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            if not self._idle():
                continue
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - the job's own process does without this help
                log.warning("helping: %s", str(error).splitlines()[0] if str(error) else type(error).__name__)
                await asyncio.sleep(_PAUSE_S)

    async def _look(self) -> None:
        found = await asyncio.to_thread(chunks.find, self._ledger.engine, self._worker, self._failed)
        if found is None:
            self._let_go(None)
            return
        job_id, name = found
        job, folder = self._ledger.get(job_id), self._folder / f"help-{secrets.token_hex(6)}"
        kept = False
        self.helping = True
        try:
            if job is not None:
                kept = await self._make(job, name, folder)
        except TranscodeError as error:
            log.warning(
                "part %s is left to its own worker: %s", name, error, extra=job.known_as if job else {"job": job_id}
            )
        finally:
            self.helping = False
            shutil.rmtree(folder, ignore_errors=True)
            if not kept:
                self._failed.add(found)
                chunks.drop(self._ledger.engine, job_id, name, self._worker)

    async def _make(self, job: Job, name: str, folder: Path) -> bool:
        folder.mkdir(parents=True)
        source = await asyncio.to_thread(self._material, job)
        await asyncio.to_thread(self._objects.fetch, chunks.kit_of(job.id), folder / "kit")
        order = {"help": name, "source": str(source), "kit": str(folder / "kit"), "target": str(folder / "chunk")}
        task = asyncio.create_task(running.converse(order, folder, _unheard, timeout_s=self._config.timeout_s))
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=_RENEW_S)
                mine = await asyncio.to_thread(chunks.renew, self._ledger.engine, job.id, name, self._worker)
                if not mine:
                    return False
            answer = task.result()
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        if answer.outcome.state is not JobState.DELIVERED:
            log.warning("part %s was not made: %s", name, answer.outcome.error, extra=job.known_as)
            return False
        await asyncio.to_thread(
            chunks.keep, self._ledger.engine, self._objects, job.id, name, folder / "chunk", self._worker
        )
        log.info("part %s is made for another worker", name, extra=job.known_as)
        return True

    def _material(self, job: Job) -> Path:
        if self._source is None or self._source[0] != job.id:
            self._let_go(job.id)
            folder = self._folder / f"help-source-{secrets.token_hex(6)}"
            self._source = job.id, material.fetch(job.source, self._objects, folder)
        return self._source[1]

    def _let_go(self, job_id: str | None) -> None:
        if self._source is not None and self._source[0] != job_id:
            if self._source[1].parent.parent == self._folder:
                shutil.rmtree(self._source[1].parent, ignore_errors=True)
            self._source = None


async def _unheard(_phase: str, _percent: float, _warning: str | None) -> None:
    """Nobody asks how far a part for others is."""


__all__ = ["Helping"]

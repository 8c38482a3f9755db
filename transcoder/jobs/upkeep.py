"""What a worker does beside working: jobs that fell between two stools, deadlines, and what is old."""

from __future__ import annotations

import logging
import time
from typing import Any

from transcoder.audit.base import Journal
from transcoder.jobs import chunks, risk
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.dispatch import OVER, Dispatcher
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import Objects
from transcoder.jobs.retention import Retention

_FORGOTTEN_AFTER_S = 10.0
_LOST_AFTER_S = 60.0
"""Nothing changed in a job for so long, and the engine says that its run is over: longer than any silent stretch."""
_RETENTION_EVERY_S = 60.0
_SWEEP_EVERY_S, _SWEEP_AFTER_S = 3600.0, 86_400.0
"""The engine's own records of runs that are over are looked at so often, and go after so long."""
log = logging.getLogger("transcoder.jobs")


class Upkeep:
    """Goes round every few seconds; each round can be broken off anywhere and done by several workers at once."""

    interval_s = 5.0

    def __init__(
        self, config: JobsConfig, ledger: Ledger, objects: Objects, dispatcher: Dispatcher, *, worker: str,
        journal: Journal,
    ) -> None:  # fmt: skip
        self._ledger, self._objects, self._dispatcher = ledger, objects, dispatcher
        self._suspects: dict[str, tuple[int, float]] = {}
        self._next: dict[str, float] = {}
        self._retention: Retention | None = None
        if config.retention_s is not None:
            self._retention = Retention(
                ledger.engine, objects, journal, after_s=config.retention_s, worker=worker,
                forget_runs=dispatcher.forget,
            )  # fmt: skip

    def run(self) -> None:
        """One round."""
        for job in self._ledger.unqueued(older_than_s=_FORGOTTEN_AFTER_S):
            log.warning("the engine was not told of it; it is now", extra=job.known_as)
            self._dispatcher.dispatch(job)
        self._find_lost()
        for job, why in risk.assess(self._ledger.engine):
            log.warning("at risk: %s", why, extra=job.known_as)
        if self._due("chunks", _RETENTION_EVERY_S):
            for job_id in chunks.left_over(self._ledger.engine):
                chunks.forget(self._ledger.engine, self._objects, job_id)
        if self._due("sweep", _SWEEP_EVERY_S):
            self._dispatcher.sweep(older_than_s=_SWEEP_AFTER_S)
        if self._retention is not None and self._due("retention", _RETENTION_EVERY_S):
            self._retention.run()

    def _due(self, what: str, every_s: float) -> bool:
        moment = time.monotonic()
        if moment < self._next.get(what, 0.0):
            return False
        self._next[what] = moment + every_s
        return True

    def _find_lost(self) -> None:
        before, self._suspects = self._suspects, {}
        for job in self._ledger.under_way():
            status = self._dispatcher.status(job)
            if status not in OVER:
                continue
            revision, since = before.get(job.id, (0, 0.0))
            if revision != job.revision:
                revision, since = job.revision, time.monotonic()
            self._suspects[job.id] = revision, since
            if time.monotonic() - since < _LOST_AFTER_S:
                continue
            error: dict[str, Any] = {
                "code": "engine-lost", "message": f"its run ended ({status}) without a result", "where": None,
                "hint": "run it again", "details": {},
            }  # fmt: skip
            if self._ledger.give_up(job, error):
                log.error("its run ended (%s) without a result", status, extra=job.known_as)


__all__ = ["Upkeep"]

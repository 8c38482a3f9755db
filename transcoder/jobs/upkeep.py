"""What a worker does beside working: jobs that fell between two stools, deadlines, and what is old."""

from __future__ import annotations

import logging
import time
from typing import Any

from transcoder.jobs.config import JobsConfig
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import Objects

_FORGOTTEN_AFTER_S = 10.0
_LOST_AFTER_S = 60.0
"""Nothing changed in a job for so long, and the engine says that its run is over: longer than any silent stretch."""
_OVER = frozenset(("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"))
log = logging.getLogger("transcoder.jobs")


class Upkeep:
    """Goes round every few seconds; each round can be broken off anywhere and done by several workers at once."""

    interval_s = 5.0

    def __init__(self, config: JobsConfig, ledger: Ledger, objects: Objects, dispatcher: Dispatcher) -> None:
        self._config, self._ledger, self._objects, self._dispatcher = config, ledger, objects, dispatcher
        self._suspects: dict[str, tuple[int, float]] = {}

    def run(self) -> None:
        """One round."""
        for job in self._ledger.unqueued(older_than_s=_FORGOTTEN_AFTER_S):
            log.warning("the engine was not told of it; it is now", extra=job.known_as)
            self._dispatcher.dispatch(job)
        self._find_lost()

    def _find_lost(self) -> None:
        before, self._suspects = self._suspects, {}
        for job in self._ledger.under_way():
            status = self._dispatcher.status(job)
            if status not in _OVER:
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

"""Telling the engine about jobs, from wherever they are written down."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from transcoder.jobs.base import Job, Priority, run_id
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.ledger import Ledger

if TYPE_CHECKING:
    from dbos import DBOSClient

QUEUE, WORKFLOW, VERSION, APPLICATION = "deliveries", "deliver", "1", "transcoder"
"""Of the engine. The version is that of the workflow's shape, so that a newer program ends what an older one began."""
OVER = frozenset(("SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"))
"""What the engine says of a run that it does not go on with."""
_CLASS_SPAN = 500_000_000
_CLASSES = {Priority.URGENT: 0, Priority.NORMAL: 1, Priority.BULK: 2}


def engine_priority(job: Job) -> int:
    """The engine's number, the smallest first: the class, and within it the deadline in minutes since 1970."""
    soon = _CLASS_SPAN - 1
    if job.deadline is not None:
        soon = max(1, min(soon, int(job.deadline // 60)))
    return _CLASSES[job.priority] * _CLASS_SPAN + soon


class Dispatcher:
    """Puts jobs into the engine's queue. The same run twice is the same workflow.

    :param config: of the engine; its tables must exist.
    """

    def __init__(self, config: JobsConfig, ledger: Ledger) -> None:
        self._config, self._ledger = config, ledger
        self._client: DBOSClient | None = None
        self._lock = threading.Lock()

    @property
    def client(self) -> DBOSClient:
        """The engine's client, made when it is first needed: importing it takes a second."""
        from dbos import DBOSClient

        with self._lock:
            if self._client is None:
                self._client = DBOSClient(
                    system_database_url=self._config.engine_url, application_name=APPLICATION,
                    retry_connection_errors=False,
                )  # fmt: skip
            return self._client

    def dispatch(self, job: Job) -> None:
        """Have a job run. Where the program dies before this, a worker does it later."""
        from dbos import WorkflowSerializationFormat

        self.client.enqueue(
            {
                "workflow_name": WORKFLOW, "queue_name": QUEUE, "workflow_id": job.workflow_id,
                "app_version": VERSION, "priority": engine_priority(job),
                "serialization_type": WorkflowSerializationFormat.PORTABLE,
            },
            job.id, job.run,
        )  # fmt: skip
        self._ledger.enqueued(job)

    def status(self, job: Job) -> str | None:
        """What the engine says of a job's run; None where it does not know it."""
        found = self.client.list_workflows(workflow_ids=[job.workflow_id], load_input=False, load_output=False)
        return found[0].status if found else None

    def forget(self, job_id: str, runs: int) -> None:
        """Remove what the engine keeps of a job's runs."""
        self.client.delete_workflows([run_id(job_id, run) for run in range(1, runs + 1)])

    def sweep(self, *, older_than_s: float, at_once: int = 500) -> int:
        """Remove what the engine keeps of runs that are over: the list of jobs has what came of them.

        :returns: how many these were.
        """
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        found = self.client.list_workflows(
            status=sorted(OVER), name=WORKFLOW, completed_before=before.isoformat(), limit=at_once, load_input=False,
            load_output=False,
        )  # fmt: skip
        if found:
            self.client.delete_workflows([item.workflow_id for item in found])
        return len(found)

    def close(self) -> None:
        """Let go of the connections."""
        with self._lock:
            if self._client is not None:
                self._client.destroy()
                self._client = None


__all__ = ["APPLICATION", "OVER", "QUEUE", "VERSION", "WORKFLOW", "Dispatcher", "engine_priority"]

"""Jobs that ended long ago are removed: what they delivered, what was handed in, and their records.

In this order, so that a crash anywhere leaves nothing half told, and any worker goes on where another one stopped:

1. One transaction takes the job from the list and puts a row into the list of what was removed: from then on it is
   gone for everybody who asks. What was run again meanwhile, or is held, stays.
2. The audit log is told. Where it cannot be written, nothing is removed.
3. Files are removed. 4. The row says so.

Sources go the same way, once no job names them (``sources``).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from transcoder.audit.base import Journal
from transcoder.jobs import chunks, sources
from transcoder.jobs.base import ENDED
from transcoder.jobs.database import now, reading
from transcoder.jobs.objects import Objects
from transcoder.jobs.tables import jobs, removed
from transcoder.jobs.tables import sources as places

_LAPSES_S = 120.0
"""A worker that began to remove something and says nothing for so long has died over it."""
_AT_ONCE = 100
JOB_REMOVED, SOURCE_REMOVED = "job-removed", "source-removed"
log = logging.getLogger("transcoder.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What is left of a job. Moments are seconds since 1970."""

    id: str
    case_urn: str | None
    ended: float
    removed: float


class Retention:
    """Removes what is too old; any number of workers may do it at once.

    :param after_s: jobs that ended so long ago go.
    :param worker: this worker's name.
    :param forget_runs: told of each job that goes, to remove what the engine knows of its runs.
    :param grace_s: see ``sources``.
    """

    def __init__(
        self, engine: Engine, objects: Objects, journal: Journal, *, after_s: float, worker: str,
        forget_runs: Callable[[str, int], None], grace_s: float = sources.GRACE_S,
    ) -> None:  # fmt: skip
        self._engine, self._objects, self._journal, self._worker = engine, objects, journal, worker
        self._after_s, self._forget_runs, self._grace_s = after_s, forget_runs, grace_s

    def run(self) -> None:
        """One round.

        :raises TranscodeError: where the storage or the audit log does not answer; the next round goes on.
        """
        for job_id in self._old():
            self._bury(job_id)
        for row in self._open(removed):
            if self._claim(removed, row["id"]):
                self._clear_job(row)
        for place in sources.unused(self._engine, self._grace_s, _AT_ONCE):
            sources.retire(self._engine, place, self._grace_s)
        for row in self._open(places):
            if self._claim(places, row["place"]):
                self._clear_source(row)

    def _old(self) -> list[str]:
        with reading(self._engine) as connection:
            query = sa.select(jobs.c.id).where(_removable(connection, self._after_s)).order_by(jobs.c.ended)
            return list(connection.execute(query.limit(_AT_ONCE)).scalars())

    def _bury(self, job_id: str) -> None:
        with self._engine.begin() as connection:
            # Locked and looked at again: somebody may be having it run once more.
            query = sa.select(jobs).where(jobs.c.id == job_id, _removable(connection, self._after_s)).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is None:
                return
            connection.execute(sa.insert(removed).values(**_epitaph(row), removed=now(connection)))
            sources.know(connection, row["source_place"])
            connection.execute(sa.delete(jobs).where(jobs.c.id == job_id))

    def _open(self, table: sa.Table) -> list[RowMapping]:
        begun = table.c.removed.is_not(None) if table is removed else table.c.retired.is_not(None)
        with reading(self._engine) as connection:
            free = table.c.claimed.is_(None) | (table.c.claimed < now(connection) - _LAPSES_S)
            query = sa.select(table).where(begun, table.c.cleared.is_(None), free).limit(_AT_ONCE)
            return list(connection.execute(query).mappings())

    def _claim(self, table: sa.Table, key: str) -> bool:
        with self._engine.begin() as connection:
            moment = now(connection)
            free = table.c.claimed.is_(None) | (table.c.claimed < moment - _LAPSES_S)
            (name,) = table.primary_key.columns
            mine = sa.update(table).where(name == key, table.c.cleared.is_(None), free)
            return connection.execute(mine.values(claimed=moment, worker=self._worker)).rowcount == 1

    def _clear_job(self, row: RowMapping) -> None:
        self._tell(removed, row["id"], row["told"], JOB_REMOVED, {
            "job": row["id"], "case": {"urn": row["case_urn"]}, "state": row["state"], "ended_at": row["ended"],
            "removed_at": row["removed"], "after_s": self._after_s, "source": {"sha256": row["source_sha256"]},
            "files": json.loads(row["files"]),
        })  # fmt: skip
        chunks.forget(self._engine, self._objects, row["id"])
        for prefix in ("chunks", "deliveries"):
            self._objects.remove(f"{prefix}/{row['id']}")
        self._forget_runs(row["id"], row["runs"])
        self._done(removed, row["id"])
        log.info("removed with its files: it ended too long ago", extra={"job": row["id"]})

    def _clear_source(self, row: RowMapping) -> None:
        sha256 = row["place"].rpartition("/")[2].partition(".")[0]
        facts = {"source": {"sha256": sha256}, "place": row["place"], "removed_at": row["retired"]}
        self._tell(places, row["place"], row["told"], SOURCE_REMOVED, facts)
        self._objects.remove(row["place"])
        self._done(places, row["place"])
        log.info("source %s is removed: no job names it any more", sha256)

    def _tell(self, table: sa.Table, key: str, told: float | None, event: str, facts: dict[str, Any]) -> None:
        """Have it in the log before it is done; a second time only where the program died right after the first."""
        if told is None:
            self._journal.record(event, facts)
            self._mark(table, key, "told")

    def _done(self, table: sa.Table, key: str) -> None:
        self._mark(table, key, "cleared")

    def _mark(self, table: sa.Table, key: str, column: str) -> None:
        (name,) = table.primary_key.columns
        with self._engine.begin() as connection:
            connection.execute(sa.update(table).where(name == key).values({column: now(connection)}))


def find(engine: Engine, job_id: str) -> Removed | None:
    """What is left of a job that was removed."""
    columns = (removed.c.id, removed.c.case_urn, removed.c.ended, removed.c.removed)
    with reading(engine) as connection:
        row = connection.execute(sa.select(*columns).where(removed.c.id == job_id)).mappings().first()
    return Removed(**row) if row is not None else None


def _removable(connection: Connection, after_s: float) -> sa.ColumnElement[bool]:
    return jobs.c.state.in_(list(ENDED)) & (jobs.c.ended < now(connection) - after_s) & jobs.c.hold.is_(None)


def _epitaph(row: RowMapping) -> dict[str, Any]:
    """Hashes and sizes, without names: enough to say that a file somebody has was once delivered here."""
    files = [{key: item[key] for key in ("role", "bytes", "sha256")} for item in json.loads(row["files"])]
    return {
        "id": row["id"], "case_urn": row["case_urn"], "state": row["state"], "runs": row["run"],
        "source_sha256": row["source_sha256"], "files": json.dumps(files), "created": row["created"],
        "ended": row["ended"],
    }  # fmt: skip


__all__ = ["JOB_REMOVED", "SOURCE_REMOVED", "Removed", "Retention", "find"]

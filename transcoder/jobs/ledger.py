"""The list of jobs: every change is one transaction, and what a worker reports counts only while the job is its own."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine, RowMapping

from transcoder.errors import UsageError
from transcoder.jobs import sources
from transcoder.jobs.base import ENDED, Job, JobState, Outcome, Submission
from transcoder.jobs.database import now, reading, upsert
from transcoder.jobs.outbox import announce
from transcoder.jobs.records import Filter, conditions, job_of, readable
from transcoder.jobs.tables import jobs


class Ledger:
    """Jobs in a database.

    :param engine: as ``database.connect`` gives it.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def submit(self, asked: Submission) -> tuple[Job, bool]:
        """Write a job down; the same one again where it is known already.

        :returns: the job, and whether it is new (or is run again after it failed or was cancelled).
        :raises UsageError: where the sender's key was used for something else (``idempotency-conflict``), or the source
            is there no more (``source-removed``).
        """
        key, payload = asked.job_key(), asked.payload_sha256()
        values = {
            "id": f"job_{secrets.token_hex(12)}", "key": key, "payload_sha256": payload, "owner": asked.owner,
            "case_urn": asked.options.urn, "source_name": asked.source.name, "source_bytes": asked.source.bytes,
            "source_sha256": asked.source.sha256, "source_place": asked.source.place,
            "options": json.dumps(asked.options.to_dict(), ensure_ascii=False), "priority": str(asked.priority),
            "deadline": asked.deadline, "timeout_s": asked.timeout_s, "request": asked.request,
            "state": str(JobState.QUEUED), "phase": "queued",
        }  # fmt: skip
        with self.engine.begin() as connection:
            sources.hold(connection, asked.source.place)
            insert = upsert(connection, jobs).values(**values, created=now(connection))
            insert = insert.on_conflict_do_nothing(index_elements=["key"]).returning(jobs.c.id)
            new = connection.execute(insert).first() is not None  # drivers count rows of an insert differently
            # Held until the end: two that submit a failed job anew must not both have it run again.
            row = connection.execute(sa.select(jobs).where(jobs.c.key == key).with_for_update()).mappings().one()
            if row["payload_sha256"] != payload:
                raise UsageError(
                    "this idempotency key was used for another file or other options",
                    hint="a new key for a new job", code="idempotency-conflict",
                )  # fmt: skip
            again = not new and asked.key is None and row["state"] in (JobState.FAILED, JobState.CANCELLED)
            if again:
                row = _again(connection, row, source_place=asked.source.place, request=asked.request)
            return job_of(row), new or again

    def get(self, job_id: str) -> Job | None:
        """One job, or None."""
        with reading(self.engine) as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().first()
        return job_of(row) if row is not None else None

    def list(self, wanted: Filter, *, limit: int, before: tuple[float, str] | None = None) -> Sequence[Job]:
        """Jobs, newest first; ``before`` is ``(created, id)`` of the last one of the page before."""
        query = sa.select(jobs).order_by(jobs.c.created.desc(), jobs.c.id.desc()).limit(limit)
        query = query.where(*conditions(wanted))
        if before is not None:
            query = query.where(sa.tuple_(jobs.c.created, jobs.c.id) < sa.tuple_(*map(sa.literal, before)))
        with reading(self.engine) as connection:
            return [job_of(row) for row in connection.execute(query).mappings()]

    def counts(self, wanted: Filter | None = None) -> Mapping[JobState, int]:
        """How many jobs are in each state."""
        query = sa.select(jobs.c.state, sa.func.count()).where(*conditions(wanted or Filter())).group_by(jobs.c.state)
        with reading(self.engine) as connection:
            found = {JobState(state): int(number) for state, number in connection.execute(query)}
        return {state: found.get(state, 0) for state in JobState}

    def run_again(self, job_id: str, request: str | None = None) -> Job:
        """Queue a job once more that ended.

        :param request: number of the request that asks for it.
        :raises UsageError: where there is none, it has not ended, or there is nothing to do better (delivered).
        """
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id).with_for_update()).mappings().first()
            if row is None or row["state"] not in ENDED or row["state"] == JobState.DELIVERED:
                state = "unknown" if row is None else row["state"]
                raise UsageError(
                    f"it is {state}; only what failed, was refused or was cancelled is run again",
                    where=job_id, code="not-retryable",
                )  # fmt: skip
            return job_of(_again(connection, row, request=request))

    def ask_cancel(self, job_id: str, reason: str) -> Job | None:
        """Note that a job is to stop; one that waits ends at once, one that runs when its worker has stopped it."""
        with self.engine.begin() as connection:
            # Held until the end: between two attempts a job goes from one state to the other and back.
            found = sa.select(jobs.c.state, jobs.c.cancel).where(jobs.c.id == job_id).with_for_update()
            state, asked = connection.execute(found).one_or_none() or (None, None)
            change = _change().where(jobs.c.id == job_id)
            if state == JobState.QUEUED:
                connection.execute(change.values(cancel=reason, **_stopped(connection, reason)))
                announce(connection, job_id)
            elif state == JobState.RUNNING and asked is None:  # the first who asks is the one who did it
                connection.execute(change.values(cancel=reason))
        return self.get(job_id)

    # What workers do

    def unqueued(self, *, older_than_s: float) -> Sequence[Job]:
        """Jobs that wait and that the engine was never told of: the program died between the two."""
        with reading(self.engine) as connection:
            query = sa.select(jobs).where(
                jobs.c.state == JobState.QUEUED, jobs.c.enqueued_run < jobs.c.run,
                jobs.c.created < now(connection) - older_than_s,
            )  # fmt: skip
            return readable(connection.execute(query).mappings())

    def under_way(self) -> Sequence[Job]:
        """Jobs that have not ended and that the engine was told of."""
        with reading(self.engine) as connection:
            active = [JobState.QUEUED, JobState.RUNNING]
            query = sa.select(jobs).where(jobs.c.state.in_(active), jobs.c.enqueued_run == jobs.c.run)
            return readable(connection.execute(query.order_by(jobs.c.created)).mappings())

    def give_up(self, job: Job, error: Mapping[str, Any]) -> bool:
        """End a job that nobody works on any more. False where something has changed since ``job`` was read."""
        with self.engine.begin() as connection:
            same = (jobs.c.id == job.id) & (jobs.c.revision == job.revision)
            ended = {"state": str(JobState.FAILED), "phase": str(JobState.FAILED), "error": json.dumps(error)}
            changed = _change().where(same).values(**ended, worker=None, ended=now(connection))
            return _ended(connection, changed, job.id)

    def requeue(self, job: Job) -> Job | None:
        """Let a job whose run the engine has lost be run once more; what it tried still counts.

        None where something has changed since ``job`` was read.
        """
        # A run that never reached a worker was a try as well, or such a job would go round for ever.
        tried = 1 if job.state == JobState.QUEUED else 0
        with self.engine.begin() as connection:
            same = (jobs.c.id == job.id) & (jobs.c.revision == job.revision)
            values = {
                "state": str(JobState.QUEUED), "phase": "queued", "percent": 0.0, "worker": None,
                "run": jobs.c.run + 1, "tries": jobs.c.tries + tried,
            }  # fmt: skip
            if connection.execute(_change().where(same).values(**values)).rowcount != 1:
                return None
            return job_of(connection.execute(sa.select(jobs).where(jobs.c.id == job.id)).mappings().one())

    def enqueued(self, job: Job) -> None:
        """The engine knows of this run."""
        with self.engine.begin() as connection:
            where = (jobs.c.id == job.id) & (jobs.c.run == job.run)
            connection.execute(sa.update(jobs).where(where).values(enqueued_run=job.run))

    def begin(self, job_id: str, run: int, worker: str) -> Job | None:
        """Make a job this worker's own, whoever had it before. None where there is nothing left to do."""
        with self.engine.begin() as connection:
            open_ = (jobs.c.id == job_id) & (jobs.c.run == run) & jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING])
            asked = connection.execute(
                sa.select(jobs.c.cancel).where(open_ & jobs.c.cancel.is_not(None)).with_for_update()
            ).scalar()
            if asked is not None:  # and the worker that was to stop it is gone
                stopped = _change().where(open_).values(**_stopped(connection, asked), worker=None)
                _ended(connection, stopped, job_id)
                return None
            # Whoever had it neither ended it nor gave it back.
            fell = sa.case((jobs.c.state == JobState.RUNNING, 1), else_=0)
            changed = connection.execute(
                _change().where(open_ & jobs.c.cancel.is_(None)).values(
                    state=str(JobState.RUNNING), phase="starting", percent=0.0, worker=worker,
                    attempt=jobs.c.attempt + 1, tries=jobs.c.tries + 1, falls=sa.func.coalesce(jobs.c.falls, 0) + fell,
                    started=sa.func.coalesce(jobs.c.started, now(connection)), begun=now(connection),
                )
            )  # fmt: skip
            if changed.rowcount != 1:
                return None
            return job_of(connection.execute(sa.select(jobs).where(jobs.c.id == job_id)).mappings().one())

    def holds(self, job: Job) -> bool:
        """Whether the job is still this attempt's, and wanted."""
        with reading(self.engine) as connection:
            query = sa.select(jobs.c.id).where(_mine(job) & jobs.c.cancel.is_(None))
            return connection.execute(query).first() is not None

    def progress(self, job: Job, phase: str, percent: float, warnings: Sequence[str]) -> bool:
        """Write how far it is. False where the job is not this attempt's any more, or is to stop."""
        with self.engine.begin() as connection:
            mine = _mine(job) & jobs.c.cancel.is_(None)
            known = connection.execute(sa.select(jobs.c.warnings).where(mine).with_for_update()).scalar()
            if known is None:
                return False
            # Others warn as well: what they wrote stays.
            texts = json.dumps(list(dict.fromkeys([*json.loads(known), *warnings])), ensure_ascii=False)
            changed = _change().where(mine).values(phase=phase, percent=percent, warnings=texts)
            return connection.execute(changed).rowcount == 1

    def give_back(self, job: Job, phase: str, *, tried: bool = True) -> bool:
        """Let a job wait again, between two attempts or for another worker. False where it is not this attempt's.

        :param tried: False where it was no fault of the job's: the attempt is not counted.
        """
        with self.engine.begin() as connection:
            tries = jobs.c.tries if tried else jobs.c.tries - 1
            waiting = {"state": str(JobState.QUEUED), "phase": phase, "percent": 0.0, "worker": None, "tries": tries}
            return connection.execute(_change().where(_mine(job)).values(**waiting)).rowcount == 1

    def end(self, job: Job, outcome: Outcome) -> bool:
        """Write what came of it, once. False where another attempt has the job: then nothing of this one counts."""
        with self.engine.begin() as connection:
            values: dict[str, Any] = {
                "state": str(outcome.state), "phase": str(outcome.state), "verdict": outcome.verdict,
                "error": json.dumps(outcome.error, ensure_ascii=False) if outcome.error is not None else None,
                "delivery": outcome.delivery, "files": json.dumps(outcome.files, ensure_ascii=False),
                "result": json.dumps(outcome.result, ensure_ascii=False) if outcome.result is not None else None,
                "worker": None, "ended": now(connection),
            }  # fmt: skip
            if outcome.state in (JobState.DELIVERED, JobState.REFUSED):
                values["percent"] = 100.0
            return _ended(connection, _change().where(_mine(job)).values(**values), job.id)

    def warn(self, job_id: str, text: str, *, once: str | None = None) -> bool:
        """Add a warning. False where the job ended, has it already, or has one that begins with ``once``."""
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(jobs).where(jobs.c.id == job_id).with_for_update()).mappings().first()
            if row is None or row["state"] in ENDED:
                return False
            known = json.loads(row["warnings"])
            if any(item == text or (once is not None and item.startswith(once)) for item in known):
                return False
            added = json.dumps([*known, text], ensure_ascii=False)
            connection.execute(_change().where(jobs.c.id == job_id).values(warnings=added))
            return True

    def hold(self, job_id: str, reason: str | None) -> Job | None:
        """Keep a job whatever its age, or let it go its way again (None). None where there is no such job."""
        with self.engine.begin() as connection:
            connection.execute(_change().where(jobs.c.id == job_id).values(hold=reason))
        return self.get(job_id)


def _change() -> sa.Update:
    return sa.update(jobs).values(revision=jobs.c.revision + 1)


def _ended(connection: Connection, change: sa.Update, job_id: str) -> bool:
    """End a job by this change, and have webhooks told of it: both or neither, whenever the power goes."""
    if connection.execute(change).rowcount != 1:
        return False
    announce(connection, job_id)
    return True


def _mine(job: Job) -> sa.ColumnElement[bool]:
    """Whether the job is still the attempt's that holds this record."""
    return (
        (jobs.c.id == job.id)
        & (jobs.c.run == job.run)
        & (jobs.c.attempt == job.attempt)
        & (jobs.c.state == JobState.RUNNING)
    )


def _again(connection: Connection, row: RowMapping, **other: object) -> RowMapping:
    connection.execute(
        _change().where(jobs.c.id == row["id"]).values(
            state=str(JobState.QUEUED), phase="queued", percent=0.0, run=jobs.c.run + 1, tries=0, falls=0, cancel=None,
            at_risk=None, error=None, verdict=None, warnings="[]", delivery=None, files="[]", result=None, started=None,
            ended=None, **other,
        )
    )  # fmt: skip
    return connection.execute(sa.select(jobs).where(jobs.c.id == row["id"])).mappings().one()


def _stopped(connection: Connection, reason: str) -> dict[str, Any]:
    return {
        "state": str(JobState.CANCELLED), "phase": str(JobState.CANCELLED), "ended": now(connection),
        "error": json.dumps(_cancelled(reason), ensure_ascii=False),
    }  # fmt: skip


def _cancelled(reason: str) -> dict[str, Any]:
    return {"code": "cancelled", "message": reason, "where": None, "hint": None, "details": {}}


def cancelled(job: Job) -> Outcome:
    """What a job ends as that was asked to stop."""
    return Outcome(state=JobState.CANCELLED, error=_cancelled(job.cancel or "stopped on request"))


__all__ = ["Filter", "Ledger", "cancelled"]

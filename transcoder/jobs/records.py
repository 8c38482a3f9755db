"""Rows of the table of jobs, read; and which of them a list means."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from transcoder.errors import StorageError, UsageError
from transcoder.jobs.base import Job, JobState, Options, Priority, Source
from transcoder.jobs.tables import jobs

log = logging.getLogger("transcoder.jobs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which jobs of a list are meant; None leaves a field open."""

    cases: Collection[str] | None = None
    """Case references that the reader may see; None means all."""
    case: str | None = None
    states: Collection[JobState] = ()
    verdict: str | None = None
    name: str | None = None
    """Part of the source's name."""


def conditions(wanted: Filter) -> list[sa.ColumnElement[bool]]:
    """The filter, in SQL."""
    found: list[sa.ColumnElement[bool]] = []
    if wanted.cases is not None:
        found.append(jobs.c.case_urn.in_(list(wanted.cases)))
    if wanted.case is not None:
        found.append(jobs.c.case_urn == wanted.case)
    if wanted.states:
        found.append(jobs.c.state.in_([str(state) for state in wanted.states]))
    if wanted.verdict is not None:
        found.append(jobs.c.verdict == wanted.verdict)
    if wanted.name is not None:
        found.append(jobs.c.source_name.icontains(unicodedata.normalize("NFC", wanted.name), autoescape=True))
    return found


def job_of(row: RowMapping) -> Job:
    """The job of a row.

    :raises StorageError: where it holds something else (``job-unreadable``).
    """
    try:
        return Job(
            id=row["id"], key=row["key"], payload_sha256=row["payload_sha256"], owner=row["owner"],
            source=Source(
                name=row["source_name"], bytes=row["source_bytes"], sha256=row["source_sha256"],
                place=row["source_place"],
            ),
            options=Options.from_dict(json.loads(row["options"])), priority=Priority(row["priority"]),
            deadline=row["deadline"], timeout_s=row["timeout_s"], request=row["request"],
            state=JobState(row["state"]), phase=row["phase"],
            percent=row["percent"], run=row["run"], attempt=row["attempt"], tries=row["tries"],
            falls=row["falls"] or 0, worker=row["worker"],
            verdict=row["verdict"], warnings=tuple(json.loads(row["warnings"])),
            error=json.loads(row["error"]) if row["error"] else None, delivery=row["delivery"],
            files=tuple(json.loads(row["files"])), result=json.loads(row["result"]) if row["result"] else None,
            cancel=row["cancel"], revision=row["revision"], created=row["created"], started=row["started"],
            ended=row["ended"], hold=row["hold"], begun=row["begun"], at_risk=row["at_risk"],
        )  # fmt: skip
    except (ValueError, TypeError, UsageError) as error:
        raise StorageError(f"its record cannot be read: {error}", where=str(row["id"]), code="job-unreadable") from None


def readable(rows: Iterable[RowMapping]) -> Sequence[Job]:
    """Jobs of these rows, without those whose record is damaged: one such must not stop what is done for all."""
    found = []
    for row in rows:
        try:
            found.append(job_of(row))
        except StorageError as error:
            log.error("%s", error)
    return found


__all__ = ["Filter", "conditions", "job_of", "readable"]

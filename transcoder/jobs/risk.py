"""Which jobs will not be ready by their deadline: said while there is still time to do something about it.

What a job still needs is measured: a job that runs by how far it came since this attempt began, one that waits by how
long jobs of its kind took for each byte, behind those that go before it. Where nothing like it was done yet, there is
no estimate, and only a deadline that has passed is told.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from transcoder.jobs.base import Job, JobState
from transcoder.jobs.database import now, reading
from transcoder.jobs.dispatch import engine_priority
from transcoder.jobs.records import readable
from transcoder.jobs.tables import jobs, workers

_LAST = 100
"""Jobs that ended last, from which it is known how long such jobs take."""
_TELLING_PERCENT, _TELLING_S = 5.0, 10.0
"""From here on a job's own progress says more than other jobs do."""
_ALIVE_S = 30.0
_PASSED = "its deadline has passed"
_ENTER, _LEAVE = 1.2, 1.5
"""At risk where less than so many times the needed time is left; not any more where more than so many times is. The
gap between them keeps a job from going to and fro."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Seconds that a byte of source took, as a median, by kind of file and over all; None where nothing is known."""

    by_kind: Mapping[str, float]
    of_all: float | None

    def needed_s(self, job: Job) -> float | None:
        """For the whole of a job."""
        rate = self.by_kind.get(_kind(job.source.name), self.of_all)
        return rate * job.source.bytes if rate is not None else None


def pace(done: Sequence[tuple[str, int, float]]) -> Pace:
    """From jobs that are done: name and bytes of the source, and the seconds that it took."""
    rates: dict[str, list[float]] = {}
    for name, size, took_s in done:
        rates.setdefault(_kind(name), []).append(took_s / max(1, size))
    everything = [rate for known in rates.values() for rate in known]
    return Pace(
        by_kind={kind: statistics.median(known) for kind, known in rates.items()},
        of_all=statistics.median(everything) if everything else None,
    )


def needed(active: Sequence[Job], known: Pace, *, slots: int, moment: float) -> dict[str, float | None]:
    """Seconds from now until each job is done, by its id; None where nobody can tell.

    :param active: all jobs that run or wait.
    :param slots: jobs that are done at a time.
    :param moment: now, in seconds since 1970.
    """
    found: dict[str, float | None] = {}
    ahead_s = 0.0
    for job in (job for job in active if job.state is JobState.RUNNING):
        found[job.id] = rest = _rest_s(job, known, moment)
        ahead_s += rest or 0.0
    queued = [job for job in active if job.state is JobState.QUEUED]
    waiting = sorted(queued, key=lambda job: (engine_priority(job), job.created))
    for job in waiting:
        own = known.needed_s(job)
        found[job.id] = ahead_s / max(1, slots) + own if own is not None else None
        ahead_s += own or 0.0
    return found


def reason(job: Job, needed_s: float | None, moment: float) -> str | None:
    """Why it is at risk; None where it is not."""
    if job.deadline is None:
        return None
    left_s = job.deadline - moment
    if left_s <= 0:
        return _PASSED
    factor = _LEAVE if job.at_risk is not None else _ENTER
    if needed_s is None or left_s >= needed_s * factor:
        return None
    return f"it needs about {_span(needed_s)} more, and {_span(left_s)} are left"


def assess(engine: Engine) -> list[tuple[Job, str]]:
    """Look at all jobs that have a deadline, and write down which are at risk and why.

    :returns: those that are at risk from now on, and why; of several workers one is told of each.
    """
    with reading(engine) as connection:
        moment = now(connection)
        active = readable(connection.execute(sa.select(jobs).where(_ACTIVE)).mappings())
        if all(job.deadline is None for job in active):
            return []
        alive = workers.c.beat > moment - _ALIVE_S
        slots = connection.execute(sa.select(sa.func.sum(sa.func.coalesce(workers.c.slots, 1))).where(alive)).scalar()
        known = pace(_done(connection))
    new = []
    for job_id, needed_s in needed(active, known, slots=int(slots or 1), moment=moment).items():
        job = next(job for job in active if job.id == job_id)
        why = reason(job, needed_s, moment)
        # The figures change with every look: written anew they would only wake everybody who follows it.
        turned = (why is None) != (job.at_risk is None) or (why == _PASSED != job.at_risk)
        if turned and _write(engine, job, why) and why is not None:
            new.append((job, why))
    return new


_ACTIVE = jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING])


def _write(engine: Engine, job: Job, why: str | None) -> bool:
    was = jobs.c.at_risk.is_(None) if job.at_risk is None else jobs.c.at_risk == job.at_risk
    with engine.begin() as connection:
        change = sa.update(jobs).where(jobs.c.id == job.id, jobs.c.run == job.run, _ACTIVE, was)
        return connection.execute(change.values(at_risk=why, revision=jobs.c.revision + 1)).rowcount == 1


def _done(connection: Connection) -> Sequence[tuple[str, int, float]]:
    took = jobs.c.ended - jobs.c.started
    over = jobs.c.state.in_([JobState.DELIVERED, JobState.REFUSED]) & jobs.c.started.is_not(None)
    query = sa.select(jobs.c.source_name, jobs.c.source_bytes, took).where(over).order_by(jobs.c.ended.desc())
    return [(str(name), int(size), float(took_s)) for name, size, took_s in connection.execute(query.limit(_LAST))]


def _rest_s(job: Job, known: Pace, moment: float) -> float | None:
    spent_s = max(0.0, moment - job.begun) if job.begun is not None else 0.0
    if job.percent >= _TELLING_PERCENT and spent_s >= _TELLING_S:
        return spent_s * (100.0 - job.percent) / job.percent
    whole = known.needed_s(job)
    return max(0.0, whole - spent_s) if whole is not None else None


def _kind(name: str) -> str:
    return PurePath(name).suffix.lower()


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


__all__ = ["Pace", "assess", "needed", "pace", "reason"]

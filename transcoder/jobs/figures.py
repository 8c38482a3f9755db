"""The queue in figures, for those who watch over it: no names, no cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from transcoder.jobs.base import ENDED, JobState
from transcoder.jobs.database import now, reading
from transcoder.jobs.tables import jobs

DURATIONS_S = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 21_600.0)
"""Bounds that the times of jobs are counted by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How the queue stands."""

    states: Mapping[JobState, int]
    oldest_queued_s: float
    """How long the oldest job that waits has been waiting; 0 where none waits."""
    attempts: int
    """Of all jobs that are kept."""
    ended_within: Sequence[int]
    """For each of ``DURATIONS_S``: jobs that took no longer, from the beginning of their first attempt."""
    at_risk: int
    """Jobs that wait or run and will miss their deadline, as far as can be seen."""
    ended: int
    ended_total_s: float


def figures(engine: Engine) -> Figures:
    """Ask the database for all of it, at one moment."""
    took = jobs.c.ended - jobs.c.started
    within = [sa.func.sum(sa.case((took <= bound, 1), else_=0)) for bound in DURATIONS_S]
    over = jobs.c.state.in_(list(ENDED)) & jobs.c.started.is_not(None) & jobs.c.ended.is_not(None)
    with reading(engine) as connection:
        moment = now(connection)
        by_state = sa.select(jobs.c.state, sa.func.count()).group_by(jobs.c.state)
        states = {row[0]: row[1] for row in connection.execute(by_state)}
        oldest = connection.execute(
            sa.select(sa.func.min(jobs.c.created)).where(jobs.c.state == JobState.QUEUED)
        ).scalar()
        active = jobs.c.state.in_([JobState.QUEUED, JobState.RUNNING])
        at_risk = connection.execute(
            sa.select(sa.func.count()).select_from(jobs).where(active, jobs.c.at_risk.is_not(None))
        ).scalar_one()
        attempts = connection.execute(sa.select(sa.func.sum(jobs.c.attempt))).scalar()
        ended, total_s, *counts = connection.execute(
            sa.select(sa.func.count(), sa.func.sum(took), *within).where(over)
        ).one()
    return Figures(
        states={state: int(states.get(state, 0)) for state in JobState},
        oldest_queued_s=max(0.0, moment - oldest) if oldest is not None else 0.0, attempts=int(attempts or 0),
        ended_within=[int(count or 0) for count in counts], at_risk=int(at_risk),
        ended=int(ended), ended_total_s=float(total_s or 0.0),
    )  # fmt: skip


__all__ = ["DURATIONS_S", "Figures", "figures"]

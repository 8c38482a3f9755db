"""Chunks of jobs in the database and the shared storage: a crash costs one part, and idle workers help with others.

Whoever makes a chunk holds it by a claim that it renews; a claim that is not renewed lapses. That a chunk is made
twice can happen then (a worker that stood still), and does no harm: both are whole, and the later one replaces the
earlier under its name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from transcoder.jobs.base import ENDED, JobState
from transcoder.jobs.database import now, reading
from transcoder.jobs.objects import Objects
from transcoder.jobs.tables import chunks, jobs, workers
from transcoder.parts.chunks import KIT, State

_LAPSES_S = 30.0
MOST_HELPED = 2
"""So often others try a chunk. One that ends whoever makes it must not go round all helpers, and round again."""


class JobChunks:
    """The chunks of one job, for the process that does it (a ``ChunkStore``).

    :param worker: whose process this is.
    :param attempt: number of this attempt; claims of earlier ones do not count.
    """

    def __init__(self, engine: Engine, objects: Objects, *, job_id: str, worker: str, attempt: int) -> None:
        self._engine, self._objects, self._job, self._worker = engine, objects, job_id, worker
        self._own = f"attempt {attempt}"

    def begin(self) -> int:
        """See ``ChunkStore``."""
        with self._engine.begin() as connection:
            earlier = (chunks.c.job_id == self._job) & chunks.c.done.is_(None) & chunks.c.worker.like("attempt %")
            connection.execute(sa.update(chunks).where(earlier).values(worker=None, claimed=None))
            busy = sa.select(jobs.c.worker).where(jobs.c.state == JobState.RUNNING, jobs.c.worker.is_not(None))
            alive = (workers.c.beat > now(connection) - _LAPSES_S) & (workers.c.id != self._worker)
            idle = sa.select(sa.func.count()).select_from(workers).where(alive, workers.c.id.not_in(busy))
            return int(connection.execute(idle).scalar_one())

    def done(self) -> Sequence[str]:
        """See ``ChunkStore``."""
        with reading(self._engine) as connection:
            mine = (chunks.c.job_id == self._job) & chunks.c.done.is_not(None)
            return sorted(connection.execute(sa.select(chunks.c.name).where(mine)).scalars())

    def offer(self, name: str) -> State:
        """See ``ChunkStore``."""
        with self._engine.begin() as connection:
            _insert(connection, self._job, name)
            row = connection.execute(sa.select(chunks).where(_named(self._job, name))).mappings().one()
            if row["done"] is not None:
                return State.DONE
            held = row["worker"] is not None
            lapsed = held and row["worker"] != self._own and row["claimed"] < now(connection) - _LAPSES_S
            if lapsed:
                connection.execute(sa.update(chunks).where(_named(self._job, name)).values(worker=None, claimed=None))
            return State.BUSY if held and not lapsed else State.OPEN

    def claim(self, name: str) -> bool:
        """See ``ChunkStore``. The job's own claims lapse with its attempt, not with time."""
        with self._engine.begin() as connection:
            _insert(connection, self._job, name)
            return _claim(connection, self._job, name, self._own)

    def keep(self, name: str, file: Path) -> None:
        """See ``ChunkStore``."""
        keep(self._engine, self._objects, self._job, name, file, self._own)

    def fetch(self, name: str, target: Path) -> None:
        """See ``ChunkStore``."""
        self._objects.fetch(_place(self._job, name), target)


def find(engine: Engine, worker: str, skip: Collection[tuple[str, str]] = ()) -> tuple[str, str] | None:
    """Claim a chunk that another worker's job offers; ``(job id, name)``, or None where there is none.

    The chunk in the middle of the offers is taken: the job's own process takes them from the front.
    """
    other = (jobs.c.state == JobState.RUNNING) & (jobs.c.worker != worker) & jobs.c.cancel.is_(None)
    open_ = chunks.c.worker.is_(None) & chunks.c.done.is_(None) & (chunks.c.name != KIT)
    open_ &= _helped() < MOST_HELPED
    offers = sa.select(chunks.c.job_id, chunks.c.name).join(jobs, jobs.c.id == chunks.c.job_id).where(other, open_)
    with reading(engine) as connection:  # most often there is none: no need to lock anything for that
        rows = connection.execute(offers.order_by(chunks.c.job_id, chunks.c.name)).all()
    found = [(str(job_id), str(name)) for job_id, name in rows if (job_id, name) not in skip]
    for job_id, name in (*found[len(found) // 2 :], *found[: len(found) // 2]):
        with engine.begin() as connection:
            # Counted before anything is tried: who is killed over it counts nothing afterwards.
            if _claim(connection, job_id, name, worker, helped=_helped() + 1):
                return job_id, name
    return None


def renew(engine: Engine, job_id: str, name: str, worker: str) -> bool:
    """Hold a claim longer. False where it is lost, or the job is over: then nobody waits for the chunk."""
    running = sa.exists().where(jobs.c.id == job_id, jobs.c.state == JobState.RUNNING, jobs.c.cancel.is_(None))
    with engine.begin() as connection:
        mine = _named(job_id, name) & (chunks.c.worker == worker) & running
        return connection.execute(sa.update(chunks).where(mine).values(claimed=now(connection))).rowcount == 1


def drop(engine: Engine, job_id: str, name: str, worker: str) -> None:
    """Give a claim back: the chunk was not made."""
    with engine.begin() as connection:
        mine = _named(job_id, name) & (chunks.c.worker == worker) & chunks.c.done.is_(None)
        connection.execute(sa.update(chunks).where(mine).values(worker=None, claimed=None))


def keep(engine: Engine, objects: Objects, job_id: str, name: str, file: Path, worker: str) -> None:
    """Put a finished chunk where everybody finds it."""
    objects.put(_place(job_id, name), file)
    with engine.begin() as connection:
        _insert(connection, job_id, name)
        done = {"done": now(connection), "worker": worker}
        connection.execute(sa.update(chunks).where(_named(job_id, name)).values(**done))


def forget(engine: Engine, objects: Objects, job_id: str) -> None:
    """Remove the chunks of a job that is over."""
    with engine.begin() as connection:
        known = connection.execute(sa.delete(chunks).where(chunks.c.job_id == job_id)).rowcount
    if known:
        objects.remove(f"chunks/{job_id}")


def left_over(engine: Engine) -> Sequence[str]:
    """Jobs that ended a while ago and still have chunks: their worker died, or the storage was away."""
    with reading(engine) as connection:
        over = jobs.c.state.in_(list(ENDED)) & (jobs.c.ended < now(connection) - _LAPSES_S)
        query = sa.select(chunks.c.job_id).join(jobs, jobs.c.id == chunks.c.job_id).where(over).distinct()
        return list(connection.execute(query).scalars())


def kit_of(job_id: str) -> str:
    """The object that holds a job's kit."""
    return _place(job_id, KIT)


def _place(job_id: str, name: str) -> str:
    return f"chunks/{job_id}/{name}"


def _named(job_id: str, name: str) -> sa.ColumnElement[bool]:
    return (chunks.c.job_id == job_id) & (chunks.c.name == name)


def _insert(connection: Connection, job_id: str, name: str) -> None:
    known = sa.exists().where(_named(job_id, name))
    row = sa.select(sa.literal(job_id), sa.literal(name)).where(~known)
    connection.execute(sa.insert(chunks).from_select(["job_id", "name"], row))


def _helped() -> sa.ColumnElement[int]:
    return sa.func.coalesce(chunks.c.helped, 0)


def _claim(connection: Connection, job_id: str, name: str, worker: str, **more: object) -> bool:
    free = _named(job_id, name) & chunks.c.worker.is_(None) & chunks.c.done.is_(None)
    taken = sa.update(chunks).where(free).values(worker=worker, claimed=now(connection), **more)
    return connection.execute(taken).rowcount == 1


__all__ = ["MOST_HELPED", "JobChunks", "drop", "find", "forget", "keep", "kit_of", "left_over", "renew"]

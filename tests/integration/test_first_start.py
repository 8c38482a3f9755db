"""The first start on an empty store, in whatever order: who is first makes what lacks, and no job is lost."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from tests.helpers.jobs import Postgres
from tests.helpers.live import Live
from tests.helpers.workshop import until
from transcoder.errors import StorageError
from transcoder.hosting import open_host
from transcoder.jobs.tables import metadata
from transcoder.settings import Settings


class Town:
    """A database that nobody has used, and what is started upon it."""

    def __init__(self, database: str, folder: Path, ends: contextlib.ExitStack) -> None:
        self.database, self.folder, self._ends = database, folder, ends
        self.environment = {"TRANSCODER_DATABASE_URL": database, "TRANSCODER_STORAGE": str(folder / "storage")}

    def api(self) -> Live:
        found = Live(self.folder / "api", "--no-worker", **self.environment)
        self._ends.callback(found.kill)
        return found

    def worker(self, name: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("wb") as log:
            found = subprocess.Popen(
                [sys.executable, "-m", "transcoder", "worker"], stderr=log,
                env=os.environ | self.environment | {"TRANSCODER_HOME": str(self.folder / name)},
            )  # fmt: skip
        self._ends.callback(found.wait)
        self._ends.callback(found.kill)
        return found

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.rglob("*.log")))

    def workers(self, api: Live, number: int) -> None:
        until(lambda: httpx.get(f"{api.url}/readyz").json().get("workers") == number, f"workers: {self.log()[-2000:]}")


@pytest.fixture
def town(postgres: Postgres, tmp_path: Path) -> Iterator[Town]:
    database = postgres.database()
    with contextlib.ExitStack() as ends:
        yield Town(database, tmp_path, ends)
    postgres.drop(database)


@contextlib.contextmanager
def at(api: Live) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {api.token()}"}
    with httpx.Client(base_url=api.url, headers=headers, timeout=60.0) as client:
        yield client


def hand_in(client: httpx.Client, source: Path, cap_bytes: int) -> str:
    given = {"options": json.dumps({"cap_bytes": cap_bytes})}
    answer = client.post("/v1/jobs", files={"file": (source.name, source.read_bytes())}, data=given)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def ended(client: httpx.Client, job: str, log: Callable[[], str]) -> dict[str, Any]:
    def over() -> dict[str, Any] | None:
        found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        return found if found["state"] not in ("queued", "running") else None

    found: dict[str, Any] = until(over, f"its end: {log()[-2000:]}")
    return found


def test_an_api_without_any_worker_takes_jobs_that_a_worker_does_which_comes_later(town: Town, samples: Path) -> None:
    api = town.api()
    api.start()
    assert httpx.get(f"{api.url}/readyz").status_code == 503  # it says so: nobody would do the work
    with at(api) as client:
        job = hand_in(client, samples / "cctv_still.jpg", 100_000)
        other = hand_in(client, samples / "cctv_still.jpg", 90_000)
        assert client.delete(f"/v1/jobs/{other}").json()["state"] == "cancelled"
        assert client.post(f"/v1/jobs/{other}/retry").json()["state"] == "queued"
        api.kill()  # the one process that took them: what it knew is in the database
        api.start()
        assert client.get(f"/v1/jobs/{job}").json()["state"] == "queued"
        assert "Traceback" not in town.log()
        town.worker("one")
        town.workers(api, 1)
        assert httpx.get(f"{api.url}/readyz").status_code == 200
        assert [ended(client, item, town.log)["state"] for item in (job, other)] == ["delivered", "delivered"]
        third = hand_in(client, samples / "cctv_still.jpg", 80_000)  # the engine is there now
        assert ended(client, third, town.log)["state"] == "delivered"


def test_everything_at_the_same_moment(town: Town, samples: Path) -> None:
    api = town.api()
    with ThreadPoolExecutor(4) as at_once:
        answering = at_once.submit(api.start)
        workers = list(at_once.map(town.worker, ("one", "two", "three")))
        answering.result()
    town.workers(api, 3)
    assert [worker.poll() for worker in workers] == [None] * 3
    assert "Traceback" not in town.log()
    with at(api) as client:
        jobs = [hand_in(client, samples / "cctv_still.jpg", cap) for cap in (100_000, 90_000, 80_000)]
        assert [ended(client, job, town.log)["state"] for job in jobs] == ["delivered"] * 3


def test_a_worker_first(town: Town, samples: Path) -> None:
    worker = town.worker("one")
    until(lambda: "is ready" in town.log() or worker.poll() is not None, "the worker")
    api = town.api()
    api.start()
    town.workers(api, 1)
    with at(api) as client:
        assert ended(client, hand_in(client, samples / "cctv_still.jpg", 100_000), town.log)["state"] == "delivered"


OPEN = "from transcoder.hosting import open_host; h = open_host(); print(h.service(None).config.secret.hex())"


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_programs_open_an_empty_store_and_agree(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    server: Postgres | None = request.getfixturevalue("postgres") if kind == "postgres" else None
    database = server.database() if server is not None else f"sqlite:///{tmp_path}/home/service/jobs.sqlite"
    environment = os.environ | {"TRANSCODER_HOME": str(tmp_path / "home"), "TRANSCODER_DATABASE_URL": database}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]  # fmt: skip
    said = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0] * 6, said
    assert len({out for out, _ in said}) == 1, "sessions of one process hold in the others"
    assert all(len(out.strip()) == 64 for out, _ in said)
    host = open_host(Settings.from_environment(environment), environment)
    assert set(sa.inspect(host.ledger.engine).get_table_names()) == set(metadata.tables)
    host.ledger.engine.dispose()
    if server is not None:
        server.drop(database)


def test_an_empty_key_for_sessions_is_no_key(tmp_path: Path) -> None:
    environment = {"TRANSCODER_HOME": str(tmp_path)}
    host = open_host(Settings.from_environment(environment), environment)
    (host.home / "session.key").write_bytes(b"")
    with pytest.raises(StorageError) as damaged:
        host.service(None)
    assert damaged.value.code == "session-key"

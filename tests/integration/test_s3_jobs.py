"""The whole service over S3 and Postgres: an API and two workers that share nothing on disk."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.helpers.jobs import Postgres
from tests.helpers.live import Live
from tests.helpers.s3 import S3, s3_server
from tests.helpers.workshop import until


@dataclass
class Cluster:
    """An API that does no work itself, and what its workers say."""

    api: Live
    s3: S3
    folder: Path

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.api.url, headers={"Authorization": f"Bearer {self.api.token()}"}, timeout=60.0
        )

    def log(self) -> str:
        return "".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))


@pytest.fixture
def cluster(postgres: Postgres, tmp_path: Path) -> Iterator[Cluster]:
    database = postgres.database()
    with s3_server() as s3, contextlib.ExitStack() as ends:
        common = {
            "TRANSCODER_DATABASE_URL": database, "TRANSCODER_STORAGE": s3.place, "AWS_MAX_ATTEMPTS": "2",
            **s3.environment(),
        }  # fmt: skip
        api = Live(tmp_path / "api", "--no-worker", **common)
        api.start()
        ends.callback(api.kill)
        for name in ("one", "two"):
            with (tmp_path / f"{name}.log").open("wb") as log:
                worker = subprocess.Popen(
                    [sys.executable, "-m", "transcoder", "worker"], stderr=log,
                    env=os.environ | common | {"TRANSCODER_HOME": str(tmp_path / name)},
                )  # fmt: skip
            ends.callback(worker.wait)
            ends.callback(worker.kill)
        until(lambda: httpx.get(f"{api.url}/readyz").json().get("workers") == 2, "two workers")
        yield Cluster(api, s3, tmp_path)
    postgres.drop(database)


def test_a_job_is_delivered_by_hosts_that_share_only_s3_and_postgres_also_through_an_outage(
    cluster: Cluster, samples: Path, tmp_path: Path
) -> None:
    source = samples / "cctv_still.jpg"
    with cluster.client() as client:
        given = {"options": json.dumps({"cap_bytes": 100_000})}
        job = client.post("/v1/jobs", files={"file": ("Łódź_監視_वीडियो.jpg", source.read_bytes())}, data=given).json()[
            "id"
        ]

        def now() -> dict[str, Any]:
            found: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
            return found

        until(lambda: now()["state"] == "running", "its beginning")
        cluster.s3.cut()
        until(lambda: "failed and is tried again" in cluster.log(), f"a failed attempt: {cluster.log()[-1000:]}")
        assert now()["state"] in ("queued", "running")
        cluster.s3.mend()
        until(lambda: now()["state"] not in ("queued", "running"), "its end")
        ended = now()
        assert (ended["state"], ended["error"]) == ("delivered", None), cluster.log()[-3000:]
        assert ended["attempt"] > 1
        assert {file["name"].partition("_cps")[0] for file in ended["files"]} == {"Łódź_監視_वीडियो"}
        for file in ended["files"]:
            answer = client.get(file["href"])
            assert len(answer.content) == file["bytes"]
            (tmp_path / file["name"]).write_bytes(answer.content)
        assert client.post("/v1/verify", json={"job": job}, timeout=60.0).json()["ok"]
    assert not list((tmp_path / "api").rglob("*.jpg"))
    done = subprocess.run(
        [sys.executable, "-m", "transcoder", "verify", str(tmp_path), "--source", str(source)], capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr

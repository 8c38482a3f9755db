"""The service without a worker: real stores in a folder, and jobs that are ended by hand."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastapi.testclient import TestClient

from transcoder.hosting import Host, open_host
from transcoder.jobs.base import Job, JobState, Outcome
from transcoder.jobs.dispatch import Dispatcher
from transcoder.jobs.submitting import Desk
from transcoder.server.access import Role
from transcoder.server.application import create
from transcoder.server.service import Service
from transcoder.settings import Settings


class NoEngine(Dispatcher):
    """The engine's place, where nobody works."""

    def dispatch(self, job: Job) -> None:
        self._ledger.enqueued(job)

    def status(self, job: Job) -> str | None:
        return None


@dataclass(frozen=True)
class Bench:
    """A service and what a test does to it."""

    host: Host
    service: Service
    home: Path

    def token(self, role: Role = Role.SUBMIT, **more: Any) -> str:
        return self.host.tokens().create("test", role, **more)[0]

    def client(self, role: Role | None = Role.SUBMIT, **more: Any) -> TestClient:
        """A client with a new token, or with none."""
        client = TestClient(create(self.service), raise_server_exceptions=False, base_url="http://127.0.0.1")
        if role is not None:
            client.headers["Authorization"] = f"Bearer {self.token(role, **more)}"
        return client

    def deliver(self, job_id: str, files: dict[str, bytes] | None = None, worker: str = "by-hand") -> Job:
        """End a job as a worker does."""
        found = self.host.ledger.get(job_id)
        assert found is not None
        job = self.host.ledger.begin(job_id, found.run, worker)
        assert job is not None
        place, described = f"deliveries/{job.id}/{job.attempt}", []
        for name, content in (files or {"a.mp4": b"delivered"}).items():
            rough = self.home / "rough"
            rough.write_bytes(content)
            self.host.objects.put(f"{place}/{name}", rough)
            described.append({"name": name, "role": "media", "bytes": len(content), "sha256": sha256(content)})
        outcome = Outcome(
            state=JobState.DELIVERED, verdict="accepted", delivery=place, files=tuple(described), result={"ok": True}
        )
        assert self.host.ledger.end(job, outcome)
        ended = self.host.ledger.get(job_id)
        assert ended is not None
        return ended


def bench(home: Path, environment: dict[str, str] | None = None, *, authentication: bool = True) -> Bench:
    """A service whose state is all in ``home``."""
    from os import environ

    whole = {**environ, "TRANSCODER_HOME": str(home), "TRANSCODER_KEEP_FREE_BYTES": "1", **(environment or {})}
    host = open_host(Settings.from_environment(whole), whole)
    service = host.service(None, authentication=authentication)
    dispatcher = NoEngine(host.config, host.ledger)
    desk = Desk(host.config, host.ledger, host.objects, dispatcher)
    return Bench(host=host, service=replace(service, dispatcher=dispatcher, desk=desk), home=home)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def sent(client: TestClient, content: bytes = b"pictures", name: str = "a.mp4", **more: Any) -> Any:
    """POST a file to /v1/jobs."""
    return client.post("/v1/jobs", files={"file": (name, content)}, **more)

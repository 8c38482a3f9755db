"""The client."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import httpx

from transcoder.client import fetching, following, sending
from transcoder.client.calls import Calls, ServiceError
from transcoder.client.shapes import Job, Profile
from transcoder.version import __version__

if TYPE_CHECKING:
    from transcoder.certificate.verify import Verification

_IN_BLOCKS_FROM_BYTES = 64 << 20
Heard = Callable[[Job], None]
Sent = Callable[[int, int], None]


class Client:
    """Talks to one service. Not for several threads at once.

    Requests are made again after lost connections and answers of 429, 502, 503 and 504, with growing pauses or those
    that the service asks for. That is safe: the same file with the same options is the same job.

    :param url: of the service, without ``/v1``.
    :param token: from ``transcoder token create``.
    :param tries: how often a request is made at most.
    :param transport: replaces the network, for tests.
    """

    def __init__(
        self, url: str, token: str | None = None, *, timeout_s: float = 60.0, tries: int = 6,
        transport: httpx.BaseTransport | None = None, sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        headers = {"User-Agent": f"transcoder/{__version__}"} | ({"Authorization": f"Bearer {token}"} if token else {})
        # Redirects are not followed: a token must not go to another host.
        http = httpx.Client(base_url=url.rstrip("/"), headers=headers, timeout=timeout_s, transport=transport)
        self._calls = Calls(http, tries=tries, sleep=sleep)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._calls.http.close()

    def submit(
        self, source: Path | str, *, profile: str = "cps-twif-1mb", case: Mapping[str, str] | None = None,
        idempotency_key: str | None = None, deadline: datetime | None = None, resumable: bool | None = None,
        on_sent: Sent | None = None, **options: Any,
    ) -> Job:  # fmt: skip
        """Upload a file and have it delivered. The same file with the same options is the same job.

        :param case: ``urn``, ``exhibit``, ``operator``, ``description``.
        :param idempotency_key: your own, where the content is not to be it.
        :param deadline: by when it must be done, with its time zone.
        :param resumable: in blocks, so that a broken line costs only what it broke; None means from 64 MB on.
        :param on_sent: called with bytes so far and in all, where the upload goes in blocks.
        :param options: more fields of ``Wishes`` in the service's OpenAPI document: ``cap_bytes``, ``priority``, ...
        :raises InputError: where the file cannot be read.
        :raises ServiceError: where the service does not take it.
        """
        path = Path(source)
        wishes = _wishes(profile, case, deadline, options)
        with sending.opened(path) as file:
            size = file.seek(0, 2)
        if resumable or (resumable is None and size >= _IN_BLOCKS_FROM_BYTES):
            try:
                upload = sending.in_blocks(self._calls, path, on_sent or (lambda _done, _total: None))
            except ServiceError as error:
                if resumable or error.status not in (404, 405):  # a service that knows only forms
                    raise
            else:
                return self._submit_there({"upload": upload}, wishes, idempotency_key)
        return Job.of(sending.in_one_form(self._calls, path, json.dumps(wishes), _key(idempotency_key)))

    def submit_path(
        self, path: str, *, profile: str = "cps-twif-1mb", case: Mapping[str, str] | None = None,
        idempotency_key: str | None = None, deadline: datetime | None = None, **options: Any,
    ) -> Job:  # fmt: skip
        """Have a file delivered that lies on the service's machine, under a folder that it allows."""
        return self._submit_there({"path": path}, _wishes(profile, case, deadline, options), idempotency_key)

    def _submit_there(self, source: Mapping[str, str], wishes: Mapping[str, Any], key: str | None) -> Job:
        body = {"source": source, "options": wishes}
        return Job.of(self._calls.json("POST", "/v1/jobs", json=body, headers=_key(key)))

    def job(self, job_id: str) -> Job:
        """One job. :raises ServiceError: ``not-found`` where there is none that this token may see."""
        return Job.of(self._calls.json("GET", f"/v1/jobs/{job_id}"))

    def jobs(
        self, *, case: str | None = None, states: Sequence[str] = (), verdict: str | None = None,
        name: str | None = None, page: int = 50,
    ) -> Iterator[Job]:  # fmt: skip
        """Jobs, newest first, fetched page by page while they are asked for."""
        given = {"case": case, "state": list(states), "verdict": verdict, "name": name, "limit": page}
        wanted = {key: value for key, value in given.items() if value is not None}
        while True:
            answer = self._calls.json("GET", "/v1/jobs", params=wanted)
            yield from map(Job.of, answer["jobs"])
            if answer["next"] is None:
                return
            wanted["after"] = answer["next"]

    def wait(self, job_id: str, on_progress: Heard | None = None, *, timeout_s: float | None = None) -> Job:
        """Wait until a job has ended, however it ended: look at its ``state``.

        :param on_progress: called with the job at each change.
        :raises ServiceError: ``wait-timeout``; the job goes on then.
        """
        return following.follow(self._calls, job_id, on_progress or (lambda _: None), timeout_s=timeout_s)

    def cancel(self, job_id: str) -> Job:
        """Stop a job; one that runs ends a moment later. One that ended stays as it is."""
        return Job.of(self._calls.json("DELETE", f"/v1/jobs/{job_id}"))

    def retry(self, job_id: str) -> Job:
        """Run a job again that failed, was refused or was cancelled."""
        return Job.of(self._calls.json("POST", f"/v1/jobs/{job_id}/retry", repeatable=False))

    def download(self, job: Job | str, folder: Path | str) -> Sequence[Path]:
        """Fetch every file of a job's delivery, the certificate last, each checked by length and SHA-256.

        :raises ServiceError: where there is no delivery (``no-delivery``).
        :raises OutputMismatch: where other bytes arrive than the job says.
        :raises StorageError: where they cannot be written; nothing is overwritten.
        """
        found = self.job(job) if isinstance(job, str) else job
        if not found.files:
            raise ServiceError(f"this job is {found.state} and has no files", where=found.id, code="no-delivery")
        return fetching.fetch_all(self._calls, found, Path(folder))

    def verify(
        self, folder: Path | str, *, source: Path | str | None = None, ca: Path | str | None = None
    ) -> Sequence[Verification]:
        """Verify what was fetched here, without the service; see ``transcoder.verify``."""
        from transcoder.checking import verify

        return verify(folder, source=source, ca=ca)

    def profiles(self) -> Sequence[Profile]:
        """The transmission profiles that jobs may name."""
        keys = ("name", "title", "cap_bytes", "summary")
        return [Profile(**{key: item[key] for key in keys}) for item in self._calls.json("GET", "/v1/profiles")]


def _wishes(
    profile: str, case: Mapping[str, str] | None, deadline: datetime | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    wishes: dict[str, Any] = {"profile": profile, **options}
    if case is not None:
        wishes["case"] = dict(case)
    if deadline is not None:
        wishes["deadline"] = deadline.isoformat()
    return wishes


def _key(given: str | None) -> dict[str, str]:
    return {"Idempotency-Key": given} if given is not None else {}


__all__ = ["Client"]

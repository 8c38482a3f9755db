"""The client against a service that misbehaves in every way: no network, no waiting."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from transcoder.client import Client, Job, ServiceError
from transcoder.client.following import events
from transcoder.errors import InputError, OutputMismatch, StorageError

Answer = httpx.Response | httpx.TransportError
FILES = {"media.jpg": b"picture", "media.certificate.json": b"{}"}


def described(state: str = "queued", revision: int = 1, files: Mapping[str, bytes] | None = None) -> dict[str, Any]:
    return {
        "id": "job_1", "state": state, "phase": state, "percent": 0.0, "profile": "cps-twif-1mb", "verdict": None,
        "source": {"name": "a.jpg", "bytes": 3, "sha256": "0" * 64}, "case": {"urn": "45", "exhibit": None},
        "priority": "normal", "deadline": None, "warnings": [], "error": None, "result": None, "attempt": 1,
        "worker": None, "created_at": "2026-01-01T00:00:00Z", "started_at": None, "ended_at": None,
        "revision": revision, "new_in_some_later_version": 1,
        "files": [
            {
                "name": name, "role": "certificate" if name.endswith(".json") else "media", "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(), "href": "https://elsewhere.example/steal",
            }
            for name, content in (files or {}).items()
        ],
    }  # fmt: skip


def problem(status: int, code: str, **headers: str) -> httpx.Response:
    body = {"title": "x", "status": status, "detail": "no", "code": code, "hint": "do this"}
    return httpx.Response(status, json=body, headers=headers)


class Service:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: Answer | Callable[[httpx.Request], Answer]) -> None:
        self.answers, self.asked, self.pauses = list(answers), [], []  # type: ignore[var-annotated]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    def client(self, **settings: Any) -> Client:
        return Client(
            "https://service.example/", "trc_secret", transport=httpx.MockTransport(self), sleep=self.pauses.append,
            **settings,
        )  # fmt: skip


def ok(content: Any) -> httpx.Response:
    return httpx.Response(200, json=content)


def stream(*jobs: Mapping[str, Any]) -> httpx.Response:
    text = "".join(f"id: {job['revision']}\nevent: job\ndata: {json.dumps(job)}\n\n" for job in jobs)
    return httpx.Response(200, text=f": hello\n\n{text}", headers={"content-type": "text/event-stream"})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "ä still.jpg"
    path.write_bytes(b"0123456789")
    return path


def test_a_submission_carries_everything_and_is_made_again_whole(source: Path) -> None:
    service = Service(httpx.ReadError("gone"), problem(503, "storage-failed", **{"Retry-After": "7"}), ok(described()))
    with service.client() as client:
        job = client.submit(source, case={"urn": "45"}, idempotency_key="mine", cap_bytes=1000)
    assert isinstance(job, Job)
    assert (job.state, job.case, job.ended) == ("queued", {"urn": "45"}, False)
    assert service.pauses[1] == 7.0
    assert len(service.asked) == 3
    wishes = {"profile": "cps-twif-1mb", "cap_bytes": 1000, "case": {"urn": "45"}}
    for request in service.asked:
        assert b"0123456789" in request.content
        assert json.dumps(wishes).encode() in request.content
        assert "ä still.jpg".encode() in request.content
        assert request.headers["idempotency-key"] == "mine"
        assert request.headers["authorization"] == "Bearer trc_secret"


def test_what_the_service_refuses_is_not_asked_again() -> None:
    service = Service(problem(403, "forbidden"))
    with pytest.raises(ServiceError) as caught, service.client() as client:
        client.job("job_1")
    error = caught.value
    assert (error.code, error.status, error.hint) == ("forbidden", 403, "do this")
    assert service.pauses == []


def test_patience_ends() -> None:
    service = Service(*[problem(429, "too-many-requests", **{"Retry-After": "1"})] * 3)
    with pytest.raises(ServiceError) as caught, service.client(tries=3) as client:
        client.job("job_1")
    assert caught.value.status == 429
    service = Service(*[httpx.ConnectError("refused")] * 3)
    with pytest.raises(ServiceError) as caught, service.client(tries=3) as client:
        client.job("job_1")
    assert (caught.value.code, caught.value.status) == ("service-unreachable", None)


def test_running_again_is_not_repeated_when_the_first_may_have_been_heard() -> None:
    service = Service(httpx.ReadTimeout("late"))
    with pytest.raises(ServiceError), service.client() as client:
        client.retry("job_1")
    service = Service(httpx.ConnectError("refused"), ok(described()))
    with service.client() as client:
        assert client.retry("job_1").id == "job_1"


@pytest.mark.parametrize("answer", [httpx.Response(200, text="<html>"), httpx.Response(500, text="<html>")])
def test_something_else_at_the_address(answer: httpx.Response) -> None:
    with pytest.raises(ServiceError), Service(answer).client(tries=1) as client:
        client.job("job_1")


def test_pages_are_fetched_while_they_are_asked_for() -> None:
    service = Service(
        ok({"jobs": [described()] * 2, "next": "mark"}), ok({"jobs": [described("failed")], "next": None})
    )
    with service.client() as client:
        found = client.jobs(case="45", states=["failed", "queued"], page=2)
        assert next(found).state == "queued"
        assert len(service.asked) == 1
        assert len(list(found)) == 2
    assert service.asked[1].url.params["after"] == "mark"
    assert service.asked[1].url.params.get_list("state") == ["failed", "queued"]


def test_a_stream_that_breaks_is_taken_up_where_it_was() -> None:
    service = Service(
        stream(described("queued", 1), described("running", 2)), httpx.ReadError("gone"),
        stream(described("delivered", 5)),
    )  # fmt: skip
    seen: list[str] = []
    with service.client() as client:
        job = client.wait("job_1", lambda job: seen.append(job.state))
    assert job.state == "delivered"
    assert seen == ["queued", "running", "delivered"]
    assert service.asked[1].headers["last-event-id"] == "2"


def test_where_a_proxy_stops_events_the_job_is_asked_for() -> None:
    service = Service(
        *[httpx.Response(200, text="<html>", headers={"content-type": "text/html"})] * 3,
        ok(described("running", 2)), ok(described("running", 2)), ok(described("refused", 3)),
    )  # fmt: skip
    seen: list[str] = []
    with service.client() as client:
        assert client.wait("job_1", lambda job: seen.append(job.state)).state == "refused"
    assert seen == ["running", "refused"]


def test_waiting_has_an_end_and_unknown_jobs_none() -> None:
    service = Service(stream(described("running", 2)))
    with pytest.raises(ServiceError) as caught, service.client() as client:
        client.wait("job_1", timeout_s=0.0)
    assert caught.value.code == "wait-timeout"
    service = Service(*[problem(404, "not-found")] * 4)
    with pytest.raises(ServiceError) as caught, service.client() as client:
        client.wait("job_1")
    assert caught.value.code == "not-found"


def test_events_are_read_as_the_standard_says() -> None:
    text = ": no|id: 1|event: job|data: a|data: b||data:c||event: empty||data: unfinished"
    lines = iter(text.split("|"))
    assert list(events(lines)) == [("job", "a\nb", "1"), ("message", "c", "1")]


def delivering(files: Mapping[str, bytes]) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(200, content=files[request.url.path.rsplit("/", 1)[-1]])


def test_a_download_is_checked_and_the_certificate_comes_last(tmp_path: Path) -> None:
    truncated = httpx.Response(200, content=b"pict")
    service = Service(truncated, *[delivering(FILES)] * 2)
    job = Job.of(described("delivered", files=dict(reversed(FILES.items()))))
    with service.client() as client:
        paths = client.download(job, tmp_path / "to")
        assert client.download(job, tmp_path / "to") == paths  # nothing is fetched twice
    assert [path.name for path in paths] == list(FILES)
    assert {path.name: path.read_bytes() for path in (tmp_path / "to").iterdir()} == FILES
    assert all(request.url.host == "service.example" for request in service.asked)


def test_damage_that_stays_leaves_nothing(tmp_path: Path) -> None:
    service = Service(*[delivering(dict.fromkeys(FILES, b"evil!!!"))] * 3)
    with pytest.raises(OutputMismatch), service.client(tries=3) as client:
        client.download(Job.of(described("delivered", files=FILES)), tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", ".hidden", "a\\b", "new\nline", ""])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    service = Service()
    with pytest.raises(OutputMismatch), service.client() as client:
        client.download(Job.of(described("delivered", files={name: b"x"})), tmp_path / "to")
    assert service.asked == []


def test_nothing_is_overwritten_and_a_job_without_files_says_so(tmp_path: Path) -> None:
    (tmp_path / "media.jpg").write_bytes(b"mine")
    with pytest.raises(StorageError) as caught, Service().client() as client:
        client.download(Job.of(described("delivered", files=FILES)), tmp_path)
    assert caught.value.code == "output-exists"
    with pytest.raises(ServiceError) as nothing, Service().client() as client:
        client.download(Job.of(described("failed")), tmp_path)
    assert nothing.value.code == "no-delivery"


class Tus:
    """Keeps an upload, and breaks off as it is told."""

    def __init__(self, *breaks: int) -> None:
        self.kept, self.name, self.total, self.breaks = b"", "", 0, list(breaks)
        self.blocks: list[int] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        request.read()
        if request.url.path == "/v1/jobs":
            assert json.loads(request.content)["source"] == {"upload": "upl_1"}
            return ok(described())
        assert request.headers["tus-resumable"] == "1.0.0"
        if request.method == "POST":
            self.total = int(request.headers["upload-length"])
            self.name = base64.b64decode(request.headers["upload-metadata"].split()[1]).decode()
            return httpx.Response(201, headers={"Location": "https://elsewhere.example/v1/uploads/upl_1"})
        assert request.url.host == "service.example"
        if request.method == "PATCH":
            if int(request.headers["upload-offset"]) != len(self.kept):
                return problem(409, "offset")
            self.blocks.append(len(request.content))
            if self.breaks:
                self.kept += request.content[: self.breaks.pop(0)]
                raise httpx.WriteError("broken pipe")
            self.kept += request.content
        return httpx.Response(204, headers={"Upload-Offset": str(len(self.kept))})


def test_a_resumable_upload_sends_nothing_twice_that_arrived(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcoder.client.sending._BLOCK_BYTES", 4)
    tus, told = Tus(2, 1, 0), list[tuple[int, int]]()
    with Client("https://service.example", transport=httpx.MockTransport(tus), sleep=lambda _: None) as client:
        client.submit(source, resumable=True, on_sent=lambda done, total: told.append((done, total)))
    assert tus.kept == source.read_bytes()
    assert tus.name == source.name
    assert tus.blocks == [4, 4, 4, 4, 3]
    assert told[-1] == (10, 10)


def test_an_upload_that_gets_nowhere_is_given_up(source: Path) -> None:
    tus = Tus(*[0] * 9)
    with (
        Client("https://service.example", transport=httpx.MockTransport(tus), tries=3, sleep=lambda _: None) as client,
        pytest.raises(ServiceError),
    ):
        client.submit(source, resumable=True)
    assert len(tus.blocks) == 3


def test_a_service_without_resumable_uploads_gets_a_form(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transcoder.client.client._IN_BLOCKS_FROM_BYTES", 1)
    service = Service(problem(404, "not-found"), ok(described()))
    with service.client() as client:
        assert client.submit(source).id == "job_1"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError), Service().client() as client:
        client.submit(tmp_path / "none.avi")


def test_a_big_file_is_read_in_blocks(tmp_path: Path) -> None:
    """The form goes out in pieces: no piece is anywhere near the file's size."""
    pieces: list[int] = []

    class Counting(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            assert isinstance(request.stream, httpx.SyncByteStream)
            pieces.extend(map(len, iter(request.stream)))
            return ok(described())

    big = tmp_path / "big.avi"
    with big.open("wb") as file:
        file.truncate(50_000_000)
    with Client("https://service.example", transport=Counting()) as client:
        client.submit(big)
    assert sum(pieces) > 50_000_000
    assert max(pieces) <= 1 << 20


def test_importing_the_client_loads_nothing_of_the_service() -> None:
    import subprocess
    import sys

    code = "import sys, transcoder.client; print([m for m in sys.modules if m.split('.')[0] in ('av','fastapi','dbos')"
    code += " or m.startswith(('transcoder.server', 'transcoder.jobs', 'transcoder.app'))])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

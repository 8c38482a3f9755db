"""Who looked at what, by HTTP, in the audit log."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from starlette.routing import Mount

from tests.helpers.service import Bench, bench, sent
from transcoder.app import read_audit, verify_audit
from transcoder.audit import files
from transcoder.server import accesses
from transcoder.server.access import Role
from transcoder.server.accesses import FOLD_S, RULES, UNTOLD, Folding
from transcoder.server.application import create
from transcoder.server.pages import words


def log_of(served: Bench, *events: str) -> list[dict[str, Any]]:
    found = read_audit(settings=served.service.settings)
    return [entry for entry in found if not events or entry["event"] in events]


@pytest.fixture
def client(served: Bench) -> Iterator[TestClient]:
    with served.client() as client:
        yield client


def test_every_route_is_told_of_or_says_why_not(served: Bench) -> None:
    def routes(under: Any) -> Iterator[tuple[str, str]]:
        for route in under:
            if isinstance(route, APIRoute):
                yield from ((method, route.path) for method in route.methods or ())
            elif hasattr(route, "original_router"):
                yield from routes(route.original_router.routes)
            else:
                assert isinstance(route, Mount) or route.path == "/v1/openapi.json", route

    found = set(routes(create(served.service).routes))
    assert found - set(RULES) - UNTOLD == set()
    assert set(RULES) - found == set()


def test_every_event_has_plain_words() -> None:
    told = {rule.event for rule in RULES.values()} | {accesses.FOLDED, accesses.REFUSED}
    assert told - set(words.EVENTS) == set()


def test_an_access_says_who_what_which_case_from_where_and_how_it_ended(served: Bench, client: TestClient) -> None:
    options = '{"case": {"urn": "45AA1234526", "exhibit": "RJK/1"}}'
    answer = sent(client, data={"options": options}, headers={"X-Request-Id": "custody-7"})
    job = served.deliver(answer.json()["id"])
    assert answer.headers["X-Request-Id"] == "custody-7"
    assert client.get(f"/v1/jobs/{job.id}/files/a.mp4").content == b"delivered"
    submit, download = log_of(served, "access-submit", "access-download")
    assert (submit["job"], submit["request"], submit["outcome"], submit["status"]) == (job.id, "custody-7", "done", 201)
    assert download["who"]["operator"] == "test"
    assert download["token"]["role"] == "submit"
    assert download["token"]["id"].startswith("tok_")
    assert download["case"] == {"urn": "45AA1234526", "exhibit": "RJK/1"}
    assert (download["job"], download["file"], download["address"]) == (job.id, "a.mp4", "testclient")
    assert download["source"] == {"name": "a.mp4", "bytes": 8, "sha256": job.source.sha256}
    assert download["action"] == "GET /v1/jobs/{job_id}/files/{name}"
    secret = client.headers["Authorization"].removeprefix("Bearer ")
    assert secret not in "".join(path.read_text() for _, path in files.segments(served.home / "audit"))
    assert verify_audit(settings=served.service.settings).ok


def test_what_is_repeated_is_counted_and_downloads_are_each_written(served: Bench) -> None:
    with served.client() as client:
        job = served.deliver(sent(client).json()["id"])
        for _ in range(5):
            assert client.get(f"/v1/jobs/{job.id}").status_code == 200
            assert client.get(f"/v1/jobs/{job.id}/files/a.mp4").status_code == 200
    assert len(log_of(served, "access-read")) == 1
    assert len(log_of(served, "access-download")) == 5
    (folded,) = log_of(served, "access-folded")  # written when the service ends, if not before
    assert (folded["access"], folded["times"], folded["job"], folded["who"]["operator"]) == (
        "access-read", 4, job.id, "test",
    )  # fmt: skip
    assert verify_audit(settings=served.service.settings).ok


def test_repetitions_are_counted_for_a_time_and_then_written_anew() -> None:
    now = 0.0
    folding = Folding(lambda: now)
    assert not folding.repeats(("a",))
    folding.written(("a",), {"what": "a"})
    assert folding.repeats(("a",))
    assert not folding.repeats(("b",))
    assert not folding.repeats(None)
    assert folding.over() == []
    now = FOLD_S
    assert not folding.repeats(("a",))
    (told,) = folding.over()
    assert (told["what"], told["times"]) == ("a", 1)
    assert folding.over() == []


def test_who_was_refused_is_in_the_log(served: Bench, client: TestClient) -> None:
    job = sent(client).json()["id"]
    stranger = served.client(Role.READ, cases=["45BB"])
    assert stranger.get(f"/v1/jobs/{job}").status_code == 404
    assert stranger.delete(f"/v1/jobs/{job}").status_code == 403
    assert served.client(None).get("/v1/jobs").status_code == 401
    assert served.client(None).get("/jobs", headers={"Accept": "text/html"}, follow_redirects=False).status_code == 303
    hidden, *refused = log_of(served, "access-read", "access-refused")
    assert (hidden["job"], hidden["outcome"], hidden["error"]) == (job, "not-found", {"code": "not-found"})
    said = [(entry["who"]["operator"], entry["action"], entry["error"]["code"]) for entry in refused]
    assert said == [
        ("test", "DELETE /v1/jobs/{job_id}", "forbidden"),
        (None, "GET /v1/jobs", "unauthorised"), (None, "GET /jobs", "unauthorised"),
    ]  # fmt: skip


def test_signing_in_and_tokens_are_in_the_log(served: Bench) -> None:
    with served.client(None) as browser:
        assert browser.post("/signin", data={"token": "trc_wrong"}).status_code == 401
        secret, access = served.host.tokens().create("officer", Role.ADMIN)
        assert browser.post("/signin", data={"token": secret}, follow_redirects=False).status_code == 303
        page = browser.get("/audit", headers={"Accept": "text/html"}).text
        served.host.tokens().revoke(access.id)
    assert [(entry["event"], entry["outcome"]) for entry in log_of(served)[1:]] == [
        ("sign-in", "refused"), ("token-created", "done"), ("sign-in", "done"), ("access-audit", "done"),
        ("token-revoked", "done"),
    ]  # fmt: skip
    assert "tried to sign in" in page
    assert "officer" in page
    assert "from the address testclient" in page


def test_nothing_is_handed_out_that_cannot_be_logged(
    served: Bench, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = served.deliver(sent(client).json()["id"])
    held = len(log_of(served))

    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "append", full)
    for address in (f"/v1/jobs/{job.id}/files/a.mp4", f"/v1/jobs/{job.id}", f"/v1/jobs/{job.id}/events"):
        answer = client.get(address)
        assert (answer.status_code, answer.json()["code"]) == (503, "audit-unwritable")
        assert b"delivered" not in answer.content
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert int(answer.headers["Retry-After"]) >= 1
    assert client.get("/v1/jobs/job_0").status_code == 404
    assert client.get("/healthz").status_code == 200
    monkeypatch.undo()
    assert len(log_of(served)) == held
    assert client.get(f"/v1/jobs/{job.id}/files/a.mp4").content == b"delivered"
    assert verify_audit(settings=served.service.settings).ok


def test_a_token_is_neither_made_nor_revoked_unlogged(served: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = served.host.tokens()
    _, kept = tokens.create("kept", Role.READ)
    monkeypatch.setattr(files, "append", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(Exception, match="nothing leaves unlogged"):
        tokens.create("unlogged", Role.ADMIN)
    with pytest.raises(Exception, match="nothing leaves unlogged"):
        tokens.revoke(kept.id)
    assert [(item.name, item.revoked) for item in tokens.list()] == [("kept", None)]


def test_pieces_of_a_film_are_folded_and_its_beginning_is_not(tmp_path: Path) -> None:
    served = bench(tmp_path, authentication=False)
    with TestClient(create(served.service), base_url="http://127.0.0.1") as client:
        job = sent(client, b"x" * 1000).json()["id"]
        for piece in ("bytes=0-", "bytes=500-600", "bytes=601-", "bytes=0-99"):
            assert client.get(f"/jobs/{job}/source", headers={"Range": piece}).status_code == 206
    assert [entry["status"] for entry in log_of(served, "access-download")] == [206, 206, 206]
    assert [entry["times"] for entry in log_of(served, "access-folded")] == [1]

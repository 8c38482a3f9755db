"""Limits of the API: requests a minute, sizes, uploads at once, room on the disk, clients that go away or dawdle."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from tests.helpers.service import Bench, bench, sent
from transcoder import errors
from transcoder.server import problem
from transcoder.server.access import Role
from transcoder.server.application import create
from transcoder.server.limits import Rate, Room
from transcoder.server.problem import Refused

Message = MutableMapping[str, Any]


def asked(served: Bench, messages: list[Message | None], headers: Mapping[str, str], path: str = "/v1/jobs") -> Message:
    """A POST at the level of ASGI; None among the messages is a client that says nothing more."""
    app, left = create(served.service), iter(messages)
    answer: Message = {}

    async def receive() -> Message:
        message = next(left, {"type": "http.disconnect"})
        if message is None:
            await asyncio.Event().wait()
        assert message is not None
        return message

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.update(message)

    token = served.token()
    given = {"authorization": f"Bearer {token}", **headers}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http", "server": ("h", 80),
        "client": ("127.0.0.1", 1), "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return answer


FORM = {"content-type": "multipart/form-data; boundary=x"}
START = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\nabc'


def block(body: bytes, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


def left_behind(served: Bench) -> list[Path]:
    return list(served.service.config.uploads.iterdir())


def test_a_client_that_goes_away_leaves_nothing(served: Bench) -> None:
    assert asked(served, [block(START), block(b"d" * 70_000)], FORM)["status"] == 400
    assert left_behind(served) == []


def test_a_client_that_says_nothing_more_is_not_waited_for(served: Bench) -> None:
    slow = replace(served, service=replace(served.service, config=replace(served.service.config, silence_s=0.05)))
    assert asked(slow, [block(START), None], FORM)["status"] == 408
    assert asked(slow, [None], {"content-type": "application/json"})["status"] == 408
    assert left_behind(served) == []


def test_json_has_a_limit_however_it_is_sent(served: Bench) -> None:
    kind = {"content-type": "application/json"}
    many = [block(b" " * 500_000) for _ in range(5)]
    assert asked(served, [*many], kind)["status"] == 413
    # A route that does not read in blocks must not be talked into it by the kind of body.
    assert asked(served, [block(START), *many], FORM, "/v1/tokens")["status"] in (404, 413)


def test_an_upload_over_the_limit_is_refused_before_and_while_it_arrives(tmp_path: Path) -> None:
    served = bench(tmp_path, {"TRANSCODER_MAX_UPLOAD_BYTES": "1000"})
    client = served.client()
    assert sent(client, b"x" * 1000).status_code == 201
    for content in (b"x" * 1001, b"x" * 30_000_000):
        answer = sent(client, content)
        assert (answer.status_code, answer.json()["code"]) == (413, "upload-too-large")
        assert "TRANSCODER_MAX_UPLOAD_BYTES" in answer.json()["hint"]
    assert left_behind(served) == []


def test_too_many_requests_are_told_when_to_come_back(tmp_path: Path) -> None:
    served = bench(tmp_path, {"TRANSCODER_RATE_PER_MINUTE": "5"})
    client, other = served.client(), served.client()
    statuses = [client.get("/v1/jobs").status_code for _ in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    answer = client.get("/v1/jobs")
    assert answer.json()["code"] == "too-many-requests"
    assert 1 <= int(answer.headers["retry-after"]) <= 12
    assert other.get("/v1/jobs").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_who_guesses_tokens_is_slowed_down(tmp_path: Path) -> None:
    served = bench(tmp_path, {"TRANSCODER_RATE_PER_MINUTE": "5"})
    client = served.client(None)
    wrong = [client.get("/v1/jobs", headers={"Authorization": f"Bearer guess{n}"}).status_code for n in range(7)]
    assert wrong == [401] * 5 + [429] * 2
    assert served.client().get("/v1/jobs").status_code == 200


@given(st.lists(st.floats(0.0, 20.0), min_size=1, max_size=200), st.integers(1, 60))
def test_a_rate_never_lets_more_through_than_it_says(pauses_s: list[float], per_minute: int) -> None:
    now = [0.0]
    rate, passed = Rate(per_minute, lambda: now[0]), 0
    for pause_s in pauses_s:
        now[0] += pause_s
        try:
            rate.take("a")
            passed += 1
        except Refused as error:
            assert error.retry_after_s is not None
            assert 0 < error.retry_after_s <= 60.0 / per_minute + 1e-6
    assert passed <= per_minute + now[0] * per_minute / 60 + 1e-6


def test_uploads_at_once_are_counted_and_let_go(tmp_path: Path) -> None:
    room = Room(tmp_path, 2, 0, lambda _: 1000)
    with room.upload(10), room.upload(10), pytest.raises(Refused, match="2 uploads"), room.upload(10):
        pass
    with room.upload(10):
        pass


def test_room_that_others_announced_is_spoken_for(tmp_path: Path) -> None:
    free = [1000]
    room = Room(tmp_path, 9, 100, lambda _: free[0])
    with room.upload(600):
        with pytest.raises(Refused, match="no room"), room.upload(301):
            pass
        with room.upload(300) as arrived:
            arrived(10)
            free[0] = 99
            with pytest.raises(Refused, match="no room"):
                arrived(20 << 20)


def test_a_full_disk_refuses_the_upload_and_keeps_nothing(served: Bench) -> None:
    full = replace(served.service, room=Room(served.service.config.uploads, 9, 0, lambda _: 0))
    answer = sent(replace(served, service=full).client())
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
    assert answer.json()["hint"]
    assert answer.headers["retry-after"]
    assert left_behind(served) == []


def test_a_disk_that_fills_up_meanwhile_is_said_and_nothing_stays(served: Bench) -> None:
    looks = iter([1 << 40, 0])
    filling = replace(served.service, room=Room(served.service.config.uploads, 9, 1, lambda _: next(looks)))
    answer = sent(replace(served, service=filling).client(), b"x" * (17 << 20))
    assert (answer.status_code, answer.json()["code"]) == (507, "disk-full")
    assert left_behind(served) == []


def test_a_database_that_is_away_is_a_503(served: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("connection refused"))

    client = served.client()
    monkeypatch.setattr(served.service.ledger, "get", away)
    answer = client.get("/v1/jobs/job_" + "0" * 24)
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unreachable")
    assert "SELECT" not in answer.text


def test_a_fault_of_ours_tells_nobody_about_the_inside(served: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret path /srv/x")

    monkeypatch.setattr(served.service.ledger, "list", broken)
    answer = served.client().get("/v1/jobs")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text


def _kinds(kind: type[errors.TranscodeError]) -> Iterator[type[errors.TranscodeError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)


def test_no_refusal_is_ever_taken_for_a_fault() -> None:
    assert problem.status_of(Refused("a-code-nobody-wrote-down", "no")) == 400
    for kind in _kinds(errors.TranscodeError):
        if issubclass(kind, Refused):
            continue
        status = problem.status_of(kind("no"))
        assert (status >= 500) == (not issubclass(kind, errors.UsageError | errors.InputError | errors.CertificateError
                                                  | errors.NoAcceptableEncoding)), kind  # fmt: skip


def test_many_uploads_at_once_end_well(served: Bench) -> None:
    client, found, lock = served.client(Role.SUBMIT), [], threading.Lock()

    def one(number: int) -> None:
        answer = sent(client, bytes([number]) * 50_000)
        with lock:
            found.append(answer.status_code)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [201] * 12
    assert left_behind(served) == []

"""Requests to receivers of webhooks, with real ones: whom they reach, and what becomes of slow or half receivers."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from tests.helpers.receiver import receiver
from transcoder.jobs.courier import LEASE_S
from transcoder.jobs.posting import TIMEOUT_S, Allowed, NotReached, Place, place_of, post


def named(port: int, path: str = "/evidence") -> tuple[Place, Allowed]:
    """A place on this machine under a name that an operator allowed."""
    allowed = Allowed.of(f"http://receiver.example:{port}", "127.0.0.0/8")
    return allowed.check(f"http://receiver.example:{port}{path}"), allowed


def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    """The name is looked up once: what it points to a moment later does not matter."""
    asked = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiver() as there:
        port = place_of(there.url).port
        assert post(*named(port), {"A": "b"}, b"{}", resolver=resolver) == 204
    assert asked == ["receiver.example"]
    ((path, headers, body),) = there.came
    assert (path, headers["host"], headers["a"], body) == ("/evidence", f"receiver.example:{port}", "b", b"{}")


def test_a_redirect_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with receiver() as there, receiver() as elsewhere:
        there.status, there.location = 307, elsewhere.url
        allowed = Allowed.of(there.url.split("/evidence")[0], "")
        assert post(allowed.check(there.url), allowed, {}, b"{}") == 307
    assert elsewhere.came == []


def test_an_answer_that_drips_is_cut_off_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def drip() -> None:
            taken, _ = listening.accept()
            with taken:
                try:
                    taken.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                    while not ended.wait(0.05):
                        taken.sendall(b"a")
                except OSError:
                    pass

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        try:
            with pytest.raises(NotReached, match=r"no answer within 0\.5 s"):
                place, allowed = named(listening.getsockname()[1])
                post(place, allowed, {}, b"{}", resolver=lambda *_: ["127.0.0.1"], timeout_s=0.5)
            assert time.monotonic() - began < 30  # without an end of its own it would go on for ever
        finally:
            ended.set()
            thread.join()


def test_a_lease_outlives_a_request_and_the_look_up_before_it() -> None:
    """A system's resolver gives up after some 30 s; nobody else may ask meanwhile."""
    assert TIMEOUT_S + 30 < LEASE_S


def test_the_second_address_is_asked_where_nobody_listens_at_the_first() -> None:
    with receiver() as there:
        place, allowed = named(place_of(there.url).port)
        status = post(place, allowed, {}, b"{}", resolver=lambda *_: ["127.0.0.2", "127.0.0.1"])
    assert (status, [path for path, _, _ in there.came]) == (204, ["/evidence"])


def test_a_path_in_any_script_is_asked_for_as_the_web_writes_it() -> None:
    with receiver() as there:
        place, allowed = named(place_of(there.url).port, "/fälle/%41?ort=Łódź&a=b")
        status = post(place, allowed, {}, b"{}", resolver=lambda *_: ["127.0.0.1"])
    asked = [path for path, _, _ in there.came]
    assert (status, asked) == (204, ["/f%C3%A4lle/%41?ort=%C5%81%C3%B3d%C5%BA&a=b"])

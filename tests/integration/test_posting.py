"""Requests to receivers of webhooks, with real ones."""

from __future__ import annotations

import pytest

from tests.helpers.receiver import receiver
from transcoder.jobs.posting import Allowed, place_of, post


def test_the_address_that_was_checked_is_the_one_that_is_asked() -> None:
    """The name is looked up once: what it points to a moment later does not matter."""
    asked = []

    def resolver(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    with receiver() as there:
        port = place_of(there.url).port
        allowed = Allowed.of(f"http://rebinding.example:{port}", "127.0.0.0/8")
        place = allowed.check(f"http://rebinding.example:{port}/evidence")
        assert post(place, allowed, {"A": "b"}, b"{}", resolver=resolver) == 204
    assert asked == ["rebinding.example"]
    ((path, headers, body),) = there.came
    assert (path, headers["host"], headers["a"], body) == ("/evidence", f"rebinding.example:{port}", "b", b"{}")


def test_a_redirect_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with receiver() as there, receiver() as elsewhere:
        there.status, there.location = 307, elsewhere.url
        allowed = Allowed.of(there.url.split("/evidence")[0], "")
        assert post(allowed.check(there.url), allowed, {}, b"{}") == 307
    assert elsewhere.came == []

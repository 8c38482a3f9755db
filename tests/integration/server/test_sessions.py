"""Sessions of the pages: who gets in, what ends them, and what another site's page cannot do."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.helpers.service import Bench, bench, sent
from transcoder.server.access import Role
from transcoder.server.application import create
from transcoder.server.sessions import COOKIE, LIFETIME_S

PAGE = {"Accept": "text/html"}


def browser(served: Bench, role: Role | None = Role.SUBMIT, **more: Any) -> TestClient:
    """Somebody at the pages, signed in where a role is given."""
    client = TestClient(
        create(served.service), raise_server_exceptions=False, base_url="http://127.0.0.1", follow_redirects=False
    )
    client.headers.update(PAGE)
    if role is not None:
        answer = client.post("/signin", data={"token": served.token(role, **more), "next": "/jobs"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    return client


def csrf_of(client: TestClient, path: str = "/jobs") -> str:
    found = re.search(r'data-csrf="([^"]+)"', client.get(path).text)
    assert found is not None
    return found[1]


def test_without_a_session_pages_ask_to_sign_in_and_lead_back(served: Bench) -> None:
    client = browser(served, None)
    answer = client.get("/jobs?state=failed")
    assert (answer.status_code, answer.headers["location"]) == (303, "/signin?next=%2Fjobs%3Fstate%3Dfailed")
    assert client.get("/signin?next=/jobs").status_code == 200
    wrong = client.post("/signin", data={"token": "trc_nothing"})
    assert wrong.status_code == 401
    assert COOKIE not in wrong.cookies
    assert client.get("/jobs", headers={"Accept": "application/json"}).status_code == 401


def test_the_cookie_is_kept_from_scripts_and_other_sites(served: Bench) -> None:
    answer = browser(served, None).post("/signin", data={"token": served.token()})
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/", f"max-age={LIFETIME_S}"))
    assert "secure" not in cookie
    secure = TestClient(create(served.service), base_url="https://127.0.0.1", follow_redirects=False)
    over_tls = secure.post("/signin", data={"token": served.token()})
    assert "secure" in over_tls.headers["set-cookie"].lower()
    assert "max-age" in over_tls.headers["strict-transport-security"]


@pytest.mark.parametrize(
    "next_", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_signing_in_leads_to_this_service_only(served: Bench, next_: str) -> None:
    answer = browser(served, None).post("/signin", data={"token": served.token(), "next": next_})
    assert answer.headers["location"] == "/jobs"


def test_a_changed_cookie_is_none(served: Bench) -> None:
    client = browser(served)
    value = client.cookies[COOKIE]
    version, token, nonce, expires, signature = value.split(".")
    for forged in (
        value[:-1] + ("A" if value[-1] != "A" else "B"),
        f"{version}.{token}.{nonce}.{int(expires) + 3600}.{signature}",
        value.replace("tok_", "tok_f", 1),
        "",
        "1.2.3.4",
    ):
        other = browser(served, None)
        other.cookies.set(COOKIE, forged)
        assert other.get("/jobs").status_code == 303


def test_a_session_ends_after_its_time(served: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser(served)
    assert client.get("/jobs").status_code == 200
    late = time.time() + LIFETIME_S + 1
    monkeypatch.setattr(time, "time", lambda: late)
    assert client.get("/jobs").status_code == 303


def test_revoking_the_token_ends_its_sessions_at_once(served: Bench) -> None:
    client = browser(served)
    assert client.get("/jobs").status_code == 200
    token = next(iter(served.host.tokens().list()))
    served.host.tokens().revoke(token.id)
    assert client.get("/jobs").status_code == 303
    assert client.get("/v1/jobs").status_code == 401


def test_signing_out_ends_every_copy_of_the_cookie(served: Bench) -> None:
    client = browser(served)
    copy = browser(served, None)
    copy.cookies.set(COOKIE, client.cookies[COOKIE])
    assert copy.get("/jobs").status_code == 200
    assert client.post("/signout", data={"csrf": csrf_of(client)}).status_code == 303
    assert copy.get("/jobs").status_code == 303
    assert client.get("/jobs").status_code == 303


def test_what_changes_something_needs_proof_that_it_comes_from_our_page(served: Bench) -> None:
    client, other = browser(served), browser(served)
    job = sent(served.client()).json()["id"]
    for proof in ({}, {"csrf": ""}, {"csrf": "x" * 43}, {"csrf": csrf_of(other)}):
        assert client.post(f"/jobs/{job}/cancel", data=proof).status_code == 403
    assert client.delete(f"/v1/jobs/{job}").status_code == 403
    assert client.post("/v1/jobs", files={"file": ("b.mp4", b"more")}).status_code == 403
    assert client.delete(f"/v1/jobs/{job}", headers={"X-CSRF": csrf_of(other)}).json()["code"] == "csrf"
    assert client.post("/verify", files={"file": ("b.mp4", b"more")}).status_code == 403
    assert client.post(f"/jobs/{job}/again", json={}).status_code == 403
    assert served.host.ledger.get(job).state == "queued"  # type: ignore[union-attr]
    assert client.post(f"/jobs/{job}/cancel", data={"csrf": csrf_of(client)}).status_code == 303
    assert served.host.ledger.get(job).state == "cancelled"  # type: ignore[union-attr]
    known = client.post("/v1/jobs", files={"file": ("b.mp4", b"more")}, headers={"X-CSRF": csrf_of(client)})
    assert known.status_code == 201


def test_another_site_cannot_sign_somebody_in(served: Bench) -> None:
    client, token = browser(served, None), served.token()
    for said in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert client.post("/signin", data={"token": token}, headers=said).status_code == 403
    same = {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/signin", data={"token": token}, headers=same).status_code == 303


def test_a_link_in_a_mail_comes_back_with_the_session(served: Bench) -> None:
    answer = browser(served, None).get("/jobs/job_1", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'content="0; url=/jobs/job_1"' in answer.text


def test_without_tokens_only_this_machine_s_own_name_counts(tmp_path: Path) -> None:
    served = bench(tmp_path / "home", authentication=False)
    client = browser(served, None)
    assert client.get("/jobs").status_code == 200
    for host in ("evil.example", "10.0.0.1", ""):
        assert client.get("/jobs", headers={"Host": host}).status_code == 403
        assert client.get("/v1/jobs", headers={"Host": host}).status_code == 403
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert client.post("/v1/jobs", files={"file": ("b.mp4", b"more")}, headers=foreign).status_code == 403
    assert client.post("/v1/jobs", files={"file": ("b.mp4", b"more")}).status_code == 201


def test_a_session_sees_what_its_token_sees(served: Bench) -> None:
    wide = served.client(Role.SUBMIT)
    mine = sent(wide, b"1", data={"options": '{"case": {"urn": "MINE"}}'}).json()["id"]
    theirs = sent(wide, b"2", data={"options": '{"case": {"urn": "THEIRS"}}'}).json()["id"]
    client = browser(served, Role.READ, cases=["MINE"])
    listed = client.get("/jobs").text
    assert mine in listed
    assert theirs not in listed
    for path in ("", "/report", "/all.zip", "/source", "/frame", "/regions"):
        assert client.get(f"/jobs/{theirs}{path}").status_code in (403, 404)
    assert client.get(f"/jobs/{theirs}").status_code == 404
    assert client.get(f"/jobs/{mine}").status_code == 200
    assert client.get("/audit").status_code == 403
    assert client.get("/new").status_code == 403
    assert client.post(f"/jobs/{mine}/cancel", data={"csrf": csrf_of(client)}).status_code == 403

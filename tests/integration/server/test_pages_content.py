"""What pages say and send: nothing that was handed in becomes markup, films come in pieces, words are plain."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import fields
from typing import Any

import pytest
import sqlalchemy as sa

from tests.helpers.service import Bench, sent
from tests.integration.server.test_sessions import browser, csrf_of
from transcoder.jobs.base import JobState
from transcoder.jobs.tables import jobs
from transcoder.profile import load, shipped_names
from transcoder.server.access import Role
from transcoder.server.pages import words
from transcoder.server.pages.media import span
from transcoder.server.pages.templating import size
from transcoder.server.sessions import Session

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
STRICT = ("default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "form-action 'self'")


def test_every_answer_says_what_a_browser_may_do(served: Bench) -> None:
    client = browser(served)
    job = sent(served.client()).json()["id"]
    served.deliver(job, {"a.mp4": b"x"})
    for path in ("/signin", "/jobs", f"/jobs/{job}", "/new", "/verify", "/profiles", "/nothing", "/jobs/nothing"):
        answer = client.get(path, follow_redirects=True)
        policy = answer.headers["content-security-policy"]
        assert all(rule in policy for rule in STRICT), path
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "<style" not in answer.text
        assert " style=" not in answer.text
        assert " onclick" not in answer.text
    for path in ("/v1/jobs", f"/v1/jobs/{job}/files/a.mp4", f"/jobs/{job}/source", f"/jobs/{job}/play/a.mp4"):
        policy = client.get(path).headers["content-security-policy"]
        assert "sandbox" in policy, path
        assert "script-src" not in policy


def test_a_hostile_name_or_case_reference_is_only_text(served: Bench) -> None:
    case = {"urn": HOSTILE, "exhibit": HOSTILE, "operator": HOSTILE, "description": HOSTILE}
    given = sent(served.client(), name=HOSTILE + ".mp4", data={"options": json.dumps({"case": case})}).json()
    client = browser(served)
    for path in ("/jobs", f"/jobs?case={HOSTILE}&name={HOSTILE}", f"/jobs/{given['id']}", f"/new?like={given['id']}"):
        text = client.get(path).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_what_was_handed_in_is_never_a_page(served: Bench) -> None:
    client = browser(served)
    for name in ("a.html", "a.svg", "a.xhtml", "a.js"):
        job = sent(served.client(), HOSTILE.encode() + name.encode(), name=name).json()["id"]
        answer = client.get(f"/jobs/{job}/source")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert "sandbox" in answer.headers["content-security-policy"]


def test_a_report_has_an_origin_of_its_own(served: Bench) -> None:
    job = _delivered(served, {"a.report.html": ("report", HOSTILE.encode())})
    answer = browser(served).get(f"/jobs/{job}/report")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert "default-src 'none'" in policy


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (None, None), ("bytes=0-", (0, 99)),
        ("bytes=10-19", (10, 19)), ("bytes=-10", (90, 99)), ("bytes=50-500", (50, 99)),
        ("bytes=-500", (0, 99)), ("bytes=0-1,5-6", None), ("lines=1-2", None), ("bytes=-", None), ("", None),
    ],
)  # fmt: skip
def test_ranges(given: str | None, found: tuple[int, int] | None) -> None:
    assert span(given, 100) == found


@pytest.mark.parametrize("given", ["bytes=100-", "bytes=20-10", "bytes=-0"])
def test_ranges_outside_the_file(given: str) -> None:
    with pytest.raises(ValueError, match="bytes"):
        span(given, 100)


def test_a_film_comes_in_pieces(served: Bench) -> None:
    content = bytes(range(256)) * 40
    job = sent(served.client(), content).json()["id"]
    served.deliver(job, {"a.mp4": content[::-1]})
    client = browser(served)
    for path, whole in ((f"/jobs/{job}/source", content), (f"/jobs/{job}/play/a.mp4", content[::-1])):
        assert client.get(path).content == whole
        part = client.get(path, headers={"Range": "bytes=100-299"})
        assert (part.status_code, part.content) == (206, whole[100:300])
        assert part.headers["content-range"] == f"bytes 100-299/{len(whole)}"
        assert client.get(path, headers={"Range": f"bytes={len(whole)}-"}).status_code == 416
        assert client.get(path, headers={"If-None-Match": part.headers["etag"]}).status_code == 304
    assert client.get(f"/jobs/{job}/play/b.mp4").status_code == 404


def test_all_files_in_one_archive(served: Bench) -> None:
    files = {"a.mp4": b"film" * 1000, "a.certificate.json": b"{}", "a.certificate.json.p7s": b"\x30"}
    job = sent(served.client()).json()["id"]
    served.deliver(job, files)
    answer = browser(served).get(f"/jobs/{job}/all.zip")
    assert "attachment" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == files


def test_a_job_again_another_way_needs_no_second_upload(served: Bench) -> None:
    job = sent(served.client(), b"pictures", data={"options": '{"case": {"urn": "A"}}'}).json()["id"]
    client = browser(served)
    wishes = {"profile": "email-10mb", "case": {"urn": "A"}}
    answer = client.post(f"/jobs/{job}/again", json=wishes, headers={"X-CSRF": csrf_of(client)})
    assert answer.status_code == 201
    made = served.host.ledger.get(answer.json()["href"].rsplit("/")[-1])
    before = served.host.ledger.get(job)
    assert made is not None and before is not None
    assert (made.source, made.options.profile) == (before.source, "email-10mb")
    bound = browser(served, Role.SUBMIT, cases=["A"])
    other = {"profile": "email-10mb", "case": {"urn": "B"}}
    assert bound.post(f"/jobs/{job}/again", json=other, headers={"X-CSRF": csrf_of(bound)}).status_code == 403


def test_files_of_the_pages_are_kept_until_they_change(served: Bench) -> None:
    client = browser(served, None)
    page = client.get("/signin").text
    path = page.split('<script src="')[1].split('"')[0]
    answer = client.get(path)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["etag"]
    assert client.get("/static/../words.py").status_code == 404
    assert client.get("/static/%2e%2e/words.py").status_code == 404


def test_verifying_needs_a_certificate_and_says_so(served: Bench) -> None:
    client = browser(served)
    answer = client.post(
        "/verify", files=[("file", ("../../a.mp4", b"x"))],
        headers={"X-CSRF": csrf_of(client), "Accept": "application/json"},
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (422, "no-certificate")
    assert not list(served.service.config.uploads.iterdir())


def test_every_state_verdict_and_profile_has_words() -> None:
    for state in JobState:
        assert words.STATES[state] and words.TONES[state]
    for name in shipped_names():
        profile = load(name)
        assert words.takes(profile).endswith(".")
        assert "%" in words.promise(profile)
        assert len(words.floors(profile)) == len(profile.floors)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (9999, "9,999 bytes"), (32768, "32.8 kB"), (1_000_000, "1 MB"), (7_500_000, "7.5 MB"),
     (100_000_000, "100 MB"), (20_000_000_000, "20 GB"), (999_999, "1 MB")],
)  # fmt: skip
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


def test_a_session_holds_no_secret() -> None:
    assert {item.name for item in fields(Session)} == {"token_id", "nonce", "expires"}


def _delivered(served: Bench, files: dict[str, tuple[str, bytes]]) -> str:
    """A delivery whose files have roles."""
    job = str(sent(served.client()).json()["id"])
    ended: Any = served.deliver(job, {name: content for name, (_, content) in files.items()})
    roles = [item | {"role": files[item["name"]][0]} for item in ended.files]
    with served.host.ledger.engine.begin() as connection:
        connection.execute(sa.update(jobs).where(jobs.c.id == job).values(files=json.dumps(roles)))
    return job

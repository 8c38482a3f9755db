"""``/v1/jobs`` as a client sees it, without a worker: what is taken, refused, shown, kept apart and fetched."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.helpers.service import Bench, sent, sha256
from transcoder.jobs.retention import Retention
from transcoder.jobs.tables import jobs as table
from transcoder.server.access import Role

URN_A, URN_B = "45AA1234526", "45BB7654321"


def options(**given: Any) -> dict[str, str]:
    return {"options": json.dumps(given)}


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """The body of a problem, after looking at what every problem has."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["code"] == code
    assert body["status"] == status
    assert body["type"] == f"urn:transcoder:error:{code}"
    assert body["detail"]
    assert "Traceback" not in answer.text
    return body


def left_behind(served: Bench) -> list[Path]:
    folder = served.service.config.uploads
    return list(folder.iterdir()) if folder.is_dir() else []


def test_an_upload_becomes_a_job_with_its_hash_and_place(served: Bench) -> None:
    client = served.client()
    answer = sent(client, b"pictures", "Kamera 1.mp4", data=options(case={"urn": URN_A}))
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["location"] == f"/v1/jobs/{body['id']}"
    assert body["state"] == "queued"
    assert body["source"] == {"name": "Kamera 1.mp4", "bytes": 8, "sha256": sha256(b"pictures")}
    assert client.get(answer.headers["location"]).json() == body
    assert left_behind(served) == []


def test_the_same_again_is_the_same_job(served: Bench) -> None:
    client = served.client()
    first = sent(client)
    again = sent(client)
    other_name = sent(client, name="b.mp4")
    other_profile = sent(client, data=options(profile="email-10mb"))
    assert [answer.status_code for answer in (first, again, other_name, other_profile)] == [201, 200, 201, 201]
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["location"] == first.headers["location"]
    assert len({answer.json()["id"] for answer in (first, other_name, other_profile)}) == 3


def test_an_own_key_is_for_one_payload_of_one_token(served: Bench) -> None:
    client = served.client()
    key = {"Idempotency-Key": "case-7-clip-1"}
    first = sent(client, b"one", headers=key)
    assert sent(client, b"one", headers=key).json()["id"] == first.json()["id"]
    refused(sent(client, b"two", headers=key), 409, "idempotency-conflict")
    assert sent(served.client(), b"two", headers=key).status_code == 201


def test_what_failed_is_taken_up_again_by_the_same_upload(served: Bench) -> None:
    client = served.client()
    first = sent(client).json()["id"]
    client.delete(f"/v1/jobs/{first}")
    again = sent(client)
    assert (again.status_code, again.json()["id"], again.json()["state"]) == (201, first, "queued")


def test_a_path_under_an_allowed_folder_becomes_a_job(served: Bench, tmp_path: Path) -> None:
    source = tmp_path / "shared" / "clip.avi"
    source.write_bytes(b"frames")
    client = served.client()
    answer = client.post("/v1/jobs", json={"source": {"path": str(source)}, "options": {"profile": "email-10mb"}})
    assert answer.status_code == 201
    assert answer.json()["source"]["sha256"] == sha256(b"frames")
    assert answer.json()["profile"] == "email-10mb"


@pytest.mark.parametrize("made", ["outside", "dots", "link", "link-folder", "relative", "home"])
def test_a_path_outside_is_refused_however_it_is_written(served: Bench, tmp_path: Path, made: str) -> None:
    secret = tmp_path / "secret.avi"
    secret.write_bytes(b"not yours")
    allowed = tmp_path / "shared"
    (allowed / "link.avi").symlink_to(secret)
    (allowed / "folder").symlink_to(tmp_path)
    path = {
        "outside": str(secret), "dots": f"{allowed}/../secret.avi", "link": f"{allowed}/link.avi",
        "link-folder": f"{allowed}/folder/secret.avi", "relative": "shared/clip.avi",
        "home": str(served.home / "service" / "session.key"),
    }[made]  # fmt: skip
    refused(served.client().post("/v1/jobs", json={"source": {"path": path}}), 422, "path-not-allowed")


@pytest.mark.parametrize("name", ["missing.avi", "folder", "no\x00name"])
def test_a_path_that_is_no_file_is_refused(served: Bench, tmp_path: Path, name: str) -> None:
    (tmp_path / "shared" / "folder").mkdir()
    path = str(tmp_path / "shared" / name)
    answer = served.client().post("/v1/jobs", json={"source": {"path": path}})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Export\\cam.avi", "cam.avi"),
        (".hidden", "hidden"),
        ("a\r\nb.mp4", "a b.mp4"),
        ("..", "unnamed"),
        ("süß.mp4", "süß.mp4"),
        ("u\u0308ber.mp4", "über.mp4"),
        ("監視.mp4", "監視.mp4"),
        ("वीडियो.mp4", "वीडियो.mp4"),
        ("می\u200cخواهم.mp4", "می\u200cخواهم.mp4"),
        ("a\u202egpj.exe", "a gpj.exe"),
        ("\u2066a\u2069\ufeff.mp4", "a .mp4"),
        ("a" + "\u0335" * 99 + ".mp4", "a" + "\u0335" * 6 + ".mp4"),
        ("it's 50% & #1 [x].mp4", "it's 50% & #1 [x].mp4"),
        ("what%22?*:.mp4", "what____.mp4"),
        ("監" * 100 + ".mp4", "監" * 65 + ".mp4"),
        ("x" * 400 + ".mp4", "x" * 196 + ".mp4"),
    ],
)
def test_a_name_is_made_harmless(served: Bench, given: str, kept: str) -> None:
    boundary, disposition = "edge", f'form-data; name="file"; filename="{given}"'.replace("\r\n", "\t")
    body = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\nabc\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = served.client().post("/v1/jobs", content=body, headers=kind)
    assert answer.status_code == 201, answer.text
    assert answer.json()["source"]["name"] == kept


def test_unknown_fields_are_refused_everywhere(served: Bench, tmp_path: Path) -> None:
    (tmp_path / "shared" / "a.avi").write_bytes(b"frames")
    client, path = served.client(), str(tmp_path / "shared" / "a.avi")
    refused(sent(client, data=options(profle="x")), 422, "invalid-request")
    answer = sent(client, data=options(case={"urm": "x"}))
    refused(answer, 422, "invalid-request")
    assert answer.json()["detail"] == "case.urm: there is no such field"
    refused(sent(client, data={"option": "{}"}), 400, "bad-form")
    refused(client.post("/v1/jobs", json={"source": {"path": path}, "extra": 1}), 422, "invalid-request")
    assert left_behind(served) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"profile": "no-such"},
        {"cap_bytes": 0},
        {"max_parts": 10_001},
        {"accept_degraded": True},
        {"reason": "why"},
        {"from_s": "1/0"},
        {"deadline": "2026-01-01"},
        {"deadline": "9999-12-31T23:59:59-12:00"},
        {"priority": "now"},
        {"timeout_s": 0},
        {"case": {"description": "two\nlines"}},
        {"case": {"urn": "\x00"}},
    ],
)
def test_options_that_make_no_sense_are_refused_with_a_reason(served: Bench, wrong: dict[str, Any]) -> None:
    answer = sent(served.client(), data=options(**wrong))
    assert answer.status_code == 422
    assert answer.json()["detail"]
    assert left_behind(served) == []


@pytest.mark.parametrize(
    ("kind", "body", "status", "code"),
    [
        ("text/plain", b"hello", 400, "bad-form"),
        ("multipart/form-data", b"hello", 400, "bad-form"),
        ("multipart/form-data; boundary=x", b"hello", 400, "bad-form"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data\r\n\r\na\r\n--x--",
            400,
            "bad-form",
        ),
        ("application/json", b"{", 422, "invalid-request"),
        ("application/json", b"[" * 100_000, 422, "invalid-request"),
        ("application/json", b'{"source": {"path": "\\ud800"}}', 422, "invalid-request"),
    ],
)
def test_bodies_that_are_none_are_refused(served: Bench, kind: str, body: bytes, status: int, code: str) -> None:
    answer = served.client().post("/v1/jobs", content=body, headers={"Content-Type": kind})
    refused(answer, status, code)
    assert left_behind(served) == []


def test_a_form_that_ends_too_soon_or_brings_two_files_leaves_nothing(served: Bench) -> None:
    client = served.client()
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\nabc'
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    refused(client.post("/v1/jobs", content=start, headers=kind), 400, "bad-form")
    two = client.post("/v1/jobs", files=[("file", ("a", b"1")), ("file", ("b", b"2"))])
    refused(two, 400, "bad-form")
    refused(client.post("/v1/jobs", files={"other": ("a", b"1")}), 400, "bad-form")
    refused(client.post("/v1/jobs", files={"file": ("a.mp4", b"")}), 422, "input-empty")
    assert left_behind(served) == []


def test_case_tokens_see_their_cases_only(served: Bench) -> None:
    a, b, all_cases = served.client(cases=[URN_A]), served.client(cases=[URN_B]), served.client()
    of_a = sent(a, b"a", data=options(case={"urn": URN_A})).json()["id"]
    of_b = sent(b, b"b", data=options(case={"urn": URN_B})).json()["id"]
    of_none = sent(all_cases, b"n").json()["id"]
    refused(sent(a, b"x", data=options(case={"urn": URN_B})), 403, "forbidden")
    refused(sent(a, b"x"), 403, "forbidden")
    for path in ("", "/events", "/files/a.mp4"):
        refused(a.get(f"/v1/jobs/{of_b}{path}"), 404, "not-found")
    refused(a.delete(f"/v1/jobs/{of_b}"), 404, "not-found")
    refused(a.post(f"/v1/jobs/{of_none}/retry"), 404, "not-found")
    assert [job["id"] for job in a.get("/v1/jobs").json()["jobs"]] == [of_a]
    assert a.get("/v1/jobs", params={"case": URN_B}).json()["jobs"] == []
    assert [job["id"] for job in all_cases.get("/v1/jobs").json()["jobs"]] == [of_none, of_b, of_a]
    assert all_cases.get(f"/v1/jobs/{of_b}").json()["state"] == "queued"


def test_roles_allow_what_they_say(served: Bench) -> None:
    reader, submitter = served.client(Role.READ), served.client(Role.SUBMIT)
    job = sent(submitter).json()["id"]
    assert reader.get(f"/v1/jobs/{job}").status_code == 200
    refused(sent(reader), 403, "forbidden")
    refused(reader.delete(f"/v1/jobs/{job}"), 403, "forbidden")
    refused(reader.post(f"/v1/jobs/{job}/retry"), 403, "forbidden")
    assert left_behind(served) == []


def test_no_token_a_wrong_one_an_expired_and_a_revoked_one_open_nothing(served: Bench) -> None:
    tokens = served.host.tokens()
    expired = tokens.create("old", Role.ADMIN, expires_s=-1.0)[0]
    gone, access = tokens.create("gone", Role.ADMIN)
    client = served.client(None)
    assert client.get("/v1/jobs", headers={"Authorization": f"Bearer {gone}"}).status_code == 200
    tokens.revoke(access.id)
    for given in ("", "Bearer", f"Bearer {'x' * 43}", f"Bearer trc_{'x' * 43}", f"Basic {gone}", f"Bearer {expired}",
                  f"Bearer {gone}"):  # fmt: skip
        answer = client.get("/v1/jobs", headers={"Authorization": given} if given else {})
        refused(answer, 401, "unauthorised")
        assert answer.headers["www-authenticate"].startswith("Bearer")
    with served.host.ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM tokens").fetchall()
    assert gone not in str(rows)


def test_pages_are_complete_and_in_order(served: Bench) -> None:
    client = served.client()
    made = [sent(client, bytes([number])).json()["id"] for number in range(7)]
    found, after = [], None
    while True:
        page = client.get("/v1/jobs", params={"limit": 3, **({"after": after} if after else {})}).json()
        found += [job["id"] for job in page["jobs"]]
        after = page["next"]
        if after is None:
            break
    assert found == made[::-1]
    for wrong in ("x", "nan~job_1", "inf~job_1", "~", "0x1p+5", "1e400~a"):
        refused(client.get("/v1/jobs", params={"after": wrong}), 422, "invalid-request")
    for limit in ("0", "201", "x"):
        refused(client.get("/v1/jobs", params={"limit": limit}), 422, "invalid-request")


def test_lists_are_filtered(served: Bench) -> None:
    client = served.client()
    done = sent(client, b"1", "north.mp4").json()["id"]
    waits = sent(client, b"2", "south_100%.mp4").json()["id"]
    served.deliver(done)

    def listed(**wanted: Any) -> list[str]:
        return [job["id"] for job in client.get("/v1/jobs", params=wanted).json()["jobs"]]

    assert listed(state="delivered") == [done]
    assert listed(state=["queued", "running"]) == [waits]
    assert listed(verdict="accepted") == [done]
    assert listed(name="NORTH") == [done]
    assert listed(name="h_100%") == [waits]
    assert listed(name="h_1_0") == listed(name="s%0") == []
    refused(client.get("/v1/jobs", params={"state": "done"}), 422, "invalid-request")


def test_cancel_and_retry(served: Bench) -> None:
    client = served.client()
    job = sent(client).json()["id"]
    refused(client.post(f"/v1/jobs/{job}/retry"), 409, "not-retryable")
    cancelled = client.delete(f"/v1/jobs/{job}")
    assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
    assert cancelled.json()["error"]["code"] == "cancelled"
    again = client.post(f"/v1/jobs/{job}/retry")
    assert (again.status_code, again.json()["state"], again.json()["error"]) == (202, "queued", None)
    served.deliver(job)
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "delivered"
    refused(client.post(f"/v1/jobs/{job}/retry"), 409, "not-retryable")


def test_a_run_carries_the_number_of_the_request_that_asked_for_it(served: Bench) -> None:
    client = served.client()
    made = sent(client, headers={"X-Request-Id": "first"}).json()["id"]

    def carried() -> str | None:
        job = served.host.ledger.get(made)
        assert job is not None
        return job.request

    assert carried() == "first"
    sent(client, headers={"X-Request-Id": "the-same-again"})
    assert carried() == "first"
    client.delete(f"/v1/jobs/{made}")
    client.post(f"/v1/jobs/{made}/retry", headers={"X-Request-Id": "second"})
    assert carried() == "second"
    client.delete(f"/v1/jobs/{made}")
    sent(client, headers={"X-Request-Id": "third"})
    assert carried() == "third"


def test_a_job_that_was_removed_says_so_to_whoever_may_know_of_it(served: Bench) -> None:
    client = served.client()
    made = sent(client, data=options(case={"urn": "01AB"})).json()["id"]
    served.deliver(made)
    with served.host.ledger.engine.begin() as connection:
        connection.execute(sa.update(table).values(ended=table.c.ended - 100 * 86_400.0))
    Retention(
        served.host.ledger.engine, served.host.objects, served.service.journal, after_s=30 * 86_400.0, worker="w",
        forget_runs=lambda *_: None,
    ).run()  # fmt: skip
    for path in ("", "/events", "/files/a.mp4"):
        refused(client.get(f"/v1/jobs/{made}{path}"), 410, "job-removed")
    refused(client.delete(f"/v1/jobs/{made}"), 410, "job-removed")
    refused(client.post(f"/v1/jobs/{made}/retry"), 410, "job-removed")
    refused(client.put(f"/v1/jobs/{made}/hold", json={"reason": "too late"}), 410, "job-removed")
    assert client.get("/v1/jobs").json()["jobs"] == []
    refused(served.client(cases=["other"]).get(f"/v1/jobs/{made}"), 404, "not-found")
    log = (served.home / "audit").glob("*.jsonl")
    assert any('"job-removed"' in file.read_text() and made in file.read_text() for file in log)
    assert sent(client, data=options(case={"urn": "01AB"})).status_code == 201


def test_a_job_is_held_and_let_go(served: Bench) -> None:
    client = served.client()
    made = sent(client).json()["id"]
    assert client.put(f"/v1/jobs/{made}/hold", json={"reason": "appeal"}).json()["hold"] == "appeal"
    refused(client.put(f"/v1/jobs/{made}/hold", json={"reason": ""}), 422, "invalid-request")
    refused(served.client(Role.READ).put(f"/v1/jobs/{made}/hold", json={"reason": "x"}), 403, "forbidden")
    assert client.get(f"/v1/jobs/{made}").json()["hold"] == "appeal"
    assert client.delete(f"/v1/jobs/{made}/hold").json()["hold"] is None


def test_a_running_job_is_asked_to_stop(served: Bench) -> None:
    client = served.client()
    job = sent(client).json()["id"]
    running = served.host.ledger.begin(job, 1, "worker")
    assert running is not None
    assert client.delete(f"/v1/jobs/{job}").json()["state"] == "running"
    assert not served.host.ledger.holds(running)


def test_a_file_comes_as_the_list_says(served: Bench) -> None:
    client, content = served.client(), bytes(range(256)) * 9000
    job = sent(client).json()["id"]
    served.deliver(job, {"a b.mp4": content})
    listed = client.get(f"/v1/jobs/{job}").json()["files"][0]
    answer = client.get(listed["href"])
    assert answer.content == content
    assert answer.headers["content-length"] == str(len(content)) == str(listed["bytes"])
    assert answer.headers["etag"] == f'"{listed["sha256"]}"'
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert answer.headers["repr-digest"] == f"sha-256=:{digest}:"
    assert answer.headers["content-disposition"] == 'attachment; filename="a b.mp4"'
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["b.mp4", "%2e%2e", "..%2f..%2fjobs.sqlite", "a.mp4%00", "a.mp4/", "%2e/a.mp4"])
def test_nothing_else_is_fetched(served: Bench, name: str) -> None:
    client = served.client()
    job = sent(client).json()["id"]
    served.deliver(job)
    refused(client.get(f"/v1/jobs/{job}/files/{name}", follow_redirects=False), 404, "not-found")


def test_a_file_that_the_storage_lost_is_said_before_anything_is_sent(served: Bench) -> None:
    client = served.client()
    job = sent(client).json()["id"]
    ended = served.deliver(job)
    served.host.objects.remove(str(ended.delivery))
    refused(client.get(f"/v1/jobs/{job}/files/a.mp4"), 404, "object-missing")


@pytest.mark.parametrize("job", ["x", "job_0", "job_" + "0" * 24, "job_" + "0" * 200, "job_'; --", "%00"])
def test_an_unknown_job_is_not_found(served: Bench, job: str) -> None:
    client = served.client()
    refused(client.get(f"/v1/jobs/{job}"), 404, "not-found")
    refused(client.delete(f"/v1/jobs/{job}"), 404, "not-found")


def test_unknown_places_and_methods_are_problems_too(served: Bench) -> None:
    client = served.client()
    refused(client.get("/v1/nothing"), 404, "not-found")
    answer = client.put("/v1/jobs")
    refused(answer, 405, "method-not-allowed")
    assert answer.headers["allow"]


def test_events_end_with_the_job(served: Bench) -> None:
    client = served.client()
    job = sent(client).json()["id"]
    served.deliver(job)
    answer = client.get(f"/v1/jobs/{job}/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    (event,) = answer.text.strip().split("\n\n")
    lines = dict(line.split(": ", 1) for line in event.splitlines())
    assert lines["event"] == "job"
    assert json.loads(lines["data"]) == client.get(f"/v1/jobs/{job}").json()
    assert client.get(f"/v1/jobs/{job}/events", headers={"Last-Event-ID": lines["id"]}).text == ""

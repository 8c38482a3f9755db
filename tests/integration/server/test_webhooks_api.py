"""Webhooks over HTTP: who may make them, what is shown, and the way from a job's end to the receiver."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.helpers.receiver import receiver
from tests.helpers.service import Bench, bench, sent
from transcoder.client import verify_webhook
from transcoder.jobs.courier import Courier
from transcoder.server.access import Role

URL = "https://cms.example/evidence"


@pytest.fixture
def served(tmp_path: Path) -> Bench:
    return bench(tmp_path, {"TRANSCODER_WEBHOOK_HOSTS": "cms.example"})


def test_a_webhook_from_its_making_to_its_end(served: Bench) -> None:
    client = served.client(Role.ADMIN)
    made = client.post("/v1/webhooks", json={"url": URL, "events": ["job.delivered"]})
    assert made.status_code == 201
    shown = made.json()
    assert shown["secret"].startswith("whsec_")
    one = f"/v1/webhooks/{shown['id']}"
    assert client.get(one).json() == {key: value for key, value in shown.items() if key != "secret"}
    assert client.get("/v1/webhooks").json() == [client.get(one).json()]
    tried = client.post(f"{one}/test")
    assert (tried.status_code, tried.json()["state"], tried.json()["event"]) == (202, "waiting", "ping")
    assert client.get(f"{one}/deliveries").json() == [tried.json()]
    again = client.post(f"{one}/deliveries/{tried.json()['id']}/retry")
    assert (again.status_code, again.json()["id"]) == (202, tried.json()["id"])
    assert 'transcoder_webhook_deliveries{state="waiting"} 1.0' in client.get("/metrics").text
    assert client.delete(one).status_code == 204
    assert client.get(one).status_code == 404
    assert client.post(f"{one}/deliveries/msg_x/retry").status_code == 404


def test_from_a_job_s_end_to_the_receiver(tmp_path: Path) -> None:
    with receiver() as there:
        served = bench(tmp_path, {"TRANSCODER_WEBHOOK_HOSTS": there.url.split("/evidence")[0]})
        made = served.client(Role.ADMIN).post("/v1/webhooks", json={"url": there.url}).json()
        job = served.deliver(sent(served.client()).json()["id"])
        assert Courier(served.host.ledger.engine, served.host.config.webhooks).round() == 1
    ((_, headers, body),) = there.came
    verify_webhook(headers, body, made["secret"])
    told = json.loads(body)
    assert (told["type"], told["data"]["id"], told["data"]["state"]) == ("job.delivered", job.id, "delivered")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "https://evil.example/"}, "webhook-host"),
        ({"url": "https://cms.example@evil.example/"}, "webhook-url"),
        ({"url": URL, "events": ["job.begun"]}, "invalid-request"),
        ({"url": URL, "more": 1}, "invalid-request"),
    ],
)
def test_what_is_not_taken(served: Bench, body: dict[str, object], code: str) -> None:
    answer = served.client(Role.ADMIN).post("/v1/webhooks", json=body)
    assert (answer.status_code < 500, answer.json()["code"]) == (True, code)
    assert served.client(Role.ADMIN).get("/v1/webhooks").json() == []


def test_only_administrators_make_them_and_only_for_cases_they_see(served: Bench) -> None:
    assert served.client(Role.SUBMIT).post("/v1/webhooks", json={"url": URL}).status_code == 403
    bound = served.client(Role.ADMIN, cases=["1"])
    assert bound.post("/v1/webhooks", json={"url": URL, "cases": ["2"]}).json()["code"] == "forbidden"
    assert bound.post("/v1/webhooks", json={"url": URL}).json()["cases"] == ["1"]
    others = served.client(Role.ADMIN).post("/v1/webhooks", json={"url": URL}).json()["id"]
    assert bound.get(f"/v1/webhooks/{others}").status_code == 404
    assert len(bound.get("/v1/webhooks").json()) == 1


def test_where_no_host_is_named_there_are_none(tmp_path: Path) -> None:
    answer = bench(tmp_path).client(Role.ADMIN).post("/v1/webhooks", json={"url": URL})
    assert (answer.status_code, answer.json()["code"]) == (409, "webhooks-off")


def test_the_audit_log_knows_of_them_without_their_secret(served: Bench) -> None:
    client = served.client(Role.ADMIN)
    made = client.post("/v1/webhooks", json={"url": URL}).json()
    client.delete(f"/v1/webhooks/{made['id']}")
    entries = [path.read_text() for path in served.home.rglob("*.jsonl")]
    text = "".join(entries)
    assert "webhook-created" in text
    assert "webhook-removed" in text
    assert made["secret"] not in text

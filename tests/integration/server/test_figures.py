"""What Prometheus reads."""

from __future__ import annotations

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families as parse

from tests.helpers.service import Bench, bench, sent
from transcoder.server.access import Role


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse(text)
        for sample in family.samples
    }


def test_figures_count_jobs_requests_and_bytes(served: Bench) -> None:
    client = served.client()
    first = sent(client, b"one").json()["id"]
    sent(client, b"two", data={"options": '{"case": {"urn": "45AA-SECRET"}}'})
    served.deliver(first)
    client.get(f"/v1/jobs/{first}")
    assert client.get("/no/such/45AA-SECRET").status_code == 404
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert "45AA-SECRET" not in answer.text
    assert first not in answer.text
    found = samples(answer.text)

    def one(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert one("transcoder_jobs", state="queued") == 1
    assert one("transcoder_jobs", state="delivered") == 1
    assert one("transcoder_queue_oldest_seconds") >= 0
    assert one("transcoder_job_attempts") == 1
    assert one("transcoder_job_duration_seconds_count") == 1
    assert one("transcoder_job_duration_seconds_bucket", le="+Inf") == 1
    assert one("transcoder_requests_total", method="POST", route="/v1/jobs", status="201") == 2
    assert one("transcoder_requests_total", method="GET", route="/v1/jobs/{job_id}", status="200") == 1
    assert one("transcoder_requests_total", method="-", route="-", status="404") == 1
    assert one("transcoder_request_duration_seconds_count", method="POST", route="/v1/jobs") == 2
    assert one("transcoder_received_bytes_total") > 6
    assert one("transcoder_sent_bytes_total") > 100
    assert one("transcoder_audit_failures_total") == 0
    assert one("transcoder_workers") == 0


def test_figures_need_a_token_unless_they_are_open(served: Bench, tmp_path: Path) -> None:
    assert served.client(None).get("/metrics").status_code == 401
    assert served.client(Role.READ).get("/metrics").status_code == 200
    opened = bench(tmp_path / "open", {"TRANSCODER_METRICS_OPEN": "1"})
    assert opened.client(None).get("/metrics").status_code == 200
    assert opened.client(None).get("/v1/jobs").status_code == 401

"""How long answers take that have no reason to take long."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import httpx

from tests.helpers.live import live
from tests.helpers.service import Bench, sent


def test_an_answer_does_not_wait_for_the_client_to_confirm_its_head(tmp_path: Path) -> None:
    """With Nagle's algorithm on, each answer but the first takes the 40 ms of a delayed confirmation."""
    with live(tmp_path / "home", "--no-worker") as server, httpx.Client(base_url=server.url) as client:
        took = []
        for _ in range(40):
            begun = time.perf_counter()
            assert client.get("/healthz").status_code == 200
            took.append(time.perf_counter() - begun)
    assert min(took[5:]) < 0.03


def test_who_reads_waits_for_no_writer(served: Bench) -> None:
    client = served.client()
    job = sent(client).json()["id"]
    client.get(f"/v1/jobs/{job}")
    answered = threading.Event()

    def ask() -> None:
        if client.get(f"/v1/jobs/{job}").status_code == 200 and client.get("/v1/jobs").status_code == 200:
            answered.set()

    with served.host.ledger.engine.begin():  # somebody writes, and takes their time
        asking = threading.Thread(target=ask)
        asking.start()
        assert answered.wait(20)
    asking.join()

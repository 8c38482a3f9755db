"""What the pages do while the service is away: they say so, lose nothing, and go on when it is back."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.test_service_pages import CHROMIUM, FLAGS
from tests.helpers.live import Live, live

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.xdist_group("service-pages"),
]
AWAY = "The service does not answer just now"
NAME = "Überwachung_Łódź_監視.mp4"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("away") / "home", "--no-worker") as found:
        yield found


@pytest.fixture(scope="module")
def headers(server: Live) -> dict[str, str]:
    return {"Authorization": f"Bearer {server.token()}"}


@pytest.fixture
def page(server: Live, headers: dict[str, str]) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{server.url}/signin")
        page.get_by_label("Your access token").fill(headers["Authorization"].removeprefix("Bearer "))
        page.keyboard.press("Enter")
        page.wait_for_url("**/jobs")
        yield page
        chromium.close()


def choose(page: Any, server: Live, path: Path, case: str) -> None:
    page.goto(f"{server.url}/new")
    page.get_by_label("Choose films or pictures").set_input_files(path)
    page.get_by_label("Case reference").fill(case)


def test_an_upload_goes_on_where_it_was(page: Any, server: Live, headers: dict[str, str], tmp_path: Path) -> None:
    content = os.urandom(40_000_000)
    (tmp_path / NAME).write_bytes(content)
    begun: list[str] = []
    page.on("request", lambda asked: begun.append(asked.url) if asked.url.endswith("/v1/uploads") else None)
    choose(page, server, tmp_path / NAME, "away")
    assert NAME in page.locator("#chosen").inner_text()
    page.context.new_cdp_session(page).send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 8_000_000},
    )
    page.get_by_role("button", name="Send and begin").click()
    page.wait_for_selector("#bar", state="visible")
    while float(page.locator("#bar").get_attribute("value") or page.evaluate("bar.value")) < 55:
        page.wait_for_timeout(50)
    server.kill()
    away = page.locator("#away")
    away.wait_for(state="visible")
    assert AWAY in away.inner_text()
    server.start()
    page.wait_for_url(re.compile(r"/jobs/job_"))
    job = httpx.get(f"{server.url}/v1/jobs/{page.url.rsplit('/', 1)[1]}", headers=headers).json()
    assert job["source"] == {"name": NAME, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert NAME in page.locator("#job .label").inner_text()
    assert len(begun) == 1, "what had arrived was not sent again"


def test_a_small_file_is_sent_once_the_service_is_back(page: Any, server: Live, tmp_path: Path) -> None:
    (tmp_path / "small.mp4").write_bytes(b"small")
    choose(page, server, tmp_path / "small.mp4", "away")
    server.kill()
    page.get_by_role("button", name="Send and begin").click()
    page.get_by_text(AWAY).wait_for()
    page.get_by_role("button", name="Stop sending").click()
    page.get_by_role("alert").filter(has_text="Check your connection").wait_for()
    page.get_by_role("button", name="Send and begin").click()
    page.get_by_text(AWAY).wait_for()
    server.start()
    page.wait_for_url(re.compile(r"/jobs/job_"))


def test_a_job_and_the_list_say_that_they_may_be_old_and_catch_up(
    page: Any, server: Live, headers: dict[str, str]
) -> None:
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        job = client.post("/v1/jobs", files={"file": ("waits.mp4", b"waits")}).json()["id"]
    page.goto(f"{server.url}/jobs/{job}")
    over = page.context.new_page()
    over.goto(f"{server.url}/jobs")
    server.kill()
    for one in (page, over):
        one.bring_to_front()
        one.get_by_text(AWAY).wait_for()
    server.start()
    for one in (page, over):
        one.bring_to_front()
        one.locator("#away").wait_for(state="hidden")
    httpx.delete(f"{server.url}/v1/jobs/{job}", headers=headers)
    page.bring_to_front()
    page.wait_for_selector('#job[data-over="1"]')
    over.bring_to_front()
    over.locator(f'.job[data-id="{job}"]').filter(has_text="Cancelled").wait_for()
    over.close()


def test_many_jobs_are_turned_over_page_by_page(page: Any, server: Live, headers: dict[str, str]) -> None:
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        for number in range(60):  # of 25 on a page
            client.post("/v1/jobs", files={"file": (f"many {number:02}.mp4", b"many%d" % number)})
    page.goto(f"{server.url}/jobs?name=many")
    seen = page.locator(".job .what a").all_inner_texts()
    for _ in range(2):
        page.get_by_role("link", name="Older jobs").click()
        seen += page.locator(".job .what a").all_inner_texts()
    assert seen == [f"many {number:02}.mp4" for number in reversed(range(60))]
    assert page.get_by_role("link", name="Older jobs").count() == 0
    page.get_by_role("link", name="Newest jobs").click()
    assert page.locator(".job .what a").first.inner_text() == "many 59.mp4"

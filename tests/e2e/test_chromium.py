"""What a person sees: the output plays in a real browser, and the report opens without network or complaint."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from transcoder import transcode

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for the module."""
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the loopback address that serves it."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield tmp_path, f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def played_frames(browser: Any, folder: Path, address: str, media: Path) -> dict[str, Any]:
    """Play a file to its end in a <video> element; what the element knows then."""
    (folder / "player.html").write_text(f'<video id="v" muted src="{media.name}"></video>')
    page = browser.new_page()
    page.goto(f"{address}/player.html")
    result: dict[str, Any] = page.evaluate(
        """() => new Promise((resolve) => {
            const v = document.getElementById('v');
            const answer = (error) => resolve({error, frames: v.getVideoPlaybackQuality().totalVideoFrames,
                width: v.videoWidth, height: v.videoHeight, duration: v.duration});
            v.onended = () => answer(null);
            v.onerror = () => answer(v.error.message);
            v.playbackRate = 4; v.play().catch((e) => answer(String(e)));
            setTimeout(() => answer('time is up'), 40000);
        })"""
    )
    page.close()
    return result


def test_the_synthetic_scene_plays(browser: Any, site: tuple[Path, str], samples: Path) -> None:
    folder, address = site
    delivery = transcode(samples / "cctv_day.avi", out=folder)
    result = played_frames(browser, folder, address, delivery.file("media").path)
    assert result["error"] is None
    assert result["frames"] >= 50  # a player may drop frames at four times the speed; it must decode them
    assert (result["width"], result["height"]) == (640, 360)
    assert result["duration"] == pytest.approx(8.0, abs=0.1)


@pytest.mark.corpus
def test_rotated_phone_footage_plays_upright(browser: Any, site: tuple[Path, str], corpus: Path) -> None:
    folder, address = site
    delivery = transcode(corpus / "video/phone_gps_rot90.mov", out=folder, cap_bytes=300_000)
    result = played_frames(browser, folder, address, delivery.file("media").path)
    assert result["error"] is None
    assert (result["width"], result["height"]) == (320, 568)
    assert result["frames"] > 20


def test_the_report_opens_alone(browser: Any, samples: Path, tmp_path: Path) -> None:
    delivery = transcode(samples / "cctv_day.avi", out=tmp_path, cap_bytes=900_000)
    report = delivery.file("report").path
    page = browser.new_page(viewport={"width": 390, "height": 800})
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(f"file://{report}")
    assert page.title().startswith("Meets the fidelity floors")
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert page.locator("svg.chart polyline").count() == 2
    assert page.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    # On a phone nothing may stick out sideways.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()

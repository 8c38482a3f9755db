"""The report in a real browser: wiped, jumped through and played by keyboard, printed, and held against axe-core."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.pango import needs_pango
from transcoder import Delivery, transcode
from transcoder.app import render_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
PARTS_CAP = 70_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def master(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The synthetic scene in a form that browsers play, its own clock beginning at 10 s."""
    import av

    path = tmp_path_factory.mktemp("master") / "master of the scene.mkv"
    with av.open(str(samples / "cctv_day.avi")) as source, av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.options = {"crf": "12", "preset": "ultrafast"}
        for number, frame in enumerate(source.decode(video=0)):
            frame.pts, frame.time_base = number + 250, Fraction(1, 25)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    return path


@pytest.fixture(scope="module", autouse=True)
def _keys(keys_folder: Path) -> Iterator[None]:
    """Deliveries of the module are signed before a single test's own settings hold."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSCODER_KEYS_DIR", str(keys_folder))
        yield


@pytest.fixture(scope="module")
def whole(master: Path, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return transcode(master, out=tmp_path_factory.mktemp("whole"), cap_bytes=600_000)


@pytest.fixture(scope="module")
def parts(master: Path, tmp_path_factory: pytest.TempPathFactory) -> Delivery:
    return transcode(master, out=tmp_path_factory.mktemp("parts"), cap_bytes=PARTS_CAP)


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Opens a page and holds it to be silent: no request, no complaint, no error."""
    pages: list[Any] = []
    wrong: list[str] = []

    def opening(path: Path, **options: Any) -> Any:
        page = browser.new_page(**{"viewport": {"width": 1280, "height": 900}} | options)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:", "blob:"))
                else wrong.append(asked.url))  # fmt: skip
        page.goto(f"file://{path}")
        pages.append(page)
        return page

    yield opening
    for page in pages:
        page.close()
    assert wrong == []


def until(page: Any, condition: str) -> None:
    """Wait for an expression. Playwright's own way evaluates strings in the page, which the page forbids."""
    for _ in range(400):
        if page.evaluate(condition):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came: {condition}")


def box_of(page: Any, selector: str) -> dict[str, float]:
    """Where it is in the window, after it was brought there."""
    found = page.locator(selector).first
    found.scroll_into_view_if_needed()
    box: dict[str, float] = found.bounding_box()
    return box


def report_of(delivery: Delivery) -> Path:
    return delivery.file("report").path


def open_files(page: Any, master: Path, delivery: Delivery) -> None:
    page.locator('[data-do="open-source"]').set_input_files(str(master))
    media = [str(item.path) for item in delivery.files if item.role in ("media", "part")]
    page.locator('[data-do="open-copy"]').set_input_files(media)
    until(page, "[...document.querySelectorAll('video')].every((v) => v.readyState >= 2)")


def settled(page: Any, part: int = 0) -> tuple[float, float]:
    """Where both films stand on the clock of the source, once they do."""
    offset = float(page.locator("[data-name]").nth(part).get_attribute("data-offset"))
    until(page, "[...document.querySelectorAll('video')].every((v) => v.readyState >= 2 && !v.seeking && v.paused)")
    times = page.evaluate("['source', 'copy'].map((n) => document.querySelector(`[data-do=${n}]`).currentTime)")
    return times[0], times[1] + offset


def test_the_slider_wipes_by_keyboard_and_by_mouse(opened: Any, whole: Delivery) -> None:
    page = opened(report_of(whole))
    slider = page.locator("input.edge").first
    edge = "() => document.querySelector('.wipe img + img').style.clipPath"
    slider.focus()
    before = page.evaluate(edge)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(edge) != before
    page.keyboard.press("Home")
    assert page.evaluate(edge) == "inset(0px 0px 0px 0%)"
    assert "0 % source" in slider.get_attribute("aria-valuetext")
    box = box_of(page, ".wipe")
    page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 20)
    assert abs(float(slider.input_value()) - 75) <= 1
    page.get_by_role("button", name="Show side by side").first.press("Enter")
    assert page.locator(".pair img").first.is_visible()
    assert not page.locator(".wipe").first.is_visible()


def test_a_finger_wipes_too(opened: Any, whole: Delivery) -> None:
    page = opened(report_of(whole), has_touch=True, viewport={"width": 390, "height": 800})
    box = box_of(page, ".wipe")
    page.touchscreen.tap(box["x"] + box["width"] * 0.25, box["y"] + 20)
    assert abs(float(page.locator("input.edge").first.input_value()) - 25) <= 2


def test_the_chart_is_read_by_click_and_by_keyboard(opened: Any, whole: Delivery) -> None:
    page = opened(report_of(whole))
    said = page.locator("#moment output")
    assert said.inner_text().startswith("At 0:")
    slider = page.locator("#moment input")
    slider.focus()
    page.keyboard.press("Home")
    assert said.inner_text().startswith("At 0:10.0: whole picture 0.")
    chart = box_of(page, "svg.chart")
    page.mouse.click(chart["x"] + chart["width"] / 2, chart["y"] + 60)
    assert 11.5 < float(slider.input_value()) < 12.5
    page.locator("section[aria-labelledby=h-pictures] button.jump").press("Enter")
    worst = float(page.locator("#player").get_attribute("data-worst"))
    assert float(slider.input_value()) == pytest.approx(worst, abs=0.05)


def test_source_and_copy_play_seek_and_step_together(opened: Any, master: Path, whole: Delivery) -> None:
    page = opened(report_of(whole))
    assert not page.locator("video").first.is_visible()
    open_files(page, master, whole)
    worst = float(page.locator("#player").get_attribute("data-worst"))
    page.locator('[data-do="worst"]').press("Enter")
    source, copy = settled(page)
    assert source == pytest.approx(copy, abs=0.002)
    assert copy == pytest.approx(worst, abs=0.04)
    page.locator('[data-do="seek"]').focus()
    page.keyboard.press("Home")
    assert settled(page) == pytest.approx((10.001, 10.001), abs=0.002)
    for _ in range(3):
        page.locator('[data-do="forward"]').press("Enter")
    source, copy = settled(page)
    assert source == pytest.approx(copy, abs=0.002)
    assert copy == pytest.approx(10 + 3 / 25, abs=0.01)
    page.locator('[data-do="play"]').press("Enter")
    until(page, "document.querySelector('[data-do=copy]').currentTime > 0.6")
    page.locator('[data-do="play"]').press("Enter")
    source, copy = settled(page)
    assert source == pytest.approx(copy, abs=0.002)
    assert copy > 10.5
    page.locator('[data-do="mode"]').press("Enter")
    assert "inset" in page.evaluate("document.querySelector('[data-do=copy]').style.clipPath")


def test_parts_play_as_one_on_the_clock_of_the_source(opened: Any, master: Path, parts: Delivery) -> None:
    count = sum(item.role == "part" for item in parts.files)
    assert count > 1
    page = opened(report_of(parts))
    open_files(page, master, parts)
    second = page.locator("[data-name]").nth(1)
    start = float(second.get_attribute("data-start"))
    page.evaluate(f"goTo({start - 0.3})")
    settled(page)
    page.locator('[data-do="play"]').press("Enter")
    until(page, f"Number(document.querySelector('[data-do=seek]').value) > {start + 0.3}")
    page.locator('[data-do="play"]').press("Enter")
    source, copy = settled(page, part=1)
    assert f"part 2 of {count}" in page.locator('[data-do="time"]').inner_text()
    assert copy == pytest.approx(source, abs=0.002)


def test_files_beside_the_page_open_with_one_button(opened: Any, master: Path, whole: Delivery, tmp_path: Path) -> None:
    for item in whole.files:
        shutil.copy(item.path, tmp_path)
    shutil.copy(master, tmp_path)
    page = opened(tmp_path / report_of(whole).name)
    page.locator('[data-do="beside"]').press("Enter")
    until(page, "[...document.querySelectorAll('video')].every((v) => v.readyState >= 2)")
    assert page.locator('[data-do="status"]').inner_text() == ""


def test_a_file_that_is_not_there_is_said(browser: Any, whole: Delivery, tmp_path: Path) -> None:
    shutil.copy(report_of(whole), tmp_path)
    page = browser.new_page()
    page.goto(f"file://{tmp_path / report_of(whole).name}")
    page.locator('[data-do="beside"]').press("Enter")
    until(page, "document.querySelector('[data-do=status]').textContent.includes('cannot open')")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["whole", "parts"])
def test_axe_finds_nothing(
    opened: Any, name: str, scheme: str, width: int, request: pytest.FixtureRequest, master: Path
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    delivery = request.getfixturevalue(name)
    page = opened(report_of(delivery), color_scheme=scheme, viewport={"width": width, "height": 800})
    if page.locator("#player").count():
        open_files(page, master, delivery)
    found = axe.Axe().run(page).response["violations"]
    assert [(item["id"], [node["html"] for node in item["nodes"]]) for item in found] == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_it_prints_without_sliders_and_with_everything_it_says(opened: Any, whole: Delivery, tmp_path: Path) -> None:
    pdftotext = shutil.which("pdftotext")
    if pdftotext is None:
        pytest.skip("pdftotext (poppler) is not installed")
    page = opened(report_of(whole), color_scheme="dark")
    page.pdf(path=str(tmp_path / "printed.pdf"), prefer_css_page_size=True)
    text = subprocess.run([pdftotext, str(tmp_path / "printed.pdf"), "-"], capture_output=True, check=True).stdout
    printed = text.decode()
    for words in ("What it means for use", "How to check this yourself", "CMS Verification successful", "Page 1 of"):
        assert words in printed
    for words in ("Wipe between", "Play both", "Go to 0:", "Choose"):
        assert words not in printed


def test_without_script_it_says_the_same(browser: Any, whole: Delivery) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"file://{report_of(whole)}")
    assert page.locator(".pair img").first.is_visible()
    assert not page.locator("button, video, input").all_inner_texts() or not page.locator("button:visible").count()
    assert page.get_by_role("heading", name="What it means for use").is_visible()
    context.close()


@needs_pango
def test_the_pdf_has_the_text_of_the_page_in_its_order(
    opened: Any, whole: Delivery, master: Path, tmp_path: Path
) -> None:
    pdftotext = shutil.which("pdftotext")
    if pdftotext is None:
        pytest.skip("pdftotext (poppler) is not installed")
    (written,) = render_report(whole.file("certificate").path, pdf=tmp_path / "case.pdf", source=master)
    text = subprocess.run([pdftotext, str(written), "-"], capture_output=True, check=True).stdout.decode()
    page = opened(report_of(whole))
    headings = [item.inner_text() for item in page.locator("h1, h2").all()]
    assert len(headings) > 8
    flat, places = " ".join(text.split()), []
    for heading in headings:
        assert heading in flat
        places.append(flat.index(heading))
    assert places == sorted(places)
    assert written.stat().st_size <= 600_000

"""Region cards and contact sheets: every outcome in words, hostile text as text, pictures only where they fit."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import pytest
from PIL import Image

from tests.helpers import factories, pictures
from tests.helpers import regions as made
from transcoder.certificate import regions as record
from transcoder.metrics.areas import View, Viewer
from transcoder.metrics.checks import Checked, TaskCheck
from transcoder.metrics.tasks import TaskOutcome, TaskResult
from transcoder.model import Box, Region, RegionKind, RegionScore, RegionSet
from transcoder.report import contact_sheet, html
from transcoder.report.pictures import Presentation
from transcoder.report.tracks import THUMB_PX, Card, cards, overview, thumbs

HOSTILE = "<script>alert(1)</script>\"'&{{7*7}}"
NAMES = {"certificate": "a.certificate.json", "signature": "a.certificate.json.p7s", "report": "a.report.html"}


def region_of(kind: RegionKind, number: int = 1, note: str = "", **fields: Any) -> Region:
    return made.region(
        (0, Box(20, 20, 60, 40)), (2000, Box(40, 20, 60, 40)), kind=kind, id=f"{kind}{number}", note=note, **fields
    )


def view_of(region: Region, size: tuple[int, int] = (120, 90), box: Box | None = None) -> View:
    return View(region, box or Box(20, 20, 60, 40), 1.0, pictures.rgb(*size), pictures.rgb(*size, seed=4))


def statement_of(*regions: Region, outcome: TaskOutcome | None = None, read: str = "AB12") -> dict[str, Any]:
    checks = tuple(
        TaskCheck(
            region=region.id, at_s=1.0,
            result=TaskResult(
                kind=region.kind, outcome=outcome, similarity=0.871,
                before="" if region.kind is RegionKind.FACE else read,
                after="" if region.kind is RegionKind.FACE else read[::-1], detail="x",
            ),
        )
        for region in regions
        if outcome is not None
    )  # fmt: skip
    scores = tuple(
        RegionScore(
            id=region.id, kind=region.kind, mean=0.97, p1=0.95, minimum=0.94, minimum_at_s=0.4,
            times_s=[0.0, 1.0, 2.0, 3.0], values=[0.97, 0.95, 0.94, 0.99],
        )
        for region in regions
    )  # fmt: skip
    built = factories.statement()
    built["predicate"]["regions"] = record.describe(
        RegionSet(regions=regions), factories.fidelity(regions=scores), Checked(checks=checks), Fraction(1, 1000), 10**6
    )
    return built


def made_cards(statement: dict[str, Any], *views: View, max_bytes: int = 1_000_000) -> list[Card]:
    predicate = statement["predicate"]
    return cards(predicate, thumbs(predicate, views, Presentation(), max_bytes=max_bytes))


def page_of(statement: dict[str, Any], *views: View, max_bytes: int = 1_000_000) -> str:
    return html.render(
        statement, html.SignedBy("CN=Test", True), names=NAMES, before=None, after=None, max_bytes=max_bytes,
        views=views,
    )  # fmt: skip


@pytest.mark.parametrize("kind", [RegionKind.FACE, RegionKind.PLATE, RegionKind.TEXT])
@pytest.mark.parametrize(
    ("outcome", "tone"), list(zip(TaskOutcome, ("ok", "warn", "miss", "soft"), strict=True)), ids=str
)
def test_every_outcome_has_its_words(kind: RegionKind, outcome: TaskOutcome, tone: str) -> None:
    statement = statement_of(region_of(kind), outcome=outcome)
    (card,) = made_cards(statement)
    assert card.tone == tone
    assert card.task
    if outcome is not TaskOutcome.UNREADABLE:
        assert ("face" in card.task) == (kind is RegionKind.FACE)
    assert (card.similarity is not None) == (kind is RegionKind.FACE)
    page = page_of(statement)
    assert card.task in page
    (line,) = overview(statement["predicate"])
    assert line.lower().endswith(card.task.lower())
    assert "1 ×" in line
    if kind is not RegionKind.FACE:
        assert "<q>AB12</q>" in page
        assert "<q>21BA</q>" in page


@pytest.mark.parametrize("kind", list(RegionKind))
def test_a_card_without_a_task(kind: RegionKind) -> None:
    (card,) = made_cards(statement_of(region_of(kind)))
    assert (card.tone, card.task, card.similarity, card.pair) == ("", "", None, None)
    assert card.floor == factories.profile().floors[str(kind)]
    assert card.chart is not None
    assert (card.first_s, card.last_s, card.key_s) == (0.0, 2.0, 0.0)


def test_hostile_notes_and_readings_stay_text() -> None:
    region = region_of(RegionKind.TEXT, note=f"{HOSTILE}!", found_by=HOSTILE)
    statement = statement_of(region, outcome=TaskOutcome.DIFFERENT, read=HOSTILE)
    statement["predicate"]["regions"]["warnings"] = [HOSTILE]
    page = page_of(statement, view_of(region))
    assert page.count("<script") == 1
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") >= 4
    assert "{{7*7}}" in page


def test_pictures_are_shown_before_and_after_where_there_is_room() -> None:
    regions = [region_of(RegionKind.FACE, n) for n in range(4)]
    statement = statement_of(*regions)
    views = [view_of(region) for region in regions]
    full = made_cards(statement, *views)
    assert all(card.pair is not None for card in full)
    pair = full[0].pair
    assert pair is not None
    assert pair.before != pair.after
    assert max(pair.width, pair.height) <= THUMB_PX
    size = len(pair.before) + len(pair.after)
    some = [card.pair is not None for card in made_cards(statement, *views, max_bytes=int(size * 2.5))]
    assert some == sorted(some, reverse=True), "the first ones have pictures"
    assert sum(some) in (2, 3)
    for room in (0, 100):
        assert not any(card.pair for card in made_cards(statement, *views, max_bytes=room))
    assert page_of(statement, *views).count("data:image/jpeg") == 8
    assert page_of(statement, *views, max_bytes=32_768).count("data:image/jpeg") < 8


@pytest.mark.parametrize("max_bytes", [32_768, 60_000, 200_000])
def test_a_page_with_many_regions_is_never_too_large(max_bytes: int) -> None:
    regions = [region_of(kind, n, note="&" * 100) for n in range(12) for kind in RegionKind]
    statement = statement_of(*regions, outcome=TaskOutcome.DIFFERENT, read="<" * 80)
    assert len(page_of(statement, *(view_of(region) for region in regions[:48]), max_bytes=max_bytes)) <= max_bytes


@pytest.mark.parametrize(
    ("size", "box"),
    [((120, 90), Box(0, 0, 120, 90)), ((900, 700), Box(100, 50, 700, 600)), ((20, 20), Box(8, 8, 2, 2)),
     ((400, 60), Box(390, 0, 10, 60))],
)  # fmt: skip
@pytest.mark.parametrize("kind", [RegionKind.PERSON, RegionKind.FACE])
def test_regions_of_any_shape_have_a_picture(size: tuple[int, int], box: Box, kind: RegionKind) -> None:
    region = region_of(kind)
    (card,) = made_cards(statement_of(region), view_of(region, size, box))
    assert card.pair is not None
    assert card.part == (box.width > THUMB_PX or box.height > THUMB_PX)


def test_a_turned_camera_turns_its_pictures() -> None:
    region = region_of(RegionKind.FACE)
    statement = statement_of(region)
    view = view_of(region, (120, 60), Box(10, 10, 90, 30))
    shapes = []
    for degrees in (0, 90):
        shown = Presentation(rotation_deg=degrees)
        predicate = statement["predicate"]
        (card,) = cards(predicate, thumbs(predicate, [view], shown, max_bytes=10**6))
        assert card.pair is not None
        shapes.append((card.pair.width, card.pair.height))
    assert shapes[0] == shapes[1][::-1]


def test_the_report_of_an_older_certificate_has_no_regions() -> None:
    statement = factories.statement()
    statement["predicate"]["regions"] = {"detectors": []}
    assert "<article" not in page_of(statement)
    assert overview(statement["predicate"]) == []


# Contact sheets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 5, 6, 30])
def test_a_sheet_is_a_jpeg_with_a_cell_for_each_region(count: int) -> None:
    kinds = list(RegionKind)
    regions = [region_of(kinds[n % 6], n, note=f"note {n}") for n in range(count)]
    at = [(region, [(10, 10, 60, 50), (0, 0, 1, 1)]) for region in regions]
    sheet = contact_sheet.draw(
        pictures.rgb(320, 180), at, [view_of(region) for region in regions], regions, Fraction(1, 1000)
    )
    with Image.open(io.BytesIO(sheet)) as image:
        image.load()
        assert image.format == "JPEG"
        with Image.open(io.BytesIO(contact_sheet.draw(pictures.rgb(320, 180), [], [], [], Fraction(1)))) as empty:
            rows = -(-count // 5)
            assert image.width == empty.width
            assert (image.height > empty.height) == bool(count)
            assert image.height - empty.height == rows * ((image.height - empty.height) // max(1, rows))


@pytest.mark.parametrize("note", ["出口 Süd 🚪", "a\nb", "\x00\x1b[31m", "x" * 500, "\ud83d", "العربية", ""])
def test_a_note_in_any_script_does_not_stop_the_sheet(note: str) -> None:
    region = region_of(RegionKind.TEXT, note=note)
    sheet = contact_sheet.draw(pictures.rgb(64, 48), [(region, [])], [view_of(region)], [region], Fraction(1, 25))
    assert sheet.startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((2, 2), Box(0, 0, 1, 1)),
        ((1, 400), Box(0, 10, 1, 200)),
        ((1600, 900), Box(300, 200, 90, 40)),
        ((3000, 10), Box(0, 4, 3000, 3)),
        ((1200, 1600), Box(100, 0, 2, 1600)),
    ],
)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_pictures_of_any_shape_and_mode(size: tuple[int, int], box: Box, mode: str) -> None:
    image, region = Image.new(mode, size), made.still_region(box)
    viewer = Viewer([region], size)
    viewer.take(0, 0.0, image, image)
    corners = [(box.x, box.y, box.right, box.bottom)]
    sheet = contact_sheet.draw(image, [(region, corners)], viewer.views, [region], Fraction(1))
    assert sheet.startswith(b"\xff\xd8")

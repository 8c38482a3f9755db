"""The contact sheet of ``inspect --regions``: what was found, at a glance, as one JPEG."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Sequence
from fractions import Fraction

from PIL import Image, ImageDraw, ImageFont

from transcoder.metrics.areas import View
from transcoder.model import Region
from transcoder.report.charts import clock
from transcoder.report.tracks import KINDS

_COLUMNS, _CELL = 5, (232, 200)
_OVERVIEW_WIDTH = _COLUMNS * _CELL[0]
_OVERVIEW_HEIGHT = 900
_CAPTION = 42
COLOURS = {
    "face": (255, 64, 64),
    "plate": (255, 214, 10),
    "text": (255, 105, 235),
    "person": (60, 220, 90),
    "vehicle": (64, 224, 255),
    "motion": (255, 150, 50),
}


def draw(overview: Image.Image, at: Sequence[tuple[Region, Sequence[tuple[int, int, int, int]]]], views: Sequence[View],
         regions: Sequence[Region], time_base: Fraction) -> bytes:  # fmt: skip
    """A JPEG: one picture with every region in it, then each region by itself.

    :param overview: the moment with most regions.
    :param at: the regions in that picture with their boxes (left, top, right, bottom).
    :param views: regions at their key moments.
    :param regions: all of them, for the line of text.
    """
    order = list(KINDS)
    views = sorted(views, key=lambda view: (order.index(str(view.region.kind)), view.region.key.pts))
    scale = min(_OVERVIEW_WIDTH / overview.width, _OVERVIEW_HEIGHT / overview.height)
    size = max(1, round(overview.width * scale)), max(1, round(overview.height * scale))
    rows = -(-len(views) // _COLUMNS)
    sheet = Image.new("RGB", (_OVERVIEW_WIDTH, size[1] + _CAPTION + rows * (_CELL[1] + _CAPTION)), (24, 28, 34))
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(15)
    sheet.paste(overview.convert("RGB").resize(size), (0, 0))
    for region, boxes in at:
        colour = COLOURS[str(region.kind)]
        for left, top, right, bottom in boxes:
            corners = _scaled((left, top, right, bottom), scale)
            pen.rectangle(corners, outline=colour, width=2)
            pen.text((corners[0] + 3, corners[1] + 1), region.id, fill=colour, font=font, stroke_width=2,
                     stroke_fill=(0, 0, 0))  # fmt: skip
    counts = {kind: sum(str(region.kind) == kind for region in regions) for kind in KINDS}
    words = ", ".join(f"{KINDS[kind]}: {count}" for kind, count in counts.items() if count) or "nothing was found"
    pen.text((10, size[1] + 10), words, fill=(235, 238, 242), font=font)
    for number, view in enumerate(views):
        x = number % _COLUMNS * _CELL[0]
        y = size[1] + _CAPTION + number // _COLUMNS * (_CELL[1] + _CAPTION)
        _cell(sheet, pen, font, view, (x, y), time_base)
    out = io.BytesIO()
    sheet.save(out, "JPEG", quality=88)
    return out.getvalue()


def _cell(
    sheet: Image.Image,
    pen: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    view: View,
    corner: tuple[int, int],
    time_base: Fraction,
) -> None:
    picture = view.before.convert("RGB")
    scale = min((_CELL[0] - 8) / picture.width, (_CELL[1] - 4) / picture.height, 3.0)
    shown = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    colour = COLOURS[str(view.region.kind)]
    box = (view.box.x, view.box.y, view.box.right, view.box.bottom)
    ImageDraw.Draw(shown).rectangle(_scaled(box, scale), outline=colour, width=2)
    sheet.paste(shown, (corner[0] + 4, corner[1] + 2))
    first, last = (float(s.pts * time_base) for s in (view.region.sightings[0], view.region.sightings[-1]))
    span = f"{clock(first)} to {clock(last)}" if last > first else ""
    line = f"{view.region.id} {KINDS[str(view.region.kind)]}"
    pen.text((corner[0] + 6, corner[1] + _CELL[1]), line, fill=colour, font=font)
    # The built-in font has plain Latin letters only; a reading in another script is in the JSON.
    plain = unicodedata.normalize("NFKD", view.region.note).encode("ascii", "ignore").decode("ascii")
    note = "".join(char if char.isprintable() else " " for char in plain)
    words = f"{span} {note}".strip()
    while words and pen.textlength(words, font=font) > _CELL[0] - 10:
        words = words[:-1]
    pen.text((corner[0] + 6, corner[1] + _CELL[1] + 18), words, fill=(200, 206, 214), font=font)


def _scaled(box: tuple[int, int, int, int], scale: float) -> list[float]:
    """Corners of an outline; never inside out, however small the thing is drawn."""
    left, top, right, bottom = (side * scale for side in box)
    return [left, top, max(left, right - 1), max(top, bottom - 1)]

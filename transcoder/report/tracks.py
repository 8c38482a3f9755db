"""Region cards of the report: each track before and after at native pixels, its score over time, its task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from transcoder.metrics.packing import unpack
from transcoder.report import pictures
from transcoder.report.charts import sparkline

if TYPE_CHECKING:
    from transcoder.metrics.areas import View

THUMB_PX = 176
LINE_PX = 340
"""Lines of text are long and low: all their signs must be seen."""
KINDS = {
    "face": "Face",
    "plate": "Number plate",
    "text": "Text",
    "person": "Person",
    "vehicle": "Vehicle",
    "motion": "Something moving",
}
_FOUND = {"drawn": "marked by a person", "motion": "found by motion", "faces": "found by the face detector",
          "text": "found by the text reader", "people": "found by the people detector"}  # fmt: skip
_OUTCOMES = {
    ("face", "same"): ("ok", "The face still matches"),
    ("face", "weakened"): ("warn", "The face matches less surely"),
    ("face", "different"): ("miss", "The face does not match any more"),
    ("face", "unreadable"): ("soft", "Not clear enough for matching in the source either"),
    ("", "same"): ("ok", "Reads the same"),
    ("", "weakened"): ("warn", "Reads almost the same"),
    ("", "different"): ("miss", "Reads differently"),
    ("", "unreadable"): ("soft", "Unreadable in the source"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One track as the page shows it."""

    id: str
    kind: str
    found: str
    note: str
    first_s: float
    last_s: float
    key_s: float
    score: Mapping[str, Any] | None
    floor: float | None
    chart: Markup | None
    tone: str
    task: str
    before_text: str
    after_text: str
    similarity: float | None
    pair: pictures.Pair | None
    part: bool
    """True where the pictures show a part only: native pixels of a large region."""

    @property
    def worth_showing(self) -> bool:
        """Something to look at, a task result, or a person's mark: the many small movements are in the certificate."""
        return self.pair is not None or bool(self.task) or bool(self.note)


@dataclass(frozen=True, slots=True)
class Thumb:
    """A region's pictures."""

    pair: pictures.Pair
    part: bool
    """True where they show a part only: native pixels of a large region."""


def thumbs(
    predicate: Mapping[str, Any], views: Sequence[View], shown: pictures.Presentation, *, max_bytes: int
) -> dict[str, Thumb]:
    """Pictures by region, as far as ``max_bytes`` of addresses go, in the statement's order."""
    room = max_bytes
    there = {view.region.id: view for view in views}
    made = {}
    for track in predicate["regions"].get("tracks", []):
        view = there.get(track["id"])
        if view is None or room <= 0:
            continue
        thumb = _thumb(view, track["kind"], shown)
        room -= len(thumb.pair.before) + len(thumb.pair.after)
        if room >= 0:
            made[track["id"]] = thumb
    return made


def cards(predicate: Mapping[str, Any], shown: Mapping[str, Thumb]) -> list[Card]:
    """Cards for every listed track, with the pictures there are."""
    floors = predicate["profile"]["floors"]
    return [
        _card(track, floors.get(track["kind"]), shown.get(track["id"]))
        for track in predicate["regions"].get("tracks", [])
    ]


def _card(track: Mapping[str, Any], floor: float | None, thumb: Thumb | None) -> Card:
    task = track["task"]
    family = "face" if track["kind"] == "face" else ""
    tone, words = _OUTCOMES[(family, task["outcome"])] if task else ("", "")
    return Card(
        id=track["id"],
        kind=KINDS[track["kind"]],
        found=_FOUND.get(track["found_by"], track["found_by"]),
        note=track["note"],
        first_s=track["first_s"],
        last_s=track["last_s"],
        key_s=track["key_s"],
        score=track["score"],
        floor=floor,
        chart=_chart(track, floor),
        tone=tone,
        task=words,
        before_text=task.get("before", "") if task else "",
        after_text=task.get("after", "") if task else "",
        similarity=task["similarity"] if task and family else None,
        pair=thumb.pair if thumb else None,
        part=thumb is not None and thumb.part,
    )


def _chart(track: Mapping[str, Any], floor: float | None) -> Markup | None:
    score = track["score"]
    if not score or "series" not in score or score["frames"] < 3:
        return None
    return sparkline(unpack(score["series"]["data"]), floor)


def _thumb(view: View, kind: str, shown: pictures.Presentation) -> Thumb:
    """Native pixels, at most ``THUMB_PX`` a side (text ``LINE_PX`` wide).

    Of a person the upper part is shown, where the face is, else the middle.
    """
    x, y, width, height = view.box.x, view.box.y, view.box.width, view.box.height
    margin = 8
    widest = LINE_PX if kind in ("plate", "text") else THUMB_PX
    wide, high = min(widest, width + 2 * margin), min(THUMB_PX, height + 2 * margin)
    left = max(0, min(x + width // 2 - wide // 2, view.before.width - wide))
    middle = y + height // 2 - high // 2
    top = max(0, min(y - margin if kind == "person" else middle, view.before.height - high))
    area = (left, top, min(view.before.width, left + wide), min(view.before.height, top + high))
    turned = [shown.turn(image.convert("RGB").crop(area)) for image in (view.before, view.after)]
    return Thumb(pictures.pair(turned, 85), width > widest or height > THUMB_PX)


def overview(predicate: Mapping[str, Any]) -> Sequence[str]:
    """What the tasks came to, in words, worst first."""
    lines = []
    for kind, outcomes in sorted(predicate["regions"].get("tasks", {}).items()):
        family = "face" if kind == "face" else ""
        for outcome in ("different", "weakened", "same", "unreadable"):
            count = outcomes.get(outcome, 0)
            if count:
                words = _OUTCOMES[(family, outcome)][1]
                lines.append(f"{KINDS[kind]}: {count} × {words[0].lower()}{words[1:]}")
    return lines

"""What became of each part of the source, grouped and in plain words: lost, changed, damaged before, kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transcoder.report.charts import clock

_TITLES = {
    "lost": ("Not in the copy", "These are in the source only."),
    "damaged": ("Damaged in the source already", "This was missing or broken before anything was done."),
    "converted": ("In the copy, but changed", "The content is there in another form."),
    "kept": ("Kept as it was", ""),
}
_TOPICS = (
    (r"audio", "Sound"),
    (r"timestamps|frames|clock|interlac|animation|repeated|undated|missing timestamps|end of the recording|edit list",
     "Time and order of the pictures"),
    (r"video stream|picture|pixel|sample aspect|rotation|orientation|bits a sample|dynamic range|transparency|regions |"
     r"the whole file|^pages? |^frames? \d|^packets|colou?r|ICC", "Picture"),
)  # fmt: skip
_PAGE = re.compile(r"(?:((?:page|frame) \d+): )?(.*)", re.DOTALL)
_REST = "Information stored beside the picture"
_ORDER = ("Picture", "Time and order of the pictures", "Sound", _REST)
_MEANINGS = (
    (r"^video stream", "the moving picture"),
    (r"^audio track", "a sound track"),
    (r"^timestamps", "when each picture is shown"),
    (r"^frames$", "the single pictures of the recording"),
    (r"^picture size", "width and height in dots"),
    (r"^pixel format", "how brightness and colour are stored"),
    (r"^tags", "notes that the recording device or program wrote into the file"),
    (r"^sample aspect", "the shape of the dots, so that nothing looks squeezed"),
    (r"^interlacing", "each picture holds two half pictures taken one after the other"),
    (r"EXIF", "camera, date, place and settings, as the camera wrote them"),
    (r"^XMP|IPTC", "captions and editing notes"),
    (r"ICC", "how colours are meant to look"),
    (r"maker note", "notes of the camera's maker"),
    (r"^start of the clock", "the recording's own clock did not begin at zero"),
    (r"thumbnail", "a small preview picture"),
    (r"chapter", "marks to jump to"),
    (r"^high dynamic range", "brighter and darker shades than usual screens show"),
)
_DAMAGE = {
    "undecoded": "could not be read",
    "concealed": "damaged picture; the player software filled the gap",
    "no-picture": "data that gives no picture",
    "hidden": "pictures that players are told not to show",
    "undated": "picture without a time",
    "moved": "time that ran backwards, put right by one step",
}
SPANS = 12
"""More places than these nobody looks up one by one."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing and what became of it."""

    name: str
    meaning: str
    note: str


@dataclass(frozen=True, slots=True)
class Group:
    """Things of one fate: by topic, in the order of importance."""

    fate: str
    title: str
    text: str
    topics: Mapping[str, list[Item]]


def groups(predicate: Mapping[str, Any]) -> list[Group]:
    """What was lost comes first; what is the same on several pages is one line."""
    found = []
    for fate, (title, text) in _TITLES.items():
        topics: dict[str, list[Item]] = {topic: [] for topic in _ORDER}
        for (name, note), pages in _merged(line for line in predicate["fates"] if line["fate"] == fate).items():
            topics[_topic(name)].append(Item(f"{name}{_on(pages)}", _meaning(name), note))
        filled = {topic: items for topic, items in topics.items() if items}
        if filled:
            found.append(Group(fate, title, text, filled))
    return found


def _merged(lines: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[str]]:
    """Each thing with the pages it is said of; one that names no page, or the first, has an empty name."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        page, name = _PAGE.fullmatch(line["item"]).groups()  # type: ignore[union-attr]
        found.setdefault((name, line["note"]), []).append(page or "")
    return found


def _on(pages: Sequence[str]) -> str:
    named = [page for page in pages if page]
    if not named:
        return ""
    listed = named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1].split(' ')[-1]}"
    return f", {'also ' if '' in pages else ''}{listed}"


def _topic(item: str) -> str:
    return next((name for pattern, name in _TOPICS if re.search(pattern, item)), _REST)


def _meaning(item: str) -> str:
    return next((words for pattern, words in _MEANINGS if re.search(pattern, item)), "")


@dataclass(frozen=True, slots=True)
class Spot:
    """A damaged place in the source."""

    at_s: float
    when: str
    what: str


def damage(predicate: Mapping[str, Any]) -> tuple[list[Spot], int, str]:
    """Damaged places with their times, how many more there are, and why the recording is taken to be cut short."""
    timing = predicate["timing"]
    found = timing.get("damage") if timing else None
    if not found:
        return [], 0, ""
    spots = []
    for span in found["spans"][:SPANS]:
        until = f" to {clock(span['to_s'])}" if span["to_s"] - span["from_s"] >= 0.1 else ""
        times = f", {span['events']} times" if span["events"] > 1 else ""
        what = _DAMAGE.get(span["kind"], span["kind"])
        spots.append(Spot(span["from_s"], f"{clock(span['from_s'])}{until}", f"{what}{times}"))
    more = max(0, len(found["spans"]) - SPANS) + found["spans_omitted"]
    return spots, more, found["ends_early"] or ""

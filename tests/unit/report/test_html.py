"""The report: escaped, self-contained, and never larger than it may be."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.helpers import factories, pictures
from transcoder.metrics.packing import pack
from transcoder.model import (
    MAX_FIELD_CHARACTERS,
    CaseFields,
    DeliveredFile,
    Fate,
    ItemFate,
    Override,
    RungName,
    Verdict,
)
from transcoder.report import html

NAMES = {"certificate": "a.certificate.json", "signature": "a.certificate.json.p7s", "report": "a.report.html"}
SIGNER = html.SignedBy("CN=Test", True)


@lru_cache
def pair(width: int, height: int) -> tuple[Image.Image, Image.Image]:
    return pictures.rgb(width, height), pictures.rgb(width, height, seed=2)


def render(
    statement: dict[str, Any], *, max_bytes: int = 1_000_000, size: tuple[int, int] | None = (640, 360),
    signer: html.SignedBy = SIGNER,
) -> str:  # fmt: skip
    before, after = pair(*size) if size else (None, None)
    return html.render(statement, signer, names=NAMES, before=before, after=after, max_bytes=max_bytes)


class Page(HTMLParser):
    """Elements with their attributes, and the text people see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.code: dict[str, list[str]] = {"script": [], "style": []}
        self._within = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within = tag if tag in self.code else ""

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        self.code.get(self._within, self.text).append(data)

    @property
    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    @property
    def seen(self) -> str:
        return " ".join(" ".join(self.text).split())


PLAIN = Page(render(factories.statement()))

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{7*7}}{% raw %}",
    "a\nb\r\nc",
    "</style></title><iframe src=//x>",
    "javascript:alert(1)",
    "&lt;b&gt;",
]


def everywhere(text: str) -> dict[str, Any]:
    """A statement that carries the text in every field that media or people fill."""
    source = factories.video_source(
        factories.video_track(codec=text, pixel_format=text),
        path=Path("/evidence") / text.replace("/", "_"),
        container=text,
        metadata={text: text},
    )
    return factories.statement(
        source=source,
        subjects=[DeliveredFile(role="media", path=Path(text.replace("/", "_")), bytes=5, sha256=factories.SHA)],
        verdict=Verdict.DEGRADED,
        case=CaseFields(urn=text, exhibit=text, operator=text, description=text),
        override=Override(operator=text, reason=text),
        fates=[ItemFate(item=text, fate=fate, note=text) for fate in Fate],
        skipped=[(RungName.REWRAP, text)],
        used=factories.profile(name=text),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_values_stay_text(text: str) -> None:
    raw = render(everywhere(text), signer=html.SignedBy(text, False))
    page = Page(raw)
    # The kept/lost/override sections may add plain elements, but nothing a value could bring along.
    assert page.tags - PLAIN.tags <= {"b", "span", "ul", "h3"}
    assert not page.tags & {"svg/onload", "iframe", "object", "embed", "form", "link", "base"}
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert page.code == PLAIN.code
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes)
        assert not {"src", "href", "style"} & attributes.keys() or tag in ("img", "a")
        # Names are handed to the script as data, and stand in labels: as text, whole.
        said = {name: value for name, value in attributes.items() if "alert(1)" in (value or "")}
        assert said.keys() <= {"content", "data-name", "data-master"}
    # And it is there to be read, exactly as it was, in each place.
    assert page.seen.count(" ".join(text.split())) >= 10
    assert "49" not in raw.split("{{7*7}}")[0][-4:]


def test_nothing_is_loaded_from_anywhere() -> None:
    raw = render(factories.statement())
    page = Page(raw)
    assert not re.findall(r"https?://", raw)
    loaded = [
        v or "" for _, a in page.elements for k, v in a.items() if k in ("src", "href", "srcset", "data", "poster")
    ]
    assert loaded
    assert all(value.startswith(("data:image/jpeg;base64,", "#")) for value in loaded)
    assert "@import" not in raw
    assert "url(" not in raw


def hashed(parts: list[str]) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(''.join(parts).encode()).digest()).decode()}'"


def test_the_page_forbids_everything_but_its_own_pictures_style_and_script() -> None:
    page = Page(render(factories.statement()))
    (policy,) = [
        attributes["content"] or ""
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["script-src"] == hashed(page.code["script"])
    assert rules["style-src"] == hashed(page.code["style"])
    assert rules["media-src"] == "'self' blob:"
    assert not any("style" in attributes for _, attributes in page.elements)
    assert rules["form-action"] == rules["base-uri"] == "'none'"


def test_pictures_have_words_and_the_page_a_language() -> None:
    page = Page(render(factories.statement()))
    assert ("html", {"lang": "en"}) in page.elements
    described = [attributes.get("alt") for tag, attributes in page.elements if tag == "img"]
    assert len(described) == 4
    assert all(described)


@pytest.mark.parametrize(
    ("verdict", "word"),
    [("identical", "Identical"), ("lossless", "Lossless"), ("meets-floor", "Meets"), ("degraded", "Degraded")],
)
def test_the_verdict_comes_first_in_plain_words(verdict: str, word: str) -> None:
    page = Page(render(factories.statement(verdict=Verdict(verdict))))
    assert word in page.seen.split("SSIM")[0]


def test_a_refusal_has_its_numbers_and_no_file() -> None:
    refusal = {
        "code": "floor-unreachable",
        "message": "under 1000000 bytes frame 0.800 is below its floor 0.900",
        "best_achieved": {"rung": "re-encode (h264)", "bytes": 999_000, "missed": {"frame": {"p1": 0.8, "floor": 0.9}}},
        "smallest_cap": {"bytes": 2_345_678, "measured": True},
        "parts_estimate": 3,
    }
    statement = factories.statement(verdict=Verdict.REFUSED, subjects=[], chosen=factories.no_choice(), refusal=refusal)
    raw = html.render(
        statement, SIGNER, names={"refusal": "a.refusal.json", "signature": "s", "report": "r"},
        before=pictures.rgb(64, 48), after=pictures.rgb(64, 48), max_bytes=1_000_000,
    )  # fmt: skip
    seen = Page(raw).seen
    assert "Refused" in seen
    assert "2,345,678 bytes (measured)" in seen
    assert "a.refusal.json" in seen
    assert "What was delivered" not in seen


def test_scores_and_floors_are_shown() -> None:
    seen = Page(render(factories.statement(measured=factories.fidelity(0.85, 0.9), verdict=Verdict.DEGRADED))).seen
    assert "0.90 missed" in seen
    assert "0.75 kept" in seen


def long_statement(frames: int = 20_000) -> dict[str, Any]:
    noise = [0.9 + 0.08 * ((number * 7919 % 1000) / 1000) for number in range(frames)]
    measured = factories.fidelity(
        frames=frames,
        times_s=[number / 25 for number in range(frames)],
        ssim_y=noise,
        worst_tile=[value - 0.1 for value in noise],
    )
    return factories.statement(measured=measured, used=factories.profile(cap_bytes=32_768))


@pytest.mark.parametrize("max_bytes", [32_768, 40_000, 100_000, 1_000_000])
@pytest.mark.parametrize("size", [None, (64, 48), (960, 540), (3000, 7)])
def test_the_page_is_never_larger_than_it_may_be(max_bytes: int, size: tuple[int, int] | None) -> None:
    for statement in (factories.statement(), long_statement()):
        assert len(render(statement, max_bytes=max_bytes, size=size).encode()) <= max_bytes


def test_many_long_texts_still_fit_the_smallest_cap() -> None:
    """All case fields as long as the command line lets them be, in characters that grow when escaped."""
    long = '"' * MAX_FIELD_CHARACTERS
    statement = factories.statement(
        case=CaseFields(urn=long, exhibit=long, operator=long, description=long),
        override=Override(operator=long, reason=long),
        verdict=Verdict.DEGRADED,
    )
    assert len(render(statement, max_bytes=32_768).encode()) <= 32_768


def test_pictures_are_there_where_there_is_room() -> None:
    assert render(factories.statement(), max_bytes=1_000_000).count("data:image/jpeg") == 4
    assert render(factories.statement(), max_bytes=1_000_000, size=None).count("data:image/jpeg") == 0


def test_the_crop_shows_the_worst_place_at_native_pixels() -> None:
    statement = factories.statement(measured=factories.fidelity(worst_tile_box=(600, 330, 40, 30)))
    crops = [a for tag, a in Page(render(statement)).elements if tag == "img"][2:4]
    assert [(a["width"], a["height"]) for a in crops] == [("176", "176")] * 2


@pytest.mark.parametrize("groups", [(1, 2), (4, 1), (2, 8)])
def test_series_packed_in_different_groups_share_one_chart(groups: Sequence[int]) -> None:
    """A smooth series may fit frame by frame where a noisy one beside it is kept in groups."""
    statement = factories.statement(measured=factories.fidelity(frames=64))
    series = statement["predicate"]["fidelity"]["series"]
    for name, group in zip(("ssim_y", "worst_tile"), groups, strict=True):
        packed = pack([0.9] * (64 // group), max_bytes=10_000)
        series[name].update(data=packed.data, frames_per_value=group)
    (start, end), (other_start, other_end) = spans(render(statement))
    assert abs(start - other_start) <= 1
    assert abs(end - other_end) <= 110  # both lines span the time, to within one group


def spans(raw: str) -> list[tuple[float, float]]:
    """First and last x of each line of the chart."""
    lines = [(a["points"] or "").split() for tag, a in Page(raw).elements if tag == "polyline"]
    return [(float(points[0].split(",")[0]), float(points[-1].split(",")[0])) for points in lines]


def test_images_of_any_mode_are_shown() -> None:
    statement = factories.statement(source=factories.still_source(), measured=factories.fidelity(frames=1))
    for mode in ("L", "RGB", "1"):
        image = Image.new(mode, (300, 200))
        raw = html.render(statement, SIGNER, names=NAMES, before=image, after=image, max_bytes=10**6)
        assert raw.count("data:image/jpeg") == 4


def test_three_minutes_under_a_small_cap_are_drawn_over_the_same_time() -> None:
    """The same with nothing made up: steady frames and uneven tiles, 4500 frames, the smallest cap."""
    tiles = np.random.default_rng(1).uniform(0.8, 0.95, 4500).tolist()
    measured = factories.fidelity(
        frames=4500, times_s=[n / 25 for n in range(4500)], ssim_y=[0.97] * 4500, worst_tile=tiles
    )
    statement = factories.statement(measured=measured, used=factories.profile(cap_bytes=32_768))
    (_, end), (_, other_end) = spans(render(statement, max_bytes=32_768))
    assert abs(end - other_end) <= 10

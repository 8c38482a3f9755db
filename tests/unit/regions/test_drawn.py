"""Regions that a person marked: read exactly, or refused in one line that names the place."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import factories
from tests.helpers import regions as made
from transcoder.errors import UsageError
from transcoder.media.probe import probe
from transcoder.model import Box, Region, RegionKind, SourceInfo
from transcoder.regions import drawn, packing

SOURCE = factories.video_source()  # 640x360, ten seconds, 12800 ticks a second
BOX = {"kind": "face", "box": [10, 20, 30, 40]}


def load(tmp_path: Path, document: object, source: SourceInfo = SOURCE) -> tuple[Region, ...]:
    path = tmp_path / "regions.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return drawn.load(path, source)


def listed(*items: dict[str, Any]) -> dict[str, Any]:
    return {"version": 1, "regions": list(items)}


def test_a_good_file(tmp_path: Path) -> None:
    first, second, third = load(
        tmp_path,
        listed(
            {**BOX, "from_s": 1, "to_s": 2.5, "note": "the man in the doorway"},
            {"kind": "plate", "polygon": [[100, 100], [200, 100], [200, 150]]},
            {"kind": "motion", "box": [600, 300, 500, 500]},
        ),
    )
    assert (first.id, first.kind, first.note) == ("d1", RegionKind.FACE, "the man in the doorway")
    assert [(moment.pts, moment.boxes) for moment in first.sightings] == [
        (12800, (Box(10, 20, 30, 40),)), (32000, (Box(10, 20, 30, 40),))
    ]  # fmt: skip
    assert first.key.pts == 22400
    assert (second.id, second.kind, second.note) == ("d2", RegionKind.PLATE, "")
    assert (second.sightings[0].pts, second.sightings[-1].pts) == (0, 128_000)
    assert len(second.key.boxes) > 1
    assert third.key.boxes == (Box(600, 300, 40, 60),), "what lies outside the picture is cut off"
    assert all(region.found_by == "drawn" for region in (first, second, third))


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (listed({**BOX, "kind": "ghost"}), "regions.0.kind"),
        (listed(BOX, {**BOX, "box": [640, 0, 5, 5]}), "regions.1: lies outside the picture of 640x360"),
        (listed({**BOX, "from_s": 5, "to_s": 4}), "regions.0: from 5 s to 4 s"),
        (listed({**BOX, "from_s": 10}), "no time of a 10 s video"),
        (listed({**BOX, "polygon": [[0, 0], [9, 0], [9, 9]]}), "regions.0"),
        (listed({"kind": "face"}), "regions.0"),
        (listed({**BOX, "colour": "red"}), "colour"),
        (listed({**BOX, "box": [1, 2, 0, 4]}), "regions.0.box.2"),
        (listed({**BOX, "box": [-1, 2, 3, 4]}), "regions.0.box.0"),
        (listed({**BOX, "box": [1, 2, 3]}), "regions.0.box"),
        (listed({**BOX, "box": [1, 2, 3.5, 4]}), "regions.0.box.2"),
        (listed({**BOX, "box": [1, 2, True, 4]}), "regions.0.box.2"),
        (listed({"kind": "face", "polygon": [[0, 0], [5, 5]]}), "regions.0.polygon"),
        (listed({"kind": "face", "polygon": [[900, 0], [950, 0], [950, 90]]}), "regions.0: lies outside"),
        (listed({**BOX, "note": "x" * 201}), "regions.0.note"),
        (listed({**BOX, "from_s": "early"}), "regions.0.from_s"),
        (listed({**BOX, "from_s": -1}), "regions.0.from_s"),
        (listed(), "regions"),
        ({"version": 2, "regions": [BOX]}, "version"),
        ([BOX], "document"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("9" * 5000, "is not JSON"),
        (" " * 1_000_001, "is larger"),
    ],
)
def test_a_fault_is_one_line_that_names_the_place(document: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(tmp_path, document)
    line = str(caught.value)
    assert words in line
    assert "regions.json" in line
    assert "docs/regions.schema.json" in line
    assert "\n" not in line
    assert len(line) < 500
    assert caught.value.code == "regions-file"


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00", b""])
def test_what_cannot_be_read_is_a_usage_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "regions.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read" if content is None else "is not JSON"):
        drawn.load(path, SOURCE)
    with pytest.raises(UsageError, match="cannot be read"):
        drawn.load(tmp_path, SOURCE)


@pytest.mark.parametrize("value", ["NaN", "1e999", "Infinity"])
@pytest.mark.parametrize("key", ["from_s", "to_s"])
def test_a_time_that_is_no_number_is_a_usage_error(key: str, value: str, tmp_path: Path) -> None:
    text = '{"version": 1, "regions": [{"kind": "face", "box": [1, 2, 3, 4], "%s": %s}]}' % (key, value)  # noqa: UP031
    with pytest.raises(UsageError):
        load(tmp_path, text)


def test_whole_numbers_written_with_a_point_are_whole_numbers(tmp_path: Path) -> None:
    (region,) = load(tmp_path, listed({"kind": "face", "box": [10.0, 20.0, 30.0, 40.0]}))
    assert all(isinstance(side, int) for side in (region.key.boxes[0].x, region.key.boxes[0].width))


def test_a_note_with_half_a_character_is_refused_or_can_be_recorded(tmp_path: Path) -> None:
    try:
        found = load(tmp_path, '{"version": 1, "regions": [{"kind": "face", "box": [1, 2, 3, 4], "note": "\\ud83d"}]}')
    except UsageError:
        return
    assert packing.unpack(packing.pack(found)) == found


def test_times_count_from_the_first_frame_of_a_clip_that_starts_late(tmp_path: Path) -> None:
    pictures = made.walk((160, 120), 20)
    clip = made.write(tmp_path / "late.mkv", pictures, start_s=100)
    source = probe(clip, sha256="")
    assert source.video is not None
    assert source.video.start_s == 100
    (region,) = load(tmp_path, listed({**BOX, "from_s": 1, "to_s": 2}), source)
    assert [moment.pts * source.video.time_base for moment in region.sightings] == [101, 102]
    (whole,) = load(tmp_path, listed(BOX), source)
    assert whole.sightings[0].pts * source.video.time_base == 100
    assert whole.sightings[-1].pts * source.video.time_base >= Fraction(100) + Fraction(19, 5)
    (beyond,) = load(tmp_path, listed({**BOX, "to_s": 9999}), source)
    assert beyond.sightings == whole.sightings


def test_a_picture_has_one_moment(tmp_path: Path) -> None:
    (region,) = load(tmp_path, listed({**BOX, "from_s": 3, "to_s": 4}), factories.still_source())
    assert [moment.pts for moment in region.sightings] == [0]
    assert region.key.pts == 0


def test_two_hundred_regions_are_read_and_one_more_is_not(tmp_path: Path) -> None:
    assert len(load(tmp_path, listed(*[BOX] * 200))) == 200
    with pytest.raises(UsageError, match="regions"):
        load(tmp_path, listed(*[BOX] * 201))

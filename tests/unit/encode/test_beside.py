"""What lies beside the picture is said to be kept only where the finished file has it."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest

from tests.helpers import factories
from transcoder.encode import beside, hdr
from transcoder.media import sidedata
from transcoder.model import Fate, ItemFate, LightLevel, Mastering, OtherTrack, SourceInfo

PLACE = "+51.4169-000.0806/"
WHEN = "2024-03-07T13:05:09.000000Z"
DISPLAY = Mastering(
    red=(Fraction(34000, 50000), Fraction(16000, 50000)), green=(Fraction(13250, 50000), Fraction(34500, 50000)),
    blue=(Fraction(7500, 50000), Fraction(3000, 50000)), white=(Fraction(15635, 50000), Fraction(16450, 50000)),
    least=Fraction(1, 200), most=Fraction(1000),
)  # fmt: skip


def source(metadata: dict[str, str] | None = None, **track: Any) -> SourceInfo:
    return factories.video_source(factories.video_track(**track), metadata=metadata or {})


def by_item(items: tuple[ItemFate, ...]) -> dict[str, ItemFate]:
    return {item.item: item for item in items}


def test_tags_are_kept_where_they_arrived_and_recorded_where_not() -> None:
    before = source({"creation_time": WHEN, "location": PLACE, "make": "CAM", "encoder": "X"})
    assert set(beside.tags_to_keep(before)) == {"creation_time", "location"}
    after = source({"creation_time": "2024-03-07T13:05:09Z", "location": "+51.4169-000.0806/", "encoder": "Lavf"})
    found = by_item(beside.fates(before, after))
    assert found["tags (creation_time, location)"].fate is Fate.KEPT
    assert found["tags (make)"].fate is Fate.CONVERTED
    lost = by_item(beside.fates(before, source()))
    assert lost["tags (creation_time, location, make)"].fate is Fate.CONVERTED
    assert not [item for item in lost.values() if item.fate is Fate.KEPT]


@pytest.mark.parametrize(
    "tags",
    [
        {"creation_time": "yesterday"},
        {"creation_time": "2012-09-10 20:52:00"},
        {"location": "by the gate"},
        {"timecode": "10:00:00"},
        {"timecode": "99:99:99:99"},
        {"timecode": "10:00:00;02"},  # drop-frame counting belongs to 29.97 frames a second
    ],
)
def test_a_tag_that_a_muxer_would_reject_is_not_written(tags: dict[str, str]) -> None:
    assert beside.tags_to_keep(source(tags)) == {}


def test_a_time_code_goes_with_a_whole_recording_only() -> None:
    whole = source({"timecode": "10:00:00:00"})
    assert beside.tags_to_keep(whole) == {"timecode": "10:00:00:00"}
    assert whole.video is not None
    from transcoder.model import Span

    part = replace(whole, video=replace(whole.video, span=Span(5, [0], [0])))
    assert beside.tags_to_keep(part) == {}


def test_every_stream_is_named_with_what_it_held() -> None:
    others = (
        OtherTrack(index=1, kind="video", codec="h264", size=(640, 480), packets=50, bytes=9000),
        OtherTrack(index=2, kind="data", codec="bin_data", name="GoPro MET", packets=4, bytes=800),
        OtherTrack(index=3, kind="subtitle", codec="mov_text", packets=2, bytes=20),
        OtherTrack(index=4, kind="video", codec="mjpeg", size=(320, 240), packets=1, bytes=5000, picture=True),
        OtherTrack(index=5, kind="video", codec="h264", size=(640, 480)),
    )
    found = beside.fates(replace(source(), others=others), source())
    assert {item.fate for item in found} == {Fate.LOST}
    assert "--stream 1 " in found[0].note
    assert "telemetry (GPMF)" in found[1].item
    assert "mov_text" in found[2].item
    assert "cover picture" in found[3].item
    assert "--stream" not in found[3].note
    assert found[4].note == "it held nothing"


def test_thousands_of_streams_do_not_make_thousands_of_lines() -> None:
    others = tuple(OtherTrack(index=number, kind="data", codec=None) for number in range(1, 1000))
    found = beside.fates(replace(source(), others=others), source())
    assert len(found) < 100
    assert "further streams" in found[-1].item


def test_hdr_figures_are_kept_to_the_step_or_lost_with_their_value() -> None:
    names = (sidedata.MASTERING, sidedata.LIGHT)
    before = source(mastering=DISPLAY, light=LightLevel(content=1000, frame_average=400), side_data=names)
    near = replace(DISPLAY, most=Fraction(100_000_000, 100_001))
    after = source(mastering=near, light=LightLevel(content=1000, frame_average=399), side_data=names)
    same = by_item(beside.fates(before, before))
    assert {item.fate for item in same.values()} == {Fate.KEPT}
    changed = by_item(beside.fates(before, after))
    assert changed[sidedata.LIGHT].fate is Fate.LOST
    assert "1000,400" in changed[sidedata.LIGHT].note


def test_each_encoder_gets_the_figures_in_its_own_units() -> None:
    track = factories.video_track(mastering=DISPLAY, light=LightLevel(content=1000, frame_average=400))
    settings = hdr.settings_of(track)
    steps = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    assert settings == {"mastering_display": steps, "content_light": "1000,400"}
    assert hdr.parameters(settings, mastering="m", light="c") == f":m={steps}:c=1000,400"
    units = hdr.parameters(settings, mastering="m", light="c", in_steps=False)
    assert "G(0.26500,0.69000)" in units
    assert "L(1000.00000,0.00500)" in units
    assert hdr.parameters({}, mastering="m", light="c") == ""

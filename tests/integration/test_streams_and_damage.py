"""Several video streams, and damaged footage, from the command to the certificate that verifies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.helpers import clips, format_clips
from transcoder import transcode, verify
from transcoder.app import video_streams
from transcoder.model import Delivery


def predicate(delivery: Delivery) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(delivery.file("certificate").path.read_text())["predicate"]
    return found


def test_each_video_stream_is_a_delivery_of_its_own(tmp_path: Path) -> None:
    source = format_clips.make("two-cameras", tmp_path / "clip")
    assert video_streams(source) == [0, 1]
    chosen = transcode(source, out=tmp_path / "chosen")
    (lost,) = [item for item in predicate(chosen)["fates"] if item["fate"] == "lost"]
    assert "--stream 0 " in lost["note"]
    out = tmp_path / "all"
    each = [transcode(source, out=out, stream=number) for number in video_streams(source)]
    assert len({item.path.name for delivery in each for item in delivery.files}) == 2 * len(each[0].files)
    assert [predicate(delivery)["source"]["video"]["stream"] for delivery in each] == [0, 1]
    assert [predicate(delivery)["source"]["video"]["width"] for delivery in each] == [96, 160]
    results = verify(out, source=source)
    assert len(results) == 2
    assert all(result.ok for result in results)


def test_damage_is_delivered_certified_and_reported(tmp_path: Path) -> None:
    source = clips.write_clip(tmp_path / "a.mkv", frames=150, codec="mpeg4", options={"g": "20"}, size=(320, 240))
    data = bytearray(source.read_bytes())
    middle = len(data) * 4 // 10
    data[middle : middle + 600] = bytes(index * 37 % 251 for index in range(600))
    source.write_bytes(data[: len(data) * 7 // 10])
    delivery = transcode(source, out=tmp_path / "out")
    found = predicate(delivery)
    damage = found["timing"]["damage"]
    assert damage["decoded"]
    assert sum(damage["counts"].values()) > 0
    assert damage["ends_early"]
    assert all(span["from_s"] <= span["to_s"] and span["first_frame"] < 150 for span in damage["spans"])
    assert "end of the recording" in [item["item"] for item in found["fates"]]
    page = delivery.file("report").path.read_text()
    assert "breaks off" in page
    (result,) = verify(tmp_path / "out", source=source)
    assert result.ok, [step for step in result.steps if str(step.outcome) == "failed"]


@pytest.mark.parametrize("kind", ["missing-times", "hidden-start", "interlaced-422", "dv"])
def test_awkward_sources_verify_against_their_master(kind: str, tmp_path: Path) -> None:
    source = format_clips.make(kind, tmp_path / "clip")
    transcode(source, out=tmp_path / "out", cap_bytes=400_000)
    (result,) = verify(tmp_path / "out", source=source)
    assert result.ok, [step for step in result.steps if str(step.outcome) == "failed"]

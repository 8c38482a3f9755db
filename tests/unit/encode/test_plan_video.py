"""Which rungs apply to a video, and why the others do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.helpers import factories
from transcoder.encode.ladder import Plan, plan_ladder
from transcoder.model import Fate, OtherTrack, RungName, SourceInfo

CAP = 1_000_000


def plan(source: SourceInfo, **profile: Any) -> Plan:
    return plan_ladder(source, factories.profile(**profile), CAP)


def names(found: Plan) -> list[str]:
    return [str(rung.name) for rung in found.rungs]


def reason(found: Plan, name: RungName) -> str:
    (text,) = [why for rung, why in found.skipped if rung is name]
    return text


def test_a_small_playable_file_goes_as_it_is_least_harm_first() -> None:
    found = plan(factories.video_source())
    assert names(found) == ["unchanged", "rewrap", "re-encode", "split"]
    assert found.rungs[0].encoder == "copy"
    assert reason(found, RungName.LOSSLESS)


def test_every_rung_is_either_tried_or_explained() -> None:
    for source in (
        factories.video_source(),
        factories.video_source(bytes=9_000_000),
        factories.video_source(container="avi"),
        factories.still_source(),
        factories.still_source(factories.still_info(format="heif")),
    ):
        found = plan(source)
        told = {rung.name for rung in found.rungs} | {name for name, _ in found.skipped}
        assert told >= {RungName.UNCHANGED, RungName.LOSSLESS, RungName.RE_ENCODE}
        assert all(why for _, why in found.skipped)


def test_over_the_cap_by_one_byte() -> None:
    assert names(plan(factories.video_source(bytes=CAP)))[0] == "unchanged"
    found = plan(factories.video_source(bytes=CAP + 1))
    assert "unchanged" not in names(found)
    assert str(CAP + 1) in reason(found, RungName.UNCHANGED)


@pytest.mark.parametrize("container", ["avi", "mpegts", "matroska,webm", "dhav", "asf"])
def test_a_container_nobody_plays_is_rewrapped(container: str) -> None:
    found = plan(factories.video_source(container=container))
    assert names(found) == ["rewrap", "re-encode", "split"]
    assert container.split(",", maxsplit=1)[0] in reason(found, RungName.UNCHANGED)
    assert found.rungs[0].settings["container"] == "mp4"


def test_quicktime_is_not_mp4() -> None:
    source = factories.video_source(metadata={"major_brand": "qt  "}, path=Path("/evidence/a.mov"))
    assert "unchanged" not in names(plan(source))
    allowed = plan(source, video=factories.video_rules(containers=("mov", "mp4")))
    assert names(allowed)[0] == "unchanged"
    assert allowed.rungs[0].extension == "mov"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"codec": "mpeg4"}, "mpeg4"),
        ({"codec": "hevc"}, "hevc"),
        ({"pixel_format": "yuv422p"}, "yuv422p"),
        ({"pixel_format": "yuv420p10le"}, "yuv420p10le"),
    ],
)
def test_streams_the_receiver_cannot_play_are_re_encoded_only(changes: dict[str, Any], said: str) -> None:
    found = plan(factories.video_source(factories.video_track(**changes)))
    assert names(found) == ["re-encode", "split"]
    assert said in reason(found, RungName.UNCHANGED)
    assert said in reason(found, RungName.REWRAP)


def test_full_range_420_is_420() -> None:
    assert names(plan(factories.video_source(factories.video_track(pixel_format="yuvj420p"))))[0] == "unchanged"


def test_an_audio_codec_that_is_not_allowed_stops_copies() -> None:
    source = factories.video_source(audio=(factories.audio_track(codec="pcm_mulaw"),))
    found = plan(source)
    assert names(found) == ["re-encode", "split"]
    assert "pcm_mulaw" in reason(found, RungName.REWRAP)


def test_audio_that_no_allowed_container_holds_stops_the_rewrap() -> None:
    source = factories.video_source(container="avi", audio=(factories.audio_track(codec="pcm_s16le"),))
    rules = factories.profile().audio
    allowed = type(rules)(codecs=("pcm_s16le",), max_share=0.1, min_bitrate_bps=1, max_bitrate_bps=2)
    found = plan(source, audio=allowed)
    assert names(found) == ["re-encode", "split"]
    assert "audio" in reason(found, RungName.REWRAP)


@pytest.mark.parametrize("timing", ["assumed", "decode-order"])
def test_missing_timestamps_cannot_be_copied(timing: str) -> None:
    found = plan(factories.video_source(factories.video_track(timing=timing), container="avi"))
    assert names(found) == ["re-encode", "split"]
    assert "timestamps" in reason(found, RungName.REWRAP)


def test_streams_larger_than_the_cap_are_not_rewrapped() -> None:
    source = factories.video_source(
        factories.video_track(payload_bytes=990_000), bytes=2_000_000, audio=(factories.audio_track(),)
    )
    found = plan(source)
    assert names(found) == ["re-encode", "split"]
    assert "1030000" in reason(found, RungName.REWRAP).replace(",", "")


def test_so_many_frames_that_their_index_alone_is_too_large() -> None:
    found = plan(factories.video_source(factories.video_track(frames=2_000_000), bytes=10**9))
    assert found.rungs == () or "re-encode" not in names(found)
    assert "2000000 frames" in reason(found, RungName.RE_ENCODE)


def test_codecs_in_the_profiles_order_of_preference() -> None:
    rules = factories.video_rules(codecs=("av1", "hevc", "h264"), containers=("mkv", "mp4"))
    found = plan(factories.video_source(bytes=10**8), video=rules)
    tried = [rung for rung in found.rungs if rung.name is RungName.RE_ENCODE]
    assert [rung.encoder for rung in tried] == ["av1", "hevc", "h264"]
    assert {rung.extension for rung in tried} == {"mkv"}


def test_the_first_aim_is_just_under_the_cap() -> None:
    knob = plan(factories.video_source(bytes=10**8)).rungs[-1].knob
    assert knob is not None
    assert 0.97 * CAP <= knob.start < CAP
    assert knob.low < knob.start < knob.high


def test_rungs_the_profile_does_not_list_are_never_done() -> None:
    found = plan(factories.video_source(), fallback=(RungName.RE_ENCODE, RungName.REFUSE))
    assert names(found) == ["re-encode"]
    assert "profile" in reason(found, RungName.UNCHANGED)
    assert plan(factories.video_source(), fallback=(RungName.REFUSE,)).rungs == ()


@pytest.mark.parametrize(
    ("own", "allowed", "expected"),
    [
        ("yuv420p", ("yuv420p",), "yuv420p"),
        ("yuvj422p", ("yuv420p",), "yuv420p"),
        ("yuvj422p", ("yuv420p", "yuv422p"), "yuv422p"),
        ("yuv420p10le", ("yuv420p", "yuv420p10le"), "yuv420p10le"),
        ("yuv422p10le", ("yuv420p", "yuv420p10le"), "yuv420p10le"),
        ("yuv420p12le", ("yuv420p", "yuv420p10le"), "yuv420p10le"),
        ("yuv420p10le", ("yuv420p",), "yuv420p"),
        ("rgb24", ("yuv420p", "yuv420p10le"), "yuv420p"),
        ("gray", ("yuv420p", "gray"), "gray"),
    ],
)
def test_the_nearest_allowed_pixel_format(own: str, allowed: tuple[str, ...], expected: str) -> None:
    source = factories.video_source(factories.video_track(pixel_format=own, codec="mpeg4"))
    found = plan(source, video=factories.video_rules(pixel_formats=allowed))
    assert found.rungs[-1].settings["pixel_format"] == expected
    converted = [item for item in found.rungs[-1].fates if item.item == "pixel format"]
    assert bool(converted) == (own.replace("yuvj", "yuv") != expected)


def test_nothing_is_lost_in_silence() -> None:
    source = factories.video_source(
        factories.video_track(rotation_deg=90, interlaced=True, timing="assumed"),
    )
    fates = {item.item: item for item in plan(source).rungs[-1].fates}
    assert any("rotation 90" in item for item in fates)
    assert "interlacing" in fates
    assert "assumed" in fates["timestamps"].note


def test_interlaced_video_is_encoded_by_what_can_code_fields_only() -> None:
    source = factories.video_source(factories.video_track(interlaced=True, field_order="bottom field first"))
    found = plan(source, video=factories.video_rules(codecs=("av1", "h264", "hevc")))
    lossy = [rung for rung in found.rungs if rung.name in (RungName.RE_ENCODE, RungName.SPLIT)]
    assert {rung.encoder for rung in lossy} == {"h264"}
    assert {rung.name for rung in lossy} == {RungName.RE_ENCODE, RungName.SPLIT}
    assert lossy[0].settings["fields"] == "bottom field first"
    told = [why for name, why in found.skipped if name is RungName.RE_ENCODE]
    assert [why.split(":")[0] for why in told] == ["not av1", "not hevc"]


def test_a_stream_that_was_asked_for_does_not_go_with_the_whole_file() -> None:
    other = OtherTrack(index=2, kind="video", codec="h264", size=(640, 480), packets=9)
    found = plan(factories.video_source(others=(other,), stream=0))
    assert "stream 0" in reason(found, RungName.UNCHANGED)
    assert names(plan(factories.video_source(others=(other,))))[0] == "unchanged"


def test_fewer_bits_are_declared_with_what_they_mean() -> None:
    source = factories.video_source(factories.video_track(pixel_format="yuv420p10le", color_trc=16, color_primaries=9))
    fates = {item.item: item for item in plan(source).rungs[-1].fates}
    assert fates["10 bits a sample"].fate is Fate.CONVERTED
    assert "4 of the source's" in fates["10 bits a sample"].note
    high_range = next(item for item in fates.values() if "high dynamic range" in item.item)
    assert high_range.fate is Fate.CONVERTED
    assert "nothing is tone-mapped" in high_range.note
    kept = plan(source, video=factories.video_rules(pixel_formats=("yuv420p", "yuv420p10le"))).rungs[-1].fates
    assert {item.fate for item in kept if "high dynamic range" in item.item} == {Fate.KEPT}
    assert not [item for item in kept if "bits a sample" in item.item]

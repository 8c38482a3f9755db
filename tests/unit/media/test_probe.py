"""What the probe says about clips whose making is known."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from PIL import Image

from tests.helpers import clips, pictures
from transcoder.errors import InputError, UsageError
from transcoder.media import probe as probe_module
from transcoder.media.probe import probe
from transcoder.model import SourceInfo, VideoTrack


def probed(path: Path) -> SourceInfo:
    return probe(path, sha256="0" * 64)


def track_of(path: Path) -> VideoTrack:
    video = probed(path).video
    assert video is not None
    return video


def test_mpeg4_in_avi(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="mpeg4", frames=20)
    info = probed(path)
    assert (info.kind, info.container, info.bytes, info.name) == ("video", "avi", path.stat().st_size, "a.avi")
    assert info.sha256 == "0" * 64
    video = track_of(path)
    assert (video.codec, video.pixel_format, video.width, video.height) == ("mpeg4", "yuv420p", 160, 120)
    assert (video.frames, video.timing, video.variable_rate) == (20, "container", False)
    assert (video.duration_s, video.average_rate, video.start_s) == (Fraction(20, 25), Fraction(25), Fraction(0))
    assert 0 < video.payload_bytes < info.bytes
    assert (video.interlaced, video.rotation_deg, video.mirrored, video.display_matrix) == (False, 0, False, None)


def test_variable_rate_in_matroska(tmp_path: Path) -> None:
    pts = [0, 40, 100, 101, 300, 340, 400, 1000]
    video = track_of(clips.write_clip(tmp_path / "a.mkv", pts=pts, time_base=Fraction(1, 1000)))
    assert (video.frames, video.variable_rate, video.timing) == (8, True, "container")
    assert 1 <= video.duration_s < Fraction(12, 10)


def test_a_steady_rate_is_not_variable_even_with_reordered_frames(tmp_path: Path) -> None:
    video = track_of(clips.write_clip(tmp_path / "a.mp4", frames=30, options={"bf": "2"}))
    assert not video.variable_rate
    assert video.timing == "container"
    assert video.duration_s == Fraction(30, 25)


def test_h264_with_reordering_in_avi_has_decode_order_only(tmp_path: Path) -> None:
    assert track_of(clips.write_clip(tmp_path / "a.avi", options={"bf": "2"})).timing == "decode-order"
    assert track_of(clips.write_clip(tmp_path / "b.avi", options={"bf": "0"})).timing == "container"


def test_motion_jpeg_is_full_range(tmp_path: Path) -> None:
    video = track_of(clips.write_clip(tmp_path / "a.avi", codec="mjpeg", pixel_format="yuvj422p"))
    assert (video.codec, video.pixel_format, video.color_range) == ("mjpeg", "yuvj422p", 2)


def test_sample_aspect_and_range(tmp_path: Path) -> None:
    wide = clips.write_clip(tmp_path / "a.mp4", sample_aspect=Fraction(16, 11), color_range=2)
    video = track_of(wide)
    assert video.sample_aspect == Fraction(16, 11)
    assert video.color_range == 2


def test_interlacing(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mp4", interlaced=True, options={"x264-params": "tff=1"})
    assert track_of(path).interlaced


@pytest.mark.parametrize("degrees", [90, 180, -90])
def test_rotation(degrees: int, tmp_path: Path) -> None:
    video = track_of(clips.write_clip(tmp_path / "a.mp4", rotation=degrees))
    assert video.rotation_deg % 360 == degrees % 360
    assert not video.mirrored
    assert video.display_matrix is not None
    assert len(video.display_matrix) == 9


def test_mirroring_and_the_raw_matrix(tmp_path: Path) -> None:
    mirror = (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    video = track_of(clips.write_clip(tmp_path / "a.mp4", matrix=mirror))
    assert video.mirrored
    assert video.display_matrix == mirror


def test_audio_and_tags(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", audio="aac", metadata={"title": "café\nnight"})
    info = probed(path)
    (audio,) = info.audio
    assert (audio.codec, audio.sample_rate_hz, audio.channels) == ("aac", 16000, 1)
    assert abs(audio.duration_s - Fraction(48, 100)) < Fraction(15, 100)
    assert audio.payload_bytes > 0
    tags = {key.lower(): value for key, value in info.metadata.items()}
    assert tags["title"] == "café\nnight"
    assert probed(clips.write_clip(tmp_path / "silent.mkv")).audio == ()


def test_pcm_in_avi_is_named_and_measured(tmp_path: Path) -> None:
    info = probed(clips.write_clip(tmp_path / "a.avi", codec="mpeg4", audio="pcm_s16le"))
    (audio,) = info.audio
    assert audio.codec == "pcm_s16le"
    assert audio.payload_bytes == 2 * 16000 * 12 // 25


def test_quicktime_is_told_by_its_brand(tmp_path: Path) -> None:
    assert probed(clips.write_clip(tmp_path / "a.mov")).metadata["major_brand"].strip() == "qt"


def test_a_raw_stream_has_assumed_timing_and_its_frames_duration(tmp_path: Path) -> None:
    video = track_of(clips.write_clip(tmp_path / "a.h264"))
    assert (video.timing, video.frames) == ("assumed", 12)


def test_a_raw_stream_lasts_as_long_as_its_frames(tmp_path: Path) -> None:
    assert track_of(clips.write_clip(tmp_path / "a.h264")).duration_s == Fraction(12, 25)


def test_a_name_that_looks_like_a_protocol_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips.write_clip(tmp_path / "a.avi", codec="mpeg4").rename(tmp_path / "concat:12:30.avi")
    monkeypatch.chdir(tmp_path)
    assert probed(Path("concat:12:30.avi")).container == "avi"


def test_a_picture_is_a_still_whatever_its_name(tmp_path: Path) -> None:
    pictures.rgb(32, 24).save(tmp_path / "clip.mp4", format="JPEG")
    info = probed(tmp_path / "clip.mp4")
    assert info.kind == "still"
    assert info.video is None


def test_an_animation_is_a_video(tmp_path: Path) -> None:
    frames = [Image.fromarray(pictures.luma(32, 24, shift=3 * n)) for n in range(4)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=120)
    info = probed(tmp_path / "a.gif")
    assert info.kind == "video"
    assert info.video is not None
    assert info.video.frames == 4


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("empty.avi", b"", "input-empty"),
        ("text.txt", b"This is a statement, not a video.\n" * 40, "not-media"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not-media"),
        ("concat.txt", b"ffconcat version 1.0\nfile /etc/passwd\n", "not-media"),
        ("play.avi", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1/x.ts\n", "not-media"),
        ("noise.mp4", bytes(range(256)) * 20, "not-media"),
    ],
)
def test_what_is_no_media_has_its_own_code(name: str, content: bytes, code: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError) as caught:
        probed(tmp_path / name)
    assert caught.value.code == code


def test_audio_alone_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as output:
        stream = output.add_stream("aac", rate=16000)
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.sample_rate, frame.pts = 16000, 0
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(InputError) as caught:
        probed(tmp_path / "a.mp4")
    assert caught.value.code in ("no-video", "input-unusable")


def test_a_file_cut_short_is_what_there_is(tmp_path: Path) -> None:
    whole = clips.write_clip(tmp_path / "a.mkv", frames=40)
    data = whole.read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    video = track_of(tmp_path / "cut.mkv")
    assert 5 < video.frames < 40
    assert video.duration_s <= Fraction(40, 25)


def test_a_video_of_more_frames_than_any_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clips.write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(probe_module, "MAX_FRAMES", 3)
    with pytest.raises(InputError) as caught:
        probed(path)
    assert caught.value.code == "too-many-frames"


def test_a_video_that_would_last_for_ever_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clips.write_clip(tmp_path / "a.mp4")
    monkeypatch.setattr(probe_module, "MAX_DURATION_S", Fraction(1, 10))
    with pytest.raises(InputError) as caught:
        probed(path)
    assert caught.value.code == "too-long"


def two_cameras(path: Path, *, sizes: Sequence[tuple[int, int]]) -> Path:
    """Two video streams in one file, copied from two clips."""
    made = [clips.write_clip(path.with_name(f"{number}.mp4"), size=size) for number, size in enumerate(sizes)]
    with av.open(str(path), "w") as output:
        inputs = [av.open(str(item)) for item in made]
        streams = [output.add_stream_from_template(item.streams.video[0]) for item in inputs]
        for stream, item in zip(streams, inputs, strict=True):
            for packet in item.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    output.mux(packet)
            item.close()
    return path


def test_the_largest_of_several_video_streams_is_taken_and_any_can_be_asked_for(tmp_path: Path) -> None:
    path = two_cameras(tmp_path / "a.mkv", sizes=[(96, 80), (160, 120)])
    source = probe(path, sha256="")
    assert source.video is not None
    assert (source.video.index, source.stream) == (1, None)
    assert "largest of 2" in source.video.chosen
    assert [(track.index, track.footage, track.size) for track in source.others] == [(0, True, (96, 80))]
    asked = probe(path, sha256="", stream=0)
    assert asked.video is not None
    assert (asked.video.index, asked.video.width, asked.video.chosen, asked.stream) == (0, 96, "asked for", 0)
    with pytest.raises(UsageError, match="stream 2 is not video") as failure:
        probe(path, sha256="", stream=2)
    assert "0, 1" in (failure.value.hint or "")


def test_among_equals_the_first_is_taken(tmp_path: Path) -> None:
    source = probe(two_cameras(tmp_path / "a.mkv", sizes=[(96, 80), (96, 80)]), sha256="")
    assert source.video is not None
    assert source.video.index == 0


def test_a_clock_is_not_taken_for_a_frame_rate(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", pts=[0, 400, 900, 1300, 1900, 2200, 2700, 3000], rate=1000,
                            time_base=Fraction(1, 1000))  # fmt: skip
    rate = track_of(path).average_rate
    assert rate is not None
    assert rate < 10

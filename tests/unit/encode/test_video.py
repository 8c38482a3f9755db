"""Re-encoding keeps what is promised: every frame, its exact time, size, aspect, rotation, range, fields."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from tests.helpers import clips, factories
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.errors import Cancelled
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.metrics.measure import measure_video
from transcoder.metrics.pairing import Output
from transcoder.model import Encoded, EncodeSpec, RungName, SourceInfo, VideoTrack
from transcoder.profile import Profile

CAP = 60_000


def quick(**video: Any) -> Profile:
    return factories.profile(video=factories.video_rules(preset="veryfast", **video))


def job_for(path: Path, workdir: Path, profile: Profile | None = None) -> EncodeJob:
    source = probe(path, sha256="0" * 64)
    workdir.mkdir(exist_ok=True)
    return EncodeJob(source=source, profile=profile or quick(), cap_bytes=CAP, workdir=workdir, tick=lambda *_: None)


def re_encode(path: Path, workdir: Path, profile: Profile | None = None, codec: str = "h264") -> Encoded:
    job = job_for(path, workdir, profile)
    plan = plan_ladder(job.source, job.profile, CAP)
    rung = next(rung for rung in plan.rungs if rung.name is RungName.RE_ENCODE and rung.encoder == codec)
    return ENCODERS[codec](job).encode(EncodeSpec(rung=rung, knob_value=float(CAP)))


def track(path: Path) -> VideoTrack:
    video = probe(path, sha256="").video
    assert video is not None
    return video


def times(path: Path, video: VideoTrack) -> list[Fraction]:
    return [item.pts * video.time_base for item in read_frames(path, video)]


VFR = [0, 40, 100, 101, 300, 340, 400, 1000]


def test_variable_times_are_kept_exactly(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", pts=VFR, time_base=Fraction(1, 1000))
    encoded = re_encode(path, tmp_path / "work")
    assert times(encoded.path, track(encoded.path)) == [Fraction(stamp, 1000) for stamp in VFR]
    assert encoded.timing_offset_s == 0


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.avi", "a.ts", "a.h264"])
def test_every_frame_and_time_of_every_container(name: str, tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / name, frames=15, options={"bf": "2"})
    encoded = re_encode(path, tmp_path / "work")
    before, after = times(path, track(path)), times(encoded.path, track(encoded.path))
    assert after == [moment - encoded.timing_offset_s for moment in before]
    assert len(after) == 15


def test_a_clock_that_starts_far_away_is_shifted_and_declared(tmp_path: Path) -> None:
    start = 26 * 3600 * 1000
    path = clips.write_clip(tmp_path / "a.mkv", pts=[start + 40 * n for n in range(10)], time_base=Fraction(1, 1000))
    encoded = re_encode(path, tmp_path / "work")
    assert encoded.timing_offset_s == 26 * 3600
    assert times(encoded.path, track(encoded.path)) == [Fraction(40 * n, 1000) for n in range(10)]


def test_aspect_and_range_are_kept(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mp4", sample_aspect=Fraction(16, 11), color_range=2)
    after = track(re_encode(path, tmp_path / "work").path)
    assert after.sample_aspect == Fraction(16, 11)
    assert after.color_range == 2
    assert (after.width, after.height) == (160, 120)


def test_limited_range_is_not_turned_into_full(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mp4", color_range=1)
    after = track(re_encode(path, tmp_path / "work").path)
    assert after.color_range in (0, 1)  # x264 leaves the default unsaid
    assert after.pixel_format == "yuv420p"


@pytest.mark.parametrize("container", ["mp4", "mkv"])
@pytest.mark.parametrize(
    "matrix", [clips.MATRIX_90, (-65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)], ids=["turned", "mirrored"]
)
def test_rotation_and_mirroring_are_kept_as_a_tag(matrix: tuple[int, ...], container: str, tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mp4", matrix=matrix)
    before = track(path)
    after = track(re_encode(path, tmp_path / "work", quick(containers=(container,))).path)
    assert (after.rotation_deg, after.mirrored) == (before.rotation_deg, before.mirrored)
    assert (after.width, after.height) == (before.width, before.height)


def test_interlacing_is_kept(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mp4", interlaced=True, options={"x264-params": "tff=1"})
    assert track(path).interlaced
    assert track(re_encode(path, tmp_path / "work").path).interlaced


@pytest.mark.parametrize("pixel_format", ["yuvj422p", "yuvj420p"])
def test_full_range_motion_jpeg_keeps_its_levels(pixel_format: str, tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="mjpeg", pixel_format=pixel_format, bit_rate=4_000_000)
    encoded = re_encode(path, tmp_path / "work")
    assert track(encoded.path).color_range == 2
    output = Output(encoded.path, encoded.timing_offset_s)
    fidelity = measure_video(path, track(path), [output], lambda *_: None).fidelity
    assert fidelity.score("frame").mean > 0.97
    assert fidelity.score("frame", metric="psnr").mean > 36  # a wrong range would cost it 15 dB


@pytest.mark.parametrize(("codec", "audio"), [("mpeg4", "pcm_s16le"), ("mpeg4", "libmp3lame"), ("libx264", "aac")])
def test_audio_is_kept_and_stays_in_time(codec: str, audio: str, tmp_path: Path) -> None:
    suffix = "avi" if codec == "mpeg4" else "mkv"
    path = clips.write_clip(tmp_path / f"a.{suffix}", codec=codec, frames=50, audio=audio)
    before = probe(path, sha256="")
    encoded = re_encode(path, tmp_path / "work")
    after = probe(encoded.path, sha256="")
    assert len(after.audio) == 1
    assert after.audio[0].codec == {"pcm_s16le": "aac", "libmp3lame": "mp3", "aac": "aac"}[audio]
    assert abs(after.audio[0].duration_s - before.audio[0].duration_s) < Fraction(15, 100)
    assert abs(after.audio[0].start_s - before.audio[0].start_s) < Fraction(8, 100)
    assert after.video is not None
    assert after.video.frames == 50


def test_a_clip_without_audio_gets_none(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv")
    assert probe(re_encode(path, tmp_path / "work").path, sha256="").audio == ()


def test_ten_bits_are_kept_where_the_profile_allows_them(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", pixel_format="yuv420p10le")
    deep = quick(pixel_formats=("yuv420p", "yuv420p10le"))
    assert track(re_encode(path, tmp_path / "deep", deep).path).pixel_format == "yuv420p10le"
    assert track(re_encode(path, tmp_path / "flat").path).pixel_format == "yuv420p"


@pytest.mark.parametrize("size", [(66, 50), (16, 16)])
def test_small_sizes(size: tuple[int, int], tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="ffv1", pixel_format="yuv444p", size=size)
    after = track(re_encode(path, tmp_path / "work").path)
    assert (after.width, after.height, after.frames) == (*size, 12)


@pytest.mark.parametrize("pixel_format", ["yuv444p", "yuv420p", "yuv422p", "yuv420p10le", "gray"])
def test_odd_sides_grow_by_one_pixel_and_that_is_declared(pixel_format: str, tmp_path: Path) -> None:
    """4:2:0 has no odd sizes: nothing is cut off, and what was added is not judged."""
    path = clips.write_clip(tmp_path / "a.avi", codec="ffv1", pixel_format=pixel_format, size=(161, 121))
    encoded = re_encode(path, tmp_path / "work")
    after = track(encoded.path)
    assert (after.width, after.height, after.frames) == (162, 122, 12)
    assert any("161x121" in item.item and "162x122" in item.note for item in encoded.fates)
    output = Output(encoded.path, encoded.timing_offset_s)
    measured = measure_video(path, track(path), [output], lambda *_: None).fidelity
    assert measured.score("frame").mean > 0.95


def test_one_frame_is_a_video_too(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="mpeg4", frames=1)
    assert track(re_encode(path, tmp_path / "work").path).frames == 1


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", frames=30, audio="aac")
    first = re_encode(path, tmp_path / "one").path.read_bytes()
    assert re_encode(path, tmp_path / "two").path.read_bytes() == first


def test_the_size_follows_the_knob(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="ffv1", frames=40, size=(320, 240))
    job = job_for(path, tmp_path / "work")
    plan = plan_ladder(job.source, job.profile, CAP)
    encoder = ENCODERS["h264"](job)
    sizes = [encoder.encode(EncodeSpec(rung=plan.rungs[-1], knob_value=value)).bytes for value in (30e3, 60e3, 120e3)]
    assert sizes == sorted(sizes)
    assert sizes[2] > 1.5 * sizes[0]


def test_a_stop_leaves_at_the_next_frame(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.avi", codec="mpeg4", frames=30)
    seen: list[int] = []

    def stop(_phase: str, done: int, _total: int | None) -> None:
        seen.append(done)
        if done == 5:
            raise Cancelled("stop")

    job = replace(job_for(path, tmp_path / "work"), tick=stop)
    plan = plan_ladder(job.source, job.profile, CAP)
    with pytest.raises(Cancelled):
        ENCODERS["h264"](job).encode(EncodeSpec(rung=plan.rungs[-1], knob_value=float(CAP)))
    assert max(seen) == 5


def test_the_source_is_never_written(tmp_path: Path) -> None:
    path = clips.write_clip(tmp_path / "a.mkv", audio="aac")
    before: tuple[bytes, SourceInfo] = path.read_bytes(), probe(path, sha256="")
    path.chmod(0o400)
    re_encode(path, tmp_path / "work")
    assert (path.read_bytes(), probe(path, sha256="")) == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["a.mkv", "work"]


def test_the_first_pass_and_nothing_else_waits_for_its_turn(tmp_path: Path) -> None:
    turn, seen = Lock(), set()
    job = job_for(clips.write_clip(tmp_path / "a.mp4"), tmp_path / "work")
    job = replace(job, first_pass=turn, tick=lambda phase, *_: seen.add((phase, turn.locked())))
    plan = plan_ladder(job.source, job.profile, CAP)
    rung = next(rung for rung in plan.rungs if rung.name is RungName.RE_ENCODE)
    ENCODERS["h264"](job).encode(EncodeSpec(rung=rung, knob_value=float(CAP)))
    assert seen == {("analyse", True), ("encode", False)}

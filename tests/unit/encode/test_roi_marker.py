"""Weights really arrive at the encoder: the same bits, and the place that was asked for is better."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from tests.helpers import factories, pictures
from tests.helpers import regions as made
from transcoder.encode import roi
from transcoder.encode.base import EncodeJob
from transcoder.encode.ladder import ENCODERS, plan_ladder
from transcoder.media.probe import probe
from transcoder.metrics.measure import measure_video
from transcoder.metrics.pairing import Output
from transcoder.model import Box, EncodeSpec, Region, RegionKind, RegionSet, RungName

SIZE = (192, 128)
FRAMES = 24
LEFT, RIGHT = Box(0, 0, 96, 128), Box(96, 0, 96, 128)


@pytest.fixture(scope="module")
def noisy_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same restless noise on both halves: there are never enough bits."""
    rng = np.random.default_rng(3)
    half = [np.clip(110 + rng.normal(0, 22, (128, 96)), 0, 255).astype(np.uint8) for _ in range(FRAMES)]
    shown = (np.concatenate([part, part], axis=1) for part in half)
    return made.write(tmp_path_factory.mktemp("noisy") / "a.mkv", shown, rate=25)


def halves(path: Path, workdir: Path, codec: str, offset: float) -> tuple[float, float, int]:
    """Mean SSIM of both halves and the bytes, with an offset on the left one."""
    source = probe(path, sha256="0" * 64)
    assert source.video is not None
    workdir.mkdir()
    until = 10**9
    sides: list[Region] = [
        made.still_region(box, id=name, until=until) for name, box in (("left", LEFT), ("right", RIGHT))
    ]
    profile = factories.profile(video=factories.video_rules(preset="veryfast", codecs=("h264", "hevc")))
    job = EncodeJob(
        source=source, profile=profile, cap_bytes=60_000, workdir=workdir, tick=lambda *_: None,
        regions=RegionSet(regions=tuple(sides[:1])),
    )  # fmt: skip
    plan = plan_ladder(source, profile, 60_000)
    rung = next(rung for rung in plan.rungs if rung.name is RungName.RE_ENCODE and rung.encoder == codec)
    weights = roi.as_settings({RegionKind.FACE: offset}, [RegionKind.FACE])
    rung = replace(rung, settings={**rung.settings, **weights})
    encoded = ENCODERS[codec](job).encode(EncodeSpec(rung=rung, knob_value=60_000.0))
    result = measure_video(path, source.video, [Output(encoded.path, encoded.timing_offset_s)], lambda *_: None, sides)
    scores = {score.id: score.mean for score in result.fidelity.regions}
    return scores["left"], scores["right"], encoded.bytes


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_weighted_half_is_better_at_the_same_rate(codec: str, noisy_clip: Path, tmp_path: Path) -> None:
    left, right, size = halves(noisy_clip, tmp_path / "plain", codec, 0.0)
    better, worse, other_size = halves(noisy_clip, tmp_path / "weighted", codec, -0.15)
    assert abs(left - right) < 0.02
    assert better > left + 0.03
    assert better > worse + 0.06
    assert other_size < 1.15 * size


def frame_of(pixel_format: str = "yuv420p") -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pictures.luma(64, 48), format="gray").reformat(format=pixel_format, threads=1)
    frame.pts, frame.time_base = 12345, Fraction(1, 90_000)
    frame.color_range, frame.colorspace = 2, 5
    return frame


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "yuv420p10le", "yuv444p", "gray"])
def test_a_marked_frame_is_the_same_picture_at_the_same_time_with_the_same_tags(pixel_format: str) -> None:
    frame = frame_of(pixel_format)
    frame.color_primaries, frame.color_trc = 6, 6
    tags = (
        frame.pts, frame.time_base, frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc,
        frame.format.name, frame.width, frame.height, frame.interlaced_frame,
    )  # fmt: skip
    planes = [bytes(plane) for plane in frame.planes]
    marked = roi.RegionMarker().mark(frame, [roi.Weighted(Box(0, 0, 32, 16), -0.2), roi.Weighted(LEFT, 0.1)])
    assert (
        marked.pts, marked.time_base, marked.color_range, marked.colorspace, marked.color_primaries, marked.color_trc,
        marked.format.name, marked.width, marked.height, marked.interlaced_frame,
    ) == tags  # fmt: skip
    assert [bytes(plane) for plane in marked.planes] == planes
    assert marked.side_data.get("REGIONS_OF_INTEREST") is not None
    assert frame_of(pixel_format).side_data.get("REGIONS_OF_INTEREST") is None


def test_without_weights_the_frame_is_not_touched() -> None:
    frame = frame_of()
    assert roi.RegionMarker().mark(frame, ()) is frame


def test_a_graph_is_kept_and_replaced_when_something_changes() -> None:
    marker, weights = roi.RegionMarker(), [roi.Weighted(Box(0, 0, 16, 16), -0.1)]
    for number in range(3):
        frame = frame_of()
        frame.pts = number
        assert marker.mark(frame, weights).pts == number
    assert marker.mark(frame_of("yuv444p"), weights).format.name == "yuv444p"
    other = av.VideoFrame.from_ndarray(pictures.luma(32, 32), format="gray").reformat(format="yuv420p", threads=1)
    assert marker.mark(other, weights).width == 32
    assert marker.mark(frame_of(), [roi.Weighted(Box(16, 16, 16, 16), -0.4)]).pts == 12345


def test_as_many_rectangles_as_there_may_be_of_each_kind() -> None:
    many = [roi.Weighted(Box(x, y, 16, 16), -0.01) for x in range(0, 64, 16) for y in range(0, 48, 16)] * 8
    assert len(many) == roi.MAX_BOXES
    assert roi.RegionMarker().mark(frame_of(), many).pts == 12345

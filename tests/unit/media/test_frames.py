"""Pixel formats: the layout table, planes without a copy, and conversions that keep what they must."""

from __future__ import annotations

import av.video.format
import numpy as np
import pytest
from av import VideoFrame

from tests.helpers import pictures
from transcoder.media import frames

LAYOUTS = {
    "gray": (8, 0, 0, 1),
    "gray10le": (10, 0, 0, 1),
    "yuv420p": (8, 1, 1, 3),
    "yuvj420p": (8, 1, 1, 3),
    "yuv422p": (8, 1, 0, 3),
    "yuvj422p": (8, 1, 0, 3),
    "yuv444p": (8, 0, 0, 3),
    "yuvj444p": (8, 0, 0, 3),
    "yuv440p": (8, 0, 1, 3),
    "yuv411p": (8, 2, 0, 3),
    "yuv410p": (8, 2, 2, 3),
    "yuv420p10le": (10, 1, 1, 3),
    "yuv422p10le": (10, 1, 0, 3),
    "yuv444p12le": (12, 0, 0, 3),
    "yuv420p16le": (16, 1, 1, 3),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts(name: str) -> None:
    layout = frames.layout_of(name)
    assert layout is not None
    assert (layout.bit_depth, layout.chroma_log2_width, layout.chroma_log2_height, layout.planes) == LAYOUTS[name]


@pytest.mark.parametrize(
    "name",
    ["rgb24", "bgr0", "gbrp", "pal8", "nv12", "yuyv422", "uyvy422", "yuva420p", "yuv420p10be", "gray16be", "ya8",
     "p010le", "monob", "xyz12le"],
)  # fmt: skip
def test_other_formats_have_no_plain_layout(name: str) -> None:
    assert frames.layout_of(name) is None


@pytest.mark.parametrize("name", ["gray32le", "grayf16le", "grayf32le", "yuv444p10msble", "yuv444p12msble"])
def test_samples_that_are_not_low_aligned_integers_have_no_plain_layout(name: str) -> None:
    assert frames.layout_of(name) is None


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("size", [(64, 48), (33, 17), (130, 66)])
def test_planes_are_the_samples(name: str, size: tuple[int, int]) -> None:
    grey = pictures.luma(*size)
    frame = VideoFrame.from_ndarray(grey, format="gray").reformat(format=name, threads=1)
    planes = frames.planes_of(frame)
    _, log2_x, log2_y, count = LAYOUTS[name]
    assert [plane.shape for plane in planes] == [(size[1], size[0])] + [
        (-(-size[1] >> log2_y), -(-size[0] >> log2_x))
    ] * (count - 1)
    assert all(plane.dtype == (np.uint8 if LAYOUTS[name][0] == 8 else np.uint16) for plane in planes)
    top = (1 << LAYOUTS[name][0]) - 1
    assert int(planes[0].max()) <= top
    assert float(np.corrcoef(planes[0].ravel(), grey.ravel())[0, 1]) > 0.995


def test_planes_are_views_not_copies() -> None:
    frame = VideoFrame.from_ndarray(pictures.luma(64, 48), format="gray")
    assert frames.planes_of(frame)[0].base is not None


def test_planes_of_rgb_are_refused() -> None:
    with pytest.raises(ValueError, match="rgb24"):
        frames.planes_of(VideoFrame(16, 16, "rgb24"))


@pytest.mark.parametrize(
    ("own", "target", "full_range"),
    [
        ("yuvj422p", "yuv420p", True),
        ("yuvj422p", "yuvj420p", True),
        ("yuvj444p", "yuvj420p", True),
        ("yuv422p", "yuv420p", True),
        ("yuv422p", "yuv420p", False),
        ("yuv444p", "yuv420p", False),
        ("yuv411p", "yuv420p", False),
    ],
)
def test_fewer_chroma_samples_keep_every_luma_sample(own: str, target: str, full_range: bool) -> None:
    frame = VideoFrame(66, 50, own)
    luma = np.arange(66 * 50, dtype=np.uint64).reshape(50, 66) % 256  # every value, beyond limited range too
    plane = frame.planes[0]
    buffer = np.zeros((50, plane.line_size), dtype=np.uint8)
    buffer[:, :66] = luma
    plane.update(buffer.tobytes())
    for chroma in frame.planes[1:]:
        chroma.update(b"\x60" * chroma.buffer_size)
    frame.pts = 7
    converted = frames.convert(frame, target, full_range=full_range)
    assert frames.without_range(converted.format.name) == frames.without_range(target)
    assert np.array_equal(frames.planes_of(converted)[0], luma.astype(np.uint8))
    assert np.all(frames.planes_of(converted)[1] == 0x60)
    assert converted.pts == 7


def test_a_range_name_alone_is_no_conversion() -> None:
    frame = VideoFrame(16, 16, "yuvj420p")
    assert frames.convert(frame, "yuv420p", full_range=True) is frame


def test_what_is_compared_in_which_format() -> None:
    assert frames.comparison_format("yuvj422p") == "yuv422p"
    assert frames.comparison_format("yuv420p10le") == "yuv420p10le"
    assert frames.comparison_format("gray") == "gray"
    for other in ("rgb24", "nv12", "pal8"):
        assert frames.layout_of(frames.comparison_format(other)) is not None


def test_rgb_gets_a_matrix_by_size_and_yuv_keeps_its_own() -> None:
    assert frames.matrix_for(2, "rgb24", 480) == 5
    assert frames.matrix_for(2, "rgb24", 1080) == 1
    assert frames.matrix_for(9, "yuv420p", 1080) == 9


def test_grey_pictures_survive_rgb_and_back() -> None:
    grey = pictures.luma(64, 48)
    frame = VideoFrame.from_ndarray(np.stack([grey] * 3, axis=-1), format="rgb24")
    converted = frames.convert(frame, "yuv444p", full_range=True, colorspace=5)
    assert np.abs(frames.planes_of(converted)[0].astype(int) - grey).max() <= 1
    limited = frames.convert(frame, "yuv444p", full_range=False, colorspace=5)
    assert int(frames.planes_of(limited)[0].max()) <= 235


def test_every_format_of_this_ffmpeg_is_answered() -> None:
    for name in sorted(vars(av.video.format)["names"]):
        layout = frames.layout_of(name)
        assert layout is None or layout.planes in (1, 3)
        frames.is_rgb(name)

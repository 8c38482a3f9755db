"""Pixel formats: what a frame is in, what it may become, and its planes as arrays without a copy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import av.video.format
import av.video.frame
import numpy as np
from av.video.reformatter import Interpolation
from numpy.typing import NDArray
from PIL import Image

Planes = tuple[NDArray[np.uint8] | NDArray[np.uint16], ...]

FULL_RANGE = 2
"""``AVCOL_RANGE_JPEG``: samples use 0 to 255."""
_LIMITED_RANGE = 1
_BT601, _BT709 = 5, 1
_RGB_MATRIX = 0
# The quick paths round chroma and luma coarsely: accuracy is worth the time here.
_ACCURATE = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP


@dataclass(frozen=True, slots=True)
class Layout:
    """How a planar YUV or grey format lays out its samples."""

    name: str
    bit_depth: int
    chroma_log2_width: int
    chroma_log2_height: int
    planes: int


@lru_cache(maxsize=64)
def layout_of(name: str) -> Layout | None:
    """The layout of a planar YUV or grey format with 8 to 16 little-endian bits, or None for any other."""
    fmt = av.video.format.VideoFormat(name, 16, 16)
    plain = name.startswith(("yuv", "gray")) and not fmt.is_rgb and not fmt.has_palette and not name.startswith("yuva")
    packed = name in ("yuyv422", "yuv_packed", "yuv2")
    # Floating-point and high-aligned samples are not plain numbers from 0 to the peak.
    odd = name.endswith(("be", "msble")) or "f16" in name or "f32" in name
    if not plain or packed or odd or fmt.components[0].bits > 16:
        return None
    components = fmt.components
    grey = len(components) == 1
    if not grey and (not fmt.is_planar or len(components) != 3):
        return None
    chroma = None if grey else components[1]
    return Layout(
        name=name,
        bit_depth=components[0].bits,
        chroma_log2_width=0 if chroma is None else (16 // chroma.width).bit_length() - 1,
        chroma_log2_height=0 if chroma is None else (16 // chroma.height).bit_length() - 1,
        planes=1 if grey else 3,
    )


def is_rgb(name: str) -> bool:
    """True for RGB, palette and other formats whose colours are not already luma and chroma."""
    fmt = av.video.format.VideoFormat(name, 16, 16)
    return bool(fmt.is_rgb or fmt.has_palette)


def declared_range(color_range: int, name: str) -> int:
    """The sample range to work with and declare: ``yuvj`` formats say it by name, and untagged grey is full range."""
    if name.startswith("yuvj") or (name.startswith("gray") and color_range == 0):
        return FULL_RANGE
    return color_range


def without_range(name: str) -> str:
    """``yuvj420p`` is ``yuv420p`` with full range: the range is a property, not a layout."""
    return name.replace("yuvj", "yuv")


def planes_of(frame: av.video.frame.VideoFrame) -> Planes:
    """The planes of a planar YUV or grey frame as views, each (height, width), uint8 or uint16.

    :raises ValueError: for a format that is neither.
    """
    layout = layout_of(frame.format.name)
    if layout is None:
        raise ValueError(f"not a planar YUV format: {frame.format.name}")
    dtype: np.dtype[Any] = np.dtype(np.uint8) if layout.bit_depth <= 8 else np.dtype("<u2")
    views: list[NDArray[np.uint8] | NDArray[np.uint16]] = []
    for number in range(layout.planes):
        plane = frame.planes[number]
        shift_x = layout.chroma_log2_width if number else 0
        shift_y = layout.chroma_log2_height if number else 0
        width, height = -((-frame.width) >> shift_x), -((-frame.height) >> shift_y)
        rows = np.frombuffer(memoryview(plane), dtype=dtype).reshape(-1, plane.line_size // dtype.itemsize)
        views.append(rows[:height, :width])
    return tuple(views)


def picture_of(frame: av.video.frame.VideoFrame) -> Image.Image:
    """The frame in 8-bit RGB, as it is stored: neither turned nor stretched."""
    picture: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return picture


def comparison_format(source_format: str) -> str:
    """The format in which a source and its output are compared: the source's own layout where it is planar YUV."""
    if layout_of(source_format) is not None:
        return without_range(source_format)
    return "yuv444p"


def matrix_for(frame_space: int, source_format: str, height: int) -> int:
    """The YUV matrix to use and declare; RGB sources get BT.709 above standard definition, else BT.601."""
    if is_rgb(source_format) or frame_space == _RGB_MATRIX:
        return _BT709 if height > 576 else _BT601
    return frame_space


def even_size(width: int, height: int, name: str, *, interlaced: bool = False) -> tuple[int, int]:
    """The size a format with shared chroma samples is encoded at: odd sides grow by one pixel.

    :param interlaced: then each field needs even sides, and a frame may grow by up to three rows.
    """
    layout = layout_of(name)
    if layout is None:
        return width, height
    step_x, step_y = 1 << layout.chroma_log2_width, 1 << (layout.chroma_log2_height + interlaced)
    return -(-width // step_x) * step_x, -(-height // step_y) * step_y


def tagged_as(made: av.video.frame.VideoFrame, frame: av.video.frame.VideoFrame) -> av.video.frame.VideoFrame:
    """A frame made of another, with the timing and colour tags that were lost in the making."""
    made.pts = frame.pts
    if frame.time_base is not None:
        made.time_base = frame.time_base
    made.color_range, made.colorspace = frame.color_range, frame.colorspace
    return made


def padded(frame: av.video.frame.VideoFrame, width: int, height: int) -> av.video.frame.VideoFrame:
    """The frame enlarged at its right and bottom edge by repeating the last samples; planar formats only."""
    if (frame.width, frame.height) == (width, height):
        return frame
    larger = av.video.frame.VideoFrame(width, height, frame.format.name)
    for view, plane, target in zip(planes_of(frame), larger.planes, planes_of(larger), strict=False):
        missing = target.shape[0] - view.shape[0], target.shape[1] - view.shape[1]
        rows = np.zeros((plane.buffer_size // plane.line_size, plane.line_size // view.itemsize), dtype=view.dtype)
        rows[: target.shape[0], : target.shape[1]] = np.pad(view, ((0, missing[0]), (0, missing[1])), mode="edge")
        plane.update(rows.tobytes())
    return tagged_as(larger, frame)


def resized(frame: av.video.frame.VideoFrame, width: int, height: int) -> av.video.frame.VideoFrame:
    """The frame in another size and the same format, by bicubic interpolation, as players do."""
    if (frame.width, frame.height) == (width, height):
        return frame
    both = _LIMITED_RANGE  # one range for both ends: whichever it is, no sample may be moved
    larger = frame.reformat(
        width, height, src_color_range=both, dst_color_range=both, interpolation=_ACCURATE, threads=1
    )
    return tagged_as(larger, frame)


def convert(
    frame: av.video.frame.VideoFrame, name: str, *, full_range: bool, colorspace: int | None = None
) -> av.video.frame.VideoFrame:
    """Change a frame's pixel format without touching the meaning of its samples.

    :param name: target format, without the deprecated ``j``.
    :param full_range: the range of the samples, before and after.
    :param colorspace: the YUV matrix, needed where RGB becomes YUV.
    """
    own = frame.format.name
    if without_range(own) == without_range(name):
        return frame
    sample_range = FULL_RANGE if full_range else _LIMITED_RANGE
    matrix = {_BT709: "ITU709"}.get(colorspace or 0, "ITU601")
    from_rgb = is_rgb(own)
    converted = frame.reformat(
        format=name,
        src_colorspace=matrix,
        dst_colorspace=matrix,
        src_color_range=FULL_RANGE if from_rgb else sample_range,
        dst_color_range=sample_range,
        interpolation=_ACCURATE,
        threads=1,  # with several, PyAV 18 was seen to give another row now and then
    )
    converted.pts = frame.pts
    if frame.time_base is not None:
        converted.time_base = frame.time_base
    return converted

"""Which field of an interlaced frame is the first, told from the frame itself."""

from __future__ import annotations

from fractions import Fraction

import av
import av.filter
import numpy as np
import pytest

from tests.helpers import pictures
from transcoder.media import frames
from transcoder.media.fields import BOTTOM_FIRST, TOP_FIRST, FieldMarker, order_of


def plain(pixel_format: str = "yuv420p", *, flat: bool = False) -> av.VideoFrame:
    grey = np.full((96, 128), 90, np.uint8) if flat else pictures.luma(128, 96, seed=3, shift=0)
    frame = av.VideoFrame.from_ndarray(grey, format="gray").reformat(format=pixel_format, threads=1)
    frame.pts, frame.time_base = 7, Fraction(1, 25)
    return frame


@pytest.mark.parametrize("order", [TOP_FIRST, BOTTOM_FIRST])
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "rgb24"])
def test_a_marked_frame_tells_its_order(order: str, pixel_format: str) -> None:
    frame = plain(pixel_format)
    assert order_of([frame], 0) is None
    marked = FieldMarker(order).mark(frame)
    assert marked.interlaced_frame
    assert (marked.pts, marked.time_base) == (7, Fraction(1, 25))
    assert np.array_equal(marked.to_ndarray(), frame.to_ndarray())
    assert order_of([plain(pixel_format), marked], 0) == order


def test_where_both_fields_look_alike_the_codec_is_believed() -> None:
    marked = FieldMarker(BOTTOM_FIRST).mark(plain(flat=True))
    assert order_of([marked], 2) == TOP_FIRST
    assert order_of([marked], 3) == BOTTOM_FIRST
    assert order_of([marked, FieldMarker(BOTTOM_FIRST).mark(plain())], 2) == BOTTOM_FIRST


def test_progressive_frames_are_left_alone() -> None:
    frame = plain()
    assert FieldMarker(None).mark(frame) is frame


def test_a_conversion_does_not_mix_the_fields_of_a_marked_frame() -> None:
    """Two fields of different colour: mixed chroma would be neither."""
    frame = plain("yuv422p")
    for plane in list(frame.planes)[1:]:
        rows = np.full((96, plane.line_size), 60, np.uint8)
        rows[1::2] = 200
        plane.update(rows.tobytes())
    marked = FieldMarker(TOP_FIRST).mark(frame)
    chroma = frames.planes_of(frames.convert(marked, "yuv420p", full_range=False))[1]
    assert set(np.unique(chroma[0::2])) == {60}
    assert set(np.unique(chroma[1::2])) == {200}
    mixed = frames.planes_of(frames.convert(frame, "yuv420p", full_range=False))[1]
    assert set(np.unique(mixed)) != {60, 200}

"""Interlaced video: which field of a frame is the first, and saying so to an encoder.

PyAV tells that a frame is interlaced, not which of its fields comes first; FFmpeg's filters know both.
"""

from __future__ import annotations

from collections.abc import Iterable

import av.video.frame
import numpy as np
from numpy.typing import NDArray

from transcoder.media.filters import Chain

TOP_FIRST, BOTTOM_FIRST = "top field first", "bottom field first"
_OF_CODEC = {2: TOP_FIRST, 4: TOP_FIRST, 3: BOTTOM_FIRST, 5: BOTTOM_FIRST}
"""FFmpeg's ``AVFieldOrder``: coded and shown orders that name the first field."""


def order_of(frames: Iterable[av.video.frame.VideoFrame], declared: int) -> str | None:
    """The order of the fields of the interlaced ones among some frames, or None where none is interlaced.

    :param declared: the codec's ``AVFieldOrder``, for pictures whose two fields look alike.
    """
    interlaced = [frame for frame in frames if frame.interlaced_frame]
    for frame in interlaced:
        top, bottom = (_first_field_is(frame, row) for row in (0, 1))
        if top != bottom:
            return TOP_FIRST if top else BOTTOM_FIRST
    return _OF_CODEC.get(declared, TOP_FIRST) if interlaced else None


def _first_field_is(frame: av.video.frame.VideoFrame, row: int) -> bool:
    """Whether the field that FFmpeg takes apart first begins in this row of the frame."""
    field = Chain().apply(frame, [("separatefields", None)])
    rows = _rows(field)
    return np.array_equal(_rows(frame)[row::2][: len(rows)], rows)


def _rows(frame: av.video.frame.VideoFrame) -> NDArray[np.uint8]:
    """The bytes of the first plane, row by row, without what pads a row."""
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
    return rows[: frame.height, : plane.width]


class FieldMarker:
    """Marks frames as interlaced in one order; conversions then keep fields apart and encoders see the order.

    :param order: ``TOP_FIRST``, ``BOTTOM_FIRST``, or None for progressive video, which is left alone.
    """

    def __init__(self, order: str | None) -> None:
        self._mode = {TOP_FIRST: "tff", BOTTOM_FIRST: "bff"}.get(order or "")
        self._chain = Chain()

    def mark(self, frame: av.video.frame.VideoFrame) -> av.video.frame.VideoFrame:
        """The same picture, marked."""
        return frame if self._mode is None else self._chain.apply(frame, [("setfield", self._mode)])

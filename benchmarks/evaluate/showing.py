"""What a viewer sees of a copy at each moment of its source: frames decoded by PyAV and paired by time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

TOLERANCE_S = 0.001
"""Times that differ by less are the same: containers round to ticks of up to a millisecond."""

Luma = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """How a copy's frames stand against the source's."""

    frames_source: int
    frames_copy: int
    on_time: int
    """Frames of the source with a frame of the copy at the same time, after a constant shift is forgiven."""
    shown: tuple[int, ...]
    """For each frame of the source, the number of the copy's frame on the screen at that moment."""


def pair(source_s: Sequence[float], copy_s: Sequence[float]) -> Pairing:
    """Pair by time since the first frame.

    A frame that was dropped is judged by the one that stands in its place, which is what a viewer gets.

    :raises ValueError: where either has no frame.
    """
    if not source_s or not copy_s:
        raise ValueError("no frames to pair")
    source = np.asarray(source_s) - source_s[0]
    copy = np.asarray(copy_s) - copy_s[0]
    nearest = np.abs(source[:, None] - copy[None, :]).min(axis=1)
    shown = np.clip(np.searchsorted(copy, source + TOLERANCE_S, side="right") - 1, 0, len(copy) - 1)
    return Pairing(
        frames_source=len(source),
        frames_copy=len(copy),
        on_time=int((nearest <= TOLERANCE_S).sum()),
        shown=tuple(int(number) for number in shown),
    )


def times_s(path: Path) -> list[float]:
    """When each frame is shown, in the order of showing; frames without a time are spaced by the mean rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        base, rate = stream.time_base, float(stream.average_rate or 25)
        assert base is not None
        return [
            number / rate if frame.pts is None else float(frame.pts * base)
            for number, frame in enumerate(container.decode(stream))
        ]


def lumas(path: Path, size: tuple[int, int] | None = None) -> Iterator[Luma]:
    """The luma of each frame, 8 bits in limited range; ``size`` (width, height) scales a copy of another size."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        for frame in container.decode(stream):
            width, height = size or (frame.width, frame.height)
            grey = frame.reformat(width=width, height=height, format="yuv420p", dst_color_range="MPEG")
            plane = grey.planes[0]
            rows = np.frombuffer(memoryview(plane), dtype=np.uint8).reshape(-1, plane.line_size)
            yield rows[:height, :width].copy()


def pairs(source: Path, copy: Path, pairing: Pairing) -> Iterator[tuple[Luma, Luma]]:
    """Each frame of the source beside what the copy shows then; only one frame of each is held."""
    stream: Iterator[Luma] | None = None
    held, number = None, -1
    for wanted, original in zip(pairing.shown, lumas(source), strict=True):
        if stream is None:
            stream = lumas(copy, (original.shape[1], original.shape[0]))
        while number < wanted:
            held, number = next(stream), number + 1
        assert held is not None
        yield original, held

"""Repeated frames: recorders store the last picture again while nothing new arrives."""

from __future__ import annotations

from collections.abc import Iterator

import av.video.frame
import numpy as np

from transcoder.media import frames
from transcoder.media.reader import TimedFrame


def largest_difference(first: av.video.frame.VideoFrame, second: av.video.frame.VideoFrame) -> int:
    """The largest difference of two samples in the same place of two frames of one size and format, over all planes."""
    name = frames.comparison_format(first.format.name)
    pair = [frames.planes_of(frames.convert(frame, name, full_range=True)) for frame in (first, second)]
    return max(int(np.abs(a.astype(np.int32) - b).max(initial=0)) for a, b in zip(*pair, strict=True))


def without_repeats(timed: Iterator[TimedFrame], difference: int) -> Iterator[TimedFrame]:
    """Only the frames that differ from the last one given by more than ``difference`` in a sample, and the last of all.

    The last is kept because it says when the recording ends.
    """
    kept: TimedFrame | None = None
    dropped: TimedFrame | None = None
    for item in timed:
        if kept is not None and largest_difference(kept.frame, item.frame) <= difference:
            dropped = item
            continue
        kept, dropped = item, None
        yield item
    if dropped is not None:
        yield dropped

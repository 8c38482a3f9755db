"""The index of a video: when each frame is shown and what it looks like, noted while it is decoded once.

With it a run of frames can be read from the middle of a file and be known to be the same frames, pixel for
pixel, that reading from the start gives: not every key frame that a container lists is a clean point to start.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from transcoder.media.checksum import checksum
from transcoder.media.reader import TimedFrame, nominal_step
from transcoder.model import SourceInfo, Span, VideoTrack


class FrameIndex:
    """Twelve bytes a frame: an hour at 25 frames a second takes one megabyte.

    :param first: number, in the source, of the first frame that will be noted.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.moments = array("q")
        """Presentation timestamps, in ticks of the source's time base."""
        self.sums = array("I")

    def noting(self, frames: Iterable[TimedFrame]) -> Iterator[TimedFrame]:
        """The same frames, each noted on its way."""
        for timed in frames:
            self.moments.append(timed.pts)
            self.sums.append(checksum(timed.frame))
            yield timed

    @property
    def end(self) -> int:
        """Number of the first frame that was not noted."""
        return self.first + len(self.moments)

    def span(self, first: int, end: int) -> Span:
        """The frames from number ``first`` to before number ``end``."""
        noted = slice(first - self.first, end - self.first)
        return Span(first, self.moments[noted], self.sums[noted])

    def at(self, pts: int) -> int:
        """Number of the first frame at or after a moment."""
        return self.first + bisect_left(self.moments, pts)


def cut(source: SourceInfo, index: FrameIndex, first: int, end: int) -> SourceInfo:
    """The same source, of which only a run of frames is read: encoders and measurements need not know.

    :param first: number of the first frame.
    :param end: number of the first frame not taken.
    """
    track = source.video
    assert track is not None
    assert index.first <= first < end <= index.end
    span = index.span(first, end)
    share = Fraction(len(span), max(1, track.frames))
    return replace(
        source,
        video=replace(
            track,
            span=span,
            frames=len(span),
            start_s=span.moments[0] * track.time_base,
            duration_s=end_of(track, index, end) - span.moments[0] * track.time_base,
            payload_bytes=max(1, int(track.payload_bytes * share)),
        ),
    )


def end_of(track: VideoTrack, index: FrameIndex, end: int) -> Fraction:
    """When the frame before number ``end`` is over, in seconds: when the next one comes, or a frame's length later."""
    if end < index.end:
        return index.moments[end - index.first] * track.time_base
    return (index.moments[-1] + nominal_step(track)) * track.time_base


def frames_digest(ticks: Iterable[int]) -> str:
    """SHA-256 of a list of frames: each one's time in whole ticks of the source's time base, a line each."""
    digest = hashlib.sha256()
    for tick in ticks:
        digest.update(b"%d\n" % tick)
    return digest.hexdigest()

"""The index of a video: when each frame is shown and what it looks like, noted while it is decoded once.

With it a run of frames can be read from the middle of a file and be known to be the same frames, pixel for
pixel, that reading from the start gives: not every key frame that a container lists is a clean point to start.
"""

from __future__ import annotations

import hashlib
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from fractions import Fraction

from transcoder.errors import UsageError
from transcoder.media.checksum import checksum
from transcoder.media.damage import DamageLog
from transcoder.media.reader import TimedFrame, frames_from, nominal_step, read_frames
from transcoder.model import Clip, Damage, DamagedSpan, DamageKind, SourceInfo, Span, VideoTrack

Tick = Callable[[str, int, int | None], None]


class FrameIndex:
    """Twelve bytes a frame: an hour at 25 frames a second takes one megabyte.

    :param first: number, in the source, of the first frame that will be noted.
    """

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.moments = array("q")
        """Presentation timestamps, in ticks of the source's time base."""
        self.sums = array("I")
        self.damage = DamageLog()
        """What was noticed while the frames were decoded, by whoever read them with it."""

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


def clip(source: SourceInfo, from_s: Fraction | None, to_s: Fraction | None, tick: Tick) -> SourceInfo:
    """The source cut to what is shown between two moments, to the frame: from the one on display at the first.

    :param from_s: seconds from the first frame; None means the beginning.
    :param to_s: None means the end.
    :param tick: called as ``tick("clip", done, total)``.
    :raises UsageError: for a picture, and where the stretch holds no frame.
    """
    track = source.video
    if track is None:
        raise UsageError("a picture has no beginning and end", where=source.name, code="clip-of-a-still")
    begin, end = from_s or Fraction(0), to_s
    if end is not None and end <= begin:
        raise UsageError("the clip ends before it begins", where=source.name, code="clip-empty")
    index = FrameIndex()
    for timed in index.noting(read_frames(source.path, track)):
        tick("clip", len(index.moments), track.frames)
        if end is not None and timed.pts >= index.moments[0] + end / track.time_base:
            break
    start = index.moments[0]
    first = max(0, bisect_right(index.moments, start + begin / track.time_base) - 1)
    stop = index.end if end is None else index.at(math.ceil(start + end / track.time_base))
    over = end_of(track, index, index.end) - start * track.time_base
    if begin >= over or stop <= first:
        raise UsageError(
            f"the video lasts {float(over):.3f} s, and no frame is shown in this stretch of it",
            where=source.name, code="clip-empty",
        )  # fmt: skip
    return clip_frames(source, index, first, stop)


def clip_frames(source: SourceInfo, index: FrameIndex, first: int, stop: int) -> SourceInfo:
    """The source cut to a run of frames, said to be a clip."""
    part, track = cut(source, index, first, stop), source.video
    assert track is not None
    assert part.video is not None
    origin = index.moments[0] * track.time_base
    return replace(
        part,
        clip=Clip(
            first_frame=first,
            frames=stop - first,
            from_s=part.video.start_s - origin,
            to_s=part.video.start_s + part.video.duration_s - origin,
        ),
    )


def clip_again(source: SourceInfo, first: int, frames: int) -> SourceInfo:
    """The clip that a certificate names, cut out of its master."""
    track = source.video
    assert track is not None
    index = FrameIndex()
    for _ in index.noting(read_frames(source.path, track)):
        if index.end > first + frames:
            break
    return clip_frames(source, index, first, min(first + frames, index.end))


def window(source: SourceInfo, at_s: Fraction, length_s: Fraction) -> SourceInfo:
    """A short run of frames from anywhere in the source, found without reading all of it, to be sampled only.

    :param at_s: where it begins, in the source's own time; frames at the key frame before it do as well.
    :raises InputError: where no frame decodes.
    """
    track = source.video
    assert track is not None
    # Counted from 1, so that reading begins in the middle; which frames they really are does not matter here.
    index = FrameIndex(first=1)
    at_pts, length = round(at_s / track.time_base), length_s / track.time_base
    found = (timed for timed in frames_from(source.path, track, at_pts) if timed.pts >= at_pts)
    for timed in index.noting(found):
        if timed.pts >= index.moments[0] + length:
            break
    if not index.moments:
        return cut_at_start(source, length_s)
    return cut(source, index, 1, index.end)


def cut_at_start(source: SourceInfo, length_s: Fraction) -> SourceInfo:
    """The first frames of the source."""
    track, index = source.video, FrameIndex()
    assert track is not None
    for timed in index.noting(read_frames(source.path, track)):
        if timed.pts >= index.moments[0] + length_s / track.time_base:
            break
    return cut(source, index, 0, index.end)


def end_of(track: VideoTrack, index: FrameIndex, end: int) -> Fraction:
    """When the frame before number ``end`` is over, in seconds: when the next one comes, or a frame's length later."""
    if end < index.end:
        return index.moments[end - index.first] * track.time_base
    return (index.moments[-1] + nominal_step(track)) * track.time_base


def damage_of(index: FrameIndex, track: VideoTrack) -> Damage:
    """What was noticed while an index was made, in seconds and frame numbers.

    :param index: empty where the source was never decoded.
    """
    log = index.damage
    spans = [
        DamagedSpan(
            kind=stretch.kind,
            from_s=stretch.first * track.time_base,
            to_s=stretch.last * track.time_base,
            first_frame=min(index.at(stretch.first), index.end - 1),
            events=stretch.events,
        )
        for stretch in sorted(log.stretches, key=lambda stretch: stretch.first)
    ]
    return Damage(
        decoded=bool(index.moments),
        ends_early=track.ends_early,
        counts={kind: log.counts[kind] for kind in DamageKind if log.counts[kind]},
        spans=tuple(spans) if index.moments else (),
        omitted=log.omitted,
    )


def frames_digest(ticks: Iterable[int]) -> str:
    """SHA-256 of a list of frames: each one's time in whole ticks of the source's time base, a line each."""
    digest = hashlib.sha256()
    for tick in ticks:
        digest.update(b"%d\n" % tick)
    return digest.hexdigest()

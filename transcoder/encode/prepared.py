"""The source's frames as an encoder takes them: format, size, fields and regions, each with its duration."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import av.video.frame

from transcoder.encode import roi
from transcoder.encode.base import EncodeJob
from transcoder.encode.reducing import Reduction, scaled_size
from transcoder.media import frames
from transcoder.media.fields import FieldMarker
from transcoder.media.reader import TimedFrame, nominal_step, read_frames
from transcoder.media.repeats import without_repeats
from transcoder.model import VideoTrack


@dataclass(frozen=True, slots=True)
class Ready:
    """One frame, ready to be encoded."""

    source: TimedFrame
    frame: av.video.frame.VideoFrame
    duration: int
    """Ticks until the next frame."""


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is done to every frame, in one pass or several.

    :param pixel_format: of the frames as encoded.
    """

    job: EncodeJob
    track: VideoTrack
    pixel_format: str
    reduction: Reduction
    offsets: roi.Offsets

    @property
    def full_range(self) -> bool:
        """Whether samples use the whole range of their bits."""
        return self.track.color_range == frames.FULL_RANGE

    @property
    def matrix(self) -> int:
        """The YUV matrix of the frames as encoded."""
        return frames.matrix_for(self.track.color_space, self.track.pixel_format, self.track.height)

    @property
    def scaled(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return scaled_size(self.track.width, self.track.height, self.reduction.scale)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frames, which the format may want even."""
        return frames.even_size(*self.scaled, self.pixel_format, interlaced=self.track.interlaced)

    @cached_property
    def _weights(self) -> roi.Weights:
        track, scale = self.track, self.reduction.scale
        start_pts = round(track.start_s / track.time_base)
        return roi.Weights(self.job.regions.regions, self.offsets, self.size, track.time_base, start_pts, scale)

    def frames(self) -> Iterator[Ready]:
        """All frames that are encoded, in presentation order.

        :raises InputError: where the source cannot be read.
        """
        track, size, scaled = self.track, self.size, self.scaled
        marker, fields, grown = roi.RegionMarker(), FieldMarker(track.field_order), FieldMarker(track.field_order)
        found = read_frames(self.job.source.path, track)
        if self.reduction.repeat_difference is not None:
            found = without_repeats(found, self.reduction.repeat_difference)
        for timed, duration in with_durations(found, nominal_step(track)):
            frame = fields.mark(timed.frame)
            frame = frames.convert(frame, self.pixel_format, full_range=self.full_range, colorspace=self.matrix)
            frame = frames.resized(frame, *scaled)
            if (frame.width, frame.height) != size:
                frame = grown.mark(frames.padded(frame, *size))
            yield Ready(timed, marker.mark(frame, self._weights.at(timed.pts)), duration)


def with_durations(timed: Iterator[TimedFrame], last_duration: int) -> Iterator[tuple[TimedFrame, int]]:
    """Pair each frame with the time until the next, in ticks; the last one gets ``last_duration``."""
    previous: TimedFrame | None = None
    for item in timed:
        if previous is not None:
            yield previous, item.pts - previous.pts
        previous = item
    if previous is not None:
        yield previous, last_duration

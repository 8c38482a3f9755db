"""The scout walks through a video once, in two stages: motion on every sample, then what the followers ask for.

Motion needs nothing from the detectors, so its stage may run ahead in another thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from av.video.reformatter import Interpolation

from transcoder.media.index import FrameIndex
from transcoder.media.reader import TimedFrame
from transcoder.model import Box, DetectorUse, Region, VideoTrack
from transcoder.regions.base import Found, Picture
from transcoder.regions.followers import Budget, Clock, Due, FaceFollower, Follower, MotionFollower, PeopleFollower
from transcoder.regions.motion import MotionGate, Movement, small_size
from transcoder.regions.reading import TextFollower

MOTION_EVERY_S = Fraction(1, 5)
_TEXT_PIXELS, _THING_PIXELS = 300_000_000, 40_000_000
"""One more look for text (half a second at 720p) or people (an eighth) for so many pixels of footage: ten seconds of
720p. Detection is to add no more than 40 % to the encode."""
_FIRST_TEXTS = 2
"""At the start of a scene and once more: what stands still is found by these."""


class Looks(Protocol):
    """The detectors, as the scout sees them."""

    @property
    def names(self) -> Sequence[str]:
        """Those that work."""
        ...

    def detect(self, name: str, picture: Picture, area: Box) -> list[Found]:
        """Run one on a part of a picture."""
        ...


@dataclass(frozen=True, slots=True)
class Sample:
    """A frame that was looked at for motion."""

    number: int
    """Of the frame in the source, from 0."""
    timed: TimedFrame
    before_pts: int
    """Of the frame before it, which ends the scene where this one begins another; its own, of the first."""
    movement: Movement


class Sampler:
    """The first stage: frames in, samples out; those between two samples cost nothing.

    :param track: the video being looked at.
    :param index: every frame is noted in it.
    """

    def __init__(self, track: VideoTrack, index: FrameIndex) -> None:
        clock = Clock.of(track)
        self._small = small_size(*clock.size)
        self._gate = MotionGate(*clock.size)
        self._due = Due(clock.ticks(MOTION_EVERY_S))
        self._index = index

    @property
    def use(self) -> DetectorUse:
        """How motion was looked for."""
        return self._gate.use

    def samples(self, frames: Iterable[TimedFrame]) -> Iterator[Sample]:
        """Look at frames in order."""
        before_pts: int | None = None
        for number, timed in enumerate(self._index.noting(frames)):
            if self._due.now(timed.pts):
                yield Sample(number, timed, timed.pts if before_pts is None else before_pts, self._look(timed))
            before_pts = timed.pts

    def _look(self, timed: TimedFrame) -> Movement:
        return self._gate.look(self._grey(timed))

    def _grey(self, timed: TimedFrame) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        width, height = self._small
        small = timed.frame.reformat(
            width=width, height=height, format="gray", interpolation=Interpolation.AREA, threads=1
        )
        plane = small.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return np.ascontiguousarray(rows[:height, :width])


class Scout:
    """The second stage: takes samples in order; ``finish`` gives what was found.

    :param track: the video being looked at.
    :param detectors: what can be looked for beside motion.
    """

    def __init__(self, track: VideoTrack, detectors: Looks) -> None:
        self._clock, self._detectors = Clock.of(track), detectors
        pixels = track.frames * track.width * track.height
        duration = max(Fraction(1), track.duration_s)
        more = pixels // _TEXT_PIXELS
        self._text_budget = Budget(_FIRST_TEXTS + more)
        self._text_every = max(Fraction(1), duration / (1 + more))
        self._people_every = max(Fraction(1, 2), duration / (3 + pixels // _THING_PIXELS))
        self._regions: list[Region] = []
        self._samples = self._everywhere = 0
        self._begun_pts = 0
        self._motion, self._followers = self._new_scene()

    @property
    def warnings(self) -> list[str]:
        """What a reader of the certificate should know about this source."""
        if self._samples and self._everywhere * 2 > self._samples:
            return ["the whole picture moves: motion does not tell where the evidence is"]
        return []

    def _new_scene(self) -> tuple[MotionFollower, list[Follower]]:
        motion = MotionFollower(self._clock)
        followers: list[Follower] = [
            FaceFollower(self._clock),
            PeopleFollower(self._clock, motion, self._people_every),
            TextFollower(self._clock, motion, self._text_budget, self._text_every),
        ]
        return motion, [follower for follower in followers if follower.detector in self._detectors.names]

    def take(self, sample: Sample) -> None:
        """Take the next sample."""
        pts, movement = sample.timed.pts, sample.movement
        if not self._samples:
            self._begun_pts = pts
        self._samples += 1
        self._everywhere += movement.everywhere
        if movement.cut:
            self._end_scene(sample.before_pts)
            self._begun_pts = pts
        self._motion.saw(pts, movement)
        picture: Picture | None = None
        for follower in self._followers:
            area = follower.wants(pts, movement)
            if area is not None:
                picture = _bgr(sample.timed) if picture is None else picture
                follower.take(pts, area, self._detectors.detect(follower.detector, picture, area))

    def finish(self, last_pts: int) -> list[Region]:
        """Everything found, without ids.

        :param last_pts: of the last frame.
        """
        self._end_scene(last_pts)
        return self._regions

    def _end_scene(self, last_pts: int) -> None:
        span = self._begun_pts, last_pts
        self._regions += self._motion.finish(span)
        for follower in self._followers:
            self._regions += follower.finish(span)
        self._motion, self._followers = self._new_scene()


def _bgr(timed: TimedFrame) -> Picture:
    """The frame for detectors, which were trained on 8-bit pictures in blue, green, red."""
    return timed.frame.reformat(format="bgr24", threads=1).to_ndarray().astype(np.uint8, copy=False)

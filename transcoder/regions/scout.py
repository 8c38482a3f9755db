"""The scout walks through a video once: motion on every sample, and what the followers ask for."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
from av.video.reformatter import Interpolation

from transcoder.media.reader import TimedFrame
from transcoder.model import Box, DetectorUse, Region, VideoTrack
from transcoder.regions.base import Found, Picture
from transcoder.regions.followers import Budget, Clock, Due, FaceFollower, Follower, MotionFollower, PeopleFollower
from transcoder.regions.motion import MotionGate, small_size
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


class Scout:
    """Looks at frames in order; ``finish`` gives what was found.

    :param track: the video being looked at.
    :param detectors: what can be looked for beside motion.
    """

    def __init__(self, track: VideoTrack, detectors: Looks) -> None:
        self._clock, self._detectors = Clock.of(track), detectors
        self._small = small_size(*self._clock.size)
        self._gate = MotionGate(*self._clock.size)
        self._due = Due(self._clock.ticks(MOTION_EVERY_S))
        pixels = track.frames * track.width * track.height
        duration = max(Fraction(1), track.duration_s)
        more = pixels // _TEXT_PIXELS
        self._text_budget = Budget(_FIRST_TEXTS + more)
        self._text_every = max(Fraction(1), duration / (1 + more))
        self._people_every = max(Fraction(1, 2), duration / (3 + pixels // _THING_PIXELS))
        self._regions: list[Region] = []
        self._samples = self._everywhere = 0
        self._begun_pts = self._last_pts = 0
        self._motion, self._followers = self._new_scene()

    @property
    def use(self) -> DetectorUse:
        """How motion was looked for."""
        return self._gate.use

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

    def look(self, timed: TimedFrame) -> None:
        """Take the next frame; those between two samples cost nothing."""
        pts = timed.pts
        if not self._samples:
            self._begun_pts = pts
        if self._due.now(pts):
            movement = self._gate.look(self._grey(timed))
            self._samples += 1
            self._everywhere += movement.everywhere
            if movement.cut:
                self._end_scene()
                self._begun_pts = pts
            self._motion.saw(pts, movement)
            picture: Picture | None = None
            for follower in self._followers:
                area = follower.wants(pts, movement)
                if area is not None:
                    picture = _bgr(timed) if picture is None else picture
                    follower.take(pts, area, self._detectors.detect(follower.detector, picture, area))
        self._last_pts = pts

    def finish(self) -> list[Region]:
        """Everything found, without ids."""
        self._end_scene()
        return self._regions

    def _end_scene(self) -> None:
        span = self._begun_pts, self._last_pts
        self._regions += self._motion.finish(span)
        for follower in self._followers:
            self._regions += follower.finish(span)
        self._motion, self._followers = self._new_scene()

    def _grey(self, timed: TimedFrame) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        width, height = self._small
        small = timed.frame.reformat(
            width=width, height=height, format="gray", interpolation=Interpolation.AREA, threads=1
        )
        plane = small.planes[0]
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        return np.ascontiguousarray(rows[:height, :width])


def _bgr(timed: TimedFrame) -> Picture:
    """The frame for detectors, which were trained on 8-bit pictures in blue, green, red."""
    return timed.frame.reformat(format="bgr24", threads=1).to_ndarray().astype(np.uint8, copy=False)

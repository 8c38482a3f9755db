"""Followers: each one says when and where its detector should look next, and joins what it finds into regions.

They live for one scene. What they share is small: a movement of the present sample, and the motion that the
others are gated by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from transcoder.model import Box, Region, RegionKind, VideoTrack
from transcoder.model.region import around
from transcoder.regions.base import Found
from transcoder.regions.motion import Movement
from transcoder.regions.tracks import Spot, Track, Tracker, as_region

FACES_EVERY_S = Fraction(2, 3)
WHOLE_EVERY_S = Fraction(5)
"""Faces are looked for in the whole picture this often: who sits still is not found by motion."""
_HOLD_S = Fraction(1, 4)
_MOTION_GAP_S, _FACE_GAP_S = Fraction(4, 5), Fraction(3, 2)
_SHORTEST_MOTION = 2
_CERTAIN = 0.9
"""A face seen in one look only must be this certain: most false ones come and go."""
_MOTION_PAD_PX, _FACE_PAD_SHARE = 8, 6


@dataclass(frozen=True, slots=True)
class Clock:
    """The geometry and timing of one video, as followers need them."""

    size: tuple[int, int]
    time_base: Fraction

    @classmethod
    def of(cls, track: VideoTrack) -> Clock:
        """From a probed track."""
        return cls((track.width, track.height), track.time_base)

    @property
    def whole(self) -> Box:
        """The whole picture."""
        return Box(0, 0, *self.size)

    def ticks(self, seconds: Fraction) -> int:
        """Seconds as ticks, at least one."""
        return max(1, round(seconds / self.time_base))


class Due:
    """True once in a while.

    :param every: ticks between two times.
    """

    def __init__(self, every: int) -> None:
        self.every = every
        self._next: int | None = None

    def now(self, pts: int) -> bool:
        """Whether the time has come; the first call's always has."""
        if self._next is not None and pts < self._next:
            return False
        # Counted on from when it was due, so that no drift adds up; after a gap in the footage, from now.
        on_time = self._next is not None and pts < self._next + self.every
        self._next = (self._next if on_time and self._next is not None else pts) + self.every
        return True

    def restart(self, pts: int) -> None:
        """Count from here."""
        self._next = pts + self.every


class Budget:
    """How many more dear looks a source is worth."""

    def __init__(self, looks: int) -> None:
        self.left = looks

    def spend(self) -> bool:
        """Take one; False where none is left."""
        if self.left <= 0:
            return False
        self.left -= 1
        return True


class Follower(Protocol):
    """What the scout asks of each."""

    detector: str

    def wants(self, pts: int, movement: Movement) -> Box | None:
        """The part of the picture to look at now, or None."""
        ...

    def take(self, pts: int, area: Box, found: Sequence[Found]) -> None:
        """What the detector found there."""
        ...

    def finish(self, span: tuple[int, int]) -> list[Region]:
        """The scene is over: everything followed, as regions without ids."""
        ...


class MotionFollower:
    """Follows what moves; the others ask it, and may say what a moving thing is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracker = Tracker(max_gap=clock.ticks(_MOTION_GAP_S), reach=0.8)
        self._ended: list[Track] = []
        self._named: dict[int, tuple[RegionKind, str]] = {}

    def saw(self, pts: int, movement: Movement) -> None:
        """Take the next sample."""
        self._ended += self._tracker.update(pts, [Spot(pts, thing.box, parts=thing.parts) for thing in movement.things])

    @property
    def moving(self) -> list[Track]:
        """What moves now, tracks long enough to be believed."""
        return [track for track in self._tracker.open if len(track.spots) >= _SHORTEST_MOTION]

    def name(self, pts: int, box: Box, kind: RegionKind, found_by: str) -> bool:
        """Say what the moving thing at a place is; False where nothing moves there.

        Detectors look seldom and motion often, so the thing is followed by its motion.
        """
        for track in self._tracker.open:
            here = track.last.box
            alike = here.area < 4 * box.area and box.area < 4 * here.area
            if track.last.pts == pts and alike and here.overlap(box) * 2 > min(here.area, box.area):
                self._named.setdefault(track.number, (kind, found_by))
                return True
        return False

    def finish(self, span: tuple[int, int]) -> list[Region]:
        """See ``Follower``."""
        tracks = [track for track in [*self._ended, *self._tracker.close()] if len(track.spots) >= _SHORTEST_MOTION]
        regions = []
        for track in tracks:
            kind, found_by = self._named.get(track.number, (RegionKind.MOTION, "motion"))
            regions.append(
                as_region(
                    track.spots,
                    kind=kind,
                    found_by=found_by,
                    size=self._clock.size,
                    pad_px=_MOTION_PAD_PX,
                    hold=self._clock.ticks(_HOLD_S),
                    span=span,
                )
            )
        return [region for region in regions if region is not None]


class FaceFollower:
    """Faces where something moves, and now and then in the whole picture."""

    detector = "faces"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tracker = Tracker(max_gap=clock.ticks(_FACE_GAP_S), reach=2.5)
        self._ended: list[Track] = []
        self._whole, self._moving = Due(clock.ticks(WHOLE_EVERY_S)), Due(clock.ticks(FACES_EVERY_S))

    def wants(self, pts: int, movement: Movement) -> Box | None:
        """See ``Follower``."""
        if self._whole.now(pts):
            self._moving.restart(pts)
            return self._clock.whole
        # A face that is being followed is looked for again even where nothing moves.
        areas = [*movement.boxes, *(track.last.box.padded(track.last.box.width) for track in self._tracker.open)]
        if not (areas or movement.everywhere) or not self._moving.now(pts):
            return None
        return self._clock.whole if movement.everywhere else part_around(areas, self._clock)

    def take(self, pts: int, area: Box, found: Sequence[Found]) -> None:  # noqa: ARG002
        """See ``Follower``."""
        self._ended += self._tracker.update(pts, [Spot(pts, item.box, item.confidence) for item in found])

    def finish(self, span: tuple[int, int]) -> list[Region]:
        """See ``Follower``."""
        regions = []
        for track in [*self._ended, *self._tracker.close()]:
            if len(track.spots) < 2 and track.spots[0].confidence < _CERTAIN:
                continue
            pad = max(4, max(spot.box.width for spot in track.spots) // _FACE_PAD_SHARE)
            regions.append(
                as_region(
                    track.spots,
                    kind=RegionKind.FACE,
                    found_by=self.detector,
                    size=self._clock.size,
                    pad_px=pad,
                    hold=self._clock.ticks(FACES_EVERY_S / 2),
                    span=span,
                )
            )
        return [region for region in regions if region is not None]


class PeopleFollower:
    """People and vehicles: what moves gets its name from them, and people who stand still are followed as well.

    A vehicle that stands still is part of the place; its tiles are measured like all others.
    """

    detector = "people"

    def __init__(self, clock: Clock, motion: MotionFollower, every: Fraction) -> None:
        self._clock, self._motion = clock, motion
        self._due = Due(clock.ticks(every))
        self._standing = Tracker(max_gap=clock.ticks(every * 2), reach=0.5)
        self._ended: list[Track] = []

    def wants(self, pts: int, movement: Movement) -> Box | None:
        """See ``Follower``."""
        return self._clock.whole if (movement.boxes or movement.everywhere) and self._due.now(pts) else None

    def take(self, pts: int, area: Box, found: Sequence[Found]) -> None:  # noqa: ARG002
        """See ``Follower``."""
        standing = []
        for item in found:
            moves = self._motion.name(pts, item.box, item.kind, self.detector)
            if not moves and item.kind is RegionKind.PERSON:
                standing.append(Spot(pts, item.box, item.confidence))
        self._ended += self._standing.update(pts, standing)

    def finish(self, span: tuple[int, int]) -> list[Region]:
        """See ``Follower``."""
        regions = (
            as_region(
                track.spots,
                kind=RegionKind.PERSON,
                found_by=self.detector,
                size=self._clock.size,
                pad_px=_MOTION_PAD_PX,
                hold=self._due.every // 2,
                span=span,
            )
            for track in [*self._ended, *self._standing.close()]
            if len(track.spots) > 1  # one look alone is not believed
        )
        return [region for region in regions if region is not None]


def part_around(boxes: Sequence[Box], clock: Clock) -> Box | None:
    """The part of the picture around all boxes, with room for what sticks out of them."""
    joined = around(boxes)
    return joined.padded(max(24, max(joined.width, joined.height) // 6)).inside(*clock.size)

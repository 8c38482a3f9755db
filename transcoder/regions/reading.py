"""Following text: overlays and signs stand still, plates ride on what moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from transcoder.model import Box, Region, RegionKind
from transcoder.regions.base import Found
from transcoder.regions.followers import Budget, Clock, Due, MotionFollower
from transcoder.regions.motion import Movement
from transcoder.regions.tracks import Spot, Track, Tracker, as_region

_AGAIN_S = Fraction(1)
"""The second look of a scene comes early: it tells what stands still from what is on its way."""
_RIDE_S = Fraction(3, 2)
"""How long before and after its reading a text on a moving thing is followed with that thing."""
_SMALLEST_READ_PX = 64
_GROWN = 1.5
"""A moving thing is read again once its area has grown by this factor."""
_STILL = 0.12
"""What stands still is found within this share of its own size from look to look."""
_PAD_PX = 4


@dataclass(frozen=True, slots=True)
class _Rider:
    """A text on a moving thing: where it was, and where the thing was, when it was read."""

    track: Track
    carrier: Box
    spot: Spot
    kind: RegionKind


class TextFollower:
    """Reads the whole picture at the start of a scene and now and then, and the largest moving things.

    :param motion: what moves.
    :param budget: looks left for the whole source; each costs about a third of a second.
    :param every: how far apart looks are, so that the budget lasts.
    """

    detector = "text"

    def __init__(self, clock: Clock, motion: MotionFollower, budget: Budget, every: Fraction) -> None:
        self._clock, self._motion, self._budget = clock, motion, budget
        self._whole, self._crop = Due(clock.ticks(min(every, _AGAIN_S))), Due(clock.ticks(every))
        self._every = clock.ticks(every)
        self._looks: list[int] = []
        self._standing = {kind: Tracker(max_gap=1 << 60, reach=_STILL) for kind in (RegionKind.PLATE, RegionKind.TEXT)}
        self._riders: list[_Rider] = []
        self._read_area: dict[int, int] = {}

    def wants(self, pts: int, movement: Movement) -> Box | None:  # noqa: ARG002
        """See ``Follower``."""
        if self._whole.now(pts):
            if len(self._looks) == 1:
                self._whole = Due(self._every)
                self._whole.restart(pts)
            return self._clock.whole if self._budget.spend() else None
        carrier = self._unread()
        if carrier is None or not self._crop.now(pts) or not self._budget.spend():
            return None
        self._read_area[carrier.number] = carrier.last.box.area
        return carrier.last.box.padded(_SMALLEST_READ_PX // 4).inside(*self._clock.size)

    def _unread(self) -> Track | None:
        """The largest thing that moves and was not read at about its present size."""
        candidates = [
            track
            for track in self._motion.moving
            if track.last.box.width >= _SMALLEST_READ_PX
            and track.last.box.area > _GROWN * self._read_area.get(track.number, 0)
        ]
        return max(candidates, key=lambda track: track.last.box.area, default=None)

    def take(self, pts: int, area: Box, found: Sequence[Found]) -> None:
        """See ``Follower``."""
        whole = area == self._clock.whole
        standing: dict[RegionKind, list[Spot]] = {kind: [] for kind in self._standing}
        for item in found:
            spot = Spot(pts, item.box, item.confidence, item.text)
            carrier = self._carrier(item.box, pts)
            if carrier is not None:
                self._riders.append(_Rider(carrier, carrier.last.box, spot, item.kind))
            elif whole and item.kind in standing:
                standing[item.kind].append(spot)
        if whole:
            self._looks.append(pts)
            for kind, spots in standing.items():
                self._standing[kind].update(pts, spots)

    def _carrier(self, box: Box, pts: int) -> Track | None:
        """The moving thing that the text is on: it lies mostly inside, and does not fill it."""
        for track in self._motion.moving:
            mostly_inside = track.last.box.overlap(box) * 10 > 6 * box.area
            if track.last.pts == pts and mostly_inside and track.last.box.area > 2 * box.area:
                return track
        return None

    def finish(self, span: tuple[int, int]) -> list[Region]:
        """See ``Follower``."""
        regions: list[Region | None] = []
        for kind, tracker in self._standing.items():
            regions += [self._still(kind, track, span) for track in tracker.close()]
        regions += [self._riding(rider, span) for rider in self._latest_riders()]
        return [region for region in regions if region is not None]

    def _still(self, kind: RegionKind, track: Track, span: tuple[int, int]) -> Region | None:
        """An overlay or a sign: there until the next look that missed it, and before from the look before.

        What one look of several saw may be on something that moves unnoticed: it is kept for a moment only.
        """
        looks = self._looks
        first, last = looks.index(track.spots[0].pts), looks.index(track.last.pts)
        start = span[0] if first == 0 else looks[first - 1] + 1
        end = span[1] if last == len(looks) - 1 else looks[last + 1] - 1
        if len(track.spots) == 1 and len(looks) > 1:
            moment = self._clock.ticks(_AGAIN_S / 2)
            start, end = max(start, track.last.pts - moment), min(end, track.last.pts + moment)
        # One box for all its time: what stands still should not tremble with its detector.
        best = max(track.spots, key=lambda spot: (spot.confidence, -spot.pts))
        joined = best.box
        for spot in track.spots:
            if spot.box.overlap(best.box) * 2 > best.box.area:
                joined = joined.union(spot.box)
        spots = [Spot(pts, joined, best.confidence, best.note) for pts in sorted({start, best.pts, end})]
        spots = [Spot(s.pts, s.box, s.confidence + (s.pts == best.pts), s.note) for s in spots]
        return as_region(
            spots, kind=kind, found_by=self.detector, size=self._clock.size, pad_px=_PAD_PX, hold=0, span=(start, end)
        )

    def _latest_riders(self) -> list[_Rider]:
        """Of several readings of one kind on one thing the largest, which is the one to keep."""
        best: dict[tuple[int, RegionKind, int], _Rider] = {}
        for rider in self._riders:
            # Two texts on one thing (a plate and a company's name) lie at different heights of it.
            part = round(4 * (rider.spot.box.y - rider.carrier.y) / max(1, rider.carrier.height))
            key = (rider.track.number, rider.kind, part)
            if key not in best or rider.spot.worth > best[key].spot.worth:
                best[key] = rider
        return list(best.values())

    def _riding(self, rider: _Rider, span: tuple[int, int]) -> Region | None:
        reach = self._clock.ticks(_RIDE_S)
        spots = []
        for spot in rider.track.spots:
            near = abs(spot.pts - rider.spot.pts) <= reach
            alike = rider.carrier.width / 2 < spot.box.width < rider.carrier.width * 2
            if spot.pts == rider.spot.pts:
                spots.append(Spot(spot.pts, rider.spot.box, rider.spot.confidence + 1, rider.spot.note))
            elif near and alike:
                spots.append(Spot(spot.pts, _moved(rider, spot.box), rider.spot.confidence / 2, rider.spot.note))
        # The carrier's box breathes as it goes, so the text's place is known less well than when it was read.
        pad = max(_PAD_PX, rider.spot.box.height // 3)
        return as_region(
            spots, kind=rider.kind, found_by=self.detector, size=self._clock.size, pad_px=pad, hold=0, span=span
        )


def _moved(rider: _Rider, carrier: Box) -> Box:
    """Where the text is within its carrier at another moment, scaled with it."""
    scale_x, scale_y = carrier.width / max(1, rider.carrier.width), carrier.height / max(1, rider.carrier.height)
    box = rider.spot.box
    return Box(
        round(carrier.x + (box.x - rider.carrier.x) * scale_x),
        round(carrier.y + (box.y - rider.carrier.y) * scale_y),
        max(1, round(box.width * scale_x)),
        max(1, round(box.height * scale_y)),
    )

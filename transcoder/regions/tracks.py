"""Tracks: boxes of single moments joined into regions with stable ids.

Greedy matching by overlap, then by distance: the pictures are samples a fraction of a second apart, and what
must not happen is losing a face between two of them, not confusing two people (an id here is a name for a
place over time, never an identity).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from transcoder.model import Box, Region, RegionKind, Sighting

TOLERANCE_PX = 6
"""A sighting that a straight line between its neighbours predicts this well is left out."""
_LONGEST_STRETCH = 64
"""At most so many are left out in a row, which keeps the work linear in the number of sightings."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One box at one moment, with how sure its detector was."""

    pts: int
    box: Box
    confidence: float = 1.0
    note: str = ""
    parts: tuple[Box, ...] = ()
    """Its exact area as disjoint rectangles, where that is known: less than the box."""

    @property
    def worth(self) -> float:
        """How well it shows the thing: large and certain is best."""
        return self.confidence * self.box.area


@dataclass(slots=True)
class Track:
    """What is being followed."""

    number: int
    spots: list[Spot] = field(default_factory=list)

    @property
    def last(self) -> Spot:
        """Its latest spot."""
        return self.spots[-1]

    def speed(self) -> tuple[float, float]:
        """Pixels a tick over its last two spots; nothing known is nothing moving."""
        if len(self.spots) < 2:
            return 0.0, 0.0
        before, after = self.spots[-2], self.spots[-1]
        ticks = max(1, after.pts - before.pts)
        return (
            ((after.box.x + after.box.right) - (before.box.x + before.box.right)) / 2 / ticks,
            ((after.box.y + after.box.bottom) - (before.box.y + before.box.bottom)) / 2 / ticks,
        )

    def expected(self, pts: int) -> Box:
        """Where it should be at a later moment, were it to go on as it does."""
        last = self.last
        dx, dy = self.speed()
        ticks = pts - last.pts
        return Box(round(last.box.x + dx * ticks), round(last.box.y + dy * ticks), last.box.width, last.box.height)


class Tracker:
    """Joins detections of one kind over time.

    :param max_gap: ticks that a track may go unseen and still continue: it is held across such a gap.
    :param reach: how far a thing may jump between two looks, in widths of its box.
    """

    def __init__(self, *, max_gap: int, reach: float) -> None:
        self._max_gap, self._reach = max_gap, reach
        self._numbers = count(1)
        self._open: list[Track] = []

    @property
    def open(self) -> Sequence[Track]:
        """Tracks still followed."""
        return self._open

    def update(self, pts: int, spots: Iterable[Spot]) -> list[Track]:
        """Take what one look found; returns the tracks that ended before it."""
        ended = [track for track in self._open if pts - track.last.pts > self._max_gap]
        self._open = [track for track in self._open if pts - track.last.pts <= self._max_gap]
        candidates = list(spots)
        pairs = []
        for track in self._open:
            last, predicted = track.last.box, track.expected(pts)
            for index, spot in enumerate(candidates):
                distance = _distance(last, predicted, spot.box)
                if distance <= self._reach:
                    pairs.append((distance, track.number, index))
        pairs.sort()
        by_number = {track.number: track for track in self._open}
        taken: set[int] = set()
        for _, number, index in pairs:
            if number in by_number and index not in taken:
                by_number.pop(number).spots.append(candidates[index])
                taken.add(index)
        for index, spot in enumerate(candidates):
            if index not in taken:
                self._open.append(Track(next(self._numbers), [spot]))
        return ended

    def close(self) -> list[Track]:
        """End every track (the scene was cut, or the source is over)."""
        ended, self._open = self._open, []
        return ended


def _distance(last: Box, predicted: Box, here: Box) -> float:
    """Between where a track was or should be and a spot, in box sizes; overlap brings it near zero."""
    nearest = min(_apart(predicted, here), _apart(last, here))
    overlap = max(predicted.overlap(here), last.overlap(here))
    return nearest * (0.25 if overlap * 4 > min(last.area, here.area) else 1.0)


def _apart(a: Box, b: Box) -> float:
    dx, dy = abs(2 * (a.x - b.x) + a.width - b.width) / 2, abs(2 * (a.y - b.y) + a.height - b.height) / 2
    return max(dx / max(1.0, (a.width + b.width) / 2), dy / max(1.0, (a.height + b.height) / 2))


def as_region(
    spots: Sequence[Spot],
    *,
    kind: RegionKind,
    found_by: str,
    size: tuple[int, int],
    pad_px: int,
    hold: int,
    span: tuple[int, int],
) -> Region | None:
    """A finished track as a region, or None where nothing of it lies inside the picture.

    :param size: width and height of the picture, which the padded boxes are held inside.
    :param pad_px: widening on each side: a box found on a small picture is not exact.
    :param hold: ticks by which the region lasts before its first and after its last sighting.
    :param span: first and last timestamp of the scene.
    """
    boxes = ((spot, spot.box.padded(0 if spot.parts else pad_px).inside(*size)) for spot in spots)
    inside = [(spot, box) for spot, box in boxes if box is not None]
    if not inside:
        return None
    sightings = [Sighting(spot.pts, spot.parts or (box,)) for spot, box in inside]
    first, last = sightings[0], sightings[-1]
    start, end = max(span[0], first.pts - hold), min(span[1], last.pts + hold)
    if start < first.pts:
        sightings.insert(0, Sighting(start, first.boxes))
    if end > last.pts:
        sightings.append(Sighting(end, last.boxes))
    best, best_box = max(inside, key=lambda item: item[0].worth)
    return Region(
        id="",  # given at the end, when all are known
        kind=kind,
        found_by=found_by,
        sightings=thinned(sightings),
        key=Sighting(best.pts, (best_box,)),
        note=best.note,
    )


def thinned(sightings: Sequence[Sighting], *, tolerance_px: int = TOLERANCE_PX) -> tuple[Sighting, ...]:
    """Leave out sightings that their neighbours predict within ``tolerance_px``; the ends always stay."""
    kept = [sightings[0]]
    pending: list[Sighting] = []
    for item in sightings[1:]:
        if pending and (len(pending) >= _LONGEST_STRETCH or not _straight(kept[-1], pending, item, tolerance_px)):
            kept.append(pending[-1])
            pending = []
        pending.append(item)
    kept += pending[-1:]
    return tuple(kept)


def _straight(first: Sighting, between: Sequence[Sighting], last: Sighting, tolerance_px: int) -> bool:
    if any(len(moment.boxes) != 1 for moment in (first, last, *between)):
        return all(item.boxes == first.boxes for item in between)  # areas hold still, see Region.at
    a, c = first.boxes[0], last.boxes[0]
    for item in between:
        b = item.boxes[0]
        share = (item.pts - first.pts) / max(1, last.pts - first.pts)
        sides = ((a.x, b.x, c.x), (a.y, b.y, c.y), (a.right, b.right, c.right), (a.bottom, b.bottom, c.bottom))
        if any(abs(start + (end - start) * share - seen) > tolerance_px for start, seen, end in sides):
            return False
    return True

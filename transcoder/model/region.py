"""Regions: where the evidence is, over time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from transcoder.model.value import Value


class RegionKind(StrEnum):
    """What a region shows. The order is that of precedence: where regions overlap, the first one counts."""

    FACE = "face"
    PLATE = "plate"
    TEXT = "text"
    PERSON = "person"
    VEHICLE = "vehicle"
    MOTION = "motion"

    @property
    def precedence(self) -> int:
        """0 for the one that counts first."""
        return list(RegionKind).index(self)


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in source pixels, as the picture is stored (before rotation and aspect)."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first column beyond."""
        return self.x + self.width

    @property
    def bottom(self) -> int:
        """The first row beyond."""
        return self.y + self.height

    @property
    def area(self) -> int:
        """Pixels."""
        return self.width * self.height

    def overlap(self, other: Box) -> int:
        """Pixels that both cover."""
        width = min(self.x + self.width, other.x + other.width) - max(self.x, other.x)
        if width <= 0:
            return 0
        height = min(self.y + self.height, other.y + other.height) - max(self.y, other.y)
        return width * height if height > 0 else 0

    def union(self, other: Box) -> Box:
        """The smallest box around both."""
        left, top = min(self.x, other.x), min(self.y, other.y)
        return Box(left, top, max(self.right, other.right) - left, max(self.bottom, other.bottom) - top)

    def padded(self, pixels: int) -> Box:
        """Larger by ``pixels`` on each side; may reach outside the picture."""
        return Box(self.x - pixels, self.y - pixels, self.width + 2 * pixels, self.height + 2 * pixels)

    def scaled(self, scale: Fraction) -> Box:
        """The smallest box around it in a picture whose sides are ``scale`` times as long."""
        left, top = math.floor(self.x * scale), math.floor(self.y * scale)
        return Box(left, top, math.ceil(self.right * scale) - left, math.ceil(self.bottom * scale) - top)

    def on_grid(self, step: int) -> Box:
        """The smallest box around it whose sides lie on multiples of ``step``."""
        left, top = self.x // step * step, self.y // step * step
        right, bottom = -(-self.right // step) * step, -(-self.bottom // step) * step
        return Box(left, top, right - left, bottom - top)

    def inside(self, width: int, height: int) -> Box | None:
        """The part within a picture of this size, or None where there is none."""
        left, top = max(0, self.x), max(0, self.y)
        right, bottom = min(width, self.right), min(height, self.bottom)
        return Box(left, top, right - left, bottom - top) if right > left and bottom > top else None


def around(boxes: Sequence[Box]) -> Box:
    """The smallest box around all of them, at least one."""
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right, bottom = max(box.x + box.width for box in boxes), max(box.y + box.height for box in boxes)
    return Box(left, top, right - left, bottom - top)


@dataclass(frozen=True, slots=True)
class Sighting:
    """Where a region was at one moment: ticks of the source's time base, and one or more disjoint boxes."""

    pts: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """One thing worth keeping, followed over time.

    Between two sightings a single box moves in a straight line, and an area of several holds still until the
    next; before the first sighting and after the last the region is absent.
    """

    id: str
    kind: RegionKind
    found_by: str
    sightings: tuple[Sighting, ...]
    key: Sighting
    """The moment that shows it best."""
    note: str = ""

    @property
    def key_area(self) -> int:
        """Pixels at the moment that shows it best."""
        return sum(box.area for box in self.key.boxes)

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Sorts what a reader wants to know of first: marked by a person, by kind, large."""
        return self.found_by != "drawn", self.kind.precedence, -self.key_area

    def at(self, pts: int) -> tuple[Box, ...]:
        """Its boxes at a moment; empty where it is absent."""
        trail = self.sightings
        if not trail or not trail[0].pts <= pts <= trail[-1].pts:
            return ()
        position = bisect_right(trail, pts, key=lambda sighting: sighting.pts)
        before = trail[position - 1]
        if position == len(trail) or before.pts == pts:
            return before.boxes
        after = trail[position]
        if len(before.boxes) != 1 or len(after.boxes) != 1:
            return before.boxes
        share = (pts - before.pts) / (after.pts - before.pts)
        return (_between(before.boxes[0], after.boxes[0], share),)


def _between(a: Box, b: Box, share: float) -> Box:
    def mix(first: int, last: int) -> int:
        return round(first + (last - first) * share)

    left, top = mix(a.x, b.x), mix(a.y, b.y)
    return Box(left, top, mix(a.right, b.right) - left, mix(a.bottom, b.bottom) - top)


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorUse:
    """What looked for regions: the certificate names it, with the hash of its weights."""

    name: str
    package: str
    version: str
    weights_sha256: Mapping[str, str] = field(default_factory=dict)
    """File name -> sha256 of every file of weights."""
    parameters: Mapping[str, Value] = field(default_factory=dict)

    def to_dict(self) -> dict[str, object]:
        """Plain JSON values, floats to six decimals."""
        return {
            "name": self.name,
            "package": self.package,
            "version": self.version,
            "weights_sha256": dict(self.weights_sha256),
            "parameters": {
                key: round(value, 6) if isinstance(value, float) else value for key, value in self.parameters.items()
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionSet:
    """Everything found in one source, and what could not be looked for."""

    regions: tuple[Region, ...] = ()
    detectors: tuple[DetectorUse, ...] = ()
    warnings: tuple[str, ...] = ()

    def kinds(self) -> Sequence[RegionKind]:
        """Kinds that occur, in order of precedence."""
        present = {region.kind for region in self.regions}
        return [kind for kind in RegionKind if kind in present]


NO_REGIONS = RegionSet()

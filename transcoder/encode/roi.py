"""Regions as the encoder takes them: side data on each frame, attached by FFmpeg's ``addroi`` filter.

The frame object offers no setter for side data, so each frame goes through a small filter graph, which is kept as long
as the boxes are the same: they are held still over short windows (the union of where they are within it).

Only x264 and x265 read this side data; the other encoders ignore it, so none is attached for them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av.video.frame
import numpy as np

from transcoder.media.filters import Chain, Steps
from transcoder.model import Box, Region, RegionKind, Value
from transcoder.model.blocks import blocks_of, grid_of, rectangles

WINDOW_S = Fraction(1, 5)
MAX_BOXES = 96
"""Rectangles of one kind; each is a filter in the graph. What takes more is covered a little more coarsely."""
_MOST_KNOWN = 100_000
"""Rectangles that are remembered for the next pass, about 25 MB."""

Offsets = Mapping[RegionKind, float]
"""Quantiser offset by kind: negative is finer, as a share of the quantiser's whole range (51 steps for x264)."""
SETTING = "qoffset_"


def as_settings(offsets: Offsets, kinds: Collection[RegionKind]) -> dict[str, Value]:
    """Offsets of the kinds that occur as a rung's settings, which the certificate records."""
    return {f"{SETTING}{kind}": offsets[kind] for kind in RegionKind if kind in kinds and offsets.get(kind)}


def offsets_of(settings: Mapping[str, Value]) -> Offsets:
    """The offsets that a rung's settings name."""
    found: dict[RegionKind, float] = {}
    for kind in RegionKind:
        value = settings.get(f"{SETTING}{kind}")
        if isinstance(value, int | float) and value:
            found[kind] = float(value)
    return found


@dataclass(frozen=True, slots=True)
class Weighted:
    """A rectangle with its quantiser offset: negative is finer, as a share of the quantiser's whole range."""

    box: Box
    offset: float


class Weights:
    """The weighted rectangles of each moment, held still over windows.

    :param regions: what was found.
    :param offsets: quantiser offset by kind; kinds that are absent or zero get no weight.
    :param size: width and height of the picture as encoded.
    :param time_base: of the timestamps.
    :param start_pts: where the first window begins.
    :param scale: of width and height, of the picture as encoded to the one that the regions were found in.
    """

    def __init__(
        self,
        regions: Sequence[Region],
        offsets: Offsets,
        size: tuple[int, int],
        time_base: Fraction,
        start_pts: int,
        scale: Fraction | None = None,
    ) -> None:
        self._regions = [region for region in regions if offsets.get(region.kind) and region.sightings]
        self._offsets = offsets
        self._size = size
        self._window = max(1, round(WINDOW_S / time_base))
        self._start = start_pts
        self._scale = scale
        self._known: dict[int, tuple[Weighted, ...]] = {}
        self._room = _MOST_KNOWN

    def at(self, pts: int) -> tuple[Weighted, ...]:
        """Rectangles at a moment, strongest kind first: where they overlap, the encoder obeys the first."""
        number = (pts - self._start) // self._window
        if number not in self._known:
            if self._room < 0:
                self._known.clear()
                self._room = _MOST_KNOWN
            self._known[number] = self._over(self._start + number * self._window)
            self._room -= 1 + len(self._known[number])
        return self._known[number]

    def _over(self, first_pts: int) -> tuple[Weighted, ...]:
        taken = np.zeros(grid_of(self._size), dtype=np.bool_)
        weighted: list[Weighted] = []
        last_pts = first_pts + self._window
        present = [
            region for region in self._regions
            if region.sightings[0].pts <= last_pts and region.sightings[-1].pts >= first_pts
        ]  # fmt: skip
        for kind in RegionKind:
            boxes = [box for region in present if region.kind is kind for box in _swept(region, first_pts, last_pts)]
            if boxes:
                if self._scale is not None:
                    boxes = [box.scaled(self._scale) for box in boxes]
                blocks = blocks_of(boxes, self._size) & ~taken
                taken |= blocks
                found = rectangles(blocks, self._size, limit=MAX_BOXES) if blocks.any() else ()
                weighted += [Weighted(box, self._offsets[kind]) for box in found]
        return tuple(weighted)


def _swept(region: Region, first_pts: int, last_pts: int) -> tuple[Box, ...]:
    """What the region passes over within a window: areas join, a single box moves in a straight line."""
    trail = region.sightings
    start, end = max(first_pts, trail[0].pts), min(last_pts, trail[-1].pts)
    if start > end:
        return ()
    low = bisect_right(trail, start, key=lambda sighting: sighting.pts)
    high = bisect_right(trail, end, key=lambda sighting: sighting.pts)
    moments = [region.at(start), *(sighting.boxes for sighting in trail[low:high]), region.at(end)]
    boxes: list[Box] = []
    for before, after in pairwise(moments):
        boxes += [before[0].union(after[0])] if len(before) == len(after) == 1 else [*before, *after]
    return tuple(dict.fromkeys(boxes))


class RegionMarker:
    """Attaches regions to frames."""

    def __init__(self) -> None:
        self._chain = Chain()
        self._weights: Sequence[Weighted] = ()
        self._steps: Steps = ()

    def mark(self, frame: av.video.frame.VideoFrame, weights: Sequence[Weighted]) -> av.video.frame.VideoFrame:
        """The frame with its regions; the same frame where there are none."""
        if not weights:
            return frame
        if weights is not self._weights:
            places = ((item.box, item.offset) for item in weights)
            self._weights, self._steps = weights, tuple(
                ("addroi", f"x={box.x}:y={box.y}:w={box.width}:h={box.height}:qoffset={offset:.4f}")
                for box, offset in places
            )  # fmt: skip
        return self._chain.apply(frame, self._steps)

"""Scores of regions: more sums over the SSIM map that every frame has anyway.

A frame's value of a class is its *worst* region, so that a ruined face cannot hide behind a good one. Motion
is the exception: what moves is many things of all sizes, and its value is the mean over all of them.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from transcoder.metrics.series import Series
from transcoder.metrics.ssim import FloatMap
from transcoder.model import Box, Region, RegionKind, RegionScore, Score
from transcoder.model.region import around

WindowSums = Callable[[FloatMap, NDArray[np.int64]], NDArray[np.float64]]

MAX_VIEWS = 48
MAX_MOTION_VIEWS = 16
_SURROUNDINGS_PX = 64
"""Around what is only looked at: half a side more around large movements made every view a whole frame, 7 MB at 720p.
The task checks find their faces and lines again in what surrounds them, so these keep it all."""
_CHECKED = frozenset((RegionKind.FACE, RegionKind.PLATE, RegionKind.TEXT))
_PLANES = ("y", "cb", "cr")
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class View:
    """A region at its key moment, before and after, with some of what is around it."""

    region: Region
    box: Box
    """Where the region is within both pictures."""
    at_s: float
    before: Image.Image
    after: Image.Image


def windows_in(boxes: Sequence[Box], shape: tuple[int, int], shift: tuple[int, int] = (0, 0)) -> NDArray[np.int64]:
    """The 8x8 windows of a map that lie inside each box; at least one window.

    :param boxes: in luma pixels.
    :param shape: of the map, (rows, columns).
    :param shift: log2 of the plane's chroma subsampling, (horizontal, vertical).
    :returns: shape (n, 4): first row, end of the rows, first column, end of the columns.
    """
    edges = np.array([(box.y, box.bottom, box.x, box.right) for box in boxes], np.int64).reshape(-1, 4)
    edges >>= (shift[1], shift[1], shift[0], shift[0])
    counts = np.array(shape)
    # A window at index i covers pixels 4i to 4i + 7.
    first = np.maximum(0, np.minimum(-(-edges[:, ::2] // 4), counts - 1))
    end = np.maximum(first + 1, np.minimum(counts, (edges[:, 1::2] - 8) // 4 + 1))
    windows = np.empty((len(edges), 4), np.int64)
    windows[:, ::2], windows[:, 1::2] = first, end
    return windows


class RegionScores:
    """Gathers the scores of all regions, frame by frame.

    :param regions: what to score.
    :param shift: log2 of the chroma subsampling, (horizontal, vertical).
    :param sums: adds up parts of a map, as ``ssim.window_sums`` does.
    """

    def __init__(self, regions: Sequence[Region], shift: tuple[int, int], sums: WindowSums) -> None:
        self._regions = sorted(regions, key=lambda region: region.sightings[0].pts)
        self._shift, self._sums = shift, sums
        self._next = 0
        self._present: list[Region] = []
        self._own: dict[str, tuple[array[float], Series]] = {}
        self._classes: dict[tuple[RegionKind, int], tuple[array[float], Series]] = {}

    def add(self, pts: int, time_s: float, maps: Sequence[FloatMap]) -> None:
        """Take the SSIM maps (luma first) of one frame."""
        while self._next < len(self._regions) and self._regions[self._next].sightings[0].pts <= pts:
            self._present.append(self._regions[self._next])
            self._next += 1
        self._present = [region for region in self._present if region.sightings[-1].pts >= pts]
        places = [(region, region.at(pts)) for region in self._present]
        if not places:
            return
        boxes = [box for _, own in places for box in own]
        begins = np.cumsum([0, *(len(own) for _, own in places[:-1])])
        for plane, values in enumerate(maps):
            if plane < 2:  # both planes of chroma have the same windows
                windows = windows_in(boxes, values.shape, self._shift if plane else (0, 0))
                sizes = (windows[:, 1] - windows[:, 0]) * (windows[:, 3] - windows[:, 2])
                counts = np.add.reduceat(sizes, begins).tolist()
            totals = np.add.reduceat(self._sums(values, windows), begins).tolist()
            by_kind: dict[RegionKind, list[tuple[float, int]]] = {}
            for (region, _), total, count in zip(places, totals, counts, strict=True):
                by_kind.setdefault(region.kind, []).append((total, count))
                if plane == 0:
                    _append(self._own, region.id, time_s, total / count)
            for kind, found in by_kind.items():
                if kind is RegionKind.MOTION:
                    value = sum(total for total, _ in found) / sum(count for _, count in found)
                else:
                    value = min(total / count for total, count in found)
                _append(self._classes, (kind, plane), time_s, value)

    def extend(self, later: RegionScores) -> None:
        """Append the scores of later frames, of the same regions."""
        _extend(self._own, later._own)
        _extend(self._classes, later._classes)

    def scores(self) -> Iterator[Score]:
        """One score for each class and plane that occurred."""
        for (kind, plane), (times, series) in sorted(self._classes.items()):
            how = "mean over what moves" if kind is RegionKind.MOTION else "worst region of a frame"
            detail = f"{how}, {len(times)} frames"
            yield series.score(times, metric="ssim", region=str(kind), plane=_PLANES[plane], detail=detail)

    def each(self) -> tuple[RegionScore, ...]:
        """The scores of single regions, luma, in the order of their ids' kinds."""
        found = []
        for region in self._regions:
            if region.id in self._own:
                times, series = self._own[region.id]
                score = series.score(times, metric="ssim", region=region.id, plane="y")
                found.append(
                    RegionScore(
                        id=region.id,
                        kind=region.kind,
                        mean=score.mean,
                        p1=score.p1,
                        minimum=score.minimum,
                        minimum_at_s=score.minimum_at_s,
                        times_s=times,
                        values=series.values,
                    )
                )
        return tuple(sorted(found, key=lambda item: item.kind.precedence))


def _extend(into: dict[_Key, tuple[array[float], Series]], later: dict[_Key, tuple[array[float], Series]]) -> None:
    for key, (more_times, more) in later.items():
        times, series = into.setdefault(key, (array("d"), Series()))
        times.extend(more_times)
        series.extend(more)


def _append(into: dict[_Key, tuple[array[float], Series]], key: _Key, time_s: float, value: float) -> None:
    times, series = into.setdefault(key, (array("d"), Series()))
    times.append(time_s)
    series.add(value)


class Viewer:
    """Cuts out each region at its key moment, for people to look at and for the task checks.

    :param regions: all of them; the most important ones are chosen.
    :param size: width and height of the picture.
    :param span: the first and the last moment that will be shown, where that is not all.
    """

    def __init__(self, regions: Sequence[Region], size: tuple[int, int], span: tuple[int, int] | None = None) -> None:
        self._size = size
        # Chosen out of all, also for a part, so that all parts together show no more than one file would.
        chosen = [item for item in _worth_showing(regions) if span is None or span[0] <= item.key.pts <= span[1]]
        self._waiting = sorted(chosen, key=lambda region: region.key.pts)
        self.views: list[View] = []

    def due(self, pts: int) -> bool:
        """Whether a key moment has come, so that pictures are worth making."""
        return bool(self._waiting) and self._waiting[0].key.pts <= pts

    def take(self, pts: int, at_s: float, before: Image.Image, after: Image.Image) -> None:
        """Cut out every region whose key moment has come."""
        while self.due(pts):
            region = self._waiting.pop(0)
            boxes = (region.key.boxes if region.key.pts == pts else region.at(pts)) or region.key.boxes
            whole = around(boxes)
            margin = max(16, max(whole.width, whole.height) // 2)
            if region.kind not in _CHECKED:
                margin = min(margin, _SURROUNDINGS_PX)
            area = whole.padded(margin).inside(*self._size)
            if area is None:
                continue
            crop = (area.x, area.y, area.right, area.bottom)
            inner = Box(whole.x - area.x, whole.y - area.y, whole.width, whole.height)
            # Copies: a crop would keep the whole frame alive.
            self.views.append(View(region, inner, at_s, before.crop(crop).copy(), after.crop(crop).copy()))


def _worth_showing(regions: Sequence[Region]) -> list[Region]:
    """The strongest kinds first; of what merely moves only the largest."""
    ranked = sorted(regions, key=lambda region: region.rank)
    motion = [region for region in ranked if region.kind is RegionKind.MOTION][:MAX_MOTION_VIEWS]
    others = [region for region in ranked if region.kind is not RegionKind.MOTION]
    return [*others[: MAX_VIEWS - len(motion)], *motion]

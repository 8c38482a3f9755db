"""Regions a person marked: a JSON file, held against its published schema (docs/regions.schema.json)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import cv2
import jsonschema
import numpy as np
from numpy.typing import NDArray

from transcoder import resources
from transcoder.errors import UsageError
from transcoder.model import Box, Region, RegionKind, Sighting, SourceInfo

SCHEMA_NAME = "regions.schema.json"
_GRID_PX = 16
_MOST_BANDS = 12
_MAX_FILE_BYTES = 1_000_000


def load(path: Path, source: SourceInfo) -> tuple[Region, ...]:
    """Read a regions file for one source.

    :raises UsageError: naming the first fault and where in the document it is.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            _fail(path, "is larger than any list of regions")
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        _fail(path, f"cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        _fail(path, "is not JSON")
    schema = json.loads((resources.folder("docs") / SCHEMA_NAME).read_text(encoding="utf-8"))
    fault = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(document))
    if fault is not None:
        where = ".".join(str(part) for part in fault.absolute_path) or "document"
        _fail(path, f"{where}: {fault.message[:160]}")
    return tuple(_region(path, number, item, source) for number, item in enumerate(document["regions"]))


def _fail(path: Path, problem: str) -> NoReturn:
    raise UsageError(
        f"regions file: {problem}",
        where=str(path),
        hint="its shape is described in docs/regions.schema.json",
        code="regions-file",
    )


def _region(path: Path, number: int, item: dict[str, Any], source: SourceInfo) -> Region:
    place = f"regions.{number}"
    media = source.video or source.still
    assert media is not None
    size = media.width, media.height
    boxes = (Box(*item["box"]),) if "box" in item else cover(item["polygon"], size)
    fitted = tuple(box for box in (given.inside(*size) for given in boxes) if box is not None)
    if not fitted:
        _fail(path, f"{place}: lies outside the picture of {size[0]}x{size[1]} pixels")
    first, last = _span(path, place, item, source)
    moments = tuple(Sighting(pts, fitted) for pts in sorted({first, last}))
    return Region(
        id=f"d{number + 1}",
        kind=RegionKind(item["kind"]),
        found_by="drawn",
        sightings=moments,
        key=Sighting((first + last) // 2, fitted),
        note=item.get("note", ""),
    )


def _span(path: Path, place: str, item: dict[str, Any], source: SourceInfo) -> tuple[int, int]:
    """First and last tick; a still has only moment 0."""
    video = source.video
    if video is None:
        return 0, 0
    start, duration = video.start_s, video.duration_s
    first = Fraction(str(item.get("from_s", 0)))
    last = min(duration, Fraction(str(item["to_s"]))) if "to_s" in item else duration
    if first >= duration or last < first:
        _fail(
            path, f"{place}: from {float(first):g} s to {float(last):g} s is no time of a {float(duration):g} s video"
        )
    return tuple(round((start + moment) / video.time_base) for moment in (first, last))  # type: ignore[return-value]


def cover(polygon: Sequence[Sequence[int]], size: tuple[int, int]) -> tuple[Box, ...]:
    """Disjoint rectangles on the 16-pixel grid that cover a polygon: what encoders and scores can use.

    :param polygon: corners as (x, y).
    :param size: width and height of the picture.
    """
    corners = np.array([(min(x, size[0]), min(y, size[1])) for x, y in polygon], dtype=np.int32)
    mask = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(mask, [corners], 255)
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return ()
    top, bottom = int(rows[0]) // _GRID_PX * _GRID_PX, int(rows[-1]) + 1
    blocks = -(-(bottom - top) // _GRID_PX)
    band = -(-blocks // _MOST_BANDS) * _GRID_PX
    boxes: list[Box] = []
    for y in range(top, bottom, band):
        height = min(band, -(-(bottom - y) // _GRID_PX) * _GRID_PX)
        touched = np.asarray(mask[y : y + height].any(axis=0))
        for left, right in _runs(touched):
            x = left // _GRID_PX * _GRID_PX
            box = Box(x, y, -(-(right - x) // _GRID_PX) * _GRID_PX, height)
            # Runs that share a block of the grid become one: the rectangles stay disjoint.
            if boxes and boxes[-1].y == y and boxes[-1].right > box.x:
                box = boxes.pop().union(box)
            boxes.append(box)
    return tuple(fitted for fitted in (box.inside(*size) for box in boxes) if fitted is not None)


def _runs(touched: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last-plus-one index of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], touched.view(np.int8), [0]))))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]

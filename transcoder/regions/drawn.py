"""Regions a person marked: a JSON file, held against its published schema (docs/regions.schema.json)."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, NoReturn

import cv2
import jsonschema
import numpy as np

from transcoder import resources
from transcoder.errors import UsageError
from transcoder.model import Box, Region, RegionKind, Sighting, SourceInfo
from transcoder.model.blocks import blocks_in, rectangles

SCHEMA_NAME = "regions.schema.json"
_MOST_PARTS = 24
_MAX_FILE_BYTES = 1_000_000


def load(path: Path, source: SourceInfo) -> tuple[Region, ...]:
    """Read a regions file for one source.

    :raises UsageError: naming the first fault and where in the document it is.
    """
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            _fail(path, "is larger than any list of regions")
        text = path.read_text(encoding="utf-8")
        document = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        json.dumps(document, ensure_ascii=False).encode()  # half a surrogate pair can be neither packed nor signed
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


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


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
    boxes = (Box(*map(int, item["box"])),) if "box" in item else cover(item["polygon"], size)
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
    """Disjoint rectangles on the macroblock grid that cover a polygon: what encoders and scores can use.

    :param polygon: corners as (x, y).
    :param size: width and height of the picture.
    """
    corners = np.array(polygon, dtype=np.int32)
    pixels = np.zeros((size[1], size[0]), np.uint8)
    cv2.fillPoly(pixels, [corners], 255)
    return rectangles(blocks_in(pixels), size, limit=_MOST_PARTS)

"""Regions in few bytes, so that a certificate carries exactly what was weighed and measured.

Compact JSON, deflated, in base64. Where even that is too much for the certificate's room, the tracks are made
coarser *before* anything is encoded with them: what is recorded is what was used.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from transcoder.model import Box, Region, RegionKind, RegionSet, Sighting
from transcoder.model.blocks import blocks_of, rectangles
from transcoder.regions.tracks import thinned

ENCODING = (
    "base64(zlib(json [[id, kind, found_by, note, key, [[ticks since the last, x, y, width, height, ...], ...]]]))"
)
_MAX_UNPACKED = 64_000_000


def pack(regions: Sequence[Region]) -> str:
    """Regions as one text."""
    rows = []
    for region in regions:
        pts, moments = 0, []
        for sighting in region.sightings:
            moments.append([sighting.pts - pts, *_numbers(sighting)])
            pts = sighting.pts
        rows.append([region.id, str(region.kind), region.found_by, region.note,
                     [region.key.pts, *_numbers(region.key)], moments])  # fmt: skip
    text = json.dumps(rows, separators=(",", ":"), ensure_ascii=False)
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode("ascii")


def _numbers(sighting: Sighting) -> list[int]:
    return [number for box in sighting.boxes for number in (box.x, box.y, box.width, box.height)]


def unpack(packed: str) -> tuple[Region, ...]:
    """The regions of a packed text.

    :raises ValueError: where the text is not one.
    """
    try:
        raw = zlib.decompressobj().decompress(base64.b64decode(packed, validate=True), _MAX_UNPACKED)
        return tuple(_region(row) for row in json.loads(raw))
    except (zlib.error, TypeError, KeyError, IndexError, RecursionError, OverflowError) as error:
        raise ValueError(f"not packed regions: {error}") from None


def _region(row: list[Any]) -> Region:
    name, kind, found_by, note, key, moments = row
    pts, sightings = 0, []
    for first, *numbers in moments:
        pts += int(first)
        sightings.append(_sighting(pts, numbers))
    return Region(
        id=str(name),
        kind=RegionKind(kind),
        found_by=str(found_by),
        sightings=tuple(sightings),
        key=_sighting(int(key[0]), key[1:]),
        note=str(note),
    )


def _sighting(pts: int, numbers: list[int]) -> Sighting:
    if len(numbers) % 4 or not numbers:
        raise ValueError("not packed regions: a box has four numbers")
    boxes = (Box(*(int(n) for n in numbers[at : at + 4])) for at in range(0, len(numbers), 4))
    return Sighting(pts, tuple(boxes))


def fit(found: RegionSet, *, max_bytes: int, size: tuple[int, int]) -> RegionSet:
    """The same regions within ``max_bytes`` of packed text: coarser tracks first, then fewer small ones.

    The strongest kinds are last to go, and a warning says how many went.

    :param size: width and height of the picture.
    """
    regions = found.regions
    for level in _COARSER:
        if len(pack(regions)) <= max_bytes:
            break
        regions = tuple(replace(r, sightings=_coarser(r.sightings, level, size)) for r in found.regions)
    ranked = sorted(regions, key=lambda region: region.rank)
    kept = len(ranked)
    while kept and len(pack(ranked[:kept])) > max_bytes:
        kept = kept * 3 // 4
    if kept == len(regions):
        return replace(found, regions=regions)
    chosen = {region.id for region in ranked[:kept]}
    warning = f"{len(regions) - kept} small regions were left out: the certificate has no room for them"
    return replace(found, regions=tuple(r for r in regions if r.id in chosen), warnings=(*found.warnings, warning))


def _coarser(sightings: Sequence[Sighting], level: _Level, size: tuple[int, int]) -> tuple[Sighting, ...]:
    """Areas joined over several sightings and cut into fewer rectangles; straight lines with more tolerance."""
    joined: list[Sighting] = []
    group = level.joined if any(len(item.boxes) > 1 for item in sightings) else 1
    for first in range(0, len(sightings), group):
        # With what came before: a single box moves in a straight line to the next, and both ends of the line must
        # cover what lies between them.
        members = sightings[max(0, first - group) if group > 1 else first : first + group]
        boxes = tuple(dict.fromkeys(box for item in members for box in item.boxes))
        if len(boxes) > 1:
            boxes = rectangles(blocks_of(boxes, size), size, limit=level.parts)
        joined.append(Sighting(sightings[first].pts, boxes))
    if joined[-1].pts < sightings[-1].pts:  # the region must not end earlier than it did
        joined.append(Sighting(sightings[-1].pts, joined[-1].boxes))
    return thinned(joined, tolerance_px=level.tolerance_px)


@dataclass(frozen=True, slots=True)
class _Level:
    """One step of coarsening."""

    joined: int
    parts: int
    tolerance_px: int


_COARSER = (_Level(1, 6, 12), _Level(2, 4, 16), _Level(4, 3, 24), _Level(8, 1, 48), _Level(32, 1, 96))

"""The ``regions`` object of a statement: what was looked for, what was found, and how each thing arrived."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from transcoder.metrics import packing
from transcoder.metrics.checks import Checked, TaskCheck, summary
from transcoder.model import Fidelity, Region, RegionScore, RegionSet
from transcoder.model.region import around
from transcoder.regions import packing as region_packing

_TRACKS_SHARE = 0.1
_TRACK_BYTES = 620
"""What one listed track takes, its series included."""
_SERIES_BYTES = 220
MAX_LISTED = 80


def describe(
    found: RegionSet,
    fidelity: Fidelity | None,
    checked: Checked,
    time_base: Fraction,
    cap_bytes: int,
) -> dict[str, object]:
    """Plain JSON values, within a fixed share of the cap.

    :param checked: the task checks of the delivered file.
    :param time_base: of the regions' timestamps.
    """
    scores = {score.id: score for score in fidelity.regions} if fidelity else {}
    results = {check.region: check for check in checked.checks}
    room = max(4, min(MAX_LISTED, int(cap_bytes * _TRACKS_SHARE / _TRACK_BYTES)))
    listed = _most_telling(found.regions, results)[:room]
    counts = {str(kind): sum(region.kind is kind for region in found.regions) for kind in found.kinds()}
    return {
        # A model that finds and checks is named once.
        "detectors": [use.to_dict() for use in {use.name: use for use in (*found.detectors, *checked.uses)}.values()],
        "warnings": [*found.warnings, *checked.warnings],
        "counts": counts,
        "tasks": summary(checked.checks),
        "tracks": [_track(region, scores.get(region.id), results.get(region.id), time_base) for region in listed],
        "packed": {
            "encoding": region_packing.ENCODING,
            "time_base": str(time_base),
            "data": region_packing.pack(found.regions) if found.regions else "",
        },
    }


def recorded(predicate: dict[str, Any]) -> tuple[Region, ...]:
    """The regions that a certificate was measured with.

    :raises ValueError: where its record is not one.
    """
    packed = predicate["regions"].get("packed")
    return region_packing.unpack(packed["data"]) if packed and packed["data"] else ()


def _most_telling(regions: Sequence[Region], results: dict[str, TaskCheck]) -> list[Region]:
    """Drawn ones and those with a task result first, then by kind and size."""

    def rank(region: Region) -> tuple[bool, bool, tuple[bool, int, int]]:
        return region.found_by != "drawn", region.id not in results, region.rank

    return sorted(regions, key=rank)


def _track(
    region: Region, score: RegionScore | None, check: TaskCheck | None, time_base: Fraction
) -> dict[str, object]:
    whole = around(region.key.boxes)
    return {
        "id": region.id,
        "kind": str(region.kind),
        "found_by": region.found_by,
        "note": region.note[:120],
        "first_s": _seconds(region.sightings[0].pts, time_base),
        "last_s": _seconds(region.sightings[-1].pts, time_base),
        "key_s": _seconds(region.key.pts, time_base),
        "key_box": [whole.x, whole.y, whole.width, whole.height],
        "score": None if score is None else _score(score),
        "task": None if check is None else check.to_dict(),
    }


def _score(score: RegionScore) -> dict[str, object]:
    packed = packing.pack(score.values, max_bytes=_SERIES_BYTES)
    return {
        "frames": len(score.values),
        "mean": round(score.mean, 6),
        "p1": round(score.p1, 6),
        "min": round(score.minimum, 6),
        "min_at_s": round(score.minimum_at_s, 6),
        "series": {"data": packed.data, "count": packed.count, "frames_per_value": packed.group},
    }


def _seconds(pts: int, time_base: Fraction) -> float:
    return round(float(pts * time_base), 6)

"""``inspect --regions``: what would be weighed and measured in a source, as JSON and a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from PIL import Image

from transcoder.certificate.describing import describe_source
from transcoder.media import stills
from transcoder.media.frames import picture_of
from transcoder.media.reader import TimedFrame, read_frames
from transcoder.metrics.areas import View, Viewer
from transcoder.model import Region, RegionSet, SourceInfo
from transcoder.regions.find import Tick, find_in_still, find_in_video
from transcoder.report import contact_sheet


@dataclass(frozen=True, slots=True)
class Scouted:
    """What was found, with the sheet as JPEG."""

    found: RegionSet
    sheet: bytes
    document: dict[str, object]


def scout(source: SourceInfo, drawn: Sequence[Region], tick: Tick) -> Scouted:
    """Find the regions of a source and draw them.

    :raises InputError: where no picture decodes.
    """
    if source.video is not None:
        found = find_in_video(source.path, source.video, drawn, tick)
        time_base = source.video.time_base
        overview, moment, views = _video_pictures(source, found)
    else:
        found = find_in_still(source.path, drawn)
        time_base, moment = Fraction(1), 0
        overview, _ = stills.as_rgb(stills.load(source.path))
        views = _views(found, overview)
    present = [
        (region, [(box.x, box.y, box.right, box.bottom) for box in region.at(moment)]) for region in found.regions
    ]
    sheet = contact_sheet.draw(overview, present, views, found.regions, time_base)
    return Scouted(found, sheet, _document(source, found, time_base))


def _views(found: RegionSet, picture: Image.Image) -> Sequence[View]:
    viewer = Viewer(found.regions, picture.size)
    viewer.take(0, 0.0, picture, picture)
    return viewer.views


def _video_pictures(source: SourceInfo, found: RegionSet) -> tuple[Image.Image, int, Sequence[View]]:
    """The moment with most regions, and every region at its own."""
    track = source.video
    assert track is not None
    moments = sorted({region.key.pts for region in found.regions})
    busiest = max(moments, key=lambda pts: sum(bool(region.at(pts)) for region in found.regions), default=None)
    viewer = Viewer(found.regions, (track.width, track.height))
    overview: tuple[Image.Image, int] | None = None
    last: TimedFrame | None = None
    for timed in read_frames(source.path, track):
        last = timed
        wanted = overview is None and (busiest is None or timed.pts >= busiest)
        if wanted or viewer.due(timed.pts):
            picture = picture_of(timed.frame)
            viewer.take(timed.pts, float(timed.pts * track.time_base), picture, picture)
            overview = (picture, timed.pts) if wanted else overview
    if overview is None:  # what a person marked may lie between the last frame's beginning and its end
        assert last is not None
        overview = (picture_of(last.frame), last.pts)
    return overview[0], overview[1], viewer.views


def _document(source: SourceInfo, found: RegionSet, time_base: Fraction) -> dict[str, object]:
    """The JSON of ``inspect --regions``; docs/json-output.md describes it."""
    return {
        "source": describe_source(source),
        "detectors": [use.to_dict() for use in found.detectors],
        "warnings": list(found.warnings),
        "regions": [
            {
                "id": region.id,
                "kind": str(region.kind),
                "found_by": region.found_by,
                "note": region.note,
                "key_s": round(float(region.key.pts * time_base), 6),
                "path": [
                    {
                        "at_s": round(float(sighting.pts * time_base), 6),
                        "boxes": [[box.x, box.y, box.width, box.height] for box in sighting.boxes],
                    }
                    for sighting in region.sightings
                ],
            }
            for region in found.regions
        ],
    }

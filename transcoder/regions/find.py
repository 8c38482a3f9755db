"""Finding regions in a source: one decode, motion on every sample, and the dear detectors only where it pays.

Motion gates them: a face is looked for where something moves, three times in two seconds, and in the whole picture now
and then; text is read at the start of a scene, again after a while (what stands still is an overlay or a
sign, what does not is on something that moves), and on the largest things that move. How often is set by the
amount of footage, never by a clock, so that the same source gives the same regions.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from transcoder.media import stills
from transcoder.media.ahead import FRAMES, running_ahead
from transcoder.media.index import FrameIndex
from transcoder.media.reader import read_frames
from transcoder.model import Box, DetectorUse, Region, RegionKind, RegionSet, Sighting, VideoTrack
from transcoder.regions.base import Found, Picture, RegionDetector
from transcoder.regions.detectors import DETECTORS
from transcoder.regions.scout import Sampler, Scout
from transcoder.vision.weights import ModelUnavailable

Tick = Callable[[str, int, int | None], None]
PREFIX = {
    RegionKind.FACE: "f",
    RegionKind.PLATE: "n",
    RegionKind.TEXT: "t",
    RegionKind.PERSON: "p",
    RegionKind.VEHICLE: "v",
    RegionKind.MOTION: "m",
}
OPTIONAL = frozenset(("people",))
"""Detectors whose absence is normal: no warning in the certificate."""
MAX_REGIONS = 300
"""Beyond this the smallest and shortest are left out: they are measured as tiles all the same."""


class Detectors:
    """The detectors that work here; one that fails is dropped, and the delivery says so.

    :param wanted: names out of ``DETECTORS``; None means all.
    """

    def __init__(self, wanted: Sequence[str] | None = None) -> None:
        self.warnings: list[str] = []
        self._working: dict[str, RegionDetector] = {}
        self._uses: list[DetectorUse] = []
        for name in DETECTORS if wanted is None else wanted:
            try:
                self._working[name] = DETECTORS[name]()
                self._uses.append(self._working[name].use)
            except ModelUnavailable as error:
                if name not in OPTIONAL:
                    self.warnings.append(f"{name} were not looked for: {error}")

    @property
    def names(self) -> Sequence[str]:
        """Those still in use."""
        return tuple(self._working)

    @property
    def uses(self) -> tuple[DetectorUse, ...]:
        """For the certificate; those that failed on the way as well, because they may have found something."""
        return tuple(self._uses)

    def detect(self, name: str, picture: Picture, area: Box) -> list[Found]:
        """Run one detector on a part of a picture; boxes come back in the whole picture's pixels."""
        detector = self._working.get(name)
        if detector is None:
            return []
        part = np.ascontiguousarray(picture[area.y : area.bottom, area.x : area.right])
        try:
            found = detector.detect(part)
        except Exception as error:  # noqa: BLE001 - a detector must never cost the delivery, whatever it raises
            del self._working[name]
            self.warnings.append(f"{name} were not looked for any more: {type(error).__name__} in the detector")
            return []
        return [replace(item, box=Box(item.box.x + area.x, item.box.y + area.y, item.box.width, item.box.height))
                for item in found]  # fmt: skip


def find_in_video(
    source: Path,
    track: VideoTrack,
    drawn: Sequence[Region],
    tick: Tick,
    *,
    wanted: Sequence[str] | None = None,
    index: FrameIndex | None = None,
) -> RegionSet:
    """Everything worth keeping in a video.

    :param drawn: regions the caller gave; they come first.
    :param tick: called as ``tick("find", done, total)``.
    :param wanted: names of detectors beside motion; None means all that work here.
    :param index: every frame is noted in it, since this is the one time that the whole source is decoded.
    :raises InputError: where no frame decodes.
    """
    index = FrameIndex() if index is None else index
    sampler = Sampler(track, index)
    with (
        running_ahead(read_frames(source, track, index.damage), depth=FRAMES) as frames,
        running_ahead(sampler.samples(frames), depth=FRAMES) as samples,
    ):
        detectors = Detectors(wanted)  # loads while the first samples are made
        scout = Scout(track, detectors)
        for sample in samples:
            scout.take(sample)
            tick("find", sample.number, track.frames)
    moments = index.moments
    tick("find", len(moments), track.frames)
    found = [*(_from_frame(region, moments) for region in drawn), *_named(_largest(scout.finish(moments[-1])))]
    warnings = [*detectors.warnings, *scout.warnings]
    return RegionSet(regions=tuple(found), detectors=(sampler.use, *detectors.uses), warnings=tuple(warnings))


def find_in_still(source: Path, drawn: Sequence[Region], *, wanted: Sequence[str] | None = None) -> RegionSet:
    """Everything worth keeping in a picture; each region is sighted once, at time 0.

    :raises InputError: where the picture cannot be decoded.
    """
    detectors = Detectors(wanted)
    image, _ = stills.as_rgb(stills.load(source))
    picture = stills.as_bgr(image)
    whole = Box(0, 0, image.width, image.height)
    regions = []
    for name in tuple(detectors.names):
        for item in detectors.detect(name, picture, whole):
            box = item.box.padded(max(4, item.box.height // 8)).inside(*image.size)
            if box is not None:
                moment = Sighting(0, (box,))
                regions.append(
                    Region(id="", kind=item.kind, found_by=name, sightings=(moment,), key=moment, note=item.text)
                )
    found = [*drawn, *_named(_largest(regions))]
    return RegionSet(regions=tuple(found), detectors=detectors.uses, warnings=tuple(detectors.warnings))


def _from_frame(region: Region, moments: Sequence[int]) -> Region:
    """A marked region from the frame on display at its beginning: it may begin and end between two frames."""
    first = region.sightings[0]
    shown = moments[max(0, bisect_right(moments, first.pts) - 1)]
    if shown >= first.pts:
        return region
    return replace(region, sightings=(replace(first, pts=shown), *region.sightings))


def _largest(regions: Sequence[Region]) -> list[Region]:
    """At most ``MAX_REGIONS``, the strongest kinds first, then by how long and large they are."""

    def rank(region: Region) -> tuple[int, int]:
        ticks = region.sightings[-1].pts - region.sightings[0].pts + 1
        return region.kind.precedence, -ticks * region.key_area

    return sorted(regions, key=rank)[:MAX_REGIONS]


def _named(regions: Sequence[Region]) -> list[Region]:
    """Ids by kind, in order of appearance: the same source always gives the same ones."""
    counts = dict.fromkeys(RegionKind, 0)
    named = []
    for region in sorted(regions, key=lambda r: (r.kind.precedence, r.sightings[0].pts, r.key.boxes[0].x,
                                                 r.key.boxes[0].y)):  # fmt: skip
        counts[region.kind] += 1
        named.append(replace(region, id=f"{PREFIX[region.kind]}{counts[region.kind]}"))
    return named

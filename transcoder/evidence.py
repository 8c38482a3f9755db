"""Evidence stills: of a video, the frames that show its faces, plates and people best, as pictures of their own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from PIL import Image

from transcoder.encode import jpeg
from transcoder.media.frames import picture_of
from transcoder.media.index import cut
from transcoder.media.reader import read_frames
from transcoder.media.stills import ycbcr_planes
from transcoder.metrics.ssim import mean, ssim_map
from transcoder.model import Box, Fate, ItemFate, Region, RegionKind, exact_clock
from transcoder.model.region import around
from transcoder.studio import Studio

_ORDER = (RegionKind.FACE, RegionKind.PLATE, RegionKind.PERSON, RegionKind.VEHICLE, RegionKind.MOTION, RegionKind.TEXT)
"""A recorder's clock is text as well, and is in every frame."""
_QUALITIES = (100, 98, 95, 92, 88, 84, 80)
"""Near-lossless or not at all: below, the frame is no better than the video's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceStill:
    """One frame as a picture."""

    path: Path
    suffix: str
    """What its final name ends with, behind the delivery's own."""
    region: Region
    at_s: Fraction
    """When the frame is shown, in the source's own time."""
    frame: int
    """Its number in the source, from 0."""
    box: Box
    lossless: bool
    ssim: float
    """Against the decoded frame, luma."""

    def to_dict(self, name: str) -> dict[str, object]:
        """The certificate's line about it."""
        return {
            "name": name,
            "region": self.region.id,
            "kind": str(self.region.kind),
            "at_s": str(self.at_s),
            "frame": self.frame,
            "box": [self.box.x, self.box.y, self.box.width, self.box.height],
            "lossless": self.lossless,
            "ssim": round(self.ssim, 6),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The pictures that were made, and a line on each that could not be."""

    stills: tuple[EvidenceStill, ...] = ()
    fates: tuple[ItemFate, ...] = ()


def evidence_stills(studio: Studio, count: int) -> Evidence:
    """The best frames of the most telling regions, each under the cap; fewer where there are fewer.

    :param studio: of a video whose regions were looked for.
    :param count: at most so many.
    :raises InputError: where a frame cannot be read any more.
    """
    folder = studio.job.workdir / "stills"
    folder.mkdir(exist_ok=True)
    made, left_out = [], []
    for number, (region, frame) in enumerate(_chosen(studio, count), start=1):
        still = _still(studio, region, frame, folder, number)
        if still is not None:
            made.append(still)
        else:
            item = f"evidence still of {region.kind} {region.id} (frame {frame})"
            note = f"even at JPEG quality {_QUALITIES[-1]} it is over the cap"
            left_out.append(ItemFate(item=item, fate=Fate.LOST, note=note))
        studio.job.tick("stills", number, count)
    return Evidence(stills=tuple(made), fates=tuple(left_out))


def _chosen(studio: Studio, count: int) -> Iterator[tuple[Region, int]]:
    """Regions by what they tell, and the frame that shows each best; one picture for those that share a frame."""
    index, taken = studio.index, set[int]()

    def rank(region: Region) -> tuple[bool, int, int]:
        return region.found_by != "drawn", _ORDER.index(region.kind), -region.key_area

    for region in sorted(studio.regions.regions, key=rank):
        frame = min(index.at(region.key.pts), index.end - 1)
        if frame in taken or not index.first <= frame < index.end:
            continue
        taken.add(frame)
        yield region, frame
        if len(taken) == count:
            return


def _still(studio: Studio, region: Region, frame: int, folder: Path, number: int) -> EvidenceStill | None:
    source = studio.job.source
    part = cut(source, studio.index, frame, frame + 1)
    assert part.video is not None
    timed = next(read_frames(part.path, part.video))
    picture = picture_of(timed.frame)
    encoded = _near_lossless(picture, studio.picture_cap_bytes, source.name)
    if encoded is None:
        return None
    data, ending = encoded
    at_s = timed.pts * part.video.time_base
    path = folder / f"{number:02d}.{ending}"
    path.write_bytes(data)
    box = around(region.key.boxes)
    where = f"{region.kind} {region.id} in {box.width}x{box.height} pixels from column {box.x}, row {box.y}"
    path = studio.document(path, f"frame {frame} at {exact_clock(at_s)}, {where}")
    with Image.open(io.BytesIO(data)) as written:
        values, _ = ssim_map(ycbcr_planes(picture)[0], ycbcr_planes(written.convert("RGB"))[0])
    clock = exact_clock(at_s).replace(":", ".")
    return EvidenceStill(
        path=path,
        suffix=f"_still-{number:02d}_{region.id}_{clock}{path.suffix}",
        region=region,
        at_s=at_s,
        frame=frame,
        box=box,
        lossless=ending == "png",
        ssim=mean(values),
    )


def _near_lossless(picture: Image.Image, cap: int, name: str) -> tuple[bytes, str] | None:
    """PNG where it fits, else the best JPEG that does."""
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=9)
    if out.tell() <= cap:
        return out.getvalue(), "png"
    for quality in _QUALITIES:
        data, _ = jpeg.encode(picture, quality, "4:4:4", name)
        if len(data) <= cap:
            return data, "jpg"
    return None

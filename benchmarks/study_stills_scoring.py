"""What the stills study measures: SSIM of frame, tiles, regions and chroma, SSIMULACRA2, and the reading of plates."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.study_stills_encoders import optional
from transcoder.media import stills
from transcoder.metrics import ssim
from transcoder.model.region import Box

MAX_PIXELS_SSIMULACRA2 = 1_300_000
"""The Python port takes a second and half a gigabyte for each million."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """One picture of the study."""

    name: str
    path: Path
    picture: Image.Image
    sampling: str | None
    boxes: tuple[Box, ...] = ()
    plate: str = ""

    @property
    def fine_chroma(self) -> bool:
        """Whether 4:2:0 would take chroma away that the source has."""
        return self.picture.mode == "RGB" and self.sampling != "4:2:0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One file against its source; NaN where a measure does not apply."""

    luma: float
    tile: float
    chroma: float
    region: float
    region_chroma: float
    ssimulacra2: float
    misread: float
    """Share of the plate's characters read wrongly (edit distance)."""


def score(subject: Subject, data: bytes) -> Scores:
    """Compare a file with its source."""
    after = stills.as_rgb(Image.open(io.BytesIO(data)))[0].convert(subject.picture.mode)
    pairs = zip(stills.ycbcr_planes(subject.picture), stills.ycbcr_planes(after), strict=True)
    maps = [ssim.ssim_map(a, b)[0] for a, b in pairs]
    of_regions = [[_inside(values, box) for values in maps] for box in subject.boxes]
    luma, chroma = ([row[0] for row in of_regions], [float(np.mean(row[1:])) for row in of_regions if row[1:]])
    return Scores(
        luma=ssim.mean(maps[0]),
        tile=float(ssim.TileGrid(*subject.picture.size).means(maps[0]).min()),
        chroma=float(np.mean([ssim.mean(values) for values in maps[1:]])) if maps[1:] else float("nan"),
        region=min(luma, default=float("nan")),
        region_chroma=min(chroma, default=float("nan")),
        ssimulacra2=_ssimulacra2(subject, data),
        misread=misread(subject, after),
    )


def _inside(values: Any, box: Box) -> float:
    """Mean over the windows that lie wholly in a box."""
    rows = slice(-(-box.y // 4), max(-(-box.y // 4) + 1, box.bottom // 4 - 1))
    columns = slice(-(-box.x // 4), max(-(-box.x // 4) + 1, box.right // 4 - 1))
    return float(values[rows, columns].mean(dtype=np.float64))


@lru_cache(maxsize=1)
def _port() -> Any:
    return optional("ssimulacra2")


def _ssimulacra2(subject: Subject, data: bytes) -> float:
    port = _port()
    width, height = subject.picture.size
    if port is None or width * height > MAX_PIXELS_SSIMULACRA2:
        return float("nan")
    return float(port.compute_ssimulacra2(io.BytesIO(_lossless(subject)), io.BytesIO(data)))


@lru_cache(maxsize=2)
def _lossless(subject: Subject) -> bytes:
    out = io.BytesIO()
    subject.picture.save(out, "PNG", compress_level=1)
    return out.getvalue()


@lru_cache(maxsize=1)
def _reader() -> Any:
    package = optional("rapidocr")
    if package is None:
        return None
    logging.getLogger("RapidOCR").setLevel(logging.ERROR)
    return package.RapidOCR()


def misread(subject: Subject, picture: Image.Image) -> float:
    """Read the ground truth's box, without detection; the edit distance per character, at most 1."""
    reader = _reader()
    if reader is None or not subject.plate:
        return float("nan")
    (box,) = subject.boxes
    inside = box.padded(max(2, box.height // 8)).inside(*picture.size)
    assert inside is not None
    crop = picture.convert("RGB").crop((inside.x, inside.y, inside.right, inside.bottom))
    scale = max(1.0, 64 / crop.height)
    crop = crop.resize((round(crop.width * scale), round(crop.height * scale)), Image.Resampling.BICUBIC)
    found = reader(np.ascontiguousarray(np.asarray(crop)[:, :, ::-1]), use_det=False, use_cls=False, use_rec=True)
    read = "".join(char for char in "".join(found.txts or ()).upper() if char.isalnum())
    return min(1.0, edit_distance(read, subject.plate) / len(subject.plate))


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Levenshtein's."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(second, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]

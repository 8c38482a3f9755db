"""The study "is small writing in large pictures found?": plates and lines put into photos, looked for and read.

``python -m benchmarks.study_small_text [--light 1.0] [--out FILE]``

Known writing is put into each large photo of the corpus, at places, sizes and contrasts that are the same in every
run, slightly turned and blurred as a lens would. What counts is how much of it is found at all, how much is read right,
and in which processor time: a change of how the product looks is tried against this, once by day and once in the dark.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from benchmarks.footage import CORPUS
from transcoder.media import stills
from transcoder.model import Box
from transcoder.vision.text import TextReader, normalise

PHOTOS = (
    "forensics/IMG_20200124_231153.jpg",
    "forensics/IMG_20191224_234846.jpg",
    "photos/Issue_266.jpg",
    "photos/Canon_PowerShot_A560.jpg",
    "photos/Olympus_C40Z.jpg",
    "exif-samples/iphone_13_pro_max.HEIC",
)
HEIGHTS = (0.0022, 0.0028, 0.0036, 0.005, 0.008, 0.014, 0.025, 0.045, 0.08)
"""Of the letters, in parts of the picture's width: 9 to 320 px of 4000."""
PER_HEIGHT = 10
_LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ"
_WORDS = ("HARBOUR STREET", "Exit 14", "Camera 07", "2024-03-17 22:41", "PLATFORM 3", "No entry", "Baker & Sons")
_LARGE_PX = 60
_SHARED = 0.3
"""Of the smaller box, from which a line counts as found."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What was put where."""

    text: str
    box: Box
    height_px: int


def write_into(photo: Image.Image, seed: str) -> tuple[Image.Image, list[Writing]]:
    """The photo with writing in it that does not overlap."""
    chance = random.Random(seed)
    picture, written = photo.copy(), list[Writing]()
    for share in sorted(HEIGHTS, reverse=True):
        for number in range(PER_HEIGHT):
            height = max(7, round(share * photo.width))
            label, mask, text = _label(chance, height, plate=number % 2 == 0)
            for _ in range(60):
                if label.width >= photo.width or label.height >= photo.height:
                    break
                left, top = chance.randrange(photo.width - label.width), chance.randrange(photo.height - label.height)
                box = Box(left, top, label.width, label.height)
                if all(box.padded(height).overlap(other.box) == 0 for other in written):
                    picture.paste(label, (left, top), mask)
                    written.append(Writing(text, box, height))
                    break
    return picture, written


def _label(chance: random.Random, height: int, *, plate: bool) -> tuple[Image.Image, Image.Image, str]:
    """A plate on its ground, or a line on a ground of little contrast, drawn large and shrunk."""
    text = chance.choice(_WORDS)
    if plate:
        text = "".join(chance.choice(_LETTERS) for _ in range(2)) + f"{chance.randrange(10, 99)} "
        text += "".join(chance.choice(_LETTERS) for _ in range(3))
    scale = 2 if height < _LARGE_PX else 1
    font = ImageFont.load_default(size=height * scale * 1.35)
    left, top, right, bottom = (round(value) for value in font.getbbox(text))
    margin = height * scale // 2
    ground = chance.randrange(150, 235) if plate else chance.randrange(60, 190)
    ink = ground - chance.randrange(40, 140) if plate else ground + chance.choice((-1, 1)) * chance.randrange(16, 56)
    label = Image.new("RGB", (right - left + 2 * margin, bottom - top + 2 * margin), (ground,) * 3)
    ImageDraw.Draw(label).text((margin - left, margin - top), text, font=font, fill=(ink,) * 3)
    mask, angle = Image.new("L", label.size, 255), chance.uniform(-6, 6)
    label, mask = (part.rotate(angle, Image.Resampling.BICUBIC, expand=True) for part in (label, mask))
    size = label.width // scale, label.height // scale
    label = label.resize(size, Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(0.8))
    return label, mask.resize(size, Image.Resampling.LANCZOS), text


def in_light(picture: Image.Image, light: float, seed: int) -> Image.Image:
    """The picture at a share of its light, with the noise that goes with it."""
    if light == 1:
        return picture
    noise = np.random.default_rng(seed)
    samples = np.asarray(picture, np.float32) * light
    samples += noise.standard_normal(samples.shape, np.float32) * 2
    return Image.fromarray(np.clip(samples, 0, 255).astype(np.uint8))


def run(light: float) -> Iterator[dict[str, object]]:
    """A row of each photo."""
    reader = TextReader()
    for name in PHOTOS:
        path = CORPUS / "stills" / name
        if not path.exists():
            continue
        picture, written = write_into(stills.as_rgb(stills.load(path))[0], name)
        seen = stills.as_bgr(in_light(picture, light, len(written)))
        began = time.process_time()
        lines = reader.find(seen)
        spent = time.process_time() - began
        found, right = dict.fromkeys(HEIGHTS, 0), dict.fromkeys(HEIGHTS, 0)
        for item in written:
            share = min(HEIGHTS, key=lambda one: abs(one * picture.width - item.height_px))
            near = [line for line in lines
                    if line.box.overlap(item.box) > _SHARED * min(line.box.area, item.box.area)]  # fmt: skip
            found[share] += bool(near)
            right[share] += any(normalise(line.text) == normalise(item.text) for line in near)
        yield {
            "photo": name, "written": len(written), "found": sum(found.values()), "right": sum(right.values()),
            "by_height": [f"{right[share]}/{found[share]}" for share in HEIGHTS], "lines": len(lines),
            "cpu_s": round(spent, 2),
        }  # fmt: skip


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--light", type=float, default=1.0, help="share of the photo's light")
    parser.add_argument("--out", type=Path, help="write the rows there as JSON")
    given = parser.parse_args()
    rows = []
    for row in run(given.light):
        rows.append(row)
        print(json.dumps(row), flush=True)
    for what in ("written", "found", "right", "lines", "cpu_s"):
        print(what, round(sum(float(str(row[what])) for row in rows), 2))
    if given.out:
        given.out.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Pictures to look for things in: rendered text, and the same blurred."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from transcoder.model import Box

Pixels = NDArray[np.uint8]


def words(
    text: str, *, width: int = 400, height: int = 160, size: float = 48, at: tuple[int, int] = (60, 50)
) -> Pixels:
    """Dark text on a light plate on a grey wall; blue, green, red."""
    image = Image.new("RGB", (width, height), (120, 125, 118))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox(at, text, font=font)
    draw.rectangle((left - 8, top - 8, right + 8, bottom + 8), fill=(235, 235, 228))
    draw.text(at, text, font=font, fill=(20, 20, 24))
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])


def box_of(text: str, *, size: float = 48, at: tuple[int, int] = (60, 50)) -> Box:
    """Where ``words`` puts the text."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = ImageDraw.Draw(Image.new("RGB", (1, 1))).textbbox(at, text, font=font)
    return Box(int(left) - 4, int(top) - 4, int(right - left) + 8, int(bottom - top) + 8)


def blurred(picture: Pixels, radius: float) -> Pixels:
    """Out of focus."""
    image = Image.fromarray(picture[:, :, ::-1]).filter(ImageFilter.GaussianBlur(radius))
    return np.ascontiguousarray(np.asarray(image)[:, :, ::-1])


def noise(width: int, height: int, *, seed: int = 3) -> Pixels:
    """Nothing but noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def as_jpeg(picture: Pixels, quality: int) -> Pixels:
    """After JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture[:, :, ::-1]).save(file, "JPEG", quality=quality)
    return np.ascontiguousarray(np.asarray(Image.open(file).convert("RGB"))[:, :, ::-1])

"""Scenes of the knee study: a target with its surroundings at a chosen size, by day and in simulated low light.

A still becomes a short clip by panning it a fraction of a pixel a frame; each frame is resampled from the full
picture, so that the motion is real sub-pixel motion and nothing is interpolated twice.

Low light is simulated on linear light (the sRGB curve undone): fewer photons (Poisson), read noise, and for
``noisy`` the camera's gain turned up again. Noise is new in every frame, as on a sensor; it is white, where a real
camera's has been through demosaicing and its own denoiser.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image

from benchmarks.knee_targets import FRAMES, Rgb, Target
from transcoder.model import Box, RegionKind

PAN_X, PAN_Y = 0.35, 0.2
"""Pixels a frame."""
SIZES_PX = {
    RegionKind.PLATE: (240, 160, 120, 80, 60, 40),
    RegionKind.FACE: (128, 96, 64, 48, 32, 24),
    RegionKind.TEXT: (32, 22, 15, 11),
}
"""Width of plates and faces, height of lines."""
BUCKETS = {
    RegionKind.PLATE: (("large, from 110 px", 110), ("medium, 70 to 109 px", 70), ("small, below 70 px", 0)),
    RegionKind.FACE: (("large, from 90 px", 90), ("medium, 45 to 89 px", 45), ("small, 24 to 44 px", 0)),
    RegionKind.TEXT: (("large, from 20 px high", 20), ("medium, 14 to 19 px", 14), ("small, below 14 px", 0)),
}


class Light(StrEnum):
    """How much of it, and what the camera makes of it."""

    DAY = "day"
    DARK = "dark"
    """An eighth of the light, no gain: dark and nearly clean."""
    NOISY = "noisy"
    """A thirty-second of the light, gain 16: half as bright as by day, and noisy."""


FULL_WELL_E, READ_NOISE_E = 8000.0, 4.0
"""Electrons of white by day, and the deviation of reading out: a small surveillance sensor."""
_EXPOSURE = {Light.DAY: (1.0, 1.0), Light.DARK: (1 / 8, 1.0), Light.NOISY: (1 / 32, 16.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A clip that is the source of encodings."""

    target: Target
    size_px: int
    light: Light
    frames: tuple[Rgb, ...]
    boxes: tuple[Box, ...]
    """Where the target is in each frame."""

    @property
    def bucket(self) -> str:
        return bucket(self.target.kind, self.size_px)


def bucket(kind: RegionKind, size_px: int) -> str:
    """Name of the size bucket."""
    return next(name for name, least in BUCKETS[kind] if size_px >= least)


def sizes(target: Target) -> list[int]:
    """The sizes that a target can be shown at without enlarging it; its own where it is between two."""
    own = target.box.height if target.kind is RegionKind.TEXT else target.box.width
    fitting = [size for size in SIZES_PX[target.kind] if size <= own]
    if own <= 1.6 * SIZES_PX[target.kind][0] and (not fitting or own > 1.15 * fitting[0]):
        fitting.insert(0, own)
    return fitting


def scene(target: Target, pictures: Sequence[Rgb], size_px: int, light: Light) -> Scene:
    """The target at a size; the picture goes on around it by at least 24 pixels where there is more.

    :param pictures: one, which is panned, or a clip's frames.
    """
    box = target.box
    scale = size_px / (box.height if target.kind is RegionKind.TEXT else box.width)
    height, width = pictures[0].shape[:2]
    moves = len(pictures) == 1
    # What panning needs stays free at the right and the bottom.
    reach_x, reach_y = (FRAMES * PAN_X / scale, FRAMES * PAN_Y / scale) if moves else (0.0, 0.0)
    margin = min(96.0, max(24.0, 1.5 * box.height * scale)) / scale
    left, top = max(0.0, box.x - margin), max(0.0, box.y - margin)
    right, bottom = min(width - reach_x, box.right + margin), min(height - reach_y, box.bottom + margin)
    # Whole fours: what the SSIM map covers.
    out_width, out_height = (max(32, int(side * scale) // 4 * 4) for side in (right - left, bottom - top))
    right, bottom = min(width - reach_x, left + out_width / scale), min(height - reach_y, top + out_height / scale)
    seed = zlib.crc32(f"{target.name}/{size_px}/{light}".encode())
    noise = np.random.default_rng(seed)
    frames, boxes = [], []
    for number in range(FRAMES):
        x, y = (number * PAN_X / scale, number * PAN_Y / scale) if moves else (0.0, 0.0)
        picture = pictures[0 if moves else min(number, len(pictures) - 1)]
        shown = _resampled(picture, (left + x, top + y, right + x, bottom + y), out_width, out_height)
        frames.append(relit(shown, light, noise))
        factor_x, factor_y = out_width / (right - left), out_height / (bottom - top)
        edges = (
            (box.x - left - x) * factor_x,
            (box.y - top - y) * factor_y,
            (box.right - left - x) * factor_x,
            (box.bottom - top - y) * factor_y,
        )
        x0, y0, x1, y1 = (round(edge) for edge in edges)
        inside = Box(x0, y0, x1 - x0, y1 - y0).inside(out_width, out_height)
        assert inside is not None
        boxes.append(inside)
    return Scene(target=target, size_px=size_px, light=light, frames=tuple(frames), boxes=tuple(boxes))


def _resampled(picture: Rgb, area: tuple[float, float, float, float], width: int, height: int) -> Rgb:
    """Part of a picture at another size, antialiased; the area may begin between two pixels."""
    spare = 4 * max(1, int((area[2] - area[0]) / width) + 1)
    x0, y0 = max(0, int(area[0]) - spare), max(0, int(area[1]) - spare)
    part = picture[y0 : int(area[3]) + spare, x0 : int(area[2]) + spare]
    image = Image.fromarray(np.ascontiguousarray(part))
    within = (
        area[0] - x0,
        area[1] - y0,
        min(area[2] - x0, float(image.width)),
        min(area[3] - y0, float(image.height)),
    )
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC, box=within))


def relit(picture: Rgb, light: Light, noise: np.random.Generator) -> Rgb:
    """The picture as a sensor would have seen it in less light; by day as it is."""
    return picture if light is Light.DAY else exposed(picture, light, noise)


def exposed(picture: Rgb, light: Light, noise: np.random.Generator) -> Rgb:
    """One exposure by a sensor; by day too, with the little noise it has then."""
    share, gain = _EXPOSURE[light]
    value = picture.astype(np.float64) / 255
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    electrons = noise.poisson(linear * FULL_WELL_E * share) + noise.normal(0, READ_NOISE_E, linear.shape)
    seen = np.clip(electrons / FULL_WELL_E * gain, 0, 1)
    curve = np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.round(curve * 255).astype(np.uint8)

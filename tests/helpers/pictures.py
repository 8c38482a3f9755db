"""Pictures made from numbers: real-looking enough for a fidelity metric, small enough for a unit test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Luma = NDArray[np.uint8]


def luma(width: int, height: int, *, seed: int = 1, shift: int = 0) -> Luma:
    """A scene with flat areas, edges, fine texture and sensor noise, as CCTV has them; ``shift`` moves one object."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    scene = 70 + 60 * np.sin(x / 37) * np.cos(y / 23) + 30 * (x / max(1, width))
    scene[height // 2 :, : width // 3] += 25 * (((x + y) // 3) % 2)[height // 2 :, : width // 3]
    left = (width // 4 + shift) % max(1, width - width // 5)
    scene[height // 4 : height // 2, left : left + width // 5] = 200
    scene += rng.normal(0, 3, (height, width))
    levels: Luma = np.clip(scene, 0, 255).astype(np.uint8)
    return levels


def rgb(width: int, height: int, *, seed: int = 1) -> Image.Image:
    """A colour picture of the same scene."""
    planes = [luma(width, height, seed=seed + number, shift=5 * number) for number in range(3)]
    return Image.fromarray(np.stack(planes, axis=-1))


def noisy(plane: Luma, sigma: float, *, seed: int = 9) -> Luma:
    """The plane with Gaussian noise."""
    noise = np.random.default_rng(seed).normal(0, sigma, plane.shape)
    return np.clip(plane.astype(np.float64) + noise, 0, 255).astype(np.uint8)


def blurred(plane: Luma, radius: int) -> Luma:
    """The plane under a box blur of ``2 * radius + 1`` pixels."""
    if radius == 0:
        return plane
    size = 2 * radius + 1
    padded = np.pad(plane.astype(np.float64), radius, mode="edge")
    sums = np.cumsum(np.cumsum(np.pad(padded, ((1, 0), (1, 0))), axis=0), axis=1)
    area = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return np.round(area / size**2).astype(np.uint8)


def requantised(plane: Luma, step: int) -> Luma:
    """The plane with its levels rounded to multiples of ``step``: banding."""
    return np.clip((plane.astype(np.int64) + step // 2) // step * step, 0, 255).astype(np.uint8)

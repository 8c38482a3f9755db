"""The claim "the same arithmetic as FFmpeg's ssim filter", held against FFmpeg."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.helpers import ffmpeg, pictures
from transcoder.metrics import ssim

EXACT = 1e-5
Frame = list[NDArray[Any]]
CHROMA = {"yuv420p": (2, 2), "yuv422p": (2, 1), "yuv444p": (1, 1)}


def frames(width: int, height: int, layout: str, bits: int) -> tuple[list[Frame], list[Frame]]:
    """Five frames of a moving scene, and the same frames harmed in five ways."""
    divide_x, divide_y = CHROMA[layout]
    harms: list[Callable[[pictures.Luma], pictures.Luma]] = [
        lambda p: p,
        lambda p: pictures.noisy(p, 4),
        lambda p: pictures.blurred(p, 2),
        lambda p: pictures.requantised(p, 24),
        lambda p: np.clip(p.astype(np.int64) + 12, 0, 255).astype(np.uint8),
    ]
    before, after = [], []
    for number, harm in enumerate(harms):
        sizes = [(width, height)] + [(-(-width // divide_x), -(-height // divide_y))] * 2
        planes = [pictures.luma(*size, seed=10 * number + k, shift=3 * number) for k, size in enumerate(sizes)]
        harmed = [harm(plane) for plane in planes]
        before.append([_deep(plane, bits, k) for k, plane in enumerate(planes)])
        after.append([_deep(plane, bits, k) for k, plane in enumerate(harmed)])
    return before, after


def _deep(plane: NDArray[np.uint8], bits: int, seed: int) -> NDArray[Any]:
    if bits == 8:
        return plane
    low = np.random.default_rng(seed).integers(0, 1 << (bits - 8), plane.shape)
    return (plane.astype(np.uint16) << (bits - 8)) + low.astype(np.uint16)


@pytest.mark.parametrize(
    ("size", "layout", "bits"),
    [
        ((176, 144), "yuv420p", 8),
        ((320, 180), "yuv422p", 8),
        ((131, 97), "yuv444p", 8),
        ((130, 98), "yuv420p", 8),
        ((176, 144), "yuv420p", 10),
        ((98, 66), "yuv444p", 10),
        ((96, 64), "yuv422p", 12),
    ],
)
def test_luma_and_chroma_are_equal_on_every_frame(
    size: tuple[int, int], layout: str, bits: int, tmp_path: Path
) -> None:
    before, after = frames(*size, layout, bits)
    pixel_format = layout if bits == 8 else f"{layout}{bits}le"
    theirs = ffmpeg.ssim_per_frame(tmp_path, before, after, pixel_format)
    assert len(theirs) == len(before)
    for number, (a, b) in enumerate(zip(before, after, strict=True)):
        for plane, source, output in zip("YUV", a, b, strict=True):
            ours = ssim.mean(ssim.ssim_map(source, output, bit_depth=bits)[0])
            assert ours == pytest.approx(theirs[number][plane], abs=EXACT), (number, plane)
    # The frames differ from one another, so the comparison can fail.
    assert theirs[0]["Y"] == 1.0
    assert min(frame["Y"] for frame in theirs) < 0.9

"""Scores of one picture against its source: SSIM of luma as scikit-image has it, and SSIMULACRA2."""

from __future__ import annotations

import importlib.util
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.evaluate.video import ssim_map, worst_tile

WINDOW_PX = 1024
WHOLE_PIXELS = 4_000_000
"""SSIMULACRA2 of a larger picture is the mean of six windows: the package takes half a gigabyte a megapixel."""
_PLACES = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2))


@dataclass(frozen=True, slots=True, kw_only=True)
class StillScore:
    """``ssimulacra2`` is None where the package is not installed."""

    same_size: bool
    mean: float
    worst_tile: float
    ssimulacra2: float | None


def score_still(source: Path, copy: Path) -> StillScore:
    """Judge ``copy`` upright, as a viewer sees both; one of another size is scaled to the source's."""
    before, after = upright(source), upright(copy)
    same = before.size == after.size
    if not same:
        after = after.resize(before.size, Image.Resampling.BICUBIC)
    values = ssim_map(np.asarray(before.convert("L")), np.asarray(after.convert("L")))
    return StillScore(
        same_size=same,
        mean=float(values.mean()),
        worst_tile=worst_tile(values),
        ssimulacra2=_ssimulacra2(before, after),
    )


def upright(path: Path) -> Image.Image:
    """The picture turned as its orientation tag says, in RGB."""
    with Image.open(path) as picture:
        turned: Image.Image = ImageOps.exif_transpose(picture).convert("RGB")
        return turned


def _ssimulacra2(before: Image.Image, after: Image.Image) -> float | None:
    if importlib.util.find_spec("ssimulacra2") is None:
        return None
    boxes = windows(*before.size)
    with ThreadPoolExecutor(min(2, len(boxes))) as pool:  # NumPy lets the other thread work; more would fill memory
        found = list(pool.map(lambda box: _ssimulacra2_of(before.crop(box), after.crop(box)), boxes))
    return float(np.mean(found))


def windows(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The whole picture, or six windows spread over a large one: left, top, right and bottom."""
    if width * height <= WHOLE_PIXELS:
        return [(0, 0, width, height)]
    wide, high = min(WINDOW_PX, width), min(WINDOW_PX, height)
    corners = [((width - wide) * column // 2, (height - high) * row) for row, column in _PLACES]
    return [(left, top, left + wide, top + high) for left, top in corners]


def _ssimulacra2_of(before: Image.Image, after: Image.Image) -> float:
    import ssimulacra2

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("before.png", "after.png")]
        for picture, path in zip((before, after), paths, strict=True):
            picture.save(path, compress_level=1)
        return float(ssimulacra2.compute_ssimulacra2(str(paths[0]), str(paths[1])))

"""Scores of one picture against its source: SSIM of luma by scikit-image, and SSIMULACRA2."""

from __future__ import annotations

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.evaluate.video import ssim_map, worst_tile


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
    import ssimulacra2

    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("before.png", "after.png")]
        for picture, path in zip((before, after), paths, strict=True):
            picture.save(path, compress_level=1)
        return float(ssimulacra2.compute_ssimulacra2(str(paths[0]), str(paths[1])))

"""Scores of one video against its source, all frames: SSIM by scikit-image, VMAF by ffmpeg."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import structural_similarity

from benchmarks import stock_ffmpeg
from benchmarks.evaluate.moving import BLOCK_PX
from benchmarks.evaluate.showing import Luma, pair, pairs, times_s

TILE_PX = 64
VMAF_MODEL = "version=vmaf_v0.6.1neg"
"""No enhancement gain: sharpening must not count as fidelity."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoScore:
    """SSIM of luma with scikit-image's 7x7 windows; None where there is nothing to measure."""

    frames_source: int
    frames_copy: int
    on_time: int
    same_size: bool
    mean: float
    worst_percent: float
    """What 99 % of the frames reach."""
    worst_tile: float
    """What 99 % of the frames reach in their worst tile of 64x64 pixels."""
    moving: float | None
    vmaf_neg: float | None


def score_video(source: Path, copy: Path, moving: Mask | None = None, *, vmaf: bool = True) -> VideoScore:
    """Judge ``copy``; ``moving`` has the shape (frames, rows, columns) in blocks of the source's picture."""
    pairing = pair(times_s(source), times_s(copy))
    native = next(iter_size(copy)) == next(iter_size(source))
    whole, tiles, inside = [], [], []
    for number, (original, shown) in enumerate(pairs(source, copy, pairing)):
        values = ssim_map(original, shown)
        whole.append(float(values.mean()))
        tiles.append(worst_tile(values))
        if moving is not None and moving[number].any():
            wide = np.kron(moving[number], np.ones((BLOCK_PX, BLOCK_PX), dtype=np.bool_))
            chosen = values[: wide.shape[0], : wide.shape[1]][wide]
            inside.append(float(chosen.mean()))
    return VideoScore(
        frames_source=pairing.frames_source,
        frames_copy=pairing.frames_copy,
        on_time=pairing.on_time,
        same_size=native,
        mean=float(np.mean(whole)),
        worst_percent=float(np.percentile(whole, 1)),
        worst_tile=float(np.percentile(tiles, 1)),
        moving=float(np.mean(inside)) if inside else None,
        vmaf_neg=vmaf_neg(source, copy) if vmaf and native else None,
    )


def iter_size(path: Path) -> Any:
    """Width and height of the first frame, as an iterator of one."""
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0]))
        yield frame.width, frame.height


def ssim_map(original: Luma, copy: Luma) -> NDArray[np.float64]:
    """SSIM of every pixel."""
    _, values = structural_similarity(original, copy, data_range=255, full=True)  # type: ignore[no-untyped-call, unused-ignore]
    return np.asarray(values, dtype=np.float64)


def worst_tile(values: NDArray[np.float64]) -> float:
    """The lowest mean of any tile; what is left over at the edges belongs to no tile unless it is all there is."""
    rows, columns = values.shape[0] // TILE_PX, values.shape[1] // TILE_PX
    if not rows or not columns:
        return float(values.mean())
    whole = values[: rows * TILE_PX, : columns * TILE_PX].reshape(rows, TILE_PX, columns, TILE_PX)
    return float(whole.mean(axis=(1, 3)).min())


def vmaf_neg(source: Path, copy: Path) -> float | None:
    """Mean VMAF without enhancement gain; None where this ffmpeg was built without libvmaf."""
    if not stock_ffmpeg.has_filter("libvmaf"):
        return None
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "vmaf.json"
        options: dict[str, str | int] = {"model": VMAF_MODEL, "log_fmt": "json", "log_path": str(log), "n_threads": 2}
        stock_ffmpeg.run([stock_ffmpeg.compare_command(source, copy, "libvmaf", options)])
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])

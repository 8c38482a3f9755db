"""Scores of one video against its source, all frames: SSIM as scikit-image defines it, VMAF by ffmpeg."""

from __future__ import annotations

import json
import os
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks import stock_ffmpeg
from benchmarks.evaluate.moving import BLOCK_PX
from benchmarks.evaluate.showing import Luma, pair, pairs, times_s

TILE_PX = 64
_WINDOW_PX = 7
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
_PROCESSORS = os.cpu_count() or 1

Mask = NDArray[np.bool_]
_FrameScore = tuple[float, float, float | None]
"""Of one frame: whole, worst tile, and what moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoScore:
    """SSIM of luma in windows of 7x7 pixels; None where there is nothing to measure."""

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
    whole, tiles, parts = zip(*_frame_scores(pairs(source, copy, pairing), moving), strict=True)
    inside = [part for part in parts if part is not None]
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


def _frame_scores(shown: Iterable[tuple[Luma, Luma]], moving: Mask | None) -> Iterator[_FrameScore]:
    """In order; all processors work, and no more frames are held than they need."""
    waiting: deque[Future[_FrameScore]] = deque()
    with ThreadPoolExecutor(_PROCESSORS) as pool:
        for number, (original, copy) in enumerate(shown):
            mask = None if moving is None else moving[number]
            waiting.append(pool.submit(_frame_score, original, copy, mask))
            if len(waiting) > 2 * _PROCESSORS:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _frame_score(original: Luma, copy: Luma, moving: Mask | None) -> _FrameScore:
    values = ssim_map(original, copy)
    inside = None
    if moving is not None and moving.any():
        wide = np.kron(moving, np.ones((BLOCK_PX, BLOCK_PX), dtype=np.bool_))
        inside = float(values[: wide.shape[0], : wide.shape[1]][wide].mean())
    return float(values.mean()), worst_tile(values), inside


def iter_size(path: Path) -> Any:
    """Width and height of the first frame, as an iterator of one."""
    import av

    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0]))
        yield frame.width, frame.height


def ssim_map(original: Luma, copy: Luma) -> NDArray[np.float64]:
    """SSIM of every pixel, as scikit-image has it: windows of 7x7 pixels, covariance of a sample, edges mirrored.

    OpenCV's box filter takes a quarter of the time of scikit-image's own; a test holds the two against each other.
    """
    x, y = original.astype(np.float64), copy.astype(np.float64)
    mean_x, mean_y = _means(x), _means(y)
    sample = _WINDOW_PX**2 / (_WINDOW_PX**2 - 1)
    own = sample * (_means(x * x + y * y) - mean_x * mean_x - mean_y * mean_y)
    shared = sample * (_means(x * y) - mean_x * mean_y)
    top = (2 * mean_x * mean_y + _C1) * (2 * shared + _C2)
    bottom = (mean_x * mean_x + mean_y * mean_y + _C1) * (own + _C2)
    return np.asarray(top / bottom, dtype=np.float64)


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the window round each pixel."""
    size = (_WINDOW_PX, _WINDOW_PX)
    return np.asarray(cv2.boxFilter(values, -1, size, borderType=cv2.BORDER_REFLECT), dtype=np.float64)


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
        options: dict[str, str | int] = {
            "model": stock_ffmpeg.VMAF_MODEL,
            "log_fmt": "json",
            "log_path": str(log),
            "n_threads": 2,
        }
        stock_ffmpeg.run([stock_ffmpeg.compare_command(source, copy, "libvmaf", options)])
        return float(json.loads(log.read_text())["pooled_metrics"]["vmaf"]["mean"])

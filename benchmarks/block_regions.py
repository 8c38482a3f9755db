"""Motion as the encoder could take it at its tightest: the macroblocks that change, window by window.

A yardstick for the product's regions: what could be gained if they covered what moves and nothing else.
Foreground of OpenCV's MOG2 on a small picture, joined over a short window, laid on the grid of macroblocks
and cut into rectangles.
"""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
from numpy.typing import NDArray

from transcoder.media import frames
from transcoder.media.reader import read_frames
from transcoder.model import Box, SourceInfo

BLOCK_PX = 16
WIDTH_PX = 384
MAX_RECTANGLES = 40
_LEAST_AREA_PX = 12
"""In the small picture."""

Mask = NDArray[np.bool_]
Grey = cv2.typing.MatLike
Windows = dict[int, tuple[Box, ...]]


def block_windows(source: SourceInfo, window_s: Fraction, pad_px: int = 3, strict: int = 36) -> Windows:
    """Rectangles for each window, numbered from the track's start.

    :param pad_px: in the small picture, around what moves.
    :param strict: the model's threshold of squared distance; higher finds less.
    """
    track = source.video
    assert track is not None
    scale = min(1.0, WIDTH_PX / track.width)
    size = round(track.width * scale), round(track.height * scale)
    ticks = max(1, round(window_s / track.time_base))
    start = round(track.start_s / track.time_base)
    rate = float(track.frames / track.duration_s)
    model = cv2.createBackgroundSubtractorMOG2(history=round(60 * rate), varThreshold=strict, detectShadows=False)
    model.setBackgroundRatio(0.6)
    small_kernel, pad = np.ones((3, 3), np.uint8), np.ones((2 * pad_px + 1, 2 * pad_px + 1), np.uint8)
    grid = -(-track.height // BLOCK_PX), -(-track.width // BLOCK_PX)
    masks: dict[int, Mask] = {}
    for timed in read_frames(source.path, track):
        planes = frames.planes_of(frames.convert(timed.frame, "yuv420p", full_range=False))
        luma = np.ascontiguousarray(planes[0], dtype=np.uint8)
        small = cv2.resize(luma, size, interpolation=cv2.INTER_AREA)
        found = cv2.morphologyEx(model.apply(_exposed_alike(small, model)), cv2.MORPH_OPEN, small_kernel)
        found = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
        kept = cv2.dilate(_large(found), pad)
        blocks = cv2.resize(kept, (grid[1] * 4, grid[0] * 4), interpolation=cv2.INTER_AREA)
        share = blocks.reshape(grid[0], 4, grid[1], 4).mean(axis=(1, 3))
        number = (timed.pts - start) // ticks
        masks[number] = masks.get(number, np.zeros(grid, np.bool_)) | (share > 24)
    return {number: rectangles(mask, (track.width, track.height)) for number, mask in masks.items()}


def _exposed_alike(small: Grey, model: cv2.BackgroundSubtractorMOG2) -> Grey:
    """The picture without what automatic exposure did to it: its median gain against the background."""
    usual = model.getBackgroundImage()
    if usual is None or usual.shape != small.shape:
        return small
    now, then = small[::4, ::4].astype(np.float32), usual[::4, ::4].astype(np.float32)
    usable = (then > 16) & (now > 16) & (now < 250) & (then < 250)
    if np.count_nonzero(usable) < 64:
        return small
    gain = float(np.clip(np.median(then[usable] / now[usable]), 0.5, 2.0))
    return cv2.convertScaleAbs(small, alpha=gain)


def _large(found: Grey) -> Grey:
    count, labels, facts, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    keep = np.zeros(count, np.uint8)
    keep[1:] = np.where(facts[1:, cv2.CC_STAT_AREA] >= _LEAST_AREA_PX, 255, 0)
    large: Grey = keep[labels]
    return large


def rectangles(mask: Mask, size: tuple[int, int]) -> tuple[Box, ...]:
    """Rectangles that cover a mask of blocks: exactly, where few enough do."""
    open_runs: dict[tuple[int, int], int] = {}
    found: list[tuple[int, int, int, int]] = []
    for row in range(len(mask) + 1):
        runs = set(_runs(mask[row])) if row < len(mask) else set()
        for run in [run for run in open_runs if run not in runs]:
            found.append((run[0], open_runs.pop(run), run[1], row))
        for run in runs:
            open_runs.setdefault(run, row)
    boxes = [
        Box(left * BLOCK_PX, top * BLOCK_PX, (right - left) * BLOCK_PX, (bottom - top) * BLOCK_PX)
        for left, top, right, bottom in found
    ]
    while len(boxes) > MAX_RECTANGLES:
        boxes = _joined(boxes)
    fitted = (box.inside(*size) for box in boxes)
    return tuple(box for box in fitted if box is not None)


def _runs(row: Mask) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], row, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(boxes: list[Box]) -> list[Box]:
    """One rectangle fewer: the two whose union adds least."""
    best: tuple[int, int, int] | None = None
    for i, a in enumerate(boxes):
        for j in range(i + 1, len(boxes)):
            waste = a.union(boxes[j]).area - a.area - boxes[j].area
            if best is None or waste < best[0]:
                best = waste, i, j
    assert best is not None
    _, i, j = best
    rest = [box for number, box in enumerate(boxes) if number not in (i, j)]
    return [*rest, boxes[i].union(boxes[j])]

"""Areas of any shape as rectangles on the macroblock grid: what encoders take and scores can be summed over."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from transcoder.model.region import Box

BLOCK_PX = 16
"""Macroblocks: a region that ends inside one takes the whole block."""

BlockMask = NDArray[np.bool_]
"""Shape (rows, columns) of blocks; the last ones may reach beyond the picture."""


def grid_of(size: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of blocks that cover a picture of (width, height)."""
    return -(-size[1] // BLOCK_PX), -(-size[0] // BLOCK_PX)


def blocks_of(boxes: Iterable[Box], size: tuple[int, int]) -> BlockMask:
    """Every block that a box touches."""
    mask = np.zeros(grid_of(size), dtype=np.bool_)
    for box in boxes:
        fitted = box.inside(*size)
        if fitted is not None:
            mask[
                fitted.y // BLOCK_PX : -(-fitted.bottom // BLOCK_PX),
                fitted.x // BLOCK_PX : -(-fitted.right // BLOCK_PX),
            ] = True
    return mask


def blocks_in(pixels: NDArray[np.bool_] | NDArray[np.uint8]) -> BlockMask:
    """Every block with a non-zero pixel in it; ``pixels`` has the picture's shape (height, width)."""
    rows, columns = grid_of((pixels.shape[1], pixels.shape[0]))
    padded = np.zeros((rows * BLOCK_PX, columns * BLOCK_PX), dtype=np.bool_)
    padded[: pixels.shape[0], : pixels.shape[1]] = pixels != 0
    return np.asarray(padded.reshape(rows, BLOCK_PX, columns, BLOCK_PX).any(axis=(1, 3)))


def rectangles(mask: BlockMask, size: tuple[int, int], *, limit: int) -> tuple[Box, ...]:
    """Disjoint rectangles that cover a mask of blocks: exactly where ``limit`` of them do, else the little more
    that joining costs.

    :param size: width and height of the picture, which the rectangles are held inside.
    """
    boxes = _exact(mask)
    while len(boxes) > 2 * limit and mask.any():
        mask = _coarser(mask)  # joining hundreds one by one would take seconds
        anew = _exact(mask)
        if len(anew) >= len(boxes):
            break
        boxes = anew
    if len(boxes) > limit:
        boxes = _joined(boxes, limit)
    width, height = size
    fitted = (box if box.right <= width and box.bottom <= height else box.inside(*size) for box in boxes)
    return tuple(box for box in fitted if box is not None)


def _exact(mask: BlockMask) -> list[Box]:
    """Runs of each row; equal ones of neighbouring rows are one rectangle."""
    rows = _runs(mask)
    open_runs: dict[tuple[int, int], int] = {}
    boxes: list[Box] = []
    for row in range(min(rows, default=0), max(rows, default=-1) + 2):
        runs = rows.get(row, [])
        for run in [run for run in open_runs if run not in runs]:
            top = open_runs.pop(run)
            boxes.append(Box(run[0] * BLOCK_PX, top * BLOCK_PX, (run[1] - run[0]) * BLOCK_PX, (row - top) * BLOCK_PX))
        for run in runs:
            open_runs.setdefault(run, row)
    return boxes


def _runs(mask: BlockMask) -> dict[int, list[tuple[int, int]]]:
    """First column and the one behind the last of every run, by row; rows without one are left out."""
    wide = mask.shape[1] + 2
    padded = np.zeros((mask.shape[0], wide), dtype=np.bool_)
    padded[:, 1:-1] = mask
    flat = padded.ravel()  # every row begins and ends outside, so a change to the next row is none
    changes = np.flatnonzero(flat[1:] != flat[:-1]).tolist()
    found: dict[int, list[tuple[int, int]]] = {}
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        row = start // wide
        found.setdefault(row, []).append((start - row * wide, end - row * wide))
    return found


def _coarser(mask: BlockMask) -> BlockMask:
    """The same with every two by two blocks filled where one of them is."""
    rows, columns = mask.shape
    even = np.zeros((rows + rows % 2, columns + columns % 2), dtype=np.bool_)
    even[:rows, :columns] = mask
    halved = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).any(axis=(1, 3))
    return np.repeat(np.repeat(halved, 2, axis=0), 2, axis=1)[:rows, :columns]


def _joined(boxes: list[Box], limit: int) -> list[Box]:
    """At most ``limit`` rectangles: again and again the two whose union adds least, and whatever it reaches into."""
    sides = np.array([(box.x, box.y, box.right, box.bottom) for box in boxes]).T
    while sides.shape[1] > limit:
        left, top, right, bottom = sides
        width = np.maximum(right[:, None], right) - np.minimum(left[:, None], left)
        height = np.maximum(bottom[:, None], bottom) - np.minimum(top[:, None], top)
        area = (right - left) * (bottom - top)
        added = width * height - area[:, None] - area
        np.fill_diagonal(added, np.iinfo(added.dtype).max)
        taken = np.zeros(len(left), dtype=np.bool_)
        taken[list(divmod(int(added.argmin()), len(left)))] = True
        while True:
            x, y = left[taken].min(), top[taken].min()
            end_x, end_y = right[taken].max(), bottom[taken].max()
            reached = taken | ((left < end_x) & (right > x) & (top < end_y) & (bottom > y))
            if (reached == taken).all():
                break
            taken = reached
        sides = np.column_stack((sides[:, ~taken], (x, y, end_x, end_y)))
    return [Box(x, y, right - x, bottom - y) for x, y, right, bottom in sides.T.tolist()]

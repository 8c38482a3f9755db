"""The SSIM map without the compiler, whose loading takes longer than this takes for a picture or a short clip.

The same whole numbers and the same double precision in the same order, so the same bits as the compiled kernel gives.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from transcoder.metrics.ssim import FloatMap, Plane, TileGrid, comparable, constants

_STRIP = 16
"""Rows of blocks at a time: what they take stays in the processor's cache."""
Sums = NDArray[np.int32]


def ssim_map(source: Plane, output: Plane, *, bit_depth: int = 8) -> tuple[FloatMap, float]:
    """See ``ssim.ssim_map``; 8-bit planes only, whose sums fit into 32 bits.

    :raises ValueError: where shapes differ, or samples are deeper.
    """
    if bit_depth != 8:
        raise ValueError(f"samples of {bit_depth} bits need the compiled kernel")
    a, b = comparable(source, output)
    c1, c2 = constants(8)
    rows, columns = a.shape[0] // 4, a.shape[1] // 4
    out = np.empty((rows - 1, columns - 1), dtype=np.float32)
    squared_error = 0
    above: Sums | None = None
    for top in range(0, rows, _STRIP):
        strip = slice(top * 4, min(rows, top + _STRIP) * 4), slice(0, columns * 4)
        blocks = _block_sums(a[strip].astype(np.int32), b[strip].astype(np.int32))
        squared_error += int(blocks[2].sum(dtype=np.int64)) - 2 * int(blocks[3].sum(dtype=np.int64))
        joined = blocks if above is None else np.concatenate([above, blocks], axis=1)
        above = blocks[:, -1:]
        first = max(0, top - 1)
        out[first : first + joined.shape[1] - 1] = _values(joined, c1, c2)
    return out, squared_error / (rows * 4 * columns * 4)


def _block_sums(a: Sums, b: Sums) -> Sums:
    """Sums of a, b, a*a + b*b and a*b over blocks of 4x4, of shape (4, rows, columns)."""
    squares = a * a
    squares += b * b
    sums = []
    for plane in (a, b, squares, a * b):
        down = plane[0::4] + plane[1::4]
        down += plane[2::4]
        down += plane[3::4]
        across = down[:, 0::4] + down[:, 1::4]
        across += down[:, 2::4]
        across += down[:, 3::4]
        sums.append(across)
    return np.stack(sums)


def _values(blocks: Sums, c1: int, c2: int) -> NDArray[np.float64]:
    """SSIM of each window of 2x2 blocks."""
    pairs = blocks[:, :-1] + blocks[:, 1:]
    s1, s2, squares, s12 = pairs[:, :, :-1] + pairs[:, :, 1:]
    cross, own = s1 * s2, s1 * s1 + s2 * s2
    variances, covariance = squares * 64 - own, s12 * 64 - cross
    above = (2 * cross + c1).astype(np.float64) * (2 * covariance + c2)
    value: NDArray[np.float64] = above / ((own + c1).astype(np.float64) * (variances + c2))
    return value


def window_sums(values: FloatMap, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    """See ``ssim.window_sums``."""
    parts = (values[top:bottom, left:right] for top, bottom, left, right in windows.tolist())
    return np.array([_in_order(part) for part in parts])


def tile_means(grid: TileGrid, values: FloatMap) -> FloatMap:
    """See ``TileGrid.means``."""
    out = np.empty((grid.rows, grid.columns), dtype=np.float32)
    for y in range(grid.rows):
        rows = values[grid.edges_y[y] : grid.edges_y[y + 1]].astype(np.float64)
        for x in range(grid.columns):
            part = rows[:, grid.edges_x[x] : grid.edges_x[x + 1]]
            out[y, x] = _in_order(part) / part.size
    return out


def _in_order(part: NDArray[np.floating]) -> float:
    """The sum, one after the other, as the kernel adds them up."""
    return float(part.ravel().cumsum(dtype=np.float64)[-1]) if part.size else 0.0

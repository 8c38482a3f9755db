"""The SSIM map: 8x8 windows on a 4x4 grid, the same arithmetic as FFmpeg's ``ssim`` filter.

Formula: Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to
Structural Similarity", IEEE TIP 2004, eq. 13, with the integer constants of FFmpeg's
``libavfilter/vf_ssim.c`` (C1 = (0.01*max)^2 * 64, C2 = (0.03*max)^2 * 64 * 63, each + 0.5, truncated),
box windows instead of Gaussian ones, and the 63 that stands for the unbiased variance.

One pass gives the map; the frame's mean, every tile and later every region are sums over it. Rows
and columns beyond the last multiple of four are not covered, as in FFmpeg: at most 3 pixels at the
right and bottom edge.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]
FloatMap = NDArray[np.float32]

SMALLEST_SIDE = 8
"""A plane smaller than one window is enlarged by repeating its edge."""


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _ssim_map(a: Any, b: Any, c1: int, c2: int, out: Any) -> int:
    """Fill ``out`` (rows/4 - 1, columns/4 - 1) and return the sum of squared differences of the covered area.

    Sums of a, b, a*a + b*b and a*b go down the columns first, then across: whole rows at a time are
    what the compiler can vectorise (twice as fast as block by block).
    """
    blocks_y = a.shape[0] // 4
    blocks_x = a.shape[1] // 4
    columns = np.empty((4, blocks_x * 4), dtype=np.int64)
    blocks = np.empty((2, 4, blocks_x), dtype=np.int64)
    sse = np.int64(0)
    for by in range(blocks_y):
        r = by * 4
        for x in range(blocks_x * 4):
            p0, p1, p2, p3 = np.int64(a[r, x]), np.int64(a[r + 1, x]), np.int64(a[r + 2, x]), np.int64(a[r + 3, x])
            q0, q1, q2, q3 = np.int64(b[r, x]), np.int64(b[r + 1, x]), np.int64(b[r + 2, x]), np.int64(b[r + 3, x])
            columns[0, x] = p0 + p1 + p2 + p3
            columns[1, x] = q0 + q1 + q2 + q3
            columns[2, x] = p0 * p0 + p1 * p1 + p2 * p2 + p3 * p3 + q0 * q0 + q1 * q1 + q2 * q2 + q3 * q3
            columns[3, x] = p0 * q0 + p1 * q1 + p2 * q2 + p3 * q3
        now = by & 1
        for kind in range(4):
            for bx in range(blocks_x):
                x = 4 * bx
                blocks[now, kind, bx] = (
                    columns[kind, x] + columns[kind, x + 1] + columns[kind, x + 2] + columns[kind, x + 3]
                )
        for bx in range(blocks_x):
            sse += blocks[now, 2, bx] - 2 * blocks[now, 3, bx]
        if by > 0:
            up = 1 - now
            for bx in range(blocks_x - 1):
                f1 = blocks[up, 0, bx] + blocks[up, 0, bx + 1] + blocks[now, 0, bx] + blocks[now, 0, bx + 1]
                f2 = blocks[up, 1, bx] + blocks[up, 1, bx + 1] + blocks[now, 1, bx] + blocks[now, 1, bx + 1]
                fs = blocks[up, 2, bx] + blocks[up, 2, bx + 1] + blocks[now, 2, bx] + blocks[now, 2, bx + 1]
                f12 = blocks[up, 3, bx] + blocks[up, 3, bx + 1] + blocks[now, 3, bx] + blocks[now, 3, bx + 1]
                variances = fs * 64 - f1 * f1 - f2 * f2
                covariance = f12 * 64 - f1 * f2
                out[by - 1, bx] = (float(2 * f1 * f2 + c1) * float(2 * covariance + c2)) / (
                    float(f1 * f1 + f2 * f2 + c1) * float(variances + c2)
                )
    return int(sse)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _window_sums(values: Any, windows: Any, out: Any) -> None:
    for number in range(windows.shape[0]):
        total = 0.0
        for row in range(windows[number, 0], windows[number, 1]):
            for column in range(windows[number, 2], windows[number, 3]):
                total += values[row, column]
        out[number] = total


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def _tile_means(values: Any, edges_y: Any, edges_x: Any, out: Any) -> None:
    for ty in range(edges_y.shape[0] - 1):
        for tx in range(edges_x.shape[0] - 1):
            total = 0.0
            for y in range(edges_y[ty], edges_y[ty + 1]):
                for x in range(edges_x[tx], edges_x[tx + 1]):
                    total += values[y, x]
            out[ty, tx] = total / ((edges_y[ty + 1] - edges_y[ty]) * (edges_x[tx + 1] - edges_x[tx]))


def _at_least_one_window(plane: Plane) -> Plane:
    missing_y = max(0, SMALLEST_SIDE - plane.shape[0])
    missing_x = max(0, SMALLEST_SIDE - plane.shape[1])
    if missing_y or missing_x:
        padded: Plane = np.pad(plane, ((0, missing_y), (0, missing_x)), mode="edge")  # type: ignore[assignment]
        return padded
    return plane


def ssim_map(source: Plane, output: Plane, *, bit_depth: int = 8) -> tuple[FloatMap, float]:
    """The SSIM map of two planes, and their mean squared error.

    :param source: shape (height, width), uint8 or uint16; rows may be strided.
    :param output: same shape and dtype.
    :param bit_depth: significant bits a sample (8 for uint8; 10 or 12 in uint16).
    :returns: float32 map of shape (height // 4 - 1, width // 4 - 1), one value for each 8x8 window on the
        4x4 grid; and the mean squared error over the covered area.
    :raises ValueError: where shapes differ.
    """
    if source.shape != output.shape:
        raise ValueError(f"planes differ in shape: {source.shape} and {output.shape}")
    source, output = _at_least_one_window(source), _at_least_one_window(output)
    peak = (1 << bit_depth) - 1
    c1 = int(0.01 * 0.01 * peak * peak * 64 + 0.5)
    c2 = int(0.03 * 0.03 * peak * peak * 64 * 63 + 0.5)
    rows, columns = source.shape[0] // 4, source.shape[1] // 4
    out = np.empty((rows - 1, columns - 1), dtype=np.float32)
    sse = _ssim_map(source, output, c1, c2, out)
    return out, sse / (rows * 4 * columns * 4)


def compile_kernels() -> None:
    """Compile for every kind of plane that occurs, so that later runs find them ready."""
    for whole in (np.zeros((16, 32), np.uint8), np.zeros((16, 32), np.uint16)):
        shared = whole.copy()
        shared.flags.writeable = False  # Pillow's own memory
        strided = whole[:, :16]
        for plane in (whole, shared, strided):
            ssim_map(plane, plane)
        ssim_map(strided, strided.copy())
        ssim_map(strided.copy(), strided)
    values, _ = ssim_map(np.zeros((16, 32), np.uint8), np.zeros((16, 32), np.uint8))
    TileGrid(32, 16).means(values)
    window_sums(values, np.zeros((1, 4), np.int64))


def mean(values: FloatMap) -> float:
    """Mean of a map in double precision."""
    return float(values.mean(dtype=np.float64))


def window_sums(values: FloatMap, windows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sums of parts of a map, which may overlap.

    :param windows: shape (n, 4): first row, end of the rows, first column, end of the columns of each part.
    :returns: float64 of shape (n,).
    """
    out = np.empty(len(windows))
    _window_sums(values, windows, out)
    return out


def psnr_db(mean_squared_error: float, *, bit_depth: int = 8) -> float:
    """Peak signal-to-noise ratio in decibels; capped at 100 for identical planes so that means stay finite."""
    if mean_squared_error <= 0:
        return 100.0
    peak = (1 << bit_depth) - 1
    return min(100.0, 10 * math.log10(peak * peak / mean_squared_error))


class TileGrid:
    """Divides a map into near-square tiles of about 64 pixels, so that a local blur cannot hide in a mean.

    :param width: plane width in pixels.
    :param height: plane height in pixels.
    """

    TILE_PX = 64

    def __init__(self, width: int, height: int) -> None:
        windows_x = max(SMALLEST_SIDE, width) // 4 - 1
        windows_y = max(SMALLEST_SIDE, height) // 4 - 1
        self.columns = min(windows_x, max(1, round(width / self.TILE_PX)))
        self.rows = min(windows_y, max(1, round(height / self.TILE_PX)))
        self._edges_x = np.round(np.linspace(0, windows_x, self.columns + 1)).astype(np.int64)
        self._edges_y = np.round(np.linspace(0, windows_y, self.rows + 1)).astype(np.int64)
        self._size = (width, height)

    def means(self, values: FloatMap) -> FloatMap:
        """Mean of the map in each tile: float32 of shape (rows, columns)."""
        out = np.empty((self.rows, self.columns), dtype=np.float32)
        _tile_means(values, self._edges_y, self._edges_x, out)
        return out

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """x, y, width, height of a tile in pixels (windows reach 4 pixels beyond the grid point they start at)."""
        left, right = int(self._edges_x[column]) * 4, int(self._edges_x[column + 1]) * 4 + 4
        top, bottom = int(self._edges_y[row]) * 4, int(self._edges_y[row + 1]) * 4 + 4
        width, height = self._size
        return left, top, min(right, width) - left, min(bottom, height) - top

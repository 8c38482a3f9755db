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

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8] | NDArray[np.uint16]
FloatMap = NDArray[np.float32]

SMALLEST_SIDE = 8
"""A plane smaller than one window is enlarged by repeating its edge."""


def _at_least_one_window(plane: Plane) -> Plane:
    missing_y = max(0, SMALLEST_SIDE - plane.shape[0])
    missing_x = max(0, SMALLEST_SIDE - plane.shape[1])
    if missing_y or missing_x:
        padded: Plane = np.pad(plane, ((0, missing_y), (0, missing_x)), mode="edge")  # type: ignore[assignment]
        return padded
    return plane


def comparable(source: Plane, output: Plane) -> tuple[Plane, Plane]:
    """Both planes, at least one window large.

    :raises ValueError: where shapes differ.
    """
    if source.shape != output.shape:
        raise ValueError(f"planes differ in shape: {source.shape} and {output.shape}")
    return _at_least_one_window(source), _at_least_one_window(output)


def ssim_map(source: Plane, output: Plane, *, bit_depth: int = 8) -> tuple[FloatMap, float]:
    """The SSIM map of two planes, and their mean squared error.

    :param source: shape (height, width), uint8 or uint16; rows may be strided.
    :param output: same shape and dtype.
    :param bit_depth: significant bits a sample (8 for uint8; 10 or 12 in uint16).
    :returns: float32 map of shape (height // 4 - 1, width // 4 - 1), one value for each 8x8 window on the
        4x4 grid; and the mean squared error over the covered area.
    :raises ValueError: where shapes differ.
    """
    from transcoder.metrics import kernels

    source, output = comparable(source, output)
    rows, columns = source.shape[0] // 4, source.shape[1] // 4
    out = np.empty((rows - 1, columns - 1), dtype=np.float32)
    sse = kernels.ssim_map(source, output, *constants(bit_depth), out)
    return out, sse / (rows * 4 * columns * 4)


def constants(bit_depth: int) -> tuple[int, int]:
    """C1 and C2, as FFmpeg has them."""
    peak = (1 << bit_depth) - 1
    return int(0.01 * 0.01 * peak * peak * 64 + 0.5), int(0.03 * 0.03 * peak * peak * 64 * 63 + 0.5)


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
    from transcoder.metrics import kernels

    out = np.empty(len(windows))
    kernels.window_sums(values, windows, out)
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
        self.edges_x = np.round(np.linspace(0, windows_x, self.columns + 1)).astype(np.int64)
        self.edges_y = np.round(np.linspace(0, windows_y, self.rows + 1)).astype(np.int64)
        self._size = (width, height)

    def means(self, values: FloatMap) -> FloatMap:
        """Mean of the map in each tile: float32 of shape (rows, columns)."""
        from transcoder.metrics import kernels

        out = np.empty((self.rows, self.columns), dtype=np.float32)
        kernels.tile_means(values, self.edges_y, self.edges_x, out)
        return out

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """x, y, width, height of a tile in pixels (windows reach 4 pixels beyond the grid point they start at)."""
        left, right = int(self.edges_x[column]) * 4, int(self.edges_x[column + 1]) * 4 + 4
        top, bottom = int(self.edges_y[row]) * 4, int(self.edges_y[row + 1]) * 4 + 4
        width, height = self._size
        return left, top, min(right, width) - left, min(bottom, height) - top

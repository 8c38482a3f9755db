"""The compiled kernels: loading the compiler takes most of a second, so they are imported where many frames come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def ssim_map(a: Any, b: Any, c1: int, c2: int, out: Any) -> int:
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
def tile_means(values: Any, edges_y: Any, edges_x: Any, out: Any) -> None:
    """Fill ``out`` with the mean of each tile, summed in double precision, row by row."""
    for ty in range(edges_y.shape[0] - 1):
        for tx in range(edges_x.shape[0] - 1):
            total = 0.0
            for y in range(edges_y[ty], edges_y[ty + 1]):
                for x in range(edges_x[tx], edges_x[tx + 1]):
                    total += values[y, x]
            out[ty, tx] = total / ((edges_y[ty + 1] - edges_y[ty]) * (edges_x[tx + 1] - edges_x[tx]))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator, unused-ignore]
def window_sums(values: Any, windows: Any, out: Any) -> None:
    """Fill ``out`` with the sum of each part, given as first row, end of rows, first column, end of columns."""
    for number in range(windows.shape[0]):
        total = 0.0
        for row in range(windows[number, 0], windows[number, 1]):
            for column in range(windows[number, 2], windows[number, 3]):
                total += values[row, column]
        out[number] = total

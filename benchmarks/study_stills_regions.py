"""Bits by place within standard JPEG: a finer table for the whole picture, coarser levels outside the regions.

JPEG has one quantisation table a component, so the only place to save is in the coefficients: encode at a higher
quality and, in blocks away from any region, move levels to zero or to the next shorter code where the saved bits
are worth the error (rate-distortion with a Lagrangian ``weight``). Blocks of the regions keep theirs. Coefficients
are reached through ``jpeglib``.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import mozjpeg_lossless_optimization as mozjpeg
import numpy as np
from numba import njit
from numpy.typing import NDArray
from PIL import Image

from benchmarks.study_stills_encoders import Encode, Filler, optional
from transcoder.model.region import Box

MARGIN_PX = 8
STEPS = 48
"""The weight has this many steps, so that the same bisection fills the cap as with a quality."""
_LARGEST_LOG_WEIGHT = 10.0
_CODE_BITS = 2.5
"""About what a coefficient costs beside its magnitude bits."""

# fmt: off
_ZIGZAG = np.array([
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
])
# fmt: on


@njit(cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _coarsen(levels: Any, table: Any, weight: float, spared: Any, zigzag: Any) -> None:
    """Change ``levels`` (rows, columns, 64; int16) in place, last coefficient first; DC stays."""
    for row in range(levels.shape[0]):
        for column in range(levels.shape[1]):
            if spared[row, column]:
                continue
            at_end = True
            for position in range(63, 0, -1):
                index = zigzag[position]
                level = abs(int(levels[row, column, index]))
                if level == 0:
                    continue
                size = 0
                while level >> size:
                    size += 1
                step = float(table[index])
                best, cost = level, weight * (2 * size + _CODE_BITS)
                zero = (level * step) ** 2 + (0.0 if at_end else 0.5 * weight)
                if zero < cost:
                    best, cost = 0, zero
                shorter = (1 << (size - 1)) - 1
                if shorter > 0 and ((level - shorter) * step) ** 2 + weight * (2 * size - 2 + _CODE_BITS) < cost:
                    best = shorter
                if best != level:
                    levels[row, column, index] = best if levels[row, column, index] > 0 else -best
                at_end = at_end and best == 0


def _spared(shape: tuple[int, int], boxes: tuple[Box, ...], block_px: int) -> NDArray[np.bool_]:
    spared = np.zeros(shape, dtype=np.bool_)
    for box in boxes:
        around = box.padded(MARGIN_PX).on_grid(block_px)
        rows = slice(max(0, around.y // block_px), around.bottom // block_px)
        spared[rows, max(0, around.x // block_px) : around.right // block_px] = True
    return spared


def coarsened(data: bytes, boxes: tuple[Box, ...], weight: float, package: Any) -> bytes:
    """A JPEG with fewer bits outside the boxes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.jpg"
        path.write_bytes(data)
        image = package.read_dct(str(path))
        for number, planes in enumerate((image.Y, image.Cb, image.Cr)):
            levels = np.ascontiguousarray(planes.reshape(*planes.shape[:2], 64))
            block_px = 8 * (image.Y.shape[0] // planes.shape[0] if number else 1)
            table = image.qt[image.quant_tbl_no[number]].reshape(64).astype(np.float64)
            _coarsen(levels, table, weight, _spared(levels.shape[:2], boxes, block_px), _ZIGZAG)
            planes[:] = levels.reshape(planes.shape)
        image.write_dct(str(path))
        return bytes(mozjpeg.optimize(path.read_bytes()))


def under(picture: Image.Image, encode: Encode, quality: int, boxes: tuple[Box, ...], cap: int) -> bytes | None:
    """The file at a quality for the regions, the rest coarsened until it fits; None where it never does."""
    package = optional("jpeglib")
    if package is None:
        return None
    fine = encode(picture, quality)

    def at(_: Image.Image, kept: int) -> bytes:
        return coarsened(fine, boxes, float(np.exp(_LARGEST_LOG_WEIGHT * (1 - kept / STEPS))), package)

    found = Filler(picture, at, top=STEPS).under(cap)
    return None if found is None else found[1]

"""The SSIM map without the compiler: the same bits as with it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.helpers import pictures
from transcoder.metrics import plain, ssim

SIZES = [(1, 1), (3, 8), (8, 8), (9, 11), (64, 64), (64, 68), (101, 67), (640, 5), (5, 640), (403, 530)]


@pytest.mark.parametrize("size", SIZES)
def test_the_map_the_error_and_the_tiles_are_those_of_the_kernel(size: tuple[int, int]) -> None:
    source = pictures.luma(*size, seed=3)
    for output in (source, pictures.noisy(source, 12), 255 - source, np.zeros_like(source)):
        values, error = plain.ssim_map(source, output)
        expected, expected_error = ssim.ssim_map(source, output)
        assert np.array_equal(values, expected)
        assert error == expected_error
        grid = ssim.TileGrid(*size)
        assert np.array_equal(plain.tile_means(grid, values), grid.means(values))


def test_sums_of_parts_are_those_of_the_kernel() -> None:
    values, _ = ssim.ssim_map(pictures.luma(403, 530, seed=3), pictures.noisy(pictures.luma(403, 530, seed=3), 12))
    windows = np.array([[0, 131, 0, 99], [5, 6, 7, 8], [10, 90, 20, 30], [0, 99, 50, 51]], np.int64)
    assert np.array_equal(plain.window_sums(values, windows), ssim.window_sums(values, windows))


def test_deep_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="10 bits"):
        plain.ssim_map(pictures.luma(16, 16), pictures.luma(16, 16), bit_depth=10)


def test_the_largest_sums_fit() -> None:
    white, black = np.full((64, 64), 255, np.uint8), np.zeros((64, 64), np.uint8)
    for pair in ((white, white), (white, black), (black, white)):
        assert np.array_equal(plain.ssim_map(*pair)[0], ssim.ssim_map(*pair)[0])


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        plain.ssim_map(pictures.luma(16, 16), pictures.luma(16, 20))


def test_the_compiler_stays_out() -> None:
    code = "import sys; from transcoder.metrics import measure; print('numba' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ended.stdout == "False\n"

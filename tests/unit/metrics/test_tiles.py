"""Tiles: no place of the picture escapes, and a local blur cannot hide in the mean."""

from __future__ import annotations

import numpy as np
import pytest

from tests.helpers import pictures
from transcoder.metrics import ssim
from transcoder.metrics.ssim import TileGrid

SIZES = [(1, 1), (8, 8), (9, 5), (63, 65), (64, 64), (100, 40), (352, 288), (641, 361), (1921, 1081), (3, 900)]


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_every_window_belongs_to_exactly_one_tile(width: int, height: int) -> None:
    grid = TileGrid(width, height)
    shape = (max(8, height) // 4 - 1, max(8, width) // 4 - 1)
    # Each window gets a weight of its own; tile means times tile sizes must add up to the whole, whatever they are.
    rng = np.random.default_rng(3)
    owners = np.zeros(shape, dtype=np.int64)
    sizes = grid.means(np.ones(shape, dtype=np.float32))
    assert sizes.shape == (grid.rows, grid.columns)
    assert np.allclose(sizes, 1)
    for y, x in {(int(rng.integers(shape[0])), int(rng.integers(shape[1]))) for _ in range(40)}:
        values = np.zeros(shape, dtype=np.float32)
        values[y, x] = 1
        owners[y, x] = np.count_nonzero(grid.means(values))
        assert owners[y, x] == 1


@pytest.mark.parametrize(("width", "height"), SIZES)
def test_boxes_lie_inside_the_picture_and_cover_it(width: int, height: int) -> None:
    grid = TileGrid(width, height)
    covered = np.zeros((height, width), dtype=bool)
    for row in range(grid.rows):
        for column in range(grid.columns):
            x, y, w, h = grid.box(row, column)
            assert w > 0
            assert h > 0
            assert x >= 0
            assert y >= 0
            assert x + w <= width
            assert y + h <= height
            covered[y : y + h, x : x + w] = True
    # Up to 3 pixels at the right and bottom edge are outside the grid, as in FFmpeg.
    assert covered[: max(1, height // 4 * 4), : max(1, width // 4 * 4)].all()


def test_tiles_are_about_64_pixels() -> None:
    grid = TileGrid(640, 360)
    for row in range(grid.rows):
        for column in range(grid.columns):
            _, _, w, h = grid.box(row, column)
            assert 48 <= w <= 84
            assert 48 <= h <= 84


@pytest.mark.parametrize("place", [(0, 0), (200, 100), (520, 290), (330, 8)])
def test_a_local_blur_is_found_where_it_is(place: tuple[int, int]) -> None:
    plane = pictures.noisy(pictures.luma(640, 360), 20)  # texture everywhere, so that a blur costs it
    left, top = place
    harmed = plane.copy()
    harmed[top : top + 48, left : left + 48] = pictures.blurred(plane, 4)[top : top + 48, left : left + 48]
    values, _ = ssim.ssim_map(plane, harmed)
    grid = TileGrid(640, 360)
    tiles = grid.means(values)
    assert ssim.mean(values) > 0.97  # the mean hides it
    assert tiles.min() < 0.8
    x, y, w, h = grid.box(*divmod(int(tiles.argmin()), grid.columns))
    assert max(0, min(x + w, left + 48) - max(x, left)) * max(0, min(y + h, top + 48) - max(y, top)) > 0

"""Where small text may be: every set cell is looked at, lettering sets cells, and what is smooth sets none."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.helpers import scenes
from transcoder.vision import strokes
from transcoder.vision.text import TextReader
from transcoder.vision.wording import normalise

WIDTH, HEIGHT = 2582, 1936


def _photo() -> np.ndarray:
    """A smooth wall in uneven light."""
    across = np.linspace(60, 150, WIDTH)[None, :] + np.linspace(0, 40, HEIGHT)[:, None]
    return np.repeat(across[:, :, None], 3, axis=2).astype(np.uint8)


def test_a_smooth_picture_needs_no_close_look() -> None:
    assert not strokes.stand_out(cv2, _photo()).any()


@pytest.mark.parametrize("light", [1.0, 0.3])
@pytest.mark.parametrize("size", [9, 14, 26, 60])
def test_letters_are_looked_at_with_what_is_around_them(size: int, light: float) -> None:
    photo = _photo()
    line = scenes.words("RK-755AJ", width=size * 7, height=size * 2, size=size, at=(size // 2, size // 4))
    photo[901 : 901 + size * 2, 1203 : 1203 + size * 7] = line
    photo = (photo * light).astype(np.uint8)
    parts = strokes.parts(cv2, strokes.stand_out(cv2, photo), WIDTH, HEIGHT)
    letters = [(1203 + size, 901 + size), (1203 + 5 * size, 901 + size)]
    assert all(any(p.x <= x < p.right and p.y <= y < p.bottom for p in parts) for x, y in letters)
    assert sum(part.area for part in parts) < 0.2 * WIDTH * HEIGHT


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.9])
def test_every_cell_lies_in_a_part_with_its_surroundings(share: float) -> None:
    cells = np.random.default_rng(7).random((-(-HEIGHT // strokes.CELL), -(-WIDTH // strokes.CELL))) < share
    covered = np.zeros((HEIGHT, WIDTH), bool)
    for part in strokes.parts(cv2, cells, WIDTH, HEIGHT):
        assert part.inside(WIDTH, HEIGHT) == part
        covered[part.y : part.bottom, part.x : part.right] = True
    for row, column in np.argwhere(cells):
        x, y = column * strokes.CELL, row * strokes.CELL
        assert covered[max(0, y - 32) : y + 48, max(0, x - 32) : x + 48].all()


def test_a_long_line_is_in_one_part() -> None:
    cells = np.zeros((120, 160), bool)
    cells[50:52, 10:150] = True
    (part,) = strokes.parts(cv2, cells, WIDTH, HEIGHT)
    assert part.width >= 140 * strokes.CELL
    assert part.height < 12 * strokes.CELL


def test_small_signs_in_a_large_photo_are_all_read(reader: TextReader) -> None:
    photo = np.repeat(np.repeat(_photo(), 3, axis=0), 3, axis=1)[:4000, :5600].copy()
    written = {"RK755AJ": (400, 300), "AB12CDE": (4800, 3500), "XY34ZZZ": (2600, 1900), "KEEPCLEAR": (300, 3600)}
    for words, (x, y) in written.items():
        photo[y : y + 70, x : x + 300] = scenes.words(words, width=300, height=70, size=40, at=(20, 10))
    assert {normalise(line.text) for line in reader.find(photo)} == set(written)

"""Properties of tiles: whatever the picture and the cap, each sample is in one piece, and no piece is over the cap."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from transcoder.errors import CertificateError
from transcoder.media import stills
from transcoder.model import Box
from transcoder.parts import tiles

BANDS = {"L": 1, "RGB": 3, "RGBA": 4}
LEAST_CAP = 1_200
"""Bytes: 16x16 pixels of RGBA noise take 1,104 as PNG."""


def quiet(phase: str, done: int, total: int | None) -> None:
    pass


def picture(width: int, height: int, mode: str, seed: int, noisy: float) -> Image.Image:
    """Flat, with noise in its left part."""
    rng = np.random.default_rng(seed)
    samples = np.full((height, width, BANDS[mode]), seed % 256, np.uint8)
    edge = round(width * noisy)
    samples[:, :edge] = rng.integers(0, 256, (height, edge, BANDS[mode]), dtype=np.uint8)
    return Image.fromarray(samples.squeeze(2) if mode == "L" else samples)


sides = st.integers(1, 200)


@given(
    sides, sides, st.sampled_from(sorted(BANDS)), st.integers(0, 999), st.floats(0, 1), st.integers(LEAST_CAP, 99_999)
)
@example(1, 1, "L", 0, 1.0, LEAST_CAP)
@example(17, 16, "RGBA", 1, 1.0, LEAST_CAP)
@example(16, 17, "RGBA", 1, 1.0, LEAST_CAP)
@example(1, 200, "RGBA", 1, 1.0, LEAST_CAP)
@example(200, 1, "RGB", 1, 1.0, LEAST_CAP)
@example(200, 200, "RGBA", 1, 1.0, LEAST_CAP)
@example(200, 200, "RGBA", 1, 0.05, LEAST_CAP)
@settings(max_examples=60)
def test_tiles_cover_the_picture_once_and_give_it_back(
    width: int, height: int, mode: str, seed: int, noisy: float, max_bytes: int
) -> None:
    image = picture(width, height, mode, seed, noisy)
    with tempfile.TemporaryDirectory() as name:
        pieces = tiles.cut(image, Path(name), stem="a", max_bytes=max_bytes, max_pieces=10**6, tick=quiet)
        assert all(piece.bytes == piece.path.stat().st_size <= max_bytes for piece in pieces)
        held = np.zeros((height, width), int)
        for piece in pieces:
            held[piece.box.y : piece.box.bottom, piece.box.x : piece.box.right] += 1
        assert held.min() == held.max() == 1
        names = [piece.path.name for piece in pieces]
        assert names == sorted(set(names))
        back = tiles.rebuild([(piece.path, piece.box) for piece in pieces], image.size, mode)
    assert back.mode == mode
    assert back.tobytes() == image.tobytes()
    assert stills.pixels_equal(back, image)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
@settings(max_examples=40)
def test_one_tile_away_or_twice_is_always_noticed(width: int, height: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, width - 1))
    y = data.draw(st.integers(0, height - 1))
    parts = [Box(0, 0, x, y), Box(x, 0, width - x, y), Box(0, y, x, height - y), Box(x, y, width - x, height - y)]
    boxes = [box for box in parts if box.area]
    victim = data.draw(st.integers(0, len(boxes) - 1))
    for wrong, code in (
        (boxes[:victim] + boxes[victim + 1 :], "tiles-incomplete"),
        ([*boxes, boxes[victim]], "tiles-overlap"),
    ):
        try:
            tiles.rebuild([(Path(f"{number}.png"), box) for number, box in enumerate(wrong)], (width, height), "L")
        except CertificateError as error:
            assert error.code == code
            if code == "tiles-incomplete":
                assert str(error).endswith(f"the first at x {boxes[victim].x}, y {boxes[victim].y}")
        else:
            raise AssertionError("not noticed")

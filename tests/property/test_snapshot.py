"""A box that is drawn on a turned picture is the same place in the stored one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from transcoder.errors import UsageError
from transcoder.report.pictures import Presentation
from transcoder.snapshot import Snapshot

WIDTH, HEIGHT = 48, 32


@given(
    rotation=st.sampled_from((0, 90, 180, 270)), mirrored=st.booleans(),
    box=st.tuples(st.integers(0, 40), st.integers(0, 24), st.integers(2, 8), st.integers(2, 8)),
)  # fmt: skip
def test_the_place_is_the_same(rotation: int, mirrored: bool, box: tuple[int, int, int, int]) -> None:
    x, y, width, height = box
    stored = np.zeros((HEIGHT, WIDTH), np.uint8)
    stored[y : y + height, x : x + width] = 255
    turned = Presentation(rotation_deg=rotation, mirrored=mirrored).turn(Image.fromarray(stored))
    left, top, right, bottom = turned.getbbox() or (0, 0, 0, 0)
    across, down = turned.size
    shown = Snapshot(width=WIDTH, height=HEIGHT, at_s=0, length_s=0, step_s=0, rotation_deg=rotation, mirrored=mirrored)
    found = shown.stored_box(left / across, top / down, (right - left) / across, (bottom - top) / down)
    assert found == box


@given(corner=st.tuples(st.floats(0, 1), st.floats(0, 1)), size=st.tuples(st.floats(0, 1), st.floats(0, 1)))
def test_a_box_never_leaves_the_picture(corner: tuple[float, float], size: tuple[float, float]) -> None:
    shown = Snapshot(width=7, height=3, at_s=0, length_s=0, step_s=0, rotation_deg=90, mirrored=True)
    try:
        x, y, width, height = shown.stored_box(*corner, *size)
    except UsageError as error:
        assert error.code == "region-outside"
        return
    assert 0 <= x < x + width <= 7
    assert 0 <= y < y + height <= 3


@pytest.mark.parametrize("box", [(float("nan"), 0, 1, 1), (0, 0, 0, 1), (0.5, 0, 0.6, 1), (-0.1, 0, 1, 1)])
def test_what_is_no_box(box: tuple[float, float, float, float]) -> None:
    shown = Snapshot(width=7, height=3, at_s=0, length_s=0, step_s=0, rotation_deg=0, mirrored=False)
    with pytest.raises(UsageError, match="outside"):
        shown.stored_box(*box)

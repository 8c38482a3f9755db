"""Weights for the encoder: they cover every region at every moment, on the block grid, strongest kind first."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import regions as made
from transcoder.encode import roi
from transcoder.encode.h264 import OFFSETS
from transcoder.model import Region, RegionKind
from transcoder.model.blocks import BLOCK_PX

TIME_BASE = Fraction(1, 100)
WINDOW = round(roi.WINDOW_S / TIME_BASE)
sizes = st.sampled_from([(160, 96), (161, 97), (16, 16), (40, 200)])


@given(
    sizes.flatmap(lambda size: st.tuples(st.just(size), st.lists(made.regions(size), min_size=1, max_size=6))),
    st.integers(-60, 60),
    st.integers(-80, 450),
)
def test_at_every_moment_every_region_is_inside_its_weight(
    case: tuple[tuple[int, int], list[Region]], start: int, pts: int
) -> None:
    size, found = case
    weights = roi.Weights(found, OFFSETS, size, TIME_BASE, start)
    weighted = weights.at(pts)
    counts = made.painted([item.box for item in weighted], size)
    assert counts.max(initial=0) <= 1, "rectangles overlap"
    for item in weighted:
        box = item.box
        assert box.inside(*size) == box
        assert box.x % BLOCK_PX == box.y % BLOCK_PX == 0
        assert box.right % BLOCK_PX == 0 or box.right == size[0]
        assert box.bottom % BLOCK_PX == 0 or box.bottom == size[1]
    strength = np.zeros((size[1], size[0]))
    for item in weighted:
        strength[item.box.y : item.box.bottom, item.box.x : item.box.right] = item.offset
    for kind in reversed(RegionKind):
        there = [box for region in found if region.kind is kind for box in region.at(pts)]
        covered = made.painted(there, size) > 0
        # What is stronger may have taken the place, never what is weaker.
        stronger = {OFFSETS[other] for other in list(RegionKind)[: list(RegionKind).index(kind) + 1]}
        assert set(np.unique(strength[covered])) <= stronger


@given(st.lists(made.regions(), max_size=4), st.integers(0, 300))
def test_within_a_window_the_weights_hold_still(found: list[Region], number: int) -> None:
    weights = roi.Weights(found, OFFSETS, (160, 96), TIME_BASE, 0)
    first = weights.at(number * WINDOW)
    assert all(weights.at(number * WINDOW + later) is first for later in (1, WINDOW // 2, WINDOW - 1))
    # And they do not depend on what was asked before.
    assert roi.Weights(found, OFFSETS, (160, 96), TIME_BASE, 0).at(number * WINDOW + 1) == first


@given(st.lists(made.regions(), max_size=4), st.integers(0, 300))
def test_what_has_no_offset_gets_no_weight(found: list[Region], pts: int) -> None:
    only = {RegionKind.FACE: -0.2, RegionKind.MOTION: 0.0}
    weighted = roi.Weights(found, only, (160, 96), TIME_BASE, 0).at(pts)
    assert all(item.offset == -0.2 for item in weighted)
    faces = [region for region in found if region.kind is RegionKind.FACE and region.at(pts)]
    assert bool(weighted) >= bool(faces)


@given(st.dictionaries(made.kinds, st.floats(-1, 1).map(lambda value: round(value, 4)), max_size=6))
def test_offsets_survive_the_settings_of_a_rung(offsets: dict[RegionKind, float]) -> None:
    settings = roi.as_settings(offsets, list(RegionKind))
    assert all(name.startswith(roi.SETTING) for name in settings)
    assert roi.offsets_of({**settings, "preset": "medium"}) == {k: v for k, v in offsets.items() if v}
    assert roi.as_settings(offsets, []) == {}

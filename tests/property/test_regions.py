"""Properties of regions over time and space: nothing that was seen is lost on the way to the encoder."""

from __future__ import annotations

import base64
import contextlib
import json
import zlib
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from tests.helpers import regions as made
from transcoder.model import Box, Region, RegionKind, RegionSet, Sighting
from transcoder.model.blocks import BLOCK_PX, blocks_in, blocks_of, grid_of, rectangles
from transcoder.regions import drawn, packing
from transcoder.regions.tracks import TOLERANCE_PX, thinned

SIZE = (160, 96)
unicode_notes = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def masks(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int]]:
    size = draw(made.sizes)
    shape = grid_of(size)
    bits = draw(st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    return np.array(bits, dtype=np.bool_).reshape(shape), size


@given(masks(), st.integers(1, 12))
def test_rectangles_cover_a_mask(drawn_mask: tuple[np.ndarray, tuple[int, int]], limit: int) -> None:
    mask, size = drawn_mask
    exact = rectangles(mask, size, limit=mask.size + 1)
    found = rectangles(mask, size, limit=limit)
    assert len(found) <= limit
    assert all(box.inside(*size) == box for box in found)
    wanted = np.kron(mask, np.ones((BLOCK_PX, BLOCK_PX), np.bool_))[: size[1], : size[0]]
    assert (made.painted(exact, size) == wanted).all()
    if len(exact) <= limit:
        assert found == exact
    assert (made.painted(found, size)[wanted] >= 1).all()


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_no_block_of_a_ragged_mask_is_lost_when_rectangles_are_joined(share: float) -> None:
    """A union may grow into a rectangle that it did not touch at first: that one is part of it, not gone."""
    draws = np.random.default_rng(7)
    for _ in range(60):
        mask = draws.random((24, 32)) < share
        size = 32 * BLOCK_PX, 24 * BLOCK_PX
        found = rectangles(mask, size, limit=12)
        assert len(found) <= 12
        assert not (mask & ~blocks_of(found, size)).any()


@settings(phases=(Phase.generate,))
@given(masks(), st.integers(1, 12))
def test_rectangles_never_overlap(drawn_mask: tuple[np.ndarray, tuple[int, int]], limit: int) -> None:
    mask, size = drawn_mask
    assert made.painted(rectangles(mask, size, limit=limit), size).max(initial=0) <= 1


@given(made.sizes.flatmap(lambda size: st.tuples(st.just(size), st.lists(made.boxes(size), max_size=6))))
def test_blocks_are_exactly_those_that_a_box_touches(case: tuple[tuple[int, int], list[Box]]) -> None:
    size, boxes = case
    mask = blocks_of(boxes, size)
    assert (mask == blocks_in(made.painted(boxes, size) > 0)).all()
    found = rectangles(mask, size, limit=10_000)
    assert (made.painted(found, size)[made.painted(boxes, size) > 0] == 1).all()
    assert (blocks_of(found, size) == mask).all()


@given(st.lists(made.regions(notes=unicode_notes), max_size=5))
def test_what_is_packed_comes_back_as_it_was(found: list[Region]) -> None:
    packed = packing.pack(found)
    assert packed.isascii()
    assert packing.unpack(packed) == tuple(found)


def _packed(text: bytes) -> str:
    return base64.b64encode(zlib.compress(text)).decode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=25,
)


@given(st.one_of(st.text(max_size=60), st.binary(max_size=60).map(_packed), json_values.map(json.dumps).map(str)))
def test_garbage_is_a_value_error_and_nothing_else(text: str) -> None:
    with contextlib.suppress(ValueError):
        packing.unpack(text)


def test_a_number_that_is_infinite_is_a_value_error_too() -> None:
    with pytest.raises(ValueError):
        packing.unpack(_packed(b'[["a","face","x","",[0,0,0,1,1],[[1e999,0,0,1,1]]]]'))


rows = st.lists(
    st.tuples(
        json_values,
        st.one_of(st.sampled_from(["face", "motion"]), json_values),
        st.text(max_size=3),
        json_values,
        st.lists(st.one_of(st.integers(), json_values), max_size=9),
        st.lists(st.lists(st.one_of(st.integers(), json_values), max_size=9), max_size=3),
    ).map(list),
    max_size=2,
)


@given(st.one_of(json_values, rows))
def test_any_json_in_the_place_of_regions_is_read_or_refused(document: object) -> None:
    with contextlib.suppress(ValueError):
        packing.unpack(_packed(json.dumps(document).encode()))


@given(
    st.lists(made.regions(most_moments=12), min_size=1, max_size=8).map(made.renamed),
    st.integers(200, 1500),
)
def test_what_is_fitted_is_small_enough_and_no_region_ends_early(found: tuple[Region, ...], max_bytes: int) -> None:
    fitted = packing.fit(RegionSet(regions=found), max_bytes=max_bytes, size=SIZE)
    assert len(packing.pack(fitted.regions)) <= max_bytes
    before = {item.id: item for item in found}
    for item in fitted.regions:
        whole = before[item.id]
        assert (item.sightings[0].pts, item.sightings[-1].pts) == (whole.sightings[0].pts, whole.sightings[-1].pts)
        assert (item.kind, item.note, item.key, item.found_by) == (whole.kind, whole.note, whole.key, whole.found_by)
        assert all(box.inside(*SIZE) == box for moment in item.sightings for box in moment.boxes)
    # The order stays, and drawn ones are never given up for others.
    kept = {item.id for item in fitted.regions}
    assert [item.id for item in fitted.regions] == [item.id for item in found if item.id in kept]
    left_out = [item for item in found if item.id not in kept]
    if any(item.found_by == "drawn" for item in left_out):
        assert all(item.found_by == "drawn" for item in fitted.regions)
    assert bool(left_out) == bool(fitted.warnings)


@given(st.lists(made.regions(), max_size=6).map(made.renamed))
def test_what_fits_already_is_left_alone(found: tuple[Region, ...]) -> None:
    given_set = RegionSet(regions=found)
    assert packing.fit(given_set, max_bytes=1_000_000, size=SIZE) == given_set


@st.composite
def trails(draw: st.DrawFn) -> list[Sighting]:
    """Sightings of a thing that mostly goes straight, now and then jumps, stops or is an area."""
    moments: list[Sighting] = []
    pts, x, y, width, dx = 0, 40, 40, 20, draw(st.integers(-6, 6))
    for _ in range(draw(st.integers(1, 90))):
        pts += draw(st.integers(1, 30))
        x += dx + draw(st.sampled_from([0, 0, 0, 0, 1, -1, 2, 15]))
        dx = draw(st.sampled_from([dx, dx, dx, dx, -dx, 0]))
        first = Box(x, y, width, 18)
        boxes = (first,) if draw(st.integers(0, 15)) else (first, Box(x, y + 30, 8, 8))
        moments.append(Sighting(pts, boxes))
    return moments


@given(trails(), st.sampled_from([0, TOLERANCE_PX, 24]))
def test_what_is_thinned_is_still_predicted(trail: list[Sighting], tolerance: int) -> None:
    thin = thinned(trail, tolerance_px=tolerance)
    assert (thin[0], thin[-1]) == (trail[0], trail[-1])
    assert set(thin) <= set(trail)
    region = made.region(*((item.pts, item.boxes) for item in thin))
    for item in trail:
        there = region.at(item.pts)
        if len(item.boxes) > 1 or len(there) > 1:
            assert there == item.boxes
            continue
        (predicted,), (seen,) = there, item.boxes
        for a, b in (
            (predicted.x, seen.x), (predicted.y, seen.y), (predicted.right, seen.right), (predicted.bottom, seen.bottom)
        ):  # fmt: skip
            assert abs(a - b) <= tolerance + 1  # a whole pixel for rounding


@given(made.regions(), st.integers(-100, 450))
def test_a_region_is_somewhere_all_its_time_and_nowhere_else(region: Region, pts: int) -> None:
    there = region.at(pts)
    assert bool(there) == (region.sightings[0].pts <= pts <= region.sightings[-1].pts)
    for sighting in region.sightings:
        assert region.at(sighting.pts) == sighting.boxes
    for before, after in pairwise(region.sightings):
        if before.pts < pts < after.pts:
            if len(before.boxes) == len(after.boxes) == 1:
                (box,), a, b = there, before.boxes[0], after.boxes[0]
                assert min(a.x, b.x) <= box.x <= max(a.x, b.x)
                assert min(a.y, b.y) <= box.y <= max(a.y, b.y)
                assert min(a.width, b.width) <= box.width <= max(a.width, b.width)
                assert min(a.height, b.height) <= box.height <= max(a.height, b.height)
            else:
                assert there == before.boxes


points = st.tuples(st.integers(0, SIZE[0]), st.integers(0, SIZE[1]))


@given(st.lists(points, min_size=3, max_size=8))
def test_every_pixel_of_a_polygon_is_covered(polygon: list[tuple[int, int]]) -> None:
    pixels = np.zeros((SIZE[1], SIZE[0]), np.uint8)
    cv2.fillPoly(pixels, [np.array(polygon, np.int32)], 1)
    found = drawn.cover(polygon, SIZE)
    counts = made.painted(found, SIZE)
    assert (counts[pixels > 0] >= 1).all()
    assert counts.max(initial=0) <= 1
    assert len(found) <= 24


def test_a_polygon_that_reaches_out_of_the_picture_covers_what_is_inside() -> None:
    """The corner far outside must not be moved to the edge: that would bend the sides."""
    found = drawn.cover([(0, 0), (2000, 0), (0, 2000)], SIZE)
    assert made.painted(found, SIZE).min() == 1


@given(made.boxes(SIZE), made.boxes(SIZE))
@example(Box(0, 0, 4, 4), Box(4, 0, 4, 4))
def test_boxes(a: Box, b: Box) -> None:
    both = made.painted([a, b], SIZE) == 2
    assert a.overlap(b) == b.overlap(a) == int(both.sum())
    joined = a.union(b)
    assert joined == b.union(a)
    assert joined.overlap(a) == a.area
    assert joined.overlap(b) == b.area
    assert a.on_grid(16).overlap(a) == a.area
    assert all(side % 16 == 0 for side in (a.on_grid(16).x, a.on_grid(16).right, a.on_grid(16).y, a.on_grid(16).bottom))
    assert a.padded(5).padded(-5) == a
    assert a.padded(300).inside(*SIZE) == Box(0, 0, *SIZE)
    assert Box(a.x + SIZE[0], a.y, a.width, a.height).inside(*SIZE) is None


def test_kinds_are_listed_in_the_order_of_precedence() -> None:
    found = tuple(made.still_region(Box(0, 0, 4, 4), kind) for kind in reversed(RegionKind))
    assert RegionSet(regions=found).kinds() == list(RegionKind)

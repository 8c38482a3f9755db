"""What moves: found to within a block, and nothing where nothing does."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.helpers import regions as made
from tests.helpers.regions import Grey
from transcoder.model import Box
from transcoder.model.blocks import BLOCK_PX
from transcoder.regions.motion import MotionGate, Movement, joined, small_size

SIZE = (320, 240)


def watch(pictures: list[Grey], size: tuple[int, int] = SIZE) -> list[Movement]:
    """What the gate says about each picture of a size, five a second."""
    gate, small = MotionGate(*size), small_size(*size)
    return [gate.look(cv2.resize(picture, small, interpolation=cv2.INTER_AREA)) for picture in pictures]


def scene_of(size: tuple[int, int] = SIZE, *, seed: int = 1) -> np.ndarray:
    return made.backdrop(size, seed=seed)


def covers(movement: Movement, box: Box) -> bool:
    size = (1000, 1000)
    wanted = made.painted([box], size) > 0
    parts = [part for thing in movement.things for part in thing.parts]
    return bool((made.painted(parts, size)[wanted] > 0).all())


@pytest.mark.parametrize("size", [SIZE, (240, 320), (1280, 720)], ids=["landscape", "portrait", "shrunk"])
def test_a_square_that_moves_is_found_to_within_a_block(size: tuple[int, int]) -> None:
    scene, side = scene_of(size), size[0] // 8
    at = [Box(10 + n * side // 4, size[1] // 2, side, side) for n in range(14)]
    pictures = [made.shown(scene, seed=n) for n in range(6)]
    pictures += [made.shown(made.with_square(scene, box), seed=10 + n) for n, box in enumerate(at)]
    found = watch(pictures, size)
    assert not any(movement.things for movement in found[:6])
    for movement, box in zip(found[6:], at, strict=True):
        assert not movement.everywhere
        assert not movement.cut
        assert covers(movement, box), "a part of it is not covered"
        largest = movement.things[0].box
        reach = 2 * BLOCK_PX + side // 4  # its own margin, the grid, and where it was a moment ago
        assert box.padded(reach).overlap(largest) == largest.area


def test_parts_are_disjoint_on_the_grid_and_inside_their_box() -> None:
    scene = scene_of()
    pictures = [made.shown(scene, seed=n) for n in range(5)]
    pictures += [made.shown(made.with_square(scene, Box(30 + 12 * n, 60, 30, 70)), seed=n) for n in range(5)]
    for movement in watch(pictures):
        for thing in movement.things:
            assert thing.parts
            assert made.painted(thing.parts, SIZE).max() == 1
            assert all(part.x % BLOCK_PX == part.y % BLOCK_PX == 0 for part in thing.parts)
            assert all(thing.box.overlap(part) == part.area for part in thing.parts)
            assert all(part.inside(*SIZE) == part for part in thing.parts)


def test_a_place_where_nothing_happens_has_no_movement() -> None:
    scene = scene_of()
    for movement in watch([made.shown(scene, noise=4, seed=n) for n in range(40)]):
        assert movement == Movement((), everywhere=False, cut=False)


@pytest.mark.parametrize("gain", [1.3, 0.75])
def test_light_that_changes_everywhere_is_no_thing_that_moves(gain: float) -> None:
    scene = scene_of()
    pictures = [made.shown(scene, seed=n) for n in range(15)]
    pictures += [made.shown(scene * gain, seed=n) for n in range(15, 25)]
    for movement in watch(pictures):
        assert not movement.cut
        assert movement.everywhere or not movement.things


def test_a_cut_is_said_to_be_one_and_the_next_scene_begins_afresh() -> None:
    one, other = scene_of(), 250 - scene_of(seed=7)
    pictures = [made.shown(one, seed=n) for n in range(8)] + [made.shown(other, seed=n) for n in range(8, 16)]
    found = watch(pictures)
    assert [movement.cut for movement in found] == [number == 8 for number in range(16)]
    assert not any(movement.things or movement.everywhere for movement in found)


def test_a_camera_that_is_turned_moves_everywhere() -> None:
    wide = made.backdrop((900, 240))
    wide += 50 * ((np.arange(900) // 23) % 2)
    pictures = [made.shown(wide[:, :320], seed=n) for n in range(8)]
    pictures += [made.shown(wide[:, 37 * n : 37 * n + 320], seed=n) for n in range(1, 9)]
    assert any(movement.everywhere or movement.cut for movement in watch(pictures)[8:])


def test_a_thing_that_stops_is_still_there_twenty_seconds_later() -> None:
    scene, stop = scene_of(), Box(150, 80, 40, 80)
    pictures = [made.shown(scene, seed=n) for n in range(60)]
    pictures += [made.shown(made.with_square(scene, Box(10 + 14 * n, 80, 40, 80)), seed=n) for n in range(10)]
    pictures += [made.shown(made.with_square(scene, stop), seed=n) for n in range(100)]
    found = watch(pictures)
    assert all(covers(movement, stop.padded(-4)) for movement in found[-100:])


@pytest.mark.parametrize("size", [(16, 16), (33, 17), (2, 2), (1, 1), (5000, 40)])
def test_tiny_and_strange_sizes_do_not_fail(size: tuple[int, int]) -> None:
    gate, (width, height) = MotionGate(*size), small_size(*size)
    rng = np.random.default_rng(1)
    for _ in range(12):
        movement = gate.look(rng.integers(0, 255, (height, width), dtype=np.uint8))
        for thing in movement.things:
            assert all(part.inside(*size) == part for part in thing.parts)


@pytest.mark.parametrize(
    ("size", "small"), [((1920, 1080), (320, 180)), ((1080, 1920), (180, 320)), ((200, 100), (200, 100)),
                        ((8000, 2), (320, 2))]
)  # fmt: skip
def test_the_small_picture_keeps_its_shape(size: tuple[int, int], small: tuple[int, int]) -> None:
    assert small_size(*size) == small


def test_boxes_that_overlap_much_are_one_thing() -> None:
    body, head, apart = Box(0, 0, 40, 100), Box(5, -10, 20, 20), Box(200, 0, 40, 40)
    groups = joined({1: body, 2: head, 3: apart})
    assert sorted(sorted(group) for group in groups) == [[1, 2], [3]]
    assert joined({}) == []


def test_what_looked_is_named_with_its_parameters() -> None:
    use = MotionGate(640, 360).use
    assert (use.name, use.package, use.parameters["model"]) == ("motion", "opencv-python-headless", "MOG2")
    assert use.version
    assert use.weights_sha256 == {}

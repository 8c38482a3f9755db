"""Following: which box belongs to which thing, and what becomes of a track at the end."""

from __future__ import annotations

import pytest

from transcoder.model import Box, Region, RegionKind, Sighting
from transcoder.regions.tracks import Spot, Track, Tracker, as_region

MAX_GAP = 100


def follow(*looks: tuple[int, list[Box]], reach: float = 1.0) -> list[Track]:
    """All tracks of a sequence of looks, by number."""
    tracker = Tracker(max_gap=MAX_GAP, reach=reach)
    ended: list[Track] = []
    for pts, boxes in looks:
        ended += tracker.update(pts, [Spot(pts, box) for box in boxes])
    return sorted([*ended, *tracker.close()], key=lambda track: track.number)


def lefts(track: Track) -> list[int]:
    return [spot.box.x for spot in track.spots]


def test_two_things_that_cross_keep_their_own_tracks() -> None:
    """They go through each other side by side: each is looked for where it was going."""
    looks = [(20 * n, [Box(10 * n, 20, 20, 20), Box(200 - 10 * n, 32, 20, 20)]) for n in range(20)]
    right, left = follow(*looks)
    assert lefts(right) == [10 * n for n in range(20)]
    assert lefts(left) == [200 - 10 * n for n in range(20)]


def test_the_order_of_detections_does_not_matter() -> None:
    looks = [(20 * n, [Box(10 * n, 20, 20, 20), Box(200 - 10 * n, 60, 20, 20)]) for n in range(20)]
    swapped = [(pts, boxes[::-1] if pts else boxes) for pts, boxes in looks]
    assert [lefts(track) for track in follow(*looks)] == [lefts(track) for track in follow(*swapped)]


@pytest.mark.parametrize(("gap", "tracks"), [(MAX_GAP, 1), (MAX_GAP + 1, 2)])
def test_a_gap_is_held_across_as_long_as_allowed(gap: int, tracks: int) -> None:
    box = Box(50, 50, 20, 20)
    found = follow((0, [box]), (20, [box]), (20 + gap, [box]))
    assert len(found) == tracks
    assert sum(len(track.spots) for track in found) == 3


def test_a_thing_that_walks_on_behind_a_pillar_is_the_same_when_it_comes_out() -> None:
    looks = [(20 * n, [] if 4 <= n <= 7 else [Box(15 * n, 20, 20, 40)]) for n in range(12)]
    (track,) = follow(*looks)
    assert len(track.spots) == 8


def test_a_jump_beyond_reach_is_another_thing() -> None:
    near, far = Box(0, 0, 20, 20), Box(120, 0, 20, 20)
    assert len(follow((0, [near]), (20, [near]), (40, [Box(15, 0, 20, 20)]))) == 1
    first, second = follow((0, [near]), (20, [near]), (40, [far]))
    assert (lefts(first), lefts(second)) == ([0, 0], [120])


def test_of_two_candidates_the_nearer_is_taken_and_the_other_is_new() -> None:
    first, second = follow((0, [Box(0, 0, 20, 20)]), (20, [Box(18, 0, 20, 20), Box(2, 0, 20, 20)]))
    assert lefts(first) == [0, 2]
    assert lefts(second) == [18]


def test_tracks_that_ended_are_handed_out_once() -> None:
    tracker = Tracker(max_gap=MAX_GAP, reach=1)
    tracker.update(0, [Spot(0, Box(0, 0, 9, 9))])
    assert tracker.update(MAX_GAP + 1, [])
    assert tracker.update(MAX_GAP + 2, []) == []
    assert tracker.close() == []
    assert not tracker.open


def region_of(*spots: Spot) -> Region | None:
    return as_region(
        spots, kind=RegionKind.FACE, found_by="faces", size=(100, 80), pad_px=4, hold=10, span=(0, 1000)
    )  # fmt: skip


def test_a_track_becomes_a_region_that_is_padded_and_held_inside_picture_and_scene() -> None:
    found = region_of(Spot(5, Box(0, 0, 10, 10), 0.5), Spot(995, Box(90, 70, 10, 10), 0.9, "late"))
    assert found is not None
    assert (found.sightings[0].pts, found.sightings[-1].pts) == (0, 1000)
    assert found.sightings[0].boxes == (Box(0, 0, 14, 14),)
    assert found.sightings[-1].boxes == (Box(86, 66, 14, 14),)
    assert found.key == Sighting(995, (Box(86, 66, 14, 14),))
    assert found.note == "late"


def test_the_key_moment_is_the_one_with_the_largest_and_surest_box() -> None:
    spots = [Spot(0, Box(0, 0, 20, 20), 0.9), Spot(10, Box(0, 0, 40, 40), 0.5), Spot(20, Box(0, 0, 40, 40), 0.1)]
    found = region_of(*spots)
    assert found is not None
    assert found.key.pts == 10


def test_what_was_never_inside_the_picture_is_no_region() -> None:
    assert region_of(Spot(0, Box(200, 0, 10, 10))) is None


def test_exact_areas_are_kept_as_they_are() -> None:
    parts = (Box(0, 0, 16, 16), Box(16, 16, 16, 16))
    found = as_region(
        [Spot(0, Box(0, 0, 32, 32), parts=parts)],
        kind=RegionKind.MOTION, found_by="motion", size=(100, 80), pad_px=8, hold=5, span=(-100, 100),
    )  # fmt: skip
    assert found is not None
    assert {item.boxes for item in found.sightings} == {parts}
    assert (found.sightings[0].pts, found.sightings[-1].pts) == (-5, 5)
    assert found.key.boxes == (Box(0, 0, 32, 32),)

"""Scores of regions: the right windows of the map, the worst region of a class, the right frames."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tests.helpers import pictures
from tests.helpers import regions as made
from transcoder.metrics import ssim
from transcoder.metrics.areas import MAX_MOTION_VIEWS, MAX_VIEWS, RegionScores, Viewer, windows_in
from transcoder.model import Box, Region, RegionKind

SIZE = (160, 96)
SHAPE = (SIZE[1] // 4 - 1, SIZE[0] // 4 - 1)


def window_slices(box: Box, shape: tuple[int, int], shift: tuple[int, int] = (0, 0)) -> tuple[slice, slice]:
    ((top, bottom, left, right),) = windows_in([box], shape, shift).tolist()
    return slice(top, bottom), slice(left, right)


def pixels(part: slice) -> tuple[int, int]:
    """First and last pixel that windows of a slice look at."""
    return 4 * part.start, 4 * (part.stop - 1) + 7


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 160, 96), Box(16, 16, 32, 16), Box(3, 5, 30, 41), Box(144, 80, 16, 16), Box(0, 0, 8, 8)],
)  # fmt: skip
def test_windows_lie_inside_the_box(box: Box) -> None:
    rows, columns = window_slices(box, SHAPE)
    for part, first, end in ((rows, box.y, box.bottom), (columns, box.x, box.right)):
        assert part.stop > part.start
        low, high = pixels(part)
        if end - first >= 11:  # room for a window wherever the grid falls
            assert first <= low <= first + 3
            assert end - 4 <= high < end


@pytest.mark.parametrize(
    "box",
    [Box(0, 0, 1, 1), Box(159, 95, 1, 1), Box(80, 40, 3, 3), Box(156, 0, 4, 96), Box(0, 92, 160, 4), Box(7, 7, 7, 7)],
)  # fmt: skip
def test_a_box_smaller_than_a_window_still_has_one_near_it(box: Box) -> None:
    rows, columns = window_slices(box, SHAPE)
    for part, first, end, count in ((rows, box.y, box.bottom, SHAPE[0]), (columns, box.x, box.right, SHAPE[1])):
        assert 0 <= part.start < part.stop <= count
        low, high = pixels(part)
        assert low < end + 4
        assert high >= first - 4


def test_chroma_windows_are_those_of_the_smaller_plane() -> None:
    luma = window_slices(Box(32, 16, 64, 48), SHAPE)
    chroma = window_slices(Box(64, 32, 128, 96), (47, 79), (1, 1))
    assert luma == chroma
    assert window_slices(Box(64, 16, 128, 48), (23, 79), (1, 0)) == luma


def flat(value: float, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.full(shape, value, np.float32)


def scored(regions: list[Region], frames: list[tuple[int, list[np.ndarray]]]) -> RegionScores:
    scores = RegionScores(regions, (1, 1), ssim.window_sums)
    for pts, maps in frames:
        scores.add(pts, pts / 25, maps)
    return scores


def value_of(scores: RegionScores, kind: RegionKind, plane: str = "y") -> tuple[float, float]:
    (score,) = [item for item in scores.scores() if (item.region, item.plane) == (str(kind), plane)]
    return score.minimum, score.mean


def test_a_ruined_face_does_not_hide_behind_a_good_one() -> None:
    values = flat(0.95)
    values[:8, :8] = 0.3
    bad, good = Box(0, 0, 36, 36), Box(80, 40, 60, 50)
    scores = scored([made.still_region(bad, id="f1"), made.still_region(good, id="f2")], [(0, [values])])
    assert value_of(scores, RegionKind.FACE)[0] == pytest.approx(0.3)
    assert [(item.id, round(item.mean, 4)) for item in scores.each()] == [("f1", 0.3), ("f2", 0.95)]


def test_what_moves_is_one_mean_over_all_of_it() -> None:
    values = flat(1.0)
    values[:, :20] = 0.5
    left = Box(0, 0, 80, 96)
    right = Box(80, 48, 80, 48)
    found = [made.still_region(box, RegionKind.MOTION, id=f"m{n}") for n, box in enumerate((left, right))]
    windows = [window_slices(box, SHAPE) for box in (left, right)]
    parts = [values[rows, columns] for rows, columns in windows]
    expected = sum(float(part.sum()) for part in parts) / sum(part.size for part in parts)
    assert value_of(scored(found, [(0, [values])]), RegionKind.MOTION)[0] == pytest.approx(expected)


def test_an_area_of_several_boxes_is_one_mean() -> None:
    values = flat(1.0)
    values[:3, :3] = 0.0
    area = made.still_region(Box(0, 0, 16, 16), id="f1")
    both = made.region((0, (Box(0, 0, 16, 16), Box(64, 64, 16, 16))), id="f2")
    assert [round(item.mean, 4) for item in scored([area, both], [(0, [values])]).each()] == [0.0, 0.5]


def test_a_region_counts_in_the_frames_it_is_in_and_in_no_other() -> None:
    region = made.region((10, Box(0, 0, 40, 40)), (30, Box(0, 0, 40, 40)))
    frames = [(pts, [flat(pts / 100)]) for pts in range(0, 50, 10)]
    (own,) = scored([region], frames).each()
    assert list(own.times_s) == [0.4, 0.8, 1.2]
    assert [round(value, 4) for value in own.values] == [0.1, 0.2, 0.3]
    (score,) = scored([region], frames).scores()
    assert "3 frames" in score.detail
    assert score.minimum_at_s == 0.4
    assert score.p1 == pytest.approx(0.1)


def test_a_region_that_moves_is_scored_where_it_is() -> None:
    region = made.region((0, Box(0, 0, 16, 16)), (100, Box(128, 0, 16, 16)))
    values = flat(1.0)
    values[:, 14:21] = 0.2  # around x = 64
    (own,) = scored([region], [(pts, [values]) for pts in (0, 50, 100)]).each()
    assert [round(value, 2) for value in own.values] == [1.0, 0.2, 1.0]


def test_chroma_has_its_own_scores() -> None:
    chroma = flat(0.8, (SIZE[1] // 8 - 1, SIZE[0] // 8 - 1))
    chroma[:, 10:] = 0.1
    region = made.still_region(Box(16, 16, 48, 48))
    scores = scored([region], [(0, [flat(0.9), chroma, chroma])])
    assert value_of(scores, RegionKind.FACE)[0] == pytest.approx(0.9)
    assert value_of(scores, RegionKind.FACE, "cb")[0] == pytest.approx(0.8)
    assert {score.plane for score in scores.scores()} == {"y", "cb", "cr"}


def test_a_kind_that_never_occurs_has_no_score() -> None:
    region = made.region((500, Box(0, 0, 40, 40)))
    scores = scored([region], [(pts, [flat(1.0)]) for pts in range(5)])
    assert list(scores.scores()) == []
    assert scores.each() == ()


def test_the_score_of_a_region_falls_with_damage_to_it_and_not_with_damage_elsewhere() -> None:
    before = pictures.luma(*SIZE)
    hurt = before.copy()
    hurt[48:, :] = pictures.noisy(before, 40)[48:, :]
    values, _ = ssim.ssim_map(before, hurt)
    upper, lower = made.still_region(Box(0, 0, 160, 40), id="f1"), made.still_region(Box(0, 56, 160, 40), id="f2")
    first, second = scored([upper, lower], [(0, [values])]).each()
    assert first.mean == pytest.approx(1.0, abs=1e-6)
    assert second.mean < 0.7


# Views -----------------------------------------------------------------------------------------------------------


def picture(number: int = 0) -> Image.Image:
    return Image.new("RGB", SIZE, (number, 0, 0))


def test_each_region_is_shown_at_its_key_moment() -> None:
    early = made.region((0, Box(0, 0, 20, 20)), (30, Box(0, 0, 20, 20)), id="f1", key=1)
    late = made.region((10, Box(40, 40, 20, 20)), (60, Box(40, 40, 20, 20)), id="f2", key=1)
    viewer = Viewer([late, early], SIZE)
    taken = []
    for pts in range(0, 80, 10):
        if viewer.due(pts):
            taken.append(pts)
            viewer.take(pts, pts / 10, picture(pts), picture(pts + 1))
    assert taken == [30, 60]
    assert [(view.region.id, view.at_s) for view in viewer.views] == [("f1", 3.0), ("f2", 6.0)]
    for view, pts in zip(viewer.views, taken, strict=True):
        assert view.before.getpixel((0, 0)) == (pts, 0, 0)
        assert view.after.getpixel((0, 0)) == (pts + 1, 0, 0)


@pytest.mark.parametrize("box", [Box(0, 0, 20, 20), Box(150, 90, 10, 6), Box(60, 30, 40, 30), Box(0, 0, *SIZE)])
def test_a_view_shows_the_region_with_some_of_its_surroundings(box: Box) -> None:
    image = Image.fromarray(made.painted([box], SIZE).astype(np.uint8) * 255).convert("RGB")
    viewer = Viewer([made.still_region(box)], SIZE)
    viewer.take(0, 0.0, image, image)
    (view,) = viewer.views
    assert view.before.size == view.after.size
    assert np.asarray(view.before.crop((view.box.x, view.box.y, view.box.right, view.box.bottom))).min() == 255
    assert int((np.asarray(view.before) > 0).sum()) == 3 * box.area


def test_a_key_moment_between_two_frames_is_shown_at_the_next_where_the_region_is_then() -> None:
    region = made.region((0, Box(0, 0, 20, 20)), (15, Box(30, 0, 20, 20)), (20, Box(40, 0, 20, 20)), key=1)
    viewer = Viewer([region], SIZE)
    assert not viewer.due(10)
    viewer.take(20, 2.0, picture(), picture())
    (view,) = viewer.views
    assert view.box.x + max(0, 40 - 16) == 40


def test_drawn_ones_are_shown_before_all_others_and_there_is_an_end() -> None:
    found = [made.still_region(Box(0, 0, 30, 30), id=f"f{n}") for n in range(60)]
    found += [made.still_region(Box(0, 0, 40, 40), RegionKind.MOTION, id=f"m{n}") for n in range(60)]
    found.append(made.still_region(Box(0, 0, 2, 2), RegionKind.VEHICLE, id="d1", found_by="drawn"))
    viewer = Viewer(found, SIZE)
    viewer.take(0, 0.0, picture(), picture())
    shown = [view.region.id for view in viewer.views]
    assert len(shown) == MAX_VIEWS
    assert "d1" in shown
    assert sum(name.startswith("m") for name in shown) == MAX_MOTION_VIEWS
    assert not viewer.due(10**9)


@pytest.mark.parametrize(("kind", "margin"), [(RegionKind.MOTION, 64), (RegionKind.PERSON, 64), (RegionKind.FACE, 100)])
def test_what_is_large_and_only_looked_at_does_not_keep_the_whole_picture(kind: RegionKind, margin: int) -> None:
    viewer = Viewer([made.still_region(Box(300, 300, 200, 100), kind)], (1280, 720))
    viewer.take(0, 0.0, Image.new("RGB", (1280, 720)), Image.new("RGB", (1280, 720)))
    (view,) = viewer.views
    assert view.before.size == (200 + 2 * margin, 100 + 2 * margin)

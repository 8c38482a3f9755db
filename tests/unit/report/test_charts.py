"""The chart: no dip may disappear when points are thinned."""

from __future__ import annotations

import re

import pytest

from transcoder.report.charts import HEIGHT, MAX_POINTS, WIDTH, Line, clock, fidelity_chart

Point = tuple[float, float]


def polylines(svg: str) -> list[list[Point]]:
    found = re.findall(r'<polyline class="\w+" points="([^"]*)"', svg)
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in points.split())] for points in found]


def chart(values: list[float], floor: float | None = None) -> str:
    times = [number / 25 for number in range(len(values))]
    worst = min(range(len(values)), key=values.__getitem__)
    return str(fidelity_chart([Line("x", "frame", times, values, floor)], times[worst]))


@pytest.mark.parametrize("count", [3, 419, 420, 421, 5000, 100_003])
@pytest.mark.parametrize("share", [0.0, 0.31, 0.999])
def test_a_single_bad_frame_stays_visible(count: int, share: float) -> None:
    values = [0.95] * count
    values[int(share * count)] = 0.40
    (points,) = polylines(chart(values))
    assert len(points) <= MAX_POINTS
    ys = sorted({y for _, y in points})
    assert len(ys) == 2  # larger y is lower on the page: the dip is drawn, at its depth
    assert sum(y == ys[-1] for _, y in points) == 1
    worst = re.search(r'class="worst" x1="([\d.]+)"', chart(values))
    assert worst is not None
    assert [x for x, y in points if y == ys[-1]] == [pytest.approx(float(worst.group(1)), abs=0.11)]


def test_points_rise_in_time_and_stay_on_the_page() -> None:
    values = [0.9 + 0.1 * ((number * 31) % 97) / 97 for number in range(3000)]
    (points,) = polylines(chart(values, floor=0.5))
    assert points == sorted(points)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in points)


@pytest.mark.parametrize("values", [[1.0, 1.0, 1.0], [-1.0, -1.0, -1.0], [0.0, 1.0, -1.0]])
def test_extreme_values_are_drawn_inside(values: list[float]) -> None:
    (points,) = polylines(chart(values, floor=0.9))
    assert all(0 <= y <= HEIGHT for _, y in points)


def test_lower_is_worse_is_lower() -> None:
    (points,) = polylines(chart([0.9, 0.5, 1.0]))
    assert points[1][1] > points[0][1] > points[2][1]


def test_a_clock_for_people() -> None:
    said = [clock(seconds) for seconds in (0, 7.25, 59.99, 61, 3600, 93_784, -1.5)]
    assert said[0] == "0:00.0"
    assert said[1] in ("0:07.2", "0:07.3")
    assert said[3:] == ["1:01.0", "1:00:00", "26:03:04", "-0:01.5"]


@pytest.mark.parametrize("seconds", [59.96, 59.99, 119.97])
def test_a_clock_never_shows_sixty_seconds(seconds: float) -> None:
    assert ":60" not in clock(seconds)

"""Summaries over frames."""

from __future__ import annotations

import pytest

from transcoder.metrics.series import Series


def summary(values: list[float]) -> tuple[float, float, float, float]:
    series = Series()
    for value in values:
        series.add(value)
    times = [number / 25 for number in range(len(values))]
    score = series.score(times, metric="ssim", region="frame", plane="y")
    return score.mean, score.p1, score.minimum, score.minimum_at_s


def test_of_one_frame_everything_is_that_frame() -> None:
    assert summary([0.9]) == (0.9, 0.9, 0.9, 0.0)


def test_the_worst_frame_and_its_time() -> None:
    values = [1.0] * 100
    values[40] = 0.2
    mean, _, minimum, at_s = summary(values)
    assert mean == pytest.approx(0.992)
    assert (minimum, at_s) == (0.2, 1.6)


def test_p1_is_what_99_percent_of_the_frames_reach() -> None:
    for count in (2, 50, 99, 100, 101, 200, 1000):
        values = [1 - number / count for number in range(count)]
        _, p1, minimum, _ = summary(values)
        assert sum(value >= p1 for value in values) >= 0.99 * count
        assert p1 in values  # a value that was measured, never one in between
        assert p1 >= minimum


def test_few_bad_frames_in_a_hundred_lower_p1_and_one_in_a_thousand_does_not() -> None:
    assert summary([0.5] * 3 + [1.0] * 97)[1] == 0.5
    assert summary([0.5] + [1.0] * 999)[1] == 1.0

"""H.264 levels."""

from __future__ import annotations

from fractions import Fraction

import pytest

from transcoder.encode.levels import level_of


@pytest.mark.parametrize(
    ("size", "rate", "preset", "level"),
    [
        ((640, 360), 25, "slow", "3.1"),
        ((1280, 720), 25, "slow", "3.1"),
        ((1280, 720), 25, "slower", "4.0"),
        ((1280, 720), 50, "slow", "3.2"),
        ((1920, 1080), 25, "medium", "4.0"),
        ((1920, 1080), 25, "slow", "5.0"),
        ((3840, 2160), 25, "medium", "5.1"),
        ((16000, 16000), 60, "veryslow", "6.2"),
    ],
)
def test_the_lowest_level_that_holds_it(size: tuple[int, int], rate: int, preset: str, level: str) -> None:
    assert level_of(*size, Fraction(rate), preset) == level

"""What the certificate says about getting the same again."""

from __future__ import annotations

from pathlib import Path

import pytest

from transcoder.encode import av1
from transcoder.encode.repeating import repeats


@pytest.mark.parametrize("encoder", ["libx264", "libx265"])
def test_the_number_of_threads_is_named(encoder: str) -> None:
    repeatable, reason = repeats({"encoder": encoder, "threads": 4}, hurried=False)
    assert repeatable
    assert "(4)" in reason


def test_av1_repeats_only_one_picture_at_a_time() -> None:
    assert repeats({"encoder": "libsvtav1", "threads": av1.THREADS}, hurried=False)[0]
    assert not repeats({"encoder": "libsvtav1", "threads": 4}, hurried=False)[0]
    assert "lp=1:" in av1.options({"preset": "slow"}, 0, Path("x"))["svtav1-params"]


def test_an_effort_that_the_clock_chose_does_not_repeat() -> None:
    repeatable, reason = repeats({"encoder": "libx264", "threads": 4}, hurried=True)
    assert not repeatable
    assert "clock" in reason


def test_what_was_not_encoded_repeats() -> None:
    assert repeats({}, hurried=False)[0]

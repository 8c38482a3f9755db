"""Repairing timestamps, and the one shift of a clock that is allowed."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tests.helpers import factories
from transcoder.media.reader import Timestamps, nominal_step
from transcoder.media.writer import timing_offset


def test_a_missing_stamp_is_a_nominal_step_after_the_last() -> None:
    clock = Timestamps("container", 40)
    assert [clock.next(stamp) for stamp in (100, None, None, 300)] == [100, 140, 180, 300]
    assert clock.repaired == 0


def test_a_stamp_that_goes_back_is_moved_by_the_least_and_counted() -> None:
    clock = Timestamps("container", 40)
    assert [clock.next(stamp) for stamp in (100, 100, 90, 140)] == [100, 101, 102, 140]
    assert clock.repaired == 2


@pytest.mark.parametrize(
    ("rate", "base", "step"),
    [
        (Fraction(25), Fraction(1, 90000), 3600),
        (Fraction(30000, 1001), Fraction(1, 90000), 3003),
        (None, Fraction(1, 1000), 40),
        (Fraction(1000), Fraction(1, 25), 1),
    ],
)
def test_the_nominal_step(rate: Fraction | None, base: Fraction, step: int) -> None:
    assert nominal_step(factories.video_track(average_rate=rate, time_base=base)) == step


def offset(video_start: Fraction | int | str, audio_start: Fraction | int | str | None = None) -> Fraction:
    track = factories.video_track(start_s=Fraction(video_start), time_base=Fraction(1, 90000))
    return timing_offset(track, None if audio_start is None else Fraction(audio_start))


def test_a_small_start_is_part_of_the_timeline() -> None:
    assert offset(0) == 0
    assert offset("0.08") == 0
    assert offset("0.49") == 0


def test_a_far_start_is_a_clock_and_goes() -> None:
    start = Fraction(26 * 3600) + Fraction(1, 3)
    assert abs(offset(start) - start) < Fraction(1, 90000)
    assert offset(start) % Fraction(1, 90000) == 0
    assert offset(start) <= start


def test_earlier_audio_is_not_cut() -> None:
    assert offset(100, 99) == 99
    assert offset(100, 100) == 100
    assert offset(100, 101) == 100


def test_audio_priming_before_zero_does_not_shift_the_picture() -> None:
    assert offset(0, "-0.064") == 0


def test_a_picture_before_zero_starts_at_zero_or_later() -> None:
    shift = offset("-0.5")
    assert Fraction("-0.5") - shift >= 0


def test_frames_without_a_time_lead_up_to_the_first_that_has_one() -> None:
    clock = Timestamps("container", 40)
    assert clock.waits(None)
    clock.date_back(3, 100)
    assert [clock.next(stamp) for stamp in (None, None, None, 100, 140)] == [-20, 20, 60, 100, 140]
    assert (clock.filled, clock.repaired) == (3, 0)
    assert not clock.waits(None)


def test_nothing_is_missing_where_everything_is_assumed() -> None:
    clock = Timestamps("assumed", 40)
    assert not clock.waits(None)
    assert [clock.next(None) for _ in range(3)] == [0, 40, 80]
    assert clock.filled == 0


def test_avi_counts_what_it_stores_and_not_what_was_guessed_from_it() -> None:
    clock = Timestamps("decode-order", 1)
    for pts, dts in ((1, 0), (4, 1), (2, 2), (3, 3), (7, 4)):  # as FFmpeg guesses them, where frames are reordered
        clock.saw_packet(pts, dts)
    assert [clock.next(stamp) for stamp in (9, 9, 9, 9, 9)] == [1, 2, 3, 4, 5]
    assert clock.repaired == 0

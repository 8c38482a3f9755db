"""Every container demands strictly increasing times; whatever a file claims, it gets them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import strategies
from transcoder.media.reader import Timestamps

timings = st.sampled_from(["container", "decode-order", "assumed"])


@given(timings, strategies.stamps, st.integers(-5, 100_000))
def test_strictly_increasing_for_any_stamps(timing: str, stamps: list[int | None], step: int) -> None:
    clock = Timestamps(timing, step)
    for stamp in stamps:
        clock.saw_packet(None, stamp)
    times = [clock.next(stamp) for stamp in stamps]
    assert all(a < b for a, b in pairwise(times))


@given(st.lists(st.integers(-(2**40), 2**40), unique=True), st.integers(1, 1000))
def test_good_stamps_are_kept_exactly(stamps: list[int], step: int) -> None:
    clock = Timestamps("container", step)
    assert [clock.next(stamp) for stamp in sorted(stamps)] == sorted(stamps)
    assert clock.repaired == 0


@given(st.lists(st.integers(0, 2**40), unique=True, min_size=1), st.integers(1, 1000))
def test_decode_order_uses_the_packets_own_numbers(stamps: list[int], step: int) -> None:
    clock = Timestamps("decode-order", step)
    for stamp in sorted(stamps):
        clock.saw_packet(None, stamp)
    assert [clock.next(None) for _ in stamps] == sorted(stamps)


@given(st.integers(0, 50), st.integers(1, 10_000), strategies.stamps)
def test_assumed_timing_is_a_plain_count(count: int, step: int, stamps: list[int | None]) -> None:
    clock = Timestamps("assumed", step)
    given_stamps = [*stamps, *[None] * count][:count]
    assert [clock.next(stamp) for stamp in given_stamps] == [step * number for number in range(len(given_stamps))]

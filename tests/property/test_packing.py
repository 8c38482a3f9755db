"""Packing keeps every value to half a step, and in groups never flatters."""

from __future__ import annotations

import base64
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import strategies
from transcoder.metrics.packing import pack, pack_numbers, unpack, unpack_numbers

HALF_STEP = 0.5e-4 + 1e-9


@given(strategies.series)
def test_round_trip(values: list[float]) -> None:
    packed = pack(values, max_bytes=10_000)
    assert (packed.count, packed.group) == (len(values), 1)
    back = unpack(packed.data)
    assert len(back) == len(values)
    assert all(abs(a - b) <= HALF_STEP for a, b in zip(values, back, strict=True))


@given(strategies.series, st.integers(24, 400))
def test_the_size_is_kept_and_groups_hold_their_minimum(values: list[float], max_bytes: int) -> None:
    packed = pack(values, max_bytes=max_bytes)
    assert len(packed.data) <= max_bytes
    back = unpack(packed.data)
    groups = [values[first : first + packed.group] for first in range(0, len(values), packed.group)]
    assert len(back) == len(groups)
    for value, group in zip(back, groups, strict=True):
        assert abs(value - min(group)) <= HALF_STEP


@given(st.sets(st.integers(0, 10**6), max_size=300))
def test_numbers_of_frames_come_back(numbers: set[int]) -> None:
    rising = sorted(numbers)
    assert unpack_numbers(pack_numbers(rising)) == rising


@pytest.mark.parametrize("text", ["", "????", "eJw=", base64.b64encode(zlib.compress(b"abc")).decode()])
def test_what_holds_no_numbers_is_said(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack_numbers(text)

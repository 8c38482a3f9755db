"""Properties of filling the cap: never over, never more encodes than allowed, and full where that is possible."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers import factories, strategies
from tests.helpers.fakes import FakeProbe
from transcoder import search

QUALITIES = range(5, 97)
LIMIT_QUALITY, LIMIT_BYTES = search.MAX_ENCODES["quality"], search.MAX_ENCODES["target_bytes"]


@given(strategies.increasing_sizes(), strategies.caps)
def test_any_monotone_sizes_never_give_a_file_over_the_cap(size_of: Callable[[float], int], cap: int) -> None:
    probe = FakeProbe(size_of)
    filled = search.fill(factories.quality_rung(), cap, probe)
    assert filled.fits == (filled.encoded.bytes <= cap)
    fitting = [size for _, _, size in probe.encoded if size <= cap]
    # What is returned is the best of what was made: the largest that fits, else the smallest.
    assert filled.encoded.bytes == (max(fitting) if fitting else min(size for _, _, size in probe.encoded))
    assert filled.encodes == len(probe.encoded) <= LIMIT_QUALITY


@given(strategies.increasing_sizes(), strategies.caps)
def test_a_file_is_found_wherever_one_exists(size_of: Callable[[float], int], cap: int) -> None:
    """The lowest quality is tried before giving up, however jumpy the sizes are."""
    filled = search.fill(factories.quality_rung(), cap, FakeProbe(size_of))
    assert filled.fits == (size_of(5) <= cap)


@given(strategies.increasing_sizes(), strategies.caps)
def test_only_whole_qualities_within_the_knob_and_none_twice(size_of: Callable[[float], int], cap: int) -> None:
    probe = FakeProbe(size_of)
    search.fill(factories.quality_rung(), cap, probe)
    asked = [value for _, value, _ in probe.encoded]
    assert len(set(asked)) == len(asked)
    assert set(asked) <= set(QUALITIES)


@given(strategies.exponential_sizes(), strategies.caps)
def test_picture_like_sizes_are_filled(size_of: Callable[[float], int], cap: int) -> None:
    """The largest quality that fits is found, or a file that is already full."""
    filled = search.fill(factories.quality_rung(), cap, FakeProbe(size_of))
    fitting = [quality for quality in QUALITIES if size_of(quality) <= cap]
    if not fitting:
        assert not filled.fits
        return
    assert filled.fits
    assert filled.spec.knob_value == max(fitting) or filled.encoded.bytes >= search.FILL_GOAL * cap


@given(
    strategies.caps,
    st.floats(0.97, 1.03),
    st.integers(0, 2**32 - 1),
)
def test_byte_targets_are_filled_within_the_budget(cap: int, bias: float, seed: int) -> None:
    """Two-pass encoders miss by a few per cent, the same way each time or another way each time."""
    rng = np.random.default_rng(seed)
    probe = FakeProbe(lambda value: int(value * bias * rng.uniform(0.995, 1.005)))
    filled = search.fill(factories.bytes_rung(cap), cap, probe)
    assert filled.fits
    assert filled.encoded.bytes >= 0.97 * cap
    assert len(probe.encoded) <= LIMIT_BYTES


@given(strategies.caps, st.lists(st.floats(0.97, 1.03), min_size=LIMIT_BYTES, max_size=LIMIT_BYTES))
def test_byte_targets_with_independent_misses_of_three_per_cent(cap: int, misses: list[float]) -> None:
    left = iter(misses)
    probe = FakeProbe(lambda value: int(value * next(left)))
    filled = search.fill(factories.bytes_rung(cap), cap, probe)
    assert filled.encoded.bytes <= cap or not filled.fits
    assert len(probe.encoded) <= LIMIT_BYTES
    # A single encode may miss by 3 % either way, so being full cannot be promised here: nearly full can.
    assert filled.fits
    assert filled.encoded.bytes >= 0.90 * cap


@given(strategies.caps, st.floats(0.2, 5.0), st.floats(0, 0.2))
def test_a_wrong_first_idea_of_the_rate_is_corrected(cap: int, factor: float, overhead: float) -> None:
    """A container that costs more than thought, or an encoder that reads the rate another way."""
    probe = FakeProbe(lambda value: int(overhead * cap + value * factor))
    filled = search.fill(factories.bytes_rung(cap), cap, probe)
    assert filled.fits
    assert filled.encoded.bytes <= cap
    assert len(probe.encoded) <= LIMIT_BYTES


@given(strategies.caps, st.floats(0.05, 1.2))
def test_an_encoder_that_saturates_is_left_alone(cap: int, share: float) -> None:
    probe = FakeProbe(int, saturates_at=share * cap)
    filled = search.fill(factories.bytes_rung(cap), cap, probe)
    assert filled.fits
    if share < 0.97:
        assert len(probe.encoded) == 1

"""Filling the cap with cases that are easy to see through; the properties are in tests/property."""

from __future__ import annotations

from itertools import chain, repeat

import pytest

from tests.helpers import factories
from tests.helpers.fakes import FakeProbe
from transcoder import search
from transcoder.errors import EncodeError
from transcoder.model import Encoded, EncodeSpec

CAP = 1_000_000


def test_a_rung_without_a_knob_is_encoded_once() -> None:
    probe = FakeProbe(lambda _: CAP + 5)
    filled = search.fill(factories.fixed_rung(), CAP, probe)
    assert (filled.fits, filled.encodes, len(probe.encoded)) == (False, 1, 1)


def test_a_first_attempt_that_is_full_is_enough() -> None:
    probe = FakeProbe(int)
    filled = search.fill(factories.bytes_rung(CAP), CAP, probe)
    assert filled.fits
    assert filled.encodes == 1
    assert filled.encoded.bytes >= 0.97 * CAP


@pytest.mark.parametrize("miss", [0.97, 0.99, 1.0, 1.01, 1.03])
def test_a_steady_miss_is_corrected(miss: float) -> None:
    probe = FakeProbe(lambda value: int(value * miss))
    filled = search.fill(factories.bytes_rung(CAP), CAP, probe)
    assert filled.fits
    assert filled.encoded.bytes >= 0.97 * CAP
    assert filled.encodes <= 2


def test_a_saturated_encoder_is_not_asked_again() -> None:
    probe = FakeProbe(lambda value: int(value * 0.1), saturates_at=50_000)
    filled = search.fill(factories.bytes_rung(CAP), CAP, probe)
    assert filled.fits
    assert filled.encodes == len(probe.encoded) == 1


def test_a_small_picture_stops_at_the_highest_quality() -> None:
    probe = FakeProbe(lambda quality: int(1000 + quality))
    filled = search.fill(factories.quality_rung(), CAP, probe)
    assert filled.fits
    assert filled.spec.knob_value == 96
    assert len(probe.encoded) <= 3


def test_nothing_fits_reports_the_smallest_seen() -> None:
    probe = FakeProbe(lambda quality: int(2_000_000 + 1000 * quality))
    filled = search.fill(factories.quality_rung(), CAP, probe)
    assert not filled.fits
    assert filled.encoded.bytes == min(size for _, _, size in probe.encoded) == 2_005_000


def test_the_best_file_is_kept_even_where_a_later_one_is_smaller() -> None:
    sizes = chain([960_000, 1_200_000], repeat(500_000))
    probe = FakeProbe(lambda _: next(sizes))
    filled = search.fill(factories.bytes_rung(CAP), CAP, probe)
    assert filled.encoded.bytes == 960_000
    assert filled.fits


def test_an_encoder_that_fails_says_so() -> None:
    probe = FakeProbe(lambda _: 1, broken=frozenset({"jpeg"}))
    with pytest.raises(EncodeError, match="jpeg is broken"):
        search.fill(factories.quality_rung(), CAP, probe)


def test_an_encoder_that_fails_later_does_not_lose_what_fits() -> None:
    """A codec may refuse an extreme setting; the file that was already made under the cap is still good."""

    class FailsLater(FakeProbe):
        def encode(self, spec: EncodeSpec) -> Encoded:
            if self.encoded:
                raise EncodeError("refuses this rate")
            return super().encode(spec)

    filled = search.fill(factories.bytes_rung(CAP), CAP, FailsLater(lambda _: 900_000))
    assert filled.fits
    assert filled.encoded.bytes == 900_000


def test_a_byte_target_falls_back_to_its_lowest_value_before_giving_up() -> None:
    """23,699 bytes are there whatever the rate; at the knob's low end the file is 26,975 bytes and would fit."""
    cap = 32_768
    filled = search.fill(factories.bytes_rung(cap), cap, FakeProbe(lambda value: 23_699 + int(2 * value)))
    assert filled.fits


def test_a_sample_that_is_a_fifth_off_leaves_two_encodes() -> None:
    def size_of(quality: float) -> int:
        return int(40_000 * 1.028**quality)

    probe = FakeProbe(size_of, foretold=lambda quality: 0.8 * size_of(quality))
    filled = search.fill(factories.quality_rung(), 400_000, probe)
    best = max(quality for quality in range(5, 101) if size_of(quality) <= 400_000)
    assert filled.spec.knob_value == best
    assert filled.encodes == 2


def test_a_sample_that_foretells_nonsense_never_leads_over_the_cap() -> None:
    probe = FakeProbe(lambda quality: int(40_000 * 1.03**quality), foretold=lambda quality: 90_000 - 500 * quality)
    filled = search.fill(factories.quality_rung(), 400_000, probe)
    assert filled.fits
    assert filled.encoded.bytes <= 400_000


def test_what_a_sample_shows_to_be_far_over_the_cap_is_not_encoded() -> None:
    probe = FakeProbe(lambda _: 900_000, foretold=lambda _: 900_000)
    choice = search.choose([factories.quality_rung()], 400_000, {}, probe)
    assert choice.winner is None
    assert probe.encoded == []
    assert choice.attempts[0].rejected_for.endswith("about 900000 bytes, over the cap of 400000")
    assert choice.attempts[0].encodes == 0

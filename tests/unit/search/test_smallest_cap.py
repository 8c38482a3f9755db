"""Which cap would do: measured where it can be, else an honest estimate, else nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.helpers import factories
from tests.helpers.fakes import FakeProbe
from transcoder import search
from transcoder.model import Attempt, EncodeSpec, Fidelity, Rung

CAP = 1_000_000
FLOORS = {"frame": 0.90, "tile": 0.0}


FidelityOf = Callable[[str, int], Fidelity]


def loss(exponent: float, error_at_cap: float) -> FidelityOf:
    def fidelity_of(_name: str, size: int) -> Fidelity:
        return factories.fidelity(1 - error_at_cap * (CAP / size) ** exponent)

    return fidelity_of


def attempt(fidelity: Fidelity | None, rung: Rung | None = None, value: float = 990_000) -> Attempt:
    return Attempt(
        spec=EncodeSpec(rung=rung or factories.bytes_rung(CAP), knob_value=value),
        bytes=CAP,
        fidelity=fidelity,
        rejected_for="floor",
        missed=search.missed_floors(fidelity, FLOORS) if fidelity else {},
    )


def test_a_size_that_was_made_and_meets_the_floor_is_measured() -> None:
    fidelity_of = loss(0.8, 0.2)  # the true answer: 2 ** (1 / 0.8) = 2.38 times the cap
    probe = FakeProbe(int, fidelity_of)
    found = search.smallest_cap(attempt(fidelity_of("", CAP)), FLOORS, probe)
    assert found is not None
    assert found.measured
    assert not search.missed_floors(fidelity_of("", found.bytes), FLOORS)
    assert 2.38 * CAP <= found.bytes <= 1.15 * 2.38 * CAP
    assert found.bytes in [size for _, _, size in probe.encoded]


def test_other_laws_of_loss_are_learned_within_a_few_encodes() -> None:
    for exponent in (0.5, 0.6, 1.0, 1.4):
        fidelity_of = loss(exponent, 0.2)
        true = CAP * 2 ** (1 / exponent)
        probe = FakeProbe(int, fidelity_of)
        found = search.smallest_cap(attempt(fidelity_of("", CAP)), FLOORS, probe)
        assert found is not None
        assert 0.95 * true <= found.bytes <= 2.2 * true
        assert len(probe.encoded) <= 3


def test_a_size_out_of_reach_is_only_estimated() -> None:
    fidelity_of = loss(0.25, 0.9)
    probe = FakeProbe(int, fidelity_of)
    found = search.smallest_cap(attempt(fidelity_of("", CAP)), FLOORS, probe)
    assert found is not None
    assert not found.measured
    assert found.bytes > max(size for _, _, size in probe.encoded)
    assert len(probe.encoded) <= 3


def test_an_encoder_that_cannot_do_better_gives_no_cap() -> None:
    probe = FakeProbe(int, lambda *_: factories.fidelity(0.5), saturates_at=1_100_000)
    assert search.smallest_cap(attempt(factories.fidelity(0.5)), FLOORS, probe) is None


def test_a_picture_at_its_highest_quality_gives_no_cap() -> None:
    rung = factories.quality_rung()
    probe = FakeProbe(lambda quality: int(20_000 * quality), lambda *_: factories.fidelity(0.5))
    assert search.smallest_cap(attempt(factories.fidelity(0.5), rung, 50), FLOORS, probe) is None


def test_a_picture_stays_within_the_knob() -> None:
    rung = factories.quality_rung()
    probe = FakeProbe(lambda quality: int(20_000 * quality), loss(0.8, 0.2))
    search.smallest_cap(attempt(factories.fidelity(0.8), rung, 50), FLOORS, probe)
    assert all(value is not None and 5 <= value <= 96 for _, value, _ in probe.encoded)


def test_whole_quality_numbers_only() -> None:
    """An integer knob is recorded in the certificate: it must be what the encoder was told."""
    rung = factories.quality_rung()
    probe = FakeProbe(lambda quality: int(20_000 * quality), loss(0.8, 0.2))
    search.smallest_cap(attempt(factories.fidelity(0.8), rung, 50), FLOORS, probe)
    assert all(value is not None and value == int(value) for _, value, _ in probe.encoded)


def test_an_encoder_that_fails_leaves_an_estimate() -> None:
    probe = FakeProbe(lambda _: 1, broken=frozenset({"h264"}))
    found = search.smallest_cap(attempt(factories.fidelity(0.8)), FLOORS, probe)
    assert found is not None
    assert not found.measured
    assert found.bytes > CAP


def test_nothing_can_be_said_without_a_knob_or_a_measurement() -> None:
    probe = FakeProbe(lambda _: 1)
    assert search.smallest_cap(attempt(factories.fidelity(0.5), factories.fixed_rung()), FLOORS, probe) is None
    assert search.smallest_cap(attempt(None), FLOORS, probe) is None
    assert search.smallest_cap(replace(attempt(factories.fidelity(0.5)), missed={}), FLOORS, probe) is None
    assert probe.encoded == []

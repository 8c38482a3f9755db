"""Moving bits between classes: to what missed its floor, from what has margin, and within what encoders take."""

from __future__ import annotations

import pytest

from tests.helpers import factories
from transcoder.encode import roi
from transcoder.encode.balance import rebalance
from transcoder.encode.h264 import OFFSETS
from transcoder.model import RegionKind, Rung

ALL = roi.as_settings(OFFSETS, list(RegionKind))


def rung(encoder: str = "h264", **settings: float) -> Rung:
    named = {f"{roi.SETTING}{kind}": value for kind, value in settings.items()}
    return factories.bytes_rung(1_000_000, encoder=encoder, settings={"preset": "medium", **(named or ALL)})


def moved(before: Rung, errors: dict[str, float]) -> dict[str, float]:
    after = rebalance(before, errors)
    assert after is not None
    return {str(kind): offset for kind, offset in roi.offsets_of(after.settings).items()}


@pytest.mark.parametrize(
    "errors",
    [
        {"frame": 0.9, "tile": 0.5, "face": 0.99},  # nothing missed
        {"frame": 1.3, "face": 1.2, "motion": 0.9},  # nobody has anything to give
        {"frame": 1.3, "tile": 0.5},  # no weights to take back
        {},
    ],
)
def test_nothing_to_move(errors: dict[str, float]) -> None:
    before = rung() if "face" in errors else factories.bytes_rung(1_000_000)
    assert rebalance(before, errors) is None


@pytest.mark.parametrize("encoder", ["av1", "jpeg"])
def test_encoders_that_ignore_regions_are_left_alone(encoder: str) -> None:
    assert rebalance(rung(encoder), {"face": 2.0, "frame": 0.3}) is None


def test_a_starved_class_gets_more_and_the_more_the_further_it_missed() -> None:
    little, much = (moved(rung(), {"frame": 0.5, "face": ratio})["face"] for ratio in (1.05, 1.4))
    assert much < little < OFFSETS[RegionKind.FACE]


def test_a_class_that_had_no_weight_gets_one() -> None:
    assert moved(rung(motion=-0.1), {"frame": 0.5, "face": 1.2})["face"] < 0


@pytest.mark.parametrize(("encoder", "finest"), [("h264", -0.4), ("hevc", -0.2)])
def test_no_weight_goes_beyond_what_the_encoder_takes(encoder: str, finest: float) -> None:
    assert moved(rung(encoder, face=-0.15), {"frame": 0.1, "face": 50.0})["face"] == finest
    assert rebalance(rung(encoder, face=finest), {"frame": 0.1, "face": 2.0}) is None, "there is nothing finer"


def test_classes_with_margin_give_but_never_become_coarser_than_the_rest() -> None:
    after = moved(rung(), {"frame": 0.9, "face": 1.2, "motion": 0.4, "text": 0.001, "person": 0.9, "plate": 0.84})
    assert OFFSETS[RegionKind.MOTION] < after.get("motion", 0.0) <= 0
    assert after.get("text", 0.0) == 0
    assert after["person"] == OFFSETS[RegionKind.PERSON], "a class without margin keeps what it has"
    assert after["plate"] > OFFSETS[RegionKind.PLATE]
    assert after["vehicle"] == OFFSETS[RegionKind.VEHICLE], "a class that was not measured keeps what it has"
    assert all(offset <= 0 for offset in after.values())


@pytest.mark.parametrize("rest", ["frame", "tile"])
def test_where_the_rest_starves_the_weighted_classes_give_more(rest: str) -> None:
    other = {"frame": "tile", "tile": "frame"}[rest]
    gives = moved(rung(), {rest: 1.2, other: 0.9, "motion": 0.6})["motion"]
    kept = moved(rung(), {rest: 0.9, other: 0.9, "plate": 1.2, "motion": 0.6})["motion"]
    assert gives > kept > OFFSETS[RegionKind.MOTION]


def test_the_label_says_for_whom_and_nothing_else_changes() -> None:
    before = rung()
    after = rebalance(before, {"frame": 0.5, "face": 1.3, "plate": 1.1})
    assert after is not None
    assert "more bits for face, plate" in after.label
    assert (after.name, after.encoder, after.knob, after.fates) == (
        before.name, before.encoder, before.knob, before.fates
    )  # fmt: skip
    assert after.settings["preset"] == "medium"
    assert dict(before.settings) == dict(rung().settings)


def test_the_settings_of_the_second_attempt_are_in_the_usual_order() -> None:
    after = rebalance(rung(motion=-0.1), {"frame": 0.5, "face": 1.3})
    assert after is not None
    assert [name for name in after.settings if name.startswith(roi.SETTING)] == ["qoffset_face", "qoffset_motion"]

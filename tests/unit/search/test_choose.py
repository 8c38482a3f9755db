"""The choice of a rung: order, reasons, and who wins when nothing does."""

from __future__ import annotations

from tests.helpers import factories
from tests.helpers.fakes import FakeProbe
from transcoder import search
from transcoder.model import Fidelity, RungName

CAP = 1_000_000
FLOORS = {"frame": 0.90, "tile": 0.75, "face": 0.99}
UNCHANGED = factories.fixed_rung(RungName.UNCHANGED, "copy")
REWRAP = factories.fixed_rung()
H264 = factories.bytes_rung(CAP)
HEVC = factories.bytes_rung(CAP, encoder="hevc")


def exact(value: float) -> int:
    return int(value)


def scores(frame: float, tile: float = 0.9) -> Fidelity:
    return factories.fidelity(frame, tile)


def test_the_first_rung_that_holds_wins_and_later_ones_are_not_tried() -> None:
    probe = FakeProbe({"remux": lambda _: 900_000, "h264": exact}, lossless=frozenset({"remux"}))
    choice = search.choose([REWRAP, H264], CAP, FLOORS, probe)
    assert choice.winner is not None
    assert choice.winner.spec.rung is REWRAP
    assert [name for name, _, _ in probe.encoded] == ["remux"]
    assert choice.encoded is not None
    assert choice.encoded.bytes == 900_000


def test_lossless_is_accepted_without_measuring_whatever_the_floors() -> None:
    probe = FakeProbe(lambda _: 5, lambda *_: scores(0.0), lossless=frozenset({"copy"}))
    choice = search.choose([UNCHANGED], CAP, {"frame": 1.0}, probe)
    assert choice.winner is not None
    assert probe.measured == []


def test_lossless_over_the_cap_is_rejected_with_its_size() -> None:
    probe = FakeProbe({"copy": lambda _: CAP + 1, "h264": exact}, lossless=frozenset({"copy"}))
    choice = search.choose([UNCHANGED, H264], CAP, FLOORS, probe)
    first, second = choice.attempts
    assert str(CAP + 1) in first.rejected_for
    assert str(CAP) in first.rejected_for
    assert first.bytes == CAP + 1
    assert second.rejected_for == ""
    assert choice.winner is second


def test_a_file_of_exactly_the_cap_fits() -> None:
    probe = FakeProbe(lambda _: CAP, lossless=frozenset({"copy"}))
    assert search.choose([UNCHANGED], CAP, FLOORS, probe).winner is not None


def test_a_missed_floor_sends_on_to_the_next_rung_and_says_which() -> None:
    probe = FakeProbe(exact, lambda name, _: scores(0.85 if name == "h264" else 0.95))
    choice = search.choose([H264, HEVC], CAP, FLOORS, probe)
    assert choice.winner is not None
    assert choice.winner.spec.rung is HEVC
    rejected = choice.attempts[0]
    assert rejected.missed == {"frame": (0.85, 0.90)}
    assert "frame 0.850" in rejected.rejected_for
    assert "0.900" in rejected.rejected_for


def test_every_missed_floor_is_named() -> None:
    missed = search.missed_floors(scores(0.5, 0.6), FLOORS)
    assert missed == {"frame": (0.5, 0.90), "tile": (0.6, 0.75)}
    words = search.describe_missed(missed)
    assert "frame 0.500" in words
    assert "tile 0.600" in words


def test_exactly_the_floor_is_met_and_only_luma_ssim_counts() -> None:
    fidelity = factories.fidelity(
        0.90, 0.75, scores=(
            factories.score(0.90),
            factories.score(0.10, plane="cb"),
            factories.score(0.0, metric="psnr"),
            factories.score(0.75, region="tile"),
        )
    )  # fmt: skip
    assert search.missed_floors(fidelity, FLOORS) == {}


def test_the_worst_one_percent_counts_not_the_mean() -> None:
    fidelity = factories.fidelity(scores=(factories.score(0.99, p1=0.89),))
    assert set(search.missed_floors(fidelity, FLOORS)) == {"frame"}


def test_an_encoder_that_fails_goes_on_to_the_next() -> None:
    probe = FakeProbe(exact, broken=frozenset({"h264"}))
    choice = search.choose([H264, HEVC], CAP, FLOORS, probe)
    assert choice.winner is not None
    assert choice.winner.spec.rung is HEVC
    assert "h264 is broken" in choice.attempts[0].rejected_for
    assert choice.attempts[0].bytes is None


def test_all_encoders_failing_is_no_winner_and_no_crash() -> None:
    probe = FakeProbe(exact, broken=frozenset({"h264", "hevc"}))
    choice = search.accept_nearest(search.choose([H264, HEVC], CAP, FLOORS, probe))
    assert choice.winner is None
    assert choice.nearest is None
    assert len(choice.attempts) == 2


def test_no_rungs_is_no_winner() -> None:
    choice = search.accept_nearest(search.choose([], CAP, FLOORS, FakeProbe(exact)))
    assert choice.winner is None
    assert choice.attempts == ()


def test_without_a_winner_the_nearest_to_its_floors_is_kept_for_the_refusal() -> None:
    probe = FakeProbe(exact, lambda name, _: scores(0.80 if name == "h264" else 0.86))
    choice = search.choose([H264, HEVC], CAP, FLOORS, probe)
    assert choice.winner is None
    assert choice.encoded is None
    assert choice.nearest is not None
    assert choice.nearest[0].spec.rung is HEVC
    assert not choice.degraded


def test_an_override_wins_only_after_every_rung_failed() -> None:
    probe = FakeProbe(exact, lambda name, _: scores(0.86 if name == "h264" else 0.95))
    honest = search.accept_nearest(search.choose([H264, HEVC], CAP, FLOORS, probe))
    assert honest.winner is not None
    assert honest.winner.spec.rung is HEVC
    assert not honest.degraded

    probe = FakeProbe(exact, lambda name, _: scores(0.86 if name == "h264" else 0.70))
    degraded = search.accept_nearest(search.choose([H264, HEVC], CAP, FLOORS, probe))
    assert degraded.degraded
    assert degraded.winner is not None
    assert degraded.winner.spec.rung is H264
    assert degraded.winner.missed
    assert [name for name, _, _ in probe.encoded].count("hevc") > 0


def test_an_override_never_lets_a_file_over_the_cap_through() -> None:
    probe = FakeProbe(lambda _: CAP + 1, lambda *_: scores(0.2))
    choice = search.accept_nearest(search.choose([REWRAP, H264], CAP, FLOORS, probe))
    assert choice.winner is None
    assert probe.measured == []


def test_the_trail_counts_every_encode() -> None:
    probe = FakeProbe(lambda value: int(value * 1.3), lambda *_: scores(0.2))
    choice = search.choose([H264], CAP, FLOORS, probe)
    assert choice.attempts[0].encodes == len(probe.encoded)


def nearly_full(value: float) -> int:
    return int(value * 0.99)


def test_a_video_with_room_under_its_floors_does_not_need_the_last_bytes() -> None:
    probe = FakeProbe(nearly_full, lambda *_: scores(0.96, 0.9))
    choice = search.choose([H264], CAP, {"frame": 0.90, "tile": 0.75}, probe)
    assert choice.winner is not None
    assert (choice.winner.encodes, len(probe.measured)) == (1, 1)
    assert choice.winner.bytes is not None
    assert search.NEARLY_FULL * CAP <= choice.winner.bytes < search.FILL_GOAL * CAP


def test_one_class_near_its_floor_gets_the_last_bytes() -> None:
    probe = FakeProbe(nearly_full, lambda *_: scores(0.96, 0.8))
    choice = search.choose([H264], CAP, {"frame": 0.90, "tile": 0.75}, probe)
    assert choice.winner is not None
    assert choice.winner.encodes == 2
    assert choice.winner.bytes is not None
    assert choice.winner.bytes >= search.FILL_GOAL * CAP


def test_what_is_far_from_full_is_encoded_again_unmeasured() -> None:
    probe = FakeProbe(lambda value: int(value * 0.9), lambda *_: scores(1.0, 1.0))
    choice = search.choose([H264], CAP, {"frame": 0.90}, probe)
    assert choice.winner is not None
    assert (choice.winner.encodes, len(probe.measured)) == (2, 1)

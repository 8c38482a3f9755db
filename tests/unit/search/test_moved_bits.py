"""The choice where a class of regions misses its floor: bits are moved once, and the trail says so."""

from __future__ import annotations

from collections.abc import Callable

from tests.helpers import factories
from transcoder import profile as profiles
from transcoder import search
from transcoder.encode import roi
from transcoder.errors import EncodeError
from transcoder.model import Encoded, EncodeSpec, Fidelity, RegionKind

CAP = 1_000_000
FLOORS = {"frame": 0.90, "tile": 0.75, "face": 0.95, "motion": 0.85}
WEIGHTS = {f"{roi.SETTING}face": -0.1, f"{roi.SETTING}motion": -0.1}
H264 = factories.bytes_rung(CAP, settings=WEIGHTS)
HEVC = factories.bytes_rung(CAP, encoder="hevc", settings=WEIGHTS)


class Encoders:
    """Sizes follow the byte target; the face gets better with its weight, as far as it is wanted to.

    :param face_of: worst 1 % of the face by its quantiser offset.
    :param size_of: file size by byte target and number of the encode.
    """

    def __init__(
        self,
        face_of: Callable[[float], float],
        size_of: Callable[[float, int], int] = lambda target, _number: int(target),
        *,
        breaks_at: int = 0,
    ) -> None:
        self._face_of, self._size_of, self._breaks_at = face_of, size_of, breaks_at
        self.specs: list[EncodeSpec] = []
        self.measured = 0

    def encode(self, spec: EncodeSpec) -> Encoded:
        self.specs.append(spec)
        if len(self.specs) == self._breaks_at:
            raise EncodeError("the encoder broke")
        assert spec.knob_value is not None
        size = self._size_of(spec.knob_value, len(self.specs))
        return factories.encoded(size=size, settings=spec.rung.settings)

    def forecast(self, spec: EncodeSpec) -> float | None:
        return None

    def measure(self, encoded: Encoded) -> Fidelity:
        self.measured += 1
        face = self._face_of(roi.offsets_of(encoded.settings).get(RegionKind.FACE, 0.0))
        values = {"frame": 0.96, "tile": 0.9, "face": face, "motion": 0.97}
        return factories.fidelity(scores=tuple(factories.score(v, region=name) for name, v in values.items()))


def better_with_weight(offset: float) -> float:
    return 0.97 if offset < -0.1 else 0.93


def never_good(_offset: float) -> float:
    return 0.93


def test_the_second_attempt_wins_where_it_meets_the_floors() -> None:
    encoders = Encoders(better_with_weight)
    choice = search.choose([H264, HEVC], CAP, FLOORS, encoders)
    assert choice.winner is not None
    first, second = choice.attempts
    assert second.bytes is not None
    assert choice.winner is second
    assert first.missed == {"face": (0.93, 0.95)}
    assert "face 0.930 is below its floor 0.950" in first.rejected_for
    assert second.spec.rung.variant == "more bits for face"
    assert first.spec.rung.label != second.spec.rung.label
    assert roi.offsets_of(second.spec.rung.settings)[RegionKind.FACE] < -0.1
    assert roi.offsets_of(second.spec.rung.settings).get(RegionKind.MOTION, 0.0) > -0.1
    assert choice.encoded is not None
    assert choice.encoded.bytes == second.bytes <= CAP
    assert [spec.rung.encoder for spec in encoders.specs] == ["h264", "h264"], "one encode more, and no other rung"


def test_bits_are_moved_once_and_then_the_next_rung_is_tried() -> None:
    encoders = Encoders(never_good)
    choice = search.choose([H264, HEVC], CAP, FLOORS, encoders)
    assert choice.winner is None
    assert [spec.rung.encoder for spec in encoders.specs] == ["h264", "h264", "hevc", "hevc"]
    assert [attempt.encodes for attempt in choice.attempts] == [1, 1, 1, 1]
    assert all(attempt.missed for attempt in choice.attempts)
    assert choice.nearest is not None


def test_a_second_attempt_over_the_cap_is_refused_with_its_size_and_not_corrected() -> None:
    encoders = Encoders(better_with_weight, lambda target, number: int(target * (1.2 if number == 2 else 1)))
    choice = search.accept_nearest(search.choose([H264], CAP, FLOORS, encoders))
    first, second = choice.attempts
    assert len(encoders.specs) == 2
    assert encoders.measured == 1, "what is over the cap is not worth measuring"
    assert second.bytes is not None
    assert second.bytes > CAP
    assert str(second.bytes) in second.rejected_for
    assert f"over the cap of {CAP}" in second.rejected_for
    assert choice.degraded
    assert choice.winner is first, "an override never takes what is over the cap"


def test_a_second_attempt_that_cannot_be_encoded_is_in_the_trail() -> None:
    choice = search.accept_nearest(search.choose([H264], CAP, FLOORS, Encoders(better_with_weight, breaks_at=2)))
    assert "the encoder broke" in choice.attempts[1].rejected_for
    assert choice.attempts[1].bytes is None
    assert choice.winner is choice.attempts[0]


def test_the_second_attempt_aims_below_the_cap_from_what_the_first_one_taught() -> None:
    encoders = Encoders(better_with_weight, lambda target, _number: int(target * 0.985))
    choice = search.choose([H264], CAP, FLOORS, encoders)
    assert choice.winner is not None
    assert choice.winner.bytes is not None
    assert 0.97 * CAP <= choice.winner.bytes <= CAP


def test_nothing_is_moved_where_everything_starves_or_nothing_does() -> None:
    floors = {"frame": 0.97, "tile": 0.95, "face": 0.98, "motion": 0.975}
    encoders = Encoders(never_good)
    assert search.choose([H264], CAP, floors, encoders).winner is None
    assert len(encoders.specs) == 1
    happy = Encoders(lambda _: 0.99)
    assert search.choose([H264], CAP, FLOORS, happy).winner is not None
    assert len(happy.specs) == 1


def test_of_several_attempts_an_override_takes_the_one_nearest_to_its_floors() -> None:
    choice = search.accept_nearest(
        search.choose([H264], CAP, FLOORS, Encoders(lambda offset: 0.94 if offset < -0.1 else 0.91))
    )
    assert choice.degraded
    assert choice.winner is choice.attempts[1]


def test_a_vehicle_has_a_floor_even_where_a_profile_names_none() -> None:
    text, origin = profiles.read_text("cps-twif-1mb")
    lines = [line for line in text.splitlines() if not line.startswith("vehicle")]
    old = profiles.Profile.from_toml("\n".join(lines), origin=origin)
    assert old.floors["vehicle"] == old.floors["person"]
    own = profiles.Profile.from_toml(
        "\n".join(f"{line}\nvehicle = 0.42" if line.startswith("person") else line for line in lines), origin=origin
    )
    assert own.floors["vehicle"] == 0.42
    assert own.floors["person"] == old.floors["person"]
    missed = search.missed_floors(factories.fidelity(scores=(factories.score(0.41, region="vehicle"),)), own.floors)
    assert missed == {"vehicle": (0.41, 0.42)}

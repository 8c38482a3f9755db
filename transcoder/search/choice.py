"""Accepting: the first rung, least harm first, whose filled file meets every floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from transcoder.encode import balance
from transcoder.errors import EncodeError
from transcoder.model import Attempt, Choice, Encoded, EncodeSpec, Fidelity, Rung
from transcoder.search.filling import Filled, OverCap, Probe, fill, never

_SECOND_AIM = 0.985
"""Where an encode with moved bits aims: it is not corrected, so it must not miss."""
AMPLE_ERROR = 0.5
"""Of what each floor lets a video lose: where no class loses more, it does not need the last bytes of the cap."""


def missed_floors(fidelity: Fidelity, floors: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Floors not met, as region class -> (worst 1 % reached, floor). Classes that were not measured do not count."""
    return {name: (got, floor) for name, got, floor in _gated(fidelity, floors) if got < floor}


def describe_missed(missed: Mapping[str, tuple[float, float]]) -> str:
    """Missed floors in words: ``frame 0.871 is below its floor 0.900``."""
    return "; ".join(f"{name} {got:.3f} is below its floor {floor:.3f}" for name, (got, floor) in missed.items())


def errors_of(fidelity: Fidelity, floors: Mapping[str, float]) -> dict[str, float]:
    """Each class's worst 1 % as (1 - reached) / (1 - floor): 1 or less where its floor is met."""
    return {name: (1 - got) / max(1 - floor, 1e-6) for name, got, floor in _gated(fidelity, floors)}


def _gated(fidelity: Fidelity, floors: Mapping[str, float]) -> Iterator[tuple[str, float, float]]:
    """Region class, worst 1 % and floor of every score that a floor applies to."""
    for name, p1 in fidelity.worst.items():
        if name in floors:
            yield name, p1, floors[name]


def choose(
    rungs: Sequence[Rung],
    cap_bytes: int,
    floors: Mapping[str, float],
    probe: Probe,
    *,
    before: Sequence[Attempt] = (),
    max_encodes: int | None = None,
) -> Choice:
    """Try the rungs in order and take the first that fits the cap and meets the floors.

    Where a rung misses floors while other classes have margin, bits are moved once (``balance.rebalance``): at
    most one extra full encode.

    :param floors: region class -> worst 1 % that must be reached.
    :param before: attempts at gentler rungs, which the choice's trail begins with.
    :param max_encodes: how often each rung is tried; None means what its knob is worth, and moving bits once.
    """
    attempts = list(before)
    nearest: tuple[Attempt, Encoded] | None = None
    for rung in rungs:
        for tried in _try_rung(rung, cap_bytes, floors, probe, max_encodes):
            attempt, encoded = tried
            attempts.append(attempt)
            if encoded is None:
                continue
            if not attempt.rejected_for:
                return Choice(winner=attempt, encoded=encoded, attempts=tuple(attempts))
            if nearest is None or _shortfall(attempt) < _shortfall(nearest[0]):
                nearest = attempt, encoded
    return Choice(winner=None, encoded=None, attempts=tuple(attempts), nearest=nearest)


def nearer(earlier: Choice, later: Choice) -> Choice:
    """The later choice, which goes on from the earlier one; where both failed, with the nearest attempt of both."""
    if later.winner is not None or earlier.nearest is None:
        return later
    if later.nearest is None or _shortfall(earlier.nearest[0]) <= _shortfall(later.nearest[0]):
        return replace(later, nearest=earlier.nearest)
    return later


def _shortfall(attempt: Attempt) -> float:
    """By how much it misses the floor that it misses most."""
    return max(floor - got for got, floor in attempt.missed.values())


def accept_nearest(choice: Choice) -> Choice:
    """The choice of a person who takes the best file under the cap although it misses a floor."""
    if choice.winner is not None or choice.nearest is None:
        return choice
    attempt, encoded = choice.nearest
    return replace(choice, winner=attempt, encoded=encoded, degraded=True, nearest=None)


def _try_rung(
    rung: Rung, cap_bytes: int, floors: Mapping[str, float], probe: Probe, max_encodes: int | None
) -> Iterator[tuple[Attempt, Encoded | None]]:
    """One attempt, or two where bits were moved; each with its file where that is under the cap."""
    while True:
        measured = _Measured(probe)
        ample = partial(_is_ample, measured, floors)
        # Only a video is dear enough to make, and the reading of its sizes too vague to hit the goal at once.
        dear = rung.knob is not None and rung.knob.proportional
        try:
            filled = fill(rung, cap_bytes, probe, max_encodes=max_encodes, enough=ample if dear else never)
        except EncodeError as error:
            encodes = 0 if isinstance(error, OverCap) else 1
            reason = error.message if isinstance(error, OverCap) else str(error)
            yield (
                Attempt(spec=EncodeSpec(rung=rung), bytes=None, fidelity=None, rejected_for=reason, encodes=encodes),
                None,
            )
            return
        encoded = filled.encoded
        if not filled.fits:
            yield (
                _attempt(filled, None, f"the smallest file is {encoded.bytes} bytes, over the cap of {cap_bytes}"),
                None,
            )
            return
        if encoded.lossless_proof is not None:
            yield _attempt(filled, None, ""), encoded
            return
        fidelity = measured.of(encoded)
        missed = missed_floors(fidelity, floors)
        yield _attempt(filled, fidelity, describe_missed(missed), missed), encoded
        other = balance.rebalance(rung, errors_of(fidelity, floors)) if missed and max_encodes is None else None
        if other is None or other.knob is None or filled.spec.knob_value is None:
            return
        start = min(other.knob.high, filled.spec.knob_value * cap_bytes * _SECOND_AIM / encoded.bytes)
        rung, max_encodes = replace(other, knob=replace(other.knob, start=start)), 1


class _Measured:
    """What the last file measured: it may be asked before the search goes on, and once more when it has ended."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._last: tuple[Encoded, Fidelity] | None = None

    def of(self, encoded: Encoded) -> Fidelity:
        if self._last is None or self._last[0] is not encoded:
            self._last = encoded, self._probe.measure(encoded)
        return self._last[1]


def _is_ample(measured: _Measured, floors: Mapping[str, float], encoded: Encoded) -> bool:
    return max(errors_of(measured.of(encoded), floors).values(), default=1.0) <= AMPLE_ERROR


def _attempt(
    filled: Filled,
    fidelity: Fidelity | None,
    reason: str,
    missed: Mapping[str, tuple[float, float]] | None = None,
) -> Attempt:
    return Attempt(
        spec=filled.spec,
        bytes=filled.encoded.bytes,
        fidelity=fidelity,
        rejected_for=reason,
        missed=missed or {},
        encodes=filled.encodes,
    )

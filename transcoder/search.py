"""The choice under a cap and floors: pure, with the encoder and the metrics handed in as a probe.

Two questions are kept apart. *Filling*: which knob value gives the largest file at or under the cap? That
needs sizes only, so nothing is measured on the way. *Accepting*: does that file meet every floor? The first
rung, least harm first, whose filled file does is the winner.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from transcoder.encode import balance
from transcoder.errors import EncodeError
from transcoder.model import Attempt, Choice, Encoded, EncodeSpec, Fidelity, Knob, Rung

FILL_GOAL = 0.97
"""A file at or above this share of the cap is full; another encode would cost more than it brings."""
FILL_AIM = 0.988
"""Where corrections aim: above the goal, with room for an encoder's miss."""
_SECOND_AIM = 0.985
"""Where an encode with moved bits aims: it is not corrected, so it must not miss."""
MAX_ENCODES = {"target_bytes": 5, "quality": 6}
_QUALITY_SLOPE = 0.028
"""Typical growth of ln(size) for one JPEG quality step between 40 and 90, before two points are known."""


class Probe(Protocol):
    """What the search needs from the world."""

    def encode(self, spec: EncodeSpec) -> Encoded:
        """Make the file. :raises EncodeError: where it cannot be made."""
        ...

    def measure(self, encoded: Encoded) -> Fidelity:
        """Judge the file against the source, every frame."""
        ...


@dataclass(frozen=True, slots=True)
class Filled:
    """The outcome of filling one rung: the best file under the cap, or the smallest one seen."""

    spec: EncodeSpec
    encoded: Encoded
    encodes: int
    fits: bool


def missed_floors(fidelity: Fidelity, floors: Mapping[str, float]) -> dict[str, tuple[float, float]]:
    """Floors not met, as region class -> (worst 1 % reached, floor). Classes that were not measured do not count."""
    missed = {}
    for score in fidelity.scores:
        floor = floors.get(score.region)
        if score.metric == "ssim" and score.plane == "y" and floor is not None and score.p1 < floor:
            missed[score.region] = (score.p1, floor)
    return missed


def describe_missed(missed: Mapping[str, tuple[float, float]]) -> str:
    """Missed floors in words: ``frame 0.871 is below its floor 0.900``."""
    return "; ".join(f"{name} {got:.3f} is below its floor {floor:.3f}" for name, (got, floor) in missed.items())


def fill(rung: Rung, cap_bytes: int, probe: Probe, *, max_encodes: int | None = None) -> Filled:
    """Find the knob value whose file is largest but not over the cap.

    Sizes are assumed to rise with the knob but not to follow any exact law; the search keeps a bracket, so a
    bad guess costs an encode and never the result.

    :param max_encodes: how often to try; None means what the knob is worth.
    :raises EncodeError: where no attempt can be encoded.
    """
    if rung.knob is None:
        spec = EncodeSpec(rung=rung)
        encoded = probe.encode(spec)
        return Filled(spec, encoded, 1, encoded.bytes <= cap_bytes)
    knob, value = rung.knob, rung.knob.start
    under: Filled | None = None
    smallest: Filled | None = None
    points: list[tuple[float, int]] = []
    limit = max_encodes or MAX_ENCODES[knob.name]
    for number in range(1, limit + 1):
        spec = EncodeSpec(rung=rung, knob_value=value)
        try:
            encoded = probe.encode(spec)
        except EncodeError:
            if under is None:
                raise
            break  # what fits already is not lost with a later attempt
        points.append((value, encoded.bytes))
        tried = Filled(spec, encoded, number, encoded.bytes <= cap_bytes)
        if smallest is None or encoded.bytes < smallest.encoded.bytes:
            smallest = tried
        if tried.fits and (under is None or encoded.bytes > under.encoded.bytes):
            under = tried
        if tried.fits and (encoded.bytes >= FILL_GOAL * cap_bytes or encoded.saturated):
            break
        proposal = propose(knob, points, cap_bytes)
        if proposal is None:
            break
        # The last encodes must not be a gamble while nothing fits yet.
        if under is None and number == limit - 1:
            proposal = knob.low
        elif under is None and number == limit - 2 and not knob.integer:
            proposal = max(knob.low, 0.9 * proposal)
        value = proposal
    best = under or smallest
    assert best is not None
    return Filled(best.spec, best.encoded, len(points), best.fits)


def propose(knob: Knob, points: Sequence[tuple[float, int]], cap_bytes: int) -> float | None:
    """The next knob value worth trying, or None where nothing between the bracket is left.

    Works in (knob, ln size), or in (ln knob, ln size) where size is proportional to the knob. Once one
    value fits and another does not, it follows the secant of the two sizes nearest to the goal where that
    stays inside the bracket, and else interpolates between its ends; before that it extrapolates. A tenth of
    the bracket is kept away from both ends, so that it shrinks at every step.
    """
    fits = [point for point in points if point[1] <= cap_bytes]
    over = [point for point in points if point[1] > cap_bytes]
    wanted = math.log(cap_bytes * FILL_AIM)
    if fits and over:
        below, above = max(fits), min(over)
        if knob.integer and above[0] - below[0] <= 1:
            return None
        guess = _between(knob, below, above, _beyond(knob, points, wanted), wanted)
    else:
        guess = min(max(_beyond(knob, points, wanted), knob.low), knob.high)
    if knob.integer:
        guess = float(math.floor(guess))
        if fits and over:
            guess = min(max(guess, below[0] + 1), above[0] - 1)
    tried = any(abs(guess - x) <= 1e-4 * max(abs(x), 1e-9) for x, _ in points)
    return None if tried else guess


_Point = tuple[float, int]


def _scale(knob: Knob, x: float) -> float:
    return math.log(x) if knob.proportional else x


def _unscale(knob: Knob, u: float) -> float:
    return math.exp(u) if knob.proportional else u


def _between(knob: Knob, below: _Point, above: _Point, secant: float, wanted_log_size: float) -> float:
    u1, u2 = _scale(knob, below[0]), _scale(knob, above[0])
    share = (_scale(knob, max(secant, 1e-9)) - u1) / (u2 - u1)
    if not 0 < share < 1:
        rise = math.log(above[1]) - math.log(below[1])
        share = (wanted_log_size - math.log(below[1])) / rise if rise > 0 else 0.5
    return _unscale(knob, u1 + (u2 - u1) * min(max(share, 0.1), 0.9))


def _beyond(knob: Knob, points: Sequence[_Point], wanted_log_size: float) -> float:
    """Extrapolate from the outermost point, with the slope of the outer two where they show a sensible one."""
    typical = 1.0 if knob.proportional else _QUALITY_SLOPE
    ordered = sorted(points, key=lambda point: abs(math.log(point[1]) - wanted_log_size))
    x1, size1 = ordered[0]
    slope = typical
    if len(ordered) > 1:
        x2, size2 = ordered[1]
        run = _scale(knob, x2) - _scale(knob, x1)
        slope = (math.log(size2) - math.log(size1)) / run if run else typical
        # A flat stretch says little about the next one: half the typical slope at the least.
        slope = max(slope, typical / 2)
    return _unscale(knob, _scale(knob, x1) + (wanted_log_size - math.log(size1)) / slope)


def choose(
    rungs: Sequence[Rung],
    cap_bytes: int,
    floors: Mapping[str, float],
    probe: Probe,
    *,
    accept_degraded: bool,
    before: Sequence[Attempt] = (),
) -> Choice:
    """Try the rungs in order and take the first that fits the cap and meets the floors.

    Where a rung misses floors while other classes have margin, bits are moved once (``balance.rebalance``): at
    most one extra full encode.

    :param floors: region class -> worst 1 % that must be reached.
    :param accept_degraded: take the best file under the cap even where it misses a floor (an accountable
        override); it wins only after every rung has failed honestly.
    :param before: attempts at gentler rungs, which the choice's trail begins with.
    """
    attempts = list(before)
    nearest: tuple[float, Attempt, Encoded] | None = None
    for rung in rungs:
        for tried in _try_rung(rung, cap_bytes, floors, probe):
            attempt, encoded = tried
            attempts.append(attempt)
            if encoded is None:
                continue
            if not attempt.rejected_for:
                return Choice(winner=attempt, encoded=encoded, attempts=tuple(attempts))
            shortfall = max(floor - got for got, floor in attempt.missed.values())
            if nearest is None or shortfall < nearest[0]:
                nearest = (shortfall, attempt, encoded)
    if nearest is None:
        return Choice(winner=None, encoded=None, attempts=tuple(attempts))
    _, attempt, encoded = nearest
    if accept_degraded:
        return Choice(winner=attempt, encoded=encoded, attempts=tuple(attempts), degraded=True)
    return Choice(winner=None, encoded=None, attempts=tuple(attempts), nearest=(attempt, encoded))


def _try_rung(
    rung: Rung, cap_bytes: int, floors: Mapping[str, float], probe: Probe
) -> Iterator[tuple[Attempt, Encoded | None]]:
    """One attempt, or two where bits were moved; each with its file where that is under the cap."""
    max_encodes: int | None = None
    while True:
        try:
            filled = fill(rung, cap_bytes, probe, max_encodes=max_encodes)
        except EncodeError as error:
            yield (
                Attempt(spec=EncodeSpec(rung=rung), bytes=None, fidelity=None, rejected_for=str(error), encodes=1),
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
        fidelity = probe.measure(encoded)
        missed = missed_floors(fidelity, floors)
        yield _attempt(filled, fidelity, describe_missed(missed), missed), encoded
        other = balance.rebalance(rung, errors_of(fidelity, floors)) if missed and max_encodes is None else None
        if other is None or other.knob is None or filled.spec.knob_value is None:
            return
        start = filled.spec.knob_value * cap_bytes * _SECOND_AIM / encoded.bytes
        rung, max_encodes = replace(other, knob=replace(other.knob, start=start)), 1


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


@dataclass(frozen=True, slots=True)
class SmallestCap:
    """What a refusal can say about the cap that would do."""

    bytes: int
    measured: bool
    """True where a file of that size was made and met every floor; False for an extrapolation."""


def smallest_cap(
    attempt: Attempt, floors: Mapping[str, float], probe: Probe, *, max_encodes: int = 3
) -> SmallestCap | None:
    """The size at which a rejected rung meets the floors, found by encoding larger.

    The error 1 - SSIM falls about as a power of the size; the exponent is learned from the attempts. Once a
    size does, one between it and the largest that did not is tried, so that the answer is not too large.

    :param attempt: the best attempt that fitted the cap but missed floors; its knob must be open.
    :returns: the smallest size that was measured to do, an extrapolation where none was reached, or None where
        the rung has no knob or no size can do.
    """
    knob, value = attempt.spec.rung.knob, attempt.spec.knob_value
    if knob is None or value is None or attempt.fidelity is None or attempt.bytes is None or not attempt.missed:
        return None
    trail = [_Tried(value, attempt.bytes, max(errors_of(attempt.fidelity, floors).values(), default=0.0))]
    for _ in range(max_encodes):
        wanted = _next_size(trail)
        if wanted is None:
            break
        nearest = min(trail, key=lambda item: abs(math.log(item.size / wanted)))
        growth = wanted / nearest.size
        value = nearest.value * growth if knob.proportional else nearest.value + math.log(growth) / _QUALITY_SLOPE
        if not knob.proportional:
            value = float(min(knob.high, max(round(value), knob.low)))
        if any(abs(value - item.value) <= 1e-3 * abs(item.value) for item in trail):
            break
        try:
            encoded = probe.encode(EncodeSpec(rung=attempt.spec.rung, knob_value=value))
            fidelity = probe.measure(encoded)
        except EncodeError:
            break
        trail.append(_Tried(value, encoded.bytes, max(errors_of(fidelity, floors).values(), default=0.0)))
        if trail[-1].ratio > 1 and (encoded.saturated or (not knob.proportional and value >= knob.high)):
            return None
    enough = [item.size for item in trail if item.ratio <= 1]
    if enough:
        return SmallestCap(min(enough), measured=True)
    guess = _next_size(trail)
    return None if guess is None else SmallestCap(round(guess), measured=False)


@dataclass(frozen=True, slots=True)
class _Tried:
    """One size tried: knob value, bytes, and how large the worst error is against what its floor allows."""

    value: float
    size: int
    ratio: float


def errors_of(fidelity: Fidelity, floors: Mapping[str, float]) -> dict[str, float]:
    """Each class's worst 1 % as (1 - reached) / (1 - floor): 1 or less where its floor is met."""
    return {
        score.region: (1 - score.p1) / max(1 - floors[score.region], 1e-6)
        for score in fidelity.scores
        if score.metric == "ssim" and score.plane == "y" and score.region in floors
    }


_RATIO_AIM = 0.97
_TYPICAL_EXPONENT = 0.8


def _next_size(trail: Sequence[_Tried]) -> float | None:
    """The size to try next, or None where the answer is already within a tenth."""
    short = max((item for item in trail if item.ratio > 1), key=lambda item: item.size)
    enough = min((item for item in trail if item.ratio <= 1), key=lambda item: item.size, default=None)
    if enough is not None:
        run = math.log(enough.size / short.size)
        if run < 0.1:
            return None
        fall = math.log(short.ratio / max(enough.ratio, 1e-3))
        share = math.log(short.ratio / _RATIO_AIM) / fall if fall > 0 else 0.5
        return None if share > 0.95 else float(short.size * math.exp(run * max(share, 0.1)))
    exponent = _TYPICAL_EXPONENT
    others = [item for item in trail if item.size < short.size and item.ratio > short.ratio]
    if others:
        before = max(others, key=lambda item: item.size)
        exponent = math.log(before.ratio / short.ratio) / math.log(short.size / before.size)
        exponent = min(3.0, max(0.25, exponent))
    return float(short.size * min(16.0, max(1.05, (short.ratio / _RATIO_AIM) ** (1 / exponent))))

"""Filling: the knob value whose file is largest but not over the cap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from transcoder.errors import EncodeError
from transcoder.model import Encoded, EncodeSpec, Fidelity, Knob, Rung

FILL_GOAL = 0.99
"""A file at or above this share of the cap is full; another encode would cost more than it brings."""
FILL_AIM = 0.996
"""Where corrections aim: above the goal, with room for an encoder's miss."""
MAX_ENCODES = {"target_bytes": 5, "quality": 6}
QUALITY_SLOPE = 0.028
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
    typical = 1.0 if knob.proportional else QUALITY_SLOPE
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

"""Proposing: the next knob value worth trying, from the sizes that are known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from transcoder.model import Knob

FILL_AIM = 0.996
"""Where corrections aim, of the cap: above the goal, with room for an encoder's miss."""
QUALITY_SLOPE = 0.028
"""Typical growth of ln(size) for one JPEG quality step between 40 and 90, before two points are known."""

Point = tuple[float, int]
"""A knob value, and the bytes of its file."""


def propose(knob: Knob, points: Sequence[Point], cap_bytes: int) -> float | None:
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


def _scale(knob: Knob, x: float) -> float:
    return math.log(x) if knob.proportional else x


def _unscale(knob: Knob, u: float) -> float:
    return math.exp(u) if knob.proportional else u


def _between(knob: Knob, below: Point, above: Point, secant: float, wanted_log_size: float) -> float:
    u1, u2 = _scale(knob, below[0]), _scale(knob, above[0])
    share = (_scale(knob, max(secant, 1e-9)) - u1) / (u2 - u1)
    if not 0 < share < 1:
        rise = math.log(above[1]) - math.log(below[1])
        share = (wanted_log_size - math.log(below[1])) / rise if rise > 0 else 0.5
    return _unscale(knob, u1 + (u2 - u1) * min(max(share, 0.1), 0.9))


def _beyond(knob: Knob, points: Sequence[Point], wanted_log_size: float) -> float:
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

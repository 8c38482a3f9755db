"""The outlook of a search: sizes foretold from a sample of the source, made sure by the files that exist.

A sample costs a fraction of an encode, and tells sizes to a few per cent; the first real file tells by how much it is
off. So most pictures take two encodes where a search over whole files took five or six.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from transcoder.model import EncodeSpec, Knob, Rung
from transcoder.search.proposing import Point, propose

_FIRST_AIM = 0.985
"""Of the cap, before a real file has told how the sample differs from the whole."""
_SURELY_OVER = 1.15
"""A sample is off by a few per cent."""
_STRIDE = 0.75
"""How far of what is left the outlook goes up at once."""
_LOOKS = 12
"""A quality from 1 to 100 is found in seven, whatever the sizes do."""

_FINENESS_SLOPE = 0.75
"""Typical growth of ln(size) with the logarithm of the factor by which libjpeg divides its tables: 0.6 to 0.9 of most
photos from quality 30 to 95, where one step of quality is worth from 2 % of the size to 10."""


class Foreteller(Protocol):
    """What the outlook needs from the world."""

    def forecast(self, spec: EncodeSpec) -> float | None:
        """About how many bytes encoding would give, at a fraction of its cost; None where nobody can tell."""
        ...


class Outlook:
    """What is expected of each value of one rung's knob.

    :param rung: with a knob of whole numbers.
    :param probe: asked once for each value.
    """

    def __init__(self, rung: Rung, knob: Knob, probe: Foreteller) -> None:
        self._rung, self._knob, self._probe = rung, knob, probe
        self._foretold: dict[float, float] = {}

    @classmethod
    def over(cls, rung: Rung, knob: Knob, probe: Foreteller) -> Outlook | None:
        """The outlook on a rung; None where sizes cannot be foretold."""
        outlook = cls(rung, knob, probe)
        return outlook if knob.integer and outlook._at(knob.start) else None

    def over_cap(self, cap_bytes: int) -> int | None:
        """Bytes foretold at the lowest value, where that is so far over the cap that no file need be made."""
        least = self._at(self._knob.low)
        return round(least) if least > _SURELY_OVER * cap_bytes else None

    def best(self, points: Sequence[Point], cap_bytes: int) -> float | None:
        """The largest value that is expected to fit; None where a file of it exists.

        :param points: value and size of the files that exist.
        """
        tried = dict(points)
        scale = self._scale(points, cap_bytes)
        aim = cap_bytes if points else _FIRST_AIM * cap_bytes
        expected = [*points, *(self._expected(value, scale, aim, cap_bytes) for value in self._foretold
                               if points and value not in tried)]  # fmt: skip
        value = self._knob.start if not points else propose(self._knob, expected, cap_bytes)
        for _ in range(_LOOKS):
            if value is None or value in tried:
                break
            if all(size <= cap_bytes for _, size in expected):
                # Sizes rise ever faster towards the highest quality, which takes three times as long to sample.
                least = max((known for known, _ in expected), default=value)
                value = min(value, math.ceil(least + (self._knob.high - least) * _STRIDE)) if expected else value
            expected.append(self._expected(value, scale, aim, cap_bytes))
            typical = self._by_fineness(value, self._at(value) * scale, aim) if len(expected) == 1 else value
            value = typical if typical != value else propose(self._knob, expected, cap_bytes)
        fits = [value for value, size in expected if size <= cap_bytes]
        best = max(fits) if fits else self._knob.low
        return None if best in tried else best

    def _by_fineness(self, value: float, size: float, aim: float) -> float:
        """Where the aim should be met, by one size and what is typical."""
        fineness = value / 50 if value < 50 else 101 / (201 - 2 * value)  # half a step is kept from the end
        fineness *= (aim / max(size, 1.0)) ** (1 / _FINENESS_SLOPE)
        quality = fineness * 50 if fineness < 1 else (201 - 101 / fineness) / 2
        return float(min(max(math.floor(quality), self._knob.low), self._knob.high))

    def _expected(self, value: float, scale: float, aim: float, cap_bytes: int) -> Point:
        """What a value is expected to give. What would just miss the aim counts as over the cap, so that the bracket
        closes below it.
        """
        size = self._at(value) * scale
        return value, round(size) if size <= aim else max(round(size), cap_bytes + 1)

    def _scale(self, points: Sequence[Point], cap_bytes: int) -> float:
        """What a file takes for each byte foretold, by the file nearest to the cap."""
        if not points:
            return 1.0
        value, size = min(points, key=lambda point: abs(point[1] - cap_bytes))
        return size / (self._at(value) or size)

    def _at(self, value: float) -> float:
        """Bytes foretold; 0 where nobody can tell."""
        if value not in self._foretold:
            self._foretold[value] = self._probe.forecast(EncodeSpec(rung=self._rung, knob_value=value)) or 0.0
        return self._foretold[value]

"""A straight line through what was measured, and how far off it is, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Line:
    """``base + slope * seconds``."""

    base: float
    slope: float

    def at(self, seconds: float) -> float:
        """The value on the line."""
        return self.base + self.slope * seconds


def fit(seconds: Sequence[float], values: Sequence[float]) -> Line:
    """The line of least squares."""
    slope, base = np.polynomial.polynomial.polyfit(seconds, values, 1)[::-1].tolist()
    return Line(base, slope)


def in_words(name: str, unit: str, line: Line, seconds: Sequence[float], values: Sequence[float]) -> str:
    """A sentence: the line, and which measured point lies farthest from it."""
    off = [value - line.at(at) for at, value in zip(seconds, values, strict=True)]
    worst = max(range(len(off)), key=lambda number: abs(off[number]))
    side = "above" if off[worst] > 0 else "below"
    return (
        f"- **{name}** is about {line.base:.1f} {unit} and {60 * line.slope:.2f} {unit} for each minute of footage. "
        f"Farthest from this line is {seconds[worst]:g} s: {abs(off[worst]):.1f} {unit} {side} it, "
        f"{100 * abs(off[worst]) / values[worst]:.1f} % of what was measured there."
    )

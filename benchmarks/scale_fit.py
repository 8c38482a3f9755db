"""A straight line through what was measured, how well it fits, and how far off it is, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Line:
    """``base + slope * x``; ``r2`` is the share of the variance that it explains."""

    base: float
    slope: float
    r2: float = 1.0

    def at(self, x: float) -> float:
        """The value on the line."""
        return self.base + self.slope * x


def fit(x: Sequence[float], values: Sequence[float]) -> Line:
    """The line of least squares."""
    slope, base = np.polynomial.polynomial.polyfit(x, values, 1)[::-1].tolist()
    found = np.asarray(values, dtype=np.float64)
    rest = found - (base + slope * np.asarray(x, dtype=np.float64))
    spread = float(((found - found.mean()) ** 2).sum())
    return Line(base, slope, 1.0 if spread == 0 else 1.0 - float((rest**2).sum()) / spread)


def in_words(
    name: str, unit: str, line: Line, x: Sequence[float], values: Sequence[float], *,
    each: str = "minute of footage", scale: float = 60.0, at: str = "{:g} s",
) -> str:  # fmt: skip
    """A sentence: the line, R², and which measured point lies farthest from it.

    :param each: what one step is called, ``scale`` being how many of x it is; ``at`` says where a point lies.
    """
    off = [value - line.at(where) for where, value in zip(x, values, strict=True)]
    worst = max(range(len(off)), key=lambda number: abs(off[number]))
    side = "above" if off[worst] > 0 else "below"
    return (
        f"- **{name}** is about {line.base:.1f} {unit} and {scale * line.slope:.2f} {unit} for each {each} "
        f"(R² {line.r2:.3f}).\n  Farthest from this line is {at.format(x[worst])}: {abs(off[worst]):.1f} {unit} {side} "
        f"it, {100 * abs(off[worst]) / values[worst]:.1f} % of what was measured there."
    )

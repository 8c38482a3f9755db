"""Summaries of per-frame values: the mean hides, so the worst 1 % and the minimum stand beside it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from transcoder.model import Score


class Series:
    """Values over time, eight bytes each, so that hours of footage stay small."""

    def __init__(self) -> None:
        self.values = array("d")

    def add(self, value: float) -> None:
        """Append the value of the next frame."""
        self.values.append(value)

    def extend(self, other: Series) -> None:
        """Append the values of later frames."""
        self.values.extend(other.values)

    def score(self, times_s: Sequence[float], *, metric: str, region: str, plane: str, detail: str = "") -> Score:
        """Mean, first percentile ("worst 1 %", the lower of the two neighbours) and minimum with its time."""
        values = np.frombuffer(self.values, dtype=np.float64)
        worst = int(values.argmin())
        return Score(
            metric=metric,
            region=region,
            plane=plane,
            mean=float(values.mean()),
            p1=float(np.percentile(values, 1, method="lower")),
            minimum=float(values[worst]),
            minimum_at_s=float(times_s[worst]),
            detail=detail,
        )

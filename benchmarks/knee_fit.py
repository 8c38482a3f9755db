"""Where a task falls off: a logistic by maximum likelihood, its knee points, and intervals over groups.

Samples of one group (one car, one person) hang together, so intervals come from a bootstrap that draws groups, with
a fixed seed. The fit carries a weak prior on its slope (a standard deviation of ten logits across one standard
deviation of x), which only matters where success and failure do not overlap at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

RESAMPLES = 400
SEED = 20241123
INTERVAL = (5.0, 95.0)
FEWEST = 5
"""Successes, and failures, below which nothing is fitted."""
_PRIOR_SD = 10.0
_STEPS = 60


def decades(ssim: float) -> float:
    """SSIM on the scale that is fitted: 1 at 0.9, 2 at 0.99. Held below 4.

    Why: near 1 a logistic in SSIM itself is too flat, and says that 95 % is out of reach where 99 % is observed.
    """
    return -math.log10(max(1e-4, 1 - ssim))


def ssim_of(decades: float) -> float:
    """The inverse of ``decades``."""
    return float(1 - 10**-decades)


@dataclass(frozen=True, slots=True)
class Logistic:
    """Chance of success at x: 1 / (1 + exp(-(intercept + slope * x)))."""

    intercept: float
    slope: float

    def at(self, x: float) -> float:
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, self.intercept + self.slope * x))))

    def where(self, chance: float) -> float:
        """The x that gives a chance; NaN where success does not rise with x."""
        return (math.log(chance / (1 - chance)) - self.intercept) / self.slope if self.slope > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Knee:
    """Where success reaches a chance, with its interval."""

    chance: float
    x: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted stratum."""

    logistic: Logistic
    knees: tuple[Knee, ...]
    gain: float
    """McFadden's: share of the log-likelihood that x explains."""


def fit(x: Values, success: NDArray[np.bool_], weights: Values | None = None) -> Logistic:
    """Maximum likelihood by Newton's method, on standardised x.

    :param weights: how often each sample counts.
    """
    counts = np.ones_like(x) if weights is None else weights
    total = counts.sum()
    centre = float((x * counts).sum() / total)
    spread = float(np.sqrt(((x - centre) ** 2 * counts).sum() / total)) or 1.0
    design = np.stack([np.ones_like(x), (x - centre) / spread])
    beta = np.zeros(2)
    prior = np.array([0.0, 1 / _PRIOR_SD**2])
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(beta @ design, -30, 30)))
        gradient = design @ (counts * (success - chance)) - prior * beta
        curvature = (design * (counts * chance * (1 - chance))) @ design.T + np.diag(prior + 1e-9)
        step = np.linalg.solve(curvature, gradient)
        step *= min(1.0, 2.0 / max(1e-12, float(np.abs(step).max())))
        beta += step
        if float(np.abs(step).max()) < 1e-8:
            break
    slope = float(beta[1]) / spread
    return Logistic(float(beta[0]) - slope * centre, slope)


def knees(
    x: Sequence[float],
    success: Sequence[bool],
    groups: Sequence[str],
    chances: Sequence[float] = (0.5, 0.9, 0.95),
) -> Fit | None:
    """Fit a stratum; None where there are too few successes or failures to say anything."""
    values, outcome = np.array(x, dtype=np.float64), np.array(success, dtype=np.bool_)
    if min(int(outcome.sum()), int((~outcome).sum())) < FEWEST:
        return None
    names, which = np.unique(np.array(groups), return_inverse=True)
    whole = fit(values, outcome)
    random = np.random.default_rng(SEED)
    drawn: list[list[float]] = []
    for _ in range(RESAMPLES):
        counts = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))[which].astype(np.float64)
        won = float(counts[outcome].sum())
        if 0 < won < counts.sum():
            found = fit(values, outcome, counts)
            drawn.append([found.where(chance) for chance in chances])
    table = np.array(drawn)
    return Fit(
        logistic=whole,
        knees=tuple(
            Knee(chance, whole.where(chance), *(float(np.nanpercentile(table[:, place], end)) for end in INTERVAL))
            for place, chance in enumerate(chances)
        ),
        gain=1 - _log_likelihood(whole, values, outcome) / _constant(outcome),
    )


def _log_likelihood(curve: Logistic, x: Values, outcome: NDArray[np.bool_]) -> float:
    signed = np.where(outcome, 1, -1) * (curve.intercept + curve.slope * x)
    return float(-np.logaddexp(0, -signed).sum())


def _constant(outcome: NDArray[np.bool_]) -> float:
    share = float(outcome.mean())
    return float(outcome.sum() * math.log(share) + (~outcome).sum() * math.log(1 - share))


@dataclass(frozen=True, slots=True)
class Share:
    """How many of some samples succeeded."""

    share: float
    samples: int
    groups: int
    worst_group: float
    """Share of the group that does worst."""


def share(success: Sequence[bool], groups: Sequence[str]) -> Share:
    """Success among samples; NaN where there are none."""
    if not success:
        return Share(math.nan, 0, 0, math.nan)
    by_group: dict[str, list[bool]] = {}
    for won, group in zip(success, groups, strict=True):
        by_group.setdefault(group, []).append(won)
    worst = min(sum(won) / len(won) for won in by_group.values())
    return Share(sum(success) / len(success), len(success), len(by_group), worst)

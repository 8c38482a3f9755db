"""Figures of the knee study as plain SVG: success against region SSIM and bits per pixel, by light and size."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.knee_fit import FEWEST, Values, decades, fit
from benchmarks.knee_samples import Sample
from benchmarks.knee_scenes import BUCKETS, Light, bucket
from transcoder.model import RegionKind

COLOURS = ("#0b6e4f", "#c77700", "#8b1e5f")
_MARKS = ("circle", "square", "triangle")
PANEL_W, PANEL_H = 300, 210
_LEFT, _TOP, _GAP_X, _GAP_Y = 52, 54, 48, 62
MAX_POINTS = 160
"""Of one bucket in one panel; the fit uses all."""

Success = Callable[[Sample], bool]
_Row = tuple[float, float, list[float], str, Callable[[Sample], float], Callable[[float], float], float | None]
"""From, to, ticks, label, what is drawn, the scale on which it is fitted, a line."""


def figure(kind: RegionKind, samples: Sequence[Sample], success: Success, title: str, floor: float | None) -> str:
    """One class: a row for SSIM, a row for bits, a column for each light.

    :param floor: the recommended one, drawn as a dashed line.
    """
    width = _LEFT + 3 * PANEL_W + 2 * _GAP_X + 14
    height = _TOP + 2 * PANEL_H + _GAP_Y + 46
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="11" aria-label="{title}">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="18" font-size="14" font-weight="bold">{title}</text>',
    ]
    for number, (name, _) in enumerate(BUCKETS[kind]):
        x = _LEFT + number * 200
        parts.append(_mark(number, x + 5, 32, 1.0))
        parts.append(f'<text x="{x + 14}" y="36">{name}</text>')
    for column, light in enumerate(Light):
        chosen = [sample for sample in samples if sample.light == light]
        left = _LEFT + column * (PANEL_W + _GAP_X)
        rows: tuple[_Row, ...] = (
            (0.3, 1.0, [0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0], "region SSIM", _ssim, decades, floor),
            (
                -5.0,
                2.0,
                [-5.0, -4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0],
                "bits per pixel of the scene (intra, JPEG)",
                _log_bits,
                float,
                None,
            ),
        )
        for row, (low, high, ticks, label, at, scale, line) in enumerate(rows):
            top = _TOP + row * (PANEL_H + _GAP_Y)
            axis = _Axis(left, top, low, high)
            names = [f"{2**tick:.2g}" for tick in ticks] if row else [f"{tick:.1f}" for tick in ticks]
            parts += axis.frame(ticks, names, f"{light}: {label}", line)
            for number, (name, _) in enumerate(BUCKETS[kind]):
                inside = [sample for sample in chosen if bucket(kind, sample.size_px) == name]
                if row:
                    inside = [sample for sample in inside if sample.codec != "x264 inter"]
                parts += _series(inside, success, at, scale, axis, number)
    parts.append("</svg>")
    return "".join(parts) + "\n"


def _ssim(sample: Sample) -> float:
    return sample.ssim


def _log_bits(sample: Sample) -> float:
    return math.log2(max(1e-6, sample.bits_per_pixel))


class _Axis:
    """One panel: chances upwards, some quantity to the right."""

    def __init__(self, left: int, top: int, low: float, high: float) -> None:
        self._left, self._top, self.low, self.high = left, top, low, high

    def x(self, value: float) -> float:
        held = min(self.high, max(self.low, value))
        return self._left + (held - self.low) / (self.high - self.low) * PANEL_W

    def y(self, chance: float) -> float:
        return self._top + 14 + (1 - chance) * (PANEL_H - 28)

    def frame(self, ticks: Sequence[float], names: Sequence[str], label: str, line: float | None) -> list[str]:
        left, top = self._left, self._top
        parts = [
            f'<rect x="{left}" y="{top}" width="{PANEL_W}" height="{PANEL_H}" fill="none" stroke="#777"/>',
            f'<text x="{left + PANEL_W / 2}" y="{top + PANEL_H + 30}" text-anchor="middle">{label}</text>',
        ]
        for tick, name in zip(ticks, names, strict=True):
            at = self.x(tick)
            parts.append(f'<text x="{at:.1f}" y="{top + PANEL_H + 14}" text-anchor="middle">{name}</text>')
        for chance in (0.0, 0.5, 0.9, 1.0):
            at = self.y(chance)
            parts.append(f'<line x1="{left}" x2="{left + PANEL_W}" y1="{at:.1f}" y2="{at:.1f}" stroke="#ddd"/>')
            parts.append(f'<text x="{left - 4}" y="{at + 4:.1f}" text-anchor="end">{chance:.0%}</text>')
        if line is not None:
            at = self.x(line)
            parts.append(
                f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{top + PANEL_H}" stroke="#333" '
                'stroke-dasharray="5 4"/>'
            )
        return parts


def _series(
    samples: Sequence[Sample],
    success: Success,
    at: Callable[[Sample], float],
    scale: Callable[[float], float],
    axis: _Axis,
    number: int,
) -> list[str]:
    """Jittered points, and the curve over the range they span."""
    if not samples:
        return []
    random = np.random.default_rng(number)
    every = max(1, len(samples) // MAX_POINTS)
    parts = []
    for sample in samples[::every]:
        # Above the line of successes, or below that of failures: three lanes, one a bucket.
        away = (3.0 + number * 3.2 + float(random.uniform(-1.3, 1.3))) * (1 if success(sample) else -1)
        level = axis.y(1.0 if success(sample) else 0.0)
        parts.append(_mark(number, axis.x(at(sample)), level - away, 0.45, 1.7))
    x: Values = np.array([at(sample) for sample in samples])
    won = np.array([success(sample) for sample in samples])
    if min(int(won.sum()), int((~won).sum())) >= FEWEST:
        curve = fit(np.array([scale(value) for value in x.tolist()]), won)
        start, end = max(axis.low, float(x.min())), min(axis.high, float(x.max()))
        points = " ".join(
            f"{axis.x(value):.1f},{axis.y(curve.at(scale(value))):.1f}"
            for value in np.linspace(start, end, 60).tolist()
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[number]}" stroke-width="2"/>')
    return parts


def _mark(number: int, x: float, y: float, opacity: float, size: float = 4.0) -> str:
    style = f'fill="{COLOURS[number]}" opacity="{opacity}"'
    if _MARKS[number] == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" {style}/>'
    if _MARKS[number] == "square":
        return f'<rect x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" height="{2 * size}" {style}/>'
    return f'<path d="M{x:.1f} {y - size:.1f}l{size} {2 * size}h{-2 * size}z" {style}/>'

"""The figure of the scale study as plain SVG: one panel for each quantity, both against duration."""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchmarks.scale_fit import Line

PANEL_W, PANEL_H = 360, 240
_LEFT, _TOP, _GAP_X = 58, 52, 70
_COLOUR = "#0b6e4f"

Panel = tuple[str, Sequence[tuple[float, float]], Line | None]
"""Title, measured points (seconds, value), and the line through them."""


def figure(title: str, panels: Sequence[Panel]) -> str:
    """All panels side by side; both scales begin at zero, so that a line looks like one."""
    width = _LEFT + len(panels) * (PANEL_W + _GAP_X)
    height = _TOP + PANEL_H + 48
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="11" aria-label="{title}">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="14" font-weight="bold">{title}</text>',
    ]
    for number, (name, points, line) in enumerate(panels):
        parts += _panel(_LEFT + number * (PANEL_W + _GAP_X), name, points, line)
    parts.append("</svg>")
    return "".join(parts) + "\n"


def _panel(left: int, name: str, points: Sequence[tuple[float, float]], line: Line | None) -> list[str]:
    ticks_x = _ticks(max(at for at, _ in points) / 60)
    ticks_y = _ticks(max(value for _, value in points))

    def x(minutes: float) -> float:
        return left + minutes / ticks_x[-1] * PANEL_W

    def y(value: float) -> float:
        return _TOP + PANEL_H * (1 - value / ticks_y[-1])

    parts = [
        f'<rect x="{left}" y="{_TOP}" width="{PANEL_W}" height="{PANEL_H}" fill="none" stroke="#777"/>',
        f'<text x="{left}" y="{_TOP - 8}">{name}</text>',
        f'<text x="{left + PANEL_W / 2}" y="{_TOP + PANEL_H + 34}" text-anchor="middle">minutes of footage</text>',
    ]
    for tick in ticks_x:
        parts.append(f'<text x="{x(tick):.1f}" y="{_TOP + PANEL_H + 16}" text-anchor="middle">{tick:g}</text>')
    for tick in ticks_y:
        parts.append(f'<line x1="{left}" x2="{left + PANEL_W}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 5}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    if line is not None:
        ends = [max(0.0, line.at(60 * tick)) for tick in (0.0, ticks_x[-1])]
        held = [min(ticks_y[-1], end) for end in ends]
        parts.append(
            f'<line x1="{x(0):.1f}" y1="{y(held[0]):.1f}" x2="{x(ticks_x[-1]):.1f}" y2="{y(held[1]):.1f}" '
            'stroke="#999" stroke-dasharray="5 4"/>'
        )
    parts += [f'<circle cx="{x(at / 60):.1f}" cy="{y(value):.1f}" r="4" fill="{_COLOUR}"/>' for at, value in points]
    return parts


def _ticks(most: float) -> list[float]:
    """Four to eight round steps from zero to beyond the largest value."""
    rough = max(most, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * number for number in range(math.floor(most / step) + 2)]

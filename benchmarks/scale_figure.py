"""Figures of the scale study as plain SVG: panels side by side, all scales from zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.scale_fit import Line

PANEL_W, PANEL_H = 360, 240
_LEFT, _TOP, _GAP_X = 58, 52, 70
_COLOUR = "#0b6e4f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Measured points, named where there is a name, and the line through them."""

    title: str
    across: str
    """What the lower scale counts."""
    points: Sequence[tuple[float, float]]
    names: Sequence[str] = ()
    line: Line | None = None


def figure(title: str, panels: Sequence[Panel]) -> str:
    """All panels side by side; both scales begin at zero, so that a line looks like one."""
    width = _LEFT + len(panels) * (PANEL_W + _GAP_X)
    height = _TOP + PANEL_H + 50
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        f'font-family="sans-serif" font-size="13" aria-label="{title}">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="20" font-size="15" font-weight="bold">{title}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(_LEFT + number * (PANEL_W + _GAP_X), panel)
    parts.append("</svg>")
    return "".join(parts) + "\n"


def _panel(left: int, panel: Panel) -> list[str]:
    ticks_x = _ticks(max(at for at, _ in panel.points))
    ticks_y = _ticks(max(value for _, value in panel.points))

    def x(at: float) -> float:
        return left + at / ticks_x[-1] * PANEL_W

    def y(value: float) -> float:
        return _TOP + PANEL_H * (1 - value / ticks_y[-1])

    parts = [
        f'<rect x="{left}" y="{_TOP}" width="{PANEL_W}" height="{PANEL_H}" fill="none" stroke="#777"/>',
        f'<text x="{left}" y="{_TOP - 8}">{panel.title}</text>',
        f'<text x="{left + PANEL_W / 2}" y="{_TOP + PANEL_H + 36}" text-anchor="middle">{panel.across}</text>',
    ]
    for tick in ticks_x:
        parts.append(f'<text x="{x(tick):.1f}" y="{_TOP + PANEL_H + 17}" text-anchor="middle">{tick:g}</text>')
    for tick in ticks_y:
        parts.append(f'<line x1="{left}" x2="{left + PANEL_W}" y1="{y(tick):.1f}" y2="{y(tick):.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{left - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    if panel.line is not None:
        first, last = _inside(panel.line, ticks_x[-1], ticks_y[-1])
        parts.append(
            f'<line x1="{x(first):.1f}" y1="{y(panel.line.at(first)):.1f}" x2="{x(last):.1f}" '
            f'y2="{y(panel.line.at(last)):.1f}" stroke="#999" stroke-dasharray="5 4"/>'
        )
    for number, (at, value) in enumerate(panel.points):
        parts.append(f'<circle cx="{x(at):.1f}" cy="{y(value):.1f}" r="4" fill="{_COLOUR}"/>')
        if panel.names:
            # Above and below in turn, so that neighbours do not write over each other.
            across, down, anchor = (0, -11, "middle") if number % 2 == 0 else (9, 15, "start")
            parts.append(
                f'<text x="{x(at) + across:.1f}" y="{y(value) + down:.1f}" text-anchor="{anchor}">'
                f"{panel.names[number]}</text>"
            )
    return parts


def _inside(line: Line, most_x: float, most_y: float) -> tuple[float, float]:
    """From where to where the line is inside the panel."""
    if not line.slope:
        return 0.0, most_x
    low, high = sorted(((0.0 - line.base) / line.slope, (most_y - line.base) / line.slope))
    return min(max(0.0, low), most_x), max(0.0, min(most_x, high))


def _ticks(most: float) -> list[float]:
    """Four to eight round steps from zero to beyond the largest value."""
    rough = max(most, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next(factor for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * number for number in range(math.floor(most / step) + 2)]

"""Charts as plain SVG text: no script, no network, readable in print and by screen readers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT = 860, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 30
MAX_POINTS = 420
"""More points than half the pixels of the plot tell nothing more."""
_COLOURS = {"frame": "#1f5fbf", "tile": "#b45309"}
"""Also in the page's style, which changes them in the dark; a printer of PDFs reads these alone."""
_TEXT = 'font-family="DejaVu Sans, sans-serif" font-size="12" fill="#4d5866"'


@dataclass(frozen=True, slots=True)
class Line:
    """One series of the chart: values at their own times, and the floor."""

    name: str
    css_class: str
    times_s: Sequence[float]
    values: Sequence[float]
    floor: float | None


def fidelity_chart(lines: Sequence[Line], worst_at_s: float) -> Markup:
    """Fidelity over time as an SVG: lower is worse, floors dashed, the worst moment marked.

    :param lines: series whose times rise.
    """
    lowest = min(min(line.values) for line in lines)
    floors = [line.floor for line in lines if line.floor is not None]
    bottom = max(-1.0, min([lowest, *floors]) - 0.02)
    start = min(line.times_s[0] for line in lines)
    end = max(start + 1e-6, *(line.times_s[-1] for line in lines))

    def x(seconds: float) -> float:
        return _LEFT + (seconds - start) / (end - start) * (WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _TOP + (1 - value) / (1 - bottom) * (HEIGHT - _TOP - _BOTTOM)

    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" class="chart" '
        f'aria-label="Fidelity over time from {clock(start)} to {clock(end)}: lowest {lowest:.3f}; the worst moment is '
        f'at {clock(worst_at_s)}" data-start="{start}" data-end="{end}" data-low="{bottom}" data-worst="{worst_at_s}" '
        f'data-left="{_LEFT}" data-right="{WIDTH - _RIGHT}" data-top="{_TOP}" data-bottom="{HEIGHT - _BOTTOM}">'
    ]
    for value in _ticks(bottom):
        parts.append(
            f'<line class="grid" stroke="#cfd6de" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(value):.1f}" '
            f'y2="{y(value):.1f}"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end" {_TEXT}>{value:.2f}</text>')
    for share in (0, 0.25, 0.5, 0.75, 1):
        seconds = start + (end - start) * share
        anchor = "start" if share == 0 else "end" if share == 1 else "middle"
        parts.append(
            f'<text x="{x(seconds):.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}" {_TEXT}>{clock(seconds)}</text>'
        )
    parts.append(
        f'<line class="worst" x1="{x(worst_at_s):.1f}" '
        f'x2="{x(worst_at_s):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" stroke="#1b2430" stroke-dasharray="2 3"/>'
    )
    for line in lines:
        colour = _COLOURS[line.css_class]
        if line.floor is not None:
            parts.append(
                f'<line class="floor {line.css_class}" stroke="{colour}" stroke-dasharray="5 4" x1="{_LEFT}" '
                f'x2="{WIDTH - _RIGHT}" '
                f'y1="{y(line.floor):.1f}" y2="{y(line.floor):.1f}"/>'
            )
        points = " ".join(f"{x(t):.1f},{y(v):.1f}" for t, v in _thinned(line.times_s, line.values))
        parts.append(
            f'<polyline class="{line.css_class}" points="{points}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        )
    parts.append("</svg>")
    # Only numbers and this module's own class names were formatted in: nothing from the media.
    return Markup("".join(parts))  # noqa: S704


SPARK_WIDTH, SPARK_HEIGHT = 220, 44


def sparkline(values: Sequence[float], floor: float | None) -> Markup:
    """One region's score over the time it is seen: a small SVG, its floor dashed.

    :param values: scores at even steps of time, at least two.
    """
    lowest = min(values)
    bottom = max(-1.0, min([lowest, *([floor] if floor is not None else [])]) - 0.03)
    steps = list(enumerate(values))
    if len(values) > SPARK_WIDTH:
        steps = [(int(x), value) for x, value in _thinned([float(x) for x, _ in steps], values)]

    def y(value: float) -> float:
        return 3 + (1 - value) / (1 - bottom) * (SPARK_HEIGHT - 6)

    points = " ".join(f"{x * (SPARK_WIDTH - 4) / (len(values) - 1) + 2:.1f},{y(v):.1f}" for x, v in steps)
    dashed = (
        ""
        if floor is None
        else f'<line class="floor" stroke="#4d5866" stroke-dasharray="4 3" x1="0" x2="{SPARK_WIDTH}" '
        f'y1="{y(floor):.1f}" y2="{y(floor):.1f}"/>'
    )
    return Markup(  # noqa: S704 - only numbers were formatted in
        f'<svg viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" role="img" class="spark" '
        f'aria-label="Score over time, lowest {lowest:.3f}">{dashed}'
        f'<polyline fill="none" stroke="{_COLOURS["frame"]}" stroke-width="1.5" points="{points}"/></svg>'
    )


def clock(seconds: float) -> str:
    """Seconds as ``m:ss.d`` or ``h:mm:ss``, for people."""
    if seconds < 0:
        return "-" + clock(-seconds)
    minutes, rest = divmod(round(seconds, 1), 60)
    if minutes >= 60:
        return f"{int(minutes // 60)}:{int(minutes % 60):02d}:{int(rest):02d}"
    return f"{int(minutes)}:{rest:04.1f}"


def _ticks(bottom: float) -> list[float]:
    step = 0.05 if 1 - bottom <= 0.3 else 0.1 if 1 - bottom <= 0.7 else 0.5
    count = int((1 - bottom) / step)
    return [round(1 - step * number, 2) for number in range(count + 1)]


def _thinned(times_s: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    """At most ``MAX_POINTS`` points; of each group the lowest, so that no dip disappears."""
    group = -(-len(values) // MAX_POINTS)
    if group == 1:
        return list(zip(times_s, values, strict=True))
    thinned = []
    for first in range(0, len(values), group):
        position = min(range(first, min(first + group, len(values))), key=values.__getitem__)
        thinned.append((times_s[position], values[position]))
    return thinned

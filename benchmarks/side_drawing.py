"""One case of the side by side as SVG: bytes against the cap, fidelity, and processor time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

_COLOURS = {"transcoder": "#0072B2", "peer": "#8a8a8a", "over": "#D55E00"}
"""Of Okabe and Ito: told apart by everybody, and by shape too."""
_WIDTH, _LABEL, _ROW, _TOP = 900, 215, 27, 66
_SHARE = (_LABEL, 185)
_FIRST, _SECOND, _TIME = (440, 150), (620, 150), 880
"""Left edge and width of a panel; the right edge of the times."""
_SIGNS = 55
"""What a figure of four digits beside a mark needs."""

Row = Mapping[str, Any]


def drawing(own: Sequence[Row], title: str) -> str:
    """Every file a line, the best first; the cap is a line that nobody may cross. Empty where there is no file."""
    files = sorted((row for row in own if "bytes" in row), key=lambda row: -row["score"]["mean"])
    if not files:
        return ""
    bottom = _TOP + _ROW * len(files)
    part = ("moving", "SSIM of what moves") if files[0]["video"] else ("worst_tile", "SSIM, worst tile")
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {bottom + 64}" font-family="sans-serif" '
        'font-size="13" role="img">',
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="12" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
        f'<text x="{_SHARE[0]}" y="50">share of the cap</text>',
        f'<text x="{_FIRST[0]}" y="50">SSIM, mean</text>',
        f'<text x="{_SECOND[0]}" y="50">{part[1]}</text>',
        f'<text x="{_TIME}" y="50" text-anchor="end">processor time</text>',
    ]
    most = max(1.1, *(row["fill"] * 1.02 for row in files))
    for number, row in enumerate(files):
        y = _TOP + _ROW * number
        colour = _COLOURS[_kind(row)]
        if number % 2 == 0:
            out.append(f'<rect x="6" y="{y - 3}" width="{_WIDTH - 12}" height="{_ROW}" fill="#f4f4f4"/>')
        out.append(f'<text x="{_LABEL - 10}" y="{y + 15}" text-anchor="end">{escape(row["tool"])}</text>')
        share = _SHARE[1] * row["fill"] / most
        out.append(f'<rect x="{_SHARE[0]}" y="{y + 3}" width="{share:.1f}" height="15" fill="{colour}"/>')
        out.append(f'<text x="{_TIME}" y="{y + 15}" text-anchor="end">{row["cpu_s"]:.1f} s</text>')
    out += _dots(files, _FIRST, lambda row: row["score"]["mean"])
    out += _dots(files, _SECOND, lambda row: row["score"][part[0]])
    cap_x = _SHARE[0] + _SHARE[1] / most
    out.append(f'<path d="M{cap_x:.1f} {_TOP - 8}V{bottom + 2}" stroke="#000" stroke-dasharray="4 3"/>')
    out.append(f'<text x="{cap_x:.1f}" y="{bottom + 17}" text-anchor="middle">the cap</text>')
    out.append(
        f'<text x="12" y="{bottom + 38}" fill="#555">Blue: this tool; its time is with measuring every frame, '
        "certificate and report, the others' is encoding alone.</text>"
        f'<text x="12" y="{bottom + 56}" fill="#555">Orange with a cross: over the cap, so of no use. '
        "Each scale of SSIM goes from the worst to the best of the case.</text></svg>\n"
    )
    return "".join(out)


def _kind(row: Row) -> str:
    if row["over"]:
        return "over"
    return "transcoder" if row["tool"].startswith("transcoder") else "peer"


def _dots(files: Sequence[Row], panel: tuple[int, int], value: Callable[[Row], float | None]) -> list[str]:
    """A mark and its figure on each line, from the lowest to the highest of the case."""
    known = [found for row in files if (found := value(row)) is not None]
    if not known:
        return []
    low, span = min(known), max(1e-4, max(known) - min(known))
    out = []
    for number, row in enumerate(files):
        found = value(row)
        if found is None:
            continue
        x, y = panel[0] + 8 + (panel[1] - _SIGNS - 16) * (found - low) / span, _TOP + _ROW * number
        kind = _kind(row)
        mark = f'<circle cx="{x:.1f}" cy="{y + 10}" r="6" fill="{_COLOURS[kind]}"/>'
        if kind == "over":
            mark = f'<path d="M{x - 5:.1f} {y + 5}l10 10m0-10l-10 10" stroke="{_COLOURS[kind]}" stroke-width="3"/>'
        out.append(f'{mark}<text x="{x + 11:.1f}" y="{y + 15}">{found:.4f}</text>')
    return out

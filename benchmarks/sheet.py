"""The side by side as Markdown, and as a drawing: fidelity over bytes, the cap as a line."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_NONE = "–"
REFERENCE_VIDEO, REFERENCE_STILL = "ffmpeg x264 slow", "jpegoptim --size"
_COLOURS = {"transcoder": "#0072B2", "peer": "#999999", "over": "#D55E00"}
"""Of Okabe and Ito: told apart by everybody, and by shape too."""


def markdown(known: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = _ours_first(known)
    machine = ", ".join(f"{name} {value}" for name, value in sorted(known["machine"].items()))
    parts = [
        "# Side by side\n\n`python -m benchmarks` (or `make bench`) makes this page; `--quick` does it with the "
        "repository's own samples.\n\n",
        f"Machine: {machine}.\n\n",
        "Scores come from a judge of their own (`benchmarks/evaluate`): PyAV decodes and pairs by time, scikit-image\n"
        "scores every frame, VMAF is the model without enhancement gain. Faces and text are looked for by the models\n"
        "that the product uses, on frames and by rules of the judge's own. Our times are of the whole process: two\n"
        "hashes of the master, detection, encoding, measuring every frame, certificate and report; those of the\n"
        "others are encoding alone. Tools get the plain recipe: no headroom.\n\n",
        headline(known),
    ]
    for video in (True, False):
        for source, cap in sorted({(row["source"], row["cap_bytes"]) for row in rows if row["video"] is video}):
            own = [row for row in rows if (row["source"], row["cap_bytes"]) == (source, cap)]
            parts.append(f"\n## {source} under {cap:,} bytes\n\nSource: {own[0]['source_bytes']:,} bytes.\n\n")
            parts.append(_table(own, video=video))
            parts.append(f"\n![bytes and fidelity](results/side_by_side_{_name(source, cap)}.svg)\n")
    return "".join(parts)


def headline(known: Mapping[str, Any]) -> str:
    """A line for each tool: how often over the cap, how full, how near, how long; and where we lose.

    Processor time, because it is the steadier one on a machine that has other work.
    """
    rows = [row for row in _ours_first(known) if not row["missing"] and "wall_s" in row]
    lines = []
    for video, reference in ((True, REFERENCE_VIDEO), (False, REFERENCE_STILL)):
        kind = [row for row in rows if row["video"] is video]
        if not kind:
            continue
        lines.append(
            f"| {'video' if video else 'picture'} | files | over the cap | frames or times lost | fill, median | "
            f"SSIM mean | {'moving parts' if video else 'worst tile'} | "
            f"processor time, times {reference} | certificate |\n"
            "|---|---:|---:|---:|---:|---:|---:|---:|---|\n"
        )
        for tool in dict.fromkeys(row["tool"] for row in kind):
            lines.append(_headline_row(tool, kind, reference, video=video))
        lines.append("\n")
    return "".join(lines) + losses(rows)


def _headline_row(tool: str, kind: Sequence[dict[str, Any]], reference: str, *, video: bool) -> str:
    own = [row for row in kind if row["tool"] == tool]
    files = [row for row in own if "bytes" in row]
    lost = sum(row["score"]["on_time"] < row["score"]["frames_source"] for row in files) if video else 0
    base = {(row["source"], row["cap_bytes"]): row for row in kind if row["tool"] == reference}
    near, part, slow = [], [], []
    for row in own:
        other = base.get((row["source"], row["cap_bytes"]))
        if other is None:
            continue
        slow.append(row["cpu_s"] / other["cpu_s"])
        if "bytes" in row and "bytes" in other:
            near.append(row["score"]["mean"] - other["score"]["mean"])
            field = "moving" if video else "worst_tile"
            if row["score"][field] is not None and other["score"][field] is not None:
                part.append(row["score"][field] - other["score"][field])
    signed = "yes" if any(row["certificate"] for row in own) else "no"
    cells = [
        tool, f"{len(files)} of {len(own)}", str(sum(row["over"] for row in files)), str(lost),
        _share(statistics.median(row["fill"] for row in files)) if files else _NONE,
        _gain(near), _gain(part), f"{statistics.median(slow):.2f}" if slow else _NONE, signed,
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |\n"


def losses(rows: Sequence[dict[str, Any]]) -> str:
    """Where a tool that kept to the cap is better than ours, or quicker."""
    found = []
    for source, cap in sorted({(row["source"], row["cap_bytes"]) for row in rows}):
        own = [row for row in rows if (row["source"], row["cap_bytes"]) == (source, cap)]
        ours = next((row for row in own if row["tool"] == "transcoder"), None)
        fair = [row for row in own if "bytes" in row and not row["over"] and not row["tool"].startswith("transcoder")]
        if ours is None or not fair:
            continue
        best = max(fair, key=lambda row: row["score"]["mean"])
        if "bytes" not in ours:
            found.append(f"{source} under {cap:,}: refused ({ours['note'].removeprefix('refused: ')})")
        elif best["score"]["mean"] > ours["score"]["mean"]:
            gap = best["score"]["mean"] - ours["score"]["mean"]
            found.append(f"{source} under {cap:,}: {best['tool']} is {gap:.4f} better in SSIM mean")
    text = "Where we lose: time, always (see the last but one column)"
    return text + "".join(f"; {item}" for item in found) + ".\n"


def _table(own: Sequence[dict[str, Any]], *, video: bool) -> str:
    names = ["tool", "bytes", "fill", "over the cap", "SSIM mean", "worst 1 %" if video else "", "worst tile"]
    names += ["moving", "VMAF neg", "frames on time"] if video else ["SSIMULACRA2"]
    names = [name for name in names if name]
    names += ["face match", "text reads the same", "wall s", "CPU s", "memory MB", "certificate", "remark"]
    lines = ["| " + " | ".join(names) + " |\n", "|---" + "|---:" * (len(names) - 2) + "|---|\n"]
    for row in own:
        lines.append("| " + " | ".join(_cells(row, video=video)) + " |\n")
    return "".join(lines)


def _cells(row: Mapping[str, Any], *, video: bool) -> list[str]:
    blank = 6 if video else 3
    if row["missing"]:
        return [row["tool"], *[_NONE] * (9 + blank), f"not here: {row['missing']}"]
    cost = [f"{row['wall_s']:.1f}", f"{row['cpu_s']:.1f}", f"{row['peak_bytes'] / 1e6:.0f}"]
    last = [*cost, "yes" if row["certificate"] else "no", str(row["note"]).replace("|", "/")[:160]]
    if "bytes" not in row:
        return [row["tool"], *[_NONE] * (5 + blank), *last]
    score, tasks = row["score"], row["tasks"]
    middle = [f"{score['mean']:.4f}"]
    if video:
        middle += [f"{score['worst_percent']:.4f}", f"{score['worst_tile']:.4f}", _number(score["moving"], 4)]
        middle += [_number(score["vmaf_neg"], 1), f"{score['on_time']} of {score['frames_source']}"]
    else:
        middle += [f"{score['worst_tile']:.4f}", _number(score["ssimulacra2"], 1)]
    face = f"{tasks['face_match']:.3f} ({tasks['faces']})" if tasks["faces"] else _NONE
    read = f"{round(tasks['text_same'] * tasks['texts'])} of {tasks['texts']}" if tasks["texts"] else _NONE
    over = "**yes**" if row["over"] else "no"
    return [row["tool"], f"{row['bytes']:,}", _share(row["fill"]), over, *middle, face, read, *last]


def drawing(own: Sequence[dict[str, Any]], title: str) -> str:
    """One case as SVG: every file a mark at its bytes and its SSIM; the cap is a line that nobody may cross."""
    files = sorted((row for row in own if "bytes" in row), key=lambda row: -row["score"]["mean"])
    width, left, right, row_px, top = 720, 190, 60, 26, 64
    height = top + row_px * len(files) + 44
    if not files:
        return ""
    most = max(1.08, *(row["fill"] * 1.02 for row in files))
    low = min(row["score"]["mean"] for row in files)
    span = max(1e-4, max(row["score"]["mean"] for row in files) - low)
    half = (width - left - right) / 2
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="12" role="img">',
        f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="12" y="20" font-size="14" font-weight="bold">{escape(title)}</text>',
        f'<text x="{left}" y="46">share of the cap</text>',
        f'<text x="{left + half + 24:.0f}" y="46">SSIM, mean of all frames</text>',
    ]
    cap_x = left + half / most
    for number, row in enumerate(files):
        y = top + row_px * number
        kind = "over" if row["over"] else ("transcoder" if row["tool"].startswith("transcoder") else "peer")
        share = half * row["fill"] / most
        x = left + half + 24 + (half - 60) * (0.1 + 0.9 * (row["score"]["mean"] - low) / span)
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{escape(row["tool"])}</text>')
        out.append(f'<rect x="{left}" y="{y + 3}" width="{share:.1f}" height="14" fill="{_COLOURS[kind]}"/>')
        mark = f'<circle cx="{x:.1f}" cy="{y + 10}" r="6" fill="{_COLOURS[kind]}"/>'
        if kind == "over":
            mark = f'<path d="M{x - 6:.1f} {y + 4}l12 12m0-12l-12 12" stroke="{_COLOURS[kind]}" stroke-width="3"/>'
        out.append(f'{mark}<text x="{x + 10:.1f}" y="{y + 14}">{row["score"]["mean"]:.4f}</text>')
    bottom = top + row_px * len(files)
    out.append(f'<path d="M{cap_x:.1f} {top - 8}V{bottom + 4}" stroke="#000" stroke-dasharray="4 3"/>')
    out.append(f'<text x="{cap_x:.1f}" y="{bottom + 18}" text-anchor="middle">the cap</text>')
    out.append(
        f'<text x="12" y="{bottom + 36}" fill="#555">Orange with a cross: over the cap, and so of no use. '
        "Blue: this tool.</text></svg>\n"
    )
    return "".join(out)


def drawings(known: Mapping[str, Any]) -> dict[str, str]:
    """File name to SVG, one for each source and cap."""
    rows = _ours_first(known)
    found = {}
    for source, cap in sorted({(row["source"], row["cap_bytes"]) for row in rows}):
        own = [row for row in rows if (row["source"], row["cap_bytes"]) == (source, cap)]
        if text := drawing(own, f"{source} under {cap:,} bytes"):
            found[f"side_by_side_{_name(source, cap)}.svg"] = text
    return found


def _ours_first(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    return sorted(known["rows"].values(), key=lambda row: (not row["tool"].startswith("transcoder"), row["tool"]))


def _name(source: str, cap: int) -> str:
    return f"{source.rsplit('.', 1)[0]}_{cap}"


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _gain(values: Sequence[float]) -> str:
    return f"{statistics.median(values):+.4f}" if values else _NONE


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"

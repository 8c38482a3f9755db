"""The side by side as Markdown: the headline of README, and the page with every case."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.side_drawing import drawing
from benchmarks.side_losses import losses

_NONE = "–"
REFERENCE_VIDEO, REFERENCE_STILL = "ffmpeg x264 slow", "jpegoptim --size"
_OURS = "transcoder"
_LONGEST_NOTE = 160
Row = dict[str, Any]

_INTRODUCTION = """\
Scores come from a judge of their own (`benchmarks/evaluate`): PyAV decodes and pairs by time, every pixel of every
frame gets the SSIM that scikit-image defines (a test holds the two together), VMAF is the model without enhancement
gain. SSIMULACRA2 of a picture above four megapixels is the mean of six windows of one megapixel. Faces and text are
looked for by the models that the product uses, on frames and by rules of the judge's own. Our times are of the whole
process: two hashes of the master, detection, encoding, measuring every frame, certificate and report; those of the
others are encoding alone. Tools get the plain recipe: no headroom. Memory is that of all processes of a tool together
at the worst moment, from 11 MB up, which is what the launcher weighs.
"""


def markdown(known: Mapping[str, Any]) -> str:
    """The whole page."""
    rows = _ours_first(known)
    machine = "; ".join(f"{name} {value}" for name, value in sorted(known["machine"].items()))
    parts = [
        "# Side by side\n\n`python -m benchmarks` (or `make bench`) makes this page; `--quick` does it with the "
        "repository's own samples.\n\n",
        f"Machine: {machine}.\n\n{_INTRODUCTION}\n",
        headline(known),
    ]
    for video in (True, False):
        for source, cap in sorted({(row["source"], row["cap_bytes"]) for row in rows if row["video"] is video}):
            own = [row for row in rows if (row["source"], row["cap_bytes"]) == (source, cap) and "same_as" not in row]
            parts.append(f"\n## {source} under {cap:,} bytes\n\nSource: {own[0]['source_bytes']:,} bytes.\n\n")
            parts.append(_table(own, known["machine"], video=video))
            if drawing(own, ""):
                parts.append(f"\n![bytes, fidelity and time](results/side_by_side_{_name(source, cap)}.svg)\n")
    return "".join(parts)


def headline(known: Mapping[str, Any]) -> str:
    """A line for each tool: how often over the cap, how full, how near, how long; and where we lose.

    Processor time is the steadier one on a machine that has other work.
    """
    rows = [row for row in _ours_first(known) if not row["missing"] and "wall_s" in row]
    parts = []
    for video, reference in ((True, REFERENCE_VIDEO), (False, REFERENCE_STILL)):
        kind = [row for row in rows if row["video"] is video]
        if kind:
            parts.append(_headline_table(kind, reference, video=video))
    said = [text for text in (_never_refused(rows), _older(rows, known["machine"])) if text]
    if said:
        parts.append(textwrap.fill(" ".join(said), 118, break_long_words=False, break_on_hyphens=False) + "\n\n")
    return "".join(parts) + losses(rows, {True: REFERENCE_VIDEO, False: REFERENCE_STILL})


def _headline_table(kind: Sequence[Row], reference: str, *, video: bool) -> str:
    names = ["video" if video else "picture", "files", "over the cap", "fill, median"]
    names += ["frames or times lost", "SSIM mean", "SSIM of what moves"] if video else []
    names += [] if video else ["SSIM mean", "SSIM of the worst tile", "SSIMULACRA2"]
    names += [f"processor time, times {reference}", "wall time, times it", "certificate"]
    lines = [f"| {' | '.join(names)} |\n", "|---" + "|---:" * (len(names) - 2) + "|---|\n"]
    for tool in dict.fromkeys(row["tool"] for row in kind):
        own = [row for row in kind if row["tool"] == tool]
        if not all("same_as" in row for row in own):
            lines.append(_headline_row(own, kind, reference, video=video))
    return "".join(lines) + "\n"


def _headline_row(own: Sequence[Row], kind: Sequence[Row], reference: str, *, video: bool) -> str:
    files = [row for row in own if "bytes" in row]
    base = {(row["source"], row["cap_bytes"]): row for row in kind if row["tool"] == reference}
    beside = [(row, base[where]) for row in own if (where := (row["source"], row["cap_bytes"])) in base]
    scored = [(row["score"], other["score"]) for row, other in beside if "bytes" in row and "bytes" in other]

    def gain(field: str, digits: int = 4) -> str:
        known = [a[field] - b[field] for a, b in scored if a.get(field) is not None and b.get(field) is not None]
        return f"{statistics.median(known):+.{digits}f}" if known else _NONE

    slow = [[row[name] / other[name] for row, other in beside] for name in ("cpu_s", "wall_s")]
    cells = [
        _cell(own[0]["tool"]), f"{len(files)} of {len(own)}", str(sum(row["over"] for row in files)),
        _share(statistics.median(row["fill"] for row in files)) if files else _NONE,
    ]  # fmt: skip
    if video:
        lost = sum(row["score"]["on_time"] < row["score"]["frames_source"] for row in files)
        cells += [str(lost), gain("mean"), gain("moving")]
    else:
        cells += [gain("mean"), gain("worst_tile"), gain("ssimulacra2", 1)]
    cells += [f"{statistics.median(ratios):.2f}" if ratios else _NONE for ratios in slow]
    cells.append("yes" if any(row["certificate"] for row in own) else "no")
    return f"| {' | '.join(cells)} |\n"


def _never_refused(rows: Sequence[Row]) -> str:
    again = [row for row in rows if row["tool"] == f"{_OURS} --accept-degraded"]
    if not again or not all("same_as" in row for row in again):
        return ""
    return "Nothing was refused, so that the run with `--accept-degraded` is the same and has no line."


def _older(rows: Sequence[Row], machine: Mapping[str, Any]) -> str:
    count = sum(_is_older(row, machine) for row in rows if "same_as" not in row)
    return f"{count} of our rows are of an earlier version of this tool." if count else ""


def _is_older(row: Row, machine: Mapping[str, Any]) -> bool:
    return bool(row["tool"].startswith(_OURS) and row.get("version") != machine["transcoder"])


def _table(own: Sequence[Row], machine: Mapping[str, Any], *, video: bool) -> str:
    middle = _COLUMNS_VIDEO if video else _COLUMNS_STILL
    names = ["tool", "bytes", "fill", "over the cap", *(name for name, _ in middle), "face match",
             "text reads the same", "wall s", "CPU s", "memory MB", "certificate", "remark"]  # fmt: skip
    lines = [f"| {' | '.join(names)} |\n", "|---" + "|---:" * (len(names) - 2) + "|---|\n"]
    for row in own:
        cells = _cells(row, middle)
        if _is_older(row, machine) and not row["missing"]:
            cells[-1] = ", ".join(text for text in (cells[-1], "of an earlier version") if text)
        lines.append(f"| {' | '.join(cells)} |\n")
    return "".join(lines)


Column = tuple[str, Callable[[Mapping[str, Any]], str]]
_COLUMNS_VIDEO: tuple[Column, ...] = (
    ("SSIM mean", lambda score: f"{score['mean']:.4f}"),
    ("worst 1 %", lambda score: f"{score['worst_percent']:.4f}"),
    ("worst tile", lambda score: f"{score['worst_tile']:.4f}"),
    ("moving", lambda score: _number(score["moving"], 4)),
    ("VMAF neg", lambda score: _number(score["vmaf_neg"], 1)),
    ("frames on time", lambda score: f"{score['on_time']} of {score['frames_source']}"),
)
_COLUMNS_STILL: tuple[Column, ...] = (
    ("SSIM mean", lambda score: f"{score['mean']:.4f}"),
    ("worst tile", lambda score: f"{score['worst_tile']:.4f}"),
    ("SSIMULACRA2", lambda score: _number(score["ssimulacra2"], 1)),
)


def _cells(row: Row, middle: Sequence[Column]) -> list[str]:
    name, scores = _cell(row["tool"]), len(middle) + 5
    if row["missing"]:
        return [name, *[_NONE] * (scores + 4), f"not here: {row['missing']}"]
    last = [f"{row['wall_s']:.1f}", f"{row['cpu_s']:.1f}", f"{row['peak_bytes'] / 1e6:.0f}",
            "yes" if row["certificate"] else "no", _cell(str(row["note"]))]  # fmt: skip
    if "bytes" not in row:
        return [name, *[_NONE] * scores, *last]
    tasks = row["tasks"]
    face = f"{tasks['face_match']:.3f} ({tasks['faces']})" if tasks["faces"] else _NONE
    read = f"{round(tasks['text_same'] * tasks['texts'])} of {tasks['texts']}" if tasks["texts"] else _NONE
    over = "**yes**" if row["over"] else "no"
    scored = [show(row["score"]) for _, show in middle]
    return [name, f"{row['bytes']:,}", _share(row["fill"]), over, *scored, face, read, *last]


def drawings(known: Mapping[str, Any]) -> dict[str, str]:
    """File name to SVG, one for each source and cap."""
    rows = _ours_first(known)
    found = {}
    for source, cap in sorted({(row["source"], row["cap_bytes"]) for row in rows}):
        own = [row for row in rows if (row["source"], row["cap_bytes"]) == (source, cap) and "same_as" not in row]
        if text := drawing(own, f"{source} under {cap:,} bytes"):
            found[f"side_by_side_{_name(source, cap)}.svg"] = text
    return found


def _ours_first(known: Mapping[str, Any]) -> list[Row]:
    return sorted(known["rows"].values(), key=lambda row: (not row["tool"].startswith(_OURS), row["tool"]))


def _name(source: str, cap: int) -> str:
    return f"{source.rsplit('.', 1)[0]}_{cap}"


def _cell(text: str) -> str:
    """Text of others inside a table: nothing in it is markup, and it is not endless."""
    short = textwrap.shorten(text, _LONGEST_NOTE, placeholder=" …")
    for sign in "\\|*_<>`":
        short = short.replace(sign, f"\\{sign}" if sign not in "<>" else {"<": "&lt;", ">": "&gt;"}[sign])
    return short


def _share(value: float) -> str:
    return f"{100 * value:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return _NONE if value is None else f"{value:.{digits}f}"

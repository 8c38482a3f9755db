"""Where the side by side is lost: said in words, from the same rows as the tables."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
OURS = "transcoder"
_LINE = 118


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure of a file, higher being better; a lead smaller than ``matters`` is none."""

    name: str
    of: Callable[[Row], float | None]
    matters: float
    digits: int


MEASURES = (
    Measure("SSIM mean", lambda row: row["score"]["mean"], 0.0002, 4),
    Measure("the worst 1 % of frames", lambda row: row["score"].get("worst_percent"), 0.0002, 4),
    Measure("the worst tile", lambda row: row["score"]["worst_tile"], 0.0005, 4),
    Measure("what moves", lambda row: row["score"].get("moving"), 0.0005, 4),
    Measure("VMAF", lambda row: row["score"].get("vmaf_neg"), 0.2, 1),
    Measure("SSIMULACRA2", lambda row: row["score"].get("ssimulacra2"), 0.2, 1),
    Measure("face match", lambda row: row["tasks"]["face_match"], 0.005, 3),
    Measure("text read", lambda row: row["tasks"]["text_same"], 0.005, 2),
)


def losses(rows: Sequence[Row], references: dict[bool, str]) -> str:
    """A list: time and memory, then every case in which a tool that kept to the cap is better in anything."""
    items = [item for video in (True, False) if (item := _cost(rows, references[video], video=video))]
    for source, cap in sorted({(row["source"], row["cap_bytes"]) for row in rows}):
        own = [row for row in rows if (row["source"], row["cap_bytes"]) == (source, cap)]
        if item := _case(own, f"`{source}` under {cap:,} bytes"):
            items.append(item)
    if not items:
        return ""
    wrapped = [textwrap.fill(item, _LINE, initial_indent="- ", subsequent_indent="  ",
                             break_long_words=False, break_on_hyphens=False) for item in items]  # fmt: skip
    return "Where we lose, against tools that kept to the cap:\n\n" + "\n".join(wrapped) + "\n"


def _cost(rows: Sequence[Row], reference: str, *, video: bool) -> str:
    """Medians of the ratios to the reference, case by case."""
    base = {(row["source"], row["cap_bytes"]): row for row in rows if row["tool"] == reference}
    pairs = [
        (row, base[where])
        for row in rows
        if row["tool"] == OURS and row["video"] is video and (where := (row["source"], row["cap_bytes"])) in base
    ]
    if not pairs:
        return ""
    slow, late, fat = (
        statistics.median(a[name] / b[name] for a, b in pairs) for name in ("cpu_s", "wall_s", "peak_bytes")
    )
    kind = "videos" if video else "pictures"
    return (
        f"**Time and memory, {kind}**: {slow:.1f} times the processor time of {reference}, {late:.1f} times its wall "
        f"time and {fat:.1f} times its memory, at the median; ours measures, signs and reports, theirs encodes."
    )


def _case(own: Sequence[Row], where: str) -> str:
    ours = next((row for row in own if row["tool"] == OURS), None)
    fair = [row for row in own if "bytes" in row and not row["over"] and not row["tool"].startswith(OURS)]
    if ours is None or not fair:
        return ""
    if "bytes" not in ours:
        return f"{where}: refused ({ours['note'].removeprefix('refused: ')})."
    found = []
    for measure in MEASURES:
        mine = measure.of(ours)
        theirs = [(value, row["tool"]) for row in fair if (value := measure.of(row)) is not None]
        if mine is None or not theirs:
            continue
        best, tool = max(theirs, key=lambda pair: pair[0])  # of equals the first
        if best - mine >= measure.matters:
            found.append(f"{measure.name} by {best - mine:.{measure.digits}f} ({tool})")
    return f"{where}: {'; '.join(found)}." if found else ""

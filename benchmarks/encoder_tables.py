"""Tables of the encoder study: what each setting leaves of the reference's loss, case by case and on average."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.encoder_runs import Candidate

Row = Mapping[str, Any]
LEAST_MOVING_SHARE = 0.005
"""Where less of the picture moves, the case guards the whole frame and the tiles only."""


def _pairs(rows: Sequence[Row], candidate: Candidate, reference: str) -> list[tuple[Row, Row]]:
    base = {row["case"]: row for row in rows if row["name"] == reference}
    return [(row, base[row["case"]]) for row in rows if row["name"] == candidate.name and row["case"] in base]


def _left(row: Row, base: Row, measure: str) -> float:
    return float((1 - row[measure]) / (1 - base[measure]))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _geometric(values: Sequence[float]) -> float:
    return math.exp(_mean([math.log(value) for value in values])) if values else math.nan


def summary(rows: Sequence[Row], chosen: Sequence[Candidate]) -> str:
    """One line for each setting: means over the cases, relative to the reference."""
    reference = next(item.name for item in chosen if item.codec == "stock")
    lines = [
        "| setting | cases | moving, arithmetic | geometric | worst 1 % moving | whole frame | still | worst tile, "
        "least gain | tile p1, least gain | Cb | Cr | time |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for item in chosen:
        pairs = _pairs(rows, item, reference)
        if not pairs:
            continue
        lively = [pair for pair in pairs if pair[0]["moving_share"] >= LEAST_MOVING_SHARE]
        moving = [_left(*pair, "moving_mean") for pair in lively]
        cells = [
            item.name,
            str(len(pairs)),
            f"{_mean(moving):.3f}",
            f"{_geometric(moving):.3f}",
            f"{_mean([_left(*pair, 'moving_p1') for pair in lively]):.3f}",
            *(f"{_mean([_left(*pair, m) for pair in pairs]):.3f}" for m in ("frame_mean", "still_mean")),
            *(f"{min(row[m] - base[m] for row, base in pairs):+.3f}" for m in ("tile_worst", "tile_p1")),
            *(f"{_mean([_left(*pair, m) for pair in pairs]):.2f}" for m in ("cb_mean", "cr_mean")),
            f"{_geometric([row['cpu_s'] / base['cpu_s'] for row, base in pairs]):.2f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def render(rows: Sequence[Row], chosen: Sequence[Candidate]) -> str:
    """The whole page."""
    reference = next(item.name for item in chosen if item.codec == "stock")
    cases = list(dict.fromkeys(row["case"] for row in rows))
    head = [
        "# Which encoder settings keep what moves",
        "",
        "Share of the reference's loss (1 - SSIM of luma) that each setting leaves, at equal bytes: below 1 is better.",
        "The reference is stock ffmpeg, x264 in two passes at preset medium. Moving blocks are found by "
        "`benchmarks/moving.py` from the source alone; regions for the encoders by the product's detector "
        "(`product`) or by `benchmarks/block_regions.py` (`blocks`), never by the judge. Worst tile: the "
        "difference to the reference's, in SSIM, in the case where it gains least. Time is the processor's, "
        "for one run of each, relative.",
        "",
        summary(rows, chosen),
        "",
        "## What moves, case by case",
        "",
        "| setting | " + " | ".join(cases) + " |",
        "|---|" + "---|" * len(cases),
    ]
    for item in chosen:
        found = {row["case"]: _left(row, base, "moving_mean") for row, base in _pairs(rows, item, reference)}
        head.append(f"| {item.name} | " + " | ".join(f"{found[c]:.3f}" if c in found else "" for c in cases) + " |")
    base_rows = [row for row in rows if row["name"] == reference]
    head += ["", "## The reference", "", "| case | bytes | moves | moving mean | worst 1 % | frame | worst tile | s |"]
    head.append("|---|---|---|---|---|---|---|---|")
    head += [
        f"| {row['case']} | {row['bytes']:,} | {row['moving_share']:.1%} | {row['moving_mean']:.4f} | "
        f"{row['moving_p1']:.4f} | {row['frame_mean']:.4f} | {row['tile_worst']:.4f} | {row['wall_s']:.1f} |"
        for row in base_rows
    ]
    head += ["", "## The settings", "", "| setting | encoder | preset | regions | parameters |"]
    head.append("|---|---|---|---|---|")
    head += [
        f"| {item.name} | {item.codec} | {item.preset} | {_weights(item)} | `{item.params or '-'}` {_extra(item)} |"
        for item in chosen
    ]
    return "\n".join(head) + "\n"


def _weights(item: Candidate) -> str:
    if not item.motion and not item.background:
        return "none"
    rest = f", rest {item.background:+g}" if item.background else ""
    return f"{item.regions}, moving {item.motion:+g}{rest}"


def _extra(item: Candidate) -> str:
    words = ["10 bits"] if "10" in item.pixel_format else []
    words += ["constant quality"] if item.quality else []
    return ", ".join(words)

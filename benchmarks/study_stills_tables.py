"""The stills study's rows as Markdown: means over the pictures that every contestant of a table has."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.study_stills_scoring import Scores

MEASURES = {
    "luma": ("SSIM-Y", 4), "tile": ("worst tile (median)", 3), "chroma": ("chroma", 4), "region": ("region Y", 4),
    "region_chroma": ("region chroma", 4), "ssimulacra2": ("SSIMULACRA2", 1), "misread": ("plate misread", 3),
}  # fmt: skip


FINDINGS = """
## What we took from it (run of November 2026)

Means over the pictures that all contestants of a table have; the worst tile is a median. SSIM as the product measures
it; a region's score is the worst of its boxes. SSIMULACRA2 only up to 1.3 megapixels. Other work shared the two
processors: seconds compare encoders, they are not this machine's best.

Tables of mozjpeg and the quality limits were chosen on these same pictures; several plates come from one camera, and
some rows rest on three to seven pictures. Expect smaller effects elsewhere. The worst tile is given as a
median since one near-black picture swung the mean. Checked aside, not in the tables: all nine quantisation tables
(`--all-tables`), near-black tiles, and down to which quality plates are read.

- **mozjpeg** against libjpeg-turbo with mozjpeg's scans (what we did before), 100,000 to 15,000 bytes. 4:4:4, table
  0: luma +0.001 to +0.003, chroma +0.001 to +0.005, SSIMULACRA2 +0.9, +2.6, +3.9, +5.7. 4:2:0, table 3: luma +0.0006,
  +0.0007, -0.0023, +0.0056, chroma +0.005 to +0.014, SSIMULACRA2 +2.0, +3.6, +5.9, +10.5. Over 3 megapixels, table 3
  at 1,000,000 and 300,000: luma -0.0012 and +0.0029, chroma +0.004 and +0.010. Twice the time. Where a file is good
  anyway (SSIM 0.99) there is nothing to gain. Adopted: table 0 in 4:4:4, table 3 in 4:2:0 and for grey.
- The flat table 1 is best inside plates (+0.007 to +0.01), but low-contrast areas pay: frame -0.008 in 4:2:0 at
  15,000.
- **jpegli** leads in SSIMULACRA2 (+1.3 to +2.2 over table 3) in half the time, but trails it in luma except at 30,000
  bytes: -0.0007 to -0.010, worst tile of large pictures 0.841 against 0.905. `pyjpegli` makes RGB in 4:2:0 and
  nothing else: no 4:4:4, no grey. Not adopted.
- **4:4:4 or 4:2:0**: see "all, by the quality that 4:4:4 reaches". From quality 90 on, 4:4:4 is better in everything
  but 0.0009 of luma. From 60 to 89 it costs regions 0.004 to 0.006 of luma and brings them 0.020 to 0.028 of chroma,
  while the frame loses 1 to 3 points of SSIMULACRA2: worth it only where colour is evidence. Below 60 the regions'
  chroma gains about what their luma loses, and the frame loses up to 14 points.
- **Bits by region within a JPEG: not adopted.** Regions gain, but everything else pays more: at 30,000 bytes and +12
  the plate +0.021, the frame -0.020, the worst tile -0.037, SSIMULACRA2 -5.3; faces +0.012 and -0.015. One table
  serves the whole component, so coarse levels must be written in fine steps. Plates and faces are above the frame's
  score already and their floors are not what fails first: at 15,000 bytes the frame's floor is missed in 10 pictures
  instead of 5. The plates' reading hardly changes (0.012 better at 15,000 and +12, one character): with
  one exception it is right down to about quality 15, far below the floors.
- **Near-black flat tiles** (astronaut, Casio_EX-S1) fall from 0.9 to 0.25 by the luck of the DC step, with every
  encoder.
- **WebP, AVIF: settings stay.** WebP method 6 gains 0.003 at 15,000 bytes and nothing at 30,000 in twice the time;
  Pillow does not pass sharp YUV on. AVIF speed 8 loses 0.006 to 0.012; tune=ssim gains 0.001 of luma and loses 2 to 3
  points. 4:4:4 costs AVIF 0.002 to 0.005 of luma for 0.005 of chroma: tried first as before.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One file."""

    picture: str
    cap: int
    group: str
    tool: str
    quality: int | None
    fill: float
    seconds_per_megapixel: float
    fine_chroma: bool
    large: bool
    kind: str
    scores: Scores


def read_rows(path: Path | None) -> list[Row]:
    """Rows of an earlier run, if there was one."""
    if path is None or not path.exists():
        return []
    described = map(json.loads, path.read_text("utf-8").splitlines())
    return [Row(**{**item, "scores": Scores(**item["scores"])}) for item in described]


def write_rows(path: Path | None, rows: Sequence[Row]) -> None:
    """Append."""
    if path is not None:
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def render(rows: Sequence[Row], names: Sequence[str], versions: str, ours: Mapping[str, int], region_table: int) -> str:
    """The whole page.

    :param ours: sampling -> mozjpeg table whose files are compared with each other.
    :param region_table: the one that bits by region were tried with.
    """
    full, half = (f"{sampling} mozjpeg table {ours[sampling]}" for sampling in ("4:4:4", "4:2:0"))
    parts = [f"# Stills: encoders, chroma and regions at the same bytes\n\n{versions}.\n\n{len(names)} pictures: "]
    parts.append(", ".join(names) + ".\n" + FINDINGS)
    jpegs = [row for row in rows if row.group == "jpeg"]
    for sampling in ("4:4:4", "4:2:0"):
        for large in (False, True):
            chosen = [row for row in jpegs if row.tool.startswith(sampling) and row.large == large]
            parts.append(f"\n## Encoders, {sampling}{', pictures over 3 megapixels' if large else ''}\n")
            parts += _absolute(chosen)
    parts.append("\n## 4:4:4 minus 4:2:0, sources that have more chroma than 4:2:0\n\n")
    parts.append(f"{full} minus {half}; pairs of one picture and cap.\n")
    for kind, heading in (("plate", "plates"), ("face", "faces"), ("", "no region")):
        parts.append(f"\n### {heading}\n")
        wanted = [row for row in jpegs if row.fine_chroma and row.kind == kind]
        parts.append(_differences(wanted, {full: half}))
    parts.append("\n### all, by the quality that 4:4:4 reaches\n")
    parts.append(_by_quality([row for row in jpegs if row.fine_chroma], full, half))
    parts.append("\n## Bits by region, minus the plain file\n\nQualities above the plain one for the regions.\n")
    by_region = [row for row in rows if row.group == "regions"]
    steps = sorted({row.tool for row in by_region}, key=lambda tool: int(tool.rsplit("+", 1)[1]))
    for kind, heading in (("plate", "plates"), ("face", "faces")):
        parts.append(f"\n### {heading}\n")
        wanted = [row for row in (*jpegs, *by_region) if row.kind == kind]
        parts.append(_differences(wanted, dict.fromkeys(steps, f"4:2:0 mozjpeg table {region_table}")))
    parts.append("\n## WebP and AVIF\n")
    parts += _absolute([row for row in rows if row.group == "modern"])
    return "".join(parts)


def _absolute(rows: Sequence[Row]) -> Iterator[str]:
    for cap in sorted({row.cap for row in rows}, reverse=True):
        here = [row for row in rows if row.cap == cap]
        tools = list(dict.fromkeys(row.tool for row in here))
        common = set.intersection(*({row.picture for row in here if row.tool == tool} for tool in tools))
        if not common:
            continue
        heads = [name for name, _ in MEASURES.values()]
        yield f"\n{cap:,} bytes, {len(common)} pictures\n\n| | fill % | {' | '.join(heads)} | s per megapixel |\n"
        yield "|---|" + "---:|" * (len(heads) + 2) + "\n"
        for tool in tools:
            of_tool = [row for row in here if row.tool == tool and row.picture in common]
            cells = [
                _shown(_typical([getattr(row.scores, name) for row in of_tool], name), digits)
                for name, (_, digits) in MEASURES.items()
            ]
            fill = sum(row.fill for row in of_tool) / len(of_tool)
            seconds = sum(row.seconds_per_megapixel for row in of_tool) / len(of_tool)
            yield f"| {tool} | {100 * fill:.1f} | {' | '.join(cells)} | {seconds:.2f} |\n"


_DIFFERENCES_HEAD = f"| {' | '.join(name for name, _ in MEASURES.values())} | frame under 0.90 | tile under 0.75 |\n"
_RULE = "|---|---:|---:|" + "---:|" * (len(MEASURES) + 2) + "\n"
_QUALITIES = (1, 20, 30, 45, 60, 70, 80, 90, 101)
Pair = tuple[Row, Row]


def _differences(rows: Sequence[Row], bases: Mapping[str, str]) -> str:
    """Mean differences of contestants and a base on the pictures that both have, and how often each misses floors."""
    lines = [f"\n| | cap | pictures {_DIFFERENCES_HEAD}{_RULE}"]
    for tool, base in bases.items():
        for cap in sorted({row.cap for row in rows}, reverse=True):
            pairs = _pairs([row for row in rows if row.cap == cap], tool, base)
            if pairs:
                lines.append(f"| {tool} | {cap:,} | {len(pairs)} {_compared(pairs)}")
    return "".join(lines)


def _by_quality(rows: Sequence[Row], tool: str, base: str) -> str:
    lines = [f"\n| | pairs | pictures {_DIFFERENCES_HEAD}{_RULE}"]
    everything = _pairs(rows, tool, base)
    for low, high in pairwise(_QUALITIES):
        pairs = [pair for pair in everything if low <= (pair[0].quality or 0) < high]
        if pairs:
            pictures = len({pair[0].picture for pair in pairs})
            lines.append(f"| {low} to {high - 1} | {len(pairs)} | {pictures} {_compared(pairs)}")
    return "".join(lines)


def _pairs(rows: Sequence[Row], tool: str, base: str) -> list[Pair]:
    sides = [{(row.picture, row.cap): row for row in rows if row.tool == name} for name in (tool, base)]
    return [(sides[0][key], sides[1][key]) for key in sides[0] if key in sides[1]]


def _compared(pairs: Sequence[Pair]) -> str:
    cells = []
    for name, (_, digits) in MEASURES.items():
        differences = [getattr(here.scores, name) - getattr(there.scores, name) for here, there in pairs]
        cells.append(_shown(_typical(differences, name), digits, signed=True))
    cells += [_under(pairs, lambda scores: scores.luma < 0.90), _under(pairs, lambda scores: scores.tile < 0.75)]
    return f"| {' | '.join(cells)} |\n"


def _under(pairs: Sequence[Pair], missed: Callable[[Scores], bool]) -> str:
    here, there = (sum(missed(row.scores) for row in side) for side in zip(*pairs, strict=True))
    return f"{here} (base {there})"


def _typical(values: Sequence[float], name: str) -> float:
    """The mean; of worst tiles the median, because a near-black tile falls to 0.2 by the luck of a quantiser's step."""
    known = [value for value in values if not math.isnan(value)]
    if not known:
        return float("nan")
    return statistics.median(known) if name == "tile" else statistics.fmean(known)


def _shown(value: float, digits: int, *, signed: bool = False) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:+.{digits}f}" if signed else f"{value:.{digits}f}"

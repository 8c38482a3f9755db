"""The study's results as Markdown: versions, a summary per tool, and a table per source and cap."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from benchmarks.contest import Case, Row

_HEAD = (
    "| tool | bytes | over the cap? | fill % | wall s | wall, times reference | CPU, times reference "
    "| SSIM-Y mean | worst 1 % | worst tile p1 | remark |\n"
    "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|---|\n"
)
_SUMMARY_HEAD = (
    "| tool | files | over the cap | no file | cannot be scored | median fill % | median wall, times reference "
    "| median SSIM-Y mean minus the reference's | best mean of its table |\n"
    "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n"
)


def render(title: str, facts: Mapping[str, str], sections: Mapping[str, tuple[str, Sequence[Case]]]) -> str:
    """The whole page.

    :param sections: heading -> (reference tool, cases).
    """
    parts = [f"# {title}\n\n", "| | |\n|---|---|\n"]
    parts += [f"| {name} | {value} |\n" for name, value in facts.items()]
    for heading, (reference, cases) in sections.items():
        if not cases:
            continue
        parts.append(f"\n## {heading}\n\nReference for times and scores: {reference}.\n\n")
        parts.append(_summary(cases, reference))
        for case in cases:
            runs = f"; {case.repeats} runs in turn, medians" if case.repeats > 1 else ""
            parts.append(f"\n### {case.name} at {case.cap_bytes:,} bytes\n\n{case.described}{runs}.\n\n{_HEAD}")
            parts += [_line(row) for row in case.rows]
    return "".join(parts)


def _line(row: Row) -> str:
    cells = [
        row.tool,
        "–" if row.bytes is None else f"{row.bytes:,}",
        "**yes**" if row.over_cap else ("–" if row.bytes is None else "no"),
        _number(row.fill_percent, 1),
        _number(row.wall_s, 2),
        _number(row.wall_ratio, 2),
        _number(row.cpu_ratio, 2),
        _number(row.scored.mean, 5),
        _number(row.scored.worst_percent, 5),
        _number(row.scored.worst_tile, 5),
        row.note.replace("|", "/"),
    ]
    return "| " + " | ".join(cells) + " |\n"


def _summary(cases: Sequence[Case], reference: str) -> str:
    names = list(dict.fromkeys(row.tool for case in cases for row in case.rows))
    lines = [_SUMMARY_HEAD]
    for name in names:
        rows = [row for case in cases for row in case.rows if row.tool == name]
        files = [row for row in rows if row.bytes is not None]
        wins = sum(_best(case) == name for case in cases)
        cells = [
            name,
            str(len(files)),
            str(sum(row.over_cap for row in rows)),
            str(len(rows) - len(files)),
            str(sum(bool(row.scored.finding) for row in rows)),
            _number(_median([row.fill_percent for row in rows]), 1),
            _number(_median([row.wall_ratio for row in rows]), 2),
            _number(_median([_gain(case, name, reference) for case in cases]), 5),
            str(wins),
        ]
        lines.append("| " + " | ".join(cells) + " |\n")
    return "".join(lines)


def _gain(case: Case, name: str, reference: str) -> float | None:
    means = {row.tool: row.scored.mean for row in case.rows}
    ours, base = means.get(name), means.get(reference)
    return None if ours is None or base is None else ours - base


def _best(case: Case) -> str:
    """The tool with the highest mean among the files that kept to the cap."""
    fair = [(row.scored.mean, row.tool) for row in case.rows if row.scored.mean is not None and not row.over_cap]
    return max(fair)[1] if fair else ""


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"

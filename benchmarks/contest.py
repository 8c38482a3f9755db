"""What a contestant of the study is: a name and a way to make one file from one source under one cap."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.scoring import Scored, score
from benchmarks.stock_ffmpeg import AudioPlan
from benchmarks.wall_clock import Spent, median_ratio, timed
from transcoder.model import SourceInfo


@dataclass(slots=True, kw_only=True)
class Job:
    """One source under one cap; every run gets an empty folder of its own."""

    source: SourceInfo
    cap_bytes: int
    folder: Path
    keys_dir: Path
    preset: str = "medium"
    audio: AudioPlan = field(default_factory=AudioPlan)
    """Set by our run, which goes first, so that the peers treat the sound as we did."""

    @property
    def duration_s(self) -> float:
        """Of the video, as its packets say."""
        assert self.source.video is not None
        return float(self.source.video.duration_s)


@dataclass(frozen=True, slots=True)
class Made:
    """What a tool left: a file, or none, and what there is to say about it."""

    path: Path | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Tool:
    """A contestant."""

    name: str
    make: Callable[[Job], Made]
    in_turn: bool = True
    """False for rows added once for understanding, whose time is not compared."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One line of a table."""

    tool: str
    bytes: int | None
    over_cap: bool
    fill_percent: float | None
    wall_s: float
    wall_ratio: float | None
    cpu_ratio: float | None
    scored: Scored
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One source under one cap, and how everybody did."""

    name: str
    cap_bytes: int
    described: str
    repeats: int
    rows: tuple[Row, ...]


Extras = Callable[[Sequence[Row]], Sequence[Tool]]
"""Given the rows so far, tools to run once more."""


def run_case(job: Job, tools: Sequence[Tool], *, reference: str, repeats: int, described: str, extras: Extras) -> Case:
    """Run all tools in turn ``repeats`` times, then score each one's file with the same code.

    :param reference: the tool whose time the others' are divided by.
    """
    spent: dict[str, list[Spent]] = {tool.name: [] for tool in tools}
    made: dict[str, Made] = {}
    root = job.folder
    for turn in range(repeats):
        for number, tool in enumerate(tools):
            made[tool.name], cost = _run(job, tool, root / f"turn{turn}-{number}")
            spent[tool.name].append(cost)
    rows = [_row(job, tool, made[tool.name], spent[tool.name], spent.get(reference)) for tool in tools]
    for number, tool in enumerate(extras(rows)):
        result, cost = _run(job, tool, root / f"extra-{number}")
        rows.append(_row(job, tool, result, [cost], None))
    return Case(name=job.source.name, cap_bytes=job.cap_bytes, described=described, repeats=repeats, rows=tuple(rows))


def _run(job: Job, tool: Tool, folder: Path) -> tuple[Made, Spent]:
    folder.mkdir(parents=True)
    job.folder = folder

    def attempt() -> Made:
        try:
            return tool.make(job)
        except RuntimeError as error:
            return Made(None, f"failed: {error}")

    made, cost = timed(attempt)
    print(f"    {tool.name}: {cost.wall_s:.1f} s {made.note}", flush=True)
    return made, cost


def _row(job: Job, tool: Tool, made: Made, spent: Sequence[Spent], base: Sequence[Spent] | None) -> Row:
    size = made.path.stat().st_size if made.path is not None else None
    scored = score(job.source, made.path) if made.path is not None else Scored()
    compared = base is not None and len(base) == len(spent)
    return Row(
        tool=tool.name,
        bytes=size,
        over_cap=size is not None and size > job.cap_bytes,
        fill_percent=None if size is None else 100 * size / job.cap_bytes,
        wall_s=statistics.median(item.wall_s for item in spent),
        wall_ratio=median_ratio([a.wall_s for a in spent], [b.wall_s for b in base]) if compared and base else None,
        cpu_ratio=median_ratio([a.cpu_s for a in spent], [b.cpu_s for b in base]) if compared and base else None,
        scored=scored,
        note="; ".join(text for text in (made.note, scored.finding) if text),
    )

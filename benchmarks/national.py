"""docs/national.md: the arithmetic of a national service, from the results of the studies as they stand.

``python -m benchmarks.national`` writes it; the studies it rests on do so themselves, and a test compares.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.product import ROOT

PAGE = ROOT / "docs" / "national.md"
RESULTS = ROOT / "benchmarks" / "results"
STILL = "IMG_20200124_231153.jpg/1000000/transcoder"
FORCES, CLIPS, STILLS, CLIP_MINUTES = 43, 100, 400, 2
"""Assumed, a day: clips and stills of each force, all of which need re-encoding."""
HOURS, PEAK = 8, 3
"""Assumed: all of it within so many hours, and so many times the mean in the busiest one."""
HOST_PROCESSORS, JOB_PROCESSORS = 8, 2
SOURCE_MB_A_MINUTE, SOURCE_MB_A_STILL, DELIVERY_MB, RETENTION_DAYS = 5, 3, 1, 30
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What the studies found."""

    minute_least_s: float
    """Processor time of a minute of 720p, of the duration that needs least and of the one that needs most."""
    minute_most_s: float
    shortest_s: float
    longest_s: float
    clip_least_bytes: int
    clip_most_bytes: int
    still_s: float
    still_bytes: int
    fits_s: float
    fits_bytes: int
    http: Mapping[str, Any]
    worker_clips_a_minute: Mapping[int, float]


def measured(results: Path = RESULTS) -> Measured:
    """Read what there is.

    :raises LookupError: where a study was not run.
    """
    try:
        scale = json.loads((results / "study_scale.json").read_text(encoding="utf-8"))
        still = json.loads((results / "side_by_side.json").read_text(encoding="utf-8"))["rows"][STILL]
        http = json.loads((results / "study_http.json").read_text(encoding="utf-8"))
        by = {name: [run for run in scale if run.get("group") == name] for name in ("duration", "fits", "service")}
        long = [run for run in by["duration"] if run["seconds"] >= 60]
        minutes = [60 * run["cpu_s"] / run["seconds"] for run in long]
        return Measured(
            minute_least_s=min(minutes),
            minute_most_s=max(minutes),
            shortest_s=min(run["seconds"] for run in long),
            longest_s=max(run["seconds"] for run in long),
            clip_least_bytes=min(run["peak_bytes"] for run in long),
            clip_most_bytes=max(run["peak_bytes"] for run in long),
            still_s=still["cpu_s"],
            still_bytes=still["peak_bytes"],
            fits_s=by["fits"][0]["cpu_s"],
            fits_bytes=by["fits"][0]["peak_bytes"],
            http=http,
            worker_clips_a_minute={int(run["at"]): 60 * run["sources"] / run["wall_s"] for run in by["service"]},
        )
    except (OSError, LookupError, ValueError) as error:
        raise LookupError(f"a study is missing: {error}") from None


def page(found: Measured) -> str:
    """The whole page."""
    return "".join((_head(found), _costs(found), _day(found), _notes(found), _UNKNOWN))


def _head(found: Measured) -> str:
    return "# A national service\n\n" + _wrapped(
        f"How many machines would serve the {FORCES} police forces of England and Wales? The arithmetic is "
        "here, so that "
        "anybody can put in other figures. What is **measured** comes from [benchmarks](../benchmarks/README.md), on a "
        f"machine of {found.http['processors']} processors without a graphics card; what is **assumed** is marked so, "
        "because no public count of clips and stills a day was found. The page is computed from the results of the "
        "studies (`python -m benchmarks.national`)."
    )


def _costs(found: Measured) -> str:
    most, least = found.clip_most_bytes, found.clip_least_bytes
    rows = (
        ("", "processor time", "memory at the peak", "measured in"),
        ("---", "---:", "---:", "---"),
        (
            "a minute of CCTV, 1280x720 at 12.5 frames a second, re-encoded under 1 MB",
            _range(f"{found.minute_least_s:.0f} s", f"{found.minute_most_s:.0f} s"),
            _range(f"{least / 1e9:.1f} GB", f"{most / 1e9:.1f} GB"),
            "[study_scale](../benchmarks/results/study_scale.md)",
        ),
        ("a still of 12 megapixels under 1 MB", f"{found.still_s:.1f} s", f"{found.still_bytes / 1e9:.1f} GB",
         "[side by side](../benchmarks/RESULTS.md)"),
        ("what fits as it is", f"{found.fits_s:.1f} s", f"{found.fits_bytes / 1e9:.2f} GB",
         "[study_scale](../benchmarks/results/study_scale.md)"),
    )  # fmt: skip
    return (
        "## What one thing costs\n\n"
        + _table(rows)
        + _wrapped(
            f"The minute is that of whole deliveries, of {_range(_time(found.shortest_s), _time(found.longest_s))}"
            + _growth(found)
            + f". A job takes {JOB_PROCESSORS} processors and that much memory, whatever its length."
        )
    )


def _growth(found: Measured) -> str:
    times = found.longest_s / found.shortest_s
    if times == 1:
        return ""
    fatter = found.clip_most_bytes / found.clip_least_bytes
    return f": the longest is {times:.0f} times the shortest, and the most memory is {fatter:.1f} times the least"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} to {high}"


@dataclass(frozen=True, slots=True)
class Day:
    """The work of all forces."""

    found: Measured

    minutes = FORCES * CLIPS * CLIP_MINUTES
    stills = FORCES * STILLS
    jobs = FORCES * (CLIPS + STILLS)

    @property
    def clips_s(self) -> float:
        """Processor time of all clips, at the dearest minute."""
        return self.minutes * self.found.minute_most_s

    @property
    def stills_s(self) -> float:
        """Processor time of all stills."""
        return self.stills * self.found.still_s

    @property
    def all_s(self) -> float:
        """Processor time of everything."""
        return self.clips_s + self.stills_s


def _day(found: Measured) -> str:
    day = Day(found)
    steady = day.all_s / _DAY_S
    busiest = steady * (24 / HOURS) * PEAK
    at_once = HOST_PROCESSORS // JOB_PROCESSORS
    memory_gb = math.ceil(at_once * max(found.clip_most_bytes, found.still_bytes) / 1e9)
    rows = (
        ("", "a day", "processor time"),
        ("---", "---:", "---:"),
        ("clips", f"{FORCES} x {CLIPS} x {CLIP_MINUTES} min = {day.minutes:,} min",
         f"x {found.minute_most_s:.1f} s = {day.clips_s:,.0f} s"),
        ("stills", f"{FORCES} x {STILLS} = {day.stills:,}", f"x {found.still_s:.1f} s = {day.stills_s:,.0f} s"),
        ("together", f"{day.jobs:,} jobs", f"{day.all_s:,.0f} s = {steady:.1f} processors, day and night"),
    )  # fmt: skip
    return (
        f"## A day of {FORCES} forces\n\n"
        + _wrapped(
            f"Assumed: each force hands in {CLIPS} clips of {CLIP_MINUTES} minutes and {STILLS} stills a day, all "
            "of which "
            "need re-encoding."
        )
        + _table(rows)
        + _wrapped(
            f"Work does not come evenly. Assumed: all of it within {HOURS} hours, and {PEAK} times as much in the "
            "busiest "
            f"hour as in the mean one. That is {steady:.1f} x {24 / HOURS:g} x {PEAK} = {busiest:.0f} processors: "
            f"**{math.ceil(busiest / HOST_PROCESSORS)} hosts of {HOST_PROCESSORS} processors, each with "
            f"{memory_gb} GB for "
            f"{at_once} jobs at a time** and what the system needs. At night the same hosts are idle: jobs of "
            "class `bulk` "
            "fill them."
        )
    )


def _notes(found: Measured) -> str:
    day, http = Day(found), found.http
    in_gb = (day.minutes * SOURCE_MB_A_MINUTE + day.stills * SOURCE_MB_A_STILL) / 1000
    out_gb = day.jobs * DELIVERY_MB / 1000
    items = (
        "**Any number of workers** share one Postgres and one storage; nothing else is between them. One that is lost "
        "costs what its jobs had not kept yet ([jobs](jobs.md)); ten more are ten more processes."
        + _workers(found.worker_clips_a_minute),
        "**A long video does not hold up a desk.** Its parts are shared by idle workers, and urgent jobs and near "
        "deadlines go first.",
        f"**The database is no limit.** {day.jobs:,} jobs are {PEAK * day.jobs / HOURS / 60:.0f} a minute in "
        "the busiest "
        "hour; each is a few dozen short statements, and a state that is written every two seconds while it runs.",
        f"**The API is no limit.** One process took {http['uploads']} uploads, {http['bytes'] / 1e6:.0f} MB, in "
        f"{http['took_s']:.0f} s ([study_http](../benchmarks/results/study_http.md)). Reading a job meanwhile took "
        f"{http['read_p50_ms']:.0f} ms at the median and {http['read_p95_ms']:.0f} ms for one in twenty.",
        f"**Storage.** Assumed: {SOURCE_MB_A_MINUTE} MB for a minute of source, {SOURCE_MB_A_STILL} MB for a still, "
        f"{DELIVERY_MB} MB for a delivery. A day is {in_gb:.0f} GB in and {out_gb:.0f} GB out; with retention at "
        f"{RETENTION_DAYS} days {RETENTION_DAYS * (in_gb + out_gb) / 1000:.1f} TB.",
        f"**One force, or one host.** The same program with SQLite on one machine of {JOB_PROCESSORS} "
        "processors does a "
        f"force's day ({day.all_s / FORCES:,.0f} s of processor time) in about "
        f"{day.all_s / FORCES / JOB_PROCESSORS / 3600:.1f} hours.",
    )
    return "".join(_wrapped(item, "- ", "  ", "\n") for item in items)


_UNKNOWN = """
What was not measured: more than three workers at once, more than one host, a network between them, and any other
processor than this one.
"""


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows) + "\n"


def _wrapped(text: str, first: str = "", others: str = "", end: str = "\n\n") -> str:
    return textwrap.fill(text, 118, initial_indent=first, subsequent_indent=others, break_long_words=False,
                         break_on_hyphens=False) + end  # fmt: skip


def _workers(rates: Mapping[int, float]) -> str:
    if len(rates) < 2:
        return ""
    first, last = min(rates), max(rates)
    return (
        f" Measured: {last} workers of one processor each did {rates[last]:.1f} small clips a minute, {first} did "
        f"{rates[first]:.1f} ([study_scale](../benchmarks/results/study_scale.md))."
    )


def _time(seconds: float) -> str:
    if seconds < 3600:
        return f"{seconds / 60:g} min"
    return f"{seconds / 3600:g} h"


def write() -> None:
    """The page anew; it stays as it is, with a line, where a study is missing."""
    try:
        PAGE.write_text(page(measured()), encoding="utf-8")
    except LookupError as error:
        print(f"docs/national.md stays as it is: {error}")


if __name__ == "__main__":
    write()

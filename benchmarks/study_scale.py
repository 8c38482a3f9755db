"""The study "what does an hour cost?": processor time, wall time and memory of whole deliveries.

``python -m benchmarks.study_scale [--hour] [--two-hours] [--only GROUP ...] [--out FILE.md]``

By duration, by size of the picture, by the number of files at a time, and by the number of workers of the service.
A run that is known for this very version of the tool is not made again; runs of other versions are dropped.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks import national, product, scale_footage, scale_runs
from benchmarks.scale_figure import Panel, figure
from benchmarks.scale_fit import Line, fit, in_words
from benchmarks.scale_runs import Run

RESULT = product.ROOT / "benchmarks" / "results" / "study_scale.md"
SECONDS = (10, 60, 360, 600)
LONG_SECONDS = (60, 600)
HOUR_S = 3600
JOBS, WORKERS = (1, 2, 4), (1, 2)
SMALL_FILES, SMALL_SIZE = 12, "CIF"
GROUPS = ("duration", "long", "size", "fits", "folder", "service")

_INTRODUCTION = """\
The scene of `samples/cctv_day.avi`, eight seconds at 12.5 frames a second, is scaled to a size and repeated by copying
packets. Durations are delivered under `cps-twif-1mb` with at most 60 parts, sizes at half the bytes of their source,
each by a process of its own. *Processor time is the honest measure here*: other work may run on the machine, which
stretches the wall time and adds some per cent to the other. Both are of all processes of a run; peak memory is what
they hold together at the worst moment. Repeated footage is no harder at its end than at its beginning: what grows
here grows with the duration alone. Where the cap is not far from holding all of it, one file is tried before parts are
made, and parts that barely meet their floors are made more than once: such footage costs more for each second than
both shorter and longer.
"""


def plan(
    groups: Sequence[str], seconds: Sequence[int], long_seconds: Sequence[int]
) -> list[tuple[str, str, Callable[[], Run]]]:
    """What there is to run: group, place in it, and how."""
    found: list[tuple[str, str, Callable[[], Run]]] = [
        *(("duration", str(one), partial(_lasting, "duration", one, "720p")) for one in seconds),
        *(("long", str(one), partial(_lasting, "long", one, SMALL_SIZE)) for one in long_seconds),
        *(("size", name, partial(_sized, name)) for name in scale_footage.SIZES),
        ("fits", SMALL_SIZE, _fits),
        *(("folder", str(jobs), partial(_small, scale_runs.folder, jobs)) for jobs in JOBS),
        *(("service", str(count), partial(_small, scale_runs.service, count)) for count in WORKERS),
    ]
    return [item for item in found if item[0] in groups]


def _lasting(group: str, seconds: int, size: str) -> Run:
    clip = scale_footage.lasting(seconds, size)
    return scale_runs.one_clip(group, str(seconds), clip, seconds=seconds, size=size)


def _sized(name: str) -> Run:
    clip = scale_footage.scene(name)
    half = clip.stat().st_size // 2
    return scale_runs.one_clip("size", name, clip, seconds=scale_footage.SCENE_S, size=name, cap_bytes=half)


def _fits() -> Run:
    clip = scale_footage.scene(SMALL_SIZE)
    return scale_runs.one_clip("fits", SMALL_SIZE, clip, seconds=scale_footage.SCENE_S, size=SMALL_SIZE)


def _small(deliver: Callable[[int, Path, str], Run], at_once: int) -> Run:
    return deliver(at_once, scale_footage.many(SMALL_FILES, SMALL_SIZE), SMALL_SIZE)


def page(runs: Sequence[Run]) -> str:
    """The study as Markdown."""
    version = ", ".join(sorted({f"transcoder {run.version}" for run in runs}))
    processors = ", ".join(sorted({str(run.processors) for run in runs}))
    parts = [f"# What an hour costs\n\n`python -m benchmarks.study_scale`; {version}; processors: {processors}.\n\n",
             _INTRODUCTION]  # fmt: skip
    by = {group: [run for run in runs if run.group == group] for group in GROUPS}
    for group, title, picture in (
        ("duration", "By duration, at 1280x720", "study_scale.svg"),
        ("long", "Up to two hours, at 352x288", "study_scale_long.svg"),
    ):
        if by[group]:
            parts.append(f"\n## {title}\n\n" + _table("footage", by[group], "{} s"))
            parts.append("\n" + "".join(f"{line}\n" for line in duration_words(by[group])))
            parts.append(f"\n![processor time and peak memory against duration]({picture})\n")
    if by["size"]:
        parts.append("\n## By size of the picture, eight seconds\n\n" + _table("size", by["size"], "{}"))
        parts.append("\n" + "".join(f"{line}\n" for line in size_words(by["size"])))
        parts.append("\n![processor time and peak memory against size](study_scale_size.svg)\n")
    for run in by["fits"]:
        parts.append(
            f"\nWhat fits goes as it is ({run.delivered}): {run.cpu_s:.1f} s of processor time, "
            f"{run.peak_bytes / 1e6:.0f} MB.\n"
        )
    for group, title, head in (
        ("folder", "A folder, so many files at a time (`transcoder apply FOLDER --jobs N`)", "files at a time"),
        ("service", "A service on Postgres, so many workers of one processor each", "workers"),
    ):
        if by[group]:
            parts.append(f"\n## {title}\n\n{_rates(head, by[group])}")
    return "".join(parts)


def _table(head: str, runs: Sequence[Run], at: str) -> str:
    lines = [f"| {head} | source | delivered | files | bytes | processor time | a second of footage | wall time | "
             "peak memory | certificate |", "|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for run in runs:
        cells = (
            at.format(run.at), f"{run.source_bytes:,}", run.delivered, str(run.files), f"{run.bytes:,}",
            f"{run.cpu_s:.1f} s", f"{run.cpu_s / run.seconds:.2f} s", f"{run.wall_s:.1f} s",
            f"{run.peak_bytes / 1e6:.0f} MB", f"{run.certificate_bytes:,}",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _rates(head: str, runs: Sequence[Run]) -> str:
    clips = f"clips of {scale_footage.SCENE_S} s, {SMALL_SIZE}"
    names = (head, clips, "delivered", "wall time", "clips a minute", "times one", "processor time a clip",
             "peak memory")  # fmt: skip
    lines = [f"| {' | '.join(names)} |", "|---:|---:|---|---:|---:|---:|---:|---:|"]
    first = runs[0]
    for run in runs:
        cells = (
            run.at, str(run.sources), run.delivered, f"{run.wall_s:.1f} s", f"{60 * run.sources / run.wall_s:.1f}",
            f"{first.wall_s / run.wall_s:.2f}", f"{run.cpu_s / run.sources:.2f} s",
            f"{run.peak_bytes / 1e6:.0f} MB" if run.peak_bytes else "–",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cpu_s(run: Run) -> float:
    return run.cpu_s


def _peak_mb(run: Run) -> float:
    return run.peak_bytes / 1e6


_QUANTITIES = (("Processor time", "s", _cpu_s), ("Peak memory", "MB", _peak_mb))


def line_of(runs: Sequence[Run], x: Callable[[Run], float], value: Callable[[Run], float]) -> Line | None:
    """The straight line through what was measured; None where two points would make it exact."""
    return fit([x(run) for run in runs], [value(run) for run in runs]) if len(runs) > 2 else None


def _duration_s(run: Run) -> float:
    return run.seconds


def _minutes(run: Run) -> float:
    return run.seconds / 60


def _megapixels(run: Run) -> float:
    return run.frame_pixels / 1e6


def duration_words(runs: Sequence[Run]) -> list[str]:
    """Is it linear in time, is memory constant."""
    said = []
    for name, unit, value in _QUANTITIES:
        line = line_of(runs, _duration_s, value)
        if line is not None:
            said.append(in_words(name, unit, line, [run.seconds for run in runs], [value(run) for run in runs]))
    if len(runs) > 1:
        first, last = runs[0], runs[-1]
        said.append(
            f"- {last.seconds / first.seconds:g} times the footage takes {last.cpu_s / first.cpu_s:.1f} times the "
            f"processor time and {last.peak_bytes / first.peak_bytes:.2f} times the memory."
        )
        slope = math.log(last.cpu_s / first.cpu_s) / math.log(last.seconds / first.seconds)
        said.append(f"- As a power of the duration, processor time grows with the exponent {slope:.2f} (1 is linear).")
    return said


def size_words(runs: Sequence[Run]) -> list[str]:
    """Is it linear in pixels."""
    said = []
    for name, unit, value in _QUANTITIES:
        line = line_of(runs, _megapixels, value)
        if line is not None:
            x, values = [_megapixels(run) for run in runs], [value(run) for run in runs]
            said.append(in_words(name, unit, line, x, values, each="megapixel", scale=1.0, at="{:.2f} megapixels"))
    return said


def write(path: Path, runs: Sequence[Run]) -> None:
    """Table, figures, and the figures as JSON."""
    order = {name: number for number, name in enumerate(GROUPS)}
    runs = sorted(runs, key=lambda run: (order[run.group], run.seconds, run.frame_pixels, run.at))
    path.write_text(page(runs), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n", encoding="utf-8")
    for group, title, across, suffix, x in (
        ("duration", "A whole delivery, by duration of 720p footage", "minutes of footage", ".svg",
         _minutes),
        ("long", "A whole delivery, by duration of CIF footage", "minutes of footage", "_long.svg",
         _minutes),
        ("size", "A whole delivery of eight seconds, by size", "megapixels of a frame", "_size.svg", _megapixels),
    ):  # fmt: skip
        own = [run for run in runs if run.group == group]
        if own:
            panels = [
                Panel(title=f"{name}, {unit}", across=across, points=[(x(run), value(run)) for run in own],
                      names=[run.at for run in own] if group == "size" else (), line=line_of(own, x, value))
                for name, unit, value in _QUANTITIES
            ]  # fmt: skip
            path.with_name(path.stem + suffix).write_text(figure(title, panels), encoding="utf-8")


def read(path: Path, version: str) -> list[Run]:
    """What is known of this version; figures of another are not mixed with its own."""
    if not path.exists():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    return [Run(**item) for item in found if item.get("version") == version]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS))
    parser.add_argument("--seconds", nargs="+", type=int, default=list(SECONDS))
    parser.add_argument("--hour", action="store_true", help="also an hour at 720p")
    parser.add_argument("--two-hours", action="store_true", help=f"also one hour and two at {SMALL_SIZE}")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    seconds = [*options.seconds, *([HOUR_S] if options.hour else [])]
    long_seconds = [*LONG_SECONDS, *([HOUR_S, 2 * HOUR_S] if options.two_hours else [])]
    known = read(options.out.with_suffix(".json"), product.version())
    for group, at, make in plan(options.only, seconds, long_seconds):
        if any((run.group, run.at) == (group, at) for run in known):
            continue
        run = make()
        known.append(run)
        write(options.out, known)
        if options.out == RESULT:
            national.write()
        print(f"{group} {at}: {run.delivered}, {run.cpu_s:.1f} s of processor time, {run.wall_s:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

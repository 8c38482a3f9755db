"""The study "what does an hour cost?": processor time, wall time and peak memory of whole deliveries, by duration.

``python -m benchmarks.study_scale CACHE [--seconds N ...] [--hour] [--out FILE.md]``

One scene of synthetic CCTV at 1280x720 and 12.5 frames a second (samples/generate.py, always the same seed) is
repeated by copying packets until it is as long as wanted, and delivered under cps-twif-1mb with at most 60 parts.
Each delivery is a process of its own, and what it took is the system's own count when it has ended. *Processor time is
the honest measure here*: other work may run on the machine, which stretches the wall time many times over and adds
some per cent to the other. Peak memory is the resident set of the largest process, the child that handles media; the
parent beside it takes some 60 MB.

Repeated footage is no harder at its end than at its beginning: what grows here grows with the duration alone. A clip
that is under the cap already goes as it is; the lines are fitted to the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import imageio_ffmpeg

from benchmarks.scale_figure import figure
from benchmarks.scale_fit import Line, fit, in_words

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "benchmarks" / "results" / "study_scale.md"
SCENE_S = 60
SECONDS = (10, 30, 60, 120, 360)
HOUR_S = 3600
MAX_PARTS = 60
_SCENE = ("--scene", "day", "--width", "1280", "--height", "720", "--fps", "12.5", "--seed", "7",
          "--container", "mp4", "--codec", "libx264", "--quality", "23")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One delivery."""

    seconds: int
    source_bytes: int
    delivered: str
    files: int
    bytes: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    """Of 1,000,000 bytes."""
    certificate_bytes: int = 0
    """0 in results of earlier versions."""


def footage(cache: Path, seconds: int) -> Path:
    """The scene repeated to a duration; made where the cache does not hold it yet."""
    target = cache / f"scale_{seconds}s.mp4"
    if target.exists():
        return target
    scene = cache / "scale_scene.mp4"
    if not scene.exists():
        script = str(ROOT / "samples" / "generate.py")
        subprocess.run(
            [sys.executable, script, "--out", str(cache), "--name", scene.stem, "--duration", str(SCENE_S), *_SCENE],
            check=True,
        )
    repeated = ["-stream_loop", str(max(0, -(-seconds // SCENE_S) - 1)), "-i", str(scene), "-t", str(seconds)]
    unfinished = target.with_suffix(".part.mp4")
    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *repeated, "-c", "copy", str(unfinished)],
                   check=True)  # fmt: skip
    unfinished.rename(target)
    return target


def run_case(clip: Path, seconds: int) -> Run:
    """Deliver one clip in a process of its own.

    :raises RuntimeError: where it neither delivers nor refuses.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [sys.executable, "-m", "transcoder", "apply", str(clip), "--profile", "cps-twif-1mb",
                   "--max-parts", str(MAX_PARTS), "--out", str(folder / "out"), "--json", "--progress",
                   "none"]  # fmt: skip
        environment = os.environ | {"TRANSCODER_KEYS_DIR": f"{folder}/keys", "TRANSCODER_HOME": f"{folder}/home"}
        with (folder / "result.json").open("w") as result:
            started = time.monotonic()
            child = subprocess.Popen(command, stdout=result, env=environment)
            _, status, used = os.wait4(child.pid, 0)  # Popen.wait would drop the count
            wall_s = time.monotonic() - started
            child.returncode = os.waitstatus_to_exitcode(status)
        lines = (folder / "result.json").read_text().splitlines()
        if not lines:
            raise RuntimeError(f"{clip.name}: transcoder exits with {child.returncode}")
        said = json.loads(lines[-1])
        media = [item for item in said["files"] if item["role"] in ("media", "part")]
        return Run(
            seconds=seconds,
            source_bytes=clip.stat().st_size,
            delivered=f"{said['rung']} ({said['verdict']})",
            files=len(media),
            bytes=sum(item["bytes"] for item in media),
            wall_s=round(wall_s, 1),
            cpu_s=round(used.ru_utime + used.ru_stime, 1),
            peak_mb=round(used.ru_maxrss * 1024 / 1e6, 1),  # Linux counts kibibytes
            certificate_bytes=sum(item["bytes"] for item in said["files"] if item["role"] == "certificate"),
        )


def page(runs: Sequence[Run]) -> str:
    """The study as Markdown."""
    lines = ["# What an hour costs\n", (__doc__ or "").split("\n\n", 2)[2].strip() + "\n",
             "| footage | source | delivered | files | bytes | processor time | a second of footage | wall time | "
             "peak memory | certificate |", "|---:|---:|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for run in runs:
        cells = (
            f"{run.seconds} s", f"{run.source_bytes:,}", run.delivered, str(run.files), f"{run.bytes:,}",
            f"{run.cpu_s:.1f} s", f"{run.cpu_s / run.seconds:.2f} s", f"{run.wall_s:.1f} s", f"{run.peak_mb:.0f} MB",
            f"{run.certificate_bytes:,}" if run.certificate_bytes else "",
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    lines.append("")
    worked = _encoded(runs)
    for name, unit, values in _measured():
        line = line_of(runs, values)
        if line is not None:
            lines.append(in_words(name, unit, line, [run.seconds for run in worked], [values(run) for run in worked]))
    lines.append("\n![processor time and peak memory against duration](study_scale.svg)\n")
    return "\n".join(lines)


def _measured() -> tuple[tuple[str, str, Callable[[Run], float]], ...]:
    return (
        ("Processor time", "s", lambda run: run.cpu_s),
        ("Peak memory", "MB", lambda run: run.peak_mb),
    )


def line_of(runs: Sequence[Run], value: Callable[[Run], float]) -> Line | None:
    """The straight line through what was measured of encoded clips; None where two points make it exact."""
    worked = _encoded(runs)
    return fit([run.seconds for run in worked], [value(run) for run in worked]) if len(worked) > 2 else None


def _encoded(runs: Sequence[Run]) -> list[Run]:
    return [run for run in runs if not run.delivered.startswith("unchanged")]


def write(path: Path, runs: Sequence[Run]) -> None:
    """Table, figure, and the figures as JSON."""
    runs = sorted(runs, key=lambda run: run.seconds)
    path.write_text(page(runs), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps([asdict(run) for run in runs], indent=1) + "\n", encoding="utf-8")
    panels = [
        (f"{name}, {unit}", [(run.seconds, value(run)) for run in runs], line_of(runs, value))
        for name, unit, value in _measured()
    ]
    path.with_suffix(".svg").write_text(figure("A whole delivery, by duration of 720p footage", panels),
                                        encoding="utf-8")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; what other runs wrote for other durations is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("cache", type=Path, help="a folder for the footage")
    parser.add_argument("--seconds", nargs="+", type=int, default=list(SECONDS))
    parser.add_argument("--hour", action="store_true", help="also an hour; it takes about 20 minutes on two cores")
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    options.cache.mkdir(parents=True, exist_ok=True)
    earlier = options.out.with_suffix(".json")
    known = [Run(**item) for item in json.loads(earlier.read_text())] if earlier.exists() else []
    for seconds in [*options.seconds, *([HOUR_S] if options.hour else [])]:
        run = run_case(footage(options.cache, seconds), seconds)
        known = [other for other in known if other.seconds != seconds] + [run]
        write(options.out, known)
        print(run, flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

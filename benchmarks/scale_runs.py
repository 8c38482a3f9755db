"""The runs of the scale study: one clip, a folder with so many at a time, and a service with so many workers."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import product, scale_footage
from benchmarks.cluster import cluster
from benchmarks.peers.base import Ran, run

MAX_PARTS = 60
SMALL_CAP_BYTES = 150_000
_MEDIA = ("media", "part", "still")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured run. ``group`` and ``at`` say what it was: seconds, a size, jobs or workers at a time."""

    group: str
    at: str
    version: str
    """Of this tool."""
    processors: int
    seconds: float
    """Of footage, all files together."""
    frame_pixels: int
    sources: int
    source_bytes: int
    delivered: str
    files: int
    bytes: int
    wall_s: float
    cpu_s: float
    peak_bytes: int = 0
    """Of all processes together; 0 where it was not looked at."""
    certificate_bytes: int = 0


def one_clip(
    group: str, at: str, clip: Path, *, seconds: float, size: str = "720p", cap_bytes: int | None = None
) -> Run:
    """Deliver one clip under cps-twif-1mb, or that profile with another cap."""
    options = ["--profile", "cps-twif-1mb", "--max-parts", str(MAX_PARTS)]
    options += ["--cap", str(cap_bytes)] if cap_bytes is not None else []
    with tempfile.TemporaryDirectory() as name:
        ran = _apply(Path(name), [clip], *options)
        said = _results(ran, 1)[0]
    return _run(group, at, [clip], seconds, size, [said], ran.cost.wall_s, ran.cost.cpu_s, ran.cost.peak_bytes)


def folder(jobs: int, clips: Path, size: str) -> Run:
    """``transcoder apply FOLDER --jobs N``."""
    sources = sorted(clips.iterdir())
    with tempfile.TemporaryDirectory() as name:
        ran = _apply(Path(name), [clips], "--cap", str(SMALL_CAP_BYTES), "--jobs", str(jobs))
        said = _results(ran, len(sources))
    seconds, cost = scale_footage.SCENE_S * len(sources), ran.cost
    return _run("folder", str(jobs), sources, seconds, size, said, cost.wall_s, cost.cpu_s, cost.peak_bytes)


def service(workers: int, clips: Path, size: str) -> Run:
    """All clips to the HTTP API at once, each worker held to one processor."""
    sources = sorted(clips.iterdir())
    with cluster(workers, s3=False) as running:
        before_s = running.cpu_s()
        wall_s, jobs = running.deliver(sources, {"cap_bytes": SMALL_CAP_BYTES})
        cpu_s = running.cpu_s() - before_s
    seconds = scale_footage.SCENE_S * len(sources)
    return _run("service", str(workers), sources, seconds, size, jobs, wall_s, cpu_s, 0)


def _apply(folder_: Path, sources: Sequence[Path], *options: str) -> Ran:
    command = [sys.executable, "-m", "transcoder", "apply", *map(str, sources), *options]
    command += ["--json", "--progress", "none", "--out", str(folder_ / "out")]
    return run(command, environment=product.environment(folder_))


def _results(ran: Ran, wanted: int) -> list[dict[str, Any]]:
    """One for each source.

    :raises RuntimeError: where there are not as many.
    """
    found = [json.loads(line) for line in ran.out.splitlines() if line.startswith("{")]
    found = [item for item in found if item.get("verdict")]
    if len(found) != wanted:
        raise RuntimeError(f"{len(found)} of {wanted} sources have a verdict, exit code {ran.code}: {ran.last_line}")
    return found


def _outcome(item: dict[str, Any]) -> str:
    """A job of the service has no rung."""
    return f"{item['rung']} ({item['verdict']})" if "rung" in item else str(item["verdict"])


def _run(
    group: str, at: str, clips: Sequence[Path], seconds: float, size: str, said: Sequence[dict[str, Any]],
    wall_s: float, cpu_s: float, peak_bytes: int,
) -> Run:  # fmt: skip
    files = [file for item in said for file in item["files"]]
    media = [file for file in files if file["role"] in _MEDIA]
    outcomes = sorted({_outcome(item) for item in said})
    width, height = scale_footage.SIZES[size]
    return Run(
        group=group,
        at=at,
        version=product.version(),
        processors=os.cpu_count() or 1,
        seconds=seconds,
        frame_pixels=width * height,
        sources=len(clips),
        source_bytes=sum(clip.stat().st_size for clip in clips),
        delivered=", ".join(outcomes),
        files=len(media),
        bytes=sum(file["bytes"] for file in media),
        wall_s=round(wall_s, 2),
        cpu_s=round(cpu_s, 2),
        peak_bytes=peak_bytes,
        certificate_bytes=sum(file["bytes"] for file in files if file["role"] == "certificate"),
    )

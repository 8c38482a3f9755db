"""Footage for the scale study: the repository's sample at any size, for any time, and as many files as wanted.

The scene of samples/cctv_day.avi, eight seconds, is scaled once to a size, then repeated by copying packets. What is
enlarged is softer than what a camera of that size records: bytes say little, time and memory are what is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks import stock_ffmpeg
from benchmarks.product import ROOT

CACHE = ROOT / ".benchmarks" / "scale"
SCENE = ROOT / "samples" / "cctv_day.avi"
SCENE_S = 8
SIZES = {
    "CIF": (352, 288), "576p": (720, 576), "720p": (1280, 720), "1080p": (1920, 1080), "4K": (3840, 2160)
}  # fmt: skip
_QUALITY = "18"
"""CRF of the source: good enough that eight seconds of 720p are above a megabyte."""


def scene(name: str) -> Path:
    """The scene at one of the sizes."""
    width, height = SIZES[name]
    picture = ["-an", "-vf", f"scale={width}:{height}:flags=lanczos,setsar=1", "-c:v", "libx264", "-preset", "veryfast"]
    return _made(f"scene_{name}.mp4", ["-i", str(SCENE), *picture, "-crf", _QUALITY, "-pix_fmt", "yuv420p"])


def lasting(seconds: int, size: str = "720p") -> Path:
    """The scene for so long."""
    times = max(0, -(-seconds // SCENE_S) - 1)
    repeated = ["-stream_loop", str(times), "-i", str(scene(size)), "-t", str(seconds), "-c", "copy"]
    return _made(f"{size}_{seconds}s.mp4", repeated)


def many(count: int, size: str = "CIF") -> Path:
    """A folder of short clips with the same pictures and different bytes, so that none is known from before."""
    source, folder = str(scene(size)), f"{count}_of_{size}"
    for number in range(count):
        named = ["-metadata", f"comment={number}"]
        _made(f"{folder}/clip_{number:02}.mp4", ["-i", source, "-c", "copy", *named])
    return CACHE / folder


def _made(name: str, arguments: Sequence[str]) -> Path:
    path = CACHE / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = CACHE / "unfinished.mp4"  # not in the folder that is delivered
        stock_ffmpeg.run([[stock_ffmpeg.binary(), "-v", "error", "-y", *arguments, "-bitexact", str(unfinished)]])
        unfinished.rename(path)
    return path

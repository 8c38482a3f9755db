"""ffmpeg4discord: a tool whose whole point is a target size; it encodes again, smaller, where it missed."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys

from benchmarks.peers.base import Made, Peer, Task, run

_MEBIBYTE = 1 << 20
"""What it calls a megabyte."""


def peers() -> list[Peer]:
    """One peer; it wants ffmpeg and ffprobe on the path."""
    missing = "" if importlib.util.find_spec("ffmpeg4discord") else "pip install ffmpeg4discord"
    if not missing and not (shutil.which("ffmpeg") and shutil.which("ffprobe")):
        missing = "apt-get install ffmpeg"
    return [Peer(name="ffmpeg4discord", make=_make, version=_version(), missing=missing)]


def _version() -> str:
    try:
        return f"ffmpeg4discord {importlib.metadata.version('ffmpeg4discord')}, recipe 1"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _make(task: Task) -> Made:
    folder = task.folder / "made"
    folder.mkdir()
    command = [sys.executable, "-m", "ffmpeg4discord", str(task.source), "--no-config", "-an"]
    ran = run([*command, "-s", f"{task.cap_bytes / _MEBIBYTE:.6f}", "-o", f"{folder}/"])
    found = sorted(folder.glob("*.mp4"), key=lambda path: path.stat().st_mtime)
    if not found:
        return Made(path=None, cost=ran.cost, note=f"failed: exit code {ran.code}: {ran.last_line}")
    return Made(path=found[-1], cost=ran.cost)

"""HandBrakeCLI in two passes at the average bitrate the cap allows."""

from __future__ import annotations

import shutil

from benchmarks.peers.base import Made, Peer, Task, finish, version_of


def peers() -> list[Peer]:
    """One peer, missing or not."""
    missing = "" if shutil.which("HandBrakeCLI") else "apt-get install handbrake-cli"
    return [
        Peer(
            name="HandBrakeCLI x264 medium",
            make=_make,
            version=version_of("HandBrakeCLI", "--version"),
            missing=missing,
        )
    ]


def _make(task: Task) -> Made:
    """Whole kilobits are what it takes; no cropping, the source's frame times."""
    target = task.folder / "handbrake.mp4"
    kilobits = max(1, int(task.cap_bytes * 8 / task.duration_s / 1000))
    command = ["HandBrakeCLI", "-i", str(task.source), "-o", str(target), "-e", "x264", "-2", "--no-turbo"]
    command += ["--encoder-preset", "medium", "--vb", str(kilobits), "--vfr", "--crop-mode", "none", "-a", "none"]
    command += ["--no-decomb", "--no-comb-detect"]
    return finish([command], target)

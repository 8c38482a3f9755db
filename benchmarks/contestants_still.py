"""Picture contestants: our whole process, jpegoptim with a target size, ImageMagick with ``jpeg:extent``."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks import our_process
from benchmarks.contest import Job, Made, Row, Tool

REFERENCE = "jpegoptim --size"
OURS = "transcoder"
_JPEGOPTIM_KILOBYTE = 1024


def imagemagick() -> tuple[str, str] | None:
    """Executable and version word of a real ImageMagick; other programs are called ``convert`` too."""
    for name in ("magick", "convert", "convert-im6.q16", "convert-im7.q16"):
        path = shutil.which(name)
        if path is None:
            continue
        said = subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stdout.split()
        if said[:2] == ["Version:", "ImageMagick"]:
            return path, said[2]
    return None


def tools() -> list[Tool]:
    """Those that run here; a missing one is named on the way."""
    found = [Tool(OURS, lambda job: _ours(job, accept_degraded=False))]
    if shutil.which("jpegoptim"):
        found.append(Tool(REFERENCE, _jpegoptim))
    else:
        print("jpegoptim is not installed: left out")
    real = imagemagick()
    if real is not None:
        found.append(Tool("ImageMagick jpeg:extent", lambda job: _imagemagick(job, real[0])))
    else:
        print("ImageMagick is not installed: left out")
    return found


def extras(rows: Sequence[Row]) -> list[Tool]:
    """Our file below a floor, where the plain run refuses."""
    if next(row for row in rows if row.tool == OURS).bytes is not None:
        return []
    return [Tool("transcoder --accept-degraded", lambda job: _ours(job, accept_degraded=True), in_turn=False)]


def _ours(job: Job, *, accept_degraded: bool) -> Made:
    applied = our_process.apply(
        job.source.path,
        job.folder / "delivery",
        cap_bytes=job.cap_bytes,
        keys_dir=job.keys_dir,
        accept_degraded=accept_degraded,
    )
    return Made(applied.media, applied.remark)


def _jpegoptim(job: Job) -> Made:
    folder = job.folder / "jpegoptim"
    folder.mkdir()
    return Made(jpegoptim(job.source.path, job.cap_bytes, folder))


def jpegoptim(source: Path, cap_bytes: int, folder: Path) -> Path:
    """Its file for a cap, which it counts in kilobytes of 1024 and may miss.

    :raises RuntimeError: where it makes none.
    """
    command = ["jpegoptim", "--quiet", f"--size={cap_bytes // _JPEGOPTIM_KILOBYTE}", f"--dest={folder}"]
    _finish([*command, str(source)], folder / source.name)
    return folder / source.name


def _imagemagick(job: Job, executable: str) -> Made:
    target = job.folder / "imagemagick.jpg"
    extent = f"jpeg:extent={job.cap_bytes / 1000:g}KB"
    return _finish([executable, str(job.source.path), "-define", extent, str(target)], target)


def _finish(command: Sequence[str], target: Path) -> Made:
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if not target.exists():
        last = ((done.stderr or done.stdout).strip().splitlines() or ["no message"])[-1]
        raise RuntimeError(f"exit code {done.returncode}, no file: {last}")
    return Made(target, f"exit code {done.returncode}" if done.returncode else "")

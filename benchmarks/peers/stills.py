"""Picture tools with a target size, and encoders that are searched for the best quality under the cap."""

from __future__ import annotations

import importlib.util
import shutil
import sys

from benchmarks.contestants_still import imagemagick
from benchmarks.peers.base import Made, Peer, Task, finish

_KIBIBYTE = 1024
"""jpegoptim's unit."""


def peers() -> list[Peer]:
    """All of them, those that are not installed too."""
    magick = imagemagick()
    return [
        Peer(name="jpegoptim --size", make=_jpegoptim, missing=_needs("jpegoptim")),
        Peer(
            name="ImageMagick jpeg:extent",
            make=lambda task: _imagemagick(task, magick[0] if magick else ""),
            missing="" if magick else "apt-get install imagemagick",
        ),
        Peer(name="cwebp -size", make=_cwebp, missing=_needs("cwebp", "webp")),
        Peer(
            name="jpegli, searched",
            make=lambda task: _searched(task, "jpegli"),
            missing="" if importlib.util.find_spec("pyjpegli") else "pip install pyjpegli",
        ),
        Peer(
            name="mozjpeg (pyvips), searched",
            make=lambda task: _searched(task, "mozjpeg"),
            missing="" if importlib.util.find_spec("pyvips") else "pip install pyvips pyvips-binary",
        ),
    ]


def _needs(program: str, package: str = "") -> str:
    return "" if shutil.which(program) else f"apt-get install {package or program}"


def _jpegoptim(task: Task) -> Made:
    command = ["jpegoptim", "--quiet", f"--size={task.cap_bytes // _KIBIBYTE}", f"--dest={task.folder}"]
    return finish([[*command, str(task.source)]], task.folder / task.source.name)


def _imagemagick(task: Task, executable: str) -> Made:
    target = task.folder / "imagemagick.jpg"
    extent = f"jpeg:extent={task.cap_bytes}B"
    return finish([[executable, str(task.source), "-define", extent, str(target)]], target)


def _cwebp(task: Task) -> Made:
    target = task.folder / "cwebp.webp"
    command = ["cwebp", "-quiet", "-size", str(task.cap_bytes), "-pass", "10", str(task.source), "-o", str(target)]
    return finish([command], target)


def _searched(task: Task, encoder: str) -> Made:
    """Neither has a target size: the highest quality that fits is searched, in a child so that it can be measured."""
    target = task.folder / f"{encoder}.jpg"
    command = [sys.executable, "-m", "benchmarks.peers.searched", encoder, str(task.source), str(target)]
    return finish([[*command, str(task.cap_bytes)]], target)

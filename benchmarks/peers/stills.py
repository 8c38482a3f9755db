"""Picture tools with a target size, and encoders that are searched for the best quality under the cap."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import shutil
import sys

from benchmarks.contestants_still import imagemagick
from benchmarks.peers.base import Made, Peer, Task, finish, version_of

REFERENCE = "jpegoptim --size"
_KIBIBYTE = 1024
"""jpegoptim's unit."""


def peers() -> list[Peer]:
    """All of them, those that are not installed too."""
    magick = imagemagick()
    return [
        Peer(
            name=REFERENCE,
            make=_jpegoptim,
            version=version_of("jpegoptim", "--version"),
            missing=_needs("jpegoptim"),
        ),
        Peer(
            name="ImageMagick jpeg:extent",
            make=lambda task: _imagemagick(task, magick[0] if magick else ""),
            version=f"ImageMagick {magick[1]}, recipe 1" if magick else "",
            missing="" if magick else "apt-get install imagemagick",
        ),
        Peer(
            name="cwebp -size",
            make=_cwebp,
            version=f"cwebp {version_of('cwebp', '-version', recipe=2)}",
            missing=_needs("cwebp", "webp"),
        ),
        _searching("jpegli", "pyjpegli", "jpegli, searched"),
        _searching("mozjpeg", "pyvips", "mozjpeg (pyvips), searched", "pyvips pyvips-binary"),
    ]


def _needs(program: str, package: str = "") -> str:
    return "" if shutil.which(program) else f"apt-get install {package or program}"


def _searching(encoder: str, package: str, name: str, install: str = "") -> Peer:
    """Neither has a target size: the highest quality that fits is searched, in a child so that it can be measured."""
    here = importlib.util.find_spec(package) is not None
    return Peer(
        name=name,
        make=lambda task: _searched(task, encoder),
        version=f"{package} {importlib.metadata.version(package)}, recipe 1" if here else "",
        missing="" if here else f"pip install {install or package}",
    )


def _jpegoptim(task: Task) -> Made:
    command = ["jpegoptim", "--quiet", f"--size={task.cap_bytes // _KIBIBYTE}", f"--dest={task.folder}"]
    return finish([[*command, str(task.source)]], task.folder / task.source.name)


def _imagemagick(task: Task, executable: str) -> Made:
    target = task.folder / "imagemagick.jpg"
    extent = f"jpeg:extent={task.cap_bytes}B"
    return finish([[executable, str(task.source), "-define", extent, str(target)]], target)


def _cwebp(task: Task) -> Made:
    """With the metadata, as the others keep it: without it a picture that was turned is shown upside down."""
    target = task.folder / "cwebp.webp"
    command = ["cwebp", "-quiet", "-metadata", "all", "-size", str(task.cap_bytes), "-pass", "10"]
    return finish([[*command, str(task.source), "-o", str(target)]], target)


def _searched(task: Task, encoder: str) -> Made:
    target = task.folder / f"{encoder}.jpg"
    command = [sys.executable, "-m", "benchmarks.peers.searched", encoder, str(task.source), str(target)]
    return finish([[*command, str(task.cap_bytes)]], target)

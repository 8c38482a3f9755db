"""Names of files: from source, profile and hash, safe on every file system."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from transcoder.errors import SandboxError
from transcoder.model import Choice, SourceInfo, exact_clock
from transcoder.profile import Profile

_RUNS = re.compile("/+")
_CLIP = re.compile(r"_clip-[0-9.]+-[0-9.]+")


def delivery_stem(source: SourceInfo, profile: Profile) -> str:
    """The common name of a delivery's files: source, profile and the master's hash, safe on every file system."""
    part = _stream(source)
    if source.clip is not None:
        span = f"{exact_clock(source.clip.from_s)}-{exact_clock(source.clip.to_s)}"
        part += f"_clip-{span.replace(':', '.')}"
    return f"{safe_name(source)}_{profile.name}_{source.sha256[:8]}{part}"


def confirm_stem(stem: str, expected: str, *, clipped: bool) -> str:
    """The stem that the child names its files with, where it is what it must be.

    :param expected: the stem of a delivery of the whole.
    :raises SandboxError: where it is not.
    """
    rest = stem.removeprefix(expected)
    if not stem.startswith(expected) or not (_CLIP.fullmatch(rest) if clipped else rest == ""):
        raise SandboxError(
            "the child process made a delivery of another name; nothing was delivered",
            hint="the file may be hostile: do not open it elsewhere without care",
            code="sandbox-protocol",
        )
    return stem


def safe_stem(source: SourceInfo) -> str:
    """The common name of files that belong to a source alone."""
    return f"{safe_name(source)}_{source.sha256[:8]}{_stream(source)}"


def _stream(source: SourceInfo) -> str:
    """Which of several video streams a person asked for: each is a delivery of its own, under its own name."""
    return f"_stream-{source.stream}" if source.stream is not None else ""


def safe_name(source: SourceInfo) -> str:
    """The source's name without its ending, in characters that every file system takes."""
    stem = unicodedata.normalize("NFC", Path(source.name).stem)
    safe = _RUNS.sub("_", "".join(char if _is_safe(char) else "/" for char in stem)).strip("._-")
    # File systems count bytes, and the longest ending and profile name take about half of their 255.
    return safe.encode()[:100].decode("utf-8", "ignore") or "source"


def _is_safe(char: str) -> bool:
    # Words of many scripts cannot be written without their marks.
    return char.isalnum() or char in "_.-" or unicodedata.category(char)[0] == "M"


def media_names(stem: str, choice: Choice, role: str) -> dict[str, tuple[Path, str]]:
    """Media files and their roles by final name; parts and tiles sort in their order.

    :param role: of a file that holds everything.
    """
    encoded, parts, pieces = choice.encoded, choice.parts, choice.pieces
    assert encoded is not None
    if pieces is not None:
        piece = pieces.kind.removesuffix("s")
        named = {f"{stem}{item.suffix}": (item.path, piece) for item in pieces.files}
        if pieces.overview is not None:
            path = pieces.overview.path
            named = {f"{stem}_overview{path.suffix}": (path, "overview"), **named}
        return named
    if parts:
        width = max(2, len(str(len(parts))))
        of = f"of-{len(parts):0{width}d}{encoded.path.suffix}"
        return {f"{stem}_part-{part.number:0{width}d}-{of}": (part.encoded.path, "part") for part in parts}
    return {f"{stem}{encoded.path.suffix}": (encoded.path, role)}

"""Names of files: from source, profile and hash, safe on every file system."""

from __future__ import annotations

import re
from pathlib import Path

from transcoder.model import Choice, SourceInfo, exact_clock
from transcoder.profile import Profile


def delivery_stem(source: SourceInfo, profile: Profile) -> str:
    """The common name of a delivery's files: source, profile and the master's hash, safe on every file system."""
    part = ""
    if source.clip is not None:
        span = f"{exact_clock(source.clip.from_s)}-{exact_clock(source.clip.to_s)}"
        part = f"_clip-{span.replace(':', '.')}"
    return f"{safe_name(source)}_{profile.name}_{source.sha256[:8]}{part}"


def safe_stem(source: SourceInfo) -> str:
    """The common name of files that belong to a source alone."""
    return f"{safe_name(source)}_{source.sha256[:8]}"


def safe_name(source: SourceInfo) -> str:
    """The source's name without its ending, in characters that every file system takes."""
    safe = re.sub(r"[^\w.-]+", "_", Path(source.name).stem).strip("._-")
    # File systems count bytes, and the longest ending and profile name take about half of their 255.
    return safe.encode()[:100].decode("utf-8", "ignore") or "source"


def media_names(stem: str, choice: Choice, role: str) -> dict[str, tuple[Path, str]]:
    """Media files and their roles by final name; parts and tiles sort in their order.

    :param role: of a file that holds everything.
    """
    winner, encoded, parts, pieces = choice.winner, choice.encoded, choice.parts, choice.pieces
    assert winner is not None
    assert encoded is not None
    extension = winner.spec.rung.extension
    if pieces is not None:
        piece = pieces.kind.removesuffix("s")
        named = {f"{stem}{item.suffix}": (item.path, piece) for item in pieces.files}
        if pieces.overview is not None:
            path = pieces.overview.path
            named = {f"{stem}_overview{path.suffix}": (path, "overview"), **named}
        return named
    if parts:
        width = max(2, len(str(len(parts))))
        of = f"of-{len(parts):0{width}d}.{extension}"
        return {f"{stem}_part-{part.number:0{width}d}-{of}": (part.encoded.path, "part") for part in parts}
    return {f"{stem}.{extension}": (encoded.path, role)}

"""Deliveries of several files, as the certificate describes them: parts, pieces, the original in volumes, clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transcoder.model import Choice, Clip, DeliveredFile, PieceFile, SourceInfo
from transcoder.parts.survey import Expected
from transcoder.parts.volumes import Volume, parse_name, volume_name


def parts(choice: Choice, subjects: Sequence[DeliveredFile]) -> list[dict[str, object]] | None:
    """What each of several files holds; subjects are in the order of the parts."""
    if not choice.parts:
        return None
    return [
        {
            "number": part.number,
            "name": item.path.name,
            "first_frame": part.first,
            "frames": part.frames,
            "start_s": str(part.start_s),
            "end_s": str(part.end_s),
            "offset_s": str(part.encoded.timing_offset_s),
            "p1": {
                name: round(float(p1), 6)
                for name, p1 in (part.attempt.fidelity.worst if part.attempt.fidelity else {}).items()
            },
        }
        for part, item in zip(choice.parts, [item for item in subjects if item.role == "part"], strict=True)
    ]


def pieces(choice: Choice, subjects: Sequence[DeliveredFile]) -> dict[str, object] | None:
    """Where each lossless part of a picture lies."""
    found = choice.pieces
    if found is None:
        return None
    names = [item.path.name for item in subjects if item.role == found.kind.removesuffix("s")]
    overview = next((item.path.name for item in subjects if item.role == "overview"), None)
    return {
        "kind": found.kind,
        "size": list(found.size),
        "mode": found.mode,
        "pixels_sha256": found.pixels_sha256,
        "overview": overview,
        "items": [
            {"name": name, "box": [item.box.x, item.box.y, item.box.width, item.box.height], **_page(item)}
            for name, item in zip(names, found.files, strict=True)
        ],
    }


def _page(item: PieceFile) -> dict[str, object]:
    if not item.page:
        return {}
    return {
        "page": item.page,
        "shown_ms": item.shown_ms,
        "lossless": item.lossless,
        "p1": {name: round(float(value), 6) for name, value in item.p1.items()},
    }


def edit(clip: Clip | None) -> dict[str, object] | None:
    """What a person left out."""
    if clip is None:
        return None
    return {
        "kind": "clip",
        "first_frame": clip.first_frame,
        "frames": clip.frames,
        "from_s": str(clip.from_s),
        "to_s": str(clip.to_s),
    }


def original(source: SourceInfo, volumes: Sequence[Volume]) -> dict[str, object] | None:
    """The volumes' hashes in order; their names and sizes follow by rule, and an hour of video has hundreds."""
    if not volumes:
        return None
    first = volumes[0]
    parsed = parse_name(first.path.name)
    assert parsed is not None
    return {
        "name": parsed[0],
        "bytes": source.bytes,
        "sha256": source.sha256,
        "volume_bytes": first.bytes,
        "volumes": [volume.sha256 for volume in volumes],
    }


def expected_volumes(original: Mapping[str, Any]) -> list[Expected]:
    """The volumes that a certificate's ``original`` stands for."""
    count, size = len(original["volumes"]), original["volume_bytes"]
    return [
        Expected(
            name=volume_name(original["name"], number, count),
            bytes=size if number < count else original["bytes"] - size * (count - 1),
            sha256=digest,
        )
        for number, digest in enumerate(original["volumes"], start=1)
    ]


def files_of(choice: Choice) -> int:
    """How many files share the bytes of the choice."""
    if choice.pieces is not None and choice.pieces.kind != "crops":
        return len(choice.pieces.files)
    return max(1, len(choice.parts))

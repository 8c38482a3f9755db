"""What stands in a manifest: where the file comes from, what was done to it, and how much of the evidence is left.

Standard assertions say the first two; one small assertion of our own says the third. The whole story is in the signed
certificate beside the files: this is the part that travels inside each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from transcoder.version import __version__

LABEL = "org.evidence-transcoder.fidelity"
"""The label of our own assertion."""
SOFTWARE = "transcoder"
_MASTER = "master"


class Carrier(StrEnum):
    """Where the manifest of a file is. Values are part of the certificate format."""

    EMBEDDED = "embedded"
    SIDECAR = "sidecar"
    NONE = "none"


_MIME = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "avif": "image/avif",
    "mp4": "video/mp4", "m4v": "video/x-m4v", "mov": "video/quicktime", "avi": "video/avi", "heic": "image/heic",
    "heif": "image/heif", "tif": "image/tiff", "tiff": "image/tiff", "gif": "image/gif", "pdf": "application/pdf",
    "mkv": "video/x-matroska", "webm": "video/webm", "ts": "video/mp2t", "mts": "video/mp2t",
}  # fmt: skip
_CARRYING = frozenset(("jpg", "jpeg", "png", "webp", "avif", "mp4", "m4v", "mov", "avi"))
"""Formats into which a manifest goes without touching anything else. A PDF would be written anew by the library."""


def mime_of(suffix: str) -> str:
    """The media type that belongs to the ending of a file's name."""
    return _MIME.get(suffix.lower().lstrip("."), "application/octet-stream")


def carries(suffix: str) -> bool:
    """Whether a file with this ending can hold a manifest."""
    return suffix.lower().lstrip(".") in _CARRYING


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing that was done, by its name in the C2PA specification."""

    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the manifest of one file says."""

    title: str
    suffix: str
    """The ending of the file's name."""
    source_name: str
    source_suffix: str
    master_sha256: str
    actions: tuple[Action, ...]
    verdict: str
    profile: str
    exhibit: str | None = None
    p1: Mapping[str, float] = field(default_factory=dict)
    """Class of region -> worst 1 % of its scores, in this file."""


def definition(facts: Facts) -> dict[str, Any]:
    """The manifest as c2pa's library takes it, with the master as an ingredient that is named by its hash."""
    opened: dict[str, Any] = {"action": "c2pa.opened", "parameters": {"ingredientIds": [_MASTER]}}
    return {
        "claim_generator_info": [{"name": SOFTWARE, "version": __version__}],
        "title": facts.title,
        "ingredients": [ingredient(facts)],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [opened, *map(_described, facts.actions)]}},
            {"label": LABEL, "data": _own(facts)},
        ],
    }


def ingredient(facts: Facts) -> dict[str, Any]:
    """The master: no picture of it, nothing to be fetched, only which file it is."""
    return {
        "title": facts.source_name,
        "format": mime_of(facts.source_suffix),
        "relationship": "parentOf",
        "instance_id": f"urn:sha256:{facts.master_sha256}",
        "label": _MASTER,
    }


def _described(action: Action) -> dict[str, Any]:
    return {"action": action.name} | ({"description": action.note} if action.note else {})


def _own(facts: Facts) -> dict[str, Any]:
    said: dict[str, Any] = {
        "verdict": facts.verdict,
        "profile": facts.profile,
        "master_sha256": facts.master_sha256,
    }
    if facts.exhibit:
        said["exhibit"] = facts.exhibit
    if facts.p1:
        # The library's own numbers are not exact beyond this.
        said["worst_1_percent"] = {name: round(float(value), 6) for name, value in facts.p1.items()}
    return said


_DONE: Mapping[str, Action | None] = {
    "unchanged": None,
    "rewrap": Action(name="c2pa.repackaged"),
    "lossless": Action(name="c2pa.transcoded", note="every sample equal"),
    "re-encode": Action(name="c2pa.transcoded"),
    "split": Action(name="c2pa.transcoded"),
    "reduce": Action(name="c2pa.transcoded"),
}
_OF_ROLE: Mapping[str, tuple[Action, ...]] = {
    "part": (Action(name="c2pa.trimmed", note="one of several parts that join again"),),
    "tile": (Action(name="c2pa.cropped", note="one of several tiles that cover the picture"),),
    "crop": (Action(name="c2pa.cropped", note="a region of the picture"),),
    "page": (Action(name="c2pa.trimmed", note="one of several pictures of the file"),),
    "frame": (Action(name="c2pa.trimmed", note="one of several pictures of the file"),),
    "evidence": (Action(name="c2pa.trimmed", note="one frame of the video"),),
}


def actions_of(role: str, rung: str, settings: Mapping[str, object], *, clipped: bool) -> tuple[Action, ...]:
    """What was done to the master on the way to one file, beside opening it.

    :param rung: of the ladder, that the delivery was made by.
    :param settings: the encoder's.
    :param clipped: True where a person asked for a stretch of the video only.
    """
    done = [Action(name="c2pa.trimmed", note="a stretch of the recording")] if clipped else []
    done += _OF_ROLE.get(role, ())
    if role in ("tile", "crop"):
        return (*done, Action(name="c2pa.transcoded", note="every sample equal"))
    if role == "evidence":
        return (*done, Action(name="c2pa.transcoded"))
    if "scale" in settings:
        done.append(Action(name="c2pa.resized"))
    last = _DONE.get(rung, Action(name="c2pa.transcoded"))
    return (*done, last) if last is not None else tuple(done)


_NAMES_BYTES = 255
_LONGEST_VERDICT = "meets-floor"


def largest(facts: Facts, classes: Sequence[str]) -> Facts:
    """Facts whose manifest no file of the same delivery outgrows.

    :param classes: every class that a score may be given for.
    """
    return replace(
        facts,
        title="n" * _NAMES_BYTES,
        verdict=_LONGEST_VERDICT,
        p1=dict.fromkeys(classes, 0.123457),
        actions=(
            Action(name="c2pa.trimmed", note="a stretch of the recording"),
            *_OF_ROLE["tile"],
            Action(name="c2pa.resized"),
            Action(name="c2pa.transcoded", note="every sample equal"),
        ),
    )

"""What arrived, as a receipt says it: the survey of the files, and what became of them when they were decoded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from transcoder.certificate import describing
from transcoder.certificate.base import SignatureFacts, SignerIdentity
from transcoder.certificate.receipts import DAMAGED, INTACT, MISSING, TYPE, UNPLAYABLE, digest, plain
from transcoder.parts.survey import Survey
from transcoder.version import __version__

_MOST_FOREIGN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a delivered file when all of it was decoded."""

    name: str
    frames: int
    fault: str
    """Empty where it decodes completely."""


def build(
    *,
    certificate: Path,
    content: bytes,
    predicate: Mapping[str, Any],
    sender: SignatureFacts,
    files: Survey,
    volumes: Survey | None,
    played: Sequence[Played],
    name: str | None,
    user: str,
    signer: SignerIdentity,
    at: datetime,
) -> dict[str, Any]:
    """The receipt as plain JSON values.

    :param content: of the certificate, whose signature was verified.
    :param files: the survey of the files it names.
    :param volumes: the survey of the original's volumes, where there are any.
    :param played: of the files that are intact.
    """
    results = {item.name: item for item in played}
    damaged = dict(files.damaged)
    listed = [_file(item, files, damaged, results.get(item["name"])) for item in predicate["files"]]
    states = [item["state"] for item in listed]
    unplayable = states.count(UNPLAYABLE)
    original = _original(predicate["original"], volumes)
    foreign = [*files.foreign, *(volumes.foreign if volumes is not None else ())]
    return {
        "type": TYPE,
        "received_at": describing.moment(at),
        "received_by": {"name": name, "user": user},
        "signer": describing.describe_signer(signer),
        "tool": {"name": "transcoder", "version": __version__},
        "certificate": {
            "name": plain(certificate.name),
            "bytes": len(content),
            "sha256": digest(content),
            "verdict": predicate["verdict"],
            "issued_at": predicate["issued_at"],
            "signed_by": sender.subject,
        },
        "master": {"name": predicate["source"]["name"], "sha256": predicate["source"]["sha256"]},
        "complete": not files.missing and not damaged and (volumes is None or volumes.complete),
        "playable": unplayable == 0,
        "counts": {
            "files": len(listed),
            "intact": states.count(INTACT) + unplayable,
            "missing": states.count(MISSING),
            "damaged": states.count(DAMAGED),
            "unplayable": unplayable,
        },
        "files": listed,
        "intact_omitted": 0,
        "lacking_omitted": 0,
        "original": original,
        "foreign": [plain(item) for item in dict.fromkeys(foreign)][:_MOST_FOREIGN],
    }


def _file(item: Mapping[str, Any], files: Survey, damaged: Mapping[str, str], played: Played | None) -> dict[str, Any]:
    name, state, detail = item["name"], INTACT, ""
    if name in files.missing:
        state = MISSING
    elif name in damaged:
        state, detail = DAMAGED, damaged[name]
    elif played is not None and played.fault:
        state, detail = UNPLAYABLE, played.fault
    return {
        "name": name,
        "role": item["role"],
        "state": state,
        "sha256": item["sha256"],
        "frames": played.frames if played is not None else None,
        "detail": plain(detail[:300]),
    }


def _original(original: Mapping[str, Any] | None, volumes: Survey | None) -> dict[str, Any] | None:
    if original is None or volumes is None:
        return None
    numbers = {name: number for number, name in enumerate(_names(volumes), start=1)}
    return {
        "name": original["name"],
        "volumes": len(original["volumes"]),
        "intact": len(volumes.intact),
        "missing": ranges(numbers[name] for name in volumes.missing),
        "damaged": ranges(numbers[name] for name, _ in volumes.damaged),
    }


def _names(survey: Survey) -> list[str]:
    """Of all volumes, in their order: their names sort like their numbers."""
    return sorted([*survey.intact, *survey.missing, *(name for name, _ in survey.damaged)])


def ranges(numbers: Iterable[int]) -> str:
    """``2-4,9``."""
    found: list[list[int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return ",".join(f"{first}-{last}" if last > first else str(first) for first, last in found)
